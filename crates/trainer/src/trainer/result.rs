//! What a training gives back.

use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::ParameterValues;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::memory::MemoryPlan;
use crate::objective::SetEvaluation;
use crate::observer::{DETAILED_SETS, Quantiles};
use crate::stopping::TerminationReason;
use crate::tracker::Split;

/// The selected point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Updates done.
    pub step: usize,
    /// Parameter set.
    pub set: usize,
    /// The objective's metric over the whole training period, if the evaluation computes it.
    pub objective: Option<f64>,
    /// Value of the selection metric on the selection period.
    pub score: f64,
    /// Name of the selection metric.
    pub metric: String,
    /// The selection period.
    pub split: Split,
    /// All metrics of that point.
    pub evaluation: SetEvaluation,
}

/// One evaluation in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationSummary {
    /// Updates done.
    pub step: usize,
    /// Selection metric of each set that was still trained, `None` where it is not finite; empty for more than
    /// [`DETAILED_SETS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Option<f64>>,
    /// The distribution of more scores than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

impl EvaluationSummary {
    pub(super) fn new(step: usize, scores: &[Option<f64>]) -> Self {
        if scores.len() <= DETAILED_SETS {
            return Self { step, scores: scores.to_vec(), quantiles: None };
        }
        Self { step, scores: Vec::new(), quantiles: Some(Quantiles::of(scores.iter().copied().flatten())) }
    }
}

/// The outcome of a training. Equal for equal trainings except for `seconds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainResult {
    /// The selected point; `None` if no evaluation was finite.
    pub best: Option<Best>,
    /// Its parameters.
    pub best_parameters: Option<ParameterValues>,
    /// Numbers of the sets that were trained to the end, rising; all of them without halving.
    pub sets: Vec<usize>,
    /// Their parameters; always finite.
    pub final_parameters: ParameterTable,
    /// All evaluations in short.
    pub history: Vec<EvaluationSummary>,
    /// Restarts per set that was trained to the end.
    pub restarts: Vec<usize>,
    /// Skipped updates per such set.
    pub skipped: Vec<usize>,
    /// Restarts of all sets, dropped ones included.
    pub restarts_in_all: usize,
    /// Skipped updates of all sets, dropped ones included.
    pub skipped_in_all: usize,
    /// How the training fitted into the memory, if the objective can say.
    pub memory: Option<MemoryPlan>,
    /// Why the training ended.
    pub termination: TerminationReason,
    /// Updates done.
    pub steps_done: usize,
    /// Wall time of this process's part of the training.
    pub seconds: f64,
}

impl TrainResult {
    pub(super) fn new(
        state: &State,
        objective: &str,
        termination: TerminationReason,
        memory: Option<MemoryPlan>,
        seconds: f64,
    ) -> Self {
        let tracker = &state.host.tracker;
        let best = tracker.best().map(|best| Best {
            step: best.step,
            set: best.set,
            objective: best.evaluation.train.get(objective).copied().flatten(),
            score: best.score,
            metric: tracker.criterion().metric.clone(),
            split: tracker.criterion().split(&best.evaluation),
            evaluation: best.evaluation.clone(),
        });
        Self {
            best,
            best_parameters: tracker.best().map(|best| best.parameters.clone()),
            sets: state.host.numbers(0..state.parameters.sets()),
            final_parameters: ParameterTable::from_sets(&state.parameters),
            history: state.host.history.clone(),
            restarts: state.host.health.all_restarts(),
            skipped: state.host.health.all_skipped(),
            restarts_in_all: state.host.health.restarts_in_all(),
            skipped_in_all: state.host.health.skipped_in_all(),
            memory,
            termination,
            steps_done: state.host.step,
            seconds,
        }
    }
}
