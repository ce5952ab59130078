//! The `[train]` section of a configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::design::Design;
use crate::error::TrainerError;
use crate::halving::HalvingSettings;
use crate::plateau::PlateauSettings;
use crate::schedule::{Schedule, ScheduleKind};

/// Most parameter sets of a training.
pub const MAXIMUM_SETS: usize = 1_000_000;

/// Which rows windows may start at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAlignment {
    /// Multiples of the update interval ("chunk"), counted from the first row of the prices.
    #[default]
    Chunk,
    /// Any row.
    Any,
}

/// How windows are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// Uniformly without replacement.
    #[default]
    Uniform,
    /// One from each of `batch_size` equal parts of the range.
    Stratified,
    /// From the list `train.windows`.
    Explicit,
}

/// Where the normal offsets of the initial sets come from (spec 01 sec. 1.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialisation {
    /// Independent draws.
    #[default]
    Gaussian,
    /// A scrambled Sobol sequence.
    Sobol,
    /// A Latin hypercube.
    Lhs,
    /// A Latin hypercube with points in the middle of their parts.
    CenteredLhs,
}

impl Initialisation {
    /// The space-filling design, unless draws are independent.
    pub fn design(self) -> Option<Design> {
        match self {
            Self::Gaussian => None,
            Self::Sobol => Some(Design::Sobol),
            Self::Lhs => Some(Design::Lhs),
            Self::CenteredLhs => Some(Design::CenteredLhs),
        }
    }
}

/// What the initial sets are spread over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpreadKind {
    /// Normal offsets from the first set.
    #[default]
    Normal,
    /// The range of each parameter.
    Ranges,
}

/// The direction of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay.
    #[default]
    Adamw,
    /// Adam.
    Adam,
    /// Plain gradient ascent; clipping, schedule and plateau apply to it as to the others.
    Sgd,
}

/// On which period the result is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectOn {
    /// The validation period if there is one, else the training period.
    #[default]
    Auto,
    /// The training period.
    Train,
    /// The validation period.
    Validation,
}

impl<'de> Deserialize<'de> for SelectOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(Self::Auto),
            "train" => Ok(Self::Train),
            "validation" => Ok(Self::Validation),
            "test" => Err(serde::de::Error::custom(
                "the test period is never used to select a result; choose `auto`, `train` or `validation`",
            )),
            other => Err(serde::de::Error::custom(format!(
                "unknown period `{other}`; expected `auto`, `train` or `validation`"
            ))),
        }
    }
}

/// Shape of the learning rate; see [`ScheduleKind`] for the formulas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSettings {
    /// Shape.
    pub kind: ScheduleKind,
    /// Highest over lowest rate; at least 1.
    pub decay_ratio: f64,
    /// Updates over which `warmup_cosine` rises.
    pub warmup_steps: usize,
    /// Updates until the lowest rate; absent: `train.iterations`.
    pub steps: Option<usize>,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self { kind: ScheduleKind::Constant, decay_ratio: 1000.0, warmup_steps: 100, steps: None }
    }
}

/// When to stop before the last iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStoppingSettings {
    /// Steps without a better metric after which training ends.
    pub patience: usize,
    /// Metric to watch; absent: the selection metric.
    pub metric: Option<String>,
}

impl Default for EarlyStoppingSettings {
    fn default() -> Self {
        Self { patience: 200, metric: None }
    }
}

/// Defects of the reference system that are reproduced on demand; all off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainCompatibility {
    /// AdamW also shrinks frozen leaves such as `initial_weights_logits` (spec 07 sec. 15, item 7). The frozen leaf then
    /// drifts toward 0, and with it the weights that every window starts from.
    pub decay_frozen_leaves: bool,
}

