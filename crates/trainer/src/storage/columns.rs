//! Numbers of all sets by name, as a checkpoint holds them: one column per name, one row per set.

use std::collections::BTreeMap;

/// Columns of equal length. Counts are exact up to 2^53.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    pub columns: BTreeMap<String, Vec<f64>>,
}

impl Columns {
    pub fn put(&mut self, name: &str, values: impl Iterator<Item = f64>) {
        self.columns.insert(name.to_owned(), values.collect());
    }

    /// Takes a column out; `None` if there is none.
    pub fn take(&mut self, name: &str) -> Option<Vec<f64>> {
        self.columns.remove(name)
    }

    /// The same as counts.
    pub fn take_counts(&mut self, name: &str) -> Option<Vec<usize>> {
        Some(self.take(name)?.into_iter().map(|count| count as usize).collect())
    }
}
