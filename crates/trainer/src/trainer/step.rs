//! One update of all sets, and what happens to those that go non-finite.

use gradpool_strategy::parameters::{ParameterSets, ParameterValues};

use super::health::Remedy;
use super::state::State;
use super::{Audience, Trainer, tell};
use crate::error::TrainerError;
use crate::objective::ValueAndGradient;
use crate::observer::{NonFiniteReason, RestartReport, RestartSource, SkippedSet, StepReport};
use crate::optimiser::{rows, take};
use crate::random::Purpose;

impl Trainer<'_> {
    /// One update. A set whose objective, gradient or new parameters are not finite keeps its parameters and moments; the
    /// others are not affected.
    pub(super) fn update(&self, state: &mut State, audience: &mut Audience) -> Result<(), TrainerError> {
        let update = state.host.step;
        let sets = state.parameters.sets();
        let starts = self.sampler.starts(self.seed, update);
        let ValueAndGradient { values, gradient } = self
            .objective
            .value_and_gradient(&state.parameters, &starts)
            .map_err(|source| TrainerError::Objective { step: update, source })?;
        if values.len() != sets {
            let (found, expected) = (format!("{} values", values.len()), format!("{sets}, one per parameter set"));
            return Err(TrainerError::ObjectiveShape { found, expected });
        }
        let gradient = self.ascent.trained_gradient(&gradient, &state.parameters)?;
        let slopes = rows(&gradient);
        let norms: Vec<f64> =
            slopes.iter().map(|row| row.iter().map(|slope| slope * slope).sum::<f64>().sqrt()).collect();
        let mut faults: Vec<Option<NonFiniteReason>> =
            (0..sets).map(|set| gradient_fault(&gradient, values[set], &slopes[set], norms[set])).collect();
        if let Some(plateau) = &mut state.host.plateau {
            for set in (0..sets).filter(|&set| faults[set].is_none()) {
                plateau.observe_objective(set, values[set]);
            }
        }
        let learning_rate = self.settings.schedule().learning_rate(update);
        let plateau_factor: Vec<f64> =
            (0..sets).map(|set| state.host.plateau.as_ref().map_or(1.0, |plateau| plateau.factor(set))).collect();
        let rates: Vec<f64> = plateau_factor.iter().map(|factor| factor * learning_rate).collect();
        let proposal = self.ascent.propose(&state.parameters, &gradient, &norms, &rates, &state.moments);
        for (fault, row) in faults.iter_mut().zip(rows(&proposal.parameters)) {
            if fault.is_none()
                && let Some((leaf, position)) = first_non_finite(&proposal.parameters, &row)
            {
                *fault = Some(NonFiniteReason::Update { leaf, position });
            }
        }
        let accepted: Vec<bool> = faults.iter().map(Option::is_none).collect();
        state.parameters = take(&state.parameters, &proposal.parameters, &accepted);
        for (name, moment) in &mut state.moments.tensors {
            *moment = take(moment, &proposal.moments[name], &accepted);
        }
        for (updates, &accepted) in state.moments.updates.iter_mut().zip(&accepted) {
            *updates += u64::from(accepted);
        }
        state.host.step += 1;
        let (skipped, restarts) = self.judge(state, &faults)?;
        let step = state.host.step;
        let report = StepReport {
            step,
            starts,
            objective: values,
            learning_rate,
            plateau_factor,
            gradient_norm: norms,
            skipped,
        };
        tell(audience, |observer| observer.on_step(&report))?;
        for report in &restarts {
            tell(audience, |observer| observer.on_restart(report))?;
        }
        Ok(())
    }

    /// Counts successes and faults, and restarts sets that failed too often in a row.
    fn judge(
        &self,
        state: &mut State,
        faults: &[Option<NonFiniteReason>],
    ) -> Result<(Vec<SkippedSet>, Vec<RestartReport>), TrainerError> {
        let (mut skipped, mut restarts) = (Vec::new(), Vec::new());
        let mut finite: Option<Vec<ParameterValues>> = None;
        for (set, fault) in faults.iter().enumerate() {
            let Some(reason) = fault else {
                state.host.health.updated(set);
                continue;
            };
            let parameters = finite.get_or_insert_with(|| state.parameters.to_values())[set].clone();
            if self.settings.fail_fast {
                let parameters = serde_json::to_string(&parameters).unwrap_or_default();
                return Err(TrainerError::NonFinite {
                    step: state.host.step,
                    set,
                    reason: reason.to_string(),
                    parameters,
                });
            }
            let remedy = state.host.health.skipped(set, self.settings.restart_after);
            let consecutive = state.host.health.consecutive(set);
            skipped.push(SkippedSet { set, reason: reason.clone(), consecutive, parameters: parameters.clone() });
            if remedy != Remedy::Wait {
                restarts.push(self.restart(state, set, remedy, reason.clone(), parameters)?);
            }
        }
        Ok((skipped, restarts))
    }

    fn restart(
        &self,
        state: &mut State,
        set: usize,
        remedy: Remedy,
        reason: NonFiniteReason,
        last_finite: ParameterValues,
    ) -> Result<RestartReport, TrainerError> {
        let step = state.host.step;
        let recorded = state.host.tracker.best_of_set(set).filter(|_| remedy == Remedy::OwnBest);
        let (source, parameters) = if let Some(best) = recorded {
            (RestartSource::OwnBest { recorded_step: best.step }, best.parameters.clone())
        } else {
            let drawn = self.spread.draw(&state.host.origin, self.seed, Purpose::Restart, step, set);
            (RestartSource::FreshDraw, drawn)
        };
        let mut values = state.parameters.to_values();
        values[set] = parameters;
        state.parameters = ParameterSets::from_values(&values, &self.device, self.dtype)?;
        // As the device holds it: in single precision a fresh draw is rounded.
        let parameters = state.parameters.to_values().swap_remove(set);
        let kept: Vec<bool> = (0..values.len()).map(|other| other != set).collect();
        for moment in state.moments.tensors.values_mut() {
            let zeros = moment.map(|_, tensor| tensor.zeros_like());
            *moment = take(&zeros, moment, &kept);
        }
        state.moments.updates[set] = 0;
        state.host.health.restarted(set);
        Ok(RestartReport { step, set, reason, last_finite, source, parameters })
    }
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
