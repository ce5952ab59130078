//! The command line itself: help, usage errors, output streams, and the commands about data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use std::path::Path;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use support::{COMPLETE, gradpool};

#[test]
fn help_of_every_command() {
    let mut help = String::new();
    for command in [
        &[][..],
        &["data"],
        &["data", "inspect"],
        &["data", "convert"],
        &["data", "synthesize"],
        &["rules"],
        &["schema"],
        &["completions"],
    ] {
        let outcome = gradpool(command.iter().copied().chain(["--help"]));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (EXIT_DONE, ""), "{command:?}");
        assert!(outcome.stdout.contains("Example"), "{command:?} has no example");
        help += &format!("===== gradpool {} --help\n{}\n", command.join(" "), outcome.stdout);
    }
    insta::assert_snapshot!(help);
}

#[test]
fn wrong_usage_exits_with_2_and_says_so_on_stderr() {
    let mut text = String::new();
    for arguments in [
        &[][..],
        &["tarin"],
        &["data", "inspect"],
        &["data", "synthesize", "--out", "x", "--step", "7min"],
        &["schema", "--device", "gpu"],
        &["schema", "-q", "-v"],
        &["schema", "--threads", "many"],
    ] {
        let outcome = gradpool(arguments.iter().copied());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_USAGE, ""), "{arguments:?}");
        text += &format!("===== gradpool {}\n{}\n", arguments.join(" "), outcome.stderr);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn version_is_the_packages() {
    let outcome = gradpool(["--version"]);
    assert_eq!((outcome.code, outcome.stdout), (EXIT_DONE, format!("gradpool {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_schema_describes_every_key() {
    let outcome = gradpool(["schema"]);
    let schema = outcome.json();
    assert_eq!(outcome.code, EXIT_DONE);
    assert_eq!(schema["properties"]["train"]["$ref"], "#/$defs/TrainSection");
    assert_eq!(schema["$defs"]["TrainSection"]["additionalProperties"], false);
    assert_eq!(schema["$defs"]["TrainSection"]["properties"]["iterations"]["default"], 1000);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let outcome = gradpool(["completions", shell]);
        assert_eq!(outcome.code, EXIT_DONE);
        assert!(outcome.stdout.contains("synthesize"), "{shell}");
    }
}

#[test]
fn synthetic_prices_are_reproducible_and_can_be_inspected_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let synthesize = |out: &str, seed: &str| {
        let options = ["--assets", "BTC,ETH", "--days", "30", "--step", "1h", "--seed", seed, "--json"];
        let outcome = gradpool(["data", "synthesize", "--out", &at(out)].into_iter().chain(options));
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        outcome.json()
    };
    let first = synthesize("first", "7");
    assert_eq!(first["rows"], 720);
    assert_eq!(first["assets"], serde_json::json!(["BTC", "ETH"]));
    assert_eq!(first["content_hash"], synthesize("again", "7")["content_hash"]);
    assert_ne!(first["content_hash"], synthesize("other", "8")["content_hash"]);

    let inspected = gradpool(["data", "inspect", &at("first"), "--json"]).json();
    assert_eq!(inspected["assets"][1]["asset"], "ETH");
    assert_eq!(inspected["assets"][1]["gap_count"], 0);
    assert_eq!(inspected["assets"][1]["step"], "1 h");

    let convert =
        ["data", "convert", &at("first"), "--format", "csv", "--out", &at("csv"), "--asset", "ETH"].map(str::to_owned);
    let range = ["--from", "2023-01-02", "--until", "2023-01-04", "--json"].map(str::to_owned);
    let converted = gradpool(convert.into_iter().chain(range)).json();
    assert_eq!(converted["files"][0]["rows"], 48);
    assert!(folder.path().join("csv/ETH_USD.csv").is_file());
}

/// A CSV of another layout with a gap, a row off the grid and a bad price.
fn messy(folder: &Path) -> String {
    let path = folder.join("messy.csv");
    let rows = "day,BTC:last\n2018-01-01,100\n2018-01-02,101\n2018-01-05,104\n2018-01-06 07:00,99\n2018-01-06,105\n2018-01-07,-1\n";
    std::fs::write(&path, rows).unwrap();
    path.display().to_string()
}

#[test]
fn findings_about_bad_prices_are_text_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let path = messy(folder.path());
    let outcome = gradpool(["data", "inspect", &path, "--asset", "BTC=BTC:last", "--time-column", "day"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    insta::assert_snapshot!(outcome.stdout.replace(&folder.path().display().to_string(), "FOLDER"));
}

#[test]
fn errors_have_causes_and_hints() {
    let folder = tempfile::tempdir().unwrap();
    let path = messy(folder.path());
    let out = folder.path().join("out").display().to_string();
    let config = folder.path().join("run.toml");
    std::fs::write(&config, COMPLETE.replace("assets", "asets")).unwrap();
    let config = config.display().to_string();
    let blocked = folder.path().join("messy.csv/below").display().to_string();
    let mut text = String::new();
    for arguments in [
        vec!["data", "convert", &path, "--out", &out],
        vec!["data", "convert", &path, "--asset", "BTC=BTC:last", "--time-column", "day", "--out", &out],
        vec!["data", "convert", &path, "--asset", "BTC=BTC:lst", "--out", &out],
        vec!["data", "convert", "no/such/folder", "--out", &out],
        vec!["data", "convert", &path, "--asset", "BTC=BTC:last", "--from", "yesterday", "--out", &out],
        vec![
            "data",
            "convert",
            &path,
            "--asset",
            "BTC=BTC:last",
            "--from",
            "2018-01-02",
            "--until",
            "2018-01-01",
            "--out",
            &out,
        ],
        vec!["data", "inspect", &config],
        vec!["data", "inspect", &out],
        vec!["data", "synthesize", "--days", "1", "--step", "1h", "--out", &blocked],
        vec!["data", "synthesize", "--days", "1", "--step", "1h", "--correlation", "2", "--out", &out],
    ] {
        let outcome = gradpool(arguments.clone());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""), "{arguments:?}");
        let command = arguments.join(" ").replace(&folder.path().display().to_string(), "FOLDER");
        text += &format!("$ gradpool {command}\n{}\n", outcome.stderr_without(folder.path()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_configuration_is_a_source_of_prices() {
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("prices").display().to_string();
    let made = gradpool(["data", "synthesize", "--assets", "BTC,ETH", "--days", "9", "--step", "1d", "--out", &prices]);
    assert_eq!(made.code, EXIT_DONE);
    let config = folder.path().join("run.toml");
    std::fs::write(&config, COMPLETE.replace("[data]", "[data]\ndirectory = \"prices\"")).unwrap();
    let outcome = gradpool(["data".into(), "inspect".into(), config.into_os_string(), "--json".into()]);
    assert_eq!(outcome.json()["common"]["rows"], 9);
}
