//! A pool: a strategy and how its value is computed.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use gradpool_ops::PricedWindows;
use gradpool_ops::arbitrage::{ArbitragePlan, arbitrage};
use gradpool_ops::growth::{GrowthPlan, growth};
use gradpool_ops::growth_steps::{StepsPlan, growth_steps};
use gradpool_ops::interpolation::{Interpolation, PathLayout, Place};
use gradpool_strategy::{CoarsePath, ParameterSets, Strategy, Windows};

use crate::error::PoolError;
use crate::history::PricedHistory;
use crate::layout::{has_closed_form, segments, visited, without_repetition};
use crate::run::PoolRun;
use crate::settings::{PoolKind, PoolSettings, Rest, Valuation};

/// Coarse weights of windows of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    /// `[sets * windows, K + 1, assets]`
    pub positions: &'a Tensor<3>,
    pub layout: PathLayout,
    pub windows: &'a Windows,
}

/// A strategy and the pool around it.
#[derive(Clone, Debug)]
pub struct Pool {
    strategy: Strategy,
    settings: PoolSettings,
}

impl Pool {
    /// Joins a strategy and pool settings.
    ///
    /// # Errors
    /// [`PoolError::Setting`] for settings out of range.
    pub fn new(strategy: Strategy, settings: PoolSettings) -> Result<Self, PoolError> {
        settings.validate()?;
        crate::kinds::check(&settings, strategy.settings().assets)?;
        Ok(Self { strategy, settings })
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The settings around the strategy.
    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Whether the pool is arbitraged at all rows and nothing costs anything, so that its value shares are its weights.
    pub fn holds_its_weights(&self, history: &PricedHistory) -> bool {
        let free = history.inputs().is_empty() && !self.strategy.settings().fee.is_trained();
        self.settings.holds_its_weights() && (free || self.settings.kind != PoolKind::Weighted)
    }

    /// The same pool with its value computed in another way.
    #[must_use]
    pub fn with_valuation(mut self, valuation: Valuation) -> Self {
        self.settings.valuation = valuation;
        self
    }

    /// Rule outputs `[sets, N - 1, assets]` over the whole history.
    ///
    /// # Errors
    /// [`PoolError::Strategy`] if the rule needs supplies that the history does not have.
    pub fn rule_outputs(&self, history: &PricedHistory, parameters: &ParameterSets) -> Result<Tensor<3>, PoolError> {
        Ok(self.strategy.rule_outputs(parameters, &history.coarse_beside(parameters))?)
    }

    /// Fee rates that are part of the strategy, `[sets * windows, intervals]`: one per update interval of each window, or
    /// one column for a fee that does not change; `None` where the fee is a setting of the pool.
    ///
    /// # Errors
    /// [`PoolError::Strategy`] if the fee looks at prices that a window does not have before it.
    pub fn fees(
        &self,
        history: &PricedHistory,
        parameters: &ParameterSets,
        windows: &Windows,
    ) -> Result<Option<Tensor<2>>, PoolError> {
        if self.strategy.settings().fee.is_trained() && self.settings.kind != PoolKind::Weighted {
            let valid = "\"fixed\": only weighted pools train it";
            return Err(PoolError::Setting { key: "fee_form", value: "not fixed".into(), valid });
        }
        Ok(self.strategy.fees(parameters, &history.coarse_beside(parameters), windows)?)
    }

    /// Runs every parameter set over every window and returns values at `samples`, rows of the window in rising order.
    ///
    /// # Errors
    /// [`PoolError::Window`] for windows beyond the prices, [`PoolError::Strategy`] where the strategy refuses, and
    /// [`PoolError::NoClosedForm`] if the closed form is forced where it does not apply.
    pub fn run(
        &self,
        history: &PricedHistory,
        parameters: &ParameterSets,
        windows: &Windows,
        samples: &[usize],
    ) -> Result<PoolRun, PoolError> {
        let available = history.prices().rows();
        for &start in &windows.starts {
            if start + windows.rows > available || windows.rows == 0 {
                return Err(PoolError::Window { start, rows: windows.rows, available });
            }
        }
        let outputs = self.rule_outputs(history, parameters)?;
        let path = self.strategy.coarse_path(parameters, outputs, windows)?;
        let layout = self.layout_of(&path, windows);
        let positions = path.positions;
        let device = positions.device();
        let sets = parameters.sets();
        let first_prices = history.rows_of(sets, windows.starts.iter().copied(), &device);
        let last_prices = history.rows_of(sets, windows.starts.iter().map(|start| start + windows.rows - 1), &device);
        let first_weights = interpolated(&positions, &PathLayout { rows: 1, stride: 1, ..layout });
        let mut initial_reserves = first_weights * self.value_at_first_row() / first_prices.clone();
        let fees = self.fees(history, parameters, windows)?;
        let mut fee_revenue = None;
        let (values, reserves) = if let Some(curve) = self.curve_run(history, parameters, windows, samples)? {
            initial_reserves = curve.initial_reserves;
            fee_revenue = curve.fee_revenue;
            (worth(history, &curve.reserves, windows, samples), Some(curve.reserves))
        } else {
            let path = Path { positions: &positions, layout, windows };
            self.valued(history, fees, path, &initial_reserves, samples)?
        };
        Ok(PoolRun {
            values,
            reserves,
            fee_revenue,
            sample_rows: samples.to_vec(),
            positions,
            initial_reserves,
            first_prices,
            last_prices,
            windows: windows.clone(),
            layout,
        })
    }

    /// Values `[sets * windows, samples]` of a pool that has weights, and reserves `[sets * windows, samples, assets]` unless they
    /// follow from the weights; `fees` as of [`Pool::fees`].
    pub(crate) fn valued(
        &self,
        history: &PricedHistory,
        fees: Option<Tensor<2>>,
        path: Path<'_>,
        initial_reserves: &Tensor<2>,
        samples: &[usize],
    ) -> Result<(Tensor<2>, Option<Tensor<3>>), PoolError> {
        if self.holds_its_weights(history) {
            return Ok((self.arbitraged_values(history, path, samples)?, None));
        }
        let reserves = if let PoolKind::Rebalanced(kind) = self.settings.kind {
            self.rebalanced_reserves(kind, history, path, samples)?
        } else if self.settings.rest == Rest::Forgetful && self.settings.costs.are_none() {
            Self::forgetful_reserves(history, path, initial_reserves, samples)
        } else if self.settings.arbitrate {
            let constant = || initial_reserves.clone().narrow(1, 0, 1).zeros_like() + self.settings.costs.fee_rate;
            let fees = fees.unwrap_or_else(constant);
            self.traded_reserves(history, path, initial_reserves, fees, samples)?
        } else {
            let [batch, assets] = initial_reserves.dims();
            initial_reserves.clone().unsqueeze_dim::<3>(1).expand([batch, samples.len(), assets])
        };
        Ok((worth(history, &reserves, path.windows, samples), Some(reserves)))
    }

    /// How the rows of a window lie among coarse weights.
    fn layout_of(&self, path: &CoarsePath, windows: &Windows) -> PathLayout {
        PathLayout {
            block_rows: path.block_rows,
            ramp_rows: path.ramp_rows,
            interpolation: self.strategy.settings().interpolation,
            constant_first_block: path.constant_first_block,
            rows: windows.rows,
            stride: self.settings.arbitrage_interval_rows,
        }
    }

    /// How the rows of a window lie in update intervals.
    pub(crate) fn layout_of_intervals(&self, windows: &Windows) -> PathLayout {
        let settings = self.strategy.settings();
        PathLayout {
            block_rows: settings.update_interval_rows,
            ramp_rows: settings.interpolation_rows,
            interpolation: settings.interpolation,
            constant_first_block: self.strategy.held_intervals() > 0,
            rows: windows.rows,
            stride: self.settings.arbitrage_interval_rows,
        }
    }

    /// Why values cannot be computed a whole block at a time, if so.
    fn closed_form_obstacle(&self, layout: &PathLayout) -> Option<String> {
        if self.strategy.settings().interpolation != Interpolation::Linear {
            return Some("weights do not move along a line".into());
        }
        if layout.block_rows < self.strategy.settings().update_interval_rows {
            return Some("weights stop inside an update interval".into());
        }
        (!has_closed_form(layout)).then(|| {
            format!(
                "an arbitrage every {} rows does not divide the update interval ({} rows) and the interpolation ({} rows)",
                layout.stride, layout.block_rows, layout.ramp_rows
            )
        })
    }

    /// Reserves `[sets * windows, samples, assets]` of a pool with costs: those after the last arbitrage at or before each
    /// sample.
    fn traded_reserves(
        &self,
        history: &PricedHistory,
        path: Path<'_>,
        initial_reserves: &Tensor<2>,
        fees: Tensor<2>,
        samples: &[usize],
    ) -> Result<Tensor<3>, PoolError> {
        let Path { positions, layout, windows } = path;
        if self.settings.valuation == Valuation::ClosedForm {
            return Err(PoolError::NoClosedForm { reason: "trading has costs".into() });
        }
        let (visits, places) = without_repetition(samples.iter().map(|row| row / layout.stride));
        let assets = positions.dims()[2];
        let prices = history.shared_prices();
        let starts = windows.starts.clone();
        let plan = PricedWindows::new(layout, starts, assets, prices, visits)
            .and_then(|windows| ArbitragePlan::new(windows, self.settings.costs))
            .and_then(|plan| plan.with_inputs(history.inputs().clone()));
        let mut plan = plan.map_err(|error| PoolError::Plan(error.to_string()))?;
        plan = plan.with_fee_rows(self.strategy.settings().update_interval_rows);
        if self.settings.rest != Rest::Never {
            plan = plan.resting_with_weights();
        }
        Ok(pick_places(arbitrage(positions.clone(), initial_reserves.clone(), fees, &Arc::new(plan)), &places))
    }

    /// Values `[sets * windows, samples]` of a pool that is arbitraged every stride.
    fn arbitraged_values(
        &self,
        history: &PricedHistory,
        path: Path<'_>,
        samples: &[usize],
    ) -> Result<Tensor<2>, PoolError> {
        let Path { positions, layout, .. } = path;
        let (visits, places) = without_repetition(samples.iter().map(|&row| visited(&layout, row)));
        let obstacle = self.closed_form_obstacle(&layout);
        let closed = match (self.settings.valuation, obstacle) {
            (Valuation::ClosedForm, Some(reason)) => return Err(PoolError::NoClosedForm { reason }),
            (Valuation::ClosedForm, None) => true,
            (Valuation::StepByStep, _) | (Valuation::Auto, Some(_)) => false,
            // Where most rows are wanted, one pass over them costs less than as many segments.
            (Valuation::Auto, None) => visits.len() * 2 < layout.visited(),
        };
        let log_growth = if let PoolKind::Rebalanced(kind) = self.settings.kind {
            self.rebalanced_growth(kind, history, path, &visits)?
        } else if closed {
            Self::closed_form(history, path, &visits)?
        } else {
            let all = Self::step_by_step(history, path)?;
            if visits.len() == layout.visited() { all } else { pick(all, visits.iter().map(|row| row / layout.stride)) }
        };
        let values = log_growth.exp() * self.settings.initial_value;
        if samples != visits {
            return Ok(Self::carried_values(history, path, samples, (&visits, &places), values));
        }
        if !self.strategy.settings().straight_through_limits {
            return Ok(values);
        }
        // The value is sum_i R_i p_i = V sum_i w_i. The sum is 1 and does not move, unless
        // straight-through gradients of the weights leave the simplex; then its slope belongs to that of the value.
        let weights = interpolated_rows(positions, &layout, &visits);
        Ok(values * weights.sum_dim(2).squeeze_dim::<2>(2))
    }

    /// `ln(V / V_0)` at visited rows by the closed form of spec 12.1.
    fn closed_form(history: &PricedHistory, path: Path<'_>, visits: &[usize]) -> Result<Tensor<2>, PoolError> {
        let Path { positions, layout, windows } = path;
        let [batch, _, assets] = positions.dims();
        let zero = || Tensor::<2>::zeros([batch, 1], (&positions.device(), positions.dtype()));
        let (leading, rest) = match visits.split_first() {
            Some((0, rest)) => (true, rest),
            _ => (false, visits),
        };
        if rest.is_empty() {
            return Ok(zero());
        }
        let plan = history.growth_plan(&layout, &windows.starts, rest, || {
            let (segments, breaks) = segments(&layout, rest);
            let size = windows.starts.len() * segments.len() * assets;
            let (mut s0, mut s1) = (Vec::with_capacity(size), Vec::with_capacity(size));
            for start in &windows.starts {
                for (segment, row) in segments.iter().zip(&breaks) {
                    history.logs().push_sums(start + row, segment.steps as usize, &mut s0, &mut s1);
                }
            }
            GrowthPlan::new(segments, layout.ramp_rows as u32, windows.starts.len(), assets, s0, s1)
        });
        let growth = growth(positions.clone(), &plan.map_err(|error| PoolError::Plan(error.to_string()))?);
        Ok(if leading { Tensor::cat(vec![zero(), growth], 1) } else { growth })
    }

    /// `ln(V / V_0)` at every visited row, one after another.
    fn step_by_step(history: &PricedHistory, path: Path<'_>) -> Result<Tensor<2>, PoolError> {
        let Path { positions, layout, windows } = path;
        let assets = positions.dims()[2];
        let changes = history.logs().changes(layout.stride);
        let plan = StepsPlan::new(layout, windows.starts.clone(), assets, changes)
            .map_err(|error| PoolError::Plan(error.to_string()))?;
        Ok(growth_steps(positions.clone(), &Arc::new(plan)))
    }

    /// Values at rows between two arbitrages: the reserves of the last one at the row's own prices.
    fn carried_values(
        history: &PricedHistory,
        path: Path<'_>,
        samples: &[usize],
        (visits, places): (&[usize], &[usize]),
        values: Tensor<2>,
    ) -> Tensor<2> {
        let Path { positions, layout, windows } = path;
        let device = positions.device();
        let weights = interpolated_rows(positions, &layout, visits);
        let [batch, _, assets] = positions.dims();
        let sets = batch / windows.starts.len();
        let mut ratios = Vec::with_capacity(windows.starts.len() * samples.len() * assets);
        for start in &windows.starts {
            for &row in samples {
                let (now, then) =
                    (history.prices().row(start + row), history.prices().row(start + visited(&layout, row)));
                ratios.extend(now.iter().zip(then).map(|(now, then)| now / then));
            }
        }
        let shape = [windows.starts.len(), samples.len(), assets];
        let ratios = Tensor::<3>::from_data(TensorData::new(ratios, shape), (&device, values.dtype()));
        let weights = pick_places(weights, places);
        let drift: Tensor<2> = (weights * ratios.repeat_dim(0, sets)).sum_dim(2).squeeze_dim(2);
        pick_places(values, places) * drift
    }
}

/// Value `[sets * windows, samples]` of reserves `[sets * windows, samples, assets]`.
fn worth(history: &PricedHistory, reserves: &Tensor<3>, windows: &Windows, samples: &[usize]) -> Tensor<2> {
    let prices = history.prices_at(reserves, windows, samples);
    (prices * reserves.clone()).sum_dim(2).squeeze_dim(2)
}

/// Weights `[batch, assets]` at the first row of a layout.
fn interpolated(positions: &Tensor<3>, layout: &PathLayout) -> Tensor<2> {
    gradpool_ops::interpolate(positions.clone(), layout).squeeze_dim(1)
}

/// Weights `[batch, rows, assets]` at rows that arbitrage visits.
pub(crate) fn interpolated_rows(positions: &Tensor<3>, layout: &PathLayout, rows: &[usize]) -> Tensor<3> {
    let [batch, _, assets] = positions.dims();
    if layout.interpolation != Interpolation::Linear {
        let all = gradpool_ops::interpolate(positions.clone(), layout);
        return pick(all, rows.iter().map(|row| row / layout.stride));
    }
    // A line needs its two ends only: w = x + share (e - x).
    let place = |row: usize| match layout.place(row / layout.stride) {
        Place::At(position) => (position, position, 0.0),
        Place::Inside { block, row } => (block, block + 1, row as f64 / layout.ramp_rows as f64),
    };
    let places: Vec<(usize, usize, f64)> = rows.iter().map(|&row| place(row)).collect();
    let start = pick(positions.clone(), places.iter().map(|place| place.0));
    let end = pick(positions.clone(), places.iter().map(|place| place.1));
    let shares: Vec<f64> = places.iter().map(|place| place.2).collect();
    let data = TensorData::new(shares, [1, rows.len(), 1]);
    let shares = Tensor::<3>::from_data(data, (&positions.device(), positions.dtype()));
    start.clone() + (end - start) * shares.expand([batch, rows.len(), assets])
}

/// Entries of dimension 1 by index.
pub(crate) fn pick<const D: usize>(tensor: Tensor<D>, indices: impl Iterator<Item = usize>) -> Tensor<D> {
    let indices: Vec<i64> = indices.map(|index| index as i64).collect();
    let count = indices.len();
    let indices = Tensor::<1, burn::tensor::Int>::from_data(TensorData::new(indices, [count]), &tensor.device());
    tensor.select(1, indices)
}

/// Entries of dimension 1 by where [`without_repetition`] put them.
pub(crate) fn pick_places<const D: usize>(tensor: Tensor<D>, places: &[usize]) -> Tensor<D> {
    let all = places.iter().copied().eq(0..tensor.dims()[1]);
    if all { tensor } else { pick(tensor, places.iter().copied()) }
}
