//! Pools on chain (`Execution::OnChain`): float weights against the contracts' integers, the ways to compute them against each
//! other, their value where runs end between two updates, and training.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command_line;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod training;

use burn::tensor::{DType, Device};
use common::rule_laws::{self as laws, Market, Memory, Subject, host, made_up_prices, over_markets};
use contract::{CREATED, deployed, integers};
use gradpool::chain::decimal::to_f64;
use gradpool::market::{PriceTable, Step};
use gradpool::strategy::{
    CoarseSeries, Execution, InitialSettings, Interpolation, ParameterSets, ParameterValues, Strategy,
    StrategySettings, Windows, rules,
};

/// The rules that have a contract.
const RULES: [&str; 6] =
    ["momentum", "anti_momentum", "power_channel", "mean_reversion_channel", "difference_momentum", "min_variance"];

/// A pool on chain of one rule.
fn on_chain(rule: &str, settings: StrategySettings) -> Strategy {
    let execution = Execution::OnChain { epsilon_max: None };
    Strategy::new(rules::by_name(rule).unwrap(), StrategySettings { execution, ..settings }).unwrap()
}

/// Where a rule begins, with gains that move weights by some percent and let the clamp engage now and then.
fn start(strategy: &Strategy, memory_days: f64) -> ParameterValues {
    let assets = strategy.settings().assets;
    // Squares of gradients are small.
    let k_per_day = match strategy.rule().name() {
        "power_channel" => 60.0,
        "difference_momentum" => 0.02,
        _ => 0.4,
    };
    let initial = InitialSettings {
        memory_days,
        memory_delta_days: -0.6 * memory_days,
        k_per_day: vec![k_per_day],
        weights_logits: (0..assets).map(|asset| 0.137 * asset as f64).collect(),
        raw_exponents: vec![0.9],
        pre_exp_scaling: vec![0.4],
        ..InitialSettings::default()
    };
    let mut values = initial.values(strategy.rule(), strategy.settings()).unwrap();
    // Assets that differ.
    for leaf in ["log_k", "logit_lamb"] {
        for (asset, value) in values.leaves.get_mut(leaf).into_iter().flatten().enumerate() {
            *value += 0.11 * asset as f64;
        }
    }
    values
}

/// Prices of assets of very different nominal value, but for a rule that looks at it.
fn prices(rule: &str, assets: usize, step: Step, days: f64, seed: u64) -> PriceTable {
    let table = made_up_prices(assets, step, days, seed);
    let scale = if rule == "min_variance" { [1.2, 1.0, 0.9] } else { [700.0, 1.0, 0.013] };
    let column = |asset: usize| (0..table.rows()).map(|row| table.price(row, asset) * scale[asset]).collect();
    let columns: Vec<Vec<f64>> = (0..assets).map(column).collect();
    PriceTable::from_columns(table.assets(), *table.grid(), &columns).unwrap()
}

/// Largest distance of the float weights before each update from the contract's, and how far weights moved in all.
fn distance(strategy: &Strategy, values: &ParameterValues, prices: &PriceTable, start: usize) -> (f64, f64) {
    let settings = strategy.settings();
    let (assets, interval) = (settings.assets, settings.update_interval_rows);
    let parameters = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64).unwrap();
    let coarse = strategy.coarse_rows(prices.prices(), &Device::flex(), DType::F64);
    let outputs = strategy.rule_outputs(&parameters, &CoarseSeries::of_prices(coarse)).unwrap();
    let windows = Windows::single(start, prices.rows() - start);
    let weights = host(strategy.executed(&parameters, outputs, &windows).unwrap().unwrap().weights);
    let mut pool = deployed(strategy, values, prices, start);
    let seconds = u64::from(settings.execution_settings().unwrap().elapsed_seconds);
    let (mut worst, mut moved) = (0.0f64, 0.0f64);
    for (update, found) in weights.chunks(assets).enumerate().take(weights.len() / assets - 1) {
        let now = prices.row(start + (update + 1) * interval);
        let time = CREATED + (update as u64 + 1) * seconds;
        let expected = pool.perform_update(time, &integers(now)).unwrap().previous_weights;
        for (asset, (found, expected)) in found.iter().zip(&expected).enumerate() {
            worst = worst.max((found - to_f64(*expected)).abs());
            moved += if update > 0 { (found - weights[(update - 1) * assets + asset]).abs() } else { 0.0 };
        }
    }
    (worst, moved)
}

