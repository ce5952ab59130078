//! Many parameter sets: bit-equality in pools, halving on the command line, what is printed, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gradpool_cli::config::{self, Overrides, ResolvedConfig, Source};
use gradpool_cli::setup::{Setup, train_settings};
use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use gradpool_strategy::ParameterTable;
use gradpool_trainer::{MemoryPlan, TrainResult, Trainer};
use serde_json::Value;
use support::gradpool;
use support::runs::train;

fn configuration(file: &str, set: &[&str]) -> ResolvedConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(file);
    let set = set.iter().map(|text| (*text).to_owned()).collect();
    config::load(&Source::File(path), &Overrides { set, ..Overrides::default() }).unwrap().config
}

/// Trains sets in splits that a budget allows.
fn trained(config: &ResolvedConfig, setup: &Setup, sets: ParameterTable, budget: u64) -> TrainResult {
    let mut settings = train_settings(config).unwrap();
    settings.parameter_sets = sets.sets();
    let range = setup.sampling_range(config).unwrap();
    let trainer = Trainer::new(&setup.experiment, &settings, range, &setup.device, setup.dtype, 3).unwrap();
    trainer.with_memory_budget(budget).train_population(sets, &mut []).unwrap()
}

/// A budget with room for so many sets of a plan at once.
fn room(plan: &MemoryPlan, at_once: u64) -> u64 {
    plan.bytes_of_windows + plan.bytes_of_state_per_set * plan.sets as u64 + plan.bytes_per_set * at_once
}

fn picked(sets: &ParameterTable, order: &[usize]) -> ParameterTable {
    let sets: Vec<_> = order.iter().map(|&set| sets.set(set)).collect();
    ParameterTable::from_values(&sets).unwrap()
}

#[test]
fn in_every_pool_a_set_becomes_the_same_in_any_split_any_order_and_beside_any_others() {
    let cases = [
        ("momentum.toml", vec![]),
        ("momentum.toml", vec!["runtime.precision=f32"]),
        ("momentum.toml", vec!["pool.fee_rate=0.003", "train.turnover_penalty=0.1"]),
        ("momentum.toml", vec!["train.objective=sharpe", "pool.weights=vectorized"]),
        ("mean-reversion.toml", vec![]),
        ("min-variance.toml", vec!["pool.covariance=full"]),
        ("composite.toml", vec![]),
        ("dynamic-fee.toml", vec![]),
        ("reclamm.toml", vec![]),
    ];
    for (file, set) in cases {
        let few = ["train.iterations=3", "train.parameter_sets=7", "train.noise_scale=0.3", "train.batch_size=3"];
        let config = configuration(file, &[few.as_slice(), set.as_slice()].concat());
        let setup = Setup::new(&config).unwrap();
        let sets = setup.starting_sets(&config, &train_settings(&config).unwrap(), 5).unwrap();
        let whole = trained(&config, &setup, sets.clone(), u64::MAX);
        let plan = whole.memory.unwrap();
        for at_once in [1, 3] {
            let split = trained(&config, &setup, sets.clone(), room(&plan, at_once));
            assert_eq!(split.memory.unwrap().sets_at_once as u64, at_once, "{file}");
            let timeless = |result: &TrainResult| TrainResult { seconds: 0.0, memory: None, ..result.clone() };
            assert_eq!(timeless(&split), timeless(&whole), "{file} {set:?}: {at_once} at once");
        }
        let order = [6, 2, 0, 5];
        let others = trained(&config, &setup, picked(&sets, &order), u64::MAX);
        for (place, &set) in order.iter().enumerate() {
            assert_eq!(others.final_parameters.set(place), whole.final_parameters.set(set), "{file}: set {set}");
        }
        let alone = trained(&config, &setup, picked(&sets, &[4]), u64::MAX);
        assert_eq!(alone.final_parameters.set(0), whole.final_parameters.set(4), "{file}: set 4 alone");
    }
}

