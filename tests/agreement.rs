//! What must agree: scan and stream bit for bit, vectorized and scan, closed form and step by step; and the laws of a pool.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use gradpool_market::{PerAsset, PriceTable, Step, SynthesisSpec, synthesize};
use gradpool_metrics::{Calendar, Metric, SeriesInputs};
use gradpool_pools::{Pool, PoolRun, PoolSettings, PricedHistory, Valuation};
use gradpool_strategy::{
    BoundsForm, Interpolation, ParameterSets, ParameterValues, Strategy, StrategySettings, WeightBounds, WeightPath,
    Windows, rules,
};
use proptest::prelude::*;

/// A pool and everything it runs on.
#[derive(Clone, Debug)]
struct Market {
    prices: PriceTable,
    settings: StrategySettings,
    pool: PoolSettings,
    sets: Vec<ParameterValues>,
    windows: Windows,
}

fn prices(assets: usize, step: Step, days: f64, seed: u64) -> PriceTable {
    let spec = SynthesisSpec {
        assets: (0..assets).map(|asset| format!("A{asset}")).collect(),
        days,
        step,
        seed,
        start_prices: PerAsset::All(50.0),
        ..SynthesisSpec::default()
    };
    synthesize(&spec).unwrap()
}

impl Market {
    fn pool(&self) -> Pool {
        let strategy = Strategy::new(rules::by_name("momentum").unwrap(), self.settings.clone()).unwrap();
        Pool::new(strategy, self.pool.clone()).unwrap()
    }

    fn on_path(&self, path: WeightPath) -> Self {
        let settings = StrategySettings { path, ..self.settings.clone() };
        Self { settings, ..self.clone() }
    }

    fn valued(&self, valuation: Valuation) -> Self {
        let pool = PoolSettings { valuation, ..self.pool.clone() };
        Self { pool, ..self.clone() }
    }

    fn history(&self) -> PricedHistory {
        self.pool().history(Arc::new(self.prices.clone()), &Device::flex(), DType::F64).unwrap()
    }

    fn parameters(&self, device: &Device) -> ParameterSets {
        ParameterSets::from_values(&self.sets, device, DType::F64).unwrap()
    }

    fn run(&self, samples: &[usize]) -> PoolRun {
        self.pool().run(&self.history(), &self.parameters(&Device::flex()), &self.windows, samples).unwrap()
    }

    fn weights(&self) -> Vec<f64> {
        let rows: Vec<usize> = (0..self.windows.rows).collect();
        let (pool, history) = (self.pool(), self.history());
        host(pool.dense_series(&history, &self.run(&rows)).weights)
    }

    fn every_row(&self) -> Vec<usize> {
        (0..self.windows.rows).collect()
    }

    fn series(&self, run: &PoolRun) -> SeriesInputs {
        SeriesInputs {
            values: run.values.clone(),
            sample_rows: run.sample_rows.clone(),
            rows: run.windows.rows,
            calendar: Calendar::from_step_ms(self.prices.grid().step_ms).unwrap(),
            initial_reserves: run.initial_reserves.clone(),
            first_prices: run.first_prices.clone(),
            last_prices: run.last_prices.clone(),
            fee_revenue: None,
        }
    }

