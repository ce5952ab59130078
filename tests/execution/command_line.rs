//! The command line with pools on chain.

use std::process::{Command, Output};

fn gradpool(arguments: &str, set: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradpool"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments.split(' '));
    for setting in set.iter().chain(&["pool.execution=onchain"]) {
        command.args(["--set", setting]);
    }
    command.output().unwrap()
}

#[test]
fn a_run_is_trained_and_judged_against_its_benchmarks() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = format!("train configs/momentum.toml -q --out {}", folder.path().display());
    let output = gradpool(&arguments, &["train.iterations=3"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn paths_agree_where_runs_end_between_two_updates() {
    for set in [
        &["pool.fee_rate=0.003"][..],
        &["pool.fee_rate=0.003", "pool.fee_form=volatility"],
        &["pool.arbitrage_interval_min=120"],
        &["pool.benchmark=lvr"],
    ] {
        // Updates come late, and gains are high enough for a rail.
        let late = ["pool.interpolation_min=600", "pool.minimum_weight=0.05", "initial.k_per_day=5"];
        let set: Vec<&str> = late.iter().chain(set).copied().collect();
        let output = gradpool("compare configs/momentum-hourly.toml -q", &set);
        assert!(output.status.success(), "{set:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let output = gradpool("compare configs/momentum.toml -q --all-rules", &[]);
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && found.contains("all paths of 6 rules agree"), "{found}");
}
