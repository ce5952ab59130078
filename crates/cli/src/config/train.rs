//! `[train]`: the objective and how it is climbed (spec 07).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The objective and how it is climbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSection {
    /// Metric that training makes larger, such as "daily_log_sharpe" or "returns_over_uniform_hodl".
    pub objective: String,
    /// Number of gradient steps.
    pub iterations: usize,
    /// Parameter sets that are trained side by side from different starts; at most a million.
    pub parameter_sets: usize,
    /// Windows of the training period per gradient step.
    pub batch_size: usize,
    /// Length of a window, in days. Default: the training period less seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_days: Option<f64>,
    /// Length of a window as the training period less this many minutes; a window starts within the first that many
    /// minutes of the period. Instead of `window_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_range_min: Option<f64>,
    /// Which rows a window may start at.
    pub start_alignment: StartAlignment,
    /// How the starts of a step's windows are drawn.
    pub sampler: Sampler,
    /// Start rows of the windows of each step (sampler "explicit"); a list shorter than the training repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<Vec<Vec<usize>>>,
    /// How a gradient becomes a step.
    pub optimiser: Optimiser,
    /// Size of a step.
    pub learning_rate: f64,
    /// Pull of the parameters towards zero per step, as a multiple of the learning rate. Default: 0.01 with adamw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Longest gradient of one parameter set; a longer one is scaled down. 0: no limit.
    pub clip_norm: f64,
    /// How the learning rate changes from step to step.
    pub schedule: Schedule,
    /// Lower learning rate of a parameter set that has stopped improving. Default: not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// Weight of the pool's turnover (mean change of its value shares per row) that is taken off the objective.
    pub turnover_penalty: f64,
    /// How the offsets of the other parameter sets from the first are drawn.
    pub initialisation: Initialisation,
    /// Standard deviation of the normal offsets of the other parameter sets from the first, in raw parameters.
    pub noise_scale: f64,
    /// The same for single parameters, by name, such as `log_k`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub leaf_noise_scale: BTreeMap<String, f64>,
    /// What the other parameter sets are spread over.
    #[serde(skip_serializing_if = "Spread::is_normal")]
    pub spread: Spread,
    /// Lowest and highest raw value of single parameters, by name, such as `log_k`, in place of those that `gradpool rules NAME`
    /// shows (spread "ranges").
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub leaf_range: BTreeMap<String, [f64; 2]>,
    /// Drop the worst parameter sets on the way. Default: not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halving: Option<Halving>,
    /// Metric that the best parameters are chosen by. Default: the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_metric: Option<String>,
    /// Period that the best parameters are chosen on. The test period is never used.
    pub select_on: SelectOn,
    /// Stop when the validation metric no longer rises. Default: not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Steps between two evaluations on the training and validation periods. Default: a fiftieth of `iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_every: Option<usize>,
    /// Steps between two checkpoints. Default: a twentieth of `iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<usize>,
    /// Number of latest checkpoints that are kept; the best parameters are kept besides.
    pub keep_checkpoints: usize,
    /// Skipped steps in a row after which a parameter set that is not finite is restarted.
    pub restart_after: usize,
    /// Stop with an error at the first value that is not finite, instead of skipping the step of that parameter set.
    pub fail_fast: bool,
    /// Defects of the reference system to reproduce, for comparison with it only.
    pub compat: TrainCompat,
}

impl Default for TrainSection {
    fn default() -> Self {
        Self {
            objective: "daily_log_sharpe".to_owned(),
            iterations: 1000,
            parameter_sets: 4,
            batch_size: 8,
            window_days: None,
            start_range_min: None,
            start_alignment: StartAlignment::Chunk,
            sampler: Sampler::Uniform,
            windows: None,
            optimiser: Optimiser::Adamw,
            learning_rate: 0.1,
            weight_decay: None,
            clip_norm: 10.0,
            schedule: Schedule::default(),
            plateau: None,
            turnover_penalty: 0.0,
            initialisation: Initialisation::Gaussian,
            noise_scale: 0.1,
            leaf_noise_scale: BTreeMap::new(),
            spread: Spread::Normal,
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
            compat: TrainCompat::default(),
        }
    }
}

