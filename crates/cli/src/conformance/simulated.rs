//! What came of a case's rows and updates, compared with a simulation of this build.

use gradpool_metrics::Metric;
use gradpool_pools::PoolRun;
use gradpool_strategy::Windows;
use serde_json::json;

use super::case::{Case, Subject};
use super::golden::{members, number, numbers};
use super::tally::Tally;
use crate::simulation::{ComputedBy, Simulated, Simulation, to_host};

/// Minutes between the rows that a golden file keeps of a whole series.
const KEPT_EVERY: usize = 60;
/// Rows that it keeps at either end.
const KEPT_ENDS: usize = 100;
/// Metrics of every case.
const METRICS: usize = 31;
/// What is below this is zero but for rounding.
const ZERO: f64 = 1e-14;
/// Parts of a golden file that are no outcome of their own.
const LEFT_OUT: [(&str, &str); 3] = [
    ("readouts.", "the state of estimators; the rule outputs that follow from it are compared"),
    ("aux.", "what the reference was given"),
    ("fused_metrics", "metrics of the values at days' ends, which are compared as fused.boundary_values"),
];

/// Compares rows, updates and metrics of a simulation by one way.
pub(super) fn compare(case: &Case<'_>, subject: &Subject, way: ComputedBy, tally: &mut Tally) -> anyhow::Result<()> {
    let rows = subject.setup.simulated_rows(&subject.config);
    let simulation = Simulation::new(&subject.setup, &subject.values, rows)?;
    let simulated = simulation.run(way)?;
    let comparison = Comparison { case, subject, simulation, simulated };
    comparison.rows(tally)?;
    comparison.updates(way, tally)?;
    comparison.metrics(tally)?;
    if way != ComputedBy::Stream {
        comparison.fee_revenue(tally)?;
        comparison.boundaries(tally)?;
    }
    Ok(())
}

/// Notes the parts of the file that are never compared.
pub(super) fn leave_out(case: &Case<'_>, tally: &mut Tally) {
    let has_metrics = case.golden.json.get("fused_metrics").is_some_and(|metrics| !metrics.is_null());
    let names = case.golden.arrays.keys().map(String::as_str).chain(has_metrics.then_some("fused_metrics"));
    for name in names {
        if let Some((_, reason)) = LEFT_OUT.iter().find(|(start, _)| name.starts_with(start)) {
            tally.leave_out(name, reason);
        }
    }
}

struct Comparison<'a> {
    case: &'a Case<'a>,
    subject: &'a Subject,
    simulation: Simulation<'a>,
    simulated: Simulated,
}

