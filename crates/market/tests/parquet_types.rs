//! Parquet columns of every type that can be a time or a price, required and optional; others are refused by name.
#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use gradpool_market::{DataSource, FileSpec, Gaps, MarketError, PriceTable, TimeUnit, load};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

/// 2023-03-01 and the next two days, as days since 1970.
const DAYS: [i64; 3] = [19_417, 19_418, 19_419];

fn column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, File>, values: &[T::T], levels: Option<&[i16]>) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, None).unwrap();
    column.close().unwrap();
}

/// A file of one row group whose columns `write` fills.
fn file(folder: &Path, schema: &str, write: impl FnOnce(&mut SerializedRowGroupWriter<'_, File>)) {
    let schema = Arc::new(parse_message_type(&format!("message prices {{ {schema} }}")).unwrap());
    let file = File::create(folder.join("BTC_USD.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
}

fn read(
    schema: &str,
    spec: FileSpec,
    write: impl FnOnce(&mut SerializedRowGroupWriter<'_, File>),
) -> Result<PriceTable, MarketError> {
    let folder = TempDir::new().unwrap();
    file(folder.path(), schema, write);
    let mut source = DataSource::new(folder.path(), ["BTC"]);
    let spec = FileSpec { path: "BTC_USD.parquet".into(), ..spec };
    source.files = BTreeMap::from([("BTC".to_owned(), spec)]);
    source.gaps = Gaps::Ffill;
    load(&source)
}

fn is_three_days(table: &PriceTable) {
    assert_eq!(table.grid().to_string(), "2023-03-01 00:00:00 .. 2023-03-03 00:00:00 every 1 d (3 rows)");
    assert_eq!(table.prices(), [1.0, 2.0, 3.0]);
}

#[test]
fn integer_times_read_in_every_unit_and_logical_type() {
    for (time, per_day) in [
        ("unix", 86_400),
        ("unix", 86_400_000),
        ("unix", 86_400_000_000),
        ("unix", 86_400_000_000_000),
        ("timestamp (TIMESTAMP(MILLIS,true))", 86_400_000),
        ("date (TIMESTAMP(MICROS,false))", 86_400_000_000),
        ("datetime (TIMESTAMP(NANOS,true))", 86_400_000_000_000),
        ("time (TIMESTAMP_MILLIS)", 86_400_000),
    ] {
        let table = read(&format!("REQUIRED INT64 {time}; REQUIRED DOUBLE close;"), FileSpec::default(), |group| {
            column::<Int64Type>(group, &DAYS.map(|day| day * per_day), None);
            column::<DoubleType>(group, &[1.0, 2.0, 3.0], None);
        });
        is_three_days(&table.unwrap_or_else(|error| panic!("{time}: {error}")));
    }
}

#[test]
fn other_types_of_times_read_too() {
    let table = read("REQUIRED INT32 date (DATE); REQUIRED FLOAT close;", FileSpec::default(), |group| {
        column::<Int32Type>(group, &DAYS.map(|day| day as i32), None);
        column::<FloatType>(group, &[1.0, 2.0, 3.0], None);
    });
    is_three_days(&table.unwrap());

    let table = read("REQUIRED DOUBLE unix; REQUIRED INT32 close;", FileSpec::default(), |group| {
        column::<DoubleType>(group, &DAYS.map(|day| day as f64 * 86_400_000.0), None);
        column::<Int32Type>(group, &[1, 2, 3], None);
    });
    is_three_days(&table.unwrap());

    let table = read("REQUIRED BINARY date (UTF8); REQUIRED INT64 close;", FileSpec::default(), |group| {
        let days = ["2023-03-01", "2023-03-02", "2023-03-03"].map(ByteArray::from);
        column::<ByteArrayType>(group, &days, None);
        column::<Int64Type>(group, &[1, 2, 3], None);
    });
    is_three_days(&table.unwrap());

    let table = read("REQUIRED INT96 timestamp; REQUIRED DOUBLE close;", FileSpec::default(), |group| {
        let days = DAYS.map(|day| {
            let mut value = Int96::new();
            value.set_data(0, 0, (day + 2_440_588) as u32);
            value
        });
        column::<Int96Type>(group, &days, None);
        column::<DoubleType>(group, &[1.0, 2.0, 3.0], None);
    });
    is_three_days(&table.unwrap());
}

#[test]
fn empty_cells_of_optional_columns_are_missing_rows_and_a_filled_column_is_the_mask() {
    let schema = "OPTIONAL INT64 unix; OPTIONAL DOUBLE close; OPTIONAL BOOLEAN filled;";
    let table = read(schema, FileSpec::default(), |group| {
        let times: Vec<i64> = (0..5).map(|day| (DAYS[0] + day) * 86_400_000).collect();
        column::<Int64Type>(group, &times, Some(&[1; 5]));
        column::<DoubleType>(group, &[1.0, 2.0, 5.0], Some(&[1, 1, 0, 0, 1]));
        column::<BoolType>(group, &[true, true], Some(&[0, 1, 0, 0, 1]));
    })
    .unwrap();
    assert_eq!(table.prices(), [1.0, 2.0, 2.0, 2.0, 5.0]);
    assert_eq!(table.filled(), [vec![1..5]]);
}

#[test]
fn an_empty_time_is_refused_with_its_row() {
    let error = read("OPTIONAL INT64 unix; REQUIRED DOUBLE close;", FileSpec::default(), |group| {
        column::<Int64Type>(group, &[DAYS[0] * 86_400_000, DAYS[2] * 86_400_000], Some(&[1, 0, 1]));
        column::<DoubleType>(group, &[1.0, 2.0, 3.0], None);
    })
    .unwrap_err();
    assert!(error.to_string().contains("row 2: column `unix` holds ``"), "{error}");
}

#[test]
fn columns_of_the_wrong_type_are_refused_with_their_type_and_the_right_ones() {
    let text_price = read("REQUIRED INT64 unix; REQUIRED BINARY close (UTF8);", FileSpec::default(), |group| {
        column::<Int64Type>(group, &[1], None);
        column::<ByteArrayType>(group, &[ByteArray::from("1.5")], None);
    });
    let message = text_price.unwrap_err().to_string();
    assert!(message.contains("column `close`, is of type BYTE_ARRAY"), "{message}");
    assert!(message.contains("expected DOUBLE, FLOAT, INT64 or INT32"), "{message}");

    let decimal_price =
        read("REQUIRED INT64 unix; REQUIRED INT64 close (DECIMAL(18,2));", FileSpec::default(), |group| {
            column::<Int64Type>(group, &[1], None);
            column::<Int64Type>(group, &[150], None);
        });
    assert!(matches!(decimal_price, Err(MarketError::ColumnType { .. })), "hundredths must not pass as dollars");

    let boolean_time = read("REQUIRED BOOLEAN unix; REQUIRED DOUBLE close;", FileSpec::default(), |group| {
        column::<BoolType>(group, &[true], None);
        column::<DoubleType>(group, &[1.0], None);
    });
    assert!(boolean_time.unwrap_err().to_string().contains("a timestamp or date, or text"));

    let spec = FileSpec { time_unit: TimeUnit::Datetime, ..FileSpec::default() };
    let plain_time = read("REQUIRED INT64 unix; REQUIRED DOUBLE close;", spec, |group| {
        column::<Int64Type>(group, &[1], None);
        column::<DoubleType>(group, &[1.0], None);
    });
    assert!(plain_time.unwrap_err().to_string().contains("datetime"));

    let spec = FileSpec { time_column: Some("uinx".to_owned()), ..FileSpec::default() };
    let misspelt = read("REQUIRED INT64 unix; REQUIRED DOUBLE close;", spec, |group| {
        column::<Int64Type>(group, &[1], None);
        column::<DoubleType>(group, &[1.0], None);
    });
    assert_eq!(misspelt.unwrap_err().hint().unwrap(), "did you mean `unix`?");
}
