//! Series beside the prices: the step function by definition, alignment by time, and what is refused.
#![allow(clippy::unwrap_used, clippy::print_stderr, dead_code)]

mod support;

use std::fmt::Write as _;

use gradpool_market::{
    Grid, MINUTE_MS, MarketError, RowSeries, SeriesKind, TradeList, load_series, load_times, load_trades,
};
use proptest::prelude::*;
use support::{DAY, folder};

const FILE: &str = "input.csv";

fn minutes(rows: usize) -> Grid {
    Grid::new(DAY, MINUTE_MS, rows).unwrap()
}

/// A file with observations at minutes from `DAY`.
fn observed(column: &str, observations: &[(f64, &str)]) -> String {
    observations.iter().fold(format!("unix,{column}\n"), |mut text, (minute, value)| {
        writeln!(text, "{},{value}", DAY + (minute * MINUTE_MS as f64) as i64).unwrap();
        text
    })
}

fn series(kind: SeriesKind, text: &str, rows: usize) -> Result<RowSeries, MarketError> {
    let folder = folder(&[(FILE, text)]);
    load_series(&folder.path().join(FILE), kind, &minutes(rows))
}

fn values(kind: SeriesKind, text: &str, rows: usize) -> Vec<f64> {
    series(kind, text, rows).unwrap().values
}

fn trades(text: &str, rows: usize) -> Result<TradeList, MarketError> {
    let folder = folder(&[(FILE, text)]);
    let assets = ["BTC", "ETH", "USDC"].map(str::to_owned);
    load_trades(&folder.path().join(FILE), &assets, &minutes(rows))
}

/// Message and hint.
fn refused<T: std::fmt::Debug>(result: Result<T, MarketError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, MarketError::InputFile { .. }), "{error:?}");
    let text = format!("{error}; hint: {}", error.hint().unwrap_or_default());
    let (before, after) = text.split_once(FILE).unwrap();
    let folder = before.rfind(' ').map_or(0, |space| space + 1);
    format!("{}{FILE}{after}", &before[..folder])
}

/// The case of T6.5, of which the reference makes .01 .01 .02 .01 .01 .03 .01 .01 .01 .01.
#[test]
fn a_value_holds_until_the_next_observation() {
    let text = observed("fees", &[(-3.0, "0.01"), (2.0, "0.02"), (5.0, "0.03")]);
    let found = series(SeriesKind::Fees, &text, 10).unwrap();
    assert_eq!(found.values, [0.01, 0.01, 0.02, 0.02, 0.02, 0.03, 0.03, 0.03, 0.03, 0.03]);
    assert_eq!((found.rows_before, found.first_ms), (0, DAY - 3 * MINUTE_MS));
}

#[test]
fn a_zero_is_a_value() {
    let text = observed("fees", &[(0.0, "0.01"), (1.0, "0"), (3.0, "0.02"), (4.0, "0.0")]);
    assert_eq!(values(SeriesKind::Fees, &text, 6), [0.01, 0.0, 0.0, 0.02, 0.0, 0.0]);
}

#[test]
fn rows_before_the_first_observation_have_its_value_and_are_counted() {
    let found = series(SeriesKind::LpSupply, &observed("lp_supply", &[(2.5, "7"), (4.0, "8")]), 5).unwrap();
    assert_eq!((found.values.as_slice(), found.rows_before), (&[7.0, 7.0, 7.0, 7.0, 8.0][..], 3));
    let later = series(SeriesKind::LpSupply, &observed("lp_supply", &[(9.0, "7")]), 5).unwrap();
    assert_eq!((later.values.as_slice(), later.rows_before), (&[7.0; 5][..], 5));
}

#[test]
fn an_observation_between_two_rows_counts_from_the_later_one_and_the_last_of_several_wins() {
    let text = observed("USD", &[(0.0, "1"), (1.25, "2"), (1.75, "3")]);
    assert_eq!(values(SeriesKind::GasCost, &text, 4), [1.0, 1.0, 3.0, 3.0]);
}

#[test]
fn every_kind_reads_the_reference_systems_columns() {
    for (kind, column, cell, value) in [
        (SeriesKind::Fees, "fees", "0.003", 0.003),
        (SeriesKind::Fees, "bps", "30", 0.003),
        (SeriesKind::GasCost, "trade_gas_cost_usd", "2.5", 2.5),
        (SeriesKind::GasCost, "USD", "0", 0.0),
        (SeriesKind::ArbitrageFees, "arb_fees", "0.0005", 0.0005),
        (SeriesKind::ArbitrageFees, "bps", "5", 0.0005),
        (SeriesKind::LpSupply, "lp_supply", "1e6", 1e6),
    ] {
        assert_eq!(values(kind, &observed(column, &[(0.0, cell)]), 2), [value; 2], "{column}");
    }
}

