//! What a minute of a pool with fees costs: a year of synthetic minutes, weights that move every day, forward and with the
//! gradients of weights, initial reserves and fees. On one thread. The table at the end has the best times in ns per minute
//! and path; ratios within one run are what counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{best, briefly};
use criterion::{Criterion, criterion_group, criterion_main};
use gradpool_market::{SynthesisSpec, synthesize};
use gradpool_ops::arbitrage::{Arbitrageur, Meeting};
use gradpool_ops::{
    ArbitragePlan, CheckedInputs, Costs, Interpolation, PathLayout, PricedWindows, arbitrage, interpolate,
};

const DAY: usize = 1440;
const YEAR: usize = 365 * DAY;

/// Weights `[paths, days, assets]` that swing around equal ones, a little differently on every path.
fn positions(paths: usize, days: usize, assets: usize) -> Tensor<3> {
    let mut values = Vec::with_capacity(paths * days * assets);
    for path in 0..paths {
        for day in 0..days {
            let raw: Vec<f64> = (0..assets)
                .map(|asset| 1.0 + 0.3 * (0.11 * day as f64 + path as f64 + 2.0 * asset as f64).sin())
                .collect();
            let total: f64 = raw.iter().sum();
            values.extend(raw.iter().map(|weight| weight / total));
        }
    }
    Tensor::from_data(TensorData::new(values, [paths, days, assets]), (&Device::flex(), DType::F64))
}

struct Subject {
    plan: Arc<ArbitragePlan>,
    positions: Tensor<3>,
    initial: Tensor<2>,
    fees: Tensor<2>,
    minutes: usize,
    paths: usize,
    /// Executed arbitrages per minute of the first path.
    trades: f64,
}

impl Subject {
    fn new(assets: usize, minutes: usize, paths: usize, fee_rate: f64) -> Self {
        let names = (0..assets).map(|asset| format!("A{asset}")).collect();
        let spec = SynthesisSpec { assets: names, days: minutes as f64 / DAY as f64, ..SynthesisSpec::default() };
        let table = synthesize(&spec).unwrap();
        let prices: Arc<[f64]> = table.prices().into();
        let layout = PathLayout {
            block_rows: DAY,
            ramp_rows: DAY,
            interpolation: Interpolation::Linear,
            constant_first_block: true,
            rows: minutes,
            stride: 1,
        };
        let costs = Costs { fee_rate, ..Costs::default() };
        let samples: Vec<usize> = (0..minutes).step_by(DAY).collect();
        let positions = positions(paths, minutes / DAY + 1, assets);
        let place = (&Device::flex(), DType::F64);
        let first: Tensor<2> = positions.clone().narrow(1, 0, 1).squeeze_dim(1);
        let first_prices = Tensor::<2>::from_data(TensorData::new(prices[..assets].to_vec(), [1, assets]), place);
        let initial = first * 1e6 / first_prices;
        let weights = interpolate(positions.clone().narrow(0, 0, 1), &layout).into_data().try_to_vec::<f64>().unwrap();
        let mut pool = Arbitrageur::new(
            &costs,
            CheckedInputs::default(),
            &initial.clone().into_data().try_to_vec::<f64>().unwrap()[..assets],
        )
        .unwrap();
        let row = |row: usize| row * assets..(row + 1) * assets;
        for now in 0..minutes {
            pool.visit(&Meeting {
                row: now,
                fee_rate: None,
                weights_before: &weights[row(now.saturating_sub(1))],
                weights: &weights[row(now)],
                prices: &prices[row(now)],
                rests: false,
            });
        }
        let plan = Arc::new(
            ArbitragePlan::new(PricedWindows::new(layout, vec![0], assets, prices, samples).unwrap(), costs).unwrap(),
        );
        let trades = pool.trading().arbitrages as f64 / minutes as f64;
        Self { plan, positions, initial, fees: Tensor::full([paths, 1], fee_rate, place), minutes, paths, trades }
    }

    fn forward(&self) {
        let reserves = arbitrage(self.positions.clone(), self.initial.clone(), self.fees.clone(), &self.plan);
        black_box(reserves.into_data());
    }

    fn gradient(&self) {
        let positions = Tensor::from_inner(self.positions.clone()).require_grad();
        let initial = Tensor::from_inner(self.initial.clone()).require_grad();
        let fees = Tensor::from_inner(self.fees.clone()).require_grad();
        let gradients = arbitrage(positions.clone(), initial, fees, &self.plan).sum().backward();
        black_box(positions.grad(&gradients).map(Tensor::into_data));
    }
}

fn minutes(criterion: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let mut group = criterion.benchmark_group("minutes with fees");
    briefly(&mut group);
    let mut table = String::new();
    let mut measure = |assets: usize, minutes: usize, paths: usize, basis_points: u32| {
        let subject = Subject::new(assets, minutes, paths, f64::from(basis_points) * 1e-4);
        let name = format!("{assets} assets, {basis_points} bps, {paths} paths, {} days", minutes / DAY);
        let forward = best(&mut group, &format!("{name}, forward"), || subject.forward());
        let gradient = best(&mut group, &format!("{name}, gradient"), || subject.gradient());
        if (forward + gradient).is_finite() {
            let each = 1e6 / (subject.minutes * subject.paths) as f64;
            let (forward, gradient) = (forward * each, gradient * each);
            let ratio = gradient / forward;
            writeln!(table, "{name:<44}{:>8.2}{forward:>10.1}{gradient:>10.1}{ratio:>8.2}", subject.trades).unwrap();
        }
    };
    for assets in [2, 3, 4, 8, 16] {
        for basis_points in [30, 5] {
            measure(assets, YEAR, 1, basis_points);
        }
    }
    measure(3, YEAR / 5, 1, 30);
    measure(3, YEAR / 5, 16, 30);
    measure(3, YEAR / 5, 16, 5);
    group.finish();
    println!("\n{:<44}{:>8}{:>10}{:>10}{:>8}", "ns per minute and path", "trades", "forward", "gradient", "ratio");
    println!("{table}");
}

criterion_group!(benches, minutes);
criterion_main!(benches);