/// The largest distance over seeds and numbers of assets, by rule.
fn distances(settings: impl Fn(usize) -> StrategySettings, days: f64, memory_days: f64, tolerance: f64) {
    for rule in RULES {
        for assets in [2, 3] {
            for seed in 1..4 {
                let settings = settings(assets);
                let step = Step::from_minutes(settings.step_min).unwrap();
                let strategy = on_chain(rule, settings);
                let prices = prices(rule, assets, step, days, seed);
                let burn_in = 40 * strategy.settings().update_interval_rows;
                let (worst, moved) = distance(&strategy, &start(&strategy, memory_days), &prices, burn_in);
                assert!(worst < tolerance, "{rule}, {assets} assets, seed {seed}: {worst:e}");
                assert!(moved > 0.05, "{rule}, {assets} assets, seed {seed}: weights moved by {moved} in all");
            }
        }
    }
}

#[test]
fn daily_weights_are_those_of_the_contracts() {
    distances(|assets| StrategySettings::daily(assets, 1440.0), 340.0, 12.0, 1e-8);
}

#[test]
fn hourly_weights_are_those_of_the_contracts() {
    let hourly = |assets| StrategySettings {
        update_interval_rows: 1,
        interpolation_rows: 1,
        ..StrategySettings::daily(assets, 60.0)
    };
    distances(hourly, 40.0, 1.0, 2e-5);
}

#[test]
fn weights_of_late_updates_are_those_of_the_contracts() {
    // Twice the interval: weights run on past their targets, to a rail at most.
    let late = |assets| StrategySettings {
        interpolation_rows: 12,
        maximum_change_per_row: 1.0,
        ..StrategySettings::daily(assets, 60.0)
    };
    distances(late, 240.0, 12.0, 1e-8);
}

#[test]
fn tight_limits_are_those_of_the_contracts() {
    let tight = |assets| StrategySettings { maximum_change_per_row: 0.0123, ..StrategySettings::daily(assets, 1440.0) };
    distances(tight, 340.0, 12.0, 1e-8);
}

/// The same market with its pool on chain, updates late or punctual.
fn moved_on_chain(market: Market, late: bool) -> Market {
    let settings = StrategySettings {
        execution: Execution::OnChain { epsilon_max: None },
        interpolation: Interpolation::Linear,
        interpolation_rows: if late {
            market.settings.interpolation_rows
        } else {
            market.settings.update_interval_rows
        },
        alternative_decay: false,
        bounds: None,
        ..market.settings
    };
    Market { settings, ..market }
}

fn every_market(law: impl Fn(Market) -> proptest::test_runner::TestCaseResult) {
    for rule in RULES {
        let subject = Subject { rule: rules::by_name(rule).unwrap(), bounds: None };
        for late in [false, true] {
            over_markets(&subject, Memory::Ordinary, 4, |market| law(moved_on_chain(market, late)));
        }
    }
}

#[test]
fn streams_give_the_bits_of_the_scan() {
    every_market(laws::scan_and_stream_agree_bit_for_bit);
}

#[test]
fn vectorized_and_scan_agree() {
    every_market(|market| laws::vectorized_and_scan_agree(&market, 1e-10));
}

#[test]
fn no_weight_knows_a_later_price() {
    every_market(|market| laws::no_weight_knows_a_later_price(market, 0.4, 1.7));
}

#[test]
fn threads_change_no_bit() {
    every_market(laws::threads_change_no_bit);
}

#[test]
fn punctual_updates_have_their_value_in_closed_form() {
    for rule in RULES {
        let subject = Subject { rule: rules::by_name(rule).unwrap(), bounds: None };
        over_markets(&subject, Memory::Ordinary, 4, |market| {
            let mut market = moved_on_chain(market, false);
            // Nothing is clamped, so that no weight is scaled below a rail and no run ends early.
            market.settings.execution = Execution::OnChain { epsilon_max: Some(0.01) };
            market.settings.minimum_weight = 0.01;
            laws::closed_form_equals_step_by_step(market)
        });
    }
}

