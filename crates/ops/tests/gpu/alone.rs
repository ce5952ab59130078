//! A set alone, and the same set beside others.

use burn::tensor::{DType, Device, DeviceKind, Tensor};

use crate::common::{Numbers, tensor, values};

/// Asserts that each of `sets` equal parts of the inputs, cut along the first dimension, gives the same bits alone as beside
/// the others, in values and gradients.
pub(crate) fn assert_independent(
    inputs: &[(Vec<f64>, [usize; 3])],
    sets: usize,
    f: &dyn Fn(&[Tensor<3>]) -> Tensor<3>,
) {
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let part = |set: usize, count: usize| -> Vec<Vec<f64>> {
        let cut = |(all, shape): &(Vec<f64>, [usize; 3])| {
            let width = all.len() / sets;
            let shape = [shape[0] / sets * count, shape[1], shape[2]];
            tensor(&all[set * width..(set + count) * width], shape, &device, DType::F32).require_grad()
        };
        let inputs: Vec<Tensor<3>> = inputs.iter().map(cut).collect();
        let output = f(&inputs);
        let shape = output.dims();
        let width = shape.iter().product::<usize>() / count;
        let weights = Numbers(7).list(width * sets, -1.0, 1.0);
        let weights = tensor(&weights[set * width..(set + count) * width], shape, &device, DType::F32);
        let gradients = (output.clone() * weights).sum().backward();
        let gradient = |input: &Tensor<3>| values(&input.grad(&gradients).unwrap());
        [values(&output)].into_iter().chain(inputs.iter().map(gradient)).collect()
    };
    let all = part(0, sets);
    for set in 0..sets {
        for (all, alone) in all.iter().zip(part(set, 1)) {
            assert!(all[set * alone.len()..][..alone.len()] == alone, "set {set} differs beside others");
        }
    }
}
