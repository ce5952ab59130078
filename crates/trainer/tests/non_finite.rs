//! Sets that go non-finite: skipped, reported, counted, restarted; never repaired in silence.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Fault, FaultKind, Hills, Witness, cpu, range, settings, starting_points};
use gradpool_strategy::parameters::ParameterValues;
use gradpool_trainer::observer::{NonFiniteReason, RestartSource};
use gradpool_trainer::settings::{OptimiserKind, SamplerKind};
use gradpool_trainer::{TrainResult, TrainSettings, Trainer, TrainerError};

/// Update `u` sees one window, starting at row `u`.
fn one_window_per_update(iterations: usize) -> TrainSettings {
    TrainSettings {
        iterations,
        parameter_sets: 2,
        sampler: SamplerKind::Explicit,
        windows: Some((0..iterations).map(|update| vec![update]).collect()),
        evaluate_every: Some(1),
        ..settings()
    }
}

fn faults(starts: impl IntoIterator<Item = usize>, kind: FaultKind) -> Hills {
    Hills { faults: starts.into_iter().map(|start| Fault { start, set: 1, kind }).collect(), ..Default::default() }
}

fn train(objective: &Hills, settings: &TrainSettings, points: &[ParameterValues]) -> (TrainResult, Witness) {
    let mut witness = Witness::default();
    let (device, dtype) = cpu();
    let trainer = Trainer::new(objective, settings, range(), &device, dtype, 7).unwrap();
    (trainer.train(points, &mut [&mut witness]).unwrap(), witness)
}

#[test]
fn a_skipped_update_leaves_parameters_and_moments_as_if_it_had_not_been() {
    for kind in [FaultKind::Objective, FaultKind::Gradient, FaultKind::HugeGradient] {
        let (result, witness) = train(&faults([2], kind), &one_window_per_update(6), &starting_points(2));
        assert_eq!((result.skipped.as_slice(), result.restarts.as_slice()), (&[0, 1][..], &[0, 0][..]));
        let skipped = &witness.steps[2].skipped;
        assert_eq!((skipped.len(), skipped[0].set, skipped[0].consecutive), (1, 1, 1));
        let reason = match kind {
            FaultKind::Objective => NonFiniteReason::Objective,
            FaultKind::Gradient => NonFiniteReason::Gradient { leaf: "log_k".into(), position: 1 },
            FaultKind::HugeGradient => NonFiniteReason::GradientNorm,
        };
        assert_eq!(skipped[0].reason, reason);
        // The same training without that update: the constant schedule makes the two comparable.
        let windows = [0, 1, 3, 4, 5].map(|start| vec![start]).to_vec();
        let shorter = TrainSettings { windows: Some(windows), ..one_window_per_update(5) };
        let (expected, _) = train(&Hills::default(), &shorter, &starting_points(2));
        assert_eq!(result.final_parameters.set(1), expected.final_parameters.set(1));
        let (undisturbed, _) = train(&Hills::default(), &one_window_per_update(6), &starting_points(2));
        assert_eq!(
            result.final_parameters.set(0),
            undisturbed.final_parameters.set(0),
            "the other set is not affected"
        );
    }
}

#[test]
fn a_set_restarts_from_its_own_best_point_with_fresh_moments() {
    let settings = TrainSettings { optimiser: OptimiserKind::Adam, restart_after: 3, ..one_window_per_update(9) };
    let (result, witness) = train(&faults(4..7, FaultKind::Gradient), &settings, &starting_points(2));
    assert_eq!((result.skipped.as_slice(), result.restarts.as_slice()), (&[0, 3][..], &[0, 1][..]));
    let [restart] = witness.restarts.as_slice() else { panic!("one restart expected") };
    assert_eq!((restart.step, restart.set), (7, 1));
    let RestartSource::OwnBest { recorded_step } = restart.source else { panic!("{restart:?}") };
    let scores: Vec<f64> =
        witness.evaluations[..5].iter().map(|report| report.sets[1].train["hills"].unwrap()).collect();
    assert!(scores.iter().all(|&score| score <= scores[recorded_step]), "{scores:?} {recorded_step}");
    assert_eq!(restart.last_finite, witness.steps[6].skipped[0].parameters);
    // With fresh moments the first Adam step moves every value by the learning rate.
    let tail = TrainSettings { windows: Some(vec![vec![7], vec![8]]), parameter_sets: 1, ..one_window_per_update(2) };
    let tail = TrainSettings { optimiser: OptimiserKind::Adam, ..tail };
    let (expected, _) = train(&Hills::default(), &tail, std::slice::from_ref(&restart.parameters));
    assert_eq!(result.final_parameters.set(1), expected.final_parameters.set(0));
}

