//! Reads one group of a fingerprint and remembers which keys were read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{ConfigError, PerAsset};

/// One group of keys: the root, or one of its objects. A null is the same as an absent key.
pub struct Group<'a> {
    path: &'a Path,
    /// Name of the group with a dot behind it; empty for the root.
    prefix: String,
    entries: &'a Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Group<'a> {
    pub fn new(path: &'a Path, name: &str, entries: &'a Map<String, Value>) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        Self { path, prefix, entries, read: RefCell::default() }
    }

    /// The file, for messages.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The value of a key, unless it is absent or null. The key counts as read.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(key.to_owned());
        self.entries.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there and not null; it does not count as read.
    pub fn has(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| !value.is_null())
    }

    /// The full name of a key.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Keys of the file that nobody read, with their values.
    pub fn unread(&self) -> Vec<(&'a str, &'a Value)> {
        let read = self.read.borrow();
        self.entries.iter().filter(|(key, _)| !read.contains(*key)).map(|(key, value)| (key.as_str(), value)).collect()
    }

    fn take<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        convert(value).map(Some).ok_or_else(|| ConfigError::Fingerprint {
            path: self.path.to_owned(),
            key: self.name(key),
            value: shortened(value),
            expected: expected.to_owned(),
        })
    }

    pub fn optional_number(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.take(key, "a finite number", Value::as_f64)
    }

    pub fn number(&self, key: &str, default: f64) -> Result<f64, ConfigError> {
        Ok(self.optional_number(key)?.unwrap_or(default))
    }

    /// Python writes whole numbers as `8` or `8.0`.
    pub fn whole(&self, key: &str, default: usize) -> Result<usize, ConfigError> {
        let whole = |value: &Value| value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
        Ok(self.take(key, "a whole number, 0 or more", whole)?.map_or(default, |number| number as usize))
    }

    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        Ok(self.take(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    pub fn text(&self, key: &str, default: &str) -> Result<String, ConfigError> {
        Ok(self.take(key, "text", Value::as_str)?.unwrap_or(default).to_owned())
    }

    pub fn optional_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.take(key, "text", Value::as_str)?.map(str::to_owned))
    }

    pub fn texts(&self, key: &str, default: &[&str]) -> Result<Vec<String>, ConfigError> {
        let texts = |value: &Value| Vec::<String>::deserialize(value).ok();
        Ok(self
            .take(key, "a list of text", texts)?
            .unwrap_or_else(|| default.iter().map(|text| (*text).to_owned()).collect()))
    }

    pub fn per_asset(&self, key: &str, default: f64) -> Result<PerAsset, ConfigError> {
        let expected = "a number, one number per asset, or one such list per parameter set";
        Ok(self.take(key, expected, |value| PerAsset::deserialize(value).ok())?.unwrap_or(PerAsset::All(default)))
    }

    /// One of these names, or an error that lists them.
    pub fn choice<T: Copy>(&self, key: &str, default: T, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let find = |value: &Value| {
            let given = value.as_str()?;
            choices.iter().find(|(name, _)| *name == given).map(|(_, choice)| *choice)
        };
        Ok(self.take(key, &format!("one of {}", names.join(", ")), find)?.unwrap_or(default))
    }
}

/// A value as JSON, cut where it gets long.
pub fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
