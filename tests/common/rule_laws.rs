//! What every rule must obey, as functions over random markets; [`rule_laws!`] makes one test of each.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use gradpool_market::{PerAsset, PriceTable, Step, SupplyTable, SynthesisSpec, synthesize};
use gradpool_metrics::{Calendar, Metric, SeriesInputs};
use gradpool_pools::{Pool, PoolRun, PoolSettings, PricedHistory, Valuation};
use gradpool_strategy::{
    BoundsForm, InitialSettings, Interpolation, Observation, OutputKind, ParameterSets, ParameterValues, Rule,
    Strategy, StrategySettings, WeightBounds, WeightPath, Windows,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as Draw;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// A rule, and whether the bounds of its pool are trained.
#[derive(Clone, Debug)]
pub struct Subject {
    pub rule: Arc<dyn Rule>,
    pub bounds: Option<BoundsForm>,
}

impl Subject {
    pub fn of(rule: impl Rule + 'static) -> Self {
        Self { rule: Arc::new(rule), bounds: None }
    }

    pub fn bounded(self, form: BoundsForm) -> Self {
        Self { bounds: Some(form), ..self }
    }
}

/// The devices with fused kernels.
#[allow(deprecated)]
pub fn devices() -> Vec<Device> {
    vec![
        Device::flex(),
        #[cfg(feature = "ndarray")]
        Device::ndarray(),
    ]
}

/// A pool and everything it runs on.
#[derive(Clone, Debug)]
pub struct Market {
    pub rule: Arc<dyn Rule>,
    pub prices: PriceTable,
    pub supplies: SupplyTable,
    pub settings: StrategySettings,
    pub pool: PoolSettings,
    pub sets: Vec<ParameterValues>,
    pub windows: Windows,
    pub device: Device,
}

pub fn made_up_prices(assets: usize, step: Step, days: f64, seed: u64) -> PriceTable {
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

/// Supplies that differ between assets and grow at different speeds.
pub fn made_up_supplies(prices: &PriceTable) -> SupplyTable {
    let assets = prices.assets().len();
    let supply = |row: usize, asset: usize| (3.0 + asset as f64) * (1.0 + 1e-4 * ((asset + 1) * row) as f64);
    let rows = (0..prices.rows()).flat_map(|row| (0..assets).map(move |asset| supply(row, asset))).collect();
    SupplyTable::from_rows(prices.assets(), *prices.grid(), rows).unwrap()
}

impl Market {
    pub fn strategy(&self) -> Strategy {
        Strategy::new(Arc::clone(&self.rule), self.settings.clone()).unwrap()
    }

    pub fn pool(&self) -> Pool {
        Pool::new(self.strategy(), self.pool.clone()).unwrap()
    }

    pub fn on_path(&self, path: WeightPath) -> Self {
        let settings = StrategySettings { path, ..self.settings.clone() };
        Self { settings, ..self.clone() }
    }

    pub fn valued(&self, valuation: Valuation) -> Self {
        let pool = PoolSettings { valuation, ..self.pool.clone() };
        Self { pool, ..self.clone() }
    }

    pub fn with_prices(&self, price: impl Fn(usize, usize) -> f64) -> Self {
        let column = |asset| (0..self.prices.rows()).map(|row| price(row, asset)).collect();
        let columns: Vec<Vec<f64>> = (0..self.settings.assets).map(column).collect();
        let prices = PriceTable::from_columns(self.prices.assets(), *self.prices.grid(), &columns).unwrap();
        Self { prices, ..self.clone() }
    }

    pub fn history(&self) -> PricedHistory {
        let pool = self.pool();
        let history = pool.history(Arc::new(self.prices.clone()), &self.device, DType::F64).unwrap();
        pool.with_supplies(history, Arc::new(self.supplies.clone())).unwrap()
    }

    pub fn parameters(&self, device: &Device) -> ParameterSets {
        ParameterSets::from_values(&self.sets, device, DType::F64).unwrap()
    }

    pub fn run(&self, samples: &[usize]) -> PoolRun {
        self.pool().run(&self.history(), &self.parameters(&self.device), &self.windows, samples).unwrap()
    }

    pub fn weights(&self) -> Vec<f64> {
        let (pool, history) = (self.pool(), self.history());
        host(pool.dense_series(&history, &self.run(&self.every_row())).weights)
    }

    pub fn outputs(&self) -> Vec<f64> {
        host(self.pool().rule_outputs(&self.history(), &self.parameters(&self.device)).unwrap())
    }

    pub fn final_values(&self) -> Vec<f64> {
        host(self.run(&[self.windows.rows - 1]).values)
    }

    pub fn every_row(&self) -> Vec<usize> {
        (0..self.windows.rows).collect()
    }

    fn observation(&self, row: usize) -> Observation<'_> {
        Observation { prices: self.prices.row(row), supplies: Some(self.supplies.row(row)) }
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
    pub fn gradient(&self, metric: Metric) -> (Vec<f64>, ParameterSets) {
        let tracked = self.parameters(&self.device).map(|_, leaf| Tensor::from_inner(leaf.clone()).require_grad());
        let calendar = Calendar::from_step_ms(self.prices.grid().step_ms).unwrap();
        let samples = metric.sampling(&calendar, self.windows.rows).into_rows(self.windows.rows);
        let run = self.pool().run(&self.history(), &tracked, &self.windows, &samples).unwrap();
        let values = metric.evaluate(&self.series(&run)).unwrap();
        let found = host(values.clone());
        let gradients = values.sum().backward();
        (found, tracked.map(|_, leaf| leaf.grad(&gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())))
    }
}

pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn flat(sets: &ParameterSets) -> Vec<f64> {
    sets.to_values().iter().flat_map(|values| values.leaves.values().flatten().copied().collect::<Vec<_>>()).collect()
}

/// Memories of estimators, in update intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Memory {
    Short,
    Ordinary,
    Long,
}

impl Memory {
    fn intervals(self) -> std::ops::Range<f64> {
        match self {
            Self::Short => 0.3..1.5,
            Self::Ordinary => 2.0..9.0,
            Self::Long => 60.0..300.0,
        }
    }
}

/// Memories in days and linear gains are positive.
fn is_positive(leaf: &str) -> bool {
    leaf.contains("memory_days") || leaf.rsplit('.').next() == Some("k")
}

/// Random markets: hourly or daily rows, two to four assets, one or two parameter sets around the rule's own starting
/// point, three windows.
pub fn markets(subject: &Subject, memory: Memory) -> impl Draw<Value = Market> + use<> {
    let subject = subject.clone();
    let sizes = (2usize..5, 1usize..3, prop::sample::select(vec![Step::HOUR, Step::DAY]), any::<u64>());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let shape = (1usize..25, 0usize..7, prop::sample::select(vec![1e-5, 3e-4, 1.0]));
    let start = (memory.intervals(), -2.0..5.0f64, prop::collection::vec(-0.3..0.3f64, 64), 0.1..0.9f64);
    (sizes, flags, shape, start, prop::sample::select(devices())).prop_map(
        move |(sizes, flags, shape, start, device)| {
            let (assets, sets, step, seed) = sizes;
            let (alternative_decay, geometric, bounded, pre_exponent_scaling) = flags;
            let (interpolation, shift, cap) = shape;
            let (intervals, log_k, noise, delta) = start;
            let step_min = step.ms() as f64 / 60_000.0;
            let interval = if step_min < 1440.0 { 24 } else { 3 };
            let prices = made_up_prices(assets, step, if step_min < 1440.0 { 60.0 } else { 200.0 }, seed);
            let bounds = subject.bounds.or(bounded.then_some(BoundsForm::Fixed)).map(|form| WeightBounds {
                minimum: vec![0.3 / assets as f64; assets],
                maximum: vec![(1.9 / assets as f64).min(0.95); assets],
                form,
            });
            let settings = StrategySettings {
                update_interval_rows: interval,
                interpolation_rows: interpolation.min(interval),
                interpolation: if geometric { Interpolation::ApproxOptimal } else { Interpolation::Linear },
                maximum_change_per_row: cap * step_min,
                maximum_memory_days: 2000.0,
                alternative_decay,
                pre_exponent_scaling,
                bounds,
                ..StrategySettings::daily(assets, step_min)
            };
            let memory_days = intervals * settings.update_interval_min() / 1440.0;
            let initial = InitialSettings {
                memory_days,
                memory_delta_days: delta * memory_days,
                k_per_day: vec![log_k.exp2() / memory_days],
                ..InitialSettings::default()
            };
            let canonical = initial.values(subject.rule.as_ref(), &settings).unwrap();
            let mut noise = noise.into_iter().cycle();
            let sets = (0..sets)
                .map(|_| {
                    let mut values = canonical.clone();
                    for (leaf, values) in &mut values.leaves {
                        for value in values {
                            let shift = noise.next().unwrap();
                            // Memories in days and gains are positive: shift them in proportion.
                            let positive = is_positive(leaf);
                            *value += if positive { *value * shift } else { shift };
                        }
                    }
                    values
                })
                .collect();
            let burn_in = 10 * interval;
            let rows = prices.rows() - burn_in - shift - 2;
            let windows = Windows { starts: vec![burn_in, burn_in + shift, burn_in + 2], rows };
            let supplies = made_up_supplies(&prices);
            let (rule, pool) = (Arc::clone(&subject.rule), PoolSettings::default());
            Market { rule, prices, supplies, settings, pool, sets, windows, device }
        },
    )
}

/// Runs a law over random markets.
pub fn over_markets(subject: &Subject, memory: Memory, cases: u32, law: impl Fn(Market) -> TestCaseResult) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&markets(subject, memory), law) {
        panic!("{}: {}", subject.rule.name(), error.to_string().chars().take(2000).collect::<String>());
    }
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) -> TestCaseResult {
    prop_assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        prop_assert!((found / expected - 1.0).abs() <= tolerance, "{what}: {found} against {expected}");
    }
    Ok(())
}