#[test]
fn a_set_whose_best_point_is_hopeless_is_drawn_afresh() {
    let settings = TrainSettings { restart_after: 2, ..one_window_per_update(8) };
    let (result, witness) = train(&faults(2..6, FaultKind::Objective), &settings, &starting_points(2));
    let sources: Vec<&RestartSource> = witness.restarts.iter().map(|restart| &restart.source).collect();
    assert_eq!(sources[0], &RestartSource::OwnBest { recorded_step: 2 });
    assert_eq!(sources[1], &RestartSource::FreshDraw);
    assert_eq!(result.restarts, [0, 2]);
    let centre = &starting_points(2)[0];
    let drawn = &witness.restarts[1].parameters;
    assert_eq!(drawn.leaf("initial_weights_logits"), centre.leaf("initial_weights_logits"));
    assert!((drawn.leaves["log_k"][0] - centre.leaves["log_k"][0]).abs() < 0.6);
    assert_ne!(drawn.leaf("log_k"), centre.leaf("log_k"));
    let (again, _) = train(&faults(2..6, FaultKind::Objective), &settings, &starting_points(2));
    assert_eq!(again.final_parameters, result.final_parameters, "draws are seeded");
}

#[test]
fn a_set_that_never_had_a_finite_evaluation_is_drawn_afresh() {
    let mut objective = faults(0..2, FaultKind::Gradient);
    objective.blind_set = Some(1);
    let settings = TrainSettings { restart_after: 2, ..one_window_per_update(3) };
    let (result, witness) = train(&objective, &settings, &starting_points(2));
    assert_eq!(witness.restarts[0].source, RestartSource::FreshDraw);
    assert_eq!(result.best.unwrap().set, 0);
}

#[test]
fn an_update_that_would_overflow_is_not_taken() {
    let settings = TrainSettings {
        learning_rate: 1e300,
        clip_norm: 0.0,
        optimiser: OptimiserKind::Sgd,
        parameter_sets: 1,
        ..one_window_per_update(1)
    };
    let point = ParameterValues::new([("log_k", vec![1.0, -1e10])]);
    let (result, witness) = train(&Hills::default(), &settings, std::slice::from_ref(&point));
    assert_eq!(witness.steps[0].skipped[0].reason, NonFiniteReason::Update { leaf: "log_k".into(), position: 1 });
    assert_eq!(result.final_parameters.to_values(), [point]);
}

#[test]
fn fail_fast_ends_the_training_with_step_set_reason_and_parameters() {
    let settings = TrainSettings { fail_fast: true, ..one_window_per_update(6) };
    let objective = faults([3], FaultKind::Gradient);
    let (device, dtype) = cpu();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let error = trainer.train(&starting_points(2), &mut []).unwrap_err().to_string();
    for part in ["set 1", "step 4", "`log_k` is not finite at position 1", r#""logit_lamb":["#] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn without_any_finite_evaluation_there_is_no_best_point() {
    let objective = Hills { blind_set: Some(0), ..Default::default() };
    let settings = TrainSettings { parameter_sets: 1, ..one_window_per_update(2) };
    let (result, _) = train(&objective, &settings, &starting_points(1));
    assert_eq!((result.best, result.best_parameters), (None, None));
    assert!(result.history.iter().all(|summary| summary.scores == [None]));
}

#[test]
fn a_non_finite_start_is_refused() {
    let mut points = starting_points(2);
    points[1].leaves.insert("log_k".into(), vec![1.0, f64::NAN]);
    let settings = one_window_per_update(2);
    let (device, dtype) = cpu();
    let objective = Hills::default();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let error = trainer.train(&points, &mut []).unwrap_err();
    assert!(matches!(error, TrainerError::StartNotFinite { set: 1, position: 1, .. }), "{error}");
}
