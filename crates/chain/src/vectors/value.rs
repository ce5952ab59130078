//! Reading of vector files, with the path of what is wrong.

use std::str::FromStr;

use serde_json::Value;

use crate::rules::Rule;
use crate::{Int256, Uint256};

use super::VectorError;

type Result<T> = std::result::Result<T, VectorError>;

/// A part of a document, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub value: &'a Value,
    pub path: String,
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    fn malformed(&self, problem: &str) -> VectorError {
        let at = if self.path.is_empty() { "document" } else { &self.path };
        VectorError::Malformed { at: at.to_owned(), problem: problem.to_owned() }
    }

    /// A member that may be absent.
    pub fn find(&self, key: &str) -> Option<Node<'a>> {
        let separator = if self.path.is_empty() { "" } else { "." };
        self.value.get(key).map(|value| Node { value, path: format!("{}{separator}{key}", self.path) })
    }

    /// A member.
    pub fn get(&self, key: &str) -> Result<Node<'a>> {
        self.find(key).ok_or_else(|| self.malformed(&format!("`{key}` is missing")))
    }

    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    pub fn items(&self) -> Result<Vec<Node<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.malformed("expected a list"))?;
        let node = |(index, value)| Node { value, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(node).collect())
    }

    fn map<T>(&self, read: impl Fn(&Node<'a>) -> Result<T>) -> Result<Vec<T>> {
        self.items()?.iter().map(read).collect()
    }

    pub fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.malformed("expected a string"))
    }

    /// A plain JSON number: a time, a count.
    pub fn count(&self) -> Result<u64> {
        self.value.as_u64().ok_or_else(|| self.malformed("expected a whole number"))
    }

    pub fn size(&self) -> Result<usize> {
        Ok(self.count()? as usize)
    }

    pub fn integer(&self) -> Result<Int256> {
        self.decimal("a 256-bit integer")
    }

    pub fn integers(&self) -> Result<Vec<Int256>> {
        self.map(Self::integer)
    }

    pub fn matrix(&self) -> Result<Vec<Vec<Int256>>> {
        self.map(Self::integers)
    }

    pub fn unsigned(&self) -> Result<Uint256> {
        let value = self.integer()?;
        if value.is_negative() { Err(self.malformed("expected a value of zero or more")) } else { Ok(value.to_bits()) }
    }

    pub fn unsigneds(&self) -> Result<Vec<Uint256>> {
        self.map(Self::unsigned)
    }

    /// A setting that contracts hold in 64 bits.
    pub fn setting(&self) -> Result<u64> {
        self.decimal("a 64-bit integer of zero or more")
    }

    pub fn settings(&self) -> Result<Vec<u64>> {
        self.map(Self::setting)
    }

    fn decimal<T: FromStr>(&self, what: &str) -> Result<T> {
        let parsed = self.value.as_str().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| self.malformed(&format!("expected {what} in decimal, as a string")))
    }

    pub fn rule(&self) -> Result<Rule> {
        let name = self.text()?;
        Rule::by_name(name).ok_or_else(|| {
            self.malformed(&format!("unknown rule {name:?}; known are {}", Rule::ALL.map(Rule::name).join(", ")))
        })
    }
}
