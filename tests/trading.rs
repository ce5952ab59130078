//! Pools with fees: what fees converge to, fees that are trained, and what trading is said to have done.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::tensor::{DType, Device};
use gradpool::market::{PeriodSpec, Periods, SynthesisSpec, synthesize};
use gradpool::metrics::Metric;
use gradpool::ops::Costs;
use gradpool::pools::{Pool, PoolSettings};
use gradpool::strategy::fees::{FeeForm, FeeSettings};
use gradpool::strategy::{InitialSettings, ParameterSets, ParameterValues, Strategy, StrategySettings, Windows, rules};
use gradpool::trainer::{Experiment, Goal};

const HOUR: usize = 60;
const DAYS: usize = 12;

/// Hourly updates of a momentum pool over synthetic minutes, after two days of burn-in.
fn experiment(costs: Costs, fee: FeeSettings) -> (Experiment, ParameterValues) {
    let prices = synthesize(&SynthesisSpec { days: DAYS as f64, ..SynthesisSpec::default() }).unwrap();
    let start_ms = prices.grid().time_ms(2 * 1440);
    let spec = PeriodSpec { burn_in_days: 2.0, ..PeriodSpec::new(start_ms, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid()).unwrap();
    let settings = StrategySettings {
        update_interval_rows: HOUR,
        interpolation_rows: HOUR,
        fee,
        ..StrategySettings::daily(prices.assets().len(), 1.0)
    };
    let strategy = Strategy::new(rules::by_name("momentum").unwrap(), settings).unwrap();
    let initial = InitialSettings { memory_days: 1.0, fee_memory_days: 0.5, ..InitialSettings::default() };
    let values = initial.values(strategy.rule(), strategy.settings()).unwrap();
    let pool = Pool::new(strategy, PoolSettings { costs, ..PoolSettings::default() }).unwrap();
    let rows = periods.train.len();
    let goal = Goal { objective: Metric::FinalValue, turnover_penalty: 0.0, window_rows: rows, watched: vec![] };
    (Experiment::new(pool, &prices, &periods, goal, &Device::flex(), DType::F64).unwrap(), values)
}

fn sets(values: &ParameterValues) -> ParameterSets {
    ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64).unwrap()
}

fn windows(experiment: &Experiment) -> Windows {
    Windows::single(experiment.periods().train.start, experiment.periods().train.len())
}

fn final_value(experiment: &Experiment, values: &ParameterValues) -> f64 {
    let run = experiment.run(&sets(values), &windows(experiment), &[Metric::FinalValue], false).unwrap();
    run.values.into_data().iter::<f64>().last().unwrap()
}

fn at_fee(fee_rate: f64) -> f64 {
    let (experiment, values) = experiment(Costs { fee_rate, ..Costs::default() }, FeeSettings::default());
    final_value(&experiment, &values)
}

#[test]
fn a_vanishing_fee_is_no_fee() {
    let nothing = at_fee(0.0);
    assert!((at_fee(1e-12) / nothing - 1.0).abs() < 1e-6);
    let away = |fee: f64| (at_fee(fee) / nothing - 1.0).abs();
    let distances = [1e-4, 1e-5, 1e-6, 1e-7].map(away);
    assert!(distances.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{distances:?}");
}

/// A trained fee that starts at a rate gives the value of that rate, and its gradient is that of the value.
#[test]
fn trained_fees_have_the_gradient_of_the_value() {
    let costs = Costs { fee_rate: 0.002, noise_trader_ratio: 0.5, protocol_fee_share: 0.2, ..Costs::default() };
    for form in [FeeForm::Learned, FeeForm::Volatility, FeeForm::Momentum] {
        let (experiment, values) = experiment(costs, FeeSettings { form, rate: costs.fee_rate });
        let found = experiment.gradient(&sets(&values), Metric::FinalValue, &windows(&experiment)).unwrap();
        let gradient = found.gradient.to_values().remove(0);
        for leaf in ["log_fee", "log_fee_slope", "logit_fee_lamb", "log_k"] {
            let Some(slope) = gradient.leaf(leaf).map(|values| values[0]) else { continue };
            let moved = |size: f64| {
                let mut values = values.clone();
                values.leaves.get_mut(leaf).unwrap()[0] += size;
                final_value(&experiment, &values)
            };
            let size = 1e-6;
            let difference = (moved(size) - moved(-size)) / (2.0 * size);
            assert!((slope / difference - 1.0).abs() < 1e-3, "{form:?} {leaf}: {slope} {difference}");
        }
        if form == FeeForm::Learned {
            let (fixed, values_of_fixed) = self::experiment(costs, FeeSettings::default());
            let expected = final_value(&fixed, &values_of_fixed);
            assert!((final_value(&experiment, &values) / expected - 1.0).abs() < 1e-12);
        }
    }
}

/// A fee decided before the first prices would know nothing.
#[test]
fn a_dynamic_fee_needs_prices_before_its_window() {
    let costs = Costs { fee_rate: 0.002, ..Costs::default() };
    let (experiment, values) = experiment(costs, FeeSettings { form: FeeForm::Volatility, rate: 0.002 });
    let error = experiment.gradient(&sets(&values), Metric::FinalValue, &Windows::single(0, 100)).unwrap_err();
    assert!(error.to_string().contains("prices before it"), "{error}");
}

#[test]
fn a_trained_fee_and_a_series_of_fees_exclude_each_other() {
    let (experiment, _) = experiment(Costs::default(), FeeSettings { form: FeeForm::Learned, rate: 0.002 });
    let rows = experiment.history().prices().rows();
    let fee_rate: Option<Arc<[f64]>> = Some(vec![0.001; rows].into());
    let inputs = gradpool::pools::RowInputs { fee_rate, ..Default::default() };
    assert!(experiment.with_inputs(inputs).is_err());
}
