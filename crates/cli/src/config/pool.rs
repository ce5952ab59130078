//! `[pool]`: the pool, its rule, its guardrails and how its value is computed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pool: which rule moves its weights, within which limits, and how its value is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct PoolSection {
    /// Rule that turns price history into weight changes: "momentum".
    pub rule: String,
    /// Value of the first deposit, in the currency of the prices.
    pub initial_value: f64,
    /// Swap fee as a fraction of the amount paid in (0.003 is 0.3 %).
    pub fee_rate: f64,
    /// Minutes between two evaluations of the rule.
    pub update_interval_min: f64,
    /// Minutes over which weights move to their new target; then they rest. Default: `update_interval_min`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpolation_min: Option<f64>,
    /// How weights move between two evaluations of the rule.
    pub interpolation: Interpolation,
    /// Largest change of any weight per minute.
    pub maximum_change_per_min: f64,
    /// Smallest weight of any asset. Default: 0.1 divided by the number of assets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_weight: Option<f64>,
    /// Longest memory of an estimator, in days; also the price history that is read before the first simulated row.
    pub maximum_memory_days: f64,
    /// Minutes between two arbitrages. Default: one row of prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arbitrage_interval_min: Option<f64>,
    /// false: nobody trades with the pool, its reserves stay as deposited.
    pub arbitrate: bool,
    /// Which trades an arbitrageur considers when there are fees.
    pub arbitrage: Arbitrage,
    /// Arithmetic that moves the pool: real numbers, or the contracts' integers.
    pub execution: Execution,
    /// How weights are computed from prices.
    pub weights: WeightPath,
    /// How the pool's value is computed from weights and prices.
    pub valuation: Valuation,
    /// Divide the price gradient by an average with a decay of its own (leaf `logit_delta_lamb`).
    pub alternative_decay: bool,
    /// Let gradients pass the limit on the speed of weights as if it were not there.
    pub straight_through_speed_cap: bool,
    /// Let gradients pass the smallest and largest weight as if they were not there.
    pub straight_through_weight_limits: bool,
    /// Limits of the weights per asset.
    #[serde(skip_serializing_if = "WeightBounds::is_absent")]
    pub bounds: WeightBounds,
    /// Defects of the reference system to reproduce, for comparison with it only.
    pub compat: PoolCompat,
}

impl Default for PoolSection {
    fn default() -> Self {
        Self {
            rule: "momentum".to_owned(),
            initial_value: 1e6,
            fee_rate: 0.0,
            update_interval_min: 1440.0,
            interpolation_min: None,
            interpolation: Interpolation::Linear,
            maximum_change_per_min: 3e-4,
            minimum_weight: None,
            maximum_memory_days: 365.0,
            arbitrage_interval_min: None,
            arbitrate: true,
            arbitrage: Arbitrage::Optimal,
            execution: Execution::Ideal,
            weights: WeightPath::Auto,
            valuation: Valuation::Auto,
            alternative_decay: false,
            straight_through_speed_cap: false,
            straight_through_weight_limits: false,
            bounds: WeightBounds::default(),
            compat: PoolCompat::default(),
        }
    }
}

/// How weights move between two evaluations of the rule (spec 03 sec. 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// In a straight line.
    #[default]
    Linear,
    /// Halfway between the straight line and the geometric path, which loses less to arbitrage.
    ApproxOptimal,
}

/// Which trades an arbitrageur considers when there are fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arbitrage {
    /// The best trade over all assets.
    #[default]
    Optimal,
    /// The best trade of one asset for one other.
    Pairwise,
}

/// Arithmetic that moves the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// Real numbers.
    #[default]
    Ideal,
    /// 18-decimal integers, as the contracts compute.
    Onchain,
}

/// How weights are computed from prices. All ways give the same weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightPath {
    /// Picked by device and size.
    #[default]
    Auto,
    /// The whole history at once.
    Vectorized,
    /// One update after another.
    Scan,
}

/// How the pool's value is computed from weights and prices. All ways give the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Valuation {
    /// In closed form where that applies, else step by step.
    #[default]
    Auto,
    /// In closed form; an error where that does not apply.
    ClosedForm,
    /// One row after another.
    StepByStep,
}

/// Limits of the weights per asset, in alphabetical order of assets (spec 03 sec. 3.2.1). Both or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightBounds {
    /// Smallest weight of each asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Vec<f64>>,
    /// Largest weight of each asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Vec<f64>>,
}

impl WeightBounds {
    /// Neither limit is given.
    pub fn is_absent(&self) -> bool {
        self.minimum.is_none() && self.maximum.is_none()
    }
}

/// One switch per reproduced defect of the reference system. All are off unless you compare with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolCompat {
    /// With one gain for all assets, weight changes do not sum to zero (T1.1).
    pub scalar_gain_offset: bool,
    /// The rule min_variance sees one update into the future (T2.1).
    pub min_variance_lookahead: bool,
}
