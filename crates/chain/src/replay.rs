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

use crate::Int256;
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

/// Triggers a pool's updates in turn and reads its weights at `times`.
///
/// Both lists must be in order of time. Weights at the very time of a trigger are those after it. A trigger that is
/// reverted leaves the pool as it was; one that never comes lets the weights run on to their last interpolation time.
pub fn replay(pool: &mut Pool, triggers: &[Trigger], times: &[u64]) -> History {
    let mut triggers = triggers.iter().peekable();
    let mut events = vec![];
    let mut weights = Vec::with_capacity(times.len());
    let mut trigger = |pool: &mut Pool, trigger: &Trigger| {
        events.push(Event { time: trigger.time, outcome: pool.perform_update(trigger.time, &trigger.prices) });
    };
    for time in times {
        while let Some(due) = triggers.next_if(|due| due.time <= *time) {
            trigger(pool, due);
        }
        weights.push(pool.weights_at(*time));
    }
    for due in triggers {
        trigger(pool, due);
    }
    History { events, weights }
}

/// When a keeper triggers updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeper {
    /// Seconds after a pool allows an update.
    pub delay: u64,
    /// One in this many updates never comes; 0 for none.
    pub misses_one_in: usize,
}

impl Keeper {
    /// Triggers as soon as a pool allows it.
    pub const PUNCTUAL: Self = Self { delay: 0, misses_one_in: 0 };

    /// Times of this keeper's triggers from `first` to `end` (excluded), in seconds.
    ///
    /// The pool counts its interval from the last update, so that a delay shifts all later updates; a missed update is
    /// made up for one interval later.
    pub fn times(&self, first: u64, end: u64, update_interval: u64) -> Vec<u64> {
        let mut times = vec![];
        let mut due = Some(first);
        let mut count = 0;
        while let Some(time) = due.and_then(|due| due.checked_add(self.delay)).filter(|time| *time < end) {
            count += 1;
            if self.misses_one_in == 0 || count % self.misses_one_in != 0 {
                times.push(time);
            }
            due = time.checked_add(update_interval.max(1));
        }
        times
    }
}