/// How the normal offsets of the parameter sets are drawn (spec 01 sec. 1.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initialisation {
    /// Each on its own.
    #[default]
    Gaussian,
    /// All sets together, spread evenly by a scrambled Sobol sequence.
    Sobol,
    /// All sets together, one in each of as many equally likely parts of each parameter as there are offsets.
    Lhs,
    /// The same in the middle of the parts.
    CenteredLhs,
}

/// What the parameter sets besides the first are spread over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Normal offsets from the first set (`noise_scale`).
    #[default]
    Normal,
    /// The range of each parameter, evenly; a range above 0 evenly in the logarithm. Needs another `initialisation` than
    /// "gaussian".
    Ranges,
}

impl Spread {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// Drop the worst parameter sets on the way: those with the lowest selection metric, on the period that the best parameters are
/// chosen on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Halving {
    /// Steps between two such judgements.
    pub every: usize,
    /// Fraction of the sets that goes on; between 0 and 1.
    pub keep: f64,
    /// Fewest sets that go on.
    pub minimum_sets: usize,
}

impl Default for Halving {
    fn default() -> Self {
        Self { every: 20, keep: 0.5, minimum_sets: 1 }
    }
}

/// Which rows a window may start at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartAlignment {
    /// Rows at which the rule is evaluated.
    #[default]
    Chunk,
    /// Any row.
    Any,
}

/// How the starts of a step's windows are drawn (spec 07 sec. 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// All starts are equally likely; none is drawn twice in a step.
    #[default]
    Uniform,
    /// One start in each of `batch_size` equal parts of the range.
    Stratified,
    /// The starts of `windows`.
    Explicit,
}

/// How a gradient becomes a step (spec 07 sec. 6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Optimiser {
    /// Adam without weight decay.
    Adam,
    /// Adam with decoupled weight decay.
    #[default]
    Adamw,
    /// Plain gradient ascent.
    Sgd,
}

/// How the learning rate changes from step to step (spec 07 sec. 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Shape of the curve.
    pub kind: ScheduleKind,
    /// Highest learning rate divided by the lowest; 1 or more.
    pub decay_ratio: f64,
    /// Steps of the linear rise (warmup_cosine).
    pub warmup_steps: usize,
    /// Steps until the lowest learning rate. Default: `iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { kind: ScheduleKind::Constant, decay_ratio: 1000.0, warmup_steps: 100, steps: None }
    }
}

/// Shape of the learning rate's curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The same at every step.
    #[default]
    Constant,
    /// Half a cosine from the first to the last.
    Cosine,
    /// The same factor at every step.
    Exponential,
    /// A linear rise, then half a cosine.
    WarmupCosine,
}

/// Lower learning rate of a parameter set that has stopped improving (spec 07 sec. 6.2, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plateau {
    /// What is watched.
    pub watch: PlateauWatch,
    /// Steps without an improvement before the learning rate is lowered.
    pub patience: usize,
    /// What the learning rate is multiplied by; between 0 and 1.
    pub factor: f64,
    /// Smallest rise of the objective that counts as an improvement (watch "objective").
    pub threshold: f64,
    /// What the learning rate is never lowered below.
    pub minimum_learning_rate: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { watch: PlateauWatch::Objective, patience: 100, factor: 0.8, threshold: 1e-4, minimum_learning_rate: 0.0 }
    }
}

/// What a plateau is seen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlateauWatch {
    /// The objective of each step, which is noisy since windows differ.
    #[default]
    Objective,
    /// The selection metric at evaluations.
    Metric,
}

/// Period that the best parameters are chosen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// Stop when the validation metric no longer rises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// Steps without a rise before training stops.
    pub patience: usize,
    /// Metric that is watched. Default: the one that the best parameters are chosen by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 200, metric: None }
    }
}

/// One switch per reproduced defect of the reference system's trainer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainCompat {
    /// Weight decay also shrinks leaves that are not trained, such as the initial weights (spec 07 sec. 15, item 7).
    pub decay_frozen_leaves: bool,
}
