//! Learning rate schedules against the reference system's own numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::PathBuf;

use gradpool_trainer::schedule::{Schedule, ScheduleKind};
use serde_json::Value;

/// `GRADPOOL_SHARED`, else `shared` beside the workspace. Absent: the test is skipped aloud, but fails under `CI`.
fn golden(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("GRADPOOL_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("golden").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "golden file {} is missing", path.display());
    eprintln!("SKIPPED: golden file {} is missing", path.display());
    None
}

#[test]
fn every_schedule_gives_the_reference_rates() {
    let Some(path) = golden("train/lr_schedules.json") else { return };
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 4);
    for (name, case) in cases {
        let settings = &case["settings"];
        let schedule = Schedule {
            kind: serde_json::from_value::<ScheduleKind>(settings["lr_schedule_type"].clone()).unwrap(),
            base: settings["base_lr"].as_f64().unwrap(),
            steps: settings["n_iterations"].as_u64().unwrap() as usize,
            decay_ratio: settings["lr_decay_ratio"].as_f64().unwrap(),
            warmup_steps: settings["warmup_steps"].as_u64().unwrap() as usize,
        };
        let rates = case["lr"].as_array().unwrap();
        assert_eq!(rates.len(), 61);
        for (update, expected) in rates.iter().enumerate() {
            let (found, expected) = (schedule.learning_rate(update), expected.as_f64().unwrap());
            // One unit in the last place of the largest term: the rate itself is a sum that cancels near its floor.
            assert!(
                (found - expected).abs() <= 2e-16 * schedule.base || (found / expected - 1.0).abs() <= 1e-15,
                "{name} at {update}: {found:e} against {expected:e}"
            );
        }
    }
}
