//! The exponentially weighted covariance of returns: [`variance`] for every pair of assets.
//!
//! With the deviations `d` of the returns from their means and the decays `l`,
//! `S_ij <- sqrt(l_i l_j) (S_ij + d_i d_j)` and `cov_ij = sqrt((1 - l_i) (1 - l_j)) S_ij`. Every step multiplies elementwise
//! by, and adds, matrices of rank one without negative eigenvalues, so the covariance has none either; its diagonal is the
//! variance of spec 02 sec. 2.1.5.

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};
use serde::{Deserialize, Serialize};

use super::{average, variance};

/// Products of all pairs of `[sets, time, assets]`, `[sets, time, assets * assets]`.
fn pairs(values: Tensor<3>) -> Tensor<3> {
    let [sets, rows, assets] = values.dims();
    let column: Tensor<4> = values.clone().unsqueeze_dim(3);
    let row: Tensor<4> = values.unsqueeze_dim(2);
    (column * row).reshape([sets, rows, assets * assets])
}

/// `sqrt(x_i x_j)` of `[sets, assets]`, `[sets, assets * assets]`; `x_i` itself on the diagonal up to rounding.
fn geometric_means(values: Tensor<2>) -> Tensor<2> {
    pairs(values.sqrt().unsqueeze_dim(1)).squeeze_dim(1)
}

pub(super) fn rows(prices: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let returns = variance::returns(prices);
    let [_, rows, assets] = returns.dims();
    let [sets, _] = decay.dims();
    let identity = Tensor::<2>::eye(assets, &decay.device()).cast(decay.dtype()).reshape([1, 1, assets * assets]);
    let first = identity.expand([sets, rows.min(1), assets * assets]);
    if rows < 2 {
        return first;
    }
    let deviation = variance::deviations(&returns, decay.clone(), form);
    let decays = geometric_means(decay.clone());
    let products = pairs(deviation) * decays.clone().unsqueeze_dim::<3>(1);
    let start = decays.zeros_like();
    let spread = recurrence(products, decays, start, RecurrenceOptions { form, dead_zone: None });
    let scale: Tensor<3> = geometric_means(decay.neg() + 1.0).unsqueeze_dim(1);
    Tensor::cat(vec![first, spread * scale], 1)
}

/// What is kept between two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The newest price, per asset.
    pub price: Vec<f64>,
    /// Mean of the returns, per asset; `None` before the first.
    pub mean: Option<Vec<f64>>,
    /// The running sums of products, `[assets * assets]` row-major.
    pub spread: Vec<f64>,
}

impl State {
    pub(super) fn new(prices: &[f64]) -> Self {
        Self { price: prices.to_vec(), mean: None, spread: vec![0.0; prices.len() * prices.len()] }
    }

    pub(super) fn step(&mut self, decay: &[f64], prices: &[f64]) -> Vec<f64> {
        let assets = prices.len();
        let returns = variance::take_returns(&mut self.price, prices);
        let Some(mean) = &mut self.mean else {
            self.mean = Some(returns);
            return (0..assets * assets).map(|pair| f64::from(u8::from(pair % (assets + 1) == 0))).collect();
        };
        let deviations: Vec<f64> = returns.iter().zip(&*mean).map(|(value, mean)| value - mean).collect();
        for (asset, mean) in mean.iter_mut().enumerate() {
            average::advance(mean, decay[asset], returns[asset]);
        }
        let roots: Vec<f64> = decay.iter().map(|decay| decay.sqrt()).collect();
        let scales: Vec<f64> = decay.iter().map(|decay| (1.0 - decay).sqrt()).collect();
        (0..assets * assets)
            .map(|pair| {
                let (i, j) = (pair / assets, pair % assets);
                let decay = roots[i] * roots[j];
                let spread = &mut self.spread[pair];
                *spread = recurrence::step(*spread, decay, deviations[i] * deviations[j] * decay);
                *spread * (scales[i] * scales[j])
            })
            .collect()
    }
}
