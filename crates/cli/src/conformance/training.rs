//! Training trajectories: some updates, each drawing every start of its range.

use gradpool_metrics::Metric;
use gradpool_strategy::{ParameterSets, ParameterValues, Windows};
use gradpool_trainer::observer::{Observer, StepReport};
use gradpool_trainer::{Deposit, SamplingRange, TrainResult, Trainer, TrainerError};
use serde_json::Value;

use super::case::{has_costs, with_prices};
use super::golden::{items, members, number, numbers, text};
use super::tally::Tally;
use super::treatment::Treatment;
use crate::config::{self, Overrides, ResolvedConfig, Source};
use crate::setup::{Setup, train_settings};

/// Relative to the largest number of a leaf, as for gradients.
const TOLERANCE: f64 = 1e-7;
/// The same where trades flip by rounding: gradients agree to this.
const FLIPPING_TOLERANCE: f64 = 1e-6;
/// Parameters smaller than this are compared as if they were as large.
const PARAMETER_SCALE: f64 = 1e-3;

/// Compares a trajectory with a training of this build.
pub(super) fn compare(
    path: &std::path::Path,
    document: &Value,
    overrides: &Overrides,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let treatment = Treatment::of(text(document, "case")?);
    let with_costs = has_costs(&document["run_fingerprint"], None);
    let trades = with_costs.then_some("pool.arbitrage=pairwise");
    let own = treatment.set.iter().copied().chain(trades).map(str::to_owned);
    let overrides = with_prices(path, overrides)?;
    let set = own.chain(overrides.set.iter().cloned()).collect();
    let config = config::load(&Source::File(path.to_owned()), &Overrides { set, ..overrides })?.config;
    let setup = Setup::new(&config)?;
    let initial = parameters("initial_params", &document["initial_params"])?;
    let range = setup.sampling_range(&config)?;
    let all_drawn = range.count() == config.train.batch_size;
    anyhow::ensure!(all_drawn, "a batch draws {} of {} starts", config.train.batch_size, range.count());
    Trajectory { document, config, setup, initial, range, trades_flip: with_costs }.compare(tally)
}

struct Trajectory<'a> {
    document: &'a Value,
    config: ResolvedConfig,
    setup: Setup,
    initial: Vec<ParameterValues>,
    range: SamplingRange,
    /// Whether trades at the edge of the no-trade band flip by rounding, so that gradients agree to their 1e-6 only and paths
    /// part by as much with every update. Objective and metrics are then compared at the reference's own parameters.
    trades_flip: bool,
}

/// One parameter set, on the leading axis.
fn parameters(at: &str, leaves: &Value) -> anyhow::Result<Vec<ParameterValues>> {
    let leaves = members(at, leaves)?.iter();
    let leaves = leaves.map(|(leaf, value)| Ok((leaf.clone(), numbers(&format!("{at}.{leaf}"), value)?)));
    Ok(vec![ParameterValues { leaves: leaves.collect::<anyhow::Result<_>>()? }])
}

/// The learning rates of updates, without their schedule: the base rate times the plateau factor.
struct Rates {
    base: f64,
    seen: Vec<f64>,
}

impl Observer for Rates {
    fn on_step(&mut self, report: &StepReport) -> Result<(), TrainerError> {
        self.seen.push(self.base * report.plateau_factor[0]);
        Ok(())
    }
}

impl Trajectory<'_> {
    fn compare(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let objective = Metric::parse(&self.config.train.objective)?;
        let steps = items("params", &self.document["params"])?;
        let mut before = self.initial.clone();
        for (update, expected) in steps.iter().enumerate() {
            let sets = ParameterSets::from_values(&before, &self.setup.device, self.setup.dtype)?;
            let windows = Windows {
                starts: (self.range.first_start..=self.range.last_start).collect(),
                rows: self.setup.experiment.goal().window_rows,
            };
            let value = self.setup.experiment.gradient(&sets, objective, &windows)?.values;
            let name = format!("objective[{update}]");
            tally.compare(&name, &value, &numbers(&name, &self.document["objective"][update])?, TOLERANCE, 0.0);

            let result = self.train(update + 1, &mut [])?;
            let at = format!("params[{update}]");
            for (leaf, expected) in members(&at, expected)? {
                let name = format!("{at}.{leaf}");
                let found = result.final_parameters[0].leaf(leaf).unwrap_or_default();
                let tolerance = if self.trades_flip { FLIPPING_TOLERANCE * (update + 1) as f64 } else { TOLERANCE };
                tally.compare(&name, found, &numbers(&name, expected)?, tolerance, PARAMETER_SCALE);
            }
            before = if self.trades_flip { parameters(&at, expected)? } else { result.final_parameters };
            self.compare_metrics(&before, update, tally)?;
        }
        // The file holds, with each update, the rate of the next one.
        let mut rates = Rates { base: self.config.train.learning_rate, seen: Vec::new() };
        self.train(steps.len() + 1, &mut [&mut rates])?;
        let expected = numbers("lr", &self.document["lr"])?;
        tally.compare("lr", rates.seen.get(1..).unwrap_or_default(), &expected, 1e-15, 0.0);
        Ok(())
    }

    fn train(&self, updates: usize, observers: &mut [&mut dyn Observer]) -> anyhow::Result<TrainResult> {
        let mut settings = train_settings(&self.config)?;
        settings.schedule.steps = Some(settings.schedule.steps.unwrap_or(settings.iterations));
        settings.iterations = updates;
        settings.evaluate_every = Some(1);
        let (experiment, device) = (&self.setup.experiment, &self.setup.device);
        let trainer = Trainer::new(experiment, &settings, self.range, device, self.setup.dtype, 0)?;
        Ok(trainer.train(&self.initial, observers)?)
    }

    /// Metrics of the continuous run over training and test period (spec 05 sec. 5.5).
    fn compare_metrics(&self, sets: &[ParameterValues], update: usize, tally: &mut Tally) -> anyhow::Result<()> {
        let experiment = &self.setup.experiment;
        let sets = ParameterSets::from_values(sets, &self.setup.device, self.setup.dtype)?;
        let periods = experiment.periods();
        let test = periods.test.clone();
        for (key, rows) in [("train_metrics", Some(periods.train.clone())), ("test_metrics", test)] {
            let at = format!("{key}[{update}]");
            let expected = members(&at, &self.document[key][update][0])?;
            let Some(rows) = rows else { anyhow::bail!("`{at}` is given, but there is no test period") };
            let wanted: Vec<_> = expected.keys().map(|name| (name, Metric::from_period_key(name))).collect();
            let metrics: Vec<Metric> = wanted.iter().filter_map(|(_, metric)| *metric).collect();
            let found = experiment.metrics(&sets, rows, Deposit::Continued, &metrics)?.swap_remove(0);
            let mut found = found.into_iter();
            for (metric, known) in wanted {
                let name = format!("{at}.{metric}");
                let found = if known.is_some() { found.next() } else { None };
                let (Some(found), Some(expected)) = (found, number(&expected[metric])) else {
                    tally.leave_out(&name, "no number, or a metric of another name");
                    continue;
                };
                if key == "test_metrics" && metric.contains("hodl") {
                    let reason = "the reference values the test period's hold one row after the pool, T5.2";
                    tally.leave_out(&format!("{key}.{metric}"), reason);
                    continue;
                }
                tally.compare(&name, &[found.value], &[expected], TOLERANCE, 0.0);
            }
        }
        Ok(())
    }
}
