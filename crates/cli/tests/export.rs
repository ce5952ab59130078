//! `gradpool export`: what is deployed, what comes back from the file, and what the factory would refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::{Value, json};
use support::runs::trained;
use support::{Outcome, gradpool};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
/// ln 4, ln 9, ln 19: decays of 0.8, 0.9, 0.95.
const LOGITS: [f64; 3] = [1.386_294_361_119_890_6, 2.197_224_577_336_219_6, 2.944_438_979_166_440_3];
/// Settings with which a trained rule has a contract.
const DEPLOYABLE: [(&str, &[&str]); 6] = [
    ("momentum", &[]),
    ("anti_momentum", &[]),
    (
        "power_channel",
        &["pool.pre_exponent_scaling=false", "initial.raw_exponents=[0.6, 0.5, 0.7]", "train.noise_scale=0.05"],
    ),
    ("mean_reversion_channel", &[]),
    ("difference_momentum", &["initial.memory_delta_days=10", "initial.k_per_day=0.01"]),
    ("min_variance", &["initial.memory_delta_days=10"]),
];
const ADDRESSES: [&str; 6] = [
    "--address",
    "BTC=0x2260fac5e5542a773aa44fbcfedf7c193bc2c599",
    "--address",
    "ETH=0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    "--address",
    "LTC=0x00000000000000000000000000000000000000aa",
];

fn json_file(folder: &Path, name: &str, document: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, document.to_string()).unwrap();
    path.display().to_string()
}

/// `gradpool export` of parameters in the built-in configuration's pool.
fn export(folder: &Path, params: &Value, settings: &[&str], options: &[&str]) -> Outcome {
    let params = json_file(folder, "params.json", params);
    let mut arguments = vec!["export", &params, "--config", CONFIG];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    gradpool(arguments.into_iter().chain(options.iter().copied()))
}

fn exported(params: &Value, settings: &[&str], options: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let outcome = export(folder.path(), params, settings, options);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()
}

fn refused(params: &Value, settings: &[&str], options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let outcome = export(folder.path(), params, settings, options);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{}", outcome.stderr);
    outcome.stderr
}

fn momentum() -> Value {
    json!({"absolute_k": [1.5, 0.25, 3.0], "logit_lamb": LOGITS, "initial_weights": [0.5, 0.25, 0.25]})
}

/// Numbers of a list of 18-decimal integers.
fn numbers(list: &Value) -> Vec<f64> {
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap() / 1e18;
    list.as_array().unwrap().iter().map(number).collect()
}

fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-15 * expected.abs().max(1e-3), "{what}: {found} against {expected}");
    }
}

/// Lists of a contract by name.
fn lists(document: &Value) -> Vec<(&str, Vec<f64>)> {
    let list = |list: &'_ Value| -> Vec<f64> { numbers(&list["values"]) };
    document["contract_params"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), list(entry)))
        .collect()
}

fn final_value(config: &str, params: &str, settings: &[&str]) -> f64 {
    let mut arguments = vec!["simulate", config, "--params", params, "--json"];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    let outcome = gradpool(arguments);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()["final_value"].as_f64().unwrap()
}

#[test]
fn help() {
    insta::assert_snapshot!(gradpool(["export", "--help"]).stdout);
}

#[test]
fn what_is_exported_simulates_like_what_was_trained() {
    for (rule, settings) in DEPLOYABLE {
        let folder = tempfile::tempdir().unwrap();
        let rule_setting = format!("pool.rule={rule}");
        let settings: Vec<&str> = settings.iter().copied().chain([rule_setting.as_str()]).collect();
        let run = trained(folder.path(), &settings).display().to_string();
        let file = folder.path().join("contract.json").display().to_string();
        for options in [&[][..], &ADDRESSES] {
            let outcome = gradpool(["export", &run, "--out", &file].iter().chain(options));
            assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_DONE, ""), "{rule}: {}", outcome.stderr);
            let config = PathBuf::from(&run).join("config.toml").display().to_string();
            let (trained, deployed) = (final_value(&config, &run, &[]), final_value(&config, &file, &[]));
            assert!((deployed / trained - 1.0).abs() < 1e-12, "{rule}: {deployed} against {trained}");
        }
    }
}

