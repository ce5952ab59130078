//! `gradpool compare`: every way to compute weights on the same prices.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::DType;
use clap::Args;
use gradpool_strategy::ParameterValues;
use serde::Serialize;
use serde_json::{Map, Value, json};

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
use crate::simulation::{ComputedBy, Simulated, Simulation};

/// Each way is timed this often; the best counts.
const REPETITIONS: usize = 3;

/// Arguments of `gradpool compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Weights and values of every row are computed by each path (vectorized: whole histories in one piece; scan: one
update after another; stream: one price row after another, as a keeper runs it) and compared with those of scan.
Times are the best of three and do not count the loading of prices. Exits with 1 if a path disagrees.

Examples:
  gradpool compare configs/momentum.toml
  gradpool compare runs/momentum-1a2b3c4d --rtol 1e-12
  gradpool compare fingerprint.json --params params.json --json")]
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

/// How one way did.
struct Outcome {
    way: ComputedBy,
    final_value: f64,
    seconds: f64,
    weight_difference: f64,
    difference: f64,
    relative_difference: f64,
}

#[derive(Serialize)]
struct Document {
    paths: Map<String, Value>,
    ratio_scan_to_vectorized: Option<f64>,
    agree: bool,
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
    let setup = Setup::for_simulation(&loaded.config)?;
    describe::warn_of_prices(&setup, output);
    let params = arguments.params.as_deref().or(run.as_deref());
    let values = parameters(&setup, &loaded.config, params, output)?;
    let simulation = Simulation::new(&setup, &values, setup.simulated_rows(&loaded.config))?;
    let period = periods::simulated_rows(setup.experiment.history().prices().grid(), &simulation.range());

    let ways = simulation.ways();
    let reference = if ways.contains(&ComputedBy::Scan) { ComputedBy::Scan } else { ways[0] };
    let (expected, seconds) = timed(&simulation, reference)?;
    let mut outcomes = Vec::with_capacity(ways.len());
    for way in ways {
        let outcome = if way == reference {
            Outcome::new(way, &expected, seconds, &expected)
        } else {
            let (found, seconds) = timed(&simulation, way)?;
            Outcome::new(way, &found, seconds, &expected)
        };
        outcomes.push(outcome);
    }

    let refused: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.agrees(arguments.rtol)).collect();
    if output.json {
        output.say(format!("period: {period}"));
        output.document(&document(&outcomes, refused.is_empty()))?;
    } else {
        for line in text(&setup, &outcomes, &period) {
            output.data(line)?;
        }
        if refused.is_empty() {
            output.data(format!("\nall paths agree to {:e}", arguments.rtol))?;
        }
    }
    if refused.is_empty() { Ok(EXIT_DONE) } else { Err(disagreement(&refused, reference, arguments.rtol, setup.dtype)) }
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
    Ok(setup.initial_values(config)?.swap_remove(0))
}

fn timed(simulation: &Simulation<'_>, way: ComputedBy) -> anyhow::Result<(Simulated, f64)> {
    let mut best = f64::INFINITY;
    let mut simulated = None;
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let found = simulation.run(way)?;
        best = best.min(start.elapsed().as_secs_f64());
        simulated = Some(found);
    }
    Ok((simulated.ok_or_else(|| anyhow::anyhow!("nothing was run"))?, best))
}

impl Outcome {
    fn new(way: ComputedBy, found: &Simulated, seconds: f64, expected: &Simulated) -> Self {
        let last = |simulated: &Simulated| simulated.values.last().copied().unwrap_or(f64::NAN);
        let (final_value, expected_value) = (last(found), last(expected));
        let difference = final_value - expected_value;
        let weights = found.weights.iter().zip(&expected.weights).map(|(found, expected)| (found - expected).abs());
        Self {
            way,
            final_value,
            seconds,
            // Unlike `f64::max`, this keeps NaN.
            weight_difference: weights
                .fold(0.0, |largest, value| if value > largest || value.is_nan() { value } else { largest }),
            difference,
            relative_difference: (difference / expected_value).abs(),
        }
    }

    fn agrees(&self, tolerance: f64) -> bool {
        self.relative_difference <= tolerance && self.weight_difference <= tolerance
    }
}

fn ratio(outcomes: &[Outcome]) -> Option<f64> {
    let seconds = |way: ComputedBy| outcomes.iter().find(|outcome| outcome.way == way).map(|outcome| outcome.seconds);
    Some(seconds(ComputedBy::Scan)? / seconds(ComputedBy::Vectorized)?)
}

fn document(outcomes: &[Outcome], agree: bool) -> Document {
    let path = |outcome: &Outcome| {
        let entry = json!({
            "final_value": outcome.final_value,
            "seconds": outcome.seconds,
            "max_weight_difference": outcome.weight_difference,
            "final_value_relative_difference": outcome.relative_difference,
        });
        (outcome.way.name().to_owned(), entry)
    };
    Document { paths: outcomes.iter().map(path).collect(), ratio_scan_to_vectorized: ratio(outcomes), agree }
}

fn text(setup: &Setup, outcomes: &[Outcome], period: &str) -> Vec<String> {
    let mut lines = vec![format!("period  {period}"), format!("pool    {}", describe::pool(setup)), String::new()];
    let heading = ["path", "final value", "difference", "relative", "largest weight difference", "seconds"];
    let mut paths = vec![heading.map(str::to_owned).to_vec()];
    for outcome in outcomes {
        let small = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") };
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
    if let Some(ratio) = ratio(outcomes) {
        lines.push(format!("seconds of scan / vectorized: {ratio:.2}"));
    }
    lines
}

fn disagreement(refused: &[&Outcome], reference: ComputedBy, tolerance: f64, dtype: DType) -> anyhow::Error {
    let lines: Vec<String> = refused
        .iter()
        .map(|outcome| {
            format!(
                "{} by {:.1e} of the final value and up to {:.1e} in weights",
                outcome.way.name(),
                outcome.relative_difference,
                outcome.weight_difference
            )
        })
        .collect();
    let reference = reference.name();
    let message = format!("paths disagree with {reference} beyond {tolerance:e}: {}", lines.join("; "));
    let hint = if dtype == DType::F64 {
        "`--rtol` sets what is still agreement"
    } else {
        "single precision is good for about 1e-4: try `--rtol 1e-4`, or `--precision f64`"
    };
    Hinted::new(message, hint).into()
}
