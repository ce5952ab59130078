//! Run folders and checkpoints: what they hold, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{FROZEN, Hills, Witness, cpu, identity, range, settings, starting_points};
use gradpool_trainer::settings::{EarlyStoppingSettings, OptimiserKind};
use gradpool_trainer::{
    Checkpoint, RunFolder, RunIdentity, TrainResult, TrainSettings, Trainer, TrainerError, load_parameters,
};
use safetensors::SafeTensors;
use serde_json::Value;

fn quick() -> TrainSettings {
    TrainSettings { iterations: 10, checkpoint_every: Some(2), evaluate_every: Some(5), ..settings() }
}

fn train_in(parent: &Path, settings: &TrainSettings) -> (RunFolder, TrainResult) {
    let run = RunFolder::create(parent, identity(), "[train]\niterations = 10\n", false).unwrap();
    let objective = Hills::default();
    let (device, dtype) = cpu();
    let trainer = Trainer::new(&objective, settings, range(), &device, dtype, 7).unwrap().with_run(&run);
    let result = trainer.train(&starting_points(3), &mut []).unwrap();
    (run, result)
}

#[test]
fn a_run_folder_holds_configuration_events_latest_checkpoints_and_best_parameters() {
    let parent = tempfile::tempdir().unwrap();
    let (run, result) = train_in(parent.path(), &quick());
    assert_eq!(run.path(), parent.path().join("hills-01234567"));
    run.write_result(&result).unwrap();
    let names = |folder: &Path| {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(run.path()), ["best.safetensors", "checkpoints", "config.toml", "events.jsonl", "result.json"]);
    assert_eq!(names(&run.checkpoints_path()), ["step-000008.safetensors", "step-000010.safetensors"]);
    let config = RunFolder::stored_config(run.path()).unwrap();
    assert!(config.ends_with("[train]\niterations = 10\n"), "{config}");
    assert_eq!(RunFolder::stored_hash(run.path()).unwrap(), identity().hash);
    let result_text = fs::read_to_string(run.result_path()).unwrap();
    assert_eq!(serde_json::from_str::<TrainResult>(&result_text).unwrap(), result);
}

#[test]
fn the_event_log_has_one_object_per_line_in_order() {
    let parent = tempfile::tempdir().unwrap();
    let (run, _) = train_in(parent.path(), &quick());
    let text = fs::read_to_string(run.events_path()).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[0]["run_hash"]), (&Value::from("start"), &Value::from(identity().hash)));
    assert_eq!(events.last().unwrap()["reason"], "iterations");
    let steps: Vec<u64> = events.iter().map(|event| event["step"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted(), "{steps:?}");
    assert_eq!(events.iter().filter(|event| event["event"] == "step").count(), 10);
    assert_eq!(events.iter().filter(|event| event["event"] == "evaluation").count(), 3);
}

#[test]
fn best_parameters_and_checkpoints_load_for_evaluation() {
    let parent = tempfile::tempdir().unwrap();
    let (run, result) = train_in(parent.path(), &quick());
    for path in [run.path().to_owned(), run.best_path()] {
        let loaded = load_parameters(&path).unwrap();
        assert_eq!(loaded.sets, [result.best_parameters.clone().unwrap()]);
        assert_eq!((loaded.preferred_set, loaded.step), (0, result.best.as_ref().unwrap().step));
        assert_eq!((loaded.run_hash, loaded.program_version), (identity().hash, identity().version));
    }
    let loaded = load_parameters(&run.checkpoint_path(10)).unwrap();
    assert_eq!(loaded.sets, result.final_parameters.to_values());
    assert_eq!((loaded.preferred_set, loaded.step), (result.best.unwrap().set, 10));
    let bytes = fs::read(run.best_path()).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("log_k").unwrap().shape(), [1, 2]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["run_hash"], identity().hash);
    assert_eq!(metadata["leaves"], r#"{"initial_weights_logits":2,"log_k":2,"logit_lamb":1}"#);
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_with_the_reason() {
    let parent = tempfile::tempdir().unwrap();
    let (run, _) = train_in(parent.path(), &quick());
    let path = run.checkpoint_path(10);
    let load = |identity: &RunIdentity| Checkpoint::load(&path, identity).unwrap_err().to_string();
    let other_run = load(&RunIdentity { hash: "ffff".into(), ..identity() });
    assert!(other_run.contains("another run") && other_run.contains("ffff"), "{other_run}");
    let other_version = load(&RunIdentity { version: "9.9.9".into(), ..identity() });
    assert!(other_version.contains("version 0.1.0, this is version 9.9.9"), "{other_version}");
    let best = Checkpoint::load(&run.best_path(), &identity()).unwrap_err().to_string();
    assert!(best.contains("no `state`"), "{best}");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let cut = load(&identity());
        assert!(cut.contains("step-000010.safetensors is not a readable checkpoint"), "{cut}");
        assert!(matches!(run.latest_checkpoint(), Err(TrainerError::CheckpointFormat { .. })));
        assert!(load_parameters(&path).is_err());
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(run.latest_checkpoint().unwrap().step(), 8);
    assert!(load_parameters(&path).unwrap_err().to_string().contains("cannot read"));
    fs::remove_file(run.checkpoint_path(8)).unwrap();
    assert!(matches!(run.latest_checkpoint(), Err(TrainerError::NoCheckpoint { .. })));
}

#[test]
fn a_checkpoint_of_another_kind_of_training_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (run, _) = train_in(parent.path(), &quick());
    let checkpoint = run.latest_checkpoint().unwrap();
    let (device, dtype) = cpu();
    let objective = Hills::default();
    let resume = |settings: &TrainSettings, dtype| {
        let trainer = Trainer::new(&objective, settings, range(), &device, dtype, 7).unwrap();
        trainer.resume(&checkpoint, &mut []).unwrap_err().to_string()
    };
    let optimiser = resume(&TrainSettings { optimiser: OptimiserKind::Sgd, ..quick() }, dtype);
    assert!(optimiser.contains("optimiser is adamw, expected sgd"), "{optimiser}");
    let sets = resume(&TrainSettings { parameter_sets: 2, ..quick() }, dtype);
    assert!(sets.contains("number of parameter sets is 3, expected 2"), "{sets}");
    let precision = resume(&quick(), burn::tensor::DType::F32);
    assert!(precision.contains("precision is f64, expected f32"), "{precision}");
    let stopping = TrainSettings { early_stopping: Some(EarlyStoppingSettings::default()), ..quick() };
    assert!(resume(&stopping, dtype).contains("0 stopping rules, expected 1"));
}