#[test]
fn numbers_are_the_nearest_with_18_decimals() {
    let document = exported(
        &momentum(),
        &["pool.minimum_weight=0.0625", "pool.maximum_change_per_min=1e-4", "pool.maximum_memory_days=100"],
        &["--at", "2018-03-01"],
    );
    assert_eq!(
        document["contract_params"],
        json!([{
            "name": "kappa", "values": ["1500000000000000000", "250000000000000000", "3000000000000000000"],
        }])
    );
    assert_eq!(document["absoluteWeightGuardRail"], "62500000000000000");
    assert_eq!((&document["updateInterval"], &document["oracleStalenessThreshold"]), (&json!(86_400), &json!(3600)));
    assert_eq!(
        document["simulation"]["initial_weights"],
        json!(["500000000000000000", "250000000000000000", "250000000000000000"])
    );
    // 1e-4 a minute for 1440 minutes: 0.144 and what doubles add to it.
    close("epsilonMax", &[numbers(&json!([document["epsilonMax"]]))[0]], &[0.144]);
    close("lambda", &numbers(&document["lambda"]), &[0.8, 0.9, 0.95]);
    assert_eq!(
        (&document["state"]["time"], &document["state"]["unix_seconds"]),
        (&json!("2018-03-01 00:00:00"), &json!(1_519_862_400))
    );
    let sum: i128 = document["_initialWeights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weight| weight.as_str().unwrap().parse::<i128>().unwrap())
        .sum();
    assert_eq!(sum, 1_000_000_000_000_000_000);
    let everywhere =
        exported(&json!({"k": 0.5, "logit_lamb": LOGITS[0], "initial_weights_logits": [1, 1, 1]}), &[], &[]);
    // 2 cbrt(6 * 0.8 / 0.2^3) = 2 cbrt(600) days.
    assert_eq!(lists(&everywhere)[0].1.len(), 1);
    close("kappa", &lists(&everywhere)[0].1, &[600_f64.cbrt()]);
    close("lambda", &numbers(&everywhere["lambda"]), &[0.8]);
}

/// Memories of the decays 0.8, 0.9, 0.95 at daily updates, in days: `2 cbrt(6 decay) / (1 - decay)`.
fn memories() -> [f64; 3] {
    [10.0 * 4.8_f64.cbrt(), 20.0 * 5.4_f64.cbrt(), 40.0 * 5.7_f64.cbrt()]
}

#[test]
fn every_rule_has_the_parameters_of_its_contract() {
    let days = memories();
    let settings = |rule: &str| [format!("pool.rule={rule}"), "pool.maximum_memory_days=60".to_owned()];
    let found = |rule: &str, params: Value| {
        let settings = settings(rule);
        exported(&params, &[settings[0].as_str(), settings[1].as_str()], &["--weights", "initial"])
    };
    // A gain of 2^-1 per day, with the memory of the last asset (71 days) clipped to 60.
    let along = json!({"log_k": -1, "logit_lamb": LOGITS, "initial_weights": [0.5, 0.25, 0.25]});
    let kappa = [days[0] / 2.0, days[1] / 2.0, 30.0];
    for rule in ["momentum", "anti_momentum"] {
        let document = found(rule, along.clone());
        assert_eq!(document["rule"], if rule == "momentum" { "momentum" } else { "antimomentum" });
        close(rule, &lists(&document)[0].1, &kappa);
    }

    // Scaling by 2 * 0.25 before the power 2 is a gain of 4. squareplus(1.5) = 2, squareplus(0) = 1.
    let power = json!({
        "absolute_k": [1, 2, 3], "logit_lamb": LOGITS, "sp_exponents": [1.5], "raw_pre_exp_scaling": -2,
        "initial_weights": [0.5, 0.25, 0.25],
    });
    let document = found("power_channel", power);
    assert_eq!(document["rule"], "power_channel");
    let all = lists(&document);
    assert_eq!((all[0].0, all[1].0), ("kappa", "exponent"));
    close("kappa", &all[0].1, &[4.0, 8.0, 12.0]);
    close("exponent", &all[1].1, &[2.0, 2.0, 2.0]);

    let channel = json!({
        "k": 0.5, "logit_lamb": LOGITS, "sp_exponents": 0, "raw_pre_exp_scaling": [-1, -2, -3], "log_amplitude": 1,
        "raw_width": [-3, -2, -1], "initial_weights": [0.5, 0.25, 0.25],
    });
    let document = found("mean_reversion_channel", channel);
    assert_eq!(document["rule"], "channel_following");
    let expected: [(&str, Vec<f64>); 7] = [
        ("kappa", kappa.to_vec()),
        ("width", vec![0.125, 0.25, 0.5]),
        ("amplitude", vec![2.0 * days[0], 2.0 * days[1], 120.0]),
        ("exponent", vec![1.0; 3]),
        ("inverse_scaling", vec![0.5415; 3]),
        ("pre_exp_scaling", vec![0.5, 0.25, 0.125]),
        ("use_raw_price", vec![0.0]),
    ];
    for ((name, found), (expected_name, expected)) in lists(&document).iter().zip(&expected) {
        assert_eq!(name, expected_name);
        close(name, found, expected);
    }

    // The contract's signal has the other sign, so the gain has too: 0.1 times the longer memory.
    let difference = json!({
        "k": 0.1, "memory_days_1": days[1], "memory_days_2": days[0], "initial_weights": [0.5, 0.25, 0.25],
    });
    let document = found("difference_momentum", difference);
    assert_eq!(document["rule"], "difference_momentum");
    close("lambda", &numbers(&document["lambda"]), &[0.9]);
    close("kappa", &lists(&document)[0].1, &[-0.1 * days[1]]);
    close("lambda_short", &lists(&document)[1].1, &[0.8]);
    assert!(document["contract_params"][0]["values"][0].as_str().unwrap().starts_with("-3"));

    let variance = json!({"memory_days_1": days[0], "memory_days_2": days[1], "initial_weights": [0.5, 0.25, 0.25]});
    let document = found("min_variance", variance);
    assert_eq!(document["rule"], "minimum_variance");
    close("lambda", &numbers(&document["lambda"]), &[0.8]);
    close("mixing_variance", &lists(&document)[0].1, &[0.9]);
    assert!(document["warnings"][0].as_str().unwrap().contains("variance of prices"), "{}", document["warnings"]);
}

#[test]
fn lists_follow_the_addresses() {
    let plain = exported(&momentum(), &[], &[]);
    let document = exported(&momentum(), &[], &ADDRESSES);
    assert!(plain.get("deployment").is_none());
    assert_eq!(document["tokens"], json!(["LTC", "BTC", "ETH"]));
    assert_eq!(document["deployment"]["addresses"][1], "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599");
    let permuted = |list: &Value| json!([list[2], list[0], list[1]]);
    for key in ["lambda", "_initialWeights", "_initialMovingAverages", "_initialIntermediateValues"] {
        assert_eq!(document[key], permuted(&plain[key]), "{key}");
    }
    assert_eq!(document["contract_params"][0]["values"], permuted(&plain["contract_params"][0]["values"]));
    assert!(refused(&momentum(), &[], &ADDRESSES[..2]).contains("for ETH, LTC"));
}

#[test]
fn the_state_is_that_of_its_time() {
    let start = exported(&momentum(), &[], &["--at", "2018-01-08"]);
    assert_eq!(numbers(&start["_initialWeights"]), [0.5, 0.25, 0.25]);
    let default = exported(&momentum(), &[], &[]);
    assert_eq!(default["state"]["time"], "2019-03-17 00:00:00");
    assert_eq!(default, exported(&momentum(), &[], &["--at", "2019-03-17"]));
    assert_ne!(default["_initialMovingAverages"], start["_initialMovingAverages"]);
    assert_ne!(default["_initialWeights"], start["_initialWeights"]);
    let initial = exported(&momentum(), &[], &["--weights", "initial"]);
    assert_eq!(numbers(&initial["_initialWeights"]), [0.5, 0.25, 0.25]);
    assert_eq!(initial["state"]["weights"], "initial");
    // Prices go on after the configured periods, which end before a gap.
    assert_eq!(exported(&momentum(), &[], &["--at", "2019-03-18"])["state"]["time"], "2019-03-18 00:00:00");
    assert!(refused(&momentum(), &[], &["--at", "2017-12-01"]).contains("no weights before 2018-01-08"));
    assert!(refused(&momentum(), &[], &["--at", "2019-03-01 12:00:00"]).contains("no price row"));
    let weekly = ["pool.update_interval_min=10080"];
    assert!(refused(&momentum(), &weekly, &["--at", "2019-03-01"]).contains("no update of the strategy"));
}

#[test]
fn everything_that_the_factory_refuses_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let zero = json!({"k": [0, -1, 2], "logit_lamb": [800, -800, 1], "initial_weights": [0.5, 0.25, 0.3]});
    let settings = ["pool.minimum_weight=0.005"];
    let outcome = export(folder.path(), &zero, &settings, &["--oracle-staleness", "0", "--weights", "initial"]);
    assert_eq!(outcome.code, EXIT_FAILED);
    let power = json!({"k": 1, "logit_lamb": 1, "sp_exponents": [0.5, 0, -1], "initial_weights": [0.98, 0.01, 0.01]});
    let of_power = refused(&power, &["pool.rule=power_channel"], &["--weights", "initial"]);
    let structural = json!({
        "sp_k": 1, "logit_lamb": 1, "logit_delta_lamb": [0.1, 0, 0], "sp_exponents": 1, "sp_pre_exp_scaling": [0, 1, 2],
        "initial_weights_logits": [1, 1, 1],
    });
    let structural = refused(
        &structural,
        &[
            "pool.rule=power_channel",
            "pool.alternative_decay=true",
            "pool.bounds.minimum=[0.1, 0.1, 0.1]",
            "pool.bounds.maximum=[0.8, 0.8, 0.8]",
            "pool.minimum_weight=0",
        ],
        &[],
    );
    let full = refused(
        &json!({"memory_days_1": 10, "memory_days_2": 10, "logit_shrinkage": 0, "initial_weights_logits": [1, 1, 1]}),
        &["pool.rule=min_variance", "pool.covariance=full"],
        &[],
    );
    let zero_sum = json!({"absolute_k": [1, 1, -2], "memory_days_1": 10, "memory_days_2": 5, "initial_weights": [0.5, 0.25, 0.25]});
    let zero_sum = refused(&zero_sum, &["pool.rule=difference_momentum"], &[]);
    let balancer = refused(&json!({"initial_weights": [0.5, 0.25, 0.25]}), &["pool.rule=balancer"], &[]);
    let all = [outcome.stderr, of_power, structural, full, zero_sum, balancer];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_pool_that_was_trained_on_chain_is_deployed_as_it_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let params = json!({"memory_days_1": 10, "memory_days_2": 20, "initial_weights": [0.5, 0.25, 0.25]});
    let settings = [
        "pool.rule=min_variance",
        "pool.execution=onchain",
        "pool.epsilon_max=0.125",
        "pool.update_interval_min=2880",
        "pool.interpolation_min=1440",
    ];
    let document = exported(&params, &settings, &[]);
    assert_eq!(document["warnings"], json!([]));
    assert_eq!((&document["epsilonMax"], &document["updateInterval"]), (&json!("125000000000000000"), &json!(86_400)));
    let given = json_file(folder.path(), "given.json", &params);
    let deployed = json_file(folder.path(), "contract.json", &document);
    let (given, deployed) = (final_value(CONFIG, &given, &settings), final_value(CONFIG, &deployed, &settings));
    // Weights are stored with nine decimals: where rounding flips the last one, values differ by as much.
    assert!((deployed / given - 1.0).abs() < 1e-9, "{deployed} against {given}");
}

