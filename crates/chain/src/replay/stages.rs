//! From a strategy in floating point to the chain, one part after another: what each part does to the weights.

use crate::Int256;
use crate::decimal::{from_f64, to_f64};
use crate::error::Revert;
use crate::estimators::Lambda;
use crate::guard::guard;
use crate::rules::{Caller, RuleCall, RuleState};
use crate::runner::Pool;

use super::{Event, History, Trigger, floats, in_order, replay};

/// A strategy as its simulation computes it, in floating point.
pub trait FloatStrategy {
    /// What the rule says of these prices. Its estimators move on.
    fn output(&mut self, prices: &[f64]) -> Vec<f64>;

    /// Where this output leads from these weights, before any guard rail.
    fn raw(&self, weights: &[f64], output: &[f64]) -> Vec<f64>;

    /// The same after the simulation's own guard rails.
    fn guarded(&self, weights: &[f64], output: &[f64]) -> Vec<f64>;
}

/// Weights at the times that were asked for, `[times, assets]`, row-major: each list has one part more of the chain than the one before
/// it. Weights that cannot be read are NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    /// The float strategy at the chain's updates, with the prices of those times: straight to its target in one update interval, where
    /// weights stay until the next update.
    pub schedule: Vec<f64>,
    /// With the contract's guard rails.
    pub guard_rails: Vec<f64>,
    /// With the contract's estimators and rule in 18 decimals.
    pub arithmetic: Vec<f64>,
    /// With weights and multipliers cut to nine decimals.
    pub nine_decimals: Vec<f64>,
    /// With runs that end when the first asset meets a rail, not at their target: the chain.
    pub chain: Vec<f64>,
    /// Every update of the chain, and its weights.
    pub history: History,
    /// Change of each weight that the rule asked for at each trigger, before guard rails, in floating point and in 18 decimals; `None` where
    /// the chain reverted.
    pub rule_changes: Vec<Option<RuleChange>>,
}

/// What one update's rule asked for, per asset.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleChange {
    /// In floating point, from the weights of the chain.
    pub float: Vec<f64>,
    /// In 18 decimals.
    pub integer: Vec<f64>,
}

/// Runs a deployed pool over its triggers, and beside it pools that have only some of its parts.
///
/// Triggers and times must be in order of time. `initial_weights` and the strategy's estimators must be those that the pool was
/// deployed with.
pub fn stages(
    pool: &Pool,
    initial_weights: &[f64],
    triggers: &[Trigger],
    times: &[u64],
    strategy: &mut impl FloatStrategy,
) -> Stages {
    let outputs = outputs(pool, triggers, strategy);
    let output = |index: usize| outputs[index].as_deref();
    let interval = pool.settings().update_interval;
    let ideal = |target: &mut Target<'_>| ideal(Ramp::resting(initial_weights, interval), triggers, times, target);

    let schedule = ideal(&mut |index, weights| Some(strategy.guarded(weights, output(index)?)));
    let guard_rails = ideal(&mut |index, weights| guarded(pool, weights, &strategy.raw(weights, output(index)?)));
    let mut state = pool.state().clone();
    let arithmetic = ideal(&mut |index, weights| target(pool, &mut state, weights, &triggers[index].prices));
    let nine_decimals = floats(&to_targets(&mut pool.clone(), triggers, times), pool.assets());
    let history = replay(&mut pool.clone(), triggers, times);
    let chain = history.floats(pool.assets());
    let rule_change = |(index, event): (usize, &Event)| {
        let update = event.outcome.as_ref().ok()?;
        let weights = to_floats(&update.previous_weights);
        let change = |raw: Vec<f64>| raw.iter().zip(&weights).map(|(raw, weight)| raw - weight).collect();
        Some(RuleChange {
            float: change(strategy.raw(&weights, output(index)?)),
            integer: change(to_floats(&update.raw)),
        })
    };
    let rule_changes = history.events.iter().enumerate().map(rule_change).collect();
    Stages { schedule, guard_rails, arithmetic, nine_decimals, chain, history, rule_changes }
}

