//! Files of what changes from row to row around the pool: that they arrive, replace constants, identify a run, and are said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

#[path = "support/golden.rs"]
mod golden;
mod support;

use std::path::Path;

use golden::{Golden, assert_close, numbers, prices_beside};
use gradpool_cli::EXIT_DONE;
use gradpool_cli::config::{Loaded, Overrides, Source, load};
use gradpool_cli::setup::Setup;
use gradpool_market::{DAY_MS, MINUTE_MS, parse_time};
use gradpool_pools::{RowInputs, UserTrade};
use serde_json::{Value, json};
use support::{COMPLETE, Outcome, gradpool, shared};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/daily");
const PARAMS: &str = r#"{"log_k": 4, "logit_lamb": 2, "initial_weights_logits": [1, 1]}"#;
/// Training to 2018-07-26, validation to 2018-09-01, test to 2018-10-01, with three fees, one in each.
const FEES: &[(&str, &str)] =
    &[("2018-03-01", "0.001"), ("2018-07-01", "0.004"), ("2018-08-15", "0"), ("2018-09-10", "0.0025")];
const TEST_END: &str = "period.test_end=2018-10-01";

/// A folder with the small configuration, parameters, and files.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(inputs: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write("run.toml", &format!("{COMPLETE}\n[pool.inputs]\n{inputs}"));
        project.write("params.json", PARAMS);
        project.write("fees.csv", &rows("fees", FEES));
        project.write("swaps.csv", SWAPS);
        project
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn load(&self, set: &[&str]) -> Loaded {
        let set = set.iter().map(|set| (*set).to_owned()).collect();
        let overrides = Overrides { set, data: Some(DATA.into()), ..Overrides::default() };
        load(&Source::File(self.folder.path().join("run.toml")), &overrides).unwrap()
    }

    fn setup(&self, set: &[&str]) -> Setup {
        Setup::new(&self.load(set).config).unwrap()
    }

    fn simulate(&self, options: &[&str]) -> Outcome {
        let (config, params) = (self.path("run.toml"), self.path("params.json"));
        let outcome = on_bundled(&["simulate", &config, "--params", &params], options);
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        outcome
    }
}

/// A command on the bundled daily prices.
fn on_bundled(command: &[&str], options: &[&str]) -> Outcome {
    gradpool(command.iter().chain(&["--data", DATA]).chain(options))
}

const SWAPS: &str = "unix,token_in,token_out,amount_in\n\
    1519862400,BTC,ETH,1\n1530403199,BTC,ETH,1.5\n1530403200,ETH,BTC,20\n1535803200,ETH,BTC,30\n1546300800,ETH,BTC,40\n";

fn rows(column: &str, observations: &[(&str, &str)]) -> String {
    observations.iter().fold(format!("unix,{column}\n"), |text, (date, value)| {
        format!("{text}{},{value}\n", parse_time(date).unwrap())
    })
}

fn inputs(setup: &Setup) -> &RowInputs {
    setup.experiment.history().inputs()
}

/// The value of a series at a date.
fn at(setup: &Setup, series: Option<&std::sync::Arc<[f64]>>, date: &str) -> f64 {
    let grid = setup.experiment.history().prices().grid();
    series.unwrap()[grid.row_of(parse_time(date).unwrap()).unwrap()]
}

#[test]
fn a_series_reaches_training_validation_and_test() {
    let setup = Project::new("fees = \"fees.csv\"").setup(&[TEST_END]);
    let fees = inputs(&setup).fee_rate.as_ref();
    let history = setup.experiment.history().prices();
    assert_eq!(fees.unwrap().len(), history.rows());
    for (row, fee) in fees.unwrap().iter().enumerate() {
        let known = FEES.iter().rfind(|(date, _)| parse_time(date).unwrap() <= history.grid().time_ms(row));
        assert_eq!(*fee, known.unwrap_or(&FEES[0]).1.parse::<f64>().unwrap(), "row {row}");
    }
    let periods = setup.experiment.periods();
    let distinct = |rows: std::ops::Range<usize>| {
        let mut found = fees.unwrap()[rows].to_vec();
        found.dedup();
        found
    };
    assert_eq!(distinct(periods.train.clone()), [0.001, 0.004]);
    assert_eq!(distinct(periods.validation.clone().unwrap()), [0.004, 0.0]);
    assert_eq!(distinct(periods.test.clone().unwrap()), [0.0, 0.0025], "T6.8: the reference takes training's");
    assert!(setup.notes.is_empty(), "the burn-in before the first fee is not simulated: {:?}", setup.notes);
}

