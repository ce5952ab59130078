//! A simulation for people.

use gradpool_metrics::{Metric, MetricValue};
use gradpool_strategy::ParameterValues;

use super::document::Document;
use crate::describe::{self, number, table};
use crate::setup::Setup;

/// The lines of the report.
pub(super) fn lines(
    setup: &Setup,
    document: &Document<'_>,
    metrics: &[MetricValue],
    gradients: &[(Metric, ParameterValues)],
    period: &str,
) -> Vec<String> {
    let mut lines = vec![
        format!("period         {period}"),
        format!("pool           {}", describe::pool(setup)),
        format!("weights        computed by {}", document.path),
        format!("initial value  {}", number(document.initial_value)),
        format!("final value    {}", number(document.final_value)),
        String::new(),
    ];
    let mut assets = vec![["asset", "first weight", "last weight", "last reserves"].map(str::to_owned).to_vec()];
    for (index, token) in document.tokens.iter().enumerate() {
        let numbers = [&document.first_weights, &document.last_weights, &document.final_reserves];
        assets.push(labelled(token, numbers.map(|numbers| numbers[index])));
    }
    lines.extend(table(&assets));
    lines.push(String::new());
    if let Some(trading) = &document.trading {
        lines.extend(table(&describe::trading(trading)));
        lines.push(String::new());
    }
    let figures: Vec<_> = metrics.iter().map(|value| labelled(value.metric.name(), [value.value])).collect();
    lines.extend(table(&figures).into_iter().zip(metrics).map(|(line, value)| match &value.reason {
        Some(reason) => format!("{line}  ({reason})"),
        None => line,
    }));
    for (metric, gradient) in gradients {
        lines.extend([String::new(), format!("gradient of {metric} ({})", document.tokens.join(", "))]);
        let leaves = gradient.leaves.iter().map(|(leaf, numbers)| labelled(leaf, numbers.iter().copied()));
        lines.extend(table(&leaves.collect::<Vec<_>>()));
    }
    lines
}

fn labelled(label: &str, numbers: impl IntoIterator<Item = f64>) -> Vec<String> {
    std::iter::once(label.to_owned()).chain(numbers.into_iter().map(number)).collect()
}
