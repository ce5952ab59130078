//! `gradpool simulate`: one forward pass over the configured period.

mod document;
mod gradients;
mod inputs;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gradpool_metrics::Metric;

use super::load_config;
use crate::arguments::CommonOptions;
use crate::config::Source;
use crate::given::GivenParameters;
use crate::output::{Hinted, Output};
use crate::series::{Array, Series, SeriesFile, Table};
use crate::setup::Setup;
use crate::simulation::{ComputedBy, Simulated, Simulation};
use crate::{EXIT_DONE, describe, periods};

use document::Document;
use inputs::InputFile;

/// Arguments of `gradpool simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
The period is that of training and validation together. PARAMS is a JSON object from parameter names to numbers
or lists per asset, a checkpoint, or a run folder.

KIND of --input, and the columns of its file beside unix, the time. A value holds until the next one, and replaces
the constant of the configuration:
  fees       fees (a fraction) or bps
  gas_cost   trade_gas_cost_usd or USD
  arb_fees   arb_fees (a fraction) or bps
  lp_supply  lp_supply
  trades     token_in, token_out, amount_in

Examples:
  gradpool simulate configs/momentum.toml --params params.json
  gradpool simulate configs/momentum.toml --params runs/momentum-1a2b3c4d --series momentum.parquet
  gradpool simulate fingerprint.json --params params.json --gradients final_value,daily_log_sharpe --json
  gradpool simulate configs/momentum.toml --params params.json --input fees=fees.csv --input trades=swaps.csv")]
pub struct SimulateArguments {
    /// A configuration (.toml), or a quantammsim run fingerprint (.json)
    pub config: PathBuf,
    /// Strategy parameters
    #[arg(long, value_name = "PARAMS")]
    pub params: PathBuf,
    /// Folder of the price files; `data.directory`
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How weights are computed; stream has no gradients; `pool.weights`
    #[arg(long, value_enum, hide_possible_values = true, value_name = "auto|vectorized|scan|stream")]
    pub path: Option<PathOption>,
    /// Gradients to compute: final_value or any metric
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub gradients: Vec<String>,
    /// What changes from row to row, a CSV file (repeatable); `pool.inputs.KIND`
    #[arg(long, value_name = "KIND=FILE")]
    pub input: Vec<InputFile>,
    /// Writes weights, reserves, prices and value of every row (.safetensors or .parquet)
    #[arg(long, value_name = "FILE")]
    pub series: Option<PathBuf>,
}

/// How weights are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PathOption {
    /// What suits rule and device.
    Auto,
    /// Whole histories in one piece.
    Vectorized,
    /// One update after another.
    Scan,
    /// One price row after another.
    Stream,
}

/// Runs the pool and prints what came out.
///
/// # Errors
/// What configuration, prices, parameters or pool refuse, and files that cannot be written.
pub fn run(arguments: &SimulateArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let metrics = gradients::parse(&arguments.gradients)?;
    if arguments.path == Some(PathOption::Stream) && !metrics.is_empty() {
        return Err(Hinted::new(
            "`--gradients` needs a path that differentiates, and `--path stream` does not",
            "use `--path scan`: it gives the same weights",
        )
        .into());
    }
    let file = arguments.series.as_deref().map(SeriesFile::new).transpose()?;

    let mut common = with_path(common, arguments.path);
    common.set.extend(inputs::overrides(&arguments.input)?);
    let loaded = load_config(&Source::File(arguments.config.clone()), &common, arguments.data.clone(), output)?;
    let config = &loaded.config;
    let setup = Setup::for_simulation(config)?;
    describe::warn_of_prices(&setup, output);
    let given = GivenParameters::load(&arguments.params, &setup)?;
    let values = given.single(&arguments.params)?;
    let simulation = Simulation::new(&setup, values, setup.simulated_rows(config))?;
    let way = match arguments.path {
        Some(PathOption::Stream) => ComputedBy::Stream,
        _ => simulation.configured(),
    };

    let simulated = simulation.run(way)?;
    let found = simulation.metrics(&simulated, Metric::all())?;
    let gradients = gradients::compute(&setup, &simulation, &metrics)?;
    if let Some(file) = &file {
        file.write(&series(&setup, &simulation, &simulated, way)?)?;
        if let SeriesFile::Parquet { rows, updates } = file {
            output.say(format!("rows in {}, updates in {}", rows.display(), updates.display()));
        }
    }
    let trading = simulation.trading()?;
    let document = Document::new(&setup, &simulation, &simulated, way, &found, trading);
    let period = periods::simulated_rows(setup.experiment.history().prices().grid(), &simulation.range());
    if output.json {
        output.say(format!("period: {period}"));
        let shapes = gradients::Shapes::of(&arguments.params)?;
        output.document(&document.with_gradients(&gradients, &shapes))?;
    } else {
        for line in text::lines(&setup, &document, &found, &gradients, &period) {
            output.data(line)?;
        }
    }
    Ok(EXIT_DONE)
}

/// The options with `--path` laid on top of the configuration.
fn with_path(common: &CommonOptions, path: Option<PathOption>) -> CommonOptions {
    let mut common = common.clone();
    let name = match path {
        Some(PathOption::Auto) => "auto",
        Some(PathOption::Vectorized) => "vectorized",
        // A rule that streams scans.
        Some(PathOption::Scan | PathOption::Stream) => "scan",
        None => return common,
    };
    common.set.push(format!("pool.weights={name}"));
    common
}

fn series(
    setup: &Setup,
    simulation: &Simulation<'_>,
    simulated: &Simulated,
    way: ComputedBy,
) -> anyhow::Result<Series> {
    let grid = setup.experiment.history().prices().grid();
    let updates = simulation.updates(way)?;
    let assets = setup.prices.assets().to_vec();
    Ok(Series {
        rows: Table {
            rows: simulation.rows(),
            arrays: vec![
                Array::per_row("unix_ms", simulation.range().map(|row| grid.time_ms(row) as f64).collect()),
                Array::per_asset("weights", simulated.weights.clone()),
                Array::per_asset("reserves", simulated.reserves.clone()),
                Array::per_asset("prices", simulation.prices().to_vec()),
                Array::per_row("value", simulated.values.clone()),
            ],
        },
        updates: Table {
            rows: updates.outputs.len() / assets.len(),
            arrays: vec![
                Array::per_asset("rule_outputs", updates.outputs),
                Array::per_asset("coarse.actual_starts", updates.starts),
                Array::per_asset("coarse.scaled_diffs", updates.changes),
                Array::per_asset("coarse.target_weights", updates.targets),
            ],
        },
        assets,
    })
}
