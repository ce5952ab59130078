//! Periods as ranges of rows: half-open, the reference's inclusive ends, burn-in, and every refusal.
#![allow(clippy::unwrap_used)]

use gradpool_market::{Grid, MarketError, PeriodSpec, Periods, parse_time};
use proptest::prelude::*;

fn time(text: &str) -> i64 {
    parse_time(text).unwrap()
}

/// Hourly rows from 2023-01-01 to 2023-12-31 23:00.
fn year() -> Grid {
    Grid::new(time("2023-01-01"), 3_600_000, 365 * 24).unwrap()
}

fn february() -> PeriodSpec {
    PeriodSpec::new(time("2023-02-01"), time("2023-03-01"))
}

#[test]
fn half_open_periods_touch_and_do_not_overlap() {
    let spec = PeriodSpec {
        test_end_ms: Some(time("2023-04-01")),
        validation_fraction: 0.25,
        burn_in_days: 9.5,
        ..february()
    };
    let periods = Periods::new(&spec, &year()).unwrap();
    let start = 31 * 24;
    assert_eq!(periods.train, start..start + 21 * 24);
    assert_eq!(periods.validation, Some(start + 21 * 24..start + 28 * 24));
    assert_eq!(periods.test, Some(start + 28 * 24..start + 59 * 24));
    assert_eq!((periods.origin, periods.burn_in_days, periods.burn_in_is_short()), (start - 10 * 24, 10, false));
    assert_eq!(periods.all(), start - 240..start + 59 * 24);
    let moved = periods.from_origin();
    assert_eq!((moved.origin, moved.train.start, moved.test.unwrap().end), (0, 240, 240 + 59 * 24));
    assert_eq!(spec.range(3_600_000), time("2023-01-22")..time("2023-04-01"));
}

#[test]
fn inclusive_ends_keep_the_references_row_counts_and_the_test_starts_after_the_end_row() {
    let spec = PeriodSpec {
        test_end_ms: Some(time("2023-04-01")),
        validation_fraction: 0.25,
        inclusive_end: true,
        ..february()
    };
    let periods = Periods::new(&spec, &year()).unwrap();
    let (start, rows) = (31 * 24, 28 * 24 + 1);
    assert_eq!(periods.train_and_validation(), start..start + rows);
    assert_eq!(periods.validation.as_ref().unwrap().len(), rows / 4);
    assert_eq!(periods.test, Some(start + rows..start + 59 * 24 + 1));
    assert_eq!(spec.range(3_600_000), time("2023-02-01")..time("2023-04-01 01:00:00"));
}

#[test]
fn the_end_of_the_data_is_a_valid_end_in_both_conventions() {
    let grid = year();
    let whole = PeriodSpec::new(grid.start_ms, grid.end_ms());
    assert_eq!(Periods::new(&whole, &grid).unwrap().train, 0..grid.rows);
    let to_last = PeriodSpec { inclusive_end: true, ..PeriodSpec::new(grid.start_ms, grid.last_ms()) };
    assert_eq!(Periods::new(&to_last, &grid).unwrap().train, 0..grid.rows);
    let beyond = PeriodSpec { inclusive_end: true, ..whole };
    assert!(matches!(Periods::new(&beyond, &grid), Err(MarketError::PeriodOutside { name: "end", .. })));
}

#[test]
fn burn_in_is_whole_days_and_never_more_than_the_data_have() {
    let grid = year();
    // Start, days asked for, days given; the reference would lose one day where fewer exist (spec 06, T6.3).
    for (start, asked, given) in [
        ("2023-02-01", 30.0, 30),
        ("2023-02-01", 31.0, 31),
        ("2023-02-01", 31.5, 31),
        ("2023-02-01", 365.0, 31),
        ("2023-02-01", 0.0, 0),
        ("2023-02-01", 0.1, 1),
        ("2023-02-01 12:00:00", 365.0, 31),
    ] {
        let spec = PeriodSpec { burn_in_days: asked, ..PeriodSpec::new(time(start), time("2023-03-01")) };
        let periods = Periods::new(&spec, &grid).unwrap();
        assert_eq!(periods.burn_in_days, given, "{start} {asked}");
        assert_eq!(periods.train.start - periods.origin, given * 24);
        assert_eq!(periods.burn_in_is_short(), asked.ceil() as usize > given);
    }
}

