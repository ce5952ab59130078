//! The numbers that the reference system produced, and where to find them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub mod rule_laws;

use std::path::{Path, PathBuf};

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
