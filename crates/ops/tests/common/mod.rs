//! What the tests of all primitives share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::{GrowthPlan, Interpolation, PathLayout, Segment, Span, StepsPlan};
use proptest::prelude::*;
use std::sync::Arc;

/// The devices with fused kernels.
#[allow(deprecated)]
pub fn devices() -> Vec<Device> {
    vec![
        Device::flex(),
        #[cfg(feature = "ndarray")]
        Device::ndarray(),
    ]
}

/// Reproducible numbers (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        low + (high - low) * (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn list(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        (0..count).map(|_| self.uniform(low, high)).collect()
    }

    /// Weights of `rows` rows, each summing to one.
    pub fn weights(&mut self, rows: usize, assets: usize) -> Vec<f64> {
        let mut weights = self.list(rows * assets, 0.05, 1.0);
        for row in weights.chunks_exact_mut(assets) {
            let total: f64 = row.iter().sum();
            for weight in row {
                *weight /= total;
            }
        }
        weights
    }

    /// A walk of `rows` log prices.
    pub fn log_prices(&mut self, rows: usize, assets: usize) -> Vec<f64> {
        let mut prices = self.list(assets, -1.0, 5.0);
        for _ in 1..rows {
            for _ in 0..assets {
                let last = prices[prices.len() - assets];
                prices.push(last + self.uniform(-0.02, 0.02));
            }
        }
        prices
    }
}

pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device, dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, dtype))
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert::<f64>().try_to_vec().unwrap()
}

/// A loss that weighs every entry of the output differently.
pub fn loss<const D: usize>(output: Tensor<D>) -> Tensor<1> {
    let shape = output.dims();
    let weights = Numbers(7).list(shape.iter().product(), -1.0, 1.0);
    let weights = tensor(&weights, shape, &output.device(), output.dtype());
    (output * weights).sum()
}

/// Largest absolute difference relative to the largest absolute value.
pub fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-30, |scale: f64, value| scale.max(value.abs()));
    let apart = |(found, expected): (&f64, &f64)| (found - expected).abs();
    found.iter().zip(expected).map(apart).fold(
        0.0,
        |most: f64, next| {
            if next.is_nan() { f64::INFINITY } else { most.max(next) }
        },
    ) / scale
}

/// Derivative of `f` with respect to each of `at`, by fourth-order central differences.
pub fn differences(at: &[f64], step: f64, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..at.len())
        .map(|index| {
            let moved = |by: f64| {
                let mut at = at.to_vec();
                at[index] += by;
                f(&at)
            };
            (8.0 * (moved(step) - moved(-step)) - (moved(2.0 * step) - moved(-2.0 * step))) / (12.0 * step)
        })
        .collect()
}

/// Value of a function of one tensor, and the gradient of [`loss`] of it.
pub fn value_and_gradient<const D: usize, const E: usize>(
    f: &dyn Fn(Tensor<D>) -> Tensor<E>,
    at: &[f64],
    shape: [usize; D],
    device: &Device,
) -> (Vec<f64>, Vec<f64>) {
    let input = tensor(at, shape, &device.clone().autodiff(), DType::F64).require_grad();
    let output = f(input.clone());
    let found = values(&output);
    let gradients = loss(output).backward();
    (found, values(&input.grad(&gradients).expect("the input is tracked")))
}

/// The fused form equals the reference form in value and gradient, on every device.
pub fn assert_same<const D: usize, const E: usize>(
    fused: &dyn Fn(Tensor<D>) -> Tensor<E>,
    reference: &dyn Fn(Tensor<D>) -> Tensor<E>,
    at: &[f64],
    shape: [usize; D],
) {
    for device in devices() {
        let (found, found_gradient) = value_and_gradient(fused, at, shape, &device);
        let (expected, expected_gradient) = value_and_gradient(reference, at, shape, &device);
        let apart = distance(&found, &expected);
        assert!(apart < 1e-13, "values differ by {apart:e}");
        let apart = distance(&found_gradient, &expected_gradient);
        assert!(apart < 1e-10, "gradients differ by {apart:e}");
    }
}

/// The hand-written gradient equals central differences.
pub fn assert_gradient<const D: usize, const E: usize>(
    fused: &dyn Fn(Tensor<D>) -> Tensor<E>,
    at: &[f64],
    shape: [usize; D],
    step: f64,
    tolerance: f64,
) {
    let device = Device::flex();
    let (_, gradient) = value_and_gradient(fused, at, shape, &device);
    let numeric = differences(at, step, |at| values(&loss(fused(tensor(at, shape, &device, DType::F64))))[0]);
    let apart = distance(&gradient, &numeric);
    assert!(apart < tolerance, "gradients differ by {apart:e}\n{gradient:?}\n{numeric:?}");
}

