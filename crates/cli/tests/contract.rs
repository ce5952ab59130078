//! Strategies as contracts: float and integer state mean the same, and one update of the integer pool moves weights as the
//! rule says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_chain::runner::Pool;
use gradpool_cli::config::{Overrides, Source, load};
use gradpool_cli::contract::{Deployment, ORACLE_STALENESS_S};
use gradpool_cli::setup::Setup;
use gradpool_strategy::transforms::{inverse_squareplus, logit};
use gradpool_strategy::{ContractTerms, ParameterValues};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
const RULES: [&str; 6] =
    ["momentum", "anti_momentum", "power_channel", "mean_reversion_channel", "difference_momentum", "min_variance"];

fn setup(settings: &[&str]) -> Setup {
    let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let loaded = load(&Source::File(PathBuf::from(CONFIG)), &Overrides { set, ..Overrides::default() }).unwrap();
    Setup::for_simulation(&loaded.config).unwrap()
}

/// Parameters that differ between assets wherever a contract's may.
fn values(rule: &str) -> ParameterValues {
    let decays = [0.80, 0.88, 0.92].map(logit).to_vec();
    let second = [0.60, 0.70, 0.65].map(logit);
    let delta = second.iter().zip(&decays).map(|(second, first)| second - first).collect();
    let weights = ParameterValues::new([("initial_weights", vec![0.3, 0.3, 0.4])]);
    let along = weights.clone().with("logit_lamb", decays.clone());
    let channel = along.clone().with("sp_k", vec![-2.0, -1.8, -2.2]);
    match rule {
        "momentum" | "anti_momentum" => along.with("log_k", vec![-3.0, -2.8, -3.3]),
        "power_channel" => channel
            .with("sp_exponents", [1.4, 1.2, 1.7].map(inverse_squareplus).to_vec())
            .with("sp_pre_exp_scaling", vec![inverse_squareplus(0.5)]),
        "mean_reversion_channel" => channel
            .with("raw_exponents", [1.4, 0.8, 1.1].map(inverse_squareplus).to_vec())
            .with("raw_pre_exp_scaling", vec![-1.5, -1.0, -1.2])
            .with("log_amplitude", vec![-3.0, -3.5, -2.5])
            .with("sp_width", vec![-2.0, -3.0, -2.5]),
        "difference_momentum" => along.with("logit_delta_lamb", delta).with("k", vec![0.01, 0.012, 0.009]),
        _ => along.with("logit_delta_lamb", delta),
    }
}

fn deploy(setup: &Setup, rule: &str, row: usize) -> (Deployment, Pool) {
    let deployment = Deployment::new(setup, &values(rule), row, &[0.3, 0.3, 0.4], ORACLE_STALENESS_S).unwrap();
    let pool = deployment.proposal.clone().deploy().unwrap();
    (deployment, pool)
}

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let scale = expected.abs().max(1.0);
        assert!((found - expected).abs() <= tolerance * scale, "{what}: {found} against {expected}");
    }
}

fn floats(integers: &[gradpool_chain::Int256]) -> Vec<f64> {
    integers.iter().map(|value| to_f64(*value)).collect()
}

#[test]
fn the_state_goes_on_in_integers_as_in_floats() {
    for rule in RULES {
        let setup = setup(&[&format!("pool.rule={rule}")]);
        let prices = setup.experiment.history().prices();
        let row = 100;
        let (deployment, mut pool) = deploy(&setup, rule, row);
        let start = deployment.proposal.initial.time;
        for later in 1..=20 {
            let oracle: Vec<_> = prices.row(row + later).iter().map(|price| from_f64(*price).unwrap()).collect();
            pool.perform_update(start + later as u64 * 86_400, &oracle).unwrap();
            let expected = deployment.terms.state_after((0..=row + later).map(|row| prices.row(row))).unwrap();
            let state = pool.state();
            close(rule, &floats(&state.moving_averages(3).unwrap()), &expected.moving_averages, 1e-12);
            close(rule, &floats(&state.intermediate(3).unwrap()), &expected.intermediate, 1e-11);
        }
    }
}

/// Where the rule wants to go from weights, before guard rails.
fn target(setup: &Setup, rule: &str, terms: &ContractTerms, row: usize, weights: &[f64]) -> Vec<f64> {
    let prices = setup.experiment.history().prices();
    if rule == "min_variance" {
        let state = terms.state_after((0..=row).map(|row| prices.row(row))).unwrap();
        let precisions: Vec<f64> = state
            .intermediate
            .iter()
            .zip(terms.decays(3))
            .map(|(spread, decay)| 1.0 / (spread * (1.0 - decay)))
            .collect();
        let total: f64 = precisions.iter().sum();
        let kept = terms.list("mixing_variance").unwrap();
        return (0..3)
            .map(|asset| kept[asset] * weights[asset] + (1.0 - kept[asset]) * precisions[asset] / total)
            .collect();
    }
    let streaming = setup.strategy().streaming(&values(rule)).unwrap();
    let mut state = streaming.initial_rule_state(prices.row(0));
    let output = (1..=row).map(|row| streaming.rule_output(&mut state, prices.row(row))).last().unwrap();
    weights.iter().zip(output).map(|(weight, change)| weight + change).collect()
}

#[test]
fn an_update_moves_weights_as_the_float_rule_says() {
    for rule in RULES {
        let setup = setup(&[&format!("pool.rule={rule}"), "pool.minimum_weight=0.01"]);
        let row = 120;
        let (deployment, mut pool) = deploy(&setup, rule, row);
        let prices = setup.experiment.history().prices();
        let oracle: Vec<_> = prices.row(row + 1).iter().map(|price| from_f64(*price).unwrap()).collect();
        let update = pool.perform_update(deployment.proposal.initial.time + 86_400, &oracle).unwrap();
        let expected = target(&setup, rule, &deployment.terms, row + 1, &[0.3, 0.3, 0.4]);
        let moved: f64 = expected.iter().zip([0.3, 0.3, 0.4]).map(|(end, start)| (end - start).abs()).sum();
        assert!(moved > 1e-3, "{rule} hardly moves: {expected:?}");
        close(rule, &floats(&update.raw), &expected, 1e-8);
    }
}
