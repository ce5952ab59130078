//! The numbers that the real contracts returned.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use gradpool_chain::vectors::{Report, verify};
use serde_json::Value;

/// The folder of the contracts' vectors: `GRADPOOL_SHARED`, or `shared` beside the checkout. Its absence is loud, and a
/// failure under CI.
fn shared(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("GRADPOOL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = path.join("onchain");
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{test}: the contracts' vectors are not at {} (set GRADPOOL_SHARED)",
        path.display()
    );
    eprintln!("SKIPPED {test}: the contracts' vectors are not at {} (set GRADPOOL_SHARED)", path.display());
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Reports of all vector files of a folder, by file name.
fn reports(folder: &Path) -> Vec<(String, Report)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let report = verify(&read(&path)).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, report)
        })
        .collect()
}

#[test]
fn every_number_of_the_real_contracts_is_reproduced() {
    let Some(folder) = shared("every_number_of_the_real_contracts_is_reproduced") else { return };
    let mut checks = 0;
    let mut failed = vec![];
    for (name, report) in reports(&folder) {
        checks += report.checks;
        if let Some(difference) = &report.first_difference {
            failed.push(format!("{name}: {} of {} differ, first {difference}", report.failures, report.checks));
        }
        for skipped in &report.not_checked {
            eprintln!("{name}: not checked: {} x {}", skipped.entries, skipped.reason);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checks > 10_000, "only {checks} checks");
    eprintln!("{checks} checks");
}