impl Comparison<'_> {
    fn assets(&self) -> usize {
        self.subject.setup.strategy().settings().assets
    }

    fn close(&self, tally: &mut Tally, name: &str, found: &[f64], expected: &[f64]) {
        tally.compare(name, found, expected, self.subject.tolerances.values, 0.0);
    }

    fn rows(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let golden = self.case.golden;
        let (rows, assets) = (self.simulation.rows(), self.assets());
        let exactly = |tally: &mut Tally, path: &[&str], found: f64| -> anyhow::Result<()> {
            tally.compare(&path.join("."), &[found], &[golden.number(path)?], 0.0, 0.0);
            Ok(())
        };
        exactly(tally, &["n_steps"], rows as f64)?;
        exactly(tally, &["data", "bout_length"], (rows + 1) as f64)?;
        exactly(tally, &["data", "start_idx"], self.simulation.range().start as f64)?;
        let tokens = self.subject.setup.prices.assets();
        let published = golden.part(&["tokens_sorted"])?;
        tally.check(*published == json!(tokens), || format!("tokens_sorted: expected {published}, found {tokens:?}"));
        let first_price = self.subject.setup.experiment.history().prices().grid().start_ms;
        exactly(tally, &["data", "first_unix_ms"], first_price as f64)?;

        let Simulated { weights, reserves, values, .. } = &self.simulated;
        let prices = self.simulation.prices();
        let worth: Vec<f64> = reserves.iter().zip(prices).map(|(reserve, price)| reserve * price).collect();
        let shares: Vec<f64> = worth.iter().enumerate().map(|(at, worth)| worth / values[at / assets]).collect();
        let series = [
            ("weights", weights.as_slice(), assets),
            ("implied_weights", &shares, assets),
            ("reserves", reserves, assets),
            ("local_prices", prices, assets),
            ("value", values, 1),
        ];
        for (name, numbers, width) in series {
            for (suffix, kept) in kept_rows(rows) {
                let full_name = format!("{name}.{suffix}");
                let Some(expected) = golden.array(&full_name) else { continue };
                let found = rows_of(numbers, width, &kept);
                if name == "reserves" && self.case.treatment.trades_flip {
                    self.shares_agree(&full_name, &found, expected, &rows_of(prices, width, &kept), tally);
                } else {
                    self.close(tally, &full_name, &found, expected);
                }
            }
        }
        if let Some(expected) = golden.array("weights.raw") {
            self.close(tally, "weights.raw", &weights[..assets], expected);
        }
        let last = rows - 1;
        self.close(tally, "initial_value", &values[..1], &[golden.number(&["initial_value"])?]);
        self.close(tally, "final_value", &values[last..], &[golden.number(&["final_value"])?]);
        let expected = numbers("final_reserves", golden.part(&["final_reserves"])?)?;
        self.close(tally, "final_reserves", &reserves[last * assets..], &expected);
        self.close(tally, "value_sum", &[values.iter().sum()], &[golden.number(&["value_sum"])?]);
        Ok(())
    }

    /// Compares reserves as shares of the pool's value.
    fn shares_agree(&self, name: &str, found: &[f64], expected: &[f64], prices: &[f64], tally: &mut Tally) {
        let assets = self.assets();
        let lines = found.chunks_exact(assets).zip(expected.chunks_exact(assets)).zip(prices.chunks_exact(assets));
        for (line, ((found, expected), prices)) in lines.enumerate() {
            let worth = |reserves: &[f64]| -> Vec<f64> { reserves.iter().zip(prices).map(|(r, p)| r * p).collect() };
            let (found, expected) = (worth(found), worth(expected));
            let pool: f64 = expected.iter().sum();
            let what = format!("worth of {name}[{line}]");
            tally.compare(&what, &found, &expected, self.subject.tolerances.values, pool);
        }
    }

    fn updates(&self, way: ComputedBy, tally: &mut Tally) -> anyhow::Result<()> {
        let golden = self.case.golden;
        if golden.array("coarse.actual_starts").is_none() {
            return Ok(());
        }
        let experiment = &self.subject.setup.experiment;
        if way != ComputedBy::Stream {
            let parameters = self.simulation.parameters()?;
            let outputs = to_host(experiment.pool().rule_outputs(experiment.history(), &parameters)?)?;
            let name = "rule_outputs.full";
            let interval = self.subject.setup.strategy().settings().update_interval_rows;
            let prices = golden.number(&["data", "n_price_rows"])? as usize / interval;
            let expected = golden.needed_array(name)?;
            // Market-cap rules of the reference have a row for the first prices too.
            let rows = expected.len() / self.assets() + 1;
            let extra = rows.checked_sub(prices).filter(|extra| *extra <= 1);
            if tally.check(extra.is_some(), || format!("{name}: {rows} rows do not fit {prices} intervals of prices")) {
                // The reference's prices go on a day beyond what is simulated.
                let extra = extra.unwrap_or_default() * self.assets();
                self.begins_alike(tally, name, &outputs, expected.get(extra..).unwrap_or_default());
            }
        }
        let updates = self.simulation.updates(way)?;
        for (name, found) in [
            ("rule_outputs.bout", &updates.outputs),
            ("coarse.actual_starts", &updates.starts),
            ("coarse.scaled_diffs", &updates.changes),
            ("coarse.target_weights", &updates.targets),
        ] {
            // The reference goes on for up to two updates beyond the last row that it simulates.
            self.begins_alike(tally, name, found, golden.needed_array(name)?);
        }
        Ok(())
    }

    /// Compares numbers with the first ones of a longer list.
    fn begins_alike(&self, tally: &mut Tally, name: &str, found: &[f64], expected: &[f64]) {
        self.close(tally, name, found, expected.get(..found.len()).unwrap_or(expected));
    }

    fn metrics(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let expected = members("metrics", self.case.golden.part(&["metrics"])?)?;
        let count = expected.len();
        tally.check(count == METRICS, || format!("metrics: {count} are there; expected {METRICS}"));
        let metrics = expected.keys().map(|name| Metric::parse(name)).collect::<Result<Vec<_>, _>>()?;
        let found = self.simulation.metrics(&self.simulated, &metrics)?;
        for (found, (metric, expected)) in found.iter().zip(expected) {
            let name = format!("metrics.{metric}");
            let Some(expected) = number(expected) else {
                tally.leave_out(&name, "the reference has no number");
                continue;
            };
            let tolerance = self.subject.tolerances.values;
            if self.case.treatment.as_growth.contains(&found.metric) {
                tally.compare(&format!("1 + {name}"), &[1.0 + found.value], &[1.0 + expected], tolerance, 0.0);
            } else if expected.abs() < ZERO {
                // What is zero but for rounding has no digits to compare.
                tally.compare(&name, &[found.value], &[expected], 1.0, ZERO);
            } else {
                let tolerance = if self.case.treatment.trades_flip { 10.0 * tolerance } else { tolerance };
                tally.compare(&name, &[found.value], &[expected], tolerance, 0.0);
            }
        }
        Ok(())
    }

    fn run_of(&self, samples: &[usize]) -> anyhow::Result<PoolRun> {
        let experiment = &self.subject.setup.experiment;
        let windows = Windows::single(self.simulation.range().start, self.simulation.rows());
        Ok(experiment.pool().run(experiment.history(), &self.simulation.parameters()?, &windows, samples)?)
    }

    /// What fees earned in each row, where the pool counts it.
    fn fee_revenue(&self, tally: &mut Tally) -> anyhow::Result<()> {
        if self.case.golden.array("fee_revenue.every60").is_none() {
            return Ok(());
        }
        let every_row: Vec<usize> = (0..self.simulation.rows()).collect();
        let upto = self.run_of(&every_row)?.fee_revenue.map(to_host).transpose()?.unwrap_or_default();
        let of_rows: Vec<f64> =
            upto.iter().enumerate().map(|(row, sum)| sum - row.checked_sub(1).map_or(0.0, |row| upto[row])).collect();
        for (suffix, kept) in kept_rows(of_rows.len()) {
            let name = format!("fee_revenue.{suffix}");
            self.close(tally, &name, &rows_of(&of_rows, 1, &kept), self.case.golden.needed_array(&name)?);
        }
        Ok(())
    }

    /// Values at the ends of days, which the reference's fused path computes without the rows between.
    fn boundaries(&self, tally: &mut Tally) -> anyhow::Result<()> {
        let Some(expected) = self.case.golden.array("fused.boundary_values") else { return Ok(()) };
        let per_day = self.subject.setup.prices.grid().rows_per_day();
        let days: Vec<usize> = (0..self.simulation.rows()).step_by(per_day).take(expected.len()).collect();
        self.close(tally, "fused.boundary_values", &to_host(self.run_of(&days)?.values)?, expected);
        let last = days.last().copied().unwrap_or_default() * self.assets();
        let reserves = &self.simulated.reserves[last..last + self.assets()];
        self.close(tally, "fused.final_reserves", reserves, self.case.golden.needed_array("fused.final_reserves")?);
        Ok(())
    }
}

/// The parts that a golden file keeps of a series, and their rows.
fn kept_rows(rows: usize) -> [(&'static str, Vec<usize>); 3] {
    [
        ("every60", (0..rows).step_by(KEPT_EVERY).collect()),
        ("first100", (0..rows.min(KEPT_ENDS)).collect()),
        ("last100", (rows.saturating_sub(KEPT_ENDS)..rows).collect()),
    ]
}

fn rows_of(numbers: &[f64], width: usize, rows: &[usize]) -> Vec<f64> {
    rows.iter().flat_map(|row| &numbers[row * width..(row + 1) * width]).copied().collect()
}
