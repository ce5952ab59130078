//! The backward pass.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::adjoint::{Cotangents, cotangents, raise, trade_backward};
use super::call::{Call, Form, NO_SAMPLE};
use super::optimum::optimum;
use super::path::{add_to_positions, is_open, set_weights};
use super::pool::{ONE, Pool, pool, settle};
use super::terms::fee_index;
use super::trade::{pays, trade};
use super::users::{swap, swap_backward, trades_since};
use super::visit::{Visit, issue, issue_backward, meet, quote_backward};

/// Which of the notes of a visit it is: the two arbitrages and, only where there are any, what users do between them.
const FIRST: usize = 0;
const SECOND: usize = 1;
const USERS: usize = 2;

/// How many notes a visit has.
pub(super) fn notes_of_visit(has_users: bool) -> usize {
    if has_users { 3 } else { 2 }
}

/// Notes on the trades of a stretch.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Notes<F: Float> {
    /// Reserves before each.
    reserves: OwnedTensor<F>,
    /// One if it happened.
    happened: OwnedTensor<u32>,
}

/// What the pass is for. Those of positions and fees begin at zero.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Gradients<F: Float> {
    positions: OwnedTensor<F>,
    /// Between two launches, by the worth of the reserves there.
    initial: OwnedTensor<F>,
    fees: OwnedTensor<F>,
}

/// Goes back through stretches, last one first. `notes` are scratch.
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
    pool.numbers[ONE] = call.costs[4];
    let stretches = call.sizes.visits.div_ceil(call.sizes.stretch);
    if call.sizes.end_stretch < stretches {
        #[unroll]
        for i in 0..assets {
            cotangents.worth[i] = gradients.initial[entry * assets + i];
        }
    }
    for step in 0..call.sizes.end_stretch - call.sizes.first_stretch {
        let stretch = call.sizes.end_stretch - 1 - step;
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
            quote_backward::<F>(call, &mut pool, &mut cotangents, entry, index);
            let sample = call.sample_of[index as usize];
            if sample != NO_SAMPLE {
                #[unroll]
                for i in 0..assets {
                    let at = (entry * call.sizes.samples as usize + sample as usize) * assets + i;
                    raise::<F>(&mut cotangents, i, cotangent[at] / pool.prices[i], pool.numbers[ONE]);
                }
            }
            if is_open(index, &call.sizes) {
                visit_backward::<F>(call, &mut pool, &mut cotangents, notes, gradients, entry, index);
            }
            issue_backward::<F>(call, &mut pool, &mut cotangents, entry, index);
        }
    }
    #[unroll]
    for i in 0..assets {
        let mut carried = cotangents.worth[i];
        if call.sizes.first_stretch == 0 {
            carried = carried * pool.prices[i];
        }
        gradients.initial[entry * assets + i] = carried;
    }
}

/// Where the first note of a visit stands.
#[cube]
fn slot<F: Float>(call: &Call<F>, entry: usize, visit: u32) -> usize {
    let notes = comptime!(notes_of_visit(call.users.is_some()));
    (entry * call.sizes.stretch as usize + (visit % call.sizes.stretch) as usize) * notes
}

/// Runs a visit again and notes the reserves before its trades.
#[cube]
fn replay<F: Float>(call: &Call<F>, pool: &mut Pool<F>, notes: &mut Notes<F>, entry: usize, index: u32) {
    let form = comptime!(call.form);
    let slot = slot::<F>(call, entry, index);
    issue::<F>(call, pool, entry, index);
    if is_open(index, &call.sizes) {
        let visit = meet::<F>(call, pool, entry, index);
        set_weights::<F>(call, pool, entry, &visit.before);
        note::<F>(pool, notes, slot + FIRST, form);
        if trade::<F>(pool, &visit.terms, form) {
            notes.happened[slot + FIRST] = 1u32;
        }
        set_weights::<F>(call, pool, entry, &visit.here);
        if comptime!(call.users.is_some()) {
            note::<F>(pool, notes, slot + USERS, form);
            let since = trades_since::<F>(call, &visit);
            swap::<F>(call, pool, &visit, since.first, since.end);
        }
        note::<F>(pool, notes, slot + SECOND, form);
        if trade::<F>(pool, &visit.terms, form) {
            notes.happened[slot + SECOND] = 1u32;
        }
        settle::<F>(pool, form);
    }
}