#[test]
fn sets_over_the_ranges_begin_in_every_part_of_them() {
    for design in ["sobol", "lhs", "centered_lhs"] {
        let design = format!("train.initialisation={design}");
        let config = configuration("population.toml", &["train.parameter_sets=129", &design]);
        let setup = Setup::new(&config).unwrap();
        let sets = setup.starting_sets(&config, &train_settings(&config).unwrap(), 0).unwrap();
        let canonical = setup.initial_values(&config).unwrap().remove(0);
        assert_eq!(sets.set(0), canonical);
        assert_eq!(config.train.leaf_range.len(), 2);
        for (leaf, [low, high]) in &config.train.leaf_range {
            for asset in 0..3 {
                let mut counts = [0; 8];
                for set in 1..129 {
                    let share = (sets.set(set).leaves[leaf][asset] - low) / (high - low);
                    counts[(share * 8.0) as usize] += 1;
                }
                assert_eq!(counts, [16; 8], "{design} {leaf}");
            }
        }
        assert_eq!(sets.set(77).leaf("initial_weights_logits"), canonical.leaf("initial_weights_logits"));
    }
    // Without ranges of its own, a leaf has that of the rule's table.
    let config = configuration(
        "momentum.toml",
        &["train.parameter_sets=65", "train.spread=ranges", "train.initialisation=sobol"],
    );
    let setup = Setup::new(&config).unwrap();
    let sets = setup.starting_sets(&config, &train_settings(&config).unwrap(), 0).unwrap();
    let gains = &sets.leaves()["log_k"].values;
    assert!(gains.iter().copied().fold(f64::MAX, f64::min) < -6.0, "from -6.6");
    assert!(gains.iter().copied().fold(f64::MIN, f64::max) > 11.0, "to 12");
}

const POPULATION: [&str; 6] = [
    "train.parameter_sets=150",
    "train.halving={ every = 3, keep = 0.3, minimum_sets = 2 }",
    "train.initialisation=sobol",
    "train.spread=ranges",
    "train.leaf_range={ log_k = [-6, 0], logit_lamb = [0, 3] }",
    "train.batch_size=3",
];

#[test]
fn a_population_is_halved_and_only_its_survivors_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = train(folder.path(), &POPULATION, &["--json"]);
    assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
    let document = outcome.json();
    assert_eq!((&document["parameter_sets"], &document["alive_sets"]), (&Value::from(150), &Value::from(5)));
    assert_eq!(document["alive"].as_array().unwrap().len(), 5);
    assert_eq!(document["restarts_of_sets"].as_array().unwrap().len(), 5);
    let memory = &document["memory"];
    assert!(memory["bytes_per_path"].as_u64().unwrap() > 1000 && memory["micro_batches"].is_u64(), "{memory}");
    assert!(outcome.stderr.contains("memory: 0.0"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("step 3: 45 of 150 sets go on, with a score of"), "{}", outcome.stderr);
    let run = PathBuf::from(document["run"].as_str().unwrap());
    let events = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("start")[0]["memory"], *memory);
    let kept: Vec<u64> = of("halving").iter().map(|event| event["kept"].as_u64().unwrap()).collect();
    assert_eq!(kept, [45, 14, 5]);
    assert_eq!(of("halving")[2]["alive"], document["alive"]);
    assert_eq!(of("step")[0]["sets"], 150, "a summary of many sets");
    assert_eq!(of("step")[3]["objective"].as_array().unwrap().len(), 45, "each of few");
    assert_eq!(of("evaluation")[0]["population"]["sets"], 150);

    // A checkpoint holds the survivors, and can be evaluated.
    let checkpoint = run.join("checkpoints/step-000012.safetensors").display().to_string();
    let config = run.join("config.toml").display().to_string();
    let judged = gradpool(["evaluate", &checkpoint, "--config", &config, "--json"]);
    assert_eq!(judged.code, EXIT_DONE, "{}", judged.stderr);

    let text = train(folder.path(), &POPULATION, &["--force", "--no-progress"]);
    assert!(text.stdout.contains("150 sets, 5 alive at the end"), "{}", text.stdout);
}

