//! PARAMS files: strategy parameters as a JSON object.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use crate::config::nearest_name;
use crate::leaf_nesting::{LeafTable, Nesting, describe_lists};

/// One parameter set: leaf name to its values, one list after another where lists are nested.
pub type NamedValues = BTreeMap<String, Vec<f64>>;

/// What is wrong with a PARAMS file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The file cannot be read.
    #[error("cannot read the parameters {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a JSON object.
    #[error("{}: expected a JSON object from parameter names to numbers or lists{detail}", path.display())]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// What the parser says: empty, or starts with a separator.
        detail: String,
    },
    /// A name that the rule does not have.
    #[error("{}: unknown parameter `{leaf}`", path.display())]
    UnknownLeaf {
        /// The file.
        path: PathBuf,
        /// The name.
        leaf: String,
        /// The nearest name of the rule.
        nearest: Option<String>,
        /// The names of the rule.
        known: Vec<String>,
    },
    /// A value that is no number.
    #[error("{}: parameter `{leaf}` is {found} at position {position}; expected a number", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// Position among its values, from 0.
        position: usize,
        /// What was found.
        found: String,
    },
    /// Lists of wrong lengths.
    #[error("{}: parameter `{leaf}` has {found}; expected {expected}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// The lists found, in words.
        found: String,
        /// What would be right, in words.
        expected: String,
        /// What to do.
        hint: Option<String>,
    },
    /// NaN or an infinity.
    #[error("{}: parameter `{leaf}` is not finite at position {position} ({found})", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// Position among its values, from 0.
        position: usize,
        /// What was found.
        found: String,
    },
    /// Parameters with different numbers of sets.
    #[error("{}: parameter `{leaf}` has {found} parameter sets, `{other}` has {expected}", path.display())]
    UnequalSets {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// Its number of sets.
        found: usize,
        /// A parameter before it.
        other: String,
        /// That one's number of sets.
        expected: usize,
    },
    /// Several sets where one is needed.
    #[error("{} holds {sets} parameter sets; one is needed here", path.display())]
    SeveralSets {
        /// The file.
        path: PathBuf,
        /// Number of sets.
        sets: usize,
    },
}

impl ParametersError {
    /// What the user can do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLeaf { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownLeaf { known, .. } => Some(format!("known parameters: {}", known.join(", "))),
            Self::Length { hint, .. } => hint.clone(),
            Self::SeveralSets { .. } => Some("keep one of the lists of each parameter".to_owned()),
            _ => None,
        }
    }
}

/// The parameter sets of a PARAMS file.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterFile {
    /// The file, for messages.
    pub path: PathBuf,
    /// The sets, all with the same leaves and widths.
    pub sets: Vec<NamedValues>,
}

