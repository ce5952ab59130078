//! Windows of one price table that a primitive walks through, row after row.

use std::sync::Arc;

use crate::growth::{PlanError, length, positive};
use crate::interpolation::PathLayout;

/// Equally long windows of one price table, and which of their rows are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct PricedWindows {
    pub(crate) layout: PathLayout,
    pub(crate) starts: Arc<[usize]>,
    pub(crate) assets: usize,
    pub(crate) prices: Arc<[f64]>,
    pub(crate) samples: Arc<[usize]>,
}

impl PricedWindows {
    /// Windows that begin at the rows `starts` of `prices`, `[rows, assets]` row-major. `samples` are the visits (indices of
    /// visited rows, rising) at which a result is wanted.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, or a window or sample lies outside.
    pub fn new(
        layout: PathLayout,
        starts: impl Into<Arc<[usize]>>,
        assets: usize,
        prices: Arc<[f64]>,
        samples: impl Into<Arc<[usize]>>,
    ) -> Result<Self, PlanError> {
        layout.validate()?;
        let (starts, samples) = (starts.into(), samples.into());
        positive(&[("windows", starts.len()), ("assets", assets), ("samples", samples.len())])?;
        let rows = starts.iter().max().map_or(0, |start| start + layout.rows);
        let found = prices.len() / assets;
        length("prices", "at least the rows of every window", rows.max(found), found)?;
        let rises = samples.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || samples.last().is_some_and(|last| *last >= layout.visited()) {
            return Err(PlanError::Samples { visited: layout.visited() });
        }
        Ok(Self { layout, starts, assets, prices, samples })
    }

    /// # Panics
    /// When coarse weights do not have the shape `[sets * windows, K + 1, assets]`.
    pub(crate) fn check(&self, primitive: &str, positions: &[usize]) {
        self.layout.check(positions);
        assert!(
            positions[0].is_multiple_of(self.starts.len()) && positions[2] == self.assets,
            "{primitive}: positions must be [sets * {}, K + 1, {}], got {positions:?}",
            self.starts.len(),
            self.assets
        );
    }

    /// Rows of the price table.
    pub(crate) fn table_rows(&self) -> usize {
        self.prices.len() / self.assets
    }

    /// Visits that must be computed: up to the last sample.
    pub(crate) fn visits(&self) -> usize {
        self.samples.last().map_or(0, |last| last + 1)
    }

    /// Row of the price table at one visit of a window.
    pub(crate) fn row(&self, window: usize, visit: usize) -> usize {
        self.starts[window] + visit * self.layout.stride
    }

    /// Prices at one visit of a window.
    pub(crate) fn prices_of(&self, window: usize, visit: usize) -> &[f64] {
        let first = self.row(window, visit) * self.assets;
        &self.prices[first..first + self.assets]
    }
}
