//! What an evaluation says.

use gradpool_metrics::{Metric, MetricValue};
use gradpool_ops::arbitrage::Trading;
use serde_json::{Value, json};

use super::period::Sample;
use crate::judgement::{self, Numbers, cell, numbers, shown};
use crate::periods::NamedPeriod;

/// One source over one period.
pub struct EvaluatedRun {
    /// As the user named it.
    pub source: String,
    /// A new deposit at the first row of the period.
    pub fresh: Vec<MetricValue>,
    /// The pool that has been running since the first row of training.
    pub continued: Vec<MetricValue>,
    /// A new deposit at the first row of training, over the training period.
    pub in_sample: Vec<MetricValue>,
    /// The training period.
    pub training: NamedPeriod,
    /// What trading did with the new deposit, where that is known.
    pub trading: Option<Trading>,
    /// The deposit.
    pub initial_value: f64,
}

/// All sources over one period, with benchmarks.
pub struct Evaluation {
    /// Metric that the first source was trained for.
    pub objective: Metric,
    /// The period.
    pub period: NamedPeriod,
    /// What training has seen of it.
    pub sample: Sample,
    /// The sources.
    pub runs: Vec<EvaluatedRun>,
    /// Benchmarks by name, bought at the first row of the period.
    pub against: Vec<(&'static str, Numbers)>,
    /// What the numbers leave out.
    pub note: String,
}

/// Mean of each metric over draws; those without a number do not count.
pub fn mean(draws: &[Vec<MetricValue>]) -> Numbers {
    let of = |metric: usize| {
        let finite: Vec<f64> = draws.iter().filter_map(|draw| draw[metric].finite()).collect();
        (!finite.is_empty()).then(|| finite.iter().sum::<f64>() / finite.len() as f64)
    };
    draws[0].iter().enumerate().map(|(index, value)| (value.metric.name(), of(index))).collect()
}

/// Metrics of the draw that did best by `metric`: in hindsight, which no draw knew.
pub fn best(draws: &[Vec<MetricValue>], metric: Metric) -> Numbers {
    let score = |draw: &Vec<MetricValue>| {
        let value = draw.iter().find(|value| value.metric == metric).and_then(MetricValue::finite);
        value.unwrap_or(f64::NEG_INFINITY)
    };
    let best = draws.iter().reduce(|best, draw| if score(draw) > score(best) { draw } else { best });
    best.map(|draw| numbers(draw)).unwrap_or_default()
}

/// In-sample value less out-of-sample value.
fn gap(run: &EvaluatedRun) -> Numbers {
    let differences = run.in_sample.iter().zip(&run.fresh).map(|(inside, outside)| {
        let difference = inside.finite().zip(outside.finite()).map(|(inside, outside)| inside - outside);
        (inside.metric.name(), difference)
    });
    differences.collect()
}

/// What tables show of trading.
const TRADING: [&str; 4] = ["arbitrages", "fee income", "arbitrage loss, gross", "arbitrage loss, net"];

impl EvaluatedRun {
    /// Cells of [`TRADING`]; amounts in percent of the deposit.
    fn trading_cells(&self) -> Vec<(&'static str, String)> {
        let Some(trading) = &self.trading else { return TRADING.map(|name| (name, "-".to_owned())).to_vec() };
        let amounts = [trading.fee_income, trading.arbitrage_loss_gross, trading.arbitrage_loss_net];
        let amounts = amounts.map(|amount| judgement::percent(amount / self.initial_value));
        TRADING.into_iter().zip(std::iter::once(trading.arbitrages.to_string()).chain(amounts)).collect()
    }

