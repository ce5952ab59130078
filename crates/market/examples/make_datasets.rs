//! Makes the bundled price files again: `GRADPOOL_SHARED=DIR cargo run -p gradpool-market --release --example make_datasets [OUTPUT]`.
//!
//! `DIR/data` holds the original files that `datasets/README.md` names; the output is the repository's `datasets` unless another folder is
//! named.
#![expect(clippy::print_stdout, reason = "it tells what it wrote")]

mod recipe;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

use gradpool_market::format_time;

fn main() -> Result<(), Box<dyn Error>> {
    let shared = env::var_os("GRADPOOL_SHARED")
        .ok_or("set GRADPOOL_SHARED to the folder whose data/ holds the original files")?;
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let output = env::args_os().nth(1).map_or(datasets, PathBuf::from);
    for file in recipe::make_datasets(&Path::new(&shared).join("data"), &output)? {
        println!(
            "{}: {} rows, {} .. {}, {} missing, {} off the grid and left out",
            file.path.display(),
            file.rows,
            format_time(file.first_ms),
            format_time(file.last_ms),
            file.missing,
            file.dropped_off_grid
        );
    }
    Ok(())
}
