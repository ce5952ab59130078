//! What the tests of this crate share.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gradpool_market::{Grid, PriceTable};
use tempfile::TempDir;

/// A day of the tests: 2023-03-01.
pub const DAY: i64 = 1_677_628_800_000;
/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;

/// A temporary folder with text files in it.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A standard CSV with hourly rows; each entry is the offset in hours from `DAY` and the price cell.
pub fn hourly(rows: &[(f64, &str)]) -> String {
    rows.iter().fold("unix,close\n".to_owned(), |mut text, (hours, price)| {
        writeln!(text, "{},{price}", DAY + (hours * HOUR as f64) as i64).unwrap();
        text
    })
}

/// A table of hourly prices.
pub fn table(assets: &[&str], columns: &[Vec<f64>]) -> PriceTable {
    let names: Vec<String> = assets.iter().map(|asset| (*asset).to_owned()).collect();
    PriceTable::from_columns(&names, Grid::new(DAY, HOUR, columns[0].len()).unwrap(), columns).unwrap()
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder of reference data: `GRADPOOL_SHARED`, or `shared` beside the workspace. Without it the calling test is skipped, loudly; under CI
/// that is a failure.
pub fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GRADPOOL_SHARED").map_or_else(|| workspace().join("../shared"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{test} needs the reference data, and {} is not there", folder.display());
    eprintln!("SKIPPED {test}: no reference data at {} (set GRADPOOL_SHARED)", folder.display());
    None
}
