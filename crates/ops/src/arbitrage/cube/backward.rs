//! The backward pass.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::adjoint::{Cotangents, cotangents, trade_backward};
use super::call::{Call, NO_SAMPLE};
use super::optimum::optimum;
use super::path::{Place, add_to_positions, is_open, set_weights};
use super::pool::{Pool, pool};
use super::terms::fee_index;
use super::trade::{pays, trade};
use super::visit::{Visit, meet};

/// The trades of a stretch.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Notes<F: Float> {
    /// Reserves before each.
    reserves: OwnedTensor<F>,
    /// One if it happened.
    happened: OwnedTensor<u32>,
}

/// What the pass is for.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Gradients<F: Float> {
    positions: OwnedTensor<F>,
    initial: OwnedTensor<F>,
    fees: OwnedTensor<F>,
}

/// Goes back through all stretches, last one first. `notes` are scratch.
#[cube(launch)]
pub(super) fn backward<F: Float>(
    call: &Call<F>,
    kept: &Tensor<F>,
    cotangent: &Tensor<F>,
    notes: &mut Notes<F>,
    gradients: &mut Gradients<F>,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS;
    if entry >= call.sizes.batch as usize {
        terminate!();
    }
    let assets = comptime!(call.form.assets);
    let mut pool = pool::<F>(assets);
    let mut cotangents = cotangents::<F>(assets);
    let position_count = call.sizes.positions as usize * assets;
    for place in 0..position_count {
        gradients.positions[entry * position_count + place] = F::new(0.0);
    }
    for index in 0..call.sizes.fees as usize {
        gradients.fees[entry * call.sizes.fees as usize + index] = F::new(0.0);
    }
    let stretches = call.sizes.visits.div_ceil(call.sizes.stretch);
    for step in 0..stretches {
        let stretch = stretches - 1 - step;
        let first = stretch * call.sizes.stretch;
        let end = min(first + call.sizes.stretch, call.sizes.visits);
        let at = (entry * stretches as usize + stretch as usize) * 2 * assets;
        #[unroll]
        for i in 0..assets {
            pool.reserves[i] = kept[at + i];
            pool.low[i] = kept[at + assets + i];
        }
        for index in first..end {
            replay::<F>(call, &mut pool, notes, entry, index);
        }
        for back in 0..end - first {
            let index = end - 1 - back;
            let sample = call.sample_of[index as usize];
            if sample != NO_SAMPLE {
                #[unroll]
                for i in 0..assets {
                    cotangents.reserves[i] = cotangents.reserves[i]
                        + cotangent[(entry * call.sizes.samples as usize + sample as usize) * assets + i];
                }
            }
            if is_open(index, &call.sizes) {
                cotangents.fee[0] = F::new(0.0);
                visit_backward::<F>(call, &mut pool, &mut cotangents, notes, gradients, entry, index);
                let fee = fee_index(entry, index, &call.sizes);
                gradients.fees[fee] = gradients.fees[fee] + cotangents.fee[0];
            }
        }
    }
    #[unroll]
    for i in 0..assets {
        gradients.initial[entry * assets + i] = cotangents.reserves[i];
    }
}

/// Where the first trade of a visit is noted.
#[cube]
fn slot<F: Float>(call: &Call<F>, entry: usize, visit: u32) -> usize {
    (entry * call.sizes.stretch as usize + (visit % call.sizes.stretch) as usize) * 2
}

/// Runs a visit again and notes its trades.
#[cube]
fn replay<F: Float>(call: &Call<F>, pool: &mut Pool<F>, notes: &mut Notes<F>, entry: usize, index: u32) {
    let form = comptime!(call.form);
    let assets = comptime!(form.assets);
    let slot = slot::<F>(call, entry, index);
    #[unroll]
    for leg in 0..2usize {
        notes.happened[slot + leg] = 0u32;
    }
    if is_open(index, &call.sizes) {
        let visit = meet::<F>(call, pool, entry, index);
        #[unroll]
        for leg in 0..2usize {
            if comptime!(leg == 0) {
                set_weights::<F>(call, pool, entry, &visit.before);
            } else {
                set_weights::<F>(call, pool, entry, &visit.here);
            }
            #[unroll]
            for i in 0..assets {
                notes.reserves[(slot + leg) * assets + i] = pool.reserves[i];
            }
            if trade::<F>(pool, &visit.terms, form) {
                notes.happened[slot + leg] = 1u32;
            }
        }
    }
}

/// Goes back through a visit.
#[cube]
fn visit_backward<F: Float>(
    call: &Call<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    notes: &mut Notes<F>,
    gradients: &mut Gradients<F>,
    entry: usize,
    index: u32,
) {
    let visit = meet::<F>(call, pool, entry, index);
    leg_backward::<F>(call, pool, cotangents, notes, gradients, &visit, &visit.here, 1usize);
    leg_backward::<F>(call, pool, cotangents, notes, gradients, &visit, &visit.before, 0usize);
}

/// Goes back through one arbitrage of a visit, if it happened.
#[cube]
fn leg_backward<F: Float>(
    call: &Call<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    notes: &mut Notes<F>,
    gradients: &mut Gradients<F>,
    visit: &Visit<F>,
    at: &Place<F>,
    #[comptime] leg: usize,
) {
    let form = comptime!(call.form);
    let assets = comptime!(form.assets);
    let slot = slot::<F>(call, visit.entry, visit.index) + leg;
    if notes.happened[slot] == 1u32 {
        set_weights::<F>(call, pool, visit.entry, at);
        #[unroll]
        for i in 0..assets {
            pool.reserves[i] = notes.reserves[slot * assets + i];
            cotangents.weights[i] = F::new(0.0);
        }
        optimum::<F>(pool, &visit.terms, form);
        pays::<F>(pool, &visit.terms, assets);
        trade_backward::<F>(pool, &visit.terms, cotangents, assets);
        add_to_positions::<F>(call, &mut gradients.positions, cotangents, visit.entry, at);
    }
}
