//! Prices as the runner reads them (spec 13.7).

use crate::error::{Panic, Require, Revert};
use crate::fixed_point::ONE;
use crate::{Int256, Uint256};

/// Decimals of a price.
const DECIMALS: u32 = 18;
/// Bits of a price with its sign.
const PRICE_BITS: usize = 216;

/// What an oracle answers: a price with 18 decimals, and the time it is of, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Price, 18 decimals.
    pub price: Int256,
    /// Time of the price, in seconds.
    pub time: u64,
}

/// One of an asset's oracles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oracle {
    /// Whether the runner still approves it.
    pub approved: bool,
    /// Its answer; an oracle that reverts counts as stale.
    pub quote: Result<Quote, Revert>,
}

/// The price of the first oracle of each asset that is fresh: newer than `now - staleness`, in seconds.
///
/// # Errors
/// [`Require::OracleNotApproved`] when one was removed, [`Require::NoFreshOracle`] when all of an asset are stale.
pub fn prices(assets: &[Vec<Oracle>], now: u64, staleness: u64) -> Result<Vec<Int256>, Revert> {
    assets.iter().map(|oracles| first_fresh(oracles, now, staleness)).collect()
}

fn first_fresh(oracles: &[Oracle], now: u64, staleness: u64) -> Result<Int256, Revert> {
    for oracle in oracles {
        if !oracle.approved {
            return Err(Require::OracleNotApproved.into());
        }
        if let Ok(quote) = &oracle.quote
            && i128::from(quote.time) > i128::from(now) - i128::from(staleness)
        {
            return Ok(quote.price);
        }
    }
    Err(Require::NoFreshOracle.into())
}

/// A value, if it fits the 216 bits of an oracle's price.
fn within_216_bits(value: Int256) -> Result<Int256, Revert> {
    let magnitude = if value.is_negative() { value.magnitude() - Uint256::from(1_u8) } else { value.magnitude() };
    if magnitude.bit_len() < PRICE_BITS { Ok(value) } else { Err(Panic::Arithmetic.into()) }
}

/// A price feed's answer with its own number of decimals, at most 18.
///
/// # Errors
/// [`Require::InvalidOracleData`] for zero or less; [`Panic::Arithmetic`] for more decimals or a price above 216 bits.
pub fn feed_price(answer: Int256, decimals: u32) -> Result<Int256, Revert> {
    if !answer.is_positive() {
        return Err(Require::InvalidOracleData.into());
    }
    let missing = DECIMALS.checked_sub(decimals).ok_or(Panic::Arithmetic)?;
    within_216_bits(answer.checked_mul(Int256::new(10_i128.pow(missing)))?)
}

/// One hop of a price that is quoted through others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The hop's own price.
    pub quote: Quote,
    /// Whether its reciprocal is meant.
    pub inverted: bool,
}

/// The price along several hops, each cut toward zero, as old as the oldest.
///
/// # Errors
/// [`Panic::IndexOutOfBounds`] without hops, [`Panic::DivisionByZero`] for an inverted price of zero, overflows.
pub fn multi_hop(hops: &[Hop]) -> Result<Quote, Revert> {
    let (first, rest) = hops.split_first().ok_or(Panic::IndexOutOfBounds)?;
    let square = ONE.checked_mul(ONE)?;
    let mut price = if first.inverted { square.checked_div(first.quote.price)? } else { first.quote.price };
    for hop in rest {
        let (factor, divisor) = if hop.inverted { (ONE, hop.quote.price) } else { (hop.quote.price, ONE) };
        price = within_216_bits(price.checked_mul(factor)?)?.checked_div(divisor)?;
    }
    let time = hops.iter().map(|hop| hop.quote.time).min().unwrap_or(first.quote.time);
    Ok(Quote { price, time })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn quote(price: i128, time: u64) -> Quote {
        Quote { price: Int256::new(price), time }
    }

    fn oracle(quote: Quote) -> Oracle {
        Oracle { approved: true, quote: Ok(quote) }
    }

    #[test]
    fn the_first_fresh_oracle_wins() {
        let reverting = Oracle { approved: true, quote: Err(Panic::Arithmetic.into()) };
        let list = vec![oracle(quote(1, 40)), reverting, oracle(quote(2, 41)), oracle(quote(3, 100))];
        assert_eq!(prices(std::slice::from_ref(&list), 100, 60), Ok(vec![Int256::new(2)]));
        assert_eq!(prices(&[list[..2].to_vec()], 100, 60), Err(Require::NoFreshOracle.into()));
        let removed = Oracle { approved: false, ..oracle(quote(1, 100)) };
        assert_eq!(prices(&[vec![removed]], 100, 60), Err(Require::OracleNotApproved.into()));
    }

    #[test]
    fn a_price_through_dollars_multiplies_and_divides() {
        let one = 1_000_000_000_000_000_000;
        let dollars = Hop { quote: quote(3 * one, 7), inverted: false };
        let inverted = Hop { quote: quote(2 * one, 5), inverted: true };
        assert_eq!(multi_hop(&[dollars, inverted]), Ok(quote(one / 2 * 3, 5)));
        assert_eq!(multi_hop(&[inverted, dollars]), Ok(quote(one / 2 * 3, 5)));
        assert_eq!(feed_price(Int256::new(12_345), 3).unwrap(), Int256::new(12_345 * (one / 1000)));
        assert_eq!(feed_price(Int256::ZERO, 8), Err(Require::InvalidOracleData.into()));
        let large = Int256::from_bits(Uint256::from(1_u8) << (PRICE_BITS - 1));
        assert_eq!(feed_price(large, 18), Err(Panic::Arithmetic.into()));
        assert_eq!(within_216_bits(large.checked_neg().unwrap()), large.checked_neg());
    }
}
