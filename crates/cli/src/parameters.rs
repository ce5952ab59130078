//! PARAMS files: strategy parameters as a JSON object.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradpool_strategy::Rule;
use gradpool_strategy::rule::INITIAL_LEAVES;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::config::nearest_name;

/// One parameter set: leaf name to one value per asset (alphabetical order), or one value for all assets.
pub type NamedValues = BTreeMap<String, Vec<f64>>;

/// Names of all parameters of a rule, the initial weights last.
pub fn leaf_names(rule: &dyn Rule) -> Vec<String> {
    rule.leaves().iter().chain(INITIAL_LEAVES).map(|leaf| leaf.name.to_string()).collect()
}

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
    #[error(
        "{}: parameter `{leaf}` is {found}; expected a number, a list of {assets} numbers, or one such list per set",
        path.display()
    )]
    Type {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// What was found.
        found: String,
        /// Number of assets.
        assets: usize,
    },
    /// A list of a length that is neither one nor the number of assets.
    #[error("{}: parameter `{leaf}` has {found} values; expected {} ({})", path.display(), assets.len(), assets.join(", "))]
    Length {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// Number of values.
        found: usize,
        /// The assets, in the order of the values.
        assets: Vec<String>,
    },
    /// NaN or an infinity.
    #[error("{}: parameter `{leaf}` is not finite at position {position} ({found})", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The parameter.
        leaf: String,
        /// Position in its list, from 0.
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
            Self::Length { .. } => Some("one number alone holds for every asset".to_owned()),
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
    /// Reads a JSON file. `assets` are in alphabetical order, `leaves` are the names that the rule has.
    ///
    /// # Errors
    /// [`ParametersError`] naming file and parameter.
    pub fn read(path: &Path, assets: &[String], leaves: &[String]) -> Result<Self, ParametersError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ParametersError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, assets, leaves)
    }

    /// Parses the text of a file: an object of parameters, or an object that has one under `params`.
    ///
    /// # Errors
    /// [`ParametersError`] naming file and parameter.
    pub fn parse(json: &str, path: &Path, assets: &[String], leaves: &[String]) -> Result<Self, ParametersError> {
        let not_object = |detail: String| ParametersError::NotAnObject { path: path.to_owned(), detail };
        let value: Value = serde_json::from_str(json).map_err(|error| not_object(format!(": {error}")))?;
        let Value::Object(mut entries) = value else { return Err(not_object(String::new())) };
        if let Some(Value::Object(inner)) = entries.remove("params") {
            entries = inner;
        }
        let reader = Reader { path, assets };
        let mut parsed: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
        for (leaf, value) in &entries {
            reader.known(leaf, leaves)?;
            parsed.push((leaf.clone(), reader.sets(leaf, value)?));
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
    assets: &'a [String],
}

impl Reader<'_> {
    fn known(&self, leaf: &str, leaves: &[String]) -> Result<(), ParametersError> {
        if leaves.iter().any(|known| known == leaf) {
            return Ok(());
        }
        Err(ParametersError::UnknownLeaf {
            path: self.path.to_owned(),
            leaf: leaf.to_owned(),
            nearest: nearest_name(leaf, leaves.iter().map(String::as_str)).map(str::to_owned),
            known: leaves.to_vec(),
        })
    }

    /// `[set][value]`; one set unless the lists are nested.
    fn sets(&self, leaf: &str, value: &Value) -> Result<Vec<Vec<f64>>, ParametersError> {
        match value {
            Value::Array(entries) if entries.iter().any(Value::is_array) => {
                entries.iter().map(|entry| self.values(leaf, entry)).collect()
            }
            other => Ok(vec![self.values(leaf, other)?]),
        }
    }

    fn values(&self, leaf: &str, value: &Value) -> Result<Vec<f64>, ParametersError> {
        match value {
            Value::Array(entries) if entries.len() == 1 || entries.len() == self.assets.len() => {
                entries.iter().enumerate().map(|(position, entry)| self.number(leaf, position, entry)).collect()
            }
            Value::Array(entries) => Err(ParametersError::Length {
                path: self.path.to_owned(),
                leaf: leaf.to_owned(),
                found: entries.len(),
                assets: self.assets.to_vec(),
            }),
            other => Ok(vec![self.number(leaf, 0, other)?]),
        }
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
                found: value.to_string(),
                assets: self.assets.len(),
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

/// The parameters of a set as a JSON object.
pub fn to_json(set: &NamedValues) -> Map<String, Value> {
    set.iter().map(|(leaf, values)| (leaf.clone(), Value::from(values.clone()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gradpool_strategy::rules::Momentum;

    use super::*;

    fn parse(json: &str) -> Result<ParameterFile, ParametersError> {
        let assets = ["BTC", "ETH", "LTC"].map(str::to_owned);
        ParameterFile::parse(json, Path::new("params.json"), &assets, &leaf_names(&Momentum))
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
            (r#"{"log_k": "four"}"#, "`log_k` is \"four\"; expected a number", ""),
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
