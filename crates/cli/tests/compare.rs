//! `gradpool compare`: exit codes, differences, and the document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use support::{Outcome, gradpool, shared};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");

fn compare(options: &[&str]) -> Outcome {
    gradpool(["compare", CONFIG].iter().chain(options))
}

#[test]
fn every_path_agrees_on_bundled_prices() {
    let outcome = compare(&["--rtol", "1e-12", "--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    assert_eq!(document["agree"], true);
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["onchain", "scan", "stream", "vectorized"]);
    for (name, path) in paths {
        assert!(path["final_value"].as_f64().unwrap() > 0.0, "{name}");
        assert!(path["seconds"].as_f64().unwrap() > 0.0, "{name}");
    }
    assert_eq!(paths["scan"]["final_value_relative_difference"], 0.0);
    assert_eq!(paths["stream"]["max_weight_difference"], 0.0, "scan and stream have the same weights, bit for bit");
    assert!(document["ratio_scan_to_vectorized"].as_f64().unwrap() > 0.0);
}

/// It is what `replay` has with a punctual keeper, and too far from the others to decide about agreement.
#[test]
fn the_contract_is_beside_the_paths_and_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let params = folder.path().join("params.json").display().to_string();
    std::fs::write(&params, r#"{"log_k": -3, "logit_lamb": 2, "initial_weights_logits": [1, 1, 1]}"#).unwrap();
    let document = compare(&["--params", &params, "--rtol", "1e-12", "--json"]).json();
    assert_eq!((&document["agree"], &document["skipped"]), (&true.into(), &serde_json::json!({})));
    let on_chain = &document["paths"]["onchain"];
    let difference = on_chain["max_weight_difference"].as_f64().unwrap();
    assert!(difference > 1e-9 && difference < 1e-2, "{on_chain}");
    let replayed = gradpool(["replay", &params, "--config", CONFIG, "--json"]).json();
    assert_eq!(replayed["final_value"]["chain"], on_chain["final_value"]);

    let document = compare(&["--set", "pool.rule=min_variance", "--set", "pool.covariance=full", "--json"]).json();
    assert!(document["paths"]["onchain"].is_null(), "{document}");
    let reason = document["skipped"]["onchain"].as_str().unwrap();
    assert!(reason.contains("not at the whole covariance") && !reason.contains('\n'), "{reason}");
    let text = compare(&["--set", "pool.rule=hodl"]).stdout;
    assert!(text.contains("onchain: none: "), "{text}");
}

#[test]
fn every_path_agrees_on_minutes_of_the_reference() {
    let Some(folder) = shared("golden") else { return };
    let case = folder.join("cases/mom_ragged.json").display().to_string();
    let prices = folder.join("prices").display().to_string();
    let outcome = gradpool(["compare", &case, "--params", &case, "--data", &prices, "--rtol", "1e-12", "--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    assert_eq!(outcome.json()["paths"]["stream"]["max_weight_difference"], 0.0);
}

#[test]
fn a_path_that_disagrees_is_named_and_exits_with_1() {
    let outcome = compare(&["--rtol", "0", "--json"]);
    assert_eq!(outcome.code, EXIT_FAILED, "{}", outcome.stdout);
    assert_eq!(outcome.json()["agree"], false);
    assert!(outcome.stderr.contains("error: paths disagree with scan beyond 0"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("vectorized by "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: `--rtol`"), "{}", outcome.stderr);
}

#[test]
fn a_run_folder_brings_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let outcome = gradpool(["compare", &path]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("it has no config.toml"), "{}", outcome.stderr);
    let text = std::fs::read_to_string(CONFIG).unwrap();
    let data = std::path::Path::new(CONFIG).with_file_name("../datasets/daily").display().to_string();
    std::fs::write(
        folder.path().join("config.toml"),
        format!("# run_hash = \"ab\"\n{}", text.replace("../datasets/daily", &data)),
    )
    .unwrap();
    let params = folder.path().join("params.json").display().to_string();
    std::fs::write(&params, r#"{"log_k": 4, "logit_lamb": 2, "initial_weights_logits": [1, 1, 1]}"#).unwrap();
    let outcome = gradpool(["compare", &path, "--params", &params]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    // Without PARAMS its best checkpoint is wanted, and here there is none.
    let outcome = gradpool(["compare", &path]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("best.safetensors"), "{}", outcome.stderr);
}

#[test]
fn single_precision_agrees_to_its_own_tolerance_only() {
    let outcome = compare(&["--precision", "f32"]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("hint: single precision"), "{}", outcome.stderr);
    let outcome = compare(&["--precision", "f32", "--rtol", "1e-4"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
}

#[test]
fn the_report_for_people() {
    let outcome = compare(&[]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    // Columns are as wide as their numbers, and those that are zero on one machine may not be on another.
    let words = |line: &str| {
        let mask = |word: &str| if word.parse::<f64>().is_ok() { "#" } else { word }.to_owned();
        line.split_whitespace().map(mask).collect::<Vec<_>>().join(" ")
    };
    assert!(outcome.stdout.contains("all paths agree to 1e-10"), "{}", outcome.stdout);
    insta::assert_snapshot!(outcome.stdout.lines().map(words).collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_rule_that_the_data_allow_in_one_table() {
    let outcome = compare(&["--all-rules", "--json", "--set", "initial.memory_delta_days=5"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    assert_eq!(document["agree"], true);
    let rules = document["rules"].as_object().unwrap();
    let every = gradpool_strategy::rules::all(&gradpool_strategy::rules::RuleOptions::default());
    let skipped = document["skipped"].as_object().unwrap();
    assert_eq!(rules.len() + skipped.len(), every.len(), "{skipped:?}");
    assert!(skipped["reclamm"].as_str().unwrap().contains("must be 2"), "{skipped:?}");
    let values: std::collections::BTreeSet<String> =
        rules.values().map(|rule| rule["paths"]["scan"]["final_value"].to_string()).collect();
    assert!(values.len() >= 5, "the rules differ: {values:?}");
    for (name, rule) in rules {
        assert_eq!(rule["paths"]["stream"]["max_weight_difference"], 0.0, "{name}");
        assert!(rule["ratio_scan_to_vectorized"].as_f64().unwrap() > 0.0, "{name}");
        assert_ne!(rule["paths"]["onchain"].is_object(), rule["skipped"]["onchain"].is_string(), "{name}");
    }
    // There are no market caps beside the bundled prices.
    assert!(document["skipped"]["index_market_cap"].as_str().unwrap().contains("`data.market_caps` is not set"));

    let outcome = compare(&["--all-rules", "--rtol", "0"]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stdout.contains("DISAGREES"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("paths disagree with scan beyond 0e0: momentum: vectorized by"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("difference_momentum has no signal at its start"), "{}", outcome.stderr);
}

#[test]
fn every_rule_agrees_on_minutes_of_the_reference() {
    let Some(folder) = shared("golden") else { return };
    let case = folder.join("cases/mom_ragged.json").display().to_string();
    let prices = folder.join("prices").display().to_string();
    let outcome = gradpool(["compare", &case, "--all-rules", "--data", &prices, "--rtol", "1e-11", "--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    assert!(outcome.json()["rules"]["index_market_cap"].is_object(), "market caps lie beside these prices");
}

#[test]
fn a_composite_agrees_with_its_trained_shares() {
    let set = "pool={ rule = \"composite\", blend = [{ rule = \"momentum\" }, { rule = \"min_variance\", covariance = \"full\" }] }";
    let outcome = compare(&["--set", set, "--set", "pool.ensemble.members=2", "--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    assert_eq!(outcome.json()["paths"]["stream"]["max_weight_difference"], 0.0);
}

#[test]
fn help_and_usage() {
    insta::assert_snapshot!(gradpool(["compare", "--help"]).stdout);
    let outcome = compare(&["--rtol", "-1"]);
    assert_eq!(outcome.code, EXIT_USAGE, "{}", outcome.stderr);
}
