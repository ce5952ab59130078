//! The event log of a run: one JSON object per line, each with `event` and `step`.
//!
//! It holds no time of day, so that a run which was killed and resumed has the same log as one that was not. Non-finite
//! numbers are `null`.
//!
//! Up to [`DETAILED_SETS`] sets an event has the numbers of every set. Of more it has a summary, so that a line stays short
//! however many there are: quantiles, counts, and the best few.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::run::RunIdentity;
use crate::error::TrainerError;
use crate::observer::{
    DETAILED_SETS, EndReport, EvaluationReport, HalvingReport, Observer, Quantiles, RestartReport, StartReport,
    StepReport,
};

/// Writes what it observes to a file.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
    identity: RunIdentity,
    resumed: bool,
}

#[derive(Serialize)]
struct Line<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a T,
}

#[derive(Serialize)]
struct Start<'a> {
    run: &'a str,
    run_hash: &'a str,
    program_version: &'a str,
    #[serde(flatten)]
    report: &'a StartReport,
}

/// A [`StepReport`] of many sets.
#[derive(Serialize)]
struct StepSummary<'a> {
    step: usize,
    sets: usize,
    starts: &'a [usize],
    objective: Quantiles,
    learning_rate: f64,
    plateau_factor: Quantiles,
    gradient_norm: Quantiles,
    /// How many updates were left out.
    skipped: usize,
}

impl EventLog {
    /// Starts an empty log.
    ///
    /// # Errors
    /// [`TrainerError::File`].
    pub fn create(path: &Path, identity: &RunIdentity) -> Result<Self, TrainerError> {
        let file = File::create(path).map_err(TrainerError::file("create", path))?;
        Ok(Self { path: path.to_owned(), file, identity: identity.clone(), resumed: false })
    }

    /// Continues a log after `step` updates: what was logged later, or half, is cut off.
    ///
    /// # Errors
    /// [`TrainerError::File`].
    pub fn resume(path: &Path, identity: &RunIdentity, step: usize) -> Result<Self, TrainerError> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let mut kept = 0;
            let mut reader = BufReader::new(&file);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 && belongs(&line, step) {
                kept += line.len() as u64;
                line.clear();
            }
            file.set_len(kept)?;
            file.seek(SeekFrom::Start(kept))?;
            Ok(file)
        };
        let file = open().map_err(TrainerError::file("continue", path))?;
        Ok(Self { path: path.to_owned(), file, identity: identity.clone(), resumed: true })
    }

    fn write(&mut self, event: &'static str, report: &impl Serialize) -> Result<(), TrainerError> {
        let mut line = serde_json::to_vec(&Line { event, report })
            .map_err(|error| TrainerError::file("write", &self.path)(error.into()))?;
        line.push(b'\n');
        // One write per line and no buffer: a killed run has lost nothing that it had logged.
        self.file.write_all(&line).map_err(TrainerError::file("write", &self.path))
    }
}

/// Whether a line was logged by the first `step` updates of a run that goes on.
fn belongs(line: &[u8], step: usize) -> bool {
    let Ok(event) = serde_json::from_slice::<Value>(line) else { return false };
    let logged = event["step"].as_u64();
    line.ends_with(b"\n") && event["event"] != "end" && logged.is_some_and(|logged| logged <= step as u64)
}

impl Observer for EventLog {
    fn on_start(&mut self, report: &StartReport) -> Result<(), TrainerError> {
        if self.resumed {
            return Ok(());
        }
        let RunIdentity { name, hash, version } = self.identity.clone();
        self.write("start", &Start { run: &name, run_hash: &hash, program_version: &version, report })
    }

    fn on_step(&mut self, report: &StepReport) -> Result<(), TrainerError> {
        if report.objective.len() <= DETAILED_SETS {
            return self.write("step", report);
        }
        let summary = StepSummary {
            step: report.step,
            sets: report.objective.len(),
            starts: &report.starts,
            objective: Quantiles::of(report.objective.iter().copied()),
            learning_rate: report.learning_rate,
            plateau_factor: Quantiles::of(report.plateau_factor.iter().copied()),
            gradient_norm: Quantiles::of(report.gradient_norm.iter().copied()),
            skipped: report.skipped.len(),
        };
        self.write("step", &summary)
    }

    fn on_halving(&mut self, report: &HalvingReport) -> Result<(), TrainerError> {
        self.write("halving", report)
    }

    fn on_evaluation(&mut self, report: &EvaluationReport) -> Result<(), TrainerError> {
        self.write("evaluation", report)
    }

    fn on_restart(&mut self, report: &RestartReport) -> Result<(), TrainerError> {
        self.write("restart", report)
    }

    fn before_checkpoint(&mut self, _step: usize) -> Result<(), TrainerError> {
        self.file.sync_data().map_err(TrainerError::file("write", &self.path))
    }

    fn on_end(&mut self, report: &EndReport) -> Result<(), TrainerError> {
        self.write("end", report)
    }
}