#[test]
fn times_are_seconds_or_milliseconds() {
    for unit in [1, 1000] {
        let text = format!("unix,fees\n{},0.01\n{},0.02\n", DAY / unit, (DAY + MINUTE_MS) / unit);
        assert_eq!(values(SeriesKind::Fees, &text, 3), [0.01, 0.02, 0.02]);
    }
}

#[test]
fn trades_belong_to_the_row_that_they_fall_into() {
    let header = "unix,token_in,token_out,amount_in\n";
    let at = |minute: f64| DAY + (minute * MINUTE_MS as f64) as i64;
    let text = format!(
        "{header}{},BTC,ETH,9\n{},BTC,USDC,1.5\n{},USDC,BTC,20000\n{},USDC,BTC,0\n{},ETH,BTC,2\n{},ETH,BTC,9\n",
        at(-0.01),
        at(0.0),
        at(1.999),
        at(1.999),
        at(2.0),
        at(3.0),
    );
    let found = trades(&text, 3).unwrap();
    let listed: Vec<_> =
        found.trades.iter().map(|trade| (trade.row, trade.token_in, trade.token_out, trade.amount_in)).collect();
    assert_eq!(listed, [(0, 0, 2, 1.5), (1, 2, 0, 20_000.0), (1, 2, 0, 0.0), (2, 1, 0, 2.0)]);
    assert_eq!((found.before, found.after), (1, 1));
    assert_eq!(trades(header, 3).unwrap().trades, []);
}

#[test]
fn what_is_wrong_with_a_series_is_said_with_line_and_column() {
    let fees = |text: &str| refused(series(SeriesKind::Fees, text, 3));
    for (cell, expected) in [
        ("1", "a fraction from 0 up to, not including, 1 (0.003 is 0.3 %; basis points have the column bps)"),
        ("-0.1", "a fraction"),
        ("NaN", "a fraction"),
        ("inf", "a fraction"),
        ("", "a fraction"),
        ("much", "a fraction"),
    ] {
        let found = fees(&observed("fees", &[(0.0, "0.1"), (1.0, cell)]));
        assert!(found.starts_with(&format!("input.csv, row 2 (line 3): column `fees` holds `{cell}`")), "{found}");
        assert!(found.contains(expected), "{found}");
    }
    let found = fees(&observed("bps", &[(0.0, "10000")]));
    assert!(found.contains("column `bps` holds `10000`; expected basis points"), "{found}");
    let found = refused(series(SeriesKind::LpSupply, &observed("lp_supply", &[(0.0, "0")]), 3));
    assert!(found.contains("column `lp_supply` holds `0`; expected a finite number above 0"), "{found}");
    let found = refused(series(SeriesKind::GasCost, &observed("USD", &[(0.0, "-1")]), 3));
    assert!(found.contains("column `USD` holds `-1`; expected a finite number, 0 or more"), "{found}");

    let found = fees(&observed("fees", &[(1.0, "0.1"), (0.0, "0.1")]));
    assert!(found.starts_with("input.csv, row 2 (line 3), 2023-03-01 00:00:00: the row is earlier"), "{found}");
    let found = fees(&observed("fees", &[(1.0, "0.1"), (1.0, "0.1")]));
    assert!(found.contains("row 2 (line 3), 2023-03-01 00:01:00: the time occurs twice, first in row 1"), "{found}");
    let found = fees("unix,fees\nsoon,0.1\n");
    assert!(found.starts_with("input.csv, row 1 (line 2): column `unix` holds `soon`; expected a time"), "{found}");
    let found = fees("unix,fee\n1,0.1\n");
    assert!(
        found.starts_with("input.csv has no column `fees` or `bps`; it has `unix`, `fee`; hint: a file"),
        "{found}"
    );
    let found = fees("time,fees\n1,0.1\n");
    assert!(found.starts_with("input.csv has no column `unix`"), "{found}");
    assert!(fees("unix,fees\n").starts_with("input.csv has no rows below its header"));
}