    /// Metric per batch entry, and its gradient per leaf.
    fn gradient(&self, metric: Metric) -> (Vec<f64>, ParameterSets) {
        let tracked = self.parameters(&Device::flex()).map(|_, leaf| Tensor::from_inner(leaf.clone()).require_grad());
        let calendar = Calendar::from_step_ms(self.prices.grid().step_ms).unwrap();
        let samples = metric.sampling(&calendar, self.windows.rows).into_rows(self.windows.rows);
        let run = self.pool().run(&self.history(), &tracked, &self.windows, &samples).unwrap();
        let values = metric.evaluate(&self.series(&run)).unwrap();
        let found = host(values.clone());
        let gradients = values.sum().backward();
        (found, tracked.map(|_, leaf| leaf.grad(&gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())))
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn flat(sets: &ParameterSets) -> Vec<f64> {
    sets.to_values().iter().flat_map(|values| values.leaves.values().flatten().copied().collect::<Vec<_>>()).collect()
}

/// `memory`: range of logit_lamb.
fn markets(memory: std::ops::Range<f64>) -> impl Strategy2<Value = Market> {
    let sizes = (2usize..5, 1usize..3, prop::sample::select(vec![Step::HOUR, Step::DAY]), any::<u64>());
    let shape = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        1usize..25,
        0usize..7,
        prop::sample::select(vec![1e-5, 3e-4, 1.0]),
    );
    (sizes, shape)
        .prop_flat_map(move |((assets, sets, step, seed), shape)| {
            let leaf = |range: std::ops::Range<f64>| prop::collection::vec(range, assets);
            let set = (leaf(-1.0..6.0), leaf(memory.clone()), leaf(-0.5..0.5), leaf(-1.0..1.0));
            (Just((assets, step, seed, shape)), prop::collection::vec(set, sets))
        })
        .prop_map(|((assets, step, seed, shape), leaves)| {
            let (alternative_decay, geometric, bounded, interpolation, shift, cap) = shape;
            let step_min = step.ms() as f64 / 60_000.0;
            let interval = if step_min < 1440.0 { 24 } else { 3 };
            let prices = prices(assets, step, if step_min < 1440.0 { 60.0 } else { 200.0 }, seed);
            let bounds = bounded.then(|| WeightBounds {
                minimum: vec![0.3 / assets as f64; assets],
                maximum: vec![(1.9 / assets as f64).min(0.95); assets],
                form: BoundsForm::Fixed,
            });
            let settings = StrategySettings {
                update_interval_rows: interval,
                interpolation_rows: interpolation.min(interval),
                interpolation: if geometric { Interpolation::ApproxOptimal } else { Interpolation::Linear },
                maximum_change_per_row: cap * step_min,
                alternative_decay,
                bounds,
                ..StrategySettings::daily(assets, step_min)
            };
            let sets = leaves
                .into_iter()
                .map(|(log_k, logit_lamb, delta, logits)| {
                    ParameterValues::new([
                        ("log_k", log_k),
                        ("logit_lamb", logit_lamb),
                        ("logit_delta_lamb", delta),
                        ("initial_weights_logits", logits),
                    ])
                })
                .collect();
            let burn_in = 10 * interval;
            let rows = prices.rows() - burn_in - shift - 2;
            let windows = Windows { starts: vec![burn_in, burn_in + shift, burn_in + 2], rows };
            Market { prices, settings, pool: PoolSettings::default(), sets, windows }
        })
}

use proptest::strategy::Strategy as Strategy2;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scan_and_stream_agree_bit_for_bit(market in markets(-2.0..5.0)) {
        let market = market.on_path(WeightPath::Scan);
        let scan = market.weights();
        let assets = market.settings.assets;
        let rows: Vec<&[f64]> = market.prices.prices().chunks(assets).collect();
        let mut entries = scan.chunks(market.windows.rows * assets);
        for values in &market.sets {
            let stream = market.pool().strategy().streaming(values).unwrap();
            for &start in &market.windows.starts {
                let mut state = stream.start();
                stream.warm_up(&mut state, rows[..start].iter().copied());
                // The state survives being written down, here after the burn-in.
                let text = serde_json::to_string(&state).unwrap();
                let mut state = serde_json::from_str(&text).unwrap();
                let expected = entries.next().unwrap();
                for (row, expected) in rows[start..start + market.windows.rows].iter().zip(expected.chunks(assets)) {
                    prop_assert_eq!(stream.step(&mut state, *row), expected);
                }
            }
        }
    }

    #[test]
    fn vectorized_and_scan_agree_at_ordinary_memory(market in markets(-2.0..2.5)) {
        let rows = [market.windows.rows - 1];
        let scan = host(market.on_path(WeightPath::Scan).run(&rows).values);
        let vectorized = host(market.on_path(WeightPath::Vectorized).run(&rows).values);
        for (scan, vectorized) in scan.iter().zip(&vectorized) {
            prop_assert!((vectorized / scan - 1.0).abs() <= 1e-12, "{vectorized} {scan}");
        }
    }

