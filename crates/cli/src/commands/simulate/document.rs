//! The JSON document of a simulation.

use gradpool_metrics::{Metric, MetricValue, MetricValues};
use gradpool_ops::arbitrage::Trading;
use gradpool_strategy::ParameterValues;
use serde::Serialize;
use serde_json::{Map, Value};

use super::gradients::Shapes;
use crate::setup::Setup;
use crate::simulation::{ComputedBy, Simulated, Simulation};

/// What `simulate --json` prints. Numbers that are not finite are null and named in `non_finite`.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) final_value: f64,
    pub(super) initial_value: f64,
    pub(super) final_reserves: Vec<f64>,
    pub(super) tokens: &'a [String],
    pub(super) n_steps: usize,
    pub(super) path: &'static str,
    metrics: MetricValues<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trading: Option<Trading>,
    gradients: Map<String, Value>,
    non_finite: Vec<String>,
    #[serde(skip)]
    pub(super) first_weights: Vec<f64>,
    #[serde(skip)]
    pub(super) last_weights: Vec<f64>,
}

impl<'a> Document<'a> {
    /// Everything but gradients.
    pub(super) fn new(
        setup: &'a Setup,
        simulation: &Simulation<'_>,
        simulated: &Simulated,
        way: ComputedBy,
        metrics: &'a [MetricValue],
        trading: Option<Trading>,
    ) -> Self {
        let tokens = setup.prices.assets();
        let last = |numbers: &[f64]| numbers[numbers.len() - tokens.len()..].to_vec();
        let mut document = Self {
            final_value: simulated.values[simulation.rows() - 1],
            initial_value: setup.experiment.pool().settings().initial_value,
            final_reserves: last(&simulated.reserves),
            tokens,
            n_steps: simulation.rows(),
            path: way.name(),
            metrics: MetricValues(metrics),
            trading,
            gradients: Map::new(),
            non_finite: Vec::new(),
            first_weights: simulated.weights[..tokens.len()].to_vec(),
            last_weights: last(&simulated.weights),
        };
        if !document.final_value.is_finite() {
            document.non_finite.push("final_value".to_owned());
        }
        let reserves = document.final_reserves.iter().zip(tokens).filter(|(reserve, _)| !reserve.is_finite());
        document.non_finite.extend(reserves.map(|(_, token)| format!("final_reserves.{token}")));
        // The metric of that name is the number above.
        let metrics = metrics.iter().filter(|value| value.finite().is_none() && value.metric != Metric::FinalValue);
        document.non_finite.extend(metrics.map(|value| value.metric.name().to_owned()));
        document
    }

    /// The same with gradients.
    pub(super) fn with_gradients(mut self, gradients: &[(Metric, ParameterValues)], shapes: &Shapes) -> Self {
        for (metric, gradient) in gradients {
            self.gradients.insert(metric.name().to_owned(), shapes.nest(gradient).into());
            let broken = gradient.leaves.iter().filter(|(_, numbers)| numbers.iter().any(|number| !number.is_finite()));
            self.non_finite.extend(broken.map(|(leaf, _)| format!("gradients.{metric}.{leaf}")));
        }
        self
    }
}
