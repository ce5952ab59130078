//! Many sets: halving keeps the right ones, micro-batches and neighbours change no bit, resuming neither, logs stay short.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::DType;
use common::{Fault, FaultKind, Hills, Witness, cpu, identity, range, settings, starting_points};
use gradpool_strategy::{ParameterSets, ParameterTable, ParameterValues};
use gradpool_trainer::halving::HalvingSettings;
use gradpool_trainer::observer::DETAILED_SETS;
use gradpool_trainer::plateau::{PlateauSettings, PlateauWatch};
use gradpool_trainer::settings::{EarlyStoppingSettings, SamplerKind};
use gradpool_trainer::{
    LargestTensors, Objective, ObjectiveError, ObjectiveMemory, RunFolder, SetEvaluation, TerminationReason,
    TrainResult, TrainSettings, Trainer, TrainerError, ValueAndGradient,
};
use proptest::prelude::*;
use serde_json::Value;

/// [`Hills`] that says what it needs: a megabyte per set.
#[derive(Default)]
struct Measured(Hills);

const SET: u64 = 1_000_000;

impl Objective for Measured {
    fn value_and_gradient(
        &self,
        parameters: &ParameterSets,
        starts: &[usize],
    ) -> Result<ValueAndGradient, ObjectiveError> {
        self.0.value_and_gradient(parameters, starts)
    }

    fn evaluate(&self, parameters: &ParameterSets) -> Result<Vec<SetEvaluation>, ObjectiveError> {
        self.0.evaluate(parameters)
    }

    fn memory(&self) -> Option<ObjectiveMemory> {
        Some(ObjectiveMemory {
            per_window: 0,
            per_set: SET,
            per_path: 0,
            per_evaluation: 0,
            largest: LargestTensors::default(),
            comfortable: None,
        })
    }
}

/// A budget for so many sets at once.
fn budget(at_once: u64) -> u64 {
    at_once * SET + SET / 2
}

fn halving(every: usize, keep: f64) -> HalvingSettings {
    HalvingSettings { every, keep, minimum_sets: 1 }
}

fn train(settings: &TrainSettings, points: &[ParameterValues], at_once: u64) -> (TrainResult, Witness) {
    let settings = TrainSettings { parameter_sets: points.len(), ..settings.clone() };
    let (objective, mut witness, (device, dtype)) = (Measured::default(), Witness::default(), cpu());
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let result = trainer.with_memory_budget(budget(at_once)).train(points, &mut [&mut witness]).unwrap();
    (result, witness)
}

