//! Step and phase of a series of times.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::MarketError;
use crate::read::Series;
use crate::time::{Step, format_duration};

/// A grid without ends: times `phase_ms + k * step_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spacing {
    pub(crate) step_ms: i64,
    /// In `0..step_ms`.
    pub(crate) phase_ms: i64,
}

impl Spacing {
    /// The given step, or else the most frequent difference between neighbours (the smallest of equally frequent ones); the phase is
    /// the most frequent one, so that a few stray rows move neither.
    pub(crate) fn of(series: &Series, step: Option<Step>) -> Result<Self, MarketError> {
        let unknown = |reason: String| MarketError::StepUnknown { file: series.file.clone(), reason };
        let step_ms = if let Some(step) = step {
            step.ms()
        } else {
            let times = in_order(&series.times);
            let differences = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|difference| *difference > 0);
            let step_ms = most_frequent(differences)
                .ok_or_else(|| unknown(format!("{} row(s) of {} have no spacing", series.times.len(), series.asset)))?;
            if Step::from_ms(step_ms).is_err() {
                return Err(unknown(format!(
                    "the most frequent spacing is {}, and a step must divide a day",
                    format_duration(step_ms)
                )));
            }
            step_ms
        };
        let phase_ms = most_frequent(series.times.iter().map(|time_ms| time_ms.rem_euclid(step_ms))).unwrap_or(0);
        Ok(Self { step_ms, phase_ms })
    }

    /// Whether a time stands on the grid.
    pub(crate) fn has(self, time_ms: i64) -> bool {
        (time_ms - self.phase_ms).rem_euclid(self.step_ms) == 0
    }

    /// The first grid time at or after a time.
    pub(crate) fn at_or_after(self, time_ms: i64) -> i64 {
        time_ms + (self.phase_ms - time_ms).rem_euclid(self.step_ms)
    }

    /// The last grid time at or before a time.
    pub(crate) fn at_or_before(self, time_ms: i64) -> i64 {
        time_ms - (time_ms - self.phase_ms).rem_euclid(self.step_ms)
    }

    /// The nearest grid time.
    pub(crate) fn nearest(self, time_ms: i64) -> i64 {
        self.at_or_before(time_ms + self.step_ms / 2)
    }

    /// In words, for errors: `1 h`, or `1 h at 5 min past`.
    pub(crate) fn describe(self) -> String {
        if self.phase_ms == 0 {
            format_duration(self.step_ms)
        } else {
            format!("{} (shifted by {})", format_duration(self.step_ms), format_duration(self.phase_ms))
        }
    }
}

/// Sorted times: a misplaced row must not make the step look longer.
fn in_order(times: &[i64]) -> Cow<'_, [i64]> {
    if times.is_sorted() {
        return Cow::Borrowed(times);
    }
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    Cow::Owned(sorted)
}

/// The most frequent value; the smallest of those that are equally frequent.
fn most_frequent(values: impl Iterator<Item = i64>) -> Option<i64> {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    // Runs of one value are counted before the map is touched: regular series have one run.
    let mut run: Option<(i64, usize)> = None;
    for value in values {
        match &mut run {
            Some((current, length)) if *current == value => *length += 1,
            _ => {
                if let Some((finished, length)) = run.replace((value, 1)) {
                    *counts.entry(finished).or_default() += length;
                }
            }
        }
    }
    let (last, length) = run?;
    *counts.entry(last).or_default() += length;
    counts.into_iter().max_by(|left, right| left.1.cmp(&right.1).then(right.0.cmp(&left.0))).map(|(value, _)| value)
}
