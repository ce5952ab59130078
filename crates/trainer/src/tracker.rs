//! Which (step, set) is the result.

use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::ParameterValues;
use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::objective::{Metrics, SetEvaluation};
use crate::settings::SelectOn;
use crate::storage::columns::Columns;

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

/// The best point of one set.
#[derive(Clone, Debug, PartialEq)]
pub struct BestOfSet {
    /// Updates done.
    pub step: usize,
    /// Its score.
    pub score: f64,
    /// Its parameters.
    pub parameters: ParameterValues,
}

/// Sets evaluated together: some of all, in order.
#[derive(Clone, Copy, Debug)]
pub struct Evaluated<'a> {
    /// Place of the first of them among all sets.
    pub first: usize,
    /// Their numbers.
    pub numbers: &'a [usize],
    /// Their metrics.
    pub evaluations: &'a [SetEvaluation],
    /// Their parameters.
    pub parameters: &'a ParameterTable,
}

/// Keeps the best (step, set) of all, and the best step of each set. Non-finite scores never count; ties keep the
/// earlier step and the lower set. Sets are addressed by their place among those that are still trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    criterion: Criterion,
    best: Option<Recorded>,
    /// Best score of each set, NaN before there is one; this and the next two are in the columns of a checkpoint.
    #[serde(skip)]
    scores: Vec<f64>,
    #[serde(skip)]
    steps: Vec<usize>,
    #[serde(skip)]
    pub(crate) points: ParameterTable,
}

impl Tracker {
    /// Nothing recorded yet of these sets.
    pub fn new(criterion: Criterion, sets: ParameterTable) -> Self {
        let count = sets.sets();
        Self { criterion, best: None, scores: vec![f64::NAN; count], steps: vec![0; count], points: sets }
    }

    /// What is compared.
    pub fn criterion(&self) -> &Criterion {
        &self.criterion
    }

    /// The best point so far, if any evaluation was finite; its set may have been dropped since.
    pub fn best(&self) -> Option<&Recorded> {
        self.best.as_ref()
    }

    /// The best point of the set at a place.
    pub fn best_of_set(&self, place: usize) -> Option<BestOfSet> {
        let score = self.scores.get(place).copied().filter(|score| !score.is_nan())?;
        Some(BestOfSet { step: self.steps[place], score, parameters: self.points.set(place) })
    }

    /// The place whose best score is the highest.
    pub(crate) fn best_place(&self) -> Option<usize> {
        let scored = (0..self.scores.len()).filter(|&place| !self.scores[place].is_nan());
        scored.max_by(|&one, &other| self.scores[one].total_cmp(&self.scores[other]).then(other.cmp(&one)))
    }

    /// Takes in the evaluation of some sets after `step` updates; returns which of them beat their own best.
    ///
    /// # Errors
    /// As [`Criterion::score`].
    pub fn observe(&mut self, step: usize, evaluated: Evaluated<'_>) -> Result<Vec<bool>, TrainerError> {
        let mut improved = vec![false; evaluated.evaluations.len()];
        for (index, evaluation) in evaluated.evaluations.iter().enumerate() {
            let place = evaluated.first + index;
            let Some(score) = self.criterion.score(evaluation)? else { continue };
            let old = self.scores[place];
            if !old.is_nan() && !beats(score, old) {
                continue;
            }
            if self.best.as_ref().is_none_or(|best| beats(score, best.score)) {
                let (set, parameters) = (evaluated.numbers[index], evaluated.parameters.set(index));
                self.best = Some(Recorded { step, set, score, parameters, evaluation: evaluation.clone() });
            }
            (self.scores[place], self.steps[place]) = (score, step);
            self.points.copy_set(place, evaluated.parameters, index);
            improved[index] = true;
        }
        Ok(improved)
    }

    /// The sets at rising places, the others dropped. What they had reached stays the best of all if it was.
    pub fn keep(&mut self, places: &[usize]) {
        self.scores = places.iter().map(|&place| self.scores[place]).collect();
        self.steps = places.iter().map(|&place| self.steps[place]).collect();
        self.points.keep(places);
    }

    pub(crate) fn columns(&self, columns: &mut Columns) {
        columns.put("best_score", self.scores.iter().copied());
        columns.put("best_step", self.steps.iter().map(|&step| step as f64));
    }

