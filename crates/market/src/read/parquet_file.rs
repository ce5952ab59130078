//! Parquet files through the column reader, without arrow.

use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::times::TimeCell;
use super::{Columns, DEFAULT_PRICE_COLUMN, DEFAULT_TIME_COLUMNS, FILLED_COLUMN, PriceCell, find_column};
use crate::MarketError;
use crate::source::{FileSpec, TimeUnit};
use crate::time::DAY_MS;

const EXPECTED_TIME: &str = "INT64, INT32, DOUBLE or FLOAT, a timestamp or date, or text";
const EXPECTED_PRICE: &str = "DOUBLE, FLOAT, INT64 or INT32";
const EXPECTED_FILLED: &str = "BOOLEAN, INT64 or INT32";

pub(super) fn read(path: &Path, spec: &FileSpec) -> Result<Columns, MarketError> {
    let file = File::open(path).map_err(|source| MarketError::Read { file: path.to_owned(), source })?;
    let failed = |source| MarketError::Parquet { file: path.to_owned(), source };
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let (time_index, time_name) = find_column(path, &names, spec.time_column.as_ref(), &DEFAULT_TIME_COLUMNS)?;
    let (price_index, price_name) = find_column(path, &names, spec.price_column.as_ref(), &[DEFAULT_PRICE_COLUMN])?;
    let filled_index = names.iter().position(|name| name == FILLED_COLUMN);
    let cells = |index: usize| read_cells(&reader, index, &schema.column(index)).map_err(failed);
    let wrong_type = |index: usize, expected| MarketError::ColumnType {
        file: path.to_owned(),
        column: names[index].clone(),
        found: type_name(&schema.column(index)),
        expected,
    };

    let scale = time_scale(&schema.column(time_index));
    if spec.time_unit == TimeUnit::Datetime
        && scale == Scale::Plain
        && schema.column(time_index).physical_type() != Physical::BYTE_ARRAY
    {
        return Err(wrong_type(time_index, "a timestamp, a date or text, as time_unit = \"datetime\" says"));
    }
    let times = cells(time_index)?
        .and_then(|cells| time_cells(cells, scale))
        .ok_or_else(|| wrong_type(time_index, EXPECTED_TIME))?;
    let plain_price = time_scale(&schema.column(price_index)) == Scale::Plain;
    let prices = cells(price_index)?
        .filter(|_| plain_price)
        .and_then(price_cells)
        .ok_or_else(|| wrong_type(price_index, EXPECTED_PRICE))?;
    let filled = match filled_index {
        Some(index) => cells(index)?.and_then(flags).ok_or_else(|| wrong_type(index, EXPECTED_FILLED))?,
        None => Vec::new(),
    };
    Ok(Columns { time_name, price_name, times, prices, filled, lines: Vec::new() })
}

/// A column of any type that this crate reads.
enum Cells {
    Integers(Vec<Option<i64>>),
    Floats(Vec<Option<f64>>),
    Booleans(Vec<Option<bool>>),
    Texts(Vec<Option<ByteArray>>),
    Milliseconds(Vec<Option<i64>>),
}

/// How the integers of a time column become milliseconds, as far as its type says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Plain,
    Multiply(i64),
    Divide(i64),
    /// Decimal numbers, times of day: integers that mean something else.
    Other,
}

fn time_scale(column: &ColumnDescriptor) -> Scale {
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => match timestamp.unit {
            ParquetUnit::MILLIS => Scale::Multiply(1),
            ParquetUnit::MICROS => Scale::Divide(1_000),
            ParquetUnit::NANOS => Scale::Divide(1_000_000),
        },
        Some(LogicalType::Date) => Scale::Multiply(DAY_MS),
        Some(LogicalType::Decimal(_) | LogicalType::Time(_)) => Scale::Other,
        _ => match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => Scale::Multiply(1),
            ConvertedType::TIMESTAMP_MICROS => Scale::Divide(1_000),
            ConvertedType::DATE => Scale::Multiply(DAY_MS),
            ConvertedType::DECIMAL | ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => Scale::Other,
            _ => Scale::Plain,
        },
    }
}

fn type_name(column: &ColumnDescriptor) -> String {
    match column.logical_type_ref() {
        Some(logical) => format!("{} ({logical:?})", column.physical_type()),
        None => column.physical_type().to_string(),
    }
}

