//! What portfolios on a market must obey, beside the reference system's numbers (`tests/golden/benchmarks.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use burn::tensor::Device;
use common::assert_close;
use common::rule_laws::{Market, host, made_up_prices, made_up_supplies};
use gradpool_market::{SpreadTable, Step};
use gradpool_metrics::Metric;
use gradpool_pools::{PoolError, PoolKind, PoolRun, PoolSettings, PricedHistory, Rebalanced, RowInputs, Valuation};
use gradpool_strategy::rules::{IndexMarketCap, Momentum};
use gradpool_strategy::{InitialSettings, Rule, StrategySettings, Windows};

const FUND: Rebalanced = Rebalanced::TraditionalIndex { annual_streaming_fee: 0.04 };

fn market(rule: impl Rule + 'static, kind: PoolKind, stride: usize) -> Market {
    let prices = made_up_prices(3, Step::HOUR, 40.0, 11);
    let settings = StrategySettings { interpolation_rows: 18, ..StrategySettings::daily(3, 60.0) };
    let initial = InitialSettings { weights_logits: vec![0.5, 0.1, -0.4], ..InitialSettings::default() };
    Market {
        sets: vec![initial.values(&rule, &settings).unwrap()],
        rule: Arc::new(rule),
        windows: Windows { starts: vec![240, 300], rows: 500 },
        supplies: made_up_supplies(&prices),
        prices,
        settings,
        pool: PoolSettings { kind, arbitrage_interval_rows: stride, ..PoolSettings::default() },
        device: Device::flex(),
    }
}

fn with_fee(mut market: Market, fee_rate: f64) -> Market {
    market.pool.costs.fee_rate = fee_rate;
    market
}

/// A history with spreads that change from day to day.
fn history(market: &Market) -> PricedHistory {
    let (assets, grid) = (market.prices.assets(), *market.prices.grid());
    let spreads = (0..40 * 3).map(|index| 1e-3 * f64::from(1 + index % 7)).collect();
    let spreads = SpreadTable::from_days(assets, grid, spreads).unwrap();
    market.pool().with_spreads(market.history(), Arc::new(spreads)).unwrap()
}

fn run(market: &Market, samples: &[usize]) -> PoolRun {
    let parameters = market.parameters(&market.device);
    market.pool().run(&history(market), &parameters, &market.windows, samples).unwrap()
}

#[test]
fn without_costs_a_portfolio_is_never_worth_less_than_the_pool() {
    for stride in [1, 3] {
        let market = market(Momentum, PoolKind::Weighted, stride);
        let run = run(&market, &market.every_row());
        let loss = market.pool().loss_versus(Rebalanced::Lvr, 0.0, &history(&market), &run).unwrap();
        let loss = host(loss);
        assert!(loss.iter().all(|loss| *loss > -1e-6), "{loss:?}");
        assert!(loss[499] > 100.0 && loss[999] > 100.0, "moving weights costs a pool: {} {}", loss[499], loss[999]);
        // It grows wherever the pool is arbitraged, as a part of the value.
        let relative: Vec<f64> =
            loss.iter().zip(host(run.values)).map(|(loss, value)| (loss / value).ln_1p()).collect();
        for window in relative.chunks_exact(500) {
            let arbitraged: Vec<f64> = window.iter().step_by(stride).copied().collect();
            assert!(arbitraged.windows(2).all(|pair| pair[1] > pair[0] - 1e-13));
        }
    }
}

/// Spec 12.1: a row multiplies the pool's value by exp of `w . ln r - KL(w' || w)` and the portfolio's by `w . r`.
#[test]
fn loss_is_the_sum_of_what_moving_prices_and_moving_weights_cost() {
    let market = market(Momentum, PoolKind::Weighted, 1);
    let run = run(&market, &market.every_row());
    let series = market.pool().dense_series(&history(&market), &run);
    let loss = host(market.pool().loss_versus(Rebalanced::Lvr, 0.0, &history(&market), &run).unwrap());
    let (weights, prices, values) = (host(series.weights), host(series.prices), host(series.values));
    for window in 0..2 {
        let at = |numbers: &[f64], row: usize| numbers[(window * 500 + row) * 3..][..3].to_vec();
        let mut lost = 0.0;
        for row in 1..500 {
            let [before, now] = [at(&weights, row - 1), at(&weights, row)];
            let ratio: Vec<f64> = at(&prices, row).iter().zip(at(&prices, row - 1)).map(|(p, q)| p / q).collect();
            let moved: f64 = (0..3).map(|i| before[i] * ratio[i]).sum::<f64>().ln();
            let held: f64 = (0..3).map(|i| before[i] * ratio[i].ln()).sum();
            let turned: f64 = (0..3).map(|i| now[i] * (now[i] / before[i]).ln()).sum();
            lost += moved - held + turned;
            let index = window * 500 + row;
            let found = (loss[index] / values[index]).ln_1p();
            assert!((found - lost).abs() < 1e-12 * (1.0 + lost), "{found} {lost}");
        }
    }
}

