//! What integers cost: whole updates per second (oracle prices to stored weights) of every on-chain rule, with 2 and with
//! 8 assets, and a read of the weights between updates. On one thread.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradpool::chain::fixed_point::SCALE;
use gradpool::chain::rules::Rule;
use gradpool::chain::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings};
use gradpool::chain::{Int256, Revert};

const UNIT: u64 = SCALE as u64;
const HOUR: u64 = 3600;

fn parameters(rule: Rule) -> Vec<Vec<Int256>> {
    let hundredths: &[i128] = match rule {
        Rule::Momentum => &[5_000, 0],
        Rule::AntiMomentum => &[5_000],
        Rule::PowerChannel => &[50_000, 150, 0],
        Rule::ChannelFollowing => &[200, 4, 3, 250, 110, 50, 0],
        Rule::DifferenceMomentum => &[200, 60],
        Rule::MinimumVariance => &[50],
    };
    hundredths.iter().map(|value| vec![Int256::new(value * (SCALE / 100))]).collect()
}

fn pool(rule: Rule, assets: usize, prices: &[Int256]) -> Result<Pool, Revert> {
    let settings = PoolSettings {
        rule,
        parameters: parameters(rule),
        lambda: vec![UNIT / 100 * 97],
        epsilon_max: UNIT / 100,
        guard_rail: UNIT / 20,
        update_interval: HOUR,
        oracle_staleness: HOUR,
        registry: PERFORM_UPDATE,
    };
    let initial = InitialState {
        weights: vec![Int256::new(SCALE / assets as i128); assets],
        moving_averages: prices.to_vec(),
        intermediate: prices.to_vec(),
        time: 0,
    };
    Pool::new(settings, &initial)
}

/// Rows of prices that go up and down by up to some percent, each asset at its own pace.
fn price_rows(assets: usize) -> Vec<Vec<Int256>> {
    let price = |row: usize, asset: usize| {
        let wave = (row as f64 * 0.37 * (asset + 1) as f64).sin() * 0.03 + 1.0;
        Int256::new((wave * 1e15) as i128 * (7 * asset as i128 + 3) * 1000)
    };
    (0..256).map(|row| (0..assets).map(|asset| price(row, asset)).collect()).collect()
}

fn updates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain");
    group.throughput(Throughput::Elements(1));
    for assets in [2, 8] {
        let rows = price_rows(assets);
        for rule in Rule::ALL {
            let mut pool = pool(rule, assets, &rows[0]).unwrap();
            let mut update = 0;
            group.bench_function(format!("update/{rule}/{assets}"), |bencher| {
                bencher.iter(|| {
                    update += 1;
                    let prices = &rows[update % rows.len()];
                    black_box(pool.perform_update(update as u64 * HOUR, prices).unwrap())
                });
            });
        }
        let mut pool = pool(Rule::Momentum, assets, &rows[0]).unwrap();
        pool.perform_update(HOUR, &rows[1]).unwrap();
        group.bench_function(format!("weights/{assets}"), |bencher| {
            bencher.iter(|| black_box(pool.weights_at(black_box(HOUR + 7))).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
