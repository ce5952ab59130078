//! The training loop.

mod health;
mod population;
mod result;
pub(crate) mod state;
mod step;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::{DType, Device};
use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::ParameterValues;

pub use result::{Best, EvaluationSummary, TrainResult};
use state::State;

use crate::error::TrainerError;
use crate::initialisation::Spread;
use crate::memory::{MemoryPlan, Room};
use crate::objective::Objective;
use crate::observer::{EndReport, Observer, StartReport};
use crate::optimiser::{Ascent, Optimiser, from_settings};
use crate::sampling::{Explicit, Sampler, SamplingRange, Stratified, Uniform};
use crate::settings::{SamplerKind, TrainSettings};
use crate::stopping::{EarlyStopping, StoppingRule, TerminationReason};
use crate::storage::checkpoint::{Checkpoint, save_best};
use crate::storage::run::RunFolder;

/// One training: an objective, settings, and the parts that the loop is given.
///
/// The same objective, settings, seed and starting points give the same bits, however often the training was interrupted
/// and resumed.
pub struct Trainer<'a> {
    objective: &'a dyn Objective,
    settings: &'a TrainSettings,
    sampler: Box<dyn Sampler>,
    ascent: Ascent,
    stopping: Vec<Box<dyn StoppingRule>>,
    spread: Spread,
    device: Device,
    dtype: DType,
    seed: u64,
    run: Option<&'a RunFolder>,
    interrupt: Option<Arc<AtomicBool>>,
    room: Room,
    /// Made when the training begins.
    plan: Option<MemoryPlan>,
}

/// Everybody who is told.
type Audience<'o, 'p> = Vec<&'o mut (dyn Observer + 'p)>;

impl<'a> Trainer<'a> {
    /// Checks the settings and builds the parts they name. `range` says where windows may start; parameters live on
    /// `device` (a plain one, not autodiff) as `dtype`.
    ///
    /// # Errors
    /// [`TrainerError::Setting`] and the errors of the samplers.
    pub fn new(
        objective: &'a dyn Objective,
        settings: &'a TrainSettings,
        range: SamplingRange,
        device: &Device,
        dtype: DType,
        seed: u64,
    ) -> Result<Self, TrainerError> {
        settings.validate()?;
        let sampler: Box<dyn Sampler> = match settings.sampler {
            SamplerKind::Uniform => Box::new(Uniform::new(range, settings.batch_size)?),
            SamplerKind::Stratified => Box::new(Stratified::new(range, settings.batch_size)?),
            SamplerKind::Explicit => Box::new(Explicit::new(settings.windows.clone().unwrap_or_default(), range)?),
        };
        let early_stopping = EarlyStopping::from_settings(settings);
        Ok(Self {
            objective,
            settings,
            sampler,
            ascent: ascent(objective, settings, from_settings(settings)),
            stopping: early_stopping.into_iter().map(|rule| Box::new(rule) as Box<dyn StoppingRule>).collect(),
            spread: Spread::from_settings(settings, objective.unspread_leaves()),
            device: device.clone(),
            dtype,
            seed,
            run: None,
            interrupt: None,
            room: Room::of(device, dtype),
            plan: None,
        })
    }

    /// Keeps checkpoints, the event log and the best parameters in a run folder.
    #[must_use]
    pub fn with_run(mut self, run: &'a RunFolder) -> Self {
        self.run = Some(run);
        self
    }

    /// Uses at most so many bytes, by estimate, instead of those of [`Room::of`]. Changes no result.
    #[must_use]
    pub fn with_memory_budget(mut self, bytes: u64) -> Self {
        self.room.budget = bytes;
        self
    }

    /// Ends the training, after a checkpoint, soon after `flag` becomes true.
    #[must_use]
    pub fn with_interrupt(mut self, flag: Arc<AtomicBool>) -> Self {
        self.interrupt = Some(flag);
        self
    }

    /// Draws windows by another sampler than the settings name.
    #[must_use]
    pub fn with_sampler(mut self, sampler: Box<dyn Sampler>) -> Self {
        self.sampler = sampler;
        self
    }

    /// Uses another optimiser than the settings name.
    #[must_use]
    pub fn with_optimiser(mut self, optimiser: Box<dyn Optimiser>) -> Self {
        self.ascent = ascent(self.objective, self.settings, optimiser);
        self
    }

    /// Adds a stopping rule.
    #[must_use]
    pub fn with_stopping_rule(mut self, rule: Box<dyn StoppingRule>) -> Self {
        self.stopping.push(rule);
        self
    }

    /// Trains from starting points, one per parameter set (see [`crate::initialisation::initial_sets`]).
    ///
    /// # Errors
    /// [`TrainerError`] of the objective, of files, of observers; [`TrainerError::NonFinite`] with `train.fail_fast`.
    pub fn train(
        self,
        initial: &[ParameterValues],
        observers: &mut [&mut dyn Observer],
    ) -> Result<TrainResult, TrainerError> {
        self.train_population(ParameterTable::from_values(initial)?, observers)
    }

