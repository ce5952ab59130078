//! Burn-in, training, validation and test as ranges of rows.

use std::ops::Range;

use serde::Serialize;

use crate::{Grid, MarketError};

/// Which times a run trains and tests on; times in milliseconds of the Unix epoch ([`crate::parse_time`]).
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodSpec {
    /// First row of training. Its time of day is where days begin.
    pub start_ms: i64,
    /// End of training and validation: the first time after it, or its last row with `inclusive_end`.
    pub end_ms: i64,
    /// End of the test period, which follows `end_ms`; likewise exclusive or inclusive.
    pub test_end_ms: Option<i64>,
    /// Share of the rows between start and end, taken from the end and rounded down, that validates instead of trains; `0 <= v < 1`.
    pub validation_fraction: f64,
    /// Days of history before the start that the estimators ask for (the maximum memory); rounded up to whole days.
    pub burn_in_days: f64,
    /// Ends name the last row instead of the first row after it: the reference system's convention (spec 06 sec. 6.3).
    pub inclusive_end: bool,
    /// Accept less than one whole day of burn-in although some is asked for.
    pub allow_short_burn_in: bool,
}

impl PeriodSpec {
    /// Half-open training from start to end; no test, no validation, no burn-in.
    pub fn new(start_ms: i64, end_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            test_end_ms: None,
            validation_fraction: 0.0,
            burn_in_days: 0.0,
            inclusive_end: false,
            allow_short_burn_in: false,
        }
    }

    /// Times (milliseconds, half-open) that must be loaded for these periods on a grid of this step: burn-in included.
    pub fn range(&self, step_ms: i64) -> Range<i64> {
        let last_ms = self.test_end_ms.unwrap_or(self.end_ms);
        let burn_in_ms = self.whole_burn_in_days() as i64 * crate::DAY_MS;
        self.start_ms.saturating_sub(burn_in_ms)..last_ms.saturating_add(if self.inclusive_end { step_ms } else { 0 })
    }

    fn whole_burn_in_days(&self) -> usize {
        self.burn_in_days.ceil() as usize
    }
}

/// Ranges of rows of a price table, half-open, in order and without overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Periods {
    /// First row that the estimators see: whole days before the start of training.
    pub origin: usize,
    /// Rows of training.
    pub train: Range<usize>,
    /// Rows of validation, directly after training.
    pub validation: Option<Range<usize>>,
    /// Rows of the test, directly after validation (or training).
    pub test: Option<Range<usize>>,
    /// Whole days from origin to the start of training.
    pub burn_in_days: usize,
    /// Whole days that were asked for; more than `burn_in_days` if the data begin too late.
    pub asked_burn_in_days: usize,
}

impl Periods {
    /// Finds the rows of the periods.
    ///
    /// Burn-in is `min(ceil(burn_in_days), whole days available)`: the reference system loses the first available day and can
    /// become negative (spec 06, T6.3). With `inclusive_end` the test starts at the row after the end, not at the end row itself.
    ///
    /// # Errors
    /// [`MarketError::PeriodOrder`], [`MarketError::PeriodOutside`], [`MarketError::PeriodOffGrid`]; [`MarketError::NoBurnIn`] if
    /// some is asked for and less than a day exists (unless allowed); [`MarketError::InvalidValue`] for a fraction outside
    /// `[0, 1)`, one that leaves no row to train on, or a burn-in that is no number of days.
    pub fn new(spec: &PeriodSpec, grid: &Grid) -> Result<Self, MarketError> {
        check_settings(spec)?;
        let end_offset = usize::from(spec.inclusive_end);
        let boundary =
            |name, time_ms| boundary_row(grid, name, time_ms, spec.inclusive_end).map(|row| row + end_offset);
        let start = boundary_row(grid, "start", spec.start_ms, true)?;
        let end = boundary("end", spec.end_ms)?;
        let test_end = spec.test_end_ms.map(|time_ms| boundary("test_end", time_ms)).transpose()?;

        let validation_rows = ((end - start) as f64 * spec.validation_fraction).floor() as usize;
        let split = end - validation_rows;
        if split <= start {
            return Err(MarketError::InvalidValue {
                key: "validation_fraction",
                value: spec.validation_fraction.to_string(),
                valid: format!("it leaves none of {} rows to train on", end - start),
            });
        }
        let asked_burn_in_days = spec.whole_burn_in_days();
        let burn_in_days = asked_burn_in_days.min(start / grid.rows_per_day());
        if asked_burn_in_days > 0 && burn_in_days == 0 && !spec.allow_short_burn_in {
            return Err(MarketError::NoBurnIn {
                asked: spec.burn_in_days,
                start_ms: spec.start_ms,
                first_ms: grid.start_ms,
            });
        }
        Ok(Self {
            origin: start - burn_in_days * grid.rows_per_day(),
            train: start..split,
            validation: (validation_rows > 0).then_some(split..end),
            test: test_end.map(|test_end| end..test_end),
            burn_in_days,
            asked_burn_in_days,
        })
    }

