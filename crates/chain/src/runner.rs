//! A deployed pool with its rule, and the runner that updates it (spec 13.7).

use std::collections::BTreeMap;

use crate::Int256;
use crate::error::{Require, Revert};
use crate::estimators::Lambda;
use crate::fixed_point::SCALE;
use crate::interpolation::StoredWeights;
use crate::multiplier::{self, NEVER, Run};
use crate::oracle::{self, Oracle};
use crate::rules::{Caller, Rule, RuleCall, RuleOutcome, RuleState};

/// Permission bit: anybody may run an update.
pub const PERFORM_UPDATE: u8 = 1;

const MANUAL_MINIMUM: Int256 = Int256::new(SCALE / 100);
const MANUAL_MAXIMUM: Int256 = Int256::new(SCALE / 100 * 99);

/// What a pool was deployed with. Values have 18 decimals; nothing is checked here (see [`crate::validation`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Weight rule.
    pub rule: Rule,
    /// The rule's lists of parameters.
    pub parameters: Vec<Vec<Int256>>,
    /// Decay of the estimators: one, or one per asset.
    pub lambda: Vec<u64>,
    /// Largest change of a weight per update.
    pub epsilon_max: u64,
    /// Smallest weight.
    pub guard_rail: u64,
    /// Seconds between updates.
    pub update_interval: u64,
    /// Age in seconds at which an oracle's price is stale.
    pub oracle_staleness: u64,
    /// Permission bits.
    pub registry: u8,
}

/// What a pool starts with. Values have 18 decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialState {
    /// Weights; their number is the number of assets.
    pub weights: Vec<Int256>,
    /// Moving averages of the prices.
    pub moving_averages: Vec<Int256>,
    /// Running gradients, running variances or short averages, by rule.
    pub intermediate: Vec<Int256>,
    /// Time of creation, in seconds.
    pub time: u64,
}

/// What one update read, computed and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The pool's weights before it.
    pub previous_weights: Vec<Int256>,
    /// Gradients, variances or short averages.
    pub estimate: Vec<Int256>,
    /// Weights before guard rails.
    pub raw: Vec<Int256>,
    /// Weights after guard rails: where the run is after exactly one interval.
    pub guarded: Vec<Int256>,
    /// Multipliers before they are cut to nine decimals, and their end.
    pub run: Run,
    /// What the pool stored of it.
    pub stored: StoredWeights,
}

/// A deployed pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    settings: PoolSettings,
    state: RuleState,
    weights: StoredWeights,
    last_run: u64,
}

impl Pool {
    /// Creates a pool whose weights stand still until its first update.
    ///
    /// # Errors
    /// Lists of different lengths, and numbers that cannot be stored.
    pub fn new(settings: PoolSettings, initial: &InitialState) -> Result<Self, Revert> {
        let assets = initial.weights.len();
        let mut values = initial.weights.clone();
        values.resize(2 * assets, Int256::ZERO);
        let weights = StoredWeights::new(&values, assets, initial.time, initial.time)?;
        let state = settings.rule.initialise(&initial.moving_averages, &initial.intermediate, assets)?;
        Ok(Self { settings, state, weights, last_run: 0 })
    }

    /// What the pool was deployed with.
    pub const fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Number of assets.
    pub const fn assets(&self) -> usize {
        self.weights.assets()
    }

    /// The rule's state.
    pub const fn state(&self) -> &RuleState {
        &self.state
    }

    /// The stored weights and their run.
    pub const fn stored_weights(&self) -> &StoredWeights {
        &self.weights
    }

    /// Time of the last update, in seconds; zero before the first.
    pub const fn last_run(&self) -> u64 {
        self.last_run
    }

    /// The weights at a time in seconds, 18 decimals.
    ///
    /// # Errors
    /// Those of [`StoredWeights::at`].
    pub fn weights_at(&self, time: u64) -> Result<Vec<Int256>, Revert> {
        self.weights.at(time)
    }

    /// One update at `time` (seconds) with oracle prices. A revert leaves the pool as it was.
    ///
    /// # Errors
    /// [`Require::IntervalNotElapsed`], [`Require::ActionNotApproved`], and what rule and storage revert with.
    pub fn perform_update(&mut self, time: u64, prices: &[Int256]) -> Result<Update, Revert> {
        self.permit(time)?;
        self.update(time, prices)
    }

    fn permit(&self, time: u64) -> Result<(), Revert> {
        if time.checked_sub(self.last_run).is_none_or(|elapsed| elapsed < self.settings.update_interval) {
            return Err(Require::IntervalNotElapsed.into());
        }
        if self.settings.registry & PERFORM_UPDATE == 0 {
            return Err(Require::ActionNotApproved.into());
        }
        Ok(())
    }

