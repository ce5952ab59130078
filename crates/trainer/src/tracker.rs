//! Which (step, set) is the result.

use gradpool_strategy::parameters::ParameterValues;
use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::objective::{Metrics, SetEvaluation};
use crate::settings::SelectOn;

/// A score is better only if it exceeds the old one by more than this times `max(1, |old|)`: on a flat curve, rounding
/// noise must not choose the result (spec 07 sec. 15, item 23).
pub const TIE_TOLERANCE: f64 = 1e-10;

/// Whether `score` beats `old` beyond the tie tolerance.
pub fn beats(score: f64, old: f64) -> bool {
    score > old + TIE_TOLERANCE * old.abs().max(1.0)
}

/// The period whose metrics are looked at. There is no test period to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training period.
    Train,
    /// Validation period.
    Validation,
}

/// One metric on one period, both by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Metric name.
    pub metric: String,
    /// Period.
    pub select_on: SelectOn,
    /// The setting that chose the metric, for messages.
    pub key: String,
}

impl Criterion {
    /// The period in effect: validation if asked for, or if it exists and nothing was asked for.
    pub fn split(&self, evaluation: &SetEvaluation) -> Split {
        match self.select_on {
            SelectOn::Auto if evaluation.validation.is_some() => Split::Validation,
            SelectOn::Validation => Split::Validation,
            SelectOn::Auto | SelectOn::Train => Split::Train,
        }
    }

    /// The score of a set; `None` if it is not finite.
    ///
    /// # Errors
    /// [`TrainerError::NoValidation`] without the wanted period, [`TrainerError::UnknownMetric`] if the evaluation
    /// lacks the metric.
    pub fn score(&self, evaluation: &SetEvaluation) -> Result<Option<f64>, TrainerError> {
        let metrics: &Metrics = match self.split(evaluation) {
            Split::Train => &evaluation.train,
            Split::Validation => evaluation
                .validation
                .as_ref()
                .ok_or_else(|| TrainerError::NoValidation { key: "train.select_on".to_owned() })?,
        };
        let value = metrics.get(&self.metric).ok_or_else(|| TrainerError::UnknownMetric {
            key: self.key.clone(),
            metric: self.metric.clone(),
            available: metrics.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// A point of the training that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Updates done.
    pub step: usize,
    /// Parameter set.
    pub set: usize,
    /// Its score.
    pub score: f64,
    /// Its parameters.
    pub parameters: ParameterValues,
    /// All its metrics.
    pub evaluation: SetEvaluation,
}

/// What an evaluation changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Improvement {
    /// Whether each set beat its own best.
    pub sets: Vec<bool>,
    /// Whether the best of all sets was beaten.
    pub overall: bool,
}

/// Keeps the best (step, set) of all, and the best step of each set. Non-finite scores never count; ties keep the
/// earlier step and the lower set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    criterion: Criterion,
    sets: Vec<Option<Recorded>>,
    best: Option<Recorded>,
}

impl Tracker {
    /// Nothing recorded yet.
    pub fn new(criterion: Criterion, sets: usize) -> Self {
        Self { criterion, sets: vec![None; sets], best: None }
    }

    /// What is compared.
    pub fn criterion(&self) -> &Criterion {
        &self.criterion
    }

    /// The best point so far, if any evaluation was finite.
    pub fn best(&self) -> Option<&Recorded> {
        self.best.as_ref()
    }

    /// The best point of one set.
    pub fn best_of_set(&self, set: usize) -> Option<&Recorded> {
        self.sets.get(set).and_then(Option::as_ref)
    }

