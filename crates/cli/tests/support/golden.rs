//! The reference system's numbers.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

/// Arrays of a safetensors file by name, with shapes.
pub type Arrays = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

pub fn arrays(path: &Path) -> Arrays {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let decode = |data: &[u8]| data.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    file.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), decode(view.data())))).collect()
}

/// One golden case.
pub struct Golden {
    pub name: String,
    pub json: Value,
    pub arrays: Arrays,
    pub path: PathBuf,
    pub prices: PathBuf,
}

impl Golden {
    /// `folder` is the folder `golden` of the shared numbers.
    pub fn load(folder: &Path, name: &str) -> Self {
        let path = folder.join("cases").join(name).with_extension("json");
        Self {
            name: name.to_owned(),
            json: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            arrays: arrays(&path.with_extension("safetensors")),
            prices: folder.join("prices"),
            path,
        }
    }
}

/// A JSON number, or one of the strings that stand for what JSON cannot say; `None` for an object (no number).
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// All numbers of a (nested) JSON array, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![number(other).unwrap_or_else(|| panic!("{other} is no number"))],
    }
}

/// `|found - expected| <= tolerance * scale`, where the scale is the largest magnitude expected, at least `floor`.
pub fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64, floor: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let scale = expected.iter().fold(floor, |largest, value| largest.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(difference <= tolerance * scale, "{what}[{index}]: {found} against {expected}");
    }
}
