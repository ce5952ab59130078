//! An objective that is cheap, smooth, different for every window, and goes non-finite on demand.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{DType, Device};
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};
use gradpool_trainer::observer::{EvaluationReport, HalvingReport, RestartReport, StepReport};
use gradpool_trainer::{
    Metrics, Objective, ObjectiveError, Observer, RunIdentity, SamplingRange, SetEvaluation, TrainSettings,
    TrainerError, ValueAndGradient,
};

pub const FROZEN: &str = "initial_weights_logits";

/// A fault: windows starting at `start` make set `set` non-finite.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub start: usize,
    pub set: usize,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    Objective,
    Gradient,
    HugeGradient,
}

/// `J = mean over windows of sum over values x of -(x - 1)^2 + cos(x + start) / 2`.
#[derive(Clone, Debug, Default)]
pub struct Hills {
    pub faults: Vec<Fault>,
    pub validation: bool,
    /// Makes every evaluation of this set non-finite.
    pub blind_set: Option<usize>,
}

impl Hills {
    fn value(values: &ParameterValues, start: f64) -> f64 {
        trained(values).map(|(_, x)| -(x - 1.0).powi(2) + 0.5 * (x + start).cos()).sum()
    }
}

fn trained(values: &ParameterValues) -> impl Iterator<Item = (&String, f64)> {
    let leaves = values.leaves.iter().filter(|(leaf, _)| *leaf != FROZEN);
    leaves.flat_map(|(leaf, values)| values.iter().map(move |&x| (leaf, x)))
}

impl Objective for Hills {
    fn value_and_gradient(
        &self,
        parameters: &ParameterSets,
        starts: &[usize],
    ) -> Result<ValueAndGradient, ObjectiveError> {
        let leaf = parameters.leaves.values().next().unwrap();
        let (device, dtype) = (leaf.device(), leaf.dtype());
        let mut sets = parameters.to_values();
        let count = starts.len() as f64;
        let mut values: Vec<f64> = sets
            .iter()
            .map(|set| starts.iter().map(|&start| Self::value(set, start as f64)).sum::<f64>() / count)
            .collect();
        for set in &mut sets {
            for (leaf, numbers) in &mut set.leaves {
                for x in numbers {
                    let slope = |start: &usize| -2.0 * (*x - 1.0) - 0.5 * (*x + *start as f64).sin();
                    // A frozen leaf has a gradient here, which the trainer must ignore.
                    *x = if leaf == FROZEN { 100.0 } else { starts.iter().map(slope).sum::<f64>() / count };
                }
            }
        }
        let count = sets.len();
        for fault in self.faults.iter().filter(|fault| starts.contains(&fault.start) && fault.set < count) {
            match fault.kind {
                FaultKind::Objective => values[fault.set] = f64::INFINITY,
                FaultKind::Gradient => sets[fault.set].leaves.get_mut("log_k").unwrap()[1] = f64::NAN,
                FaultKind::HugeGradient => sets[fault.set].leaves.get_mut("log_k").unwrap()[0] = 1e200,
            }
        }
        Ok(ValueAndGradient { values, gradient: ParameterSets::from_values(&sets, &device, dtype)? })
    }

    fn evaluate(&self, parameters: &ParameterSets) -> Result<Vec<SetEvaluation>, ObjectiveError> {
        let metrics =
            |set: &ParameterValues, start| Metrics::from([("hills".to_owned(), Some(Self::value(set, start)))]);
        let evaluation = |(index, set): (usize, &ParameterValues)| SetEvaluation {
            train: if self.blind_set == Some(index) {
                Metrics::from([("hills".to_owned(), Some(f64::NAN))])
            } else {
                metrics(set, 0.0)
            },
            validation: self.validation.then(|| metrics(set, 0.3)),
        };
        Ok(parameters.to_values().iter().enumerate().map(evaluation).collect())
    }
}

pub fn settings() -> TrainSettings {
    TrainSettings {
        iterations: 12,
        objective: "hills".to_owned(),
        learning_rate: 0.05,
        parameter_sets: 3,
        batch_size: 4,
        ..TrainSettings::default()
    }
}

pub fn starting_points(sets: usize) -> Vec<ParameterValues> {
    (0..sets)
        .map(|set| {
            let set = set as f64;
            ParameterValues::new([
                (FROZEN, vec![0.2, -0.1]),
                ("log_k", vec![2.0 + 0.37 * set, -0.5 - 0.21 * set]),
                ("logit_lamb", vec![0.4 + 0.11 * set]),
            ])
        })
        .collect()
}

pub fn range() -> SamplingRange {
    SamplingRange { first_start: 0, last_start: 999, alignment: 5 }
}

pub fn cpu() -> (Device, DType) {
    (Device::flex(), DType::F64)
}

pub fn identity() -> RunIdentity {
    RunIdentity { name: "hills".into(), hash: "0123456789abcdef".into(), version: "0.1.0".into() }
}

/// Keeps what it is told; fails, or sets a flag, after a step.
#[derive(Default)]
pub struct Witness {
    pub steps: Vec<StepReport>,
    pub evaluations: Vec<EvaluationReport>,
    pub restarts: Vec<RestartReport>,
    pub halvings: Vec<HalvingReport>,
    pub checkpoints: Vec<usize>,
    pub fail_after: Option<usize>,
    pub interrupt_after: Option<(usize, Arc<AtomicBool>)>,
}

impl Observer for Witness {
    fn on_step(&mut self, report: &StepReport) -> Result<(), TrainerError> {
        self.steps.push(report.clone());
        if let Some((step, flag)) = &self.interrupt_after
            && report.step == *step
        {
            flag.store(true, Ordering::Relaxed);
        }
        if self.fail_after == Some(report.step) {
            return Err(TrainerError::Observer { source: "killed".into() });
        }
        Ok(())
    }

    fn on_evaluation(&mut self, report: &EvaluationReport) -> Result<(), TrainerError> {
        self.evaluations.push(report.clone());
        Ok(())
    }

    fn on_restart(&mut self, report: &RestartReport) -> Result<(), TrainerError> {
        self.restarts.push(report.clone());
        Ok(())
    }

    fn on_halving(&mut self, report: &HalvingReport) -> Result<(), TrainerError> {
        self.halvings.push(report.clone());
        Ok(())
    }

    fn on_checkpoint(&mut self, step: usize) -> Result<(), TrainerError> {
        self.checkpoints.push(step);
        Ok(())
    }
}
