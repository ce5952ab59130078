//! `gradpool replay` of the tutorial contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::{Value, json};
use support::{Outcome, gradpool};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
const PARTS: [&str; 3] = ["guards", "expiry", "arithmetic"];

fn replay(kappa: f64, options: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("params.json");
    let values = json!({"absolute_k": kappa, "logit_lamb": 1.4, "initial_weights_logits": [1, 1, 1]});
    std::fs::write(&path, values.to_string()).unwrap();
    let path = path.display().to_string();
    let fixed = ["replay", &path, "--config", CONFIG, "--set", "pool.rule=tutorial_momentum"];
    gradpool(fixed.into_iter().chain(options.iter().copied()))
}

fn document(kappa: f64, options: &[&str]) -> Value {
    let outcome = replay(kappa, &[options, &["--json"]].concat());
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// With a small gain no bound is met, and what 18 decimals cut off is all that is left.
#[test]
fn punctual_updates_are_the_simulation() {
    let document = document(0.01, &[]);
    assert_eq!(document["updates"]["triggered"], 326);
    assert_eq!(document["updates"]["done"], 326);
    assert!(number(&document["largest_deviation"]["difference"]).abs() < 1e-12, "{document}");
    assert!(number(&document["final_value"]["relative_difference"]) < 1e-12, "{document}");
    let second = &document["events"][1];
    assert_eq!(second["block"], 2 * 7200);
    assert_eq!(second["weights_before"].as_array().unwrap().len(), 3);
}

#[test]
fn parts_sum_to_the_differences() {
    for (kappa, options) in [(0.05, ["--updates", "missed:4"]), (3.0, ["--updates", "punctual"])] {
        let document = document(kappa, &options);
        let found = &document["largest_deviation"];
        let sum = |value: &dyn Fn(&str) -> f64| PARTS.iter().map(|part| value(part)).sum::<f64>();
        let parts = sum(&|part| number(&found["parts"][part]));
        assert!((parts - number(&found["difference"])).abs() < 1e-12, "{found}");
        let values = sum(&|part| number(&document["parts"][part]["final_value_difference"]));
        assert!((values - number(&document["final_value"]["difference"])).abs() < 1e-6, "{document}");
        assert!(PARTS.contains(&found["cause"].as_str().unwrap()), "{found}");
        assert!(number(&document["parts"]["arithmetic"]["max_weight_difference"]) < 1e-11, "{document}");
    }
}

/// A pool that is not updated runs past its target; one whose gain is large is clamped where the simulation rescales.
#[test]
fn keepers_and_clamps_have_their_parts() {
    let missed = document(0.05, &["--updates", "missed:4"]);
    assert!(missed["updates"]["done"].as_u64().unwrap() < 326, "{missed}");
    assert!(number(&missed["parts"]["expiry"]["max_weight_difference"]) > 1e-4, "{missed}");
    let clamped = document(3.0, &[]);
    assert_eq!(clamped["largest_deviation"]["cause"], "guards");
}

#[test]
fn an_update_before_its_time_is_reverted_and_blocks_can_be_longer() {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times.csv");
    std::fs::write(&times, "unix\n1515456000\n1515466800\n1515542400\n").unwrap();
    let times = times.display().to_string();
    let document = document(0.01, &["--updates", &times, "--block-seconds", "60"]);
    assert_eq!(document["contract"]["update_interval_blocks"], 1440);
    assert_eq!(document["updates"]["reverted"], 1);
    let reverted = document["events"][1]["reverted"].as_str().unwrap();
    assert!(reverted.contains("the next update is allowed at block 2880"), "{reverted}");
}

#[test]
fn the_report_and_the_series_have_both_pools() {
    let folder = tempfile::tempdir().unwrap();
    let series = folder.path().join("replay.safetensors").display().to_string();
    let outcome = replay(0.05, &["--updates", "late:3600", "--series", &series]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("contract  tutorial, one update in 7200 blocks of 12 s"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("largest deviation: "), "{}", outcome.stdout);
    assert!(std::fs::metadata(series).unwrap().len() > 327 * 8);
}

#[test]
fn blocks_are_the_tutorial_contracts() {
    let outcome = replay(0.05, &["--set", "pool.rule=momentum", "--block-seconds", "12"]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("`--block-seconds` is for the tutorial contract"), "{}", outcome.stderr);
}
