//! `gradpool simulate`: the reference system's numbers through the command line, series files, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

#[path = "support/golden.rs"]
mod golden;
mod support;

use std::fs::File;
use std::path::{Path, PathBuf};

use golden::{Golden, arrays, assert_close, numbers, prices_beside};
use gradpool_cli::conformance::golden::number;
use gradpool_cli::{EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use support::{COMPLETE, Outcome, gradpool, shared};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/daily");
const PARAMS: &str = r#"{"log_k": [4.3, 4.1, 4.6], "logit_lamb": 2, "initial_weights_logits": [1, 1.2, 0.8]}"#;
/// The golden files' own schema: 1e-9 for values, 1e-7 for gradients.
const VALUE_TOLERANCE: f64 = 1e-9;
const GRADIENT_TOLERANCE: f64 = 1e-7;

fn params(folder: &Path, json: &str) -> String {
    let path = folder.join("params.json");
    std::fs::write(&path, json).unwrap();
    path.display().to_string()
}

fn simulate(folder: &Path, options: &[&str]) -> Outcome {
    let given = params(folder, PARAMS);
    gradpool(["simulate", CONFIG, "--params", &given].iter().chain(options))
}

/// Simulates a golden case; returns the document and the series.
fn simulate_golden(case: &Golden, path: &str, options: &[&str]) -> (Value, golden::Arrays) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("series.safetensors").display().to_string();
    let (config, prices) = (case.path.display().to_string(), prices_beside(&case.path).display().to_string());
    let fixed =
        ["simulate", &config, "--params", &config, "--data", &prices, "--path", path, "--series", &file, "--json"];
    let outcome = gradpool(fixed.iter().chain(options));
    assert_eq!(outcome.code, EXIT_DONE, "{}: {}", case.name, outcome.stderr);
    (outcome.json(), arrays(Path::new(&file)))
}

fn close(case: &Golden, what: &str, found: &[f64], expected: &[f64]) {
    assert_close(&format!("{} {what}", case.name), found, expected, VALUE_TOLERANCE, 0.0);
}

fn document_agrees(case: &Golden, path: &str, document: &Value) {
    assert_eq!(document["path"], path);
    assert_eq!(document["tokens"], case.json["tokens_sorted"]);
    for key in ["n_steps", "initial_value", "final_value", "final_reserves"] {
        close(case, key, &numbers(&document[key]), &numbers(&case.json[key]));
    }
    let metrics = case.json["metrics"].as_object().unwrap();
    assert_eq!(metrics.len(), 31);
    for (name, expected) in metrics {
        let found = &document["metrics"][name];
        match number(expected).filter(|value| value.is_finite()) {
            Some(expected) => close(case, name, &numbers(found), &[expected]),
            None if expected.is_object() => assert!(found.is_number() || found.is_null(), "{name}: {found}"),
            None => {
                assert!(found.is_null(), "{name}: {found} against {expected}");
                assert!(document["non_finite"].as_array().unwrap().contains(&json!(name)), "{document}");
            }
        }
    }
}

/// The rows that the golden file keeps of an array of every row.
fn kept_rows(suffix: &str, rows: usize) -> Vec<usize> {
    match suffix {
        "every60" => (0..rows).step_by(60).collect(),
        "first100" => (0..100).collect(),
        _ => (rows - 100..rows).collect(),
    }
}