fn eventful() -> TrainSettings {
    TrainSettings {
        clip_norm: 2.0,
        plateau: Some(PlateauSettings { watch: PlateauWatch::Metric, patience: 2, ..Default::default() }),
        evaluate_every: Some(2),
        ..settings()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_set_becomes_the_same_in_any_split_any_order_and_beside_any_others(
        at_once in 1_u64..9, shift in 0_usize..8, beside in 0_usize..4,
    ) {
        let points = starting_points(8);
        let (expected, _) = train(&eventful(), &points, 100);
        let mut others = starting_points(12)[8..8 + beside].to_vec();
        let mut order: Vec<usize> = (0..8).collect();
        order.rotate_left(shift);
        order.swap(0, 7);
        others.extend(order.iter().map(|&set| points[set].clone()));
        let (found, _) = train(&eventful(), &others, at_once);
        for (place, &set) in order.iter().enumerate() {
            prop_assert_eq!(found.final_parameters.set(beside + place), expected.final_parameters.set(set));
        }
    }
}

#[test]
fn the_split_changes_nothing_at_all() {
    let settings = TrainSettings { halving: Some(halving(3, 0.4)), ..eventful() };
    let points = starting_points(9);
    let (whole, told) = train(&settings, &points, 9);
    assert_eq!(whole.memory.unwrap().micro_batches, 1);
    for at_once in [1, 2, 4, 8] {
        let (split, also_told) = train(&settings, &points, at_once);
        assert_eq!(split.memory.unwrap().sets_at_once as u64, at_once);
        assert_eq!(
            TrainResult { seconds: 0.0, memory: None, ..split },
            TrainResult { seconds: 0.0, memory: None, ..whole.clone() }
        );
        assert_eq!((also_told.steps, also_told.evaluations), (told.steps.clone(), told.evaluations.clone()));
    }
}

#[test]
fn the_best_go_on_under_their_own_numbers_as_if_they_had_always_been_alone() {
    let settings = TrainSettings { halving: Some(halving(4, 0.3)), evaluate_every: Some(6), ..settings() };
    let points = starting_points(10);
    let (result, witness) = train(&settings, &points, 3);
    let kept: Vec<(usize, usize, usize)> =
        witness.halvings.iter().map(|report| (report.step, report.before, report.kept)).collect();
    assert_eq!(kept, [(4, 10, 3), (8, 3, 1)]);
    assert_eq!(witness.evaluations.iter().map(|report| report.step).collect::<Vec<_>>(), [0, 4, 6, 8, 12]);
    let mut alive: Vec<usize> = (0..10).collect();
    for report in &witness.halvings {
        let evaluation = witness.evaluations.iter().find(|evaluation| evaluation.step == report.step).unwrap();
        let mut scored: Vec<(usize, f64)> =
            alive.iter().zip(&evaluation.sets).map(|(&set, found)| (set, found.train["hills"].unwrap())).collect();
        scored.sort_by(|one, other| other.1.total_cmp(&one.1));
        alive = scored[..report.kept].iter().map(|(set, _)| *set).collect();
        assert_eq!(
            (report.lowest_kept, report.highest_dropped),
            (Some(scored[report.kept - 1].1), Some(scored[report.kept].1))
        );
        alive.sort_unstable();
        assert_eq!(report.alive, alive);
    }
    assert_eq!(result.sets, alive);
    let (undisturbed, _) = train(&TrainSettings { halving: None, ..settings }, &points, 100);
    assert_eq!(result.final_parameters.to_values(), [undisturbed.final_parameters.set(alive[0])]);
    // Reports name the survivors.
    assert!(witness.steps[3].alive.is_empty(), "all are alive before the first judgement");
    assert_eq!((witness.steps[4].alive.len(), witness.steps[8].alive.as_slice()), (3, alive.as_slice()));
}

#[test]
fn sets_without_a_finite_score_go_first_and_ties_go_by_number() {
    let point = starting_points(1).remove(0);
    let objective = Hills { blind_set: Some(0), ..Default::default() };
    let settings = TrainSettings {
        iterations: 3,
        parameter_sets: 4,
        halving: Some(halving(1, 0.5)),
        evaluate_every: Some(3),
        ..settings()
    };
    let (device, dtype) = cpu();
    let mut witness = Witness::default();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    trainer.train(&vec![point; 4], &mut [&mut witness]).unwrap();
    // The set at place 0 has no finite score, whichever it is; the others are equal.
    assert_eq!(witness.halvings[0].alive, [1, 2]);
    assert_eq!(witness.halvings[1].alive, [2]);
}

#[test]
fn what_a_dropped_set_had_reached_stays_the_best() {
    // A huge learning rate: everybody is worse after the first step than the best was at the start.
    let settings = TrainSettings {
        learning_rate: 50.0,
        iterations: 6,
        halving: Some(halving(2, 0.3)),
        evaluate_every: Some(1),
        ..settings()
    };
    let (result, witness) = train(&settings, &starting_points(10), 4);
    let best = result.best.unwrap();
    assert_eq!(best.step, 0);
    let first = witness.evaluations[0].sets.iter().map(|set| set.train["hills"].unwrap()).fold(f64::MIN, f64::max);
    assert_eq!(best.score, first);
    assert_eq!(result.sets.len(), 1);
}

/// Restarts, skips, plateaus, early stopping and halving within a few steps.
fn resumed(dtype: DType, step: usize, killed: bool) {
    let fault = |start, set, kind| Fault { start, set, kind };
    let faults = vec![
        fault(2, 1, FaultKind::Objective),
        fault(3, 1, FaultKind::Gradient),
        fault(7, 2, FaultKind::Gradient),
        fault(8, 2, FaultKind::Gradient),
    ];
    let objective = Hills { faults, validation: true, blind_set: None };
    let settings = TrainSettings {
        iterations: 12,
        parameter_sets: 12,
        restart_after: 2,
        sampler: SamplerKind::Explicit,
        windows: Some((0..12).map(|update| vec![update, 100 + 37 * update]).collect()),
        early_stopping: Some(EarlyStoppingSettings { patience: 50, metric: None }),
        halving: Some(halving(4, 0.5)),
        checkpoint_every: Some(3),
        evaluate_every: Some(5),
        ..eventful()
    };
    let (device, _) = cpu();
    let folder = tempfile::tempdir().unwrap();
    let run_in = |name: &str, witness: &mut Witness| {
        let run = RunFolder::create_at(&folder.path().join(name), identity(), "", false).unwrap();
        let mut trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 3).unwrap().with_run(&run);
        if let Some((_, flag)) = &witness.interrupt_after {
            trainer = trainer.with_interrupt(Arc::clone(flag));
        }
        trainer.train(&starting_points(12), &mut [witness])
    };
    let expected = run_in("whole", &mut Witness::default()).unwrap();
    assert_eq!(expected.sets.len(), 3);
    assert!(expected.restarts_in_all >= 2 && expected.skipped_in_all >= 4, "{expected:?}");
    let flag = Arc::new(AtomicBool::new(false));
    let mut witness = if killed {
        Witness { fail_after: Some(step), ..Default::default() }
    } else {
        Witness { interrupt_after: Some((step, flag)), ..Default::default() }
    };
    let cut = run_in("cut", &mut witness);
    assert_eq!(cut.is_err(), killed);
    if let Ok(cut) = cut {
        assert_eq!((cut.termination, cut.steps_done), (TerminationReason::Interrupted, step));
    }
    let run = RunFolder::open(&folder.path().join("cut"), identity()).unwrap();
    let checkpoint = run.latest_checkpoint().unwrap();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 3).unwrap().with_run(&run);
    let found = trainer.resume(&checkpoint, &mut []).unwrap();
    let timeless = |result: TrainResult| TrainResult { seconds: 0.0, ..result };
    assert_eq!(timeless(found), timeless(expected), "{dtype:?} after {step}");
    let (mut cut, mut whole) = (files(&folder.path().join("cut")), files(&folder.path().join("whole")));
    for files in [&mut cut, &mut whole] {
        // An interrupt leaves a checkpoint in place of an older one.
        files.retain(|name, _| !name.starts_with("step-") || name == "step-000012.safetensors");
    }
    assert_eq!(cut, whole, "{dtype:?} after {step}");
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let folders = [folder.to_owned(), folder.join("checkpoints")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let named =
        |path: std::path::PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
    entries.filter(|path| path.is_file()).map(named).collect()
}

