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

    /// Times of this keeper's triggers from `first` to `end` (excluded), in seconds: [`trigger_times`].
    pub fn times(&self, first: u64, end: u64, update_interval: u64) -> Vec<u64> {
        let comes = |count: usize| self.misses_one_in == 0 || !count.is_multiple_of(self.misses_one_in);
        trigger_times(first, end, update_interval, |count| (self.delay, comes(count)))
    }
}

/// Times of triggers from `first` to `end` (excluded), in seconds. `keeper` is told the number of each update, from 1 on, and says how
/// many seconds after a pool allows it the update is due, and whether it comes.
///
/// The pool counts its interval from the last update, so that a delay shifts all later updates; a missed update is made up for
/// one interval later.
pub fn trigger_times(
    first: u64,
    end: u64,
    update_interval: u64,
    mut keeper: impl FnMut(usize) -> (u64, bool),
) -> Vec<u64> {
    let mut times = vec![];
    let mut allowed = Some(first);
    let mut count = 0;
    while let Some(allowed_at) = allowed.filter(|time| *time < end) {
        count += 1;
        let (delay, comes) = keeper(count);
        let Some(time) = allowed_at.checked_add(delay).filter(|time| *time < end) else { break };
        if comes {
            times.push(time);
        }
        allowed = time.checked_add(update_interval.max(1));
    }
    times
}
