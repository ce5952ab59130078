//! `gradpool compare`: every way to compute weights on the same prices.

mod all_rules;
mod outcome;

use std::path::{Path, PathBuf};

use burn::tensor::DType;
use clap::Args;
use gradpool_strategy::ParameterValues;

use super::load_config;
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::config::{ResolvedConfig, Source};
use crate::describe::{self, number, table};
use crate::given::GivenParameters;
use crate::output::{Hinted, Output};
use crate::periods;
use crate::runs::{find_run, stored_config_path};
use crate::setup::Setup;
use crate::simulation::Simulation;
use outcome::{Document, Outcome, Outcomes, outcomes, ratio, small};

/// Arguments of `gradpool compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Weights and values of every row are computed by each path (vectorized: whole histories in one piece; scan: one
update after another; stream: one price row after another, as a keeper runs it) and compared with those of scan.
Times are the best of three and do not count the loading of prices. Exits with 1 if a path disagrees.

Where the rule has a contract, onchain is the pool in the contract's integers, deployed at the first row and updated
punctually. It executes in another way by design (multipliers have nine decimals, runs end at rails, not at targets),
so that it does not decide about agreement; `gradpool replay` says what its difference comes from. Where
`pool.execution` is onchain all paths execute so, and what is left is rounding.

Examples:
  gradpool compare configs/momentum.toml
  gradpool compare runs/momentum-1a2b3c4d --rtol 1e-12
  gradpool compare fingerprint.json --params params.json --json
  gradpool compare configs/momentum.toml --all-rules")]
pub struct CompareArguments {
    /// A run folder, a configuration (.toml), or a quantammsim run fingerprint (.json)
    #[arg(value_name = "RUN|CONFIG")]
    pub source: PathBuf,
    /// Strategy parameters; default: the run's best, or the configuration's initial ones
    #[arg(long, value_name = "PARAMS")]
    pub params: Option<PathBuf>,
    /// Largest difference of weights, and relative difference of the final value, that is agreement
    #[arg(long, value_name = "TOLERANCE", default_value = "1e-10", value_parser = tolerance)]
    pub rtol: f64,
    /// Every rule that the data allow, in one table, each at the configuration's initial parameters
    #[arg(long, conflicts_with = "params")]
    pub all_rules: bool,
    /// Folder of the price files; `data.directory`
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number that is at least 0".to_owned()),
    }
}

/// Compares the paths and prints what came out.
///
/// # Errors
/// What configuration, prices, parameters or pool refuse, and paths that disagree.
pub fn run(arguments: &CompareArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let run = arguments.source.is_dir().then(|| find_run(&arguments.source)).transpose()?;
    let source = match &run {
        Some(run) => stored_config_path(run)?,
        None => arguments.source.clone(),
    };
    let loaded = load_config(&Source::File(source), common, arguments.data.clone(), output)?;
    if arguments.all_rules {
        return all_rules::run(&loaded.config, arguments.rtol, output);
    }
    let setup = Setup::for_simulation(&loaded.config)?;
    describe::warn_of_prices(&setup, output);
    let params = arguments.params.as_deref().or(run.as_deref());
    let values = parameters(&setup, &loaded.config, params, output)?;
    let simulation = Simulation::new(&setup, &values, setup.simulated_rows(&loaded.config))?;
    let period = periods::simulated_rows(setup.experiment.history().prices().grid(), &simulation.range());

    let outcomes = outcomes(&simulation)?;
    let refused: Vec<&Outcome> = outcomes.ways.iter().filter(|outcome| !outcome.agrees(arguments.rtol)).collect();
    if output.json {
        output.say(format!("period: {period}"));
        output.document(&Document::new(&outcomes, arguments.rtol))?;
    } else {
        for line in text(&setup, &outcomes, &period) {
            output.data(line)?;
        }
        if refused.is_empty() {
            output.data(format!("\nall paths agree to {:e}", arguments.rtol))?;
        }
    }
    if refused.is_empty() {
        return Ok(EXIT_DONE);
    }
    let reference = outcomes.ways[0].reference.name();
    let problem = refused.iter().map(|outcome| outcome.disagreement()).collect::<Vec<_>>().join("; ");
    let message = format!("paths disagree with {reference} beyond {:e}: {problem}", arguments.rtol);
    Err(Hinted::new(message, hint(setup.dtype)).into())
}

fn parameters(
    setup: &Setup,
    config: &ResolvedConfig,
    path: Option<&Path>,
    output: &mut Output<'_>,
) -> anyhow::Result<ParameterValues> {
    if let Some(path) = path {
        let given = GivenParameters::load(path, setup)?;
        return Ok(given.single(path)?.clone());
    }
    output.say("parameters: the configuration's initial ones");
    describe::warn_of_start(setup, config, output);
    Ok(setup.initial_values(config)?.swap_remove(0))
}

fn text(setup: &Setup, outcomes: &Outcomes, period: &str) -> Vec<String> {
    let mut lines = vec![format!("period  {period}"), format!("pool    {}", describe::pool(setup)), String::new()];
    let heading = ["path", "final value", "difference", "relative", "largest weight difference", "seconds"];
    let mut paths = vec![heading.map(str::to_owned).to_vec()];
    for outcome in &outcomes.ways {
        paths.push(vec![
            outcome.way.name().to_owned(),
            number(outcome.final_value),
            small(outcome.difference),
            small(outcome.relative_difference),
            small(outcome.weight_difference),
            format!("{:.6}", outcome.seconds),
        ]);
    }
    lines.extend(table(&paths));
    lines.push("differences are from scan".to_owned());
    lines.push(match &outcomes.no_contract {
        None if setup.strategy().settings().execution.is_on_chain() => {
            "onchain is the contract itself: a cut may flip within rounding, so it does not decide about agreement"
                .to_owned()
        }
        None => "onchain executes in another way by design, and does not decide about agreement".to_owned(),
        Some(reason) => format!("onchain: none: {reason}"),
    });
    if let Some(ratio) = ratio(&outcomes.ways) {
        lines.push(format!("seconds of scan / vectorized: {ratio:.2}"));
    }
    lines
}

/// What to do about paths that disagree.
fn hint(dtype: DType) -> &'static str {
    if dtype == DType::F64 {
        "`--rtol` sets what is still agreement"
    } else {
        "single precision is good for about 1e-4: try `--rtol 1e-4`, or `--precision f64`"
    }
}
