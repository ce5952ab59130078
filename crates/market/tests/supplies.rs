//! Circulating supplies: the formula by hand, alignment by time, what is marked, and what is refused.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::single_range_in_vec_init, dead_code)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use gradpool_market::{
    DAY_MS, DataSource, Grid, MINUTE_MS, MarketError, SupplyTable, format_time, load, load_supplies, parse_time,
};
use proptest::prelude::*;
use support::{DAY, HOUR, folder, shared};

fn names(assets: &[&str]) -> Vec<String> {
    assets.iter().map(|asset| (*asset).to_owned()).collect()
}

/// A market-cap file with daily rows from `DAY`; each entry is the price and the market capitalisation.
fn daily(rows: &[(&str, &str)]) -> String {
    let header = "snapped_at,price,market_cap,total_volume\n".to_owned();
    rows.iter().enumerate().fold(header, |mut text, (day, (price, market_cap))| {
        writeln!(text, "{} UTC,{price},{market_cap},7", format_time(DAY + day as i64 * DAY_MS)).unwrap();
        text
    })
}

/// Daily rows with these supplies at a price of 2; `None` is an empty cell.
fn of_supplies(supplies: &[Option<f64>]) -> String {
    let cells: Vec<_> =
        supplies.iter().map(|supply| supply.map_or(String::new(), |supply| (2.0 * supply).to_string())).collect();
    daily(&cells.iter().map(|cell| ("2", cell.as_str())).collect::<Vec<_>>())
}

fn load_one(text: &str, grid: Grid) -> Result<SupplyTable, MarketError> {
    let folder = folder(&[("btc-usd-max.csv", text)]);
    load_supplies(folder.path(), &names(&["BTC"]), grid)
}

/// The table of one asset on a daily grid.
fn on_days(text: &str, first_day: i64, rows: usize) -> Result<SupplyTable, MarketError> {
    load_one(text, Grid::new(DAY + first_day * DAY_MS, DAY_MS, rows).unwrap())
}

