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

What the factory of the contracts would refuse is refused here, with its error and with what must change. Lists are
in the configuration's order of assets; with addresses, in ascending order of address, as a deployment needs them.

Examples:
  gradpool export runs/momentum-1a2b3c4d --out contract.json
  gradpool export runs/momentum-1a2b3c4d --at 2019-03-01 --address BTC=0x22.. --address ETH=0xc0.. --address LTC=0x5f..
  gradpool export params.json --config configs/momentum.toml --format csv
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
        value_name = "onchain|quantammsim|csv"
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
}

/// Exports the parameters.
///
/// # Errors
/// What parameters, configuration or prices make impossible, and what the factory refuses.
pub fn run(arguments: &ExportArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
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
        refuse_contract_options(arguments)?;
        let document = peer::document(&setup, values);
        for note in peer::notes(&setup, values) {
            output.warn(note);
        }
        return write(arguments, &pretty(&document)?, &document, output);
    }
    let addresses = Addresses::of(&arguments.address, setup.prices.assets())?;
    let weights = weights(&setup, values, row, arguments.weights)?;
    let deployment = Deployment::new(&setup, values, row, &weights, arguments.oracle_staleness)?;
    let provenance = Provenance {
        weights: arguments.weights,
        initial_weights: human_units::initial_weights(values, setup.prices.assets().len()),
        source: source(&config, &setup, &parameters, values)?,
    };
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

/// Options that mean nothing for the reference system's parameters.
fn refuse_contract_options(arguments: &ExportArguments) -> anyhow::Result<()> {
    let given = [
        ("--address", !arguments.address.is_empty()),
        ("--at", arguments.at.is_some()),
        ("--weights", arguments.weights != WeightsOf::default()),
        ("--oracle-staleness", arguments.oracle_staleness != ORACLE_STALENESS_S),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => Err(Hinted::new(
            format!(
                "`{option}` means nothing with `--format quantammsim`: such parameters have no state and no tokens"
            ),
            format!("leave out `{option}`"),
        )
        .into()),
    }
}

/// The weights to deploy with.
fn weights(setup: &Setup, values: &ParameterValues, row: usize, of: WeightsOf) -> anyhow::Result<Vec<f64>> {
    let initial = human_units::initial_weights(values, setup.prices.assets().len());
    let start = setup.experiment.periods().train.start;
    if of == WeightsOf::Initial || setup.strategy().contract(values).is_err() {
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
