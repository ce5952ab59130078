//! Training of strategy parameters: everything between an objective and a finished run.
//!
//! The loop ([`Trainer`]) climbs an [`Objective`] with several independent parameter sets side by side. It is given its
//! parts, each of which lives in its own module:
//!
//! | part | module | what it decides |
//! |---|---|---|
//! | pool | [`experiment`] | the objective: a pool on a stretch of history |
//! | windows | [`sampling`] | which windows of history one update sees, a pure function of (seed, update) |
//! | learning rate | [`schedule`], [`plateau`] | how far an update goes |
//! | optimiser | [`optimiser`] | in which direction, per parameter set |
//! | start | [`initialisation`], [`design`] | where the parameter sets, and the members of ensembles, begin |
//! | memory | [`memory`] | how many sets are computed at once |
//! | selection | [`tracker`] | which (step, set) is the result |
//! | halving | [`halving`] | which sets go on |
//! | stopping | [`stopping`] | when to end before the last iteration |
//! | observers | [`observer`] | who is told; the event log of a run is one of them |
//! | storage | [`storage`] | checkpoints and run folders |
//!
//! "Step `s`" always means "after `s` updates"; step 0 is the start.

pub mod design;
pub mod error;
pub mod experiment;
pub mod halving;
pub mod initialisation;
pub mod memory;
pub mod normal;
pub mod objective;
pub mod observer;
pub mod optimiser;
pub mod plateau;
pub mod random;
pub mod sampling;
pub mod schedule;
pub mod settings;
pub mod stopping;
pub mod storage;
pub mod tracker;
pub mod trainer;

pub use error::TrainerError;
pub use experiment::{Deposit, Experiment, ExperimentError, Goal};
pub use memory::{LargestTensors, MemoryPlan, ObjectiveMemory, Room};
pub use objective::{Metrics, Objective, ObjectiveError, SetEvaluation, ValueAndGradient};
pub use observer::Observer;
pub use sampling::SamplingRange;
pub use settings::TrainSettings;
pub use stopping::TerminationReason;
pub use storage::checkpoint::{Checkpoint, LoadedParameters, load_parameters};
pub use storage::run::{RunFolder, RunIdentity};
pub use trainer::{Best, TrainResult, Trainer};
