//! `gradpool verify`: conformance vectors run through this build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::arguments::CommonOptions;
use crate::conformance::tally::Report;
use crate::conformance::verify_all;
use crate::output::{Hinted, Output};
use crate::{EXIT_DONE, EXIT_FAILED};

/// Arguments of `gradpool verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every *.json file of the folder and of its subfolders. On-chain vector files are compared number by number, in
256-bit integers, without any tolerance. Golden cases of the reference system (cases/NAME.json with NAME.safetensors
beside it) are simulated and differentiated on every way to compute them, and its trainings (train/*.json) trained
again; every number is compared to the tolerance of the golden files' schema. Their prices are in the folder `prices`
beside `cases` and `train`. What of a file is not compared is named. A file of another kind is a failure, and so is
a folder in which nothing could be checked.

Examples:
  gradpool verify crates/chain/tests/data
  gradpool verify ../shared/golden
  gradpool verify ../shared/golden/cases/mom_vec_1440_zero.json --json")]
pub struct VerifyArguments {
    /// Folder of vector files and golden cases, or one file
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Folder of the golden cases' price files [default: `prices` beside the folder of the case]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    checks: usize,
    failures: usize,
    files: Vec<FileEntry>,
}

#[derive(Debug, Serialize)]
struct FileEntry {
    file: String,
    #[serde(flatten)]
    report: Report,
}

/// Verifies the files of a folder.
///
/// # Errors
/// If the folder cannot be read or holds no JSON file, or stdout cannot be written.
pub fn run(arguments: &VerifyArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let folder = &arguments.folder;
    let paths = if folder.is_file() { vec![folder.clone()] } else { json_files(folder)? };
    if paths.is_empty() {
        let hint = "name a folder of on-chain vector files or golden cases; the suite's own vectors are in \
                    crates/chain/tests/data";
        return Err(Hinted::new(format!("{} holds no *.json file", folder.display()), hint).into());
    }
    if let Some(threads) = common.threads {
        crate::size_thread_pool(threads, output);
    }
    let reports = verify_all(&paths, &common.overrides(arguments.data.clone()));
    let files = paths.iter().zip(reports).map(|(path, report)| FileEntry { file: shown(path, folder), report });
    let files: Vec<FileEntry> = files.collect();
    let sum = |count: fn(&Report) -> usize| files.iter().map(|file| count(&file.report)).sum();
    let document = Document { checks: sum(|file| file.checks), failures: sum(|file| file.failures), files };
    if output.json {
        output.document(&document)?;
    } else {
        for line in lines(&document) {
            output.data(line)?;
        }
    }
    if document.checks == 0 && document.failures == 0 {
        output.warn(format!("nothing in {} was checked", folder.display()));
        return Ok(EXIT_FAILED);
    }
    Ok(if document.failures == 0 { EXIT_DONE } else { EXIT_FAILED })
}

/// The JSON files of a folder and its subfolders, in order of their paths.
fn json_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut found = vec![];
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The file's name inside the folder.
fn shown(path: &Path, folder: &Path) -> String {
    let inside = path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty());
    inside.unwrap_or(path).display().to_string()
}

fn lines(document: &Document) -> Vec<String> {
    let width = document.files.iter().map(|file| file.file.chars().count()).max().unwrap_or(0);
    let mut lines = vec![];
    for file in &document.files {
        let Report { checks, failures, first_difference, not_checked } = &file.report;
        lines.push(format!("{:<width$}  {checks:>8} checks  {failures:>6} failures", file.file));
        lines.extend(first_difference.iter().map(|difference| format!("  first: {difference}")));
        lines.extend(not_checked.iter().map(|left| format!("  not checked: {} x {}", left.entries, left.reason)));
    }
    lines.push(String::new());
    lines.push(format!("{:<width$}  {:>8} checks  {:>6} failures", "all", document.checks, document.failures));
    lines
}
