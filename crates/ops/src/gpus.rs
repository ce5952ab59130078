//! The GPUs that this program can use.

use burn::backend::DispatchDevice;
use burn::backend::cubecl::dtype_to_elem_type;
use burn::tensor::{DType, Device, DeviceFilter, DeviceType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use crate::backend::cube::launch_of;

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

/// A GPU by its device; `None` for a CPU.
pub fn described(device: Device) -> Option<Gpu> {
    let DispatchDevice::Cube(cube) = device.as_dispatch() else { return None };
    let client = cube.client();
    let properties = client.properties();
    let (name, memory) = (properties.identity.name.clone(), &properties.memory);
    let (memory_bytes, largest_tensor_bytes) = (memory.max_memory(), memory.max_page_size);
    Some(Gpu { device, name, memory_bytes, largest_tensor_bytes })
}

/// Fused multiplications and additions of one round of [`multiply_and_add`], per thread: four chains of sixteen.
pub const PAIRS_PER_ROUND: usize = 64;

/// Starts threads that multiply and add and do nothing else: the most that a GPU can compute without its matrix units.
/// Returns before they end; [`Device::sync`] waits for them. On a CPU nothing happens.
pub fn multiply_and_add(device: &Device, dtype: DType, threads: usize, rounds: u32) {
    let DispatchDevice::Cube(cube) = device.as_dispatch() else { return };
    let client = cube.client();
    let (groups, group) = launch_of(threads);
    let ends = empty_device_contiguous_dtype(client.clone(), cube.clone(), Shape::from([threads]), dtype);
    chains::launch(&client, groups, group, ends.into_tensor_arg(), rounds, dtype_to_elem_type(dtype));
}

#[cube(launch)]
fn chains<F: Float>(ends: &mut Tensor<F>, rounds: u32, #[define(F)] _type: ElemType) {
    if ABSOLUTE_POS >= ends.len() {
        terminate!();
    }
    let mut a = F::cast_from(ABSOLUTE_POS);
    let (mut b, mut c, mut d) = (a + F::new(1.0), a + F::new(2.0), a + F::new(3.0));
    let (slope, shift) = (F::new(0.5), F::new(1.0));
    for _ in 0..rounds {
        #[unroll]
        for _ in 0..16u32 {
            a = fma(a, slope, shift);
            b = fma(b, slope, shift);
            c = fma(c, slope, shift);
            d = fma(d, slope, shift);
        }
    }
    ends[ABSOLUTE_POS] = a + b + c + d;
}
