//! Sets in micro-batches, their evaluation, and the dropping of the worst.

use std::ops::Range;

use gradpool_strategy::ParameterTable;

use super::state::State;
use super::{Audience, Trainer, tell};
use crate::error::TrainerError;
use crate::halving::{HalvingSettings, ranked};
use crate::memory::{MemoryPlan, batches};
use crate::observer::{
    BestReport, DETAILED_SETS, EvaluationReport, HalvingReport, PopulationReport, Quantiles, TOP_SETS,
};
use crate::storage::checkpoint::save_best;
use crate::tracker::Evaluated;

impl Trainer<'_> {
    /// How a training of sets of `width` values fits into the memory; `None` if the objective cannot say, and then all sets
    /// are computed at once.
    ///
    /// # Errors
    /// As [`MemoryPlan::new`].
    pub fn memory_plan(&self, width: usize) -> Result<Option<MemoryPlan>, TrainerError> {
        let Some(objective) = self.objective.memory() else { return Ok(None) };
        let windows = self.sampler.starts(self.seed, 0).len();
        let sets = self.settings.parameter_sets;
        MemoryPlan::new(&self.room, sets, width, windows, &objective).map(Some)
    }

    /// Places of the sets of each micro-batch.
    pub(super) fn batches(&self, state: &State) -> Vec<Range<usize>> {
        let sets = state.parameters.sets();
        batches(sets, self.plan.map_or(sets, |plan| plan.sets_at_once))
    }

    /// Evaluates all sets; returns their scores.
    pub(super) fn evaluate(
        &mut self,
        state: &mut State,
        audience: &mut Audience,
    ) -> Result<Vec<Option<f64>>, TrainerError> {
        let step = state.host.step;
        let count = state.parameters.sets();
        let best_of = |state: &State| state.host.tracker.best().map(|best| (best.step, best.set));
        let before = best_of(state);
        let (mut scores, mut improved, mut sets) = (Vec::with_capacity(count), Vec::with_capacity(count), Vec::new());
        for places in self.batches(state) {
            let parameters = state.parameters.slice(places.clone());
            let evaluations =
                self.objective.evaluate(&parameters).map_err(|source| TrainerError::Objective { step, source })?;
            if evaluations.len() != places.len() {
                return Err(TrainerError::ObjectiveShape {
                    found: format!("{} evaluations", evaluations.len()),
                    expected: format!("{}, one per parameter set", places.len()),
                });
            }
            for rule in &mut self.stopping {
                rule.observe(step, &evaluations)?;
            }
            let evaluated = Evaluated {
                first: places.start,
                numbers: &state.host.numbers(places.clone()),
                evaluations: &evaluations,
                parameters: &ParameterTable::from_sets(&parameters),
            };
            improved.extend(state.host.tracker.observe(step, evaluated)?);
            let criterion = state.host.tracker.criterion();
            for evaluation in &evaluations {
                scores.push(criterion.score(evaluation)?);
            }
            if count <= DETAILED_SETS {
                sets.extend(evaluations);
            }
        }
        state.take_in(&scores, &improved);
        let best = state.host.tracker.best();
        let improved = best_of(state) != before;
        if let (Some(run), Some(best), true) = (self.run, best, improved) {
            save_best(&run.best_path(), best, run.identity(), self.dtype)?;
        }
        let detailed = count <= DETAILED_SETS;
        let report = EvaluationReport {
            step,
            alive: if detailed { state.host.alive.clone() } else { Vec::new() },
            sets,
            population: (!detailed).then(|| population(state, &scores)),
            best: best.map(|best| BestReport { step: best.step, set: best.set, score: best.score }),
            improved,
            best_evaluation: best.map(|best| best.evaluation.clone()),
        };
        tell(audience, |observer| observer.on_evaluation(&report))?;
        Ok(scores)
    }
}

fn population(state: &State, scores: &[Option<f64>]) -> PopulationReport {
    let places = ranked(scores).into_iter().take(TOP_SETS);
    PopulationReport {
        sets: scores.len(),
        scores: Quantiles::of(scores.iter().copied().flatten()),
        top: places.filter_map(|place| Some((state.host.number(place), scores[place]?))).collect(),
    }
}

/// Drops the sets with the worst scores.
pub(super) fn halve(
    state: &mut State,
    settings: &HalvingSettings,
    scores: &[Option<f64>],
    audience: &mut Audience,
) -> Result<(), TrainerError> {
    let (before, kept) = (scores.len(), settings.survivors(scores.len()));
    if kept == before {
        return Ok(());
    }
    let ranked = ranked(scores);
    let mut places = ranked[..kept].to_vec();
    places.sort_unstable();
    state.keep(&places);
    let report = HalvingReport {
        step: state.host.step,
        before,
        kept,
        lowest_kept: scores[ranked[kept - 1]],
        highest_dropped: scores[ranked[kept]],
        alive: if kept <= DETAILED_SETS { state.host.alive.clone() } else { Vec::new() },
    };
    tell(audience, |observer| observer.on_halving(&report))
}
