//! The blocked form of the recurrence: blocks of time that do not wait for each other.
//!
//! A plain loop waits for one product and one sum per row. Here several blocks advance together, each
//! from zero, and then `decay^(row + 1)` times the value that entered the block is added.

use super::{BLOCK_ROWS, step};
use crate::backend::Real;

/// Blocks that advance together.
const ABREAST: usize = 4;

/// `y_t = decay * y_{t-1} + u_t` for one set: `input` and `output` are `[T, A]`.
pub(super) fn forward<F: Real>(input: &[F], decay: &[F], initial: &[F], output: &mut [F]) {
    solve::<F, false>(input, decay, initial, output);
}

/// `z_t = c_t + decay * z_{t+1}` for one set: `cotangent` and `adjoint` are `[T, A]`.
pub(super) fn adjoint<F: Real>(cotangent: &[F], decay: &[F], adjoint: &mut [F]) {
    solve::<F, true>(cotangent, decay, &vec![F::ZERO; decay.len()], adjoint);
}

fn solve<F: Real, const REVERSED: bool>(input: &[F], decay: &[F], initial: &[F], output: &mut [F]) {
    let assets = decay.len();
    let rows = input.len() / assets;
    let powers = powers(decay);
    let mut entering = initial.to_vec();
    let mut start = 0;
    while start < rows {
        let end = rows.min(start + ABREAST * BLOCK_ROWS);
        if end - start == ABREAST * BLOCK_ROWS {
            for asset in 0..assets {
                locals_abreast::<F, REVERSED>(input, decay[asset], asset, assets, start, output);
            }
        } else {
            for first in (start..end).step_by(BLOCK_ROWS) {
                local::<F, REVERSED>(input, decay, first, end.min(first + BLOCK_ROWS), output);
            }
        }
        for first in (start..end).step_by(BLOCK_ROWS) {
            for row in first..end.min(first + BLOCK_ROWS) {
                let here = place::<REVERSED>(row, rows) * assets;
                let powers = &powers[(row - first) * assets..(row - first + 1) * assets];
                let output = &mut output[here..here + assets];
                for asset in 0..assets {
                    output[asset] += powers[asset] * entering[asset];
                }
            }
            let last = place::<REVERSED>(end.min(first + BLOCK_ROWS) - 1, rows) * assets;
            entering.copy_from_slice(&output[last..last + assets]);
        }
        start = end;
    }
}

#[inline]
fn place<const REVERSED: bool>(row: usize, rows: usize) -> usize {
    if REVERSED { rows - 1 - row } else { row }
}

/// Recurrences from zero of [`ABREAST`] whole blocks, row by row together.
fn locals_abreast<F: Real, const REVERSED: bool>(
    input: &[F],
    decay: F,
    asset: usize,
    assets: usize,
    start: usize,
    output: &mut [F],
) {
    let rows = input.len() / assets;
    let mut state = [F::ZERO; ABREAST];
    for row in start..start + BLOCK_ROWS {
        for (block, state) in state.iter_mut().enumerate() {
            let here = place::<REVERSED>(row + block * BLOCK_ROWS, rows) * assets + asset;
            *state = step(*state, decay, input[here]);
            output[here] = *state;
        }
    }
}

/// The recurrence from zero of the rows `first..end`.
fn local<F: Real, const REVERSED: bool>(input: &[F], decay: &[F], first: usize, end: usize, output: &mut [F]) {
    let assets = decay.len();
    let rows = input.len() / assets;
    for asset in 0..assets {
        let mut state = F::ZERO;
        for row in first..end {
            let here = place::<REVERSED>(row, rows) * assets + asset;
            state = step(state, decay[asset], input[here]);
            output[here] = state;
        }
    }
}

/// `decay^1 .. decay^BLOCK_ROWS` as `[BLOCK_ROWS, A]`, each correct to about half a unit in the last
/// place: the rounding error of every product is carried along.
fn powers<F: Real>(decay: &[F]) -> Vec<F> {
    let factors: Vec<f64> = decay.iter().map(|decay| decay.wide()).collect();
    let mut powers: Vec<(f64, f64)> = vec![(1.0, 0.0); factors.len()];
    let mut table = Vec::with_capacity(BLOCK_ROWS * factors.len());
    for _ in 0..BLOCK_ROWS {
        for ((high, low), factor) in powers.iter_mut().zip(&factors) {
            let product = *high * factor;
            *low = *low * factor + high.mul_add(*factor, -product);
            *high = product;
            table.push(F::of(*high + *low));
        }
    }
    table
}