pub fn scan_and_stream_agree_bit_for_bit(market: Market) -> TestCaseResult {
    let market = Market { device: Device::flex(), ..market.on_path(WeightPath::Scan) };
    let scan = market.weights();
    let assets = market.settings.assets;
    let mut entries = scan.chunks(market.windows.rows * assets);
    for values in &market.sets {
        let stream = market.strategy().streaming(values).unwrap();
        for &start in &market.windows.starts {
            let mut state = stream.start();
            stream.warm_up(&mut state, (0..start).map(|row| market.observation(row)));
            // The state survives being written down, here after the burn-in.
            let text = serde_json::to_string(&state).unwrap();
            let mut state = serde_json::from_str(&text).unwrap();
            let expected = entries.next().unwrap();
            for (row, expected) in (start..start + market.windows.rows).zip(expected.chunks(assets)) {
                prop_assert_eq!(stream.step(&mut state, market.observation(row)), expected, "row {}", row - start);
            }
        }
    }
    Ok(())
}

/// Relative difference of final values between the vectorized and the scan path.
pub fn vectorized_and_scan_agree(market: &Market, tolerance: f64) -> TestCaseResult {
    let scan = market.on_path(WeightPath::Scan).final_values();
    let vectorized = market.on_path(WeightPath::Vectorized).final_values();
    close(&vectorized, &scan, tolerance, "vectorized")
}

