//! A pool on its way through the rows.

use cubecl::prelude::*;

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
    /// `ln(X / max q)`, the weight of the tokens that trade, and one.
    pub numbers: Array<F>,
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
        numbers: Array::<F>::new(3usize),
    }
}

/// Adds to a reserve, what is rounded away to its low part.
#[cube]
pub(super) fn add<F: Float>(pool: &mut Pool<F>, asset: usize, change: F) {
    let change = change + pool.low[asset];
    let before = pool.reserves[asset];
    let sum = before + change;
    pool.reserves[asset] = sum;
    // Drivers may take `(a + b) - a` for `b`, and Mesa does; of `(a + b) * one - a` they know nothing.
    pool.low[asset] = change - (sum * pool.numbers[ONE] - before);
}
