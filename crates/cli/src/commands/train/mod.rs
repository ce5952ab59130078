//! `gradpool train`: climbs the objective and keeps what it finds in a run folder.

mod interrupt;
mod progress;
pub mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use gradpool_ops::gpus::Gpu;
use gradpool_trainer::{
    MemoryPlan, RunFolder, RunIdentity, TerminationReason, TrainResult, TrainSettings, Trainer, TrainerError,
};

use crate::arguments::CommonOptions;
use crate::commands::load_config;
use crate::config::{ResolvedConfig, Source};
use crate::describe::warn_of_start;
use crate::output::{Hinted, Output};
use crate::periods::say_periods;
use crate::runs::{find_run, stored_config_path};
use crate::setup::{Setup, train_settings};
use crate::{EXIT_DONE, EXIT_INTERRUPTED};
use progress::Progress;
use report::TrainReport;

const MEGABYTE: u64 = 1_000_000;

/// Arguments of `gradpool train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C saves a checkpoint and exits with 130; a second one ends at once.

Examples:
  gradpool train
  gradpool train configs/momentum.toml --set train.iterations=1000 --seed 7
  gradpool train --resume runs/momentum-1a2b3c4d")]
pub struct TrainArguments {
    /// A TOML configuration or a quantammsim fingerprint (.json) [default: configs/momentum.toml]
    pub config: Option<PathBuf>,
    /// Folder in which the run folder NAME-HASH is made [default: runs]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Continues this run from its latest checkpoint, with its own configuration
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// Folder of the price files, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Replaces an earlier run of the same configuration
    #[arg(long, conflicts_with = "resume")]
    pub force: bool,
}