    #[test]
    fn vectorized_and_scan_agree_at_any_memory(market in markets(-12.0..9.0)) {
        let rows = [market.windows.rows - 1];
        let scan = host(market.on_path(WeightPath::Scan).run(&rows).values);
        let vectorized = host(market.on_path(WeightPath::Vectorized).run(&rows).values);
        for (scan, vectorized) in scan.iter().zip(&vectorized) {
            prop_assert!((vectorized / scan - 1.0).abs() <= 1e-10, "{vectorized} {scan}");
        }
    }

    #[test]
    fn closed_form_equals_step_by_step(market in markets(-2.0..5.0), stride in 1usize..4) {
        let mut market = market;
        market.settings.interpolation = Interpolation::Linear;
        market.pool.arbitrage_interval_rows = stride;
        market.settings.interpolation_rows = (market.settings.interpolation_rows / stride).max(1) * stride;
        if !market.settings.update_interval_rows.is_multiple_of(stride)
            || market.settings.interpolation_rows > market.settings.update_interval_rows
        {
            return Ok(());
        }
        let steps = host(market.valued(Valuation::StepByStep).run(&market.every_row()).values);
        let closed = host(market.valued(Valuation::ClosedForm).run(&market.every_row()).values);
        for (closed, steps) in closed.iter().zip(&steps) {
            prop_assert!((closed / steps - 1.0).abs() <= 1e-12, "{closed} {steps}");
        }
        let (_, steps) = market.valued(Valuation::StepByStep).gradient(Metric::DailyLogSharpe);
        let (_, closed) = market.valued(Valuation::ClosedForm).gradient(Metric::DailyLogSharpe);
        let (steps, closed) = (flat(&steps), flat(&closed));
        let scale = steps.iter().fold(1e-3f64, |largest, value| largest.max(value.abs()));
        for (closed, steps) in closed.iter().zip(&steps) {
            prop_assert!((closed - steps).abs() <= 1e-9 * scale, "{closed} {steps}");
        }
    }

    #[test]
    fn no_weight_knows_a_later_price(market in markets(-2.0..5.0), cut in 0.0..1.0f64, factor in 0.5..2.0f64) {
        let assets = market.settings.assets;
        let start = market.windows.starts[0];
        let cut = start + (cut * market.windows.rows as f64) as usize;
        let columns: Vec<Vec<f64>> = (0..assets)
            .map(|asset| {
                let price = |row| market.prices.price(row, asset) * if row > cut && asset == 0 { factor } else { 1.0 };
                (0..market.prices.rows()).map(price).collect()
            })
            .collect();
        let changed = PriceTable::from_columns(market.prices.assets(), *market.prices.grid(), &columns).unwrap();
        let changed = Market { prices: changed, ..market.clone() };
        for path in [WeightPath::Scan, WeightPath::Vectorized] {
            let (before, after) = (market.on_path(path).weights(), changed.on_path(path).weights());
            let per_entry = market.windows.rows * assets;
            for (entry, (before, after)) in before.chunks(per_entry).zip(after.chunks(per_entry)).enumerate() {
                let start = market.windows.starts[entry % market.windows.starts.len()];
                let known = ((cut + 1).saturating_sub(start) * assets).min(per_entry);
                prop_assert_eq!(&before[..known], &after[..known]);
            }
        }
    }

    #[test]
    fn threads_change_no_bit(market in markets(-2.0..5.0)) {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |threads| {
            let (values, gradient) = pool(threads).install(|| market.gradient(Metric::DailyLogSharpe));
            (values, flat(&gradient))
        };
        prop_assert_eq!(run(1), run(2));
    }

