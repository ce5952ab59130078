//! What a finished training says: `result.json`, the document of `--json`, and a table for people.

use std::collections::BTreeMap;

use gradpool_metrics::{Metric, MetricValue};
use gradpool_strategy::{ParameterSets, ParameterValues};
use gradpool_trainer::observer::DETAILED_SETS;
use gradpool_trainer::{Deposit, MemoryPlan, RunFolder, TerminationReason, TrainResult};
use serde::Serialize;
use serde_json::Value;

use crate::benchmarks::Benchmarks;
use crate::config::ResolvedConfig;
use crate::human_units::HumanUnits;
use crate::judgement::{self, Numbers, cell, numbers, shown};
use crate::leaf_nesting::LeafTable;
use crate::output::Output;
use crate::periods::{NamedPeriod, named_periods, named_ranges};
use crate::setup::Setup;

/// One thing per period; absent where the configuration has no such period.
#[derive(Clone, Debug, Serialize)]
struct ByPeriod<T> {
    train: Option<T>,
    validation: Option<T>,
    test: Option<T>,
}

/// The selected point.
#[derive(Clone, Debug, Serialize)]
struct BestPoint {
    step: usize,
    set: usize,
    /// The objective over the whole training period.
    objective: Option<f64>,
    /// What it was chosen by.
    metric: String,
    /// The period it was chosen on.
    chosen_on: gradpool_trainer::tracker::Split,
    /// That metric on that period.
    score: f64,
}

#[derive(Clone, Debug, Serialize)]
struct HoldMetrics {
    hodl: ByPeriod<Numbers>,
    uniform: ByPeriod<Numbers>,
}

/// The content of `result.json`.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    run: String,
    config_hash: String,
    objective: Metric,
    best: BestPoint,
    parameters: BTreeMap<String, Value>,
    human_units: HumanUnits,
    metrics: ByPeriod<Numbers>,
    benchmarks: HoldMetrics,
    periods: ByPeriod<NamedPeriod>,
    non_finite: Vec<String>,
    reasons: ByPeriod<BTreeMap<&'static str, String>>,
    /// Sets at the start and at the end.
    parameter_sets: usize,
    alive_sets: usize,
    /// Numbers of those at the end, up to a hundred, if some were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<Vec<usize>>,
    /// How the training fitted into the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryPlan>,
    restarts: usize,
    skipped_updates: usize,
    /// Of the sets at the end, up to a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    restarts_of_sets: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_updates_of_sets: Option<Vec<usize>>,
    termination: TerminationReason,
    steps_done: usize,
    note: String,
    seconds: f64,
    #[serde(skip)]
    judged: Vec<JudgedPeriod>,
}

/// A period with what the pool and the held baskets made of it, all bought at its first row.
#[derive(Clone, Debug)]
struct JudgedPeriod {
    period: NamedPeriod,
    pool: Vec<MetricValue>,
    hodl: Vec<MetricValue>,
    uniform: Vec<MetricValue>,
}

