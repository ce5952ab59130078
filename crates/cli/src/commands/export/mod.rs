//! `gradpool export`: a trained strategy as a contract's parameters, as the reference system's, or as a table.

mod peer;
mod state;
mod table;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use gradpool_strategy::ParameterValues;
use gradpool_trainer::RunFolder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::load_config;
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::config::{ResolvedConfig, Source, hexadecimal};
use crate::contract::addresses::{Addresses, TokenAddress};
use crate::contract::file::{ContractFile, Provenance, SourceBlock, WeightsOf};
use crate::contract::tutorial::{self, TutorialDeployment, TutorialFile};
use crate::contract::{Deployment, ORACLE_STALENESS_S};
use crate::describe;
use crate::given::GivenParameters;
use crate::human_units;
use crate::output::{Hinted, Output};
use crate::runs::{config_of_parameters, find_run, run_of_checkpoint};
use crate::setup::Setup;
use crate::simulation::Simulation;
use state::StateTime;

/// Arguments of `gradpool export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Formats:
  onchain      contract parameters as 18-decimal integers, with weights, moving averages and intermediate state; such
               a file is accepted wherever PARAMS is
  quantammsim  strategy parameters as JSON, for quantammsim and for --params
  csv          a table of human and contract values
  tutorial     the tutorial contract's settings, weights and moving averages as 18-decimal integers, time in blocks

What the factory of the contracts would refuse is refused here, with its error and with what must change. Lists are
in the configuration's order of assets; with addresses, in ascending order of address, as a deployment needs them.

Examples:
  gradpool export runs/momentum-1a2b3c4d --out contract.json
  gradpool export runs/momentum-1a2b3c4d --at 2019-03-01 --address BTC=0x22.. --address ETH=0xc0.. --address LTC=0x5f..
  gradpool export params.json --config configs/momentum.toml --format csv
  gradpool export runs/tutorial-1a2b3c4d --format tutorial --block-seconds 12
  gradpool simulate configs/momentum.toml --params contract.json")]
pub struct ExportArguments {
    /// A run folder, a checkpoint (.safetensors) or JSON parameters
    #[arg(value_name = "RUN|PARAMS")]
    pub source: PathBuf,
    /// Configuration of the pool; a run knows its own
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<PathBuf>,
    /// What to write
    #[arg(
        long,
        value_enum,
        default_value = "onchain",
        hide_possible_values = true,
        value_name = "onchain|quantammsim|csv|tutorial"
    )]
    pub format: Format,
    /// Time of the state, that of an update [default: the last midnight of the configured periods]
    #[arg(long, value_name = "TIME", value_parser = state::parse_time)]
    pub at: Option<StateTime>,
    /// Weights to begin with: those of the run at that time, or those that it began with
    #[arg(long, value_enum, default_value = "current", hide_possible_values = true, value_name = "current|initial")]
    pub weights: WeightsOf,
    /// Address of an asset's token (repeatable; all assets or none); its checksum is not checked
    #[arg(long, value_name = "TICKER=0x..")]
    pub address: Vec<TokenAddress>,
    /// Age at which an oracle's price is stale
    #[arg(long, value_name = "SECONDS", default_value_t = ORACLE_STALENESS_S)]
    pub oracle_staleness: u64,
    /// Seconds of a block, of the tutorial contract [default: 12]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub block_seconds: Option<u64>,
    /// Writes to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Folder of the price files, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Contract parameters.
    Onchain,
    /// Strategy parameters.
    Quantammsim,
    /// A table.
    Csv,
    /// The tutorial contract.
    Tutorial,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Onchain => "onchain",
            Self::Quantammsim => "quantammsim",
            Self::Csv => "csv",
            Self::Tutorial => "tutorial",
        }
    }
}

