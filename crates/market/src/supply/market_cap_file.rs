//! One asset's market-cap file: read, divided, clipped and filled.

use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::MarketError;
use crate::error::Place;
use crate::parse_time;
use crate::read::{find_column, open_csv};
use crate::source::FileKind;

const FILE_SUFFIX: &str = "-usd-max.csv";
const TIME_COLUMN: &str = "snapped_at";
const PRICE_COLUMN: &str = "price";
const MARKET_CAP_COLUMN: &str = "market_cap";
const EXPECTED_TIME: &str = "a date and time such as 2023-01-01 00:00:00 UTC";
const EXPECTED_NUMBER: &str = "a finite number, or nothing";
const EXPECTED_QUOTIENT: &str = "a market_cap whose quotient with the price is a finite supply above zero";

/// A price at or below this is no price to divide by, USD.
const LEAST_PRICE: f64 = 1e-10;
/// Sample standard deviations on either side of the mean that a supply may have.
const CLIP_DEVIATIONS: f64 = 3.0;
/// Most rows in a row that are filled from one side.
const MOST_FILLED_ROWS: usize = 7;

/// A supply and when it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    pub(super) time_ms: i64,
    pub(super) supply: f64,
}

/// A market-cap file that exists.
pub(super) struct MarketCapFile {
    pub(super) path: PathBuf,
    asset: String,
}

impl MarketCapFile {
    /// The file of an asset.
    pub(super) fn locate(directory: &Path, asset: &str) -> Result<Self, MarketError> {
        let path = directory.join(format!("{}{FILE_SUFFIX}", asset.to_lowercase()));
        if path.is_file() {
            return Ok(Self { path, asset: asset.to_owned() });
        }
        Err(MarketError::MissingMarketCaps { asset: asset.to_owned(), file: path, present: present_files(directory) })
    }

    /// Every supply of the file after clipping and filling, sorted by time; at least one.
    pub(super) fn observations(&self) -> Result<Vec<Observation>, MarketError> {
        let (times, mut supplies) =
            self.read().map_err(|defect| MarketError::MarketCapFile { defect: Box::new(defect) })?;
        clip(&mut supplies);
        fill(supplies.iter_mut());
        fill(supplies.iter_mut().rev());
        let known = times.into_iter().zip(supplies);
        let observations: Vec<_> =
            known.filter_map(|(time_ms, supply)| Some(Observation { time_ms, supply: supply? })).collect();
        if observations.is_empty() {
            return Err(MarketError::NoSupply { file: self.path.clone(), asset: self.asset.clone() });
        }
        Ok(observations)
    }

    /// Time and supply of each row, as the file has them.
    fn read(&self) -> Result<(Vec<i64>, Vec<Option<f64>>), MarketError> {
        let (mut reader, names) = open_csv(&self.path, FileKind::Csv)?;
        let column = |name: &str| Ok(find_column(&self.path, &names, None, &[name])?.0);
        let (time_column, price_column, market_cap_column): (usize, usize, usize) =
            (column(TIME_COLUMN)?, column(PRICE_COLUMN)?, column(MARKET_CAP_COLUMN)?);
        let (mut times, mut supplies) = (Vec::new(), Vec::new());
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|source| MarketError::Csv { file: self.path.clone(), source })? {
            let mut place = Place {
                file: self.path.clone(),
                row: times.len() as u64 + 1,
                line: record.position().map(csv::Position::line),
                time_ms: None,
            };
            let time_ms = time(&record[time_column], &place)?;
            place.time_ms = Some(time_ms);
            times.last().map_or(Ok(()), |&previous_ms| place.follows(previous_ms))?;
            let price = number(&record[price_column], PRICE_COLUMN, &place)?;
            let market_cap = number(&record[market_cap_column], MARKET_CAP_COLUMN, &place)?;
            let supply = (price > LEAST_PRICE && market_cap > 0.0).then_some(market_cap / price);
            if supply.is_some_and(|supply| !(supply.is_finite() && supply > 0.0)) {
                return Err(place.unreadable(&record[market_cap_column], MARKET_CAP_COLUMN, EXPECTED_QUOTIENT));
            }
            times.push(time_ms);
            supplies.push(supply);
        }
        Ok((times, supplies))
    }
}

/// Names of the market-cap files in a folder, sorted.
fn present_files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(FILE_SUFFIX))
        .collect();
    names.sort();
    names
}

fn time(text: &str, place: &Place) -> Result<i64, MarketError> {
    parse_time(text.strip_suffix("UTC").unwrap_or(text)).map_err(|_| place.unreadable(text, TIME_COLUMN, EXPECTED_TIME))
}

/// The number of a cell; NaN for none.
fn number(text: &str, column: &str, place: &Place) -> Result<f64, MarketError> {
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    let number = text.parse::<f64>().ok().filter(|number| !number.is_infinite());
    number.ok_or_else(|| place.unreadable(text, column, EXPECTED_NUMBER))
}

/// Clips to mean -+ [`CLIP_DEVIATIONS`] sample standard deviations; one supply alone has none and stays.
fn clip(supplies: &mut [Option<f64>]) {
    let count = supplies.iter().flatten().count() as f64;
    if count < 2.0 {
        return;
    }
    let mean = supplies.iter().flatten().sum::<f64>() / count;
    let squares: f64 = supplies.iter().flatten().map(|supply| (supply - mean).powi(2)).sum();
    let reach = CLIP_DEVIATIONS * (squares / (count - 1.0)).sqrt();
    for supply in supplies.iter_mut().flatten() {
        *supply = supply.max(mean - reach).min(mean + reach);
    }
}

/// Missing entries take the one before them, at most [`MOST_FILLED_ROWS`] on.
fn fill<'a>(supplies: impl Iterator<Item = &'a mut Option<f64>>) {
    let (mut last, mut filled) = (None, 0);
    for supply in supplies {
        if supply.is_some() {
            (last, filled) = (*supply, 0);
        } else if filled < MOST_FILLED_ROWS {
            *supply = last;
            filled += 1;
        }
    }
}
