//! What can be wrong with prices, where, and what would be right.

use std::fmt;
use std::path::PathBuf;

use crate::source::CASH;
use crate::time::{format_duration, format_time};

const MARKET_CAP_LAYOUT: &str =
    "a market-cap file is a CSV with the columns snapped_at (date and time, UTC), price and market_cap (both USD)";
/// What a file of times looks like.
const TIMES_LAYOUT: &str = "a file of times is a CSV with the column unix: seconds or milliseconds of the Unix epoch";
const INPUT_LAYOUT: &str = "a file of inputs is a CSV with the column unix and those of its kind: fees or bps; trade_gas_cost_usd or USD; \
     arb_fees or bps; lp_supply; token_in, token_out and amount_in";

/// Where in a file something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Data row, from 1; the header and comments do not count.
    pub row: u64,
    /// Line of the file, from 1, for text files.
    pub line: Option<u64>,
    /// Time of the row, milliseconds of the Unix epoch, where it could be read.
    pub time_ms: Option<i64>,
}

impl Place {
    /// Refuses a row that is not later than the one before it.
    pub(crate) fn follows(&self, previous_ms: i64) -> Result<(), MarketError> {
        match self.time_ms {
            Some(time_ms) if time_ms < previous_ms => {
                Err(MarketError::Unsorted { place: Box::new(self.clone()), previous_ms })
            }
            Some(time_ms) if time_ms == previous_ms => {
                Err(MarketError::Duplicate { place: Box::new(self.clone()), first_row: self.row - 1 })
            }
            _ => Ok(()),
        }
    }

