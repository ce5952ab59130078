//! Small systems of equations: definition, reference form, differences.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{Numbers, distance, loss, tensor, values};
use gradpool_ops::solve::{reference, solve};
use proptest::prelude::*;

/// Positive definite matrices `[batch, rows, n * n]`, each `M M^T` and a bit of the identity, and right-hand sides.
fn systems(seed: u64, batch: usize, rows: usize, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut numbers = Numbers(seed);
    let mut matrices = Vec::new();
    for _ in 0..batch * rows {
        let root = numbers.list(size * size, -1.0, 1.0);
        for i in 0..size {
            for j in 0..size {
                let product: f64 = (0..size).map(|k| root[i * size + k] * root[j * size + k]).sum();
                matrices.push(product + if i == j { 0.3 } else { 0.0 });
            }
        }
    }
    (matrices, numbers.list(batch * rows * size, -1.0, 1.0))
}

type Form = fn(Tensor<3>, Tensor<3>) -> Tensor<3>;

/// Solutions, and gradients of matrices and right-hand sides.
fn run(form: Form, systems: &(Vec<f64>, Vec<f64>), shape: [usize; 3], device: &Device) -> [Vec<f64>; 3] {
    let [batch, rows, size] = shape;
    let device = device.clone().autodiff();
    let matrices = tensor(&systems.0, [batch, rows, size * size], &device, DType::F64).require_grad();
    let right = tensor(&systems.1, shape, &device, DType::F64).require_grad();
    let solution = form(matrices.clone(), right.clone());
    let gradients = loss(solution.clone()).backward();
    [values(&solution), values(&matrices.grad(&gradients).unwrap()), values(&right.grad(&gradients).unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn fused_and_reference_agree(seed: u64, batch in 1usize..3, rows in 1usize..5, size in 1usize..9) {
        let systems = systems(seed, batch, rows, size);
        for device in common::devices() {
            let fused = run(solve, &systems, [batch, rows, size], &device);
            let expected = run(reference::solve, &systems, [batch, rows, size], &device);
            for (fused, expected) in fused.iter().zip(&expected) {
                prop_assert!(distance(fused, expected) < 1e-10);
            }
        }
    }

    #[test]
    fn solutions_solve(seed: u64, size in 1usize..9) {
        let (matrices, right) = systems(seed, 1, 300, size);
        let shape = [1, 300, size];
        let device = Device::flex();
        let solution = solve(
            tensor(&matrices, [1, 300, size * size], &device, DType::F64),
            tensor(&right, shape, &device, DType::F64),
        );
        for (row, x) in values(&solution).chunks(size).enumerate() {
            for i in 0..size {
                let left: f64 = (0..size).map(|j| matrices[(row * size + i) * size + j] * x[j]).sum();
                prop_assert!((left - right[row * size + i]).abs() < 1e-11);
            }
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    let shape = [1, 2, 3];
    let systems = systems(5, 1, 2, 3);
    let device = Device::flex();
    let at = |systems: &(Vec<f64>, Vec<f64>)| {
        let solution =
            solve(tensor(&systems.0, [1, 2, 9], &device, DType::F64), tensor(&systems.1, shape, &device, DType::F64));
        values(&loss(solution))[0]
    };
    let [_, to_matrices, to_right] = run(solve, &systems, shape, &device);
    let check = |found: f64, moved: &dyn Fn(f64) -> (Vec<f64>, Vec<f64>)| {
        let difference = (at(&moved(1e-6)) - at(&moved(-1e-6))) / 2e-6;
        assert!((found - difference).abs() < 1e-8 * (1.0 + difference.abs()), "{found} {difference}");
    };
    for (index, found) in to_matrices.iter().enumerate() {
        check(*found, &|size| {
            let mut moved = systems.clone();
            moved.0[index] += size;
            moved
        });
    }
    for (index, found) in to_right.iter().enumerate() {
        check(*found, &|size| {
            let mut moved = systems.clone();
            moved.1[index] += size;
            moved
        });
    }
}

#[test]
fn an_indefinite_matrix_stays_visible() {
    let device = Device::flex();
    let solution = solve(
        tensor(&[1.0, 2.0, 2.0, 1.0], [1, 1, 4], &device, DType::F64),
        tensor(&[1.0, 1.0], [1, 1, 2], &device, DType::F64),
    );
    assert!(values(&solution).iter().any(|value| value.is_nan()));
}
