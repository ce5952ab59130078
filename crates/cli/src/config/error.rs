//! What can be wrong with a configuration.

use std::path::PathBuf;

use thiserror::Error;

use super::place::Place;

/// What is wrong with a configuration, where, and what would be right.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML, or not JSON.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// `--set` without `=`.
    #[error("--set {argument}: expected key=value")]
    SetWithoutValue {
        /// The argument.
        argument: String,
    },
    /// A key that does not exist.
    #[error("{place}: unknown key `{key}`")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The whole key, such as `train.iteratons`.
        key: String,
        /// The nearest valid key.
        nearest: Option<String>,
        /// The valid keys of the same section.
        valid: Vec<String>,
    },
    /// A value of the wrong type, or none of the names that a key accepts.
    #[error("{place}: `{key}`: {message}")]
    Type {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What was found and what is expected.
        message: String,
        /// The nearest valid name, or what the key means.
        hint: Option<String>,
    },
    /// A value out of its range, or at odds with another one.
    #[error("{}`{key}` {problem}", prefix(place.as_ref()))]
    Value {
        /// Where, if it was written anywhere.
        place: Option<Place>,
        /// The key.
        key: String,
        /// What is wrong with it; continues a sentence that begins with the key.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A required key is absent.
    #[error("`{key}` is missing: {meaning}")]
    Missing {
        /// The key.
        key: String,
        /// What it means.
        meaning: String,
        /// A line of TOML that would do.
        example: String,
    },
    /// The schema knows it, this program cannot compute it yet.
    #[error("{}`{key}` = {value} is not available in this version", prefix(place.as_ref()))]
    NotAvailable {
        /// Where, if it was written anywhere.
        place: Option<Place>,
        /// The key.
        key: String,
        /// Its value, as TOML or JSON.
        value: String,
        /// What is available.
        available: String,
    },
    /// A fingerprint's key with a value of the wrong type.
    #[error("{}: `{key}` is {value}; expected {expected}", path.display())]
    Fingerprint {
        /// The file.
        path: PathBuf,
        /// The key, with its group.
        key: String,
        /// Its value, as JSON.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The data folder of the built-in configuration is gone.
    #[error("the bundled prices are not found in {}, nor in a checkout around this program", folder.display())]
    BundledDataMissing {
        /// The folder in the checkout that this program was built in.
        folder: PathBuf,
    },
}

impl ConfigError {
    /// What the user can do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownKey { valid, .. } if !valid.is_empty() => Some(format!("valid keys: {}", valid.join(", "))),
            Self::Type { hint, .. } | Self::Value { hint, .. } => hint.clone(),
            Self::Missing { example, .. } => Some(format!("add `{example}`, or give it with --set")),
            Self::NotAvailable { available, .. } => Some(available.clone()),
            Self::SetWithoutValue { .. } => Some("for example --set train.iterations=200".to_owned()),
            Self::BundledDataMissing { .. } => {
                Some("run from a checkout of gradpool, or name a folder with --data DIR".to_owned())
            }
            _ => None,
        }
    }
}

fn prefix(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}
