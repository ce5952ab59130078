//! Peak memory of a long minute run: three years, six assets, every row valued and every metric computed.
//!
//! `cargo run --release --example memory`
//!
//! And of sixteen parameter sets over a year of minutes with a fee: `cargo run --release --example memory -- fees`.
//!
//! And the starting points of a million sets of twelve values, with their time: `cargo run --release --example memory -- designs`.
//!
//! And what a step of many parameter sets takes against what the memory plan says it does, for a rule, a number of sets,
//! windows per step and minutes per update: `cargo run --release --example memory -- population momentum 1000 8 1440`.
//!
//! The same of a GPU's memory, software Vulkan's too, of pools with a fee, and for another metric:
//! `cargo run --release --features wgpu --example memory -- population momentum 100 2 1440 wgpu 0.003 sharpe`.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gradpool::market::{PeriodSpec, Periods, SynthesisSpec, synthesize};
use gradpool::metrics::{Metric, evaluate_all};
use gradpool::ops::Costs;
use gradpool::ops::gpus::Gpu;
use gradpool::pools::{Pool, PoolSettings};
use gradpool::strategy::{InitialSettings, ParameterSets, ParameterValues, Strategy, StrategySettings, Windows, rules};
use gradpool::tensor::{DType, Device};
use gradpool::trainer::design::Design;
use gradpool::trainer::initialisation::{Spread, initial_sets};
use gradpool::trainer::{Experiment, Goal, Objective, ObjectiveError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fees"] => fees(),
        ["designs"] => designs(),
        ["population", rule, sets, windows, interval, rest @ ..] => population(&Case {
            rule,
            sets: sets.parse()?,
            windows: windows.parse()?,
            interval: interval.parse()?,
            device: device(rest.first().copied().unwrap_or("cpu"))?,
            fee_rate: rest.get(1).map_or(Ok(0.0), |fee| fee.parse())?,
            objective: rest.get(2).map_or(Ok(Metric::DailyLogSharpe), |metric| metric.parse())?,
        }),
        _ => minutes(),
    }
}

/// A million sets of twelve values over a range.
fn designs() -> Result<(), Box<dyn std::error::Error>> {
    let centre = ParameterValues::new([("log_k", vec![0.0; 6]), ("logit_lamb", vec![0.0; 6])]);
    let ranges = [("log_k", (-6.0, 0.0)), ("logit_lamb", (0.0, 4.0))].map(|(leaf, range)| (leaf.to_owned(), range));
    for design in [Design::Sobol, Design::Lhs] {
        let spread = Spread {
            design: Some(design),
            scale: 0.0,
            leaf_scale: BTreeMap::new(),
            frozen: Vec::new(),
            ranges: Some(BTreeMap::from(ranges.clone())),
        };
        let started = Instant::now();
        let sets = initial_sets(std::slice::from_ref(&centre), 1_000_000, &spread, 0)?;
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{design:?}: {} sets of {} values in {seconds:.2} s, peak {} MB",
            sets.sets(),
            sets.width(),
            peak_mb()
        );
    }
    Ok(())
}

/// A step of many sets.
struct Case<'a> {
    rule: &'a str,
    sets: usize,
    windows: usize,
    /// Minutes per update.
    interval: usize,
    device: (Device, DType),
    fee_rate: f64,
    objective: Metric,
}