/// Runs `f` on a pool of this many threads.
pub fn on_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

/// The plan of closed-form growth for the same windows as `layout`, sampled at some visits.
///
/// Needs linear interpolation and a stride that divides the block and the ramp. `log_prices` is
/// `[windows, visited, assets]`.
pub fn growth_plan(
    layout: &PathLayout,
    windows: usize,
    assets: usize,
    log_prices: &[f64],
    samples: &[usize],
) -> GrowthPlan {
    let stride = layout.stride;
    let (block, ramp) = (layout.block_rows / stride, layout.ramp_rows / stride);
    let shift = if layout.constant_first_block { block } else { 0 };
    let visited = layout.visited();
    let mut cuts: Vec<usize> = samples.to_vec();
    for visit in 1..visited {
        let row = (visit + block - shift % block) % block;
        if row == 0 || row == ramp {
            cuts.push(visit);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let (mut segments, mut bounds) = (Vec::new(), Vec::new());
    let mut first = 0usize;
    for &cut in cuts.iter().filter(|&&cut| cut > 0) {
        let span = match first.checked_sub(shift) {
            None => Span::Hold { position: 0 },
            Some(row) if row % block < ramp => {
                Span::Ramp { block: (row / block) as u32, offset: (row % block * stride) as u32 }
            }
            Some(row) => Span::Hold { position: (row / block + 1) as u32 },
        };
        let steps = (cut - first) as u32;
        segments.push(Segment { span, steps, stride: stride as u32, sample: samples.contains(&cut) });
        bounds.push((first, cut));
        first = cut;
    }
    let (mut s0, mut s1) = (Vec::new(), Vec::new());
    for window in log_prices.chunks_exact(visited * assets) {
        for &(first, last) in &bounds {
            for asset in 0..assets {
                let price = |visit: usize| window[visit * assets + asset];
                s0.push(price(last) - price(first));
                s1.push((first..last).map(|visit| (visit - first) as f64 * (price(visit + 1) - price(visit))).sum());
            }
        }
    }
    GrowthPlan::new(segments, layout.ramp_rows as u32, windows, assets, s0, s1).unwrap()
}

/// The plan of growth row by row for windows that lie one after the other in a price table. `log_prices` is
/// `[windows, visited, assets]`; what lies between visited rows is not a number.
pub fn steps_plan(layout: PathLayout, windows: usize, assets: usize, log_prices: &[f64]) -> Arc<StepsPlan> {
    let (visited, stride) = (layout.visited(), layout.stride);
    let mut changes = vec![f64::NAN; windows * visited * stride * assets];
    for (row, pair) in log_prices.windows(2 * assets).step_by(assets).enumerate() {
        for asset in 0..assets {
            changes[row * stride * assets + asset] = pair[assets + asset] - pair[asset];
        }
    }
    let starts: Vec<usize> = (0..windows).map(|window| window * visited * stride).collect();
    Arc::new(StepsPlan::new(layout, starts, assets, changes.into()).unwrap())
}

/// Sizes of a call that walks through windows of weights.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub assets: usize,
    pub sets: usize,
    pub windows: usize,
    pub block_rows: usize,
    pub blocks: usize,
    pub stride: usize,
    pub constant_first_block: bool,
    pub interpolation: Interpolation,
}

impl Shape {
    /// Blocks of which weights move in some of the rows, more or fewer with the seed.
    pub fn layout(&self, seed: u64) -> PathLayout {
        PathLayout {
            block_rows: self.block_rows,
            ramp_rows: 1 + (seed % self.block_rows as u64) as usize,
            interpolation: self.interpolation,
            constant_first_block: self.constant_first_block,
            rows: self.block_rows * (self.blocks + usize::from(self.constant_first_block)),
            stride: self.stride,
        }
    }

    /// Windows that overlap.
    pub fn starts(&self) -> Vec<usize> {
        (0..self.windows).map(|window| 2 * window).collect()
    }

    /// A walk of prices under all windows.
    pub fn prices(&self, layout: &PathLayout, numbers: &mut Numbers) -> Vec<f64> {
        numbers.log_prices(layout.rows + 2 * self.windows, self.assets).iter().map(|log| log.exp()).collect()
    }
}

pub fn shapes() -> impl Strategy<Value = Shape> {
    let sizes = (2usize..9, 1usize..3, 1usize..3, 1usize..7, 1usize..5, 1usize..3);
    let methods = prop::sample::select(vec![Interpolation::Linear, Interpolation::ApproxOptimal]);
    (sizes, any::<bool>(), methods).prop_map(|(sizes, constant_first_block, interpolation)| {
        let (assets, sets, windows, block_rows, blocks, stride) = sizes;
        Shape { assets, sets, windows, block_rows, blocks, stride, constant_first_block, interpolation }
    })
}
