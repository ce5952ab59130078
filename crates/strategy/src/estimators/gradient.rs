//! The relative price gradient (spec 02 sec. 2.1.2 and 2.1.3).

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};
use serde::{Deserialize, Serialize};

use super::average;

/// Running gradients below this size (in price units) are set to zero by the sequential recursion (spec 02 sec. 2.1.2).
pub const DEAD_ZONE: f64 = 1e-10;

pub(super) fn rows(
    prices: &Tensor<3>,
    decay: Tensor<2>,
    denominator_decay: Option<Tensor<2>>,
    form: RecurrenceForm,
) -> Tensor<3> {
    let [_, rows, assets] = prices.dims();
    let mean = average::rows(prices, decay.clone(), form);
    let rest = prices.clone().slice([0..1, 1..rows, 0..assets]);
    let complement = decay.clone().neg() + 1.0;
    let deviation = (rest - mean.clone()) * complement.clone().recip().unsqueeze_dim::<3>(1);
    let dead_zone = (form == RecurrenceForm::Sequential).then_some(DEAD_ZONE);
    let start = decay.zeros_like();
    let running = recurrence(deviation, decay.clone(), start, RecurrenceOptions { form, dead_zone });
    let scale = decay / (complement.clone() * complement.clone() * complement);
    let denominator = denominator_decay.map_or(mean, |decay| average::rows(prices, decay, form));
    running / (denominator * scale.unsqueeze_dim::<3>(1))
}

/// What is kept between two rows, per asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The moving average `m`.
    pub average: Vec<f64>,
    /// The moving average in the denominator, if it has a decay of its own.
    pub denominator: Option<Vec<f64>>,
    /// The running gradient `a`.
    pub running: Vec<f64>,
}

impl State {
    pub(crate) fn new(prices: &[f64], with_denominator: bool) -> Self {
        Self {
            average: prices.to_vec(),
            denominator: with_denominator.then(|| prices.to_vec()),
            running: vec![0.0; prices.len()],
        }
    }

    pub(crate) fn step(&mut self, decay: &[f64], denominator_decay: Option<&[f64]>, prices: &[f64]) -> Vec<f64> {
        (0..prices.len())
            .map(|asset| {
                let (price, decay) = (prices[asset], decay[asset]);
                let complement = 1.0 - decay;
                average::advance(&mut self.average[asset], decay, price);
                let deviation = (price - self.average[asset]) * (1.0 / complement);
                let running = &mut self.running[asset];
                *running = recurrence::step(*running, decay, deviation);
                if running.abs() < DEAD_ZONE {
                    *running = 0.0;
                }
                let below = match (denominator_decay, self.denominator.as_mut()) {
                    (Some(decays), Some(denominator)) => {
                        average::advance(&mut denominator[asset], decays[asset], price);
                        denominator[asset]
                    }
                    _ => self.average[asset],
                };
                self.running[asset] / (below * (decay / (complement * complement * complement)))
            })
            .collect()
    }
}
