//! `gradpool evaluate`: fresh deposits, continuations, benchmarks, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gradpool_cli::config::{Overrides, Source, load};
use gradpool_cli::setup::Setup;
use gradpool_cli::{EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use serde_json::{Value, json};
use support::runs::{masked, trained};
use support::{Outcome, gradpool};

const WEIGHTS: &str = "initial.weights_logits=[0.0, 1.0, 2.0]";
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");

fn evaluate(source: &Path, options: &[&str]) -> Outcome {
    let source = source.display().to_string();
    gradpool(["evaluate", &source].into_iter().chain(options.iter().copied()))
}

fn document(source: &Path, options: &[&str]) -> Value {
    let outcome = evaluate(source, &[options, &["--json"]].concat());
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()
}

fn result(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap()
}

#[test]
fn a_run_is_judged_as_its_training_judged_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[WEIGHTS]);
    let trained = result(&run);
    for period in ["train", "validation", "test"] {
        let found = document(&run, &["--on", period]);
        assert_eq!(found["runs"][0]["fresh"], trained["metrics"][period], "{period}");
        assert_eq!(found["runs"][0]["in_sample"], trained["metrics"]["train"], "{period}");
        assert_eq!(found["against"]["hodl"], trained["benchmarks"]["hodl"][period], "{period}");
        assert_eq!(found["against"]["uniform"], trained["benchmarks"]["uniform"][period], "{period}");
        assert_eq!(found["period"]["rows"], trained["periods"][period]["rows"], "{period}");
    }
    let test = document(&run, &[]);
    assert_eq!((&test["period"]["name"], &test["sample"]), (&json!("test"), &json!("out_of_sample")));
    assert_eq!(document(&run, &["--on", "validation"])["sample"], "chosen_on");
    let train = document(&run, &["--on", "train"]);
    assert_eq!(train["sample"], "in_sample");
    assert_eq!(train["runs"][0]["fresh"], train["runs"][0]["continued"]);
    // A pool that has been running has other weights than a new one.
    assert_ne!(test["runs"][0]["fresh"]["returns"], test["runs"][0]["continued"]["returns"]);
    let number = |path: &str| test["runs"][0].pointer(path).unwrap().as_f64().unwrap();
    assert_eq!(number("/gap/returns"), number("/in_sample/returns") - number("/fresh/returns"));
    assert!(test["runs"][0]["reasons"]["fresh"]["daily_var_95%"].is_string());
}

#[test]
fn dates_name_the_same_rows_as_the_period_and_any_others() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &["period.test_end=2019-01-01"]);
    let (named, dated) = (document(&run, &[]), document(&run, &["--on", "2018-12-01..2019-01-01"]));
    assert_eq!(named["runs"], dated["runs"]);
    assert_eq!(named["against"], dated["against"]);
    // Beyond the test period of the configuration, while there are prices.
    let later = document(&run, &["--on", "2019-01-01..2019-03-01"]);
    assert_eq!((&later["period"]["rows"], &later["sample"]), (&json!(59), &json!("out_of_sample")));
    let across = document(&run, &["--on", "2018-09-01..2018-10-01"]);
    assert_eq!(across["sample"], "partly_in_sample");
}

#[test]
fn a_balancer_grows_as_the_weighted_geometric_mean_of_prices() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[WEIGHTS]);
    let found = document(&run, &["--against", "balancer,random"]);
    assert!(found["against"].get("hodl").is_none());
    let overrides = Overrides { set: vec![WEIGHTS.to_owned()], ..Overrides::default() };
    let setup = Setup::new(&load(&Source::File(CONFIG.into()), &overrides).unwrap().config).unwrap();
    let rows = setup.periods.test.clone().unwrap();
    let powers = [0.0_f64, 1.0, 2.0].map(f64::exp);
    let weights = powers.map(|power| power / powers.iter().sum::<f64>());
    let (first, last) = (setup.prices.row(rows.start), setup.prices.row(rows.end - 1));
    let growth: f64 = (0..3).map(|asset| (last[asset] / first[asset]).powf(weights[asset])).product();
    let value = found["against"]["balancer"]["returns"].as_f64().unwrap();
    assert!((value - (growth - 1.0)).abs() < 1e-12, "{value} against {}", growth - 1.0);
    // Untrained draws are the same every time; the best of them is no worse than their mean.
    let of = |name: &str| found["against"][name]["daily_log_sharpe"].as_f64().unwrap();
    assert!(of("random_best") >= of("random"));
    assert_eq!(found["against"], document(&run, &["--against", "random,balancer", "--seed", "5"])["against"]);
}

