//! Circulating supplies on the grid of a price table: what the market-cap index weights by (spec 02 sec. 2.6.2, 06 sec. 6.9).
//! [`load_supplies`] says what it does about gaps, outliers and look-ahead.

mod market_cap_file;
mod table;

use std::ops::Range;
use std::path::Path;

pub use table::SupplyTable;

use crate::ranges::marked;
use crate::table::alphabetical_order;
use crate::time::MINUTE_MS;
use crate::{Grid, MarketError};
use market_cap_file::{MarketCapFile, Observation};

/// An observation that is older than this stands in for newer ones that are missing.
const FRESH_MS: i64 = 10_080 * MINUTE_MS;

/// Circulating supplies of the assets at every time of a grid, from the files `{ticker in lower case}-usd-max.csv` of a folder.
///
/// Such a file has the columns `snapped_at` (a date and time such as `2023-01-01 00:00:00 UTC`), `price` (USD) and `market_cap` (USD),
/// sorted by time; others are ignored. Empty cells and `NaN` are missing values. Every asset needs a file, also the cash leg `USD`.
///
/// 1. supply = `market_cap` / `price` where `price` > 1e-10 and `market_cap` > 0, else missing;
/// 2. clipped to mean -+ 3 sample standard deviations of the file's supplies;
/// 3. missing rows of the file take the supply before them, at most 7 rows on, then the supply after them, at most 7 rows back;
/// 4. each time of the grid takes the newest supply at or before it. One that is older than 7 days is marked: [`SupplyTable::stale`].
///
/// Look-ahead: the clip uses the mean and deviation of the whole file, and a missing row may be filled from up to 7 rows after it, both as in
/// the reference; nothing else looks ahead.
///
/// Stricter than the reference: it gives a supply of 1 where it knows none, while here a file without any supply, or one that begins after
/// the grid, is an error; and it counts rows from the start of the file (T2.6), while here file and grid are aligned by time.
///
/// # Errors
/// [`MarketError::MissingMarketCaps`] without the file of an asset; [`MarketError::MarketCapFile`] for a column that is missing, a time or
/// number that is unreadable, and times that are unsorted or repeated; [`MarketError::NoSupply`] for a file without a single supply;
/// [`MarketError::SupplyTooLate`] for one whose first supply is later than the first time of the grid;
/// [`MarketError::InvalidAssets`], [`MarketError::InvalidStep`] and [`MarketError::InvalidSupplies`] for an impossible list or grid.
pub fn load_supplies(directory: &Path, assets: &[String], grid: Grid) -> Result<SupplyTable, MarketError> {
    let order = alphabetical_order(assets)?;
    let width = assets.len();
    let mut supplies = vec![0.0; grid.rows * width];
    let mut stale = Vec::with_capacity(width);
    for (column, &index) in order.iter().enumerate() {
        let asset = &assets[index];
        let file = MarketCapFile::locate(directory, asset)?;
        let observations = file.observations()?;
        if let Some(first) = observations.first().filter(|first| first.time_ms > grid.start_ms) {
            return Err(MarketError::SupplyTooLate {
                file: file.path,
                asset: asset.clone(),
                first_ms: first.time_ms,
                start_ms: grid.start_ms,
            });
        }
        stale.push(lay_on_grid(&observations, &grid, supplies.iter_mut().skip(column).step_by(width)));
    }
    let assets: Vec<String> = order.iter().map(|&index| assets[index].clone()).collect();
    Ok(SupplyTable::from_rows(&assets, grid, supplies)?.with_stale(stale))
}

/// Writes the newest supply at or before each time of the grid, and returns the rows whose supply is not fresh. The first observation must
/// not be later than the first time.
fn lay_on_grid<'a>(
    observations: &[Observation],
    grid: &Grid,
    column: impl Iterator<Item = &'a mut f64>,
) -> Vec<Range<usize>> {
    let times: Vec<i64> = observations.iter().map(|observation| observation.time_ms).collect();
    let mut is_stale = Vec::with_capacity(grid.rows);
    for (row, (supply, newest)) in column.zip(grid.newest(&times)).enumerate() {
        let newest = observations[newest.unwrap_or(0)];
        *supply = newest.supply;
        is_stale.push(grid.time_ms(row) - newest.time_ms > FRESH_MS);
    }
    marked(&is_stale)
}
