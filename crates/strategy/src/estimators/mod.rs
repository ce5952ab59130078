//! Estimators: what a rule knows of the past (spec 02 sec. 2.1).
//!
//! Every estimator acts on coarse rows `0 .. N-1` (one per update interval) and returns `N - 1` rows; row `r` knows what
//! was observed up to coarse row `r + 1`. Both forms are the same recursions: `Sequential` one step after another with the
//! production rule that tiny running gradients are zero, `Blocked` in independent blocks of time. A stepper is the
//! sequential form for one parameter set, one row at a time, with the same operations in the same order, so that in `f64`
//! both give the same bits.

mod average;
mod covariance;
mod gradient;
mod observation;
mod price_variance;
mod variance;

use burn::tensor::Tensor;
use gradpool_ops::recurrence::RecurrenceForm;
use serde::{Deserialize, Serialize};

pub(crate) use average::advance as advance_average;
pub use covariance::State as CovarianceState;
pub use gradient::{DEAD_ZONE, State as GradientState};
pub use observation::{CoarseSeries, Observation};
pub use price_variance::State as PriceVarianceState;
pub use variance::State as VarianceState;

/// An estimator with its decays, each `[sets, assets]`, already capped.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a rule has a handful of them, built once per run")]
pub enum Estimator {
    /// The newest price.
    Price,
    /// The newest price times circulating supply.
    MarketCap,
    /// Exponentially weighted moving average `m` of prices (spec 02 sec. 2.1.1).
    Average {
        /// Decay of the average.
        decay: Tensor<2>,
    },
    /// Relative price gradient: `a / (b m)` with the EWMA `m` and the running gradient `a` (spec 02 sec. 2.1.2); with a
    /// denominator decay, the EWMA below the line has that decay (sec. 2.1.3).
    Gradient {
        /// Decay of average and running gradient.
        decay: Tensor<2>,
        /// Decay of the average in the denominator, if it differs.
        denominator_decay: Option<Tensor<2>>,
    },
    /// Exponentially weighted variance of returns (spec 02 sec. 2.1.5); 1 before there are two returns.
    Variance {
        /// Decay of mean and variance.
        decay: Tensor<2>,
    },
    /// Exponentially weighted variance of prices, as the contracts have it (spec 13 sec. 3).
    PriceVariance {
        /// Decay of mean and variance.
        decay: Tensor<2>,
    },
    /// Exponentially weighted covariance of returns, `[sets, time, assets * assets]` row-major; the identity before there
    /// are two returns. Its diagonal is [`Estimator::Variance`].
    Covariance {
        /// Decay of means and covariances.
        decay: Tensor<2>,
    },
}

impl Estimator {
    /// Estimates `[sets, N - 1, width]` from `N` coarse rows; the width is the number of assets, or its square for the
    /// covariance.
    ///
    /// # Panics
    /// If supplies are needed and absent.
    pub fn estimate(&self, series: &CoarseSeries, form: RecurrenceForm, sets: usize) -> Tensor<3> {
        match self {
            Self::Price => observation::newest(&series.prices, sets),
            Self::MarketCap => observation::newest(&series.market_caps(), sets),
            Self::Average { decay } => average::rows(&series.prices, decay.clone(), form),
            Self::Gradient { decay, denominator_decay } => {
                gradient::rows(&series.prices, decay.clone(), denominator_decay.clone(), form)
            }
            Self::Variance { decay } => variance::rows(&series.prices, decay.clone(), form),
            Self::PriceVariance { decay } => price_variance::rows(&series.prices, decay.clone(), form),
            Self::Covariance { decay } => covariance::rows(&series.prices, decay.clone(), form),
        }
    }

    /// Whether it looks at circulating supplies.
    pub fn needs_supplies(&self) -> bool {
        matches!(self, Self::MarketCap)
    }

