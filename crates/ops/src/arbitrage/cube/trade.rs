//! One arbitrage.

use cubecl::prelude::*;

use super::call::Form;
use super::optimum::optimum;
use super::pool::{ENTERS, LEAVES, Pool, RELATIVE, add};
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

/// What each reserve changes by, and whether the trade pays gas and the arbitrageur's own fee.
#[cube]
pub(super) fn pays<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let mut profit = F::new(0.0);
    let mut moved = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let mut change = F::new(0.0);
        if pool.side[i] == LEAVES {
            change = pool.reserves[i] * exponential_less_one::<F>(pool.numbers[RELATIVE] - pool.logs[i]);
        } else if pool.side[i] == ENTERS {
            // The log and the gap nearly cancel: together first, nothing is lost.
            let by = pool.numbers[RELATIVE] - (pool.logs[i] + terms.gap);
            let net = pool.reserves[i] * exponential_less_one::<F>(by);
            change = net + net * terms.fee_on_top;
        }
        pool.change[i] = change;
        let paid = change * pool.prices[i];
        profit -= paid;
        moved += paid.abs();
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
    let outside = optimum::<F>(pool, terms, form);
    let happens = pays::<F>(pool, terms, assets) && outside;
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
                change -= pool.change[i] * terms.protocol_share * terms.fee;
            }
            add::<F>(pool, i, change);
        }
    }
    happens
}
