//! Many parameter sets on a GPU (feature `wgpu`, on any Vulkan device, software ones included): the split changes no bit, and
//! the plan is of the GPU's memory.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use gradpool_cli::output::Output;
use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use serde_json::Value;

const SMALL: [&str; 8] = [
    "train.parameter_sets=240",
    "train.iterations=3",
    "train.batch_size=2",
    "train.window_days=40",
    "train.evaluate_every=3",
    "train.checkpoint_every=3",
    "train.noise_scale=0.3",
    "train.halving={ every = 2, keep = 0.3, minimum_sets = 10 }",
];

/// Exit code, stdout and stderr of a training on wgpu.
fn train(out: &Path, settings: &[&str]) -> (u8, String, String) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/population.toml");
    let fixed = ["gradpool", "train", config, "--device", "wgpu", "--json", "--no-progress", "--out"];
    let settings = settings.iter().flat_map(|setting| ["--set", *setting]);
    let arguments = fixed.into_iter().chain([out.to_str().unwrap()]).chain(settings);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let output = &mut Output::new(&mut stdout, &mut stderr, false);
    let code = gradpool_cli::run_with(arguments.map(Into::into).collect::<Vec<_>>(), output);
    (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The document of a training with so much memory, its micro-batches, its last checkpoint, and what it said.
fn population(out: &Path, megabytes: &str) -> (Value, u64, Vec<u8>, String) {
    let memory = format!("runtime.memory_mb={megabytes}");
    let settings = if megabytes.is_empty() { SMALL.to_vec() } else { [SMALL.as_slice(), &[&memory]].concat() };
    let (code, stdout, stderr) = train(out, &settings);
    assert_eq!(code, EXIT_DONE, "{stderr}");
    let mut document: Value = serde_json::from_str(&stdout).unwrap();
    let batches = document["memory"]["micro_batches"].as_u64().unwrap();
    let run = PathBuf::from(document["run"].as_str().unwrap());
    for key in ["run", "seconds", "memory"] {
        document.as_object_mut().unwrap().remove(key).unwrap();
    }
    let checkpoint = fs::read(run.join("checkpoints/step-000003.safetensors")).unwrap();
    (document, batches, checkpoint, stderr)
}

#[test]
fn a_population_becomes_the_same_bits_in_one_batch_and_in_micro_batches() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, one, whole_state, said) = population(&folder.path().join("whole"), "");
    assert_eq!(one, 1, "{said}");
    assert_eq!(whole["alive_sets"], 72);
    let gpu = &gradpool_ops::gpus::wgpu()[0];
    let line = said.lines().find(|line| line.starts_with("memory: ")).unwrap();
    assert!(line.contains(&format!(" MB of {}", gpu.name)), "{line}");
    assert_eq!(line.contains("it does not say"), gpu.memory_bytes.is_none(), "{line}");

    let (split, batches, state, _) = population(&folder.path().join("split"), "4");
    assert!(batches >= 8, "{batches}");
    assert_eq!(split, whole, "{batches} micro-batches");
    assert!(state == whole_state, "the checkpoint of {batches} micro-batches has other bits");
}

#[test]
fn a_set_that_does_not_fit_into_the_memory_of_the_gpu_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["runtime.memory_mb=1", "train.parameter_sets=20", "train.batch_size=80"];
    let (code, _, stderr) = train(folder.path(), &settings);
    assert_eq!(code, EXIT_FAILED);
    assert!(stderr.contains("but 1 MB may be used; raise `runtime.memory_mb`"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}
