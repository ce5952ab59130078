//! `gradpool verify`: conformance vectors.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::{Value, json};
use support::{gradpool, shared};

fn own_vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../chain/tests/data")
}

/// A folder with the suite's own vectors, one of them changed in one digit, and files of other kinds.
fn mixed_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::read_to_string(own_vectors().join("own_primitives.json")).unwrap();
    fs::write(folder.path().join("good.json"), &own).unwrap();
    let changed = own.replacen("2718281828459045234", "2718281828459045235", 1);
    assert_ne!(own, changed);
    fs::create_dir(folder.path().join("changed")).unwrap();
    fs::write(folder.path().join("changed/digit.json"), changed).unwrap();
    fs::write(folder.path().join("golden.json"), r#"{"schema": 1, "case": "momentum"}"#).unwrap();
    fs::write(folder.path().join("other.json"), r#"{"colour": "red"}"#).unwrap();
    fs::write(folder.path().join("torn.json"), "{").unwrap();
    fs::write(folder.path().join("notes.txt"), "not read").unwrap();
    folder
}

#[test]
fn help_and_the_report_for_people() {
    let help = gradpool(["verify", "--help"]).stdout;
    let folder = mixed_folder();
    let report = gradpool([Path::new("verify"), folder.path()]);
    assert_eq!(report.code, EXIT_FAILED);
    let stdout = report.stdout.replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(format!("{help}\n===== gradpool verify FOLDER\n{stdout}"));
}

#[test]
fn own_vectors_pass_and_the_document_counts_every_check() {
    let outcome = gradpool(["verify".as_ref(), own_vectors().as_os_str(), "--json".as_ref()]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (EXIT_DONE, ""));
    let document = outcome.json();
    let entry = |file: &str, checks: u64| json!({"file": file, "checks": checks, "failures": 0, "first_difference": null, "not_checked": []});
    let files = [entry("own_primitives.json", 104), entry("own_sequences.json", 1254)];
    assert_eq!(document, json!({"checks": 1358, "failures": 0, "files": files}));
}

#[test]
fn failures_are_counted_by_file() {
    let folder = mixed_folder();
    let document = gradpool(["verify".as_ref(), folder.path().as_os_str(), "--json".as_ref()]).json();
    let counts: Vec<_> = document["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (file["file"].as_str().unwrap(), file["checks"].as_u64().unwrap(), file["failures"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("changed/digit.json", 104, 1),
        ("golden.json", 0, 1),
        ("good.json", 104, 0),
        ("other.json", 0, 1),
        ("torn.json", 0, 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!((&document["checks"], &document["failures"]), (&json!(208), &json!(4)));
}

#[test]
fn a_folder_in_which_nothing_is_checked_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let verify = || gradpool([Path::new("verify"), folder.path()]);
    let empty = verify();
    assert_eq!(empty.code, EXIT_FAILED);
    assert!(empty.stderr.contains("holds no *.json file") && empty.stderr.contains("hint: "), "{}", empty.stderr);
    fs::write(folder.path().join("_as_is.json"), r#"{"mom_vec_1440_fees": {}}"#).unwrap();
    fs::write(folder.path().join("params.json"), r#"{"log_k": [4.0, 3], "logit_lamb": 1}"#).unwrap();
    let notes = verify();
    assert_eq!(notes.code, EXIT_FAILED);
    assert!(notes.stdout.contains("nothing to check"), "{}", notes.stdout);
    assert!(notes.stderr.contains("nothing in"), "{}", notes.stderr);
    assert_eq!(gradpool(["verify", "no/such/folder"]).code, EXIT_FAILED);
}

#[test]
fn own_simulations_are_said_to_be_checked_elsewhere() {
    let outcome = gradpool(["verify", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data"), "--json"]);
    let document = outcome.json();
    assert_eq!((outcome.code, &document["failures"]), (EXIT_FAILED, &json!(0)), "{document}");
    let reasons = document["files"].as_array().unwrap().iter().map(|file| &file["not_checked"][0]["reason"]);
    let known = |reason: &str| reason.contains("own_golden") || reason.starts_with("parameters");
    assert!(reasons.map(|reason| reason.as_str().unwrap()).all(known), "{document}");
}

#[test]
fn the_real_contracts_agree_in_every_number() {
    let Some(folder) = shared("onchain") else { return };
    let outcome = gradpool(["verify".as_ref(), folder.as_os_str(), "--json".as_ref()]);
    let document = outcome.json();
    assert_eq!((outcome.code, &document["failures"]), (EXIT_DONE, &Value::from(0)), "{}", outcome.stdout);
    assert!(document["checks"].as_u64().unwrap() > 10_000);
}

/// A copy of some files of golden cases, with the prices beside it, and the report of verifying it.
fn verify_copies(golden: &Path, names: &[&str], change: impl Fn(&Path)) -> Value {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cases")).unwrap();
    for name in names {
        fs::copy(golden.join("cases").join(name), folder.path().join("cases").join(name)).unwrap();
    }
    change(&folder.path().join("cases"));
    let prices = golden.join("prices");
    let options = ["--json".as_ref(), "--data".as_ref(), prices.as_os_str()];
    let outcome = gradpool([["verify".as_ref(), folder.path().as_os_str()].as_slice(), &options].concat());
    let document = outcome.json();
    assert_eq!(outcome.code == EXIT_DONE, document["failures"] == 0, "{document}");
    document
}

#[test]
fn a_changed_digit_of_a_golden_case_is_named() {
    let Some(golden) = shared("golden") else { return };
    let files = ["balancer_dynamic.json", "balancer_dynamic.safetensors"];
    let whole = verify_copies(&golden, &files, |_| {});
    assert_eq!(whole["failures"], 0, "{whole}");
    let text = fs::read_to_string(golden.join("cases/balancer_dynamic.json")).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    for path in ["/final_value", "/metrics/daily_log_sharpe", "/objective/value", "/n_steps", "/initial_value"] {
        let changed = verify_copies(&golden, &files, |cases| {
            let mut case = case.clone();
            let number = case.pointer_mut(path).unwrap();
            *number = json!(number.as_f64().unwrap() * (1.0 + 1e-6));
            fs::write(cases.join(files[0]), case.to_string()).unwrap();
        });
        assert_eq!(changed["checks"], whole["checks"]);
        assert!(changed["failures"].as_u64().unwrap() > 0, "{path}");
        let first = changed["files"][0]["first_difference"].as_str().unwrap();
        let name = path[1..].replace('/', ".");
        for part in ["vectorized, step_by_step: ", &name, "expected ", "found ", "tolerance "] {
            assert!(first.contains(part), "{part} in {first}");
        }
    }
}

#[test]
fn what_of_a_golden_case_cannot_be_read_is_said() {
    let Some(golden) = shared("golden") else { return };
    let files = ["hodl.json", "hodl.safetensors"];
    let reason = |change: &dyn Fn(&Path)| {
        let document = verify_copies(&golden, &files, change);
        assert_eq!((&document["checks"], &document["failures"]), (&json!(0), &json!(1)), "{document}");
        document["files"][0]["first_difference"].as_str().unwrap().to_owned()
    };
    let arrays = |cases: &Path| cases.join(files[1]);
    let torn = reason(&|cases| {
        let whole = fs::read(arrays(cases)).unwrap();
        fs::write(arrays(cases), &whole[..whole.len() / 2]).unwrap();
    });
    assert!(torn.contains("the arrays of") && torn.contains("hodl.safetensors cannot be read"), "{torn}");
    let missing = reason(&|cases| fs::remove_file(arrays(cases)).unwrap());
    assert!(missing.contains("cannot read") && missing.contains("hodl.safetensors"), "{missing}");
    let edit = |cases: &Path, key: &str, value: Value| {
        let mut case: Value = serde_json::from_slice(&fs::read(cases.join(files[0])).unwrap()).unwrap();
        case[key] = value;
        fs::write(cases.join(files[0]), case.to_string()).unwrap();
    };
    let unnamed = reason(&|cases| edit(cases, "run_fingerprint", Value::Null));
    assert!(unnamed.contains("run_fingerprint"), "{unnamed}");
    let inputs = reason(&|cases| edit(cases, "dynamic", json!({"fees": {"values": [], "hold": 1}})));
    assert!(inputs.contains("`dynamic.fees.values` is empty"), "{inputs}");
    let words = reason(&|cases| edit(cases, "params", json!({"initial_weights_logits": "three"})));
    assert!(words.contains("initial_weights_logits"), "{words}");
}

#[test]
fn prices_are_looked_for_beside_the_cases() {
    let Some(golden) = shared("golden") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["hodl.json", "hodl.safetensors"] {
        fs::copy(golden.join("cases").join(name), folder.path().join(name)).unwrap();
    }
    let document = gradpool(["verify".as_ref(), folder.path().as_os_str(), "--json".as_ref()]).json();
    let reason = document["files"][0]["first_difference"].as_str().unwrap();
    assert!(reason.contains("the prices of") && reason.contains("`--data` names their folder"), "{reason}");
    let trainings = gradpool(["verify".as_ref(), golden.join("train/lr_schedules.json").as_os_str()]);
    assert!(trainings.stdout.contains("244 checks"), "{}", trainings.stdout);
}
