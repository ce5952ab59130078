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
    insta::assert_snapshot!(format!("{help}\n===== gradpool verify FOLDER\n{}", report.stdout));
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
        ("golden.json", 0, 0),
        ("good.json", 104, 0),
        ("other.json", 0, 1),
        ("torn.json", 0, 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!((&document["checks"], &document["failures"]), (&json!(208), &json!(3)));
}

#[test]
fn a_folder_in_which_nothing_is_checked_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let verify = || gradpool([Path::new("verify"), folder.path()]);
    let empty = verify();
    assert_eq!(empty.code, EXIT_FAILED);
    assert!(empty.stderr.contains("holds no *.json file") && empty.stderr.contains("hint: "), "{}", empty.stderr);
    fs::write(folder.path().join("golden.json"), r#"{"schema": 1, "case": "momentum"}"#).unwrap();
    let golden = verify();
    assert_eq!(golden.code, EXIT_FAILED);
    assert!(golden.stdout.contains("not checked by this version"), "{}", golden.stdout);
    assert!(golden.stderr.contains("nothing in"), "{}", golden.stderr);
    assert_eq!(gradpool(["verify", "no/such/folder"]).code, EXIT_FAILED);
}

#[test]
fn the_real_contracts_agree_in_every_number() {
    let Some(folder) = shared("onchain") else { return };
    let outcome = gradpool(["verify".as_ref(), folder.as_os_str(), "--json".as_ref()]);
    let document = outcome.json();
    assert_eq!((outcome.code, &document["failures"]), (EXIT_DONE, &Value::from(0)), "{}", outcome.stdout);
    assert!(document["checks"].as_u64().unwrap() > 10_000);
}

#[test]
fn golden_cases_are_recognised() {
    let Some(folder) = shared("golden") else { return };
    let document = gradpool(["verify".as_ref(), folder.as_os_str(), "--json".as_ref()]).json();
    assert_eq!((&document["checks"], &document["failures"]), (&json!(0), &json!(0)));
    assert!(document["files"].as_array().unwrap().iter().all(|file| file["not_checked"][0]["entries"] == 1));
}
