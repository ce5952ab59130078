//! The GPUs that this program can use, and their memory.

#[cfg(feature = "cube")]
mod arithmetic;

#[cfg(feature = "cube")]
use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use burn::tensor::{DeviceFilter, DeviceType};

/// A GPU, or a program that behaves like one.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// Where tensors are put to be computed there.
    pub device: Device,
    /// Its own name.
    pub name: String,
    /// All of its memory in bytes, if it says so.
    pub memory_bytes: Option<u64>,
    /// Bytes of the largest single tensor.
    pub largest_tensor_bytes: u64,
}

/// Fused multiplications and additions of one round of [`Gpu::multiply_and_add`], per thread.
pub const PAIRS_PER_ROUND: usize = 64;

/// What this program has of a GPU's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuMemory {
    /// Bytes of tensors.
    pub in_use: u64,
    /// Bytes that the driver gave, tensors included; the rest waits for other tensors.
    pub reserved: u64,
}

// Without the feature there is no GPU.
#[allow(unreachable_patterns, unused_variables, clippy::match_single_binding, clippy::unused_self)]
impl Gpu {
    /// The GPU behind a device, with or without autodiff; `None` for a CPU.
    pub fn of(device: &Device) -> Option<Self> {
        let device = device.clone().inner();
        match device.as_dispatch() {
            #[cfg(feature = "cube")]
            DispatchDevice::Cube(cube) => {
                let client = cube.client();
                let properties = client.properties();
                let (name, memory) = (properties.identity.name.clone(), &properties.memory);
                let (memory_bytes, largest_tensor_bytes) = (memory.max_memory(), memory.max_page_size);
                Some(Self { device, name, memory_bytes, largest_tensor_bytes })
            }
            _ => None,
        }
    }

    /// What this program has of its memory, when all that was asked for so far has been started.
    pub fn memory(&self) -> GpuMemory {
        match self.device.as_dispatch() {
            #[cfg(feature = "cube")]
            DispatchDevice::Cube(cube) => {
                let usage = cube.client().memory_report(cubecl::MemoryScope::Device).usage();
                GpuMemory { in_use: usage.bytes_in_use, reserved: usage.bytes_reserved }
            }
            _ => GpuMemory::default(),
        }
    }

    /// Starts threads that multiply and add numbers of a type and do nothing else: the most that a GPU can compute without
    /// its matrix units. Returns before they end; [`Device::sync`] waits for them.
    pub fn multiply_and_add(&self, dtype: DType, threads: usize, rounds: u32) {
        #[cfg(feature = "cube")]
        if let DispatchDevice::Cube(cube) = self.device.as_dispatch() {
            arithmetic::launch(cube, dtype, threads, rounds);
        }
    }

    /// Gives memory that no tensor uses back to the driver.
    pub fn release_memory(&self) {
        #[cfg(feature = "cube")]
        if let DispatchDevice::Cube(cube) = self.device.as_dispatch() {
            // Refused while a graph is recorded, which nothing here does.
            let _ = cube.client().memory_cleanup();
        }
    }
}

/// The GPUs that wgpu finds.
#[cfg(feature = "wgpu")]
pub fn wgpu() -> Vec<Gpu> {
    found(DeviceType::Wgpu)
}

/// The GPUs that CUDA finds.
#[cfg(feature = "cuda")]
pub fn cuda() -> Vec<Gpu> {
    found(DeviceType::Cuda)
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn found(kind: impl Into<DeviceFilter>) -> Vec<Gpu> {
    Device::enumerate(kind).iter().filter_map(Gpu::of).collect()
}
