//! Reserves with fees: the optimum's laws, the reference form, differences, and what must not change a bit.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use common::{Numbers, Shape, distance, loss, shapes, tensor, values};
use gradpool_ops::arbitrage::reference;
use gradpool_ops::{ArbitragePlan, Costs, Interpolation, PathLayout, PricedWindows, RowInputs, UserTrade, arbitrage};
use proptest::prelude::*;

/// Positions, initial reserves and fees.
type Inputs = (Tensor<3>, Tensor<2>, Tensor<2>);

/// Everything that goes into a call.
#[derive(Clone, Debug)]
struct Call {
    assets: usize,
    sets: usize,
    layout: PathLayout,
    starts: Vec<usize>,
    prices: Vec<f64>,
    positions: Vec<f64>,
    initial: Vec<f64>,
    samples: Vec<usize>,
    costs: Costs,
    /// One or more per entry of the batch.
    fees: Vec<f64>,
    fee_rows: usize,
    inputs: RowInputs,
    rests: bool,
}

impl Call {
    fn plan(&self) -> Arc<ArbitragePlan> {
        let prices: Arc<[f64]> = self.prices.clone().into();
        let samples = self.samples.clone();
        let plan = PricedWindows::new(self.layout, self.starts.clone(), self.assets, prices, samples).unwrap();
        let plan = ArbitragePlan::new(plan, self.costs).unwrap();
        let inputs = self.inputs.clone().check(self.prices.len() / self.assets, self.assets).unwrap();
        let plan = plan.with_inputs(inputs).unwrap().with_fee_rows(self.fee_rows);
        Arc::new(if self.rests { plan.resting_with_weights() } else { plan })
    }

    fn batch(&self) -> usize {
        self.sets * self.starts.len()
    }

    fn tensors(&self, device: &Device, dtype: DType) -> Inputs {
        let batch = self.batch();
        let blocks = self.positions.len() / batch / self.assets;
        (
            tensor(&self.positions, [batch, blocks, self.assets], device, dtype),
            tensor(&self.initial, [batch, self.assets], device, dtype),
            tensor(&self.fees, [batch, self.fees.len() / batch], device, dtype),
        )
    }

    fn reserves(&self) -> Vec<f64> {
        self.reserves_on(DType::F64)
    }

    fn reserves_on(&self, dtype: DType) -> Vec<f64> {
        let (positions, initial, fees) = self.tensors(&Device::flex(), dtype);
        values(&arbitrage(positions, initial, fees, &self.plan()))
    }

    fn fused(&self, device: &Device) -> [Vec<f64>; 4] {
        let plan = self.plan();
        self.run(|positions, initial, fees| arbitrage(positions, initial, fees, &plan), device)
    }

    fn expected(&self, device: &Device) -> [Vec<f64>; 4] {
        let plan = self.plan();
        self.run(|positions, initial, fees| reference::arbitrage(positions, initial, fees, &plan), device)
    }

    /// Reserves, and gradients of positions, initial reserves and fees.
    fn run(&self, form: impl Fn(Tensor<3>, Tensor<2>, Tensor<2>) -> Tensor<3>, device: &Device) -> [Vec<f64>; 4] {
        let (positions, initial, fees) = self.tensors(&device.clone().autodiff(), DType::F64);
        let (positions, initial, fees) = (positions.require_grad(), initial.require_grad(), fees.require_grad());
        let reserves = form(positions.clone(), initial.clone(), fees.clone());
        let gradients = loss(reserves.clone()).backward();
        let gradient = |found: Option<Vec<f64>>, len: usize| found.unwrap_or_else(|| vec![0.0; len]);
        [
            values(&reserves),
            gradient(positions.grad(&gradients).as_ref().map(values), self.positions.len()),
            gradient(initial.grad(&gradients).as_ref().map(values), self.initial.len()),
            gradient(fees.grad(&gradients).as_ref().map(values), self.fees.len()),
        ]
    }
}

