//! Price files in the standard layout: `{TICKER}_USD.parquet` or `.csv` with columns `unix` (milliseconds), `close` (USD) and, where
//! rows were carried forward, `filled`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{BoolType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::read::FILLED_COLUMN;
use crate::{MarketError, PriceTable};

/// Rows of one row group: a year of minutes.
const ROWS_PER_GROUP: usize = 1 << 19;

/// Kind of the files that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Parquet, Zstandard-compressed; prices keep every bit.
    #[default]
    Parquet,
    /// CSV with the shortest text that reads back to the same bits.
    Csv,
}

impl FileFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// Rows of one asset, ready to be written.
pub(crate) struct Rows {
    /// Milliseconds of the Unix epoch.
    pub(crate) unix: Vec<i64>,
    /// USD.
    pub(crate) close: Vec<f64>,
    pub(crate) filled: Vec<bool>,
}

/// Writes every column of a table in the standard layout, filled rows marked, and returns the paths in the order of the assets. Existing files
/// of these names are replaced.
///
/// # Errors
/// [`MarketError::Write`] or [`MarketError::Parquet`] if the folder or a file cannot be written.
pub fn write_table(table: &PriceTable, directory: &Path, format: FileFormat) -> Result<Vec<PathBuf>, MarketError> {
    let unix: Vec<i64> = (0..table.rows()).map(|row| table.grid().time_ms(row)).collect();
    let mut paths = Vec::with_capacity(table.assets().len());
    for (index, asset) in table.assets().iter().enumerate() {
        let rows = Rows {
            unix: unix.clone(),
            close: (0..table.rows()).map(|row| table.price(row, index)).collect(),
            filled: (0..table.rows()).map(|row| table.is_filled(row, index)).collect(),
        };
        paths.push(write_asset(asset, &rows, directory, format)?);
    }
    Ok(paths)
}

/// Writes one file under a temporary name and renames it.
pub(crate) fn write_asset(
    asset: &str,
    rows: &Rows,
    directory: &Path,
    format: FileFormat,
) -> Result<PathBuf, MarketError> {
    let path = directory.join(format!("{asset}_USD.{}", format.extension()));
    let temporary = directory.join(format!(".{asset}_USD.{}.{}.tmp", format.extension(), std::process::id()));
    fs::create_dir_all(directory).map_err(|source| MarketError::Write { file: directory.to_owned(), source })?;
    let written = match format {
        FileFormat::Parquet => write_parquet(&temporary, rows),
        FileFormat::Csv => write_csv(&temporary, rows),
    };
    let renamed = written.and_then(|()| {
        fs::rename(&temporary, &path).map_err(|source| MarketError::Write { file: path.clone(), source })
    });
    if renamed.is_err() {
        // The error that matters is the first one; a leftover temporary file is harmless.
        let _ = fs::remove_file(&temporary);
    }
    renamed.map(|()| path)
}

fn write_csv(path: &Path, rows: &Rows) -> Result<(), MarketError> {
    let write = || -> std::io::Result<()> {
        let mut output = BufWriter::new(File::create(path)?);
        let with_mask = rows.filled.contains(&true);
        writeln!(output, "unix,close{}", if with_mask { ",filled" } else { "" })?;
        for ((unix, close), filled) in rows.unix.iter().zip(&rows.close).zip(&rows.filled) {
            write!(output, "{unix},{close}")?;
            writeln!(output, "{}", if with_mask { if *filled { ",1" } else { ",0" } } else { "" })?;
        }
        output.flush()?;
        output.get_ref().sync_all()
    };
    write().map_err(|source| MarketError::Write { file: path.to_owned(), source })
}

fn write_parquet(path: &Path, rows: &Rows) -> Result<(), MarketError> {
    let io = |source| MarketError::Write { file: path.to_owned(), source };
    let file = File::create(path).map_err(io)?;
    let synced = file.try_clone().map_err(io)?;
    write_parquet_to(file, rows).map_err(|source| MarketError::Parquet { file: path.to_owned(), source })?;
    synced.sync_all().map_err(io)
}

fn write_parquet_to(file: File, rows: &Rows) -> Result<(), ParquetError> {
    let with_mask = rows.filled.contains(&true);
    let mask_field = if with_mask { format!("REQUIRED BOOLEAN {FILLED_COLUMN};") } else { String::new() };
    let schema =
        parse_message_type(&format!("message prices {{ REQUIRED INT64 unix; REQUIRED DOUBLE close; {mask_field} }}"))?;
    let unix = ColumnPath::from("unix");
    let properties = WriterProperties::builder()
        .set_created_by("gradpool".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(9)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(unix.clone(), false)
        .set_column_encoding(unix, Encoding::DELTA_BINARY_PACKED)
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    for start in (0..rows.unix.len()).step_by(ROWS_PER_GROUP) {
        let part = start..rows.unix.len().min(start + ROWS_PER_GROUP);
        let mut group = writer.next_row_group()?;
        // Columns come in the order of the schema: unix, close, filled.
        let mut number = 0;
        while let Some(mut column) = group.next_column()? {
            match number {
                0 => column.typed::<Int64Type>().write_batch(&rows.unix[part.clone()], None, None)?,
                1 => column.typed::<DoubleType>().write_batch(&rows.close[part.clone()], None, None)?,
                _ => column.typed::<BoolType>().write_batch(&rows.filled[part.clone()], None, None)?,
            };
            column.close()?;
            number += 1;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
