//! Spreads beside a price table: days, gaps, the cash leg, and what is refused.
#![allow(clippy::unwrap_used, clippy::print_stderr, dead_code)]

mod support;

use std::fmt::Write as _;

use gradpool_market::{DataSource, FileSpec, Gaps, Grid, MarketError, SpreadTable, load, load_spreads};
use support::{DAY, HOUR, folder};

/// Hourly bars from `DAY` on; the hours in `without` are left out.
fn bars(hours: usize, without: &[usize]) -> String {
    let mut text = "unix,open,high,low,close\n".to_owned();
    for hour in (0..hours).filter(|hour| !without.contains(hour)) {
        let middle = 100.0 + (hour as f64 * 0.7).sin();
        let (open, close) = (middle + (hour as f64 * 2.1).cos() * 0.3, middle + (hour as f64 * 1.3).sin() * 0.3);
        let time = DAY + hour as i64 * HOUR;
        writeln!(text, "{time},{open},{},{},{close}", middle + 0.4, middle - 0.4).unwrap();
    }
    text
}

fn spreads_from(text: &str, grid: Grid) -> Result<SpreadTable, MarketError> {
    let folder = folder(&[("BTC_USD.csv", text)]);
    load_spreads(&DataSource { gaps: Gaps::Ffill, ..DataSource::new(folder.path(), ["BTC", "USD"]) }, grid)
}

fn grid(first_hour: i64, rows: usize) -> Grid {
    Grid::new(DAY + first_hour * HOUR, HOUR, rows).unwrap()
}

#[test]
fn a_day_has_the_spread_of_its_own_rows() {
    let text = bars(96, &[]);
    let all = spreads_from(&text, grid(0, 96)).unwrap();
    assert_eq!((all.assets(), all.spreads().len()), (["BTC".to_owned(), "USD".to_owned()].as_slice(), 8));
    assert!(all.spreads().iter().step_by(2).all(|spread| *spread > 1e-4 && *spread < 0.02), "{all:?}");
    assert!(all.spreads().iter().skip(1).step_by(2).all(|spread| *spread == 0.0), "cash costs nothing");
    // A later start moves no day.
    let later = spreads_from(&text, grid(24, 48)).unwrap();
    assert_eq!(later.spreads(), &all.spreads()[2..6]);
    // Nor does one within a day, whose spread is that of what is left of it.
    let within = spreads_from(&text, grid(30, 42)).unwrap();
    assert_eq!(within.rows_before(), 6);
    assert_eq!(within.spreads()[2..], all.spreads()[4..6]);
    assert_ne!(within.spreads()[0], all.spreads()[2]);
    assert_eq!(within.at(17), &within.spreads()[..2]);
    assert_eq!(within.at(18), &within.spreads()[2..]);
}

#[test]
fn filled_rows_are_no_bars() {
    let complete = spreads_from(&bars(23, &[]), grid(0, 23)).unwrap();
    let gap = spreads_from(&bars(25, &[23]), grid(0, 24)).unwrap();
    assert_eq!(gap.spreads()[0], complete.spreads()[0]);
}

#[test]
fn a_price_that_rests_has_no_spread_and_is_counted() {
    let mut text = bars(24, &[]);
    for hour in 24..48 {
        writeln!(text, "{},7,7,7,7", DAY + hour * HOUR).unwrap();
    }
    let found = spreads_from(&text, grid(0, 48)).unwrap();
    assert_eq!(found.spreads()[2], 0.0);
    assert_eq!(found.undefined_days(), [1, 0]);
}

#[test]
fn what_is_missing_is_named() {
    let text = "unix,close,open\n".to_owned()
        + &(0..48).fold(String::new(), |text, hour| text + &format!("{},5,5\n", DAY + hour * HOUR));
    let error = spreads_from(&text, grid(0, 48)).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("BTC_USD.csv has no column `high`, `low`"), "{message}");
    assert!(message.contains("it has `unix`, `close`, `open`"), "{message}");
    assert!(error.hint().unwrap().contains("open, high, low and close"));

    let error = spreads_from(&bars(30, &[]), grid(0, 48)).unwrap_err().to_string();
    assert!(error.contains("the bars stand on") && error.contains("(48 rows)"), "{error}");
}

#[test]
fn files_with_other_names_and_columns_are_read() {
    let text = bars(48, &[]).replacen("unix,open,high,low,close", "when,open,high,low,last", 1);
    let folder = folder(&[("odd.csv", &text)]);
    let mut source = DataSource::new(folder.path(), ["BTC"]);
    source.files.insert(
        "BTC".to_owned(),
        FileSpec {
            path: "odd.csv".into(),
            time_column: Some("when".into()),
            price_column: Some("last".into()),
            ..FileSpec::default()
        },
    );
    let prices = load(&source).unwrap();
    let found = load_spreads(&source, *prices.grid()).unwrap();
    let usual = spreads_from(&bars(48, &[]), grid(0, 48)).unwrap();
    assert_eq!(found.spreads(), usual.spreads().iter().step_by(2).copied().collect::<Vec<_>>());
}

#[test]
fn impossible_tables_are_refused() {
    let table = |values: Vec<f64>| SpreadTable::from_days(&["B".into(), "A".into()], grid(0, 30), values);
    assert_eq!(table(vec![0.1, 0.2, 0.3, 0.4]).unwrap().spreads(), [0.2, 0.1, 0.4, 0.3]);
    assert!(table(vec![0.1; 2]).unwrap_err().to_string().contains("2 values for 2 days of 2 assets"));
    assert!(table(vec![0.1, 0.1, -0.1, 0.1]).unwrap_err().to_string().contains("B on day 1 is -0.1"));
}
