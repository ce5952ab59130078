//! Counts of skipped updates and restarts, per set.

use serde::{Deserialize, Serialize};

/// What to do with a set after a skipped update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Leave it where it is: the next windows may do.
    Wait,
    /// Go back to its best point.
    OwnBest,
    /// Draw a new point: the best one has been tried and no update came of it.
    FreshDraw,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SetHealth {
    consecutive: usize,
    skipped: usize,
    restarts: usize,
    /// No update has succeeded since the last restart.
    restarted_in_vain: bool,
}

/// How often each set went non-finite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Health {
    sets: Vec<SetHealth>,
}

impl Health {
    pub fn new(sets: usize) -> Self {
        Self { sets: vec![SetHealth::default(); sets] }
    }

    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// An update of the set succeeded.
    pub fn updated(&mut self, set: usize) {
        self.sets[set].consecutive = 0;
        self.sets[set].restarted_in_vain = false;
    }

    /// An update of the set was skipped.
    pub fn skipped(&mut self, set: usize, restart_after: usize) -> Remedy {
        let health = &mut self.sets[set];
        health.consecutive += 1;
        health.skipped += 1;
        match (health.consecutive >= restart_after, health.restarted_in_vain) {
            (false, _) => Remedy::Wait,
            (true, false) => Remedy::OwnBest,
            (true, true) => Remedy::FreshDraw,
        }
    }

    /// The set was restarted.
    pub fn restarted(&mut self, set: usize) {
        let health = &mut self.sets[set];
        health.consecutive = 0;
        health.restarts += 1;
        health.restarted_in_vain = true;
    }

    pub fn consecutive(&self, set: usize) -> usize {
        self.sets[set].consecutive
    }

    pub fn all_skipped(&self) -> Vec<usize> {
        self.sets.iter().map(|health| health.skipped).collect()
    }

    pub fn all_restarts(&self) -> Vec<usize> {
        self.sets.iter().map(|health| health.restarts).collect()
    }
}
