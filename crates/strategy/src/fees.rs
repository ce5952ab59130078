//! Swap fees that are part of the strategy: trained, and moved by what the market does.
//!
//! A fee `phi` keeps arbitrageurs away while prices differ by less than `-ln(1 - phi)`. That width is what a strategy sets:
//!
//! ```text
//! -ln(1 - phi) = 2^log_fee + 2^log_fee_slope x        learned: x = 0
//!                                                     volatility: x = sqrt(mean over assets of the variance of returns)
//!                                                     momentum: x = sqrt(mean over assets of squared price gradients)
//! ```
//!
//! so that every fee lies between 0 and 1. Variance and gradient are those of [`Estimator`] with the decay
//! `logistic(logit_fee_lamb)`, per update interval. A fee holds for one interval; it is decided at its start.

use burn::tensor::Tensor;
use gradpool_ops::recurrence::RecurrenceForm;
use serde::{Deserialize, Serialize};

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::{CoarseSeries, Estimator};
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec};
use crate::settings::StrategySettings;
use crate::strategy::{Strategy, Windows};
use crate::transforms::{decay_of_memory_days, logistic, logit, memory_days_of_decay, power_of_two};

const LOG_FEE: &str = "log_fee";
const LOG_FEE_SLOPE: &str = "log_fee_slope";
const LOGIT_FEE_LAMB: &str = "logit_fee_lamb";
/// Keeps the slope of a root finite at zero.
const TINY: f64 = 1e-24;

/// Where the swap fee comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeForm {
    /// The pool's settings.
    #[default]
    Fixed,
    /// A parameter.
    Learned,
    /// Parameters and the volatility of prices.
    Volatility,
    /// Parameters and the momentum of prices, up or down.
    Momentum,
}

/// A fee that is part of the strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeeSettings {
    /// Where it comes from.
    pub form: FeeForm,
    /// What its constant part starts at, as a fee rate.
    pub rate: f64,
}

impl FeeSettings {
    /// Whether parameter sets hold it.
    pub fn is_trained(&self) -> bool {
        self.form != FeeForm::Fixed
    }

    fn estimates(self) -> bool {
        matches!(self.form, FeeForm::Volatility | FeeForm::Momentum)
    }

    /// The leaves that hold it.
    pub fn leaves(&self) -> Vec<LeafSpec> {
        let one = LeafShape::Values(1);
        let constant = LeafSpec::required(LOG_FEE, "constant part of -ln(1 - fee), log2", (-14.0, -3.0));
        let slope = LeafSpec::required(LOG_FEE_SLOPE, "what volatility or momentum adds to it, log2", (-10.0, 4.0));
        let decay = LeafSpec::required(LOGIT_FEE_LAMB, "decay of that estimate = logistic", (-4.0, 8.0));
        let (constant, slope, decay) = (constant.with_shape(one), slope.with_shape(one), decay.with_shape(one));
        match self.form {
            FeeForm::Fixed => Vec::new(),
            FeeForm::Learned => vec![constant],
            FeeForm::Volatility | FeeForm::Momentum => vec![constant, slope, decay],
        }
    }

    /// A trained fee in human units: its constant part as a fee rate, what volatility or momentum adds per unit, and the
    /// memory of that estimate in days.
    pub fn in_human_units(&self, values: &ParameterValues, settings: &StrategySettings) -> Vec<(&'static str, f64)> {
        let leaf = |name: &str| values.leaf(name).and_then(|values| values.first().copied());
        let days = |logit: f64| memory_days_of_decay(1.0 / (1.0 + (-logit).exp()), settings.update_interval_min());
        let fee_rate = leaf(LOG_FEE).map(|log| ("fee_rate", -(-log.exp2()).exp_m1()));
        let slope = leaf(LOG_FEE_SLOPE).map(|log| ("fee_slope", log.exp2()));
        let memory = leaf(LOGIT_FEE_LAMB).map(|logit| ("fee_memory_days", days(logit)));
        [fee_rate, slope, memory].into_iter().flatten().collect()
    }