#[test]
fn every_cost_lowers_the_value() {
    let value =
        |kind, fee: f64| host(run(&with_fee(market(Momentum, PoolKind::Rebalanced(kind), 1), fee), &[499]).values)[0];
    let free = value(Rebalanced::Lvr, 0.0);
    assert!(value(Rebalanced::Lvr, 0.002) < free);
    assert!(value(Rebalanced::Rvr, 0.0) < free);
    assert!(value(Rebalanced::Rvr, 0.002) < value(Rebalanced::Lvr, 0.002));
    let half_spread_as_fee = value(Rebalanced::Lvr, 0.007);
    assert!(value(Rebalanced::Rvr, 0.0) > half_spread_as_fee, "no spread is above 0.7 %");
}

/// The interval between two rebalancings is time: what is done at the rows 0, f, 2f, ... is what a portfolio does whose prices have
/// those rows only (T4.8).
#[test]
fn rebalancing_every_few_rows_is_rebalancing_on_coarser_prices() {
    for kind in [Rebalanced::Lvr, Rebalanced::Rvr] {
        let mut fine = with_fee(market(Momentum, PoolKind::Rebalanced(kind), 6), 0.001);
        // The cap on the speed of weights has a guard per row.
        fine.settings.maximum_change_per_row = 1.0;
        let mut coarse = fine.clone();
        let columns: Vec<Vec<f64>> = fine
            .prices
            .assets()
            .iter()
            .map(|asset| fine.prices.column(asset).unwrap().into_iter().step_by(6).collect())
            .collect();
        let grid = gradpool_market::Grid::new(fine.prices.grid().start_ms, 6 * 3_600_000, columns[0].len()).unwrap();
        coarse.prices = gradpool_market::PriceTable::from_columns(fine.prices.assets(), grid, &columns).unwrap();
        coarse.supplies = made_up_supplies(&coarse.prices);
        coarse.settings = StrategySettings {
            interpolation_rows: 3,
            maximum_change_per_row: 1.0,
            ..StrategySettings::daily(3, 360.0)
        };
        coarse.windows = Windows { starts: vec![40, 50], rows: 83 };
        coarse.pool.arbitrage_interval_rows = 1;
        let fine_values = host(run(&fine, &(0..498).step_by(6).collect::<Vec<_>>()).values);
        let coarse_values = host(run(&coarse, &coarse.every_row()).values);
        assert_close("values", &fine_values, &coarse_values, 1e-12, 0.0);
    }
}

#[test]
fn few_samples_are_those_of_all_rows_and_reserves_make_the_value() {
    for kind in [Rebalanced::Lvr, Rebalanced::Rvr, FUND] {
        for stride in [1, 5] {
            let market = with_fee(market(IndexMarketCap::default(), PoolKind::Rebalanced(kind), stride), 0.003);
            let all = run(&market, &market.every_row());
            let series = market.pool().dense_series(&history(&market), &all);
            let (reserves, prices) = (host(series.reserves), host(series.prices));
            let worth: Vec<f64> = reserves
                .chunks_exact(3)
                .zip(prices.chunks_exact(3))
                .map(|(reserves, prices)| reserves.iter().zip(prices).map(|(r, p)| r * p).sum())
                .collect();
            let values = host(all.values);
            assert_close("worth", &worth, &values, 1e-13, 0.0);
            let samples = [0, 17, 24, 119, 130, 131, 480, 499];
            let few = host(run(&market, &samples).values);
            let picked: Vec<f64> = [0, 500].iter().flat_map(|window| samples.map(|row| values[window + row])).collect();
            assert_close("samples", &few, &picked, 1e-13, 0.0);
            // Held between two rebalancings.
            for row in 1..500 {
                let rebalances = row % stride == 0 && (kind.always_rebalances() || row % 24 < 18);
                let same = reserves[row * 3..(row + 1) * 3] == reserves[(row - 1) * 3..row * 3];
                assert_eq!(same, !rebalances, "{kind:?} every {stride} rows, row {row}");
            }
        }
    }
}

