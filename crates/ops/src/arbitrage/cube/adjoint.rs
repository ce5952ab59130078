//! Adjoint of a trade.

use cubecl::prelude::*;

use super::pool::{ENTERS, IDLE, LEAVES, Pool, RELATIVE, TOTAL_WEIGHT};
use super::terms::Terms;
use super::trade::{exponential_less_one, share_paid_in};

/// Gradients on their way back.
#[derive(CubeType)]
pub(super) struct Cotangents<F: Float> {
    pub reserves: Array<F>,
    pub weights: Array<F>,
    pub direct: Array<F>,
    pub fee: Array<F>,
}

#[cube]
pub(super) fn cotangents<F: Float>(#[comptime] assets: usize) -> Cotangents<F> {
    let mut reserves = Array::<F>::new(assets);
    #[unroll]
    for i in 0..assets {
        reserves[i] = F::new(0.0);
    }
    Cotangents::<F> {
        reserves,
        weights: Array::<F>::new(assets),
        direct: Array::<F>::new(assets),
        fee: Array::<F>::new(1usize),
    }
}

/// Adjoint of a trade that happened, from the pool as it was before it.
#[cube]
pub(super) fn trade_backward<F: Float>(
    pool: &mut Pool<F>,
    terms: &Terms<F>,
    cotangents: &mut Cotangents<F>,
    #[comptime] assets: usize,
) {
    let one = F::new(1.0);
    let mut fee = cotangents.fee[0];
    #[unroll]
    for i in 0..assets {
        cotangents.direct[i] = F::new(0.0);
    }
    if terms.noise_per_fee > F::new(0.0) || terms.protocol_share > F::new(0.0) {
        let share = share_paid_in::<F>(&pool.reserves, &pool.change, &pool.prices, &pool.side, assets);
        let mut value = F::new(0.0);
        let mut along = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            let after = pool.reserves[i] + pool.change[i];
            value += after * pool.prices[i];
            along += cotangents.reserves[i] * after;
        }
        let noise = terms.noise_per_fee * terms.fee;
        let slope = along * noise / value;
        fee += along * share * terms.noise_per_fee;
        #[unroll]
        for i in 0..assets {
            let cotangent = cotangents.reserves[i];
            let mut through = cotangent * (one + noise * share) - slope * share * pool.prices[i];
            if pool.side[i] == ENTERS {
                fee -= cotangent * pool.change[i] * terms.protocol_share;
                let entered = slope * pool.prices[i] - cotangent * terms.protocol_share * terms.fee;
                through += entered;
                cotangents.direct[i] = F::new(0.0) - entered;
            }
            cotangents.reserves[i] = through;
        }
    }
    // `S_i p_i / w_i` is `X` for every token that trades. So all sums are `X` times means of `cotangent / price`, and what is
    // left of them is small: differences are taken before anything is rounded at the size of the terms.
    let mut anchor = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] == LEAVES {
            anchor = cotangents.reserves[i] / pool.prices[i];
        }
    }
    let mut distance = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] != IDLE {
            distance += pool.weights[i] * (cotangents.reserves[i] / pool.prices[i] - anchor);
        }
    }
    distance /= pool.numbers[TOTAL_WEIGHT];
    let mean = anchor + distance;
    #[unroll]
    for i in 0..assets {
        let cotangent = cotangents.reserves[i];
        let mut before = cotangent;
        if pool.side[i] != IDLE {
            let price = pool.prices[i];
            let ratio = cotangent / price;
            let below_mean = (anchor - ratio) + distance;
            let mut above = pool.logs[i] - pool.numbers[RELATIVE];
            let mut on_top = F::new(0.0);
            if pool.side[i] == ENTERS {
                above = (pool.logs[i] + terms.gap) - pool.numbers[RELATIVE];
                on_top = terms.fee_on_top;
            }
            let fall = exponential_less_one::<F>(F::new(0.0) - above);
            let moved = price * (below_mean + mean * fall);
            before = cotangent + (moved + moved * on_top);
            let level = pool.reserves[i] * price / pool.weights[i] * (one + on_top) * (one + fall);
            cotangents.weights[i] = cotangents.weights[i] + level * (mean * above - below_mean);
            if pool.side[i] == ENTERS {
                let rise = exponential_less_one::<F>(above);
                fee += pool.weights[i] * level * (one + on_top) * (below_mean - ratio * rise);
            }
        }
        cotangents.reserves[i] = before + cotangents.direct[i];
    }
    cotangents.fee[0] = fee;
}