    pub(crate) fn restore(&mut self, columns: &mut Columns, points: ParameterTable) -> Option<()> {
        self.scores = columns.take("best_score")?;
        self.steps = columns.take_counts("best_step")?;
        self.points = points;
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tracker(select_on: SelectOn, sets: usize) -> Tracker {
        let criterion = Criterion { metric: "sharpe".into(), select_on, key: "train.selection_metric".into() };
        Tracker::new(criterion, ParameterTable::from_values(&points(sets, 0)).unwrap())
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

    /// Takes in all sets; returns which beat their own best, and whether one beat the best of all.
    fn observe(
        tracker: &mut Tracker,
        step: usize,
        evaluations: &[SetEvaluation],
    ) -> Result<(Vec<bool>, bool), TrainerError> {
        let numbers: Vec<usize> = (0..evaluations.len()).collect();
        let parameters = ParameterTable::from_values(&points(evaluations.len(), step)).unwrap();
        let evaluated = Evaluated { first: 0, numbers: &numbers, evaluations, parameters: &parameters };
        let before = tracker.best().map(|best| (best.step, best.set));
        let improved = tracker.observe(step, evaluated)?;
        Ok((improved, tracker.best().map(|best| (best.step, best.set)) != before))
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
        let improvements: Vec<(Vec<bool>, bool)> = tables
            .iter()
            .enumerate()
            .map(|(step, table)| observe(&mut tracker, step, &train(table)).unwrap())
            .collect();
        let overall: Vec<bool> = improvements.iter().map(|improvement| improvement.1).collect();
        assert_eq!(overall, [false, true, true, false, false]);
        let best = tracker.best().unwrap();
        assert_eq!((best.step, best.set, best.score), (2, 1, 0.7));
        assert_eq!(best.parameters, points(2, 2)[1]);
        assert_eq!(tracker.best_of_set(0).unwrap().step, 4);
        assert_eq!(improvements[4].0, [true, false]);
    }

    #[test]
    fn rounding_noise_is_a_tie_and_ties_keep_the_earlier_point() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        observe(&mut tracker, 0, &train(&[Some(0.3), Some(0.3 + 1e-13)])).unwrap();
        assert_eq!(tracker.best().unwrap().set, 0);
        let improvement = observe(&mut tracker, 1, &train(&[Some(0.3 + 1e-12), Some(0.3)])).unwrap();
        assert_eq!(improvement, (vec![false, false], false));
        assert!(observe(&mut tracker, 2, &train(&[Some(0.3 + 1e-9), None])).unwrap().1);
    }

    #[test]
    fn validation_decides_when_there_is_one() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        let evaluation = |train, validation| SetEvaluation {
            train: metrics(Some(train)),
            validation: Some(metrics(Some(validation))),
        };
        observe(&mut tracker, 0, &[evaluation(9.0, 0.1), evaluation(1.0, 0.2)]).unwrap();
        assert_eq!(tracker.best().unwrap().set, 1);
        assert_eq!(tracker.criterion().split(&evaluation(0.0, 0.0)), Split::Validation);
    }

    #[test]
    fn missing_periods_and_metrics_are_named() {
        let error = observe(&mut tracker(SelectOn::Validation, 1), 0, &train(&[Some(1.0)])).unwrap_err();
        assert!(error.to_string().contains("period.validation_fraction"), "{error}");
        let evaluation = SetEvaluation { train: Metrics::from([("calmar".into(), None)]), validation: None };
        let error = observe(&mut tracker(SelectOn::Train, 1), 0, &[evaluation]).unwrap_err().to_string();
        assert!(error.contains("`train.selection_metric`") && error.contains("computes calmar"), "{error}");
    }

    #[test]
    fn a_dropped_set_stays_the_best_if_it_was() {
        let mut tracker = tracker(SelectOn::Auto, 3);
        observe(&mut tracker, 0, &train(&[Some(0.1), Some(0.9), Some(0.2)])).unwrap();
        tracker.keep(&[0, 2]);
        let parameters = ParameterTable::from_values(&points(2, 1)).unwrap();
        let evaluations = train(&[Some(0.3), Some(0.4)]);
        let evaluated = Evaluated { first: 0, numbers: &[0, 2], evaluations: &evaluations, parameters: &parameters };
        assert_eq!(tracker.observe(1, evaluated).unwrap(), [true, true]);
        assert_eq!(tracker.best().map(|best| (best.step, best.set)), Some((0, 1)));
        assert_eq!(tracker.best_of_set(1).map(|best| (best.step, best.score)), Some((1, 0.4)));
        assert_eq!(tracker.best_place(), Some(1));
    }

    #[test]
    fn its_state_survives_a_checkpoint_to_the_bit() {
        let mut tracker = tracker(SelectOn::Auto, 2);
        observe(&mut tracker, 3, &train(&[Some(0.1 + 0.2), None])).unwrap();
        let mut columns = Columns::default();
        tracker.columns(&mut columns);
        let text = serde_json::to_string(&tracker).unwrap();
        let mut restored: Tracker = serde_json::from_str(&text).unwrap();
        restored.restore(&mut columns, tracker.points.clone()).unwrap();
        assert_eq!((restored.best(), restored.best_of_set(0)), (tracker.best(), tracker.best_of_set(0)));
        assert_eq!(restored.best_of_set(1), None);
    }
}