    /// Number of sets.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Takes in the evaluation of all sets after `step` updates.
    ///
    /// # Errors
    /// As [`Criterion::score`].
    pub fn observe(
        &mut self,
        step: usize,
        evaluations: &[SetEvaluation],
        parameters: &[ParameterValues],
    ) -> Result<Improvement, TrainerError> {
        let mut improvement = Improvement { sets: vec![false; self.sets.len()], overall: false };
        for (set, (evaluation, parameters)) in evaluations.iter().zip(parameters).enumerate() {
            let Some(score) = self.criterion.score(evaluation)? else { continue };
            if self.sets[set].as_ref().is_some_and(|old| !beats(score, old.score)) {
                continue;
            }
            let recorded =
                Recorded { step, set, score, parameters: parameters.clone(), evaluation: evaluation.clone() };
            if self.best.as_ref().is_none_or(|best| beats(score, best.score)) {
                self.best = Some(recorded.clone());
                improvement.overall = true;
            }
            self.sets[set] = Some(recorded);
            improvement.sets[set] = true;
        }
        Ok(improvement)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tracker(select_on: SelectOn, sets: usize) -> Tracker {
        Tracker::new(Criterion { metric: "sharpe".into(), select_on, key: "train.selection_metric".into() }, sets)
    }

    fn metrics(value: Option<f64>) -> Metrics {
        Metrics::from([("sharpe".to_owned(), value)])
    }

    fn train(values: &[Option<f64>]) -> Vec<SetEvaluation> {
        values.iter().map(|&value| SetEvaluation { train: metrics(value), validation: None }).collect()
    }

    fn points(sets: usize, step: usize) -> Vec<ParameterValues> {
        (0..sets).map(|set| ParameterValues::new([("log_k", vec![(10 * step + set) as f64])])).collect()
    }

    #[test]
    fn the_best_step_and_set_win_and_nan_tables_never_do() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        let tables = [
            [Some(f64::NAN), None],
            [Some(0.5), Some(f64::INFINITY)],
            [Some(0.1), Some(0.7)],
            [None, Some(f64::NAN)],
            [Some(0.6), Some(0.2)],
        ];
        let improvements: Vec<Improvement> = tables
            .iter()
            .enumerate()
            .map(|(step, table)| tracker.observe(step, &train(table), &points(2, step)).unwrap())
            .collect();
        let overall: Vec<bool> = improvements.iter().map(|improvement| improvement.overall).collect();
        assert_eq!(overall, [false, true, true, false, false]);
        let best = tracker.best().unwrap();
        assert_eq!((best.step, best.set, best.score), (2, 1, 0.7));
        assert_eq!(best.parameters, points(2, 2)[1]);
        assert_eq!(tracker.best_of_set(0).unwrap().step, 4);
        assert_eq!(improvements[4].sets, [true, false]);
    }

    #[test]
    fn rounding_noise_is_a_tie_and_ties_keep_the_earlier_point() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        tracker.observe(0, &train(&[Some(0.3), Some(0.3 + 1e-13)]), &points(2, 0)).unwrap();
        assert_eq!(tracker.best().unwrap().set, 0);
        let improvement = tracker.observe(1, &train(&[Some(0.3 + 1e-12), Some(0.3)]), &points(2, 1)).unwrap();
        assert_eq!(improvement, Improvement { sets: vec![false, false], overall: false });
        assert!(tracker.observe(2, &train(&[Some(0.3 + 1e-9), None]), &points(2, 2)).unwrap().overall);
    }

    #[test]
    fn validation_decides_when_there_is_one() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        let evaluation = |train, validation| SetEvaluation {
            train: metrics(Some(train)),
            validation: Some(metrics(Some(validation))),
        };
        tracker.observe(0, &[evaluation(9.0, 0.1), evaluation(1.0, 0.2)], &points(2, 0)).unwrap();
        assert_eq!(tracker.best().unwrap().set, 1);
        assert_eq!(tracker.criterion().split(&evaluation(0.0, 0.0)), Split::Validation);
    }

    #[test]
    fn missing_periods_and_metrics_are_named() {
        let error = tracker(SelectOn::Validation, 1).observe(0, &train(&[Some(1.0)]), &points(1, 0)).unwrap_err();
        assert!(error.to_string().contains("period.validation_fraction"), "{error}");
        let evaluation = SetEvaluation { train: Metrics::from([("calmar".into(), None)]), validation: None };
        let error = tracker(SelectOn::Train, 1).observe(0, &[evaluation], &points(1, 0)).unwrap_err().to_string();
        assert!(error.contains("`train.selection_metric`") && error.contains("computes calmar"), "{error}");
    }

    #[test]
    fn its_state_survives_serialisation_to_the_bit() {
        let mut tracker = tracker(SelectOn::Auto, 1);
        tracker
            .observe(0, &train(&[Some(0.1 + 0.2)]), &[ParameterValues::new([("x", vec![1.0 / 3.0, 5e-324])])])
            .unwrap();
        let text = serde_json::to_string(&tracker).unwrap();
        assert_eq!(serde_json::from_str::<Tracker>(&text).unwrap(), tracker);
    }
}