/// At no other cost a fund keeps all but its fee, whose parts make the annual fee after a year.
#[test]
fn a_manager_takes_his_fee_in_a_year() {
    let days = 40.0 - 240.0 / 24.0;
    let value = |annual_streaming_fee| {
        let kind = Rebalanced::TraditionalIndex { annual_streaming_fee };
        let mut market = market(IndexMarketCap::default(), PoolKind::Rebalanced(kind), 1);
        market.windows = Windows::single(240, market.prices.rows() - 240);
        let spreads = vec![0.0; 120];
        let spreads = SpreadTable::from_days(market.prices.assets(), *market.prices.grid(), spreads).unwrap();
        let history = market.pool().with_spreads(market.history(), Arc::new(spreads)).unwrap();
        let last = market.windows.rows - 1;
        host(market.pool().run(&history, &market.parameters(&market.device), &market.windows, &[last]).unwrap().values)
            [0]
    };
    let kept = value(0.3) / value(0.0);
    let expected = 0.7f64.powf(days / 365.25);
    assert!((kept / expected - 1.0).abs() < 1e-12, "{kept} {expected}");
}

#[test]
fn a_constant_series_of_fees_is_the_constant() {
    let kind = PoolKind::Rebalanced(Rebalanced::Rvr);
    let constant = with_fee(market(Momentum, kind, 2), 0.004);
    let series = market(Momentum, kind, 2);
    let rates = vec![0.004; series.prices.rows()];
    let inputs = RowInputs { fee_rate: Some(rates.into()), ..RowInputs::default() };
    let history = series.pool().with_inputs(history(&series), inputs).unwrap();
    let found = series.pool().run(&history, &series.parameters(&series.device), &series.windows, &[100, 499]).unwrap();
    assert_eq!(host(found.values), host(run(&constant, &[100, 499]).values));
}

/// Differences of the whole chain, from parameters to a metric.
#[test]
fn gradients_equal_central_differences() {
    let market = with_fee(market(Momentum, PoolKind::Rebalanced(Rebalanced::Lvr), 2), 0.002);
    let (_, gradient) = market.gradient(Metric::FinalValue);
    let found = gradient.to_values().remove(0).leaves["log_k"].clone();
    for (asset, found) in found.iter().enumerate() {
        let at = |moved: f64| {
            let mut market = market.clone();
            market.sets[0].leaves.get_mut("log_k").unwrap()[asset] += moved;
            market.final_values().iter().sum::<f64>()
        };
        let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
        assert!((found - difference).abs() < 1e-5 * difference.abs().max(1.0), "{found} {difference}");
    }
}

#[test]
fn what_a_portfolio_does_not_know_is_refused() {
    let rvr = market(Momentum, PoolKind::Rebalanced(Rebalanced::Rvr), 1);
    let attempt = |market: &Market, history: &PricedHistory| {
        market.pool().run(history, &market.parameters(&market.device), &market.windows, &[499]).unwrap_err()
    };
    assert_eq!(attempt(&rvr, &rvr.history()), PoolError::NoSpreads);
    let closed = rvr.valued(Valuation::ClosedForm);
    assert!(matches!(attempt(&closed, &history(&closed)), PoolError::NoClosedForm { .. }));
    let gas = RowInputs { gas_cost: Some(vec![1.0; rvr.prices.rows()].into()), ..RowInputs::default() };
    let with_gas = rvr.pool().with_inputs(history(&rvr), gas).unwrap();
    assert!(attempt(&rvr, &with_gas).to_string().contains("no series but that of fees"));

    let settings = |change: &dyn Fn(&mut PoolSettings)| {
        let mut settings = PoolSettings { kind: PoolKind::Rebalanced(FUND), ..PoolSettings::default() };
        change(&mut settings);
        settings.validate().map_err(|error| error.to_string())
    };
    assert!(settings(&|_| ()).is_ok());
    assert!(settings(&|settings| settings.arbitrate = false).unwrap_err().contains("`arbitrate` is false"));
    assert!(settings(&|settings| settings.costs.gas_cost = 2.0).unwrap_err().contains("`gas_cost` is 2"));
    let dear = PoolKind::Rebalanced(Rebalanced::TraditionalIndex { annual_streaming_fee: 1.0 });
    assert!(settings(&|settings| settings.kind = dear).unwrap_err().contains("`annual_streaming_fee` is 1"));

    let other = market(Momentum, PoolKind::Weighted, 1);
    let grid = gradpool_market::Grid::new(other.prices.grid().start_ms, 3_600_000, 48).unwrap();
    let spreads = SpreadTable::from_days(other.prices.assets(), grid, vec![0.0; 6]).unwrap();
    let error = other.pool().with_spreads(other.history(), Arc::new(spreads)).unwrap_err().to_string();
    assert!(error.contains("48 rows of A0, A1, A2"), "{error}");
}