    /// Whether the data begin too late for the burn-in that was asked for.
    pub fn burn_in_is_short(&self) -> bool {
        self.burn_in_days < self.asked_burn_in_days
    }

    /// Training and validation together.
    pub fn train_and_validation(&self) -> Range<usize> {
        self.train.start..self.validation.as_ref().map_or(self.train.end, |validation| validation.end)
    }

    /// All rows that the run touches, burn-in first.
    pub fn all(&self) -> Range<usize> {
        let end = self.test.as_ref().map_or_else(|| self.train_and_validation().end, |test| test.end);
        self.origin..end
    }

    /// The same periods in rows counted from the origin, for a table cut with `table.slice(periods.all())`.
    #[must_use]
    pub fn from_origin(&self) -> Self {
        let shift = |range: &Range<usize>| range.start - self.origin..range.end - self.origin;
        Self {
            origin: 0,
            train: shift(&self.train),
            validation: self.validation.as_ref().map(shift),
            test: self.test.as_ref().map(shift),
            ..self.clone()
        }
    }
}

fn check_settings(spec: &PeriodSpec) -> Result<(), MarketError> {
    let order = |earlier, earlier_ms, later, later_ms| {
        if later_ms > earlier_ms {
            Ok(())
        } else {
            Err(MarketError::PeriodOrder { earlier, earlier_ms, later, later_ms })
        }
    };
    order("start", spec.start_ms, "end", spec.end_ms)?;
    if let Some(test_end_ms) = spec.test_end_ms {
        order("end", spec.end_ms, "test_end", test_end_ms)?;
    }
    if !(0.0..1.0).contains(&spec.validation_fraction) {
        return Err(MarketError::InvalidValue {
            key: "validation_fraction",
            value: spec.validation_fraction.to_string(),
            valid: "it must be at least 0 and below 1".to_owned(),
        });
    }
    if !(0.0..1e6).contains(&spec.burn_in_days) {
        return Err(MarketError::InvalidValue {
            key: "burn_in_days",
            value: spec.burn_in_days.to_string(),
            valid: "it must be a number of days, at least 0".to_owned(),
        });
    }
    Ok(())
}

/// The row of a time; the time after the last row counts only where the end is exclusive.
fn boundary_row(grid: &Grid, name: &'static str, time_ms: i64, is_row: bool) -> Result<usize, MarketError> {
    let last_ms = if is_row { grid.last_ms() } else { grid.end_ms() };
    if time_ms < grid.start_ms || time_ms > last_ms {
        return Err(MarketError::PeriodOutside { name, time_ms, first_ms: grid.start_ms, last_ms });
    }
    grid.boundary_of(time_ms).ok_or_else(|| MarketError::PeriodOffGrid {
        name,
        time_ms,
        step_ms: grid.step_ms,
        nearest_ms: grid.nearest(time_ms).min(last_ms),
    })
}
