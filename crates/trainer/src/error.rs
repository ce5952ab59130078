//! What can go wrong in training.

use std::path::{Path, PathBuf};

use gradpool_strategy::StrategyError;
use thiserror::Error;

use crate::objective::ObjectiveError;

/// Errors of this crate. Every message names the key, file, step or set concerned and says what would be right.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainerError {
    /// A setting outside its range; `key` is written as in the configuration file.
    #[error("`{key}` is {value}; {valid}")]
    Setting {
        /// Full key, e.g. `train.learning_rate`.
        key: String,
        /// Its value.
        value: String,
        /// What would be valid, as a sentence.
        valid: String,
    },
    /// A window does not fit into the training period.
    #[error(
        "a training window has {window_rows} rows but the training period has only {period_rows}; shorten `train.window_days` \
         or lengthen the period"
    )]
    WindowTooLong {
        /// Rows of one window.
        window_rows: usize,
        /// Rows of the training period, validation excluded.
        period_rows: usize,
    },
    /// Fewer possible window starts than windows in a batch.
    #[error(
        "only {available} window starts are possible (rows {first_start}..={last_start}, every {alignment} rows) but \
         `train.batch_size` is {batch_size}; shorten `train.window_days`, lower the batch size, or set \
         `train.start_alignment = \"any\"`"
    )]
    TooFewStarts {
        /// Number of possible starts.
        available: usize,
        /// Windows wanted per update.
        batch_size: usize,
        /// First possible start row.
        first_start: usize,
        /// Last possible start row.
        last_start: usize,
        /// Distance between possible starts in rows.
        alignment: usize,
    },
    /// A listed window starts outside the range of starts.
    #[error(
        "`train.windows`: entry {entry} has a window starting at row {start}; starts must lie in {first_start}..={last_start}"
    )]
    WindowOutside {
        /// Index into the list of batches.
        entry: usize,
        /// The start row.
        start: usize,
        /// First allowed start row.
        first_start: usize,
        /// Last allowed start row.
        last_start: usize,
    },
    /// The objective failed.
    #[error("the objective failed at step {step}")]
    Objective {
        /// Updates done before the failure.
        step: usize,
        /// The objective's own error.
        #[source]
        source: ObjectiveError,
    },
    /// The objective returned something of the wrong shape.
    #[error("the objective returned {found}; expected {expected}")]
    ObjectiveShape {
        /// What came back.
        found: String,
        /// What was needed.
        expected: String,
    },
    /// A metric is wanted that the evaluation does not yield.
    #[error("`{key}` asks for the metric `{metric}`, which the evaluation does not compute; it computes {available}")]
    UnknownMetric {
        /// The setting that names the metric.
        key: String,
        /// The metric.
        metric: String,
        /// Names that are there.
        available: String,
    },
    /// Validation is asked for but there is no validation period.
    #[error("`{key}` asks for the validation period, but there is none; set `period.validation_fraction` above 0")]
    NoValidation {
        /// The setting.
        key: String,
    },
    /// A parameter set went non-finite and `train.fail_fast` is on.
    #[error("parameter set {set} went non-finite at step {step}: {reason}; its last finite parameters: {parameters}")]
    NonFinite {
        /// The update that failed, counted from 1.
        step: usize,
        /// The parameter set.
        set: usize,
        /// What was not finite.
        reason: String,
        /// Last finite parameters as JSON.
        parameters: String,
    },
    /// Not even one parameter set at a time fits into the memory.
    #[error(
        "`train.parameter_sets` is {sets}: {} MB stand for their parameters, averages and best points, and one set needs {} \
         MB more while it is computed, but {} MB may be used; raise `runtime.memory_mb`, or lower \
         `train.parameter_sets`, `train.batch_size` or the length of windows",
        megabytes(*standing), megabytes(*per_set), budget / MEGABYTE
    )]
    Memory {
        /// What may be used, in bytes.
        budget: u64,
        /// Parameter sets.
        sets: usize,
        /// What is needed all the time, in bytes.
        standing: u64,
        /// What one set needs while it is computed, in bytes.
        per_set: u64,
    },
    /// A single tensor of a single parameter set is too large for the device.
    #[error(
        "one tensor would take {} MB, even with one parameter set at a time, but no tensor of this device may take more \
         than {} MB; lower {lower}, or use `--device cpu`",
        megabytes(*bytes), largest / MEGABYTE
    )]
    Tensor {
        /// What it would take, in bytes.
        bytes: u64,
        /// The most that a tensor may take, in bytes.
        largest: u64,
        /// What can be lower, with its keys.
        lower: &'static str,
    },
    /// A starting point is not finite.
    #[error("starting point of parameter set {set}: `{leaf}` is {value} at position {position}; it must be finite")]
    StartNotFinite {
        /// The parameter set.
        set: usize,
        /// The leaf.
        leaf: String,
        /// Position inside the leaf.
        position: usize,
        /// The value found.
        value: f64,
    },
    /// Parameter sets that do not fit together.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted, e.g. `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A checkpoint cannot be read.
    #[error("{} is not a readable checkpoint: {detail}", path.display())]
    CheckpointFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A checkpoint of another run.
    #[error(
        "{} belongs to another run: its configuration hash is {found}, this run's is {expected}; resume with the configuration \
         of that run, or start a new run",
        path.display()
    )]
    CheckpointOfAnotherRun {
        /// The file.
        path: PathBuf,
        /// Hash in the file.
        found: String,
        /// Hash of the run.
        expected: String,
    },
    /// A checkpoint written by another version of the program.
    #[error(
        "{} was written by version {found}, this is version {expected}; an exact resume needs the same version (its parameters \
         can still be evaluated)",
        path.display()
    )]
    CheckpointOfAnotherVersion {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: String,
        /// Version of this program.
        expected: String,
    },
    /// A checkpoint whose contents do not fit the training that is to continue.
    #[error("{} does not fit this training: {detail}", path.display())]
    CheckpointMismatch {
        /// The file.
        path: PathBuf,
        /// Which part differs and how.
        detail: String,
    },
    /// No checkpoint to resume from.
    #[error("{} holds no checkpoint to resume from; start the run again with `--force`", path.display())]
    NoCheckpoint {
        /// The folder searched.
        path: PathBuf,
    },
    /// The run folder of this very configuration exists.
    #[error("the run folder {} exists already; continue it with `--resume {}` or start over with `--force`", path.display(), path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds the run of another configuration.
    #[error(
        "{} holds a run of another configuration (hash {found}, this one is {expected}); choose another folder",
        path.display()
    )]
    RunOfAnotherConfiguration {
        /// The folder.
        path: PathBuf,
        /// Hash in the folder.
        found: String,
        /// Hash of this configuration.
        expected: String,
    },
    /// The folder is not a run folder.
    #[error("{} is not a run folder: {detail}", path.display())]
    NotARunFolder {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        detail: String,
    },
    /// An observer failed.
    #[error("an observer of the training failed")]
    Observer {
        /// The observer's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

const MEGABYTE: u64 = 1_000_000;

/// Rounded up.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(MEGABYTE)
}

impl TrainerError {
    /// Wraps an I/O error with what was attempted on which file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }

    /// A setting outside its range.
    pub(crate) fn setting(key: &str, value: impl ToString, valid: &str) -> Self {
        Self::Setting { key: key.to_owned(), value: value.to_string(), valid: valid.to_owned() }
    }
}
