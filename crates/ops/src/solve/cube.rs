//! Small systems on GPUs: one thread factorises and solves one of them.

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::Solve;
use crate::backend::cube::{constants, element, empty, launch_of};
use crate::backend::{CubePass, Kernels};

/// Lower triangle, row-major, of Cholesky's factor of a matrix's symmetric part. Where a pivot is not positive it, and so the
/// solution, is `undefined`: what a root of a negative number is depends on the device.
#[cube]
fn factorise<F: Float>(
    lower: &mut Array<F>,
    matrices: &Tensor<F>,
    first: usize,
    undefined: F,
    #[comptime] size: usize,
) {
    let n = size.runtime();
    for i in 0..n {
        for j in 0..=i {
            let mut value = F::new(0.5) * (matrices[first + i * n + j] + matrices[first + j * n + i]);
            for k in 0..j {
                value -= lower[i * n + k] * lower[j * n + k];
            }
            let mut entry = undefined;
            if i != j {
                entry = value / lower[j * n + j];
            } else if value > F::new(0.0) {
                entry = value.sqrt();
            }
            lower[i * n + j] = entry;
        }
    }
}

/// Solves for the right-hand side that `solution` holds.
#[cube]
fn substitute<F: Float>(lower: &Array<F>, solution: &mut Array<F>, #[comptime] size: usize) {
    let n = size.runtime();
    for i in 0..n {
        let mut value = solution[i];
        for k in 0..i {
            value -= lower[i * n + k] * solution[k];
        }
        solution[i] = value / lower[i * n + i];
    }
    for step in 0..n {
        let i = n - 1 - step;
        let mut value = solution[i];
        for k in i + 1..n {
            value -= lower[k * n + i] * solution[k];
        }
        solution[i] = value / lower[i * n + i];
    }
}

#[cube(launch)]
fn forward<F: Float>(
    matrices: &Tensor<F>,
    right: &Tensor<F>,
    undefined: &Tensor<F>,
    output: &mut Tensor<F>,
    systems: u32,
    #[comptime] size: usize,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    if index >= systems as usize {
        terminate!();
    }
    let mut lower = Array::<F>::new(comptime!(size * size));
    let mut solution = Array::<F>::new(size);
    factorise::<F>(&mut lower, matrices, index * size * size, undefined[0], size);
    for i in 0..size {
        solution[i] = right[index * size + i];
    }
    substitute::<F>(&lower, &mut solution, size);
    for i in 0..size {
        output[index * size + i] = solution[i];
    }
}

#[cube(launch)]
fn backward<F: Float>(
    matrices: &Tensor<F>,
    output: &Tensor<F>,
    cotangent: &Tensor<F>,
    undefined: &Tensor<F>,
    to_matrices: &mut Tensor<F>,
    to_right: &mut Tensor<F>,
    systems: u32,
    #[comptime] size: usize,
    #[comptime] wants_matrices: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    if index >= systems as usize {
        terminate!();
    }
    let mut lower = Array::<F>::new(comptime!(size * size));
    let mut adjoint = Array::<F>::new(size);
    factorise::<F>(&mut lower, matrices, index * size * size, undefined[0], size);
    for i in 0..size {
        adjoint[i] = cotangent[index * size + i];
    }
    substitute::<F>(&lower, &mut adjoint, size);
    for i in 0..size {
        to_right[index * size + i] = adjoint[i];
        if wants_matrices {
            for j in 0..size {
                let slope = adjoint[i] * output[index * size + j] + adjoint[j] * output[index * size + i];
                to_matrices[(index * size + i) * size + j] = F::new(-0.5) * slope;
            }
        }
    }
}

impl Kernels<2> for Solve {
    fn forward(&self, [matrices, right]: [CubeTensor; 2], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let [batch, rows, size] = right.meta.shape().dims::<3>();
        let output = empty(&right, [batch, rows, size]);
        let (groups, group) = launch_of(batch * rows);
        forward::launch(
            &matrices.client.clone(),
            groups,
            group,
            matrices.into_tensor_arg(),
            right.into_tensor_arg(),
            constants(&output, &[f64::NAN]).into_tensor_arg(),
            output.clone().into_tensor_arg(),
            (batch * rows) as u32,
            size,
            element(&output),
        );
        (output, vec![])
    }

    fn backward(&self, pass: CubePass<2>, wanted: [bool; 2]) -> [Option<CubeTensor>; 2] {
        let [matrices, right] = pass.inputs;
        let [batch, rows, size] = right.meta.shape().dims::<3>();
        let to_matrices =
            if wanted[0] { empty(&matrices, matrices.shape().dims::<3>()) } else { empty(&matrices, [1, 1, 1]) };
        let to_right = empty(&right, [batch, rows, size]);
        let (groups, group) = launch_of(batch * rows);
        backward::launch(
            &matrices.client.clone(),
            groups,
            group,
            matrices.into_tensor_arg(),
            pass.output.into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            constants(&to_right, &[f64::NAN]).into_tensor_arg(),
            to_matrices.clone().into_tensor_arg(),
            to_right.clone().into_tensor_arg(),
            (batch * rows) as u32,
            size,
            wanted[0],
            element(&to_right),
        );
        [wanted[0].then_some(to_matrices), wanted[1].then_some(to_right)]
    }
}