fn series_agree(case: &Golden, series: &golden::Arrays) {
    let rows = case.json["n_steps"].as_u64().unwrap() as usize;
    let assets = case.json["tokens_sorted"].as_array().unwrap().len();
    assert_eq!(series["unix_ms"].0, [rows]);
    let step = series["unix_ms"].1.windows(2).all(|pair| pair[1] - pair[0] == 60_000.0);
    assert!(step, "{}: times", case.name);
    let start = case.json["run_fingerprint"]["startDateString"].as_str().unwrap();
    assert_eq!(series["unix_ms"].1[0], gradpool_market::parse_time(start).unwrap() as f64);
    for (name, theirs) in
        [("weights", "weights"), ("reserves", "reserves"), ("prices", "local_prices"), ("value", "value")]
    {
        let (shape, found) = &series[name];
        assert_eq!(shape[0], rows, "{} {name}", case.name);
        let width = found.len() / rows;
        assert_eq!(width, if name == "value" { 1 } else { assets });
        for suffix in ["every60", "first100", "last100"] {
            let (_, expected) = &case.arrays[&format!("{theirs}.{suffix}")];
            let kept = kept_rows(suffix, rows);
            let found: Vec<f64> = kept.iter().flat_map(|row| &found[row * width..(row + 1) * width]).copied().collect();
            close(case, &format!("{name}.{suffix}"), &found, expected);
        }
    }
    for (name, theirs) in [
        ("rule_outputs", "rule_outputs.bout"),
        ("coarse.actual_starts", "coarse.actual_starts"),
        ("coarse.scaled_diffs", "coarse.scaled_diffs"),
        ("coarse.target_weights", "coarse.target_weights"),
    ] {
        let (shape, found) = &series[name];
        // The first update interval of a change rule holds the initial weights.
        let held = usize::from(!case.json["coarse"]["rule_outputs_are_weights"].as_bool().unwrap());
        assert_eq!(shape, &[rows.div_ceil(1440) - held, assets], "{} {name}", case.name);
        // The reference goes on for up to two updates beyond the last row that it simulates.
        let (_, expected) = &case.arrays[theirs];
        assert!((0..=2 * assets).contains(&(expected.len() - found.len())), "{} {name}", case.name);
        close(case, name, found, &expected[..found.len()]);
    }
}

fn gradients_agree(case: &Golden, found: &Value) {
    let gradients = case.json["gradients"].as_object().unwrap();
    assert_eq!(found.as_object().unwrap().len(), gradients.len());
    for (name, expected) in gradients {
        let leaves = expected.as_object().unwrap();
        let largest = leaves.values().flat_map(numbers).fold(0.0, |largest: f64, value| largest.max(value.abs()));
        for (leaf, expected) in leaves {
            let found = &found[name][leaf];
            assert_eq!(found.is_array(), expected.is_array(), "{}: shape of {leaf}: {found}", case.name);
            let what = format!("{} d {name} / d {leaf}", case.name);
            assert_close(&what, &numbers(found), &numbers(expected), GRADIENT_TOLERANCE, largest);
        }
    }
}

fn check(name: &str, set: &[&str]) {
    let Some(folder) = shared("golden") else { return };
    let case = golden::load(&folder, name);
    let gradients = case.json["gradients"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",");
    let mut of_scan = None;
    for path in ["vectorized", "scan"] {
        let (document, series) = simulate_golden(&case, path, &[set, &["--gradients", gradients.as_str()]].concat());
        document_agrees(&case, path, &document);
        series_agree(&case, &series);
        gradients_agree(&case, &document["gradients"]);
        of_scan = Some(series);
    }
    let (document, streamed) = simulate_golden(&case, "stream", set);
    document_agrees(&case, "stream", &document);
    series_agree(&case, &streamed);
    let scanned = of_scan.unwrap();
    for array in ["weights", "rule_outputs", "coarse.actual_starts", "coarse.scaled_diffs", "coarse.target_weights"] {
        assert!(same_bits(&scanned[array].1, &streamed[array].1), "{name} {array}: scan and stream differ");
    }
}

fn same_bits(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.to_bits() == right.to_bits())
}

#[test]
fn mom_vec_1440_zero() {
    check("mom_vec_1440_zero", &[]);
}

#[test]
fn mom_ragged() {
    check("mom_ragged", &[]);
}

#[test]
fn triple_threat_with_a_leaf_of_three_rows() {
    check("ttmrc_vec_1440_zero", &[]);
}

#[test]
fn learned_bounds_with_a_leaf_of_one_number() {
    check("bounded_mom_zero", &[]);
}

#[test]
fn an_ensemble_with_leaves_per_member() {
    check("ensemble_mom", &[]);
}

#[test]
fn a_target_rule_with_circulating_supplies() {
    check("index_mcap_zero", &[]);
}

/// The reference sees one update into the future (T2.1); a stream cannot.
#[test]
fn minimum_variance_with_the_defect_that_its_numbers_have() {
    let Some(folder) = shared("golden") else { return };
    let case = golden::load(&folder, "minvar_vec_1440_zero");
    let set = ["--set", "pool.compat.min_variance_lookahead=true", "--gradients", "final_value"];
    for path in ["vectorized", "scan"] {
        let (document, series) = simulate_golden(&case, path, &set);
        document_agrees(&case, path, &document);
        series_agree(&case, &series);
    }
}