#[test]
fn what_is_wrong_with_trades_is_said_with_line_and_column() {
    let one =
        |row: &str| refused(trades(&format!("unix,token_in,token_out,amount_in\n{DAY},BTC,ETH,1\n{DAY},{row}\n"), 3));
    assert_eq!(
        one("BTC,DOGE,1"),
        "input.csv, row 2 (line 3): column `token_out` holds `DOGE`, which is none of the assets; they are `BTC`, `ETH`, \
         `USDC`; hint: "
    );
    assert!(one("BTC,USD,1").ends_with("hint: did you mean `USDC`?"));
    assert!(one("ETH,ETH,1").contains("column `token_out` holds `ETH`; expected another token than token_in"));
    assert!(
        one("BTC,ETH,-1").contains("column `amount_in` holds `-1`; expected a finite number of token_in, 0 or more")
    );
    let text = format!("unix,token_in,token_out,amount_in\n{},BTC,ETH,1\n{DAY},BTC,ETH,1\n", DAY + 1);
    assert!(refused(trades(&text, 3)).contains("the row is earlier than the row before it"));
    assert!(refused(trades("unix,token_in,token_out\n", 3)).contains("no column `amount_in`"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let found = load_series("no/such.csv".as_ref(), SeriesKind::Fees, &minutes(1)).unwrap_err();
    assert_eq!(found.to_string(), "cannot read no/such.csv");
    assert!(std::error::Error::source(&found).unwrap().to_string().contains("No such file"));
}

proptest! {
    #[test]
    fn the_step_function_is_the_last_observation_at_or_before_each_row(
        gaps in prop::collection::vec((1_i64..4 * MINUTE_MS, prop_oneof![Just(0.0), 0.0..0.99]), 1..30),
        start in -20 * MINUTE_MS..20 * MINUTE_MS,
        step_min in prop::sample::select(vec![1_i64, 5, 60]),
        rows in 1_usize..40,
    ) {
        let mut time_ms = DAY + start;
        let mut text = "unix,fees\n".to_owned();
        let mut observations = Vec::new();
        for (gap, value) in gaps {
            time_ms += gap;
            writeln!(text, "{time_ms},{value}").unwrap();
            observations.push((time_ms, value));
        }
        let folder = folder(&[(FILE, &text)]);
        let grid = Grid::new(DAY, step_min * MINUTE_MS, rows).unwrap();
        let found = load_series(&folder.path().join(FILE), SeriesKind::Fees, &grid).unwrap();
        let last = |row: usize| observations.iter().rfind(|(time_ms, _)| *time_ms <= grid.time_ms(row));
        let naive: Vec<f64> = (0..rows).map(|row| last(row).unwrap_or(&observations[0]).1).collect();
        prop_assert_eq!(found.values, naive);
        prop_assert_eq!(found.rows_before, (0..rows).filter(|row| last(*row).is_none()).count());
    }

    #[test]
    fn every_trade_is_in_its_row_or_counted(
        offsets in prop::collection::vec(-90 * MINUTE_MS..150 * MINUTE_MS, 0..40),
        step_min in prop::sample::select(vec![1_i64, 5, 60]),
        rows in 1_usize..40,
    ) {
        let mut offsets = offsets;
        offsets.sort_unstable();
        let mut text = "unix,token_in,token_out,amount_in\n".to_owned();
        for offset in &offsets {
            writeln!(text, "{},BTC,ETH,1", DAY + offset).unwrap();
        }
        let folder = folder(&[(FILE, &text)]);
        let grid = Grid::new(DAY, step_min * MINUTE_MS, rows).unwrap();
        let found = load_trades(&folder.path().join(FILE), &["BTC".to_owned(), "ETH".to_owned()], &grid).unwrap();
        prop_assert_eq!(found.before + found.trades.len() + found.after, offsets.len());
        for (trade, offset) in found.trades.iter().zip(&offsets[found.before..]) {
            let time_ms = DAY + offset;
            prop_assert!(grid.time_ms(trade.row) <= time_ms && time_ms < grid.time_ms(trade.row + 1));
        }
    }
}

#[test]
fn times_are_read_in_their_order_and_nothing_else_is_asked_of_them() {
    let read = |text: &str| {
        let folder = folder(&[(FILE, text)]);
        load_times(&folder.path().join(FILE))
    };
    assert_eq!(read("unix\n1700000000\n1700086400\n").unwrap(), [1_700_000_000_000, 1_700_086_400_000]);
    assert_eq!(read("block,unix\n7,1700000000123\n").unwrap(), [1_700_000_000_123]);
    let refused = |read: Result<Vec<i64>, MarketError>| {
        let error = read.unwrap_err();
        format!("{error}; hint: {}", error.hint().unwrap_or_default())
    };
    assert!(refused(read("unix\n")).contains("input.csv"));
    assert!(refused(read("time\n1700000000\n")).contains("hint: a file of times is a CSV with the column unix"));
    assert!(refused(read("unix\n1700086400\n1700000000\n")).contains("line 3"));
    assert!(refused(read("unix\n1700000000\n1700000000\n")).contains("line 3"));
    assert!(refused(read("unix\nsoon\n")).contains("soon"));
}
