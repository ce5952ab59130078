//! Every rule that has a contract trains on it.

use burn::tensor::{DType, Device};
use gradpool::market::{PeriodSpec, Periods, Step};
use gradpool::metrics::Metric;
use gradpool::ops::Costs;
use gradpool::pools::{Pool, PoolSettings};
use gradpool::strategy::{InitialWeights, ParameterSets, StrategySettings, Windows};
use gradpool::trainer::{Experiment, Goal};

use super::common::rule_laws::made_up_prices;
use super::{RULES, on_chain, start};

const DAYS: f64 = 160.0;

fn experiment(rule: &str, interpolation_rows: usize, costs: Costs) -> Experiment {
    let prices = made_up_prices(3, Step::HOUR, DAYS, 11);
    let start_ms = prices.grid().time_ms(40 * 24);
    let spec = PeriodSpec { burn_in_days: 40.0, ..PeriodSpec::new(start_ms, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid()).unwrap();
    let settings = StrategySettings {
        interpolation_rows,
        initial_weights: InitialWeights::Learned,
        maximum_memory_days: 40.0,
        ..StrategySettings::daily(3, 60.0)
    };
    let pool = Pool::new(on_chain(rule, settings), PoolSettings { costs, ..PoolSettings::default() }).unwrap();
    let rows = 110 * 24;
    let goal = Goal { objective: Metric::DailyLogSharpe, turnover_penalty: 0.0, window_rows: rows, watched: vec![] };
    Experiment::new(pool, &prices, &periods, goal, &Device::flex(), DType::F64).unwrap()
}

#[test]
fn every_rule_climbs_its_objective() {
    for (interpolation_rows, fee_rate) in [(24, 0.0), (24, 0.003), (10, 0.0), (10, 0.003)] {
        for rule in RULES {
            let experiment = experiment(rule, interpolation_rows, Costs { fee_rate, ..Costs::default() });
            let values = start(experiment.pool().strategy(), 8.0);
            let mut sets = ParameterSets::from_values(&[values], &Device::flex(), DType::F64).unwrap();
            let first = experiment.periods().train.start;
            let windows = Windows { starts: vec![first, first + 5], rows: experiment.goal().window_rows };
            let mut values = Vec::new();
            for _ in 0..12 {
                let found = experiment.gradient(&sets, Metric::DailyLogSharpe, &windows).unwrap();
                values.push(found.values[0]);
                // A second decay that these settings do not use.
                for (leaf, gradient) in found.gradient.leaves.iter().filter(|leaf| leaf.0 != "logit_delta_lamb") {
                    let gradient: Vec<f64> = gradient.to_data().iter::<f64>().collect();
                    let fine =
                        gradient.iter().all(|value| value.is_finite()) && gradient.iter().any(|value| *value != 0.0);
                    assert!(fine, "{rule}, fee {fee_rate}: the gradient of `{leaf}` is {gradient:?}");
                }
                sets = sets.map(|leaf, values| {
                    let gradient = found.gradient.leaf(leaf).unwrap().clone();
                    let size = gradient.clone().abs().max().into_scalar::<f64>().max(1e-300);
                    values.clone() + gradient * (0.02 / size)
                });
            }
            let best = values[1..].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert!(best > values[0], "{rule}, {interpolation_rows} rows, fee {fee_rate}: {values:?}");
        }
    }
}