/// Exports the parameters.
///
/// # Errors
/// What parameters, configuration or prices make impossible, and what the factory refuses.
pub fn run(arguments: &ExportArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    refuse_idle_options(arguments)?;
    let parameters = if arguments.source.is_dir() { find_run(&arguments.source)? } else { arguments.source.clone() };
    let path = match &arguments.config {
        Some(path) => path.clone(),
        None => config_of_parameters(&arguments.source, &parameters)?,
    };
    let config = load_config(&Source::File(path), common, arguments.data.clone(), output)?.config;
    let (setup, row) = state::prepare(&config, arguments.at)?;
    describe::warn_of_prices(&setup, output);
    let given = GivenParameters::load(&parameters, &setup)?;
    let values = given.single(&parameters)?;

    if arguments.format == Format::Quantammsim {
        let document = peer::document(&setup, values);
        for note in peer::notes(&setup, values) {
            output.warn(note);
        }
        return write(arguments, &pretty(&document)?, &document, output);
    }
    let provenance = Provenance {
        weights: arguments.weights,
        initial_weights: human_units::initial_weights(values, setup.prices.assets().len()),
        source: source(&config, &setup, &parameters, values)?,
    };
    if arguments.format == Format::Tutorial {
        let weights = weights(&setup, values, row, arguments.weights)?;
        let block_seconds = arguments.block_seconds.unwrap_or(tutorial::BLOCK_S);
        let deployment = TutorialDeployment::new(&setup, values, row, &weights, block_seconds)?;
        let time_ms = setup.experiment.history().prices().grid().time_ms(row);
        let file = TutorialFile::new(deployment, setup.prices.assets(), time_ms, provenance);
        for warning in &file.warnings {
            output.warn(warning);
        }
        return write(arguments, &pretty(&file)?, &serde_json::to_value(&file)?, output);
    }
    let addresses = Addresses::of(&arguments.address, setup.prices.assets())?;
    // A pool without a contract is refused whatever its weights.
    let has_contract = setup.strategy().contract(values).is_ok();
    let weights_of = if has_contract { arguments.weights } else { WeightsOf::Initial };
    let weights = weights(&setup, values, row, weights_of)?;
    let deployment = Deployment::new(&setup, values, row, &weights, arguments.oracle_staleness)?;
    let file = ContractFile::new(&deployment, setup.prices.assets(), addresses.as_ref(), provenance)?;
    for caveat in &deployment.caveats {
        output.warn(caveat);
    }
    let document = serde_json::to_value(&file)?;
    let text = match arguments.format {
        Format::Csv => table::csv(&setup, values, &deployment)?,
        _ => pretty(&file)?,
    };
    write(arguments, &text, &document, output)
}

/// Refuses options that mean nothing for the format.
fn refuse_idle_options(arguments: &ExportArguments) -> anyhow::Result<()> {
    use Format::{Csv, Onchain, Tutorial};
    let deployed = &[Onchain, Csv][..];
    let contracts = &[Onchain, Csv, Tutorial][..];
    let options = [
        ("--address", !arguments.address.is_empty(), deployed),
        ("--at", arguments.at.is_some(), contracts),
        ("--weights", arguments.weights != WeightsOf::default(), contracts),
        ("--oracle-staleness", arguments.oracle_staleness != ORACLE_STALENESS_S, deployed),
        ("--block-seconds", arguments.block_seconds.is_some(), &[Tutorial]),
    ];
    let format = arguments.format;
    let Some((option, ..)) = options.into_iter().find(|(_, given, formats)| *given && !formats.contains(&format))
    else {
        return Ok(());
    };
    let why = match format {
        Format::Quantammsim => ": such parameters have no state and no tokens",
        Tutorial => ": that contract has no oracle and tells tokens apart by their order",
        Onchain | Csv => ": those contracts count seconds",
    };
    let problem = format!("`{option}` means nothing with `--format {}`{why}", format.name());
    Err(Hinted::new(problem, format!("leave out `{option}`")).into())
}

/// The weights to deploy with.
fn weights(setup: &Setup, values: &ParameterValues, row: usize, of: WeightsOf) -> anyhow::Result<Vec<f64>> {
    let initial = human_units::initial_weights(values, setup.prices.assets().len());
    let start = setup.experiment.periods().train.start;
    if of == WeightsOf::Initial {
        return Ok(initial);
    }
    if row < start {
        let begins = setup.experiment.history().prices().grid().time_ms(start);
        return Err(Hinted::new(
            format!("the run has no weights before {}", crate::periods::day_or_time(begins)),
            "choose a later --at, or `--weights initial`",
        )
        .into());
    }
    Simulation::new(setup, values, start..row + 1)?.last_weights()
}

fn source(
    config: &ResolvedConfig,
    setup: &Setup,
    parameters: &std::path::Path,
    values: &ParameterValues,
) -> anyhow::Result<SourceBlock> {
    let is_checkpoint = parameters.extension().is_some_and(|extension| extension == "safetensors");
    let run = match (parameters.is_dir(), is_checkpoint) {
        (true, _) => Some(parameters.to_owned()),
        (false, true) => run_of_checkpoint(parameters),
        (false, false) => None,
    };
    let run = run.map(|run| RunFolder::stored_hash(&run)).transpose()?;
    Ok(SourceBlock {
        gradpool: env!("CARGO_PKG_VERSION").to_owned(),
        rule: setup.strategy().rule().name().to_owned(),
        configuration: config.config_hash(&setup.data_hash()),
        run,
        parameters: hexadecimal(&Sha256::digest(serde_json::to_string(values)?)),
    })
}

fn pretty(document: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Writes the text to its file or to stdout, and the document to stdout where one is wanted.
fn write(arguments: &ExportArguments, text: &str, document: &Value, output: &mut Output<'_>) -> anyhow::Result<u8> {
    if let Some(path) = &arguments.out {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        output.say(format!("written to {}", path.display()));
    }
    match (output.json, &arguments.out) {
        // The text of such a format is its document, in the order of its fields.
        (true, _) if arguments.format != Format::Csv => output.raw(text.as_bytes())?,
        (true, _) => output.document(document)?,
        (false, None) => output.raw(text.as_bytes())?,
        (false, Some(_)) => {}
    }
    Ok(EXIT_DONE)
}
