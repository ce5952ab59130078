//! Counting of checks.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::{Int256, Revert, Uint256};

use super::value::Node;

/// What came of one vector file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Numbers and errors that were compared.
    pub checks: usize,
    /// How many of them differ.
    pub failures: usize,
    /// The first that differs.
    pub first_difference: Option<Difference>,
    /// Entries that this crate cannot compare, by reason.
    pub not_checked: Vec<NotChecked>,
}

/// An expected outcome that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path inside the document.
    pub at: String,
    /// What the file says, as JSON.
    pub expected: String,
    /// What this crate computes, as JSON.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}, found {}", self.at, self.expected, self.found)
    }
}

/// Entries that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotChecked {
    /// How many.
    pub entries: usize,
    /// Why.
    pub reason: String,
}

/// What this crate computed, in the notation of the files.
pub(super) enum Found {
    Value(Value),
    Revert(Revert),
}

impl<T: ToJson> From<Result<T, Revert>> for Found {
    fn from(result: Result<T, Revert>) -> Self {
        match result {
            Ok(value) => Self::Value(value.to_json()),
            Err(revert) => Self::Revert(revert),
        }
    }
}

/// The notation of the files: integers of 256 bits are decimal strings.
pub(super) trait ToJson {
    fn to_json(&self) -> Value;
}

impl ToJson for Int256 {
    fn to_json(&self) -> Value {
        json!(self.to_string())
    }
}

impl ToJson for Uint256 {
    fn to_json(&self) -> Value {
        json!(self.to_string())
    }
}

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Value {
        self.iter().map(ToJson::to_json).collect()
    }
}

/// A revert in the notation of the files, without what explains it to readers.
fn revert_json(revert: &Revert) -> Value {
    match revert {
        Revert::Panic(panic) => json!({"kind": "Panic", "code": panic.code()}),
        Revert::Require(reason) => json!({"kind": "Error", "reason": reason.to_string()}),
        Revert::Custom(error) => json!({"kind": "custom", "name": error.name(), "args": error.arguments()}),
    }
}

#[derive(Default)]
pub(super) struct Tally {
    checks: usize,
    failures: usize,
    first_difference: Option<Difference>,
    not_checked: BTreeMap<String, usize>,
}

impl Tally {
    pub fn report(self) -> Report {
        Report {
            checks: self.checks,
            failures: self.failures,
            first_difference: self.first_difference,
            not_checked: self.not_checked.into_iter().map(|(reason, entries)| NotChecked { entries, reason }).collect(),
        }
    }

    /// Leaves one entry out.
    pub fn skip(&mut self, reason: &str) {
        *self.not_checked.entry(reason.to_owned()).or_default() += 1;
    }

    /// Compares a value with what the file expects, number by number.
    pub fn value(&mut self, expected: &Node<'_>, found: &(impl ToJson + ?Sized)) {
        self.leaves(&expected.path, expected.value, &found.to_json());
    }

    /// Compares `{"r": value}` or `{"err": error}`, by any name of the value, with a result.
    pub fn outcome(&mut self, entry: &Node<'_>, key: &str, found: impl Into<Found>) {
        match (entry.find(key), entry.find("err"), found.into()) {
            (Some(expected), _, Found::Value(found)) => self.value(&expected, &found),
            (None, Some(expected), Found::Revert(found)) => self.error(&expected, &found),
            (_, _, Found::Value(found)) => self.check(&entry.path, entry.value, &found, false),
            (_, _, Found::Revert(found)) => self.check(&entry.path, entry.value, &revert_json(&found), false),
        }
    }

    /// Compares an error: kind, and code, reason, or name and arguments.
    pub fn error(&mut self, expected: &Node<'_>, found: &Revert) {
        let mut wanted = expected.value.clone();
        if let Some(members) = wanted.as_object_mut() {
            members.remove("meaning");
        }
        let found = revert_json(found);
        self.check(&expected.path, expected.value, &found, wanted == found);
    }

    fn leaves(&mut self, at: &str, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Array(wanted), Value::Array(given)) if wanted.len() == given.len() => {
                for (index, (wanted, given)) in wanted.iter().zip(given).enumerate() {
                    self.leaves(&format!("{at}[{index}]"), wanted, given);
                }
                if wanted.is_empty() {
                    self.check(at, expected, found, true);
                }
            }
            _ => self.check(at, expected, found, expected == found),
        }
    }

    fn check(&mut self, at: &str, expected: &Value, found: &Value, equal: bool) {
        self.checks += 1;
        if !equal {
            self.failures += 1;
            self.first_difference.get_or_insert_with(|| Difference {
                at: at.to_owned(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }
}
