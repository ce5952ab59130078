//! A set alone, and the same set beside others.

use burn::tensor::{DType, Device, DeviceKind, Tensor};

use crate::common::{Numbers, tensor, values};

/// Asserts that each of `sets` equal parts of the inputs, cut along the first dimension, gives the same bits in values and
/// gradients: alone, in any order, and when they run in two parts instead of one.
pub(crate) fn assert_independent(
    inputs: &[(Vec<f64>, [usize; 3])],
    sets: usize,
    f: &dyn Fn(&[Tensor<3>]) -> Tensor<3>,
) {
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let chosen = |all: &[f64], order: &[usize]| -> Vec<f64> {
        let width = all.len() / sets;
        order.iter().flat_map(|set| &all[set * width..(set + 1) * width]).copied().collect()
    };
    // What comes of each set: its values, then its gradients, input by input.
    let run = |order: &[usize]| -> Vec<Vec<f64>> {
        let place = |(all, shape): &(Vec<f64>, [usize; 3])| {
            let shape = [shape[0] / sets * order.len(), shape[1], shape[2]];
            tensor(&chosen(all, order), shape, &device, DType::F32).require_grad()
        };
        let inputs: Vec<Tensor<3>> = inputs.iter().map(place).collect();
        let output = f(&inputs);
        let shape = output.dims();
        let weights = Numbers(7).list(shape.iter().product::<usize>() / order.len() * sets, -1.0, 1.0);
        let weights = tensor(&chosen(&weights, order), shape, &device, DType::F32);
        let gradients = (output.clone() * weights).sum().backward();
        let gradients = inputs.iter().map(|input| values(&input.grad(&gradients).unwrap()));
        let found: Vec<Vec<f64>> = [values(&output)].into_iter().chain(gradients).collect();
        let of_set = |set: usize| {
            let part =
                |all: &Vec<f64>| all[set * all.len() / order.len()..(set + 1) * all.len() / order.len()].to_vec();
            found.iter().flat_map(part).collect()
        };
        (0..order.len()).map(of_set).collect()
    };
    let every: Vec<usize> = (0..sets).collect();
    let backwards: Vec<usize> = (0..sets).rev().collect();
    let all = run(&every);
    assert!(all.iter().flatten().all(|number| number.is_finite()), "numbers that are none are never equal");
    for set in 0..sets {
        assert!(run(&[set])[0] == all[set], "set {set} differs beside others");
    }
    let turned: Vec<Vec<f64>> = run(&backwards).into_iter().rev().collect();
    assert!(turned == all, "sets in another order differ");
    let (first, rest) = every.split_at(sets / 2 + 1);
    assert!([run(first), run(rest)].concat() == all, "two parts differ from one");
}
