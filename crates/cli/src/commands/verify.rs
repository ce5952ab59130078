//! `gradpool verify`: conformance vectors run through this build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use gradpool_chain::vectors;
use serde::Serialize;
use serde_json::Value;

use crate::output::{Hinted, Output};
use crate::{EXIT_DONE, EXIT_FAILED};

/// Files beside golden cases that hold notes and tables, not a case.
const GOLDEN_COMPANIONS: [&str; 3] = ["_as_is.json", "_failures.json", "lr_schedules.json"];

/// Arguments of `gradpool verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every *.json file of the folder and of its subfolders. On-chain vector files are compared number by number, in
256-bit integers, without any tolerance. Golden cases of the reference system are recognised but not checked by this
version. A file that is neither is a failure, and so is a folder in which nothing could be checked.

Examples:
  gradpool verify crates/chain/tests/data
  gradpool verify ../shared/onchain --json")]
pub struct VerifyArguments {
    /// Folder of vector files, or one file
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
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
    checks: usize,
    failures: usize,
    /// The first number that differs, or why the file could not be checked.
    first_difference: Option<String>,
    /// What of the file was left out.
    not_checked: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    entries: usize,
    reason: String,
}

/// Verifies the vector files of a folder.
///
/// # Errors
/// If the folder cannot be read or holds no JSON file, or stdout cannot be written.
pub fn run(arguments: &VerifyArguments, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let folder = &arguments.folder;
    let files = if folder.is_file() { vec![folder.clone()] } else { json_files(folder)? };
    if files.is_empty() {
        let hint = "name a folder of on-chain vector files; the suite's own are in crates/chain/tests/data";
        return Err(Hinted::new(format!("{} holds no *.json file", folder.display()), hint).into());
    }
    let files: Vec<FileEntry> = files.iter().map(|path| verified(path, folder)).collect();
    let sum = |count: fn(&FileEntry) -> usize| files.iter().map(count).sum();
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

fn verified(path: &Path, folder: &Path) -> FileEntry {
    let shown = path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path);
    let entry = |checks, failures, first_difference, not_checked| FileEntry {
        file: shown.display().to_string(),
        checks,
        failures,
        first_difference,
        not_checked,
    };
    let failed = |reason: String| entry(0, 1, Some(reason), vec![]);
    let left_out = |reason: &str| entry(0, 0, None, vec![LeftOut { entries: 1, reason: reason.to_owned() }]);
    let document: Value = match fs::read(path).map(|bytes| serde_json::from_slice(&bytes)) {
        Err(error) => return failed(format!("cannot be read: {error}")),
        Ok(Err(error)) => return failed(format!("is not JSON: {error}")),
        Ok(Ok(document)) => document,
    };
    if is_golden_case(&document) {
        return left_out("a golden case of the reference system: not checked by this version");
    }
    if path.file_name().is_some_and(|name| GOLDEN_COMPANIONS.iter().any(|companion| name == *companion)) {
        return left_out("notes beside golden cases: nothing to check");
    }
    match vectors::verify(&document) {
        Err(error) => failed(error.to_string()),
        Ok(report) => {
            let skipped = report.not_checked.into_iter();
            entry(
                report.checks,
                report.failures,
                report.first_difference.map(|difference| difference.to_string()),
                skipped.map(|skipped| LeftOut { entries: skipped.entries, reason: skipped.reason }).collect(),
            )
        }
    }
}

/// Cases of simulations carry a schema number, those of training only a name and a fingerprint.
fn is_golden_case(document: &Value) -> bool {
    let named = document.get("case").is_some_and(Value::is_string);
    named && (document.get("schema").is_some() || document.get("run_fingerprint").is_some())
}

fn lines(document: &Document) -> Vec<String> {
    let width = document.files.iter().map(|file| file.file.chars().count()).max().unwrap_or(0);
    let mut lines = vec![];
    for file in &document.files {
        lines.push(format!("{:<width$}  {:>8} checks  {:>6} failures", file.file, file.checks, file.failures));
        lines.extend(file.first_difference.iter().map(|difference| format!("  first: {difference}")));
        lines.extend(file.not_checked.iter().map(|left| format!("  not checked: {} x {}", left.entries, left.reason)));
    }
    lines.push(String::new());
    lines.push(format!("{:<width$}  {:>8} checks  {:>6} failures", "all", document.checks, document.failures));
    lines
}
