//! The golden cases on a GPU in single precision against our own CPU in double, with the settings of each case.
//!
//! `cargo test --features wgpu --test gpu` runs a choice that covers every rule, path and kind of cost;
//! `cargo test --features wgpu --test gpu -- --ignored --nocapture every_golden_case_agrees` runs all of them.

use std::path::Path;

use gradpool_cli::config::Overrides;
use gradpool_cli::conformance::case::{Case, Subject};
use gradpool_cli::conformance::golden::Golden;
use gradpool_cli::conformance::treatment::Treatment;
use gradpool_metrics::Metric;

use crate::common::shared;

const CPU: &str = "runtime.device=cpu";
const GPU: &str = "runtime.device=wgpu";

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
    "mom_noise_trader",
    "mom_scan_60_zero",
    "mom_ste",
    "mom_turnover",
    "mom_vec_1440_fees",
    "mom_vec_1440_opt",
    "mrc_vec_60_fees",
    "power_scan_1440_zero",
    "rvr_mom",
    "ttmrc_fees",
    "ttmrc_vec_1440_zero",
];

/// Cases whose gradients move by more than [`GRADIENT`] on the CPU itself where weights are computed in single precision and
/// trades still in double, and how far they may be off. `exceptions_are_ill_conditioned` shows it.
///
/// `mom_vec_1440_costs`: gas decides whether a trade happens, and a trade that comes a row later has another slope.
const EXCEPTIONS: &[(&str, f64)] = &[("mom_vec_1440_costs", 2e-3)];

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

/// A number and its gradient.
type Found = (f64, Vec<f64>);

/// Final value, and objective less its penalty, with a setting on top of the case's own.
fn run(case: &Case<'_>, set: &str) -> Result<[Found; 2], Box<dyn std::error::Error>> {
    let subject = case.subject(&[set])?;
    let objective = Metric::parse(&subject.config.train.objective)?;
    Ok([found(&subject, Metric::FinalValue, false)?, found(&subject, objective, true)?])
}

fn found(subject: &Subject, metric: Metric, penalised: bool) -> Result<Found, Box<dyn std::error::Error>> {
    let (value, gradient) = subject.gradient(metric, penalised)?;
    Ok((value, gradient.leaves.into_values().flatten().collect()))
}

fn difference((found, slopes): &Found, (expected, expected_slopes): &Found) -> Difference {
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
    let (cpu, gpu) = (run(&case, CPU).unwrap(), run(&case, GPU).unwrap());
    let allowed = EXCEPTIONS.iter().find(|(case, _)| *case == name).map_or(GRADIENT, |(_, within)| *within);
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

/// On the CPU, arbitrage computes in double precision whatever the type of the tensors.
#[test]
fn exceptions_are_ill_conditioned() {
    let Some(shared) = shared("exceptions of golden cases on a GPU") else { return };
    for (name, _) in EXCEPTIONS {
        let golden = read(&shared, name);
        let case = load(&golden, name);
        let (double, single) = (run(&case, CPU).unwrap(), run(&case, "runtime.precision=f32").unwrap());
        let off = [0, 1].map(|which| difference(&single[which], &double[which]).gradient);
        assert!(off.iter().any(|off| *off > GRADIENT), "{name}: {off:?}");
    }
}

fn refused(shared: &Path, name: &str) {
    let golden = read(shared, name);
    let error = run(&load(&golden, name), GPU).unwrap_err().to_string();
    assert!(error.contains("runs on the CPU only"), "{name}: {error}");
}

#[test]
#[ignore = "takes ten minutes on a software driver, most of them to compile kernels for other numbers of tokens"]
fn every_golden_case_agrees() {
    let Some(shared) = shared("golden cases on a GPU") else { return };
    let files = std::fs::read_dir(shared.join("golden/cases")).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|file| file.extension().is_some_and(|kind| kind == "json"));
    let mut names: Vec<String> = json.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    // Notes beside the cases, and what this build cannot compute on any device.
    names.retain(|name| !name.starts_with('_') && Treatment::of(name).left_out.is_none());
    names.sort();
    let known = NEED_A_CPU.iter().chain(CHOICE).copied().chain(EXCEPTIONS.iter().map(|(case, _)| *case));
    assert!(
        known.into_iter().all(|name| names.iter().any(|case| case == name)),
        "a table names a case that is not there"
    );
    let (need_a_cpu, run): (Vec<&str>, Vec<&str>) =
        names.iter().map(String::as_str).partition(|name| NEED_A_CPU.contains(name));
    for name in need_a_cpu {
        refused(&shared, name);
    }
    check_all(&shared, run);
}
