//! `[pool.inputs]`: files of what changes from row to row around the pool.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::make_absolute;

/// Files (.csv, or .csv.gz) of what changes from row to row around the pool, relative to this file: `docs/guide/inputs.md`. Each has
/// the column `unix`, a time, and those of its kind. A value holds until the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputsSection {
    /// Swap fees, column `fees` (a fraction) or `bps`; instead of `pool.fee_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees: Option<PathBuf>,
    /// Costs of one arbitrage, column `trade_gas_cost_usd` or `USD`; instead of `pool.gas_cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_cost: Option<PathBuf>,
    /// The arbitrageur's own costs, column `arb_fees` (a fraction) or `bps`; instead of `pool.arbitrage_fee`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arb_fees: Option<PathBuf>,
    /// Supply of pool shares, column `lp_supply`; reserves grow and shrink with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lp_supply: Option<PathBuf>,
    /// Trades of others, columns `token_in`, `token_out` and `amount_in`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trades: Option<PathBuf>,
}

impl InputsSection {
    /// The keys.
    pub const KEYS: [&'static str; 5] = ["fees", "gas_cost", "arb_fees", "lp_supply", "trades"];

    /// Nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Makes the paths absolute.
    pub(super) fn make_paths_absolute(&mut self) {
        let Self { fees, gas_cost, arb_fees, lp_supply, trades } = self;
        [fees, gas_cost, arb_fees, lp_supply, trades].into_iter().flatten().for_each(make_absolute);
    }
}

/// Joins the files of a layer to the folder that they are relative to.
pub(super) fn anchor(table: &mut toml::Table, folder: &Path) {
    let inputs = table.get_mut("pool").and_then(|pool| pool.get_mut("inputs")).and_then(toml::Value::as_table_mut);
    for (_, value) in inputs.into_iter().flatten() {
        if let toml::Value::String(path) = value {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    }
}
