//! Rebalanced portfolios: the definition by reserves, the reference form, differences, laws, and what must not change a bit.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use common::{
    Numbers, Shape, assert_gradient, assert_same, distance, on_threads, shapes, tensor, value_and_gradient, values,
};
use gradpool_ops::rebalancing::reference;
use gradpool_ops::{
    DailySpreads, Interpolation, PathLayout, PricedWindows, RebalancingPlan, RebalancingTerms, rebalancing,
};
use proptest::prelude::*;

/// Everything that goes into a call.
#[derive(Clone, Debug)]
struct Call {
    assets: usize,
    layout: PathLayout,
    starts: Vec<usize>,
    prices: Vec<f64>,
    positions: Vec<f64>,
    shape: [usize; 3],
    samples: Vec<usize>,
    terms: RebalancingTerms,
}

/// Which costs, and when.
#[derive(Clone, Copy, Debug)]
struct Kind {
    fee_rate: f64,
    per_row: bool,
    spreads: bool,
    streaming_fee: f64,
    only_in_ramps: bool,
}

const FREE: Kind = Kind { fee_rate: 0.0, per_row: false, spreads: false, streaming_fee: 0.0, only_in_ramps: false };

impl Call {
    fn new(seed: u64, shape: Shape, kind: Kind) -> Self {
        let Shape { assets, sets, windows, block_rows, blocks, stride, .. } = shape;
        let mut numbers = Numbers(seed);
        let (layout, starts) = (shape.layout(seed), shape.starts());
        let prices = shape.prices(&layout, &mut numbers);
        let table = prices.len() / assets;
        let batch = sets * windows;
        let positions = numbers.weights(batch * (blocks + 1), assets);
        let days = (table + 3).div_ceil(5);
        let spreads =
            DailySpreads { spreads: numbers.list(days * assets, 0.0, 0.01).into(), rows_per_day: 5, rows_before: 3 };
        let terms = RebalancingTerms {
            fee_rate: kind.fee_rate,
            row_fee_rates: kind.per_row.then(|| numbers.list(table, 0.0, 0.01).into()),
            spreads: kind.spreads.then_some(spreads),
            streaming_fee: kind.streaming_fee,
            only_in_ramps: kind.only_in_ramps,
        };
        let executed = |visit: usize| !kind.only_in_ramps || visit * stride % block_rows < layout.ramp_rows;
        let samples: Vec<usize> = (0..layout.visited()).filter(|&visit| executed(visit) && visit % 3 != 1).collect();
        Self { assets, layout, starts, prices, positions, shape: [batch, blocks + 1, assets], samples, terms }
    }

    fn plan(&self) -> Arc<RebalancingPlan> {
        let (starts, prices, samples) = (self.starts.clone(), self.prices.clone().into(), self.samples.clone());
        let windows = PricedWindows::new(self.layout, starts, self.assets, prices, samples).unwrap();
        Arc::new(RebalancingPlan::new(windows, self.terms.clone()).unwrap())
    }

    fn log_values(&self) -> Vec<f64> {
        values(&rebalancing(tensor(&self.positions, self.shape, &Device::flex(), DType::F64), &self.plan()))
    }

    fn fee_rate(&self, row: usize) -> f64 {
        self.terms.row_fee_rates.as_ref().map_or(self.terms.fee_rate, |rates| rates[row])
    }

    fn spread(&self, row: usize, asset: usize) -> f64 {
        self.terms.spreads.as_ref().map_or(0.0, |series| series.spreads[(row + 3) / 5 * self.assets + asset])
    }

