//! `gradpool evaluate`: trained parameters on periods that they have not seen, next to benchmarks.

pub(super) mod period;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use gradpool_metrics::Metric;
use gradpool_strategy::rules::reclamm::FEE_LEAVES;
use gradpool_strategy::{ParameterSets, ParameterValues};
use gradpool_trainer::Deposit;

use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::benchmarks::{Benchmark, Benchmarks};
use crate::commands::load_config;
use crate::config::{FeeForm, ResolvedConfig, Source};
use crate::describe::{self, warn_of_prices};
use crate::given::GivenParameters;
use crate::judgement::{Numbers, note, numbers, warn_of_undefined};
use crate::output::{Hinted, Output};
use crate::periods::NamedPeriod;
use crate::runs::{config_of_parameters, find_run};
use crate::setup::Setup;
use crate::simulation::Simulation;
use period::{Judged, Sample, Selection};
use report::{EvaluatedRun, Evaluation};

/// Arguments of `gradpool evaluate`.
#[derive(Debug, Args)]
#[command(after_help = "\
`fresh` begins with the initial weights at the first row of the period, as a new depositor does; `continued` has been
running since the first row of training; `in sample` is the training period with a fresh deposit.

Examples:
  gradpool evaluate runs/momentum-1a2b3c4d
  gradpool evaluate runs/momentum-1a2b3c4d --on 2018-12-01..2019-02-01 --against hodl,balancer,random
  gradpool evaluate runs/momentum-1a2b3c4d --fee 0,0.0005,0.003
  gradpool evaluate params.json --config configs/momentum.toml --json")]
pub struct EvaluateArguments {
    /// Run folders, checkpoints (.safetensors) or JSON parameters; several give one table
    #[arg(required = true, value_name = "RUN|PARAMS")]
    pub sources: Vec<PathBuf>,
    /// Configuration of the pool; a run knows its own
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<PathBuf>,
    /// Period to judge; FROM..TO are dates, TO excluded [default: test, else validation, else train]
    #[arg(long, value_name = "train|validation|test|FROM..TO", value_parser = Selection::parse)]
    pub on: Option<Selection>,
    /// Judge the pool at this fee rate instead of its own (repeatable; one row each)
    #[arg(long, value_name = "RATE", value_delimiter = ',', allow_negative_numbers = true)]
    pub fee: Vec<f64>,
    /// What to compare with
    #[arg(
        long,
        value_name = "NAME,..",
        value_enum,
        value_delimiter = ',',
        default_value = "hodl,uniform",
        hide_possible_values = true,
        help = "What to compare with: hodl, uniform, balancer, random"
    )]
    pub against: Vec<Benchmark>,
    /// Folder of the price files, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Parameters with the pool that they belong to.
struct Candidate {
    source: String,
    config: ResolvedConfig,
    setup: Setup,
    judged: Judged,
    values: ParameterValues,
}

/// Judges all sources and prints one table or document.
///
/// # Errors
/// What parameters, configuration, prices or period make impossible.
pub fn run(arguments: EvaluateArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let rates = fee_rates(&arguments.fee)?;
    let load = |path: PathBuf, output: &mut Output<'_>| -> anyhow::Result<ResolvedConfig> {
        Ok(load_config(&Source::File(path), common, arguments.data.clone(), output)?.config)
    };
    // Read once, so that what is said of it is said once.
    let shared = arguments.config.clone().map(|path| load(path, output)).transpose()?;
    let mut candidates = Vec::with_capacity(arguments.sources.len());
    for source in &arguments.sources {
        let parameters = if source.is_dir() { find_run(source)? } else { source.clone() };
        let config = match &shared {
            Some(config) => config.clone(),
            None => load(config_of_parameters(source, &parameters)?, output)?,
        };
        if rates != [None] && config.pool.fee_form != FeeForm::Fixed {
            let problem =
                format!("`--fee` cannot replace the fee of {}, which is a trained parameter", source.display());
            return Err(Hinted::new(problem, "leave out --fee").into());
        }
        for rate in &rates {
            let name = source.display();
            let (name, config) = match rate {
                None => (name.to_string(), config.clone()),
                Some(rate) => (format!("{name}, {}", describe::fee(*rate)), config.with_fee_rate(*rate)),
            };
            let candidate = candidate(name, &parameters, config, arguments.on.as_ref())?;
            if rate.is_some() && FEE_LEAVES.iter().any(|leaf| candidate.values.leaf(leaf).is_some()) {
                let problem =
                    format!("`--fee` has no effect on {}, whose fee is one of its parameters", source.display());
                return Err(Hinted::new(problem, "leave out `--fee`").into());
            }
            if candidates.is_empty() {
                warn_of_prices(&candidate.setup, output);
            }
            candidates.push(candidate);
        }
    }
    let period = same_period(&candidates)?;
    let objective = candidates[0].setup.experiment.goal().objective;
    let mut evaluation = Evaluation {
        objective,
        note: notes(&candidates),
        sample: candidates.iter().map(|candidate| candidate.judged.sample).max().unwrap_or(Sample::Unseen),
        period,
        runs: candidates.iter().map(evaluate).collect::<anyhow::Result<_>>()?,
        against: Vec::new(),
    };
    evaluation.against = benchmarks(&candidates[0], &arguments.against, objective)?;
    let differs = |candidate: &Candidate| candidate.setup.prices.assets() != candidates[0].setup.prices.assets();
    if let Some(other) = candidates.iter().find(|candidate| differs(candidate)) {
        let (first, other) = (&candidates[0].source, &other.source);
        output.warn(format!("the benchmarks are those of {first}; {other} has other assets"));
    }
    for run in &evaluation.runs {
        warn_of_undefined(&format!("{}, fresh", run.source), &run.fresh, objective, output);
    }
    if output.json {
        output.document(&evaluation.document())?;
    } else {
        for line in evaluation.lines() {
            output.data(line)?;
        }
    }
    Ok(EXIT_DONE)
}

