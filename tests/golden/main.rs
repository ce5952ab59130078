//! Pools and trainings against the reference system's numbers.
//!
//! `gradpool verify` compares everything that the golden files hold (`gradpool_cli::conformance`), to the tolerances of their own schema; here it
//! has to find no difference. The other tests say what the files cannot: what is right where the reference is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod benchmarks;
#[path = "../common/mod.rs"]
mod common;
mod kinds;
mod rules;

use std::path::{Path, PathBuf};

use common::shared;
use gradpool_cli::config::Overrides;
use gradpool_cli::conformance::case::{Case, Subject};
use gradpool_cli::conformance::golden::Golden;
use gradpool_cli::conformance::treatment::Treatment;
use gradpool_cli::conformance::{verify, verify_all};
use gradpool_metrics::Metric;

fn path(shared: &Path, name: &str) -> PathBuf {
    shared.join("golden/cases").join(name).with_extension("json")
}

fn with_settings(set: &[&str]) -> Overrides {
    Overrides { set: set.iter().map(|&text| text.to_owned()).collect(), ..Overrides::default() }
}

/// A case with some settings, treated as it needs or as it is.
fn subject(shared: &Path, name: &str, treatment: Treatment, set: &[&str]) -> (Golden, Subject) {
    let golden = Golden::read(&path(shared, name)).unwrap();
    let subject = Case::load(&golden, treatment, &with_settings(set)).unwrap().subject(&[]).unwrap();
    (golden, subject)
}

fn final_value(subject: &Subject) -> f64 {
    subject.gradient(Metric::FinalValue, false).unwrap().0
}

/// Verifies all files of a folder and returns the names of those that are left out.
fn every_file_agrees(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    let reports = verify_all(&files, &Overrides::default());
    let mut left_out = Vec::new();
    for (file, report) in files.iter().zip(reports) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!((report.failures, report.first_difference), (0, None), "{name}");
        if report.checks == 0 {
            assert!(!report.not_checked.is_empty(), "{name}");
            left_out.push(name);
        }
    }
    left_out
}

#[test]
fn every_case_agrees() {
    let Some(shared) = shared("golden cases") else { return };
    let left_out = every_file_agrees(&shared.join("golden/cases"));
    assert_eq!(left_out, ["_as_is", "_failures", "mom_price_noise"]);
}

/// Trajectories of 21 updates, and schedules of the learning rate.
#[test]
fn every_training_agrees() {
    let Some(shared) = shared("golden trainings") else { return };
    assert!(every_file_agrees(&shared.join("golden/train")).is_empty());
}

/// With two tokens the optimal trade is one of a pair: the default gives the same numbers.
#[test]
fn two_tokens_trade_as_a_pair() {
    let Some(shared) = shared("mom_2tok_fees") else { return };
    let report = verify(&path(&shared, "mom_2tok_fees"), &with_settings(&["pool.arbitrage=optimal"]));
    assert_eq!((report.failures, report.first_difference), (0, None));
    assert!(report.checks > 10_000);
}
