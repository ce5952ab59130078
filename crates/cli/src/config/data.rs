//! `[data]`: where the prices are and how they are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradpool_market::{DataSource, FileSpec, Gaps, OffGrid, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the prices are and how they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Folder of the price files `{TICKER}_USD.parquet` (or .csv, .csv.gz), relative to this file. Default: its folder.
    pub directory: PathBuf,
    /// Tickers of the pool's assets. `USD` is a constant cash leg and needs no file. Required.
    pub assets: Vec<String>,
    /// What to do about missing rows: "refuse", or "ffill" (fill with the last close and record it).
    pub gaps: Gaps,
    /// What to do about rows between two times of the grid: "refuse", or "drop" (leave out and count).
    pub off_grid: OffGrid,
    /// Spacing of the rows, such as "1 min", "1 h", "1 d" or a number of minutes. Default: told from the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// File and columns per ticker, where they differ from the standard layout.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileSpec>,
}

impl DataSection {
    /// The same, as the price reader takes it.
    pub fn source(&self) -> DataSource {
        DataSource {
            gaps: self.gaps,
            off_grid: self.off_grid,
            step: self.step,
            files: self.files.clone(),
            ..DataSource::new(&self.directory, self.assets.iter().cloned())
        }
    }

    /// Makes the folder absolute and takes `a/../b` out of it where the folder exists.
    pub(super) fn make_paths_absolute(&mut self) {
        let absolute = self.directory.canonicalize().or_else(|_| std::path::absolute(&self.directory));
        if let Ok(absolute) = absolute {
            self.directory = absolute;
        }
    }

    /// Leaves what decides how prices are read; where they are does not count.
    pub(super) fn forget_paths(&mut self) {
        self.directory = PathBuf::new();
        for file in self.files.values_mut() {
            file.path = PathBuf::new();
        }
    }
}

/// Joins `data.directory` of a layer to the folder that it is relative to.
pub(super) fn anchor(table: &mut toml::Table, folder: &Path) {
    if let Some(toml::Value::Table(data)) = table.get_mut("data")
        && let Some(toml::Value::String(directory)) = data.get_mut("directory")
    {
        *directory = folder.join(&*directory).to_string_lossy().into_owned();
    }
}
