//! Threads that multiply and add numbers in registers: four chains of sixteen fused operations per round.

use burn::backend::cubecl::dtype_to_elem_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeDevice;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use crate::backend::cube::launch_of;

/// See [`Gpu::multiply_and_add`](super::Gpu::multiply_and_add).
pub(super) fn launch(device: &CubeDevice, dtype: DType, threads: usize, rounds: u32) {
    let client = device.client();
    let (groups, group) = launch_of(threads);
    let ends = empty_device_contiguous_dtype(client.clone(), device.clone(), Shape::from([threads]), dtype);
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
