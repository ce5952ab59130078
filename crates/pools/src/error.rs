//! What can be wrong when a pool is valued.

use gradpool_strategy::StrategyError;
use thiserror::Error;

/// Errors of this crate.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum PoolError {
    /// The strategy cannot run as asked.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A setting outside its range.
    #[error("`{key}` is {value}; it must be {valid}")]
    Setting {
        /// The setting's name.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be valid.
        valid: &'static str,
    },
    /// A window that reaches beyond the prices.
    #[error("a window of {rows} rows from row {start} reaches beyond the {available} rows of prices")]
    Window {
        /// First row.
        start: usize,
        /// Rows asked for.
        rows: usize,
        /// Rows of the price table.
        available: usize,
    },
    /// Assets of prices and strategy differ.
    #[error("the strategy is for {expected} assets, the prices have {found}")]
    Assets {
        /// Assets of the strategy.
        expected: usize,
        /// Assets of the prices.
        found: usize,
    },
    /// Supplies that do not belong to the prices.
    #[error("the supplies ({supplies}) are not on the grid of the prices ({prices})")]
    Supplies {
        /// What the supplies are of.
        supplies: String,
        /// What the prices are of.
        prices: String,
    },
    /// A parameter of a pool's curve outside its domain.
    #[error("parameter `{parameter}` of set {set} means {value}; it must be {valid}")]
    Parameter {
        /// The parameter.
        parameter: &'static str,
        /// Parameter set.
        set: usize,
        /// Its value.
        value: f64,
        /// What would be valid.
        valid: String,
    },
    /// A kind of pool that runs on the CPU only.
    #[error("a pool of the kind `{kind}` runs on the CPU only; use the device `cpu`")]
    Device {
        /// The kind.
        kind: &'static str,
    },
    /// Spreads that do not belong to the prices.
    #[error("the spreads ({spreads}) are not on the grid of the prices ({prices})")]
    Spreads {
        /// What the spreads are of.
        spreads: String,
        /// What the prices are of.
        prices: String,
    },
    /// A portfolio that pays spreads, and none are known.
    #[error("the portfolio pays bid-ask spreads, and none are given")]
    NoSpreads,
    /// The closed form was forced where it does not hold.
    #[error("the closed form does not apply: {reason}; use `auto` or `step_by_step`")]
    NoClosedForm {
        /// Why.
        reason: String,
    },
    /// The blocks of a window could not be laid out.
    #[error("the valuation could not be planned: {0}")]
    Plan(String),
}
