//! Bid-ask spreads beside a price table: what trading on a market costs (spec 06 sec. 6.9).

mod edge;
mod table;

pub use table::SpreadTable;

use crate::load::load_range;
use crate::source::{DataSource, FileSpec};
use crate::{Grid, MarketError, PriceTable};
use edge::{Bar, edge};

/// Columns of a bar besides the price itself, which is its close.
const BAR_COLUMNS: [&str; 3] = ["open", "high", "low"];

/// Estimates the spread of every asset on every UTC day of a grid by the EDGE estimator (Ardia, Guidotti, Kroencke 2024), without its sign,
/// from the columns `open`, `high`, `low` and the price column of the asset's file.
///
/// A day's spread is that of the day's own rows, all of them: nobody knew it before the day's end. It is a cost, not a signal. Days at the
/// ends of the grid count the rows that the grid has. Rows that were filled over gaps are no bars and are left out. Where the estimator is
/// not defined, as for a price that does not move, the spread is 0, and [`SpreadTable::undefined_days`] counts the day. The cash leg without a
/// file has no spread.
///
/// Days and rows are aligned by time. The reference system takes the days of its benchmark from the start of the file, whatever the dates of
/// its prices (T6.2).
///
/// # Errors
/// [`MarketError::MissingBars`] for a file without these columns; [`MarketError::InvalidSpreads`] if the files do not have the rows of the
/// grid; and what [`load_range`] refuses.
pub fn load_spreads(source: &DataSource, grid: Grid) -> Result<SpreadTable, MarketError> {
    let range = grid.start_ms..grid.end_ms();
    let load = |source: &DataSource| {
        let table = load_range(source, Some(range.clone()))?;
        if *table.grid() == grid {
            return Ok(table);
        }
        Err(MarketError::InvalidSpreads { reason: format!("the bars stand on {}, the prices on {grid}", table.grid()) })
    };
    let assets = source.sorted_assets()?;
    let mut columns = Vec::with_capacity(BAR_COLUMNS.len());
    for column in BAR_COLUMNS {
        columns.push(load(&of_column(source, &assets, column)?).map_err(named)?);
    }
    let close = load(source)?;
    let mut spreads = vec![0.0; table::days(&grid) * assets.len()];
    let mut undefined_days = vec![0; assets.len()];
    for (asset, undefined) in undefined_days.iter_mut().enumerate() {
        if close.origins()[asset].file.is_none() {
            continue;
        }
        let days = spreads.iter_mut().skip(asset).step_by(assets.len());
        for (day, spread) in days.enumerate() {
            match edge(&bars_of(day, asset, &columns, &close)) {
                Some(found) => *spread = found,
                None => *undefined += 1,
            }
        }
    }
    Ok(SpreadTable::from_days(&assets, grid, spreads)?.with_undefined_days(undefined_days))
}

/// The bars of one UTC day.
fn bars_of(day: usize, asset: usize, columns: &[PriceTable], close: &PriceTable) -> Vec<Bar> {
    let grid = close.grid();
    let (rows_per_day, before) = (grid.rows_per_day(), table::rows_before(grid));
    let rows = (day * rows_per_day).saturating_sub(before)..((day + 1) * rows_per_day - before).min(grid.rows);
    let bar = |row: usize| {
        let [open, high, low] = [0, 1, 2].map(|column: usize| columns[column].price(row, asset));
        Bar::new([open, high, low, close.price(row, asset)])
    };
    rows.filter(|row| !close.is_filled(*row, asset)).map(bar).collect()
}

/// The same source with another column as the price.
fn of_column(source: &DataSource, assets: &[String], column: &str) -> Result<DataSource, MarketError> {
    let mut changed = source.clone();
    for asset in assets {
        let Some(located) = source.locate(asset)? else { continue };
        let spec = match source.files.get(asset) {
            Some(spec) => spec.clone(),
            None => FileSpec { path: located.path.file_name().unwrap_or_default().into(), ..FileSpec::default() },
        };
        changed.files.insert(asset.clone(), FileSpec { price_column: Some(column.to_owned()), ..spec });
    }
    Ok(changed)
}

/// All columns of bars that a file lacks, where it lacks one.
fn named(error: MarketError) -> MarketError {
    match error {
        MarketError::MissingColumn { file, column, present, .. } if BAR_COLUMNS.contains(&column.as_str()) => {
            let is_missing = |name: &&str| !present.iter().any(|column| column == name);
            let missing = BAR_COLUMNS.iter().copied().filter(is_missing).map(str::to_owned).collect();
            MarketError::MissingBars { file, missing, present }
        }
        other => other,
    }
}
