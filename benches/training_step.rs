//! One training step (value and gradient) and its forward pass: 3 assets, a year of minute rows after a year of burn-in,
//! 8 windows x 4 parameter sets, objective daily_log_sharpe, on one thread. Ratios within one run are what counts.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;

use burn::tensor::{DType, Device};
use criterion::{Criterion, criterion_group, criterion_main};
use gradpool_market::{PeriodSpec, Periods, SynthesisSpec, synthesize};
use gradpool_metrics::Metric;
use gradpool_pools::{Pool, PoolSettings, Valuation};
use gradpool_strategy::{
    Execution, InitialSettings, ParameterSets, Strategy, StrategySettings, WeightPath, Windows, rules,
};
use gradpool_trainer::{Experiment, Goal};

const DAY: usize = 1440;

fn experiment(interval_rows: usize, path: WeightPath, valuation: Valuation) -> Experiment {
    experiment_of(Execution::Ideal, interval_rows, path, valuation)
}

fn experiment_of(execution: Execution, interval_rows: usize, path: WeightPath, valuation: Valuation) -> Experiment {
    let prices = synthesize(&SynthesisSpec { days: 730.0, ..SynthesisSpec::default() }).unwrap();
    let start_ms = prices.grid().time_ms(365 * DAY);
    let spec = PeriodSpec { burn_in_days: 365.0, ..PeriodSpec::new(start_ms, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid()).unwrap();
    let settings = StrategySettings {
        update_interval_rows: interval_rows,
        interpolation_rows: interval_rows,
        path,
        execution,
        ..StrategySettings::daily(3, 1.0)
    };
    let strategy = Strategy::new(rules::by_name("momentum").unwrap(), settings).unwrap();
    let pool = Pool::new(strategy, PoolSettings { valuation, ..PoolSettings::default() }).unwrap();
    let goal =
        Goal { objective: Metric::DailyLogSharpe, turnover_penalty: 0.0, window_rows: 358 * DAY, watched: vec![] };
    Experiment::new(pool, &prices, &periods, goal, &Device::flex(), DType::F64).unwrap()
}

fn parameters(experiment: &Experiment, sets: usize) -> ParameterSets {
    let strategy = experiment.pool().strategy();
    let canonical = InitialSettings::default().values(strategy.rule(), strategy.settings()).unwrap();
    let sets: Vec<_> = (0..sets)
        .map(|set| {
            let mut values = canonical.clone();
            values.leaves.get_mut("log_k").unwrap().iter_mut().for_each(|value| *value += 0.1 * set as f64);
            values
        })
        .collect();
    ParameterSets::from_values(&sets, &Device::flex(), DType::F64).unwrap()
}

fn windows(experiment: &Experiment, count: usize) -> Windows {
    let first = experiment.periods().train.start;
    Windows { starts: (0..count).map(|window| first + window * DAY).collect(), rows: experiment.goal().window_rows }
}

fn training_step(criterion: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    for (update, interval_rows) in [("daily update", DAY), ("hourly update", 60)] {
        let mut group = criterion.benchmark_group(update);
        group.sample_size(20);
        for (name, path) in [("scan", WeightPath::Scan), ("vectorized", WeightPath::Vectorized)] {
            let experiment = experiment(interval_rows, path, Valuation::Auto);
            let parameters = parameters(&experiment, 4);
            let windows = windows(&experiment, 8);
            group.bench_function(format!("{name}: value and gradient, 8 x 4"), |bencher| {
                bencher.iter(|| black_box(experiment.gradient(&parameters, Metric::DailyLogSharpe, &windows).unwrap()));
            });
            group.bench_function(format!("{name}: forward, 8 x 4"), |bencher| {
                bencher.iter(|| {
                    let value = experiment.objective(&parameters, Metric::DailyLogSharpe, &windows).unwrap();
                    black_box(value.into_data())
                });
            });
            group.bench_function(format!("{name}: rule outputs, 4 sets"), |bencher| {
                bencher.iter(|| {
                    let outputs = experiment.pool().rule_outputs(experiment.history(), &parameters).unwrap();
                    black_box(outputs.into_data())
                });
            });
        }
        let on_chain = Execution::OnChain { epsilon_max: None };
        let experiment = experiment_of(on_chain, interval_rows, WeightPath::Scan, Valuation::Auto);
        let (parameters, windows) = (parameters(&experiment, 4), windows(&experiment, 8));
        group.bench_function("on chain: value and gradient, 8 x 4", |bencher| {
            bencher.iter(|| black_box(experiment.gradient(&parameters, Metric::DailyLogSharpe, &windows).unwrap()));
        });
        group.finish();
    }

    let mut group = criterion.benchmark_group("valuation, daily update, 1 x 1");
    group.sample_size(10);
    for (name, valuation) in [("closed form", Valuation::ClosedForm), ("step by step", Valuation::StepByStep)] {
        let experiment = experiment(DAY, WeightPath::Scan, valuation);
        let parameters = parameters(&experiment, 1);
        let windows = windows(&experiment, 1);
        group.bench_function(format!("{name}: value and gradient"), |bencher| {
            bencher.iter(|| black_box(experiment.gradient(&parameters, Metric::DailyLogSharpe, &windows).unwrap()));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("preparation");
    group.sample_size(10);
    let experiment = experiment(DAY, WeightPath::Scan, Valuation::Auto);
    let prices = Arc::new(experiment.history().prices().clone());
    group.bench_function("log prices of two years of minutes, 3 assets", |bencher| {
        bencher
            .iter(|| black_box(experiment.pool().history(Arc::clone(&prices), &Device::flex(), DType::F64).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, training_step);
criterion_main!(benches);
