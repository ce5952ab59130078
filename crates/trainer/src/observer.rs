//! Who is told what happens in a training.

use std::fmt;

use gradpool_strategy::parameters::ParameterValues;
use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::memory::MemoryPlan;
use crate::objective::SetEvaluation;
use crate::stopping::TerminationReason;

/// What was not finite.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NonFiniteReason {
    /// The objective.
    Objective,
    /// A gradient value.
    Gradient {
        /// The leaf.
        leaf: String,
        /// Position inside the leaf.
        position: usize,
    },
    /// The gradient's norm overflows although its values are finite.
    GradientNorm,
    /// A parameter after the update would be.
    Update {
        /// The leaf.
        leaf: String,
        /// Position inside the leaf.
        position: usize,
    },
}

impl fmt::Display for NonFiniteReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objective => write!(formatter, "the objective is not finite"),
            Self::Gradient { leaf, position } => {
                write!(formatter, "the gradient of `{leaf}` is not finite at position {position}")
            }
            Self::GradientNorm => write!(formatter, "the norm of the gradient is not finite"),
            Self::Update { leaf, position } => {
                write!(formatter, "the update would make `{leaf}` non-finite at position {position}")
            }
        }
    }
}

/// Up to so many sets each is reported on its own; of more, only a summary is.
pub const DETAILED_SETS: usize = 100;

/// How many of the best sets a summary names.
pub const TOP_SETS: usize = 5;

/// The distribution of a number over many sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many of the numbers are finite; the others are left out.
    pub finite: usize,
    /// Smallest, and so on: the value below which that part of the finite numbers lies, itself one of them.
    pub minimum: Option<f64>,
    /// A quarter.
    pub lower_quartile: Option<f64>,
    /// Half.
    pub median: Option<f64>,
    /// Three quarters.
    pub upper_quartile: Option<f64>,
    /// Largest.
    pub maximum: Option<f64>,
}

impl Quantiles {
    /// Of these numbers.
    pub fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut finite: Vec<f64> = numbers.filter(|number| number.is_finite()).collect();
        finite.sort_unstable_by(f64::total_cmp);
        let at = |quarters: usize| finite.get(finite.len().saturating_sub(1) * quarters / 4).copied();
        Self {
            finite: finite.len(),
            minimum: at(0),
            lower_quartile: at(1),
            median: at(2),
            upper_quartile: at(3),
            maximum: at(4),
        }
    }
}

/// The start of a training, or of its continuation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StartReport {
    /// Updates already done: 0, or the step of the checkpoint that is resumed.
    pub step: usize,
    /// Updates to do in all.
    pub iterations: usize,
    /// Number of parameter sets.
    pub parameter_sets: usize,
    /// Name of the optimiser.
    pub optimiser: String,
    /// Leaves that are trained.
    pub trained: Vec<String>,
    /// Leaves that are not.
    pub frozen: Vec<String>,
    /// Seed of all random streams.
    pub seed: u64,
    /// What the training needs of the memory, if the objective can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryPlan>,
}

/// An update of a set that was left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkippedSet {
    /// The set.
    pub set: usize,
    /// Why.
    pub reason: NonFiniteReason,
    /// Updates skipped in a row, this one included.
    pub consecutive: usize,
    /// Its parameters, which are unchanged and finite; none of more than [`DETAILED_SETS`] sets.
    pub parameters: ParameterValues,
}

/// One update of all sets. Vectors have one entry per set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// Updates done, this one included.
    pub step: usize,
    /// Numbers of the sets that are still trained; empty while all are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<usize>,
    /// Start rows of the windows.
    pub starts: Vec<usize>,
    /// Objective before the update.
    pub objective: Vec<f64>,
    /// Learning rate of the schedule, before the plateau factor.
    pub learning_rate: f64,
    /// Plateau factor on the learning rate.
    pub plateau_factor: Vec<f64>,
    /// Norm of the gradient before clipping.
    pub gradient_norm: Vec<f64>,
    /// Sets whose update was left out.
    pub skipped: Vec<SkippedSet>,
}

/// The best point so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestReport {
    /// Updates done.
    pub step: usize,
    /// Set.
    pub set: usize,
    /// Value of the selection metric.
    pub score: f64,
}

