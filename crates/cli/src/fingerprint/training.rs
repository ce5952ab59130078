//! The training part of a fingerprint: `optimisation_settings` and the objective.

use std::path::Path;

use gradpool_metrics::Metric;
use serde_json::{Map, Value};

use super::group::Group;
use super::import::{dead, unread, unsupported};
use super::keys;
use super::report::ImportReport;
use crate::config::{
    ConfigError, EarlyStopping, Initialisation, Optimiser, Plateau, PlateauWatch, RunConfig, Sampler, Schedule,
    ScheduleKind, StartAlignment, TrainSection,
};

/// Fills `train`, `runtime.seed`, `period.validation_fraction` and `initial.scalar`.
pub fn import(
    root: &Group<'_>,
    entries: &Map<String, Value>,
    path: &Path,
    config: &mut RunConfig,
    report: &mut ImportReport,
) -> Result<(), ConfigError> {
    let empty = Map::new();
    let _ = root.get("optimisation_settings");
    let settings = match entries.get("optimisation_settings") {
        Some(Value::Object(settings)) => settings,
        None | Some(Value::Null) => &empty,
        Some(other) => {
            return Err(ConfigError::Fingerprint {
                path: path.to_owned(),
                key: "optimisation_settings".to_owned(),
                value: super::group::shortened(other),
                expected: "an object".to_owned(),
            });
        }
    };
    let group = Group::new(path, "optimisation_settings", settings);
    config.period.validation_fraction = group.number("val_fraction", 0.2)?;
    config.initial.scalar = group.boolean("force_scalar", false)?;
    config.runtime.seed = group.whole("initial_random_key", 0)? as u64;
    let start_range = root.number("bout_offset", 10_080.0)?;
    let train = TrainSection {
        objective: root.text("return_val", "daily_log_sharpe")?,
        iterations: group.whole("n_iterations", 1000)?,
        parameter_sets: group.whole("n_parameter_sets", 4)?,
        batch_size: group.whole("batch_size", 8)?,
        start_range_min: (start_range > 0.0).then_some(start_range),
        start_alignment: StartAlignment::Any,
        sampler: sampler(&group, report)?,
        learning_rate: group.number("base_lr", 0.1)?,
        turnover_penalty: root.number("turnover_penalty", 0.0)?,
        selection_metric: Some(selection_metric(&group)?),
        early_stopping: early_stopping(&group, config.period.validation_fraction, report)?,
        ..TrainSection::default()
    };
    config.train = steps(&group, train, report)?;
    spread(&group, &mut config.train, report)?;
    search(&group, config.period.validation_fraction, report)?;
    unread(&group, &[keys::TRAINING], &[], report);
    report.notes.push(format!(
        "{} steps are made; the reference system makes one more, and its step count starts at 0",
        config.train.iterations
    ));
    Ok(())
}

fn sampler(group: &Group<'_>, report: &mut ImportReport) -> Result<Sampler, ConfigError> {
    let samplers =
        [("uniform", Some(Sampler::Uniform)), ("stratified", Some(Sampler::Stratified)), ("exponential", None)];
    Ok(group.choice("sample_method", Some(Sampler::Uniform), &samplers)?.unwrap_or_else(|| {
        unsupported(group, "sample_method", "\"uniform\" and \"stratified\"", report);
        Sampler::Uniform
    }))
}

/// Names of period metrics differ from names of objectives: its `sharpe` there is the daily one (spec 05 sec. 5.5).
fn selection_metric(group: &Group<'_>) -> Result<String, ConfigError> {
    let name = group.text("early_stopping_metric", "daily_log_sharpe")?;
    Ok(Metric::from_period_key(&name).map_or(name, |metric| metric.name().to_owned()))
}

fn early_stopping(
    group: &Group<'_>,
    validation_fraction: f64,
    report: &mut ImportReport,
) -> Result<Option<EarlyStopping>, ConfigError> {
    let patience = group.whole("early_stopping_patience", 200)?;
    if !group.boolean("early_stopping", true)? {
        dead(group, "early_stopping_patience", "read with early_stopping only", report);
        return Ok(None);
    }
    if validation_fraction == 0.0 {
        report.notes.push(
            "early stopping watches the training period; without a validation period the reference system watches the \
             test period"
                .to_owned(),
        );
    }
    Ok(Some(EarlyStopping { patience, metric: None }))
}