#[test]
fn a_failing_checkpoint_ends_the_training_and_leaves_the_previous_one() {
    let parent = tempfile::tempdir().unwrap();
    let run = RunFolder::create(parent.path(), identity(), "", false).unwrap();
    // A folder in the place of the third checkpoint's temporary file: it cannot be written, whoever runs the test.
    fs::create_dir(run.checkpoints_path().join(".step-000006.safetensors.partial")).unwrap();
    let (objective, settings) = (Hills::default(), quick());
    let (device, dtype) = cpu();
    let trainer = Trainer::new(&objective, &settings, range(), &device, dtype, 7).unwrap().with_run(&run);
    let mut witness = Witness::default();
    let error = trainer.train(&starting_points(3), &mut [&mut witness]).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("step-000006.safetensors"), "{error}");
    assert_eq!(witness.checkpoints, [2, 4]);
    assert_eq!(run.latest_checkpoint().unwrap().step(), 4);
}

#[test]
fn an_existing_run_is_overwritten_only_by_force_and_never_by_another_configuration() {
    let parent = tempfile::tempdir().unwrap();
    let (run, _) = train_in(parent.path(), &quick());
    let exists = RunFolder::create(parent.path(), identity(), "", false).unwrap_err().to_string();
    assert!(exists.contains("--resume") && exists.contains("--force"), "{exists}");
    let other = RunIdentity { hash: "0123456789aaaaaa".into(), ..identity() };
    for force in [false, true] {
        let error = RunFolder::create_at(run.path(), other.clone(), "", force).unwrap_err();
        assert!(matches!(error, TrainerError::RunOfAnotherConfiguration { .. }), "{error}");
    }
    assert!(matches!(RunFolder::open(run.path(), other), Err(TrainerError::RunOfAnotherConfiguration { .. })));
    let fresh = RunFolder::create(parent.path(), identity(), "", true).unwrap();
    assert!(!fresh.events_path().exists() && !fresh.best_path().exists());
    assert!(matches!(fresh.latest_checkpoint(), Err(TrainerError::NoCheckpoint { .. })));
}

#[test]
fn folders_that_are_no_runs_are_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("thesis.tex"), "years of work").unwrap();
    let error = RunFolder::create_at(parent.path(), identity(), "", true).unwrap_err().to_string();
    assert!(error.contains("is not a run folder: it has no config.toml"), "{error}");
    fs::write(parent.path().join("config.toml"), "unrelated = 1").unwrap();
    let error = RunFolder::open(parent.path(), identity()).unwrap_err().to_string();
    assert!(error.contains("does not begin with"), "{error}");
    let file = parent.path().join("thesis.tex");
    for path in [file.join("runs"), Path::new("/proc/nonexistent").to_owned()] {
        let error = RunFolder::create(&path, identity(), "", false).unwrap_err();
        assert!(matches!(error, TrainerError::File { .. }), "{error}");
    }
}

#[test]
fn frozen_leaves_are_in_the_files_but_have_no_moments() {
    let parent = tempfile::tempdir().unwrap();
    let (run, _) = train_in(parent.path(), &quick());
    let bytes = fs::read(run.checkpoint_path(10)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    let best = ["best:initial_weights_logits", "best:log_k", "best:logit_lamb"];
    let moments = ["moment:first:log_k", "moment:first:logit_lamb", "moment:second:log_k", "moment:second:logit_lamb"];
    let columns =
        ["best_score", "best_step", "consecutive", "number", "restarted_in_vain", "restarts", "skipped", "updates"];
    let columns = columns.map(|name| format!("set:{name}"));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    assert_eq!(names, [&best[..], &[FROZEN, "log_k", "logit_lamb"], &moments, &columns].concat());
}