    fn document(&self) -> Value {
        let parts = [("fresh", &self.fresh), ("continued", &self.continued), ("in_sample", &self.in_sample)];
        let mut document = json!({ "source": self.source });
        let mut reasons = json!({});
        let mut non_finite = Vec::new();
        for (name, values) in parts {
            document[name] = json!(numbers(values));
            reasons[name] = json!(gradpool_metrics::reasons(values));
            non_finite.extend(judgement::non_finite(name, values));
        }
        document["gap"] = json!(gap(self));
        document["trading"] = json!(self.trading);
        document["in_sample_period"] = json!(self.training);
        document["reasons"] = reasons;
        document["non_finite"] = json!(non_finite);
        document
    }
}

impl Evaluation {
    /// The document of `--json`.
    pub fn document(&self) -> Value {
        json!({
            "period": self.period,
            "sample": self.sample,
            "objective": self.objective.name(),
            "runs": self.runs.iter().map(EvaluatedRun::document).collect::<Vec<_>>(),
            "against": self.against.iter().map(|(name, numbers)| ((*name).to_owned(), json!(numbers))).collect::<Value>(),
            "note": self.note,
        })
    }

    /// The table for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {} - {}", self.period.name, self.period.text(), self.sample.text())];
        let mut training: Vec<String> = self.runs.iter().map(|run| run.training.text()).collect();
        training.dedup();
        lines.push(format!("in sample: {}", training.join("; ")));
        lines.push(format!("objective: {}", self.objective.name()));
        lines.push(String::new());
        let table = match self.runs.as_slice() {
            [run] => self.table_of_one(run),
            runs => self.table_of_several(runs),
        };
        lines.extend(judgement::table(&table));
        lines.push(String::new());
        if self.against.iter().any(|(name, _)| *name == "random_best") {
            lines.push(format!(
                "random: mean of {} untrained draws; random_best: the one of them that did best, in hindsight",
                crate::benchmarks::RANDOM_DRAWS
            ));
        }
        lines.push(self.note.clone());
        lines
    }

    /// One row per metric.
    fn table_of_one(&self, run: &EvaluatedRun) -> Vec<Vec<String>> {
        let columns = [numbers(&run.fresh), numbers(&run.continued), numbers(&run.in_sample), gap(run)];
        let heading = ["", "fresh", "continued", "in sample", "gap"].into_iter();
        let heading = heading.chain(self.against.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
        let columns: Vec<&Numbers> = columns.iter().chain(self.against.iter().map(|(_, numbers)| numbers)).collect();
        let row = |metric: Metric| {
            let cells = columns.iter().map(|column| cell(metric, column));
            std::iter::once(metric.name().to_owned()).chain(cells).collect()
        };
        let trading = run.trading_cells().into_iter().map(|(name, cell)| vec![name.to_owned(), cell]);
        std::iter::once(heading).chain(shown(self.objective).into_iter().map(row)).chain(trading).collect()
    }

    /// One row per source and benchmark.
    fn table_of_several(&self, runs: &[EvaluatedRun]) -> Vec<Vec<String>> {
        let objective = self.objective;
        let columns = [Metric::Returns, Metric::ReturnsOverUniformHodl, Metric::MaximumDrawdown];
        // Of the objective; the metrics after them are those of a fresh deposit.
        let of_objective = [objective.name(), "continued", "in sample", "gap"].map(str::to_owned);
        let names = columns.iter().map(|metric| metric.name().to_owned());
        let trading = TRADING.map(str::to_owned);
        let heading = std::iter::once(String::new()).chain(of_objective).chain(names).chain(trading).collect();
        let of_run = |run: &EvaluatedRun| {
            let fresh = numbers(&run.fresh);
            let others = [numbers(&run.continued), numbers(&run.in_sample), gap(run)];
            let first = [run.source.clone(), cell(objective, &fresh)].into_iter();
            let others = others.iter().map(|numbers| cell(objective, numbers));
            let columns = columns.iter().map(|metric| cell(*metric, &fresh));
            let trading = run.trading_cells().into_iter().map(|(_, cell)| cell);
            first.chain(others).chain(columns).chain(trading).collect()
        };
        let of_benchmark = |(name, numbers): &(&'static str, Numbers)| {
            let first = [(*name).to_owned(), cell(objective, numbers), String::new(), String::new(), String::new()];
            first.into_iter().chain(columns.iter().map(|metric| cell(*metric, numbers))).collect()
        };
        std::iter::once(heading).chain(runs.iter().map(of_run)).chain(self.against.iter().map(of_benchmark)).collect()
    }
}
