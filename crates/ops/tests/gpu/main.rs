//! Every primitive on a GPU in single precision against the CPU in double, on any wgpu device, software ones included.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used)]

mod alone;
mod arbitrage;
#[path = "../common/mod.rs"]
mod common;
mod growth;
mod growth_steps;
mod guardrails;
mod independence;
mod interpolation;
mod rebalancing;
mod recurrence;
mod solve;

use burn::tensor::{DType, Device, DeviceKind, Tensor};
use common::{distance, loss, tensor, values};

/// Values and the gradients of every input.
type Found = (Vec<f64>, Vec<Vec<f64>>);

/// Runs a function of a few inputs, given as values and shapes, on the CPU in f64 and on the GPU in f32.
pub(crate) fn both(inputs: &[(Vec<f64>, [usize; 3])], f: &dyn Fn(&[Tensor<3>]) -> Tensor<3>) -> [Found; 2] {
    let gpu = Device::wgpu(DeviceKind::DefaultDevice);
    [(Device::flex(), DType::F64), (gpu, DType::F32)].map(|(device, dtype)| {
        let device = device.autodiff();
        let place = |(values, shape): &(Vec<f64>, [usize; 3])| tensor(values, *shape, &device, dtype).require_grad();
        let inputs: Vec<Tensor<3>> = inputs.iter().map(place).collect();
        let output = f(&inputs);
        let found = values(&output);
        let gradients = loss(output).backward();
        let gradient = |input: &Tensor<3>| values(&input.grad(&gradients).unwrap());
        (found, inputs.iter().map(gradient).collect())
    })
}

pub(crate) fn assert_close([expected, found]: &[Found; 2], value: f64, gradient: f64) {
    let off = distance(&found.0, &expected.0);
    assert!(off < value, "values differ by {off:e}");
    for (input, (found, expected)) in found.1.iter().zip(&expected.1).enumerate() {
        let off = distance(found, expected);
        assert!(off < gradient, "the gradient of input {input} differs by {off:e}: {found:?} {expected:?}");
    }
}