/// Notes the reserves; whether the trade happened is noted once it has.
#[cube]
fn note<F: Float>(pool: &mut Pool<F>, notes: &mut Notes<F>, slot: usize, #[comptime] form: Form) {
    let assets = comptime!(form.assets);
    notes.happened[slot] = 0u32;
    #[unroll]
    for i in 0..assets {
        notes.reserves[slot * assets + i] = pool.reserves[i];
    }
}

/// Takes the reserves that were noted.
#[cube]
fn take_noted<F: Float>(pool: &mut Pool<F>, notes: &mut Notes<F>, slot: usize, #[comptime] form: Form) {
    let assets = comptime!(form.assets);
    #[unroll]
    for i in 0..assets {
        pool.reserves[i] = notes.reserves[slot * assets + i];
        pool.low[i] = F::new(0.0);
    }
}

/// Goes back through a visit at which the pool was open.
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
    let assets = comptime!(call.form.assets);
    let slot = slot::<F>(call, entry, index);
    let visit = meet::<F>(call, pool, entry, index);
    cotangents.fee[0] = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        cotangents.weights[i] = F::new(0.0);
        if comptime!(call.form.defers_protocol) {
            cotangents.owed[i] = cotangents.worth[i];
        }
    }
    let mut moved = notes.happened[slot + SECOND] == 1u32;
    if moved {
        set_weights::<F>(call, pool, entry, &visit.here);
        arbitrage_backward::<F>(pool, cotangents, notes, &visit, slot + SECOND, call.form);
    }
    if comptime!(call.users.is_some()) {
        let since = trades_since::<F>(call, &visit);
        if since.end > since.first {
            moved = true;
            set_weights::<F>(call, pool, entry, &visit.here);
        }
        // There are few, and each is reached again from the first.
        for back in 0..since.end - since.first {
            let number = since.end - 1 - back;
            take_noted::<F>(pool, notes, slot + USERS, call.form);
            swap::<F>(call, pool, &visit, since.first, number);
            swap_backward::<F>(call, pool, cotangents, &visit, number);
        }
    }
    if moved {
        add_to_positions::<F>(call, &mut gradients.positions, pool, cotangents, entry, &visit.here);
    }
    if notes.happened[slot + FIRST] == 1u32 {
        #[unroll]
        for i in 0..assets {
            cotangents.weights[i] = F::new(0.0);
        }
        set_weights::<F>(call, pool, entry, &visit.before);
        arbitrage_backward::<F>(pool, cotangents, notes, &visit, slot + FIRST, call.form);
        add_to_positions::<F>(call, &mut gradients.positions, pool, cotangents, entry, &visit.before);
    }
    if comptime!(call.series.fee_rate.is_none()) {
        let fee = fee_index(entry, index, &call.sizes);
        gradients.fees[fee] = gradients.fees[fee] + cotangents.fee[0];
    }
}

/// Goes back through an arbitrage that happened, at `pool.weights`.
#[cube]
fn arbitrage_backward<F: Float>(
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    notes: &mut Notes<F>,
    visit: &Visit<F>,
    slot: usize,
    #[comptime] form: Form,
) {
    take_noted::<F>(pool, notes, slot, form);
    optimum::<F>(pool, &visit.terms, form);
    pays::<F>(pool, &visit.terms, comptime!(form.assets));
    trade_backward::<F>(pool, &visit.terms, cotangents, form);
}
