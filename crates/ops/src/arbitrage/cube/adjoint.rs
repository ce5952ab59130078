//! Adjoint of a trade.

use cubecl::prelude::*;

use super::pool::{ENTERS, IDLE, Pool, RELATIVE, TOTAL_WEIGHT};
use super::terms::Terms;
use super::trade::share_paid_in;

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
    let inverse = one / terms.gamma;
    let mut along = F::new(0.0);
    let mut entering = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let cotangent = cotangents.reserves[i];
        if pool.side[i] != IDLE {
            along += cotangent * pool.reserves[i] * (pool.numbers[RELATIVE] - pool.logs[i]).exp();
        }
        if pool.side[i] == ENTERS {
            entering += pool.weights[i];
            fee -= cotangent * pool.reserves[i] * inverse * inverse;
        }
    }
    let share = along / pool.numbers[TOTAL_WEIGHT];
    cotangents.fee[0] = fee + share * entering * inverse;
    #[unroll]
    for i in 0..assets {
        let cotangent = cotangents.reserves[i];
        if pool.side[i] == IDLE {
            cotangents.reserves[i] = cotangent + cotangents.direct[i];
        } else {
            let mut above = pool.logs[i] - pool.numbers[RELATIVE];
            let level = pool.reserves[i] * (pool.numbers[RELATIVE] - pool.logs[i]).exp();
            let mut kept = F::new(0.0);
            if pool.side[i] == ENTERS {
                above += terms.gap;
                kept = cotangent * (one - inverse);
            }
            cotangents.weights[i] = cotangents.weights[i] + share * (above - one) + cotangent * level / pool.weights[i];
            cotangents.reserves[i] = share * pool.weights[i] / pool.reserves[i] + kept + cotangents.direct[i];
        }
    }
}
