//! Finds the trade that pays most.

use cubecl::prelude::*;

use super::call::Form;
use super::pool::{ENTERS, IDLE, LEAVES, Pool, RELATIVE, TOTAL_WEIGHT};
use super::terms::Terms;
use super::trade::exponential_beyond_line;
use crate::growth::cube_log_ratio as log_ratio;

/// How far inside the band the lowest token must be for rounding not to matter.
const SURELY_INSIDE: f32 = 1.0 + 1e-5;

/// Finds the trade that pays most, if any can. Returns whether the pool is outside the band in which none pays.
#[cube]
pub(super) fn optimum<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] form: Form) -> bool {
    let assets = comptime!(form.assets);
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
    let mut outside = false;
    // So far inside the band no logarithm is needed to say so.
    let surely_inside = lowest > highest * terms.gamma * F::new(SURELY_INSIDE);
    if !surely_inside {
        let mut lowest_log = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            pool.logs[i] = log_ratio::<F>(highest, pool.quotients[i] - highest);
            lowest_log = lowest_log.min(pool.logs[i]);
        }
        // By the logarithms that decide how much is traded, so that rounding never trades the other way.
        outside = !(terms.gap > F::new(0.0) && lowest_log + terms.gap >= F::new(0.0));
        if comptime!(form.pairs_only) {
            // Where nothing is charged all tokens trade at once.
            if terms.gap > F::new(0.0) {
                best_pair::<F>(pool, terms, assets);
            } else {
                fill_water::<F>(pool, terms.gap, first, last, assets);
            }
        } else {
            fill_water::<F>(pool, terms.gap, first, last, assets);
        }
    }
    outside
}

/// The optimum over all tokens: the sets grow from the highest and the lowest token, one token at a time.
#[cube]
fn fill_water<F: Float>(pool: &mut Pool<F>, gap: F, first: u32, last: u32, #[comptime] assets: usize) {
    #[unroll]
    for i in 0..assets {
        if first == comptime!(i as u32) {
            pool.side[i] = LEAVES;
        } else if last == comptime!(i as u32) {
            pool.side[i] = ENTERS;
        } else if gap <= F::new(0.0) {
            // Where nothing is charged all tokens trade.
            pool.side[i] = ENTERS;
        }
    }
    settle_level::<F>(pool, gap, assets);
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
                if pool.side[i] == IDLE && pool.logs[i] + gap < pool.numbers[RELATIVE] && better {
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
            settle_level::<F>(pool, gap, assets);
        }
    }
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

/// The best trade of one token for one other (spec 04 sec. 4.3); an empty one if no pair is further apart than the fee.
#[cube]
fn best_pair<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) {
    let mut best_profit = F::new(0.0);
    let mut best_out = u32::MAX.runtime();
    let mut best_into = u32::MAX.runtime();
    pool.numbers[RELATIVE] = F::new(0.0);
    pool.numbers[TOTAL_WEIGHT] = F::new(1.0);
    for out in 0..comptime!(assets as u32) {
        // Picked with constant indices, so that arrays stay in registers.
        let mut value = F::new(0.0);
        let mut weight = F::new(0.0);
        let mut log = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            if out == comptime!(i as u32) {
                value = pool.reserves[i] * pool.prices[i];
                weight = pool.weights[i];
                log = pool.logs[i];
            }
        }
        #[unroll]
        for into in 0..assets {
            if out != comptime!(into as u32) && log - pool.logs[into] > terms.gap {
                let total_weight = weight + pool.weights[into];
                let entering = pool.logs[into] + terms.gap;
                let relative = (weight * log + pool.weights[into] * entering) / total_weight;
                // As in `pays`.
                let level = value / weight * (relative - log).exp();
                let profit = level
                    * (weight * exponential_beyond_line::<F>(log - relative)
                        + pool.weights[into] * exponential_beyond_line::<F>(entering - relative));
                if best_out == u32::MAX || profit > best_profit {
                    best_profit = profit;
                    best_out = out;
                    best_into = comptime!(into as u32);
                    pool.numbers[RELATIVE] = relative;
                    pool.numbers[TOTAL_WEIGHT] = total_weight;
                }
            }
        }
    }
    #[unroll]
    for i in 0..assets {
        if best_out == comptime!(i as u32) {
            pool.side[i] = LEAVES;
        } else if best_into == comptime!(i as u32) {
            pool.side[i] = ENTERS;
        }
    }
}
