//! Small systems of equations.

use burn::tensor::{DType, Device, DeviceKind};
use gradpool_ops::solve;

use crate::alone::assert_independent;
use crate::common::{Numbers, tensor, values};
use crate::{assert_close, both};

/// Positive definite matrices with some asymmetry, which does not count, and right-hand sides.
fn systems(batch: usize, rows: usize, size: usize) -> [(Vec<f64>, [usize; 3]); 2] {
    let mut numbers = Numbers(37);
    let mut matrices = Vec::new();
    for _ in 0..batch * rows {
        let root = numbers.list(size * size, -1.0, 1.0);
        for i in 0..size {
            for j in 0..size {
                let product: f64 = (0..size).map(|k| root[i * size + k] * root[j * size + k]).sum();
                let skew = 0.1 * (i as f64 - j as f64);
                matrices.push(product + skew + if i == j { 0.5 } else { 0.0 });
            }
        }
    }
    let right = numbers.list(batch * rows * size, -1.0, 1.0);
    [(matrices, [batch, rows, size * size]), (right, [batch, rows, size])]
}

#[test]
fn systems_of_equations() {
    for size in [1, 3, 8] {
        let found = both(&systems(3, 50, size), &|inputs| solve(inputs[0].clone(), inputs[1].clone()));
        assert_close(&found, 1e-5, 1e-4);
    }
}

#[test]
fn systems_do_not_touch_each_other() {
    assert_independent(&systems(4, 5, 3), 4, &|inputs| solve(inputs[0].clone(), inputs[1].clone()));
}

#[test]
fn an_indefinite_matrix_has_no_solution() {
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let place = |values: &[f64], shape| tensor(values, shape, &device, DType::F32);
    let matrices = [1.0, 2.0, 2.0, 1.0, 2.0, 0.0, 0.0, 4.0];
    let solution = values(&solve(place(&matrices, [1, 2, 4]), place(&[1.0; 4], [1, 2, 2])));
    assert!(solution[..2].iter().all(|value| value.is_nan()));
    assert_eq!(solution[2..], [0.5, 0.25]);
}
