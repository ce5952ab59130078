//! Streaming: one price row in, one weight row out, what a keeper runs.
//!
//! The state holds everything between two rows and serialises. The estimators, the guardrails and the interpolation are
//! the same scalar functions that the scan path runs over whole histories, and the signal is the rule's own function on one
//! row, so in `f64` a stream gives the bits of the scan.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::execution::{deployed_weights, execution_update, interpolate_run};
use gradpool_ops::guardrails::{CoarseStep, GuardrailBounds, guardrail_step};
use gradpool_ops::interpolation::interpolate_block;
use serde::{Deserialize, Serialize};

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::{Estimator, EstimatorState, EstimatorStepper, Observation};
use crate::execution::shares;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::OutputKind;
use crate::strategy::Strategy;

/// A strategy with one parameter set, ready to be run row by row.
#[derive(Clone, Debug)]
pub struct StreamingStrategy {
    strategy: Strategy,
    parameters: ParameterSets,
    estimators: Vec<EstimatorStepper>,
    /// What a dynamic fee looks at.
    fee_estimator: Option<EstimatorStepper>,
    initial_weights: Vec<f64>,
    retention: Option<Vec<f64>>,
    /// Lower bounds, then upper ones.
    bounds: Option<Vec<f64>>,
}

/// What the rule remembers: the states of its estimators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    /// In the order of the rule's estimators.
    pub estimators: Vec<EstimatorState>,
}

/// What the guardrails remember: the weights that the last ramp ends at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardrailState {
    /// Weights, per asset; on chain those of the contract, which do not sum to one.
    pub weights: Vec<f64>,
}

/// Everything between two price rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamState {
    /// Price rows seen since the first.
    pub rows_seen: usize,
    /// Rows since trading began; `None` during the burn-in.
    pub rows_traded: Option<usize>,
    /// The rule's state; `None` before the first price row.
    pub rule: Option<RuleState>,
    /// The newest rule output, if there is one.
    pub output: Option<Vec<f64>>,
    /// The guardrails' state; `None` before trading began, and for target rules before the first target is known.
    pub guardrail: Option<GuardrailState>,
    /// Weights of the rows of the running update interval.
    pub interval: Vec<Vec<f64>>,
    /// State of the estimator behind a dynamic fee.
    pub fee_estimator: Option<EstimatorState>,
    /// The newest fee that is known, if it is part of the strategy.
    pub next_fee: Option<f64>,
    /// The fee of the running update interval, if it is part of the strategy.
    pub fee_rate: Option<f64>,
}

impl Strategy {
    /// Prepares one parameter set for streaming, in `f64` on the CPU.
    ///
    /// # Errors
    /// Parameters that the rule refuses, or [`StrategyError::UnsupportedPath`] if the strategy cannot run step by step.
    pub fn streaming(&self, values: &ParameterValues) -> Result<StreamingStrategy, StrategyError> {
        if !self.supports_scan() || self.settings().compatibility.min_variance_lookahead {
            let rule = self.rule().name().to_owned();
            return Err(StrategyError::UnsupportedPath { rule, path: "streaming".into() });
        }
        self.check(values)?;
        let parameters = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)?;
        let context = RuleContext::new(&parameters, self.settings());
        let estimators = self.rule().estimators(&context).iter().map(Estimator::stepper).collect();
        let fee_estimator = self.fee_estimator(&context).map(|estimator| estimator.stepper());
        let initial_weights = to_host(context.initial_weights());
        let retention = self.rule().retention(&context).map(to_host);
        let bounds = self.bounds(&context).map(to_host);
        Ok(StreamingStrategy {
            strategy: self.clone(),
            parameters,
            estimators,
            fee_estimator,
            initial_weights,
            retention,
            bounds,
        })
    }
}

/// One row of one set, `[1, 1, width]`.
fn as_row(estimate: Vec<f64>) -> Tensor<3> {
    let shape = [1, 1, estimate.len()];
    Tensor::from_data(TensorData::new(estimate, shape), (&Device::flex(), DType::F64))
}

fn to_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Weights divided by their sum, in the arithmetic of whole histories.
fn shares_of(weights: &[f64]) -> Vec<f64> {
    to_host(shares(as_row(weights.to_vec())))
}

impl StreamingStrategy {
    /// The initial weights, per asset.
    pub fn initial_weights(&self) -> &[f64] {
        &self.initial_weights
    }