#[test]
fn every_kind_arrives_in_its_place() {
    let project = Project::new(
        "gas_cost = \"gas.csv\"\narb_fees = \"arb.csv\"\nlp_supply = \"below/lp.csv\"\ntrades = \"swaps.csv\"",
    );
    project.write("gas.csv", &rows("USD", &[("2018-03-01", "2"), ("2018-03-02", "0"), ("2018-03-03", "5")]));
    project.write("arb.csv", &rows("bps", &[("2018-03-01", "5")]));
    std::fs::create_dir(project.path("below")).unwrap();
    project.write("below/lp.csv", &rows("lp_supply", &[("2018-03-01", "1"), ("2018-04-01", "1.25")]));
    let setup = project.setup(&[]);
    let RowInputs { fee_rate, gas_cost, arbitrage_fee, lp_supply, trades } = inputs(&setup);
    assert_eq!(*fee_rate, None);
    for (date, gas) in [("2018-03-01", 2.0), ("2018-03-02", 0.0), ("2018-03-03", 5.0), ("2018-08-31", 5.0)] {
        assert_eq!(at(&setup, gas_cost.as_ref(), date), gas, "{date}");
    }
    assert_eq!(at(&setup, arbitrage_fee.as_ref(), "2018-05-01"), 0.0005);
    assert_eq!(at(&setup, lp_supply.as_ref(), "2018-03-31"), 1.0);
    assert_eq!(at(&setup, lp_supply.as_ref(), "2018-04-01"), 1.25);
    // BTC is 0. The second trade is a second before midnight; the last two are after the end of validation.
    let first = setup.experiment.periods().train.start;
    let of_day = |day: usize, token_in: usize, amount_in: f64| UserTrade {
        row: first + day,
        token_in,
        token_out: 1 - token_in,
        amount_in,
    };
    assert_eq!(trades[..], [of_day(0, 0, 1.0), of_day(121, 0, 1.5), of_day(122, 1, 20.0)]);
    let [note] = &setup.notes[..] else { panic!("{:?}", setup.notes) };
    assert!(note.ends_with("swaps.csv: 2 of 5 trades are left out; they are not from 2018-03-01 up to 2018-09-01"));
}

#[test]
fn the_option_lays_files_on_top_of_the_configuration() {
    let project = Project::new("fees = \"gone.csv\"");
    let option = format!("fees={}", project.path("fees.csv"));
    let trades = format!("trades={}", project.path("swaps.csv"));
    let outcome = project.simulate(&["--input", &option, "--input", &trades]);
    assert!(
        outcome.stdout.contains("fee 0 .. 0.4 %, arbitraged every 1440 min, trades of others"),
        "{}",
        outcome.stdout
    );
    let twice = on_bundled(
        &["simulate", &project.path("run.toml"), "--params", &project.path("params.json")],
        &["--input", &option, "--input", "fees=other.csv"],
    );
    assert!(twice.stderr.contains("`--input fees` is given twice"), "{}", twice.stderr);
}

