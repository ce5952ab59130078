//! `--series FILE`: everything about every simulated row and every update, as float64 arrays.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use parquet::basic::{Compression, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::DoubleType;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use safetensors::tensor::{Dtype, TensorView};

use crate::output::Hinted;

/// Rows of one row group of a parquet file: a year of minutes.
const ROWS_PER_GROUP: usize = 1 << 19;

/// Arrays that belong together. All have the same number of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Number of rows.
    pub rows: usize,
    /// The arrays.
    pub arrays: Vec<Array>,
}

/// Numbers with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    name: &'static str,
    /// `[rows, assets]` row-major if `per_asset`, else `[rows]`.
    numbers: Vec<f64>,
    per_asset: bool,
}

impl Array {
    /// One number per row.
    pub fn per_row(name: &'static str, numbers: Vec<f64>) -> Self {
        Self { name, numbers, per_asset: false }
    }

    /// One number per row and asset, `[rows, assets]` row-major.
    pub fn per_asset(name: &'static str, numbers: Vec<f64>) -> Self {
        Self { name, numbers, per_asset: true }
    }
}

/// What a series file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The assets, in the order of the arrays.
    pub assets: Vec<String>,
    /// Per simulated row.
    pub rows: Table,
    /// Per update of the weights.
    pub updates: Table,
}

/// Where series go, told from the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesFile {
    /// One file with all arrays.
    Safetensors(PathBuf),
    /// One column per asset; updates have a file of their own.
    Parquet {
        /// Per simulated row.
        rows: PathBuf,
        /// Per update.
        updates: PathBuf,
    },
}

impl SeriesFile {
    /// Tells the kind of file from the extension.
    ///
    /// # Errors
    /// If it is neither `.safetensors` nor `.parquet`.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors(path.to_owned())),
            Some("parquet") => {
                let mut name = path.file_stem().unwrap_or_default().to_owned();
                name.push(".updates.parquet");
                Ok(Self::Parquet { rows: path.to_owned(), updates: path.with_file_name(name) })
            }
            _ => Err(Hinted::new(
                format!("`--series {}`: series are written as .safetensors or .parquet", path.display()),
                "give the file one of these extensions",
            )
            .into()),
        }
    }

    /// Writes the series. Files appear whole or not at all; existing ones are replaced.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, series: &Series) -> anyhow::Result<()> {
        match self {
            Self::Safetensors(path) => replace(path, |temporary| write_safetensors(temporary, series)),
            Self::Parquet { rows, updates } => {
                replace(rows, |temporary| write_parquet(temporary, &series.rows, &series.assets))?;
                replace(updates, |temporary| write_parquet(temporary, &series.updates, &series.assets))
            }
        }
    }
}

/// Has a file written under a temporary name beside it, forced to disk, then renamed.
fn replace(path: &Path, write: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let finish = || {
        File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, path)
    };
    let outcome = write(&temporary).and_then(|()| Ok(finish()?));
    if outcome.is_err() {
        // The error that matters is the first one; a leftover temporary file is harmless.
        let _ = fs::remove_file(&temporary);
    }
    outcome.with_context(|| format!("cannot write the series {}", path.display()))
}

fn write_safetensors(path: &Path, series: &Series) -> anyhow::Result<()> {
    let mut encoded = Vec::new();
    for table in [&series.rows, &series.updates] {
        for array in &table.arrays {
            let bytes: Vec<u8> = array.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            let shape = if array.per_asset { vec![table.rows, series.assets.len()] } else { vec![table.rows] };
            encoded.push((array.name, shape, bytes));
        }
    }
    let views = encoded
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F64, shape.clone(), bytes)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let metadata = HashMap::from([("assets".to_owned(), series.assets.join(","))]);
    Ok(safetensors::serialize_to_file(views, Some(metadata), path)?)
}

/// One column of a row-major array.
struct Column<'a> {
    name: String,
    numbers: &'a [f64],
    offset: usize,
    stride: usize,
}

fn columns<'a>(table: &'a Table, assets: &[String]) -> Vec<Column<'a>> {
    let mut columns = Vec::new();
    for Array { name, numbers, per_asset } in &table.arrays {
        if *per_asset {
            columns.extend(assets.iter().enumerate().map(|(offset, asset)| Column {
                name: format!("{name}.{asset}"),
                numbers,
                offset,
                stride: assets.len(),
            }));
        } else {
            columns.push(Column { name: (*name).to_owned(), numbers, offset: 0, stride: 1 });
        }
    }
    columns
}

fn write_parquet(path: &Path, table: &Table, assets: &[String]) -> anyhow::Result<()> {
    let file = File::create(path)?;
    Ok(write_columns(file, table.rows, &columns(table, assets))?)
}

fn write_columns(file: File, rows: usize, columns: &[Column<'_>]) -> Result<(), ParquetError> {
    let fields = columns
        .iter()
        .map(|column| {
            let field = Type::primitive_type_builder(&column.name, PhysicalType::DOUBLE);
            Ok(Arc::new(field.with_repetition(Repetition::REQUIRED).build()?))
        })
        .collect::<Result<Vec<_>, ParquetError>>()?;
    let schema = Type::group_type_builder("series").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_created_by("gradpool".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(false)
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    for start in (0..rows).step_by(ROWS_PER_GROUP) {
        let end = rows.min(start + ROWS_PER_GROUP);
        let mut group = writer.next_row_group()?;
        for column in columns {
            let numbers: Vec<f64> =
                (start..end).map(|row| column.numbers[row * column.stride + column.offset]).collect();
            // There is one column of the group for each of ours, in the same order.
            let Some(mut target) = group.next_column()? else { break };
            target.typed::<DoubleType>().write_batch(&numbers, None, None)?;
            target.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
