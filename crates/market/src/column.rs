//! One asset on a grid: defects refused, gaps refused, filled or kept.

use crate::MarketError;
use crate::check::{Finding, Gap, check};
use crate::extent::Extent;
use crate::read::Series;
use crate::source::{Gaps, OffGrid};

/// What to do about missing rows of one asset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Refuse,
    Fill,
    /// Leave them missing (NaN).
    Keep,
}

impl From<Gaps> for Missing {
    fn from(gaps: Gaps) -> Self {
        match gaps {
            Gaps::Refuse => Self::Refuse,
            Gaps::Ffill => Self::Fill,
        }
    }
}

/// Prices of one asset at every time of an extent's grid.
pub(crate) struct Column {
    /// USD; NaN where a row is missing and was left so.
    pub(crate) prices: Vec<f64>,
    pub(crate) filled: Vec<bool>,
    pub(crate) dropped_off_grid: usize,
}

impl Column {
    /// Checks the rows and lays them on the grid. Defects of rows are reported before gaps, which may be their consequence.
    pub(crate) fn read(
        series: &Series,
        extent: &Extent,
        missing: Missing,
        off_grid: OffGrid,
    ) -> Result<Self, MarketError> {
        let mut present = Vec::with_capacity(series.times.len());
        let mut dropped_off_grid = 0;
        let mut first_gap = None;
        let visit = |index: usize, finding: Finding| {
            match finding {
                Finding::Good => present.push(index),
                Finding::OffGrid { .. } if off_grid == OffGrid::Drop => dropped_off_grid += 1,
                defect => return defect.into_error(series, index, extent.spacing).map_or(Ok(()), Err),
            }
            Ok(())
        };
        let gap = |gap: Gap| {
            first_gap.get_or_insert(gap);
            Ok(())
        };
        check(series, extent, visit, gap)?;
        if let Some(gap) = first_gap.filter(|_| missing == Missing::Refuse) {
            return Err(extent.refuse(series, &gap));
        }
        let rows = extent.row_count()?;
        let mut column = Self { prices: vec![f64::NAN; rows], filled: vec![false; rows], dropped_off_grid };
        for index in present {
            let row = extent.row_of(series.times[index]);
            column.prices[row] = series.prices[index];
            column.filled[row] = series.is_filled(index);
        }
        if missing == Missing::Fill {
            column.fill(series, extent)?;
        }
        Ok(column)
    }

    fn fill(&mut self, series: &Series, extent: &Extent) -> Result<(), MarketError> {
        let mut last = if self.prices[0].is_nan() { close_before(series, extent)? } else { self.prices[0] };
        for (price, filled) in self.prices.iter_mut().zip(&mut self.filled) {
            if price.is_nan() {
                *price = last;
                *filled = true;
            }
            last = *price;
        }
        Ok(())
    }
}

/// The last close before the extent, for a gap that begins before it.
fn close_before(series: &Series, extent: &Extent) -> Result<f64, MarketError> {
    let is_earlier = |time_ms: i64| time_ms < *extent.grid.start() && extent.spacing.has(time_ms);
    let earlier = (0..series.times.len()).filter(|&index| is_earlier(series.times[index]));
    let Some(index) = earlier.max_by_key(|&index| series.times[index]) else {
        return Err(MarketError::NoRows { file: series.file.clone(), asset: series.asset.clone() });
    };
    series.price_problem(index).map_or(Ok(series.prices[index]), Err)
}
