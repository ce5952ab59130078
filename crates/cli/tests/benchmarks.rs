//! Portfolios on a market through the command line: `pool.benchmark` and the index fund.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use support::{Outcome, gradpool};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
const PARAMS: &str = r#"{"log_k": [4.3, 4.1, 4.6], "logit_lamb": 2, "initial_weights_logits": [1, 1.2, 0.8]}"#;

fn simulate(folder: &Path, parameters: &str, set: &[&str], options: &[&str]) -> Outcome {
    let given = folder.join("params.json");
    std::fs::write(&given, parameters).unwrap();
    let given = given.display().to_string();
    let set = set.iter().flat_map(|setting| ["--set", setting]);
    gradpool(["simulate", CONFIG, "--params", &given].into_iter().chain(set).chain(options.iter().copied()))
}

fn final_value(outcome: &Outcome) -> f64 {
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()["final_value"].as_f64().unwrap()
}

/// Hourly bars of two assets from 2018-01-01 on, and market caps.
fn prices(folder: &Path) {
    for (asset, speed) in [("AAA", 0.011), ("BBB", 0.017)] {
        let mut text = "unix,open,high,low,close\n".to_owned();
        for hour in 0..24 * 60i64 {
            let middle = 100.0 * (0.2 * (hour as f64 * speed).sin()).exp();
            let (open, close) =
                (middle * (1.0 + 2e-3 * (hour as f64 * 2.1).cos()), middle * (1.0 + 2e-3 * (hour as f64 * 1.3).sin()));
            let time = 1_514_764_800_000 + hour * 3_600_000;
            writeln!(text, "{time},{open},{},{},{close}", middle * 1.003, middle * 0.997).unwrap();
        }
        std::fs::write(folder.join(format!("{asset}_USD.csv")), text).unwrap();
        let caps = "snapped_at,price,market_cap\n2017-12-25 00:00:00 UTC,100,1000000\n";
        std::fs::create_dir_all(folder.join("market_cap_data")).unwrap();
        let name = format!("{}-usd-max.csv", asset.to_lowercase());
        std::fs::write(folder.join("market_cap_data").join(name), caps).unwrap();
    }
}

fn simulate_bars(folder: &Path, set: &[&str], options: &[&str]) -> Outcome {
    prices(folder);
    let config = folder.join("run.toml");
    let text = "version = 1\nname = \"bars\"\n[data]\nassets = [\"AAA\", \"BBB\"]\ndirectory = \".\"\n[period]\n\
                start = \"2018-01-20\"\nend = \"2018-02-20\"\n[pool]\nmaximum_memory_days = 10\n";
    std::fs::write(&config, text).unwrap();
    let given = folder.join("params.json");
    let is_fund = set.iter().any(|setting| setting.starts_with("pool.rule=trad"));
    let gain = if is_fund { "" } else { r#""log_k": 4,"# };
    let rest = r#""logit_lamb": 1, "logit_delta_lamb": 0, "initial_weights_logits": [1, 1.2]"#;
    std::fs::write(&given, format!("{{{gain} {rest}}}")).unwrap();
    let (config, given) = (config.display().to_string(), given.display().to_string());
    let set = set.iter().flat_map(|setting| ["--set", setting]);
    gradpool(["simulate", &config, "--params", &given].into_iter().chain(set).chain(options.iter().copied()))
}

#[test]
fn the_portfolio_beats_the_pool_and_every_path_gives_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let value =
        |set: &[&str], path: &str| final_value(&simulate(folder.path(), PARAMS, set, &["--json", "--path", path]));
    let pool = value(&[], "scan");
    let portfolio = value(&["pool.benchmark=lvr"], "scan");
    assert!(portfolio > pool, "{portfolio} {pool}");
    for set in [&["pool.benchmark=lvr"][..], &["pool.benchmark=lvr", "pool.fee_rate=0.003"]] {
        let scan = value(set, "scan");
        for path in ["vectorized", "stream"] {
            assert!((value(set, path) / scan - 1.0).abs() < 1e-11, "{path}");
        }
    }
    let people = simulate(folder.path(), PARAMS, &["pool.benchmark=lvr", "pool.fee_rate=0.003"], &[]);
    assert!(people.stdout.contains("fee 0.3 %, rebalanced on a market every 1440 min"), "{}", people.stdout);
}

#[test]
fn spreads_are_paid_from_files_with_bars() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let lvr = final_value(&simulate_bars(folder, &["pool.benchmark=lvr"], &["--json"]));
    let set = ["pool.benchmark=rvr", "pool.arbitrage_interval_min=180"];
    let rvr = final_value(&simulate_bars(folder, &set[..1], &["--json"]));
    assert!(rvr < lvr, "{rvr} {lvr}");
    let fund = ["pool.rule=trad_hodling_index_market_cap", "pool.interpolation_min=360", "pool.fee_rate=0.001"];
    for set in [&set[..1], &set, &fund, &[fund[0], fund[1], "pool.arbitrage_interval_min=300"]] {
        let values = ["scan", "vectorized", "stream"]
            .map(|path| final_value(&simulate_bars(folder, set, &["--json", "--path", path])));
        assert!(values.iter().all(|value| (value / values[0] - 1.0).abs() < 1e-11), "{set:?} {values:?}");
    }
    let people = simulate_bars(folder, &fund, &[]);
    let expected =
        "fee 0.1 %, half the spread, 4 % a year to the manager, rebalanced on a market every 60 min while weights move";
    assert!(people.stdout.contains(expected), "{}", people.stdout);
}

#[test]
fn files_without_bars_are_named_with_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = simulate(folder.path(), PARAMS, &["pool.benchmark=rvr"], &[]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("BTC_USD.parquet has no column `open`, `high`, `low`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}

#[test]
fn what_has_no_effect_on_a_portfolio_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fund = "pool.rule=trad_hodling_index_market_cap";
    for (set, problem) in [
        (&["pool.benchmark=lvr", "pool.gas_cost=1"][..], "`pool.gas_cost` is 1"),
        (&["pool.benchmark=lvr", "pool.arbitrate=false"], "`pool.arbitrate` is false"),
        (&["pool.benchmark=rvr", "pool.rule=hodl"], "`pool.benchmark` = \"rvr\" is not available"),
        (&["pool.benchmark=lvr", "pool.inputs.trades=trades.csv"], "`pool.inputs.trades` is given"),
        (&["pool.benchmark=lvl"], "unknown variant `lvl`"),
        (&["pool.annual_streaming_fee=0.1"], "`pool.annual_streaming_fee` has no effect on the rule \"momentum\""),
        (&[fund, "pool.annual_streaming_fee=1"], "`pool.annual_streaming_fee` is 1"),
        (&[fund, "pool.benchmark=lvr"], "`pool.benchmark` has no effect"),
        (&[fund, "pool.protocol_fee_share=0.5"], "`pool.protocol_fee_share` is 0.5"),
    ] {
        let outcome = simulate(folder.path(), PARAMS, set, &[]);
        assert_eq!(outcome.code, EXIT_FAILED, "{set:?}");
        assert!(outcome.stderr.contains(problem), "{set:?}: {}", outcome.stderr);
    }
}
