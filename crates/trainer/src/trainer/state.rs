//! Everything that changes during a training, and its way into a checkpoint and back.

use std::path::PathBuf;

use burn::tensor::{DType, Device};
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::health::Health;
use super::result::EvaluationSummary;
use crate::error::TrainerError;
use crate::objective::SetEvaluation;
use crate::optimiser::{Ascent, Moments};
use crate::plateau::Plateau;
use crate::settings::TrainSettings;
use crate::stopping::StoppingRule;
use crate::storage::checkpoint::Checkpoint;
use crate::tracker::{Criterion, Improvement, Tracker};

/// The part of the state that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostState {
    /// Updates done.
    pub step: usize,
    pub optimiser: String,
    /// Updates that went into the optimiser's averages, per set.
    pub updates: Vec<u64>,
    pub plateau: Option<Plateau>,
    pub tracker: Tracker,
    /// One entry per stopping rule, in their order; filled when a checkpoint is made.
    pub stopping: Vec<Value>,
    pub health: Health,
    pub history: Vec<EvaluationSummary>,
    /// Step of the latest evaluation.
    pub evaluated_at: Option<usize>,
    /// The canonical starting point, around which fresh draws are made.
    pub origin: ParameterValues,
}

/// The whole state. Parameters are finite at all times.
pub(crate) struct State {
    pub host: HostState,
    pub parameters: ParameterSets,
    pub moments: Moments,
}

impl State {
    pub fn start(
        initial: &[ParameterValues],
        settings: &TrainSettings,
        ascent: &Ascent,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, TrainerError> {
        for (set, values) in initial.iter().enumerate() {
            if let Some((leaf, position, value)) = values.first_non_finite() {
                return Err(TrainerError::StartNotFinite { set, leaf: leaf.to_owned(), position, value });
            }
        }
        let parameters = ParameterSets::from_values(initial, device, dtype)?;
        let sets = initial.len();
        if sets != settings.parameter_sets {
            let valid = format!("{sets} starting points were given; the numbers must agree");
            return Err(TrainerError::setting("train.parameter_sets", settings.parameter_sets, &valid));
        }
        if ascent.trained(&parameters).leaves.is_empty() {
            return Err(TrainerError::ObjectiveShape {
                found: "only frozen leaves".to_owned(),
                expected: "at least one leaf to train".to_owned(),
            });
        }
        let criterion = Criterion {
            metric: settings.effective_selection_metric().to_owned(),
            select_on: settings.select_on,
            key: if settings.selection_metric.is_some() { "train.selection_metric" } else { "train.objective" }
                .to_owned(),
        };
        let plateau = settings.plateau.clone().map(|plateau| Plateau::new(plateau, settings.learning_rate, sets));
        let moments = ascent.initial_moments(&parameters);
        let host = HostState {
            step: 0,
            optimiser: ascent.optimiser().name().to_owned(),
            updates: moments.updates.clone(),
            plateau,
            tracker: Tracker::new(criterion, sets),
            stopping: Vec::new(),
            health: Health::new(sets),
            history: Vec::new(),
            evaluated_at: None,
            origin: initial[0].clone(),
        };
        Ok(Self { host, parameters, moments })
    }

    pub fn resume(
        checkpoint: &Checkpoint,
        settings: &TrainSettings,
        ascent: &Ascent,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, TrainerError> {
        let same = |what: &str, found: &str, expected: &str| {
            if found == expected {
                return Ok(());
            }
            Err(mismatch(checkpoint, format!("its {what} is {found}, expected {expected}")))
        };
        same("precision", &checkpoint.precision, precision(dtype))?;
        same("optimiser", &checkpoint.state.optimiser, ascent.optimiser().name())?;
        same(
            "number of parameter sets",
            &checkpoint.parameters.len().to_string(),
            &settings.parameter_sets.to_string(),
        )?;
        let parameters = ParameterSets::from_values(&checkpoint.parameters, device, dtype)?;
        let mut moments = ascent.initial_moments(&parameters);
        for (name, zeros) in &mut moments.tensors {
            let sets = checkpoint.moments.get(name).map(Vec::as_slice).unwrap_or_default();
            let stored = ParameterSets::from_values(sets, device, dtype).ok();
            let shapes = |sets: &ParameterSets| -> Vec<(String, [usize; 2])> {
                sets.leaves.iter().map(|(leaf, tensor)| (leaf.clone(), tensor.dims())).collect()
            };
            let Some(stored) = stored.filter(|stored| shapes(stored) == shapes(zeros)) else {
                let detail = format!("its average `{name}` lacks leaves or has other shapes than {:?}", shapes(zeros));
                return Err(mismatch(checkpoint, detail));
            };
            *zeros = stored;
        }
        moments.updates.clone_from(&checkpoint.state.updates);
        Ok(Self { host: checkpoint.state.clone(), parameters, moments })
    }

    pub fn checkpoint(&self, path: PathBuf, stopping: &[Box<dyn StoppingRule>], dtype: DType) -> Checkpoint {
        let mut state = self.host.clone();
        state.updates.clone_from(&self.moments.updates);
        state.stopping = stopping.iter().map(|rule| rule.state()).collect();
        Checkpoint {
            path,
            precision: precision(dtype).to_owned(),
            state,
            parameters: self.parameters.to_values(),
            moments: self.moments.tensors.iter().map(|(name, sets)| (name.clone(), sets.to_values())).collect(),
        }
    }

    /// Takes in an evaluation: tracker, history, plateau.
    pub fn take_in(&mut self, sets: &[SetEvaluation]) -> Result<Improvement, TrainerError> {
        let host = &mut self.host;
        let improvement = host.tracker.observe(host.step, sets, &self.parameters.to_values())?;
        let criterion = host.tracker.criterion();
        let scores = sets.iter().map(|set| criterion.score(set)).collect::<Result<_, _>>()?;
        host.history.push(EvaluationSummary { step: host.step, scores });
        if let Some(plateau) = &mut host.plateau {
            let steps = host.step - host.evaluated_at.unwrap_or(0);
            for (set, &improved) in improvement.sets.iter().enumerate() {
                plateau.observe_metric(set, improved, steps);
            }
        }
        host.evaluated_at = Some(host.step);
        Ok(improvement)
    }
}

/// Hands the stopping rules their states.
pub(super) fn restore_stopping(
    checkpoint: &Checkpoint,
    rules: &mut [Box<dyn StoppingRule>],
) -> Result<(), TrainerError> {
    let states = &checkpoint.state.stopping;
    if states.len() != rules.len() {
        let detail = format!("it has the state of {} stopping rules, expected {}", states.len(), rules.len());
        return Err(mismatch(checkpoint, detail));
    }
    for (rule, state) in rules.iter_mut().zip(states) {
        rule.restore(state)
            .map_err(|error| mismatch(checkpoint, format!("a stopping rule refuses its state: {error}")))?;
    }
    Ok(())
}

fn mismatch(checkpoint: &Checkpoint, detail: String) -> TrainerError {
    TrainerError::CheckpointMismatch { path: checkpoint.path.clone(), detail }
}

fn precision(dtype: DType) -> &'static str {
    if dtype == DType::F32 { "f32" } else { "f64" }
}
