//! `gradpool export --format tutorial`: the tutorial contract, in blocks.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_cli::contract::tutorial::TutorialFile;
use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::{Value, json};
use support::{Outcome, gradpool};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
/// ln 4: a decay of 0.8.
const LOGIT: f64 = 1.386_294_361_119_890_6;

fn export(params: &Value, options: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("params.json");
    std::fs::write(&path, params.to_string()).unwrap();
    let path = path.display().to_string();
    gradpool(["export", &path, "--config", CONFIG].iter().chain(options))
}

fn parameters() -> Value {
    json!({"absolute_k": 0.25, "logit_lamb": LOGIT, "initial_weights": [0.5, 0.25, 0.25]})
}

const TUTORIAL: [&str; 4] = ["--format", "tutorial", "--set", "pool.rule=tutorial_momentum"];

#[test]
fn settings_and_state_are_integers_and_time_is_in_blocks() {
    let options = ["--weights", "initial", "--at", "2018-06-01"];
    let outcome = export(&parameters(), &[&TUTORIAL[..], &options].concat());
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    for (field, expected) in [
        ("format", json!("gradpool tutorial contract")),
        ("tokens", json!(["BTC", "ETH", "LTC"])),
        ("kappa", json!("250000000000000000")),
        ("update_interval_blocks", json!(7200)),
        ("block_seconds", json!(12)),
        ("weights", json!(["500000000000000000", "250000000000000000", "250000000000000000"])),
    ] {
        assert_eq!(document[field], expected, "{field}");
    }
    assert_eq!(document["state"]["time"], "2018-06-01 00:00:00");
    let slower = export(&parameters(), &[&TUTORIAL[..], &options, &["--block-seconds", "60"]].concat()).json();
    assert_eq!(slower["update_interval_blocks"], 1440);
    assert!(outcome.stderr.contains("no limit of the change per update"), "{}", outcome.stderr);

    // The logistic of a double: as near to 0.8 as a double.
    let lambda = to_f64(document["lambda"].as_str().unwrap().parse().unwrap());
    assert!((lambda - 0.8).abs() < 2e-16, "{lambda}");
    // The file is a pool that the contract accepts and updates.
    let file: TutorialFile = serde_json::from_value(document).unwrap();
    let bounds = [to_f64(file.minimum_weight.0), to_f64(file.maximum_weight.0)];
    assert!((2.0 * bounds[0] + bounds[1] - 1.0).abs() < 1e-15, "{bounds:?}");
    let mut pool = file.pool(100).unwrap();
    let prices: Vec<_> = file.moving_averages.iter().map(|average| average.0).collect();
    pool.trigger_update(7300, &prices).unwrap();
    assert_eq!(pool.averages().len(), 3);
}

/// The averages that are exported are those that a stream of the rule has: the next update of both wants the same weights.
#[test]
fn the_contract_goes_on_where_the_simulation_is() {
    let exported = |at: &str| -> TutorialFile {
        let outcome = export(&parameters(), &[&TUTORIAL[..], &["--at", at, "--weights", "initial"]].concat());
        serde_json::from_value(outcome.json()).unwrap()
    };
    let (before, after) = (exported("2018-06-01"), exported("2018-06-02"));
    let lambda = to_f64(before.lambda.0);
    for (old, new) in before.moving_averages.iter().zip(&after.moving_averages) {
        let (old, new) = (to_f64(old.0), to_f64(new.0));
        let price = (new - lambda * old) / (1.0 - lambda);
        assert!((price / old - 1.0).abs() < 0.5, "{old} {new} is no average of prices");
    }
    let mut pool = before.pool(0).unwrap();
    let prices: Vec<_> = before
        .moving_averages
        .iter()
        .zip(&after.moving_averages)
        .map(|(old, new)| from_f64((to_f64(new.0) - lambda * to_f64(old.0)) / (1.0 - lambda)).unwrap())
        .collect();
    pool.trigger_update(before.update_interval_blocks, &prices).unwrap();
    for (found, expected) in pool.averages().iter().zip(&after.moving_averages) {
        let (found, expected) = (to_f64(*found), to_f64(expected.0));
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn what_the_tutorial_contract_cannot_do_is_said() {
    let refused = |params: &Value, options: &[&str]| {
        let outcome = export(params, options);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{options:?}");
        outcome.stderr
    };
    let momentum = json!({"absolute_k": 1, "logit_lamb": LOGIT, "initial_weights": [0.5, 0.25, 0.25]});
    let other = refused(&momentum, &["--format", "tutorial"]);
    assert!(other.contains("`tutorial_momentum` alone, and this one is `momentum`"), "{other}");
    let blocks = refused(&parameters(), &[&TUTORIAL[..], &["--block-seconds", "7"]].concat());
    assert!(blocks.contains("86400 s is no whole number of blocks of 7 s"), "{blocks}");
    let address = refused(&parameters(), &[&TUTORIAL[..], &["--oracle-staleness", "60"]].concat());
    assert!(address.contains("`--oracle-staleness` means nothing with `--format tutorial`"), "{address}");
    let onchain = refused(&momentum, &["--block-seconds", "6"]);
    assert!(onchain.contains("`--block-seconds` means nothing with `--format onchain`"), "{onchain}");
    let deployed = refused(&parameters(), &["--set", "pool.rule=tutorial_momentum"]);
    assert!(deployed.contains("no contract computes the rule `tutorial_momentum`"), "{deployed}");
    assert!(deployed.contains("--format tutorial"), "{deployed}");
}

/// The file comes back as PARAMS: what is simulated is what 18 decimals hold of the strategy.
#[test]
fn the_file_is_accepted_as_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, document: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, document.to_string()).unwrap();
        path.display().to_string()
    };
    let own = write("own.json", &parameters());
    let mut document = export(&parameters(), &[&TUTORIAL[..], &["--weights", "initial"]].concat()).json();
    let exported = write("tutorial.json", &document);
    document["update_interval_blocks"] = json!(1);
    let other = write("other.json", &document);
    let simulate = |path: &str| {
        let rule = ["--set", "pool.rule=tutorial_momentum", "--json"];
        support::gradpool(["simulate", CONFIG, "--params", path].into_iter().chain(rule))
    };
    let value = |path: &str| simulate(path).json()["final_value"].as_f64().unwrap();
    assert!((value(&exported) / value(&own) - 1.0).abs() < 1e-12);
    let refused = simulate(&other);
    assert_eq!(refused.code, EXIT_FAILED);
    assert!(refused.stderr.contains("its update interval is 1 blocks of 12 s"), "{}", refused.stderr);
}
