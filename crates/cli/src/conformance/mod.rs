//! Conformance: files of numbers that others computed, compared with this build.
//!
//! * vectors of the deployed contracts ([`gradpool_chain::vectors`]): every digit;
//! * golden cases of the reference system, `cases/NAME.json` with `NAME.safetensors` beside it: every published series, update,
//!   metric and gradient, on every way to compute it, to the tolerances of the golden files' schema;
//! * its training trajectories and learning-rate schedules, `train/*.json`.
//!
//! The prices of golden files are in the folder `prices` beside the files' own. What single cases need stands in
//! [`treatment`].

pub mod case;
pub mod golden;
mod gradients;
mod schedules;
mod simulated;
pub mod tally;
mod training;
pub mod treatment;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use gradpool_chain::vectors;
use serde_json::Value;

use crate::config::Overrides;
use crate::simulation::{ComputedBy, Simulation};
use case::Case;
use golden::Golden;
use tally::{LeftOut, Report, Tally};
use treatment::Treatment;

/// Files beside golden cases that hold notes, not a case.
const NOTES: [&str; 2] = ["_as_is.json", "_failures.json"];
/// Both ways to value a pool without costs.
const VALUATIONS: [&str; 2] = ["step_by_step", "auto"];

/// Compares several files with this build, as many at a time as there are threads. `overrides` apply to golden files.
pub fn verify_all(paths: &[PathBuf], overrides: &Overrides) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(vec![Report::default(); paths.len()]);
    // Threads of their own: a thread of the pool that waits inside one file would begin another.
    std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(paths.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { break };
                    let report = verify(path, overrides);
                    reports.lock().unwrap_or_else(PoisonError::into_inner)[index] = report;
                }
            });
        }
    });
    reports.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Compares one file with this build.
pub fn verify(path: &Path, overrides: &Overrides) -> Report {
    let document: Value = match std::fs::read(path).map(|bytes| serde_json::from_slice(&bytes)) {
        Err(error) => return Report::failed(format!("cannot be read: {error}")),
        Ok(Err(error)) => return Report::failed(format!("is not JSON: {error}")),
        Ok(Ok(document)) => document,
    };
    let name = document.get("case").and_then(Value::as_str);
    if document.get("run_fingerprint").is_some() || name.is_some() && document.get("schema").is_some() {
        let Some(name) = name else { return Report::failed("`case` is missing; expected the case's name") };
        let treatment = Treatment::of(name);
        if let Some(reason) = treatment.left_out {
            return Report::left_out(reason);
        }
        let mut tally = Tally::skipping(treatment.without);
        let outcome = if document.get("schema").is_some() {
            compare_case(path, document, treatment, overrides, &mut tally)
        } else {
            training::compare(path, &document, overrides, &mut tally)
        };
        return tally.report(outcome);
    }
    if path.file_name().is_some_and(|name| NOTES.iter().any(|notes| name == *notes)) {
        return Report::left_out("notes beside golden cases: nothing to check");
    }
    if is_simulation(&document) {
        let reason =
            "numbers that this program wrote itself, on bundled prices: `cargo test --test own_golden` checks them";
        return Report::left_out(reason);
    }
    if is_parameters(&document) {
        return Report::left_out("parameters of a strategy: nothing to check");
    }
    if schedules::are_in(&document) {
        let mut tally = Tally::default();
        let outcome = schedules::compare(&document, &mut tally);
        return tally.report(outcome);
    }
    match vectors::verify(&document) {
        Err(error) => Report::failed(error.to_string()),
        Ok(report) => Report {
            checks: report.checks,
            failures: report.failures,
            first_difference: report.first_difference.map(|difference| difference.to_string()),
            not_checked: report
                .not_checked
                .into_iter()
                .map(|skipped| LeftOut { entries: skipped.entries, reason: skipped.reason })
                .collect(),
        },
    }
}

/// Whether this is what `simulate --json` prints, or such a document with the settings and parameters that it came from.
fn is_simulation(document: &Value) -> bool {
    let inner = document.get("document").filter(|_| document.get("parameters").is_some());
    let document = inner.unwrap_or(document);
    ["final_value", "final_reserves", "n_steps", "metrics"].iter().all(|key| document.get(key).is_some())
}

/// Whether this is an object of numbers and lists of numbers.
fn is_parameters(document: &Value) -> bool {
    let all_numbers = |leaf: &Value| golden::numbers("", leaf).is_ok();
    document.as_object().is_some_and(|leaves| !leaves.is_empty() && leaves.values().all(all_numbers))
}

fn compare_case(
    path: &Path,
    document: Value,
    treatment: Treatment,
    overrides: &Overrides,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let golden = Golden::with_document(path, document)?;
    let case = Case::load(&golden, treatment, overrides)?;
    simulated::leave_out(&case, tally);
    for weights in [ComputedBy::Vectorized, ComputedBy::Scan] {
        if treatment.scan_only && weights != ComputedBy::Scan {
            continue;
        }
        for valuation in VALUATIONS {
            let settings = [format!("pool.weights={}", weights.name()), format!("pool.valuation={valuation}")];
            let subject = case.subject(&settings.each_ref().map(String::as_str))?;
            tally.computed_by(format!("{}, {valuation}", weights.name()));
            simulated::compare(&case, &subject, weights, tally)?;
            gradients::compare(&case, &subject, tally)?;
        }
    }
    let subject = case.subject(&[])?;
    let rows = subject.setup.simulated_rows(&subject.config);
    if Simulation::new(&subject.setup, &subject.values, rows)?.ways().contains(&ComputedBy::Stream) {
        tally.computed_by(ComputedBy::Stream.name());
        simulated::compare(&case, &subject, ComputedBy::Stream, tally)?;
    }
    Ok(())
}
