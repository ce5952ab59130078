//! `gradpool train`: the run folder, the document, the table, resuming, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::Value;
use support::runs::{masked, train, trained};
use support::{Outcome, gradpool};

fn without_seconds(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("seconds");
    document
}

fn result(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap()
}

fn resume(run: &Path, options: &[&str]) -> Outcome {
    let run = run.display().to_string();
    gradpool(["train", "--resume", &run].into_iter().chain(options.iter().copied()))
}

#[test]
fn help() {
    let of = |command: &str| {
        let outcome = gradpool([command, "--help"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (EXIT_DONE, ""));
        outcome.stdout
    };
    insta::assert_snapshot!(format!("{}=====\n{}", of("train"), of("evaluate")));
}

#[test]
fn a_training_leaves_a_run_folder_and_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = train(folder.path(), &[], &["--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    let run = PathBuf::from(document["run"].as_str().unwrap());
    for name in ["config.toml", "events.jsonl", "best.safetensors", "checkpoints/step-000012.safetensors"] {
        assert!(run.join(name).is_file(), "{name}");
    }
    assert_eq!(result(&run), document);
    let hash = document["config_hash"].as_str().unwrap();
    assert_eq!(run.file_name().unwrap().to_str().unwrap(), format!("momentum-{}", &hash[..8]));
    assert!(document["best"]["step"].is_u64() && document["best"]["set"].is_u64());
    assert_eq!(document["parameters"]["log_k"].as_array().unwrap().len(), 3);
    assert_eq!(document["restarts"], 0);
    assert!(document["seconds"].as_f64().unwrap() > 0.0);
    for period in ["train", "validation", "test"] {
        assert!(document["metrics"][period]["daily_log_sharpe"].is_number(), "{period}");
        assert!(document["benchmarks"]["hodl"][period]["returns"].is_number(), "{period}");
    }
    // Days have one row: what happens inside a day has no value, and the document says so.
    assert_eq!(document["metrics"]["test"]["daily_var_95%"], Value::Null);
    assert!(document["reasons"]["test"]["daily_var_95%"].is_string());
    assert!(document["non_finite"].as_array().unwrap().contains(&"test.daily_var_95%".into()));
    // The objective of the best point is the one over the training period.
    assert_eq!(document["best"]["objective"], document["metrics"]["train"]["daily_log_sharpe"]);
}

#[test]
fn held_baskets_gain_nothing_over_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let document = result(&trained(folder.path(), &["initial.weights_logits=[0.0, 1.0, 2.0]"]));
    let benchmarks = &document["benchmarks"];
    for period in ["train", "validation", "test"] {
        let of = |name: &str, metric: &str| benchmarks[name][period][metric].as_f64().unwrap();
        assert!(of("hodl", "returns_over_hodl").abs() < 1e-12);
        assert!(of("uniform", "returns_over_uniform_hodl").abs() < 1e-12);
        assert!(of("hodl", "returns_over_uniform_hodl").abs() > 1e-4);
        // The pool's own metric against its basket, and the basket's final value, tell the same story.
        let pool = |metric: &str| document["metrics"][period][metric].as_f64().unwrap();
        let ratio = pool("final_value") / of("hodl", "final_value") - 1.0;
        assert!((ratio - pool("returns_over_hodl")).abs() < 1e-10, "{period}");
    }
}

/// Trains a bundled configuration for a few steps; returns the document.
fn few_steps(folder: &Path, config: &str, set: &[&str]) -> Value {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(config).display().to_string();
    let folder = folder.display().to_string();
    let set = ["train.iterations=3"].iter().chain(set).flat_map(|set| ["--set", set]);
    let outcome = gradpool(["train", &config, "--out", &folder, "--json"].into_iter().chain(set));
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()
}

#[test]
fn members_components_and_bounds_are_trained_and_can_be_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = "pool.bounds={ minimum = [0.1, 0.1, 0.1], maximum = [0.6, 0.6, 0.6], form = \"learned\" }";
    let document = few_steps(folder.path(), "composite.toml", &[bounds]);
    let parameters = &document["parameters"];
    let shape = |leaf: &str| {
        let mut lengths = Vec::new();
        let mut value = &parameters[leaf];
        while let Some(entries) = value.as_array() {
            lengths.push(entries.len());
            value = &entries[0];
        }
        assert!(value.is_number(), "{leaf}: {}", parameters[leaf]);
        lengths
    };
    assert_eq!((shape("trend.log_k"), shape("mixture_logits")), (vec![2, 3], vec![2, 2]));
    assert_eq!((shape("raw_min_budget"), shape("raw_gap_logits")), (vec![], vec![3]));
    let start = 0.2_f64.log2();
    let moved = parameters["trend.log_k"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert!(moved.clone().all(|number| number.as_f64() != Some(start)), "{moved:?}");
    let units = document["human_units"].as_array().unwrap();
    assert!(
        units.iter().any(|entry| entry["component"] == "calm" && entry["member"] == 1 && entry["share"].is_number())
    );
    assert!(units.iter().any(|entry| entry["asset"] == "LTC" && entry["maximum_weight"].is_number()));

    // The document's parameters are PARAMS of the same pool, and mean the same there.
    let params = folder.path().join("params.json").display().to_string();
    fs::write(&params, parameters.to_string()).unwrap();
    let run = document["run"].as_str().unwrap();
    let config = format!("{run}/config.toml");
    let on_train = |source: &[&str]| {
        let outcome = gradpool(["evaluate"].iter().chain(source).copied().chain(["--on", "train", "--json"]));
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        outcome.json()["runs"][0]["fresh"].clone()
    };
    let (from_run, from_file) = (on_train(&[run]), on_train(&[&params, "--config", &config]));
    assert_eq!(from_run, from_file);
    assert_eq!(from_run["final_value"], document["metrics"]["train"]["final_value"]);
}

#[test]
fn a_composite_resumes_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, part) = (folder.path().join("whole"), folder.path().join("part"));
    let set = ["train.iterations=6", "train.checkpoint_every=2"];
    let whole = few_steps(&whole, "composite.toml", &set);
    let part = few_steps(&part, "composite.toml", &set);
    let run = PathBuf::from(part["run"].as_str().unwrap());
    fs::remove_file(run.join("checkpoints/step-000006.safetensors")).unwrap();
    let resumed = resume(&run, &["--json"]);
    assert_eq!(resumed.code, EXIT_DONE, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("continuing after step 4"), "{}", resumed.stderr);
    let without_run = |mut document: Value| {
        document["run"] = Value::Null;
        without_seconds(document)
    };
    assert_eq!(without_run(resumed.json()), without_run(whole));
}

