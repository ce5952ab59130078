//! Weights along the path of one window.

use cubecl::prelude::*;

use super::adjoint::Cotangents;
use super::call::{Call, Sizes};
use super::pool::Pool;
use super::trade::exponential_less_one;
use crate::growth::cube_log_ratio as log_ratio;

/// Where the weights of a visit come from: between the positions `start` and `end`, the numbers of `block` and the next.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place<F: Float> {
    block: u32,
    /// How much of the straight way is gone.
    along: F,
    /// How much of the geometric way is gone.
    exponent: F,
    /// Whether it lies on a ramp, so that the geometric way counts.
    on_ramp: bool,
}

/// `ln(end / start)` of the ramp that the pool is on, for the geometric way.
#[derive(CubeType)]
pub(super) struct Ramp<F: Float> {
    /// Which ramp it is.
    block: Array<u32>,
    logs: Array<F>,
    /// What the weights that were put into the pool last summed to before they were made shares.
    total: Array<F>,
}

#[cube]
pub(super) fn ramp<F: Float>(#[comptime] assets: usize) -> Ramp<F> {
    let mut block = Array::<u32>::new(1usize);
    block[0] = u32::MAX;
    Ramp::<F> { block, logs: Array::<F>::new(assets), total: Array::<F>::new(1usize) }
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
    let mut on_ramp = in_block < sizes.ramp_rows;
    if on_ramp {
        along = F::cast_from(in_block) / F::cast_from(sizes.ramp_rows);
    }
    if block < sizes.held_blocks {
        along = F::new(0.0);
        on_ramp = false;
    } else {
        block -= sizes.held_blocks;
    }
    Place::<F> { block, along, exponent: F::cast_from(in_block) / F::cast_from(sizes.geometric_rows), on_ramp }
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
    if comptime!(call.form.geometric) {
        if at.on_ramp {
            let total = add_geometric::<F>(call, pool, entry, at);
            pool.ramp.total[0] = total;
            #[unroll]
            for i in 0..assets {
                pool.weights[i] = pool.weights[i] / total;
            }
        }
    }
}

/// Adds the weights along the geometric way to those along the straight one. Returns their total.
#[cube]
fn add_geometric<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, at: &Place<F>) -> F {
    let assets = comptime!(call.form.assets);
    let (start, end) = ends::<F>(call, entry, at);
    if pool.ramp.block[0] != at.block {
        pool.ramp.block[0] = at.block;
        #[unroll]
        for i in 0..assets {
            let from = call.positions[start + i];
            pool.ramp.logs[i] = log_ratio::<F>(from, call.positions[end + i] - from);
        }
    }
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let from = call.positions[start + i];
        // Weights mostly move by little, which the exponential itself would round away.
        let moved = from * exponential_less_one::<F>(pool.ramp.logs[i] * at.exponent);
        pool.weights[i] = pool.weights[i] + from + moved;
        total += pool.weights[i];
    }
    total
}

/// Adds the gradient of the weights of a place, which are those in the pool, to that of the positions they come from.
#[cube]
pub(super) fn add_to_positions<F: Float>(
    call: &Call<F>,
    gradient: &mut Tensor<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    entry: usize,
    at: &Place<F>,
) {
    let assets = comptime!(call.form.assets);
    let one = F::new(1.0);
    let (start, end) = ends::<F>(call, entry, at);
    if comptime!(call.form.geometric) {
        if at.on_ramp {
            let mut along = F::new(0.0);
            #[unroll]
            for i in 0..assets {
                along += cotangents.weights[i] * pool.weights[i];
            }
            #[unroll]
            for i in 0..assets {
                cotangents.weights[i] = (cotangents.weights[i] - along) / pool.ramp.total[0];
            }
        }
    }
    #[unroll]
    for i in 0..assets {
        let mut by_start = one - at.along;
        let mut by_end = at.along;
        if comptime!(call.form.geometric) {
            if at.on_ramp {
                let (log, exponent) = (pool.ramp.logs[i], at.exponent);
                by_start += (one - exponent) * (log * exponent).exp();
                by_end += exponent * (log * (exponent - one)).exp();
            }
        }
        gradient[start + i] = gradient[start + i] + cotangents.weights[i] * by_start;
        gradient[end + i] = gradient[end + i] + cotangents.weights[i] * by_end;
    }
}
