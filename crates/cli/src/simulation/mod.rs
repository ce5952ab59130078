//! One pass of a pool over some rows, by any of the ways to compute its weights, with every row on the host.

mod onchain;
mod rebalanced;
mod stream;
mod trading;
mod updates;

use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use clap::ValueEnum;
use gradpool_metrics::{Metric, MetricValue, SeriesInputs, evaluate_all};
use gradpool_ops::interpolate;
use gradpool_ops::interpolation::PathLayout;
use gradpool_pools::{Pool, Rest};
use gradpool_strategy::{Observation, ParameterSets, ParameterValues, StrategySettings, WeightPath, Windows};

use crate::output::Hinted;
use crate::setup::Setup;

pub use onchain::OnChain;
pub use updates::Updates;

/// A way to compute weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ComputedBy {
    /// Whole histories in one piece.
    Vectorized,
    /// One update after another.
    Scan,
    /// One price row after another, in f64, as a keeper runs it.
    Stream,
}

impl ComputedBy {
    /// The name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectorized => "vectorized",
            Self::Scan => "scan",
            Self::Stream => "stream",
        }
    }
}

/// A pool with one parameter set over some rows of its history.
#[derive(Clone, Debug)]
pub struct Simulation<'a> {
    setup: &'a Setup,
    values: &'a ParameterValues,
    rows: Range<usize>,
}

/// Weights, reserves and value at every row.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// `[rows, assets]`, row-major: value shares for a pool without weights.
    pub weights: Vec<f64>,
    /// `[rows, assets]`, row-major: what the last arbitrage left.
    pub reserves: Vec<f64>,
    /// In USD, `[rows]`.
    pub values: Vec<f64>,
    /// What fees earned the depositors, in USD, where the pool counts it.
    pub fee_revenue: Option<f64>,
}

impl<'a> Simulation<'a> {
    /// `rows` are rows of the experiment's history; `values` fit the strategy.
    ///
    /// # Errors
    /// If there are no rows.
    pub fn new(setup: &'a Setup, values: &'a ParameterValues, rows: Range<usize>) -> anyhow::Result<Self> {
        if rows.is_empty() {
            let hint = "choose a later `period.end`";
            return Err(
                Hinted::new("the period from `period.start` to `period.end` has no row to simulate", hint).into()
            );
        }
        Ok(Self { setup, values, rows })
    }

    /// The ways that the rule can be computed, the ones that differentiate first.
    pub fn ways(&self) -> Vec<ComputedBy> {
        let strategy = self.setup.strategy();
        let scan = strategy.supports_scan();
        // A stream cannot look ahead, and does not forget what it holds.
        let forgets = self.setup.experiment.pool().settings().rest == Rest::Forgetful;
        let stream = scan && !forgets && !strategy.settings().compatibility.min_variance_lookahead;
        let ways = [
            (ComputedBy::Vectorized, strategy.supports_vectorized()),
            (ComputedBy::Scan, scan),
            (ComputedBy::Stream, stream),
        ];
        ways.into_iter().filter_map(|(way, supported)| supported.then_some(way)).collect()
    }

    /// The way that the configuration means.
    pub fn configured(&self) -> ComputedBy {
        match self.setup.strategy().resolved_path(&self.setup.device) {
            WeightPath::Vectorized => ComputedBy::Vectorized,
            WeightPath::Scan | WeightPath::Auto => ComputedBy::Scan,
        }
    }

    /// Number of simulated rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The simulated rows, as rows of the experiment's history.
    pub fn range(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The rows as a window.
    pub fn windows(&self) -> Windows {
        Windows::single(self.rows.start, self.rows.len())
    }

    /// The parameter set on the device.
    ///
    /// # Errors
    /// What the strategy refuses.
    pub fn parameters(&self) -> anyhow::Result<ParameterSets> {
        let set = std::slice::from_ref(self.values);
        Ok(ParameterSets::from_values(set, &self.setup.device, self.setup.dtype)?)
    }

    /// What a keeper sees at one row of the experiment's history.
    fn observation(&self, row: usize) -> Observation<'_> {
        let history = self.setup.experiment.history();
        Observation { prices: history.prices().row(row), supplies: history.supplies().map(|table| table.row(row)) }
    }

    /// Prices of the simulated rows, `[rows, assets]`, row-major.
    pub fn prices(&self) -> &[f64] {
        let prices = self.setup.experiment.history().prices();
        let assets = prices.assets().len();
        &prices.prices()[self.rows.start * assets..self.rows.end * assets]
    }