/// Many sets at an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopulationReport {
    /// How many there are.
    pub sets: usize,
    /// Their scores: the selection metric on the selection period.
    pub scores: Quantiles,
    /// The best of them at this evaluation, number and score, best first.
    pub top: Vec<(usize, f64)>,
}

/// An evaluation of all sets over the whole periods.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// Updates done.
    pub step: usize,
    /// Numbers of the sets that are still trained; empty while all are, and for more than [`DETAILED_SETS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<usize>,
    /// One entry per set, up to [`DETAILED_SETS`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetEvaluation>,
    /// More sets than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<PopulationReport>,
    /// The best point so far, this evaluation included.
    pub best: Option<BestReport>,
    /// Whether this evaluation brought it.
    pub improved: bool,
    /// All metrics of the best point.
    #[serde(skip)]
    pub best_evaluation: Option<SetEvaluation>,
}

/// Sets that were dropped ([`crate::halving`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HalvingReport {
    /// Updates done.
    pub step: usize,
    /// Sets before.
    pub before: usize,
    /// Sets that go on.
    pub kept: usize,
    /// Lowest score that goes on.
    pub lowest_kept: Option<f64>,
    /// Highest score that was dropped.
    pub highest_dropped: Option<f64>,
    /// Numbers of the sets that go on, up to [`DETAILED_SETS`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<usize>,
}

/// Where a restarted set continues from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum RestartSource {
    /// The best point that the set itself has had.
    OwnBest {
        /// Step of that point.
        recorded_step: usize,
    },
    /// A draw around the canonical starting point.
    FreshDraw,
}

/// A set that was put back to finite ground, with fresh moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RestartReport {
    /// Updates done.
    pub step: usize,
    /// The set.
    pub set: usize,
    /// What was not finite in the last skipped update.
    pub reason: NonFiniteReason,
    /// Last finite parameters before the restart.
    pub last_finite: ParameterValues,
    /// Where it continues from.
    pub source: RestartSource,
    /// Parameters it continues with.
    pub parameters: ParameterValues,
}

/// The end of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndReport {
    /// Updates done.
    pub step: usize,
    /// Why it ended.
    #[serde(flatten)]
    pub termination: TerminationReason,
}

/// Is told what happens, in order; cannot change it. An error ends the training.
///
/// All methods do nothing by default. Reports hold no time of day, so the same training gives the same reports.
pub trait Observer {
    /// Before the first update.
    ///
    /// # Errors
    /// The observer's own.
    fn on_start(&mut self, _report: &StartReport) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After each update.
    ///
    /// # Errors
    /// The observer's own.
    fn on_step(&mut self, _report: &StepReport) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After each evaluation.
    ///
    /// # Errors
    /// The observer's own.
    fn on_evaluation(&mut self, _report: &EvaluationReport) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After sets were dropped.
    ///
    /// # Errors
    /// The observer's own.
    fn on_halving(&mut self, _report: &HalvingReport) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After a set was restarted; not of more than [`DETAILED_SETS`] sets, where the checkpoint and the result count them.
    ///
    /// # Errors
    /// The observer's own.
    fn on_restart(&mut self, _report: &RestartReport) -> Result<(), TrainerError> {
        Ok(())
    }

    /// Before the checkpoint after `step` updates is written: what is buffered must reach the disk first, so that no
    /// checkpoint is ahead of its log.
    ///
    /// # Errors
    /// The observer's own.
    fn before_checkpoint(&mut self, _step: usize) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After a checkpoint was written.
    ///
    /// # Errors
    /// The observer's own.
    fn on_checkpoint(&mut self, _step: usize) -> Result<(), TrainerError> {
        Ok(())
    }

    /// At the end.
    ///
    /// # Errors
    /// The observer's own.
    fn on_end(&mut self, _report: &EndReport) -> Result<(), TrainerError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numbers_of_the_sample_and_leave_out_what_is_not_finite() {
        let found = Quantiles::of([5.0, f64::NAN, 1.0, 3.0, 2.0, f64::INFINITY, 4.0].into_iter());
        assert_eq!((found.finite, found.minimum, found.maximum), (5, Some(1.0), Some(5.0)));
        assert_eq!([found.lower_quartile, found.median, found.upper_quartile], [Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(Quantiles::of([f64::NAN].into_iter()), Quantiles::default());
    }
}
