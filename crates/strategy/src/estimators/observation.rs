//! What estimators look at: prices and, for some rules, circulating supplies.

use burn::tensor::Tensor;

/// Coarse rows of a whole history, `[1, N, assets]`.
#[derive(Clone, Debug)]
pub struct CoarseSeries {
    /// Prices.
    pub prices: Tensor<3>,
    /// Circulating supplies, where they are known.
    pub supplies: Option<Tensor<3>>,
}

/// One coarse row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation<'a> {
    /// Price of each asset.
    pub prices: &'a [f64],
    /// Circulating supply of each asset, where they are known.
    pub supplies: Option<&'a [f64]>,
}

impl<'a> From<&'a [f64]> for Observation<'a> {
    fn from(prices: &'a [f64]) -> Self {
        Self { prices, supplies: None }
    }
}

impl<'a> From<&'a Vec<f64>> for Observation<'a> {
    fn from(prices: &'a Vec<f64>) -> Self {
        prices.as_slice().into()
    }
}

const NO_SUPPLIES: &str = "circulating supplies are needed; Strategy::check_series was not called";

impl CoarseSeries {
    /// Prices alone.
    pub fn of_prices(prices: Tensor<3>) -> Self {
        Self { prices, supplies: None }
    }

    /// Price times supply.
    #[expect(clippy::expect_used, reason = "documented panic")]
    pub(super) fn market_caps(&self) -> Tensor<3> {
        self.prices.clone() * self.supplies.clone().expect(NO_SUPPLIES)
    }
}

impl Observation<'_> {
    /// Price times supply.
    #[expect(clippy::expect_used, reason = "documented panic")]
    pub(super) fn market_caps(&self) -> Vec<f64> {
        let supplies = self.supplies.expect(NO_SUPPLIES);
        self.prices.iter().zip(supplies).map(|(price, supply)| price * supply).collect()
    }
}

/// Rows 1 to N - 1 of a series, for every set.
pub(super) fn newest(series: &Tensor<3>, sets: usize) -> Tensor<3> {
    let [_, rows, assets] = series.dims();
    series.clone().slice([0..1, 1..rows, 0..assets]).expand([sets, rows - 1, assets])
}
