//! The row that the exported state is taken at.

use gradpool_market::{DAY_MS, MINUTE_MS, Periods, load_range};

use crate::config::ResolvedConfig;
use crate::output::Hinted;
use crate::periods::day_or_time;
use crate::setup::{Setup, period_spec};

/// A time on the command line, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateTime(i64);

/// Reads the value of `--at`.
///
/// # Errors
/// A sentence for people.
pub fn parse_time(text: &str) -> Result<StateTime, String> {
    gradpool_market::parse_time(text).map(StateTime).map_err(|error| error.to_string())
}

/// The pool with a history that reaches to the state, and its row there.
///
/// # Errors
/// What prices or pool refuse, and a time without prices or between two updates.
pub(super) fn prepare(config: &ResolvedConfig, at: Option<StateTime>) -> anyhow::Result<(Setup, usize)> {
    let spec = period_spec(config)?;
    let mut range = spec.range(MINUTE_MS);
    if let Some(StateTime(time_ms)) = at {
        range.end = range.end.max(time_ms + MINUTE_MS);
    }
    let prices = load_range(&config.data.source(), Some(range))?;
    let grid = *prices.grid();
    let mut periods = Periods::new(&spec, &grid)?;
    let row = match at {
        None => None,
        Some(StateTime(time_ms)) => {
            let found = grid.row_of(time_ms).filter(|row| *row >= periods.origin);
            Some(found.ok_or_else(|| {
                let (first, last) = (grid.time_ms(periods.origin), grid.last_ms());
                let hint = format!("there are prices from {} to {}", day_or_time(first), day_or_time(last));
                Hinted::new(format!("--at {}: there is no price row", day_or_time(time_ms)), hint)
            })?)
        }
    };
    if let Some(row) = row.filter(|row| *row >= periods.all().end) {
        // The history must reach as far as the state does.
        periods.test = Some(periods.train_and_validation().end..row + 1);
    }
    let origin = periods.origin;
    let setup = Setup::for_simulation_of(config, prices, periods)?;
    let row = match row {
        Some(row) => at_update(&setup, row - origin)?,
        None => last_update(&setup),
    };
    Ok((setup, row))
}

fn at_update(setup: &Setup, row: usize) -> anyhow::Result<usize> {
    let interval = setup.strategy().settings().update_interval_rows;
    if row.is_multiple_of(interval) {
        return Ok(row);
    }
    let time = |row: usize| day_or_time(setup.experiment.history().prices().grid().time_ms(row));
    let before = row - row % interval;
    let problem = format!("--at {}: there is no update of the strategy", time(row));
    Err(Hinted::new(problem, format!("the one before is at {}", time(before))).into())
}

/// The last update at midnight, or else the last one.
fn last_update(setup: &Setup) -> usize {
    let interval = setup.strategy().settings().update_interval_rows;
    let prices = setup.experiment.history().prices();
    let last = (prices.rows() - 1) / interval * interval;
    let updates = (0..=last).rev().step_by(interval);
    let at_midnight = |row: &usize| prices.grid().time_ms(*row) % DAY_MS == 0;
    updates.clone().find(at_midnight).unwrap_or(last)
}