/// The `[train]` section: plain data, checked by [`TrainSettings::validate`].
///
/// | key | default | purpose |
/// |---|---|---|
/// | `iterations` | 1000 | updates |
/// | `objective` | `daily_log_sharpe` | metric that is climbed, by name |
/// | `learning_rate` | 0.1 | highest learning rate |
/// | `parameter_sets` | 4 | independent sets trained side by side, at most a million |
/// | `batch_size` | 8 | windows per update |
/// | `window_days` | absent | length of a window; absent: the training period less seven days |
/// | `start_alignment` | `chunk` | where windows may start |
/// | `sampler`, `windows` | `uniform`, absent | how windows are drawn |
/// | `optimiser`, `weight_decay` | `adamw`, 0.01 | direction of an update |
/// | `clip_norm` | 10 | largest gradient norm of one set; 0 switches clipping off |
/// | `schedule`, `plateau` | constant, absent | learning rate |
/// | `turnover_penalty` | 0 | weight of the turnover term in the objective |
/// | `initialisation` | `gaussian` | how the initial sets are spread |
/// | `noise_scale`, `leaf_noise_scale` | 0.1, none | how far |
/// | `spread`, `leaf_range` | `normal`, none | whether the sets cover the ranges of the parameters, and which |
/// | `halving` | absent | how sets are dropped on the way |
/// | `selection_metric`, `select_on` | the objective, `auto` | which (step, set) is the result |
/// | `early_stopping` | absent | when to end early |
/// | `evaluate_every` | iterations / 50 | steps between evaluations |
/// | `checkpoint_every`, `keep_checkpoints` | iterations / 20, 2 | what is kept on disk |
/// | `restart_after`, `fail_fast` | 3, false | what happens to a set that goes non-finite |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Number of updates, at least 1.
    pub iterations: usize,
    /// Metric that is maximised, by name. Its existence is checked where metrics are known.
    pub objective: String,
    /// Base learning rate, above 0.
    pub learning_rate: f64,
    /// Number of parameter sets, from 1 to [`MAXIMUM_SETS`].
    pub parameter_sets: usize,
    /// Windows per update, at least 1.
    pub batch_size: usize,
    /// Length of a training window in days; absent: the training period less seven days.
    pub window_days: Option<f64>,
    /// Rows at which windows may start.
    pub start_alignment: StartAlignment,
    /// How windows are drawn.
    pub sampler: SamplerKind,
    /// Start rows per update, for `sampler = "explicit"`; the list repeats when it is shorter than the training.
    pub windows: Option<Vec<Vec<usize>>>,
    /// Direction of an update.
    pub optimiser: OptimiserKind,
    /// Decoupled weight decay of AdamW per unit of learning rate; absent: 0.01. Not allowed with other optimisers.
    pub weight_decay: Option<f64>,
    /// Largest gradient norm of one set; 0 = no clipping.
    pub clip_norm: f64,
    /// Shape of the learning rate.
    pub schedule: ScheduleSettings,
    /// Lowering of a set's learning rate when it stops improving.
    pub plateau: Option<PlateauSettings>,
    /// Weight of the turnover term; applied by the objective.
    pub turnover_penalty: f64,
    /// Where the offsets of sets 1.. from set 0 come from.
    pub initialisation: Initialisation,
    /// Standard deviation of the spread of sets 1.. around set 0, in raw parameter space.
    pub noise_scale: f64,
    /// Standard deviation for single leaves, by name, in place of `noise_scale`.
    pub leaf_noise_scale: BTreeMap<String, f64>,
    /// What sets 1.. are spread over.
    pub spread: SpreadKind,
    /// Lowest and highest value of single leaves, by name, in place of their parameter table's (`spread = "ranges"`).
    pub leaf_range: BTreeMap<String, [f64; 2]>,
    /// Dropping of the worst sets on the way; absent: all sets are trained to the end.
    pub halving: Option<HalvingSettings>,
    /// Metric that selects the result; absent: the objective.
    pub selection_metric: Option<String>,
    /// Period on which the result is selected.
    pub select_on: SelectOn,
    /// Early stopping; absent: none.
    pub early_stopping: Option<EarlyStoppingSettings>,
    /// Steps between evaluations; absent: a fiftieth of the iterations, at least 1.
    pub evaluate_every: Option<usize>,
    /// Steps between checkpoints; absent: a twentieth of the iterations, at least 1.
    pub checkpoint_every: Option<usize>,
    /// How many of the latest checkpoints are kept, at least 1 (the best parameters are kept besides).
    pub keep_checkpoints: usize,
    /// Consecutive skipped updates after which a non-finite set is restarted, at least 1.
    pub restart_after: usize,
    /// End training with an error at the first non-finite value instead of skipping the update.
    pub fail_fast: bool,
    /// Reproduced defects.
    pub compat: TrainCompatibility,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            iterations: 1000,
            objective: "daily_log_sharpe".to_owned(),
            learning_rate: 0.1,
            parameter_sets: 4,
            batch_size: 8,
            window_days: None,
            start_alignment: StartAlignment::Chunk,
            sampler: SamplerKind::Uniform,
            windows: None,
            optimiser: OptimiserKind::Adamw,
            weight_decay: None,
            clip_norm: 10.0,
            schedule: ScheduleSettings::default(),
            plateau: None,
            turnover_penalty: 0.0,
            initialisation: Initialisation::Gaussian,
            noise_scale: 0.1,
            leaf_noise_scale: BTreeMap::new(),
            spread: SpreadKind::Normal,
            leaf_range: BTreeMap::new(),
            halving: None,
            selection_metric: None,
            select_on: SelectOn::Auto,
            early_stopping: None,
            evaluate_every: None,
            checkpoint_every: None,
            keep_checkpoints: 2,
            restart_after: 3,
            fail_fast: false,
            compat: TrainCompatibility::default(),
        }
    }
}

