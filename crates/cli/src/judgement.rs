//! Metrics as users see them: which of them a table shows, how, and what is said where one has no value.

use std::collections::BTreeMap;

use gradpool_metrics::{Metric, MetricValue};

use crate::describe;
use crate::output::Output;
use crate::setup::Setup;

/// Metrics that tables show, besides the objective; `--json` has all.
pub const SHOWN: [Metric; 9] = [
    Metric::DailyLogSharpe,
    Metric::DailySharpe,
    Metric::Returns,
    Metric::AnnualisedReturns,
    Metric::ReturnsOverHodl,
    Metric::ReturnsOverUniformHodl,
    Metric::MaximumDrawdown,
    Metric::Ulcer,
    Metric::Calmar,
];

/// Metrics by name; `None` where there is no number.
pub type Numbers = BTreeMap<&'static str, Option<f64>>;

/// Metrics of one series.
pub fn numbers(values: &[MetricValue]) -> Numbers {
    values.iter().map(|value| (value.metric.name(), value.finite())).collect()
}

/// Names of the metrics without a number, each after `prefix.`.
pub fn non_finite<'a>(prefix: &'a str, values: &'a [MetricValue]) -> impl Iterator<Item = String> + 'a {
    values.iter().filter(|value| value.finite().is_none()).map(move |value| format!("{prefix}.{}", value.metric))
}

/// The metrics that a table shows: the objective, then the others.
pub fn shown(objective: Metric) -> Vec<Metric> {
    std::iter::once(objective).chain(SHOWN.into_iter().filter(|metric| *metric != objective)).collect()
}

/// A cell of a table: a fraction in percent, a ratio or an amount as it is, `-` where there is no number.
pub fn cell(metric: Metric, numbers: &Numbers) -> String {
    let Some(value) = numbers.get(metric.name()).copied().flatten() else { return "-".to_owned() };
    let is_ratio = ["sharpe", "calmar", "sterling", "raroc", "rovar"].iter().any(|part| metric.name().contains(part));
    match metric {
        Metric::FinalValue => fixed(value, 2),
        _ if is_ratio => fixed(value, 3),
        _ => percent(value),
    }
}

/// A fraction in percent.
pub fn percent(fraction: f64) -> String {
    fixed(100.0 * fraction, 2) + " %"
}

/// A number with so many digits, and no sign in front of a zero.
fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let is_zero = text.chars().all(|character| matches!(character, '-' | '0' | '.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// Lines of a table with indented rows.
pub fn table(rows: &[Vec<String>]) -> impl Iterator<Item = String> {
    describe::table(rows).into_iter().map(|line| format!("  {line}"))
}

/// Warns of shown metrics that have no value over a period, and why.
pub fn warn_of_undefined(period: &str, values: &[MetricValue], objective: Metric, output: &mut Output<'_>) {
    let shown = shown(objective);
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for value in values.iter().filter(|value| shown.contains(&value.metric)) {
        let Some(reason) = value.reason.as_deref() else { continue };
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(value.metric.name()),
            None => by_reason.push((reason, vec![value.metric.name()])),
        }
    }
    for (reason, names) in by_reason {
        output.warn(format!("{period}: no value for {}: {reason}", names.join(", ")));
    }
}

/// What the numbers are those of.
pub fn note(setup: &Setup) -> String {
    format!("pool: {}", describe::pool(setup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_percentages_and_ratios_are_not() {
        let cell = |metric: Metric, value| cell(metric, &Numbers::from([(metric.name(), value)]));
        assert_eq!(cell(Metric::Returns, Some(-0.125)), "-12.50 %");
        assert_eq!(cell(Metric::Returns, Some(-1e-17)), "0.00 %");
        assert_eq!(cell(Metric::DailySharpe, Some(1.5)), "1.500");
        assert_eq!(cell(Metric::FinalValue, Some(1e6)), "1000000.00");
        assert_eq!(cell(Metric::Calmar, None), "-");
    }
}