/// Trains, or continues a training.
///
/// # Errors
/// What configuration, prices, pool, trainer or file system refuse.
pub fn run(arguments: TrainArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let resumed = arguments.resume.as_deref().map(find_run).transpose()?;
    let source = match (arguments.config, &resumed) {
        (Some(path), _) => Source::File(path),
        (None, Some(run)) => Source::File(stored_config_path(run)?),
        (None, None) => Source::Default,
    };
    let config = load_config(&source, common, arguments.data, output)?.config;
    let setup = Setup::new(&config)?;
    let settings = train_settings(&config)?;
    let seed = config.runtime.seed;
    let range = setup.sampling_range(&config)?;
    let mut trainer = Trainer::new(&setup.experiment, &settings, range, &setup.device, setup.dtype, seed)?;
    if let Some(megabytes) = config.runtime.memory_mb {
        trainer = trainer.with_memory_budget(megabytes as u64 * MEGABYTE);
    }
    let width = setup.initial_values(&config)?.first().map_or(0, |values| values.leaves.values().map(Vec::len).sum());
    let plan = trainer.memory_plan(width)?;
    let initial = if resumed.is_none() { Some(setup.starting_sets(&config, &settings, seed)?) } else { None };
    say_periods(&setup, &config, output);
    warn_of_start(&setup, &config, output);

    let identity = RunIdentity {
        name: config.name.clone(),
        hash: config.config_hash(&setup.data_hash()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let run = if let Some(path) = &resumed {
        RunFolder::open(path, identity).map_err(|error| changed_configuration(path, error))?
    } else {
        let parent = arguments.out.unwrap_or_else(|| PathBuf::from("runs"));
        let created = RunFolder::create(&parent, identity, &config.resolved_toml(), arguments.force);
        created.map_err(|error| not_started(&parent, error))?
    };
    let checkpoint = resumed.as_ref().map(|_| run.latest_checkpoint()).transpose()?;
    let flag = interrupt::flag(output);
    let trainer = trainer.with_run(&run).with_interrupt(flag);
    say_start(&settings, &run, checkpoint.as_ref().map(gradpool_trainer::Checkpoint::step), output);
    if let Some(plan) = &plan {
        let whose = Gpu::of(&setup.device).map(|gpu| owner(&gpu, config.runtime.memory_mb.is_some()));
        output.say(memory_line(plan, &whose.unwrap_or_default()));
    }
    let result = {
        let mut progress = Progress::new(output, &settings.objective);
        match (&checkpoint, initial) {
            (Some(checkpoint), _) => trainer.resume(checkpoint, &mut [&mut progress])?,
            (None, initial) => trainer.train_population(initial.unwrap_or_default(), &mut [&mut progress])?,
        }
    };
    if result.termination == TerminationReason::Interrupted {
        output.say(format!(
            "interrupted after {} of {} steps; a checkpoint was saved. To continue:\n  gradpool train --resume {}",
            result.steps_done,
            settings.iterations,
            run.path().display()
        ));
        return Ok(EXIT_INTERRUPTED);
    }
    finish(&setup, &config, &run, &result, output)
}

fn say_start(settings: &TrainSettings, run: &RunFolder, resumed_from: Option<usize>, output: &mut Output<'_>) {
    let sets = settings.parameter_sets;
    let what = match resumed_from {
        Some(step) => format!("continuing after step {step} of {}", settings.iterations),
        None => format!("{} steps", settings.iterations),
    };
    output.say(format!(
        "training {}: {what}, {sets} parameter {}, objective {}",
        run.path().display(),
        if sets == 1 { "set" } else { "sets" },
        settings.objective
    ));
}

/// `memory: 0.036 MB a window and set, 0.575 MB a set, 112 sets at once in 9 micro-batches; 66 of 11700 MB`, and whose if it
/// is not the host's.
fn memory_line(plan: &MemoryPlan, whose: &str) -> String {
    let megabytes = |bytes: u64| bytes as f64 / MEGABYTE as f64;
    let batches =
        if plan.micro_batches == 1 { "one batch".to_owned() } else { format!("{} micro-batches", plan.micro_batches) };
    format!(
        "memory: {:.3} MB a window and set, {:.3} MB a set, {} {} at once in {batches}; {:.0} of {:.0} MB{whose}",
        megabytes(plan.bytes_per_path),
        megabytes(plan.bytes_per_set),
        plan.sets_at_once,
        if plan.sets_at_once == 1 { "set" } else { "sets" },
        megabytes(plan.bytes_in_all()).ceil(),
        megabytes(plan.budget)
    )
}

/// Whose memory a GPU's is, and whether the budget was assumed.
fn owner(gpu: &Gpu, told: bool) -> String {
    let unknown = "; it does not say how much it has, `runtime.memory_mb` does";
    format!(" of {}{}", gpu.name, if told || gpu.memory_bytes.is_some() { "" } else { unknown })
}

/// Judges the result, which no part of the training has seen the test period for, and prints it.
fn finish(
    setup: &Setup,
    config: &ResolvedConfig,
    run: &RunFolder,
    result: &TrainResult,
    output: &mut Output<'_>,
) -> anyhow::Result<u8> {
    if let TerminationReason::EarlyStopping { .. } = result.termination {
        output.say(format!("stopped after {} steps: {}", result.steps_done, result.termination));
    }
    let Some(report) = TrainReport::new(setup, config, run, result)? else {
        return Err(Hinted::new(
            format!(
                "no parameter set had a finite value at any evaluation; the log is {}",
                run.events_path().display()
            ),
            "lower `train.learning_rate`, or start elsewhere (`initial.*`)",
        )
        .into());
    };
    run.write_result(&report)?;
    report.warn(output);
    if output.json {
        output.document(&report)?;
    } else {
        for line in report.lines(config.train.iterations) {
            output.data(line)?;
        }
    }
    Ok(EXIT_DONE)
}

/// Says that it is the place of the run folder that does not do.
fn not_started(parent: &Path, error: TrainerError) -> anyhow::Error {
    let place = match error {
        TrainerError::File { .. } => Some(format!("cannot make a run folder in {} (`--out`)", parent.display())),
        _ => None,
    };
    let error = anyhow::Error::from(error);
    match place {
        Some(place) => error.context(place),
        None => error,
    }
}

/// Says what a changed configuration or other prices mean for a run that is to be continued.
fn changed_configuration(path: &Path, error: TrainerError) -> anyhow::Error {
    match error {
        TrainerError::RunOfAnotherConfiguration { found, expected, .. } => Hinted::new(
            format!(
                "{} cannot be continued with another configuration or other prices (its hash is {found}, now it is \
                 {expected})",
                path.display()
            ),
            "leave out CONFIG, --set, --seed and --precision to continue the run as it is, or start a new run",
        )
        .into(),
        other => other.into(),
    }
}
