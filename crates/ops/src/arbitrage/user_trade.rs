//! A trade of somebody who is no arbitrageur, and its adjoint (spec 04 sec. 4.6).
//!
//! ```text
//! R_out <- R_out (R_in / (R_in + gamma a))^(w_in / w_out)        R_in <- R_in + a, less the protocol's share of the fee
//! ```

use super::UserTrade;
use super::terms::Terms;
use super::trade::{Cotangents, Pool};
use crate::backend::Row;

/// A user trade with the reserves before it.
#[derive(Clone, Debug)]
pub(super) struct UserLeg<R> {
    /// When it happened.
    pub visit: usize,
    trade: UserTrade,
    reserves: R,
}

impl<R: Row<f64>> Pool<R> {
    /// Does a user's trade.
    pub(super) fn swap(&mut self, visit: usize, trade: &UserTrade, weights: &R, terms: &Terms) -> UserLeg<R> {
        let leg = UserLeg { visit, trade: *trade, reserves: self.reserves.clone() };
        let UserTrade { token_in, token_out, amount_in, .. } = *trade;
        let (weights, reserves) = (weights.slice(), self.reserves.slice_mut());
        let exponent = weights[token_in] / weights[token_out];
        let grown = reserves[token_in] + terms.gamma * amount_in;
        reserves[token_out] *= (reserves[token_in] / grown).powf(exponent);
        reserves[token_in] += amount_in;
        let fee = amount_in * terms.protocol();
        if terms.defers_protocol {
            self.owed.slice_mut()[token_in] += fee;
        } else {
            reserves[token_in] -= fee;
        }
        leg
    }
}

impl<R: Row<f64>> UserLeg<R> {
    /// As [`Leg::adjoint`](super::trade::Leg::adjoint).
    pub(super) fn adjoint(&self, weights: &R, terms: &Terms, cotangents: &mut Cotangents<R>, to_weights: &mut R) {
        let UserTrade { token_in, token_out, amount_in, .. } = self.trade;
        let (before, weights, to_weights) = (self.reserves.slice(), weights.slice(), to_weights.slice_mut());
        let cotangent = cotangents.reserves.slice_mut();
        let exponent = weights[token_in] / weights[token_out];
        let grown = before[token_in] + terms.gamma * amount_in;
        let log = (before[token_in] / grown).ln();
        let left = (log * exponent).exp();
        let along = cotangent[token_out] * before[token_out] * left;
        let to_protocol = if terms.defers_protocol { cotangents.owed.slice()[token_in] } else { cotangent[token_in] };
        cotangents.fee += along * exponent * amount_in / grown - to_protocol * amount_in * terms.protocol_share;
        to_weights[token_in] += along * log / weights[token_out];
        to_weights[token_out] -= along * log * exponent / weights[token_out];
        cotangent[token_in] += along * exponent * (1.0 / before[token_in] - 1.0 / grown);
        cotangent[token_out] *= left;
    }
}
