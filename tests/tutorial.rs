//! The rule `tutorial_momentum` against the integers of the tutorial contract (spec 14).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use burn::tensor::Device;
use common::rule_laws::{Market, made_up_prices, made_up_supplies};
use gradpool_chain::Int256;
use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_chain::tutorial::{Bounds, Pool, Settings, average, momentum_weights};
use gradpool_market::Step;
use gradpool_pools::PoolSettings;
use gradpool_strategy::rules::TutorialMomentum;
use gradpool_strategy::{InitialSettings, ParameterValues, StrategyError, StrategySettings, WeightPath, Windows};

const ASSETS: usize = 3;
const UPDATES: usize = 400;
const INTERVAL: u64 = 100;
const TOLERANCE: f64 = 1e-12;

fn fixed(value: f64) -> Int256 {
    from_f64(value).unwrap()
}

fn float(value: Int256) -> f64 {
    to_f64(value)
}

fn floats(values: &[Int256]) -> Vec<f64> {
    values.iter().map(|value| float(*value)).collect()
}

fn assert_near(what: &str, update: usize, found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= TOLERANCE, "{what} at update {update}: {found} against {expected}");
    }
}

/// Daily prices, one update a day.
fn market(values: ParameterValues) -> Market {
    let prices = made_up_prices(ASSETS, Step::DAY, (UPDATES + 1) as f64, 3);
    Market {
        rule: Arc::new(TutorialMomentum),
        windows: Windows::single(1, prices.rows() - 1),
        supplies: made_up_supplies(&prices),
        settings: StrategySettings::daily(ASSETS, 1440.0),
        prices,
        pool: PoolSettings::default(),
        sets: vec![values],
        device: Device::flex(),
    }
}

/// The logit of 0.94, and a kappa.
fn parameters(kappa: f64) -> ParameterValues {
    ParameterValues::new([
        ("logit_lamb", vec![(0.94f64 / 0.06).ln()]),
        ("absolute_k", vec![kappa]),
        ("initial_weights_logits", vec![0.4, 0.0, -0.3]),
    ])
}

#[test]
fn raw_weights_are_those_of_the_contract_on_every_path() {
    let kappa = 0.03;
    let market = market(parameters(kappa));
    let fixed_row = |row: usize| market.prices.row(row).iter().map(|price| fixed(*price)).collect::<Vec<_>>();
    let lambda = fixed(0.94);
    for path in [WeightPath::Vectorized, WeightPath::Scan] {
        let outputs = market.on_path(path).outputs();
        let mut averages = fixed_row(0);
        let mut weights = vec![fixed(0.5), fixed(0.3), fixed(0.2)];
        for (update, change) in outputs.chunks_exact(ASSETS).enumerate() {
            let prices = fixed_row(update + 1);
            averages =
                averages.iter().zip(&prices).map(|(old, price)| average(*old, *price, lambda).unwrap()).collect();
            let expected = momentum_weights(&weights, &prices, &averages, fixed(kappa)).unwrap();
            let before = floats(&weights);
            let found: Vec<f64> = before.iter().zip(change).map(|(weight, change)| weight + change).collect();
            assert_near("raw weights", update, &found, &floats(&expected));
            weights = expected;
        }
        assert_eq!(outputs.len(), UPDATES * ASSETS);
    }
}

/// The pool of the contract walks to its targets in steps that are cut; the stream of the rule says the same targets.
#[test]
fn targets_inside_the_bounds_are_those_of_the_contract() {
    let (kappa, minimum, maximum) = (0.3, 0.1, 0.6);
    let market = market(parameters(kappa));
    let stream = market.strategy().streaming(&market.sets[0]).unwrap();
    let fixed_row = |row: usize| market.prices.row(row).iter().map(|price| fixed(*price)).collect::<Vec<_>>();
    let bounds = Bounds::new(fixed(minimum), fixed(maximum)).unwrap();
    let settings = Settings { lambda: fixed(0.94), gain: fixed(kappa), bounds, update_interval: INTERVAL };
    let weights = vec![fixed(0.4), fixed(0.35), fixed(0.25)];
    let mut pool = Pool::new(settings, weights, fixed_row(0), 0).unwrap();
    let mut state = stream.initial_rule_state(market.prices.row(0));
    let mut clamped = 0;
    for update in 1..=UPDATES {
        let block = update as u64 * INTERVAL;
        let current = floats(&pool.weights_at(block).unwrap());
        let change = stream.rule_output(&mut state, market.prices.row(update));
        let raw = current.iter().zip(&change).map(|(weight, change)| weight + change);
        let expected: Vec<f64> = raw.map(|weight| weight.clamp(minimum, maximum)).collect();
        clamped += expected.iter().filter(|weight| **weight == minimum || **weight == maximum).count();
        pool.trigger_update(block, &fixed_row(update)).unwrap();
        let steps = pool.multipliers().iter();
        let found: Vec<f64> =
            steps.zip(&current).map(|(step, weight)| weight + float(*step) * INTERVAL as f64).collect();
        assert_near("targets", update, &found, &expected);
    }
    assert!((1..UPDATES * ASSETS).contains(&clamped), "{clamped} targets stand at a bound");
}

#[test]
fn the_rule_has_one_gain_and_one_decay() {
    let strategy = market(parameters(0.1)).strategy();
    strategy.check(&parameters(0.1)).unwrap();
    for leaf in ["absolute_k", "logit_lamb"] {
        let several = parameters(0.1).with(leaf, vec![0.1; ASSETS]);
        let error = strategy.check(&several).unwrap_err();
        assert_eq!(error.to_string(), format!("parameter `{leaf}` has 3 values; expected 1"));
    }
    let canonical = |gains: &[f64]| {
        let initial = InitialSettings { k_per_day: gains.to_vec(), ..InitialSettings::default() };
        initial.values(&TutorialMomentum, strategy.settings()).unwrap()
    };
    let start = canonical(&[20.0; ASSETS]);
    assert_eq!(start.leaf("log_k").unwrap(), [20f64.log2()]);
    assert_eq!(start.leaf("logit_lamb").unwrap().len(), 1);
    strategy.check(&start).unwrap();
    let error = strategy.check(&canonical(&[20.0, 10.0, 5.0])).unwrap_err();
    assert!(matches!(error, StrategyError::LeafLength { .. }), "{error}");
}
