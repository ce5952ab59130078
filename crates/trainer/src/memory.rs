//! The memory plan: how many parameter sets are computed at once, decided before anything is allocated.
//!
//! Sets do not know of each other, so a step may compute them in micro-batches of any size: the split changes no bit. What
//! every set needs all the time (parameters, averages, its best point) and what one set needs while it is computed come from
//! shapes alone ([`crate::Objective::memory`]).

use std::fs;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;

/// Part of the free memory that a training may use unless it is told how much.
pub const SHARE_OF_FREE_MEMORY: f64 = 0.5;

/// The budget in bytes where the free memory is not known.
pub const BUDGET_ELSEWHERE: u64 = 2 << 30;

/// Copies of a set's trained values that exist at once: parameters, two averages, the best point, each old and new, and the
/// host's copies while a checkpoint is written.
const COPIES: u64 = 12;

/// Counters and flags of a set, on the host.
const BYTES_OF_COUNTERS: u64 = 160;

/// What an objective needs beside its parameters, in bytes, from shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectiveMemory {
    /// For each window of a step, whatever the number of sets.
    pub per_window: u64,
    /// For each set whose gradient is computed, whatever the number of windows.
    pub per_set: u64,
    /// For each window of each such set.
    pub per_path: u64,
    /// For each set that is evaluated.
    pub per_evaluation: u64,
    /// Where more sets at once do not make it faster, because their numbers leave the processor's caches: bytes beyond
    /// which the micro-batches stay small though memory is left.
    pub comfortable: Option<u64>,
}

/// How a training fits into the memory. All numbers in bytes unless they are counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPlan {
    /// What the training may use. Not logged: it is the machine's.
    #[serde(skip)]
    pub budget: u64,
    /// Parameter sets.
    pub sets: usize,
    /// One window of one set, forward and backward.
    pub bytes_per_path: u64,
    /// One set while it is computed: all its windows, or its evaluation.
    pub bytes_per_set: u64,
    /// One set while others are computed.
    pub bytes_of_state_per_set: u64,
    /// All windows of a step, whatever the number of sets.
    pub bytes_of_windows: u64,
    /// Most sets computed at once.
    pub sets_at_once: usize,
    /// Parts of a step.
    pub micro_batches: usize,
}

impl MemoryPlan {
    /// A plan for `sets` sets of `width` values each over `windows` windows per step.
    ///
    /// # Errors
    /// [`TrainerError::Memory`] if not even one set at a time fits into the budget.
    pub fn new(
        budget: u64,
        sets: usize,
        width: usize,
        windows: usize,
        objective: &ObjectiveMemory,
    ) -> Result<Self, TrainerError> {
        let gradient = objective.per_set.saturating_add(objective.per_path.saturating_mul(windows as u64));
        let per_set = gradient.max(objective.per_evaluation).max(1);
        let state_per_set = COPIES * 8 * width as u64 + BYTES_OF_COUNTERS;
        let shared = objective.per_window.saturating_mul(windows as u64);
        let standing = shared.saturating_add(state_per_set.saturating_mul(sets as u64));
        let left = budget.saturating_sub(standing);
        let fitting = left / per_set;
        if fitting == 0 {
            return Err(TrainerError::Memory { budget, sets, standing, per_set });
        }
        let comfortable = objective.comfortable.map_or(u64::MAX, |bytes| (bytes / per_set).max(1));
        let most = usize::try_from(fitting.min(comfortable)).unwrap_or(usize::MAX).min(sets.max(1));
        let micro_batches = sets.div_ceil(most).max(1);
        Ok(Self {
            budget,
            sets,
            bytes_per_path: objective.per_path,
            bytes_per_set: per_set,
            bytes_of_state_per_set: state_per_set,
            bytes_of_windows: shared,
            sets_at_once: most,
            micro_batches,
        })
    }

    /// What is used at most, by estimate.
    pub fn bytes_in_all(&self) -> u64 {
        self.bytes_of_windows
            + self.bytes_of_state_per_set * self.sets as u64
            + self.bytes_per_set * self.sets_at_once as u64
    }
}

/// Cuts `0..sets` into as few parts of at most `most` as possible, as equal as whole numbers can be.
pub(crate) fn batches(sets: usize, most: usize) -> Vec<Range<usize>> {
    let parts = sets.div_ceil(most.max(1)).max(1);
    (0..parts).map(|part| part * sets / parts..(part + 1) * sets / parts).collect()
}

