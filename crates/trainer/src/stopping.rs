//! When training ends.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TrainerError;
use crate::objective::SetEvaluation;
use crate::settings::TrainSettings;
use crate::tracker::{Criterion, beats};

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TerminationReason {
    /// All iterations were done.
    Iterations,
    /// The watched metric did not improve for `patience` steps.
    EarlyStopping {
        /// The metric.
        metric: String,
        /// Steps waited.
        patience: usize,
    },
    /// The interrupt flag was set; a checkpoint was saved if there is a run folder.
    Interrupted,
}

impl fmt::Display for TerminationReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iterations => write!(formatter, "all iterations done"),
            Self::EarlyStopping { metric, patience } => {
                write!(formatter, "`{metric}` did not improve for {patience} steps")
            }
            Self::Interrupted => write!(formatter, "interrupted"),
        }
    }
}

/// A rule that may end training at an evaluation.
pub trait StoppingRule {
    /// Takes in the evaluation of sets after `step` updates: once per micro-batch, in the order of the sets.
    ///
    /// # Errors
    /// If the evaluation lacks what the rule looks at.
    fn observe(&mut self, step: usize, evaluations: &[SetEvaluation]) -> Result<(), TrainerError>;

    /// The reason to stop now, if there is one.
    fn verdict(&self) -> Option<TerminationReason>;

    /// State for a checkpoint.
    fn state(&self) -> Value;

    /// Takes over the state of a checkpoint.
    ///
    /// # Errors
    /// If the state is not one of this rule.
    fn restore(&mut self, state: &Value) -> Result<(), serde_json::Error>;
}

/// Ends training when the best set's metric has not improved for `patience` steps. The metric is taken on the
/// validation period if there is one, else on the training period, never on the test period.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    criterion: Criterion,
    patience: usize,
    state: Waiting,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Waiting {
    best: Option<f64>,
    best_step: usize,
    step: usize,
}

impl EarlyStopping {
    /// Waits `patience` steps for a better score.
    pub fn new(criterion: Criterion, patience: usize) -> Self {
        Self { criterion, patience, state: Waiting::default() }
    }

    /// The rule that the settings ask for, if any.
    pub fn from_settings(settings: &TrainSettings) -> Option<Self> {
        let early = settings.early_stopping.as_ref()?;
        let (metric, key) = match &early.metric {
            Some(metric) => (metric.as_str(), "train.early_stopping.metric"),
            None => (settings.effective_selection_metric(), "train.selection_metric"),
        };
        let criterion = Criterion { metric: metric.to_owned(), select_on: settings.select_on, key: key.to_owned() };
        Some(Self::new(criterion, early.patience))
    }
}

impl StoppingRule for EarlyStopping {
    fn observe(&mut self, step: usize, evaluations: &[SetEvaluation]) -> Result<(), TrainerError> {
        self.state.step = step;
        for evaluation in evaluations {
            if let Some(score) = self.criterion.score(evaluation)?
                && self.state.best.is_none_or(|best| beats(score, best))
            {
                self.state.best = Some(score);
                self.state.best_step = step;
            }
        }
        Ok(())
    }

    fn verdict(&self) -> Option<TerminationReason> {
        let waited = self.state.step - self.state.best_step;
        (waited >= self.patience).then(|| TerminationReason::EarlyStopping {
            metric: self.criterion.metric.clone(),
            patience: self.patience,
        })
    }

    fn state(&self) -> Value {
        let Waiting { best, best_step, step } = self.state;
        serde_json::json!({ "best": best, "best_step": best_step, "step": step })
    }

    fn restore(&mut self, state: &Value) -> Result<(), serde_json::Error> {
        self.state = Waiting::deserialize(state)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::objective::Metrics;
    use crate::settings::SelectOn;

    fn rule(patience: usize) -> EarlyStopping {
        let key = "train.early_stopping.metric".to_owned();
        EarlyStopping::new(Criterion { metric: "calmar".into(), select_on: SelectOn::Auto, key }, patience)
    }

    fn evaluation(values: &[Option<f64>]) -> Vec<SetEvaluation> {
        let metrics = |value| Metrics::from([("calmar".to_owned(), value)]);
        values
            .iter()
            .map(|&value| SetEvaluation { train: metrics(Some(0.0)), validation: Some(metrics(value)) })
            .collect()
    }

    #[test]
    fn patience_counts_steps_not_evaluations() {
        let mut rule = rule(30);
        let mut stopped_at = None;
        for (step, value) in [(0, 1.0), (10, 2.0), (20, 1.5), (30, 2.0), (40, 1.9), (50, 5.0)] {
            rule.observe(step, &evaluation(&[Some(value)])).unwrap();
            if stopped_at.is_none() && rule.verdict().is_some() {
                stopped_at = Some(step);
            }
        }
        assert_eq!(stopped_at, Some(40));
    }

    #[test]
    fn any_set_may_improve_and_non_finite_sets_do_not_hide_it() {
        let mut rule = rule(10);
        rule.observe(0, &evaluation(&[Some(1.0), Some(f64::NAN)])).unwrap();
        rule.observe(10, &evaluation(&[None, Some(1.1)])).unwrap();
        assert_eq!(rule.verdict(), None);
        rule.observe(20, &evaluation(&[Some(f64::INFINITY), None])).unwrap();
        assert_eq!(rule.verdict(), Some(TerminationReason::EarlyStopping { metric: "calmar".into(), patience: 10 }));
    }

    #[test]
    fn state_is_restored() {
        let mut first = rule(10);
        first.observe(3, &evaluation(&[Some(0.1 + 0.2)])).unwrap();
        let mut second = rule(10);
        second.restore(&first.state()).unwrap();
        assert_eq!(second.state, first.state);
        assert!(second.restore(&Value::from(3)).is_err());
    }
}
