//! What is wrong with the rows of one asset inside a span of time: one pass that reading, inspecting and converting share.

use crate::MarketError;
use crate::extent::Extent;
use crate::read::Series;
use crate::spacing::Spacing;

/// A finding at one row (index into the series).
pub(crate) enum Finding {
    /// A row that is as it should be.
    Good,
    Unsorted {
        previous_ms: i64,
    },
    Duplicate {
        first: usize,
    },
    BadPrice(MarketError),
    OffGrid {
        nearest_ms: i64,
    },
}

/// Missing rows before the row with this index; `None` for missing rows at the end of the span.
pub(crate) struct Gap {
    pub(crate) before: Option<usize>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) missing: usize,
}

/// Calls `visit` for each row whose time is checked, in the order of the file, and `gap` for each run of grid rows that are missing.
/// A row with a bad price counts as present: it is one defect, not two.
///
/// # Errors
/// The first error that a callback returns ends the pass.
pub(crate) fn check<E>(
    series: &Series,
    extent: &Extent,
    mut visit: impl FnMut(usize, Finding) -> Result<(), E>,
    mut gap: impl FnMut(Gap) -> Result<(), E>,
) -> Result<(), E> {
    let spacing = extent.spacing;
    let mut latest: Option<usize> = None;
    let mut expected_ms = *extent.grid.start();
    for (index, &time_ms) in series.times.iter().enumerate().filter(|(_, time_ms)| extent.checked.contains(time_ms)) {
        let previous = latest.map(|previous| (previous, series.times[previous]));
        if let Some((first, previous_ms)) = previous
            && time_ms <= previous_ms
        {
            let finding =
                if time_ms == previous_ms { Finding::Duplicate { first } } else { Finding::Unsorted { previous_ms } };
            visit(index, finding)?;
            continue;
        }
        latest = Some(index);
        if !spacing.has(time_ms) {
            visit(index, Finding::OffGrid { nearest_ms: spacing.nearest(time_ms) })?;
            continue;
        }
        if time_ms > expected_ms {
            gap(missing_between(Some(index), expected_ms, time_ms, spacing))?;
        }
        expected_ms = time_ms + spacing.step_ms;
        visit(index, series.price_problem(index).map_or(Finding::Good, Finding::BadPrice))?;
    }
    if expected_ms <= *extent.grid.end() {
        gap(missing_between(None, expected_ms, extent.grid.end() + spacing.step_ms, spacing))?;
    }
    Ok(())
}

fn missing_between(before: Option<usize>, from_ms: i64, next_ms: i64, spacing: Spacing) -> Gap {
    let missing = ((next_ms - from_ms) / spacing.step_ms) as usize;
    Gap { before, from_ms, to_ms: next_ms - spacing.step_ms, missing }
}

impl Finding {
    /// The error that refuses the row; `None` for a good row.
    pub(crate) fn into_error(self, series: &Series, index: usize, spacing: Spacing) -> Option<MarketError> {
        let place = Box::new(series.place(index));
        Some(match self {
            Self::Good => return None,
            Self::Unsorted { previous_ms } => MarketError::Unsorted { place, previous_ms },
            Self::Duplicate { first } => MarketError::Duplicate { place, first_row: series.row(first) },
            Self::BadPrice(error) => error,
            Self::OffGrid { nearest_ms } => MarketError::OffGrid { place, step_ms: spacing.step_ms, nearest_ms },
        })
    }
}
