//! `gradpool rules`: the rules that a pool can have, and their parameters.

use std::sync::Arc;

use clap::Args;
use gradpool_strategy::rules::{self, Covariance, RuleOptions};
use gradpool_strategy::{InitialSettings, LeafShape, LeafSpec, OutputKind, Rule, StrategySettings};
use serde::Serialize;
use serde_json::Value;

use crate::EXIT_DONE;
use crate::config::nearest_name;
use crate::config::pool::COMPOSITE;
use crate::leaf_nesting::LeafTable;
use crate::output::{Hinted, Output};
use crate::rule::of_market_caps;

/// Assets of the pool whose starting values are shown.
const ASSETS: [&str; 3] = ["BTC", "ETH", "LTC"];

/// Arguments of `gradpool rules`.
#[derive(Debug, Args)]
#[command(after_help = "\
A rule is named by `pool.rule`. Starting values are those of the default `[initial]` section with three assets and
one update a day. The rule \"composite\" blends others, see `pool.blend`; any rule can be an ensemble of copies, see
`pool.ensemble`.

Examples:
  gradpool rules
  gradpool rules mean_reversion_channel
  gradpool rules --json")]
pub struct RulesArguments {
    /// Rule to show with its parameters
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    rules: Vec<RuleEntry>,
}

/// A rule, for people and programs.
#[derive(Debug, Serialize)]
struct RuleEntry {
    name: String,
    summary: String,
    output: &'static str,
    paths: Vec<&'static str>,
    needs_market_caps: bool,
    parameters: Vec<ParameterEntry>,
}

#[derive(Debug, Serialize)]
struct ParameterEntry {
    name: String,
    /// Lengths of nested lists per set, outermost first; `"assets"` is the number of assets.
    shape: Vec<Value>,
    range: (f64, f64),
    /// Starting value; absent from a starting point: null.
    default: Value,
    /// `required`, `optional`, or `one of` the parameters of a group.
    needed: String,
    /// The key that the parameter needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    only_with: Option<&'static str>,
    meaning: &'static str,
}

/// Prints the rules, or one of them.
///
/// # Errors
/// If there is no such rule, or stdout cannot be written.
pub fn run(arguments: &RulesArguments, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let mut entries = entries()?;
    if let Some(name) = &arguments.rule {
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        entries.retain(|entry| entry.name == *name);
        if entries.is_empty() {
            return Err(unknown(name, &names).into());
        }
    }
    if output.json {
        output.document(&Document { rules: entries })?;
        return Ok(EXIT_DONE);
    }
    let lines = match (&arguments.rule, entries.as_slice()) {
        (Some(_), [entry]) => details(entry),
        _ => overview(&entries),
    };
    for line in lines {
        output.data(line)?;
    }
    Ok(EXIT_DONE)
}

fn unknown(name: &str, names: &[String]) -> Hinted {
    if name == COMPOSITE {
        let hint = "its parameters are those of the rules in `pool.blend`, as `name.parameter`, and mixture_logits";
        return Hinted::new("a composite has no parameters of its own to show", hint);
    }
    let nearest = nearest_name(name, names.iter().map(String::as_str));
    let hint = nearest.map_or_else(
        || format!("available rules: {}", names.join(", ")),
        |nearest| format!("did you mean {nearest:?}?"),
    );
    Hinted::new(format!("there is no rule {name:?}"), hint)
}

/// Every registered rule with all that its options can add.
fn entries() -> anyhow::Result<Vec<RuleEntry>> {
    let full = RuleOptions { covariance: Covariance::Full, ..RuleOptions::default() };
    let plain = rules::all(&RuleOptions::default());
    plain.iter().zip(rules::all(&full)).map(|(rule, full)| entry(rule, full.as_ref())).collect()
}

