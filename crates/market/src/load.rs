//! From price files to one table: alignment on common times, refusal or repair of what is wrong.

use std::ops::Range;

use crate::column::{Column, Missing};
use crate::extent::Extent;
use crate::origin::AssetOrigin;
use crate::ranges::marked;
use crate::read::Series;
use crate::source::{CASH, DataSource};
use crate::spacing::Spacing;
use crate::{Grid, MarketError, PriceTable};

/// Reads all common times of a data source. See [`load_range`].
///
/// # Errors
/// As [`load_range`].
pub fn load(source: &DataSource) -> Result<PriceTable, MarketError> {
    load_range(source, None)
}

/// Reads the common times of all assets, cut to `range` (milliseconds, half-open; `None` = everything).
///
/// The table spans from the latest first row to the earliest last row of all assets; inside it every asset must have every row.
/// Rows outside those times are not checked, so that a file with a gap elsewhere is as good as any. `USD` without a file is a constant 1.
///
/// # Errors
/// [`MarketError`] for files that are missing or unreadable, and with file, row and time for rows that are unsorted, repeated, off the
/// grid (unless `off_grid = "drop"`), missing (unless `gaps = "ffill"`), or whose price is not finite and above zero.
pub fn load_range(source: &DataSource, range: Option<Range<i64>>) -> Result<PriceTable, MarketError> {
    let assets = source.sorted_assets()?;
    let series = read_all(source, &assets)?;
    let spacing = common_spacing(source, series.iter().flatten())?;
    let extent = Extent::common(series.iter().flatten(), spacing, range.as_ref())?;
    let rows = extent.row_count()?;
    let grid = Grid::new(*extent.grid.start(), spacing.step_ms, rows)?;
    let mut columns = Vec::with_capacity(assets.len());
    let mut masks = Vec::with_capacity(assets.len());
    let mut origins = Vec::with_capacity(assets.len());
    for (asset, series) in assets.iter().zip(series) {
        let Some(series) = series else {
            columns.push(vec![1.0; rows]);
            masks.push(Vec::new());
            origins.push(AssetOrigin::without_file(asset));
            continue;
        };
        let column = Column::read(&series, &extent, Missing::from(source.gaps), source.off_grid)?;
        masks.push(marked(&column.filled));
        columns.push(column.prices);
        let origin =
            AssetOrigin { file: Some(series.file), dropped_off_grid: column.dropped_off_grid, asset: asset.clone() };
        origins.push(origin);
    }
    Ok(PriceTable::from_masked_columns(&assets, grid, &columns, &masks)?.with_origins(origins))
}

/// One series per asset, `None` for the constant cash leg.
pub(crate) fn read_all(source: &DataSource, assets: &[String]) -> Result<Vec<Option<Series>>, MarketError> {
    let mut all = Vec::with_capacity(assets.len());
    for asset in assets {
        let Some(located) = source.locate(asset)? else {
            all.push(None);
            continue;
        };
        let mut series = Series::read(asset, &located)?;
        if let Some(error) = (!series.unreadable_times.is_empty()).then(|| series.unreadable_times.swap_remove(0)) {
            return Err(error);
        }
        all.push(Some(series));
    }
    if all.iter().all(Option::is_none) {
        return Err(MarketError::InvalidAssets {
            reason: format!("only {CASH}, whose price is constant, is no market"),
        });
    }
    Ok(all)
}

/// The one grid that all series stand on.
fn common_spacing<'a>(source: &DataSource, all: impl Iterator<Item = &'a Series>) -> Result<Spacing, MarketError> {
    let mut common: Option<(&str, Spacing)> = None;
    for series in all {
        let spacing = Spacing::of(series, source.step)?;
        match common {
            None => common = Some((&series.asset, spacing)),
            Some((first, first_spacing)) if first_spacing != spacing => {
                return Err(MarketError::DifferentGrids {
                    first: first.to_owned(),
                    first_grid: first_spacing.describe(),
                    second: series.asset.clone(),
                    second_grid: spacing.describe(),
                });
            }
            Some(_) => {}
        }
    }
    common
        .map(|(_, spacing)| spacing)
        .ok_or_else(|| MarketError::InvalidAssets { reason: "none has a file".to_owned() })
}