impl TrainSettings {
    /// Steps between evaluations.
    pub fn evaluation_interval(&self) -> usize {
        self.evaluate_every.unwrap_or(self.iterations / 50).max(1)
    }

    /// Steps between checkpoints.
    pub fn checkpoint_interval(&self) -> usize {
        self.checkpoint_every.unwrap_or(self.iterations / 20).max(1)
    }

    /// Weight decay in effect.
    pub fn effective_weight_decay(&self) -> f64 {
        match self.optimiser {
            OptimiserKind::Adamw => self.weight_decay.unwrap_or(0.01),
            OptimiserKind::Adam | OptimiserKind::Sgd => 0.0,
        }
    }

    /// Name of the metric that selects the result.
    pub fn effective_selection_metric(&self) -> &str {
        self.selection_metric.as_deref().unwrap_or(&self.objective)
    }

    /// The learning rate schedule.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            kind: self.schedule.kind,
            base: self.learning_rate,
            steps: self.schedule.steps.unwrap_or(self.iterations),
            decay_ratio: self.schedule.decay_ratio,
            warmup_steps: self.schedule.warmup_steps,
        }
    }

    /// Checks every value on its own and the combinations that cannot work.
    ///
    /// # Errors
    /// [`TrainerError::Setting`] with the key as the configuration file spells it.
    pub fn validate(&self) -> Result<(), TrainerError> {
        let at_least_one = [
            ("train.iterations", Some(self.iterations)),
            ("train.parameter_sets", Some(self.parameter_sets)),
            ("train.batch_size", Some(self.batch_size)),
            ("train.keep_checkpoints", Some(self.keep_checkpoints)),
            ("train.restart_after", Some(self.restart_after)),
            ("train.evaluate_every", self.evaluate_every),
            ("train.checkpoint_every", self.checkpoint_every),
            ("train.schedule.steps", self.schedule.steps),
            ("train.early_stopping.patience", self.early_stopping.as_ref().map(|early| early.patience)),
        ];
        for (key, value) in at_least_one {
            if value == Some(0) {
                return Err(TrainerError::setting(key, 0, "it must be at least 1"));
            }
        }
        if self.parameter_sets > MAXIMUM_SETS {
            let valid = format!("it must be at most {MAXIMUM_SETS}");
            return Err(TrainerError::setting("train.parameter_sets", self.parameter_sets, &valid));
        }
        self.validate_spread()?;
        if let Some(halving) = &self.halving {
            halving.validate(self.parameter_sets)?;
        }
        positive("train.learning_rate", self.learning_rate)?;
        if let Some(days) = self.window_days {
            positive("train.window_days", days)?;
        }
        not_negative("train.clip_norm", self.clip_norm)?;
        not_negative("train.turnover_penalty", self.turnover_penalty)?;
        not_negative("train.noise_scale", self.noise_scale)?;
        for (leaf, &scale) in &self.leaf_noise_scale {
            not_negative(&format!("train.leaf_noise_scale.{leaf}"), scale)?;
        }
        if let Some(decay) = self.weight_decay {
            not_negative("train.weight_decay", decay)?;
            if self.optimiser != OptimiserKind::Adamw && decay > 0.0 {
                let valid =
                    "weight decay works with `train.optimiser = \"adamw\"` only; choose that, or remove the key";
                return Err(TrainerError::setting("train.weight_decay", decay, valid));
            }
        }
        if self.compat.decay_frozen_leaves && self.optimiser != OptimiserKind::Adamw {
            let valid = "it works with `train.optimiser = \"adamw\"` only; choose that, or remove the key";
            return Err(TrainerError::setting("train.compat.decay_frozen_leaves", true, valid));
        }
        self.validate_schedule()?;
        if let Some(plateau) = &self.plateau {
            plateau.validate()?;
        }
        match (self.sampler, &self.windows) {
            (SamplerKind::Explicit, None) => {
                let valid = "it needs the list `train.windows` of start rows per update";
                Err(TrainerError::setting("train.sampler", "\"explicit\"", valid))
            }
            (SamplerKind::Uniform | SamplerKind::Stratified, Some(_)) => {
                let valid = "a list of windows is used with `train.sampler = \"explicit\"` only; choose that, or remove the key";
                Err(TrainerError::setting("train.windows", "given", valid))
            }
            _ => Ok(()),
        }
    }

    fn validate_spread(&self) -> Result<(), TrainerError> {
        for (leaf, &[low, high]) in &self.leaf_range {
            let (key, range) = (format!("train.leaf_range.{leaf}"), format!("[{low}, {high}]"));
            if self.spread != SpreadKind::Ranges {
                let valid = "ranges are used with `train.spread = \"ranges\"` only; choose that, or remove the key";
                return Err(TrainerError::setting(&key, range, valid));
            }
            if !(low.is_finite() && high.is_finite() && low < high) {
                let valid = "it must be two finite numbers, the lower one first";
                return Err(TrainerError::setting(&key, range, valid));
            }
        }
        if self.spread == SpreadKind::Ranges && self.initialisation == Initialisation::Gaussian {
            let valid =
                "only a design covers ranges; choose `train.initialisation = \"sobol\"`, \"lhs\" or \"centered_lhs\"";
            return Err(TrainerError::setting("train.spread", "\"ranges\"", valid));
        }
        Ok(())
    }

    fn validate_schedule(&self) -> Result<(), TrainerError> {
        let ScheduleSettings { kind, decay_ratio, warmup_steps, .. } = self.schedule;
        if !(decay_ratio.is_finite() && decay_ratio >= 1.0) {
            return Err(TrainerError::setting("train.schedule.decay_ratio", decay_ratio, "it must be at least 1"));
        }
        let steps = self.schedule().steps;
        if kind == ScheduleKind::WarmupCosine && warmup_steps >= steps {
            let valid = format!("it must be below the {steps} steps of the schedule");
            return Err(TrainerError::setting("train.schedule.warmup_steps", warmup_steps, &valid));
        }
        Ok(())
    }
}

