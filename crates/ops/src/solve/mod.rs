//! Small symmetric systems of equations, one per row: `x = A^-1 b` for positive definite `A`.
//!
//! `A` is taken as its symmetric part `(A + A^T) / 2` and factorised by Cholesky. Adjoint: `db = A^-1 dx` and, for the
//! symmetric part, `dA = -(db x^T + x db^T) / 2`. A matrix that is not positive definite gives NaN.

mod cpu;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;

use burn::tensor::Tensor;

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};

/// Solves one system per batch entry and row.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `matrices` | `[batch, rows, n * n]` | positive definite matrices, row-major |
/// | `right` | `[batch, rows, n]` | right-hand sides `b` |
/// | result | `[batch, rows, n]` | solutions `x` |
///
/// # Panics
/// When the shapes do not fit.
pub fn solve(matrices: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    let ([batch, rows, entries], [right_batch, right_rows, size]) = (matrices.dims(), right.dims());
    assert!(
        batch == right_batch && rows == right_rows && entries == size * size,
        "solve: matrices [batch, rows, n * n] need right-hand sides [batch, rows, n], got {:?} and {:?}",
        matrices.dims(),
        right.dims()
    );
    if is_fused(&Solve, &matrices.device()) {
        apply(Solve, [matrices.into_dispatch(), right.into_dispatch()])
    } else {
        reference::solve(matrices, right)
    }
}

#[derive(Clone, Debug)]
struct Solve;

impl Primitive<2> for Solve {
    fn output_shape(&self, [_, right]: [&[usize]; 2]) -> Vec<usize> {
        right.to_vec()
    }

    fn forward<F: Real>(&self, [matrices, right]: [View<'_, F>; 2], output: &mut [F], _: &mut [f64]) {
        cpu::forward(matrices, right, output);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 2>, [to_matrices, to_right]: [Option<&mut [F]>; 2]) {
        let [matrices, _] = pass.inputs;
        cpu::backward(matrices, pass.output, pass.cotangent, to_matrices, to_right);
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<2>> {
        Some(self)
    }
}