pub fn closed_form_equals_step_by_step(mut market: Market) -> TestCaseResult {
    market.settings.interpolation = Interpolation::Linear;
    for stride in 1..4 {
        market.pool.arbitrage_interval_rows = stride;
        market.settings.interpolation_rows = (market.settings.interpolation_rows / stride).max(1) * stride;
        if !market.settings.update_interval_rows.is_multiple_of(stride)
            || market.settings.interpolation_rows > market.settings.update_interval_rows
        {
            continue;
        }
        let steps = host(market.valued(Valuation::StepByStep).run(&market.every_row()).values);
        let closed = host(market.valued(Valuation::ClosedForm).run(&market.every_row()).values);
        close(&closed, &steps, 1e-12, "closed form")?;
        let (_, steps) = market.valued(Valuation::StepByStep).gradient(Metric::DailyLogSharpe);
        let (_, closed) = market.valued(Valuation::ClosedForm).gradient(Metric::DailyLogSharpe);
        let (steps, closed) = (flat(&steps), flat(&closed));
        let scale = steps.iter().fold(1e-3f64, |largest, value| largest.max(value.abs()));
        for (closed, steps) in closed.iter().zip(&steps) {
            prop_assert!((closed - steps).abs() <= 1e-9 * scale, "{closed} {steps}");
        }
    }
    Ok(())
}