/// A call with `blocks` ramps, prices that move by up to a few percent a row, and reserves that hold the first weights.
fn call(seed: u64, shape: Shape, costs: Costs) -> Call {
    let Shape { assets, sets, windows, blocks, .. } = shape;
    let mut numbers = Numbers(seed);
    let (layout, starts) = (shape.layout(seed), shape.starts());
    let prices = shape.prices(&layout, &mut numbers);
    let batch = sets * windows;
    let positions = numbers.weights(batch * (blocks + 1), assets);
    let initial = (0..batch)
        .flat_map(|entry| {
            let weights = &positions[entry * (blocks + 1) * assets..][..assets];
            let prices = &prices[starts[entry % windows] * assets..][..assets];
            weights.iter().zip(prices).map(|(weight, price)| 1e3 * weight / price).collect::<Vec<_>>()
        })
        .collect();
    let visited = layout.visited();
    let samples = (0..visited).filter(|visit| visit % 3 == 2 || visit + 1 == visited).collect();
    Call {
        assets,
        sets,
        layout,
        starts,
        prices,
        positions,
        initial,
        samples,
        costs,
        fees: vec![costs.fee_rate; batch],
        fee_rows: usize::MAX,
        inputs: RowInputs::default(),
        rests: false,
    }
}

/// What else a pool may meet: which of the inputs change from row to row.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)]
struct Changes {
    fees_of_entries: bool,
    fee_rate: bool,
    gates: bool,
    lp_supply: bool,
    trades: bool,
    rests: bool,
    dynamic_form: bool,
}

impl Call {
    /// The same call with inputs that change from row to row.
    fn changing(mut self, seed: u64, changes: Changes) -> Self {
        let mut numbers = Numbers(seed ^ 0x5eed);
        let rows = self.prices.len() / self.assets;
        let scale = self.costs.fee_rate;
        let mut series = |given: bool, low: f64, high: f64| -> Option<Arc<[f64]>> {
            given.then(|| numbers.list(rows, low, high).into())
        };
        self.inputs.fee_rate = series(changes.fee_rate, 0.0, 2.0 * scale);
        self.inputs.gas_cost = series(changes.gates, 0.0, 0.5);
        self.inputs.arbitrage_fee = series(changes.gates, 0.0, 0.002);
        self.inputs.lp_supply = series(changes.lp_supply, 0.8, 1.2);
        if changes.fees_of_entries {
            self.fees = numbers.list(3 * self.batch(), 0.0, 2.0 * scale);
            self.fee_rows = 2;
        }
        if changes.trades {
            let trade = |row| UserTrade {
                row,
                token_in: row % self.assets,
                token_out: (row + 1) % self.assets,
                amount_in: 0.3,
            };
            self.inputs.trades = (0..rows).step_by(3).map(trade).collect();
        }
        self.rests = changes.rests;
        self.costs.dynamic_form = changes.dynamic_form;
        self
    }
}

fn changes() -> impl Strategy<Value = Changes> {
    prop::array::uniform7(any::<bool>()).prop_map(|[a, b, c, d, e, f, g]| Changes {
        fees_of_entries: a,
        fee_rate: b,
        gates: c,
        lp_supply: d,
        trades: e,
        rests: f,
        dynamic_form: g,
    })
}

fn costs() -> impl Strategy<Value = Costs> {
    let fee = prop_oneof![Just(0.0), 1e-5..0.3f64, Just(0.003)];
    let gates = prop_oneof![Just((0.0, 0.0)), (0.0..1.0f64, 0.0..0.01f64)];
    let parts = prop_oneof![Just((0.0, 0.0)), (0.0..2.0f64, 0.0..1.0f64)];
    (fee, gates, parts, any::<bool>()).prop_map(|(fee_rate, gates, parts, pairs_only)| Costs {
        fee_rate,
        gas_cost: gates.0,
        arbitrage_fee: gates.1,
        noise_trader_ratio: parts.0,
        protocol_fee_share: parts.1,
        pairs_only,
        dynamic_form: false,
    })
}

fn fee(fee_rate: f64) -> Costs {
    Costs { fee_rate, ..Costs::default() }
}

/// A pool that meets one row of prices, `weights` sum to one.
fn one_trade(reserves: &[f64], weights: &[f64], prices: &[f64], costs: Costs) -> Vec<f64> {
    let layout = PathLayout {
        block_rows: 1,
        ramp_rows: 1,
        interpolation: Interpolation::Linear,
        constant_first_block: true,
        rows: 1,
        stride: 1,
    };
    Call {
        assets: weights.len(),
        sets: 1,
        layout,
        starts: vec![0],
        prices: prices.to_vec(),
        positions: weights.to_vec(),
        initial: reserves.to_vec(),
        samples: vec![0],
        costs,
        fees: vec![costs.fee_rate],
        fee_rows: usize::MAX,
        inputs: RowInputs::default(),
        rests: false,
    }
    .reserves()
}