#[test]
fn checkpoints_and_json_parameters_are_judged_like_their_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]);
    let of_run = document(&run, &[])["runs"][0]["fresh"].clone();
    assert_eq!(document(&run.join("best.safetensors"), &[])["runs"][0]["fresh"], of_run);
    let params = folder.path().join("params.json");
    fs::write(&params, result(&run)["parameters"].to_string()).unwrap();
    assert_eq!(document(&params, &["--config", CONFIG])["runs"][0]["fresh"], of_run);
    let checkpoint = document(&run.join("checkpoints/step-000012.safetensors"), &["--fee", "0"]);
    assert!(checkpoint["runs"][0]["fresh"]["returns"].is_number());
}

#[test]
fn one_run_gives_a_table_of_metrics_and_several_a_table_of_runs() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]);
    let other = trained(folder.path(), &["runtime.seed=3"]);
    let all = ["--against", "hodl,uniform,balancer,random"];
    let mut text = masked(&evaluate(&run, &all).stdout, folder.path());
    let other = other.display().to_string();
    let several = evaluate(&run, &[&other, "--on", "2018-12-01..2019-02-01"]);
    assert_eq!(several.code, EXIT_DONE, "{}", several.stderr);
    text += &format!("=====\n{}", masked(&several.stdout, folder.path()));
    insta::assert_snapshot!(text);
}

#[test]
fn a_period_that_is_too_short_for_a_metric_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]);
    let outcome = evaluate(&run, &["--on", "2018-12-01..2018-12-08"]);
    assert_eq!(outcome.code, EXIT_DONE);
    assert!(outcome.stderr.contains("fresh: no value for ulcer"), "{}", outcome.stderr);
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = trained(&path.join("runs"), &[]);
    let short = trained(&path.join("runs"), &["period.test_end=2019-01-01"]);
    let untested = trained(&path.join("runs"), &["period.validation_fraction=0", "train.iterations=1"]);
    let write = |name: &str, text: &str| -> PathBuf {
        let path = path.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let good = r#""logit_lamb": [1, 2, 3], "initial_weights_logits": [0, 0, 0]"#;
    let short_name = short.display().to_string();
    let with_config = ["--config", CONFIG];
    let cases: Vec<(PathBuf, Vec<&str>)> = vec![
        (run.clone(), vec!["--fee", "1.5"]),
        (run.clone(), vec!["--fee", "0", "--fee", "-1"]),
        (run.clone(), vec![&short_name]),
        (untested, vec!["--on", "validation"]),
        (run.clone(), vec!["--on", "2017-12-01..2018-02-01"]),
        (run.clone(), vec!["--on", "2019-03-01..2019-05-01"]),
        (run.clone(), vec!["--on", "2020-01-01..2030-01-01", "--set", "data.gaps=ffill"]),
        (run.clone(), vec!["--on", "2018-12-01 07:00..2018-12-09"]),
        (path.join("runs"), vec![]),
        (path.join("nothing"), vec![]),
        (write("none.json", "{}"), vec![]),
        (write("none.json", "{}"), with_config.to_vec()),
        (write("long.json", &format!(r#"{{"log_k": [1, 2], {good}}}"#)), with_config.to_vec()),
        (write("nan.json", &format!(r#"{{"log_k": [1, "nan", 2], {good}}}"#)), with_config.to_vec()),
        (write("missing.json", &format!("{{{good}}}")), with_config.to_vec()),
        (write("unknown.json", &format!(r#"{{"log_kk": 1, {good}}}"#)), with_config.to_vec()),
        (write("two.json", &format!(r#"{{"log_k": [[1], [2]], {good}}}"#)), with_config.to_vec()),
        (write("bad.safetensors", "no tensors"), with_config.to_vec()),
    ];
    let mut text = String::new();
    for (source, options) in cases {
        let outcome = evaluate(&source, &options);
        let what = format!("{} {}", source.display(), options.join(" ")).replace(CONFIG, "CONFIG");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{what}: {}", outcome.stderr);
        text += &format!("$ gradpool evaluate {what}\n{}\n", outcome.stderr);
    }
    insta::assert_snapshot!(masked(&text, path));
    for wrong in [&["--on", "tset"][..], &["--on", "2018-12-02..2018-12-01"], &["--against", "hodler"]] {
        assert_eq!(evaluate(&run, wrong).code, EXIT_USAGE, "{wrong:?}");
    }
}

#[test]
fn fee_rates_are_judged_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[WEIGHTS]);
    let found = document(&run, &["--fee", "0,0.003"]);
    let source = |index: usize| found["runs"][index]["source"].as_str().unwrap();
    assert!(source(0).ends_with(", fee 0 %") && source(1).ends_with(", fee 0.3 %"), "{found:#}");
    assert_eq!(found["runs"][0]["fresh"], document(&run, &[])["runs"][0]["fresh"]);
    assert_ne!(found["runs"][0]["fresh"]["final_value"], found["runs"][1]["fresh"]["final_value"]);
}