fn device(name: &str) -> Result<(Device, DType), String> {
    match name {
        "cpu" => Ok((Device::flex(), DType::F64)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok((Device::wgpu(burn::tensor::DeviceKind::DefaultDevice), DType::F32)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok((Device::cuda(0), DType::F32)),
        _ => Err(format!("no device `{name}` in this program")),
    }
}

/// Gradients and an evaluation of many sets at once, a year of minutes of three assets, windows of half a year.
fn population(case: &Case<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let prices = synthesize(&SynthesisSpec { days: 365.0 + 60.0, ..SynthesisSpec::default() })?;
    let start = prices.grid().time_ms(60 * 1440);
    let spec = PeriodSpec { burn_in_days: 60.0, ..PeriodSpec::new(start, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid())?;
    let settings = StrategySettings {
        update_interval_rows: case.interval,
        interpolation_rows: case.interval,
        ..StrategySettings::daily(3, 1.0)
    };
    let strategy = Strategy::new(rules::by_name(case.rule)?, settings)?;
    let canonical = InitialSettings { memory_days: 5.0, ..InitialSettings::default() };
    let canonical = canonical.values(strategy.rule(), strategy.settings())?;
    let costs = Costs { fee_rate: case.fee_rate, ..Costs::default() };
    let pool = Pool::new(strategy, PoolSettings { costs, ..PoolSettings::default() })?;
    let objective = case.objective;
    let watched = vec![Metric::Returns, Metric::ReturnsOverUniformHodl];
    let goal = Goal { objective, turnover_penalty: 0.0, window_rows: 182 * 1440, watched };
    let (device, dtype) = &case.device;
    let experiment = Experiment::new(pool, &prices, &periods, goal, device, *dtype)?;
    drop(prices);
    let needs = experiment.memory().ok_or("no plan")?;
    let first = experiment.periods().train.start;
    let starts: Vec<usize> = (0..case.windows).map(|window| first + window * 1440).collect();
    let gpu = Gpu::of(device);
    if gpu.is_some() {
        // Kernels are compiled, and variants of them tried out, on the first call.
        let few = ParameterSets::from_values(&vec![canonical.clone(); case.sets.min(3)], device, *dtype)?;
        experiment.evaluate(&few).map_err(|error| error.to_string())?;
        experiment.value_and_gradient(&few, &starts).map_err(|error| error.to_string())?;
    }
    let parameters = ParameterSets::from_values(&vec![canonical; case.sets], device, *dtype)?;
    let evaluated = taken(gpu.as_ref(), || experiment.evaluate(&parameters).map(drop))?;
    let stepped = taken(gpu.as_ref(), || experiment.value_and_gradient(&parameters, &starts).map(drop))?;
    let planned = |per_set: u64| per_set * case.sets as u64 / (1 << 20);
    let (of_step, of_evaluation) =
        (planned(needs.per_set + needs.per_path * case.windows as u64), planned(needs.per_evaluation));
    let rule = case.rule;
    println!("{rule}: evaluation {evaluated} of {of_evaluation} MB planned, step {stepped} of {of_step} MB planned");
    if let Some(gpu) = &gpu {
        for _ in 0..2 {
            experiment.evaluate(&parameters).map_err(|error| error.to_string())?;
            experiment.value_and_gradient(&parameters, &starts).map_err(|error| error.to_string())?;
        }
        println!("  after two more of both {} MB reserved", gpu.memory().reserved / (1 << 20));
    }
    Ok(())
}

/// What the memory grows by while something is computed, in MB: of a GPU that in use at most and that reserved.
fn taken(
    gpu: Option<&Gpu>,
    compute: impl FnOnce() -> Result<(), ObjectiveError>,
) -> Result<String, Box<dyn std::error::Error>> {
    let Some(gpu) = gpu else {
        let before = memory_mb("VmRSS:");
        compute().map_err(|error| error.to_string())?;
        return Ok((peak_mb() - before).to_string());
    };
    gpu.release_memory();
    let before = gpu.memory();
    let (done, in_use, reserved) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let memory = gpu.memory();
                in_use.fetch_max(memory.in_use, Ordering::Relaxed);
                reserved.fetch_max(memory.reserved, Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let outcome = compute();
        done.store(true, Ordering::Relaxed);
        outcome
    });
    outcome.map_err(|error| error.to_string())?;
    let grown = |most: AtomicU64| most.into_inner().saturating_sub(before.in_use) / (1 << 20);
    Ok(format!("{} MB in use, {} MB reserved", grown(in_use), grown(reserved)))
}

/// Sixteen parameter sets over a year of minutes of three assets with a fee, and their gradients.
fn fees() -> Result<(), Box<dyn std::error::Error>> {
    let prices = synthesize(&SynthesisSpec { days: 365.0 + 60.0, ..SynthesisSpec::default() })?;
    let start = prices.grid().time_ms(60 * 1440);
    let spec = PeriodSpec { burn_in_days: 60.0, ..PeriodSpec::new(start, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid())?;
    let strategy = Strategy::new(rules::by_name("momentum")?, StrategySettings::daily(3, 1.0))?;
    let canonical = InitialSettings { memory_days: 5.0, ..InitialSettings::default() };
    let canonical = canonical.values(strategy.rule(), strategy.settings())?;
    let costs = Costs { fee_rate: 0.003, ..Costs::default() };
    let pool = Pool::new(strategy, PoolSettings { costs, ..PoolSettings::default() })?;
    let rows = periods.train.len();
    let objective = Metric::DailyLogSharpe;
    let goal = Goal { objective, turnover_penalty: 0.0, window_rows: rows, watched: vec![] };
    let device = Device::flex();
    let experiment = Experiment::new(pool, &prices, &periods, goal, &device, DType::F64)?;
    drop(prices);
    println!("before the gradients of {rows} minutes, 3 assets: {} MB", peak_mb());
    let parameters = ParameterSets::from_values(&vec![canonical; 16], &device, DType::F64)?;
    let windows = Windows::single(experiment.periods().train.start, rows);
    let found = experiment.gradient(&parameters, objective, &windows)?;
    println!("after those of 16 parameter sets at a fee of 0.3 %: {} MB", peak_mb());
    println!("daily log Sharpe {:.4}", found.values[0]);
    Ok(())
}

fn minutes() -> Result<(), Box<dyn std::error::Error>> {
    let assets = ["A", "B", "C", "D", "E", "F"].map(str::to_owned).to_vec();
    let prices = synthesize(&SynthesisSpec { assets, days: 4.0 * 365.0, ..SynthesisSpec::default() })?;
    println!("after making prices ({} rows, 6 assets): {} MB", prices.rows(), peak_mb());
    let start = prices.grid().time_ms(365 * 1440);
    let spec = PeriodSpec { burn_in_days: 365.0, ..PeriodSpec::new(start, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid())?;
    let strategy = Strategy::new(rules::by_name("momentum")?, StrategySettings::daily(6, 1.0))?;
    let values = InitialSettings::default().values(strategy.rule(), strategy.settings())?;
    let pool = Pool::new(strategy, PoolSettings::default())?;
    let rows = periods.train.len();
    let goal = Goal { objective: Metric::Sharpe, turnover_penalty: 0.0, window_rows: rows, watched: vec![] };
    let device = Device::flex();
    let experiment = Experiment::new(pool, &prices, &periods, goal, &device, DType::F64)?;
    drop(prices);
    let parameters = ParameterSets::from_values(&[values], &device, DType::F64)?;
    let windows = Windows::single(experiment.periods().train.start, rows);

    let run = experiment.run(&parameters, &windows, Metric::all(), true)?;
    let metrics = evaluate_all(Metric::all(), &experiment.series(&run))?;
    println!("after every metric of {rows} minutes: {} MB", peak_mb());
    let found = experiment.gradient(&parameters, Metric::Sharpe, &windows)?;
    println!("after the gradient of the minute Sharpe ratio: {} MB", peak_mb());
    println!("final value {:.2}, Sharpe {:.4}", metrics[0].last().map_or(f64::NAN, |last| last.value), found.values[0]);
    Ok(())
}

/// Largest resident set of this process so far, in MB (Linux).
fn peak_mb() -> u64 {
    memory_mb("VmHWM:")
}

/// A line of this process's status, in MB (Linux).
fn memory_mb(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|text| text.strip_prefix(line)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes / 1024)
}
