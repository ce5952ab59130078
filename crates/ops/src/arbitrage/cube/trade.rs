//! One arbitrage.

use cubecl::prelude::*;

use super::pool::{ENTERS, IDLE, LEAVES, Pool, RELATIVE, TOTAL_WEIGHT, add};
use super::terms::Terms;
use crate::growth::cube_log_ratio as log_ratio;

/// `e^x - 1`.
#[cube]
fn exponential_less_one<F: Float>(x: F) -> F {
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

/// Level and weight of the trade of the tokens that take part.
#[cube]
fn settle_level<F: Float>(pool: &mut Pool<F>, gap: F, #[comptime] assets: usize) {
    let mut sum = F::new(0.0);
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] != IDLE {
            let mut log = pool.logs[i];
            if pool.side[i] == ENTERS {
                log += gap;
            }
            sum += pool.weights[i] * log;
            total += pool.weights[i];
        }
    }
    pool.numbers[TOTAL_WEIGHT] = total;
    pool.numbers[RELATIVE] = sum / total;
}

/// Finds the trade that pays most. Returns whether the pool is outside the band in which none pays.
#[cube]
pub(super) fn optimum<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    #[unroll]
    for i in 0..assets {
        pool.quotients[i] = pool.reserves[i] * pool.prices[i] / pool.weights[i];
        pool.side[i] = IDLE;
    }
    let mut highest = pool.quotients[0];
    let mut lowest = pool.quotients[0];
    let mut first = 0u32;
    let mut last = 0u32;
    #[unroll]
    for i in 1..assets {
        if pool.quotients[i] > highest {
            highest = pool.quotients[i];
            first = comptime!(i as u32);
        }
        if pool.quotients[i] <= lowest {
            lowest = pool.quotients[i];
            last = comptime!(i as u32);
        }
    }
    let outside = !(terms.gap > F::new(0.0) && highest * terms.gamma <= lowest);
    #[unroll]
    for i in 0..assets {
        pool.logs[i] = log_ratio::<F>(highest, pool.quotients[i] - highest);
        if first == comptime!(i as u32) {
            pool.side[i] = LEAVES;
        } else if last == comptime!(i as u32) {
            pool.side[i] = ENTERS;
        } else if terms.gap <= F::new(0.0) {
            // Where nothing is charged all tokens trade.
            pool.side[i] = ENTERS;
        }
    }
    settle_level::<F>(pool, terms.gap, assets);
    for _ in 2..comptime!(assets.max(2)) as u32 {
        let mut next = u32::MAX.runtime();
        let mut side = LEAVES.runtime();
        let mut best = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            let better = next == u32::MAX || pool.logs[i] > best;
            if pool.side[i] == IDLE && pool.logs[i] >= pool.numbers[RELATIVE] && better {
                next = comptime!(i as u32);
                best = pool.logs[i];
            }
        }
        if next == u32::MAX {
            side = ENTERS.runtime();
            #[unroll]
            for i in 0..assets {
                let better = next == u32::MAX || pool.logs[i] < best;
                if pool.side[i] == IDLE && pool.logs[i] + terms.gap < pool.numbers[RELATIVE] && better {
                    next = comptime!(i as u32);
                    best = pool.logs[i];
                }
            }
        }
        if next != u32::MAX {
            #[unroll]
            for i in 0..assets {
                if next == comptime!(i as u32) {
                    pool.side[i] = side;
                }
            }
            settle_level::<F>(pool, terms.gap, assets);
        }
    }
    outside
}

/// What each reserve changes by, and whether the trade pays gas and the arbitrageur's own fee.
#[cube]
pub(super) fn pays<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let mut profit = F::new(0.0);
    let mut moved = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let by = pool.numbers[RELATIVE] - pool.logs[i];
        let mut change = F::new(0.0);
        if pool.side[i] == LEAVES {
            change = pool.reserves[i] * exponential_less_one::<F>(by);
        } else if pool.side[i] == ENTERS {
            change = pool.reserves[i] / terms.gamma * exponential_less_one::<F>(by - terms.gap);
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
pub(super) fn trade<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let outside = optimum::<F>(pool, terms, assets);
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
