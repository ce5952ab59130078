//! The numbers that the reference system produced, and where to find them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub mod rule_laws;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

/// The folder with the reference's numbers: `GRADPOOL_SHARED`, or `shared` beside the checkout.
///
/// Where it is absent, the test says so loudly and is skipped; under CI (`CI` set) its absence is a failure.
pub fn shared(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("GRADPOOL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if path.join("golden").is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{test}: the reference numbers are not at {} (set GRADPOOL_SHARED)",
        path.display()
    );
    eprintln!("SKIPPED {test}: the reference numbers are not at {} (set GRADPOOL_SHARED)", path.display());
    None
}

/// One golden case: what went in and what came out.
pub struct Golden {
    pub name: String,
    pub json: Value,
    arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

impl Golden {
    pub fn load(shared: &Path, name: &str) -> Self {
        let base = shared.join("golden/cases").join(name);
        let json = serde_json::from_slice(&std::fs::read(base.with_extension("json")).unwrap()).unwrap();
        let bytes = std::fs::read(base.with_extension("safetensors")).unwrap();
        let arrays = SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let values = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
                (name, (view.shape().to_vec(), values))
            })
            .collect();
        Self { name: name.to_owned(), json, arrays }
    }

    /// A number by path, e.g. `["metrics", "sharpe"]`.
    pub fn number(&self, path: &[&str]) -> f64 {
        let mut value = &self.json;
        for key in path {
            value = &value[*key];
        }
        number(value).unwrap_or_else(|| panic!("{}: {path:?} is {value}", self.name))
    }

    /// An array by name with its shape, if the case has it.
    pub fn array(&self, name: &str) -> Option<(&[usize], &[f64])> {
        self.arrays.get(name).map(|(shape, values)| (shape.as_slice(), values.as_slice()))
    }

    pub fn path(&self, shared: &Path) -> PathBuf {
        shared.join("golden/cases").join(&self.name).with_extension("json")
    }
}

/// A JSON number, or one of the strings that stand for what JSON cannot say.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// All numbers of a (nested) JSON array, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![number(other).expect("a number")],
    }
}

/// Asserts `|found - expected| <= tolerance * scale`, where the scale is the largest magnitude expected (at least `floor`).
pub fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64, floor: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let scale =
        expected.iter().filter(|value| value.is_finite()).fold(floor, |largest, value| largest.max(value.abs()));
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        if expected.is_finite() {
            assert!(
                (found - expected).abs() <= tolerance * scale,
                "{what}[{index}]: {found} against {expected}, difference {:e}",
                (found - expected).abs() / scale
            );
        } else {
            assert!(!found.is_finite(), "{what}[{index}]: {found} against {expected}");
        }
    }
}