/// All cells of a column; `None` for a type that is neither number, text, truth value nor time.
fn read_cells(
    reader: &SerializedFileReader<File>,
    index: usize,
    column: &ColumnDescriptor,
) -> Result<Option<Cells>, ParquetError> {
    if column.max_rep_level() > 0 {
        return Ok(None);
    }
    let optional = column.max_def_level();
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mut cells = match column.physical_type() {
        Physical::INT32 | Physical::INT64 => Cells::Integers(Vec::with_capacity(rows)),
        Physical::FLOAT | Physical::DOUBLE => Cells::Floats(Vec::with_capacity(rows)),
        Physical::BOOLEAN => Cells::Booleans(Vec::with_capacity(rows)),
        Physical::BYTE_ARRAY => Cells::Texts(Vec::with_capacity(rows)),
        Physical::INT96 => Cells::Milliseconds(Vec::with_capacity(rows)),
        Physical::FIXED_LEN_BYTE_ARRAY => return Ok(None),
    };
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        match (group.get_column_reader(index)?, &mut cells) {
            (ColumnReader::Int32ColumnReader(column), Cells::Integers(out)) => {
                append(column, optional, out, i64::from)?;
            }
            (ColumnReader::Int64ColumnReader(column), Cells::Integers(out)) => {
                append(column, optional, out, |value| value)?;
            }
            (ColumnReader::FloatColumnReader(column), Cells::Floats(out)) => append(column, optional, out, f64::from)?,
            (ColumnReader::DoubleColumnReader(column), Cells::Floats(out)) => {
                append(column, optional, out, |value| value)?;
            }
            (ColumnReader::BoolColumnReader(column), Cells::Booleans(out)) => {
                append(column, optional, out, |value| value)?;
            }
            (ColumnReader::ByteArrayColumnReader(column), Cells::Texts(out)) => {
                append(column, optional, out, |value| value)?;
            }
            (ColumnReader::Int96ColumnReader(column), Cells::Milliseconds(out)) => {
                append(column, optional, out, |value| value.to_millis())?;
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(cells))
}

/// Appends one row group of a column, empty cells as `None`.
fn append<T: DataType, V>(
    mut column: ColumnReaderImpl<T>,
    max_definition: i16,
    out: &mut Vec<Option<V>>,
    convert: impl Fn(T::T) -> V,
) -> Result<(), ParquetError> {
    const BATCH: usize = 65_536;
    loop {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (records, _, _) = column.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Ok(());
        }
        let mut values = values.into_iter();
        if max_definition == 0 {
            out.extend(values.map(|value| Some(convert(value))));
        } else {
            out.extend(
                levels
                    .into_iter()
                    .map(|level| if level == max_definition { values.next().map(&convert) } else { None }),
            );
        }
    }
}

fn time_cells(cells: Cells, scale: Scale) -> Option<Vec<TimeCell>> {
    let missing = || TimeCell::Text("".into());
    Some(match (cells, scale) {
        (Cells::Milliseconds(cells), _) => {
            cells.into_iter().map(|cell| cell.map_or_else(missing, TimeCell::Milliseconds)).collect()
        }
        (Cells::Integers(cells), Scale::Plain) => {
            cells.into_iter().map(|cell| cell.map_or_else(missing, TimeCell::Integer)).collect()
        }
        (Cells::Integers(cells), Scale::Multiply(factor)) => cells
            .into_iter()
            .map(|cell| cell.and_then(|value| value.checked_mul(factor)).map_or_else(missing, TimeCell::Milliseconds))
            .collect(),
        (Cells::Integers(cells), Scale::Divide(divisor)) => cells
            .into_iter()
            .map(|cell| match cell {
                Some(value) if value % divisor == 0 => TimeCell::Milliseconds(value / divisor),
                // A fraction of a millisecond stands on no grid.
                Some(value) => TimeCell::Text(format!("{value} (fraction of a millisecond)").into()),
                None => missing(),
            })
            .collect(),
        (Cells::Floats(cells), Scale::Plain) => {
            cells.into_iter().map(|cell| cell.map_or_else(missing, TimeCell::Float)).collect()
        }
        (Cells::Texts(cells), Scale::Plain) => {
            let text = |bytes: ByteArray| TimeCell::from_text(&String::from_utf8_lossy(bytes.data()));
            cells.into_iter().map(|cell| cell.map_or_else(missing, text)).collect()
        }
        _ => return None,
    })
}

fn price_cells(cells: Cells) -> Option<Vec<PriceCell>> {
    Some(match cells {
        Cells::Floats(cells) => cells.into_iter().map(|cell| cell.map_or(PriceCell::Empty, PriceCell::Price)).collect(),
        Cells::Integers(cells) => cells
            .into_iter()
            .map(|cell| cell.map_or(PriceCell::Empty, |value| PriceCell::Price(value as f64)))
            .collect(),
        Cells::Booleans(_) | Cells::Texts(_) | Cells::Milliseconds(_) => return None,
    })
}

fn flags(cells: Cells) -> Option<Vec<bool>> {
    Some(match cells {
        Cells::Booleans(cells) => cells.into_iter().map(|cell| cell.unwrap_or(false)).collect(),
        Cells::Integers(cells) => cells.into_iter().map(|cell| cell.is_some_and(|value| value != 0)).collect(),
        Cells::Floats(_) | Cells::Texts(_) | Cells::Milliseconds(_) => return None,
    })
}