#[test]
fn what_a_user_may_not_expect_is_said() {
    let project = Project::new("fees = \"late.csv\"");
    project.write("late.csv", &rows("fees", &[("2018-03-11", "0.001")]));
    let outcome = project.simulate(&["--set", "pool.fee_rate=0.003"]);
    for line in [
        "warning: `pool.fee_rate` = 0.003 has no effect: its values are those of FOLDER/late.csv",
        "warning: FOLDER/late.csv begins at 2018-03-11: 10 of 184 rows before it have its first value",
    ] {
        let said =
            outcome.stderr.replace(&project.folder.path().canonicalize().unwrap().display().to_string(), "FOLDER");
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(outcome.stdout.contains("fee 0.1 %, arbitraged"), "{}", outcome.stdout);
}

#[test]
fn a_run_is_identified_by_what_files_hold_and_not_by_where_they_are() {
    let identity = |project: &Project| {
        let loaded = project.load(&[]);
        let setup = Setup::new(&loaded.config).unwrap();
        loaded.config.config_hash(&setup.data_hash())
    };
    let named = |name: &str| Project::new(&format!("fees = {name:?}"));
    let (plain, with_fees, moved) = (Project::new(""), named("fees.csv"), named("moved.csv"));
    moved.write("moved.csv", &rows("fees", FEES));
    assert_eq!(identity(&with_fees), identity(&moved));
    assert_ne!(identity(&plain), identity(&with_fees));
    let before = identity(&moved);
    moved.write("moved.csv", &rows("fees", &FEES[..2]));
    assert_ne!(before, identity(&moved));
    let as_gas = Project::new("arb_fees = \"arb.csv\"");
    as_gas.write("arb.csv", &rows("arb_fees", FEES));
    assert_ne!(identity(&as_gas), identity(&with_fees), "the same numbers for something else");
    let (none, some) = (Project::new(""), Project::new("trades = \"swaps.csv\""));
    assert_ne!(identity(&none), identity(&some));
}

#[test]
fn a_run_keeps_its_files_and_is_judged_with_them() {
    let project = Project::new("fees = \"fees.csv\"\ntrades = \"swaps.csv\"");
    let (config, out) = (project.path("run.toml"), project.path("runs"));
    let options = ["--out", &out, "--set", "train.iterations=1", "--set", TEST_END, "--json"];
    let trained = on_bundled(&["train", &config], &options);
    assert_eq!(trained.code, EXIT_DONE, "{}", trained.stderr);
    assert!(trained.stderr.contains("1 of 5 trades are left out"), "{}", trained.stderr);
    let run = trained.json()["run"].as_str().unwrap().to_owned();
    let stored = std::fs::read_to_string(Path::new(&run).join("config.toml")).unwrap();
    let canonical = project.folder.path().canonicalize().unwrap();
    for line in
        [format!("fees = {:?}", canonical.join("fees.csv")), format!("trades = {:?}", canonical.join("swaps.csv"))]
    {
        assert!(stored.contains(&line), "{line}: {stored}");
    }
    let pool = "fee 0 .. 0.4 %, arbitraged every 1440 min, trades of others";
    for (on, left_out) in [("test", true), ("2018-09-01..2019-01-15", false)] {
        let judged = gradpool(["evaluate", &run, "--on", on, "--against", "balancer"]);
        assert_eq!(judged.code, EXIT_DONE, "{}", judged.stderr);
        assert!(judged.stdout.contains(pool), "{}", judged.stdout);
        assert_eq!(judged.stderr.contains("1 of 5 trades are left out"), left_out, "{on}: {}", judged.stderr);
    }
    // A rate of the command line is one for every row.
    let judged = gradpool(["evaluate", &run, "--fee", "0.002"]);
    assert!(judged.stdout.contains("fee 0.2 %, arbitraged"), "{}", judged.stdout);
    assert!(!judged.stderr.contains("has no effect"), "{}", judged.stderr);
}

#[test]
fn mistakes_name_file_line_and_key() {
    let project = Project::new("fees = \"fees.csv\"");
    let config = project.path("run.toml");
    let simulate = |options: &[&str]| {
        let outcome = on_bundled(&["simulate", &config, "--params", &project.path("params.json")], options);
        assert_ne!(outcome.code, EXIT_DONE, "{options:?}");
        outcome.stderr.replace(&project.folder.path().canonicalize().unwrap().display().to_string(), "FOLDER")
    };
    project.write("bad.csv", &rows("fees", &[("2018-03-01", "0.001"), ("2018-03-02", "30")]));
    let bad = format!("fees={}", project.path("bad.csv"));
    let mut text = simulate(&["--input", &bad]);
    project.write("bad.csv", "unix,token_in,token_out,amount_in\n1519862400,BTC,ETC,1\n");
    text += &simulate(&["--input", &format!("trades={}", project.path("bad.csv"))]);
    text += &simulate(&["--input", &bad]);
    text += &simulate(&["--set", "pool.inputs.trades=no/such.csv"]).replace(env!("CARGO_MANIFEST_DIR"), "CRATE");
    text += &simulate(&["--set", "pool.inputs.fee=fees.csv"]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_fingerprint_takes_trades_and_series_from_files() {
    let project = Project::new("");
    let fingerprint = json!({
        "rule": "momentum", "tokens": ["BTC", "ETH"], "startDateString": "2018-03-01 00:00:00",
        "endDateString": "2018-09-01 00:00:00", "do_trades": true, "noise_trader_ratio": 0.5,
        "protocol_fee_split": 0.25, "use_alt_lamb": false, "max_memory_days": 30,
    });
    project.write("run.json", &fingerprint.to_string());
    let (config, params) = (project.path("run.json"), project.path("params.json"));
    let simulate = |options: &[&str]| {
        let outcome = on_bundled(&["simulate", &config, "--params", &params, "-v"], options);
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        outcome
    };
    let plain = simulate(&[]);
    assert!(
        plain.stderr.contains("warning: ") && plain.stderr.contains("names no file: there are none"),
        "{}",
        plain.stderr
    );
    assert!(plain.stderr.contains("2 keys without effect: noise_trader_ratio, protocol_fee_split"), "{}", plain.stderr);
    let [fees, trades] =
        [("fees", "fees.csv"), ("trades", "swaps.csv")].map(|(kind, name)| format!("{kind}={}", project.path(name)));
    let given = simulate(&["--input", &fees, "--input", &trades]);
    assert!(given.stderr.contains("note: `do_trades` is true: the trades are those of `pool.inputs.trades`"));
    assert!(!given.stderr.contains("there are none"), "{}", given.stderr);
    assert!(!given.stderr.contains("noise_trader_ratio"), "with fees it has an effect: {}", given.stderr);
    assert!(given.stdout.contains("noise trading 0.5 x arbitrage, 25 % of fees to the protocol"), "{}", given.stdout);
    assert!(given.stdout.contains(", trades of others"), "{}", given.stdout);
}

/// One day has one row here, so what is observed at a time of day counts from the next row on.
#[test]
fn a_day_counts_from_its_own_row() {
    let project = Project::new("lp_supply = \"lp.csv\"");
    let noon = parse_time("2018-04-01").unwrap() + DAY_MS / 2;
    project.write("lp.csv", &format!("{}{noon},2\n", rows("lp_supply", &[("2018-03-01", "1")])));
    let setup = project.setup(&[]);
    let supply = inputs(&setup).lp_supply.as_ref();
    assert_eq!([at(&setup, supply, "2018-04-01"), at(&setup, supply, "2018-04-02")], [1.0, 2.0]);
}

/// The series of a golden case as files: an observation at each change, from the first simulated row on.
fn files_of(case: &Golden, project: &Project) -> Vec<String> {
    let start = parse_time(case.json["run_fingerprint"]["startDateString"].as_str().unwrap()).unwrap();
    let steps = case.json["n_steps"].as_u64().unwrap() as usize;
    let time = |step: usize| start + step as i64 * MINUTE_MS;
    let given = case.json["dynamic"].as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let text = |kind: &str, given: &Value| {
        if let Some(trades) = given.as_array() {
            let token = |index: &Value| &case.json["tokens_sorted"][index.as_u64().unwrap() as usize];
            let row = |trade: &Value| {
                let (time, amount) = (time(trade[0].as_u64().unwrap() as usize), &trade[3]);
                format!("{time},{},{},{amount}\n", token(&trade[1]), token(&trade[2]))
            };
            return trades
                .iter()
                .fold("unix,token_in,token_out,amount_in\n".to_owned(), |text, trade| text + &row(trade));
        }
        let (values, hold) = (numbers(&given["values"]), given["hold"].as_u64().unwrap() as usize);
        let column = if kind == "gas_cost" { "USD" } else { kind };
        let changes = (0..steps.div_ceil(hold)).map(|change| (time(change * hold), values[change % values.len()]));
        changes.fold(format!("unix,{column}\n"), |text, (time, value)| format!("{text}{time},{value}\n"))
    };
    given
        .map(|(kind, given)| {
            project.write(&format!("{kind}.csv"), &text(kind, given));
            format!("{kind}={}", project.path(&format!("{kind}.csv")))
        })
        .collect()
}

/// To 1e-8: where nobody gains by a trade the reference tosses a coin (T4.1).
#[test]
fn the_reference_systems_numbers_come_out_of_files() {
    let Some(folder) = shared("golden") else { return };
    let protocol = ["--set", "pool.compat.dynamic_protocol_fees=true"];
    for (name, set) in [
        ("mom_dynamic", &[][..]),
        ("mom_dynamic_lp", &[]),
        ("mom_dynamic_trades", &[]),
        ("mom_dynamic_noise_split", &protocol),
    ] {
        let (case, project) = (golden::load(&folder, name), Project::new(""));
        let (config, prices) = (case.path.display().to_string(), prices_beside(&case.path).display().to_string());
        let files = files_of(&case, &project);
        let options = files.iter().flat_map(|file| ["--input", file]).chain(["--set", "pool.arbitrage=pairwise"]);
        for path in ["scan", "stream"] {
            let fixed = ["simulate", &config, "--params", &config, "--data", &prices, "--path", path, "--json"];
            let outcome = gradpool(fixed.into_iter().chain(options.clone()).chain(set.iter().copied()));
            assert_eq!(outcome.code, EXIT_DONE, "{name}: {}", outcome.stderr);
            for key in ["final_value", "final_reserves"] {
                let (found, expected) = (numbers(&outcome.json()[key]), numbers(&case.json[key]));
                assert_close(&format!("{name} {path} {key}"), &found, &expected, 1e-8, 0.0);
            }
            assert!(!outcome.stderr.contains("warning: "), "{name}: {}", outcome.stderr);
        }
    }
}