pub(crate) fn positive(key: &str, value: f64) -> Result<(), TrainerError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(TrainerError::setting(key, value, "it must be a finite number above 0"))
}

pub(crate) fn not_negative(key: &str, value: f64) -> Result<(), TrainerError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(TrainerError::setting(key, value, "it must be a finite number, 0 or above"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_serialisation() {
        let settings = TrainSettings::default();
        settings.validate().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<TrainSettings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<TrainSettings>("{}").unwrap(), settings);
        assert_eq!((settings.evaluation_interval(), settings.checkpoint_interval()), (20, 50));
    }

    #[test]
    fn every_bad_value_is_named_by_its_key() {
        let cases: [(&str, &str); 25] = [
            (r#"{"iterations": 0}"#, "train.iterations"),
            (r#"{"parameter_sets": 0}"#, "train.parameter_sets"),
            (r#"{"parameter_sets": 1000001}"#, "train.parameter_sets"),
            (r#"{"halving": {"every": 0}}"#, "train.halving.every"),
            (r#"{"halving": {"keep": 0}}"#, "train.halving.keep"),
            (r#"{"halving": {"keep": 1}}"#, "train.halving.keep"),
            (r#"{"halving": {"keep": -0.5}}"#, "train.halving.keep"),
            (r#"{"halving": {"minimum_sets": 0}}"#, "train.halving.minimum_sets"),
            (r#"{"halving": {"minimum_sets": 5}}"#, "train.halving.minimum_sets"),
            (r#"{"spread": "ranges"}"#, "train.spread"),
            (r#"{"leaf_range": {"log_k": [0, 1]}}"#, "train.leaf_range.log_k"),
            (
                r#"{"initialisation": "lhs", "spread": "ranges", "leaf_range": {"log_k": [1, 1]}}"#,
                "train.leaf_range.log_k",
            ),
            (r#"{"batch_size": 0}"#, "train.batch_size"),
            (r#"{"learning_rate": -0.1}"#, "train.learning_rate"),
            (r#"{"window_days": 0.0}"#, "train.window_days"),
            (r#"{"clip_norm": -1.0}"#, "train.clip_norm"),
            (r#"{"noise_scale": -1.0}"#, "train.noise_scale"),
            (r#"{"leaf_noise_scale": {"log_k": -1.0}}"#, "train.leaf_noise_scale.log_k"),
            (r#"{"optimiser": "adam", "weight_decay": 0.1}"#, "train.weight_decay"),
            (r#"{"schedule": {"decay_ratio": 0.5}}"#, "train.schedule.decay_ratio"),
            (r#"{"iterations": 50, "schedule": {"kind": "warmup_cosine"}}"#, "train.schedule.warmup_steps"),
            (r#"{"sampler": "explicit"}"#, "train.sampler"),
            (r#"{"windows": [[1]]}"#, "train.windows"),
            (r#"{"early_stopping": {"patience": 0}}"#, "train.early_stopping.patience"),
            (r#"{"plateau": {"factor": 1.5}}"#, "train.plateau.factor"),
        ];
        for (text, key) in cases {
            let error = serde_json::from_str::<TrainSettings>(text).unwrap().validate().unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{text}: {error}");
        }
    }

    #[test]
    fn the_test_period_and_unknown_keys_are_refused() {
        let error = serde_json::from_str::<TrainSettings>(r#"{"select_on": "test"}"#).unwrap_err().to_string();
        assert!(error.contains("never used to select"), "{error}");
        assert!(serde_json::from_str::<TrainSettings>(r#"{"learning_rat": 1}"#).is_err());
        assert!(serde_json::from_str::<TrainSettings>(r#"{"schedule": {"kid": 1}}"#).is_err());
    }
}
