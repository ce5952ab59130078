//! What trading costs at one visit.

use cubecl::prelude::*;

use super::call::{Call, Sizes};
use crate::growth::cube_log_ratio as log_ratio;

/// As [`Terms`](crate::arbitrage::terms::Terms) on the host.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Terms<F: Float> {
    pub gas: F,
    pub half_arbitrage_fee: F,
    pub noise_per_fee: F,
    pub protocol_share: F,
    pub fee: F,
    pub gamma: F,
    /// `1 / gamma - 1`, which a difference from one would round to that of one.
    pub fee_on_top: F,
    pub gap: F,
}

#[cube]
pub(super) fn terms_at<F: Float>(call: &Call<F>, entry: usize, visit: u32) -> Terms<F> {
    let fee = call.fees[fee_index(entry, visit, &call.sizes)];
    Terms::<F> {
        gas: call.costs[0],
        half_arbitrage_fee: call.costs[1],
        noise_per_fee: call.costs[2],
        protocol_share: call.costs[3],
        fee,
        gamma: F::new(1.0) - fee,
        fee_on_top: fee / (F::new(1.0) - fee),
        gap: F::new(0.0) - log_ratio::<F>(F::new(1.0), F::new(0.0) - fee),
    }
}

/// Where the fee of a visit stands among all.
#[cube]
pub(super) fn fee_index(entry: usize, visit: u32, sizes: &Sizes) -> usize {
    entry * sizes.fees as usize + min(visit * sizes.stride / sizes.fee_rows, sizes.fees - 1) as usize
}