    /// Weights and values.
    ///
    /// # Errors
    /// What strategy or pool refuse, or a device that does not give its numbers back.
    pub fn run(&self, way: ComputedBy) -> anyhow::Result<Simulated> {
        match way {
            ComputedBy::Stream => self.stream(),
            ComputedBy::Vectorized | ComputedBy::Scan => self.run_on_device(way),
        }
    }

    fn run_on_device(&self, way: ComputedBy) -> anyhow::Result<Simulated> {
        let samples: Vec<usize> = (0..self.rows()).collect();
        let history = self.setup.experiment.history();
        let run = self.pool_computed_by(way)?.run(history, &self.parameters()?, &self.windows(), &samples)?;
        let fee_revenue = run.fee_revenue.map(to_host).transpose()?.and_then(|revenue| revenue.last().copied());
        let values = to_host(run.values)?;
        let reserves = run.reserves.map(to_host).transpose()?;
        if let Some(reserves) = self.without_weights(reserves.as_ref()) {
            let weights = self.value_shares(reserves, &values);
            return Ok(Simulated { weights, reserves: reserves.clone(), values, fee_revenue });
        }
        let weights = to_host(interpolate(run.positions, &PathLayout { stride: 1, ..run.layout }))?;
        let reserves = reserves.unwrap_or_else(|| self.reserves_of_weights(&weights, &values));
        Ok(Simulated { weights, reserves, values, fee_revenue })
    }

    fn pool_computed_by(&self, way: ComputedBy) -> anyhow::Result<Pool> {
        let path = if way == ComputedBy::Vectorized { WeightPath::Vectorized } else { WeightPath::Scan };
        let pool = self.setup.experiment.pool();
        let settings = StrategySettings { path, ..pool.strategy().settings().clone() };
        Ok(Pool::new(pool.strategy().with_settings(settings)?, pool.settings().clone())?)
    }

    /// Reserves at every row, `[rows, assets]`, of a pool that holds its weights whenever it is arbitraged.
    fn reserves_of_weights(&self, weights: &[f64], values: &[f64]) -> Vec<f64> {
        let prices = self.prices();
        let assets = self.setup.strategy().settings().assets;
        let stride = self.setup.experiment.pool().settings().arbitrage_interval_rows;
        let mut reserves = Vec::with_capacity(prices.len());
        for row in 0..self.rows() {
            let visited = row - row % stride;
            let first = visited * assets;
            reserves.extend((first..first + assets).map(|index| weights[index] * values[visited] / prices[index]));
        }
        reserves
    }

    /// The reserves of a pool that has no weights of its own: of a curve, or of a basket that is held.
    fn without_weights<'r>(&self, reserves: Option<&'r Vec<f64>>) -> Option<&'r Vec<f64>> {
        let pool = self.setup.experiment.pool();
        reserves.filter(|_| pool.settings().kind.has_no_weights() || pool.is_held())
    }

    /// Shares of the assets in the value, `[rows, assets]`.
    fn value_shares(&self, reserves: &[f64], values: &[f64]) -> Vec<f64> {
        let assets = self.setup.strategy().settings().assets;
        let worth = reserves.iter().zip(self.prices()).map(|(reserve, price)| reserve * price);
        worth.enumerate().map(|(index, worth)| worth / values[index / assets]).collect()
    }

    /// Metrics of the simulated values, in `f64` on the host.
    ///
    /// # Errors
    /// As [`evaluate_all`].
    pub fn metrics(&self, simulated: &Simulated, metrics: &[Metric]) -> anyhow::Result<Vec<MetricValue>> {
        let (prices, reserves) = (self.prices(), &simulated.reserves);
        let assets = self.setup.strategy().settings().assets;
        let line = |numbers: &[f64]| {
            let data = TensorData::new(numbers.to_vec(), [1, numbers.len()]);
            Tensor::<2>::from_data(data, (&Device::flex(), DType::F64))
        };
        let inputs = SeriesInputs {
            values: line(&simulated.values),
            sample_rows: (0..self.rows()).collect(),
            rows: self.rows(),
            calendar: self.setup.experiment.calendar(),
            initial_reserves: line(&reserves[..assets]),
            first_prices: line(&prices[..assets]),
            last_prices: line(&prices[prices.len() - assets..]),
            fee_revenue: simulated.fee_revenue.map(|revenue| line(&[revenue]).squeeze_dim(1)),
        };
        Ok(evaluate_all(metrics, &inputs)?.pop().unwrap_or_default())
    }
}

pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>) -> anyhow::Result<Vec<f64>> {
    tensor
        .try_into_vec_as::<f64>()
        .map_err(|error| anyhow::anyhow!("the device did not give its numbers back: {error}"))
}
