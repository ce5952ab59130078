//! The prices that configurations ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use std::path::Path;

use gradpool_cli::config::{Overrides, Source, load};
use gradpool_cli::setup::Setup;
use gradpool_market::format_time;

fn setup(source: Source, overrides: &Overrides) -> Setup {
    Setup::new(&load(&source, overrides).unwrap().config).unwrap()
}

#[test]
fn the_built_in_configuration_runs_on_the_bundled_prices() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/momentum.toml");
    let prices = setup(Source::File(file), &Overrides::default());
    let (table, periods) = (&prices.prices, &prices.periods);
    assert_eq!(table.assets(), ["BTC", "ETH", "LTC"]);
    assert_eq!(format_time(table.grid().time_ms(0)), "2017-11-09 00:00:00");
    assert_eq!((periods.origin, periods.train.start, periods.burn_in_days), (0, 60, 60));
    assert_eq!(periods.train.len() + periods.validation.clone().unwrap().len(), 327);
    assert_eq!(periods.validation.clone().unwrap().len(), 65);
    assert_eq!(format_time(table.grid().time_ms(periods.test.clone().unwrap().start)), "2018-12-01 00:00:00");
    assert_eq!(periods.test.clone().unwrap().end, table.rows());
    assert_eq!((0..3).map(|asset| table.filled_count(asset)).sum::<usize>(), 0);
}

#[test]
fn every_bundled_configuration_trains_its_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let configs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")).unwrap();
    let configs: Vec<_> = configs.map(|entry| entry.unwrap().path()).collect();
    assert!(configs.len() > 1, "{configs:?}");
    for config in configs {
        let (path, out) = (config.display().to_string(), folder.path().display().to_string());
        let step = ["train.iterations=1", "train.fail_fast=true"];
        let options = ["--set", step[0], "--set", step[1], "--out", &out, "--json"];
        let outcome = support::gradpool(["train", &path].into_iter().chain(options));
        assert_eq!(outcome.code, 0, "{path}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("warning"), "{path}: {}", outcome.stderr);
        let document = outcome.json();
        let name = document["run"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(name.starts_with(config.file_stem().unwrap().to_str().unwrap()), "{path} is named {name}");
        let events =
            std::fs::read_to_string(Path::new(document["run"].as_str().unwrap()).join("events.jsonl")).unwrap();
        let step = events.lines().find(|line| line.contains("\"event\":\"step\"")).unwrap();
        let step: serde_json::Value = serde_json::from_str(step).unwrap();
        for key in ["objective", "gradient_norm"] {
            // Of many sets there are quantiles, and how many of the sets they are of.
            let all_finite = match &step[key] {
                serde_json::Value::Array(numbers) => numbers.iter().all(serde_json::Value::is_number),
                quantiles => quantiles["finite"].is_number() && quantiles["finite"] == step["sets"],
            };
            assert!(all_finite, "{path}: {key} {}", step[key]);
        }
    }
}

#[test]
fn without_a_configuration_the_bundled_prices_are_found_from_any_folder() {
    assert_eq!(setup(Source::Default, &Overrides::default()).prices.assets(), ["BTC", "ETH", "LTC"]);
}

#[test]
fn a_fingerprint_gets_the_rows_that_the_reference_system_simulated() {
    let (Some(cases), Some(prices)) = (support::shared("golden/cases"), support::shared("golden/prices")) else {
        return;
    };
    for name in ["mom_vec_1440_zero", "mom_ragged", "mom_offset_start"] {
        let path = cases.join(format!("{name}.json"));
        let case: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let overrides = Overrides {
            data: Some(prices.clone()),
            set: vec!["period.validation_fraction=0".to_owned()],
            ..Overrides::default()
        };
        let loaded = setup(Source::File(path), &overrides);
        let (table, periods) = (&loaded.prices, &loaded.periods);
        let data = &case["data"];
        assert_eq!(table.grid().time_ms(periods.origin), data["first_unix_ms"].as_i64().unwrap(), "{name}");
        assert_eq!((periods.train.start - periods.origin) as u64, data["start_idx"].as_u64().unwrap(), "{name}");
        assert_eq!(periods.train.len() as u64, data["bout_length"].as_u64().unwrap(), "{name}");
    }
}

/// Market-cap files of the bundled assets with a row a day for so many days, on which the supply of BTC doubles.
fn market_caps(folder: &Path, days: i64) {
    let start = gradpool_market::parse_time("2017-11-09").unwrap();
    for (asset, growth) in [("btc", 1.0), ("eth", 0.0), ("ltc", 0.0)] {
        let mut text = "snapped_at,price,market_cap\n".to_owned();
        for day in 0..days {
            let time = format_time(start + day * gradpool_market::DAY_MS);
            let supply = 1.0 + growth * day as f64 / days as f64;
            text += &format!("{time} UTC,2.0,{}\n", 2.0 * supply);
        }
        std::fs::write(folder.join(format!("{asset}-usd-max.csv")), text).unwrap();
    }
}

#[test]
fn rules_that_weigh_by_market_cap_need_its_files_and_say_what_is_old() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/momentum.toml").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let named = format!("data.market_caps={}", folder.path().display());
    let compare = |set: &[&str]| {
        let set = ["pool.rule=index_market_cap"].iter().chain(set).flat_map(|set| ["--set", set]);
        support::gradpool(["compare", &config, "--json"].into_iter().chain(set))
    };
    let outcome = compare(&[]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("needs the circulating supply of every asset"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: name a folder with a file {ticker in lower case}-usd-max.csv"));
    let outcome = compare(&[&named]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("btc-usd-max.csv"), "{}", outcome.stderr);

    // The simulated rows end on 2018-11-30, 387 days after the first one.
    market_caps(folder.path(), 500);
    let fresh = compare(&[&named]);
    assert_eq!(fresh.code, 0, "{}", fresh.stderr);
    assert!(!fresh.stderr.contains("older than 7 days"), "{}", fresh.stderr);
    market_caps(folder.path(), 300);
    let stale = compare(&[&named]);
    assert!(stale.stderr.contains("rows are older than 7 days: "), "{}", stale.stderr);
    assert!(stale.stderr.contains(" of BTC, ") && stale.stderr.contains(" of LTC\n"), "{}", stale.stderr);

    // Supplies count in what identifies a run.
    let loaded = |set: &[String]| {
        let overrides = Overrides { set: set.to_vec(), ..Overrides::default() };
        setup(Source::File(config.clone().into()), &overrides).data_hash()
    };
    let index = ["pool.rule=index_market_cap".to_owned(), named];
    let (prices, few) = (loaded(&[]), loaded(&index));
    market_caps(folder.path(), 500);
    let many = loaded(&index);
    assert!(prices != few && few != many, "{prices} {few} {many}");
}
