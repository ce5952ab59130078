//! Pools that run on chain: which strategies can, and their weights as the contracts store and run them (spec 13 sec. 6 to 8).

use burn::tensor::Tensor;
use gradpool_ops::execution::{Executed, ExecutionSettings, MOST_ASSETS, execution, weights_of_runs};
use gradpool_ops::guardrails::GuardrailInputs;

use crate::error::StrategyError;
use crate::parameters::ParameterSets;
use crate::rule::Rule;
use crate::settings::{Compatibility, Execution, Interpolation, StrategySettings};
use crate::strategy::{CoarsePath, Strategy, Windows};

/// Smallest guard rail that the factory accepts (spec 13 sec. 9).
pub const SMALLEST_GUARD_RAIL: f64 = 0.01;

impl StrategySettings {
    /// Largest change of any weight per update of a pool on chain: as given, or the largest change per row times the rows of
    /// the interpolation (spec 13 sec. 12.2), at most 1. `None` for an ideal pool.
    pub fn epsilon_max(&self) -> Option<f64> {
        match self.execution {
            Execution::Ideal => None,
            Execution::OnChain { epsilon_max } => {
                Some(epsilon_max.unwrap_or(self.maximum_change_per_row * self.interpolation_rows as f64).min(1.0))
            }
        }
    }

    /// What the contracts of a pool on chain are deployed with; `None` for an ideal pool.
    pub fn execution_settings(&self) -> Option<ExecutionSettings> {
        Some(ExecutionSettings {
            minimum_weight: self.minimum_weight,
            largest_change: self.epsilon_max()?,
            interval_seconds: self.seconds(self.interpolation_rows) as u32,
            elapsed_seconds: self.seconds(self.update_interval_rows) as u32,
            straight_through_limits: self.straight_through_limits,
            straight_through_cap: self.straight_through_cap,
        })
    }

    fn seconds(&self, rows: usize) -> f64 {
        let seconds = rows as f64 * self.step_min * 60.0;
        let whole = seconds.round();
        if (seconds - whole).abs() < 1e-6 { whole } else { seconds }
    }
}

fn refuse(key: &str, value: impl ToString, valid: impl Into<String>) -> Result<(), StrategyError> {
    Err(StrategyError::Setting { key: key.to_owned(), value: value.to_string(), valid: valid.into() })
}

/// Checks that contracts could have been deployed with these settings.
pub(crate) fn validate(settings: &StrategySettings) -> Result<(), StrategyError> {
    if settings.assets > MOST_ASSETS {
        return refuse("assets", settings.assets, format!("at most {MOST_ASSETS} on chain"));
    }
    if settings.interpolation != Interpolation::Linear {
        return refuse("interpolation", "not linear", "linear: contracts move weights along lines");
    }
    if settings.bounds.is_some() {
        return refuse("bounds", "given", "absent: contracts have no bounds per asset");
    }
    if settings.alternative_decay {
        return refuse("alternative_decay", "true", "false: contracts have one decay per asset");
    }
    if settings.compatibility != Compatibility::default() {
        return refuse("compatibility", "given", "absent: contracts do not have these defects");
    }
    if settings.minimum_weight < SMALLEST_GUARD_RAIL {
        let valid = format!("at least {SMALLEST_GUARD_RAIL} on chain (the factory refuses less: INV_ABSWGT)");
        return refuse("minimum_weight", settings.minimum_weight, valid);
    }
    if let Execution::OnChain { epsilon_max: Some(epsilon_max) } = settings.execution
        && !(f64::MIN_POSITIVE..=1.0).contains(&epsilon_max)
    {
        return refuse("epsilon_max", epsilon_max, "above 0 and at most 1 (the factory refuses others: INV_EPMX)");
    }
    for (key, rows) in
        [("update_interval", settings.update_interval_rows), ("interpolation", settings.interpolation_rows)]
    {
        let seconds = settings.seconds(rows);
        if seconds.fract() != 0.0 || !(1.0..=f64::from(u32::MAX)).contains(&seconds) {
            return refuse(key, format!("{seconds} seconds"), "a whole number of seconds on chain");
        }
    }
    Ok(())
}

/// Checks that there is a contract of the rule.
pub(crate) fn check_rule(rule: &dyn Rule, settings: &StrategySettings) -> Result<(), StrategyError> {
    if settings.execution.is_on_chain() && !rule.has_contract() {
        let valid = "one that has a contract: momentum, anti_momentum, power_channel, mean_reversion_channel, \
                     difference_momentum, or min_variance without covariances";
        return refuse("rule", rule.name(), valid);
    }
    Ok(())
}

/// Weights as shares: divided by their sum, which the contracts' cuts take off one.
pub(crate) fn shares(weights: Tensor<3>) -> Tensor<3> {
    weights.clone() / weights.sum_dim(2)
}

impl Strategy {
    /// Weights of a pool on chain as its contracts have them, and how long they run after each update; `None` for an ideal
    /// pool. `outputs` are those of [`Strategy::rule_outputs`].
    ///
    /// A window begins with the pool's creation at the initial weights; the first update comes one update interval later.
    ///
    /// # Errors
    /// As [`Strategy::coarse_weights`].
    pub fn executed(
        &self,
        parameters: &ParameterSets,
        outputs: Tensor<3>,
        windows: &Windows,
    ) -> Result<Option<Executed>, StrategyError> {
        let Some(settings) = self.settings().execution_settings() else { return Ok(None) };
        let first_outputs = self.first_outputs(&outputs, windows)?;
        let (inputs, updates) = (self.moves(parameters, outputs, windows, true), self.ramps(windows.rows));
        Ok(Some(execution(GuardrailInputs { bounds: None, ..inputs }, &first_outputs, updates, &settings)))
    }

    /// Shares at the starts of update intervals; at every row where a run ends inside an interval.
    pub(crate) fn executed_path(&self, executed: Executed) -> CoarsePath {
        let settings = self.settings();
        let rows = settings.update_interval_rows;
        let positions = shares(executed.weights);
        let run_rows = executed.run_seconds * (1.0 / (settings.step_min * 60.0));
        let [batch, updates] = run_rows.dims();
        let ends_inside =
            rows > 1 && run_rows.to_data().convert::<f64>().iter::<f64>().any(|run_rows| run_rows < rows as f64 - 1e-9);
        if !ends_inside {
            return CoarsePath { positions, block_rows: rows, ramp_rows: rows, constant_first_block: true };
        }
        let [_, _, assets] = positions.dims();
        debug_assert!(updates > 0);
        let held = positions.clone().slice([0..batch, 0..1, 0..assets]).expand([batch, rows, assets]);
        let moving = weights_of_runs(positions, run_rows, rows);
        let positions = Tensor::cat(vec![held, moving], 1);
        CoarsePath { positions, block_rows: 1, ramp_rows: 1, constant_first_block: false }
    }
}
