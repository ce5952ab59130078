//! What became of a fingerprint's keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::keys::WITHOUT_FEES;
use crate::config::{ConfigError, InputsSection, Place};

/// What became of a fingerprint's keys beyond those that were taken over.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportReport {
    /// Keys without an effect on this configuration.
    pub dead_keys: Vec<DeadKey>,
    /// Keys that neither system documents. Fingerprints collect such keys, so they are not refused.
    pub unknown_keys: Vec<String>,
    /// Settings that change the result and that this program cannot compute.
    pub unsupported: Vec<Unsupported>,
    /// What is done otherwise than in the reference system.
    pub notes: Vec<String>,
    /// What the result lacks although the fingerprint asks for it.
    pub warnings: Vec<String>,
    /// Whether it asks for trades of others. It never holds them.
    #[serde(skip)]
    pub(super) wants_trades: bool,
}

/// A key without an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadKey {
    /// The key, with its group.
    pub key: String,
    /// Why it has none.
    pub reason: String,
}

/// A setting that changes the result and that this program cannot compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsupported {
    /// The key, with its group.
    pub key: String,
    /// Its value, as JSON.
    pub value: String,
    /// What would be available.
    pub available: String,
}

impl Unsupported {
    /// The error of using such a configuration.
    pub fn as_error(&self, path: &Path) -> ConfigError {
        ConfigError::NotAvailable {
            place: Some(Place::Fingerprint { path: path.to_owned() }),
            key: self.key.clone(),
            value: self.value.clone(),
            available: self.available.clone(),
        }
    }
}

impl ImportReport {
    /// Takes into account what is given beside the fingerprint: with a series of fees there are fees, and trades are there or not.
    pub(crate) fn consider(&mut self, inputs: &InputsSection) {
        if inputs.fees.is_some() {
            self.dead_keys.retain(|dead| dead.reason != WITHOUT_FEES);
        }
        if self.wants_trades && inputs.trades.is_none() {
            self.warnings.push(
                "`do_trades` is true, but a fingerprint holds no trades, and `pool.inputs.trades` names no file: there are none"
                    .to_owned(),
            );
        }
    }

    /// One line for people: how many keys had no effect, and which, those of a group in braces behind its name.
    pub fn summary(&self) -> Option<String> {
        let dead = self.dead_keys.iter().map(|dead| dead.key.as_str());
        let names: BTreeSet<&str> = dead.chain(self.unknown_keys.iter().map(String::as_str)).collect();
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in &names {
            let (group, key) = name.split_once('.').unwrap_or(("", name));
            groups.entry(group).or_default().push(key);
        }
        let lists: Vec<String> = groups
            .into_iter()
            .map(|(group, keys)| match (group, keys.as_slice()) {
                ("", keys) => keys.join(", "),
                (group, [key]) => format!("{group}.{key}"),
                (group, keys) => format!("{group}.{{{}}}", keys.join(", ")),
            })
            .collect();
        let noun = if names.len() == 1 { "key" } else { "keys" };
        (!names.is_empty()).then(|| format!("{} {noun} without effect: {}", names.len(), lists.join(", ")))
    }
}