    /// The error of a cell that cannot be read.
    pub(crate) fn unreadable(&self, text: &str, column: &str, expected: &'static str) -> MarketError {
        MarketError::Unreadable {
            place: Box::new(self.clone()),
            column: column.to_owned(),
            text: text.to_owned(),
            expected,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, row {}", self.file.display(), self.row)?;
        if let Some(line) = self.line {
            write!(formatter, " (line {line})")?;
        }
        match self.time_ms {
            Some(time_ms) => write!(formatter, ", {}", format_time(time_ms)),
            None => Ok(()),
        }
    }
}

/// Everything that this crate refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// A text that is no time.
    #[error(
        "`{text}` is not a time; write YYYY-MM-DD, YYYY-MM-DD HH:MM:SS (UTC), or RFC 3339 such as 2023-03-01T00:00:00Z"
    )]
    InvalidTime {
        /// The text.
        text: String,
    },
    /// A step that is not positive or does not divide a day.
    #[error("a step of `{text}` is not possible; a step must divide a day, such as 1 min, 5 min, 1 h or 1 d")]
    InvalidStep {
        /// The step as it was given.
        text: String,
    },
    /// A setting outside what is possible.
    #[error("{key} = {value} is not possible; {valid}")]
    InvalidValue {
        /// Name of the setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        valid: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is no CSV.
    #[error("{} is not a readable CSV file", file.display())]
    Csv {
        /// The file.
        file: PathBuf,
        /// The reader's reason.
        source: csv::Error,
    },
    /// A file that is no parquet.
    #[error("{} is not a readable parquet file", file.display())]
    Parquet {
        /// The file.
        file: PathBuf,
        /// The reader's reason.
        source: parquet::errors::ParquetError,
    },
    /// No price file for an asset.
    #[error("no prices of {asset}: tried {}; {}", paths(tried), present_tickers(present))]
    MissingFile {
        /// The asset.
        asset: String,
        /// The paths that were tried, in order.
        tried: Vec<PathBuf>,
        /// Tickers that the folder has files for.
        present: Vec<String>,
    },
    /// A file whose kind is unknown.
    #[error("{} is not a price file; its name must end in .parquet, .csv or .csv.gz", file.display())]
    UnknownFileKind {
        /// The file.
        file: PathBuf,
    },
    /// A column that the file lacks.
    #[error("{} has no column `{column}`; it has {}", file.display(), quoted(present))]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// The column that was asked for, or the alternatives.
        column: String,
        /// The columns of the file.
        present: Vec<String>,
        /// The column with the nearest name, if one is near.
        nearest: Option<String>,
    },
    /// A column of a type that cannot be a time or a price.
    #[error("{}, column `{column}`, is of type {found}; expected {expected}", file.display())]
    ColumnType {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The types that would be right.
        expected: &'static str,
    },
    /// A file without a single price.
    #[error("{} has no rows with a price of {asset}", file.display())]
    NoRows {
        /// The file.
        file: PathBuf,
        /// The asset.
        asset: String,
    },
    /// A cell that is neither a time nor a number.
    #[error("{place}: column `{column}` holds `{text}`; expected {expected}")]
    Unreadable {
        /// Where.
        place: Box<Place>,
        /// The column.
        column: String,
        /// The cell.
        text: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A row earlier than one before it.
    #[error("{place}: the row is earlier than the row before it ({}); rows must be sorted by time", format_time(*previous_ms))]
    Unsorted {
        /// Where.
        place: Box<Place>,
        /// The latest time before it.
        previous_ms: i64,
    },
    /// A time that occurs twice.
    #[error("{place}: the time occurs twice, first in row {first_row}; each time must occur once")]
    Duplicate {
        /// Where.
        place: Box<Place>,
        /// The row that has the time first.
        first_row: u64,
    },
    /// A price that is not a positive finite number.
    #[error("{place}: the price of {asset} is {price}; prices must be finite and above zero")]
    BadPrice {
        /// Where.
        place: Box<Place>,
        /// The asset.
        asset: String,
        /// The price.
        price: f64,
    },
    /// A row between two times of the grid.
    #[error("{place}: the time is off the grid of {}; the nearest grid time is {}", format_duration(*step_ms), format_time(*nearest_ms))]
    OffGrid {
        /// Where.
        place: Box<Place>,
        /// Step of the grid, milliseconds.
        step_ms: i64,
        /// Nearest time on the grid.
        nearest_ms: i64,
    },
    /// Missing rows.
    #[error(
        "{place}: {missing} row{} of {asset} missing before it ({} .. {}, one each {})",
        if *missing == 1 { "" } else { "s" }, format_time(*from_ms), format_time(*to_ms), format_duration(*step_ms)
    )]
    Gap {
        /// The first row after the gap.
        place: Box<Place>,
        /// The asset.
        asset: String,
        /// First missing time.
        from_ms: i64,
        /// Last missing time.
        to_ms: i64,
        /// Number of missing rows.
        missing: usize,
        /// Step of the grid, milliseconds.
        step_ms: i64,
    },
    /// A step that cannot be told from the file.
    #[error("{}: cannot tell the step from its rows; {reason}", file.display())]
    StepUnknown {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Assets on different grids.
    #[error("the assets are not on one grid: {first} has rows every {first_grid}, {second} every {second_grid}")]
    DifferentGrids {
        /// An asset.
        first: String,
        /// Its step and phase in words.
        first_grid: String,
        /// Another asset.
        second: String,
        /// Its step and phase in words.
        second_grid: String,
    },
    /// Assets, or assets and a requested range, without a common time.
    #[error("there is no time at which every asset has a price: {spans}")]
    NoOverlap {
        /// The span of each asset and the requested range, in words.
        spans: String,
    },
    /// No market-cap file for an asset.
    #[error(
        "no market capitalisations of {asset}: there is no {}; the folder has {}{}", file.display(), quoted(present),
        if asset == CASH { "; the cash leg USD needs a file too: its price is known, its supply is not" } else { "" }
    )]
    MissingMarketCaps {
        /// The asset.
        asset: String,
        /// The file that was looked for.
        file: PathBuf,
        /// Market-cap files of the folder.
        present: Vec<String>,
    },
    /// A market-cap file with a defect.
    #[error(transparent)]
    MarketCapFile {
        /// What is wrong with it.
        defect: Box<Self>,
    },
    /// A market-cap file without a single supply.
    #[error(
        "{} has no row with a price above 1e-10 and a market_cap above zero, so the supply of {asset} is unknown",
        file.display()
    )]
    NoSupply {
        /// The file.
        file: PathBuf,
        /// The asset.
        asset: String,
    },
    /// A market-cap file that begins after the rows it is needed for.
    #[error(
        "{} has supplies of {asset} only from {}, but the rows begin at {}; start later, or use a file that reaches back",
        file.display(), format_time(*first_ms), format_time(*start_ms)
    )]
    SupplyTooLate {
        /// The file.
        file: PathBuf,
        /// The asset.
        asset: String,
        /// Time of the file's first supply.
        first_ms: i64,
        /// First time of the grid.
        start_ms: i64,
    },
    /// A file beside the prices with a defect.
    #[error(transparent)]
    InputFile {
        /// What is wrong with it.
        defect: Box<Self>,
    },
    /// A file of times with a defect.
    #[error(transparent)]
    TimesFile {
        /// What is wrong with it.
        defect: Box<Self>,
    },
    /// A file without a single row.
    #[error("{} has no rows below its header", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A token that is none of the pool's assets.
    #[error("{place}: column `{column}` holds `{token}`, which is none of the assets; they are {}", quoted(assets))]
    UnknownToken {
        /// Where.
        place: Box<Place>,
        /// The column.
        column: String,
        /// The token.
        token: String,
        /// The assets.
        assets: Vec<String>,
        /// The asset with the nearest name, if one is near.
        nearest: Option<String>,
    },
    /// A table of supplies that breaks its own promises.
    #[error("the supply table is not possible: {reason}")]
    InvalidSupplies {
        /// Why.
        reason: String,
    },
    /// A price file without the columns that spreads are estimated from.
    #[error("{} has no column {}, which the bid-ask spread is estimated from; it has {}", file.display(), quoted(missing), quoted(present))]
    MissingBars {
        /// The file.
        file: PathBuf,
        /// The columns it lacks.
        missing: Vec<String>,
        /// The columns it has.
        present: Vec<String>,
    },
    /// A table of spreads that breaks its own promises.
    #[error("the spread table is not possible: {reason}")]
    InvalidSpreads {
        /// Why.
        reason: String,
    },
    /// A list of assets that makes no table.
    #[error("the list of assets is not possible: {reason}")]
    InvalidAssets {
        /// Why.
        reason: String,
    },
    /// A table that breaks its own promises.
    #[error("the price table is not possible: {reason}")]
    InvalidTable {
        /// Why.
        reason: String,
    },
    /// An asset that the table lacks.
    #[error("there are no prices of `{asset}`; there are {}", quoted(present))]
    UnknownAsset {
        /// The asset.
        asset: String,
        /// The assets of the table.
        present: Vec<String>,
        /// The asset with the nearest name, if one is near.
        nearest: Option<String>,
    },
    /// A period that ends before it starts.
    #[error("{later} ({}) must be later than {earlier} ({})", format_time(*later_ms), format_time(*earlier_ms))]
    PeriodOrder {
        /// Name of the time that should be earlier.
        earlier: &'static str,
        /// That time.
        earlier_ms: i64,
        /// Name of the time that should be later.
        later: &'static str,
        /// That time.
        later_ms: i64,
    },
    /// A period that the data do not cover.
    #[error(
        "{name} ({}) is outside the data, which cover {} .. {}", format_time(*time_ms), format_time(*first_ms), format_time(*last_ms)
    )]
    PeriodOutside {
        /// Name of the time.
        name: &'static str,
        /// The time.
        time_ms: i64,
        /// First time that would be right.
        first_ms: i64,
        /// Last time that would be right.
        last_ms: i64,
    },
    /// A period that begins or ends between two rows.
    #[error(
        "{name} ({}) is between two rows of the data (one each {}); the nearest row is at {}",
        format_time(*time_ms), format_duration(*step_ms), format_time(*nearest_ms)
    )]
    PeriodOffGrid {
        /// Name of the time.
        name: &'static str,
        /// The time.
        time_ms: i64,
        /// Step of the grid, milliseconds.
        step_ms: i64,
        /// Nearest time of the grid.
        nearest_ms: i64,
    },
    /// No history before the start.
    #[error(
        "no burn-in available: {asked} days before {} are asked for, but the data begin at {}, less than a day earlier",
        format_time(*start_ms), format_time(*first_ms)
    )]
    NoBurnIn {
        /// Days that were asked for.
        asked: f64,
        /// Start of the period.
        start_ms: i64,
        /// First time of the data.
        first_ms: i64,
    },
}

