//! What the trainer climbs.

use std::collections::BTreeMap;

use gradpool_strategy::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterSets};
use serde::{Deserialize, Serialize};

use crate::memory::ObjectiveMemory;

/// Error type of an objective: its own, boxed.
pub type ObjectiveError = Box<dyn std::error::Error + Send + Sync>;

/// Metric name to value; `None` where the metric has no finite value.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// Objective and gradient of a batch of windows.
#[derive(Debug)]
pub struct ValueAndGradient {
    /// The objective `J` of each parameter set: the mean over the windows (higher is better). Non-finite values are
    /// allowed here; the trainer deals with them.
    pub values: Vec<f64>,
    /// Gradient of each set's own `J`, `[sets, width]` per leaf, on the plain (not autodiff) device. Frozen leaves may
    /// be absent.
    pub gradient: ParameterSets,
}

/// Metrics of one parameter set over the whole training and validation periods, simulated continuously.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetEvaluation {
    /// Metrics of the training period.
    pub train: Metrics,
    /// Metrics of the validation period, if there is one.
    pub validation: Option<Metrics>,
}

/// A differentiable objective of several independent parameter sets. Higher is better.
///
/// The trainer never sees prices: how long a window is, and what happens in it, is the objective's business. There is no
/// test period here, so nothing in training can select on it.
pub trait Objective {
    /// Value and gradient for the windows that start at rows `starts` of the price table. The same windows are used for
    /// every set. `parameters` are plain tensors; an implementation makes its own leaves that require gradients.
    ///
    /// # Errors
    /// Whatever keeps the objective from being computed at all. A non-finite value is not an error.
    fn value_and_gradient(
        &self,
        parameters: &ParameterSets,
        starts: &[usize],
    ) -> Result<ValueAndGradient, ObjectiveError>;

    /// Metrics of every parameter set, without gradients: one entry per set.
    ///
    /// # Errors
    /// Whatever keeps the metrics from being computed at all.
    fn evaluate(&self, parameters: &ParameterSets) -> Result<Vec<SetEvaluation>, ObjectiveError>;

    /// What the computation of sets needs of the memory, from shapes; `None` if that is not known, and
    /// then all sets are computed at once.
    fn memory(&self) -> Option<ObjectiveMemory> {
        None
    }

    /// Leaves that are never trained: no update, no initial noise, no weight decay, not part of the gradient's norm.
    fn frozen_leaves(&self) -> Vec<String> {
        vec![INITIAL_WEIGHTS_LOGITS.to_owned()]
    }

    /// Leaves that start at the same point in every set: frozen ones, and others that get no initial noise.
    fn unspread_leaves(&self) -> Vec<String> {
        self.frozen_leaves()
    }
}
