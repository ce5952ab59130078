//! A training that was killed or interrupted at any step and resumed equals the one that never was, bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::DType;
use common::{Fault, FaultKind, Hills, Witness, cpu, identity, range, settings, starting_points};
use gradpool_trainer::plateau::{PlateauSettings, PlateauWatch};
use gradpool_trainer::settings::{EarlyStoppingSettings, OptimiserKind, SamplerKind};
use gradpool_trainer::{RunFolder, TerminationReason, TrainResult, TrainSettings, Trainer, TrainerError};

const ITERATIONS: usize = 14;

/// Restarts, skips, plateaus and early stopping all happen within a few steps.
fn eventful(optimiser: OptimiserKind, watch: PlateauWatch) -> (Hills, TrainSettings) {
    let fault = |start, set, kind| Fault { start, set, kind };
    let objective = Hills {
        faults: vec![
            fault(4, 1, FaultKind::Objective),
            fault(5, 1, FaultKind::Gradient),
            fault(6, 1, FaultKind::HugeGradient),
            fault(9, 2, FaultKind::Gradient),
        ],
        validation: true,
        blind_set: None,
    };
    let settings = TrainSettings {
        iterations: ITERATIONS,
        optimiser,
        restart_after: 2,
        // Update u starts one window at row u, so faults happen at known updates, and two that vary.
        sampler: SamplerKind::Explicit,
        windows: Some((0..ITERATIONS).map(|update| vec![update, 100 + 37 * update, 990]).collect()),
        plateau: Some(PlateauSettings { watch, patience: 2, threshold: 0.3, ..Default::default() }),
        early_stopping: Some(EarlyStoppingSettings { patience: 50, metric: None }),
        evaluate_every: Some(3),
        checkpoint_every: Some(4),
        ..settings()
    };
    (objective, settings)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [folder.to_owned(), folder.join("checkpoints")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
            }
        }
    }
    found
}

fn without_time(result: TrainResult) -> TrainResult {
    TrainResult { seconds: 0.0, ..result }
}

struct Bench<'a> {
    objective: &'a Hills,
    settings: &'a TrainSettings,
    dtype: DType,
}

impl Bench<'_> {
    fn trainer<'b>(&'b self, run: &'b RunFolder) -> Trainer<'b> {
        Trainer::new(self.objective, self.settings, range(), &cpu().0, self.dtype, 3).unwrap().with_run(run)
    }

    fn start(&self, folder: &Path, witness: &mut Witness) -> Result<TrainResult, TrainerError> {
        let run = RunFolder::create_at(folder, identity(), "", false).unwrap();
        let mut trainer = self.trainer(&run);
        if let Some((_, flag)) = &witness.interrupt_after {
            trainer = trainer.with_interrupt(Arc::clone(flag));
        }
        trainer.train(&starting_points(3), &mut [witness])
    }

    fn resume(&self, folder: &Path) -> TrainResult {
        let run = RunFolder::open(folder, identity()).unwrap();
        let checkpoint = run.latest_checkpoint().unwrap();
        without_time(self.trainer(&run).resume(&checkpoint, &mut []).unwrap())
    }
}

#[test]
fn interrupted_at_any_step_and_resumed_equals_uninterrupted() {
    let cases = [
        (OptimiserKind::Adam, PlateauWatch::Objective, DType::F64),
        (OptimiserKind::Adamw, PlateauWatch::Metric, DType::F64),
        (OptimiserKind::Sgd, PlateauWatch::Metric, DType::F64),
        (OptimiserKind::Adamw, PlateauWatch::Objective, DType::F32),
    ];
    for (optimiser, watch, dtype) in cases {
        let (objective, settings) = eventful(optimiser, watch);
        let bench = Bench { objective: &objective, settings: &settings, dtype };
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        let expected = without_time(bench.start(&whole, &mut Witness::default()).unwrap());
        assert_eq!((expected.skipped[1], expected.restarts[1], expected.skipped[2]), (3, 1, 1));
        assert_eq!(expected.steps_done, ITERATIONS);
        for step in 1..ITERATIONS {
            let cut = folder.path().join(format!("cut-{step}"));
            let flag = Arc::new(AtomicBool::new(false));
            let mut witness = Witness { interrupt_after: Some((step, flag)), ..Default::default() };
            let first = bench.start(&cut, &mut witness).unwrap();
            assert_eq!((first.termination, first.steps_done), (TerminationReason::Interrupted, step));
            assert_eq!(bench.resume(&cut), expected, "{optimiser:?} after {step}");
            let (mut found, mut wanted) = (files(&cut), files(&whole));
            // The interrupt itself left a checkpoint, in place of an older one.
            let at_interrupt =
                |name: &String, _: &mut Vec<u8>| !name.starts_with("step-") || name == "step-000014.safetensors";
            found.retain(at_interrupt);
            wanted.retain(at_interrupt);
            assert_eq!(found, wanted, "{optimiser:?} after {step}");
        }
    }
}

#[test]
fn killed_at_any_step_and_resumed_equals_uninterrupted() {
    let (objective, settings) = eventful(OptimiserKind::Adamw, PlateauWatch::Objective);
    let bench = Bench { objective: &objective, settings: &settings, dtype: DType::F64 };
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let expected = without_time(bench.start(&whole, &mut Witness::default()).unwrap());
    for step in 4..=ITERATIONS {
        let cut = folder.path().join(format!("cut-{step}"));
        let mut witness = Witness { fail_after: Some(step), ..Default::default() };
        assert!(bench.start(&cut, &mut witness).is_err());
        assert_eq!(witness.checkpoints.last(), Some(&((step - 1) / 4 * 4)).filter(|&&saved| saved > 0));
        if witness.checkpoints.is_empty() {
            continue;
        }
        // A line that was half written when the process died.
        let log = cut.join("events.jsonl");
        let mut events = fs::read(&log).unwrap();
        events.extend(br#"{"event":"step","st"#);
        fs::write(&log, events).unwrap();
        assert_eq!(bench.resume(&cut), expected, "after {step}");
        assert_eq!(files(&cut), files(&whole), "after {step}");
    }
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    let (objective, settings) = eventful(OptimiserKind::Adam, PlateauWatch::Objective);
    for patience in [50, 3] {
        let early_stopping = Some(EarlyStoppingSettings { patience, metric: None });
        let settings = TrainSettings { early_stopping, learning_rate: 1e-14, ..settings.clone() };
        let bench = Bench { objective: &objective, settings: &settings, dtype: DType::F64 };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let expected = without_time(bench.start(&path, &mut Witness::default()).unwrap());
        assert_eq!(expected.termination == TerminationReason::Iterations, patience == 50);
        let before = files(&path);
        assert_eq!(bench.resume(&path), expected);
        assert_eq!(files(&path), before);
    }
}

#[test]
fn an_interrupt_before_the_first_step_still_leaves_a_checkpoint() {
    let (objective, settings) = eventful(OptimiserKind::Adam, PlateauWatch::Objective);
    let bench = Bench { objective: &objective, settings: &settings, dtype: DType::F64 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let flag = Arc::new(AtomicBool::new(true));
    let mut witness = Witness { interrupt_after: Some((0, flag)), ..Default::default() };
    let result = bench.start(&path, &mut witness).unwrap();
    assert_eq!((result.termination, result.steps_done), (TerminationReason::Interrupted, 0));
    assert_eq!(bench.resume(&path).steps_done, ITERATIONS);
}
