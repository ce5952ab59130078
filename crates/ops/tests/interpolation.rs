//! Weights between coarse weights.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::tensor::{DType, Device};
use common::{
    Numbers, assert_gradient, assert_same, devices, distance, on_threads, tensor, value_and_gradient, values,
};
use gradpool_ops::interpolation::reference;
use gradpool_ops::{Interpolation, PathLayout, interpolate, interpolate_block};
use proptest::prelude::*;

const METHODS: [Interpolation; 3] =
    [Interpolation::Linear, Interpolation::ApproxOptimal, Interpolation::ApproxOptimalExact];

fn layouts() -> impl Strategy<Value = PathLayout> {
    (1usize..9, 0.0..1.0f64, 0usize..3, any::<bool>(), 1usize..40, 1usize..4).prop_map(
        |(block_rows, part, method, constant_first_block, rows, stride)| PathLayout {
            block_rows,
            ramp_rows: 1 + (part * block_rows as f64) as usize % block_rows,
            interpolation: METHODS[method],
            constant_first_block,
            rows,
            stride,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn fused_equals_reference(layout in layouts(), batch in 1usize..4, assets in 1usize..9, seed in any::<u64>()) {
        let at = Numbers(seed).weights(batch * layout.positions(), assets);
        let shape = [batch, layout.positions(), assets];
        assert_same(&|x| interpolate(x, &layout), &|x| reference::interpolate(x, &layout), &at, shape);
    }

    #[test]
    fn gradient_equals_central_differences(layout in layouts(), assets in 1usize..4, seed in any::<u64>()) {
        let at = Numbers(seed).weights(layout.positions(), assets);
        assert_gradient(&|x| interpolate(x, &layout), &at, [1, layout.positions(), assets], 1e-4, 1e-8);
    }

    #[test]
    fn every_row_sums_to_one(layout in layouts(), assets in 1usize..9, seed in any::<u64>()) {
        let at = Numbers(seed).weights(layout.positions(), assets);
        let shape = [1, layout.positions(), assets];
        let rows = values(&interpolate(tensor(&at, shape, &Device::flex(), DType::F64), &layout));
        for row in rows.chunks_exact(assets) {
            prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn streaming_a_block_gives_the_same_bits(
        block_rows in 1usize..30, part in 0.0..1.0f64, method in 0usize..3, assets in 1usize..9, seed in any::<u64>(),
    ) {
        let ramp_rows = 1 + (part * block_rows as f64) as usize % block_rows;
        let layout = PathLayout {
            block_rows, ramp_rows, interpolation: METHODS[method], constant_first_block: false, rows: 2 * block_rows, stride: 1,
        };
        let at = Numbers(seed).weights(3, assets);
        let mut streamed = vec![0.0; 2 * block_rows * assets];
        for (block, output) in streamed.chunks_exact_mut(block_rows * assets).enumerate() {
            let (start, end) = at[block * assets..(block + 2) * assets].split_at(assets);
            interpolate_block(start, end, block_rows, ramp_rows, METHODS[method], output);
        }
        for device in devices() {
            let whole = values(&interpolate(tensor(&at, [1, 3, assets], &device, DType::F64), &layout));
            prop_assert!(whole.iter().zip(&streamed).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

#[test]
fn rows_are_those_of_the_specification() {
    let (start, end) = ([0.2, 0.8], [0.5, 0.5]);
    let rows = |method| {
        let mut rows = vec![0.0; 8];
        interpolate_block(&start, &end, 4, 3, method, &mut rows);
        rows
    };
    let linear = [0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.5, 0.5];
    assert!(distance(&rows(Interpolation::Linear), &linear) < 1e-15);
    for (method, denominator) in [(Interpolation::ApproxOptimal, 4.0), (Interpolation::ApproxOptimalExact, 3.0)] {
        let mut expected = Vec::new();
        for row in 0..3 {
            let both = |asset: usize| {
                let ratio: f64 = end[asset] / start[asset];
                linear[2 * row + asset] + start[asset] * ratio.powf(row as f64 / denominator)
            };
            let total = both(0) + both(1);
            expected.extend([both(0) / total, both(1) / total]);
        }
        expected.extend(end);
        assert!(distance(&rows(method), &expected) < 1e-15);
    }
}

#[test]
fn the_first_block_may_rest_and_a_window_may_end_on_the_first_row_of_a_ramp() {
    let layout = PathLayout {
        block_rows: 2,
        ramp_rows: 2,
        interpolation: Interpolation::Linear,
        constant_first_block: true,
        rows: 5,
        stride: 1,
    };
    assert_eq!(layout.positions(), 2);
    let at = tensor(&[0.2, 0.8, 0.4, 0.6], [1, 2, 2], &Device::flex(), DType::F64);
    let rows = values(&interpolate(at, &layout));
    let expected = [0.2, 0.8, 0.2, 0.8, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6];
    assert!(distance(&rows, &expected) < 1e-15);
    let optimal = PathLayout { interpolation: Interpolation::ApproxOptimal, ..layout };
    assert_eq!(optimal.positions(), 2);
    assert_gradient(&|x| interpolate(x, &optimal), &[0.2, 0.8, 0.4, 0.6], [1, 2, 2], 1e-4, 1e-8);
}

#[test]
fn thread_count_changes_no_bit_and_single_precision_works() {
    let layout = PathLayout {
        block_rows: 500,
        ramp_rows: 300,
        interpolation: Interpolation::ApproxOptimal,
        constant_first_block: true,
        rows: 5000,
        stride: 1,
    };
    let shape = [4, layout.positions(), 3];
    let at = Numbers(3).weights(shape[0] * shape[1], 3);
    let run =
        |threads| on_threads(threads, || value_and_gradient(&|x| interpolate(x, &layout), &at, shape, &Device::flex()));
    let double = run(1);
    assert_eq!(double, run(2));
    let single = interpolate(tensor(&at, shape, &Device::flex(), DType::F32), &layout);
    assert!(distance(&values(&single), &double.0) < 1e-6);
}

#[test]
#[should_panic(expected = "ramp_rows may be at most block_rows")]
fn a_ramp_longer_than_its_block_is_refused() {
    interpolate_block(&[1.0], &[1.0], 2, 3, Interpolation::Linear, &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "need positions of shape [batch, at least 3, assets]")]
fn too_few_positions_are_refused() {
    let layout = PathLayout {
        block_rows: 2,
        ramp_rows: 2,
        interpolation: Interpolation::Linear,
        constant_first_block: false,
        rows: 4,
        stride: 1,
    };
    let _ = interpolate(tensor(&[0.5; 4], [1, 2, 2], &Device::flex(), DType::F64), &layout);
}