    /// Where the leaves start.
    pub(crate) fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let start = |leaf: &LeafSpec| {
            let value = match leaf.name.as_ref() {
                LOG_FEE => (-(-self.rate).ln_1p()).log2(),
                LOG_FEE_SLOPE => initial.fee_slope.log2(),
                _ => logit(decay_of_memory_days(initial.fee_memory_days, settings.update_interval_min())),
            };
            (leaf.name.to_string(), vec![value])
        };
        ParameterValues { leaves: self.leaves().iter().map(start).collect() }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] for a start outside (0, 1) of a fee that is trained.
    pub fn validate(&self) -> Result<(), StrategyError> {
        if !self.is_trained() || self.rate > 0.0 && self.rate < 1.0 {
            return Ok(());
        }
        Err(StrategyError::Setting {
            key: "fee_rate".into(),
            value: self.rate.to_string(),
            valid: "above 0 and below 1, where a trained fee starts".into(),
        })
    }
}

impl Strategy {
    /// What the fee looks at besides parameters.
    pub(crate) fn fee_estimator(&self, context: &RuleContext<'_>) -> Option<Estimator> {
        let fee = &self.settings().fee;
        if !fee.estimates() {
            return None;
        }
        let decay = context.capped(logistic(context.required(LOGIT_FEE_LAMB)));
        Some(match fee.form {
            FeeForm::Momentum => Estimator::Gradient { decay, denominator_decay: None },
            _ => Estimator::Variance { decay },
        })
    }

    /// Fees `[sets, time, 1]` from estimates `[sets, time, assets]`; without one `[sets, 1, 1]`.
    pub(crate) fn fees_of(&self, context: &RuleContext<'_>, estimate: Option<Tensor<3>>) -> Tensor<3> {
        let leaf = |name: &str| power_of_two(context.required(name)).narrow(1, 0, 1).unsqueeze_dim::<3>(2);
        let mut width = leaf(LOG_FEE);
        if let Some(estimate) = estimate {
            let squares = match self.settings().fee.form {
                FeeForm::Momentum => estimate.clone() * estimate,
                // The variance is one where nothing is known yet.
                _ => estimate.clone().mask_fill(estimate.equal_elem(1.0), 0.0),
            };
            width = width + leaf(LOG_FEE_SLOPE) * (squares.mean_dim(2) + TINY).sqrt();
        }
        width.neg().exp().neg() + 1.0
    }

    /// Fees of the update intervals of every window, `[sets * windows, intervals]` (one column for a fee that does not
    /// change), set-major; `None` for a fee that is no part of the strategy.
    ///
    /// # Errors
    /// [`StrategyError::Window`] for a window in front of which no estimate is known.
    pub fn fees(
        &self,
        parameters: &ParameterSets,
        series: &CoarseSeries,
        windows: &Windows,
    ) -> Result<Option<Tensor<2>>, StrategyError> {
        if !self.settings().fee.is_trained() {
            return Ok(None);
        }
        let context = RuleContext::new(parameters, self.settings());
        let (sets, entries) = (parameters.sets(), windows.starts.len());
        let Some(estimator) = self.fee_estimator(&context) else {
            let fees = self.fees_of(&context, None).expand([sets, entries, 1]);
            return Ok(Some(fees.reshape([sets * entries, 1])));
        };
        let interval_rows = self.settings().update_interval_rows;
        let intervals = windows.rows.div_ceil(interval_rows);
        let mut known = Vec::with_capacity(entries * intervals);
        for &start in &windows.starts {
            let Some(first) = (start / interval_rows).checked_sub(1) else {
                let detail = "its fee is decided by prices before it, of which there are none".to_owned();
                return Err(StrategyError::Window { start, rows: windows.rows, detail });
            };
            known.extend((first..first + intervals).map(|row| row as i64));
        }
        let estimate = estimator.estimate(series, RecurrenceForm::Sequential, sets);
        let fees = self.fees_of(&context, Some(estimate));
        let indices = Tensor::<1, burn::tensor::Int>::from_data(known.as_slice(), &fees.device());
        Ok(Some(fees.select(1, indices).reshape([sets * entries, intervals])))
    }
}
