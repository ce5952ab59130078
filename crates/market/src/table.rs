//! Prices of several assets on one regular grid, without holes.

use std::fmt::Write as _;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::MarketError;
use crate::error::nearest_name;
use crate::grid::Grid;
use crate::origin::AssetOrigin;
use crate::ranges::cut;
use crate::time::format_time;

/// Close prices in USD, `[rows, assets]` row-major; every price is finite and above zero, assets are in alphabetical
/// order, and rows whose price was carried forward over a gap are marked.
///
/// The price of a row is the close of the bar that is stamped with the row's time (spec 06, T6.11).
#[derive(Clone, Debug, PartialEq)]
pub struct PriceTable {
    assets: Vec<String>,
    grid: Grid,
    prices: Vec<f64>,
    filled: Vec<Vec<Range<usize>>>,
    origins: Vec<AssetOrigin>,
}

impl PriceTable {
    /// A table from one column of prices per asset; the assets may come in any order, columns move with them.
    ///
    /// # Errors
    /// [`MarketError::InvalidAssets`] for an empty list, empty or repeated names; [`MarketError::InvalidTable`] for a column of
    /// the wrong length or a price that is not finite and above zero; [`MarketError::InvalidStep`] for an impossible grid.
    pub fn from_columns(assets: &[String], grid: Grid, columns: &[Vec<f64>]) -> Result<Self, MarketError> {
        Self::from_masked_columns(assets, grid, columns, &vec![Vec::new(); assets.len()])
    }

    /// As [`PriceTable::from_columns`] with the filled row ranges of each asset.
    ///
    /// # Errors
    /// As there; [`MarketError::InvalidTable`] also for ranges that are empty, unsorted, overlapping or beyond the last row.
    pub fn from_masked_columns(
        assets: &[String],
        grid: Grid,
        columns: &[Vec<f64>],
        filled: &[Vec<Range<usize>>],
    ) -> Result<Self, MarketError> {
        grid.step()?;
        let order = alphabetical_order(assets)?;
        let invalid = |reason: String| MarketError::InvalidTable { reason };
        if columns.len() != assets.len() || filled.len() != assets.len() {
            return Err(invalid(format!("{} assets, {} columns, {} masks", assets.len(), columns.len(), filled.len())));
        }
        if grid.rows == 0 {
            return Err(invalid("it has no rows".to_owned()));
        }
        for ((asset, column), ranges) in assets.iter().zip(columns).zip(filled) {
            if column.len() != grid.rows {
                return Err(invalid(format!("{asset} has {} prices for {} rows", column.len(), grid.rows)));
            }
            if let Some(row) = column.iter().position(|price| !(price.is_finite() && *price > 0.0)) {
                return Err(invalid(format!(
                    "the price of {asset} at {} (row {row}) is {}; prices must be finite and above zero",
                    format_time(grid.time_ms(row)),
                    column[row]
                )));
            }
            let ordered = ranges.windows(2).all(|pair| pair[0].end <= pair[1].start);
            if !ordered || ranges.iter().any(|range| range.is_empty() || range.end > grid.rows) {
                return Err(invalid(format!("the filled ranges of {asset} are not sorted ranges of rows")));
            }
        }
        let mut prices = Vec::with_capacity(grid.rows * assets.len());
        for row in 0..grid.rows {
            prices.extend(order.iter().map(|&index| columns[index][row]));
        }
        Ok(Self {
            assets: order.iter().map(|&index| assets[index].clone()).collect(),
            grid,
            prices,
            filled: order.iter().map(|&index| filled[index].clone()).collect(),
            origins: order.iter().map(|&index| AssetOrigin::without_file(&assets[index])).collect(),
        })
    }

    /// Says where the columns came from; `origins` in the order of the table's assets.
    pub(crate) fn with_origins(mut self, origins: Vec<AssetOrigin>) -> Self {
        self.origins = origins;
        self
    }

    /// Tickers in alphabetical order: the order of every column.
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

    /// All prices, USD, row-major `[rows, assets]`.
    pub fn prices(&self) -> &[f64] {
        &self.prices
    }