/// Shares at every row are those of the contract's weights, but for the pace between two updates: weights whose sum changes
/// from `S` to `S + d` go along the same line with a pace that differs by at most `d / 4 S` of the way.
#[test]
fn rows_between_updates_are_those_of_the_contract() {
    for (rule, interpolation_rows) in RULES.into_iter().flat_map(|rule| [(rule, 24), (rule, 9)]) {
        let settings =
            StrategySettings { interpolation_rows, maximum_change_per_row: 1.0, ..StrategySettings::daily(3, 60.0) };
        let strategy = on_chain(rule, settings.clone());
        let values = start(&strategy, 12.0);
        let prices = prices(rule, 3, Step::HOUR, 120.0, 5);
        let start = 40 * 24;
        let mut pool = deployed(&strategy, &values, &prices, start);
        let stream = strategy.streaming(&values).unwrap();
        let mut state = stream.start();
        stream.warm_up(&mut state, (0..start).map(|row| prices.row(row)));
        let weights_at = |pool: &gradpool::chain::runner::Pool, time: u64| {
            let weights: Vec<f64> = pool.weights_at(time).unwrap().into_iter().map(to_f64).collect();
            let sum: f64 = weights.iter().sum();
            (weights.iter().map(|weight| weight / sum).collect::<Vec<_>>(), sum)
        };
        let (mut pace, mut slow_rows) = (0.0, 0);
        for row in start..prices.rows() {
            let (now, time) = (row - start, CREATED + 3600 * (row - start) as u64);
            if now % 24 == 0 {
                if now > 0 {
                    pool.perform_update(time, &integers(prices.row(row))).unwrap();
                }
                let ((before, sum), (after, next)) = (weights_at(&pool, time), weights_at(&pool, time + 86_400));
                let way = before.iter().zip(&after).map(|(before, after)| (after - before).abs()).fold(0.0, f64::max);
                pace = way * (next - sum).abs() / (4.0 * sum.min(next));
            }
            let found = stream.step(&mut state, prices.row(row));
            for (found, expected) in found.iter().zip(&weights_at(&pool, time).0) {
                let apart = (found - expected).abs();
                assert!(apart <= pace + 1e-12, "{rule}, row {now}: {found} against {expected}, not within {pace:e}");
                slow_rows += usize::from(apart > 1e-12);
            }
        }
        assert!(slow_rows > 0, "{rule}: no weight was late");
    }
}

#[test]
fn what_no_contract_has_is_refused() {
    let settings =
        StrategySettings { execution: Execution::OnChain { epsilon_max: None }, ..StrategySettings::daily(3, 1440.0) };
    let refused = |rule: &str, settings: StrategySettings| {
        Strategy::new(rules::by_name(rule).unwrap(), settings).unwrap_err().to_string()
    };
    assert!(
        refused("index_market_cap", settings.clone()).starts_with("`rule` is index_market_cap; it must be one that")
    );
    let low = StrategySettings { minimum_weight: 0.005, ..settings.clone() };
    assert!(refused("momentum", low).contains("INV_ABSWGT"));
    let wide = StrategySettings { execution: Execution::OnChain { epsilon_max: Some(1.5) }, ..settings.clone() };
    assert!(refused("momentum", wide).contains("INV_EPMX"));
    let fraction = StrategySettings { step_min: 0.013, ..settings.clone() };
    assert!(refused("momentum", fraction).contains("whole number of seconds"));
    let curved = StrategySettings { interpolation: Interpolation::ApproxOptimal, ..settings };
    assert!(refused("momentum", curved).contains("along lines"));
    let contracts = rules::all(&rules::RuleOptions::default());
    let contracts: Vec<String> =
        contracts.iter().filter(|rule| rule.has_contract()).map(|rule| rule.name().to_owned()).collect();
    let mut expected = RULES.map(str::to_owned);
    expected.sort();
    let mut found = contracts;
    found.sort();
    assert_eq!(found, expected);
}
