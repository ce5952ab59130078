//! What a pool meets at one visit.

use cubecl::prelude::*;

use super::adjoint::{Cotangents, raise};
use super::call::Call;
use super::path::{Place, place, place_before};
use super::pool::{ONE, Pool, add};
use super::terms::{Terms, terms_at};

/// One visit of one window.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Visit<F: Float> {
    /// First row since the visit before.
    pub first_row: u32,
    pub row: u32,
    pub here: Place<F>,
    pub before: Place<F>,
    pub terms: Terms<F>,
}

/// Row of the price table.
#[cube]
fn row<F: Float>(call: &Call<F>, entry: usize, index: u32) -> u32 {
    call.starts[entry % call.sizes.windows as usize] + index * call.sizes.stride
}

/// Takes up the prices of a visit.
#[cube]
pub(super) fn quote<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, index: u32) {
    let assets = comptime!(call.form.assets);
    let row = row::<F>(call, entry, index);
    #[unroll]
    for i in 0..assets {
        pool.prices[i] = call.prices[row as usize * assets + i];
    }
}

/// On the way back, takes up the prices of a visit, at which reserves are worth something else than at the visit after it.
#[cube]
pub(super) fn quote_backward<F: Float>(
    call: &Call<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    entry: usize,
    index: u32,
) {
    let assets = comptime!(call.form.assets);
    quote::<F>(call, pool, entry, index);
    if index + 1 < call.sizes.visits {
        let after = row::<F>(call, entry, index + 1) as usize * assets;
        #[unroll]
        for i in 0..assets {
            let price = pool.prices[i];
            let change = cotangents.worth[i] * ((call.prices[after + i] - price) / price);
            raise::<F>(cotangents, i, change, pool.numbers[ONE]);
        }
    }
}

/// Meets the prices and costs of a visit.
#[cube]
pub(super) fn meet<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, index: u32) -> Visit<F> {
    let row = row::<F>(call, entry, index);
    quote::<F>(call, pool, entry, index);
    #[unroll]
    for i in 0..comptime!(call.form.assets) {
        if comptime!(call.form.defers_protocol) {
            pool.owed[i] = F::new(0.0);
        }
    }
    let mut first_row = row;
    if index > 0 {
        first_row = row + 1 - call.sizes.stride;
    }
    Visit::<F> {
        first_row,
        row,
        here: place::<F>(index, &call.sizes),
        before: place_before::<F>(index, &call.sizes),
        terms: terms_at::<F>(call, entry, index, row as usize),
    }
}

/// What all reserves grow by because shares were issued since the visit before: less than nothing if they were redeemed.
#[cube]
fn growth<F: Float>(call: &Call<F>, entry: usize, index: u32) -> F {
    let mut growth = F::new(0.0);
    if comptime!(call.series.lp_supply.is_some()) {
        if index > 0 {
            let supply = call.series.lp_supply.as_ref().unwrap();
            let row = row::<F>(call, entry, index);
            let before = supply[(row - call.sizes.stride) as usize];
            growth = (supply[row as usize] - before) / before;
        }
    }
    growth
}

/// Issues or redeems shares.
#[cube]
pub(super) fn issue<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, index: u32) {
    if comptime!(call.series.lp_supply.is_some()) {
        let growth = growth::<F>(call, entry, index);
        #[unroll]
        for i in 0..comptime!(call.form.assets) {
            let low = pool.low[i] * growth;
            let change = pool.reserves[i] * growth + low;
            add::<F>(pool, i, change);
        }
    }
}

/// Adjoint of [`issue`].
#[cube]
pub(super) fn issue_backward<F: Float>(
    call: &Call<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    entry: usize,
    index: u32,
) {
    if comptime!(call.series.lp_supply.is_some()) {
        let growth = growth::<F>(call, entry, index);
        #[unroll]
        for i in 0..comptime!(call.form.assets) {
            let change = cotangents.worth[i] * growth;
            raise::<F>(cotangents, i, change, pool.numbers[ONE]);
        }
    }
}
