//! Pools of two assets that are no weighted pools, through every command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::Value;
use support::gradpool;
use support::runs::{train, trained};

/// Two bundled assets, and each kind of pool with fees.
const BASE: [&str; 2] = ["data.assets=[\"BTC\", \"ETH\"]", "pool.fee_rate=0.003"];
const KINDS: [(&str, &[&str]); 4] = [
    ("cow", &["pool.rule=cow", "pool.cow.arbitrage_quality=0.6"]),
    ("gyroscope", &["pool.rule=gyroscope", "pool.gyroscope={ phi = 1.5, alpha = 5, beta = 90, lam = 20 }"]),
    ("reclamm", &["pool.rule=reclamm", "pool.reclamm.learn_fees=true"]),
    (
        "reclamm",
        &[
            "pool.rule=reclamm",
            "pool.reclamm={ interpolation = \"constant_arc_length\", learn_arc_length_speed = true, price_ratio = 1.5 }",
            "pool.protocol_fee_share=0.5",
        ],
    ),
];

fn settings(own: &[&'static str]) -> Vec<&'static str> {
    BASE.iter().chain(own).copied().collect()
}

fn of_run(command: &str, run: &Path, options: &[&str]) -> support::Outcome {
    let run = run.display().to_string();
    let outcome = gradpool([command, &run].into_iter().chain(options.iter().copied()));
    assert_eq!(outcome.code, EXIT_DONE, "{command}: {}", outcome.stderr);
    outcome
}

#[test]
fn they_train_and_every_path_agrees() {
    for (rule, own) in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let own = settings(own);
        let run = trained(folder.path(), &own);
        let result: Value = serde_json::from_slice(&std::fs::read(run.join("result.json")).unwrap()).unwrap();
        assert_eq!(result["restarts"], 0, "{rule}");
        assert!(result["metrics"]["test"]["returns"].is_number(), "{rule}");
        let revenue = result["metrics"]["test"]["fee_revenue_over_value"].as_f64().unwrap();
        assert_eq!(revenue > 0.0, rule == "reclamm", "{rule}: {revenue}");
        // Hodling is holding the pool's own first basket.
        let hodl = result["benchmarks"]["hodl"]["train"]["returns_over_hodl"].as_f64().unwrap();
        assert!(hodl.abs() < 1e-12, "{rule}: {hodl}");

        let compared = of_run("compare", &run, &["--json"]).json();
        assert_eq!(compared["agree"], true, "{rule}");
        assert_eq!(compared["paths"]["stream"]["max_weight_difference"], 0.0, "{rule}");
        of_run("evaluate", &run, &["--against", "hodl,balancer"]);
        if own.contains(&"pool.reclamm.learn_fees=true") {
            let outcome = gradpool(["evaluate", &run.display().to_string(), "--fee", "0.01"]);
            assert_eq!(outcome.code, EXIT_FAILED);
            assert!(outcome.stderr.contains("whose fee is one of its parameters"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn trained_parameters_are_shown_as_what_they_mean() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &settings(KINDS[1].1));
    let result: Value = serde_json::from_slice(&std::fs::read(run.join("result.json")).unwrap()).unwrap();
    let human = &result["human_units"][0];
    let of = |name: &str| human[name].as_f64().unwrap();
    assert!((of("phi") - 1.5).abs() < 0.1 && of("alpha") < of("beta") && of("lam") > 1.0, "{human}");
    assert!(human["initial_weight"].is_null(), "{human}");
    assert!(result["parameters"]["log_alpha"].is_number(), "{}", result["parameters"]);
}

#[test]
fn starts_are_spread_in_a_space_without_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let wide = ["train.parameter_sets=6", "train.noise_scale=2.0"];
    for (rule, own) in KINDS {
        let outcome = train(folder.path(), &[&settings(own)[..], &wide].concat(), &["--json"]);
        assert_eq!(outcome.code, EXIT_DONE, "{rule}: {}", outcome.stderr);
    }
    let physical = ["pool.reclamm.parameters=physical"];
    let outcome = train(folder.path(), &[&settings(KINDS[2].1)[..], &wide, &physical].concat(), &["--json"]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("it must be"), "{}", outcome.stderr);
}

#[test]
fn the_numeraire_may_be_either_asset() {
    let run = |numeraire: &str, numbers: &str| {
        let folder = tempfile::tempdir().unwrap();
        let params = folder.path().join("params.json");
        std::fs::write(&params, numbers).unwrap();
        let config = folder.path().join("config.toml");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/daily").canonicalize().unwrap();
        let text =
            support::COMPLETE.replace("[data]", &format!("[data]\ndirectory = {:?}", data.display().to_string()));
        let pool =
            format!("[pool]\nrule = \"gyroscope\"\nfee_rate = 0.003\ngyroscope.numeraire = {numeraire:?}\n[train]");
        std::fs::write(&config, text.replace("[train]", &pool)).unwrap();
        let [config, params] = [config, params].map(|path| path.display().to_string());
        let outcome = gradpool(["simulate", &config, "--params", &params, "--path", "stream", "--json"]);
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        outcome.json()["final_value"].as_f64().unwrap()
    };
    // The same circle, seen from both sides: the price of one asset is the inverse of the other's.
    let second = run("ETH", r#"{"phi": 0.7853981633974483, "alpha": 4, "beta": 100, "lam": 1}"#);
    let first = run("BTC", r#"{"phi": 0.7853981633974483, "alpha": 0.01, "beta": 0.25, "lam": 1}"#);
    assert!((first / second - 1.0).abs() < 1e-12, "{first} {second}");
}

#[test]
fn what_is_missing_or_invalid_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let own = ["pool.rule=gyroscope", "pool.gyroscope.alpha=5"];
    let outcome = train(folder.path(), &settings(&own), &[]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("`pool.gyroscope.phi`, `pool.gyroscope.beta`"), "{}", outcome.stderr);
    let outcome = train(folder.path(), &["pool.rule=cow"], &[]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("a pool of two assets; `data.assets` names 3"), "{}", outcome.stderr);
}
