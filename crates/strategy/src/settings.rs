//! Settings of a strategy: everything but the trainable parameters.

use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::execution;
use crate::fees::FeeSettings;
use crate::transforms;

pub use gradpool_ops::interpolation::Interpolation;

/// Minutes of a day.
pub const MINUTES_PER_DAY: f64 = 1440.0;

/// Which way weights are computed. The numbers agree (to rounding); the cost differs by device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightPath {
    /// Sequential on a CPU, vectorized on a GPU.
    #[default]
    Auto,
    /// Estimators as causal exponential convolutions over the whole history, in independent blocks of time.
    Vectorized,
    /// Estimators one step after another, as production runs them.
    Scan,
}

/// Where the bounds of a run come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundsForm {
    /// The settings' numbers.
    #[default]
    Fixed,
    /// Parameter leaves that start at the settings' numbers and are trained (spec 01 sec. 1.8).
    Learned,
    /// Such leaves, but no gradient moves them.
    Frozen,
}

/// Whether training moves the weights that a window begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialWeights {
    /// They are what was deposited; no gradient moves them (spec 01 sec. 1.7).
    #[default]
    Fixed,
    /// They are parameters like all others.
    Learned,
}

/// Lower and upper bound of every asset's weight (spec 03 sec. 3.2.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightBounds {
    /// Smallest weight of each asset.
    pub minimum: Vec<f64>,
    /// Largest weight of each asset.
    pub maximum: Vec<f64>,
    /// Whether they are these numbers, or leaves that start there.
    pub form: BoundsForm,
}

/// How a pool moves its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// To the target in a straight line, then they hold (spec 03).
    #[default]
    Ideal,
    /// As the deployed contracts do: from where they are, past the target until the next update or the first rail, with nine
    /// decimals (spec 13 sec. 6 to 8). [`StrategySettings::interpolation_rows`] is the contract's update interval,
    /// [`StrategySettings::update_interval_rows`] how often updates come.
    OnChain {
        /// Largest change of any weight per update; at most 1. `None`: the ideal pool's largest change over its interpolation.
        epsilon_max: Option<f64>,
    },
}

impl Execution {
    /// Whether weights move as the contracts move them.
    pub fn is_on_chain(self) -> bool {
        self != Self::Ideal
    }
}

/// Defects of the reference system that can be switched on to compare with it; all off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compatibility {
    /// T1.1: with one gain for all assets, subtract the sum of signals instead of their mean.
    pub scalar_gain_offset: bool,
    /// T2.1: target rules move toward a row that is known one update interval later.
    pub min_variance_lookahead: bool,
}

/// Everything about a strategy that is not trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct StrategySettings {
    /// Number of assets of the pool.
    pub assets: usize,
    /// Minutes between two rows of the price grid.
    pub step_min: f64,
    /// Rows between two evaluations of the rule (the reference's `chunk_period`).
    pub update_interval_rows: usize,
    /// Rows over which weights move to a new target; then they hold. At most `update_interval_rows`.
    pub interpolation_rows: usize,
    /// How weights move inside an interval.
    pub interpolation: Interpolation,
    /// Largest change of any weight per row.
    pub maximum_change_per_row: f64,
    /// Smallest weight of any asset.
    pub minimum_weight: f64,
    /// Longest memory an estimator may have, in days; memories used as multipliers are clipped to it.
    pub maximum_memory_days: f64,
    /// Use `logit_delta_lamb` for a second decay in the denominator of the gradient (spec 02 sec. 2.1.3).
    pub alternative_decay: bool,
    /// Scale gradients by a trained factor before a power is taken; one half where this is off (spec 01 sec. 1.6).
    pub pre_exponent_scaling: bool,
    /// Straight-through gradient for the clip to minimum and maximum weight.
    pub straight_through_limits: bool,
    /// Straight-through gradient for the cap on changes.
    pub straight_through_cap: bool,
    /// Per-asset bounds of weights, if any.
    pub bounds: Option<WeightBounds>,
    /// The swap fee, where it is part of the strategy.
    #[serde(default)]
    pub fee: FeeSettings,
    /// Whether initial weights are trained.
    #[serde(default)]
    pub initial_weights: InitialWeights,
    /// How the pool moves its weights.
    #[serde(default)]
    pub execution: Execution,
    /// How weights are computed.
    pub path: WeightPath,
    /// Reproduced defects.
    pub compatibility: Compatibility,
}

