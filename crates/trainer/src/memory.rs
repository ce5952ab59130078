//! The memory plan: how many parameter sets are computed at once, decided before anything is allocated.
//!
//! Sets do not know of each other, so a step may compute them in micro-batches of any size: the split changes no bit. What
//! every set needs all the time (parameters, averages, its best point) and what one set needs while it is computed come from
//! shapes alone ([`crate::Objective::memory`]).
//!
//! The plan is of the memory that tensors lie in ([`Room`]): a GPU's own for a GPU. What the host then holds of a set is
//! about a hundred bytes per value and not part of it.

use std::fs;
use std::ops::Range;

use burn::tensor::{DType, Device};
use gradpool_ops::gpus::Gpu;
use serde::{Deserialize, Serialize};

use crate::error::TrainerError;

/// Part of a host's free memory, or of all memory of a GPU, that a training may use unless it is told how much.
pub const SHARE_OF_MEMORY: f64 = 0.5;

/// The budget in bytes where the memory is not known: wgpu tells it of some devices only.
pub const BUDGET_ELSEWHERE: u64 = 2 << 30;

/// Most numbers of one tensor on a GPU, where indices have 32 bits.
pub const LARGEST_TENSOR: u64 = 1 << 31;

/// Copies of a set's trained values that exist at once: parameters, two averages, the best point, each old and new, and the
/// host's copies while a checkpoint is written.
const COPIES: u64 = 12;

/// Those on a GPU: parameters, two averages and the gradient, old and new, whole and in parts.
const COPIES_ON_GPU: u64 = 12;

/// Counters and flags of a set, on the host.
const BYTES_OF_COUNTERS: u64 = 160;

/// The memory that the tensors of a training lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may be used.
    pub budget: u64,
    /// Bytes of the largest single tensor.
    pub largest_tensor: u64,
    /// Bytes of a number, where tensors lie on a GPU.
    gpu_number: Option<u64>,
}

impl Room {
    /// So many bytes of the host.
    pub fn of_host(budget: u64) -> Self {
        Self { budget, largest_tensor: u64::MAX, gpu_number: None }
    }

    /// [`SHARE_OF_MEMORY`] of what a device has: of a GPU's memory, else [`default_budget`].
    pub fn of(device: &Device, dtype: DType) -> Self {
        let Some(gpu) = Gpu::of(device) else { return Self::of_host(default_budget()) };
        let share = |bytes: u64| (bytes as f64 * SHARE_OF_MEMORY) as u64;
        let budget = gpu.memory_bytes.map_or(BUDGET_ELSEWHERE, share);
        Self::of_gpu(budget, gpu.largest_tensor_bytes, dtype.size() as u64)
    }

    /// So many bytes of a GPU whose driver gives `largest` at once, for tensors of numbers of `bytes`.
    fn of_gpu(budget: u64, largest: u64, bytes: u64) -> Self {
        Self { budget, largest_tensor: largest.min(LARGEST_TENSOR * bytes), gpu_number: Some(bytes) }
    }

    /// What a set of `width` values takes all the time.
    fn state_per_set(&self, width: usize) -> u64 {
        let width = width as u64;
        self.gpu_number.map_or(COPIES * 8 * width + BYTES_OF_COUNTERS, |bytes| COPIES_ON_GPU * bytes * width)
    }

    /// Bytes of the largest tensor of everything that is known of a set.
    fn state_tensor_per_set(&self, width: usize) -> u64 {
        width as u64 * self.gpu_number.unwrap_or(8)
    }

    /// How many sets fit into a tensor that takes so many bytes per set.
    fn sets_of_a_tensor(&self, bytes: u64) -> u64 {
        self.largest_tensor.checked_div(bytes).unwrap_or(u64::MAX)
    }
}

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
    /// The largest single tensor of each of these.
    pub largest: LargestTensors,
    /// Where more sets at once do not make it faster, because their numbers leave the processor's caches: bytes beyond
    /// which the micro-batches stay small though memory is left.
    pub comfortable: Option<u64>,
}

/// Bytes of the largest single tensors of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LargestTensors {
    /// For each window of a step.
    pub per_window: u64,
    /// For each set whose gradient is computed.
    pub per_set: u64,
    /// For each window of each such set.
    pub per_path: u64,
    /// For each set that is evaluated.
    pub per_evaluation: u64,
}