impl ParameterFile {
    /// Reads a JSON file with parameters of `table`.
    ///
    /// # Errors
    /// [`ParametersError`] naming file and parameter.
    pub fn read(path: &Path, table: &LeafTable) -> Result<Self, ParametersError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ParametersError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, table)
    }

    /// Parses the text of a file: an object of parameters, or an object that has one under `params`.
    ///
    /// # Errors
    /// [`ParametersError`] naming file and parameter.
    pub fn parse(json: &str, path: &Path, table: &LeafTable) -> Result<Self, ParametersError> {
        let not_object = |detail: String| ParametersError::NotAnObject { path: path.to_owned(), detail };
        let value: Value = serde_json::from_str(json).map_err(|error| not_object(format!(": {error}")))?;
        let Value::Object(mut entries) = value else { return Err(not_object(String::new())) };
        if let Some(Value::Object(inner)) = entries.remove("params") {
            entries = inner;
        }
        let reader = Reader { path, table };
        let mut parsed: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
        for (leaf, value) in &entries {
            let nesting = reader.known(leaf)?;
            parsed.push((leaf.clone(), reader.sets(leaf, nesting, value)?));
        }
        Ok(Self { path: path.to_owned(), sets: reader.side_by_side(&parsed)? })
    }

    /// The only set.
    ///
    /// # Errors
    /// [`ParametersError::SeveralSets`] if there are more.
    pub fn single(&self) -> Result<&NamedValues, ParametersError> {
        match self.sets.as_slice() {
            [set] => Ok(set),
            sets => Err(ParametersError::SeveralSets { path: self.path.clone(), sets: sets.len() }),
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    table: &'a LeafTable,
}

impl Reader<'_> {
    fn known(&self, leaf: &str) -> Result<&Nesting, ParametersError> {
        self.table.nesting(leaf).ok_or_else(|| ParametersError::UnknownLeaf {
            path: self.path.to_owned(),
            leaf: leaf.to_owned(),
            nearest: nearest_name(leaf, self.table.names()).map(str::to_owned),
            known: self.table.names().map(str::to_owned).collect(),
        })
    }

    /// `[set][value]`.
    fn sets(&self, leaf: &str, nesting: &Nesting, value: &Value) -> Result<Vec<Vec<f64>>, ParametersError> {
        let sets = nesting.sets(value).ok_or_else(|| ParametersError::Length {
            path: self.path.to_owned(),
            leaf: leaf.to_owned(),
            found: describe_lists(value),
            expected: nesting.describe(&self.table.assets),
            hint: nesting.hint(),
        })?;
        let numbers = |values: Vec<&Value>| {
            values.into_iter().enumerate().map(|(position, value)| self.number(leaf, position, value)).collect()
        };
        sets.into_iter().map(numbers).collect()
    }

    /// JSON has no NaN; other programs write it as text or null.
    fn number(&self, leaf: &str, position: usize, value: &Value) -> Result<f64, ParametersError> {
        let spelt = value.as_str().and_then(|text| text.parse::<f64>().ok());
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(number),
            _ if value.is_null() || value.is_number() || spelt.is_some_and(|number| !number.is_finite()) => {
                Err(ParametersError::NotFinite {
                    path: self.path.to_owned(),
                    leaf: leaf.to_owned(),
                    position,
                    found: value.to_string(),
                })
            }
            _ => Err(ParametersError::Type {
                path: self.path.to_owned(),
                leaf: leaf.to_owned(),
                position,
                found: value.to_string(),
            }),
        }
    }

    /// A leaf with one set holds for all sets.
    fn side_by_side(&self, parsed: &[(String, Vec<Vec<f64>>)]) -> Result<Vec<NamedValues>, ParametersError> {
        let most = parsed.iter().max_by_key(|(_, sets)| sets.len());
        let Some((largest, count)) = most.map(|(leaf, sets)| (leaf, sets.len())) else {
            return Err(ParametersError::NotAnObject {
                path: self.path.to_owned(),
                detail: ": it is empty".to_owned(),
            });
        };
        if let Some((leaf, sets)) = parsed.iter().find(|(_, sets)| sets.len() != 1 && sets.len() != count) {
            return Err(ParametersError::UnequalSets {
                path: self.path.to_owned(),
                leaf: leaf.clone(),
                found: sets.len(),
                other: largest.clone(),
                expected: count,
            });
        }
        let of_set =
            |sets: &[Vec<f64>], set: usize| sets.get(set).or_else(|| sets.first()).cloned().unwrap_or_default();
        let sets = (0..count).map(|set| parsed.iter().map(|(leaf, sets)| (leaf.clone(), of_set(sets, set))).collect());
        Ok(sets.collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gradpool_strategy::Rule;
    use gradpool_strategy::rule::INITIAL_LEAVES;
    use gradpool_strategy::rules::Momentum;

    use super::*;

    fn parse(json: &str) -> Result<ParameterFile, ParametersError> {
        let assets = ["BTC", "ETH", "LTC"].map(str::to_owned);
        ParameterFile::parse(
            json,
            Path::new("params.json"),
            &LeafTable::new(&[Momentum.leaves(), INITIAL_LEAVES.to_vec()].concat(), 1, &assets),
        )
    }

    #[test]
    fn numbers_lists_and_nested_lists_are_one_set() {
        for json in [
            r#"{"log_k": 4, "logit_lamb": [0.1, 0.2, 0.3]}"#,
            r#"{"log_k": [4.0], "logit_lamb": [[0.1, 0.2, 0.3]]}"#,
            r#"{"log_k": [[4]], "logit_lamb": [[0.1, 0.2, 0.3]]}"#,
            r#"{"params": {"log_k": 4, "logit_lamb": [0.1, 0.2, 0.3]}, "case": "golden"}"#,
        ] {
            let file = parse(json).unwrap();
            let set = file.single().unwrap();
            assert_eq!(set["log_k"], [4.0], "{json}");
            assert_eq!(set["logit_lamb"], [0.1, 0.2, 0.3], "{json}");
        }
    }

    #[test]
    fn several_sets_stand_side_by_side_and_shared_leaves_hold_for_all() {
        let file = parse(r#"{"log_k": [[1, 2, 3], [4, 5, 6]], "logit_lamb": 0.5}"#).unwrap();
        assert_eq!(file.sets.len(), 2);
        assert_eq!(file.sets[1]["log_k"], [4.0, 5.0, 6.0]);
        assert_eq!(file.sets[1]["logit_lamb"], [0.5]);
        assert!(file.single().unwrap_err().to_string().contains("2 parameter sets"));
    }

    #[test]
    fn each_mistake_names_the_parameter_and_what_would_be_right() {
        for (json, message, hint) in [
            (r#"{"log_k": [1, 2]}"#, "`log_k` has 2 values; expected 3 (BTC, ETH, LTC)", "every asset"),
            (r#"{"log_k": [1, 2, null]}"#, "`log_k` is not finite at position 2 (null)", ""),
            (r#"{"log_k": [1, "nan", 3]}"#, "`log_k` is not finite at position 1", ""),
            (r#"{"log_k": "four"}"#, "`log_k` is \"four\" at position 0; expected a number", ""),
            (r#"{"logit_lam": 1}"#, "unknown parameter `logit_lam`", "did you mean `logit_lamb`?"),
            (r#"{"zebra": 1}"#, "unknown parameter `zebra`", "known parameters: log_k"),
            (
                r#"{"log_k": [[1], [2]], "logit_lamb": [[1], [2], [3]]}"#,
                "`log_k` has 2 parameter sets, `logit_lamb` has 3",
                "",
            ),
            ("[]", "expected a JSON object", ""),
            ("{", "EOF", ""),
            ("{}", "it is empty", ""),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.to_string().contains(message), "{json}: {error}");
            assert!(error.to_string().starts_with("params.json"), "{json}: {error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{json}: {:?}", error.hint());
        }
    }
}