    /// The same from starting points in one table.
    ///
    /// # Errors
    /// As [`Trainer::train`].
    pub fn train_population(
        self,
        initial: ParameterTable,
        observers: &mut [&mut dyn Observer],
    ) -> Result<TrainResult, TrainerError> {
        let state = State::start(initial, self.settings, &self.ascent, &self.device, self.dtype)?;
        let log = self.run.map(|run| run.event_log(None)).transpose()?;
        self.run_from(state, None, log, observers)
    }

    /// Continues from a checkpoint, exactly as if the training had not been interrupted.
    ///
    /// # Errors
    /// [`TrainerError::CheckpointMismatch`] if the checkpoint is of another kind of training, else as
    /// [`Trainer::train`].
    pub fn resume(
        mut self,
        checkpoint: &Checkpoint,
        observers: &mut [&mut dyn Observer],
    ) -> Result<TrainResult, TrainerError> {
        let state = State::resume(checkpoint, self.settings, &self.ascent, &self.device, self.dtype)?;
        state::restore_stopping(checkpoint, &mut self.stopping)?;
        let log = self.run.map(|run| run.event_log(Some(state.host.step))).transpose()?;
        if let (Some(run), Some(best)) = (self.run, state.host.tracker.best()) {
            // A later best of the interrupted run may be on disk; it will be found again.
            save_best(&run.best_path(), best, run.identity(), self.dtype)?;
        }
        self.run_from(state, Some(checkpoint.step()), log, observers)
    }

    fn run_from(
        mut self,
        mut state: State,
        mut saved_at: Option<usize>,
        mut log: Option<crate::storage::events::EventLog>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<TrainResult, TrainerError> {
        let started = Instant::now();
        self.plan = self.memory_plan(state.parameters.leaves.values().map(|leaf| leaf.dims()[1]).sum())?;
        let mut audience: Audience =
            observers.iter_mut().map(|observer| &mut **observer as &mut dyn Observer).collect();
        audience.extend(log.as_mut().map(|log| log as &mut dyn Observer));
        let report = self.start_report(&state);
        tell(&mut audience, |observer| observer.on_start(&report))?;
        if state.host.evaluated_at.is_none() {
            self.evaluate(&mut state, &mut audience)?;
        }
        let termination = loop {
            if let Some(reason) = self.termination(&state) {
                break reason;
            }
            self.update(&mut state, &mut audience)?;
            let step = state.host.step;
            let halving = self.settings.halving.as_ref();
            let halving = halving.filter(|halving| halving.is_due(step, self.settings.iterations));
            let evaluated = step.is_multiple_of(self.settings.evaluation_interval());
            if evaluated || step == self.settings.iterations || halving.is_some() {
                let scores = self.evaluate(&mut state, &mut audience)?;
                if let Some(halving) = halving {
                    population::halve(&mut state, halving, &scores, &mut audience)?;
                }
            }
            if step.is_multiple_of(self.settings.checkpoint_interval()) {
                self.save(&state, &mut audience)?;
                saved_at = Some(step);
            }
        };
        if saved_at != Some(state.host.step) {
            self.save(&state, &mut audience)?;
        }
        let report = EndReport { step: state.host.step, termination: termination.clone() };
        tell(&mut audience, |observer| observer.on_end(&report))?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(TrainResult::new(&state, &self.settings.objective, termination, self.plan, seconds))
    }

    /// Why the training is over, if it is. Being finished comes before being interrupted.
    fn termination(&self, state: &State) -> Option<TerminationReason> {
        let verdict = self.stopping.iter().find_map(|rule| rule.verdict());
        let done = (state.host.step >= self.settings.iterations).then_some(TerminationReason::Iterations);
        let interrupted = self.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        verdict.or(done).or(interrupted.then_some(TerminationReason::Interrupted))
    }

    fn save(&self, state: &State, audience: &mut Audience) -> Result<(), TrainerError> {
        let Some(run) = self.run else { return Ok(()) };
        let step = state.host.step;
        tell(audience, |observer| observer.before_checkpoint(step))?;
        let checkpoint = state.checkpoint(run.checkpoint_path(step), &self.stopping, self.dtype);
        checkpoint.save(run.identity(), self.dtype)?;
        run.prune(self.settings.keep_checkpoints)?;
        tell(audience, |observer| observer.on_checkpoint(step))
    }

    fn start_report(&self, state: &State) -> StartReport {
        let (frozen, trained) = state.parameters.leaves.keys().cloned().partition(|leaf| self.ascent.is_frozen(leaf));
        StartReport {
            step: state.host.step,
            iterations: self.settings.iterations,
            parameter_sets: state.parameters.sets(),
            optimiser: self.ascent.optimiser().name().to_owned(),
            trained,
            frozen,
            seed: self.seed,
            memory: self.plan,
        }
    }
}

fn ascent(objective: &dyn Objective, settings: &TrainSettings, optimiser: Box<dyn Optimiser>) -> Ascent {
    let frozen: BTreeSet<String> = objective.frozen_leaves().into_iter().collect();
    Ascent::new(optimiser, settings.clip_norm, frozen, settings.compat.decay_frozen_leaves)
}

/// Calls every observer in turn.
fn tell(
    audience: &mut Audience,
    mut call: impl FnMut(&mut dyn Observer) -> Result<(), TrainerError>,
) -> Result<(), TrainerError> {
    audience.iter_mut().try_for_each(|observer| call(&mut **observer))
}
