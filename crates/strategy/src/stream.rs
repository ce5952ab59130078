//! Streaming: one price row in, one weight row out, what a keeper runs.
//!
//! The state holds everything between two rows and serialises. The estimators, the guardrails and the interpolation are
//! the same scalar functions that the scan path runs over whole histories, and the signal is the rule's own function on one
//! row, so in `f64` a stream gives the bits of the scan.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::guardrails::{CoarseStep, GuardrailBounds, guardrail_step};
use gradpool_ops::interpolation::interpolate_block;
use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::estimators::{EstimatorState, EstimatorStepper};
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::RuleContext;
use crate::strategy::Strategy;

/// A strategy with one parameter set, ready to be run row by row.
#[derive(Clone, Debug)]
pub struct StreamingStrategy {
    strategy: Strategy,
    parameters: ParameterSets,
    estimators: Vec<EstimatorStepper>,
    initial_weights: Vec<f64>,
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
    /// Weights, per asset.
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
    /// The guardrails' state.
    pub guardrail: GuardrailState,
    /// Weights of the rows of the running update interval.
    pub interval: Vec<Vec<f64>>,
}

impl Strategy {
    /// Prepares one parameter set for streaming, in `f64` on the CPU.
    ///
    /// # Errors
    /// Parameters that the rule refuses, or [`StrategyError::UnsupportedPath`] if the rule cannot run step by step.
    pub fn streaming(&self, values: &ParameterValues) -> Result<StreamingStrategy, StrategyError> {
        if !self.supports_scan() {
            let rule = self.rule().name().to_owned();
            return Err(StrategyError::UnsupportedPath { rule, path: "scan".into() });
        }
        self.check(values)?;
        let parameters = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)?;
        let context = RuleContext::new(&parameters, self.settings());
        let estimators = self.rule().estimators(&context).iter().map(super::Estimator::stepper).collect();
        let initial_weights = to_host(context.initial_weights());
        Ok(StreamingStrategy { strategy: self.clone(), parameters, estimators, initial_weights })
    }
}

fn to_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

impl StreamingStrategy {
    /// The initial weights, per asset.
    pub fn initial_weights(&self) -> &[f64] {
        &self.initial_weights
    }

    /// State of the rule after the first coarse price row.
    pub fn initial_rule_state(&self, prices: &[f64]) -> RuleState {
        RuleState { estimators: self.estimators.iter().map(|stepper| stepper.initial_state(prices)).collect() }
    }

    /// Takes one coarse price row and returns the rule's output for it.
    pub fn rule_output(&self, state: &mut RuleState, prices: &[f64]) -> Vec<f64> {
        let estimates: Vec<Tensor<3>> = self
            .estimators
            .iter()
            .zip(&mut state.estimators)
            .map(|(stepper, state)| {
                let row = stepper.step(state, prices);
                Tensor::from_data(TensorData::new(row, [1, 1, prices.len()]), (&Device::flex(), DType::F64))
            })
            .collect();
        let context = RuleContext::new(&self.parameters, self.strategy.settings());
        to_host(self.strategy.rule().signal(&estimates, &context))
    }

    /// State of the guardrails before the first step: the initial weights.
    pub fn initial_guardrail_state(&self) -> GuardrailState {
        GuardrailState { weights: self.initial_weights.clone() }
    }

    /// Takes one rule output and returns where the ramp starts, how much it moves per row, and where it was meant to go.
    pub fn coarse_step(&self, state: &mut GuardrailState, output: &[f64]) -> CoarseStep {
        let settings = self.strategy.settings();
        let bounds =
            settings.bounds.as_ref().map(|bounds| GuardrailBounds { lower: &bounds.minimum, upper: &bounds.maximum });
        let step = guardrail_step(&state.weights, output, bounds, &self.strategy.guardrail_settings());
        state.weights.clone_from(&step.end);
        step
    }

    /// Weights of all rows of one update interval that moves from `start` to `end`.
    pub fn fine_weights(&self, start: &[f64], end: &[f64]) -> Vec<Vec<f64>> {
        let settings = self.strategy.settings();
        let (rows, ramp_rows) = (settings.update_interval_rows, settings.interpolation_rows);
        let mut block = vec![0.0; rows * start.len()];
        interpolate_block(start, end, rows, ramp_rows, settings.interpolation, &mut block);
        block.chunks_exact(start.len()).map(<[f64]>::to_vec).collect()
    }

    /// State before any price row.
    pub fn start(&self) -> StreamState {
        StreamState {
            rows_seen: 0,
            rows_traded: None,
            rule: None,
            output: None,
            guardrail: self.initial_guardrail_state(),
            interval: Vec::new(),
        }
    }

    /// Feeds burn-in rows, of any number, without trading: only the rule's estimators move.
    pub fn warm_up<'a>(&self, state: &mut StreamState, rows: impl IntoIterator<Item = &'a [f64]>) {
        for prices in rows {
            self.observe(state, prices);
        }
    }

    /// Takes one price row and returns the weights that hold at it. The first call begins to trade: the first update interval
    /// holds the initial weights; every later one moves toward the newest rule output.
    pub fn step(&self, state: &mut StreamState, prices: &[f64]) -> Vec<f64> {
        self.observe(state, prices);
        let interval = self.strategy.settings().update_interval_rows;
        let traded = state.rows_traded.map_or(0, |rows| rows + 1);
        state.rows_traded = Some(traded);
        let row = traded % interval;
        if traded == 0 {
            state.interval = vec![self.initial_weights.clone(); interval];
        } else if row == 0 {
            let output = state.output.clone().unwrap_or_else(|| vec![0.0; prices.len()]);
            let ramp = self.coarse_step(&mut state.guardrail, &output);
            state.interval = self.fine_weights(&ramp.start, &ramp.end);
        }
        state.interval[row].clone()
    }

    /// Updates the rule at the rows 0, c, 2c, ... of the stream.
    fn observe(&self, state: &mut StreamState, prices: &[f64]) {
        if state.rows_seen.is_multiple_of(self.strategy.settings().update_interval_rows) {
            match &mut state.rule {
                None => state.rule = Some(self.initial_rule_state(prices)),
                Some(rule) => state.output = Some(self.rule_output(rule, prices)),
            }
        }
        state.rows_seen += 1;
    }
}
