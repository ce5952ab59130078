//! Pools of two tokens: their invariants, when nobody trades, and gradients by differences.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use burn::tensor::{DType, Device};
use common::{Numbers, differences, distance, loss, tensor, values};
use gradpool_ops::curves::{Eclp, FmAmm, Reclamm, ReclammInterpolation, ReclammState};
use gradpool_ops::{
    CheckedInputs, Costs, Curve, CurvePlan, CurveSettings, CurveWalk, RowInputs, UserTrade, curve_reserves,
};
use proptest::prelude::*;

const FEE: f64 = 0.003;

fn reclamm(interpolation: ReclammInterpolation) -> Reclamm {
    Reclamm {
        interpolation,
        centeredness_scaling: false,
        shift_is_exponent: true,
        fee_is_parameter: false,
        state: None,
    }
}

fn settings(curve: Curve, costs: Costs) -> CurveSettings {
    let inputs = CheckedInputs::default();
    CurveSettings { curve, initial_value: 1000.0, seconds: 1.0, arbitrate: true, costs, inputs }
}

/// Every kind of pool with valid parameters, near a price of 2.
fn pools() -> Vec<(Curve, Vec<f64>)> {
    let quality = |arbitrage_quality| Curve::FmAmm(FmAmm { arbitrage_quality });
    let scaled = |pool| Curve::Reclamm(Reclamm { centeredness_scaling: true, ..pool });
    let trained = Reclamm { fee_is_parameter: true, ..reclamm(ReclammInterpolation::ConstantArcLength) };
    let state = ReclammState { reserves: [1.0, 5.0], virtual_reserves: [4.0, 9.0] };
    let given = Reclamm { state: Some(state), ..reclamm(ReclammInterpolation::Geometric) };
    let range = vec![1.5, 0.6, 1500.0, 0.05, 0.004];
    vec![
        (quality(1.0), vec![0.4]),
        (quality(0.3), vec![0.6]),
        (Curve::Eclp(Eclp::default()), vec![1.1, 1.2, 3.5, 4.0]),
        (Curve::Eclp(Eclp { numeraire_is_first: true, ..Eclp::default() }), vec![0.5, 0.2, 0.9, 2.0]),
        (Curve::Reclamm(reclamm(ReclammInterpolation::Geometric)), range.clone()),
        (scaled(reclamm(ReclammInterpolation::Geometric)), range.clone()),
        (scaled(trained), range.clone()),
        (Curve::Reclamm(reclamm(ReclammInterpolation::CalibratedArcLength)), range.clone()),
        (Curve::Reclamm(given), range),
    ]
}

/// `[rows, 2]`: a walk around prices of 200 and 100.
fn prices(seed: u64, rows: usize, step: f64) -> Vec<f64> {
    let mut numbers = Numbers(seed);
    let mut logs = [200f64.ln(), 100f64.ln()];
    let mut row = || {
        logs = logs.map(|log| log + numbers.uniform(-step, step));
        logs.map(f64::exp)
    };
    (0..rows).flat_map(|_| row()).collect()
}

fn plan(settings: CurveSettings, prices: &[f64], starts: Vec<usize>, samples: Vec<usize>) -> Arc<CurvePlan> {
    Arc::new(CurvePlan::new(settings, starts, 2, prices.to_vec().into(), samples).unwrap())
}

fn worth(reserves: [f64; 2], prices: [f64; 2]) -> f64 {
    reserves[0] * prices[0] + reserves[1] * prices[1]
}

fn row(prices: &[f64], row: usize) -> [f64; 2] {
    [prices[2 * row], prices[2 * row + 1]]
}