pub fn no_weight_knows_a_later_price(market: Market, cut: f64, factor: f64) -> TestCaseResult {
    let assets = market.settings.assets;
    let cut = market.windows.starts[0] + (cut * market.windows.rows as f64) as usize;
    let changed =
        |row: usize, asset: usize| market.prices.price(row, asset) * if row > cut && asset == 0 { factor } else { 1.0 };
    let changed = market.with_prices(changed);
    for path in [WeightPath::Scan, WeightPath::Vectorized] {
        let (before, after) = (market.on_path(path).weights(), changed.on_path(path).weights());
        let per_entry = market.windows.rows * assets;
        for (entry, (before, after)) in before.chunks(per_entry).zip(after.chunks(per_entry)).enumerate() {
            let start = market.windows.starts[entry % market.windows.starts.len()];
            let known = ((cut + 1).saturating_sub(start) * assets).min(per_entry);
            prop_assert_eq!(&before[..known], &after[..known]);
        }
    }
    Ok(())
}

pub fn threads_change_no_bit(market: Market) -> TestCaseResult {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let run = |threads| {
        let (values, gradient) = pool(threads).install(|| market.gradient(Metric::DailyLogSharpe));
        (values, flat(&gradient))
    };
    prop_assert_eq!(run(1), run(2));
    Ok(())
}

pub fn value_scales_with_the_deposit(market: Market) -> TestCaseResult {
    let value = market.final_values();
    let mut doubled = market;
    doubled.pool.initial_value *= 2.0;
    let twice: Vec<f64> = value.iter().map(|value| 2.0 * value).collect();
    close(&doubled.final_values(), &twice, 1e-13, "twice the deposit")
}

/// Each leaf whose values are per asset has them in rows of `assets`, or is shared.
pub fn assets_may_trade_places(market: Market) -> TestCaseResult {
    let assets = market.settings.assets;
    let mut swapped = market.with_prices(|row, asset| market.prices.price(row, assets - 1 - asset));
    let supplies = (0..market.prices.rows()).flat_map(|row| {
        let mut supplies = market.supplies.row(row).to_vec();
        supplies.reverse();
        supplies
    });
    swapped.supplies =
        SupplyTable::from_rows(market.prices.assets(), *market.prices.grid(), supplies.collect()).unwrap();
    let table = market.strategy().leaves();
    for values in &mut swapped.sets {
        for (leaf, values) in &mut values.leaves {
            let per_asset = table
                .iter()
                .find(|spec| spec.name == *leaf)
                .is_none_or(|spec| !matches!(spec.shape, gradpool_strategy::LeafShape::Values(_)));
            if per_asset && values.len().is_multiple_of(assets) {
                values.chunks_mut(assets).for_each(<[f64]>::reverse);
            }
        }
    }
    close(&swapped.final_values(), &market.final_values(), 1e-11, "permuted")
}

pub fn weights_stay_inside_their_limits(mut market: Market) -> TestCaseResult {
    let assets = market.settings.assets;
    // Only where no smallest weight interferes are bounds exact (spec 03 sec. 3.2.1); initial weights are inside them.
    market.settings.minimum_weight = 1e-4;
    market.settings.interpolation = Interpolation::Linear;
    for set in &mut market.sets {
        set.leaves.get_mut("initial_weights_logits").unwrap().fill(0.0);
    }
    let (low, high) = match &market.settings.bounds {
        Some(bounds) if bounds.form == BoundsForm::Fixed => (bounds.minimum[0], bounds.maximum[0]),
        _ => (0.0, 1.0),
    };
    for row in market.weights().chunks(assets) {
        prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-13);
        prop_assert!(row.iter().all(|weight| (low - 1e-9..=high + 1e-9).contains(weight)), "{row:?} {low} {high}");
    }
    Ok(())
}

