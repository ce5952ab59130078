//! `gradpool replay`: the chain beside the simulation, keepers, reverts, and what the difference comes from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

#[path = "support/golden.rs"]
mod golden;
mod support;

use std::path::Path;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use gradpool_market::parse_time;
use serde_json::Value;
use support::runs::{masked, trained};
use support::{Outcome, gradpool};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum.toml");
const HOURLY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/momentum-hourly.toml");
const DAYS: usize = 327;
const PARTS: [&str; 5] = ["schedule", "guard_rails", "arithmetic", "nine_decimals", "expiry"];

/// A folder with parameters and what tests write beside them.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(params: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write("params.json", params);
        project
    }

    /// Gains that the cap leaves alone.
    fn moderate() -> Self {
        Self::new(r#"{"log_k": -3.5, "logit_lamb": 1.5, "initial_weights_logits": [1, 1, 1]}"#)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A file of update times.
    fn times(&self, times: &[&str]) -> String {
        let rows = times.iter().map(|time| format!("{}\n", parse_time(time).unwrap()));
        self.write("times.csv", &format!("unix\n{}", rows.collect::<String>()));
        self.path("times.csv")
    }

    fn replay(&self, options: &[&str]) -> Outcome {
        self.replay_of(CONFIG, options)
    }

    fn replay_of(&self, config: &str, options: &[&str]) -> Outcome {
        gradpool(["replay", &self.path("params.json"), "--config", config].iter().chain(options))
    }

    fn document(&self, options: &[&str]) -> Value {
        done(&self.replay(&[options, &["--json"]].concat()))
    }
}

fn done(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    outcome.json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn deviation(document: &Value) -> f64 {
    number(&document["largest_deviation"]["difference"]).abs()
}

/// A configuration of two assets on prices of one's own, one row in so many minutes, updated at every row.
struct Prices {
    first: Vec<f64>,
    second: Vec<f64>,
    minutes: i64,
}

impl Prices {
    fn write(&self, project: &Project) -> String {
        let start = parse_time("2023-01-01").unwrap();
        for (ticker, prices) in [("AAA", &self.first), ("BBB", &self.second)] {
            let time = |row: usize| start + self.minutes * 60_000 * row as i64;
            let rows = prices.iter().enumerate().map(|(row, price)| format!("{},{price}\n", time(row)));
            project.write(&format!("{ticker}_USD.csv"), &format!("unix,close\n{}", rows.collect::<String>()));
        }
        let rows_per_day = 1440 / self.minutes as usize;
        let days = self.first.len() / rows_per_day - 1;
        let end = gradpool_market::format_time(start + days as i64 * gradpool_market::DAY_MS);
        project.write(
            "own.toml",
            &format!(
                "version = 1\nname = \"own\"\n[data]\ndirectory = \".\"\nassets = [\"AAA\", \"BBB\"]\n\
                 [period]\nstart = \"2023-01-01\"\nend = \"{end}\"\nallow_short_burn_in = true\n\
                 [pool]\nrule = \"momentum\"\nupdate_interval_min = {}\nmaximum_memory_days = 2000\n\
                 maximum_change_per_min = 1.0\n",
                self.minutes
            ),
        );
        project.path("own.toml")
    }

    /// The first asset's price; the second stands still.
    fn of(first: Vec<f64>, minutes: i64) -> Self {
        Self { second: vec![100.0; first.len()], first, minutes }
    }
}

#[test]
fn the_document_has_simulation_and_chain_and_every_update() {
    let project = Project::moderate();
    let document = project.document(&[]);
    let simulated = done(&gradpool(["simulate", CONFIG, "--params", &project.path("params.json"), "--json"]));
    let found = &document["final_value"];
    let error = number(&found["simulation"]) / number(&simulated["final_value"]) - 1.0;
    assert!(error.abs() < 1e-12, "it is the float simulation, streamed: {error}");
    assert_eq!(document["initial_value"], simulated["initial_value"]);
    let difference = number(&found["chain"]) - number(&found["simulation"]);
    assert!(difference != 0.0 && difference == number(&found["difference"]));
    assert_eq!(document["period"]["rows"], DAYS);
    assert_eq!(document["contract"]["rule"], "momentum");
    assert_eq!(document["contract"]["update_interval_s"], 86_400);
    let updates = &document["updates"];
    assert_eq!([&updates["triggered"], &updates["done"], &updates["reverted"]], [DAYS - 1, DAYS - 1, 0]);
    // The first update is where the simulation's is: one interval after the deployment.
    let event = &document["events"][0];
    assert_eq!(event["time"], "2018-01-09 00:00:00");
    assert_eq!(event["reverted"], Value::Null);
    let integers = |key: &str| -> Vec<i128> {
        event[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(integers("target").iter().sum::<i128>(), 1_000_000_000_000_000_000);
    for ((multiplier, stored), (target, before)) in integers("multipliers")
        .iter()
        .zip(event["stored_multipliers"].as_array().unwrap())
        .zip(integers("target").iter().zip(integers("weights_before")))
    {
        assert_eq!(*multiplier, (target - before) / 86_400);
        assert_eq!(stored.as_i64().unwrap(), i64::try_from(multiplier / 1_000_000_000).unwrap());
    }
    assert!(event["expires_unix_ms"].as_i64() > event["unix_ms"].as_i64());
    assert_eq!(event["rule_change"]["chain"].as_array().unwrap().len(), 3);
    assert_eq!(document["gradient_scale"].as_array().unwrap().len(), 1);
    assert_eq!((&document["unreadable_rows"], &document["non_finite"]), (&0.into(), &Value::Array(vec![])));
}

#[test]
fn parts_sum_to_the_differences() {
    let project = Project::moderate();
    for updates in ["punctual", "late:5000", "missed:4", "random:7"] {
        let document = project.document(&["--updates", updates]);
        let deviation = &document["largest_deviation"];
        let weights: f64 = PARTS.iter().map(|part| number(&deviation["parts"][part])).sum();
        assert!((weights - number(&deviation["difference"])).abs() < 1e-15, "{updates}: {deviation}");
        let of_value = |part: &&str| number(&document["parts"][part]["final_value_difference"]);
        let value: f64 = PARTS.iter().map(of_value).sum();
        assert!((value - number(&document["final_value"]["difference"])).abs() < 1e-6, "{updates}");
    }
}

/// Spec 13.13: an uncut float is up to 2.4e-3 from the chain after 50 daily updates, 4e-4 after hourly ones.
#[test]
fn punctual_updates_deviate_by_what_storage_cuts_off() {
    let project = Project::moderate();
    let daily = project.document(&["--on", "2018-01-08..2018-02-28"]);
    assert!(deviation(&daily) < 2.4e-3 && deviation(&daily) > 1e-5, "{}", daily["largest_deviation"]);
    assert_eq!(daily["largest_deviation"]["cause"], "nine_decimals");
    assert!(number(&daily["parts"]["schedule"]["max_weight_difference"]) < 1e-12, "{}", daily["parts"]);
    assert!(number(&daily["parts"]["arithmetic"]["max_weight_difference"]) < 1e-9, "{}", daily["parts"]);

    let project = Project::new(r#"{"log_k": -3.5, "logit_lamb": 3, "initial_weights_logits": [1, 1]}"#);
    let options = ["--on", "2020-01-01..2020-01-03", "--set", "pool.update_interval_min=60", "--json"];
    let hourly = done(&project.replay_of(HOURLY, &options));
    assert!(deviation(&hourly) < 4e-4 && deviation(&hourly) > 0.0, "{}", hourly["largest_deviation"]);
    assert_eq!(hourly["largest_deviation"]["cause"], "nine_decimals");
}

/// Ramps of a day on hourly prices: the simulation's straight lines are the chain's.
/// A pool that is simulated as the chain executes it is the chain, as long as updates are punctual.
#[test]
fn a_pool_on_chain_deviates_by_its_keeper_alone() {
    let project = Project::moderate();
    let on_chain = ["--set", "pool.execution=onchain"];
    let punctual = project.document(&on_chain);
    assert!(deviation(&punctual) < 1e-8, "{punctual}");
    let late = project.document(&[&on_chain[..], &["--updates", "missed:4"]].concat());
    assert!(deviation(&late) > 1e-4, "{late}");
    for part in ["guard_rails", "nine_decimals"] {
        assert_eq!(late["parts"][part]["max_weight_difference"], 0.0, "{late}");
    }
}

#[test]
fn weights_between_updates_are_those_of_the_simulation() {
    let project = Project::new(r#"{"log_k": -3.5, "logit_lamb": 1.5, "initial_weights_logits": [1, 1]}"#);
    let on = ["--on", "2020-01-01..2020-01-15", "--set", "pool.maximum_change_per_min=0.001", "--json"];
    let document = done(&project.replay_of(HOURLY, &on));
    assert!(number(&document["parts"]["schedule"]["max_weight_difference"]) < 1e-12, "{}", document["parts"]);
    assert_eq!(document["largest_deviation"]["cause"], "nine_decimals");
    // Weights that move faster and then wait are no straight line.
    let document = done(&project.replay_of(HOURLY, &[&on[..], &["--set", "pool.interpolation_min=60"]].concat()));
    assert_eq!(document["largest_deviation"]["cause"], "schedule");
    let explanation = document["largest_deviation"]["explanation"].as_str().unwrap();
    assert!(explanation.contains("straight line"), "{explanation}");
    assert!(document["contract"]["caveats"][0].as_str().unwrap().contains("interpolation_min"));
}

#[test]
fn keepers_are_late_miss_updates_and_are_irregular() {
    let project = Project::moderate();
    let updates = |keeper: &str| project.document(&["--updates", keeper]);
    let late = updates("late:3600");
    let times = |document: &Value| -> Vec<i64> {
        document["events"].as_array().unwrap().iter().map(|event| event["unix_ms"].as_i64().unwrap()).collect()
    };
    // The pool counts from the last update: each comes 25 hours after the one before.
    assert!(times(&late).windows(2).all(|pair| pair[1] - pair[0] == 25 * 3_600_000), "{:?}", times(&late));
    assert_eq!(late["largest_deviation"]["cause"], "schedule");
    let missed = updates("missed:4");
    assert_eq!(missed["updates"]["triggered"], (DAYS - 1) - (DAYS - 1) / 4);
    let random = updates("random:1");
    assert!(number(&random["updates"]["triggered"]) < number(&late["updates"]["triggered"]));
    assert_eq!(random, updates("random:1"));
    assert_ne!(times(&random), times(&updates("random:2")));
    let gaps: Vec<i64> = times(&random).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 86_400_000), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap > 2 * 86_400_000) && gaps.iter().any(|gap| *gap < 108_000_000), "{gaps:?}");
}

#[test]
fn times_of_a_file_are_tried_and_what_is_reverted_changes_nothing() {
    let project = Project::moderate();
    let times = ["2017-12-31", "2018-01-09", "2018-01-10 00:00:01", "2018-01-10 12:00:00", "2018-01-12", "2018-12-01"];
    let outcome = project.replay(&["--updates", &project.times(&times), "--json"]);
    let document = done(&outcome);
    let updates = &document["updates"];
    assert_eq!([&updates["triggered"], &updates["done"], &updates["reverted"]], [4, 3, 1]);
    assert_eq!(updates["outside_period"], 2);
    assert!(outcome.stderr.contains("2 update times are outside the period"), "{}", outcome.stderr);
    let events = document["events"].as_array().unwrap();
    assert_eq!(events[2]["reverted"], "Update not allowed");
    assert_eq!(events[2].as_object().unwrap().len(), 3, "{}", events[2]);
    assert_eq!(events[3]["reverted"], Value::Null);
    // The newest price row of an update between two rows is the one before it.
    let other = project.times(&["2018-01-09", "2018-01-10 23:59:59", "2018-01-12"]);
    let found = project.document(&["--updates", &other]);
    let changes = |event: &Value| golden::numbers(&event["rule_change"]["chain"]);
    golden::assert_close("change", &changes(&found["events"][1]), &changes(&events[1]), 1e-12, 1.0);
}

#[test]
fn a_price_that_overflows_the_state_reverts_and_the_replay_goes_on() {
    let project = Project::new(r#"{"log_k": -3.5, "logit_lamb": 1.5, "initial_weights_logits": [1, 1]}"#);
    let mut prices = vec![100.0; 20];
    prices[9] = 1e21;
    let config = Prices::of(prices, 1440).write(&project);
    let document = done(&project.replay_of(&config, &["--json"]));
    assert_eq!(document["updates"]["reverted"], 1, "{}", document["updates"]);
    assert_eq!(document["events"][8]["reverted"], "Overflow");
    assert_eq!(document["events"][9]["reverted"], Value::Null);
    // The float goes on with that price, the chain never saw it.
    assert_eq!(document["largest_deviation"]["cause"], "arithmetic");
    let explanation = document["largest_deviation"]["explanation"].as_str().unwrap();
    assert!(explanation.contains("was reverted (Overflow)"), "{explanation}");
    let text = project.replay_of(&config, &[]).stdout;
    assert!(text.contains("18 done, 1 reverted") || text.contains("17 done, 1 reverted"), "{text}");
    assert!(text.contains("reverted at 2023-01-10: Overflow"), "{text}");
}

/// One jump that is forgotten at once: the first update moves the weights, the next one never comes, and the run goes on.
#[test]
fn without_an_update_weights_run_past_their_target_until_all_stand_still() {
    let project = Project::new(r#"{"absolute_k": 4, "logit_lamb": -3, "initial_weights_logits": [0, 0]}"#);
    let mut prices = vec![100.0; 24];
    prices[1..].fill(104.0);
    let config = Prices::of(prices, 1440).write(&project);
    let times = project.times(&["2023-01-02"]);
    let run = |on: &str| done(&project.replay_of(&config, &["--updates", &times, "--on", on, "--json"]));
    let short = run("2023-01-01..2023-01-05");
    let found = &short["largest_deviation"];
    assert_eq!(found["cause"], "expiry", "{found}");
    assert!(
        found["explanation"].as_str().unwrap().contains("ran past their target from 2023-01-03 to 2023-01-04"),
        "{found}"
    );
    let long = run("2023-01-01..2023-01-23");
    let found = &long["largest_deviation"];
    assert_eq!(found["cause"], "expiry", "{found}");
    assert!(found["explanation"].as_str().unwrap().contains("; then all weights stood still from 2023-01-"), "{found}");
    assert!(deviation(&long) > deviation(&short));
}

#[test]
fn a_long_memory_leaves_the_gradient_few_digits() {
    // 1 - lambda is 2e-6: (1 - lambda)^3 is eight units of the last decimal.
    let logit = ((1.0 - 2e-6) / 2e-6_f64).ln();
    let params = format!(r#"{{"absolute_k": 5e8, "logit_lamb": {logit}, "initial_weights_logits": [0, 0]}}"#);
    let project = Project::new(&params);
    let prices = (0..2880).map(|minute| 100.0 * (1.0 + 0.01 * f64::from(minute) / 1440.0)).collect();
    let config = Prices::of(prices, 1).write(&project);
    let document = done(&project.replay_of(&config, &["--json"]));
    let found = &document["largest_deviation"];
    assert_eq!(found["cause"], "arithmetic", "{found}");
    assert!(found["explanation"].as_str().unwrap().starts_with("(1 - lambda)^3 / lambda is"), "{found}");
    let scale = &document["gradient_scale"][0];
    assert!(number(&scale["relative_error"]) > 1e-2, "{scale}");
    assert!(document["contract"]["caveats"][0].as_str().unwrap().contains("so close to 1"));
}

#[test]
fn series_have_every_row_and_every_update() {
    let project = Project::moderate();
    let times = project.times(&["2018-01-09", "2018-01-09 12:00:00", "2018-01-11"]);
    let file = project.path("replay.safetensors");
    let document = project.document(&["--updates", &times, "--series", &file]);
    let arrays = golden::arrays(Path::new(&file));
    let shape = |name: &str| arrays[name].0.clone();
    for name in ["prices", "weights.simulation", "weights.chain"] {
        assert_eq!(shape(name), [DAYS, 3], "{name}");
    }
    for name in ["unix_ms", "value.simulation", "value.chain"] {
        assert_eq!(shape(name), [DAYS], "{name}");
    }
    for name in ["weights_before", "target", "multipliers", "stored_multipliers"] {
        let numbers = &arrays[&format!("update.{name}")].1;
        assert!(numbers[3..6].iter().all(|number| number.is_nan()) && numbers[6..].iter().all(|n| n.is_finite()));
    }
    assert_eq!(arrays["update.reverted"].1, [0.0, 1.0, 0.0]);
    assert_eq!(shape("update.expires_unix_ms"), [3]);
    assert_eq!(*arrays["value.chain"].1.last().unwrap(), number(&document["final_value"]["chain"]));
    let largest = &document["largest_deviation"];
    let row = arrays["unix_ms"].1.iter().position(|time| *time == number(&largest["unix_ms"])).unwrap();
    let asset = ["BTC", "ETH", "LTC"].iter().position(|asset| *asset == largest["asset"]).unwrap();
    assert_eq!(arrays["weights.chain"].1[3 * row + asset], number(&largest["chain"]));
}

#[test]
fn a_run_knows_its_configuration_and_periods_have_names() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path(), &[]).display().to_string();
    let document = done(&gradpool(["replay", &run, "--on", "test", "--json"]));
    assert_eq!(document["period"]["name"], "test");
    assert_eq!(document["period"]["from"], "2018-12-01");
}

#[test]
fn the_value_has_the_pools_fees() {
    let project = Project::moderate();
    let free = project.document(&[]);
    let with_fee = project.document(&["--set", "pool.fee_rate=0.01"]);
    assert_eq!(with_fee["largest_deviation"], free["largest_deviation"], "fees do not move weights");
    assert_ne!(with_fee["final_value"], free["final_value"]);
    let options =
        ["simulate", CONFIG, "--params", &project.path("params.json"), "--json", "--set", "pool.fee_rate=0.01"];
    assert!(
        (number(&with_fee["final_value"]["simulation"]) / number(&done(&gradpool(options))["final_value"]) - 1.0).abs()
            < 1e-12
    );
}

#[test]
fn every_rule_with_a_contract_is_replayed() {
    for (rule, params) in [
        ("anti_momentum", r#"{"log_k": -3.5, "logit_lamb": 1.5, "initial_weights_logits": [1, 1, 1]}"#),
        (
            "power_channel",
            r#"{"log_k": -1, "logit_lamb": 1.5, "raw_exponents": 1, "raw_pre_exp_scaling": -1, "initial_weights_logits": [1, 1, 1]}"#,
        ),
        (
            "mean_reversion_channel",
            r#"{"log_k": -3, "logit_lamb": 1.5, "raw_exponents": 1, "raw_pre_exp_scaling": -1, "log_amplitude": -3, "raw_width": -3, "initial_weights_logits": [1, 1, 1]}"#,
        ),
        (
            "difference_momentum",
            r#"{"log_k": -3.5, "logit_lamb": 1.5, "logit_delta_lamb": -1, "initial_weights_logits": [1, 1, 1]}"#,
        ),
    ] {
        let project = Project::new(params);
        let document = project.document(&["--set", &format!("pool.rule={rule}")]);
        // Storage is all that tells them apart, so that the contract is the simulation's rule.
        assert_eq!(
            document["largest_deviation"]["cause"], "nine_decimals",
            "{rule}: {}",
            document["largest_deviation"]
        );
        assert!(deviation(&document) < 1e-2, "{rule}: {}", document["largest_deviation"]);
        assert!(number(&document["parts"]["arithmetic"]["max_weight_difference"]) < 1e-8, "{rule}");
    }
}

/// The contract takes the variance of prices and not of returns: the deviation is the rule's, and it is said.
#[test]
fn minimum_variance_is_another_rule_on_the_chain() {
    let params = r#"{"logit_lamb": 2, "logit_delta_lamb": 0.5, "initial_weights_logits": [1, 1, 1]}"#;
    let outcome = Project::new(params).replay(&["--set", "pool.rule=min_variance", "--json"]);
    let document = done(&outcome);
    // It moves from the first row on.
    assert_eq!(document["events"][0]["time"], "2018-01-08 00:00:00");
    assert_eq!(document["updates"]["done"], DAYS);
    assert_eq!(document["largest_deviation"]["cause"], "arithmetic");
    assert!(outcome.stderr.contains("the variance of prices"), "{}", outcome.stderr);
}

#[test]
fn the_report_for_people() {
    let project = Project::moderate();
    let outcome = project.replay(&["--updates", "missed:10"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let text = masked(&outcome.stdout, project.folder.path());
    let lines = text.lines().filter(|line| !line.starts_with("largest deviation"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    let sentence: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("largest deviation")).collect();
    assert_eq!(sentence.len(), 1, "one line");
    assert!(sentence[0].contains("in the simulation (-4.6e-2), by expiry (-5.8e-2): no update came"), "{sentence:?}");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_a_reason() {
    let project = Project::moderate();
    let mut said = String::new();
    let mut refuse = |code: u8, options: &[&str]| {
        let outcome = project.replay(options);
        assert_eq!(outcome.code, code, "{options:?}: {}", outcome.stderr);
        said += &format!("{}\n", outcome.stderr_without(project.folder.path()).trim_end());
    };
    refuse(EXIT_USAGE, &["--updates", "punctal"]);
    refuse(EXIT_USAGE, &["--updates", "late"]);
    refuse(EXIT_USAGE, &["--updates", "missed:1"]);
    refuse(EXIT_FAILED, &["--updates", &project.path("absent.csv")]);
    project.write("other.csv", "time\n1515456000000\n");
    refuse(EXIT_FAILED, &["--updates", &project.path("other.csv")]);
    project.write("unsorted.csv", "unix\n1515542400000\n1515456000000\n");
    refuse(EXIT_FAILED, &["--updates", &project.path("unsorted.csv")]);
    refuse(EXIT_FAILED, &["--updates", &project.times(&["2017-12-31"])]);
    refuse(EXIT_FAILED, &["--on", "2018-01-08..2018-01-09"]);
    refuse(EXIT_FAILED, &["--series", &project.path("replay.csv")]);
    refuse(EXIT_FAILED, &["--set", "pool.minimum_weight=0.005"]);
    let outcome = gradpool(["replay", &project.path("params.json")]);
    assert_eq!(outcome.code, EXIT_FAILED);
    said += &outcome.stderr_without(project.folder.path());
    insta::assert_snapshot!(said);
}

#[test]
fn help() {
    insta::assert_snapshot!(gradpool(["replay", "--help"]).stdout);
}