fn says(error: &MarketError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// The defect of a market-cap file.
fn refused(text: &str) -> MarketError {
    match on_days(text, 0, 1).unwrap_err() {
        MarketError::MarketCapFile { defect } => *defect,
        other => panic!("not a defect of the file: {other:?}"),
    }
}

#[test]
fn a_supply_is_market_capitalisation_over_price() {
    let folder = folder(&[
        ("btc-usd-max.csv", &daily(&[("20000", "380000000000"), ("25000", "482500000000")])),
        ("usd-usd-max.csv", &daily(&[("1", "3000"), ("1.0", "3001.5")])),
    ]);
    let grid = Grid::new(DAY, DAY_MS, 2).unwrap();
    let table = load_supplies(folder.path(), &names(&["USD", "BTC"]), grid).unwrap();
    assert_eq!((table.assets(), table.grid(), table.rows()), (&names(&["BTC", "USD"])[..], &grid, 2));
    assert_eq!(table.supplies(), [1.9e7, 3000.0, 1.93e7, 3001.5]);
    assert_eq!(table.row(1), [1.93e7, 3001.5]);
    assert_eq!(table.stale(), [vec![], vec![]]);
}

#[test]
fn rows_without_a_price_or_a_capitalisation_are_missing_and_filled_from_before_then_from_after() {
    for (price, market_cap) in [("0", "5"), ("1e-10", "5"), ("-3", "5"), ("", "5"), ("3", "0"), ("3", ""), ("3", "NaN")]
    {
        let text = daily(&[(price, market_cap), ("2", "8"), (price, market_cap), ("2", "10")]);
        assert_eq!(on_days(&text, 0, 4).unwrap().supplies(), [4.0, 4.0, 4.0, 5.0], "{price} {market_cap}");
    }
    assert_eq!(on_days(&daily(&[("1.1e-10", "1.1e-10")]), 0, 1).unwrap().supplies(), [1.0]);
}

#[test]
fn a_long_hole_is_filled_seven_rows_from_either_side_and_carries_on_between_them() {
    let mut supplies = vec![None; 32];
    (supplies[0], supplies[31]) = (Some(1.0), Some(2.0));
    let table = on_days(&of_supplies(&supplies), 0, 32).unwrap();
    // Rows 1..=7 are filled from before, 24..=30 from after; between them nothing newer than row 7 is known.
    let expected: Vec<f64> = (0..32).map(|row| if row < 24 { 1.0 } else { 2.0 }).collect();
    assert_eq!(table.supplies(), expected);
    assert_eq!(table.stale(), [vec![15..24]]);
}

#[test]
fn rows_before_the_first_supply_are_refused_where_filling_does_not_reach() {
    let mut supplies = vec![None; 10];
    supplies[9] = Some(3.0);
    assert_eq!(on_days(&of_supplies(&supplies), 2, 8).unwrap().supplies(), [3.0; 8]);
    let error = on_days(&of_supplies(&supplies), 1, 9).unwrap_err();
    assert!(matches!(error, MarketError::SupplyTooLate { .. }));
    says(&error, &["btc-usd-max.csv", "BTC only from 2023-03-03 00:00:00", "begin at 2023-03-02 00:00:00"]);
}

#[test]
fn an_outlier_is_clipped_to_three_sample_deviations() {
    let mut supplies = vec![Some(10.0); 40];
    (supplies[5], supplies[20]) = (Some(1000.0), None);
    let table = on_days(&of_supplies(&supplies), 0, 40).unwrap();
    // Mean and deviation of 38 tens and one thousand.
    let mean = (38.0 * 10.0 + 1000.0) / 39.0;
    let deviation: f64 = ((38.0 * (mean - 10.0_f64).powi(2) + (1000.0 - mean).powi(2)) / 38.0).sqrt();
    let clipped = table.row(5)[0];
    assert!((clipped / (mean + 3.0 * deviation) - 1.0).abs() < 1e-14 && clipped < 1000.0, "{clipped}");
    assert!((0..40).filter(|&row| row != 5).all(|row| table.row(row) == [10.0]));
}

#[test]
fn a_low_outlier_is_raised() {
    let mut supplies = vec![Some(1000.0); 40];
    supplies[5] = Some(500.0);
    let table = on_days(&of_supplies(&supplies), 0, 40).unwrap();
    let mean = (39.0 * 1000.0 + 500.0) / 40.0;
    let deviation: f64 = ((39.0 * (1000.0_f64 - mean).powi(2) + (500.0_f64 - mean).powi(2)) / 39.0).sqrt();
    let raised = table.row(5)[0];
    assert!((raised / (mean - 3.0 * deviation) - 1.0).abs() < 1e-14 && raised > 500.0, "{raised}");
}

#[test]
fn one_supply_alone_has_no_deviation_and_stays() {
    assert_eq!(on_days(&daily(&[("2", "9"), ("0", "0")]), 0, 2).unwrap().supplies(), [4.5, 4.5]);
}

#[test]
fn a_grid_that_starts_within_a_day_takes_the_newest_supply_at_or_before_each_row() {
    let text = of_supplies(&[Some(1.0), Some(2.0), Some(3.0)]);
    let hourly = load_one(&text, Grid::new(DAY + 13 * HOUR, HOUR, 36).unwrap()).unwrap();
    let expected: Vec<f64> = (0..36)
        .map(|row| match row {
            0..11 => 1.0,
            11..35 => 2.0,
            _ => 3.0,
        })
        .collect();
    assert_eq!(hourly.supplies(), expected);
    let minutes = load_one(&text, Grid::new(DAY + DAY_MS - MINUTE_MS, MINUTE_MS, 3).unwrap()).unwrap();
    assert_eq!(minutes.supplies(), [1.0, 2.0, 2.0]);
    let noons = load_one(&text, Grid::new(DAY + 12 * HOUR, DAY_MS, 3).unwrap()).unwrap();
    assert_eq!(noons.supplies(), [1.0, 2.0, 3.0]);
}

#[test]
fn file_rows_at_any_time_of_day_count_from_their_own_time() {
    let text = "# a comment\nprice,snapped_at,market_cap\n2,2023-03-01 09:30:00 UTC,2\n2,2023-03-01T11:00:00Z,4\n2,2023-03-01 11:45:30,6\n";
    let table = load_one(text, Grid::new(DAY + 10 * HOUR, HOUR, 3).unwrap()).unwrap();
    assert_eq!(table.supplies(), [1.0, 2.0, 3.0]);
    let error = load_one(text, Grid::new(DAY + 9 * HOUR, HOUR, 3).unwrap()).unwrap_err();
    says(&error, &["only from 2023-03-01 09:30:00", "begin at 2023-03-01 09:00:00"]);
}

#[test]
fn a_supply_older_than_seven_days_is_carried_on_and_marked() {
    let text = of_supplies(&[Some(1.0), Some(2.0)]);
    let table = on_days(&text, 0, 20).unwrap();
    assert_eq!(table.supplies()[1..], [2.0; 19]);
    assert_eq!(table.stale(), [vec![9..20]]);
    let minutes = load_one(&text, Grid::new(DAY + 8 * DAY_MS, MINUTE_MS, 2).unwrap()).unwrap();
    assert_eq!(minutes.stale(), [vec![1..2]], "exactly seven days are fresh");
}

#[test]
fn a_missing_file_names_itself_and_what_is_there() {
    let folder = folder(&[("btc-usd-max.csv", &of_supplies(&[Some(1.0)])), ("eth-usd-min.csv", "")]);
    let error =
        |assets: &[&str]| load_supplies(folder.path(), &names(assets), Grid::new(DAY, DAY_MS, 1).unwrap()).unwrap_err();
    let missing = error(&["BTC", "ETH"]);
    assert!(matches!(missing, MarketError::MissingMarketCaps { .. }));
    says(&missing, &["of ETH", "eth-usd-max.csv", "the folder has `btc-usd-max.csv`"]);
    assert!(!missing.to_string().contains("cash"), "{missing}");
    assert!(missing.hint().unwrap().contains("snapped_at"));
    says(&error(&["BTC", "USD"]), &["usd-usd-max.csv", "the cash leg USD needs a file too"]);
}

#[test]
fn a_missing_column_names_the_columns_of_the_file_and_of_the_layout() {
    for (missing, header) in [
        ("snapped_at", "date,price,market_cap"),
        ("price", "snapped_at,close,market_cap"),
        ("market_cap", "snapped_at,price,cap"),
    ] {
        let text = format!("{header}\n2023-03-01,1,1\n");
        let error = on_days(&text, 0, 1).unwrap_err();
        says(&error, &["btc-usd-max.csv", &format!("no column `{missing}`"), header.split(',').next().unwrap()]);
        assert!(error.hint().unwrap().contains("snapped_at (date and time, UTC), price and market_cap"));
    }
}

#[test]
fn unreadable_cells_are_refused_with_line_and_column() {
    let row = |cells: &str| refused(&format!("snapped_at,price,market_cap\n2023-03-01 00:00:00 UTC,1,1\n{cells}\n"));
    let line = "btc-usd-max.csv, row 2 (line 3)";
    says(&row("yesterday,1,1"), &[line, "column `snapped_at` holds `yesterday`", "2023-01-01 00:00:00 UTC"]);
    says(&row("1677715200000,1,1"), &[line, "column `snapped_at` holds `1677715200000`"]);
    let time = "2023-03-02 00:00:00";
    says(&row("2023-03-02,a lot,1"), &[line, time, "column `price` holds `a lot`", "a finite number"]);
    says(&row("2023-03-02,inf,1"), &[line, time, "column `price` holds `inf`"]);
    says(&row("2023-03-02,1,1_000"), &[line, time, "column `market_cap` holds `1_000`"]);
    says(&row("2023-03-02,1e-9,1e308"), &[line, time, "column `market_cap` holds `1e308`", "finite supply above zero"]);
    says(&row("2023-03-02,1e10,5e-324"), &[line, time, "column `market_cap` holds `5e-324`"]);
    says(&row("2023-03-02,1"), &["btc-usd-max.csv is not a readable CSV file"]);
}

#[test]
fn unsorted_and_repeated_times_are_refused() {
    let rows = |second: &str| format!("snapped_at,price,market_cap\n2023-03-02,1,1\n{second},1,1\n");
    let unsorted = on_days(&rows("2023-03-01"), 0, 1).unwrap_err();
    says(&unsorted, &["row 2 (line 3), 2023-03-01 00:00:00", "earlier than the row before it (2023-03-02 00:00:00)"]);
    assert_eq!(unsorted.hint(), None, "`gradpool data inspect` knows price files only");
    assert!(matches!(refused(&rows("2023-03-01")), MarketError::Unsorted { .. }));
    let repeated = refused(&rows("2023-03-02 00:00:00 UTC"));
    assert!(matches!(repeated, MarketError::Duplicate { .. }));
    says(&repeated, &["row 2 (line 3), 2023-03-02 00:00:00", "first in row 1"]);
}

#[test]
fn a_file_without_a_single_supply_is_refused_and_not_taken_for_one() {
    for text in [daily(&[]), daily(&[("0", "5"), ("5", "0"), ("", "")])] {
        let error = on_days(&text, 0, 1).unwrap_err();
        assert!(matches!(error, MarketError::NoSupply { .. }));
        says(&error, &["btc-usd-max.csv", "supply of BTC is unknown"]);
    }
}

#[test]
fn rows_of_any_order_of_assets_become_a_table_and_impossible_ones_are_refused() {
    let grid = Grid::new(DAY, HOUR, 2).unwrap();
    let table = SupplyTable::from_rows(&names(&["SOL", "BTC"]), grid, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!((table.assets(), table.supplies()), (&names(&["BTC", "SOL"])[..], &[2.0, 1.0, 4.0, 3.0][..]));

    for range in [0..3, 1..1] {
        assert!(matches!(table.slice(range), Err(MarketError::InvalidSupplies { .. })));
    }

    let error =
        |grid, values: &[f64]| SupplyTable::from_rows(&names(&["SOL", "BTC"]), grid, values.to_vec()).unwrap_err();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        says(&error(grid, &[1.0, 2.0, bad, 4.0]), &["supply of SOL at 2023-03-01 01:00:00 (row 1)", "above zero"]);
    }
    says(&error(grid, &[1.0; 3]), &["3 values for 2 rows of 2 assets"]);
    says(&error(Grid { rows: 0, ..grid }, &[]), &["no rows"]);
    assert!(matches!(error(Grid { step_ms: 7, ..grid }, &[1.0; 4]), MarketError::InvalidStep { .. }));
    let twice = SupplyTable::from_rows(&names(&["BTC", "BTC"]), grid, vec![1.0; 4]).unwrap_err();
    assert!(matches!(twice, MarketError::InvalidAssets { .. }));
}

proptest! {
    #[test]
    fn a_slice_is_what_its_own_grid_would_have_loaded(
        supplies in prop::collection::vec(prop::option::of(0.5_f64..1e9), 1..30),
        start_hours in 0_i64..100, rows in 2_usize..400, cut in any::<[prop::sample::Index; 2]>(),
    ) {
        let mut supplies = supplies;
        supplies[0] = Some(1.0);
        let text = of_supplies(&supplies);
        let grid = Grid::new(DAY + start_hours * HOUR, HOUR, rows).unwrap();
        let whole = load_one(&text, grid).unwrap();
        let (first, last) = (cut[0].index(rows), cut[1].index(rows));
        let range = first.min(last)..first.max(last) + 1;
        let part = Grid::new(grid.time_ms(range.start), HOUR, range.len()).unwrap();
        prop_assert_eq!(whole.slice(range).unwrap(), load_one(&text, part).unwrap());
    }
}

#[test]
fn the_reference_market_capitalisations_load_on_the_grid_of_the_reference_prices() {
    let Some(shared) = shared("the_reference_market_capitalisations_load_on_the_grid_of_the_reference_prices") else {
        return;
    };
    let directory = shared.join("golden/prices/market_cap_data");
    let prices =
        load(&DataSource::new(shared.join("golden/prices"), ["BTC", "ETH", "LINK", "PAXG", "SOL", "USDC"])).unwrap();
    let table = load_supplies(&directory, prices.assets(), *prices.grid()).unwrap();
    assert_eq!((table.assets(), table.grid()), (prices.assets(), prices.grid()));
    assert!(table.supplies().iter().all(|supply| supply.is_finite() && *supply > 0.0));
    assert!(table.stale().iter().all(Vec::is_empty));

    // Bitcoin's supply grows evenly, so nothing is clipped; each day's row is the quotient, and the day keeps it.
    let rows = quotients(&directory.join("btc-usd-max.csv"));
    assert_eq!(rows.len(), 152);
    for (time_ms, quotient) in rows {
        let row = table.grid().row_of(time_ms).unwrap();
        assert!((table.row(row)[0] / quotient - 1.0).abs() < 1e-12, "{}", format_time(time_ms));
        let last = (row + 1439).min(table.rows() - 1);
        assert_eq!(table.row(last)[0].to_bits(), table.row(row)[0].to_bits(), "{}", format_time(time_ms));
    }
}

/// What the reference used in `index_mcap_zero` at its first and last of 63 days (`aux.chunkwise_supply_used`). It took them from the start of
/// the file (T2.6), which is 2023-01-01.
#[test]
fn the_references_supplies_are_these_at_the_times_that_it_really_took() {
    let Some(shared) = shared("the_references_supplies_are_these_at_the_times_that_it_really_took") else { return };
    let grid = Grid::new(parse_time("2023-01-01").unwrap(), DAY_MS, 63).unwrap();
    let directory = shared.join("golden/prices/market_cap_data");
    let table = load_supplies(&directory, &names(&["BTC", "ETH", "USDC"]), grid).unwrap();
    for (row, expected) in [
        (0, [19_300_000.0, 120_500_000.000_000_01, 42_000_000_000.0]),
        (62, [19_365_567.123_287_674, 120_909_369.863_013_73, 42_142_684_931.506_85]),
    ] {
        assert!(table.row(row).iter().zip(expected).all(|(supply, expected)| (supply / expected - 1.0).abs() < 1e-14));
    }
}

/// Time and market capitalisation over price of each row.
fn quotients(path: &Path) -> Vec<(i64, f64)> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |text: &str| text.parse::<f64>().unwrap();
        (parse_time(cells[0].trim_end_matches(" UTC")).unwrap(), number(cells[2]) / number(cells[1]))
    };
    text.lines().skip(1).map(row).collect()
}