/// `full` is the same rule with `pool.covariance = "full"`.
fn entry(rule: &Arc<dyn Rule>, full: &dyn Rule) -> anyhow::Result<RuleEntry> {
    let assets = ASSETS.map(str::to_owned);
    let settings = StrategySettings::daily(assets.len(), 1440.0);
    let start = InitialSettings::default().values(full, &settings)?;
    let own = [rule.leaves().as_slice(), rule.initial_leaves()].concat();
    let all: Vec<LeafSpec> = [full.leaves().as_slice(), full.initial_leaves()].concat();
    let start = LeafTable::new(&all, 1, &assets).nest(&start);
    let is_new = |leaf: &LeafSpec| own.iter().all(|known| known.name != leaf.name);
    let parameter = |leaf: &LeafSpec| ParameterEntry {
        name: leaf.name.to_string(),
        shape: shape(leaf.shape),
        range: leaf.range,
        default: start.get(leaf.name.as_ref()).cloned().unwrap_or_default(),
        needed: needed(leaf, &all),
        only_with: is_new(leaf).then_some("pool.covariance = \"full\""),
        meaning: leaf.meaning,
    };
    let vectorized = rule.supports_vectorized().then_some(&["vectorized"][..]);
    let sequential = rule.supports_scan().then_some(&["scan", "stream"][..]);
    Ok(RuleEntry {
        name: rule.name().to_owned(),
        summary: rule.summary().to_owned(),
        output: match rule.output_kind() {
            OutputKind::Change => "change",
            OutputKind::Constant => "constant",
            OutputKind::Target => "target",
        },
        paths: [vectorized, sequential].into_iter().flatten().flatten().copied().collect(),
        needs_market_caps: of_market_caps(Arc::clone(rule))?,
        parameters: all.iter().map(parameter).collect(),
    })
}

fn shape(shape: LeafShape) -> Vec<Value> {
    match shape {
        LeafShape::PerAsset => vec!["assets".into()],
        LeafShape::Rows(rows) => vec![rows.into(), "assets".into()],
        LeafShape::Values(1) => Vec::new(),
        LeafShape::Values(values) => vec![values.into()],
    }
}

fn needed(leaf: &LeafSpec, all: &[LeafSpec]) -> String {
    let Some(group) = &leaf.group else { return "optional".to_owned() };
    let names: Vec<&str> =
        all.iter().filter(|other| other.group.as_ref() == Some(group)).map(|other| other.name.as_ref()).collect();
    if names.len() == 1 { "required".to_owned() } else { format!("one of {}", names.join(", ")) }
}

fn overview(entries: &[RuleEntry]) -> Vec<String> {
    let heading = ["rule", "output", "paths", "what it does"].map(str::to_owned).to_vec();
    let row = |entry: &RuleEntry| {
        let data = if entry.needs_market_caps { " (needs `data.market_caps`)" } else { "" };
        let summary = format!("{}{data}", entry.summary);
        vec![entry.name.clone(), entry.output.to_owned(), entry.paths.join(", "), summary]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(entries.iter().map(row)).collect();
    let mut lines = left_aligned(&rows);
    lines.push(String::new());
    lines.push(
        "`gradpool rules RULE` shows the parameters of a rule. \"composite\" blends rules (`pool.blend`).".to_owned(),
    );
    lines
}

fn details(entry: &RuleEntry) -> Vec<String> {
    let output = match entry.output {
        "change" => "changes of weights",
        "constant" => "none: nothing moves the weights, if the pool has any",
        _ => "weights to move toward",
    };
    let data = if entry.needs_market_caps { "prices and market capitalisation (`data.market_caps`)" } else { "prices" };
    let mut lines = vec![
        format!("{}: {}", entry.name, entry.summary),
        format!("output  {output}"),
        format!("paths   {}", entry.paths.join(", ")),
        format!("data    {data}"),
        String::new(),
    ];
    let heading = ["parameter", "shape", "start", "usual range", "meaning"].map(str::to_owned).to_vec();
    let row = |parameter: &ParameterEntry| {
        let only = parameter.only_with.map(|key| format!("; only with {key}")).unwrap_or_default();
        let (low, high) = parameter.range;
        vec![
            parameter.name.clone(),
            shape_text(&parameter.shape),
            start_text(&parameter.default),
            format!("{low} .. {high}"),
            format!("{} ({}{only})", parameter.meaning, parameter.needed),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(entry.parameters.iter().map(row)).collect();
    lines.extend(left_aligned(&rows));
    lines
}

fn shape_text(shape: &[Value]) -> String {
    let lengths = shape.iter().map(|length| length.as_str().map_or_else(|| length.to_string(), str::to_owned));
    let text = lengths.collect::<Vec<_>>().join(" x ");
    if text.is_empty() { "number".to_owned() } else { text }
}

/// The numbers of a starting value: one where all are the same.
fn start_text(value: &Value) -> String {
    match value {
        Value::Array(entries) => {
            let texts: Vec<String> = entries.iter().map(start_text).collect();
            if texts.windows(2).all(|pair| pair[0] == pair[1]) { texts[0].clone() } else { texts.join(", ") }
        }
        Value::Number(number) => number.as_f64().map_or_else(String::new, |number| format!("{:.4}", number + 0.0)),
        _ => "-".to_owned(),
    }
}

/// Lines of a table of text.
fn left_aligned(rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
