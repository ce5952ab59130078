//! `[data]`: where the prices are and how they are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradpool_market::{DataSource, FileSpec, Gaps, OffGrid, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where market-cap files are looked for, below the folder of the price files.
const MARKET_CAP_FOLDER: &str = "market_cap_data";

/// Where the prices are and how they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Folder of the price files `{TICKER}_USD.parquet` (or .csv, .csv.gz), relative to this file. Default: its folder.
    pub directory: PathBuf,
    /// Tickers of the pool's assets. `USD` is a constant cash leg and needs no file. Required.
    pub assets: Vec<String>,
    /// Folder of the market-cap files `{ticker in lower case}-usd-max.csv` of rules that weigh by market capitalisation,
    /// relative to this file. Default: `market_cap_data` in the folder of the price files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market_caps: Option<PathBuf>,
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

    /// The folder of the market-cap files, if one is named or lies beside the price files.
    pub fn market_cap_folder(&self) -> Option<PathBuf> {
        let beside = || Some(self.directory.join(MARKET_CAP_FOLDER)).filter(|folder| folder.is_dir());
        self.market_caps.clone().or_else(beside)
    }

    /// Makes the folders absolute.
    pub(super) fn make_paths_absolute(&mut self) {
        std::iter::once(&mut self.directory).chain(&mut self.market_caps).for_each(make_absolute);
    }

    /// Leaves what decides how prices are read; where they are does not count.
    pub(super) fn forget_paths(&mut self) {
        self.directory = PathBuf::new();
        self.market_caps = None;
        for file in self.files.values_mut() {
            file.path = PathBuf::new();
        }
    }
}

/// Makes a path absolute and takes `a/../b` out of it where it exists.
pub(super) fn make_absolute(path: &mut PathBuf) {
    if let Ok(absolute) = path.canonicalize().or_else(|_| std::path::absolute(&*path)) {
        *path = absolute;
    }
}

/// Joins the folders of a layer to the folder that they are relative to.
pub(super) fn anchor(table: &mut toml::Table, folder: &Path) {
    let Some(toml::Value::Table(data)) = table.get_mut("data") else { return };
    for key in ["directory", "market_caps"] {
        if let Some(toml::Value::String(path)) = data.get_mut(key) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    }
}
