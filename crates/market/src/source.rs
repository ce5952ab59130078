//! Which files hold the prices, and how strictly they are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::MarketError;
use crate::table::alphabetical_order;
use crate::time::Step;

/// The cash leg whose price is 1 by definition and that needs no file.
pub const CASH: &str = "USD";

/// Where prices come from. A plain description; [`crate::load`] reads and checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Folder of the price files `{TICKER}_USD.parquet` (or `.csv`, `.csv.gz`).
    pub directory: PathBuf,
    /// Tickers. The table has them in alphabetical order, whatever the order here. `USD` is a constant cash leg and needs no file.
    pub assets: Vec<String>,
    /// What to do about missing rows: "refuse" or "ffill" (fill with the last close and record it).
    #[serde(default)]
    pub gaps: Gaps,
    /// What to do about rows between two times of the grid: "refuse" or "drop" (leave out and count).
    #[serde(default)]
    pub off_grid: OffGrid,
    /// Spacing of the rows, such as "1 min", "1 h", "1 d" or a number of minutes; told from the files if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// File and columns per ticker, where they differ from the standard layout.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileSpec>,
}

impl DataSource {
    /// The standard layout in a folder, nothing tolerated.
    pub fn new<A: Into<String>>(directory: impl Into<PathBuf>, assets: impl IntoIterator<Item = A>) -> Self {
        Self {
            directory: directory.into(),
            assets: assets.into_iter().map(Into::into).collect(),
            gaps: Gaps::default(),
            off_grid: OffGrid::default(),
            step: None,
            files: BTreeMap::new(),
        }
    }

    /// Every ticker that a folder has a standard file for, alphabetical.
    ///
    /// # Errors
    /// [`MarketError::Read`] if the folder cannot be read.
    pub fn present_tickers(directory: &Path) -> Result<Vec<String>, MarketError> {
        let failed = |source| MarketError::Read { file: directory.to_owned(), source };
        let mut tickers = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            let ticker = FileKind::ALL.iter().find_map(|kind| name.strip_suffix(&kind.standard_suffix()));
            tickers.extend(ticker.filter(|ticker| !ticker.is_empty()).map(str::to_owned));
        }
        tickers.sort();
        tickers.dedup();
        Ok(tickers)
    }

    /// The tickers in alphabetical order.
    ///
    /// # Errors
    /// [`MarketError::InvalidAssets`] for an empty list, repeated tickers, a list of only cash, or a mapping for a ticker that is
    /// not in the list.
    pub fn sorted_assets(&self) -> Result<Vec<String>, MarketError> {
        let order = alphabetical_order(&self.assets)?;
        if let Some(stray) = self.files.keys().find(|ticker| !self.assets.contains(ticker)) {
            return Err(MarketError::InvalidAssets {
                reason: format!("files has an entry for `{stray}`, which is not among the assets"),
            });
        }
        Ok(order.into_iter().map(|index| self.assets[index].clone()).collect())
    }

    /// File and columns of a ticker; `None` for the cash leg without a file.
    pub(crate) fn locate(&self, asset: &str) -> Result<Option<Located>, MarketError> {
        if let Some(spec) = self.files.get(asset) {
            let path = self.directory.join(&spec.path);
            if !path.is_file() {
                return Err(self.missing(asset, vec![path]));
            }
            return Ok(Some(Located { kind: FileKind::of(&path)?, path, spec: spec.clone() }));
        }
        let mut tried = Vec::new();
        for kind in FileKind::ALL {
            let path = self.directory.join(format!("{asset}{}", kind.standard_suffix()));
            if path.is_file() {
                let spec = FileSpec { path: path.clone(), ..FileSpec::default() };
                return Ok(Some(Located { path, kind, spec }));
            }
            tried.push(path);
        }
        if asset == CASH { Ok(None) } else { Err(self.missing(asset, tried)) }
    }

    fn missing(&self, asset: &str, tried: Vec<PathBuf>) -> MarketError {
        let present = Self::present_tickers(&self.directory).unwrap_or_default();
        MarketError::MissingFile { asset: asset.to_owned(), tried, present }
    }
}

/// What to do about missing rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// A missing row is an error.
    #[default]
    Refuse,
    /// A missing row gets the last close and is marked as filled.
    Ffill,
}

/// What to do about rows whose time is between two times of the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OffGrid {
    /// Such a row is an error.
    #[default]
    Refuse,
    /// Such a row is left out; the table's origins say how many were.
    Drop,
}

/// One price file of any layout and the columns to read. Several tickers may name the same file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// The file, relative to the data folder: .parquet, .csv or .csv.gz.
    pub path: PathBuf,
    /// Column of the time; otherwise the first that exists of `unix`, `timestamp`, `date`, `time`, `datetime` and a column without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// Column of the price in USD; `close` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_column: Option<String>,
    /// Unit of a numeric time column: "auto" (told from the size of the numbers), "s", "ms", "us", "ns", or "datetime" for text.
    #[serde(default)]
    pub time_unit: TimeUnit,
}

/// Unit of a time column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// From the column's type where it has a time type, otherwise from the size of the numbers (spec 06 sec. 6.2): up to 10 digits are
    /// seconds, up to 13 milliseconds, up to 16 microseconds, more nanoseconds.
    #[default]
    Auto,
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
    /// Text of a date and time, or a column of a time type.
    Datetime,
}

/// Kind of a price file, from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Parquet,
    Csv,
    CsvGz,
}

impl FileKind {
    /// In the order in which they are looked up.
    pub(crate) const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::CsvGz];

    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
        }
    }

    fn standard_suffix(self) -> String {
        format!("_USD.{}", self.extension())
    }

    pub(crate) fn of(path: &Path) -> Result<Self, MarketError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| name.ends_with(&format!(".{}", kind.extension())))
            .ok_or_else(|| MarketError::UnknownFileKind { file: path.to_owned() })
    }
}

/// A price file that exists.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) spec: FileSpec,
}