/// The reference subtracts the sum of the signals instead of their mean where all assets share one gain (T1.1).
#[test]
fn mom_scalar_params_with_the_defect_that_its_numbers_have() {
    check("mom_scalar_params", &["--set", "pool.compat.scalar_gain_offset=true"]);
}

#[test]
fn a_turnover_penalty_does_not_reach_named_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--gradients", "final_value", "--json"];
    let plain = simulate(folder.path(), &options).json();
    let penalised =
        simulate(folder.path(), &[&options[..], &["--set", "train.turnover_penalty=1000.0"]].concat()).json();
    assert_eq!(plain["gradients"], penalised["gradients"]);
    assert!(plain["gradients"]["final_value"]["logit_lamb"].as_f64().unwrap() != 0.0);
    assert_eq!(plain["gradients"]["final_value"]["initial_weights_logits"], json!([0.0, 0.0, 0.0]));
}

#[test]
fn the_path_is_that_of_the_option_else_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for (options, path) in [
        (&[][..], "scan"),
        (&["--set", "pool.weights=vectorized"][..], "vectorized"),
        (&["--set", "pool.weights=vectorized", "--path", "auto"][..], "scan"),
        (&["--path", "vectorized"][..], "vectorized"),
        (&["--path", "stream"][..], "stream"),
    ] {
        let outcome = simulate(folder.path(), &[options, &["--json"]].concat());
        assert_eq!(outcome.json()["path"], path, "{options:?}");
    }
}

#[test]
fn what_is_not_finite_is_null_and_named() {
    let folder = tempfile::tempdir().unwrap();
    // Too short for a training window, which is no concern here.
    let config = folder.path().join("short.toml");
    std::fs::write(&config, COMPLETE.replace("2018-09-01", "2018-03-06")).unwrap();
    let config = config.display().to_string();
    let given = params(folder.path(), r#"{"log_k": 4, "logit_lamb": 2, "initial_weights_logits": [1, 1]}"#);
    let outcome = gradpool(["simulate", &config, "--params", &given, "--data", DATA, "--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    let named = document["non_finite"].as_array().unwrap();
    assert!(named.contains(&json!("daily_var_95%")), "{named:?}");
    for (name, value) in document["metrics"].as_object().unwrap() {
        assert_eq!(value.is_null(), named.contains(&json!(name)), "{name}: {value}");
    }
}

#[test]
fn the_same_series_are_in_parquet_and_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let plain = simulate(folder.path(), &["--series", &at("a.safetensors"), "--json"]);
    assert_eq!((plain.code, plain.stderr.contains("updates in")), (EXIT_DONE, false));
    let columns = simulate(folder.path(), &["--series", &at("a.parquet"), "--json"]);
    assert_eq!(columns.code, EXIT_DONE, "{}", columns.stderr);
    assert!(columns.stderr.contains("a.updates.parquet"), "{}", columns.stderr);
    let arrays = arrays(&folder.path().join("a.safetensors"));
    let (rows, updates) = (read_columns(&at("a.parquet")), read_columns(&at("a.updates.parquet")));
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..4], ["unix_ms", "weights.BTC", "weights.ETH", "weights.LTC"]);
    assert_eq!((names.len(), updates.len()), (11, 12));
    for (name, column) in rows.into_iter().chain(updates) {
        let (array, asset) = ["BTC", "ETH", "LTC"]
            .iter()
            .enumerate()
            .find_map(|(index, asset)| Some((name.strip_suffix(&format!(".{asset}"))?, Some(index))))
            .unwrap_or((&name, None));
        let numbers = &arrays[array].1;
        let expected: Vec<f64> = match asset {
            Some(asset) => numbers.iter().skip(asset).step_by(3).copied().collect(),
            None => numbers.clone(),
        };
        assert!(same_bits(&column, &expected), "{name}");
    }
    let left: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 4, "temporary files are left: {left:?}");
}

fn read_columns(path: &str) -> Vec<(String, Vec<f64>)> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        for (index, (name, field)) in row.unwrap().get_column_iter().enumerate() {
            let parquet::record::Field::Double(value) = field else { panic!("{name} is {field:?}") };
            if columns.len() <= index {
                columns.push((name.clone(), Vec::new()));
            }
            columns[index].1.push(*value);
        }
    }
    columns
}