#[test]
fn a_pool_that_begins_at_its_first_target_is_compared_with_holding_that() {
    let folder = tempfile::tempdir().unwrap();
    let document = few_steps(folder.path(), "min-variance.toml", &[]);
    for period in ["train", "validation", "test"] {
        let of = |section: &Value, metric: &str| section[period][metric].as_f64().unwrap();
        let hodl = &document["benchmarks"]["hodl"];
        assert!(of(hodl, "returns_over_hodl").abs() < 1e-12);
        assert!(of(hodl, "returns_over_uniform_hodl").abs() > 1e-3, "the first target is not uniform");
        let ratio = of(&document["metrics"], "final_value") / of(hodl, "final_value") - 1.0;
        assert!((ratio - of(&document["metrics"], "returns_over_hodl")).abs() < 1e-10, "{period}");
    }
    assert!(document["human_units"].as_array().unwrap().iter().all(|entry| entry["initial_weight"].is_null()));
}

#[test]
fn the_spread_of_starts_is_that_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let best = |set: &[&str]| few_steps(folder.path(), "composite.toml", set)["parameters"].clone();
    let gaussian = best(&[]);
    let mut seen = vec![gaussian.clone()];
    for method in ["lhs", "centered_lhs", "sobol", "grid"] {
        let method = format!("pool.ensemble.method={method}");
        seen.push(best(&[&method]));
    }
    seen.push(best(&["pool.ensemble.method=lhs", "pool.ensemble.seed=7"]));
    seen.push(best(&["train.initialisation=sobol"]));
    for (index, parameters) in seen.iter().enumerate() {
        assert!(!seen[..index].contains(parameters), "{index}");
    }
    // The same again, on one thread.
    let again = few_steps(&folder.path().join("again"), "composite.toml", &["runtime.threads=1"]);
    assert_eq!(again["parameters"], gaussian);
}

#[test]
fn the_table_names_objective_and_samples_and_what_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = train(folder.path(), &[], &[]);
    let text = format!("{}----- stderr\n{}", outcome.stdout, outcome.stderr);
    insta::assert_snapshot!(masked(&text, folder.path()));
}

#[test]
fn a_fingerprint_with_inclusive_ends_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = train(folder.path(), &["period.inclusive_end=true", "period.end=2018-11-30"], &[]);
    assert!(outcome.stdout.contains("validation: 2018-09-27 .. 2018-11-30 (included), 65 rows"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("train: 2018-01-08 .. 2018-09-27 (excluded), 262 rows"), "{}", outcome.stdout);
}

