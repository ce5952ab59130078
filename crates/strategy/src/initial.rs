//! Starting points in human units (spec 01 sec. 1.9).

use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterValues};
use crate::rule::Rule;
use crate::settings::StrategySettings;
use crate::transforms::{decay_of_memory_days, logit};

/// The canonical starting point of training: what `initial_*` settings mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitialSettings {
    /// Memory of the estimators in days.
    pub memory_days: f64,
    /// What the alternative memory is longer by, in days.
    pub memory_delta_days: f64,
    /// Gain per day of memory, one value or one per asset.
    pub k_per_day: Vec<f64>,
    /// Logits of the initial weights, one value or one per asset.
    pub weights_logits: Vec<f64>,
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
            scalar: false,
        }
    }
}

impl InitialSettings {
    /// The canonical parameter set of `rule`, initial weights included.
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
        for &gain in &self.k_per_day {
            positive("initial.k_per_day", gain)?;
        }
        for (key, list) in [("initial.k_per_day", &self.k_per_day), ("initial.weights_logits", &self.weights_logits)] {
            if list.len() != 1 && list.len() != settings.assets {
                return Err(StrategyError::LeafLength {
                    leaf: key.to_owned(),
                    found: list.len(),
                    assets: settings.assets,
                });
            }
        }
        let mut values = rule.initial_values(self, settings);
        values.leaves.insert(INITIAL_WEIGHTS_LOGITS.to_owned(), per_asset(&self.weights_logits, settings.assets));
        Ok(values)
    }

    /// The leaves that momentum and its relatives start from: `log_k`, `logit_lamb`, `logit_delta_lamb`.
    pub fn gradient_rule_values(&self, settings: &StrategySettings) -> ParameterValues {
        let width = if self.scalar { 1 } else { settings.assets };
        let interval = settings.update_interval_min();
        let base = logit(decay_of_memory_days(self.memory_days, interval));
        let shifted = logit(decay_of_memory_days(self.memory_days + self.memory_delta_days, interval));
        let gains: Vec<f64> = self.k_per_day.iter().map(|k| k.log2()).collect();
        ParameterValues::new([
            ("log_k", per_asset(&gains, width)),
            ("logit_lamb", vec![base; width]),
            ("logit_delta_lamb", vec![shifted - base; width]),
        ])
    }
}

/// Repeats a single value; keeps a list (its first value where only one is wanted).
fn per_asset(values: &[f64], width: usize) -> Vec<f64> {
    (0..width).map(|asset| values[asset.min(values.len() - 1)]).collect()
}