/// What the numbers are those of, said once for candidates that do not differ in it.
fn notes(candidates: &[Candidate]) -> String {
    let mut notes: Vec<String> = candidates.iter().map(|candidate| note(&candidate.setup)).collect();
    notes.dedup();
    notes.join("; ")
}

/// The fee rates to judge at; `None` is the pool's own.
fn fee_rates(given: &[f64]) -> anyhow::Result<Vec<Option<f64>>> {
    if let Some(rate) = given.iter().find(|rate| !(0.0..1.0).contains(*rate)) {
        let problem = format!("`--fee {rate}` is no fee rate");
        return Err(Hinted::new(problem, "give a fraction from 0 up to, not including, 1: 0.003 is 0.3 %").into());
    }
    Ok(if given.is_empty() { vec![None] } else { given.iter().copied().map(Some).collect() })
}

fn candidate(
    source: String,
    parameters: &Path,
    config: ResolvedConfig,
    on: Option<&Selection>,
) -> anyhow::Result<Candidate> {
    let (setup, judged) = period::prepare(&config, on)?;
    let given = GivenParameters::load(parameters, &setup)?;
    let values = given.single(parameters)?.clone();
    Ok(Candidate { source, config, setup, judged, values })
}

/// The period of all candidates; its name is what the user asked for, so its times must be the same too.
fn same_period(candidates: &[Candidate]) -> anyhow::Result<NamedPeriod> {
    let first = &candidates[0];
    for other in &candidates[1..] {
        if other.judged.period != first.judged.period {
            let describe = |candidate: &Candidate| {
                format!(
                    "{} of {} is {}",
                    candidate.judged.period.name,
                    candidate.source,
                    candidate.judged.period.text()
                )
            };
            return Err(Hinted::new(
                format!("the runs do not share the period: {}; {}", describe(first), describe(other)),
                "name the dates with --on FROM..TO",
            )
            .into());
        }
    }
    Ok(first.judged.period.clone())
}

fn evaluate(candidate: &Candidate) -> anyhow::Result<EvaluatedRun> {
    let Candidate { setup, judged, values, .. } = candidate;
    let experiment = &setup.experiment;
    let sets = ParameterSets::from_values(std::slice::from_ref(values), &setup.device, setup.dtype)?;
    let metrics = |rows: &std::ops::Range<usize>, deposit| -> anyhow::Result<_> {
        Ok(experiment.metrics(&sets, rows.clone(), deposit, Metric::all())?.remove(0))
    };
    Ok(EvaluatedRun {
        source: candidate.source.clone(),
        fresh: metrics(&judged.rows, Deposit::Fresh)?,
        continued: metrics(&judged.rows, Deposit::Continued)?,
        in_sample: metrics(&experiment.periods().train, Deposit::Fresh)?,
        training: judged.training.clone(),
        trading: Simulation::new(setup, values, judged.rows.clone())?.trading()?,
        initial_value: experiment.pool().settings().initial_value,
    })
}

/// Benchmarks by name, each bought at the first row of the period.
fn benchmarks(
    candidate: &Candidate,
    wanted: &[Benchmark],
    objective: Metric,
) -> anyhow::Result<Vec<(&'static str, Numbers)>> {
    let Candidate { setup, config, judged, values, .. } = candidate;
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let benchmarks = Benchmarks::new(setup)?;
    let mut found = Vec::new();
    for benchmark in wanted {
        let draws = benchmarks.metrics(benchmark, values, config, judged.rows.clone(), Metric::all())?;
        if benchmark == Benchmark::Random {
            found.push(("random", report::mean(&draws)));
            found.push(("random_best", report::best(&draws, objective)));
        } else {
            found.extend(draws.iter().map(|values| (benchmark.name(), numbers(values))));
        }
    }
    Ok(found)
}
