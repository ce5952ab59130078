//! What rules cost: outputs and coarse weights of every built-in rule over three years of minute prices of 3 assets, by
//! both paths, forward and with gradients, for one parameter set and for 32; and how estimators grow with time and batch.
//! On one thread. The tables at the end have the best times; ratios within one run are what counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{best, briefly};
use criterion::{Criterion, criterion_group, criterion_main};
use gradpool_market::{Step, SynthesisSpec, synthesize};
use gradpool_ops::recurrence::RecurrenceForm;
use gradpool_strategy::rules::{RuleOptions, builtin};
use gradpool_strategy::{
    CoarseSeries, Estimator, InitialSettings, ParameterSets, Rule, Strategy, StrategySettings, WeightPath, Windows,
};

const DAY: usize = 1440;
const YEARS: usize = 3;
const ASSETS: usize = 3;
const BATCHES: [usize; 2] = [1, 32];
const UPDATES: [(&str, usize); 2] = [("daily", DAY), ("hourly", 60)];
const PATHS: [(&str, WeightPath); 2] = [("scan", WeightPath::Scan), ("vectorized", WeightPath::Vectorized)];

/// A rule with the coarse rows that it reads; supplies are one of each asset.
struct Subject {
    strategy: Strategy,
    series: CoarseSeries,
    windows: Windows,
}

impl Subject {
    fn new(rule: Arc<dyn Rule>, prices: &[f64], interval_rows: usize, path: WeightPath) -> Self {
        let settings = StrategySettings {
            update_interval_rows: interval_rows,
            interpolation_rows: interval_rows,
            path,
            ..StrategySettings::daily(ASSETS, 1.0)
        };
        let strategy = Strategy::new(rule, settings).unwrap();
        let coarse = strategy.coarse_rows(prices, &Device::flex(), DType::F64);
        let series = CoarseSeries { supplies: Some(coarse.ones_like()), prices: coarse };
        let rows = prices.len() / ASSETS;
        let burn_in = rows / YEARS;
        Self { strategy, series, windows: Windows::single(burn_in, rows - burn_in) }
    }

    /// Parameter sets beside each other, each a little away from the one before.
    fn parameters(&self, sets: usize) -> ParameterSets {
        let canonical = InitialSettings::default().values(self.strategy.rule(), self.strategy.settings()).unwrap();
        let sets: Vec<_> = (0..sets)
            .map(|set| {
                let mut values = canonical.clone();
                values.leaves.values_mut().flatten().for_each(|value| *value += 0.01 * set as f64);
                values
            })
            .collect();
        ParameterSets::from_values(&sets, &Device::flex(), DType::F64).unwrap()
    }

    fn weights(&self, parameters: &ParameterSets, series: &CoarseSeries) -> Tensor<3> {
        let outputs = self.strategy.rule_outputs(parameters, series).unwrap();
        self.strategy.coarse_weights(parameters, outputs, &self.windows).unwrap()
    }

    fn forward(&self, parameters: &ParameterSets) {
        black_box(self.weights(parameters, &self.series).into_data());
    }

    /// The mean squared weight and its gradient.
    fn gradient(&self, parameters: &ParameterSets) {
        let tracked = parameters.map(|_, leaf| Tensor::from_inner(leaf.clone()).require_grad());
        let series = CoarseSeries {
            prices: Tensor::from_inner(self.series.prices.clone()),
            supplies: self.series.supplies.clone().map(Tensor::from_inner),
        };
        let weights = self.weights(&tracked, &series);
        let value = (weights.clone() * weights).sum();
        let gradients = value.backward();
        tracked.leaves.values().for_each(|leaf| drop(black_box(leaf.grad(&gradients))));
        black_box(value.into_data());
    }
}

