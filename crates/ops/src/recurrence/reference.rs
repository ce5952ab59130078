//! The recurrence in plain tensor operations, on any device, with burn's own gradient.

use super::{BLOCK_ROWS, RecurrenceForm, RecurrenceOptions};
use burn::tensor::{Int, Tensor, TensorData};

/// [`recurrence`](super::recurrence()) in tensor operations: a loop over time, or blocked triangular
/// matrix products (the form that suits a GPU).
///
/// # Panics
/// When the shapes do not fit.
pub fn recurrence(input: Tensor<3>, decay: Tensor<2>, initial: Tensor<2>, options: RecurrenceOptions) -> Tensor<3> {
    match options.form {
        RecurrenceForm::Sequential => sequential(input, decay, initial, options.dead_zone),
        RecurrenceForm::Blocked => {
            let ([_, rows, assets], [sets, _]) = (input.dims(), decay.dims());
            let series = input.swap_dims(1, 2).expand([sets, assets, rows]);
            blocked(series, decay, initial).swap_dims(1, 2)
        }
    }
}

fn sequential(input: Tensor<3>, decay: Tensor<2>, initial: Tensor<2>, dead_zone: Option<f64>) -> Tensor<3> {
    let [sets, assets] = decay.dims();
    let decay = decay.reshape([sets, 1, assets]);
    let mut value = initial.reshape([sets, 1, assets]);
    let rows = (0..input.dims()[1]).map(|row| {
        value = decay.clone() * value.clone() + input.clone().narrow(1, row, 1);
        if let Some(threshold) = dead_zone {
            let small = value.clone().abs().lower_elem(threshold);
            value = value.clone().mask_fill(small, 0.0);
        }
        value.clone()
    });
    Tensor::cat(rows.collect(), 1)
}

/// Blocks of time by triangular matrix products, the carries between blocks by the same function again.
/// `series` is `[S, A, T]`.
fn blocked(series: Tensor<3>, decay: Tensor<2>, initial: Tensor<2>) -> Tensor<3> {
    let [sets, assets, rows] = series.dims();
    let length = rows.min(BLOCK_ROWS);
    let blocks = rows.div_ceil(length);
    let series = series.pad((0, blocks * length - rows, 0, 0), 0.0);
    let powers = powers(&decay, length);
    let local = series.reshape([sets, assets, blocks, length]).matmul(triangle(powers.clone()));
    let last = powers.clone().narrow(2, length - 1, 1);
    let initial = initial.reshape([sets, assets, 1]);
    let entering = if blocks == 1 {
        initial
    } else {
        let carries = local.clone().narrow(3, length - 1, 1).squeeze_dim::<3>(3);
        let carries =
            blocked(carries.narrow(2, 0, blocks - 1), last.squeeze_dim::<2>(2), initial.clone().squeeze_dim::<2>(2));
        Tensor::cat(vec![initial, carries], 2)
    };
    let carried = entering.unsqueeze_dim::<4>(3) * powers.unsqueeze_dim::<4>(2);
    (local + carried).reshape([sets, assets, blocks * length]).narrow(2, 0, rows)
}

/// `decay^1 .. decay^length` as `[S, A, length]`, by doubling: no logarithm, so zero is a valid decay.
fn powers(decay: &Tensor<2>, length: usize) -> Tensor<3> {
    let first: Tensor<3> = decay.clone().unsqueeze_dim(2);
    let mut powers = first;
    while powers.dims()[2] < length {
        let known = powers.dims()[2];
        let top = powers.clone().narrow(2, known - 1, 1);
        let more = (powers.clone() * top).narrow(2, 0, known.min(length - known));
        powers = Tensor::cat(vec![powers, more], 2);
    }
    powers
}

/// `[S, A, L, L]` with `decay^(column - row)` on and above the diagonal: a row of inputs times this
/// matrix is the recurrence from zero.
fn triangle(powers: Tensor<3>) -> Tensor<4> {
    let [sets, assets, length] = powers.dims();
    let device = powers.device();
    let zero = powers.clone().narrow(2, 0, 1).zeros_like();
    let table = Tensor::cat(vec![zero.clone(), zero.ones_like(), powers], 2);
    let place = |cell: usize| {
        let (row, column) = (cell / length, cell % length);
        if column < row { 0 } else { 1 + (column - row) as i64 }
    };
    let places: Vec<i64> = (0..length * length).map(place).collect();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [length * length]), &device);
    table.select(2, places).reshape([sets, assets, length, length])
}
