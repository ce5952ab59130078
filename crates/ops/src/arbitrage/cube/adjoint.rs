//! Adjoint of a trade.

use cubecl::prelude::*;

use super::call::Form;
use super::pool::{ENTERS, IDLE, LEAVES, ONE, Pool, RELATIVE, TOTAL_WEIGHT, add_to_sum};
use super::terms::Terms;
use super::trade::{exponential_less_one, share_paid_in};

/// Gradients on their way back.
#[derive(CubeType)]
pub(super) struct Cotangents<F: Float> {
    /// By what each reserve is worth: by the reserve, divided by the price of the visit. Of a pool that trades these are nearly
    /// the same for all tokens, and only what they differ by matters to its weights.
    pub worth: Array<F>,
    /// What they have lost to rounding.
    pub low: Array<F>,
    pub weights: Array<F>,
    pub direct: Array<F>,
    pub fee: Array<F>,
    /// By the worth of the reserves at the end of the row, from which protocol fees may be taken.
    pub owed: Array<F>,
}

#[cube]
pub(super) fn cotangents<F: Float>(#[comptime] assets: usize) -> Cotangents<F> {
    let mut worth = Array::<F>::new(assets);
    let mut low = Array::<F>::new(assets);
    #[unroll]
    for i in 0..assets {
        worth[i] = F::new(0.0);
        low[i] = F::new(0.0);
    }
    Cotangents::<F> {
        worth,
        low,
        weights: Array::<F>::new(assets),
        direct: Array::<F>::new(assets),
        fee: Array::<F>::new(1usize),
        owed: Array::<F>::new(assets),
    }
}

/// Adds to the gradient by the worth of a reserve.
#[cube]
pub(super) fn raise<F: Float>(cotangents: &mut Cotangents<F>, asset: usize, change: F, one: F) {
    add_to_sum::<F>(&mut cotangents.worth, &mut cotangents.low, asset, change, one);
}

/// The gradient by worth that meets what the protocol takes.
#[cube]
pub(super) fn to_protocol<F: Float>(cotangents: &mut Cotangents<F>, asset: usize, #[comptime] form: Form) -> F {
    let mut to_protocol = cotangents.worth[asset];
    if comptime!(form.defers_protocol) {
        to_protocol = cotangents.owed[asset];
    }
    to_protocol
}

/// Adjoint of a trade that happened, from the pool as it was before it.
#[cube]
pub(super) fn trade_backward<F: Float>(
    pool: &mut Pool<F>,
    terms: &Terms<F>,
    cotangents: &mut Cotangents<F>,
    #[comptime] form: Form,
) {
    let assets = comptime!(form.assets);
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
            let worth = (pool.reserves[i] + pool.change[i]) * pool.prices[i];
            value += worth;
            along += cotangents.worth[i] * worth;
        }
        let noise = terms.noise_per_fee * terms.fee;
        let slope = along * noise / value;
        fee += along * share * terms.noise_per_fee;
        #[unroll]
        for i in 0..assets {
            let mut change = (cotangents.worth[i] * noise - slope) * share;
            if pool.side[i] == ENTERS {
                let to_protocol = to_protocol::<F>(cotangents, i, form);
                fee -= to_protocol * pool.prices[i] * pool.change[i] * terms.protocol_share;
                let entered = slope - to_protocol * terms.protocol_share * terms.fee;
                change += entered;
                cotangents.direct[i] = F::new(0.0) - entered;
            }
            raise::<F>(cotangents, i, change, pool.numbers[ONE]);
        }
    }
    // `S_i p_i / w_i` is `X` for every token that trades, so that all sums are `X` times a mean of gradients by worth, and what
    // is left of them is small: differences are taken before anything is rounded at the size of the terms.
    let mut anchor = F::new(0.0);
    let mut anchor_low = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] == LEAVES {
            anchor = cotangents.worth[i];
            anchor_low = cotangents.low[i];
        }
    }
    let mut distance = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] != IDLE {
            distance += pool.weights[i] * ((cotangents.worth[i] - anchor) + (cotangents.low[i] - anchor_low));
        }
    }
    distance /= pool.numbers[TOTAL_WEIGHT];
    let mean = anchor + distance;
    #[unroll]
    for i in 0..assets {
        let mut change = cotangents.direct[i];
        if pool.side[i] != IDLE {
            let worth = cotangents.worth[i];
            let below_mean = (anchor - worth) + (anchor_low - cotangents.low[i]) + distance;
            let mut above = pool.logs[i] - pool.numbers[RELATIVE];
            let mut on_top = F::new(0.0);
            if pool.side[i] == ENTERS {
                above = (pool.logs[i] + terms.gap) - pool.numbers[RELATIVE];
                on_top = terms.fee_on_top;
            }
            let fall = exponential_less_one::<F>(F::new(0.0) - above);
            let moved = below_mean + mean * fall;
            change += moved + moved * on_top;
            let level = pool.reserves[i] * pool.prices[i] / pool.weights[i] * (one + on_top) * (one + fall);
            cotangents.weights[i] = cotangents.weights[i] + level * (mean * above - below_mean);
            if pool.side[i] == ENTERS {
                let rise = exponential_less_one::<F>(above);
                fee += pool.weights[i] * level * (one + on_top) * (below_mean - worth * rise);
            }
        }
        raise::<F>(cotangents, i, change, pool.numbers[ONE]);
    }
    cotangents.fee[0] = fee;
}
