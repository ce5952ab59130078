//! The regular grid of times that the rows of a price table stand on.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::MarketError;
use crate::time::{DAY_MS, MINUTE_MS, Step, format_time};

/// `rows` times `start_ms, start_ms + step_ms, ...`; the step divides a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Time of row 0, milliseconds of the Unix epoch, UTC.
    pub start_ms: i64,
    /// Milliseconds from a row to the next.
    pub step_ms: i64,
    /// Number of rows.
    pub rows: usize,
}

impl Grid {
    /// A checked grid.
    ///
    /// # Errors
    /// [`MarketError::InvalidStep`] unless the step is positive and divides a day.
    pub fn new(start_ms: i64, step_ms: i64, rows: usize) -> Result<Self, MarketError> {
        Step::from_ms(step_ms)?;
        Ok(Self { start_ms, step_ms, rows })
    }

    /// Time of a row (rows beyond the end extend the grid).
    pub fn time_ms(&self, row: usize) -> i64 {
        self.start_ms + self.step_ms * row as i64
    }

    /// The row that has exactly this time; `None` off the grid or outside it.
    pub fn row_of(&self, time_ms: i64) -> Option<usize> {
        self.boundary_of(time_ms).filter(|&row| row < self.rows)
    }

    /// As [`Grid::row_of`], but the exclusive end counts too: the end of a half-open period.
    pub fn boundary_of(&self, time_ms: i64) -> Option<usize> {
        let offset = time_ms.checked_sub(self.start_ms)?;
        let row = usize::try_from(offset / self.step_ms).ok()?;
        (offset >= 0 && offset % self.step_ms == 0 && row <= self.rows).then_some(row)
    }

    /// The time on the extended grid that is nearest to this one.
    pub fn nearest(&self, time_ms: i64) -> i64 {
        let offset = time_ms - self.start_ms;
        self.start_ms + (offset + self.step_ms / 2).div_euclid(self.step_ms) * self.step_ms
    }

    /// Exclusive end: one step after the last row.
    pub fn end_ms(&self) -> i64 {
        self.time_ms(self.rows)
    }

    /// Time of the last row (of row 0 if there is none).
    pub fn last_ms(&self) -> i64 {
        self.time_ms(self.rows.saturating_sub(1))
    }

    /// The step in minutes.
    pub fn step_min(&self) -> f64 {
        self.step_ms as f64 / MINUTE_MS as f64
    }

    /// The step as its own type.
    ///
    /// # Errors
    /// [`MarketError::InvalidStep`] if the public field was set to a step that does not divide a day.
    pub fn step(&self) -> Result<Step, MarketError> {
        Step::from_ms(self.step_ms)
    }

    /// Rows of one day (exact: the step divides a day).
    pub fn rows_per_day(&self) -> usize {
        (DAY_MS / self.step_ms) as usize
    }

    /// Days that the rows cover, each row standing for one step.
    pub fn days(&self) -> f64 {
        self.rows as f64 / self.rows_per_day() as f64
    }

    /// For each row, the index of the last of these rising times that is not later; `None` before the first.
    pub(crate) fn newest<'a>(&'a self, times: &'a [i64]) -> impl Iterator<Item = Option<usize>> + 'a {
        let mut seen = 0;
        (0..self.rows).map(move |row| {
            seen += times[seen..].iter().take_while(|time_ms| **time_ms <= self.time_ms(row)).count();
            seen.checked_sub(1)
        })
    }

    /// The grid of a range of rows. The range must lie inside the grid; [`crate::PriceTable::slice`] checks it.
    pub(crate) fn slice(&self, rows: &Range<usize>) -> Self {
        Self { start_ms: self.time_ms(rows.start), step_ms: self.step_ms, rows: rows.len() }
    }
}

impl fmt::Display for Grid {
    /// `2023-01-01 00:00:00 .. 2023-05-31 23:59:00 every 1 min (217440 rows)`, the last row's time included.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} .. {} every {} ({} rows)",
            format_time(self.start_ms),
            format_time(self.last_ms()),
            crate::time::format_duration(self.step_ms),
            self.rows
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parse_time;

    #[test]
    fn rows_and_times_are_inverse_on_the_grid_and_nothing_else_has_a_row() {
        let start = parse_time("2018-02-09").unwrap();
        let grid = Grid::new(start, 3_600_000, 48).unwrap();
        for row in 0..48 {
            assert_eq!(grid.row_of(grid.time_ms(row)), Some(row));
        }
        assert_eq!(grid.row_of(grid.end_ms()), None);
        assert_eq!(grid.boundary_of(grid.end_ms()), Some(48));
        assert_eq!(grid.row_of(start - 1), None);
        assert_eq!(grid.row_of(start - 3_600_000), None);
        assert_eq!(grid.row_of(start + 1), None);
        assert_eq!(grid.row_of(i64::MIN), None);
        assert_eq!(grid.row_of(i64::MAX), None);
    }

    #[test]
    fn a_day_has_as_many_rows_as_its_step_allows() {
        for (step_ms, rows) in [(60_000, 1440), (300_000, 288), (3_600_000, 24), (DAY_MS, 1)] {
            assert_eq!(Grid::new(0, step_ms, 10).unwrap().rows_per_day(), rows);
        }
        assert!(Grid::new(0, 7 * 60_000, 10).is_err());
        assert!(Grid::new(0, 0, 10).is_err());
    }

    #[test]
    fn the_nearest_grid_time_rounds_to_either_side() {
        let grid = Grid::new(0, 3_600_000, 10).unwrap();
        assert_eq!(grid.nearest(3_600_000 + 1_000), 3_600_000);
        assert_eq!(grid.nearest(7_199_000), 7_200_000);
        assert_eq!(grid.nearest(-100), 0);
    }
}
