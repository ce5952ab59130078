//! A set's objective and gradient are the same bits whatever runs beside it, in whichever order, in however many parts.

use burn::tensor::{DType, Device, DeviceKind};
use gradpool_market::{PeriodSpec, Periods, Step, SynthesisSpec, synthesize};
use gradpool_metrics::Metric;
use gradpool_ops::Costs;
use gradpool_pools::{Pool, PoolSettings};
use gradpool_strategy::{ParameterSets, ParameterValues, Strategy, StrategySettings, WeightPath, Windows, rules};
use gradpool_trainer::{Experiment, Goal};

const SETS: usize = 7;

/// Half-daily updates on hourly rows.
fn experiment(rule: &str, fee_rate: f64, device: &Device) -> Experiment {
    let spec = SynthesisSpec { days: 24.0, step: Step::HOUR, seed: 3, ..SynthesisSpec::default() };
    let prices = synthesize(&spec).unwrap();
    let start_ms = prices.grid().time_ms(4 * 24);
    let spec = PeriodSpec { burn_in_days: 4.0, ..PeriodSpec::new(start_ms, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid()).unwrap();
    let settings = StrategySettings {
        update_interval_rows: 12,
        interpolation_rows: 12,
        maximum_memory_days: 30.0,
        path: WeightPath::Auto,
        ..StrategySettings::daily(3, 60.0)
    };
    let strategy = Strategy::new(rules::by_name(rule).unwrap(), settings).unwrap();
    let costs = Costs { fee_rate, ..Costs::default() };
    let pool = Pool::new(strategy, PoolSettings { costs, ..PoolSettings::default() }).unwrap();
    let goal = Goal { objective: Metric::DailyLogSharpe, turnover_penalty: 0.0, window_rows: 18 * 24, watched: vec![] };
    Experiment::new(pool, &prices, &periods, goal, device, DType::F32).unwrap()
}

/// Different points around the rule's own start.
fn sets(experiment: &Experiment) -> Vec<ParameterValues> {
    let strategy = experiment.pool().strategy();
    let start = gradpool_strategy::InitialSettings::default().values(strategy.rule(), strategy.settings()).unwrap();
    let moved = |set: usize| {
        let mut values = start.clone();
        for (place, number) in values.leaves.values_mut().flatten().enumerate() {
            *number += 0.05 * ((set * 5 + place * 3) as f64).sin();
        }
        values
    };
    (0..SETS).map(moved).collect()
}

/// Objective and gradient of every set, as bits.
fn run(experiment: &Experiment, sets: &[ParameterValues], metric: Metric, device: &Device) -> Vec<Vec<u64>> {
    let parameters = ParameterSets::from_values(sets, device, DType::F32).unwrap();
    let first = experiment.periods().train.start;
    let windows = Windows { starts: vec![first, first + 12], rows: 18 * 24 };
    let found = experiment.gradient(&parameters, metric, &windows).unwrap();
    let gradients = found.gradient.to_values();
    let bits = |(value, gradient): (&f64, &ParameterValues)| {
        [*value].iter().chain(gradient.leaves.values().flatten()).map(|number| number.to_bits()).collect()
    };
    found.values.iter().zip(&gradients).map(bits).collect()
}

fn assert_independent(rule: &str, fee_rate: f64, metric: Metric) {
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let experiment = experiment(rule, fee_rate, &device);
    let sets = sets(&experiment);
    let run = |sets: &[ParameterValues]| run(&experiment, sets, metric, &device);
    let together = run(&sets);
    let what = format!("{rule}, fee {fee_rate}, {metric:?}");
    let numbers: std::collections::BTreeSet<&Vec<u64>> = together.iter().collect();
    assert_eq!(numbers.len(), SETS, "{what}: sets that are all alike test nothing");
    // The same number of sets again.
    assert!(run(&sets) == together, "{what}: a second run differs");
    // Alone.
    for set in [0, 3, SETS - 1] {
        assert!(run(&sets[set..=set])[0] == together[set], "{what}: set {set} differs alone");
    }
    // In two parts.
    let parts = [run(&sets[..4]), run(&sets[4..])].concat();
    assert!(parts == together, "{what}: two parts differ from one");
    // Backwards.
    let backwards: Vec<ParameterValues> = sets.iter().rev().cloned().collect();
    let mut found = run(&backwards);
    found.reverse();
    assert!(found == together, "{what}: sets in another order differ");
    // Beside many.
    let many: Vec<ParameterValues> = sets.iter().cycle().take(30 * SETS).cloned().collect();
    assert!(run(&many)[..SETS] == together, "{what}: sets differ beside {} others", 29 * SETS);
}

#[test]
fn values_without_fees() {
    assert_independent("momentum", 0.0, Metric::FinalValue);
    assert_independent("momentum", 0.0, Metric::DailyLogSharpe);
}

#[test]
fn values_with_fees() {
    assert_independent("momentum", 0.003, Metric::DailyLogSharpe);
}

#[test]
fn rules_of_covariances_and_channels() {
    assert_independent("min_variance", 0.0, Metric::DailyLogSharpe);
    assert_independent("mean_reversion_channel", 0.0, Metric::ReturnsOverUniformHodl);
}
