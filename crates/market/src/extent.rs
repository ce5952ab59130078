//! The stretch of time that a table covers.

use std::ops::{Range, RangeInclusive};

use crate::MarketError;
use crate::check::Gap;
use crate::read::{LATEST_MS, Series};
use crate::spacing::Spacing;
use crate::time::format_time;

/// More rows than five centuries of minutes are a mistaken time, and would not fit into memory.
const MOST_ROWS: i64 = 1 << 28;

/// A stretch of a grid, and the times around it that are checked.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) spacing: Spacing,
    /// First and last grid time.
    pub(crate) grid: RangeInclusive<i64>,
    /// Times of the rows that are checked: at least those of the grid, and rows off the grid before and after it.
    pub(crate) checked: RangeInclusive<i64>,
}

impl Extent {
    /// What every series reaches, inside the range.
    pub(crate) fn common<'a>(
        all: impl Iterator<Item = &'a Series>,
        spacing: Spacing,
        range: Option<&Range<i64>>,
    ) -> Result<Self, MarketError> {
        let mut words = Vec::new();
        let (mut grid, mut checked) = ((-LATEST_MS, LATEST_MS), (-LATEST_MS, LATEST_MS));
        let narrow = |span: &mut (i64, i64), (from_ms, to_ms): (i64, i64)| {
            *span = (span.0.max(from_ms), span.1.min(to_ms));
        };
        let in_words =
            |name: &str, span: (i64, i64)| format!("{name} {} .. {}", format_time(span.0), format_time(span.1));
        for series in all {
            let on_grid = series.span(|time_ms| spacing.has(time_ms))?;
            words.push(in_words(&series.asset, on_grid));
            narrow(&mut grid, on_grid);
            narrow(&mut checked, series.span(|_| true)?);
        }
        if let Some(range) = range {
            let requested = (range.start, range.end.saturating_sub(1));
            words.push(in_words("the requested range", requested));
            narrow(&mut grid, requested);
            narrow(&mut checked, requested);
        }
        let grid = spacing.at_or_after(grid.0)..=spacing.at_or_before(grid.1);
        if grid.is_empty() {
            return Err(MarketError::NoOverlap { spans: words.join("; ") });
        }
        Ok(Self { spacing, grid, checked: checked.0..=checked.1 })
    }

    /// Rows of the grid.
    pub(crate) fn row_count(&self) -> Result<usize, MarketError> {
        let rows = (self.grid.end() - self.grid.start()) / self.spacing.step_ms + 1;
        if rows > MOST_ROWS {
            let (from, to) = (format_time(*self.grid.start()), format_time(*self.grid.end()));
            return Err(MarketError::InvalidTable {
                reason: format!("{from} .. {to} would be {rows} rows; is a time or its unit wrong?"),
            });
        }
        Ok(rows as usize)
    }

    /// Row of a grid time inside the extent.
    pub(crate) fn row_of(&self, time_ms: i64) -> usize {
        ((time_ms - self.grid.start()) / self.spacing.step_ms) as usize
    }

    /// The error that refuses a gap.
    pub(crate) fn refuse(&self, series: &Series, gap: &Gap) -> MarketError {
        // A gap at the end of the extent ends at a row beyond it: the extent never ends after the file.
        let after = gap.before.or_else(|| {
            let later = (0..series.times.len()).filter(|&index| series.times[index] > *self.grid.end());
            later.min_by_key(|&index| series.times[index])
        });
        MarketError::Gap {
            place: Box::new(series.place(after.unwrap_or(0))),
            asset: series.asset.clone(),
            from_ms: gap.from_ms,
            to_ms: gap.to_ms,
            missing: gap.missing,
            step_ms: self.spacing.step_ms,
        }
    }
}