/// Changes sum to zero, targets to one.
pub fn outputs_keep_their_sum(market: Market) -> TestCaseResult {
    let assets = market.settings.assets;
    let retention = {
        let parameters = market.parameters(&market.device);
        market.rule.retention(&gradpool_strategy::RuleContext::new(&parameters, &market.settings)).is_some()
    };
    let expected = match market.rule.output_kind() {
        OutputKind::Target => 1.0,
        // A blend with a target rule's pull has no sum of its own.
        OutputKind::Change | OutputKind::Constant if retention => return Ok(()),
        OutputKind::Change | OutputKind::Constant => 0.0,
    };
    for row in market.outputs().chunks(assets) {
        let size = row.iter().fold(1.0f64, |largest, value| largest.max(value.abs()));
        prop_assert!((row.iter().sum::<f64>() - expected).abs() <= 1e-12 * size, "{row:?}");
    }
    Ok(())
}

/// How many slopes were compared, and how many lie at a kink or where differences lose their digits.
#[derive(Debug, Default)]
pub struct Compared {
    pub smooth: std::cell::Cell<usize>,
    pub rough: std::cell::Cell<usize>,
}

impl Compared {
    /// Most slopes must have been compared.
    pub fn settle(&self) {
        let (smooth, rough) = (self.smooth.get(), self.rough.get());
        assert!(smooth > rough, "only {smooth} of {} slopes could be compared", smooth + rough);
    }
}

/// Away from the cap, the smallest weight and the longest memory, whose kinks and straight-through slopes have their own tests. Where differences of two
/// sizes disagree there is a kink (a bound, a limit) in between, and the slope is not compared.
pub fn gradients_equal_central_differences(mut market: Market, compared: &Compared) -> TestCaseResult {
    market.settings.maximum_change_per_row = 1e3;
    market.settings.maximum_memory_days = 1e5;
    market.settings.minimum_weight = 1e-6;
    market.settings.bounds = market.settings.bounds.filter(|bounds| bounds.form == BoundsForm::Learned);
    for set in &mut market.sets {
        // Small gains keep every weight inside its limits.
        for (leaf, values) in &mut set.leaves {
            match leaf.rsplit('.').next().unwrap() {
                "log_k" => values.iter_mut().for_each(|value| *value -= 9.0),
                "k" => values.iter_mut().for_each(|value| *value /= 512.0),
                // squareplus(sp_k) of about a thousandth of what it was.
                "sp_k" => values.iter_mut().for_each(|value| *value -= 40.0),
                "initial_weights_logits" => values.iter_mut().for_each(|value| *value *= 0.1),
                _ => {}
            }
        }
    }
    let total = |market: &Market| market.final_values().iter().sum::<f64>();
    let (_, gradient) = market.gradient(Metric::FinalValue);
    let strategy = market.strategy();
    for (set, gradient) in gradient.to_values().iter().enumerate() {
        for (leaf, found) in &gradient.leaves {
            if strategy.is_frozen(leaf) {
                prop_assert!(found.iter().all(|slope| *slope == 0.0), "{leaf} is never trained");
                continue;
            }
            let scale = found.iter().fold(0.0f64, |largest, slope| largest.max(slope.abs()));
            for (index, found) in found.iter().enumerate() {
                let start = market.sets[set].leaves[leaf][index];
                let at = |step: f64| {
                    let mut moved = market.clone();
                    moved.sets[set].leaves.get_mut(leaf).unwrap()[index] = start + step;
                    total(&moved)
                };
                let positive = is_positive(leaf);
                let size = 1e-3 * if positive { start.min(1.0) } else { 1.0 };
                let difference = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                let (coarse, fine) = (difference(size), difference(size / 4.0));
                // What rounding of the values, some 2e-14 of each, does to the finer one.
                let noise = 1.5e-13 * at(0.0) / size;
                let scale = scale.max(fine.abs());
                let uncertainty = (coarse - fine).abs();
                if uncertainty > 1e-5 * scale + noise {
                    compared.rough.set(compared.rough.get() + 1);
                    continue;
                }
                compared.smooth.set(compared.smooth.get() + 1);
                prop_assert!(
                    (found - fine).abs() <= 1e-6 * scale + 10.0 * uncertainty + noise,
                    "{leaf}[{index}] {found} {fine} (uncertain by {uncertainty}, noise {noise})"
                );
            }
        }
    }
    Ok(())
}