#[test]
fn a_halved_training_resumes_to_the_same_bits_wherever_it_was_cut() {
    for dtype in [DType::F64, DType::F32] {
        for step in 1..12 {
            resumed(dtype, step, false);
        }
        for step in [4, 5, 8, 9, 10, 12] {
            resumed(dtype, step, true);
        }
    }
}

#[test]
fn the_log_and_the_history_do_not_grow_with_the_number_of_sets() {
    let length = |sets: usize| {
        let folder = tempfile::tempdir().unwrap();
        let settings = TrainSettings { iterations: 4, parameter_sets: sets, evaluate_every: Some(1), ..settings() };
        let run = RunFolder::create_at(&folder.path().join("run"), identity(), "", false).unwrap();
        let (objective, (device, dtype)) = (Hills::default(), cpu());
        let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 3).unwrap().with_run(&run);
        let result = trainer.train(&starting_points(sets), &mut []).unwrap();
        let events = fs::read_to_string(run.events_path()).unwrap();
        let history = serde_json::to_string(&result.history).unwrap();
        (events, history)
    };
    let (few, many) = (length(10 * DETAILED_SETS), length(40 * DETAILED_SETS));
    for (few, many) in [(few.0.len(), many.0.len()), (few.1.len(), many.1.len())] {
        assert!(many < few + few / 10, "{few} {many}");
    }
    let events: Vec<Value> = many.0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).cloned().collect::<Vec<_>>();
    let (step, evaluation) = (of("step").remove(0), of("evaluation").remove(0));
    assert_eq!((&step["sets"], &step["objective"]["finite"]), (&Value::from(4000), &Value::from(4000)));
    assert_eq!(evaluation["population"]["top"].as_array().unwrap().len(), 5);
    assert_eq!(evaluation["population"]["top"][0][0], evaluation["best"]["set"]);
    assert!(evaluation.get("sets").is_none());
}

#[test]
fn a_population_that_does_not_fit_is_refused_before_it_begins() {
    let settings = settings();
    let (objective, (device, dtype)) = (Measured::default(), cpu());
    let trainer = || Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let error = trainer().with_memory_budget(SET).memory_plan(5).unwrap_err();
    assert!(matches!(error, TrainerError::Memory { sets: 3, per_set: SET, .. }), "{error}");
    let error = trainer().with_memory_budget(SET).train(&starting_points(3), &mut []).unwrap_err();
    assert!(matches!(error, TrainerError::Memory { .. }), "{error}");
    let plan = trainer().with_memory_budget(budget(2)).memory_plan(5).unwrap().unwrap();
    assert_eq!((plan.sets_at_once, plan.micro_batches), (2, 2));
}

#[test]
fn a_table_of_starts_is_trained_as_a_list_of_them() {
    let points = starting_points(3);
    let (listed, _) = train(&settings(), &points, 3);
    let (objective, settings, (device, dtype)) = (Measured::default(), settings(), cpu());
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap();
    let table = ParameterTable::from_values(&points).unwrap();
    assert_eq!(trainer.train_population(table, &mut []).unwrap().final_parameters, listed.final_parameters);
}