    /// Spec 04 sec. 4.8.7 as it stands, on reserves.
    fn by_reserves(&self) -> Vec<f64> {
        let positions = tensor(&self.positions, self.shape, &Device::flex(), DType::F64);
        let weights = values(&gradpool_ops::interpolate(positions, &self.layout));
        let (assets, visited) = (self.assets, self.layout.visited());
        let mut found = Vec::new();
        for (entry, weights) in weights.chunks_exact(visited * assets).enumerate() {
            let row_of = |visit: usize| self.starts[entry % self.starts.len()] + visit * self.layout.stride;
            let at = |visit: usize| &weights[visit * assets..(visit + 1) * assets];
            let price = |row: usize, asset: usize| self.prices[row * assets + asset];
            let mut reserves: Vec<f64> = (0..assets).map(|a| at(0)[a] / price(row_of(0), a)).collect();
            for visit in 0..visited {
                let row = row_of(visit);
                let offset = visit * self.layout.stride % self.layout.block_rows;
                if !self.terms.only_in_ramps || offset < self.layout.ramp_rows {
                    let mut value: f64 = (0..assets).map(|a| reserves[a] * price(row, a)).sum();
                    for target in [at(visit.saturating_sub(1)), at(visit)] {
                        let cost: f64 = (0..assets)
                            .map(|a| {
                                let bought = target[a] * value - reserves[a] * price(row, a);
                                self.fee_rate(row) * (-bought).max(0.0) + 0.5 * self.spread(row, a) * bought.abs()
                            })
                            .sum();
                        value -= cost;
                        reserves = (0..assets).map(|a| target[a] * value / price(row, a)).collect();
                    }
                    for reserve in &mut reserves {
                        *reserve *= 1.0 - self.terms.streaming_fee;
                    }
                }
                if self.samples.contains(&visit) {
                    found.push((0..assets).map(|a| reserves[a] * price(row, a)).sum::<f64>().ln());
                }
            }
        }
        found
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    let fee = prop_oneof![Just(0.0), 1e-5..0.1f64];
    let streaming = prop_oneof![Just(0.0), 1e-7..1e-3f64];
    (fee, streaming, any::<[bool; 3]>()).prop_map(|(fee_rate, streaming_fee, [per_row, spreads, only_in_ramps])| Kind {
        fee_rate,
        per_row,
        spreads,
        streaming_fee,
        only_in_ramps,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fused_equals_reference((seed, shape, kind) in (any::<u64>(), shapes(), kinds())) {
        let call = Call::new(seed, shape, kind);
        let plan = call.plan();
        assert_same(&|at| rebalancing(at, &plan), &|at| reference::rebalancing(at, &plan), &call.positions, call.shape);
    }

    #[test]
    fn values_are_those_of_the_reserves((seed, shape, kind) in (any::<u64>(), shapes(), kinds())) {
        let call = Call::new(seed, shape, kind);
        for (found, expected) in call.log_values().iter().zip(call.by_reserves()) {
            prop_assert!((found - expected).abs() < 1e-13, "{found} {expected}");
        }
    }

    #[test]
    fn threads_change_no_bit((seed, shape, kind) in (any::<u64>(), shapes(), kinds())) {
        let call = Call::new(seed, Shape { sets: 2, windows: 2, block_rows: 200, ..shape }, kind);
        let plan = call.plan();
        let run = || {
            value_and_gradient(&|at: Tensor<3>| rebalancing(at, &plan), &call.positions, call.shape, &Device::flex())
        };
        prop_assert_eq!(on_threads(1, run), on_threads(3, run));
    }

    #[test]
    fn without_costs_the_value_grows_by_the_weighted_price_changes((seed, shape) in (any::<u64>(), shapes())) {
        let call = Call::new(seed, shape, FREE);
        let positions = tensor(&call.positions, call.shape, &Device::flex(), DType::F64);
        let weights = values(&gradpool_ops::interpolate(positions, &call.layout));
        let (assets, visited) = (call.assets, call.layout.visited());
        let mut expected = Vec::new();
        for (entry, weights) in weights.chunks_exact(visited * assets).enumerate() {
            let price = |visit: usize, asset: usize| {
                call.prices[(call.starts[entry % call.starts.len()] + visit * call.layout.stride) * assets + asset]
            };
            let mut value = 1.0;
            for visit in 0..visited {
                if visit > 0 {
                    let before = &weights[(visit - 1) * assets..visit * assets];
                    value *= (0..assets).map(|a| before[a] * price(visit, a) / price(visit - 1, a)).sum::<f64>();
                }
                if call.samples.contains(&visit) {
                    expected.push(value.ln());
                }
            }
        }
        prop_assert!(distance(&call.log_values(), &expected) < 1e-12);
    }

    #[test]
    fn every_cost_lowers_the_value((seed, shape, kind) in (any::<u64>(), shapes(), kinds())) {
        let call = Call::new(seed, shape, kind);
        let free = Call::new(seed, shape, Kind { only_in_ramps: kind.only_in_ramps, ..FREE });
        for (costly, free) in call.log_values().iter().zip(free.log_values()) {
            prop_assert!(*costly <= free + 1e-14);
        }
    }
}

const SMOOTH: Shape = Shape {
    assets: 3,
    sets: 1,
    windows: 2,
    block_rows: 6,
    blocks: 3,
    stride: 1,
    constant_first_block: false,
    interpolation: Interpolation::Linear,
};

/// Away from kinks: weights that rest would have one in every row, where what is bought changes its sign.
#[test]
fn gradients_equal_central_differences() {
    let dear = Kind { fee_rate: 0.01, per_row: false, spreads: true, streaming_fee: 1e-4, only_in_ramps: false };
    for (seed, kind) in [(5, FREE), (11, dear), (17, Kind { per_row: true, ..dear })] {
        assert_eq!(seed % 6, 5, "the whole block is a ramp");
        let call = Call::new(seed, SMOOTH, kind);
        let plan = call.plan();
        assert_gradient(&|at| rebalancing(at, &plan), &call.positions, call.shape, 1e-6, 1e-7);
    }
    let held = Shape { constant_first_block: true, interpolation: Interpolation::ApproxOptimal, ..SMOOTH };
    let call = Call::new(3, held, Kind { only_in_ramps: true, spreads: false, fee_rate: 0.0, ..dear });
    let plan = call.plan();
    assert_gradient(&|at| rebalancing(at, &plan), &call.positions, call.shape, 1e-5, 1e-7);
}

#[test]
fn single_precision_runs() {
    let kind = Kind { fee_rate: 0.003, per_row: false, spreads: true, streaming_fee: 1e-5, only_in_ramps: false };
    let call = Call::new(3, SMOOTH, kind);
    let positions = tensor(&call.positions, call.shape, &Device::flex(), DType::F32);
    let found = values(&rebalancing(positions, &call.plan()));
    assert!(distance(&found, &call.log_values()) < 1e-5);
}

#[test]
fn impossible_plans_are_refused() {
    let call = Call::new(9, SMOOTH, Kind { spreads: true, per_row: true, ..FREE });
    let plan = |change: &dyn Fn(&mut Call)| {
        let mut call = call.clone();
        change(&mut call);
        let (starts, prices, samples) = (call.starts, call.prices.into(), call.samples);
        let windows = PricedWindows::new(call.layout, starts, call.assets, prices, samples);
        windows.and_then(|windows| RebalancingPlan::new(windows, call.terms)).map_err(|error| error.to_string())
    };
    assert!(plan(&|_| ()).is_ok());
    let spread = |spreads: Vec<f64>| DailySpreads { spreads: spreads.into(), rows_per_day: 5, rows_before: 3 };
    for (error, part) in [
        (plan(&|call| call.prices.truncate(30)), "prices"),
        (plan(&|call| call.samples = vec![18]), "below the 18 visited rows"),
        (plan(&|call| call.samples = vec![2, 1]), "rise"),
        (plan(&|call| call.terms.fee_rate = 1.0), "fee_rate is 1"),
        (plan(&|call| call.terms.streaming_fee = f64::NAN), "streaming_fee is NaN"),
        (plan(&|call| call.terms.row_fee_rates = Some(vec![0.0; 3].into())), "fee_rate holds 3 values"),
        (plan(&|call| call.terms.row_fee_rates = Some(vec![-0.5; 22].into())), "fee_rate is -0.5"),
        (plan(&|call| call.terms.spreads = Some(spread(vec![0.0; 12]))), "spreads holds 12 values"),
        (plan(&|call| call.terms.spreads = Some(spread(vec![f64::INFINITY; 15]))), "spreads is inf"),
        (plan(&|call| call.terms.only_in_ramps = true), "5, where nobody rebalances"),
    ] {
        assert!(error.as_ref().unwrap_err().contains(part), "{error:?}");
    }
}
