//! One update of all sets, and what happens to those that go non-finite.

use std::collections::BTreeMap;
use std::ops::Range;

use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::{ParameterSets, ParameterValues};

use super::health::Remedy;
use super::state::State;
use super::{Audience, Trainer, tell};
use crate::error::TrainerError;
use crate::objective::ValueAndGradient;
use crate::observer::{DETAILED_SETS, NonFiniteReason, RestartReport, RestartSource, SkippedSet, StepReport};
use crate::optimiser::{Proposal, rows, take};
use crate::random::Purpose;

impl Trainer<'_> {
    /// One update. A set whose objective, gradient or new parameters are not finite keeps its parameters and moments; the
    /// others are not affected.
    pub(super) fn update(&self, state: &mut State, audience: &mut Audience) -> Result<(), TrainerError> {
        let update = state.host.step;
        let starts = self.sampler.starts(self.seed, update);
        let learning_rate = self.settings.schedule().learning_rate(update);
        let (mut done, mut parts) = (Done::default(), Vec::new());
        for places in self.batches(state) {
            parts.push(self.update_some(state, places, &starts, learning_rate, &mut done)?);
        }
        let mut moments: BTreeMap<String, Vec<ParameterSets>> = BTreeMap::new();
        let mut parameters = Vec::new();
        for part in parts {
            parameters.push(part.parameters);
            for (name, moment) in part.moments {
                moments.entry(name).or_default().push(moment);
            }
        }
        state.parameters = ParameterSets::join(parameters);
        state.moments.tensors = moments.into_iter().map(|(name, parts)| (name, ParameterSets::join(parts))).collect();
        for (updates, fault) in state.moments.updates.iter_mut().zip(&done.faults) {
            *updates += u64::from(fault.is_none());
        }
        state.host.step += 1;
        let (skipped, restarts) = self.judge(state, &done.faults)?;
        let step = state.host.step;
        let report = StepReport {
            step,
            alive: state.host.alive.clone(),
            starts,
            objective: done.values,
            learning_rate,
            plateau_factor: done.plateau_factors,
            gradient_norm: done.norms,
            skipped,
        };
        tell(audience, |observer| observer.on_step(&report))?;
        for report in &restarts {
            tell(audience, |observer| observer.on_restart(report))?;
        }
        Ok(())
    }

    /// What the sets at some places become; a set that may not be updated stays as it is. Adds to `done` what is reported.
    fn update_some(
        &self,
        state: &mut State,
        places: Range<usize>,
        starts: &[usize],
        learning_rate: f64,
        done: &mut Done,
    ) -> Result<Proposal, TrainerError> {
        let (step, sets) = (state.host.step, places.len());
        let parameters = state.parameters.slice(places.clone());
        let moments = state.moments.slice(places.clone());
        let ValueAndGradient { values, gradient } = self
            .objective
            .value_and_gradient(&parameters, starts)
            .map_err(|source| TrainerError::Objective { step, source })?;
        if values.len() != sets {
            let (found, expected) = (format!("{} values", values.len()), format!("{sets}, one per parameter set"));
            return Err(TrainerError::ObjectiveShape { found, expected });
        }
        let gradient = self.ascent.trained_gradient(&gradient, &parameters)?;
        let slopes = rows(&gradient);
        let norms: Vec<f64> =
            slopes.iter().map(|row| row.iter().map(|slope| slope * slope).sum::<f64>().sqrt()).collect();
        let mut faults: Vec<Option<NonFiniteReason>> =
            (0..sets).map(|set| gradient_fault(&gradient, values[set], &slopes[set], norms[set])).collect();
        if let Some(plateau) = &mut state.host.plateau {
            for set in (0..sets).filter(|&set| faults[set].is_none()) {
                plateau.observe_objective(places.start + set, values[set]);
            }
        }
        let plateau = state.host.plateau.as_ref();
        let plateau_factors: Vec<f64> =
            places.clone().map(|place| plateau.map_or(1.0, |plateau| plateau.factor(place))).collect();
        let rates: Vec<f64> = plateau_factors.iter().map(|factor| factor * learning_rate).collect();
        let mut proposal = self.ascent.propose(&parameters, &gradient, &norms, &rates, &moments);
        for (fault, row) in faults.iter_mut().zip(rows(&proposal.parameters)) {
            if fault.is_none()
                && let Some((leaf, position)) = first_non_finite(&proposal.parameters, &row)
            {
                *fault = Some(NonFiniteReason::Update { leaf, position });
            }
        }
        let accepted: Vec<bool> = faults.iter().map(Option::is_none).collect();
        proposal.parameters = take(&parameters, &proposal.parameters, &accepted);
        for (name, moment) in &mut proposal.moments {
            *moment = take(&moments.tensors[name], moment, &accepted);
        }
        done.values.extend(values);
        done.norms.extend(norms);
        done.plateau_factors.extend(plateau_factors);
        done.faults.extend(faults);
        Ok(proposal)
    }

    /// Counts successes and faults, and restarts sets that failed too often in a row.
    fn judge(
        &self,
        state: &mut State,
        faults: &[Option<NonFiniteReason>],
    ) -> Result<(Vec<SkippedSet>, Vec<RestartReport>), TrainerError> {
        let (mut skipped, mut restarts) = (Vec::new(), Vec::new());
        let mut finite: Option<ParameterTable> = None;
        let detailed = faults.len() <= DETAILED_SETS;
        for (place, fault) in faults.iter().enumerate() {
            let Some(reason) = fault else {
                state.host.health.updated(place);
                continue;
            };
            let set = state.host.number(place);
            let finite = finite.get_or_insert_with(|| ParameterTable::from_sets(&state.parameters));
            if self.settings.fail_fast {
                let parameters = serde_json::to_string(&finite.set(place)).unwrap_or_default();
                return Err(TrainerError::NonFinite {
                    step: state.host.step,
                    set,
                    reason: reason.to_string(),
                    parameters,
                });
            }
            let parameters = if detailed { finite.set(place) } else { ParameterValues::default() };
            let remedy = state.host.health.skipped(place, self.settings.restart_after);
            let consecutive = state.host.health.consecutive(place);
            skipped.push(SkippedSet { set, reason: reason.clone(), consecutive, parameters });
            if remedy != Remedy::Wait {
                restarts.push((place, remedy, reason.clone()));
            }
        }
        let restarts = match finite {
            Some(finite) if !restarts.is_empty() => self.restart(state, restarts, finite)?,
            _ => Vec::new(),
        };
        Ok((skipped, restarts))
    }

    /// Puts sets back to finite ground, each from its own best point or a fresh draw. `finite` are the parameters of all sets.
    fn restart(
        &self,
        state: &mut State,
        restarts: Vec<(usize, Remedy, NonFiniteReason)>,
        finite: ParameterTable,
    ) -> Result<Vec<RestartReport>, TrainerError> {
        let step = state.host.step;
        let mut values = finite.clone();
        let mut kept = vec![true; finite.sets()];
        let mut sources = Vec::with_capacity(restarts.len());
        for &(place, remedy, _) in &restarts {
            let recorded = state.host.tracker.best_of_set(place).filter(|_| remedy == Remedy::OwnBest);
            let (source, parameters) = if let Some(best) = recorded {
                (RestartSource::OwnBest { recorded_step: best.step }, best.parameters)
            } else {
                let set = state.host.number(place);
                (RestartSource::FreshDraw, self.spread.draw(&state.host.origin, self.seed, Purpose::Restart, step, set))
            };
            values.put(place, &parameters)?;
            kept[place] = false;
            sources.push(source);
            state.moments.updates[place] = 0;
            state.host.health.restarted(place);
        }
        state.parameters = values.on(&self.device, self.dtype);
        for moment in state.moments.tensors.values_mut() {
            let zeros = moment.map(|_, tensor| tensor.zeros_like());
            *moment = take(&zeros, moment, &kept);
        }
        // As the device holds them: in single precision a fresh draw is rounded.
        let values = ParameterTable::from_sets(&state.parameters);
        let report = |((place, _, reason), source): ((usize, Remedy, NonFiniteReason), RestartSource)| RestartReport {
            step,
            set: state.host.number(place),
            reason,
            last_finite: finite.set(place),
            source,
            parameters: values.set(place),
        };
        // Whoever looks at single sets does so for few of them.
        let told = if kept.len() <= DETAILED_SETS { restarts.len() } else { 0 };
        Ok(restarts.into_iter().zip(sources).take(told).map(report).collect())
    }
}

/// What is reported of an update, one entry per set.
#[derive(Default)]
struct Done {
    values: Vec<f64>,
    norms: Vec<f64>,
    plateau_factors: Vec<f64>,
    faults: Vec<Option<NonFiniteReason>>,
}

fn gradient_fault(gradient: &ParameterSets, objective: f64, slopes: &[f64], norm: f64) -> Option<NonFiniteReason> {
    if !objective.is_finite() {
        return Some(NonFiniteReason::Objective);
    }
    if norm.is_finite() {
        return None;
    }
    Some(match first_non_finite(gradient, slopes) {
        Some((leaf, position)) => NonFiniteReason::Gradient { leaf, position },
        None => NonFiniteReason::GradientNorm,
    })
}

/// Leaf and position of the first value of a set's row (as [`rows`] gives it) that is not finite.
fn first_non_finite(sets: &ParameterSets, row: &[f64]) -> Option<(String, usize)> {
    let mut position = row.iter().position(|value| !value.is_finite())?;
    for (leaf, tensor) in &sets.leaves {
        let [_, width] = tensor.dims();
        if position < width {
            return Some((leaf.clone(), position));
        }
        position -= width;
    }
    None
}
