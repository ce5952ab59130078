//! Runs the command line in this process and captures what it prints.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr, clippy::panic, missing_docs)]

pub mod runs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gradpool_cli::output::Output;
use gradpool_cli::run_with;

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The only document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The text of stderr with a folder's path replaced.
    pub fn stderr_without(&self, folder: &Path) -> String {
        self.stderr.replace(&folder.display().to_string(), "FOLDER")
    }
}

pub fn gradpool<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Outcome {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let arguments = std::iter::once(OsString::from("gradpool")).chain(arguments.into_iter().map(Into::into));
    let code = run_with(arguments, &mut Output::new(&mut stdout, &mut stderr, false));
    Outcome { code, stdout: String::from_utf8(stdout).unwrap(), stderr: String::from_utf8(stderr).unwrap() }
}

/// The folder with the reference system's numbers, if it is here: `$GRADPOOL_SHARED`, else `shared` beside the checkout.
pub fn shared(what: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("GRADPOOL_SHARED").map_or(beside, PathBuf::from).join(what);
    if folder.exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("SKIPPED: {} is missing", folder.display());
    None
}

/// A configuration of daily prices that is complete and small.
pub const COMPLETE: &str = "\
version = 1
name = \"small\"

[data]
assets = [\"BTC\", \"ETH\"]

[period]
start = \"2018-03-01\"
end = \"2018-09-01\"
validation_fraction = 0.2

[train]
iterations = 50
";
