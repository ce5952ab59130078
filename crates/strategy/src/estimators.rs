//! Estimators: what a rule knows of the past (spec 02 sec. 2.1).
//!
//! Every estimator acts on coarse prices `p_0 .. p_{N-1}` (one row per update interval) and returns `N - 1` rows; row `r`
//! knows prices up to `p_{r+1}`. Both forms are the same recursions: `Sequential` one step after another with the production
//! rule that tiny running gradients are zero, `Blocked` in independent blocks of time.

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};
use serde::{Deserialize, Serialize};

/// Running gradients below this size (in price units) are set to zero by the sequential recursion (spec 02 sec. 2.1.2).
pub const DEAD_ZONE: f64 = 1e-10;

/// An estimator with its decays, each `[sets, assets]`, already capped.
#[derive(Clone, Debug)]
pub enum Estimator {
    /// Relative price gradient: `a / (b m)` with the EWMA `m` and the running gradient `a` (spec 02 sec. 2.1.2); with a
    /// denominator decay, the EWMA below the line has that decay (sec. 2.1.3).
    Gradient {
        /// Decay of average and running gradient.
        decay: Tensor<2>,
        /// Decay of the average in the denominator, if it differs.
        denominator_decay: Option<Tensor<2>>,
    },
}

impl Estimator {
    /// Estimates `[sets, N - 1, assets]` from coarse prices `[1, N, assets]`.
    pub fn estimate(&self, prices: &Tensor<3>, form: RecurrenceForm) -> Tensor<3> {
        match self {
            Self::Gradient { decay, denominator_decay } => {
                gradient(prices, decay.clone(), denominator_decay.clone(), form)
            }
        }
    }

    /// The same estimator for one parameter set, to be run row by row.
    pub fn stepper(&self) -> EstimatorStepper {
        let host = |tensor: &Tensor<2>| tensor.to_data().convert::<f64>().iter::<f64>().collect::<Vec<f64>>();
        match self {
            Self::Gradient { decay, denominator_decay } => EstimatorStepper::Gradient {
                decay: host(decay),
                denominator_decay: denominator_decay.as_ref().map(host),
            },
        }
    }
}

/// EWMA rows `m_1 .. m_{N-1}` with `m_0 = p_0` (spec 02 sec. 2.1.1), as `m_t = decay m_{t-1} + (1 - decay) p_t`.
fn average(prices: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let [_, rows, assets] = prices.dims();
    let [sets, _] = decay.dims();
    let first = prices.clone().slice([0..1, 0..1, 0..assets]).reshape([1, assets]).expand([sets, assets]);
    let rest = prices.clone().slice([0..1, 1..rows, 0..assets]);
    let complement: Tensor<3> = (decay.clone().neg() + 1.0).unsqueeze_dim(1);
    recurrence(rest * complement, decay, first, RecurrenceOptions { form, dead_zone: None })
}

fn gradient(
    prices: &Tensor<3>,
    decay: Tensor<2>,
    denominator_decay: Option<Tensor<2>>,
    form: RecurrenceForm,
) -> Tensor<3> {
    let [_, rows, assets] = prices.dims();
    let mean = average(prices, decay.clone(), form);
    let rest = prices.clone().slice([0..1, 1..rows, 0..assets]);
    let complement = decay.clone().neg() + 1.0;
    let deviation = (rest - mean.clone()) * complement.clone().recip().unsqueeze_dim::<3>(1);
    let dead_zone = (form == RecurrenceForm::Sequential).then_some(DEAD_ZONE);
    let start = decay.zeros_like();
    let running = recurrence(deviation, decay.clone(), start, RecurrenceOptions { form, dead_zone });
    let scale = decay / (complement.clone() * complement.clone() * complement);
    let denominator = denominator_decay.map_or(mean, |decay| average(prices, decay, form));
    running / (denominator * scale.unsqueeze_dim::<3>(1))
}

/// An [`Estimator`] of one parameter set on the host: its decays per asset.
#[derive(Clone, Debug, PartialEq)]
pub enum EstimatorStepper {
    /// See [`Estimator::Gradient`].
    Gradient {
        /// Decay of average and running gradient.
        decay: Vec<f64>,
        /// Decay of the average in the denominator, if it differs.
        denominator_decay: Option<Vec<f64>>,
    },
}

/// State of one estimator between two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimatorState {
    /// State of a gradient estimator, per asset.
    Gradient {
        /// The moving average `m`.
        average: Vec<f64>,
        /// The moving average in the denominator, if it has a decay of its own.
        denominator: Option<Vec<f64>>,
        /// The running gradient `a`.
        running: Vec<f64>,
    },
}

impl EstimatorStepper {
    /// State after the first coarse price row.
    pub fn initial_state(&self, prices: &[f64]) -> EstimatorState {
        match self {
            Self::Gradient { denominator_decay, .. } => EstimatorState::Gradient {
                average: prices.to_vec(),
                denominator: denominator_decay.as_ref().map(|_| prices.to_vec()),
                running: vec![0.0; prices.len()],
            },
        }
    }

    /// Takes one coarse price row and returns the estimate row. The operations and their order are those of the
    /// sequential form of [`Estimator::estimate`], so both give the same bits in `f64`.
    pub fn step(&self, state: &mut EstimatorState, prices: &[f64]) -> Vec<f64> {
        let (Self::Gradient { decay, denominator_decay }, EstimatorState::Gradient { average, denominator, running }) =
            (self, state);
        let advance = |average: &mut f64, decay: f64, price: f64| {
            *average = recurrence::step(*average, decay, price * (1.0 - decay));
        };
        (0..prices.len())
            .map(|asset| {
                let (price, decay) = (prices[asset], decay[asset]);
                let complement = 1.0 - decay;
                advance(&mut average[asset], decay, price);
                let deviation = (price - average[asset]) * (1.0 / complement);
                running[asset] = recurrence::step(running[asset], decay, deviation);
                if running[asset].abs() < DEAD_ZONE {
                    running[asset] = 0.0;
                }
                let below = match (denominator_decay, denominator.as_mut()) {
                    (Some(decays), Some(denominator)) => {
                        advance(&mut denominator[asset], decays[asset], price);
                        denominator[asset]
                    }
                    _ => average[asset],
                };
                running[asset] / (below * (decay / (complement * complement * complement)))
            })
            .collect()
    }
}
