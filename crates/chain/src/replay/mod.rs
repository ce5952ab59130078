//! A deployed pool over a history: updates when they really come, weights whenever they are asked for.
//!
//! A momentum pool of two assets, of which the first rises, with a keeper who is a minute late:
//!
//! ```
//! use gradpool_chain::Int256;
//! use gradpool_chain::decimal::{from_f64, to_f64, weights_from_f64};
//! use gradpool_chain::replay::{Keeper, Trigger, replay};
//! use gradpool_chain::rules::Rule;
//! use gradpool_chain::runner::{InitialState, PERFORM_UPDATE, PoolSettings};
//! use gradpool_chain::validation::Proposal;
//!
//! let settings = PoolSettings {
//!     rule: Rule::Momentum,
//!     parameters: vec![vec![from_f64(200.0)?]],
//!     lambda: vec![900_000_000_000_000_000],
//!     epsilon_max: 50_000_000_000_000_000,
//!     guard_rail: 100_000_000_000_000_000,
//!     update_interval: 86_400,
//!     oracle_staleness: 3_600,
//!     registry: PERFORM_UPDATE,
//! };
//! let initial = InitialState {
//!     weights: weights_from_f64(&[0.5, 0.5])?,
//!     moving_averages: vec![from_f64(100.0)?, from_f64(10.0)?],
//!     intermediate: vec![Int256::ZERO; 2],
//!     time: 0,
//! };
//! let mut pool = Proposal::new(settings, initial).deploy()?;
//! let times = Keeper { delay: 60, misses_one_in: 0 }.times(86_400, 10 * 86_400, 86_400);
//! let triggers = times.into_iter().enumerate().map(|(day, time)| {
//!     Ok(Trigger { time, prices: vec![from_f64(100.0 + day as f64)?, from_f64(10.0)?] })
//! });
//! let triggers = triggers.collect::<Result<Vec<_>, gradpool_chain::decimal::DecimalError>>()?;
//! let history = replay(&mut pool, &triggers, &[10 * 86_400]);
//! assert!(history.events.iter().all(|event| event.outcome.is_ok()));
//! assert!(to_f64(history.weights[0].as_ref().unwrap()[0]) > 0.6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod deviation;
mod keeper;
mod stages;

pub use deviation::{Cause, Deviation, deviation, largest_difference};
pub use keeper::{Keeper, trigger_times};
pub use stages::{FloatStrategy, RuleChange, Stages, stages};

use crate::Int256;
use crate::decimal::to_f64;
use crate::error::Revert;
use crate::runner::{Pool, Update};

/// Prices at the time of an update that somebody triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Time in seconds.
    pub time: u64,
    /// One price per asset, 18 decimals.
    pub prices: Vec<Int256>,
}

/// What became of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time in seconds.
    pub time: u64,
    /// The update, or why it was reverted.
    pub outcome: Result<Update, Revert>,
}

/// What became of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// One event per trigger.
    pub events: Vec<Event>,
    /// Weights at the times that were asked for.
    pub weights: Vec<Result<Vec<Int256>, Revert>>,
}

impl History {
    /// The weights in floating point, `[times, assets]`, row-major; NaN where they could not be read.
    pub fn floats(&self, assets: usize) -> Vec<f64> {
        floats(&self.weights, assets)
    }
}

/// Weights in floating point, `[times, assets]`, row-major; NaN where they could not be read.
fn floats(weights: &[Result<Vec<Int256>, Revert>], assets: usize) -> Vec<f64> {
    let mut found = Vec::with_capacity(weights.len() * assets);
    for weights in weights {
        match weights {
            Ok(weights) => found.extend(weights.iter().map(|weight| to_f64(*weight))),
            Err(_) => found.extend(std::iter::repeat_n(f64::NAN, assets)),
        }
    }
    found
}

/// Triggers a pool's updates in turn and reads its weights at `times`.
///
/// Both lists must be in order of time. Weights at the very time of a trigger are those after it. A trigger that is
/// reverted leaves the pool as it was; one that never comes lets the weights run on to their last interpolation time.
pub fn replay(pool: &mut Pool, triggers: &[Trigger], times: &[u64]) -> History {
    let mut events = Vec::with_capacity(triggers.len());
    let weights = in_order(
        pool,
        triggers,
        times,
        |pool, index| {
            let Trigger { time, prices } = &triggers[index];
            events.push(Event { time: *time, outcome: pool.perform_update(*time, prices) });
        },
        Pool::weights_at,
    );
    History { events, weights }
}

/// Has `update` do to a pool what each trigger, by index, does to it, and gives what `read` reads of it at `times`.
fn in_order<P, R>(
    pool: &mut P,
    triggers: &[Trigger],
    times: &[u64],
    mut update: impl FnMut(&mut P, usize),
    read: impl Fn(&P, u64) -> R,
) -> Vec<R> {
    let mut done = 0;
    let mut found = Vec::with_capacity(times.len());
    for time in times {
        while triggers.get(done).is_some_and(|due| due.time <= *time) {
            update(pool, done);
            done += 1;
        }
        found.push(read(pool, *time));
    }
    for index in done..triggers.len() {
        update(pool, index);
    }
    found
}