#[test]
fn a_short_burn_in_and_filled_prices_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["pool.maximum_memory_days=90", "period.test_end=2019-05-01", "data.gaps=ffill"];
    let outcome = train(folder.path(), &settings, &[]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let warnings: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert!(warnings.iter().any(|line| line.contains("60 days of prices instead of 90")), "{warnings:?}");
    assert!(warnings.iter().any(|line| line.contains("carried forward")), "{warnings:?}");
}

#[test]
fn sets_that_go_non_finite_are_restarted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let starts = "initial.k_per_day=[[0.2, 0.2, 0.2], [1e308, 1e308, 1e308]]";
    let outcome = train(folder.path(), &[starts, "train.parameter_sets=2", "train.restart_after=2"], &["--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    assert_eq!(document["restarts"], 1);
    assert_eq!(document["restarts_of_sets"], serde_json::json!([0, 1]));
    assert!(outcome.stderr.contains("warning: step 2: set 1 was restarted: the objective is not finite"));
    assert!(outcome.stderr.contains("warning: set 1 went non-finite 2 times, restarted once"), "{}", outcome.stderr);
}

#[test]
fn a_finished_run_that_is_resumed_says_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]);
    let before = (without_seconds(result(&run)), fs::read(run.join("events.jsonl")).unwrap());
    let outcome = resume(&run, &["--json", "--threads", "1"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    assert_eq!(without_seconds(outcome.json()), before.0);
    assert_eq!(fs::read(run.join("events.jsonl")).unwrap(), before.1);
    // The only run of a folder may be named by the folder.
    assert_eq!(resume(folder.path(), &["--json"]).code, EXIT_DONE);
}

#[test]
fn a_run_is_replaced_only_by_force_and_is_then_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]);
    let best = fs::read(run.join("best.safetensors")).unwrap();
    assert_eq!(train(folder.path(), &[], &[]).code, EXIT_FAILED);
    assert_eq!(train(folder.path(), &[], &["--force"]).code, EXIT_DONE);
    assert_eq!(fs::read(run.join("best.safetensors")).unwrap(), best);
    // A test period that training never sees changes the run, not its parameters.
    let other = trained(folder.path(), &["period.test_end=2019-01-01"]);
    assert_ne!(other, run);
    let parameters = |run: &Path| result(run)["parameters"].clone();
    assert_eq!(parameters(&other), parameters(&run));
}

#[test]
fn what_cannot_be_trained_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = trained(&path.join("runs"), &[]);
    let other = trained(&path.join("runs"), &["train.learning_rate=0.06"]);
    fs::write(path.join("file"), "").unwrap();
    let mut text = String::new();
    let mut record = |what: &str, outcome: Outcome| {
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{what}: {}", outcome.stderr);
        let talk = masked(&outcome.stderr, path);
        let error = talk.find("error:").unwrap_or_else(|| panic!("{talk}"));
        text += &format!("===== {what}\n{}\n", &talk[error..]);
    };
    let out = path.join("out");
    record("run exists", train(&path.join("runs"), &[], &[]));
    record("folder cannot be made", train(&path.join("file"), &[], &[]));
    record("window longer than training", train(&out, &["train.window_days=300"], &[]));
    record("window barely fits", train(&out, &["train.window_days=260"], &[]));
    record("unknown metric", train(&out, &["train.objective=daily_sharp"], &[]));
    record("unknown selection metric", train(&out, &["train.selection_metric=calmer"], &[]));
    record(
        "selection on a missing period",
        train(&out, &["train.select_on=validation", "period.validation_fraction=0"], &[]),
    );
    record("period outside the data", train(&out, &["period.test_end=2030-01-01", "data.gaps=ffill"], &[]));
    record("a gap", train(&out, &["period.test_end=2019-05-01"], &[]));
    record("nothing finite", train(&out, &["initial.k_per_day=1e308", "train.noise_scale=0"], &[]));
    record("no run", resume(&path.join("nothing"), &[]));
    record("several runs", resume(&path.join("runs"), &[]));
    record("changed configuration", resume(&run, &["--set", "train.iterations=13"]));
    record("changed seed", resume(&run, &["--seed", "1"]));

    let checkpoint = "checkpoints/step-000012.safetensors";
    fs::copy(other.join(checkpoint), run.join(checkpoint)).unwrap();
    record("checkpoint of another run", resume(&run, &[]));
    fs::write(run.join(checkpoint), b"short").unwrap();
    record("damaged checkpoint", resume(&run, &[]));
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    record("no checkpoint", resume(&run, &[]));
    let config = fs::read_to_string(other.join("config.toml")).unwrap();
    let version = format!("# program_version = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(config.contains(&version));
    fs::write(other.join("config.toml"), config.replace(&version, "# program_version = \"0.0.1\"")).unwrap();
    record("run of another version", resume(&other, &[]));
    insta::assert_snapshot!(text);
}
