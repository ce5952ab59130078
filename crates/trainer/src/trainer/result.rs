//! What a training gives back.

use gradpool_strategy::parameters::ParameterValues;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::objective::SetEvaluation;
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
    /// Selection metric of each set; `None` where it is not finite.
    pub scores: Vec<Option<f64>>,
}

/// The outcome of a training. Equal for equal trainings except for `seconds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainResult {
    /// The selected point; `None` if no evaluation was finite.
    pub best: Option<Best>,
    /// Its parameters.
    pub best_parameters: Option<ParameterValues>,
    /// Parameters of all sets at the end; always finite.
    pub final_parameters: Vec<ParameterValues>,
    /// All evaluations in short.
    pub history: Vec<EvaluationSummary>,
    /// Restarts per set.
    pub restarts: Vec<usize>,
    /// Skipped updates per set.
    pub skipped: Vec<usize>,
    /// Why the training ended.
    pub termination: TerminationReason,
    /// Updates done.
    pub steps_done: usize,
    /// Wall time of this process's part of the training.
    pub seconds: f64,
}

impl TrainResult {
    pub(super) fn new(state: &State, objective: &str, termination: TerminationReason, seconds: f64) -> Self {
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
            final_parameters: state.parameters.to_values(),
            history: state.host.history.clone(),
            restarts: state.host.health.all_restarts(),
            skipped: state.host.health.all_skipped(),
            termination,
            steps_done: state.host.step,
            seconds,
        }
    }
}
