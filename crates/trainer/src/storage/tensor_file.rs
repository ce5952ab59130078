//! Encoding of named `[rows, columns]` tensors with text metadata in the safetensors format.
//!
//! Writing is done here rather than by the safetensors crate because that one writes metadata in hash order: equal runs
//! would give unequal files.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::DType;
use gradpool_strategy::parameters::ParameterValues;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::TrainerError;

/// Tensors by name, each as one set of leaves per row, and metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TensorFile {
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
    /// Name to rows.
    pub tensors: BTreeMap<String, Vec<Vec<f64>>>,
}

/// Ends each part of a prefix. Leaves of a composite have a `.` in their names.
pub const SEPARATOR: char = ':';

impl TensorFile {
    /// Adds every leaf of several sets as one tensor, its name preceded by `prefix`.
    pub fn insert_sets(&mut self, prefix: &str, sets: &[ParameterValues]) {
        for leaf in sets.first().into_iter().flat_map(|set| set.leaves.keys()) {
            let rows = sets.iter().map(|set| set.leaves[leaf].clone()).collect();
            self.tensors.insert(format!("{prefix}{leaf}"), rows);
        }
    }

    /// The sets whose leaves were inserted with `prefix`; names holding a further [`SEPARATOR`] belong to another prefix.
    pub fn sets(&self, prefix: &str) -> Vec<ParameterValues> {
        let mut sets: Vec<ParameterValues> = Vec::new();
        for (name, rows) in &self.tensors {
            let Some(leaf) = name.strip_prefix(prefix).filter(|leaf| !leaf.contains(SEPARATOR)) else { continue };
            sets.resize_with(rows.len().max(sets.len()), ParameterValues::default);
            for (set, row) in sets.iter_mut().zip(rows) {
                set.leaves.insert(leaf.to_owned(), row.clone());
            }
        }
        sets
    }

    /// The file's bytes; numbers are stored as `f32` if `dtype` says so, else as `f64`.
    pub fn encode(&self, dtype: DType) -> Vec<u8> {
        let (label, width) = if dtype == DType::F32 { ("F32", 4) } else { ("F64", 8) };
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), json!(self.metadata));
        let mut data = Vec::new();
        for (name, rows) in &self.tensors {
            let columns = rows.first().map_or(0, Vec::len);
            let range = [data.len(), data.len() + rows.len() * columns * width];
            for &value in rows.iter().flatten() {
                if width == 4 {
                    data.extend((value as f32).to_le_bytes());
                } else {
                    data.extend(value.to_le_bytes());
                }
            }
            header.insert(name.clone(), json!({"dtype": label, "shape": [rows.len(), columns], "data_offsets": range}));
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
            let &[rows, columns] = view.shape() else {
                return Err(malformed(format!("tensor `{name}` has shape {:?}; expected two axes", view.shape())));
            };
            let values: Vec<f64> = match view.dtype() {
                Dtype::F64 => words(view.data()).map(f64::from_le_bytes).collect(),
                Dtype::F32 => words(view.data()).map(|word| f64::from(f32::from_le_bytes(word))).collect(),
                other => return Err(malformed(format!("tensor `{name}` holds {other:?}; expected F64 or F32"))),
            };
            let lines = (0..rows).map(|row| values[row * columns..(row + 1) * columns].to_vec()).collect();
            tensors.insert(name.to_owned(), lines);
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
    use super::*;

    fn file() -> TensorFile {
        let mut file = TensorFile::default();
        file.metadata.insert("run_hash".into(), "ab\"c".into());
        let set =
            |value: f64| ParameterValues::new([("trend.log_k", vec![value, 1.0 / 3.0]), ("shared", vec![-value])]);
        file.insert_sets("", &[set(0.1), set(1e-310)]);
        file.insert_sets("moment:first:", &[set(3.0), set(4.0)]);
        file
    }

    #[test]
    fn what_is_written_is_read_back_to_the_bit_and_files_of_equal_content_are_equal() {
        let bytes = file().encode(DType::F64);
        assert_eq!(TensorFile::decode(&bytes, Path::new("x")).unwrap(), file());
        assert_eq!(bytes, file().encode(DType::F64));
        assert_eq!(file().sets("")[1].leaves["trend.log_k"], [1e-310, 1.0 / 3.0]);
        assert_eq!(file().sets("moment:first:")[0].leaves["shared"], [-3.0]);
        assert_eq!(file().sets("").len(), 2);
    }

    #[test]
    fn single_precision_is_stored_as_such() {
        let decoded = TensorFile::decode(&file().encode(DType::F32), Path::new("x")).unwrap();
        assert_eq!(decoded.sets("")[0].leaves["trend.log_k"][1], f64::from((1.0_f64 / 3.0) as f32));
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
