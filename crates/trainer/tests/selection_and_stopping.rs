//! Evaluation intervals, selection, early stopping, and what the loop refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Hills, Witness, cpu, range, settings, starting_points};
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};
use gradpool_trainer::settings::{EarlyStoppingSettings, SelectOn};
use gradpool_trainer::tracker::Split;
use gradpool_trainer::{
    Objective, ObjectiveError, SetEvaluation, TerminationReason, TrainResult, TrainSettings, Trainer, TrainerError,
    ValueAndGradient,
};

fn train(objective: &dyn Objective, settings: &TrainSettings) -> Result<(TrainResult, Witness), TrainerError> {
    let mut witness = Witness::default();
    let (device, dtype) = cpu();
    let trainer = Trainer::new(objective, settings, range(), &device, dtype, 7)?;
    let result = trainer.train(&starting_points(settings.parameter_sets), &mut [&mut witness])?;
    Ok((result, witness))
}

#[test]
fn the_start_and_the_end_are_always_evaluated() {
    let settings = TrainSettings { iterations: 11, evaluate_every: Some(4), ..settings() };
    let (result, witness) = train(&Hills::default(), &settings).unwrap();
    let steps: Vec<usize> = witness.evaluations.iter().map(|report| report.step).collect();
    assert_eq!(steps, [0, 4, 8, 11]);
    assert_eq!(result.history.iter().map(|summary| summary.step).collect::<Vec<_>>(), steps);
    assert_eq!((result.termination, result.steps_done), (TerminationReason::Iterations, 11));
}

#[test]
fn the_best_parameters_are_those_of_the_best_step_and_set() {
    let settings = TrainSettings { iterations: 40, learning_rate: 0.9, evaluate_every: Some(1), ..settings() };
    let (result, witness) = train(&Hills::default(), &settings).unwrap();
    let best = result.best.unwrap();
    let scores = witness.evaluations.iter().flat_map(|report| &report.sets).map(|set| set.train["hills"].unwrap());
    assert_eq!(best.score, scores.fold(f64::NEG_INFINITY, f64::max));
    assert_eq!((best.objective, best.split, best.metric.as_str()), (Some(best.score), Split::Train, "hills"));
    let (device, dtype) = cpu();
    let parameters = ParameterSets::from_values(&[result.best_parameters.unwrap()], &device, dtype).unwrap();
    assert_eq!(Hills::default().evaluate(&parameters).unwrap()[0], best.evaluation);
}

#[test]
fn validation_selects_when_it_exists_unless_told_otherwise() {
    let objective = Hills { validation: true, ..Default::default() };
    let split = |select_on| {
        let settings = TrainSettings { select_on, ..settings() };
        train(&objective, &settings).unwrap().0.best.unwrap().split
    };
    assert_eq!(split(SelectOn::Auto), Split::Validation);
    assert_eq!(split(SelectOn::Train), Split::Train);
    let settings = TrainSettings { select_on: SelectOn::Validation, ..settings() };
    assert!(matches!(train(&Hills::default(), &settings), Err(TrainerError::NoValidation { .. })));
}

#[test]
fn early_stopping_ends_when_nothing_improves_for_patience_steps() {
    let early_stopping = Some(EarlyStoppingSettings { patience: 6, metric: None });
    // A learning rate so small that every score ties with the first.
    let settings =
        TrainSettings { iterations: 100, learning_rate: 1e-14, evaluate_every: Some(4), early_stopping, ..settings() };
    let (result, _) = train(&Hills::default(), &settings).unwrap();
    let reason = TerminationReason::EarlyStopping { metric: "hills".into(), patience: 6 };
    assert_eq!((result.termination, result.steps_done), (reason, 8));
    let climbing = TrainSettings { learning_rate: 0.01, iterations: 30, ..settings };
    assert_eq!(train(&Hills::default(), &climbing).unwrap().0.steps_done, 30);
}

#[test]
fn metrics_that_are_not_computed_are_named_with_their_key() {
    let settings_with = |selection: Option<&str>, early: Option<&str>| TrainSettings {
        selection_metric: selection.map(str::to_owned),
        early_stopping: early.map(|metric| EarlyStoppingSettings { patience: 5, metric: Some(metric.into()) }),
        ..settings()
    };
    for (settings, key) in [
        (settings_with(Some("calmar"), None), "train.selection_metric"),
        (settings_with(None, Some("calmar")), "train.early_stopping.metric"),
        (TrainSettings { objective: "calmar".into(), ..settings() }, "train.objective"),
    ] {
        let error = train(&Hills::default(), &settings).err().expect("an unknown metric").to_string();
        assert!(error.contains(key) && error.contains("`calmar`") && error.contains("hills"), "{error}");
    }
}

#[test]
fn as_many_starting_points_as_sets_are_needed() {
    let settings = settings();
    let (device, dtype) = cpu();
    let objective = Hills::default();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let error = trainer.train(&starting_points(2), &mut []).unwrap_err().to_string();
    assert!(error.contains("`train.parameter_sets` is 3") && error.contains("2 starting points"), "{error}");
}

/// Returns what it is told to.
struct Odd {
    values: usize,
    gradient: ParameterValues,
    evaluations: usize,
}

impl Objective for Odd {
    fn value_and_gradient(&self, parameters: &ParameterSets, _: &[usize]) -> Result<ValueAndGradient, ObjectiveError> {
        let (device, dtype) = cpu();
        let gradient = vec![self.gradient.clone(); parameters.sets()];
        if gradient[0].leaves.is_empty() {
            return Err("no prices".into());
        }
        Ok(ValueAndGradient {
            values: vec![0.0; self.values],
            gradient: ParameterSets::from_values(&gradient, &device, dtype)?,
        })
    }

    fn evaluate(&self, _: &ParameterSets) -> Result<Vec<SetEvaluation>, ObjectiveError> {
        let mut evaluation = SetEvaluation::default();
        evaluation.train.insert("hills".to_owned(), Some(1.0));
        Ok(vec![evaluation; self.evaluations])
    }
}

#[test]
fn objectives_of_the_wrong_shape_and_failing_objectives_are_errors() {
    let whole = || ParameterValues::new([("log_k", vec![1.0, 1.0]), ("logit_lamb", vec![1.0])]);
    let narrow = ParameterValues::new([("log_k", vec![1.0]), ("logit_lamb", vec![1.0])]);
    let partial = ParameterValues::new([("log_k", vec![1.0, 1.0])]);
    let cases = [
        (Odd { values: 2, gradient: whole(), evaluations: 3 }, "2 values"),
        (Odd { values: 3, gradient: whole(), evaluations: 1 }, "1 evaluations"),
        (Odd { values: 3, gradient: narrow, evaluations: 3 }, "[3, 1] for `log_k`"),
        (Odd { values: 3, gradient: partial, evaluations: 3 }, "no gradient for `logit_lamb`"),
        (Odd { values: 3, gradient: ParameterValues::default(), evaluations: 3 }, "failed at step 0"),
    ];
    for (objective, part) in cases {
        let error = train(&objective, &settings()).err().expect("an error").to_string();
        assert!(error.contains(part), "{error}");
    }
    train(&Odd { values: 3, gradient: whole(), evaluations: 3 }, &settings()).unwrap();
}
