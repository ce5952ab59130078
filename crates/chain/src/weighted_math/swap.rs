use crate::error::{Custom, Panic, Revert};
use crate::{Int256, Uint256};

use super::{Rounding, in_given_out, multiply, out_given_in};

/// Which amount of a swap is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapKind {
    /// The amount that enters.
    ExactIn,
    /// The amount that leaves.
    ExactOut,
}

/// A swap without fee; amounts and balances in token units with 18 decimals.
#[derive(Clone, Debug)]
pub struct Swap<'a> {
    /// Which amount is given.
    pub kind: SwapKind,
    /// The given amount.
    pub amount: Uint256,
    /// The pool's balances.
    pub balances: &'a [Uint256],
    /// The pool's weights at the time of the swap.
    pub weights: &'a [Int256],
    /// Asset that enters.
    pub index_in: usize,
    /// Asset that leaves.
    pub index_out: usize,
    /// Share of a balance that one trade may move, 18 decimals.
    pub maximum_trade_size_ratio: u64,
}

impl Swap<'_> {
    /// The other amount.
    ///
    /// # Errors
    /// [`Custom::MaximumTradeSizeRatioExceeded`] where either amount is above its share of its balance,
    /// [`Panic::IndexOutOfBounds`] for an unknown asset, and those of the weighted math.
    pub fn amount_calculated(&self) -> Result<Uint256, Revert> {
        let balance = |asset: usize| self.balances.get(asset).copied().ok_or(Panic::IndexOutOfBounds);
        let weight =
            |asset: usize| self.weights.get(asset).map(|weight| weight.to_bits()).ok_or(Panic::IndexOutOfBounds);
        let (balance_in, balance_out) = (balance(self.index_in)?, balance(self.index_out)?);
        let (weight_in, weight_out) = (weight(self.index_in)?, weight(self.index_out)?);
        let within = |amount: Uint256, balance: Uint256| {
            let largest = multiply(balance, Uint256::from(self.maximum_trade_size_ratio), Rounding::Down)?;
            if amount > largest { Err(Revert::from(Custom::MaximumTradeSizeRatioExceeded)) } else { Ok(amount) }
        };
        match self.kind {
            SwapKind::ExactIn => {
                let amount = within(self.amount, balance_in)?;
                within(out_given_in(balance_in, weight_in, balance_out, weight_out, amount)?, balance_out)
            }
            SwapKind::ExactOut => {
                let amount = within(self.amount, balance_out)?;
                within(in_given_out(balance_in, weight_in, balance_out, weight_out, amount)?, balance_in)
            }
        }
    }
}