#[test]
fn a_series_reproduces_the_final_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let outcome = simulate(folder.path(), &["--series", &file.display().to_string(), "--json"]);
    let (document, series) = (outcome.json(), arrays(&file));
    assert_eq!(series["value"].1.last().copied(), document["final_value"].as_f64());
    for row in 0..series["value"].1.len() {
        let at = |name: &str| series[name].1[3 * row..3 * row + 3].to_vec();
        let worth: f64 = at("reserves").iter().zip(at("prices")).map(|(reserve, price)| reserve * price).sum();
        assert!((worth / series["value"].1[row] - 1.0).abs() < 1e-14);
        assert!((at("weights").iter().sum::<f64>() - 1.0).abs() < 1e-14);
    }
}

#[test]
fn the_report_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = simulate(folder.path(), &["--gradients", "final_value"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let mask = |character: char| if character.is_ascii_digit() { '#' } else { character };
    insta::assert_snapshot!(outcome.stdout.chars().map(mask).collect::<String>());
}

#[test]
fn the_period_is_said_and_so_are_filled_prices_and_a_short_burn_in() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = simulate(
        folder.path(),
        &[
            "--set",
            "data.gaps=ffill",
            "--set",
            "period.end=2019-06-01",
            "--set",
            "period.test_end=2019-07-01",
            "--set",
            "pool.maximum_memory_days=90",
            "--json",
        ],
    );
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    for line in [
        "period: 2018-01-08 .. 2019-06-01 (excluded), 509 rows every 1 d",
        "warning: prices of 599 rows are carried forward over gaps: 12 of BTC, 12 of ETH, 12 of LTC",
        "warning: the estimators start with 60 days of prices instead of 90",
    ] {
        assert!(outcome.stderr.contains(line), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn help() {
    insta::assert_snapshot!(gradpool(["simulate", "--help"]).stdout);
}

#[test]
fn what_is_refused_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, json: &str| {
        std::fs::write(folder.path().join(name), json).unwrap();
        at(name)
    };
    let good = write("good.json", PARAMS);
    let short = write("short.json", r#"{"log_k": [4, 4], "logit_lamb": 2, "initial_weights_logits": [1, 1, 1]}"#);
    let nan = write("nan.json", r#"{"log_k": [4, "nan", 4], "logit_lamb": 2, "initial_weights_logits": [1, 1, 1]}"#);
    let lone = write("lone.json", r#"{"log_k": 4, "initial_weights_logits": [1, 1, 1]}"#);
    let several =
        write("several.json", r#"{"log_k": [[4], [5]], "logit_lamb": 2, "initial_weights_logits": [1, 1, 1]}"#);
    let missing = at("missing.json");
    let (blocked, other) = (at("good.json/below.parquet"), at("series.csv"));
    let mut text = String::new();
    for (params, options) in [
        (&missing, &[][..]),
        (&short, &[]),
        (&nan, &[]),
        (&lone, &[]),
        (&several, &[]),
        (&at("missing.safetensors"), &[]),
        (&good, &["--gradients", "final_value,daily_log_sharp"]),
        (&good, &["--gradients", "final_value", "--path", "stream"]),
        (&good, &["--input", "fees=no/such.csv"]),
        (&good, &["--series", &blocked]),
        (&good, &["--series", &other]),
        (&good, &["--data", "no/such/folder"]),
        (&good, &["--set", "period.end=2018-01-08", "--set", "period.inclusive_end=true"]),
    ] {
        let command: Vec<&str> = ["simulate", CONFIG, "--params", params].iter().chain(options).copied().collect();
        let outcome = gradpool(command);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{options:?}: {}", outcome.stderr);
        let command = format!("{params} {}", options.join(" ")).replace(&folder.path().display().to_string(), "FOLDER");
        text += &format!("$ gradpool simulate CONFIG --params {command}\n{}\n", outcome.stderr_without(folder.path()));
    }
    for options in [["--input", "feees=fees.csv"], ["--input", "fees"], ["--path", "fast"]] {
        let outcome = gradpool(["simulate", CONFIG, "--params", &good].iter().chain(&options));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_USAGE, ""), "{options:?}");
        text += &format!("$ gradpool simulate CONFIG --params PARAMS {}\n{}\n", options.join(" "), outcome.stderr);
    }
    insta::assert_snapshot!(text.replace(env!("CARGO_MANIFEST_DIR"), "CRATE"));
}
