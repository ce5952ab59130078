//! Lowering the learning rate of a parameter set that no longer improves (spec 07 sec. 6.2 item 4 and 6.3).

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::settings::not_negative;
use crate::storage::columns::Columns;

/// What a plateau is measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlateauWatch {
    /// The objective of each update (noisy, since windows differ). The rate falls when `patience` updates in a row were
    /// no improvement, and already for the last of them. The reference system's `use_plateau_decay`.
    #[default]
    Objective,
    /// The selection metric at evaluations. The rate falls, from the next update on, when more than `patience` steps
    /// passed without an improvement. What the reference system does for `sgd` (with `evaluate_every = 1`).
    Metric,
}

/// `[train.plateau]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlateauSettings {
    /// What is watched.
    pub watch: PlateauWatch,
    /// Steps without improvement that are tolerated.
    pub patience: usize,
    /// Factor on the learning rate at each plateau, between 0 and 1 exclusive.
    pub factor: f64,
    /// Smallest absolute rise of the objective that counts as an improvement (`watch = "objective"` only; the metric
    /// uses the tracker's tie tolerance).
    pub threshold: f64,
    /// The base learning rate times the factor never falls below this.
    pub minimum_learning_rate: f64,
}

impl Default for PlateauSettings {
    fn default() -> Self {
        Self { watch: PlateauWatch::Objective, patience: 100, factor: 0.8, threshold: 1e-4, minimum_learning_rate: 0.0 }
    }
}

impl PlateauSettings {
    pub(crate) fn validate(&self) -> Result<(), TrainerError> {
        if self.patience == 0 {
            return Err(TrainerError::setting("train.plateau.patience", 0, "it must be at least 1"));
        }
        if !(self.factor > 0.0 && self.factor < 1.0) {
            let valid = "it must be between 0 and 1, both excluded";
            return Err(TrainerError::setting("train.plateau.factor", self.factor, valid));
        }
        not_negative("train.plateau.threshold", self.threshold)?;
        not_negative("train.plateau.minimum_learning_rate", self.minimum_learning_rate)
    }
}

/// State of one parameter set.
#[derive(Clone, Debug, PartialEq)]
struct SetPlateau {
    factor: f64,
    best_objective: Option<f64>,
    waited: usize,
}

/// Learning rate factor of every parameter set. Sets are independent of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    settings: PlateauSettings,
    smallest_factor: f64,
    /// In the columns of a checkpoint.
    #[serde(skip)]
    sets: Vec<SetPlateau>,
}

impl Plateau {
    /// All factors at 1.
    pub fn new(settings: PlateauSettings, base_learning_rate: f64, sets: usize) -> Self {
        let smallest_factor = settings.minimum_learning_rate / base_learning_rate;
        let start = SetPlateau { factor: 1.0, best_objective: None, waited: 0 };
        Self { settings, smallest_factor, sets: vec![start; sets] }
    }

    /// The sets at rising places, the others dropped.
    pub(crate) fn keep(&mut self, places: &[usize]) {
        self.sets = places.iter().map(|&place| self.sets[place].clone()).collect();
    }

    pub(crate) fn columns(&self, columns: &mut Columns) {
        columns.put("plateau_factor", self.sets.iter().map(|set| set.factor));
        columns.put("plateau_best", self.sets.iter().map(|set| set.best_objective.unwrap_or(f64::NAN)));
        columns.put("plateau_waited", self.sets.iter().map(|set| set.waited as f64));
    }

    pub(crate) fn restore(&mut self, columns: &mut Columns) -> Option<()> {
        let (factors, best) = (columns.take("plateau_factor")?, columns.take("plateau_best")?);
        let waited = columns.take("plateau_waited")?;
        let set = |((factor, best), waited): ((f64, f64), f64)| SetPlateau {
            factor,
            best_objective: Some(best).filter(|best| !best.is_nan()),
            waited: waited as usize,
        };
        self.sets = factors.into_iter().zip(best).zip(waited).map(set).collect();
        Some(())
    }

    /// Factor on the learning rate of a set.
    pub fn factor(&self, set: usize) -> f64 {
        self.sets[set].factor
    }

    /// Reports the finite objective of an update, before that update is applied.
    pub fn observe_objective(&mut self, set: usize, objective: f64) {
        if self.settings.watch != PlateauWatch::Objective {
            return;
        }
        let state = &mut self.sets[set];
        if state.best_objective.is_none_or(|best| objective > best + self.settings.threshold) {
            state.best_objective = Some(objective);
            state.waited = 0;
        } else {
            state.waited += 1;
        }
        if state.waited >= self.settings.patience {
            self.lower(set);
        }
    }

    /// Reports an evaluation, `steps` updates after the one before: whether the set's metric improved.
    pub fn observe_metric(&mut self, set: usize, improved: bool, steps: usize) {
        if self.settings.watch != PlateauWatch::Metric {
            return;
        }
        let state = &mut self.sets[set];
        state.waited = if improved { 0 } else { state.waited + steps };
        if state.waited > self.settings.patience {
            self.lower(set);
        }
    }

    fn lower(&mut self, set: usize) {
        let state = &mut self.sets[set];
        // The floor never raises a factor: a minimum above the base rate leaves the base rate alone.
        state.factor = (state.factor * self.settings.factor).max(self.smallest_factor.min(state.factor));
        state.waited = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn objective_plateau_falls_after_patience_updates_without_a_rise_above_the_threshold() {
        let settings = PlateauSettings { patience: 2, factor: 0.5, ..Default::default() };
        let mut plateau = Plateau::new(settings, 0.1, 2);
        let mut factors = Vec::new();
        for objective in [1.0, 1.00005, 0.9, 1.2, 1.2, 1.2, 1.0, 1.0] {
            plateau.observe_objective(0, objective);
            factors.push(plateau.factor(0));
        }
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]);
        assert_eq!(plateau.factor(1), 1.0, "sets are independent");
    }

    #[test]
    fn metric_plateau_follows_the_reference_rates_of_sgd() {
        // golden/train/train_sgd_plateau.json: base rate 1, patience 2, ratio 0.5; improvements of its training metric.
        let settings = PlateauSettings {
            watch: PlateauWatch::Metric,
            patience: 2,
            factor: 0.5,
            minimum_learning_rate: 1e-6,
            ..Default::default()
        };
        let mut plateau = Plateau::new(settings, 1.0, 1);
        let improved = [true, true, true, true, false, false, false, false, true, true, false, false, false];
        let factors: Vec<f64> = improved
            .map(|improved| {
                plateau.observe_metric(0, improved, 1);
                plateau.factor(0)
            })
            .to_vec();
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn the_minimum_learning_rate_is_a_floor() {
        let settings = PlateauSettings { patience: 1, factor: 0.1, minimum_learning_rate: 0.05, ..Default::default() };
        let mut plateau = Plateau::new(settings, 1.0, 1);
        for _ in 0..5 {
            plateau.observe_objective(0, 1.0);
        }
        assert_eq!(plateau.factor(0), 0.05);
    }
}