#[test]
fn a_start_without_a_day_of_history_needs_permission() {
    let spec = PeriodSpec { burn_in_days: 5.0, ..PeriodSpec::new(time("2023-01-01 23:00:00"), time("2023-03-01")) };
    let error = Periods::new(&spec, &year()).unwrap_err();
    assert!(matches!(error, MarketError::NoBurnIn { .. }));
    assert!(error.to_string().contains("no burn-in available: 5 days before 2023-01-01 23:00:00"), "{error}");
    assert!(error.hint().unwrap().contains("2023-01-01 00:00:00"));
    let allowed = Periods::new(&PeriodSpec { allow_short_burn_in: true, ..spec }, &year()).unwrap();
    assert_eq!((allowed.burn_in_days, allowed.origin, allowed.burn_in_is_short()), (0, 23, true));
}

#[test]
fn impossible_periods_are_refused_with_what_would_be_right() {
    let refuse = |spec: PeriodSpec, parts: &[&str]| {
        let message = Periods::new(&spec, &year()).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    let february = february();
    refuse(
        PeriodSpec { end_ms: time("2023-01-15"), ..february.clone() },
        &["end (2023-01-15 00:00:00) must be later than start (2023-02-01 00:00:00)"],
    );
    refuse(
        PeriodSpec { test_end_ms: Some(february.end_ms), ..february.clone() },
        &["test_end", "must be later than end"],
    );
    refuse(
        PeriodSpec { start_ms: time("2022-12-01"), ..february.clone() },
        &["start (2022-12-01 00:00:00) is outside the data, which cover 2023-01-01 00:00:00 .. 2023-12-31 23:00:00"],
    );
    refuse(PeriodSpec { test_end_ms: Some(time("2024-01-02")), ..february.clone() }, &["test_end", "outside the data"]);
    refuse(
        PeriodSpec { start_ms: time("2023-02-01 00:20:00"), ..february.clone() },
        &["start (2023-02-01 00:20:00) is between two rows", "one each 1 h", "nearest row is at 2023-02-01 00:00:00"],
    );
    for fraction in [-0.1, 1.0, f64::NAN] {
        refuse(
            PeriodSpec { validation_fraction: fraction, ..february.clone() },
            &["validation_fraction", "at least 0 and below 1"],
        );
    }
    refuse(PeriodSpec { burn_in_days: f64::INFINITY, ..february.clone() }, &["burn_in_days"]);
}

proptest! {
    #[test]
    fn periods_partition_the_rows_from_start_to_test_end(
        start in 24_i64..4000, length in 2_i64..2000, test in 1_i64..2000,
        fraction in 0.0_f64..1.0, burn_in in 0.0_f64..200.0, inclusive_end: bool,
    ) {
        let grid = year();
        let at = |row: i64| grid.start_ms + row * grid.step_ms;
        let spec = PeriodSpec {
            test_end_ms: Some(at(start + length + test)),
            validation_fraction: fraction,
            burn_in_days: burn_in,
            inclusive_end,
            ..PeriodSpec::new(at(start), at(start + length))
        };
        let extra = i64::from(inclusive_end);
        let periods = Periods::new(&spec, &grid).unwrap();
        let validation_rows = ((length + extra) as f64 * fraction).floor() as usize;
        prop_assert_eq!(periods.train_and_validation(), start as usize..(start + length + extra) as usize);
        prop_assert_eq!(periods.validation.as_ref().map_or(0, ExactSizeIterator::len), validation_rows);
        prop_assert_eq!(periods.test.clone().unwrap(), (start + length + extra) as usize..(start + length + test + extra) as usize);
        prop_assert_eq!((periods.train.start - periods.origin) % grid.rows_per_day(), 0);
        prop_assert!(!periods.train.is_empty());
    }
}
