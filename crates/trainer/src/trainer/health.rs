//! Counts of skipped updates and restarts, per set.

use serde::{Deserialize, Serialize};

use crate::storage::columns::Columns;

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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SetHealth {
    consecutive: usize,
    skipped: usize,
    restarts: usize,
    /// No update has succeeded since the last restart.
    restarted_in_vain: bool,
}

/// How often each set went non-finite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// In the columns of a checkpoint.
    #[serde(skip)]
    sets: Vec<SetHealth>,
    /// Skipped updates of sets that were dropped.
    dropped_skipped: usize,
    /// Restarts of sets that were dropped.
    dropped_restarts: usize,
}

impl Health {
    pub fn new(sets: usize) -> Self {
        Self { sets: vec![SetHealth::default(); sets], dropped_skipped: 0, dropped_restarts: 0 }
    }

    /// The sets at rising places; of the others only the sums are kept.
    pub fn keep(&mut self, places: &[usize]) {
        let (skipped, restarts) = (self.skipped_in_all(), self.restarts_in_all());
        self.sets = places.iter().map(|&place| self.sets[place].clone()).collect();
        self.dropped_skipped = skipped - self.all_skipped().iter().sum::<usize>();
        self.dropped_restarts = restarts - self.all_restarts().iter().sum::<usize>();
    }

    pub fn columns(&self, columns: &mut Columns) {
        columns.put("consecutive", self.sets.iter().map(|set| set.consecutive as f64));
        columns.put("skipped", self.sets.iter().map(|set| set.skipped as f64));
        columns.put("restarts", self.sets.iter().map(|set| set.restarts as f64));
        columns.put("restarted_in_vain", self.sets.iter().map(|set| f64::from(u8::from(set.restarted_in_vain))));
    }

    pub fn restore(&mut self, columns: &mut Columns) -> Option<()> {
        let (consecutive, skipped) = (columns.take_counts("consecutive")?, columns.take_counts("skipped")?);
        let (restarts, in_vain) = (columns.take_counts("restarts")?, columns.take_counts("restarted_in_vain")?);
        let set = |(((consecutive, skipped), restarts), in_vain): (((usize, usize), usize), usize)| SetHealth {
            consecutive,
            skipped,
            restarts,
            restarted_in_vain: in_vain > 0,
        };
        self.sets = consecutive.into_iter().zip(skipped).zip(restarts).zip(in_vain).map(set).collect();
        Some(())
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

    /// Skipped updates of all sets, dropped ones included.
    pub fn skipped_in_all(&self) -> usize {
        self.dropped_skipped + self.all_skipped().iter().sum::<usize>()
    }

    /// Restarts of all sets, dropped ones included.
    pub fn restarts_in_all(&self) -> usize {
        self.dropped_restarts + self.all_restarts().iter().sum::<usize>()
    }

    pub fn all_skipped(&self) -> Vec<usize> {
        self.sets.iter().map(|health| health.skipped).collect()
    }

    pub fn all_restarts(&self) -> Vec<usize> {
        self.sets.iter().map(|health| health.restarts).collect()
    }
}
