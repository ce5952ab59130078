//! A pool on a stretch of history as an [`Objective`]: what training climbs and what evaluation reports.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use gradpool_market::{MarketError, Periods, PriceTable, SpreadTable, SupplyTable};
use gradpool_metrics::{Calendar, Metric, MetricError, MetricValue, SeriesInputs, evaluate_all, turnover};
use gradpool_pools::{Pool, PoolError, PoolRun, PricedHistory, RowInputs};
use gradpool_strategy::bounds::BOUND_LEAVES;
use gradpool_strategy::{ParameterSets, StrategyError, Windows};
use thiserror::Error;

use crate::memory::{LargestTensors, ObjectiveMemory};
use crate::objective::{Metrics, Objective, ObjectiveError, SetEvaluation, ValueAndGradient};

/// What keeps an experiment from being set up or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The pool refuses.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A metric refuses.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The prices refuse.
    #[error(transparent)]
    Market(#[from] MarketError),
}

/// How an experiment judges parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What training climbs.
    pub objective: Metric,
    /// Weight of the turnover term that is subtracted from it.
    pub turnover_penalty: f64,
    /// Rows of a training window. [`crate::SamplingRange::within`] says whether one fits into the training period.
    pub window_rows: usize,
    /// Metrics reported while training, besides the objective: those that selection and stopping watch.
    pub watched: Vec<Metric>,
}

/// A pool, its prices cut to the periods of a run, and a goal.
#[derive(Clone, Debug)]
pub struct Experiment {
    pool: Pool,
    history: PricedHistory,
    periods: Periods,
    calendar: Calendar,
    goal: Goal,
}

/// Rows of the price table that a metric is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deposit {
    /// A pool that begins with the initial weights at the first row of the period.
    Fresh,
    /// A pool that has been running since the first row of training.
    Continued,
}

