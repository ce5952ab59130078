//! Circulating supplies of several assets on one regular grid, without holes.

use std::ops::Range;

use crate::ranges::cut;
use crate::table::alphabetical_order;
use crate::time::format_time;
use crate::{Grid, MarketError};

/// Circulating supplies in units of the asset, `[rows, assets]` row-major; every supply is finite and above zero, assets are in
/// alphabetical order. On the grid of a [`crate::PriceTable`], supply times price is the market capitalisation in USD.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyTable {
    assets: Vec<String>,
    grid: Grid,
    supplies: Vec<f64>,
    stale: Vec<Vec<Range<usize>>>,
}

impl SupplyTable {
    /// A table from row-major values `[rows, assets]`; the assets may come in any order, the values of each row move with them.
    ///
    /// # Errors
    /// [`MarketError::InvalidAssets`] for an empty list, empty or repeated names; [`MarketError::InvalidSupplies`] without rows, for a
    /// wrong number of values, or for a supply that is not finite and above zero; [`MarketError::InvalidStep`] for an impossible grid.
    pub fn from_rows(assets: &[String], grid: Grid, mut values: Vec<f64>) -> Result<Self, MarketError> {
        grid.step()?;
        let order = alphabetical_order(assets)?;
        let width = assets.len();
        let invalid = |reason: String| MarketError::InvalidSupplies { reason };
        if grid.rows == 0 {
            return Err(invalid("it has no rows".to_owned()));
        }
        if grid.rows.checked_mul(width) != Some(values.len()) {
            return Err(invalid(format!("{} values for {} rows of {width} assets", values.len(), grid.rows)));
        }
        if let Some(index) = values.iter().position(|supply| !(supply.is_finite() && *supply > 0.0)) {
            let row = index / width;
            return Err(invalid(format!(
                "the supply of {} at {} (row {row}) is {}; supplies must be finite and above zero",
                assets[index % width],
                format_time(grid.time_ms(row)),
                values[index]
            )));
        }
        if !order.is_sorted() {
            for row in values.chunks_exact_mut(width) {
                let given = row.to_vec();
                row.iter_mut().zip(&order).for_each(|(supply, &index)| *supply = given[index]);
            }
        }
        Ok(Self {
            assets: order.iter().map(|&index| assets[index].clone()).collect(),
            grid,
            supplies: values,
            stale: vec![Vec::new(); width],
        })
    }

    /// Marks the rows whose supply is not fresh; `stale` in the order of the table's assets.
    pub(super) fn with_stale(mut self, stale: Vec<Vec<Range<usize>>>) -> Self {
        self.stale = stale;
        self
    }

    /// Tickers in alphabetical order: the order of every row.
    pub fn assets(&self) -> &[String] {
        &self.assets
    }

    /// The times of the rows.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.grid.rows
    }

    /// All supplies, row-major `[rows, assets]`.
    pub fn supplies(&self) -> &[f64] {
        &self.supplies
    }

    /// Supplies of one row, one per asset.
    ///
    /// # Panics
    /// If the row is beyond the last, as slice indexing does.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.assets.len();
        &self.supplies[row * width..(row + 1) * width]
    }

    /// Per asset, the sorted ranges of rows whose supply stems from more than 7 days before, for want of a newer one.
    pub fn stale(&self) -> &[Vec<Range<usize>>] {
        &self.stale
    }

    /// The rows `rows.start..rows.end` as a table of their own.
    ///
    /// # Errors
    /// [`MarketError::InvalidSupplies`] if the range is empty or reaches beyond the last row.
    pub fn slice(&self, rows: Range<usize>) -> Result<Self, MarketError> {
        if rows.is_empty() || rows.end > self.rows() {
            return Err(MarketError::InvalidSupplies {
                reason: format!("rows {}..{} of a table of {} rows", rows.start, rows.end, self.rows()),
            });
        }
        let width = self.assets.len();
        Ok(Self {
            assets: self.assets.clone(),
            grid: self.grid.slice(&rows),
            supplies: self.supplies[rows.start * width..rows.end * width].to_vec(),
            stale: self.stale.iter().map(|ranges| cut(ranges, &rows)).collect(),
        })
    }
}
