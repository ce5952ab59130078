//! CSV files, plain or gzipped; lines that start with `#` are comments.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;

use super::times::TimeCell;
use super::{Columns, DEFAULT_PRICE_COLUMN, DEFAULT_TIME_COLUMNS, FILLED_COLUMN, PriceCell, find_column};
use crate::MarketError;
use crate::source::{FileKind, FileSpec};

type CsvReader = Reader<Box<dyn Read>>;

/// A reader of a CSV file that stands before the first data row, and the names of its columns.
pub(crate) fn open(path: &Path, kind: FileKind) -> Result<(CsvReader, Vec<String>), MarketError> {
    let file = File::open(path).map_err(|source| MarketError::Read { file: path.to_owned(), source })?;
    let input: Box<dyn Read> = match kind {
        FileKind::CsvGz => Box::new(MultiGzDecoder::new(file)),
        FileKind::Csv | FileKind::Parquet => Box::new(file),
    };
    let mut reader = ReaderBuilder::new().comment(Some(b'#')).trim(Trim::All).from_reader(input);
    let headers = reader.headers().map_err(|source| MarketError::Csv { file: path.to_owned(), source })?;
    let names = headers.iter().map(str::to_owned).collect();
    Ok((reader, names))
}

pub(super) fn read(path: &Path, kind: FileKind, spec: &FileSpec) -> Result<Columns, MarketError> {
    let failed = |source| MarketError::Csv { file: path.to_owned(), source };
    let (mut reader, names) = open(path, kind)?;
    let (time_index, time_name) = find_column(path, &names, spec.time_column.as_ref(), &DEFAULT_TIME_COLUMNS)?;
    let (price_index, price_name) = find_column(path, &names, spec.price_column.as_ref(), &[DEFAULT_PRICE_COLUMN])?;
    let filled_index = names.iter().position(|name| name == FILLED_COLUMN);

    let mut columns = Columns { time_name, price_name, ..Columns::default() };
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(failed)? {
        columns.times.push(TimeCell::from_text(&record[time_index]));
        columns.prices.push(price_cell(&record[price_index]));
        columns.lines.push(record.position().map_or(0, |position| position.line() as u32));
        if let Some(index) = filled_index {
            columns.filled.push(matches!(&record[index], "1" | "true" | "True" | "TRUE"));
        }
    }
    Ok(columns)
}

fn price_cell(text: &str) -> PriceCell {
    if text.is_empty() {
        return PriceCell::Empty;
    }
    text.parse().map_or_else(|_| PriceCell::Unreadable(text.into()), PriceCell::Price)
}