impl Experiment {
    /// Cuts the prices to the periods and prepares them on `device`.
    ///
    /// # Errors
    /// What pool and market say of the prices.
    pub fn new(
        pool: Pool,
        prices: &PriceTable,
        periods: &Periods,
        goal: Goal,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, ExperimentError> {
        let prices = prices.slice(periods.all())?;
        let calendar = Calendar::from_step_ms(prices.grid().step_ms)?;
        let history = pool.history(Arc::new(prices), device, dtype)?;
        Ok(Self { pool, history, periods: periods.from_origin(), calendar, goal })
    }

    /// Adds circulating supplies on the grid of [`Experiment::history`], for rules that look at them.
    ///
    /// # Errors
    /// [`PoolError::Supplies`] if they are of other assets or rows.
    pub fn with_supplies(mut self, supplies: SupplyTable) -> Result<Self, PoolError> {
        self.history = self.pool.with_supplies(self.history, Arc::new(supplies))?;
        Ok(self)
    }

    /// Adds bid-ask spreads on the grid of [`Experiment::history`], for portfolios that pay them.
    ///
    /// # Errors
    /// [`PoolError::Spreads`] if they are of other assets or rows.
    pub fn with_spreads(mut self, spreads: SpreadTable) -> Result<Self, PoolError> {
        self.history = self.pool.with_spreads(self.history, Arc::new(spreads))?;
        Ok(self)
    }

    /// Adds what changes from row to row around the pool.
    ///
    /// # Errors
    /// As [`Pool::with_inputs`].
    pub fn with_inputs(mut self, inputs: RowInputs) -> Result<Self, PoolError> {
        self.history = self.pool.with_inputs(self.history, inputs)?;
        Ok(self)
    }

    /// The same experiment without the turnover penalty: objectives are plain metrics.
    #[must_use]
    pub fn without_penalty(mut self) -> Self {
        self.goal.turnover_penalty = 0.0;
        self
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The prices, burn-in first.
    pub fn history(&self) -> &PricedHistory {
        &self.history
    }

    /// The periods, in rows of [`Experiment::history`].
    pub fn periods(&self) -> &Periods {
        &self.periods
    }

    /// Days and years in rows.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// What parameters are judged by.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// A run over windows with the samples that `metrics` need, every row if `dense`.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub fn run(
        &self,
        parameters: &ParameterSets,
        windows: &Windows,
        metrics: &[Metric],
        dense: bool,
    ) -> Result<PoolRun, PoolError> {
        let samples = if dense {
            (0..windows.rows).collect()
        } else {
            Metric::sampling_of(metrics, &self.calendar, windows.rows).into_rows(windows.rows)
        };
        self.pool.run(&self.history, parameters, windows, &samples)
    }

    /// What metrics need of a run over whole windows.
    pub fn series(&self, run: &PoolRun) -> SeriesInputs {
        SeriesInputs {
            values: run.values.clone(),
            sample_rows: run.sample_rows.clone(),
            rows: run.windows.rows,
            calendar: self.calendar,
            initial_reserves: run.initial_reserves.clone(),
            first_prices: run.first_prices.clone(),
            last_prices: run.last_prices.clone(),
            fee_revenue: run.fee_revenue_of(0..run.windows.rows),
        }
    }

    /// The objective of every set, `[sets]`: mean over windows of the metric less the turnover penalty. Differentiable.
    ///
    /// # Errors
    /// As [`Pool::run`] and [`Metric::evaluate`].
    pub fn objective(
        &self,
        parameters: &ParameterSets,
        metric: Metric,
        windows: &Windows,
    ) -> Result<Tensor<1>, ExperimentError> {
        let penalty = self.goal.turnover_penalty;
        let dense = penalty > 0.0 && !self.pool.shares_follow_lines(&self.history);
        let run = self.run(parameters, windows, &[metric], dense)?;
        let mut values = metric.evaluate(&self.series(&run))?;
        if penalty > 0.0 {
            let turnover = self.pool.turnover_along_lines(&run).unwrap_or_else(|| {
                let series = self.pool.dense_series(&self.history, &run);
                turnover(series.reserves, series.prices, series.values)
            });
            values = values - turnover * penalty;
        }
        let sets = parameters.sets();
        Ok(values.reshape([sets, windows.starts.len()]).mean_dim(1).squeeze_dim(1))
    }

    /// Objective and gradient of every set over windows. Frozen leaves get no gradient.
    ///
    /// # Errors
    /// As [`Experiment::objective`].
    pub fn gradient(
        &self,
        parameters: &ParameterSets,
        metric: Metric,
        windows: &Windows,
    ) -> Result<ValueAndGradient, ExperimentError> {
        let strategy = self.pool.strategy();
        let tracked = parameters.map(|leaf, tensor| {
            let tensor = Tensor::from_inner(tensor.clone());
            if strategy.is_frozen(leaf) { tensor } else { tensor.require_grad() }
        });
        let objective = self.objective(&tracked, metric, windows)?;
        let values = |objective: Tensor<1>| objective.to_data().convert::<f64>().iter::<f64>().collect();
        if parameters.leaves.keys().all(|leaf| strategy.is_frozen(leaf)) {
            let gradient = parameters.map(|_, leaf| leaf.zeros_like());
            return Ok(ValueAndGradient { values: values(objective), gradient });
        }
        let gradients = objective.clone().sum().backward();
        let gradient = tracked.map(|leaf, tensor| {
            let found = if strategy.is_frozen(leaf) { None } else { tensor.grad(&gradients) };
            found.unwrap_or_else(|| tensor.clone().inner().zeros_like())
        });
        // Read last: a GPU is given the backward pass without waiting for the values.
        Ok(ValueAndGradient { values: values(objective), gradient })
    }

    /// Metrics of every set over a period: outer index set, inner index metric. `rows` are rows of
    /// [`Experiment::history`], at or after the start of training.
    ///
    /// # Errors
    /// As [`Pool::run`] and [`Metric::evaluate`].
    pub fn metrics(
        &self,
        parameters: &ParameterSets,
        rows: Range<usize>,
        deposit: Deposit,
        metrics: &[Metric],
    ) -> Result<Vec<Vec<MetricValue>>, ExperimentError> {
        let first = match deposit {
            Deposit::Fresh => rows.start,
            Deposit::Continued => self.periods.train.start,
        };
        let periods = [rows];
        let mut found = self.metrics_of_run(parameters, first, &periods, metrics)?;
        Ok(found.pop().unwrap_or_default())
    }

    /// One run from row `first` on, judged over several periods: outer index period, then set, then metric.
    fn metrics_of_run(
        &self,
        parameters: &ParameterSets,
        first: usize,
        periods: &[Range<usize>],
        metrics: &[Metric],
    ) -> Result<Vec<Vec<Vec<MetricValue>>>, ExperimentError> {
        let stride = self.pool.settings().arbitrage_interval_rows;
        let end = periods.iter().map(|rows| rows.end).max().unwrap_or(first + 1);
        let mut samples: Vec<usize> = Vec::new();
        for rows in periods {
            let offset = rows.start - first;
            samples.push(offset - offset % stride);
            // What was earned before the period is subtracted.
            samples.extend(offset.checked_sub(1).filter(|_| self.pool.settings().kind.counts_fee_revenue()));
            let wanted = Metric::sampling_of(metrics, &self.calendar, rows.len()).into_rows(rows.len());
            samples.extend(wanted.into_iter().map(|row| row + offset));
        }
        samples.sort_unstable();
        samples.dedup();
        let run = self.pool.run(&self.history, parameters, &Windows::single(first, end - first), &samples)?;
        periods
            .iter()
            .map(|rows| {
                let series = self.slice_of_run(&run, rows.start - first..rows.end - first);
                Ok(evaluate_all(metrics, &series)?)
            })
            .collect()
    }

    /// What metrics need of some rows of a run over one window.
    fn slice_of_run(&self, run: &PoolRun, rows: Range<usize>) -> SeriesInputs {
        let begin = run.sample_rows.partition_point(|&row| row < rows.start);
        let end = run.sample_rows.partition_point(|&row| row < rows.end);
        let [batch, _] = run.values.dims();
        let assets = self.history.prices().assets().len();
        let prices_at = |row: usize| {
            let row = self.history.prices().row(run.windows.starts[0] + row).to_vec();
            let data = burn::tensor::TensorData::new(row, [1, assets]);
            Tensor::<2>::from_data(data, (&run.values.device(), run.values.dtype())).expand([batch, assets])
        };
        SeriesInputs {
            values: run.values.clone().slice([0..batch, begin..end]),
            sample_rows: run.sample_rows[begin..end].iter().map(|row| row - rows.start).collect(),
            rows: rows.len(),
            calendar: self.calendar,
            initial_reserves: self.pool.reserves_at(&self.history, run, rows.start),
            first_prices: prices_at(rows.start),
            last_prices: prices_at(rows.end - 1),
            fee_revenue: run.fee_revenue_of(rows),
        }
    }
}

/// Bytes of a micro-batch beyond which more sets at once are not faster on a CPU (docs/performance.md).
const COMFORTABLE_BYTES: u64 = 64 << 20;

impl Experiment {
    /// What a step and an evaluation need of the memory.
    ///
    /// # Errors
    /// As [`Pool::run_numbers`].
    fn memory_needs(&self) -> Result<ObjectiveMemory, StrategyError> {
        let on_host = self.history.is_on_host();
        let size = if on_host { 8 } else { self.history.dtype().size() };
        let of_numbers = |numbers: usize| (numbers * size) as u64;
        let numbers = |metrics: &[Metric], rows: usize, gradient: bool| {
            let dense = gradient && self.goal.turnover_penalty > 0.0 && !self.pool.shares_follow_lines(&self.history);
            let sampling = Metric::sampling_of(metrics, &self.calendar, rows);
            let samples = if dense { (0..rows).collect() } else { sampling.into_rows(rows) };
            let windows = Windows::single(self.periods.train.start, rows);
            self.pool.run_numbers(&self.history, &windows, &samples, dense, gradient)
        };
        let step = numbers(&[self.goal.objective], self.goal.window_rows, true)?;
        let rows = self.periods.train_and_validation().len();
        let evaluation = numbers(&self.evaluated_metrics(), rows, false)?;
        Ok(ObjectiveMemory {
            per_window: of_numbers(step.per_window.max(evaluation.per_window)),
            per_set: of_numbers(step.per_set),
            per_path: of_numbers(step.per_path),
            per_evaluation: of_numbers(evaluation.per_set + evaluation.per_path),
            largest: LargestTensors {
                per_window: of_numbers(step.largest.per_window.max(evaluation.largest.per_window)),
                per_set: of_numbers(step.largest.per_set),
                per_path: of_numbers(step.largest.per_path),
                per_evaluation: of_numbers(evaluation.largest.per_set.max(evaluation.largest.per_path)),
            },
            comfortable: on_host.then_some(COMFORTABLE_BYTES),
        })
    }