/// Prices that never move, one asset that jumps a hundredfold, tiny and huge prices: values and gradients are finite, and
/// weights are weights.
pub fn extreme_prices_stay_finite(market: Market) -> TestCaseResult {
    let assets = market.settings.assets;
    let jump = market.windows.starts[0] + market.windows.rows / 2;
    let still = market.with_prices(|_, asset| 3.0 + asset as f64);
    let one_still = market.with_prices(|row, asset| if asset == 0 { 7.0 } else { market.prices.price(row, asset) });
    let jumping = market.with_prices(|row, asset| {
        market.prices.price(row, asset) * if asset == 0 && row >= jump { 100.0 } else { 1.0 }
    });
    let tiny = market.with_prices(|row, asset| market.prices.price(row, asset) * 2e-11);
    let huge = market.with_prices(|row, asset| market.prices.price(row, asset) * 2e7);
    for (what, market) in
        [("still", still), ("one still", one_still), ("jumping", jumping), ("tiny", tiny), ("huge", huge)]
    {
        for path in [WeightPath::Scan, WeightPath::Vectorized] {
            let market = market.on_path(path);
            let (values, gradient) = market.gradient(Metric::FinalValue);
            prop_assert!(values.iter().all(|value| value.is_finite() && *value > 0.0), "{what}: {values:?}");
            for (leaf, slopes) in gradient.to_values().into_iter().flat_map(|values| values.leaves) {
                prop_assert!(slopes.iter().all(|slope| slope.is_finite()), "{what}: {leaf} {slopes:?}");
            }
            for row in market.weights().chunks(assets) {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{what}: {row:?}");
                prop_assert!(row.iter().all(|weight| (-1e-12..=1.0).contains(weight)), "{what}: {row:?}");
            }
        }
    }
    Ok(())
}

/// One test per law for each `name => subject`.
#[macro_export]
macro_rules! rule_laws {
    ($($name:ident => $subject:expr),* $(,)?) => {
        $(
            mod $name {
                #[allow(unused_imports)]
                use super::*;
                use $crate::common::rule_laws::{self as laws, Memory, over_markets};

                #[test]
                fn scan_and_stream_agree_bit_for_bit() {
                    for memory in [Memory::Short, Memory::Ordinary, Memory::Long] {
                        over_markets(&$subject, memory, 4, laws::scan_and_stream_agree_bit_for_bit);
                    }
                }

                #[test]
                fn vectorized_and_scan_agree() {
                    over_markets(&$subject, Memory::Ordinary, 8, |market| laws::vectorized_and_scan_agree(&market, 1e-12));
                    for memory in [Memory::Short, Memory::Long] {
                        over_markets(&$subject, memory, 8, |market| laws::vectorized_and_scan_agree(&market, 1e-10));
                    }
                }

                #[test]
                fn closed_form_equals_step_by_step() {
                    over_markets(&$subject, Memory::Ordinary, 6, laws::closed_form_equals_step_by_step);
                }

                #[test]
                fn no_weight_knows_a_later_price() {
                    for (cut, factor) in [(0.0, 2.0), (0.37, 0.6), (0.8, 1.5)] {
                        over_markets(&$subject, Memory::Ordinary, 4, |market| {
                            laws::no_weight_knows_a_later_price(market, cut, factor)
                        });
                    }
                }

                #[test]
                fn threads_change_no_bit() {
                    over_markets(&$subject, Memory::Ordinary, 4, laws::threads_change_no_bit);
                }

                #[test]
                fn values_scale_and_assets_may_trade_places() {
                    over_markets(&$subject, Memory::Ordinary, 6, laws::value_scales_with_the_deposit);
                    over_markets(&$subject, Memory::Ordinary, 8, laws::assets_may_trade_places);
                }

                #[test]
                fn weights_and_outputs_keep_their_sums() {
                    over_markets(&$subject, Memory::Ordinary, 8, laws::outputs_keep_their_sum);
                    over_markets(&$subject, Memory::Ordinary, 8, laws::weights_stay_inside_their_limits);
                }

                #[test]
                fn gradients_equal_central_differences() {
                    let compared = laws::Compared::default();
                    for memory in [Memory::Short, Memory::Ordinary, Memory::Long] {
                        over_markets(&$subject, memory, 3, |market| {
                            laws::gradients_equal_central_differences(market, &compared)
                        });
                    }
                    compared.settle();
                }

                #[test]
                fn extreme_prices_stay_finite() {
                    over_markets(&$subject, Memory::Ordinary, 4, laws::extreme_prices_stay_finite);
                }
            }
        )*
    };
}
