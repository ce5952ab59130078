//! Which prices a `data` command works on: a folder, a file of any layout, or a configuration.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gradpool_market::{DataSource, FileSpec, Gaps, MarketError, OffGrid, Step, TimeUnit};

use crate::arguments::CommonOptions;
use crate::config;
use crate::output::Hinted;

/// Options that describe prices outside a configuration.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options for the files")]
pub struct SourceOptions {
    /// Ticker to read; in a file of another layout with the column of its price (repeatable)
    #[arg(long = "asset", value_name = "TICKER[=COLUMN]")]
    pub assets: Vec<String>,
    /// Column of the time
    #[arg(long, value_name = "COLUMN")]
    pub time_column: Option<String>,
    /// Unit of the time column
    #[arg(long, value_enum, hide_possible_values = true, value_name = "auto|s|ms|us|ns|datetime")]
    pub time_unit: Option<TimeUnitName>,
    /// Spacing of the rows, such as 1min, 1h, 1d or a number of minutes; told from the files if absent
    #[arg(long, value_name = "STEP")]
    pub step: Option<Step>,
    /// What to do about missing rows
    #[arg(long, value_enum, hide_possible_values = true, value_name = "refuse|ffill|keep")]
    pub gaps: Option<GapsName>,
    /// What to do about rows between two times of the grid
    #[arg(long, value_enum, hide_possible_values = true, value_name = "refuse|drop")]
    pub off_grid: Option<OffGridName>,
}

/// Unit of a time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimeUnitName {
    /// Told from the column
    Auto,
    /// Seconds
    S,
    /// Milliseconds
    Ms,
    /// Microseconds
    Us,
    /// Nanoseconds
    Ns,
    /// Text of a date and time
    Datetime,
}

/// What to do about missing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GapsName {
    /// An error
    Refuse,
    /// Fill with the last close and mark the row
    Ffill,
    /// Write the rows that exist
    Keep,
}

/// What to do about rows between two times of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OffGridName {
    /// An error
    Refuse,
    /// Leave out and count
    Drop,
}

impl From<TimeUnitName> for TimeUnit {
    fn from(name: TimeUnitName) -> Self {
        match name {
            TimeUnitName::Auto => Self::Auto,
            TimeUnitName::S => Self::S,
            TimeUnitName::Ms => Self::Ms,
            TimeUnitName::Us => Self::Us,
            TimeUnitName::Ns => Self::Ns,
            TimeUnitName::Datetime => Self::Datetime,
        }
    }
}

impl SourceOptions {
    /// The prices at `path`: of a configuration (`.toml`, `.json`), of a folder in the standard layout, or of one file.
    ///
    /// # Errors
    /// If the configuration is wrong, the folder cannot be read, or a file comes without a ticker.
    pub fn source(&self, path: &Path, common: &CommonOptions) -> anyhow::Result<DataSource> {
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        let mut source = if extension.is_some_and(|extension| extension == "toml" || extension == "json") {
            let source = config::Source::File(path.to_owned());
            config::load_data(&source, &common.overrides(None))?.source()
        } else if path.is_dir() {
            self.folder(path)?
        } else {
            self.file(path)?
        };
        self.adjust(&mut source);
        Ok(source)
    }

    /// The options that hold for sources of every kind.
    fn adjust(&self, source: &mut DataSource) {
        source.step = self.step.or(source.step);
        match self.gaps {
            Some(GapsName::Refuse) => source.gaps = Gaps::Refuse,
            Some(GapsName::Ffill) => source.gaps = Gaps::Ffill,
            Some(GapsName::Keep) | None => {}
        }
        match self.off_grid {
            Some(OffGridName::Refuse) => source.off_grid = OffGrid::Refuse,
            Some(OffGridName::Drop) => source.off_grid = OffGrid::Drop,
            None => {}
        }
    }

    fn folder(&self, path: &Path) -> anyhow::Result<DataSource> {
        let tickers = if self.assets.is_empty() { DataSource::present_tickers(path)? } else { self.tickers() };
        if tickers.is_empty() {
            let message = format!("{} has no file {{TICKER}}_USD.parquet, .csv or .csv.gz", path.display());
            return Err(
                Hinted::new(message, "name a file of another layout together with --asset TICKER=COLUMN").into()
            );
        }
        Ok(DataSource::new(path, tickers))
    }

    fn file(&self, path: &Path) -> anyhow::Result<DataSource> {
        let columns: Vec<(String, Option<String>)> = if self.assets.is_empty() {
            vec![(standard_ticker(path)?, None)]
        } else {
            self.assets.iter().map(|asset| split(asset)).collect()
        };
        let mut source = DataSource::new("", columns.iter().map(|(ticker, _)| ticker.clone()));
        for (ticker, price_column) in columns {
            let file = FileSpec {
                path: path.to_owned(),
                time_column: self.time_column.clone(),
                price_column,
                time_unit: self.time_unit.map(TimeUnit::from).unwrap_or_default(),
            };
            source.files.insert(ticker, file);
        }
        Ok(source)
    }

    fn tickers(&self) -> Vec<String> {
        self.assets.iter().map(|asset| split(asset).0).collect()
    }
}

fn split(asset: &str) -> (String, Option<String>) {
    match asset.split_once('=') {
        Some((ticker, column)) => (ticker.to_owned(), Some(column.to_owned())),
        None => (asset.to_owned(), None),
    }
}

/// `datasets/daily/BTC_USD.parquet` holds BTC.
fn standard_ticker(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.split_once("_USD.") {
        Some((ticker, _)) if !ticker.is_empty() => Ok(ticker.to_owned()),
        _ if path.exists() => Err(Hinted::new(
            format!("{} does not say which asset it holds", path.display()),
            "add --asset TICKER, or --asset TICKER=COLUMN with the column of its price",
        )
        .into()),
        _ => Err(anyhow::Error::new(missing(path)).context(format!("cannot read {}", path.display()))),
    }
}

fn missing(path: &Path) -> std::io::Error {
    match std::fs::metadata(path) {
        Err(error) => error,
        Ok(_) => std::io::Error::from(std::io::ErrorKind::InvalidInput),
    }
}

/// The market's hints speak of configuration keys; here the same is said by options.
pub fn with_options_in_hint(error: MarketError) -> anyhow::Error {
    let hint = match &error {
        MarketError::Gap { .. } => {
            "add --gaps ffill to fill gaps with the last close (filled rows are marked), or --gaps keep"
        }
        MarketError::OffGrid { .. } => "add --off-grid drop to leave such rows out (they are counted)",
        MarketError::MissingColumn { nearest: None, .. } => {
            "name columns with --time-column COLUMN and --asset TICKER=COLUMN"
        }
        MarketError::StepUnknown { .. } | MarketError::DifferentGrids { .. } => {
            "say which step is meant, such as --step 1h"
        }
        _ => return error.into(),
    };
    Hinted::new(error.to_string(), hint).into()
}

/// Where a command writes.
#[derive(Clone, Debug, Args)]
pub struct TargetOptions {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Kind of the written files
    #[arg(long, value_enum, hide_possible_values = true, value_name = "parquet|csv", default_value = "parquet")]
    pub format: FormatName,
}

/// Kind of written files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Parquet
    Parquet,
    /// CSV
    Csv,
}

impl From<FormatName> for gradpool_market::FileFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Parquet => Self::Parquet,
            FormatName::Csv => Self::Csv,
        }
    }
}