fn rules(criterion: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let days = 365.0 * YEARS as f64;
    let prices = synthesize(&SynthesisSpec { days, step: Step::MINUTE, ..SynthesisSpec::default() }).unwrap();
    let mut table = String::new();
    for (update, interval_rows) in UPDATES {
        let mut group = criterion.benchmark_group(format!("{update} update"));
        briefly(&mut group);
        for rule in builtin(&RuleOptions::default()) {
            let mut times = BTreeMap::new();
            for (path_name, path) in PATHS {
                let subject = Subject::new(Arc::clone(&rule), prices.prices(), interval_rows, path);
                for sets in BATCHES {
                    let parameters = subject.parameters(sets);
                    let name = |what: &str| format!("{}, {path_name}, {what}, {sets} sets", rule.name());
                    let forward = best(&mut group, &name("forward"), || subject.forward(&parameters));
                    let gradient = best(&mut group, &name("gradient"), || subject.gradient(&parameters));
                    times.insert((sets, "forward", path_name), forward);
                    times.insert((sets, "gradient", path_name), gradient);
                }
            }
            if times.values().any(|time: &f64| time.is_infinite()) {
                continue;
            }
            write!(table, "{update:<7}{:<38}", rule.name()).unwrap();
            for sets in BATCHES {
                for what in ["forward", "gradient"] {
                    let time = |path| times[&(sets, what, path)];
                    let (scan, vectorized) = (time("scan"), time("vectorized"));
                    write!(table, "{scan:>9.3} {vectorized:>9.3} {:>5.2}", scan / vectorized).unwrap();
                }
            }
            table.push('\n');
        }
        group.finish();
    }
    println!("\nms by scan, ms vectorized, ratio scan / vectorized; each for");
    println!("{:<45}{:>25}{:>25}{:>25}{:>25}", "", "forward, 1 set", "gradient, 1 set", "forward, 32", "gradient, 32");
    println!("{table}");
}

/// A name, and the estimator with a decay.
type Named = (&'static str, fn(Tensor<2>) -> Estimator);

/// Coarse rows and parameter sets that estimators grow from a tenth to, and from.
const LONG: usize = 20_000;
const FEW: usize = 4;

/// Ten times the rows, ten times the sets: a linear estimator takes ten times as long.
fn growth(criterion: &mut Criterion) {
    let days = LONG as f64 / 24.0;
    let prices = synthesize(&SynthesisSpec { days, step: Step::HOUR, ..SynthesisSpec::default() }).unwrap();
    let estimators: [Named; 4] = [
        ("average", |decay| Estimator::Average { decay }),
        ("gradient", |decay| Estimator::Gradient { decay, denominator_decay: None }),
        ("variance", |decay| Estimator::Variance { decay }),
        ("covariance", |decay| Estimator::Covariance { decay }),
    ];
    let mut group = criterion.benchmark_group("estimators");
    briefly(&mut group);
    let mut table = String::new();
    for (name, estimator) in estimators {
        for (form_name, form) in [("scan", RecurrenceForm::Sequential), ("vectorized", RecurrenceForm::Blocked)] {
            let [base, rows, sets] = [(LONG / 10, FEW), (LONG, FEW), (LONG / 10, 10 * FEW)].map(|(rows, sets)| {
                let options = (&Device::flex(), DType::F64);
                let data = TensorData::new(prices.prices()[..rows * ASSETS].to_vec(), [1, rows, ASSETS]);
                let series = CoarseSeries::of_prices(Tensor::from_data(data, options));
                let estimator = estimator(Tensor::full([sets, ASSETS], 0.97, options));
                best(&mut group, &format!("{name}, {form_name}, {rows} rows, {sets} sets"), || {
                    black_box(estimator.estimate(&series, form, sets).into_data());
                })
            });
            if !(base + rows + sets).is_finite() {
                continue;
            }
            let (rows, sets) = (rows / base, sets / base);
            writeln!(table, "{name:<12}{form_name:<12}{base:>9.3}{rows:>12.1}{sets:>12.1}").unwrap();
        }
    }
    group.finish();
    println!("\nms of {} rows x {FEW} sets, and how many times as long it takes", LONG / 10);
    println!("{:<24}{:>9}{:>12}{:>12}", "", "", "10 x rows", "10 x sets");
    println!("{table}");
}

criterion_group!(benches, rules, growth);
criterion_main!(benches);
