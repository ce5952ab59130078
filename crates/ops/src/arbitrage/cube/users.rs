//! Users' trades, and their adjoint: [`user_trade`](crate::arbitrage::user_trade) on the host.

use cubecl::prelude::*;

use super::adjoint::{Cotangents, raise, to_protocol};
use super::call::Call;
use super::pool::{ONE, Pool, add, less_protocol_fee};
use super::trade::exponential_less_one;
use super::visit::Visit;
use crate::growth::cube_log_ratio as log_ratio;

/// The trades of users since the visit before, by their numbers.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Since {
    pub first: u32,
    pub end: u32,
}

#[cube]
pub(super) fn trades_since<F: Float>(call: &Call<F>, visit: &Visit<F>) -> Since {
    let index = &call.users.as_ref().unwrap().index;
    Since { first: index[visit.first_row as usize], end: index[visit.row as usize + 1] }
}

/// A trade, and what it meets in the pool.
#[derive(CubeType, Clone, Copy)]
struct Swap<F: Float> {
    token_in: u32,
    token_out: u32,
    amount: F,
    /// What is left of the amount after the fee.
    net: F,
    held_in: F,
    held_out: F,
    weight_out: F,
    /// `w_in / w_out`.
    exponent: F,
    /// `ln((R_in + gamma a) / R_in)`.
    log: F,
}

#[cube]
fn swap_of<F: Float>(call: &Call<F>, pool: &mut Pool<F>, gamma: F, number: u32) -> Swap<F> {
    let users = call.users.as_ref().unwrap();
    let place = (call.sizes.table_rows + 1 + 2 * number) as usize;
    let (token_in, token_out) = (users.index[place], users.index[place + 1]);
    let amount = users.amounts[number as usize];
    // Picked with constant indices, so that arrays stay in registers.
    let mut held_in = F::new(1.0);
    let mut held_out = F::new(1.0);
    let mut weight_in = F::new(1.0);
    let mut weight_out = F::new(1.0);
    #[unroll]
    for i in 0..comptime!(call.form.assets) {
        if token_in == comptime!(i as u32) {
            held_in = pool.reserves[i];
            weight_in = pool.weights[i];
        }
        if token_out == comptime!(i as u32) {
            held_out = pool.reserves[i];
            weight_out = pool.weights[i];
        }
    }
    let net = gamma * amount;
    Swap::<F> {
        token_in,
        token_out,
        amount,
        net,
        held_in,
        held_out,
        weight_out,
        exponent: weight_in / weight_out,
        log: log_ratio::<F>(held_in, net),
    }
}

/// Does the trades with these numbers, at `pool.weights`.
#[cube]
pub(super) fn swap<F: Float>(call: &Call<F>, pool: &mut Pool<F>, visit: &Visit<F>, first: u32, end: u32) {
    let form = comptime!(call.form);
    for number in first..end {
        let swap = swap_of::<F>(call, pool, visit.terms.gamma, number);
        let out = swap.held_out * exponential_less_one::<F>(F::new(0.0) - swap.exponent * swap.log);
        let fee = swap.amount * visit.terms.protocol_share * visit.terms.fee;
        #[unroll]
        for i in 0..comptime!(form.assets) {
            if swap.token_in == comptime!(i as u32) {
                let change = less_protocol_fee::<F>(pool, i, swap.amount, fee, form);
                add::<F>(pool, i, change);
            } else if swap.token_out == comptime!(i as u32) {
                add::<F>(pool, i, out);
            }
        }
    }
}

/// Adjoint of a trade, from the pool as it was before it.
#[cube]
pub(super) fn swap_backward<F: Float>(
    call: &Call<F>,
    pool: &mut Pool<F>,
    cotangents: &mut Cotangents<F>,
    visit: &Visit<F>,
    number: u32,
) {
    let form = comptime!(call.form);
    let swap = swap_of::<F>(call, pool, visit.terms.gamma, number);
    // What is left of the token taken out, less one.
    let taken = exponential_less_one::<F>(F::new(0.0) - swap.exponent * swap.log);
    let mut along = F::new(0.0);
    let mut to_fee = F::new(0.0);
    #[unroll]
    for i in 0..comptime!(form.assets) {
        if swap.token_out == comptime!(i as u32) {
            along = cotangents.worth[i] * pool.prices[i] * (swap.held_out + swap.held_out * taken);
        }
        if swap.token_in == comptime!(i as u32) {
            let to_protocol = to_protocol::<F>(cotangents, i, form) * pool.prices[i];
            to_fee = F::new(0.0) - to_protocol * swap.amount * visit.terms.protocol_share;
        }
    }
    let grown = swap.held_in + swap.net;
    cotangents.fee[0] = cotangents.fee[0] + to_fee + along * swap.exponent * swap.amount / grown;
    let to_weight = along * swap.log / swap.weight_out;
    #[unroll]
    for i in 0..comptime!(form.assets) {
        if swap.token_in == comptime!(i as u32) {
            let through = along * swap.exponent * (swap.net / swap.held_in / grown);
            cotangents.weights[i] = cotangents.weights[i] - to_weight;
            raise::<F>(cotangents, i, through / pool.prices[i], pool.numbers[ONE]);
        } else if swap.token_out == comptime!(i as u32) {
            cotangents.weights[i] = cotangents.weights[i] + to_weight * swap.exponent;
            let change = cotangents.worth[i] * taken;
            raise::<F>(cotangents, i, change, pool.numbers[ONE]);
        }
    }
}
