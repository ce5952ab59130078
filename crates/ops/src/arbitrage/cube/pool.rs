//! A pool on its way through the rows.

use cubecl::prelude::*;

use super::call::Form;
use super::path::{Ramp, ramp};

/// What a token does in a trade.
pub(super) const IDLE: u32 = 0;
pub(super) const LEAVES: u32 = 1;
pub(super) const ENTERS: u32 = 2;

/// A pool at one visit, and the trade that it is about to do.
#[derive(CubeType)]
pub(super) struct Pool<F: Float> {
    pub reserves: Array<F>,
    /// What the reserves have lost to rounding.
    pub low: Array<F>,
    pub prices: Array<F>,
    pub weights: Array<F>,
    pub quotients: Array<F>,
    /// `ln(q / max q)`.
    pub logs: Array<F>,
    /// Change of each reserve before noise traders and the protocol.
    pub change: Array<F>,
    pub side: Array<u32>,
    /// Protocol fees that are taken at the end of the row.
    pub owed: Array<F>,
    /// `ln(X / max q)`, the weight of the tokens that trade, and one.
    pub numbers: Array<F>,
    pub ramp: Ramp<F>,
}

pub(super) const RELATIVE: usize = 0;
pub(super) const TOTAL_WEIGHT: usize = 1;
/// A one that the compiler of a driver does not know.
pub(super) const ONE: usize = 2;

#[cube]
pub(super) fn pool<F: Float>(#[comptime] assets: usize) -> Pool<F> {
    Pool::<F> {
        reserves: Array::<F>::new(assets),
        low: Array::<F>::new(assets),
        prices: Array::<F>::new(assets),
        weights: Array::<F>::new(assets),
        quotients: Array::<F>::new(assets),
        logs: Array::<F>::new(assets),
        change: Array::<F>::new(assets),
        side: Array::<u32>::new(assets),
        owed: Array::<F>::new(assets),
        numbers: Array::<F>::new(3usize),
        ramp: ramp::<F>(assets),
    }
}

/// Adds to a reserve, what is rounded away to its low part.
#[cube]
pub(super) fn add<F: Float>(pool: &mut Pool<F>, asset: usize, change: F) {
    add_to_sum::<F>(&mut pool.reserves, &mut pool.low, asset, change, pool.numbers[ONE]);
}

/// Adds to a sum of two numbers, of which the second is what the first has lost to rounding; `one` is a one that the compiler of
/// a driver does not know.
#[cube]
pub(super) fn add_to_sum<F: Float>(high: &mut Array<F>, low: &mut Array<F>, at: usize, change: F, one: F) {
    let change = change + low[at];
    let before = high[at];
    let sum = before + change;
    high[at] = sum;
    // Drivers may take `(a + b) - a` for `b`, and Mesa does; of `(a + b) * one - a` they know nothing.
    low[at] = change - (sum * one - before);
}

/// What is left of a change of a reserve once the protocol has its fee, which it may take only at the end of the row.
#[cube]
pub(super) fn less_protocol_fee<F: Float>(
    pool: &mut Pool<F>,
    asset: usize,
    change: F,
    fee: F,
    #[comptime] form: Form,
) -> F {
    let mut left = change;
    if comptime!(form.defers_protocol) {
        pool.owed[asset] = pool.owed[asset] + fee;
    } else {
        left = change - fee;
    }
    left
}

/// The protocol takes what it is owed at the end of a row.
#[cube]
pub(super) fn settle<F: Float>(pool: &mut Pool<F>, #[comptime] form: Form) {
    if comptime!(form.defers_protocol) {
        #[unroll]
        for i in 0..comptime!(form.assets) {
            let owed = pool.owed[i];
            add::<F>(pool, i, F::new(0.0) - owed);
        }
    }
}
