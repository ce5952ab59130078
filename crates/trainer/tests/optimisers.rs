//! Updates against hand-computed numbers and an independent optimiser on plain numbers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::tensor::{DType, Device};
use common::{FROZEN, Hills, Witness, cpu, range, settings, starting_points};
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};
use gradpool_trainer::optimiser::{Adam, Ascent, Moments, Sgd, rows};
use gradpool_trainer::plateau::PlateauSettings;
use gradpool_trainer::schedule::ScheduleKind;
use gradpool_trainer::settings::{OptimiserKind, ScheduleSettings, TrainCompatibility};
use gradpool_trainer::{TrainSettings, Trainer};
use proptest::prelude::*;

fn sets(values: &[[f64; 2]]) -> ParameterSets {
    let sets: Vec<ParameterValues> = values.iter().map(|row| ParameterValues::new([("x", row.to_vec())])).collect();
    let (device, dtype) = cpu();
    ParameterSets::from_values(&sets, &device, dtype).unwrap()
}

fn step(ascent: &Ascent, parameters: &mut ParameterSets, gradient: &[[f64; 2]], rate: f64, moments: &mut Moments) {
    let gradient = sets(gradient);
    let norms: Vec<f64> = rows(&gradient).iter().map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
    let proposal = ascent.propose(parameters, &gradient, &norms, &vec![rate; norms.len()], moments);
    *parameters = proposal.parameters;
    moments.tensors = proposal.moments;
    moments.updates.iter_mut().for_each(|updates| *updates += 1);
}

fn assert_near(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found} against {expected}");
    }
}

#[test]
fn plain_ascent_climbs_and_clips_each_set_by_its_own_norm() {
    let ascent = Ascent::new(Box::new(Sgd), 5.0, [], false);
    let mut parameters = sets(&[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]);
    let mut moments = ascent.initial_moments(&parameters);
    // Norms 5 (clipped by the factor 1), 50 and 0.5.
    step(&ascent, &mut parameters, &[[3.0, 4.0], [30.0, -40.0], [0.3, 0.4]], 0.1, &mut moments);
    assert_near(&rows(&parameters), &[vec![1.3, 1.4], vec![1.3, 0.6], vec![1.03, 1.04]], 1e-15);
}

#[test]
fn adam_moves_by_the_learning_rate_first_and_by_hand_computed_steps_after() {
    let ascent = Ascent::new(Box::new(Adam::default()), 0.0, [], false);
    let mut parameters = sets(&[[0.0, 0.0]]);
    let mut moments = ascent.initial_moments(&parameters);
    step(&ascent, &mut parameters, &[[2.0, -0.5]], 0.1, &mut moments);
    assert_near(&rows(&parameters), &[vec![0.1 * 2.0 / (2.0 + 1e-8), -0.1 * 0.5 / (0.5 + 1e-8)]], 1e-15);
    step(&ascent, &mut parameters, &[[-1.0, 0.0]], 0.1, &mut moments);
    // m = 0.9 * 0.2 - 0.1 = 0.08, v = 0.999 * 0.004 + 0.001 = 0.004996; corrections 0.19 and 0.001999.
    let second = 0.08 / 0.19 / ((0.004_996_f64 / 0.001_999).sqrt() + 1e-8);
    let first = 0.1 * 2.0 / (2.0 + 1e-8);
    assert_near(&[vec![rows(&parameters)[0][0]]], &[vec![first + 0.1 * second]], 1e-14);
}

/// Adam on plain numbers, one set at a time: clip, moments, decay, rate.
fn independent_adam(start: &[f64], gradients: &[Vec<f64>], rates: &[f64], clip: f64, decay: f64) -> Vec<f64> {
    let (mut x, mut m, mut v) = (start.to_vec(), vec![0.0; start.len()], vec![0.0; start.len()]);
    for (n, (gradient, rate)) in gradients.iter().zip(rates).enumerate() {
        let norm = gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
        let scale = if norm >= clip { clip / norm } else { 1.0 };
        let (one, two) = (1.0 - 0.9_f64.powi(n as i32 + 1), 1.0 - 0.999_f64.powi(n as i32 + 1));
        for i in 0..x.len() {
            let slope = gradient[i] * scale;
            m[i] = 0.9 * m[i] + 0.1 * slope;
            v[i] = 0.999 * v[i] + 0.001 * slope * slope;
            x[i] += rate * (m[i] / one / ((v[i] / two).sqrt() + 1e-8) - decay * x[i]);
        }
    }
    x
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn adamw_agrees_with_an_independent_adam_over_several_steps(
        start in prop::array::uniform2(prop::array::uniform2(-3.0_f64..3.0)),
        gradients in prop::collection::vec(prop::array::uniform2(prop::array::uniform2(-20.0_f64..20.0)), 1..9),
        rate in 1e-4_f64..0.5, clip in 0.1_f64..30.0, decay in 0.0_f64..0.2,
    ) {
        let ascent = Ascent::new(Box::new(Adam::with_weight_decay(decay)), clip, [], false);
        let mut parameters = sets(&start);
        let mut moments = ascent.initial_moments(&parameters);
        let rates: Vec<f64> = (0..gradients.len()).map(|n| rate / (n + 1) as f64).collect();
        for (gradient, &rate) in gradients.iter().zip(&rates) {
            step(&ascent, &mut parameters, gradient, rate, &mut moments);
        }
        let expected: Vec<Vec<f64>> = (0..2)
            .map(|set| {
                let gradients: Vec<Vec<f64>> = gradients.iter().map(|sets| sets[set].to_vec()).collect();
                independent_adam(&start[set], &gradients, &rates, clip, decay)
            })
            .collect();
        assert_near(&rows(&parameters), &expected, 1e-13);
    }
}