#[test]
fn another_pool_does_not_take_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = json_file(folder.path(), "contract.json", &exported(&momentum(), &[], &[]));
    let simulate = |settings: &[&str]| {
        let mut arguments = vec!["simulate", CONFIG, "--params", &file];
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        let outcome = gradpool(arguments);
        assert_eq!(outcome.code, EXIT_FAILED, "{}", outcome.stdout);
        outcome.stderr_without(folder.path())
    };
    let settings = simulate(&["pool.minimum_weight=0.05", "pool.update_interval_min=2880", "pool.rule=anti_momentum"]);
    let tokens = simulate(&["data.assets=[\"BTC\", \"ETH\"]", "pool.minimum_weight=0.03333333333333333"]);
    insta::assert_snapshot!([settings, tokens].join("\n"));

    let mut document = exported(&momentum(), &[], &[]);
    document["lambda"][0] = json!(0.8);
    let broken = json_file(folder.path(), "broken.json", &document);
    let outcome = gradpool(["simulate", CONFIG, "--params", &broken]);
    assert!(
        outcome.stderr.contains("is not a contract file") && outcome.stderr.contains("expected a string"),
        "{}",
        outcome.stderr
    );
    document["version"] = json!(2);
    let newer = json_file(folder.path(), "newer.json", &document);
    assert!(gradpool(["simulate", CONFIG, "--params", &newer]).stderr.contains("reads version 1"));
}

