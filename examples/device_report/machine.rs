//! What a device is and what it can do at most.
//!
//! Copy bandwidth: a constant is added to every number of a large tensor, again and again; bytes read and written per second.
//! Arithmetic rate: multiplications and additions of numbers in registers, several chains side by side; both count. Neither
//! uses matrix units. On a GPU the first is burn's own kernel, the second one that fuses both; on a CPU they are loops on
//! all threads, compiled as the rest of this program is.

use std::error::Error;
use std::thread;

use gradpool::ops::gpus::{Gpu, PAIRS_PER_ROUND};
use gradpool::tensor::{DType, Device, Tensor};
use gradpool::trainer::memory::Room;
use serde_json::{Value, json};

use super::timing::{Patience, median};

/// A device.
pub struct Machine {
    /// Its own name.
    pub name: String,
    /// The memory that a batch may use.
    pub room: Room,
    gpu: Option<Gpu>,
}

/// What a device can do at most.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Bytes read and written per second.
    pub bytes: f64,
    /// Floating-point operations per second.
    pub operations: f64,
}

impl Machine {
    /// Looks at a device and what numbers of a type it has room for.
    pub fn of(device: &Device, dtype: DType) -> Self {
        let gpu = Gpu::of(device);
        let name =
            gpu.as_ref().map_or_else(|| format!("{}, {} threads", processor(), threads()), |gpu| gpu.name.clone());
        Self { name, room: Room::of(device, dtype), gpu }
    }

    /// Whether it is a GPU.
    pub fn is_gpu(&self) -> bool {
        self.gpu.is_some()
    }

    /// Measures both rates with `bytes` of memory.
    pub fn rates(&self, dtype: DType, bytes: usize, patience: Patience) -> Result<Rates, Box<dyn Error>> {
        match (&self.gpu, dtype) {
            (Some(gpu), _) => gpu_rates(gpu, dtype, bytes, patience),
            // Half of the sixteen registers of 16 bytes hold chains.
            (None, DType::F64) => Ok(cpu_rates::<f64, 16>(bytes, patience)),
            (None, _) => Ok(cpu_rates::<f32, 32>(bytes, patience)),
        }
    }

    /// For the document.
    pub fn document(&self, rates: Rates) -> Value {
        json!({
            "name": self.name,
            "memory_budget_bytes": self.room.budget,
            "largest_tensor_bytes": self.gpu.as_ref().map(|_| self.room.largest_tensor),
            "copy_bytes_per_second": rates.bytes,
            "operations_per_second": rates.operations,
        })
    }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Name of the processor (Linux).
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn gpu_rates(gpu: &Gpu, dtype: DType, bytes: usize, patience: Patience) -> Result<Rates, Box<dyn Error>> {
    const PASSES: usize = 8;
    let count = bytes / dtype.size();
    let mut numbers = Tensor::<1>::zeros([count], (&gpu.device, dtype));
    let copying = median(patience, || {
        for _ in 0..PASSES {
            numbers = numbers.clone() + 1.0;
        }
        Ok(gpu.device.sync()?)
    })?;
    // About as many threads as the largest GPUs hold at once.
    let (threads, mut rounds) = (1 << 18, 1);
    let computing = loop {
        let seconds = median(patience, || {
            gpu.multiply_and_add(dtype, threads, rounds);
            Ok(gpu.device.sync()?)
        })?
        .seconds;
        // Long enough for the launch not to count.
        if seconds > 0.01 || rounds >= 1 << 16 {
            break seconds;
        }
        rounds *= 4;
    };
    let operations = 2.0 * (PAIRS_PER_ROUND * threads) as f64 * f64::from(rounds);
    Ok(Rates {
        bytes: (2 * PASSES * count * dtype.size()) as f64 / copying.seconds,
        operations: operations / computing,
    })
}

/// A number type of the CPU.
trait Number: Copy + Send + Sync + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> + From<f32> {}
impl Number for f32 {}
impl Number for f64 {}

fn cpu_rates<F: Number, const CHAINS: usize>(bytes: usize, patience: Patience) -> Rates {
    let (threads, count) = (threads(), bytes / size_of::<F>());
    let mut numbers = vec![F::from(0.0); count];
    let copying = on_all_threads(patience, || {
        thread::scope(|scope| {
            for part in numbers.chunks_mut(count.div_ceil(threads)) {
                scope.spawn(|| part.iter_mut().for_each(|number| *number = *number + F::from(1.0)));
            }
        });
    });
    let rounds = bytes / 4;
    let computing = on_all_threads(patience, || {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| std::hint::black_box(chains::<F, CHAINS>(rounds)));
            }
        });
    });
    Rates {
        bytes: (2 * count * size_of::<F>()) as f64 / copying,
        operations: (2 * CHAINS * rounds * threads) as f64 / computing,
    }
}

fn on_all_threads(patience: Patience, mut run: impl FnMut()) -> f64 {
    let timed = median(patience, || {
        run();
        Ok(())
    });
    timed.map_or(f64::INFINITY, |timing| timing.seconds)
}

/// Chains of multiplications and additions side by side.
fn chains<F: Number, const CHAINS: usize>(rounds: usize) -> [F; CHAINS] {
    let (slope, shift) = std::hint::black_box((F::from(0.5), F::from(1.0)));
    let mut ends = [F::from(0.0); CHAINS];
    for _ in 0..rounds {
        for end in &mut ends {
            *end = *end * slope + shift;
        }
    }
    ends
}