/// What can be smaller where a tensor of a single set is too large.
const FEWER_OR_SHORTER_WINDOWS: &str = "`train.batch_size` or `train.window_days`";
const FEWER_UPDATES: &str = "the number of updates (raise `pool.update_interval_min`, or shorten the periods)";
const SHORTER_EVALUATION: &str = "the training and validation periods (`period.start`, `period.end`)";

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
    /// [`TrainerError::Memory`] if not even one set at a time fits into the budget, [`TrainerError::Tensor`] if one of its
    /// tensors does not fit into the largest that there can be.
    pub fn new(
        room: &Room,
        sets: usize,
        width: usize,
        windows: usize,
        objective: &ObjectiveMemory,
    ) -> Result<Self, TrainerError> {
        let Room { budget, largest_tensor, .. } = *room;
        let gradient = objective.per_set.saturating_add(objective.per_path.saturating_mul(windows as u64));
        let per_set = gradient.max(objective.per_evaluation).max(1);
        let state_per_set = room.state_per_set(width);
        let shared = objective.per_window.saturating_mul(windows as u64);
        let standing = shared.saturating_add(state_per_set.saturating_mul(sets as u64));
        let left = budget.saturating_sub(standing);
        let largest = &objective.largest;
        let of_windows = |bytes: u64| bytes.saturating_mul(windows as u64);
        let of_all_sets = room.state_tensor_per_set(width).saturating_mul(sets as u64);
        for (bytes, lower) in [
            (of_all_sets, "`train.parameter_sets`"),
            (of_windows(largest.per_window.max(largest.per_path)), FEWER_OR_SHORTER_WINDOWS),
            (largest.per_set, FEWER_UPDATES),
            (largest.per_evaluation, SHORTER_EVALUATION),
        ] {
            if bytes > largest_tensor {
                return Err(TrainerError::Tensor { bytes, largest: largest_tensor, lower });
            }
        }
        let tensor_per_set = of_windows(largest.per_path).max(largest.per_set).max(largest.per_evaluation);
        let fitting = left / per_set;
        if fitting == 0 {
            return Err(TrainerError::Memory { budget, sets, standing, per_set });
        }
        let comfortable = objective.comfortable.map_or(u64::MAX, |bytes| (bytes / per_set).max(1));
        let most = fitting.min(comfortable).min(room.sets_of_a_tensor(tensor_per_set));
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(sets.max(1));
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

/// What a training on the host may use unless it is told: [`SHARE_OF_MEMORY`] of the memory that the system says is available, the
/// limit of a container (cgroup 2) taken into account, else [`BUDGET_ELSEWHERE`].
pub fn default_budget() -> u64 {
    let Some(available) = available_bytes() else { return BUDGET_ELSEWHERE };
    (available as f64 * SHARE_OF_MEMORY) as u64
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

    const NEEDS: ObjectiveMemory = ObjectiveMemory {
        per_window: 250,
        per_set: 100,
        per_path: 50,
        per_evaluation: 80,
        largest: LargestTensors { per_window: 100, per_set: 40, per_path: 20, per_evaluation: 30 },
        comfortable: None,
    };

    fn plan(budget: u64, needs: &ObjectiveMemory) -> Result<MemoryPlan, TrainerError> {
        MemoryPlan::new(&Room::of_host(budget), 10, 2, 4, needs)
    }

    fn state(width: u64) -> u64 {
        COPIES * 8 * width + BYTES_OF_COUNTERS
    }

    #[test]
    fn what_is_left_beside_the_standing_state_is_divided_among_sets() {
        // 10 sets of 2 values: 4 windows of 250 bytes and their state stand; 4 paths make 300 bytes per set.
        let budget = 1000 + 10 * state(2) + 3 * 300 + 299;
        let tight = plan(budget, &NEEDS).unwrap();
        assert_eq!((tight.bytes_per_path, tight.bytes_per_set, tight.bytes_of_state_per_set), (50, 300, state(2)));
        assert_eq!((tight.sets_at_once, tight.micro_batches), (3, 4));
        assert_eq!((tight.bytes_of_windows, tight.bytes_in_all()), (1000, budget - 299));
        assert_eq!(batches(10, tight.sets_at_once), [0..2, 2..5, 5..7, 7..10]);
        let wide = plan(u64::MAX, &NEEDS).unwrap();
        assert_eq!((wide.sets_at_once, wide.micro_batches), (10, 1));
    }

    #[test]
    fn an_evaluation_may_need_more_than_a_gradient_and_comfort_less_than_there_is() {
        let needs = ObjectiveMemory { per_evaluation: 500, comfortable: Some(1200), ..NEEDS };
        let slow = plan(u64::MAX, &needs).unwrap();
        assert_eq!((slow.bytes_per_set, slow.sets_at_once, slow.micro_batches), (500, 2, 5));
        let never_none = ObjectiveMemory { comfortable: Some(1), ..NEEDS };
        assert_eq!(plan(u64::MAX, &never_none).unwrap().sets_at_once, 1);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers_and_what_to_do() {
        let budget = 1000 + 10 * state(2) + 299;
        let error = plan(budget, &NEEDS).unwrap_err().to_string();
        assert!(error.contains("`train.parameter_sets` is 10") && error.contains("`runtime.memory_mb`"), "{error}");
        assert!(plan(budget + 1, &NEEDS).is_ok());
        assert!(plan(0, &NEEDS).is_err());
    }

    #[test]
    fn on_a_gpu_no_tensor_exceeds_what_the_device_gives_at_once() {
        // 4 paths of 20 bytes: a tensor of 160 bytes has room for two sets.
        let room = |largest| Room::of_gpu(1 << 40, largest, 4);
        let split = MemoryPlan::new(&room(160), 10, 2, 4, &NEEDS).unwrap_err().to_string();
        assert!(split.contains("`train.batch_size`"), "the windows of a step take 400 bytes: {split}");
        let needs = ObjectiveMemory { largest: LargestTensors { per_window: 10, ..NEEDS.largest }, ..NEEDS };
        let split = MemoryPlan::new(&room(160), 10, 2, 4, &needs).unwrap();
        assert_eq!((split.sets_at_once, split.micro_batches), (2, 5));
        assert_eq!(split.bytes_of_state_per_set, COPIES_ON_GPU * 4 * 2);
        let refused = |largest: LargestTensors, sets: usize| {
            let needs = ObjectiveMemory { largest, ..NEEDS };
            MemoryPlan::new(&room(160), sets, 2, 4, &needs).unwrap_err().to_string()
        };
        let none = LargestTensors::default();
        assert!(refused(LargestTensors { per_path: 41, ..none }, 1).contains("`train.window_days`"));
        assert!(refused(LargestTensors { per_set: 161, ..none }, 1).contains("`pool.update_interval_min`"));
        assert!(refused(LargestTensors { per_evaluation: 161, ..none }, 1).contains("`period.start`"));
        assert!(refused(none, 21).contains("`train.parameter_sets`"));
        // However much memory there is, indices have 32 bits.
        assert_eq!(Room::of_gpu(u64::MAX, u64::MAX, 4).largest_tensor, 1 << 33);
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
