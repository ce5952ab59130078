//! Everything that changes during a training, and its way into a checkpoint and back.

use std::ops::Range;
use std::path::PathBuf;

use burn::tensor::{DType, Device};
use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::health::Health;
use super::result::EvaluationSummary;
use crate::error::TrainerError;
use crate::optimiser::{Ascent, Moments};
use crate::plateau::Plateau;
use crate::settings::TrainSettings;
use crate::stopping::StoppingRule;
use crate::storage::checkpoint::Checkpoint;
use crate::storage::columns::Columns;
use crate::tracker::{Criterion, Tracker};

/// The part of the state that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostState {
    /// Updates done.
    pub step: usize,
    /// Sets at the start.
    pub parameter_sets: usize,
    pub optimiser: String,
    /// Numbers of the sets that are still trained, rising; empty while all are. This and other numbers of each set are in
    /// the columns of a checkpoint.
    #[serde(skip)]
    pub alive: Vec<usize>,
    /// Updates that went into the optimiser's averages, per set; filled when a checkpoint is made or read.
    #[serde(skip)]
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

impl HostState {
    /// The number of the set at a place.
    pub fn number(&self, place: usize) -> usize {
        self.alive.get(place).copied().unwrap_or(place)
    }

    /// The numbers of the sets at some places.
    pub fn numbers(&self, places: Range<usize>) -> Vec<usize> {
        places.map(|place| self.number(place)).collect()
    }

    /// Place of the set to look at if only one is wanted.
    pub fn preferred_place(&self) -> usize {
        let best = self.tracker.best().map_or(0, |best| best.set);
        let place = if self.alive.is_empty() { Some(best) } else { self.alive.binary_search(&best).ok() };
        place.or_else(|| self.tracker.best_place()).unwrap_or(0)
    }

    /// What there is of each set.
    pub fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        columns.put("number", self.numbers(0..self.updates.len()).into_iter().map(|number| number as f64));
        columns.put("updates", self.updates.iter().map(|&updates| updates as f64));
        self.health.columns(&mut columns);
        self.tracker.columns(&mut columns);
        if let Some(plateau) = &self.plateau {
            plateau.columns(&mut columns);
        }
        columns
    }

    /// Takes in what a checkpoint has of each set; `None` if it lacks something.
    pub fn restore(&mut self, columns: &mut Columns, best: ParameterTable) -> Option<()> {
        let numbers = columns.take_counts("number")?;
        let all = numbers.iter().copied().eq(0..self.parameter_sets);
        self.alive = if all { Vec::new() } else { numbers };
        self.updates = columns.take_counts("updates")?.into_iter().map(|updates| updates as u64).collect();
        self.health.restore(columns)?;
        self.tracker.restore(columns, best)?;
        if let Some(plateau) = &mut self.plateau {
            plateau.restore(columns)?;
        }
        Some(())
    }
}

/// The whole state. Parameters are finite at all times.
pub(crate) struct State {
    pub host: HostState,
    pub parameters: ParameterSets,
    pub moments: Moments,
}

impl State {
    pub fn start(
        initial: ParameterTable,
        settings: &TrainSettings,
        ascent: &Ascent,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, TrainerError> {
        if let Some((set, leaf, position, value)) = initial.first_non_finite() {
            return Err(TrainerError::StartNotFinite { set, leaf: leaf.to_owned(), position, value });
        }
        let sets = initial.sets();
        if sets != settings.parameter_sets {
            let valid = format!("{sets} starting points were given; the numbers must agree");
            return Err(TrainerError::setting("train.parameter_sets", settings.parameter_sets, &valid));
        }
        let parameters = initial.on(device, dtype);
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
            parameter_sets: sets,
            alive: Vec::new(),
            updates: Vec::new(),
            plateau,
            origin: initial.set(0),
            tracker: Tracker::new(criterion, initial),
            stopping: Vec::new(),
            health: Health::new(sets),
            history: Vec::new(),
            evaluated_at: None,
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
            &checkpoint.state.parameter_sets.to_string(),
            &settings.parameter_sets.to_string(),
        )?;
        let parameters = checkpoint.parameters.on(device, dtype);
        let mut moments = ascent.initial_moments(&parameters);
        for (name, zeros) in &mut moments.tensors {
            let stored = checkpoint.moments.get(name).map(|sets| sets.on(device, dtype));
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
            parameters: ParameterTable::from_sets(&self.parameters),
            moments: self
                .moments
                .tensors
                .iter()
                .map(|(name, sets)| (name.clone(), ParameterTable::from_sets(sets)))
                .collect(),
        }
    }

    /// Takes in an evaluation of all sets: history and plateau.
    pub fn take_in(&mut self, scores: &[Option<f64>], improved: &[bool]) {
        let host = &mut self.host;
        host.history.push(EvaluationSummary::new(host.step, scores));
        if let Some(plateau) = &mut host.plateau {
            let steps = host.step - host.evaluated_at.unwrap_or(0);
            for (place, &improved) in improved.iter().enumerate() {
                plateau.observe_metric(place, improved, steps);
            }
        }
        host.evaluated_at = Some(host.step);
    }

    /// The sets at rising places, the others dropped.
    pub fn keep(&mut self, places: &[usize]) {
        self.parameters = self.parameters.select(places);
        for moment in self.moments.tensors.values_mut() {
            *moment = moment.select(places);
        }
        self.moments.updates = places.iter().map(|&place| self.moments.updates[place]).collect();
        let host = &mut self.host;
        host.alive = places.iter().map(|&place| host.number(place)).collect();
        host.tracker.keep(places);
        host.health.keep(places);
        if let Some(plateau) = &mut host.plateau {
            plateau.keep(places);
        }
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
