//! Daily bid-ask spreads of several assets beside a price table.

use crate::table::alphabetical_order;
use crate::time::DAY_MS;
use crate::{Grid, MarketError};

/// Bid-ask spreads as fractions of the price, one per asset and UTC day that the grid of a price table touches, `[days, assets]` row-major;
/// assets are in alphabetical order.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadTable {
    assets: Vec<String>,
    grid: Grid,
    spreads: Vec<f64>,
    undefined_days: Vec<usize>,
}

impl SpreadTable {
    /// A table from `[days, assets]` row-major; the assets may come in any order, the values of each day move with them.
    ///
    /// # Errors
    /// [`MarketError::InvalidAssets`] for an empty list, empty or repeated names; [`MarketError::InvalidSpreads`] for a wrong number of
    /// values or a spread outside 0 to 1; [`MarketError::InvalidStep`] for an impossible grid.
    pub fn from_days(assets: &[String], grid: Grid, mut values: Vec<f64>) -> Result<Self, MarketError> {
        grid.step()?;
        let order = alphabetical_order(assets)?;
        let width = assets.len();
        let invalid = |reason: String| MarketError::InvalidSpreads { reason };
        let days = days(&grid);
        if values.len() != days * width {
            return Err(invalid(format!("{} values for {days} days of {width} assets", values.len())));
        }
        if let Some(index) = values.iter().position(|spread| !(0.0..1.0).contains(spread)) {
            let (day, asset) = (index / width, &assets[index % width]);
            return Err(invalid(format!(
                "the spread of {asset} on day {day} is {}; it must be from 0 to 1",
                values[index]
            )));
        }
        for day in values.chunks_exact_mut(width) {
            let given = day.to_vec();
            day.iter_mut().zip(&order).for_each(|(spread, &index)| *spread = given[index]);
        }
        Ok(Self {
            assets: order.iter().map(|&index| assets[index].clone()).collect(),
            grid,
            spreads: values,
            undefined_days: vec![0; width],
        })
    }

    /// Says on how many days each asset's spread is 0 because the estimator is not defined; in the order of the table's assets.
    pub(super) fn with_undefined_days(mut self, undefined_days: Vec<usize>) -> Self {
        self.undefined_days = undefined_days;
        self
    }

    /// Tickers in alphabetical order: the order of every day.
    pub fn assets(&self) -> &[String] {
        &self.assets
    }

    /// The times of the rows that the days belong to.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All spreads, row-major `[days, assets]`.
    pub fn spreads(&self) -> &[f64] {
        &self.spreads
    }

    /// Rows of the first day that lie before the grid.
    pub fn rows_before(&self) -> usize {
        rows_before(&self.grid)
    }

    /// Spreads at one row of the grid, one per asset.
    ///
    /// # Panics
    /// If the row is beyond the last, as slice indexing does.
    pub fn at(&self, row: usize) -> &[f64] {
        let (day, width) = ((row + self.rows_before()) / self.grid.rows_per_day(), self.assets.len());
        &self.spreads[day * width..(day + 1) * width]
    }

    /// Per asset, the number of days whose spread is 0 because the estimator is not defined there.
    pub fn undefined_days(&self) -> &[usize] {
        &self.undefined_days
    }
}

/// Rows of a grid's first UTC day that lie before it.
pub(super) fn rows_before(grid: &Grid) -> usize {
    (grid.start_ms.rem_euclid(DAY_MS) / grid.step_ms) as usize
}

/// UTC days that a grid touches.
pub(super) fn days(grid: &Grid) -> usize {
    (grid.rows + rows_before(grid)).div_ceil(grid.rows_per_day())
}
