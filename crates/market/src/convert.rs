//! From files of any layout to the standard layout.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::MarketError;
use crate::column::{Column, Missing};
use crate::extent::Extent;
use crate::load::read_all;
use crate::source::DataSource;
use crate::spacing::Spacing;
use crate::write::{FileFormat, Rows, write_asset};

/// What to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertOptions {
    /// Kind of the written files.
    pub format: FileFormat,
    /// Times to keep, milliseconds, half-open; everything if absent.
    pub range: Option<Range<i64>>,
    /// Write the rows that exist and leave gaps as they are, whatever the source's `gaps` says.
    pub keep_gaps: bool,
}

/// One written file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConvertedFile {
    /// The asset.
    pub asset: String,
    /// The written file.
    pub path: PathBuf,
    /// Rows in it.
    pub rows: usize,
    /// Rows among them that were carried forward over a gap; the file's column `filled` marks them.
    pub filled: usize,
    /// Rows missing between the first and the last one.
    pub missing: usize,
    /// Rows of the original that were left out because their time is off the grid.
    pub dropped_off_grid: usize,
    /// Time of the first row, milliseconds.
    pub first_ms: i64,
    /// Time of the last row, milliseconds.
    pub last_ms: i64,
}

/// Reads each asset of the source over its own span (assets are not cut to common times), checks it as [`crate::load`] does, and writes it
/// to `directory` as `{TICKER}_USD.parquet` or `.csv`. A constant `USD` is not written. Every file is read and checked before the first is written.
///
/// # Errors
/// As [`crate::load_range`]; [`MarketError::Write`] if the folder or a file cannot be written.
pub fn convert(
    source: &DataSource,
    directory: &Path,
    options: &ConvertOptions,
) -> Result<Vec<ConvertedFile>, MarketError> {
    let assets = source.sorted_assets()?;
    let missing = if options.keep_gaps { Missing::Keep } else { Missing::from(source.gaps) };
    let mut all = Vec::new();
    for series in read_all(source, &assets)?.iter().flatten() {
        let spacing = Spacing::of(series, source.step)?;
        let extent = Extent::common(std::iter::once(series), spacing, options.range.as_ref())?;
        let column = Column::read(series, &extent, missing, source.off_grid)?;
        let present: Vec<usize> = (0..column.prices.len()).filter(|&row| !column.prices[row].is_nan()).collect();
        let rows = Rows {
            unix: present.iter().map(|&row| extent.grid.start() + row as i64 * spacing.step_ms).collect(),
            close: present.iter().map(|&row| column.prices[row]).collect(),
            filled: present.iter().map(|&row| column.filled[row]).collect(),
        };
        let (Some(&first), Some(&last)) = (present.first(), present.last()) else {
            return Err(MarketError::NoRows { file: series.file.clone(), asset: series.asset.clone() });
        };
        let missing = last - first + 1 - present.len();
        all.push((series.asset.clone(), rows, missing, column.dropped_off_grid));
    }
    all.into_iter()
        .map(|(asset, rows, missing, dropped_off_grid)| {
            let path = write_asset(&asset, &rows, directory, options.format)?;
            Ok(ConvertedFile {
                asset,
                path,
                rows: rows.unix.len(),
                filled: rows.filled.iter().filter(|filled| **filled).count(),
                missing,
                dropped_off_grid,
                first_ms: rows.unix[0],
                last_ms: rows.unix[rows.unix.len() - 1],
            })
        })
        .collect()
}
