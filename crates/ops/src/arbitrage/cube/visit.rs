//! What a pool meets at one visit.

use cubecl::prelude::*;

use super::call::Call;
use super::path::{Place, place, place_before};
use super::pool::{ONE, Pool};
use super::terms::{Terms, terms_at};

/// One visit of one window.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Visit<F: Float> {
    pub entry: usize,
    pub index: u32,
    pub here: Place<F>,
    pub before: Place<F>,
    pub terms: Terms<F>,
}

/// Takes up the prices of a visit.
#[cube]
pub(super) fn meet<F: Float>(call: &Call<F>, pool: &mut Pool<F>, entry: usize, index: u32) -> Visit<F> {
    let assets = comptime!(call.form.assets);
    let row = (call.starts[entry % call.sizes.windows as usize] + index * call.sizes.stride) as usize;
    pool.numbers[ONE] = call.costs[4];
    #[unroll]
    for i in 0..assets {
        pool.prices[i] = call.prices[row * assets + i];
    }
    Visit::<F> {
        entry,
        index,
        here: place::<F>(index, &call.sizes),
        before: place_before::<F>(index, &call.sizes),
        terms: terms_at::<F>(call, entry, index),
    }
}