/// What a training may use unless it is told: [`SHARE_OF_FREE_MEMORY`] of the memory that the system says is available, the
/// limit of a container (cgroup 2) taken into account, else [`BUDGET_ELSEWHERE`].
pub fn default_budget() -> u64 {
    let Some(available) = available_bytes() else { return BUDGET_ELSEWHERE };
    (available as f64 * SHARE_OF_FREE_MEMORY) as u64
}

fn available_bytes() -> Option<u64> {
    let free = of_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let number = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let limited = number("memory.max").zip(number("memory.current")).map(|(most, used)| most.saturating_sub(used));
    Some(limited.map_or(free, |limited| limited.min(free)))
}

/// `MemAvailable` of `/proc/meminfo`.
fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEEDS: ObjectiveMemory =
        ObjectiveMemory { per_window: 250, per_set: 100, per_path: 50, per_evaluation: 80, comfortable: None };

    fn state(width: u64) -> u64 {
        COPIES * 8 * width + BYTES_OF_COUNTERS
    }

    #[test]
    fn what_is_left_beside_the_standing_state_is_divided_among_sets() {
        // 10 sets of 2 values: 4 windows of 250 bytes and their state stand; 4 paths make 300 bytes per set.
        let budget = 1000 + 10 * state(2) + 3 * 300 + 299;
        let plan = MemoryPlan::new(budget, 10, 2, 4, &NEEDS).unwrap();
        assert_eq!((plan.bytes_per_path, plan.bytes_per_set, plan.bytes_of_state_per_set), (50, 300, state(2)));
        assert_eq!((plan.sets_at_once, plan.micro_batches), (3, 4));
        assert_eq!((plan.bytes_of_windows, plan.bytes_in_all()), (1000, budget - 299));
        assert_eq!(batches(10, plan.sets_at_once), [0..2, 2..5, 5..7, 7..10]);
        let wide = MemoryPlan::new(u64::MAX, 10, 2, 4, &NEEDS).unwrap();
        assert_eq!((wide.sets_at_once, wide.micro_batches), (10, 1));
    }

    #[test]
    fn an_evaluation_may_need_more_than_a_gradient_and_comfort_less_than_there_is() {
        let needs = ObjectiveMemory { per_evaluation: 500, comfortable: Some(1200), ..NEEDS };
        let plan = MemoryPlan::new(u64::MAX, 10, 2, 4, &needs).unwrap();
        assert_eq!((plan.bytes_per_set, plan.sets_at_once, plan.micro_batches), (500, 2, 5));
        let never_none = ObjectiveMemory { comfortable: Some(1), ..NEEDS };
        assert_eq!(MemoryPlan::new(u64::MAX, 10, 2, 4, &never_none).unwrap().sets_at_once, 1);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers_and_what_to_do() {
        let budget = 1000 + 10 * state(2) + 299;
        let error = MemoryPlan::new(budget, 10, 2, 4, &NEEDS).unwrap_err().to_string();
        assert!(error.contains("`train.parameter_sets` is 10") && error.contains("`runtime.memory_mb`"), "{error}");
        assert!(MemoryPlan::new(budget + 1, 10, 2, 4, &NEEDS).is_ok());
        assert!(MemoryPlan::new(0, 1, 2, 4, &NEEDS).is_err());
    }

    #[test]
    fn the_free_memory_is_read_as_the_system_writes_it() {
        assert_eq!(of_meminfo("MemTotal:  9 kB\nMemAvailable:   23456 kB\nSwapFree: 0 kB\n"), Some(23_456 * 1024));
        assert_eq!(of_meminfo("MemTotal:  9 kB\n"), None);
        assert!(default_budget() > 0);
    }

    proptest! {
        #[test]
        fn micro_batches_cover_every_set_once_in_order(sets in 1_usize..5000, most in 1_usize..600) {
            let parts = batches(sets, most);
            prop_assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (0..sets).collect::<Vec<_>>());
            prop_assert_eq!(parts.len(), sets.div_ceil(most));
            let sizes = || parts.iter().map(ExactSizeIterator::len);
            prop_assert!(sizes().max().unwrap() <= most && sizes().max().unwrap() - sizes().min().unwrap() <= 1);
        }
    }
}
