//! The golden cases on a GPU in single precision against our own CPU in double, with the settings of each case.
//!
//! `cargo test --features wgpu --test gpu` runs a choice that covers every rule, path and kind of cost;
//! `cargo test --features wgpu --test gpu -- --ignored --nocapture every_golden_case` runs all of them.

use std::path::Path;

use gradpool_cli::config::Overrides;
use gradpool_cli::conformance::case::{Case, Subject};
use gradpool_cli::conformance::golden::Golden;
use gradpool_cli::conformance::treatment::Treatment;
use gradpool_metrics::Metric;

use crate::common::shared;

/// Of final values, relative.
const VALUE: f64 = 2e-5;
/// Of gradients, relative to their norm.
const GRADIENT: f64 = 1e-3;
/// Of what the case's training climbs, relative: what two trainings may differ by.
const OBJECTIVE: f64 = 1e-3;

/// Pools whose reserves follow a curve of their own have no kernels.
const NEED_A_CPU: &[&str] = &[
    "cow_fees",
    "cow_zero",
    "gyro_fees",
    "gyro_zero",
    "reclamm_arc_fees",
    "reclamm_arc_learn",
    "reclamm_fees",
    "reclamm_zero",
];

/// Cases that the choice covers: every rule, both paths, updates by day and by hour, each kind of cost and of valuation. All but one
/// have three tokens, because every other number of them compiles every kernel again.
const CHOICE: &[&str] = &[
    "anti_vec_1440_zero",
    "bounded_mom_zero",
    "diffmom_60_fees",
    "ensemble_mom",
    "hodling_index_zero",
    "index_mcap_fees",
    "minvar_vec_1440_zero",
    "mom_2tok_fees",
    "mom_arbfreq7_fees",
    "mom_dynamic",
    "mom_scan_60_zero",
    "mom_ste",
    "mom_turnover",
    "mom_vec_1440_fees",
    "mom_vec_1440_opt",
    "mrc_vec_60_fees",
    "power_scan_1440_zero",
    "rvr_mom",
    "ttmrc_vec_1440_zero",
];

/// A gradient that single precision cannot hold, and how far it is off.
struct Exception {
    case: &'static str,
    within: f64,
    /// Why no arithmetic of 24 bits can do better.
    #[expect(dead_code, reason = "it is for readers")]
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        case: "mom_vec_1440_costs",
        within: 2e-3,
        reason: "gas decides whether a trade happens: with weights rounded once to single precision and everything else in double, \
                 the CPU's own gradients move by 7e-4 (final value) and 1.2e-3 (objective)",
    },
    Exception {
        case: "ttmrc_fees",
        within: 5e-3,
        reason: "trades at the edge of the band come and go: noise of half a unit in the last place of the prices moves the CPU's own \
                 gradient of the final value by 3e-4 in double precision, and a visit rounds a dozen times",
    },
];

/// How far the GPU is off.
struct Difference {
    value: f64,
    gradient: f64,
}

fn load<'a>(golden: &'a Golden, name: &str) -> Case<'a> {
    Case::load(golden, Treatment::of(name), &Overrides::default()).unwrap()
}

fn read(shared: &Path, name: &str) -> Golden {
    Golden::read(&shared.join("golden/cases").join(name).with_extension("json")).unwrap()
}

/// Final value, and objective less its penalty, each with its gradient.
fn run(case: &Case<'_>, device: &str) -> Result<[(f64, Vec<f64>); 2], Box<dyn std::error::Error>> {
    let subject = case.subject(&[&format!("runtime.device={device}")])?;
    let objective = Metric::parse(&subject.config.train.objective)?;
    Ok([found(&subject, Metric::FinalValue, false)?, found(&subject, objective, true)?])
}

fn found(subject: &Subject, metric: Metric, penalised: bool) -> Result<(f64, Vec<f64>), Box<dyn std::error::Error>> {
    let (value, gradient) = subject.gradient(metric, penalised)?;
    Ok((value, gradient.leaves.into_values().flatten().collect()))
}

fn difference((found, slopes): &(f64, Vec<f64>), (expected, expected_slopes): &(f64, Vec<f64>)) -> Difference {
    let norm = |slopes: &mut dyn Iterator<Item = f64>| slopes.map(|slope| slope * slope).sum::<f64>().sqrt();
    let off = norm(&mut slopes.iter().zip(expected_slopes).map(|(found, expected)| found - expected));
    let size = norm(&mut expected_slopes.iter().copied());
    // What has no slope must have none on the GPU either.
    let gradient = if off == 0.0 { 0.0 } else { off / size };
    Difference { value: (found / expected - 1.0).abs(), gradient }
}

/// What of a case is further off than it may be.
fn check(shared: &Path, name: &str) -> Vec<String> {
    let golden = read(shared, name);
    let case = load(&golden, name);
    let (cpu, gpu) = (run(&case, "cpu").unwrap(), run(&case, "wgpu").unwrap());
    let allowed = EXCEPTIONS.iter().find(|exception| exception.case == name).map_or(GRADIENT, |found| found.within);
    let mut failures = Vec::new();
    for (what, bound, (gpu, cpu)) in
        [("final value", VALUE, (&gpu[0], &cpu[0])), ("objective", OBJECTIVE, (&gpu[1], &cpu[1]))]
    {
        let off = difference(gpu, cpu);
        let line = format!("{name:24} {what:11}: value {:.1e}, gradient {:.1e}", off.value, off.gradient);
        eprintln!("{line}");
        // Written so that NaN fails.
        if !(off.value <= bound && off.gradient <= allowed) {
            failures.push(line);
        }
    }
    failures
}

fn check_all<'a>(shared: &Path, names: impl IntoIterator<Item = &'a str>) {
    let failures: Vec<String> = names.into_iter().flat_map(|name| check(shared, name)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn golden_cases_of_every_kind_agree() {
    let Some(shared) = shared("golden cases on a GPU") else { return };
    check_all(&shared, CHOICE.iter().copied());
}

#[test]
fn curves_need_a_cpu() {
    for name in ["cow_zero", "gyro_zero", "reclamm_zero"] {
        let Some(shared) = shared("curves on a GPU") else { return };
        refused(&shared, name);
    }
}

fn refused(shared: &Path, name: &str) {
    let golden = read(shared, name);
    let error = run(&load(&golden, name), "wgpu").unwrap_err().to_string();
    assert!(error.contains("runs on the CPU only"), "{name}: {error}");
}

/// Minutes on a software driver, most of them to compile kernels for other numbers of tokens.
#[test]
#[ignore = "takes a quarter of an hour on a software driver"]
fn every_golden_case_agrees() {
    let Some(shared) = shared("golden cases on a GPU") else { return };
    let files = std::fs::read_dir(shared.join("golden/cases")).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|file| file.extension().is_some_and(|kind| kind == "json"));
    let mut names: Vec<String> = json.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    // Notes beside the cases, and what this build cannot compute on any device.
    names.retain(|name| !name.starts_with('_') && Treatment::of(name).left_out.is_none());
    names.sort();
    let known = NEED_A_CPU.iter().chain(CHOICE).copied().chain(EXCEPTIONS.iter().map(|exception| exception.case));
    assert!(
        known.into_iter().all(|name| names.iter().any(|case| case == name)),
        "a table names a case that is not there"
    );
    let (need_a_cpu, run): (Vec<&str>, Vec<&str>) =
        names.iter().map(String::as_str).partition(|name| NEED_A_CPU.contains(name));
    need_a_cpu.into_iter().for_each(|name| refused(&shared, name));
    check_all(&shared, run);
}
