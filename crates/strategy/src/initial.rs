//! Starting points in human units (spec 01 sec. 1.9).

use serde::{Deserialize, Serialize};

use crate::bounds::bound_leaves;
use crate::error::StrategyError;
use crate::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterValues};
use crate::rule::Rule;
use crate::settings::StrategySettings;
use crate::transforms::{decay_of_memory_days, logit};

/// The canonical starting point of training: what `initial_*` settings mean. Lists have one value for all assets or one
/// per asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitialSettings {
    /// Memory of the estimators in days.
    pub memory_days: f64,
    /// What the alternative memory is longer by, in days.
    pub memory_delta_days: f64,
    /// Gain per day of memory.
    pub k_per_day: Vec<f64>,
    /// Logits of the initial weights.
    pub weights_logits: Vec<f64>,
    /// Amplitude of a channel per day of memory, log2.
    pub log_amplitude: Vec<f64>,
    /// Width of a channel, log2.
    pub raw_width: Vec<f64>,
    /// Exponent of a power law, as the raw value of squareplus.
    pub raw_exponents: Vec<f64>,
    /// What gradients are divided by (twice it) before a power is taken.
    pub pre_exp_scaling: Vec<f64>,
    /// What a dynamic fee gains per unit of volatility or momentum.
    pub fee_slope: f64,
    /// Memory of the estimator behind a dynamic fee, in days.
    pub fee_memory_days: f64,
    /// One value for all assets in every leaf but the initial weights.
    pub scalar: bool,
}

impl Default for InitialSettings {
    fn default() -> Self {
        Self {
            memory_days: 10.0,
            memory_delta_days: 0.0,
            k_per_day: vec![20.0],
            weights_logits: vec![1.0],
            log_amplitude: vec![0.0],
            raw_width: vec![0.0],
            raw_exponents: vec![0.0],
            pre_exp_scaling: vec![0.5],
            fee_slope: 0.1,
            fee_memory_days: 10.0,
            scalar: false,
        }
    }
}

impl InitialSettings {
    /// The canonical parameter set of `rule`, initial weights (where it has any) and leaves of bounds included.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] if a memory or gain is not positive, [`StrategyError::LeafLength`] if a list has neither
    /// one value nor one per asset.
    pub fn values(&self, rule: &dyn Rule, settings: &StrategySettings) -> Result<ParameterValues, StrategyError> {
        let positive = |key: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(StrategyError::Setting { key: key.to_owned(), value: value.to_string(), valid: "positive".into() })
        };
        positive("initial.memory_days", self.memory_days)?;
        positive("initial.memory_days + initial.memory_delta_days", self.memory_days + self.memory_delta_days)?;
        positive("initial.fee_slope", self.fee_slope)?;
        positive("initial.fee_memory_days", self.fee_memory_days)?;
        for &gain in &self.k_per_day {
            positive("initial.k_per_day", gain)?;
        }
        for &scale in &self.pre_exp_scaling {
            positive("initial.pre_exp_scaling", scale)?;
        }
        for (key, list) in [
            ("initial.k_per_day", &self.k_per_day),
            ("initial.weights_logits", &self.weights_logits),
            ("initial.log_amplitude", &self.log_amplitude),
            ("initial.raw_width", &self.raw_width),
            ("initial.raw_exponents", &self.raw_exponents),
            ("initial.pre_exp_scaling", &self.pre_exp_scaling),
        ] {
            if list.len() != 1 && list.len() != settings.assets {
                let expected = format!("{} (one per asset) or 1", settings.assets);
                return Err(StrategyError::LeafLength { leaf: key.to_owned(), found: list.len(), expected });
            }
        }
        let mut values = rule.initial_values(self, settings);
        if !rule.initial_leaves().is_empty() {
            values.leaves.insert(INITIAL_WEIGHTS_LOGITS.to_owned(), repeated(&self.weights_logits, settings.assets));
        }
        if let Some(bounds) = settings.bounds.as_ref().filter(|_| settings.has_bound_leaves()) {
            values.leaves.extend(bound_leaves(bounds).leaves);
        }
        values.leaves.extend(settings.fee.initial_values(self, settings).leaves);
        Ok(values)
    }

    /// A list as a leaf: one value per asset, or the first alone where parameters are to be scalar; each mapped.
    pub fn leaf(&self, list: &[f64], settings: &StrategySettings, map: impl Fn(f64) -> f64) -> Vec<f64> {
        let width = if self.scalar { 1 } else { settings.assets };
        repeated(list, width).into_iter().map(map).collect()
    }

    /// The decay leaf `logit_lamb` of a memory in days.
    pub fn logit_decay(&self, days: f64, settings: &StrategySettings) -> Vec<f64> {
        let raw = logit(decay_of_memory_days(days, settings.update_interval_min()));
        self.leaf(&[raw], settings, |raw| raw)
    }

    /// The leaves `logit_lamb` and `logit_delta_lamb` that momentum and its relatives start from.
    pub fn decay_values(&self, settings: &StrategySettings) -> ParameterValues {
        let base = self.logit_decay(self.memory_days, settings);
        let shifted = self.logit_decay(self.memory_days + self.memory_delta_days, settings);
        let delta = base.iter().zip(&shifted).map(|(base, shifted)| shifted - base).collect();
        ParameterValues::new([("logit_lamb", base), ("logit_delta_lamb", delta)])
    }
}

/// Repeats a single value; keeps a list (its first value where only one is wanted).
fn repeated(values: &[f64], width: usize) -> Vec<f64> {
    (0..width).map(|asset| values[asset.min(values.len() - 1)]).collect()
}