    /// The same estimator for one parameter set, to be run row by row.
    pub fn stepper(&self) -> EstimatorStepper {
        let host = |tensor: &Tensor<2>| tensor.to_data().convert::<f64>().iter::<f64>().collect::<Vec<f64>>();
        match self {
            Self::Price => EstimatorStepper::Price,
            Self::MarketCap => EstimatorStepper::MarketCap,
            Self::Average { decay } => EstimatorStepper::Average { decay: host(decay) },
            Self::Gradient { decay, denominator_decay } => EstimatorStepper::Gradient {
                decay: host(decay),
                denominator_decay: denominator_decay.as_ref().map(host),
            },
            Self::Variance { decay } => EstimatorStepper::Variance { decay: host(decay) },
            Self::PriceVariance { decay } => EstimatorStepper::PriceVariance { decay: host(decay) },
            Self::Covariance { decay } => EstimatorStepper::Covariance { decay: host(decay) },
        }
    }
}

/// An [`Estimator`] of one parameter set on the host: its decays per asset.
#[derive(Clone, Debug, PartialEq)]
pub enum EstimatorStepper {
    /// See [`Estimator::Price`].
    Price,
    /// See [`Estimator::MarketCap`].
    MarketCap,
    /// See [`Estimator::Average`].
    Average {
        /// Decay of the average.
        decay: Vec<f64>,
    },
    /// See [`Estimator::Gradient`].
    Gradient {
        /// Decay of average and running gradient.
        decay: Vec<f64>,
        /// Decay of the average in the denominator, if it differs.
        denominator_decay: Option<Vec<f64>>,
    },
    /// See [`Estimator::Variance`].
    Variance {
        /// Decay of mean and variance.
        decay: Vec<f64>,
    },
    /// See [`Estimator::PriceVariance`].
    PriceVariance {
        /// Decay of mean and variance.
        decay: Vec<f64>,
    },
    /// See [`Estimator::Covariance`].
    Covariance {
        /// Decay of means and covariances.
        decay: Vec<f64>,
    },
}

/// State of one estimator between two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimatorState {
    /// State of an estimator that only looks at the newest row.
    None,
    /// State of a moving average, per asset.
    Average(Vec<f64>),
    /// State of a gradient estimator.
    Gradient(GradientState),
    /// State of a variance estimator.
    Variance(VarianceState),
    /// State of an estimator of the variance of prices.
    PriceVariance(PriceVarianceState),
    /// State of a covariance estimator.
    Covariance(CovarianceState),
}

impl EstimatorStepper {
    /// State after the first coarse row.
    pub fn initial_state(&self, first: Observation<'_>) -> EstimatorState {
        let prices = first.prices;
        match self {
            Self::Price | Self::MarketCap => EstimatorState::None,
            Self::Average { .. } => EstimatorState::Average(prices.to_vec()),
            Self::Gradient { denominator_decay, .. } => {
                EstimatorState::Gradient(GradientState::new(prices, denominator_decay.is_some()))
            }
            Self::Variance { .. } => EstimatorState::Variance(VarianceState::new(prices)),
            Self::PriceVariance { .. } => EstimatorState::PriceVariance(PriceVarianceState::new(prices)),
            Self::Covariance { .. } => EstimatorState::Covariance(CovarianceState::new(prices)),
        }
    }

    /// Takes one coarse row and returns the estimate row.
    ///
    /// # Panics
    /// If the state is that of another estimator, or supplies are needed and absent.
    pub fn step(&self, state: &mut EstimatorState, row: Observation<'_>) -> Vec<f64> {
        match (self, state) {
            (Self::Price, EstimatorState::None) => row.prices.to_vec(),
            (Self::MarketCap, EstimatorState::None) => row.market_caps(),
            (Self::Average { decay }, EstimatorState::Average(average)) => average::step(average, decay, row.prices),
            (Self::Gradient { decay, denominator_decay }, EstimatorState::Gradient(state)) => {
                state.step(decay, denominator_decay.as_deref(), row.prices)
            }
            (Self::Variance { decay }, EstimatorState::Variance(state)) => state.step(decay, row.prices),
            (Self::PriceVariance { decay }, EstimatorState::PriceVariance(state)) => state.step(decay, row.prices),
            (Self::Covariance { decay }, EstimatorState::Covariance(state)) => state.step(decay, row.prices),
            (stepper, state) => panic!("the state {state:?} is not one of {stepper:?}"),
        }
    }
}