#[test]
fn the_memory_changes_no_bit_and_too_little_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let document = |out: &str, memory: &str| {
        let memory = format!("runtime.memory_mb={memory}");
        let settings = [POPULATION.as_slice(), &[memory.as_str()]].concat();
        let outcome = train(&folder.path().join(out), &settings, &["--json"]);
        assert_eq!(outcome.code, EXIT_DONE, "{}", outcome.stderr);
        let mut document = outcome.json();
        let batches = document["memory"]["micro_batches"].as_u64().unwrap();
        for key in ["run", "seconds", "memory"] {
            document.as_object_mut().unwrap().remove(key).unwrap();
        }
        (document, batches)
    };
    let ((few, batches_of_few), (many, batches_of_many)) = (document("few", "2"), document("many", "2000"));
    assert!(batches_of_few > 10 * batches_of_many, "{batches_of_few} {batches_of_many}");
    assert_eq!(few, many, "the configuration hash included");

    let settings = ["train.parameter_sets=100000", "runtime.memory_mb=20"];
    let outcome = train(&folder.path().join("none"), &settings, &[]);
    assert_eq!(outcome.code, EXIT_FAILED);
    assert!(outcome.stderr.contains("`train.parameter_sets` is 100000"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("20 MB may be used; raise `runtime.memory_mb`"), "{}", outcome.stderr);
    assert!(!folder.path().join("none").exists(), "nothing was begun");
}

#[test]
fn mistakes_name_the_key_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let ranges = ["train.spread=ranges", "train.initialisation=lhs"];
    let cases: [(&[&str], &[&str]); 14] = [
        (&["train.parameter_sets=0"], &["`train.parameter_sets`", "1 or more"]),
        (&["train.parameter_sets=1000001"], &["`train.parameter_sets`", "at most 1000000"]),
        (&["train.halving={ every = 0 }"], &["`train.halving.every`", "1 or more"]),
        (&["train.halving={ keep = 0.0 }"], &["`train.halving.keep`", "between 0 and 1"]),
        (&["train.halving={ keep = 1.0 }"], &["`train.halving.keep`", "between 0 and 1"]),
        (&["train.halving={ minimum_sets = 0 }"], &["`train.halving.minimum_sets`", "1 or more"]),
        (
            &["train.halving={ minimum_sets = 5 }"],
            &["`train.halving.minimum_sets`", "at most `train.parameter_sets` (4)"],
        ),
        (&["train.halving={ often = 5 }"], &["train.halving", "often"]),
        (&["runtime.memory_mb=0"], &["`runtime.memory_mb`", "1 or more"]),
        (&["train.spread=ranges"], &["`train.initialisation`", "covers no ranges"]),
        (&["train.leaf_range={ log_k = [0, 1] }"], &["`train.leaf_range.log_k`", "`train.spread` = \"ranges\""]),
        (&[ranges[0], ranges[1], "train.leaf_range={ log_k = [1, 0] }"], &["`train.leaf_range.log_k`", "[1, 0]"]),
        (
            &[ranges[0], ranges[1], "train.leaf_range={ log_q = [0, 1] }"],
            &["`train.leaf_range.log_q`", "the trained parameters are log_k, "],
        ),
        (&[ranges[0], ranges[1], "pool.ensemble={ members = 2 }"], &["`train.spread`", "`pool.ensemble.method`"]),
    ];
    for (settings, parts) in cases {
        let outcome = train(folder.path(), settings, &[]);
        assert_eq!(outcome.code, EXIT_FAILED, "{settings:?}");
        for part in parts {
            assert!(outcome.stderr.contains(part), "{settings:?}: {}", outcome.stderr);
        }
    }
}