/// What the float rule says at each trigger that comes when an update is allowed.
fn outputs(pool: &Pool, triggers: &[Trigger], strategy: &mut impl FloatStrategy) -> Vec<Option<Vec<f64>>> {
    let mut allowed = 0;
    let mut output = |trigger: &Trigger| {
        if trigger.time < allowed {
            return None;
        }
        allowed = trigger.time.saturating_add(pool.settings().update_interval);
        Some(strategy.output(&to_floats(&trigger.prices)))
    };
    triggers.iter().map(&mut output).collect()
}

/// Weights on a straight way, at the end of which they stay.
struct Ramp {
    from: Vec<f64>,
    to: Vec<f64>,
    begins: u64,
    seconds: u64,
}

impl Ramp {
    /// Weights that stand still.
    fn resting(weights: &[f64], seconds: u64) -> Self {
        Self { from: weights.to_vec(), to: weights.to_vec(), begins: 0, seconds }
    }

    fn at(&self, time: u64) -> Vec<f64> {
        let done = time.saturating_sub(self.begins).min(self.seconds) as f64 / self.seconds as f64;
        let weight = |(from, to): (&f64, &f64)| if done < 1.0 { from + (to - from) * done } else { *to };
        self.from.iter().zip(&self.to).map(weight).collect()
    }
}

/// Where a trigger, by index, leads from the weights at its time; `None` if it changes nothing.
type Target<'a> = dyn FnMut(usize, &[f64]) -> Option<Vec<f64>> + 'a;

/// Weights of a pool whose storage is not cut and whose runs end at their target.
fn ideal(mut ramp: Ramp, triggers: &[Trigger], times: &[u64], target: &mut Target<'_>) -> Vec<f64> {
    let interval = ramp.seconds;
    let mut allowed = 0;
    let update = |ramp: &mut Ramp, index: usize| {
        let time = triggers[index].time;
        if time < allowed {
            return;
        }
        let from = ramp.at(time);
        if let Some(to) = target(index, &from) {
            *ramp = Ramp { from, to, begins: time, seconds: interval };
            allowed = time.saturating_add(interval);
        }
    };
    in_order(&mut ramp, triggers, times, update, Ramp::at).concat()
}

/// Raw weights after the contract's guard rails.
fn guarded(pool: &Pool, weights: &[f64], raw: &[f64]) -> Option<Vec<f64>> {
    let settings = pool.settings();
    let guarded = guard(&integers(raw)?, &integers(weights)?, settings.epsilon_max, settings.guard_rail);
    guarded.ok().map(|weights| to_floats(&weights))
}

/// Where the contract's rule and guard rails lead from these weights.
fn target(pool: &Pool, state: &mut RuleState, weights: &[f64], prices: &[Int256]) -> Option<Vec<f64>> {
    let settings = pool.settings();
    let call = RuleCall {
        caller: Caller::Runner,
        previous_weights: &integers(weights)?,
        prices,
        parameters: &settings.parameters,
        lambda: Lambda(&settings.lambda),
        epsilon_max: settings.epsilon_max,
        guard_rail: settings.guard_rail,
    };
    settings.rule.calculate(state, &call).ok().map(|outcome| to_floats(&outcome.guarded))
}

/// Weights of a pool that is the chain's but for the end of its runs: one update interval after each update.
fn to_targets(pool: &mut Pool, triggers: &[Trigger], times: &[u64]) -> Vec<Result<Vec<Int256>, Revert>> {
    let interval = pool.settings().update_interval;
    let update = |pool: &mut Pool, index: usize| {
        let Trigger { time, prices } = &triggers[index];
        let before = pool.clone();
        let stored = pool.perform_update(*time, prices).and_then(|update| {
            let run = [update.previous_weights, update.run.multipliers].concat();
            pool.set_weights(Caller::Runner, &run, *time, time.saturating_add(interval))
        });
        if stored.is_err() {
            *pool = before;
        }
    };
    in_order(pool, triggers, times, update, Pool::weights_at)
}

fn to_floats(values: &[Int256]) -> Vec<f64> {
    values.iter().map(|value| to_f64(*value)).collect()
}

fn integers(values: &[f64]) -> Option<Vec<Int256>> {
    values.iter().map(|value| from_f64(*value).ok()).collect()
}