    /// State of the rule after the first coarse row.
    ///
    /// # Panics
    /// If the rule needs supplies and the row has none.
    pub fn initial_rule_state<'a>(&self, row: impl Into<Observation<'a>>) -> RuleState {
        let row = row.into();
        RuleState { estimators: self.estimators.iter().map(|stepper| stepper.initial_state(row)).collect() }
    }

    /// Takes one coarse row and returns the rule's output for it.
    ///
    /// # Panics
    /// If the rule needs supplies and the row has none.
    pub fn rule_output<'a>(&self, state: &mut RuleState, row: impl Into<Observation<'a>>) -> Vec<f64> {
        let row = row.into();
        let estimates: Vec<Tensor<3>> = self
            .estimators
            .iter()
            .zip(&mut state.estimators)
            .map(|(stepper, state)| as_row(stepper.step(state, row)))
            .collect();
        let context = RuleContext::new(&self.parameters, self.strategy.settings());
        to_host(self.strategy.rule().signal(&estimates, &context))
    }

    /// State of the guardrails before the first step: the initial weights for change rules, the guarded first target for
    /// target rules (spec 03 sec. 3.3), which know none before there is an `output`. On chain, the initial weights as stored.
    pub fn initial_guardrail_state(&self, output: Option<&[f64]>) -> Option<GuardrailState> {
        if self.strategy.settings().execution.is_on_chain() {
            return Some(GuardrailState { weights: deployed_weights(&self.initial_weights) });
        }
        match self.strategy.rule().output_kind() {
            OutputKind::Change | OutputKind::Constant => Some(GuardrailState { weights: self.initial_weights.clone() }),
            OutputKind::Target => {
                let output = output?;
                let nothing = vec![0.0; output.len()];
                let settings = self.strategy.first_target_settings();
                let step = guardrail_step(&nothing, output, None, self.bounds(), &settings);
                Some(GuardrailState { weights: step.end })
            }
        }
    }

    fn bounds(&self) -> Option<GuardrailBounds<'_>> {
        let (lower, upper) = self.bounds.as_ref()?.split_at(self.strategy.settings().assets);
        Some(GuardrailBounds { lower, upper })
    }

    /// What a rule output adds to the weights that a step keeps.
    fn pull(&self, output: &[f64]) -> Vec<f64> {
        match (self.strategy.rule().output_kind(), &self.retention) {
            (OutputKind::Target, Some(retention)) => {
                output.iter().zip(retention).map(|(target, kept)| target * (1.0 - kept)).collect()
            }
            _ => output.to_vec(),
        }
    }

    /// Where a rule output leads from these weights, before any guardrail.
    pub fn raw_weights(&self, weights: &[f64], output: &[f64]) -> Vec<f64> {
        let kept = |asset: usize| self.retention.as_ref().map_or(1.0, |retention| retention[asset]);
        let pull = self.pull(output);
        weights.iter().zip(pull).enumerate().map(|(asset, (weight, pull))| kept(asset) * weight + pull).collect()
    }

    /// Takes one rule output and returns where the ramp starts, how much it moves per row, and where it was meant to go.
    pub fn coarse_step(&self, state: &mut GuardrailState, output: &[f64]) -> CoarseStep {
        self.ramp(state, output).0
    }

    /// [`StreamingStrategy::coarse_step`] and the rows in which weights move.
    fn ramp(&self, state: &mut GuardrailState, output: &[f64]) -> (CoarseStep, f64) {
        let pull = self.pull(output);
        let (settings, retention) = (self.strategy.settings(), self.retention.as_deref());
        let (step, rows) = if let Some(contract) = settings.execution_settings() {
            let update = execution_update(&state.weights, &pull, retention, &contract);
            let row_seconds = settings.step_min * 60.0;
            let change = update.multiplier.iter().map(|multiplier| multiplier * row_seconds).collect();
            let step = CoarseStep { start: update.start, end: update.end, change, target: update.target };
            // The same operations as over whole histories.
            (step, update.run_seconds * (1.0 / row_seconds))
        } else {
            let guardrails = self.strategy.guardrail_settings();
            let step = guardrail_step(&state.weights, &pull, retention, self.bounds(), &guardrails);
            (step, settings.interpolation_rows as f64)
        };
        state.weights.clone_from(&step.end);
        (step, rows)
    }

    /// Weights of all rows of one update interval that moves from `start` to `end` in so many rows; shares of one on chain.
    fn fine_weights(&self, start: &[f64], end: &[f64], moving_rows: f64) -> Vec<Vec<f64>> {
        let settings = self.strategy.settings();
        let rows = settings.update_interval_rows;
        let mut block = vec![0.0; rows * start.len()];
        if settings.execution.is_on_chain() {
            interpolate_run(&shares_of(start), &shares_of(end), rows, moving_rows, &mut block);
        } else {
            interpolate_block(start, end, rows, settings.interpolation_rows, settings.interpolation, &mut block);
        }
        block.chunks_exact(start.len()).map(<[f64]>::to_vec).collect()
    }

    /// State before any price row.
    pub fn start(&self) -> StreamState {
        let constant = self.strategy.settings().fee.is_trained() && self.fee_estimator.is_none();
        StreamState {
            rows_seen: 0,
            rows_traded: None,
            rule: None,
            output: None,
            guardrail: None,
            interval: Vec::new(),
            fee_estimator: None,
            next_fee: constant.then(|| self.fee(None)),
            fee_rate: None,
        }
    }

    /// Feeds burn-in rows, of any number, without trading: only the rule's estimators move.
    ///
    /// # Panics
    /// If the rule needs supplies and a row has none.
    pub fn warm_up<'a, R: Into<Observation<'a>>>(&self, state: &mut StreamState, rows: impl IntoIterator<Item = R>) {
        for row in rows {
            self.observe(state, row.into());
        }
    }

    /// Takes one price row and returns the weights that hold at it. The first call begins to trade. With a change rule the
    /// first update interval holds the initial weights; every later one moves toward the newest rule output. With a target
    /// rule every interval does, from the first on; the initial weights are held while no target is known.
    ///
    /// # Panics
    /// If the rule needs supplies and the row has none.
    pub fn step<'a>(&self, state: &mut StreamState, row: impl Into<Observation<'a>>) -> Vec<f64> {
        self.observe(state, row.into());
        let interval = self.strategy.settings().update_interval_rows;
        let traded = state.rows_traded.map_or(0, |rows| rows + 1);
        state.rows_traded = Some(traded);
        let row = traded % interval;
        if row == 0 {
            state.interval = self.next_interval(state, traded / interval);
            state.fee_rate = state.next_fee;
        }
        state.interval[row].clone()
    }

    /// Weights of the rows of the update interval with this index.
    fn next_interval(&self, state: &mut StreamState, index: usize) -> Vec<Vec<f64>> {
        let interval = self.strategy.settings().update_interval_rows;
        if state.guardrail.is_none() {
            state.guardrail = self.initial_guardrail_state(state.output.as_deref());
        }
        match &mut state.guardrail {
            Some(guardrail) if index >= self.strategy.held_intervals() => {
                let output = state.output.clone().unwrap_or_else(|| vec![0.0; guardrail.weights.len()]);
                let (ramp, rows) = self.ramp(guardrail, &output);
                self.fine_weights(&ramp.start, &ramp.end, rows)
            }
            Some(guardrail) if self.strategy.settings().execution.is_on_chain() => {
                vec![shares_of(&guardrail.weights); interval]
            }
            _ => vec![self.initial_weights.clone(); interval],
        }
    }

    /// Updates what a dynamic fee looks at.
    fn observe_for_fee(&self, state: &mut StreamState, row: Observation<'_>) {
        let Some(stepper) = &self.fee_estimator else { return };
        match &mut state.fee_estimator {
            None => state.fee_estimator = Some(stepper.initial_state(row)),
            Some(estimator) => state.next_fee = Some(self.fee(Some(stepper.step(estimator, row)))),
        }
    }

    fn fee(&self, estimate: Option<Vec<f64>>) -> f64 {
        let context = RuleContext::new(&self.parameters, self.strategy.settings());
        to_host(self.strategy.fees_of(&context, estimate.map(as_row)))[0]
    }

    /// Updates the rule at the rows 0, c, 2c, ... of the stream.
    fn observe(&self, state: &mut StreamState, row: Observation<'_>) {
        if state.rows_seen.is_multiple_of(self.strategy.settings().update_interval_rows) {
            match &mut state.rule {
                None => state.rule = Some(self.initial_rule_state(row)),
                Some(rule) => state.output = Some(self.rule_output(rule, row)),
            }
            self.observe_for_fee(state, row);
        }
        state.rows_seen += 1;
    }
}
