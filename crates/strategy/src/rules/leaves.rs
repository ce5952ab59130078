//! Leaves that several rules have, and their starting values.

use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::LeafSpec;
use crate::settings::StrategySettings;
use crate::transforms::inverse_squareplus;

pub(super) const LOG_K: LeafSpec = LeafSpec::one_of("gain", "log_k", "gain per day of memory, log2", (-6.6, 12.0));
pub(super) const SP_K: LeafSpec =
    LeafSpec::one_of("gain", "sp_k", "gain per day of memory = squareplus", (-1.0, 100.0));
pub(super) const K: LeafSpec = LeafSpec::one_of("gain", "k", "gain per day of memory", (0.01, 4096.0));
pub(super) const ABSOLUTE_K: LeafSpec = LeafSpec::one_of("gain", "absolute_k", "gain as it is", (0.01, 4096.0));

pub(super) const LOGIT_LAMB: LeafSpec =
    LeafSpec::required("logit_lamb", "decay per update interval = logistic", (-4.0, 8.0));
pub(super) const LOGIT_DELTA_LAMB: LeafSpec =
    LeafSpec::optional("logit_delta_lamb", "added to logit_lamb for the alternative decay", (-5.0, 5.0));

pub(super) const MEMORY_DAYS_1: LeafSpec =
    LeafSpec::required("memory_days_1", "memory of the first estimator in days", (0.5, 200.0));
pub(super) const MEMORY_DAYS_2: LeafSpec =
    LeafSpec::required("memory_days_2", "memory of the second estimator or of the smoothing, in days", (0.5, 200.0));

pub(super) const SP_EXPONENTS: LeafSpec =
    LeafSpec::one_of("exponent", "sp_exponents", "exponent of the power law = squareplus", (-2.0, 4.0));
pub(super) const RAW_EXPONENTS: LeafSpec =
    LeafSpec::one_of("exponent", "raw_exponents", "exponent of the power law = squareplus", (-2.0, 4.0));

pub(super) const SP_PRE_EXP_SCALING: LeafSpec =
    LeafSpec::optional("sp_pre_exp_scaling", "divides gradients before the power (doubled) = squareplus", (-3.0, 2.0));
pub(super) const LOGIT_PRE_EXP_SCALING: LeafSpec =
    LeafSpec::optional("logit_pre_exp_scaling", "the same = logistic", (-4.0, 4.0));
pub(super) const RAW_PRE_EXP_SCALING: LeafSpec =
    LeafSpec::optional("raw_pre_exp_scaling", "the same, log2", (-4.0, 2.0));

pub(super) const SP_AMPLITUDE: LeafSpec = LeafSpec::one_of(
    "amplitude",
    "sp_amplitude",
    "amplitude of the channel per day of memory = squareplus",
    (-3.0, 4.0),
);
pub(super) const LOG_AMPLITUDE: LeafSpec =
    LeafSpec::one_of("amplitude", "log_amplitude", "amplitude of the channel per day of memory, log2", (-5.0, 5.0));

pub(super) const SP_WIDTH: LeafSpec =
    LeafSpec::one_of("width", "sp_width", "width of the channel = squareplus", (-3.0, 3.0));
pub(super) const RAW_WIDTH: LeafSpec =
    LeafSpec::one_of("width", "raw_width", "width of the channel, log2", (-5.0, 5.0));

/// Gain and decays of the rules that take a power of price gradients.
pub(super) const GAIN_AND_DECAYS: [LeafSpec; 6] = [SP_K, LOG_K, K, ABSOLUTE_K, LOGIT_LAMB, LOGIT_DELTA_LAMB];
/// Exponent and scaling of such a power.
pub(super) const POWER: [LeafSpec; 5] =
    [SP_EXPONENTS, RAW_EXPONENTS, SP_PRE_EXP_SCALING, LOGIT_PRE_EXP_SCALING, RAW_PRE_EXP_SCALING];

impl InitialSettings {
    /// `log_k` with the decay leaves: what momentum starts from.
    pub(super) fn momentum_values(&self, settings: &StrategySettings) -> ParameterValues {
        let gain = self.leaf(&self.k_per_day, settings, f64::log2);
        self.decay_values(settings).with("log_k", gain)
    }

    /// `sp_k`, exponents and scaling with the decay leaves: what the power channel starts from.
    pub(super) fn power_values(&self, settings: &StrategySettings) -> ParameterValues {
        self.decay_values(settings)
            .with("sp_k", self.leaf(&self.k_per_day, settings, inverse_squareplus))
            .with("sp_exponents", self.leaf(&self.raw_exponents, settings, |raw| raw))
            .with("sp_pre_exp_scaling", self.leaf(&self.pre_exp_scaling, settings, inverse_squareplus))
    }

    /// The leaves `memory_days_1` and `memory_days_2`.
    pub(super) fn memory_values(&self, settings: &StrategySettings) -> ParameterValues {
        let days = |days: f64| self.leaf(&[days], settings, |days| days);
        ParameterValues::new([
            ("memory_days_1", days(self.memory_days)),
            ("memory_days_2", days(self.memory_days + self.memory_delta_days)),
        ])
    }
}