#[test]
fn gradients_are_differences() {
    let all_costs = [
        Costs::default(),
        Costs { fee_rate: FEE, ..Costs::default() },
        Costs { fee_rate: FEE, noise_trader_ratio: 0.5, protocol_fee_share: 0.2, ..Costs::default() },
    ];
    let (rows, samples) = (120, vec![7, 30, 49]);
    let (mut compared, mut steps) = (0, 0);
    for (index, (curve, parameters)) in pools().into_iter().enumerate() {
        for costs in all_costs {
            let prices = prices(index as u64 + 1, rows, 0.01);
            let plan = plan(settings(curve, costs), &prices, vec![3, 0, 11], samples.clone());
            let shape = [2, parameters.len()];
            // Two sets, the second one a little elsewhere.
            let at = [parameters.clone(), parameters.iter().map(|parameter| parameter * 1.01).collect()].concat();
            let run = |at: &[f64], device: &Device| curve_reserves(tensor(at, shape, device, DType::F64), &plan);
            let input = tensor(&at, shape, &Device::flex().autodiff(), DType::F64).require_grad();
            let output = curve_reserves(input.clone(), &plan);
            assert_eq!(values(&output), values(&run(&at, &Device::flex())));
            let gradient = values(&input.grad(&loss(output).backward()).unwrap());
            // By relative changes: parameters differ by orders of magnitude.
            let product = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(x, y)| x * y).collect::<Vec<f64>>();
            let found = product(&gradient, &at);
            let moved = |factors: &[f64]| values(&loss(run(&product(factors, &at), &Device::flex())))[0];
            let [coarse, fine] = [1e-5, 3e-6].map(|step| differences(&vec![1.0; at.len()], step, moved));
            let scale = found.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
            for (index, slope) in found.iter().enumerate() {
                // Where a trade or a shift begins to happen there is a step, and no slope.
                if (coarse[index] - fine[index]).abs() > 1e-3 * scale {
                    steps += 1;
                    continue;
                }
                let apart = (slope - fine[index]).abs() / scale;
                assert!(apart < 1e-6, "{curve:?} {costs:?} parameter {index}: {apart} {slope} {}", fine[index]);
                compared += 1;
            }
        }
    }
    assert!(compared > 20 * steps, "{compared} {steps}");
}

