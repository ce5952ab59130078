//! Numbers that are given once, per asset, or per parameter set and asset.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A number for all assets, a list with one number per asset (assets in alphabetical order), or a list of such lists,
/// one per parameter set (spec 01 sec. 1.9, "broadcast rule").
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PerAsset {
    /// The same number for every asset of every set.
    All(f64),
    /// One number per asset, for every set.
    Assets(Vec<f64>),
    /// `[set][asset]`.
    Sets(Vec<Vec<f64>>),
}

impl PerAsset {
    /// Every number in it.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::All(number) => vec![*number],
            Self::Assets(numbers) => numbers.clone(),
            Self::Sets(sets) => sets.concat(),
        }
    }

    /// The numbers of one set, one per asset.
    ///
    /// `None` if the lengths do not fit `assets`, or the set does not exist.
    pub fn of_set(&self, set: usize, assets: usize) -> Option<Vec<f64>> {
        let numbers = match self {
            Self::All(number) => return Some(vec![*number; assets]),
            Self::Assets(numbers) => numbers,
            Self::Sets(sets) => sets.get(set)?,
        };
        (numbers.len() == assets).then(|| numbers.clone())
    }

    /// Reorders the assets: position `i` of the result is position `order[i]` of `self`. Lists of another length than
    /// `order` stay as they are (a later check refuses them).
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        let permute = |numbers: &Vec<f64>| {
            if numbers.len() == order.len() {
                order.iter().map(|&from| numbers[from]).collect()
            } else {
                numbers.clone()
            }
        };
        match self {
            Self::All(number) => Self::All(*number),
            Self::Assets(numbers) => Self::Assets(permute(numbers)),
            Self::Sets(sets) => Self::Sets(sets.iter().map(permute).collect()),
        }
    }

    /// What is wrong with its shape, if anything.
    pub fn shape_problem(&self, assets: usize, sets: usize) -> Option<String> {
        match self {
            Self::All(_) => None,
            Self::Assets(numbers) if numbers.len() == assets => None,
            Self::Assets(numbers) => Some(format!("has {} values; there are {assets} assets", numbers.len())),
            Self::Sets(rows) if rows.len() != sets => {
                Some(format!("has rows for {} parameter sets; `train.parameter_sets` is {sets}", rows.len()))
            }
            Self::Sets(rows) => rows.iter().position(|row| row.len() != assets).map(|set| {
                format!("has {} values for parameter set {set}; there are {assets} assets", rows[set].len())
            }),
        }
    }
}

impl<'de> Deserialize<'de> for PerAsset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Nested::deserialize(deserializer)? {
            Nested::Number(number) => Ok(Self::All(number)),
            Nested::List(entries) if entries.iter().all(|entry| matches!(entry, Nested::Number(_))) => {
                Ok(Self::Assets(entries.into_iter().filter_map(Nested::number).collect()))
            }
            Nested::List(entries) => {
                let rows: Option<Vec<Vec<f64>>> = entries.into_iter().map(Nested::row).collect();
                rows.map(Self::Sets).ok_or_else(|| {
                    D::Error::custom("expected a number, one number per asset, or one such list per set")
                })
            }
        }
    }
}

/// A number or a list, as it stands in the file.
enum Nested {
    Number(f64),
    List(Vec<Nested>),
}

impl Nested {
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::List(_) => None,
        }
    }

    fn row(self) -> Option<Vec<f64>> {
        match self {
            Self::Number(_) => None,
            Self::List(entries) => entries.into_iter().map(Self::number).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NestedVisitor;
        impl<'de> Visitor<'de> for NestedVisitor {
            type Value = Nested;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, one number per asset, or one such list per parameter set")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Nested, E> {
                Ok(Nested::Number(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Nested, E> {
                Ok(Nested::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Nested, E> {
                Ok(Nested::Number(value as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Nested, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = sequence.next_element()? {
                    entries.push(entry);
                }
                Ok(Nested::List(entries))
            }
        }
        deserializer.deserialize_any(NestedVisitor)
    }
}

impl JsonSchema for PerAsset {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PerAsset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number" },
                { "type": "array", "items": { "type": "number" } },
                { "type": "array", "items": { "type": "array", "items": { "type": "number" } } },
            ]
        })
    }
}
