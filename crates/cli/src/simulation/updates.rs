//! What happened at each update of the weights.

use gradpool_strategy::{Compatibility, StrategySettings};

use super::{ComputedBy, Simulation, to_host};

/// Per update of the simulated rows, in order: everything `[updates, assets]`, row-major. With a change rule the first
/// update interval holds the initial weights, so the first update is where the second one begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updates {
    /// What the rule said.
    pub outputs: Vec<f64>,
    /// Weights at which the ramp starts.
    pub starts: Vec<f64>,
    /// Change per row while the ramp lasts, after the cap.
    pub changes: Vec<f64>,
    /// Where the rule wanted to go, before the cap.
    pub targets: Vec<f64>,
}

impl Simulation<'_> {
    /// The updates: rule outputs computed in the given way, the rest from them on the host.
    ///
    /// # Errors
    /// As [`Simulation::run`].
    pub fn updates(&self, way: ComputedBy) -> anyhow::Result<Updates> {
        let strategy = self.setup.strategy();
        let assets = strategy.settings().assets;
        let first = strategy.first_output(&self.windows(), self.rows.start)?;
        let last = first + strategy.ramps(self.rows.len());
        let outputs = match way {
            ComputedBy::Stream => self.streamed_outputs(last)?,
            ComputedBy::Vectorized | ComputedBy::Scan => {
                let history = self.setup.experiment.history();
                to_host(self.pool_computed_by(way)?.rule_outputs(history, &self.parameters()?)?)?
            }
        };
        let mut updates = Updates { outputs: outputs[first * assets..last * assets].to_vec(), ..Updates::default() };
        // From given outputs on, there is nothing left to look ahead at.
        let compatibility = Compatibility { min_variance_lookahead: false, ..strategy.settings().compatibility };
        let settings = StrategySettings { compatibility, ..strategy.settings().clone() };
        let strategy = strategy.with_settings(settings)?.streaming(self.values)?;
        let Some(mut state) = strategy.initial_guardrail_state(updates.outputs.get(..assets)) else {
            return Ok(updates);
        };
        for output in updates.outputs.chunks_exact(assets) {
            let step = strategy.coarse_step(&mut state, output);
            updates.starts.extend(step.start);
            updates.changes.extend(step.change);
            updates.targets.extend(step.target);
        }
        Ok(updates)
    }

    /// The first `count` rule outputs of the history, one coarse price row after another.
    fn streamed_outputs(&self, count: usize) -> anyhow::Result<Vec<f64>> {
        let strategy = self.setup.strategy().streaming(self.values)?;
        let interval = self.setup.strategy().settings().update_interval_rows;
        let mut state = strategy.initial_rule_state(self.observation(0));
        let updates =
            (1..=count).flat_map(|update| strategy.rule_output(&mut state, self.observation(update * interval)));
        Ok(updates.collect())
    }
}
