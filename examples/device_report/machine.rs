//! What a device is and what it can do at most.
//!
//! Copy bandwidth: a constant is added to every number of a large tensor, again and again; bytes read and written per second.
//! Arithmetic rate: multiplications and additions of numbers in registers, several chains side by side; both count. Neither
//! uses matrix units. On a GPU the first is burn's own kernel, the second one that fuses both; on a CPU they are loops on
//! all threads, compiled as the rest of this program is.

use std::error::Error;
use std::thread;

use gradpool::tensor::{DType, Device};
use gradpool::trainer::memory::{BUDGET_ELSEWHERE, SHARE_OF_FREE_MEMORY, default_budget};
use serde_json::{Value, json};

use super::timing::{Patience, median};

/// A device.
pub struct Machine {
    /// Its own name.
    pub name: String,
    /// Bytes that a batch may use.
    pub budget: u64,
    /// Bytes of the largest tensor, if there is a limit.
    pub largest_tensor: Option<u64>,
    /// Whether it is a GPU.
    pub is_gpu: bool,
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
    /// Looks at a device.
    pub fn of(device: &Device) -> Self {
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        if let Some(gpu) = gradpool::ops::gpus::described(device.clone()) {
            let budget =
                gpu.memory_bytes.map_or(BUDGET_ELSEWHERE, |bytes| (bytes as f64 * SHARE_OF_FREE_MEMORY) as u64);
            let largest_tensor = Some(gpu.largest_tensor_bytes);
            return Self { name: gpu.name, budget, largest_tensor, is_gpu: true };
        }
        let _ = (device, BUDGET_ELSEWHERE, SHARE_OF_FREE_MEMORY);
        let name = format!("{}, {} threads", processor(), threads());
        Self { name, budget: default_budget(), largest_tensor: None, is_gpu: false }
    }

    /// Measures both rates with `bytes` of memory.
    pub fn rates(
        &self,
        device: &Device,
        dtype: DType,
        bytes: usize,
        patience: Patience,
    ) -> Result<Rates, Box<dyn Error>> {
        if self.is_gpu {
            return gpu_rates(device, dtype, bytes, patience);
        }
        Ok(match dtype {
            // Half of the sixteen registers of 16 bytes hold chains.
            DType::F64 => cpu_rates::<f64, 16>(bytes, patience),
            _ => cpu_rates::<f32, 32>(bytes, patience),
        })
    }

    /// For the document.
    pub fn document(&self, rates: Rates) -> Value {
        json!({
            "name": self.name,
            "memory_budget_bytes": self.budget,
            "largest_tensor_bytes": self.largest_tensor,
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

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn gpu_rates(device: &Device, dtype: DType, bytes: usize, patience: Patience) -> Result<Rates, Box<dyn Error>> {
    use gradpool::ops::gpus::{PAIRS_PER_ROUND, multiply_and_add};
    use gradpool::tensor::Tensor;
    const PASSES: usize = 8;
    let count = bytes / dtype.size();
    let mut numbers = Tensor::<1>::zeros([count], (device, dtype));
    let copying = median(patience, || {
        for _ in 0..PASSES {
            numbers = numbers.clone() + 1.0;
        }
        Ok(device.sync()?)
    })?;
    // About as many threads as the largest GPUs hold at once.
    let (threads, mut rounds) = (1 << 18, 1);
    let computing = loop {
        let seconds = median(patience, || {
            multiply_and_add(device, dtype, threads, rounds);
            Ok(device.sync()?)
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

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn gpu_rates(_: &Device, _: DType, _: usize, _: Patience) -> Result<Rates, Box<dyn Error>> {
    Err("this program was built without GPUs".into())
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
