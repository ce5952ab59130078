//! What a population would take on one data-centre GPU, by the same counts as what was measured. Nothing here was measured.
//!
//! A GPU does not reach what it is specified for, and operations that are not fused in pairs reach half of its rate: the plan
//! takes [`SHARE_OF_BANDWIDTH`] and [`SHARE_OF_OPERATIONS`] of it. Its memory holds so many sets at once; a thread walks its path
//! alone, [`THREADS_AT_ONCE`] per multiprocessor, by the registers that arbitrage is expected to need. So the population takes
//! turns, and each turn at least the cycles of its longest chain. The largest of the three times is what is predicted.

use gradpool::cli::describe::table;
use serde_json::{Value, json};

use super::model::{Kernels, Shape, Work};
use super::subject::{Kind, Size};

/// Parameter sets.
const SETS: usize = 1_000_000;
const SIZE: Size = Size { assets: 3, days: 5 * 365, burn_in_days: 365 };
/// Bytes of a number: single precision.
const NUMBER: usize = 4;
/// Part of the specified bandwidth that copies reach.
const SHARE_OF_BANDWIDTH: f64 = 0.85;
/// Part of the specified operations, a fused multiplication and addition being two: none of ours are taken to be fused.
const SHARE_OF_OPERATIONS: f64 = 0.5;
/// Threads that one multiprocessor holds: 65 536 registers, 128 of them per thread.
const THREADS_AT_ONCE: f64 = 512.0;

/// A GPU as its maker specifies it.
struct Gpu {
    name: &'static str,
    memory_bytes: f64,
    bytes_per_second: f64,
    operations_per_second: f64,
    multiprocessors: f64,
    cycles_per_second: f64,
}

const GPUS: [Gpu; 2] = [
    Gpu {
        name: "H100 SXM",
        memory_bytes: 80e9,
        bytes_per_second: 3.35e12,
        operations_per_second: 67e12,
        multiprocessors: 132.0,
        cycles_per_second: 1.98e9,
    },
    Gpu {
        name: "H200",
        memory_bytes: 141e9,
        bytes_per_second: 4.8e12,
        operations_per_second: 67e12,
        multiprocessors: 132.0,
        cycles_per_second: 1.98e9,
    },
];

/// Part of the memory that tensors may fill.
const SHARE_OF_MEMORY: f64 = 0.8;

/// Seconds that each limit alone would take.
struct Prediction {
    sets_at_once: f64,
    memory: f64,
    arithmetic: f64,
    waiting: f64,
}

impl Prediction {
    fn of(gpu: &Gpu, shape: &Shape, work: Work) -> Self {
        let sets = shape.sets as f64;
        let batches = (shape.resident() / (gpu.memory_bytes * SHARE_OF_MEMORY)).ceil();
        let sets_at_once = (sets / batches).ceil();
        let turns = batches * (sets_at_once / (gpu.multiprocessors * THREADS_AT_ONCE)).ceil();
        Self {
            sets_at_once,
            memory: work.bytes / (gpu.bytes_per_second * SHARE_OF_BANDWIDTH),
            arithmetic: work.operations / (gpu.operations_per_second * SHARE_OF_OPERATIONS),
            waiting: turns * work.cycles / gpu.cycles_per_second,
        }
    }

    fn seconds(&self) -> f64 {
        self.memory.max(self.arithmetic).max(self.waiting)
    }

    fn limit(&self) -> &'static str {
        match self.seconds() {
            seconds if seconds == self.memory => "memory",
            seconds if seconds == self.arithmetic => "arithmetic",
            _ => "waiting",
        }
    }
}

/// Every objective and pass on every GPU.
fn plan() -> impl Iterator<Item = (&'static Gpu, Kind, &'static str, Work, Prediction)> {
    let passes = [Kind::ZeroFee, Kind::Fees].into_iter().flat_map(|kind| {
        let shape = kind.shape(SETS, SIZE, NUMBER, Kernels::Gpu);
        [(kind, "value", shape, shape.value()), (kind, "value + gradient", shape, shape.value_and_gradient())]
    });
    GPUS.iter().flat_map(move |gpu| {
        passes.clone().map(move |(kind, pass, shape, work)| (gpu, kind, pass, work, Prediction::of(gpu, &shape, work)))
    })
}

/// The plan as text.
pub fn lines() -> Vec<String> {
    let heading = [
        "",
        "objective",
        "pass",
        "bytes",
        "operations",
        "at once",
        "memory",
        "arithmetic",
        "waiting",
        "seconds",
        "limit",
    ];
    let rows = plan().map(|(gpu, kind, pass, work, prediction)| {
        vec![
            gpu.name.to_owned(),
            kind.name().to_owned(),
            pass.to_owned(),
            format!("{:.2e}", work.bytes),
            format!("{:.2e}", work.operations),
            format!("{:.0}", prediction.sets_at_once),
            format!("{:.2}", prediction.memory),
            format!("{:.2}", prediction.arithmetic),
            format!("{:.2}", prediction.waiting),
            format!("{:.1}", prediction.seconds()),
            prediction.limit().to_owned(),
        ]
    });
    let Size { assets, days, .. } = SIZE;
    let years = days / 365;
    let mut lines = vec![format!(
        "plan, nothing measured: {SETS} sets, {assets} assets, {years} years after one of burn-in, f32; seconds of each limit alone"
    )];
    lines.extend(table(&std::iter::once(heading.map(str::to_owned).to_vec()).chain(rows).collect::<Vec<_>>()));
    lines
}

/// The plan for the document.
pub fn document() -> Value {
    let row = |(gpu, kind, pass, work, prediction): (&Gpu, Kind, &str, Work, Prediction)| {
        json!({
            "gpu": gpu.name, "objective": kind.name(), "pass": pass,
            "sets": SETS, "assets": SIZE.assets, "days": SIZE.days, "burn_in_days": SIZE.burn_in_days,
            "sets_at_once": prediction.sets_at_once,
            "bytes": work.bytes, "operations": work.operations, "cycles_of_a_path": work.cycles,
            "memory_seconds": prediction.memory, "arithmetic_seconds": prediction.arithmetic,
            "waiting_seconds": prediction.waiting, "seconds": prediction.seconds(), "limit": prediction.limit(),
        })
    };
    plan().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_limited_by_arithmetic_and_days_by_memory() {
        for (_, kind, _, _, prediction) in plan() {
            assert_eq!(prediction.limit(), if kind == Kind::Fees { "arithmetic" } else { "memory" });
        }
    }

    #[test]
    fn a_single_path_waits() {
        let shape = Kind::Fees.shape(1, SIZE, NUMBER, Kernels::Gpu);
        let prediction = Prediction::of(&GPUS[0], &shape, shape.value());
        assert_eq!(prediction.limit(), "waiting");
        assert!(prediction.seconds() > 1000.0 * prediction.arithmetic);
    }
}