impl StrategySettings {
    /// Settings with the reference's defaults for a pool of `assets` assets on a grid of `step_min` minutes: daily updates,
    /// linear interpolation over the whole interval, at most 3e-4 per minute, minimum weight 0.1 / assets, 365 days.
    pub fn daily(assets: usize, step_min: f64) -> Self {
        let rows = (MINUTES_PER_DAY / step_min).round().max(1.0) as usize;
        Self {
            assets,
            step_min,
            update_interval_rows: rows,
            interpolation_rows: rows,
            interpolation: Interpolation::Linear,
            maximum_change_per_row: 3e-4 * step_min,
            minimum_weight: 0.1 / assets.max(1) as f64,
            maximum_memory_days: 365.0,
            alternative_decay: false,
            pre_exponent_scaling: true,
            straight_through_limits: false,
            straight_through_cap: false,
            bounds: None,
            fee: FeeSettings::default(),
            initial_weights: InitialWeights::Fixed,
            execution: Execution::Ideal,
            path: WeightPath::Auto,
            compatibility: Compatibility::default(),
        }
    }

    /// Minutes between two evaluations of the rule.
    pub fn update_interval_min(&self) -> f64 {
        self.update_interval_rows as f64 * self.step_min
    }

    /// The largest decay an estimator may have: that of `maximum_memory_days` (spec 01 sec. 1.4).
    pub fn maximum_decay(&self) -> f64 {
        transforms::decay_of_memory_days(self.maximum_memory_days, self.update_interval_min())
    }

    /// Checks ranges and the relations between settings.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), StrategyError> {
        let refuse = |key: &str, value: String, valid: &str| {
            Err(StrategyError::Setting { key: key.to_owned(), value, valid: valid.to_owned() })
        };
        if self.assets < 2 {
            return refuse("assets", self.assets.to_string(), "at least 2");
        }
        self.fee.validate()?;
        if !(self.step_min.is_finite() && self.step_min > 0.0) {
            return refuse("step_min", self.step_min.to_string(), "positive");
        }
        if self.update_interval_rows == 0 {
            return refuse("update_interval", "0 rows".into(), "at least one row of the price grid");
        }
        if self.interpolation_rows == 0 || self.interpolation_rows > self.update_interval_rows {
            let valid = format!("between 1 and the update interval ({} rows)", self.update_interval_rows);
            return refuse("interpolation", format!("{} rows", self.interpolation_rows), &valid);
        }
        if self.maximum_change_per_row.is_nan() || self.maximum_change_per_row <= 0.0 {
            return refuse("maximum_change", self.maximum_change_per_row.to_string(), "positive");
        }
        let largest_minimum = 1.0 / self.assets as f64;
        if !(self.minimum_weight >= 0.0 && self.minimum_weight < largest_minimum) {
            let valid = format!("at least 0 and below 1 / assets = {largest_minimum}");
            return refuse("minimum_weight", self.minimum_weight.to_string(), &valid);
        }
        if !(self.maximum_memory_days.is_finite() && self.maximum_memory_days > 0.0) {
            return refuse("maximum_memory_days", self.maximum_memory_days.to_string(), "positive");
        }
        self.bounds.as_ref().map_or(Ok(()), |bounds| bounds.validate(self.assets))?;
        if self.execution.is_on_chain() { execution::validate(self) } else { Ok(()) }
    }
}
