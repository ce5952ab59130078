//! Every kind of bad file is refused with file, row, time and what would be right; what may be tolerated is recorded.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::single_range_in_vec_init, dead_code)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gradpool_market::{DataSource, FileSpec, Gaps, MarketError, OffGrid, Step, TimeUnit, load, load_range};
use support::{DAY, HOUR, folder, hourly};

/// The error of loading one asset from a CSV text.
fn refused(text: &str) -> MarketError {
    let folder = folder(&[("BTC_USD.csv", text)]);
    load(&DataSource::new(folder.path(), ["BTC"])).unwrap_err()
}

fn says(error: &MarketError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_missing_file_names_the_paths_that_were_tried_and_the_tickers_that_are_there() {
    let folder = folder(&[("ETH_USD.csv", "unix,close\n"), ("SOL_USD.parquet", ""), ("notes.txt", "")]);
    let error = load(&DataSource::new(folder.path(), ["BTC", "ETH"])).unwrap_err();
    assert!(matches!(error, MarketError::MissingFile { .. }));
    says(&error, &["BTC", "BTC_USD.parquet", "BTC_USD.csv", "the folder has ETH, SOL"]);
    assert!(error.hint().unwrap().contains("data.directory"));
}

#[test]
fn a_missing_column_names_the_columns_and_the_nearest_one() {
    let error = refused("unix,Close,open\n1,2,3\n");
    says(&error, &["BTC_USD.csv", "no column `close`", "`Close`", "`open`"]);
    assert_eq!(error.hint().unwrap(), "did you mean `Close`?");
    says(&refused("when,close\n1,2\n"), &["`unix` or `timestamp`", "`when`"]);
}

#[test]
fn a_gap_is_refused_with_its_times_and_filled_on_request() {
    let text = hourly(&[(0.0, "10"), (1.0, "11"), (4.0, "14"), (5.0, "15")]);
    let error = refused(&text);
    assert!(matches!(error, MarketError::Gap { missing: 2, .. }));
    says(
        &error,
        &[
            "row 3 (line 4)",
            "2023-03-01 04:00:00",
            "2 rows of BTC missing",
            "2023-03-01 02:00:00 .. 2023-03-01 03:00:00",
        ],
    );
    assert!(error.hint().unwrap().contains("ffill"));

    let folder = folder(&[("BTC_USD.csv", &text)]);
    let table = load(&DataSource { gaps: Gaps::Ffill, ..DataSource::new(folder.path(), ["BTC"]) }).unwrap();
    assert_eq!(table.prices(), [10.0, 11.0, 11.0, 11.0, 14.0, 15.0]);
    assert_eq!(table.filled(), [vec![2..4]]);
    assert_eq!(table.filled_count(0), 2);
    assert_eq!((0..6).map(|row| table.is_filled(row, 0)).collect::<Vec<_>>(), [false, false, true, true, false, false]);
}

#[test]
fn duplicates_are_refused_even_with_ffill_and_drop() {
    let text = hourly(&[(0.0, "10"), (1.0, "11"), (1.0, "12"), (2.0, "13")]);
    says(&refused(&text), &["row 3 (line 4)", "2023-03-01 01:00:00", "occurs twice, first in row 2"]);
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let lenient = DataSource { gaps: Gaps::Ffill, off_grid: OffGrid::Drop, ..DataSource::new(folder.path(), ["BTC"]) };
    assert!(matches!(load(&lenient), Err(MarketError::Duplicate { .. })));
}

#[test]
fn unsorted_rows_are_refused() {
    let error = refused(&hourly(&[(0.0, "10"), (2.0, "12"), (1.0, "11"), (3.0, "13")]));
    assert!(matches!(error, MarketError::Unsorted { .. }), "not the gap that the misplaced row leaves: {error}");
    says(&error, &["row 3 (line 4)", "2023-03-01 01:00:00", "earlier than the row before it (2023-03-01 02:00:00)"]);
}

#[test]
fn prices_that_are_not_above_zero_and_finite_are_refused() {
    for price in ["0", "-1", "NaN", "inf", "-0.0"] {
        let error = refused(&hourly(&[(0.0, "10"), (1.0, price), (2.0, "12")]));
        assert!(matches!(error, MarketError::BadPrice { .. }), "{price}: {error}");
        says(&error, &["BTC_USD.csv, row 2 (line 3), 2023-03-01 01:00:00", "finite and above zero"]);
    }
}

#[test]
fn cells_that_are_no_number_or_time_are_refused_with_their_text() {
    let error = refused(&hourly(&[(0.0, "10"), (1.0, "1,2".replace(',', "_").as_str()), (2.0, "12")]));
    says(&error, &["row 2 (line 3)", "column `close` holds `1_2`", "number above zero"]);
    says(
        &refused("unix,close\nyesterday,1\n"),
        &["row 1 (line 2)", "column `unix` holds `yesterday`", "expected a time"],
    );
    says(&refused("unix,close\n,1\n"), &["column `unix` holds ``"]);
}

#[test]
fn an_empty_cell_between_prices_is_a_gap_and_at_the_ends_no_row() {
    let folder = folder(&[(
        "wide.csv",
        "# made for a test\ndate,BTC,ETH\n2023-03-01,1,\n2023-03-02,2,\n2023-03-03,3,30\n2023-03-04,4,40\n2023-03-05,,50\n",
    )]);
    let mut source = DataSource::new(folder.path(), ["ETH", "BTC"]);
    for asset in ["BTC", "ETH"] {
        let spec = FileSpec { path: "wide.csv".into(), price_column: Some(asset.to_owned()), ..FileSpec::default() };
        source.files.insert(asset.to_owned(), spec);
    }
    let table = load(&source).unwrap();
    assert_eq!(table.assets(), ["BTC", "ETH"]);
    assert_eq!(table.prices(), [3.0, 30.0, 4.0, 40.0]);
    assert_eq!(table.grid().rows_per_day(), 1);

    let holed = "date,close\n2023-03-01,1\n2023-03-02,2\n2023-03-03,\n2023-03-04,4\n";
    let error = refused(holed);
    says(&error, &["row 4 (line 5)", "2023-03-03 00:00:00"]);
}

#[test]
fn rows_off_the_grid_are_refused_or_dropped_and_counted() {
    let hours =
        [(0.0, "10"), (1.0, "11"), (1.5, "11.5"), (2.0, "12"), (3.0, "13"), (4.0, "14"), (5.0, "15"), (5.25, "15.5")];
    let text = hourly(&hours);
    let error = refused(&text);
    assert!(matches!(error, MarketError::OffGrid { .. }));
    says(
        &error,
        &["row 3 (line 4), 2023-03-01 01:30:00", "off the grid of 1 h", "nearest grid time is 2023-03-01 02:00:00"],
    );
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let table = load(&DataSource { off_grid: OffGrid::Drop, ..DataSource::new(folder.path(), ["BTC"]) }).unwrap();
    assert_eq!(table.prices(), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
    assert_eq!(table.origins()[0].dropped_off_grid, 2);
}

#[test]
fn only_the_rows_of_the_requested_range_are_checked() {
    let text = hourly(&[(0.0, "0"), (1.0, "11"), (5.0, "15"), (6.0, "16"), (7.0, "17"), (8.0, "bad")]);
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let source = DataSource::new(folder.path(), ["BTC"]);
    let load_hours = |from: i64, to: i64| load_range(&source, Some(DAY + from * HOUR..DAY + to * HOUR));
    assert_eq!(load_hours(5, 8).unwrap().prices(), [15.0, 16.0, 17.0]);
    assert!(matches!(load_hours(1, 8), Err(MarketError::Gap { missing: 3, .. })));
    // A range that begins or ends inside a gap does not hide it.
    assert!(matches!(load_hours(3, 8), Err(MarketError::Gap { missing: 2, .. })));
    assert!(matches!(load_hours(1, 3), Err(MarketError::Gap { missing: 1, .. })));
    let filling = DataSource { gaps: Gaps::Ffill, ..source.clone() };
    let table = load_range(&filling, Some(DAY + 3 * HOUR..DAY + 6 * HOUR)).unwrap();
    assert_eq!((table.prices(), table.filled()), (&[11.0, 11.0, 15.0][..], &[vec![0..2]][..]));
    says(
        &load_hours(100, 200).unwrap_err(),
        &["no time at which every asset has a price", "BTC 2023-03-01", "the requested range"],
    );
}

#[test]
fn assets_are_cut_to_common_times_and_need_one_grid() {
    let folder = folder(&[
        ("BTC_USD.csv", &hourly(&[(0.0, "10"), (1.0, "11"), (2.0, "12"), (3.0, "13")])),
        ("ETH_USD.csv", &hourly(&[(2.0, "1"), (3.0, "2"), (4.0, "3")])),
        ("LTC_USD.csv", &hourly(&[(8.0, "1"), (9.0, "2")])),
        ("DOT_USD.csv", &hourly(&[(0.0, "1"), (24.0, "2")])),
        ("XRP_USD.csv", &hourly(&[(0.25, "1"), (1.25, "2")])),
    ]);
    let table = load(&DataSource::new(folder.path(), ["ETH", "BTC", "USD"])).unwrap();
    assert_eq!(table.assets(), ["BTC", "ETH", "USD"]);
    assert_eq!(table.prices(), [12.0, 1.0, 1.0, 13.0, 2.0, 1.0]);
    assert!(table.origins()[2].file.is_none());
    let error = |assets: &[&str]| load(&DataSource::new(folder.path(), assets.iter().copied())).unwrap_err();
    says(&error(&["BTC", "LTC"]), &["no time at which every asset has a price", "LTC 2023-03-01 08:00:00"]);
    says(&error(&["BTC", "DOT"]), &["BTC has rows every 1 h, DOT every 1 d"]);
    says(&error(&["BTC", "XRP"]), &["XRP every 1 h (shifted by 15 min)"]);
}

#[test]
fn impossible_lists_of_assets_are_refused() {
    let folder = folder(&[("BTC_USD.csv", &hourly(&[(0.0, "10"), (1.0, "11")]))]);
    let error = |assets: &[&str]| load(&DataSource::new(folder.path(), assets.iter().copied())).unwrap_err();
    says(&error(&[]), &["empty"]);
    says(&error(&["BTC", "BTC"]), &["`BTC` is named twice"]);
    says(&error(&["USD"]), &["only USD"]);
    says(&error(&["../BTC"]), &["no ticker"]);
    let mut stray = DataSource::new(folder.path(), ["BTC"]);
    stray.files = BTreeMap::from([("BTX".to_owned(), FileSpec::default())]);
    says(&load(&stray).unwrap_err(), &["`BTX`"]);
}

#[test]
fn a_step_that_cannot_be_told_or_does_not_divide_a_day_is_refused() {
    let error = refused(&hourly(&[(0.0, "10")]));
    says(&error, &["cannot tell the step"]);
    assert!(error.hint().unwrap().contains("step ="));
    says(&refused(&hourly(&[(0.0, "10"), (7.0, "11"), (14.0, "12")])), &["most frequent spacing is 7 h"]);
    let folder = folder(&[("BTC_USD.csv", &hourly(&[(0.0, "10"), (7.0, "11")]))]);
    let source = DataSource { step: Some(Step::HOUR), gaps: Gaps::Ffill, ..DataSource::new(folder.path(), ["BTC"]) };
    assert_eq!(load(&source).unwrap().rows(), 8);
}

#[test]
fn a_stray_time_far_away_is_an_error_and_not_an_allocation() {
    let mut text = hourly(&[(0.0, "10"), (1.0, "11"), (2.0, "12")]);
    writeln!(text, "{},13", DAY + 2_000_000_000 * HOUR).unwrap();
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let spec = FileSpec { path: "BTC_USD.csv".into(), time_unit: TimeUnit::Ms, ..FileSpec::default() };
    let mut source = DataSource::new(folder.path(), ["BTC"]);
    source.files = BTreeMap::from([("BTC".to_owned(), spec)]);
    says(&load(&source).unwrap_err(), &["is a time or its unit wrong?"]);
}

#[test]
fn files_that_are_not_what_their_name_says_are_refused() {
    let folder =
        folder(&[("BTC_USD.parquet", "unix,close\n1,2\n"), ("ETH_USD.csv", "unix,close\n1,2\n1\n"), ("x.json", "{}")]);
    let error = load(&DataSource::new(folder.path(), ["BTC"])).unwrap_err();
    says(&error, &["BTC_USD.parquet is not a readable parquet file"]);
    let error = load(&DataSource::new(folder.path(), ["ETH"])).unwrap_err();
    says(&error, &["ETH_USD.csv is not a readable CSV file"]);
    let mut source = DataSource::new(folder.path(), ["BTC"]);
    source.files = BTreeMap::from([("BTC".to_owned(), FileSpec { path: "x.json".into(), ..FileSpec::default() })]);
    says(&load(&source).unwrap_err(), &["x.json is not a price file", ".csv.gz"]);
}

#[test]
fn a_source_reads_from_configuration_and_refuses_unknown_keys() {
    let text = r#"{"directory": "d", "assets": ["BTC"], "gaps": "ffill", "off_grid": "drop", "step": "1 h",
        "files": {"BTC": {"path": "x.csv", "time_column": "", "price_column": "BTC:close", "time_unit": "datetime"}}}"#;
    let source: DataSource = serde_json::from_str(text).unwrap();
    assert_eq!((source.gaps, source.off_grid, source.step), (Gaps::Ffill, OffGrid::Drop, Some(Step::HOUR)));
    assert_eq!(source.files["BTC"].time_unit, TimeUnit::Datetime);
    assert_eq!(serde_json::from_str::<DataSource>(&serde_json::to_string(&source).unwrap()).unwrap(), source);
    let error = serde_json::from_str::<DataSource>(r#"{"directory": "d", "assets": [], "gap": "ffill"}"#).unwrap_err();
    assert!(error.to_string().contains("`gap`") && error.to_string().contains("`gaps`"), "{error}");
}
