//! `--gradients NAME,..`: how metrics change with the parameters.

use std::collections::BTreeMap;
use std::path::Path;

use gradpool_metrics::{Metric, MetricError};
use gradpool_strategy::ParameterValues;
use serde_json::{Map, Value};

use crate::output::Hinted;
use crate::setup::Setup;
use crate::simulation::Simulation;

/// The metrics of these names.
pub(super) fn parse(names: &[String]) -> anyhow::Result<Vec<Metric>> {
    let parse = |name: &String| {
        Metric::parse(name.trim()).map_err(|error| match error {
            MetricError::UnknownName { name, nearest } => Hinted::new(
                format!("`--gradients` names the unknown metric `{name}`"),
                format!("did you mean `{nearest}`?"),
            )
            .into(),
            other => anyhow::Error::from(other),
        })
    };
    names.iter().map(parse).collect()
}

/// The gradient of every metric over the simulated rows; frozen leaves have zeros.
pub(super) fn compute(
    setup: &Setup,
    simulation: &Simulation<'_>,
    metrics: &[Metric],
) -> anyhow::Result<Vec<(Metric, ParameterValues)>> {
    let parameters = simulation.parameters()?;
    let gradient = |&metric: &Metric| {
        let found = setup.experiment.gradient(&parameters, metric, &simulation.windows())?;
        Ok((metric, found.gradient.to_values().swap_remove(0)))
    };
    metrics.iter().map(gradient).collect()
}

/// How numbers nest in each leaf of the file that parameters came from.
#[derive(Debug, Default)]
pub(super) struct Shapes(BTreeMap<String, Value>);

impl Shapes {
    /// Reads a JSON file; leaves of checkpoints have no shape of their own and become lists.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let is_checkpoint = path.is_dir() || path.extension().is_some_and(|extension| extension == "safetensors");
        if is_checkpoint {
            return Ok(Self::default());
        }
        let mut leaves: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(path)?)?;
        if let Some(Value::Object(inner)) = leaves.remove("params") {
            leaves = inner.into_iter().collect();
        }
        Ok(Self(leaves))
    }

    /// The leaves of a gradient in the shapes of the parameters; numbers that are not finite become null.
    pub(super) fn nest(&self, gradient: &ParameterValues) -> Map<String, Value> {
        let nested = |(leaf, numbers): (&String, &Vec<f64>)| {
            let mut numbers = numbers.iter().copied();
            let value = match self.0.get(leaf) {
                Some(template) => nest_like(template, &mut numbers),
                None => numbers.collect(),
            };
            (leaf.clone(), value)
        };
        gradient.leaves.iter().map(nested).collect()
    }
}

fn nest_like(template: &Value, numbers: &mut impl Iterator<Item = f64>) -> Value {
    match template {
        Value::Array(items) => items.iter().map(|item| nest_like(item, numbers)).collect(),
        _ => numbers.next().map_or(Value::Null, Value::from),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn gradients_have_the_shapes_of_the_parameters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("params.json");
        std::fs::write(&path, r#"{"params": {"a": 1, "b": [1], "c": [[1, 2]]}}"#).unwrap();
        let gradient =
            ParameterValues::new([("a", vec![0.5]), ("b", vec![0.25]), ("c", vec![1.0, f64::NAN]), ("d", vec![2.0])]);
        let nested = Shapes::of(&path).unwrap().nest(&gradient);
        assert_eq!(Value::from(nested), json!({"a": 0.5, "b": [0.25], "c": [[1.0, null]], "d": [2.0]}));
    }
}