#[test]
fn the_reference_system_gets_its_own_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let params = json!({"log_k": -2, "logit_lamb": LOGITS, "initial_weights_logits": [1, 1, 1]});
    let document = exported(&params, &[], &["--format", "quantammsim"]);
    assert_eq!(document["log_k"], json!([-2.0, -2.0, -2.0]));
    assert_eq!(document["logit_lamb"], json!(LOGITS));
    let (theirs, ours) =
        (json_file(folder.path(), "theirs.json", &document), json_file(folder.path(), "ours.json", &params));
    assert_eq!(final_value(CONFIG, &theirs, &[]), final_value(CONFIG, &ours, &[]));
    let error = refused(&params, &[], &["--format", "quantammsim", "--at", "2019-03-01"]);
    assert!(error.contains("`--at` means nothing"), "{error}");
    let channel = json!({"sp_k": 1, "logit_lamb": 1, "sp_exponents": 1, "initial_weights_logits": [1, 1, 1]});
    let outcome = export(folder.path(), &channel, &["pool.rule=power_channel"], &["--format", "quantammsim"]);
    assert!(outcome.stderr.contains("`sp_exponents`, `sp_k`"), "{}", outcome.stderr);
}

#[test]
fn the_table_has_human_and_contract_values() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = export(folder.path(), &momentum(), &[], &["--format", "csv"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "quantity,token,value,contract");
    assert!(lines.contains(&"kappa,BTC,1.5,1500000000000000000"), "{}", outcome.stdout);
    assert!(lines.contains(&"absolute_k,ETH,0.25,"), "{}", outcome.stdout);
    assert!(lines.iter().all(|line| line.split(',').count() == 4));
    assert_eq!(exported(&momentum(), &[], &["--format", "csv", "--json"]), exported(&momentum(), &[], &["--json"]));
}

#[test]
fn what_a_contract_computes_otherwise_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let params = json!({"absolute_k": 1, "logit_lamb": 16, "initial_weights": [0.5, 0.25, 0.25]});
    let settings =
        ["pool.maximum_memory_days=60000", "pool.interpolation=approx_optimal", "period.allow_short_burn_in=true"];
    let outcome = export(folder.path(), &params, &settings, &[]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let warnings = outcome.json()["warnings"].to_string();
    for text in ["straight lines", "fewer than six digits"] {
        assert!(warnings.contains(text) && outcome.stderr.contains(text), "{warnings}");
    }
}
