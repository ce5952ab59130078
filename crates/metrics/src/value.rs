//! Metrics on the host, with a reason wherever one has no number.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{decisive, error::MetricError, formula::Formula, metric::Metric, series::SeriesInputs};

/// A metric of one series. Serialises as a number, or null if it is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricValue {
    /// Which figure.
    pub metric: Metric,
    /// The figure; NaN or infinite where the series does not define it.
    pub value: f64,
    /// Why the value is not finite; `None` if it is.
    pub reason: Option<String>,
}

impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.finite().serialize(serializer)
    }
}

impl MetricValue {
    /// The value if it is a number; selections and means must not see others (spec T5.9).
    pub fn finite(&self) -> Option<f64> {
        self.value.is_finite().then_some(self.value)
    }
}

/// Metrics of one series as a map from name to number or null, in the order given.
#[derive(Clone, Copy, Debug)]
pub struct MetricValues<'a>(pub &'a [MetricValue]);

impl Serialize for MetricValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for value in self.0 {
            map.serialize_entry(value.metric.name(), value)?;
        }
        map.end()
    }
}

/// The reasons of those values that are not finite, by metric name.
pub fn reasons(values: &[MetricValue]) -> BTreeMap<&'static str, &str> {
    values.iter().filter_map(|value| Some((value.metric.name(), value.reason.as_deref()?))).collect()
}

/// Every metric of every series: outer index batch entry, inner index metric. No graph is built.
///
/// # Errors
/// As [`Metric::evaluate`].
pub fn evaluate_all(metrics: &[Metric], inputs: &SeriesInputs) -> Result<Vec<Vec<MetricValue>>, MetricError> {
    let inputs = inputs.detached();
    inputs.check()?;
    let mut results = vec![Vec::with_capacity(metrics.len()); inputs.values.dims()[0]];
    let mut sampled = None;
    for &metric in metrics {
        let numbers = metric.evaluate(&inputs)?;
        let numbers = decisive::read(&numbers).map_err(|obstacle| obstacle.of(metric))?;
        for (entry, value) in numbers.into_iter().enumerate() {
            let mut reason = None;
            if !value.is_finite() {
                if sampled.is_none() {
                    sampled = Some(decisive::read(&inputs.values).map_err(|obstacle| obstacle.of(metric))?);
                }
                let samples = inputs.sample_rows.len();
                let series = sampled.iter().flat_map(|all: &Vec<f64>| &all[entry * samples..(entry + 1) * samples]);
                reason = Some(diagnose(metric.formula(), &inputs, series, value));
            }
            results[entry].push(MetricValue { metric, value, reason });
        }
    }
    Ok(results)
}

/// Why `value` is not finite, most basic cause first.
fn diagnose<'a>(formula: Formula, inputs: &SeriesInputs, series: impl Iterator<Item = &'a f64>, value: f64) -> String {
    let broken = inputs.sample_rows.iter().zip(series).find(|(_, value)| !value.is_finite());
    if let Some((row, value)) = broken {
        return format!("the value is not finite at row {row} ({value})");
    }
    if let Some(shortage) = formula.shortage(inputs.calendar, inputs.rows) {
        return shortage;
    }
    match formula {
        Formula::RowSharpe | Formula::DailySharpe => "zero variance".to_owned(),
        Formula::Sterling { .. } | Formula::Calmar if value == f64::INFINITY => "no drawdown".to_owned(),
        Formula::ReturnOnRisk { .. }
        | Formula::BlockReturnOnRisk { .. }
        | Formula::BlockReturnOnRiskOfBlocks { .. } => {
            "the value at risk is zero or the annualised return overflows".to_owned()
        }
        Formula::Growth { annualised: true, .. } if value == f64::INFINITY => {
            "the annualised return overflows".to_owned()
        }
        Formula::Growth { .. } => "a reserve, a price or the value they give is zero or not finite".to_owned(),
        _ => format!("the result is {value}"),
    }
}
