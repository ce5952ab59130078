//! A training that is killed, or interrupted, and resumed is the training that was not, bit for bit.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

const SETTINGS: [&str; 5] = [
    "train.iterations=600",
    "train.evaluate_every=7",
    "train.checkpoint_every=5",
    "initial.k_per_day=0.2",
    "train.schedule.kind=cosine",
];

/// `gradpool train` of the bundled configuration, up to its arguments.
fn gradpool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradpool"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).args(["train", "--json"]);
    command
}

fn new_run(folder: &Path) -> Command {
    let mut command = gradpool();
    command.args(["configs/momentum.toml", "--out"]).arg(folder);
    command.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
    command
}

fn resumed_run(folder: &Path) -> Command {
    let mut command = gradpool();
    command.arg("--resume").arg(run_in(folder).expect("a run folder"));
    command
}

fn finish(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn run_in(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.next().map(|entry| entry.unwrap().path())
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = run_in(folder).and_then(|run| fs::read_dir(run.join("checkpoints")).ok());
    let paths = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect();
    found.sort();
    found
}

/// Starts a training and returns while it runs, after its first new checkpoint and `delay` more.
fn start(mut command: Command, folder: &Path, delay: Duration) -> Child {
    let before = checkpoints(folder);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(2);
    while checkpoints(folder) == before {
        assert!(Instant::now() < patience, "no checkpoint after two minutes");
        assert!(child.try_wait().unwrap().is_none(), "the training ended before its first checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the training ended before it could be interrupted");
    child
}

/// What a run leaves: best parameters, events, result, and name and bytes of the last checkpoint.
type Left = (Vec<u8>, String, Value, (String, Vec<u8>));

/// Everything that a run leaves, but its configuration, which holds the number of threads.
fn left_by(folder: &Path) -> Left {
    let run = run_in(folder).unwrap();
    let mut result: Value = serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    for key in ["run", "seconds"] {
        assert!(result.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    let last = checkpoints(folder).pop().unwrap();
    let last = (last.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&last).unwrap());
    let events = fs::read_to_string(run.join("events.jsonl")).unwrap();
    (fs::read(run.join("best.safetensors")).unwrap(), events, result, last)
}

fn assert_same(found: &Path, expected: &Path) {
    let (found, expected) = (left_by(found), left_by(expected));
    assert!(found.0 == expected.0, "best.safetensors differs");
    for (line, (found, expected)) in found.1.lines().zip(expected.1.lines()).enumerate() {
        assert_eq!(found, expected, "events.jsonl, line {}", line + 1);
    }
    assert_eq!(found.1.lines().count(), expected.1.lines().count(), "lines of events.jsonl");
    assert_eq!(found.2, expected.2, "result.json");
    assert!(found.3 == expected.3, "the last checkpoint differs");
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    finish(new_run(&whole));
    // Any moment will do: the printed delays say which ones these were.
    let clock = u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    for attempt in 0..3 {
        let delay = Duration::from_micros((clock >> (4 * attempt)) % 60_000);
        let command = if attempt == 0 { new_run(&killed) } else { resumed_run(&killed) };
        let mut child = start(command, &killed, delay);
        child.kill().unwrap();
        child.wait().unwrap();
        let last = checkpoints(&killed).pop().unwrap();
        eprintln!("killed {delay:?} after a checkpoint, at or after {}", last.file_name().unwrap().display());
        assert!(!run_in(&killed).unwrap().join("result.json").exists());
    }
    finish(resumed_run(&killed));
    assert_same(&killed, &whole);
}

#[test]
fn ctrl_c_saves_a_checkpoint_exits_with_130_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, interrupted) = (folder.path().join("whole"), folder.path().join("interrupted"));
    finish(new_run(&whole));
    let child = start(new_run(&interrupted), &interrupted, Duration::from_millis(3));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{talk}");
    let run = run_in(&interrupted).unwrap();
    assert!(talk.contains("a checkpoint was saved"), "{talk}");
    assert!(talk.contains(&format!("gradpool train --resume {}", run.display())), "{talk}");
    assert!(!run.join("result.json").exists());
    finish(resumed_run(&interrupted));
    assert_same(&interrupted, &whole);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let mut command = new_run(&out);
        command.args(["--threads", threads]);
        finish(command);
        out
    });
    assert_same(&two, &one);
}
