//! The reference system's numbers.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::path::Path;

pub use gradpool_cli::conformance::golden::{Arrays, Golden, prices_beside};
use serde_json::Value;

pub fn arrays(path: &Path) -> Arrays {
    gradpool_cli::conformance::golden::arrays(path).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    gradpool_cli::conformance::golden::numbers("value", value).unwrap()
}

/// A case; `folder` is the folder `golden` of the shared numbers.
pub fn load(folder: &Path, name: &str) -> Golden {
    Golden::read(&folder.join("cases").join(name).with_extension("json")).unwrap()
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