#[test]
fn walks_and_plans_agree_and_threads_change_no_bit() {
    let rows = 90;
    for (curve, parameters) in pools() {
        let prices = prices(5, rows, 0.02);
        let trades = [UserTrade { row: 9, token_in: 1, token_out: 0, amount_in: 0.3 }];
        let inputs = RowInputs {
            fee_rate: Some((0..rows).map(|row| 1e-4 * row as f64).collect()),
            lp_supply: Some((0..rows).map(|row| if row < 40 { 1.0 } else { 1.5 }).collect()),
            trades: trades.into(),
            ..RowInputs::default()
        };
        let inputs = inputs.check(rows, 2).unwrap();
        let settings = CurveSettings { inputs, ..settings(curve, Costs { gas_cost: 0.01, ..Costs::default() }) };
        let samples: Vec<usize> = (0..40).collect();
        let plan = plan(settings.clone(), &prices, vec![4], samples.clone());
        let run = || {
            let parameters = tensor(&parameters, [1, parameters.len()], &Device::flex(), DType::F64);
            values(&curve_reserves(parameters, &plan))
        };
        let found = run();
        let mut walk = CurveWalk::new(&settings, &parameters, row(&prices, 4)).unwrap();
        for visit in samples {
            let at = 4 + 2 * visit;
            walk.visit(at, row(&prices, at));
            assert_eq!(found[3 * visit..3 * visit + 2], walk.reserves(), "{curve:?}");
            assert_eq!(found[3 * visit + 2], walk.fee_revenue());
        }
        assert!(found.iter().all(|number| number.is_finite() && *number >= 0.0), "{curve:?}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let prices = prices(8, 2000, 0.01);
    for (curve, parameters) in pools() {
        let settings = settings(curve, Costs { fee_rate: FEE, ..Costs::default() });
        let plan = plan(settings, &prices, vec![0, 50, 100, 150], (0..800).collect());
        let gradient = || {
            let shape = [1, parameters.len()];
            let input = tensor(&parameters, shape, &Device::flex().autodiff(), DType::F64).require_grad();
            values(&input.grad(&loss(curve_reserves(input.clone(), &plan)).backward()).unwrap())
        };
        let of_threads = |count| rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap().install(gradient);
        assert_eq!(of_threads(1), of_threads(4), "{curve:?}");
    }
}

proptest! {
    /// Inside the fee's band nobody trades; without a fee everybody is at the market's price at once.
    #[test]
    fn small_moves_do_not_pay_the_fee(seed in 0u64..200, moved in -0.9..0.9f64) {
        let start = row(&prices(seed, 1, 0.3), 0);
        let here = [start[0] * (moved * FEE).exp(), start[1]];
        for (curve, parameters) in pools() {
            let is_given = matches!(&curve, Curve::Reclamm(pool) if pool.state.is_some() || pool.fee_is_parameter);
            if is_given {
                continue;
            }
            let costs = Costs { fee_rate: FEE, ..Costs::default() };
            let mut walk = CurveWalk::new(&settings(curve, costs), &parameters, start).unwrap();
            let before = walk.reserves();
            walk.visit(0, start);
            walk.visit(1, here);
            prop_assert_eq!(walk.reserves(), before, "{:?}", curve);
        }
    }

    /// Twice the deposit is twice the pool; prices in another unit change nothing.
    #[test]
    fn pools_scale(seed in 0u64..200) {
        let prices = prices(seed, 60, 0.02);
        for (curve, parameters) in pools() {
            let costs = Costs { fee_rate: FEE, ..Costs::default() };
            let run = |value: f64, unit: f64| {
                let settings = CurveSettings { initial_value: value, ..settings(curve, costs) };
                let prices: Vec<f64> = prices.iter().map(|price| price * unit).collect();
                let mut walk = CurveWalk::new(&settings, &parameters, row(&prices, 0)).unwrap();
                (0..60).for_each(|at| walk.visit(at, row(&prices, at)));
                walk.reserves()
            };
            // A given arc-length speed is in roots of tokens per second: a larger pool's range moves slower.
            let has_speed = matches!(&curve, Curve::Reclamm(pool) if pool.fee_is_parameter);
            if !has_speed {
                let doubled = run(1000.0, 1.0).map(|reserve| 2.0 * reserve);
                prop_assert!(distance(&run(2000.0, 1.0), &doubled) < 1e-10, "{:?}", curve);
            }
            prop_assert!(distance(&run(4000.0, 4.0), &run(1000.0, 1.0)) < 1e-10, "{:?}", curve);
        }
    }

    /// Users' trades move a pool without fees along its curve and back.
    #[test]
    fn trades_there_and_back_change_nothing(seed in 0u64..200, share in 0.01..0.3f64, token_in in 0usize..2) {
        let prices = row(&prices(seed, 1, 0.2), 0);
        for (curve, parameters) in pools() {
            let fee_is_parameter = matches!(&curve, Curve::Reclamm(pool) if pool.fee_is_parameter);
            if matches!(curve, Curve::FmAmm(_)) || fee_is_parameter {
                // A batch auction clears at one price: there and back costs.
                continue;
            }
            let still = CurveSettings { arbitrate: false, ..settings(curve, Costs::default()) };
            let begin = |trades: Vec<UserTrade>| {
                let inputs = RowInputs { trades: trades.into(), ..RowInputs::default() }.check(2, 2).unwrap();
                CurveWalk::new(&CurveSettings { inputs, ..still.clone() }, &parameters, prices).unwrap()
            };
            let before = begin(Vec::new()).reserves();
            let there = UserTrade { row: 0, token_in, token_out: 1 - token_in, amount_in: share * before[token_in] };
            let mut walk = begin(vec![there]);
            walk.visit(0, prices);
            let between = walk.reserves();
            // Who trades at the pool's price loses to it; one that was given need not start at the market's.
            let is_given = matches!(&curve, Curve::Reclamm(pool) if pool.state.is_some());
            prop_assert!(is_given || worth(between, prices) >= worth(before, prices) * (1.0 - 1e-12), "{:?}", curve);
            let out = before[1 - token_in] - between[1 - token_in];
            if out == 0.0 {
                continue;
            }
            let back = UserTrade { row: 1, token_in: 1 - token_in, token_out: token_in, amount_in: out };
            let mut walk = begin(vec![there, back]);
            walk.visit(0, prices);
            walk.visit(1, prices);
            let after = walk.reserves();
            prop_assert!(distance(&after, &before) < 1e-10, "{:?} {:?} {:?}", curve, before, after);
        }
    }
}

/// The formulas of spec 04 sec. 4.8.5 as they stand, where they are well conditioned.
struct PlainEllipse {
    matrix: [[f64; 2]; 2],
    inverse: [[f64; 2]; 2],
    centre: [f64; 2],
}

fn times(matrix: [[f64; 2]; 2], vector: [f64; 2]) -> [f64; 2] {
    matrix.map(|row| row[0] * vector[0] + row[1] * vector[1])
}

impl PlainEllipse {
    fn new([phi, alpha, beta, lam]: [f64; 4]) -> Self {
        let (sin, cos) = phi.sin_cos();
        let matrix = [[cos / lam, -sin / lam], [sin, cos]];
        let inverse = [[cos * lam, sin], [-sin * lam, cos]];
        let mut ellipse = Self { matrix, inverse, centre: [0.0; 2] };
        ellipse.centre = [times(inverse, ellipse.tau(beta))[0], times(inverse, ellipse.tau(alpha))[1]];
        ellipse
    }

    fn tau(&self, price: f64) -> [f64; 2] {
        let [x, y] = times(self.matrix, [-1.0, price]);
        let zeta = y / -x;
        [zeta, 1.0].map(|part| part / zeta.hypot(1.0))
    }

    fn reserves(&self, price: f64) -> [f64; 2] {
        let [x, y] = times(self.inverse, self.tau(price));
        [self.centre[0] - x, self.centre[1] - y]
    }

    fn size(&self, reserves: [f64; 2]) -> f64 {
        let (here, centre) = (times(self.matrix, reserves), times(self.matrix, self.centre));
        let dot = here[0] * centre[0] + here[1] * centre[1];
        let excess = centre[0].powi(2) + centre[1].powi(2) - 1.0;
        (dot + (dot * dot - excess * (here[0].powi(2) + here[1].powi(2))).sqrt()) / excess
    }
}

proptest! {
    /// Without a fee the pool follows its ellipse; a fee only ever makes it larger.
    #[test]
    fn an_eclp_stays_on_its_ellipse(
        seed in 0u64..200,
        phi in 0.8..1.3f64,
        lam in 1.0..5.0f64,
        fee in prop::sample::select(vec![0.0, 1e-3, 0.02]),
    ) {
        let (prices, parameters) = (prices(seed, 50, 0.02), [phi, 1.0, 4.0, lam]);
        let plain = PlainEllipse::new(parameters);
        let costs = Costs { fee_rate: fee, ..Costs::default() };
        let settings = settings(Curve::Eclp(Eclp::default()), costs);
        let mut walk = CurveWalk::new(&settings, &parameters, row(&prices, 0)).unwrap();
        let mut size = plain.size(walk.reserves());
        for at in 0..50 {
            let here = row(&prices, at);
            let (market, before) = (here[0] / here[1], size);
            walk.visit(at, here);
            size = plain.size(walk.reserves());
            prop_assert!(size >= before * (1.0 - 1e-11));
            if fee == 0.0 {
                prop_assert!((size / before - 1.0).abs() < 1e-11);
                let expected = plain.reserves(market).map(|reserve| reserve * size);
                prop_assert!(distance(&walk.reserves(), &expected) < 1e-11);
            } else {
                // Nobody can gain by one more trade: the price is in the band.
                let again = walk.reserves();
                walk.visit(at, here);
                prop_assert_eq!(walk.reserves(), again);
            }
        }
    }

    /// A single arbitrageur cannot do better by another amount: `(R_0 + 2 x)(R_1 + 2 y)` is conserved at equal weights.
    #[test]
    fn a_single_arbitrageur_takes_the_most(seed in 0u64..500, fee in prop::sample::select(vec![0.0, 0.01])) {
        let prices = prices(seed, 2, 0.1);
        let costs = Costs { fee_rate: fee, ..Costs::default() };
        let pool = settings(Curve::FmAmm(FmAmm { arbitrage_quality: 0.0 }), costs);
        let mut walk = CurveWalk::new(&pool, &[0.5], row(&prices, 0)).unwrap();
        let before = walk.reserves();
        let here = row(&prices, 1);
        walk.visit(1, here);
        let after = walk.reserves();
        let gain = worth(before, here) - worth(after, here);
        prop_assert!(gain >= -1e-9);
        // What is paid for an amount, fee included.
        let kept = 1.0 - fee;
        let price_of = |out: usize, amount: f64| amount * before[1 - out] / kept / (before[out] - 2.0 * amount);
        for out in 0..2 {
            for share in [1e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2] {
                let amount = share * before[out];
                let profit = amount * here[out] - price_of(out, amount) * here[1 - out];
                prop_assert!(profit <= gain + 1e-9, "{out} {share}: {profit} {gain}");
            }
        }
    }

    /// The product of effective reserves is conserved by a swap, as long as the range stays.
    #[test]
    fn a_reclamm_conserves_its_product(seed in 0u64..300) {
        let prices = prices(seed, 30, 0.002);
        let pool = reclamm(ReclammInterpolation::Geometric);
        // A margin of zero never moves the range.
        let parameters = [4.0, 0.0, 1.0, 0.0, 0.0];
        let settings = settings(Curve::Reclamm(pool), Costs::default());
        let mut walk = CurveWalk::new(&settings, &parameters, row(&prices, 0)).unwrap();
        let virtuals = walk.reserves().map(|reserve| reserve / (2f64.sqrt() - 1.0));
        let product = |walk: &CurveWalk| {
            let reserves = walk.reserves();
            (reserves[0] + virtuals[0]) * (reserves[1] + virtuals[1])
        };
        let before = product(&walk);
        for at in 0..30 {
            walk.visit(at, row(&prices, at));
            prop_assert!((product(&walk) / before - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn a_reclamm_is_drained_to_a_cent() {
    let pool = settings(Curve::Reclamm(reclamm(ReclammInterpolation::Geometric)), Costs::default());
    let parameters = [1.1, 0.0, 1.0, 0.0, 0.0];
    let mut walk = CurveWalk::new(&pool, &parameters, [200.0, 100.0]).unwrap();
    walk.visit(0, [400.0, 100.0]);
    let [first, second] = walk.reserves();
    assert!((first * 400.0 - 0.01).abs() < 1e-10 && second > 9.0, "{first} {second}");
}

#[test]
fn gas_and_the_arbitrageurs_own_fee_keep_small_trades_away() {
    for (curve, parameters) in pools() {
        // Competing arbitrageurs do not look at gas (T4.13).
        if matches!(&curve, Curve::FmAmm(pool) if pool.arbitrage_quality > 0.0) {
            continue;
        }
        let start = row(&prices(3, 1, 0.01), 0);
        let costs = Costs { gas_cost: 1e6, ..Costs::default() };
        let mut walk = CurveWalk::new(&settings(curve, costs), &parameters, start).unwrap();
        let before = walk.reserves();
        walk.visit(1, [start[0] * 1.1, start[1]]);
        assert_eq!(walk.reserves(), before, "{curve:?}");
    }
}
