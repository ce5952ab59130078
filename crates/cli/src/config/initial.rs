//! `[initial]`: the point that training starts from (spec 01 sec. 1.9).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::per_asset::PerAsset;

/// The point that training starts from, in human units. A number holds for every asset; a list gives one number per
/// asset (alphabetical order); a list of lists one number per parameter set and asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InitialSection {
    /// Memory of the price estimators, in days.
    pub memory_days: f64,
    /// What the second memory has more than the first, in days.
    pub memory_delta_days: f64,
    /// How strongly the weights react, per day of memory; above 0.
    pub k_per_day: PerAsset,
    /// Logarithms of the first weights, up to a common constant; equal numbers give equal weights. Never trained.
    pub weights_logits: PerAsset,
    /// log2 of the channel's amplitude (channel rules).
    pub log_amplitude: PerAsset,
    /// log2 of the channel's width (channel rules).
    pub raw_width: PerAsset,
    /// Exponent of the signal before its squareplus transform (power and channel rules).
    pub raw_exponents: PerAsset,
    /// Scale of the signal before it is raised to its power; above 0 (power and channel rules).
    pub pre_exp_scaling: PerAsset,
    /// What a dynamic fee gains per unit of volatility or momentum (`pool.fee_form`); above 0.
    pub fee_slope: f64,
    /// Memory of what a dynamic fee looks at, in days; above 0.
    pub fee_memory_days: f64,
    /// Train one value for all assets instead of one per asset.
    pub scalar: bool,
}

impl Default for InitialSection {
    fn default() -> Self {
        Self {
            memory_days: 10.0,
            memory_delta_days: 0.0,
            k_per_day: PerAsset::All(20.0),
            weights_logits: PerAsset::All(1.0),
            log_amplitude: PerAsset::All(0.0),
            raw_width: PerAsset::All(0.0),
            raw_exponents: PerAsset::All(0.0),
            pre_exp_scaling: PerAsset::All(0.5),
            fee_slope: 0.1,
            fee_memory_days: 10.0,
            scalar: false,
        }
    }
}

impl InitialSection {
    /// Every key whose value may be given per asset or per set, with its full name.
    pub fn per_asset(&self) -> [(&'static str, &PerAsset); 6] {
        [
            ("initial.k_per_day", &self.k_per_day),
            ("initial.weights_logits", &self.weights_logits),
            ("initial.log_amplitude", &self.log_amplitude),
            ("initial.raw_width", &self.raw_width),
            ("initial.raw_exponents", &self.raw_exponents),
            ("initial.pre_exp_scaling", &self.pre_exp_scaling),
        ]
    }
}
