//! Returns, Sharpe ratios and hold benchmarks (spec 05, 5.2).
//!
//! No division by a scalar on a tracked tensor: burn 0.22.1 rounds its gradient to f32.

use burn::tensor::Tensor;

use crate::{
    formula::Benchmark,
    series::{Obstacle, SeriesInputs},
};

/// Added to values before their logarithm and to the standard deviation of daily logarithmic returns (spec 05, 5.2).
const LOG_GUARD: f64 = 1e-12;
const DEVIATION_GUARD: f64 = 1e-8;

/// Successive differences and the earlier value of each pair, `[batch, count - 1]` both.
fn differences(values: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let count = values.dims()[1];
    let earlier = values.clone().slice_dim(1, 0..count - 1);
    (values.slice_dim(1, 1..count) - earlier.clone(), earlier)
}

/// `diff(V) / V[:-1]`, `[batch, count - 1]`.
pub(crate) fn simple(values: Tensor<2>) -> Tensor<2> {
    let (change, earlier) = differences(values);
    change / earlier
}

/// Mean over population standard deviation of `returns`, `[batch]`; 0/0 = NaN for constant values.
pub(crate) fn sharpe(returns: Tensor<2>) -> Tensor<1> {
    let (mean, deviation) = moments(returns);
    (mean / deviation).squeeze_dim(1)
}

/// Sharpe ratio of logarithmic returns with both guards of `daily_log_sharpe`, `[batch]`.
pub(crate) fn guarded_log_sharpe(values: Tensor<2>) -> Tensor<1> {
    // Not a difference of logarithms, which in single precision has fewer digits.
    let (mean, deviation) = moments(simple(values.add_scalar(LOG_GUARD)).log1p());
    (mean / deviation.add_scalar(DEVIATION_GUARD)).squeeze_dim(1)
}

/// Mean and population standard deviation along the rows, `[batch, 1]` both.
fn moments(returns: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let mean = returns.clone().mean_dim(1);
    let centred = returns - mean.clone();
    let variance = (centred.clone() * centred).mean_dim(1);
    (mean, root(variance))
}

/// Square root whose gradient at 0 is 0 instead of NaN: a constant series is a flat point of the objectives that
/// are finite there.
pub(crate) fn root<const D: usize>(square: Tensor<D>) -> Tensor<D> {
    let zero = square.clone().inner().equal_elem(0.0);
    if square.is_autodiff() { square.mask_fill(zero.clone(), 1.0).sqrt().mask_fill(zero, 0.0) } else { square.sqrt() }
}

/// Mean of a `[batch, count]` tensor along its rows, `[batch]`.
pub(crate) fn mean(numbers: Tensor<2>) -> Tensor<1> {
    numbers.mean_dim(1).squeeze_dim(1)
}

/// `ratio^exponent - 1`; `None` leaves the ratio as it is.
pub(crate) fn compounded<const D: usize>(ratio: Tensor<D>, exponent: Option<f64>) -> Tensor<D> {
    match exponent {
        // Not powf_scalar: NdArray rounds its exponent to f32.
        Some(exponent) => ratio.log().mul_scalar(exponent).exp(),
        None => ratio,
    }
    .sub_scalar(1.0)
}

/// What the final value is divided by, `[batch]`.
pub(crate) fn benchmark(inputs: &SeriesInputs, benchmark: Benchmark) -> Result<Tensor<1>, Obstacle> {
    let reserves = inputs.initial_reserves.clone().inner();
    let last_prices = inputs.last_prices.clone().inner();
    match benchmark {
        Benchmark::Start => inputs.at_row(0),
        Benchmark::Hold => Ok((reserves * last_prices).sum_dim(1).squeeze_dim(1)),
        Benchmark::UniformHold => {
            let first_prices = inputs.first_prices.clone().inner();
            let deposit = (reserves * first_prices.clone()).sum_dim(1);
            Ok((deposit * (last_prices / first_prices).mean_dim(1)).squeeze_dim(1))
        }
    }
}
