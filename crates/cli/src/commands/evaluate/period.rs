//! The period that is judged.

use std::ops::Range;

use gradpool_market::{MINUTE_MS, Periods, load_range, parse_time};
use serde::Serialize;

use crate::config::{ResolvedConfig, SelectOn};
use crate::output::Hinted;
use crate::periods::{NamedPeriod, day_or_time, named_periods, named_ranges};
use crate::setup::{Setup, period_spec};

/// What the user wants judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A period of the configuration.
    Named(&'static str),
    /// Dates, half-open.
    Span {
        /// As the user wrote it.
        text: String,
        /// First row.
        from_ms: i64,
        /// First time after the last row.
        to_ms: i64,
    },
}

impl Selection {
    /// Reads the value of `--on`.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = ["train", "validation", "test"].into_iter().find(|name| *name == text) {
            return Ok(Self::Named(name));
        }
        let Some((from, to)) = text.split_once("..") else {
            return Err("expected train, validation, test, or two dates such as 2018-12-01..2019-03-01".to_owned());
        };
        let time = |text: &str| parse_time(text).map_err(|error| error.to_string());
        let (from_ms, to_ms) = (time(from)?, time(to)?);
        if to_ms <= from_ms {
            return Err(format!("{} is not after {}", to.trim(), from.trim()));
        }
        Ok(Self::Span { text: text.to_owned(), from_ms, to_ms })
    }
}

/// What training has seen of a period, from nothing to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Sample {
    /// Nothing.
    #[serde(rename = "out_of_sample")]
    Unseen,
    /// No gradient, but the parameters were chosen on some of it.
    #[serde(rename = "chosen_on")]
    ChosenOn,
    /// Some of it was trained on.
    #[serde(rename = "partly_in_sample")]
    PartlyTrainedOn,
    /// All of it was trained on.
    #[serde(rename = "in_sample")]
    TrainedOn,
}

impl Sample {
    fn of(rows: &Range<usize>, periods: &Periods, config: &ResolvedConfig) -> Self {
        let overlaps = |other: &Range<usize>| rows.start < other.end && other.start < rows.end;
        let chooses = config.train.select_on != SelectOn::Train;
        if overlaps(&periods.train) {
            if rows.end <= periods.train.end { Self::TrainedOn } else { Self::PartlyTrainedOn }
        } else if chooses && periods.validation.as_ref().is_some_and(overlaps) {
            Self::ChosenOn
        } else {
            Self::Unseen
        }
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unseen => "out of sample",
            Self::ChosenOn => "not trained on, but training chooses its result on it",
            Self::PartlyTrainedOn => "PARTLY IN SAMPLE",
            Self::TrainedOn => "IN SAMPLE",
        }
    }
}

/// Rows that are judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// In times.
    pub period: NamedPeriod,
    /// In rows of the experiment's history.
    pub rows: Range<usize>,
    /// What training has seen of them.
    pub sample: Sample,
    /// The training period in times.
    pub training: NamedPeriod,
}

/// Loads the prices that the period needs, and finds its rows.
///
/// # Errors
/// What prices or pool refuse; a period that the configuration lacks or its data do not cover.
pub fn prepare(config: &ResolvedConfig, selection: Option<&Selection>) -> anyhow::Result<(Setup, Judged)> {
    if let Some(Selection::Span { text, from_ms, to_ms }) = selection {
        return span(config, text, *from_ms, *to_ms);
    }
    let setup = Setup::new(config)?;
    let experiment = &setup.experiment;
    let ranges = named_ranges(experiment.periods());
    let index = match selection {
        Some(Selection::Named(name)) => ranges.iter().position(|(found, _)| found == name).ok_or_else(|| {
            let key = if *name == "test" { "period.test_end" } else { "period.validation_fraction" };
            Hinted::new(
                format!("the configuration has no {name} period (`{key}` is not set)"),
                format!(
                    "choose --on {}, or dates FROM..TO",
                    ranges.iter().map(|range| range.0).collect::<Vec<_>>().join(" or ")
                ),
            )
        })?,
        _ => ranges.len() - 1,
    };
    let mut periods = named_periods(experiment.periods(), experiment.history().prices().grid(), config);
    let training = periods[0].clone();
    let rows = ranges[index].1.clone();
    let sample = Sample::of(&rows, experiment.periods(), config);
    let judged = Judged { period: periods.swap_remove(index), rows, sample, training };
    Ok((setup, judged))
}

fn span(config: &ResolvedConfig, text: &str, from_ms: i64, to_ms: i64) -> anyhow::Result<(Setup, Judged)> {
    let spec = period_spec(config)?;
    let mut range = spec.range(MINUTE_MS);
    range.end = range.end.max(to_ms);
    let prices = load_range(&config.data.source(), Some(range))?;
    let grid = *prices.grid();
    let outside = |problem: String, hint: String| -> anyhow::Error {
        Hinted::new(format!("--on {text}: {problem}"), hint).into()
    };
    if from_ms < spec.start_ms {
        return Err(outside(
            format!("it begins before the training period, at {}", day_or_time(from_ms)),
            format!("choose a period that begins at or after {}", day_or_time(spec.start_ms)),
        ));
    }
    if to_ms > grid.end_ms() {
        return Err(outside(
            format!("the prices of {} end at {}", prices.assets().join(", "), day_or_time(grid.last_ms())),
            format!("choose a period that ends at or before {}", day_or_time(grid.end_ms())),
        ));
    }
    let row = |time_ms: i64| {
        grid.boundary_of(time_ms).ok_or_else(|| {
            outside(
                format!("there is no price row at {}", day_or_time(time_ms)),
                format!("the nearest is {}", day_or_time(grid.nearest(time_ms))),
            )
        })
    };
    let rows = row(from_ms)?..row(to_ms)?;
    let mut periods = Periods::new(&spec, &grid)?;
    let origin = periods.origin;
    let sample = Sample::of(&rows, &periods, config);
    if rows.end > periods.all().end {
        // The history must reach as far as the period does.
        periods.test = Some(periods.train_and_validation().end..rows.end);
    }
    let period = NamedPeriod::new(text, &grid, &rows, false);
    let training = named_periods(&periods, &grid, config).swap_remove(0);
    let setup = Setup::with_periods(config, prices, periods)?;
    Ok((setup, Judged { period, rows: rows.start - origin..rows.end - origin, sample, training }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_names_or_dates() {
        assert_eq!(Selection::parse("validation"), Ok(Selection::Named("validation")));
        let Selection::Span { from_ms, to_ms, .. } = Selection::parse("2018-12-01..2018-12-03").unwrap() else {
            unreachable!("these are dates")
        };
        assert_eq!(to_ms - from_ms, 2 * gradpool_market::DAY_MS);
        for bad in ["tset", "2018-12-01", "2018-12-03..2018-12-01", "2018-12-01..soon"] {
            assert!(Selection::parse(bad).is_err(), "{bad}");
        }
    }
}
