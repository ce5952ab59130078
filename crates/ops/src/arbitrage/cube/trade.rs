//! One arbitrage.

use cubecl::prelude::*;

use super::call::Form;
use super::optimum::optimum;
use super::pool::{ENTERS, IDLE, Pool, RELATIVE, add, less_protocol_fee};
use super::terms::Terms;

/// `e^x - 1`.
#[cube]
pub(super) fn exponential_less_one<F: Float>(x: F) -> F {
    let mut less = x.exp() - F::new(1.0);
    if x.abs() < F::new(0.1) {
        let mut term = x;
        less = x;
        #[unroll]
        for power in 2..10u32 {
            term = term * x / F::cast_from(power);
            less += term;
        }
    }
    less
}

/// `e^x - 1 - x`, which is never negative.
#[cube]
pub(super) fn exponential_beyond_line<F: Float>(x: F) -> F {
    let mut beyond = x.exp() - F::new(1.0) - x;
    if x.abs() < F::new(0.1) {
        let mut term = F::new(0.5) * x * x;
        beyond = term;
        #[unroll]
        for power in 3..10u32 {
            term = term * x / F::cast_from(power);
            beyond += term;
        }
    }
    beyond
}

/// What each reserve changes by, and whether the trade pays gas and the arbitrageur's own fee.
#[cube]
pub(super) fn pays<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let mut profit = F::new(0.0);
    let mut moved = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let mut change = F::new(0.0);
        if pool.side[i] != IDLE {
            // The log and the gap nearly cancel: together first, nothing is lost.
            let mut above = pool.logs[i] - pool.numbers[RELATIVE];
            let mut on_top = F::new(0.0);
            if pool.side[i] == ENTERS {
                above = (pool.logs[i] + terms.gap) - pool.numbers[RELATIVE];
                on_top = terms.fee_on_top;
            }
            let fall = exponential_less_one::<F>(F::new(0.0) - above);
            let net = pool.reserves[i] * fall;
            change = net + net * on_top;
            // What leaves and what enters nearly cancel, but `sum w above` is zero: what is left are terms of one sign.
            let level = pool.reserves[i] * pool.prices[i] * (F::new(1.0) + on_top) * (F::new(1.0) + fall);
            profit += level * exponential_beyond_line::<F>(above);
            moved += (change * pool.prices[i]).abs();
        }
        pool.change[i] = change;
    }
    let gated = terms.gas > F::new(0.0) || terms.half_arbitrage_fee > F::new(0.0);
    !(gated && profit - terms.gas < terms.half_arbitrage_fee * moved)
}

/// What was paid in as a share of the pool's value after the trade.
#[cube]
pub(super) fn share_paid_in<F: Float>(
    reserves: &Array<F>,
    change: &Array<F>,
    prices: &Array<F>,
    side: &Array<u32>,
    #[comptime] assets: usize,
) -> F {
    let mut paid_in = F::new(0.0);
    let mut value = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        value += (reserves[i] + change[i]) * prices[i];
        if side[i] == ENTERS {
            paid_in += change[i] * prices[i];
        }
    }
    paid_in / value
}

/// One arbitrage at `pool.weights`. Returns whether it happened.
#[cube]
pub(super) fn trade<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] form: Form) -> bool {
    let assets = comptime!(form.assets);
    let mut happens = optimum::<F>(pool, terms, form);
    if happens {
        happens = pays::<F>(pool, terms, assets);
    }
    if happens {
        let mut noise = F::new(0.0);
        if terms.noise_per_fee > F::new(0.0) {
            let share = share_paid_in::<F>(&pool.reserves, &pool.change, &pool.prices, &pool.side, assets);
            noise = terms.noise_per_fee * terms.fee * share;
        }
        #[unroll]
        for i in 0..assets {
            let mut change = pool.change[i] + (pool.reserves[i] + pool.change[i]) * noise;
            if pool.side[i] == ENTERS {
                let fee = pool.change[i] * terms.protocol_share * terms.fee;
                change = less_protocol_fee::<F>(pool, i, change, fee, form);
            }
            add::<F>(pool, i, change);
        }
    }
    happens
}
