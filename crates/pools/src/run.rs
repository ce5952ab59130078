//! The result of running a pool.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use gradpool_ops::interpolation::{Interpolation, PathLayout};
use gradpool_strategy::{OutputKind, Windows};

use crate::history::PricedHistory;
use crate::pool::{Pool, interpolated_rows};

/// Values of every parameter set over every window at the sampled rows. The batch is set-major:
/// entry `set * windows + window`.
#[derive(Clone, Debug)]
pub struct PoolRun {
    /// Value in USD, `[sets * windows, samples]`.
    pub values: Tensor<2>,
    /// Reserves, `[sets * windows, samples, assets]`: those of the last arbitrage; `None` for a pool that holds its weights,
    /// whose reserves follow from value and weights.
    pub reserves: Option<Tensor<3>>,
    /// What fees earned the depositors up to each sample, `[sets * windows, samples]`, in USD; `None` for a pool that does not
    /// count it.
    pub fee_revenue: Option<Tensor<2>>,
    /// The sampled rows of the window.
    pub sample_rows: Vec<usize>,
    /// Coarse weights, `[sets * windows, ramps + 1, assets]`.
    pub positions: Tensor<3>,
    /// Reserves at the first row, `[sets * windows, assets]`.
    pub initial_reserves: Tensor<2>,
    /// Prices at the first row, `[sets * windows, assets]`.
    pub first_prices: Tensor<2>,
    /// Prices at the last row, `[sets * windows, assets]`.
    pub last_prices: Tensor<2>,
    /// The windows.
    pub windows: Windows,
    /// How their rows lie in update intervals.
    pub layout: PathLayout,
}

impl PoolRun {
    /// What fees earned the depositors over some rows of the windows, `[batch]`, in USD; `None` for a pool that does not count
    /// it, and where the last of the rows, or the row before the first, was not sampled.
    pub fn fee_revenue_of(&self, rows: Range<usize>) -> Option<Tensor<1>> {
        let revenue = self.fee_revenue.as_ref()?;
        let upto = |row: usize| {
            let sample = self.sample_rows.binary_search(&row).ok()?;
            Some(revenue.clone().narrow(1, sample, 1).squeeze_dim::<1>(1))
        };
        let whole = upto(rows.end.checked_sub(1)?)?;
        if rows.start == 0 { Some(whole) } else { Some(whole - upto(rows.start - 1)?) }
    }
}

/// Everything about every row of a window, for output and checks: a step costs what it takes to write it down.
#[derive(Clone, Debug)]
pub struct DenseSeries {
    /// Weights the pool was set to, `[batch, rows, assets]`; of a held basket, and of a pool that has none, its shares of value.
    pub weights: Tensor<3>,
    /// Reserves, `[batch, rows, assets]`: those of the last arbitrage.
    pub reserves: Tensor<3>,
    /// Prices, `[batch, rows, assets]`.
    pub prices: Tensor<3>,
    /// Value, `[batch, rows]`.
    pub values: Tensor<2>,
}

impl Pool {
    /// Weights, reserves, prices and value at every row of the run's windows. `run` must have sampled every row.
    ///
    /// # Panics
    /// If the run sampled only some rows.
    pub fn dense_series(&self, history: &PricedHistory, run: &PoolRun) -> DenseSeries {
        let rows = run.windows.rows;
        assert_eq!(run.sample_rows.len(), rows, "dense series need a run that sampled every row");
        if let Some(reserves) = run.reserves.as_ref().filter(|_| self.settings().kind.has_no_weights()) {
            let prices = history.prices_at(reserves, &run.windows, &run.sample_rows);
            let weights = reserves.clone() * prices.clone() / run.values.clone().unsqueeze_dim::<3>(2);
            return DenseSeries { weights, reserves: reserves.clone(), prices, values: run.values.clone() };
        }
        let weights = gradpool_ops::interpolate(run.positions.clone(), &PathLayout { stride: 1, ..run.layout });
        let prices = history.prices_at(&weights, &run.windows, &run.sample_rows);
        let reserves = if let Some(reserves) = &run.reserves {
            reserves.clone()
        } else {
            let reserves = weights.clone() * run.values.clone().unsqueeze_dim::<3>(2) / prices.clone();
            let stride = run.layout.stride;
            if stride == 1 { reserves } else { crate::pool::pick(reserves, (0..rows).map(|row| row - row % stride)) }
        };
        // A basket that is held has no other weights than the shares of its value.
        let weights = if self.is_held() {
            prices.clone() * reserves.clone() / run.values.clone().unsqueeze_dim::<3>(2)
        } else {
            weights
        };
        DenseSeries { weights, reserves, prices, values: run.values.clone() }
    }

