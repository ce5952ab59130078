//! A rule of one's own: written once, it trains, runs on every path and is known to the command line.
//!
//! ```sh
//! # What the rule computes: agreement of its paths, and its gradient.
//! cargo run --release --example custom_rule
//! # The gradpool command line, with the rule in it.
//! cargo run --release --example custom_rule -- \
//!     compare configs/momentum.toml --set pool.rule=volatility_targeted_momentum
//! ```
//!
//! docs/guide/custom-rules.md explains it line by line; tests/custom_rule.rs holds it to the laws of rules.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use gradpool::market::{PriceTable, Step, SynthesisSpec, synthesize};
use gradpool::pools::{Pool, PoolSettings};
use gradpool::strategy::transforms::logistic;
use gradpool::strategy::{
    Estimator, InitialSettings, LeafSpec, ParameterSets, ParameterValues, Rule, RuleContext, Strategy,
    StrategySettings, WeightPath, Windows, rules,
};
use gradpool::tensor::{DType, Device, Tensor};

/// Momentum whose signal is scaled to one volatility: `x = g target / sqrt(variance + (target / 10)^2)` of the relative
/// price gradients `g`, their mean removed. An asset as volatile as the target counts as in momentum; a calmer one counts
/// for more, up to tenfold: the last term makes the signal of prices that never move 0 instead of `0 / 0`.
#[derive(Clone, Copy, Debug)]
pub struct VolatilityTargetedMomentum;

/// Standard deviation of daily returns at which the signal is that of momentum.
const TARGET_PER_DAY: f64 = 0.03;

impl Rule for VolatilityTargetedMomentum {
    fn name(&self) -> &'static str {
        "volatility_targeted_momentum"
    }

    fn summary(&self) -> &'static str {
        "momentum in which calm assets count as much as volatile ones"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        vec![
            LeafSpec::required("log_k", "gain per day of memory, log2", (-6.6, 12.0)),
            LeafSpec::required("logit_lamb", "decay of the price gradient = logistic", (-4.0, 8.0)),
            LeafSpec::required("logit_lamb_variance", "decay of the variance of returns = logistic", (-4.0, 8.0)),
        ]
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        let variance_decay = logistic(context.required("logit_lamb_variance"));
        vec![
            Estimator::Gradient { decay: context.capped(context.decay()), denominator_decay: None },
            Estimator::Variance { decay: context.capped(variance_decay) },
        ]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let (gradient, variance) = (estimates[0].clone(), estimates[1].clone());
        let target = TARGET_PER_DAY * (context.settings.update_interval_min() / 1440.0).sqrt();
        let volatility = (variance + (target / 10.0).powi(2)).sqrt();
        let gain = context.gain(context.memory_days(context.decay()));
        context.remove_mean(gradient * target / volatility, gain)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let variance_memory_days = initial.memory_days + initial.memory_delta_days;
        ParameterValues::new([
            ("log_k", initial.leaf(&initial.k_per_day, settings, f64::log2)),
            ("logit_lamb", initial.logit_decay(initial.memory_days, settings)),
            ("logit_lamb_variance", initial.logit_decay(variance_memory_days, settings)),
        ])
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    rules::register(Arc::new(VolatilityTargetedMomentum))?;
    if std::env::args_os().len() > 1 {
        return Ok(gradpool::cli::run(std::env::args_os()));
    }
    show()?;
    Ok(ExitCode::SUCCESS)
}

/// Days before the pool begins to trade.
const BURN_IN: usize = 60;

fn show() -> Result<(), Box<dyn Error>> {
    let prices = synthesize(&SynthesisSpec { step: Step::DAY, ..SynthesisSpec::default() })?;
    let windows = Windows::single(BURN_IN, prices.rows() - BURN_IN);
    let strategy = Strategy::new(rules::by_name("volatility_targeted_momentum")?, StrategySettings::daily(3, 1440.0))?;
    let initial = InitialSettings { k_per_day: vec![0.2], ..InitialSettings::default() };
    let values = initial.values(strategy.rule(), strategy.settings())?;

    let scan = weights(&strategy, WeightPath::Scan, &prices, &values, &windows)?;
    let vectorized = weights(&strategy, WeightPath::Vectorized, &prices, &values, &windows)?;
    let streaming = strategy.streaming(&values)?;
    let mut state = streaming.start();
    streaming.warm_up(&mut state, (0..BURN_IN).map(|row| prices.row(row)));
    let stream: Vec<f64> =
        (BURN_IN..prices.rows()).flat_map(|row| streaming.step(&mut state, prices.row(row))).collect();
    println!("weights of {} days, largest difference from scan", windows.rows);
    println!("  vectorized  {:e}", largest_difference(&vectorized, &scan));
    println!("  stream      {:e}", largest_difference(&stream, &scan));

    let parameters = ParameterSets::from_values(&[values], &Device::flex(), DType::F64)?;
    let tracked = parameters.map(|_, leaf| Tensor::from_inner(leaf.clone()).require_grad());
    let pool = Pool::new(strategy, PoolSettings::default())?;
    let history = pool.history(Arc::new(prices), &Device::flex(), DType::F64)?;
    let value = pool.run(&history, &tracked, &windows, &[windows.rows - 1])?.values;
    println!("final value {:.2} of {:.2}, and its gradient", value.clone().into_scalar::<f64>(), 1e6);
    let gradients = value.sum().backward();
    for (name, leaf) in &tracked.leaves {
        if let Some(gradient) = leaf.grad(&gradients) {
            println!("  {name:<20}{:.3?}", gradient.into_data().iter::<f64>().collect::<Vec<_>>());
        }
    }
    Ok(())
}

/// Weights of every row of a window, `[rows * assets]`.
fn weights(
    strategy: &Strategy,
    path: WeightPath,
    prices: &PriceTable,
    values: &ParameterValues,
    windows: &Windows,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let strategy = strategy.with_settings(StrategySettings { path, ..strategy.settings().clone() })?;
    let parameters = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)?;
    let pool = Pool::new(strategy, PoolSettings::default())?;
    let history = pool.history(Arc::new(prices.clone()), &Device::flex(), DType::F64)?;
    let every_row: Vec<usize> = (0..windows.rows).collect();
    let run = pool.run(&history, &parameters, windows, &every_row)?;
    Ok(pool.dense_series(&history, &run).weights.into_data().iter::<f64>().collect())
}

fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).fold(0.0, |largest, (left, right)| largest.max((left - right).abs()))
}
