//! The GPUs that this program can use.

use burn::backend::DispatchDevice;
use burn::tensor::{Device, DeviceFilter, DeviceType};

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

fn found(kind: impl Into<DeviceFilter>) -> Vec<Gpu> {
    Device::enumerate(kind).into_iter().filter_map(described).collect()
}

fn described(device: Device) -> Option<Gpu> {
    let DispatchDevice::Cube(cube) = device.as_dispatch() else { return None };
    let client = cube.client();
    let properties = client.properties();
    let (name, memory) = (properties.identity.name.clone(), &properties.memory);
    let (memory_bytes, largest_tensor_bytes) = (memory.max_memory(), memory.max_page_size);
    Some(Gpu { device, name, memory_bytes, largest_tensor_bytes })
}