    /// Prices of one row, USD, one per asset.
    ///
    /// # Panics
    /// If the row is beyond the last, as slice indexing does.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.assets.len();
        &self.prices[row * width..(row + 1) * width]
    }

    /// Price of one asset at one row, USD.
    ///
    /// # Panics
    /// If row or asset index is out of bounds.
    pub fn price(&self, row: usize, asset: usize) -> f64 {
        self.row(row)[asset]
    }

    /// Index of a ticker in the columns.
    ///
    /// # Errors
    /// [`MarketError::UnknownAsset`] with the nearest ticker.
    pub fn asset_index(&self, asset: &str) -> Result<usize, MarketError> {
        self.assets.iter().position(|name| name == asset).ok_or_else(|| MarketError::UnknownAsset {
            asset: asset.to_owned(),
            present: self.assets.clone(),
            nearest: nearest_name(asset, &self.assets),
        })
    }

    /// Prices of one asset over all rows, USD.
    ///
    /// # Errors
    /// [`MarketError::UnknownAsset`].
    pub fn column(&self, asset: &str) -> Result<Vec<f64>, MarketError> {
        let index = self.asset_index(asset)?;
        Ok(self.prices.iter().skip(index).step_by(self.assets.len()).copied().collect())
    }

    /// Per asset, the sorted ranges of rows whose price was carried forward over a gap.
    pub fn filled(&self) -> &[Vec<Range<usize>>] {
        &self.filled
    }

    /// Number of filled rows of one asset (by index).
    pub fn filled_count(&self, asset: usize) -> usize {
        self.filled[asset].iter().map(Range::len).sum()
    }

    /// Whether the price of an asset (by index) at a row was carried forward over a gap.
    pub fn is_filled(&self, row: usize, asset: usize) -> bool {
        let ranges = &self.filled[asset];
        let after = ranges.partition_point(|range| range.end <= row);
        ranges.get(after).is_some_and(|range| range.contains(&row))
    }

    /// Where each column came from and what was left out or filled while it was read.
    pub fn origins(&self) -> &[AssetOrigin] {
        &self.origins
    }

    /// SHA-256 (hexadecimal) over assets, grid, the bits of every price and the filled rows. Two tables have the same hash
    /// exactly when they hold the same; paths do not enter.
    pub fn content_hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"gradpool price table 1\0");
        hasher.update((self.assets.len() as u64).to_le_bytes());
        for asset in &self.assets {
            hasher.update((asset.len() as u64).to_le_bytes());
            hasher.update(asset.as_bytes());
        }
        hasher.update(self.grid.start_ms.to_le_bytes());
        hasher.update(self.grid.step_ms.to_le_bytes());
        hasher.update((self.grid.rows as u64).to_le_bytes());
        let mut block = Vec::with_capacity(8 * 4096);
        for chunk in self.prices.chunks(4096) {
            block.clear();
            block.extend(chunk.iter().flat_map(|price| price.to_bits().to_le_bytes()));
            hasher.update(&block);
        }
        for ranges in &self.filled {
            hasher.update((ranges.len() as u64).to_le_bytes());
            for range in ranges {
                hasher.update((range.start as u64).to_le_bytes());
                hasher.update((range.end as u64).to_le_bytes());
            }
        }
        hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The rows `rows.start..rows.end` as a table of their own.
    ///
    /// # Errors
    /// [`MarketError::InvalidTable`] if the range is empty or reaches beyond the last row.
    pub fn slice(&self, rows: Range<usize>) -> Result<Self, MarketError> {
        if rows.is_empty() || rows.end > self.rows() {
            return Err(MarketError::InvalidTable {
                reason: format!("rows {}..{} of a table of {} rows", rows.start, rows.end, self.rows()),
            });
        }
        let width = self.assets.len();
        Ok(Self {
            assets: self.assets.clone(),
            grid: self.grid.slice(&rows),
            prices: self.prices[rows.start * width..rows.end * width].to_vec(),
            filled: self.filled.iter().map(|ranges| cut(ranges, &rows)).collect(),
            origins: self.origins.clone(),
        })
    }

    /// The named assets as a table of their own (alphabetical, whatever the order of the names).
    ///
    /// # Errors
    /// [`MarketError::UnknownAsset`]; [`MarketError::InvalidAssets`] for an empty list or a repeated name.
    pub fn select(&self, assets: &[String]) -> Result<Self, MarketError> {
        let order = alphabetical_order(assets)?;
        let indices = order.iter().map(|&index| self.asset_index(&assets[index])).collect::<Result<Vec<_>, _>>()?;
        let mut prices = Vec::with_capacity(self.rows() * indices.len());
        for row in self.prices.chunks_exact(self.assets.len()) {
            prices.extend(indices.iter().map(|&index| row[index]));
        }
        Ok(Self {
            assets: indices.iter().map(|&index| self.assets[index].clone()).collect(),
            grid: self.grid,
            prices,
            filled: indices.iter().map(|&index| self.filled[index].clone()).collect(),
            origins: indices.iter().map(|&index| self.origins[index].clone()).collect(),
        })
    }
}

/// The permutation that sorts the tickers: `sorted[i] = assets[order[i]]`.
///
/// # Errors
/// [`MarketError::InvalidAssets`] for an empty list, a repeated ticker, or one that cannot be part of a file name.
pub fn alphabetical_order(assets: &[String]) -> Result<Vec<usize>, MarketError> {
    let invalid = |reason: String| MarketError::InvalidAssets { reason };
    if assets.is_empty() {
        return Err(invalid("it is empty".to_owned()));
    }
    if let Some(asset) =
        assets.iter().find(|asset| asset.trim().is_empty() || asset.contains(['/', '\\', '\0']) || *asset == "..")
    {
        return Err(invalid(format!("`{asset}` is no ticker")));
    }
    let mut order: Vec<usize> = (0..assets.len()).collect();
    order.sort_by(|&left, &right| assets[left].cmp(&assets[right]));
    if let Some(pair) = order.windows(2).find(|pair| assets[pair[0]] == assets[pair[1]]) {
        return Err(invalid(format!("`{}` is named twice", assets[pair[0]])));
    }
    Ok(order)
}
