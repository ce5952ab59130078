//! Encoding of named `[rows, columns]` tensors with text metadata in the safetensors format.
//!
//! Writing is done here rather than by the safetensors crate because that one writes metadata in hash order: equal runs
//! would give unequal files.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::DType;
use gradpool_strategy::{LeafValues, ParameterTable};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::columns::Columns;
use crate::error::TrainerError;

/// Tensors by name, each with one row per set, and metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TensorFile {
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
    /// Name to rows.
    pub tensors: BTreeMap<String, LeafValues>,
}

/// Ends each part of a prefix. Leaves of a composite have a `.` in their names.
pub const SEPARATOR: char = ':';

/// Prefix of [`Columns`], which are stored as `f64` whatever the precision of the training.
const COLUMN: &str = "set:";

impl TensorFile {
    /// Adds every leaf of several sets as one tensor, its name preceded by `prefix`.
    pub fn insert_sets(&mut self, prefix: &str, sets: &ParameterTable) {
        for (leaf, values) in sets.leaves() {
            self.tensors.insert(format!("{prefix}{leaf}"), values.clone());
        }
    }

    /// The sets whose leaves were inserted with `prefix`; names holding a further [`SEPARATOR`] belong to another prefix.
    /// `None` if their numbers of rows differ.
    pub fn sets(&self, prefix: &str) -> Option<ParameterTable> {
        let leaf = |(name, values): (&String, &LeafValues)| {
            let leaf = name.strip_prefix(prefix).filter(|leaf| !leaf.contains(SEPARATOR))?;
            Some((leaf.to_owned(), values.clone()))
        };
        let leaves: BTreeMap<String, LeafValues> = self.tensors.iter().filter_map(leaf).collect();
        let rows = leaves.values().find(|leaf| leaf.width > 0).map_or(0, |leaf| leaf.values.len() / leaf.width);
        ParameterTable::from_leaves(rows, leaves)
    }

    /// Adds one number per set under each name.
    pub fn insert_columns(&mut self, columns: Columns) {
        for (name, values) in columns.columns {
            self.tensors.insert(format!("{COLUMN}{name}"), LeafValues { width: 1, values });
        }
    }

    /// What [`TensorFile::insert_columns`] added.
    pub fn columns(&self) -> Columns {
        let column =
            |(name, leaf): (&String, &LeafValues)| Some((name.strip_prefix(COLUMN)?.to_owned(), leaf.values.clone()));
        Columns { columns: self.tensors.iter().filter_map(column).collect() }
    }

    /// The file's bytes; numbers are stored as `f32` if `dtype` says so, else as `f64`.
    pub fn encode(&self, dtype: DType) -> Vec<u8> {
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), json!(self.metadata));
        let mut data = Vec::with_capacity(self.tensors.values().map(|leaf| 8 * leaf.values.len()).sum());
        // Wider numbers first, so that all are aligned.
        let (exact, others): (Vec<_>, Vec<_>) =
            self.tensors.iter().partition(|(name, _)| dtype != DType::F32 || name.starts_with(COLUMN));
        for (label, tensors) in [("F64", exact), ("F32", others)] {
            for (name, leaf) in tensors {
                let start = data.len();
                for &value in &leaf.values {
                    if label == "F32" {
                        data.extend((value as f32).to_le_bytes());
                    } else {
                        data.extend(value.to_le_bytes());
                    }
                }
                let shape = [leaf.values.len() / leaf.width.max(1), leaf.width];
                let range = [start, data.len()];
                header.insert(name.clone(), json!({"dtype": label, "shape": shape, "data_offsets": range}));
            }
        }
        let mut text = Value::Object(header).to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text);
        bytes.extend(data);
        bytes
    }

    /// Reads a file's bytes; `path` is for messages.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self, TrainerError> {
        let malformed = |detail: String| TrainerError::CheckpointFormat { path: path.to_owned(), detail };
        let broken = |error: safetensors::SafeTensorError| malformed(format!("{error}; the file may be cut short"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let &[_, columns] = view.shape() else {
                return Err(malformed(format!("tensor `{name}` has shape {:?}; expected two axes", view.shape())));
            };
            let values: Vec<f64> = match view.dtype() {
                Dtype::F64 => words(view.data()).map(f64::from_le_bytes).collect(),
                Dtype::F32 => words(view.data()).map(|word| f64::from(f32::from_le_bytes(word))).collect(),
                other => return Err(malformed(format!("tensor `{name}` holds {other:?}; expected F64 or F32"))),
            };
            tensors.insert(name.to_owned(), LeafValues { width: columns, values });
        }
        Ok(Self { metadata, tensors })
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradpool_strategy::ParameterValues;

    use super::*;

    fn file() -> TensorFile {
        let mut file = TensorFile::default();
        file.metadata.insert("run_hash".into(), "ab\"c".into());
        let set =
            |value: f64| ParameterValues::new([("trend.log_k", vec![value, 1.0 / 3.0]), ("shared", vec![-value])]);
        file.insert_sets("", &ParameterTable::from_values(&[set(0.1), set(1e-310)]).unwrap());
        file.insert_sets("moment:first:", &ParameterTable::from_values(&[set(3.0), set(4.0)]).unwrap());
        let mut columns = Columns::default();
        columns.put("best_score", [1.0 / 3.0, f64::MAX].into_iter());
        file.insert_columns(columns);
        file
    }

    #[test]
    fn what_is_written_is_read_back_to_the_bit_and_files_of_equal_content_are_equal() {
        let bytes = file().encode(DType::F64);
        assert_eq!(TensorFile::decode(&bytes, Path::new("x")).unwrap(), file());
        assert_eq!(bytes, file().encode(DType::F64));
        assert_eq!(file().sets("").unwrap().set(1).leaves["trend.log_k"], [1e-310, 1.0 / 3.0]);
        assert_eq!(file().sets("moment:first:").unwrap().set(0).leaves["shared"], [-3.0]);
        assert_eq!(file().sets("").unwrap().sets(), 2);
    }

    #[test]
    fn single_precision_is_stored_as_such() {
        let decoded = TensorFile::decode(&file().encode(DType::F32), Path::new("x")).unwrap();
        assert_eq!(decoded.sets("").unwrap().set(0).leaves["trend.log_k"][1], f64::from((1.0_f64 / 3.0) as f32));
        assert_eq!(decoded.columns(), file().columns(), "but for the numbers of sets, which are no parameters");
    }

    #[test]
    fn truncated_files_are_refused_at_every_length() {
        let bytes = file().encode(DType::F64);
        for length in 0..bytes.len() {
            let error = TensorFile::decode(&bytes[..length], Path::new("cut.safetensors")).unwrap_err().to_string();
            assert!(error.contains("cut.safetensors"), "{error}");
        }
    }
}