    /// Turnover of a pool whose value shares are its weights and move along lines: mean over rows of the summed absolute
    /// changes (spec 05 sec. 5.1), `[batch]`, from the ends of the lines alone. `None` where that is not so (see
    /// [`Pool::shares_follow_lines`]); then the shares of every row of [`Pool::dense_series`] say it.
    pub fn turnover_along_lines(&self, run: &PoolRun) -> Option<Tensor<1>> {
        if run.reserves.is_some() || !self.moves_along_lines() {
            return None;
        }
        let rows = run.windows.rows;
        let [batch, positions, assets] = run.positions.dims();
        if positions < 2 || rows < 2 {
            return Some(run.values.clone().slice([0..batch, 0..1]).squeeze_dim::<1>(1) * 0.0);
        }
        let ramps = positions - 1;
        let before = run.positions.clone().slice([0..batch, 0..ramps, 0..assets]);
        let after = run.positions.clone().slice([0..batch, 1..positions, 0..assets]);
        // How much of each ramp the window shows: the last one may be cut.
        let shown = |ramp: usize| {
            let first = run.layout.held_rows() + ramp * run.layout.block_rows;
            (rows - 1 - first.min(rows - 1)).min(run.layout.ramp_rows) as f64 / run.layout.ramp_rows as f64
        };
        let data = TensorData::new((0..ramps).map(shown).collect::<Vec<f64>>(), [1, ramps]);
        let shown = Tensor::<2>::from_data(data, (&run.positions.device(), run.positions.dtype()));
        let moved: Tensor<2> = (after - before).abs().sum_dim(2).squeeze_dim(2);
        // Times the inverse: burn rounds the gradient of a division by a scalar to f32.
        Some((moved * shown).sum_dim(1).squeeze_dim::<1>(1) * (1.0 / (rows - 1) as f64))
    }

    /// Whether this is a basket that nobody trades with and whose weights no rule sets.
    pub fn is_held(&self) -> bool {
        !self.settings().arbitrate && self.strategy().rule().output_kind() == OutputKind::Constant
    }

    /// Whether the pool is arbitraged at every row and its weights move along lines.
    pub fn shares_follow_lines(&self, history: &PricedHistory) -> bool {
        self.holds_its_weights(history) && self.moves_along_lines()
    }

    fn moves_along_lines(&self) -> bool {
        self.settings().arbitrage_interval_rows == 1
            && self.strategy().settings().interpolation == Interpolation::Linear
    }

    /// Reserves `[batch, assets]` at one row of a run whose last arbitrage at or before it was sampled.
    ///
    /// # Panics
    /// If that row was not sampled.
    pub fn reserves_at(&self, history: &PricedHistory, run: &PoolRun, row: usize) -> Tensor<2> {
        let visited = row - row % run.layout.stride;
        let sample = run.sample_rows.binary_search(&visited);
        let sample = sample.unwrap_or_else(|_| panic!("reserves at row {row} need a sample at row {visited}"));
        let [batch, _] = run.values.dims();
        if let Some(reserves) = &run.reserves {
            return reserves.clone().narrow(1, sample, 1).squeeze_dim(1);
        }
        let values = run.values.clone().slice([0..batch, sample..sample + 1]);
        let weights: Tensor<2> = interpolated_rows(&run.positions, &run.layout, &[visited]).squeeze_dim(1);
        let sets = batch / run.windows.starts.len();
        let rows = run.windows.starts.iter().map(|start| start + visited);
        weights * values / history.rows_of(sets, rows, &run.values.device())
    }
}