    /// The objective and what is watched besides.
    fn evaluated_metrics(&self) -> Vec<Metric> {
        let mut metrics = self.goal.watched.clone();
        if !metrics.contains(&self.goal.objective) {
            metrics.push(self.goal.objective);
        }
        metrics
    }
}

impl Objective for Experiment {
    fn memory(&self) -> Option<ObjectiveMemory> {
        self.memory_needs().ok()
    }

    fn frozen_leaves(&self) -> Vec<String> {
        let strategy = self.pool.strategy();
        let leaves = strategy.leaves();
        let names = leaves.iter().chain(strategy.rule().initial_leaves()).map(|leaf| leaf.name.to_string());
        names.filter(|leaf| strategy.is_frozen(leaf)).collect()
    }

    /// Bounds of weights too: noise on them could leave hardly any room (spec 01 sec. 1.8).
    fn unspread_leaves(&self) -> Vec<String> {
        let frozen = self.frozen_leaves();
        let bounds = BOUND_LEAVES.iter().map(|leaf| leaf.name.to_string()).filter(|leaf| !frozen.contains(leaf));
        bounds.chain(frozen.iter().cloned()).collect()
    }

    fn value_and_gradient(
        &self,
        parameters: &ParameterSets,
        starts: &[usize],
    ) -> Result<ValueAndGradient, ObjectiveError> {
        let windows = Windows { starts: starts.to_vec(), rows: self.goal.window_rows };
        Ok(self.gradient(parameters, self.goal.objective, &windows)?)
    }

    fn evaluate(&self, parameters: &ParameterSets) -> Result<Vec<SetEvaluation>, ObjectiveError> {
        let metrics = self.evaluated_metrics();
        let train = self.periods.train.clone();
        let periods: Vec<Range<usize>> =
            [Some(train.clone()), self.periods.validation.clone()].into_iter().flatten().collect();
        let mut found = self.metrics_of_run(parameters, train.start, &periods, &metrics)?;
        let as_map = |values: Vec<MetricValue>| -> Metrics {
            values.into_iter().map(|value| (value.metric.name().to_owned(), value.finite())).collect()
        };
        let validation = if found.len() > 1 { found.pop() } else { None };
        let train = found.pop().unwrap_or_default();
        let mut validation = validation.map(Vec::into_iter);
        Ok(train
            .into_iter()
            .map(|train| SetEvaluation {
                train: as_map(train),
                validation: validation.as_mut().and_then(Iterator::next).map(as_map),
            })
            .collect())
    }
}
