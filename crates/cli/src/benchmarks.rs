//! What a trained pool is compared with, judged by the same metric functions over the same rows.
//!
//! | name | what it is |
//! |---|---|
//! | `hodl` | the basket that the pool begins with, held |
//! | `uniform` | equal shares of the initial value, held |
//! | `balancer` | a pool that keeps its first weights, arbitraged at the costs of the judged pool |
//! | `random` | the judged pool with parameters that nobody trained: draws around the starting point of training |

use std::ops::Range;
use std::sync::Arc;

use clap::ValueEnum;
use gradpool_metrics::{Metric, MetricValue};
use gradpool_pools::{Pool, PoolKind, PoolSettings, RowInputs};
use gradpool_strategy::fees::FeeSettings;
use gradpool_strategy::rules::Constant;
use gradpool_strategy::{Execution, ParameterSets, ParameterValues, Strategy, StrategySettings, Windows};
use gradpool_trainer::{Deposit, Experiment, TrainSettings};

use crate::config::ResolvedConfig;
use crate::human_units::initial_weights;
use crate::setup::{Setup, train_settings};

/// Draws of `random`.
pub const RANDOM_DRAWS: usize = 8;
/// Seed of `random`: the same draws whatever the seed of the training.
const RANDOM_SEED: u64 = 20_180_108;

/// What a trained pool is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Benchmark {
    /// Its initial basket, held
    Hodl,
    /// Equal shares of the initial value, held
    Uniform,
    /// A pool with constant weights, the initial ones, at the same costs
    Balancer,
    /// The same pool with parameters drawn around the starting point of training
    Random,
}

impl Benchmark {
    /// Its name in options and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hodl => "hodl",
            Self::Uniform => "uniform",
            Self::Balancer => "balancer",
            Self::Random => "random",
        }
    }
}

/// Judges benchmarks over the prices of a setup.
#[derive(Debug)]
pub struct Benchmarks<'a> {
    setup: &'a Setup,
    held: Experiment,
}

impl<'a> Benchmarks<'a> {
    /// Prepares the prices.
    ///
    /// # Errors
    /// What strategy or pool refuse.
    pub fn new(setup: &'a Setup) -> anyhow::Result<Self> {
        Ok(Self { setup, held: constant_weights(setup, false)? })
    }

    /// Metrics of the basket that a pool with these parameters begins with at the first of `rows`, held; rows of the
    /// experiment's history.
    ///
    /// # Errors
    /// What the pool or a metric refuses.
    pub fn hold(
        &self,
        values: &ParameterValues,
        rows: Range<usize>,
        metrics: &[Metric],
    ) -> anyhow::Result<Vec<MetricValue>> {
        self.judge(&self.held, &self.first_weights(values, rows.start)?, rows, metrics)
    }

    /// The weights that a pool begins with at a row: the initial ones, or else the shares of its first basket.
    fn first_weights(&self, values: &ParameterValues, row: usize) -> anyhow::Result<Vec<f64>> {
        let strategy = self.setup.strategy();
        if strategy.held_intervals() > 0 && !strategy.rule().initial_leaves().is_empty() {
            return Ok(initial_weights(values, strategy.settings().assets));
        }
        let sets = ParameterSets::from_values(std::slice::from_ref(values), &self.setup.device, self.setup.dtype)?;
        let run = self.setup.experiment.run(&sets, &Windows::single(row, 1), &[], true)?;
        let basket: Vec<f64> = (run.initial_reserves * run.first_prices).into_data().iter::<f64>().collect();
        let value: f64 = basket.iter().sum();
        Ok(basket.into_iter().map(|worth| worth / value).collect())
    }

    /// Metrics of equal shares that are bought at the first of `rows` and held.
    ///
    /// # Errors
    /// As [`Benchmarks::hold`].
    pub fn hold_uniform(&self, rows: Range<usize>, metrics: &[Metric]) -> anyhow::Result<Vec<MetricValue>> {
        let assets = self.setup.strategy().settings().assets;
        self.judge(&self.held, &vec![1.0 / assets as f64; assets], rows, metrics)
    }

    /// Metrics of a benchmark of a pool with these parameters: one list, but one per draw of `random`.
    ///
    /// # Errors
    /// As [`Benchmarks::hold`].
    pub fn metrics(
        &self,
        benchmark: Benchmark,
        values: &ParameterValues,
        config: &ResolvedConfig,
        rows: Range<usize>,
        metrics: &[Metric],
    ) -> anyhow::Result<Vec<Vec<MetricValue>>> {
        match benchmark {
            Benchmark::Hodl => Ok(vec![self.hold(values, rows, metrics)?]),
            Benchmark::Uniform => Ok(vec![self.hold_uniform(rows, metrics)?]),
            Benchmark::Balancer => {
                let balancer = constant_weights(self.setup, self.setup.experiment.pool().settings().arbitrate)?;
                let weights = self.first_weights(values, rows.start)?;
                Ok(vec![self.judge(&balancer, &weights, rows, metrics)?])
            }
            Benchmark::Random => {
                let experiment = &self.setup.experiment;
                let sets = ParameterSets::from_values(&self.draws(config)?, &self.setup.device, self.setup.dtype)?;
                Ok(experiment.metrics(&sets, rows, Deposit::Fresh, metrics)?)
            }
        }
    }

    /// Parameter sets drawn around the starting points of training, which themselves are not among them.
    fn draws(&self, config: &ResolvedConfig) -> anyhow::Result<Vec<ParameterValues>> {
        let given = self.setup.initial_values(config)?.len();
        let settings = TrainSettings { parameter_sets: given + RANDOM_DRAWS, ..train_settings(config)? };
        Ok(self.setup.starting_sets(config, &settings, RANDOM_SEED)?.split_off(given))
    }

    fn judge(
        &self,
        experiment: &Experiment,
        weights: &[f64],
        rows: Range<usize>,
        metrics: &[Metric],
    ) -> anyhow::Result<Vec<MetricValue>> {
        let values = ParameterValues::new([("initial_weights", weights.to_vec())]);
        let sets = ParameterSets::from_values(&[values], &self.setup.device, self.setup.dtype)?;
        Ok(experiment.metrics(&sets, rows, Deposit::Fresh, metrics)?.remove(0))
    }
}

/// The pool of a setup with weights that never move.
fn constant_weights(setup: &Setup, arbitrate: bool) -> anyhow::Result<Experiment> {
    let pool = setup.experiment.pool();
    // Bounds, trained fees and contracts belong to the judged pool: a held basket has none, and constant weights trade at
    // `pool.fee_rate`.
    let settings = StrategySettings {
        bounds: None,
        fee: FeeSettings::default(),
        execution: Execution::Ideal,
        ..setup.strategy().settings().clone()
    };
    let strategy = Strategy::new(Arc::new(Constant::BALANCER), settings)?;
    let pool = Pool::new(strategy, PoolSettings { kind: PoolKind::Weighted, arbitrate, ..pool.settings().clone() })?;
    let goal = setup.experiment.goal().clone();
    let experiment = Experiment::new(pool, &setup.prices, &setup.periods, goal, &setup.device, setup.dtype)?;
    if !arbitrate {
        return Ok(experiment);
    }
    Ok(experiment.with_inputs(RowInputs::clone(setup.experiment.history().inputs()))?)
}