    fn update(&mut self, time: u64, prices: &[Int256]) -> Result<Update, Revert> {
        let settings = &self.settings;
        let previous_weights = self.weights.at(time)?;
        let mut state = self.state.clone();
        let call = RuleCall {
            caller: Caller::Runner,
            previous_weights: &previous_weights,
            prices,
            parameters: &settings.parameters,
            lambda: Lambda(&settings.lambda),
            epsilon_max: settings.epsilon_max,
            guard_rail: settings.guard_rail,
        };
        let outcome = settings.rule.calculate(&mut state, &call)?;
        let run = self.run_to(&previous_weights, &outcome.guarded, settings.update_interval, time)?;
        self.state = state;
        self.last_run = time;
        let RuleOutcome { estimate, raw, guarded } = outcome;
        Ok(Update { previous_weights, estimate, raw, guarded, run, stored: self.weights })
    }

    /// Stores the run from these weights through a target.
    fn run_to(&mut self, current: &[Int256], target: &[Int256], interval: u64, time: u64) -> Result<Run, Revert> {
        let run = multiplier::run(current, target, interval, self.settings.guard_rail, time)?;
        let values = [current, &run.multipliers].concat();
        self.set_weights(Caller::Runner, &values, time, run.last_interpolation_time)?;
        Ok(run)
    }

    /// Stores weights followed by multipliers, which run to `last_interpolation_time`.
    ///
    /// # Errors
    /// [`Require::SetterNotRunner`], and those of [`StoredWeights::new`].
    pub fn set_weights(
        &mut self,
        caller: Caller,
        weights_then_multipliers: &[Int256],
        time: u64,
        last_interpolation_time: u64,
    ) -> Result<(), Revert> {
        if caller != Caller::Runner {
            return Err(Require::SetterNotRunner.into());
        }
        self.weights = StoredWeights::new(weights_then_multipliers, self.assets(), time, last_interpolation_time)?;
        Ok(())
    }

    /// Weights followed by multipliers, given by hand; their sum is not checked.
    ///
    /// # Errors
    /// A weight outside [0.01, 0.99], and those of [`StoredWeights::new`].
    pub fn set_weights_manually(
        &mut self,
        weights_then_multipliers: &[Int256],
        time: u64,
        last_interpolation_time: u64,
    ) -> Result<(), Revert> {
        let weights = weights_then_multipliers.len().min(self.assets());
        check_manual_weights(&weights_then_multipliers[..weights])?;
        self.set_weights(Caller::Runner, weights_then_multipliers, time, last_interpolation_time)
    }

    /// A run to a target given by hand, reached after `seconds`.
    ///
    /// # Errors
    /// A weight outside [0.01, 0.99], and those of [`multiplier::run`] and [`StoredWeights::new`].
    pub fn set_target_weights_manually(&mut self, target: &[Int256], seconds: u64, time: u64) -> Result<Run, Revert> {
        check_manual_weights(target)?;
        let current = self.weights.at(time)?;
        self.run_to(&current, target, seconds, time)
    }
}

fn check_manual_weights(weights: &[Int256]) -> Result<(), Revert> {
    for weight in weights {
        if *weight < MANUAL_MINIMUM {
            return Err(Require::ManualWeightBelowMinimum.into());
        }
        if *weight > MANUAL_MAXIMUM {
            return Err(Require::ManualWeightAboveMaximum.into());
        }
    }
    Ok(())
}

/// The pools that a runner updates, by name.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    pools: BTreeMap<String, Pool>,
}

impl Runner {
    /// Registers a pool.
    ///
    /// # Errors
    /// [`Require::UpdateInterval`] for an interval of zero.
    pub fn register(&mut self, name: &str, pool: Pool) -> Result<(), Revert> {
        if pool.settings.update_interval == 0 {
            return Err(Require::UpdateInterval.into());
        }
        self.pools.insert(name.to_owned(), pool);
        Ok(())
    }

    /// A registered pool.
    ///
    /// # Errors
    /// [`Require::PoolNotRegistered`].
    pub fn pool(&self, name: &str) -> Result<&Pool, Revert> {
        self.pools.get(name).ok_or_else(|| Require::PoolNotRegistered.into())
    }

    /// One update of a pool at `time` (seconds) with the prices of its assets' oracles.
    ///
    /// # Errors
    /// [`Require::PoolNotRegistered`], those of [`Pool::perform_update`] and of [`oracle::prices`].
    pub fn perform_update(&mut self, name: &str, time: u64, oracles: &[Vec<Oracle>]) -> Result<Update, Revert> {
        let pool = self.pools.get_mut(name).ok_or(Require::PoolNotRegistered)?;
        pool.permit(time)?;
        let prices = oracle::prices(oracles, time & NEVER, pool.settings.oracle_staleness)?;
        pool.update(time, &prices)
    }
}
