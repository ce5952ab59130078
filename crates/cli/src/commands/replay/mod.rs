//! `gradpool replay`: the strategy in the integers of its contract over a price period, beside the float simulation.

mod document;
mod outcome;
mod series;
mod text;
mod tutorial;
mod updates;

use std::path::PathBuf;

use clap::Args;
use gradpool_strategy::rules::TutorialMomentum;

use super::evaluate::period::{Selection, prepare};
use super::load_config;
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::config::Source;
use crate::contract::tutorial::BLOCK_S;
use crate::describe::warn_of_prices;
use crate::given::GivenParameters;

use crate::output::{Hinted, Output};
use crate::periods::NamedPeriod;
use crate::runs::{config_of_parameters, find_run};
use crate::series::{Series, SeriesFile};
use crate::setup::Setup;
use crate::simulation::Simulation;
use outcome::Outcome;
use updates::Updates;

/// Arguments of `gradpool replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
The pool is deployed at the first row of the period with the weights and the estimators of the float simulation
there. Each update has the prices of the newest row at or before its time; weights and value are those of every row,
with the pool's fees. An update that the contract reverts is reported and changes nothing.

The difference between simulation and chain is taken apart by pools that have one part more of the chain each. What
a part adds is the difference from the pool before it; the parts sum to the whole difference.
  schedule       floating point, at the keeper's update times: straight to each target within one update interval,
                 where weights stay
  guard_rails    the contract's guard rails: clipped first and scaled then, one limit for the whole update
  arithmetic     parameters, estimators and rule in 18 decimals
  nine_decimals  weights, and multipliers per second, cut to 9 decimals as they are stored
  expiry         weights run past their target until the first meets a rail, where all stand still: the chain
The cause of the largest deviation is the part that adds most in its direction.

With the rule tutorial_momentum the contract is that of the tutorial, whose time is counted in blocks; the parts are
guards (each weight clamped by itself), expiry and arithmetic.

KEEPER of --updates:
  punctual      as soon as the pool allows it
  late:SECONDS  so much later; the pool counts its interval from each update, so that delays add up
  missed:N      one update in N never comes
  random:SEED   each late by up to a quarter of the update interval, one in ten never comes
  FILE          a CSV file with the column unix: the times, in seconds or milliseconds

Examples:
  gradpool replay runs/momentum-1a2b3c4d
  gradpool replay runs/momentum-1a2b3c4d --on test --updates late:3600
  gradpool replay params.json --config configs/momentum.toml --updates missed:5 --series replay.parquet
  gradpool replay params.json --config configs/momentum.toml --updates times.csv --json")]
pub struct ReplayArguments {
    /// A run folder, a checkpoint (.safetensors), or JSON parameters
    #[arg(value_name = "RUN|PARAMS")]
    pub source: PathBuf,
    /// Configuration of the pool; a run knows its own
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<PathBuf>,
    /// Period; FROM..TO are dates, TO excluded [default: train and validation, as of simulate]
    #[arg(long, value_name = "train|validation|test|FROM..TO", value_parser = Selection::parse)]
    pub on: Option<Selection>,
    /// When updates are triggered: punctual, late:SECONDS, missed:N, random:SEED, or a file of times
    #[arg(long, value_name = "KEEPER", default_value = "punctual")]
    pub updates: Updates,
    /// Seconds of a block, for the tutorial contract [default: 12]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub block_seconds: Option<u64>,
    /// Writes weights and value of every row, and every update (.safetensors or .parquet)
    #[arg(long, value_name = "FILE")]
    pub series: Option<PathBuf>,
    /// Folder of the price files; `data.directory`
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Replays the strategy and prints what came out.
///
/// # Errors
/// What configuration, prices, parameters or the contract refuse, and files that cannot be read or written.
pub fn run(arguments: &ReplayArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let file = arguments.series.as_deref().map(SeriesFile::new).transpose()?;
    let source = &arguments.source;
    let parameters = if source.is_dir() { find_run(source)? } else { source.clone() };
    let config = match &arguments.config {
        Some(config) => config.clone(),
        None => config_of_parameters(source, &parameters)?,
    };
    let config = load_config(&Source::File(config), common, arguments.data.clone(), output)?.config;
    let (setup, rows, name) = if let Some(selection) = &arguments.on {
        let (setup, judged) = prepare(&config, Some(selection))?;
        (setup, judged.rows, judged.period.name)
    } else {
        let setup = Setup::for_simulation(&config)?;
        let rows = setup.simulated_rows(&config);
        (setup, rows, "simulated".to_owned())
    };
    warn_of_prices(&setup, output);
    let given = GivenParameters::load(&parameters, &setup)?;
    let values = given.single(&parameters)?;
    let simulation = Simulation::new(&setup, values, rows)?;
    let grid = setup.experiment.history().prices().grid();
    let period = NamedPeriod::new(&name, grid, &simulation.range(), false);

    if setup.strategy().rule().name() == TutorialMomentum::NAME {
        let keeper = (&arguments.updates, arguments.block_seconds.unwrap_or(BLOCK_S));
        let outcome = tutorial::Outcome::new(&setup, values, &simulation, period, keeper)?;
        let report = (outcome.document(), outcome.lines());
        return print(&outcome.caveats(), file.as_ref(), || outcome.series(), report, output);
    }
    if arguments.block_seconds.is_some() {
        let problem = "`--block-seconds` is for the tutorial contract, which counts time in blocks";
        return Err(Hinted::new(problem, "leave it out, or set `pool.rule = \"tutorial_momentum\"`").into());
    }
    let outcome = Outcome::new(&setup, &simulation, period, &arguments.updates)?;
    let report = (document::document(&outcome), text::lines(&outcome));
    print(&outcome.caveats(), file.as_ref(), || series::series(&outcome), report, output)
}

/// Prints a replay as a document or in lines.
fn print(
    caveats: &[String],
    file: Option<&SeriesFile>,
    series: impl FnOnce() -> Series,
    (document, lines): (serde_json::Value, Vec<String>),
    output: &mut Output<'_>,
) -> anyhow::Result<u8> {
    for caveat in caveats {
        output.warn(caveat);
    }
    if let Some(file) = file {
        file.write(&series())?;
        if let SeriesFile::Parquet { rows, updates } = file {
            output.say(format!("rows in {}, updates in {}", rows.display(), updates.display()));
        }
    }
    if output.json {
        output.document(&document)?;
    } else {
        for line in lines {
            output.data(line)?;
        }
    }
    Ok(EXIT_DONE)
}