impl TrainReport {
    /// Judges the best point over every period. `None` if no evaluation was finite.
    ///
    /// # Errors
    /// What pool or metrics refuse.
    pub fn new(
        setup: &Setup,
        config: &ResolvedConfig,
        run: &RunFolder,
        result: &TrainResult,
    ) -> anyhow::Result<Option<Self>> {
        let Some((best, values)) = result.best.as_ref().zip(result.best_parameters.as_ref()) else { return Ok(None) };
        let judged = judge(setup, config, values)?;
        let detailed = result.sets.len() <= DETAILED_SETS;
        let reasons = |values: &[MetricValue]| -> BTreeMap<&'static str, String> {
            let reasons = gradpool_metrics::reasons(values);
            reasons.into_iter().map(|(name, reason)| (name, reason.to_owned())).collect()
        };
        Ok(Some(Self {
            run: run.path().display().to_string(),
            config_hash: run.identity().hash.clone(),
            objective: setup.experiment.goal().objective,
            best: BestPoint {
                step: best.step,
                set: best.set,
                objective: best.objective,
                metric: best.metric.clone(),
                chosen_on: best.split,
                score: best.score,
            },
            parameters: LeafTable::of(setup).nest(values),
            human_units: HumanUnits::new(values, &setup.parts, setup.strategy().settings(), setup.prices.assets())?,
            metrics: by_period(&judged, |judged| numbers(&judged.pool)),
            benchmarks: HoldMetrics {
                hodl: by_period(&judged, |judged| numbers(&judged.hodl)),
                uniform: by_period(&judged, |judged| numbers(&judged.uniform)),
            },
            periods: by_period(&judged, |judged| judged.period.clone()),
            non_finite: judged.iter().flat_map(JudgedPeriod::non_finite).collect(),
            reasons: by_period(&judged, |judged| reasons(&judged.pool)),
            parameter_sets: config.train.parameter_sets,
            alive_sets: result.sets.len(),
            alive: detailed.then(|| result.sets.clone()).filter(|_| result.sets.len() < config.train.parameter_sets),
            memory: result.memory,
            restarts: result.restarts_in_all,
            skipped_updates: result.skipped_in_all,
            restarts_of_sets: detailed.then(|| result.restarts.clone()),
            skipped_updates_of_sets: detailed.then(|| result.skipped.clone()),
            termination: result.termination.clone(),
            steps_done: result.steps_done,
            note: judgement::note(setup),
            seconds: result.seconds,
            judged,
        }))
    }

    /// Warns of sets that were restarted and of shown metrics that have no value.
    pub fn warn(&self, output: &mut Output<'_>) {
        let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        let restarted =
            |restarts: usize| if restarts > 0 { format!(", restarted {}", times(restarts)) } else { String::new() };
        if let (None, Some(restarts), Some(skipped)) =
            (&self.alive, &self.restarts_of_sets, &self.skipped_updates_of_sets)
        {
            for (set, (&restarts, &skipped)) in
                restarts.iter().zip(skipped).enumerate().filter(|(_, (_, skipped))| **skipped > 0)
            {
                output.warn(format!("set {set} went non-finite {}{}", times(skipped), restarted(restarts)));
            }
        } else if self.skipped_updates > 0 {
            let (sets, skipped) = (self.parameter_sets, times(self.skipped_updates));
            output.warn(format!("of {sets} sets some went non-finite, {skipped}{} in all", restarted(self.restarts)));
        }
        for judged in &self.judged {
            judgement::warn_of_undefined(&judged.period.name, &judged.pool, self.objective, output);
        }
    }

    /// The table for people.
    pub fn lines(&self, iterations: usize) -> Vec<String> {
        let best = &self.best;
        let chosen_on = chosen_on(best);
        let mut lines = vec![format!(
            "best parameters: set {} after {} of {iterations} steps, chosen by {} on the {chosen_on} period",
            best.set, best.step, best.metric
        )];
        if self.alive_sets < self.parameter_sets {
            lines.push(format!("{} sets, {} alive at the end", self.parameter_sets, self.alive_sets));
        }
        lines.extend(self.human_units.lines());
        lines.push(String::new());
        lines.push(format!("objective: {}; each period begins with a fresh deposit", self.objective));
        for judged in &self.judged {
            let name = judged.period.name.as_str();
            let sample = match name {
                "train" => "in sample",
                _ if name == chosen_on => "chosen on, not trained on",
                _ => "OUT OF SAMPLE",
            };
            lines.push(String::new());
            lines.push(format!("{name}: {} - {sample}", judged.period.text()));
            lines.extend(judgement::table(&judged.rows(self.objective)));
        }
        lines.push(String::new());
        lines.push(self.note.clone());
        lines.push(format!("run folder: {}", self.run));
        lines
    }
}

fn chosen_on(best: &BestPoint) -> &'static str {
    match best.chosen_on {
        gradpool_trainer::tracker::Split::Train => "train",
        gradpool_trainer::tracker::Split::Validation => "validation",
    }
}

impl JudgedPeriod {
    fn rows(&self, objective: Metric) -> Vec<Vec<String>> {
        let columns = [&self.pool, &self.hodl, &self.uniform].map(|values| numbers(values));
        let row = |metric: Metric| {
            let cells = columns.iter().map(|column| cell(metric, column));
            std::iter::once(metric.name().to_owned()).chain(cells).collect()
        };
        let heading = ["", "pool", "hodl", "uniform hodl"].map(str::to_owned).to_vec();
        std::iter::once(heading).chain(shown(objective).into_iter().map(row)).collect()
    }

    fn non_finite(&self) -> Vec<String> {
        judgement::non_finite(&self.period.name, &self.pool).collect()
    }
}

fn judge(setup: &Setup, config: &ResolvedConfig, values: &ParameterValues) -> anyhow::Result<Vec<JudgedPeriod>> {
    let experiment = &setup.experiment;
    let sets = ParameterSets::from_values(std::slice::from_ref(values), &setup.device, setup.dtype)?;
    let benchmarks = Benchmarks::new(setup)?;
    let metrics = Metric::all();
    let ranges = named_ranges(experiment.periods());
    let periods = named_periods(experiment.periods(), experiment.history().prices().grid(), config);
    ranges
        .into_iter()
        .zip(periods)
        .map(|((_, rows), period)| {
            Ok(JudgedPeriod {
                period,
                pool: experiment.metrics(&sets, rows.clone(), Deposit::Fresh, metrics)?.remove(0),
                hodl: benchmarks.hold(values, rows.clone(), metrics)?,
                uniform: benchmarks.hold_uniform(rows, metrics)?,
            })
        })
        .collect()
}

fn by_period<T>(judged: &[JudgedPeriod], value: impl Fn(&JudgedPeriod) -> T) -> ByPeriod<T> {
    let of = |name: &str| judged.iter().find(|judged| judged.period.name == name).map(&value);
    ByPeriod { train: of("train"), validation: of("validation"), test: of("test") }
}
