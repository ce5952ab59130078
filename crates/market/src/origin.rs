//! Where the prices of an asset came from.

use std::path::PathBuf;

use serde::Serialize;

/// Origin of one column of a price table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AssetOrigin {
    /// The asset.
    pub asset: String,
    /// The price file; `None` for a constant or computed price.
    pub file: Option<PathBuf>,
    /// Rows of the file inside the table's span that were left out because their time is off the grid.
    pub dropped_off_grid: usize,
}

impl AssetOrigin {
    pub(crate) fn without_file(asset: &str) -> Self {
        Self { asset: asset.to_owned(), file: None, dropped_off_grid: 0 }
    }
}