impl MarketError {
    /// What to do about it, in one sentence, where there is something to do beyond the message.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Gap { .. } => {
                "set gaps = \"ffill\" to fill gaps with the last close (filled rows are recorded), or choose a range without the gap".to_owned()
            }
            Self::OffGrid { .. } => "set off_grid = \"drop\" to leave such rows out (they are counted and reported)".to_owned(),
            Self::MissingFile { .. } => {
                "set data.directory to the folder of the price files, or map the asset to a file under data.files".to_owned()
            }
            Self::MissingColumn { nearest: Some(nearest), .. } | Self::UnknownAsset { nearest: Some(nearest), .. } => {
                format!("did you mean `{nearest}`?")
            }
            Self::MissingColumn { .. } => "name the columns with time_column and price_column under data.files".to_owned(),
            Self::MissingBars { .. } => "use price files with open, high, low and close of every row".to_owned(),
            Self::MissingMarketCaps { .. } => MARKET_CAP_LAYOUT.to_owned(),
            // Other hints are about price files.
            Self::MarketCapFile { defect } if matches!(**defect, Self::MissingColumn { .. }) => {
                MARKET_CAP_LAYOUT.to_owned()
            }
            Self::TimesFile { defect } => match &**defect {
                Self::MissingColumn { .. } => TIMES_LAYOUT.to_owned(),
                _ => return None,
            },
            Self::InputFile { defect } => match &**defect {
                Self::MissingColumn { .. } => INPUT_LAYOUT.to_owned(),
                Self::UnknownToken { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
                _ => return None,
            },
            Self::StepUnknown { .. } | Self::DifferentGrids { .. } => "say which step is meant, such as step = \"1 h\"".to_owned(),
            Self::NoBurnIn { first_ms, .. } => {
                format!("start at least one day after {}, or lower the maximum memory", format_time(*first_ms))
            }
            Self::Duplicate { .. } | Self::Unsorted { .. } | Self::BadPrice { .. } => {
                "`gradpool data inspect` lists every such row".to_owned()
            }
            _ => return None,
        })
    }
}

/// The name nearest to `wanted`, if one is near enough to be a misspelling.
pub(crate) fn nearest_name(wanted: &str, names: &[String]) -> Option<String> {
    let wanted = wanted.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name.clone())
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn present_tickers(present: &[String]) -> String {
    if present.is_empty() {
        "the folder has no {TICKER}_USD.parquet or .csv at all".to_owned()
    } else {
        format!("the folder has {}", present.join(", "))
    }
}
