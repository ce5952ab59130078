//! Days and years counted in rows.

use crate::error::MetricError;

const MINUTES_PER_DAY: f64 = 1440.0;
const MINUTES_PER_YEAR: f64 = 525_600.0;
const DAYS_PER_YEAR: f64 = 365.0;
const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// How many rows a day has, from the regular step of the price grid. A year has 365 days.
///
/// At a step of one minute every factor equals the minute formulas of spec 05 exactly; other steps keep their meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calendar {
    /// Rows of one day, at least 1.
    pub rows_per_day: usize,
    /// Time between two rows in minutes.
    pub step_min: f64,
}

impl Calendar {
    /// Calendar of a grid with `step_ms` milliseconds between rows.
    ///
    /// # Errors
    /// [`MetricError::Step`] if the step is not positive or does not divide a day.
    pub fn from_step_ms(step_ms: i64) -> Result<Self, MetricError> {
        if step_ms <= 0 || MILLISECONDS_PER_DAY % step_ms != 0 {
            return Err(MetricError::Step { step_ms });
        }
        let rows_per_day = (MILLISECONDS_PER_DAY / step_ms) as usize;
        Ok(Self { rows_per_day, step_min: MINUTES_PER_DAY / rows_per_day as f64 })
    }

    /// Rows of a block of `days` days.
    pub(crate) fn block_rows(self, days: usize) -> usize {
        days * self.rows_per_day
    }

    /// Exponent that turns growth from the first to the last of `rows` rows into growth per year.
    pub(crate) fn annual_exponent(self, rows: usize) -> f64 {
        MINUTES_PER_YEAR / self.step_min / (rows - 1) as f64
    }

    /// `F`: windows of `rows` rows per year. Counts rows, not the steps between them (spec 05, 5.3).
    pub(crate) fn windows_per_year(self, rows: usize) -> f64 {
        DAYS_PER_YEAR / (rows as f64 / self.rows_per_day as f64)
    }

    /// Blocks of `days` days per year.
    pub(crate) fn blocks_per_year(days: usize) -> f64 {
        DAYS_PER_YEAR / days as f64
    }

    /// Annualisation of a Sharpe ratio of daily returns.
    pub(crate) fn daily_sharpe_factor() -> f64 {
        DAYS_PER_YEAR.sqrt()
    }

    /// Annualisation of a Sharpe ratio of returns from row to row.
    pub(crate) fn row_sharpe_factor(self) -> f64 {
        (DAYS_PER_YEAR * self.rows_per_day as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_step_has_1440_rows_a_day_and_a_daily_step_one() {
        let minute = Calendar::from_step_ms(60_000);
        assert_eq!(minute, Ok(Calendar { rows_per_day: 1440, step_min: 1.0 }));
        let day = Calendar::from_step_ms(86_400_000);
        assert_eq!(day, Ok(Calendar { rows_per_day: 1, step_min: 1440.0 }));
    }

    #[test]
    fn steps_that_do_not_divide_a_day_are_refused() {
        for step_ms in [0, -60_000, 420_000, 172_800_000] {
            assert_eq!(Calendar::from_step_ms(step_ms), Err(MetricError::Step { step_ms }));
        }
    }
}
