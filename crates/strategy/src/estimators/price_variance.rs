//! The exponentially weighted variance of prices, which the contracts have in place of that of returns (spec 13 sec. 3, 12.4).
//!
//! `A <- decay A + (p - m) (p - m')` with the mean before and after the price, `variance = (1 - decay) A`; the mean begins at
//! the first price, `A` at zero.

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};
use serde::{Deserialize, Serialize};

use super::{average, variance};

pub(super) fn rows(prices: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let deviation = variance::deviations(prices, decay.clone(), form);
    // (p - m') = decay (p - m)
    let squares = deviation.clone() * deviation * decay.clone().unsqueeze_dim::<3>(1);
    let start = decay.zeros_like();
    let spread = recurrence(squares, decay.clone(), start, RecurrenceOptions { form, dead_zone: None });
    spread * (decay.neg() + 1.0).unsqueeze_dim::<3>(1)
}

/// What is kept between two rows, per asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Mean of the prices.
    pub mean: Vec<f64>,
    /// The running sum of squares.
    pub spread: Vec<f64>,
}

impl State {
    pub(super) fn new(prices: &[f64]) -> Self {
        Self { mean: prices.to_vec(), spread: vec![0.0; prices.len()] }
    }

    pub(super) fn step(&mut self, decay: &[f64], prices: &[f64]) -> Vec<f64> {
        (0..prices.len())
            .map(|asset| {
                let decay = decay[asset];
                let deviation = prices[asset] - self.mean[asset];
                average::advance(&mut self.mean[asset], decay, prices[asset]);
                self.spread[asset] = recurrence::step(self.spread[asset], decay, deviation * deviation * decay);
                self.spread[asset] * (1.0 - decay)
            })
            .collect()
    }
}