/// Settings with everything on: clipping that bites, a schedule, a plateau.
fn busy(optimiser: OptimiserKind) -> TrainSettings {
    TrainSettings {
        optimiser,
        clip_norm: 2.0,
        schedule: ScheduleSettings { kind: ScheduleKind::Cosine, ..Default::default() },
        plateau: Some(PlateauSettings { patience: 2, ..Default::default() }),
        ..settings()
    }
}

fn train(settings: &TrainSettings, points: &[ParameterValues], dtype: DType) -> (Vec<ParameterValues>, Witness) {
    let settings = TrainSettings { parameter_sets: points.len(), ..settings.clone() };
    let objective = Hills::default();
    let mut witness = Witness::default();
    let trainer = Trainer::new(&objective, &settings, range(), &Device::flex(), dtype, 7).unwrap();
    let result = trainer.train(points, &mut [&mut witness]).unwrap();
    (result.final_parameters.to_values(), witness)
}

#[test]
fn a_set_takes_the_same_path_bit_for_bit_alone_or_beside_others() {
    for optimiser in [OptimiserKind::Adam, OptimiserKind::Adamw, OptimiserKind::Sgd] {
        for dtype in [DType::F64, DType::F32] {
            let points = starting_points(5);
            let (together, _) = train(&busy(optimiser), &points, dtype);
            for (set, point) in points.iter().enumerate() {
                let (alone, _) = train(&busy(optimiser), std::slice::from_ref(point), dtype);
                assert_eq!(alone[0], together[set], "{optimiser:?} {dtype:?} set {set}");
            }
        }
    }
}

#[test]
fn every_optimiser_climbs() {
    for optimiser in [OptimiserKind::Adam, OptimiserKind::Adamw, OptimiserKind::Sgd] {
        let settings = TrainSettings { iterations: 60, optimiser, ..settings() };
        let (_, witness) = train(&settings, &starting_points(2), DType::F64);
        for set in 0..2 {
            let score = |evaluation: usize| witness.evaluations[evaluation].sets[set].train["hills"].unwrap();
            assert!(score(witness.evaluations.len() - 1) > score(0) + 0.5, "{optimiser:?}");
        }
    }
}

#[test]
fn frozen_leaves_do_not_move_under_any_optimiser_weight_decay_included() {
    for optimiser in [OptimiserKind::Adam, OptimiserKind::Adamw, OptimiserKind::Sgd] {
        let (parameters, _) = train(&busy(optimiser), &starting_points(2), DType::F64);
        for (found, start) in parameters.iter().zip(starting_points(2)) {
            assert_eq!(found.leaf(FROZEN), start.leaf(FROZEN));
            assert_ne!(found.leaf("log_k"), start.leaf("log_k"));
        }
    }
}

#[test]
fn frozen_leaves_shrink_under_the_compatibility_switch_only() {
    let settings = TrainSettings {
        iterations: 2,
        learning_rate: 0.05,
        weight_decay: Some(0.05),
        compat: TrainCompatibility { decay_frozen_leaves: true },
        ..settings()
    };
    let (parameters, _) = train(&settings, &starting_points(1), DType::F64);
    let shrink = 1.0 - 0.05 * 0.05;
    assert_near(
        &[parameters[0].leaf(FROZEN).unwrap().to_vec()],
        &[vec![0.2 * shrink * shrink, -0.1 * shrink * shrink]],
        1e-15,
    );
}

#[test]
fn reports_carry_the_schedule_the_windows_and_the_unclipped_norm() {
    let (_, witness) = train(&busy(OptimiserKind::Adamw), &starting_points(2), DType::F64);
    assert_eq!(witness.steps.iter().map(|step| step.step).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_eq!(witness.steps[0].learning_rate, 0.05);
    assert!(witness.steps[11].learning_rate < 0.002);
    assert!(witness.steps[0].gradient_norm[0] > 2.0, "{:?}", witness.steps[0].gradient_norm);
    assert!(witness.steps.iter().all(|step| step.starts.len() == 4 && step.skipped.is_empty()));
    assert_ne!(witness.steps[0].starts, witness.steps[1].starts);
}
