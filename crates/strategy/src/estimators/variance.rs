//! The exponentially weighted variance of returns (spec 02 sec. 2.1.5).

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};
use serde::{Deserialize, Serialize};

use super::average;

/// Returns `r_1 .. r_{N-1}`, `[1, N - 1, assets]`: `(p_t - p_{t-1}) / p_{t-1}`.
pub(super) fn returns(prices: &Tensor<3>) -> Tensor<3> {
    let [_, rows, assets] = prices.dims();
    let before = prices.clone().slice([0..1, 0..rows - 1, 0..assets]);
    let after = prices.clone().slice([0..1, 1..rows, 0..assets]);
    (after - before.clone()) / before
}

/// Returns from the prices kept to the new ones, which are kept from then on.
pub(super) fn take_returns(kept: &mut Vec<f64>, prices: &[f64]) -> Vec<f64> {
    let returns = kept.iter().zip(prices).map(|(before, after)| (after - before) / before).collect();
    *kept = prices.to_vec();
    returns
}

/// Deviations of the returns after the first from the mean before them, `[sets, N - 2, assets]`.
pub(super) fn deviations(returns: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let [_, rows, assets] = returns.dims();
    let [sets, _] = decay.dims();
    let first = returns.clone().slice([0..1, 0..1, 0..assets]).expand([sets, 1, assets]);
    let means = average::rows(returns, decay, form);
    let means = Tensor::cat(vec![first, means], 1).slice([0..sets, 0..rows - 1, 0..assets]);
    returns.clone().slice([0..1, 1..rows, 0..assets]) - means
}

pub(super) fn rows(prices: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let returns = returns(prices);
    let [_, rows, assets] = returns.dims();
    let [sets, _] = decay.dims();
    let first = Tensor::ones([sets, rows.min(1), assets], (&decay.device(), decay.dtype()));
    if rows < 2 {
        return first;
    }
    let deviation = deviations(&returns, decay.clone(), form);
    let squares = deviation.clone() * deviation * decay.clone().unsqueeze_dim::<3>(1);
    let start = decay.zeros_like();
    let spread = recurrence(squares, decay.clone(), start, RecurrenceOptions { form, dead_zone: None });
    Tensor::cat(vec![first, spread * (decay.neg() + 1.0).unsqueeze_dim::<3>(1)], 1)
}

/// What is kept between two rows, per asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The newest price.
    pub price: Vec<f64>,
    /// Mean of the returns; `None` before the first.
    pub mean: Option<Vec<f64>>,
    /// The running sum of squares.
    pub spread: Vec<f64>,
}

impl State {
    pub(super) fn new(prices: &[f64]) -> Self {
        Self { price: prices.to_vec(), mean: None, spread: vec![0.0; prices.len()] }
    }

    pub(super) fn step(&mut self, decay: &[f64], prices: &[f64]) -> Vec<f64> {
        let returns = take_returns(&mut self.price, prices);
        let Some(mean) = &mut self.mean else {
            self.mean = Some(returns);
            return vec![1.0; prices.len()];
        };
        (0..prices.len())
            .map(|asset| {
                let decay = decay[asset];
                let deviation = returns[asset] - mean[asset];
                average::advance(&mut mean[asset], decay, returns[asset]);
                self.spread[asset] = recurrence::step(self.spread[asset], decay, deviation * deviation * decay);
                self.spread[asset] * (1.0 - decay)
            })
            .collect()
    }
}