/// Optimiser, clipping, schedule and plateau. There, `sgd` knows neither clipping, schedule nor decay, and its learning
/// rate falls with the selection metric; only it reads `min_lr` (spec 07 sec. 6.2, 6.3).
fn steps(group: &Group<'_>, train: TrainSection, report: &mut ImportReport) -> Result<TrainSection, ConfigError> {
    let optimisers = [("adam", Optimiser::Adam), ("adamw", Optimiser::Adamw), ("sgd", Optimiser::Sgd)];
    let optimiser = group.choice("optimiser", Optimiser::Adamw, &optimisers)?;
    let weight_decay = group.number("weight_decay", 0.01)?;
    let clip_norm = if group.boolean("use_gradient_clipping", true)? { group.number("clip_norm", 10.0)? } else { 0.0 };
    let kinds = [
        ("constant", ScheduleKind::Constant),
        ("cosine", ScheduleKind::Cosine),
        ("exponential", ScheduleKind::Exponential),
        ("warmup_cosine", ScheduleKind::WarmupCosine),
    ];
    let schedule = Schedule {
        kind: group.choice("lr_schedule_type", ScheduleKind::Constant, &kinds)?,
        decay_ratio: group.number("lr_decay_ratio", 1000.0)?,
        warmup_steps: group.whole("warmup_steps", 100)?,
        steps: None,
    };
    let plateau = Plateau {
        patience: group.whole("decay_lr_plateau", 100)?,
        factor: group.number("decay_lr_ratio", 0.8)?,
        ..Plateau::default()
    };
    let uses_plateau = group.boolean("use_plateau_decay", false)?;
    let minimum_learning_rate = group.number("min_lr", 1e-6)?;
    let train = TrainSection { optimiser, ..train };
    if optimiser == Optimiser::Sgd {
        for key in
            ["use_gradient_clipping", "clip_norm", "lr_schedule_type", "lr_decay_ratio", "warmup_steps", "weight_decay"]
        {
            dead(group, key, "the reference system's sgd does not read it", report);
        }
        let plateau = Plateau { watch: PlateauWatch::Metric, minimum_learning_rate, ..plateau };
        return Ok(TrainSection { clip_norm: 0.0, plateau: Some(plateau), evaluate_every: Some(1), ..train });
    }
    dead(group, "min_lr", "read with sgd only", report);
    if !uses_plateau {
        for key in ["decay_lr_plateau", "decay_lr_ratio"] {
            dead(group, key, "read with use_plateau_decay or sgd only", report);
        }
    }
    if optimiser == Optimiser::Adam {
        dead(group, "weight_decay", "read with adamw only", report);
    } else if weight_decay > 0.0 {
        report.notes.push(
            "weight decay leaves the initial weights alone; the reference system shrinks them too \
             (train.compat.decay_frozen_leaves reproduces that)"
                .to_owned(),
        );
    }
    Ok(TrainSection {
        weight_decay: (optimiser == Optimiser::Adamw).then_some(weight_decay),
        clip_norm,
        schedule,
        plateau: uses_plateau.then_some(plateau),
        ..train
    })
}

/// How far apart the parameter sets start.
fn spread(group: &Group<'_>, train: &mut TrainSection, report: &mut ImportReport) -> Result<(), ConfigError> {
    train.noise_scale = group.number("noise_scale", 0.1)?;
    match group.text("parameter_init_method", "gaussian")?.as_str() {
        "gaussian" => {}
        "sobol" => train.initialisation = Initialisation::Sobol,
        "lhs" => train.initialisation = Initialisation::Lhs,
        "centered_lhs" => train.initialisation = Initialisation::CenteredLhs,
        // Any other name means no noise there.
        _ => train.noise_scale = 0.0,
    }
    if let Some(Value::Object(scales)) = group.get("per_param_noise_scale") {
        let inner = Group::new(group.path(), "optimisation_settings.per_param_noise_scale", scales);
        for leaf in scales.keys() {
            train.leaf_noise_scale.insert(leaf.clone(), inner.number(leaf, train.noise_scale)?);
        }
    }
    if train.parameter_sets > 1 {
        report.notes.push(format!(
            "parameter sets start {} apart; the reference system ignores noise_scale at a fresh start and uses 1",
            train.noise_scale
        ));
    }
    Ok(())
}

/// Other ways to search than gradient descent, and extras of the loop.
fn search(group: &Group<'_>, validation_fraction: f64, report: &mut ImportReport) -> Result<(), ConfigError> {
    if group.text("method", "gradient_descent")? != "gradient_descent" {
        unsupported(group, "method", "only \"gradient_descent\"", report);
    }
    if group.text("training_data_kind", "historic")? != "historic" {
        unsupported(group, "training_data_kind", "only \"historic\"", report);
    }
    if group.boolean("use_swa", false)? {
        if validation_fraction > 0.0 {
            dead(group, "use_swa", "no effect with a validation period, as in the reference system", report);
        } else {
            unsupported(group, "use_swa", "only false", report);
        }
    }
    if group.boolean("track_checkpoints", false)? {
        dead(group, "track_checkpoints", "the series is not recorded; training does not depend on it", report);
    }
    Ok(())
}
