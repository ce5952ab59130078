//! The periods of a run in words.

use std::ops::Range;

use gradpool_market::{Grid, Periods, format_time};
use serde::Serialize;

use crate::config::ResolvedConfig;
use crate::describe::warn_of_prices;
use crate::output::Output;
use crate::setup::Setup;

/// A period in times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedPeriod {
    /// Its name.
    pub name: String,
    /// Time of the first row, UTC.
    pub from: String,
    /// Time after the last row; of the last row if `to_included`.
    pub to: String,
    /// Whether a row at `to` belongs to the period.
    pub to_included: bool,
    /// Number of rows.
    pub rows: usize,
}

impl NamedPeriod {
    /// A range of rows of a grid.
    pub fn new(name: &str, grid: &Grid, rows: &Range<usize>, to_included: bool) -> Self {
        let to = grid.time_ms(rows.end - usize::from(to_included));
        let (from, to) = (day_or_time(grid.time_ms(rows.start)), day_or_time(to));
        Self { name: name.to_owned(), from, to, to_included, rows: rows.len() }
    }

    /// `2018-01-08 .. 2018-09-26 (excluded), 261 rows`.
    pub fn text(&self) -> String {
        let end = if self.to_included { "included" } else { "excluded" };
        let rows = if self.rows == 1 { "row" } else { "rows" };
        format!("{} .. {} ({end}), {} {rows}", self.from, self.to, self.rows)
    }
}

/// The rows of one pass: `2018-01-08 .. 2018-12-01 (excluded), 327 rows every 1 d`.
pub fn simulated_rows(grid: &Grid, rows: &Range<usize>) -> String {
    let step = grid.step().map_or_else(|_| format!("{} ms", grid.step_ms), |step| step.to_string());
    format!("{} every {step}", NamedPeriod::new("simulated", grid, rows, false).text())
}

/// A time without its time of day if that is midnight.
pub fn day_or_time(time_ms: i64) -> String {
    let text = format_time(time_ms);
    text.strip_suffix(" 00:00:00").map_or_else(|| text.clone(), str::to_owned)
}

/// The periods of a run that exist, by name.
pub fn named_ranges(periods: &Periods) -> Vec<(&'static str, Range<usize>)> {
    let all =
        [("train", Some(&periods.train)), ("validation", periods.validation.as_ref()), ("test", periods.test.as_ref())];
    all.into_iter().filter_map(|(name, rows)| Some((name, rows?.clone()))).collect()
}

/// The periods of a run in times. With an inclusive end, the last rows of validation (or training) and test are those that
/// the configuration names.
pub fn named_periods(periods: &Periods, grid: &Grid, config: &ResolvedConfig) -> Vec<NamedPeriod> {
    let named_end = periods.train_and_validation().end;
    let ends_as_named = |rows: &Range<usize>| rows.end >= named_end;
    named_ranges(periods)
        .iter()
        .map(|(name, rows)| NamedPeriod::new(name, grid, rows, config.period.inclusive_end && ends_as_named(rows)))
        .collect()
}

/// Says which periods a run has, and warns of filled prices and a short burn-in.
pub fn say_periods(setup: &Setup, config: &ResolvedConfig, output: &mut Output<'_>) {
    for period in named_periods(&setup.periods, setup.prices.grid(), config) {
        output.say(format!("{:<11}{}", period.name, period.text()));
    }
    warn_of_prices(setup, output);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn periods_say_whether_their_end_belongs_to_them() {
        let day = gradpool_market::DAY_MS;
        let grid = Grid::new(17_539 * day, day, 30).unwrap();
        let text = |included| NamedPeriod::new("test", &grid, &(0..10), included).text();
        assert_eq!(text(false), "2018-01-08 .. 2018-01-18 (excluded), 10 rows");
        assert_eq!(text(true), "2018-01-08 .. 2018-01-17 (included), 10 rows");
        assert_eq!(simulated_rows(&grid, &(2..5)), "2018-01-10 .. 2018-01-13 (excluded), 3 rows every 1 d");
        assert_eq!(day_or_time(grid.start_ms + 60_000), "2018-01-08 00:01:00");
    }
}