    #[test]
    fn value_scales_with_the_deposit_and_assets_may_trade_places(market in markets(-2.0..3.0)) {
        let last = [market.windows.rows - 1];
        let value = host(market.run(&last).values);
        let mut doubled = market.clone();
        doubled.pool.initial_value *= 2.0;
        for (doubled, value) in host(doubled.run(&last).values).iter().zip(&value) {
            prop_assert!((doubled / value - 2.0).abs() < 1e-13);
        }
        let assets = market.settings.assets;
        let columns: Vec<Vec<f64>> = (0..assets)
            .map(|asset| (0..market.prices.rows()).map(|row| market.prices.price(row, assets - 1 - asset)).collect())
            .collect();
        let mut swapped = market.clone();
        swapped.prices = PriceTable::from_columns(market.prices.assets(), *market.prices.grid(), &columns).unwrap();
        for values in &mut swapped.sets {
            values.leaves.values_mut().for_each(|leaf| leaf.reverse());
        }
        for (swapped, value) in host(swapped.run(&last).values).iter().zip(&value) {
            prop_assert!((swapped / value - 1.0).abs() < 1e-11, "{swapped} {value}");
        }
    }

    #[test]
    fn weights_sum_to_one_and_rule_outputs_to_zero(market in markets(-2.0..5.0)) {
        let assets = market.settings.assets;
        let outputs = host(market.pool().rule_outputs(&market.history(), &market.parameters(&Device::flex())).unwrap());
        for row in outputs.chunks(assets) {
            let size = row.iter().fold(1.0f64, |largest, value| largest.max(value.abs()));
            prop_assert!(row.iter().sum::<f64>().abs() <= 1e-12 * size);
        }
        for row in market.weights().chunks(assets) {
            prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        }
    }

    /// Far from the kinks of caps and limits; those have their own tests in the primitives.
    #[test]
    fn gradients_equal_central_differences(market in markets(-1.0..2.0)) {
        let mut market = market;
        market.settings.maximum_change_per_row = 1e3;
        market.settings.minimum_weight = 1e-6;
        market.settings.bounds = None;
        for set in &mut market.sets {
            // Small gains keep every weight inside its limits.
            set.leaves.get_mut("log_k").unwrap().iter_mut().for_each(|value| *value -= 11.0);
            set.leaves.get_mut("initial_weights_logits").unwrap().iter_mut().for_each(|value| *value *= 0.1);
        }
        let total = |market: &Market| market.gradient(Metric::FinalValue).0.iter().sum::<f64>();
        let (_, gradient) = market.gradient(Metric::FinalValue);
        for (set, gradient) in gradient.to_values().iter().enumerate() {
            for leaf in ["log_k", "logit_lamb"] {
                for asset in 0..market.settings.assets {
                    let at = |step: f64| {
                        let mut moved = market.clone();
                        moved.sets[set].leaves.get_mut(leaf).unwrap()[asset] += step;
                        total(&moved)
                    };
                    let h = 1e-3;
                    // What rounding of the values alone does to the difference.
                    let noise = 4e-15 * at(0.0) / h;
                    let difference = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                    let found = gradient.leaves[leaf][asset];
                    prop_assert!((found - difference).abs() <= 1e-6 * difference.abs() + noise, "{leaf} {found} {difference}");
                }
            }
        }
    }
}

#[test]
fn a_pool_without_arbitrage_keeps_its_basket() {
    let prices = prices(3, Step::HOUR, 30.0, 7);
    let settings = StrategySettings::daily(3, 60.0);
    let set = ParameterValues::new([
        ("log_k", vec![3.0; 3]),
        ("logit_lamb", vec![1.0; 3]),
        ("initial_weights_logits", vec![0.0; 3]),
    ]);
    let market = Market {
        windows: Windows::single(240, prices.rows() - 240),
        prices,
        settings,
        pool: PoolSettings { arbitrate: false, ..PoolSettings::default() },
        sets: vec![set],
    };
    let values = host(market.run(&market.every_row()).values);
    for (row, value) in values.iter().enumerate() {
        let held: f64 =
            (0..3).map(|a| 1e6 / 3.0 * market.prices.price(240 + row, a) / market.prices.price(240, a)).sum();
        assert!((value / held - 1.0).abs() < 1e-13);
    }
}