fn pools() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>, f64)> {
    let token = (0.05..1.0f64, -3.0..3.0f64, 0.7..1.4f64);
    let fees = prop_oneof![1e-5..1e-3f64, 1e-3..0.3f64];
    (prop::collection::vec(token, 2..9), fees).prop_map(|(tokens, fee)| {
        let total: f64 = tokens.iter().map(|token| token.0).sum();
        let weights: Vec<f64> = tokens.iter().map(|token| token.0 / total).collect();
        let prices: Vec<f64> = tokens.iter().map(|token| token.1.exp()).collect();
        let off = tokens.iter().map(|token| token.2);
        let reserves = weights.iter().zip(&prices).zip(off).map(|((w, p), off)| 100.0 * off * w / p).collect();
        (reserves, weights, prices, fee)
    })
}

/// `sum w ln(R + eff(D))`, the logarithm of what the pool conserves.
fn invariant(before: &[f64], after: &[f64], weights: &[f64], fee: f64) -> f64 {
    let effective = |before: f64, after: f64| {
        if after > before { before + (1.0 - fee) * (after - before) } else { after }
    };
    before.iter().zip(after).zip(weights).map(|((b, a), w)| w * effective(*b, *a).ln()).sum()
}

fn profit(before: &[f64], after: &[f64], prices: &[f64]) -> f64 {
    before.iter().zip(after).zip(prices).map(|((b, a), p)| (b - a) * p).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn fused_equals_reference((seed, shape, costs, changes) in (any::<u64>(), shapes(), costs(), changes())) {
        let plain = call(seed, shape, costs);
        for call in [plain.clone(), plain.changing(seed, changes)] {
            for device in common::devices() {
                let (fused, expected) = (call.fused(&device), call.expected(&device));
                let off = distance(&fused[0], &expected[0]);
                prop_assert!(off < 1e-11, "reserves {off}");
                // Where nothing is charged it is rounding that says which token enters, and so what a fee would do.
                let compared = if costs.fee_rate > 0.0 { 4 } else { 3 };
                for (fused, expected) in fused.iter().zip(&expected).take(compared).skip(1) {
                    prop_assert!(distance(fused, expected) < 1e-9, "{fused:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit((seed, shape, costs, changes) in (any::<u64>(), shapes(), costs(), changes())) {
        let call = call(seed, Shape { sets: 2, windows: 2, ..shape }, costs).changing(seed, changes);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || call.fused(&Device::flex());
        prop_assert_eq!(pool(1).install(run), pool(2).install(run));
    }

    /// Series that never change are the constants that they repeat.
    #[test]
    fn constant_series_are_constants((seed, shape, costs) in (any::<u64>(), shapes(), costs())) {
        let call = call(seed, shape, costs);
        let rows = call.prices.len() / call.assets;
        let series = |value: f64| -> Option<Arc<[f64]>> { Some(vec![value; rows].into()) };
        let mut repeated = call.clone();
        repeated.inputs = RowInputs {
            fee_rate: series(costs.fee_rate),
            gas_cost: series(costs.gas_cost),
            arbitrage_fee: series(costs.arbitrage_fee),
            lp_supply: series(2.0),
            trades: Arc::new([]),
        };
        prop_assert_eq!(call.reserves(), repeated.reserves());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_trade_conserves_and_stays_outside_no_band((reserves, weights, prices, rate) in pools()) {
        let after = one_trade(&reserves, &weights, &prices, fee(rate));
        let drift = invariant(&reserves, &after, &weights, rate) - invariant(&reserves, &reserves, &weights, rate);
        prop_assert!(drift.abs() < 1e-12, "{drift:e}");
        let quotient = |reserves: &[f64]| -> Vec<f64> {
            reserves.iter().zip(&weights).zip(&prices).map(|((r, w), p)| p * r / w).collect()
        };
        let spread = |values: Vec<f64>| {
            let high = values.iter().fold(f64::MIN, |high, value| high.max(*value));
            high / values.iter().fold(f64::MAX, |low, value| low.min(*value))
        };
        let before = spread(quotient(&reserves)) * (1.0 - rate);
        if before <= 1.0 - 1e-12 {
            prop_assert_eq!(&after, &reserves, "no trade inside the band");
        } else if before > 1.0 + 1e-9 {
            // Afterwards the pool is inside the band (what entered counts net of the fee, which only helps).
            prop_assert!(profit(&reserves, &after, &prices) > 0.0);
            prop_assert!(spread(quotient(&after)) * (1.0 - rate) <= 1.0 + 1e-9);
        }
    }

    #[test]
    fn no_other_trade_pays_more((reserves, weights, prices, rate) in pools(), tries in prop::collection::vec(-1.0..1.0f64, 8)) {
        let best = one_trade(&reserves, &weights, &prices, fee(rate));
        let best_profit = profit(&reserves, &best, &prices);
        let pair = one_trade(&reserves, &weights, &prices, Costs { pairs_only: true, ..fee(rate) });
        prop_assert!(best_profit >= profit(&reserves, &pair, &prices) - 1e-11);
        // Other trades near the best one that conserve as much: the last token settles the account.
        for size in [1e-4, 1e-2] {
            let mut other = best.clone();
            for (token, change) in tries.iter().enumerate().take(reserves.len() - 1) {
                other[token] *= 1.0 + size * change;
            }
            let last = reserves.len() - 1;
            let needed = invariant(&reserves, &reserves, &weights, rate);
            let partial: Vec<f64> = other[..last].to_vec();
            let rest = needed - invariant(&reserves[..last], &partial, &weights[..last], rate);
            let effective = (rest / weights[last]).exp();
            other[last] = if effective > reserves[last] {
                reserves[last] + (effective - reserves[last]) / (1.0 - rate)
            } else {
                effective
            };
            prop_assert!(profit(&reserves, &other, &prices) <= best_profit + 1e-10, "{other:?} beats {best:?}");
        }
    }

    #[test]
    fn units_and_order_do_not_matter((reserves, weights, prices, rate) in pools(), scale in 0.01..100.0f64) {
        let costs = Costs { noise_trader_ratio: 0.3, protocol_fee_share: 0.2, ..fee(rate) };
        let after = one_trade(&reserves, &weights, &prices, costs);
        let scaled: Vec<f64> = reserves.iter().map(|reserve| reserve * scale).collect();
        for (scaled, after) in one_trade(&scaled, &weights, &prices, costs).iter().zip(&after) {
            prop_assert!((scaled / after / scale - 1.0).abs() < 1e-12);
        }
        let turned = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
        let mirrored = one_trade(&turned(&reserves), &turned(&weights), &turned(&prices), costs);
        for (mirrored, after) in turned(&mirrored).iter().zip(&after) {
            prop_assert!((mirrored / after - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    let shape = Shape {
        assets: 3,
        sets: 1,
        windows: 2,
        block_rows: 6,
        blocks: 3,
        stride: 1,
        constant_first_block: true,
        interpolation: Interpolation::Linear,
    };
    let costs = Costs { noise_trader_ratio: 0.5, protocol_fee_share: 0.25, ..fee(0.003) };
    let changes = Changes {
        fees_of_entries: true,
        fee_rate: false,
        gates: false,
        lp_supply: true,
        trades: true,
        rests: false,
        dynamic_form: false,
    };
    let changing = |seed, changes| call(seed, shape, costs).changing(seed, changes);
    for call in [
        call(1, shape, fee(0.003)),
        call(2, shape, fee(0.0005)),
        call(3, shape, costs),
        call(4, shape, Costs { pairs_only: true, ..costs }),
        changing(5, changes),
        changing(6, Changes { dynamic_form: true, ..changes }),
        changing(7, Changes { rests: true, fee_rate: true, ..changes }),
    ] {
        let [_, positions, initial, fees] = call.fused(&Device::flex());
        let at = |call: &Call| {
            let (positions, initial, fees) = call.tensors(&Device::flex(), DType::F64);
            values(&loss(arbitrage(positions, initial, fees, &call.plan())))[0]
        };
        let check = |found: f64, size: f64, moved: &dyn Fn(f64) -> Call, what: &str| {
            let difference = (at(&moved(size)) - at(&moved(-size))) / (2.0 * size);
            assert!((found - difference).abs() < 1e-5 * (1.0 + difference.abs()), "{what}: {found} {difference}");
        };
        for (index, found) in positions.iter().enumerate() {
            let moved = |size: f64| {
                let mut moved = call.clone();
                moved.positions[index] += size;
                moved
            };
            check(*found, 1e-6, &moved, "position");
        }
        for (index, found) in initial.iter().enumerate() {
            let moved = |size: f64| {
                let mut moved = call.clone();
                moved.initial[index] += size;
                moved
            };
            check(*found, 1e-6, &moved, "initial reserves");
        }
        for (index, found) in fees.iter().enumerate() {
            let moved = |size: f64| {
                let mut moved = call.clone();
                moved.fees[index] += size;
                moved
            };
            check(*found, 1e-7, &moved, "fee");
        }
    }
}

/// Longer than one stretch between kept reserves.
#[test]
fn long_windows_have_the_gradient_of_the_reference() {
    let shape = Shape {
        assets: 3,
        sets: 1,
        windows: 1,
        block_rows: 100,
        blocks: 6,
        stride: 1,
        constant_first_block: true,
        interpolation: Interpolation::Linear,
    };
    let call = call(9, shape, fee(0.003));
    let (fused, expected) = (call.fused(&Device::flex()), call.expected(&Device::flex()));
    for (fused, expected) in fused.iter().zip(&expected) {
        assert!(distance(fused, expected) < 1e-9);
    }
}

#[test]
fn single_precision_runs() {
    let shape = Shape {
        assets: 4,
        sets: 1,
        windows: 1,
        block_rows: 5,
        blocks: 2,
        stride: 1,
        constant_first_block: true,
        interpolation: Interpolation::Linear,
    };
    let call = call(3, shape, fee(0.003));
    assert!(distance(&call.reserves_on(DType::F32), &call.reserves()) < 1e-5);
}

#[test]
fn impossible_plans_are_refused() {
    let layout = PathLayout {
        block_rows: 2,
        ramp_rows: 2,
        interpolation: Interpolation::Linear,
        constant_first_block: true,
        rows: 4,
        stride: 1,
    };
    let plan = |rows: usize, samples: Vec<usize>, costs: Costs| {
        let prices: Arc<[f64]> = vec![1.0; rows * 2].into();
        let windows = PricedWindows::new(layout, vec![0], 2, prices, samples);
        windows.and_then(|windows| ArbitragePlan::new(windows, costs)).map_err(|error| error.to_string())
    };
    assert!(plan(4, vec![3], fee(0.1)).is_ok());
    for (error, part) in [
        (plan(3, vec![3], fee(0.1)), "prices"),
        (plan(4, vec![4], fee(0.1)), "below the 4 visited rows"),
        (plan(4, vec![2, 1], fee(0.1)), "rise"),
        (plan(4, vec![3], fee(1.0)), "fee_rate is 1"),
        (plan(4, vec![3], fee(f64::NAN)), "fee_rate is NaN"),
    ] {
        assert!(error.as_ref().unwrap_err().contains(part), "{error:?}");
    }
}

/// Where nothing is charged every token trades, also those whose quotient is the level but for rounding: here four of seven
/// are, as a user comes to a pool at its optimum.
#[test]
fn at_no_fee_tokens_at_the_level_have_their_gradient() {
    let shape = Shape {
        assets: 7,
        sets: 1,
        windows: 1,
        block_rows: 4,
        blocks: 1,
        stride: 1,
        constant_first_block: false,
        interpolation: Interpolation::Linear,
    };
    for seed in 0..200 {
        let mut call = call(seed, shape, Costs { gas_cost: 0.5, ..Costs::default() });
        let trade = UserTrade { row: call.starts[0], token_in: 0, token_out: 1, amount_in: 0.3 };
        call.inputs.trades = Arc::new([trade]);
        let (fused, expected) = (call.fused(&Device::flex()), call.expected(&Device::flex()));
        for (fused, expected) in fused.iter().zip(&expected).take(3) {
            assert!(distance(fused, expected) < 1e-9, "seed {seed}: {fused:?} {expected:?}");
        }
    }
}
