//! Weights along the path of one window.

use cubecl::prelude::*;

use super::adjoint::Cotangents;
use super::call::{Call, Sizes};
use super::pool::Pool;

/// Where the weights of a visit come from: `start + along (end - start)` of the positions `block` and the next.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place<F: Float> {
    pub block: u32,
    pub along: F,
}

/// Whether somebody may trade.
#[cube]
pub(super) fn is_open(visit: u32, sizes: &Sizes) -> bool {
    sizes.rests == 0 || (visit * sizes.stride) % sizes.block_rows < sizes.ramp_rows
}

#[cube]
pub(super) fn place<F: Float>(visit: u32, sizes: &Sizes) -> Place<F> {
    let row = visit * sizes.stride;
    let (mut block, in_block) = (row / sizes.block_rows, row % sizes.block_rows);
    let mut along = F::new(1.0);
    if in_block < sizes.ramp_rows {
        along = F::cast_from(in_block) / F::cast_from(sizes.ramp_rows);
    }
    if block < sizes.held_blocks {
        along = F::new(0.0);
    } else {
        block -= sizes.held_blocks;
    }
    Place::<F> { block, along }
}

/// The weights of the visit before count for the first arbitrage of a visit; at the first visit its own.
#[cube]
pub(super) fn place_before<F: Float>(visit: u32, sizes: &Sizes) -> Place<F> {
    let mut earlier = visit;
    if visit > 0 {
        earlier = visit - 1;
    }
    place::<F>(earlier, sizes)
}

/// Where the position before a place and that after it stand among all; the last one is followed by itself.
#[cube]
fn ends<F: Float>(call: &Call<F>, entry: usize, at: &Place<F>) -> (usize, usize) {
    let assets = comptime!(call.form.assets);
    let first = entry * call.sizes.positions as usize;
    let next = min(at.block + 1, call.sizes.positions - 1);
    ((first + at.block as usize) * assets, (first + next as usize) * assets)
}

/// Puts the weights of a place into the pool.
#[cube]
pub(super) fn set_weights<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, at: &Place<F>) {
    let assets = comptime!(call.form.assets);
    let (start, end) = ends::<F>(call, entry, at);
    #[unroll]
    for i in 0..assets {
        let from = call.positions[start + i];
        pool.weights[i] = from + at.along * (call.positions[end + i] - from);
    }
}

/// Adds the gradient of the weights of a place to that of the positions they come from.
#[cube]
pub(super) fn add_to_positions<F: Float>(
    call: &Call<F>,
    gradient: &mut Tensor<F>,
    cotangents: &mut Cotangents<F>,
    entry: usize,
    at: &Place<F>,
) {
    let assets = comptime!(call.form.assets);
    let (start, end) = ends::<F>(call, entry, at);
    #[unroll]
    for i in 0..assets {
        gradient[start + i] = gradient[start + i] + cotangents.weights[i] * (F::new(1.0) - at.along);
        gradient[end + i] = gradient[end + i] + cotangents.weights[i] * at.along;
    }
}
