//! One asset's rows as a price file holds them, before any check.

mod csv_file;
mod parquet_file;
mod times;

use std::path::PathBuf;

use crate::MarketError;
use crate::error::{Place, nearest_name};
use crate::source::{FileKind, Located};

pub(crate) use csv_file::open as open_csv;
pub(crate) use times::LATEST_MS;
pub(crate) use times::{TimeCell, unit_of};

/// Column that marks rows whose price was carried forward when the file was made.
pub(crate) const FILLED_COLUMN: &str = "filled";
const DEFAULT_TIME_COLUMNS: [&str; 6] = ["unix", "timestamp", "date", "time", "datetime", ""];
const DEFAULT_PRICE_COLUMN: &str = "close";
const EXPECTED_PRICE: &str = "a price, a number above zero";

/// A cell of the price column.
enum PriceCell {
    Price(f64),
    Empty,
    Unreadable(Box<str>),
}

/// What a file reader delivers: one entry per data row.
#[derive(Default)]
struct Columns {
    time_name: String,
    price_name: String,
    times: Vec<TimeCell>,
    prices: Vec<PriceCell>,
    /// Empty if the file has no such column.
    filled: Vec<bool>,
    /// Line of each row; empty for binary files.
    lines: Vec<u32>,
}

/// Rows of one asset in the order of the file; rows with an empty price are left out.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) asset: String,
    pub(crate) file: PathBuf,
    pub(crate) price_column: String,
    /// Milliseconds of the Unix epoch.
    pub(crate) times: Vec<i64>,
    /// USD; NaN where the cell is listed in `unreadable_prices`.
    pub(crate) prices: Vec<f64>,
    /// Empty if the file does not say.
    filled: Vec<bool>,
    /// Data row of the file, from 1.
    rows: Vec<u32>,
    /// Line of the file, from 1; empty for binary files.
    lines: Vec<u32>,
    /// (index into the vectors above, text), sorted.
    unreadable_prices: Vec<(usize, Box<str>)>,
    /// Rows without a usable time; they are in none of the vectors above.
    pub(crate) unreadable_times: Vec<MarketError>,
}

impl Series {
    /// Reads the rows of one asset.
    pub(crate) fn read(asset: &str, located: &Located) -> Result<Self, MarketError> {
        let columns = match located.kind {
            FileKind::Parquet => parquet_file::read(&located.path, &located.spec)?,
            FileKind::Csv | FileKind::CsvGz => csv_file::read(&located.path, located.kind, &located.spec)?,
        };
        Ok(Self::from_columns(asset, located, columns))
    }

    fn from_columns(asset: &str, located: &Located, columns: Columns) -> Self {
        let mut series = Self {
            asset: asset.to_owned(),
            file: located.path.clone(),
            price_column: columns.price_name,
            times: Vec::with_capacity(columns.times.len()),
            prices: Vec::with_capacity(columns.times.len()),
            filled: Vec::with_capacity(columns.filled.len()),
            rows: Vec::with_capacity(columns.times.len()),
            lines: Vec::with_capacity(columns.lines.len()),
            unreadable_prices: Vec::new(),
            unreadable_times: Vec::new(),
        };
        let (unit, expected) = unit_of(&columns.times, located.spec.time_unit);
        for (index, (time, price)) in columns.times.into_iter().zip(columns.prices).enumerate() {
            let time_ms = match time.into_ms(unit) {
                Ok(time_ms) => time_ms,
                Err(text) => {
                    let place = Place {
                        file: series.file.clone(),
                        row: index as u64 + 1,
                        line: columns.lines.get(index).map(|&line| u64::from(line)),
                        time_ms: None,
                    };
                    let column = columns.time_name.clone();
                    series.unreadable_times.push(MarketError::Unreadable {
                        place: Box::new(place),
                        column,
                        text,
                        expected,
                    });
                    continue;
                }
            };
            let price = match price {
                PriceCell::Price(price) => price,
                PriceCell::Empty => continue,
                PriceCell::Unreadable(text) => {
                    series.unreadable_prices.push((series.times.len(), text));
                    f64::NAN
                }
            };
            series.times.push(time_ms);
            series.prices.push(price);
            series.rows.push(index as u32 + 1);
            series.filled.extend(columns.filled.get(index));
            series.lines.extend(columns.lines.get(index));
        }
        series
    }

    /// First and last of the wanted times, whatever the order of the rows.
    pub(crate) fn span(&self, wanted: impl Fn(i64) -> bool) -> Result<(i64, i64), MarketError> {
        let times = || self.times.iter().copied().filter(|&time_ms| wanted(time_ms));
        match (times().min(), times().max()) {
            (Some(first), Some(last)) => Ok((first, last)),
            _ => Err(MarketError::NoRows { file: self.file.clone(), asset: self.asset.clone() }),
        }
    }

    /// Where entry `index` stands in the file.
    pub(crate) fn place(&self, index: usize) -> Place {
        Place {
            file: self.file.clone(),
            row: self.row(index),
            line: self.lines.get(index).map(|&line| u64::from(line)),
            time_ms: Some(self.times[index]),
        }
    }

    /// Data row of entry `index`, from 1.
    pub(crate) fn row(&self, index: usize) -> u64 {
        u64::from(self.rows[index])
    }

    /// Whether the file marks entry `index` as carried forward.
    pub(crate) fn is_filled(&self, index: usize) -> bool {
        self.filled.get(index).copied().unwrap_or(false)
    }

    /// Why the price of entry `index` is no price; `None` if it is one.
    pub(crate) fn price_problem(&self, index: usize) -> Option<MarketError> {
        let price = self.prices[index];
        if price.is_finite() && price > 0.0 {
            return None;
        }
        let place = Box::new(self.place(index));
        Some(match self.unreadable_prices.binary_search_by_key(&index, |entry| entry.0) {
            Ok(found) => MarketError::Unreadable {
                place,
                column: self.price_column.clone(),
                text: self.unreadable_prices[found].1.to_string(),
                expected: EXPECTED_PRICE,
            },
            Err(_) => MarketError::BadPrice { place, asset: self.asset.clone(), price },
        })
    }
}

/// Index and name of the wanted column, or of the first default that exists.
pub(crate) fn find_column(
    file: &std::path::Path,
    names: &[String],
    wanted: Option<&String>,
    defaults: &[&str],
) -> Result<(usize, String), MarketError> {
    let found = match wanted {
        Some(wanted) => names.iter().position(|name| name == wanted),
        None => defaults.iter().find_map(|default| names.iter().position(|name| name == default)),
    };
    if let Some(index) = found {
        return Ok((index, names[index].clone()));
    }
    let column = wanted.cloned().unwrap_or_else(|| {
        let named: Vec<&str> = defaults.iter().copied().filter(|name| !name.is_empty()).collect();
        named.join("` or `")
    });
    let searched = wanted.map_or(defaults[0], String::as_str);
    Err(MarketError::MissingColumn {
        file: file.to_owned(),
        nearest: nearest_name(searched, names),
        column,
        present: names.to_vec(),
    })
}
