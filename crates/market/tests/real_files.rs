//! The bundled files load and are what their recipe makes; the reference prices load.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::single_range_in_vec_init, dead_code)]

#[path = "../examples/recipe/mod.rs"]
mod recipe;
mod support;

use std::path::Path;

use gradpool_market::{
    DataSource, FileSpec, Gaps, MarketError, PeriodSpec, Periods, inspect_path, load, load_range, parse_time,
};
use support::{shared, workspace};
use tempfile::TempDir;

/// Folder, assets, first day, last day, missing rows.
const BUNDLED: [(&str, &[&str], &str, &str, usize); 3] = [
    ("daily", &["BTC", "ETH", "LTC"], "2017-11-09 00:00:00", "2020-01-17 00:00:00", 12),
    ("daily_bitfinex", &["BTC", "ETH"], "2016-05-27 00:00:00", "2020-01-17 00:00:00", 12),
    ("hourly", &["BTC"], "2017-08-17 04:00:00", "2024-01-01 23:00:00", 74),
];

#[test]
fn every_bundled_file_holds_what_the_readme_says() {
    for (folder, assets, first, last, missing) in BUNDLED {
        let inspection = inspect_path(&workspace().join("datasets").join(folder)).unwrap();
        let common = inspection.common.as_ref().unwrap();
        assert_eq!((common.first_time.as_str(), common.last_time.as_str()), (first, last), "{folder}");
        assert_eq!(inspection.assets.iter().map(|asset| asset.asset.as_str()).collect::<Vec<_>>(), assets);
        for asset in &inspection.assets {
            assert_eq!(asset.missing_rows, missing, "{folder} {}", asset.asset);
            let others = asset.duplicate_count + asset.unsorted_count + asset.off_grid_count + asset.bad_price_count;
            assert_eq!((others, asset.filled_rows, asset.bad_time_count), (0, 0, 0), "{folder} {}", asset.asset);
        }
    }
}

#[test]
fn the_bundled_days_before_the_gap_need_no_filling_and_the_gap_itself_is_refused() {
    let source = DataSource::new(workspace().join("datasets/daily"), ["BTC", "ETH", "LTC"]);
    let range = |from: &str, to: &str| Some(parse_time(from).unwrap()..parse_time(to).unwrap());
    let before = load_range(&source, range("2017-11-09", "2019-03-20")).unwrap();
    assert_eq!((before.rows(), before.filled_count(0)), (496, 0));
    assert_eq!(before.row(before.rows() - 1).len(), 3);
    let after = load_range(&source, range("2019-04-01", "2030-01-01")).unwrap();
    assert_eq!(after.rows(), 292);
    let error = load(&source).unwrap_err();
    assert!(matches!(error, MarketError::Gap { missing: 12, .. }));
    assert!(error.to_string().contains("2019-03-20 00:00:00 .. 2019-03-31 00:00:00"), "{error}");
    let filled = load(&DataSource { gaps: Gaps::Ffill, ..source }).unwrap();
    assert_eq!((filled.rows(), filled.filled_count(2)), (800, 12));
}

#[test]
fn the_bundled_files_are_what_their_recipe_makes() {
    let Some(shared) = shared("the_bundled_files_are_what_their_recipe_makes") else { return };
    let again = TempDir::new().unwrap();
    let made = recipe::make_datasets(&shared.join("data"), again.path()).unwrap();
    assert_eq!(made.len(), 6);
    assert_eq!(made.last().unwrap().dropped_off_grid, 43);
    for (folder, assets, ..) in BUNDLED {
        let hash = |root: &Path| {
            load(&DataSource { gaps: Gaps::Ffill, ..DataSource::new(root.join(folder), assets.iter().copied()) })
                .unwrap()
                .content_hash()
        };
        assert_eq!(hash(&workspace().join("datasets")), hash(again.path()), "{folder}");
    }
}

#[test]
fn the_reference_prices_load_and_give_the_references_periods() {
    let Some(shared) = shared("the_reference_prices_load_and_give_the_references_periods") else { return };
    let assets = ["SOL", "BTC", "ETH", "LINK", "PAXG", "USDC"];
    let table = load(&DataSource::new(shared.join("golden/prices"), assets)).unwrap();
    assert_eq!(table.grid().to_string(), "2023-01-01 00:00:00 .. 2023-06-01 00:00:00 every 1 min (217441 rows)");
    assert_eq!(table.row(0), [16_541.8, 1_196.35, 5.572_14, 1_818.44, 9.962_13, 0.999_968]);

    let time = |text: &str| parse_time(text).unwrap();
    let spec = PeriodSpec { burn_in_days: 30.0, ..PeriodSpec::new(time("2023-03-01"), time("2023-05-02")) };
    let periods = Periods::new(&spec, table.grid()).unwrap();
    assert_eq!(table.grid().time_ms(periods.origin), time("2023-01-30"));
    let from_origin = periods.from_origin();
    assert_eq!((from_origin.train.start, from_origin.train.len()), (43_200, 89_280));
    // The reference includes the end row (spec 06 sec. 6.3).
    let inclusive = Periods::new(&PeriodSpec { inclusive_end: true, ..spec }, table.grid()).unwrap().from_origin();
    assert_eq!((inclusive.train.start, inclusive.train.len()), (43_200, 89_281));
}

#[test]
fn real_minutes_with_holes_are_refused_or_filled() {
    let Some(shared) = shared("real_minutes_with_holes_are_refused_or_filled") else { return };
    let mut source = DataSource::new(shared.join("data/not_for_the_project"), ["BTC", "LTC"]);
    for asset in ["BTC", "LTC"] {
        let spec = FileSpec { path: format!("{asset}_USD_1m_2018_2019_raw.parquet").into(), ..FileSpec::default() };
        source.files.insert(asset.to_owned(), spec);
    }
    let range = Some(parse_time("2018-03-01").unwrap()..parse_time("2018-03-08").unwrap());
    assert!(matches!(load_range(&source, range.clone()), Err(MarketError::Gap { .. })));
    source.gaps = Gaps::Ffill;
    let table = load_range(&source, range).unwrap();
    assert_eq!((table.rows(), table.grid().days()), (10_080, 7.0));
    assert!(table.filled_count(1) > table.filled_count(0));
}

#[test]
fn a_column_of_type_datetime_needs_no_mapping_of_its_unit() {
    let Some(shared) = shared("a_column_of_type_datetime_needs_no_mapping_of_its_unit") else { return };
    let path = shared.join("data/not_for_the_project/BTC_USDT_1h_2021_2026.parquet");
    let inspection = inspect_path(&path).unwrap();
    let bitcoin = &inspection.assets[0];
    assert_eq!((bitcoin.rows, bitcoin.gap_count, bitcoin.step_min), (43_986, 7, Some(60.0)));
    assert_eq!(bitcoin.first_time.as_deref(), Some("2021-01-12 08:00:00"));
}
