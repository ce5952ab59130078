//! Balancer weighted math, as the pool swaps (spec 13.8b). Unsigned, 18 decimals.

mod log_exp;
mod swap;

pub use swap::{Swap, SwapKind};

use crate::error::{Custom, Panic, Revert};
use crate::fixed_point::SCALE;
use crate::{Int256, Uint256};

const UNIT: Uint256 = Uint256::from_limbs([SCALE as u64, 0, 0, 0]);
/// Share of a balance, in hundredths, that one trade may move.
const MAXIMUM_RATIO: Uint256 = Uint256::from_limbs([SCALE as u64 / 10 * 3, 0, 0, 0]);
/// One in this many is added to (or taken from) a power, against its error.
const POWER_ERROR: Uint256 = Uint256::from_limbs([10_000, 0, 0, 0]);

/// Which way a result is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Up.
    Up,
    /// Down.
    Down,
}

fn divide_raw(numerator: Uint256, denominator: Uint256, rounding: Rounding) -> Uint256 {
    match rounding {
        Rounding::Down => numerator / denominator,
        Rounding::Up => numerator.div_ceil(denominator),
    }
}

/// `a * b`.
///
/// # Errors
/// [`Panic::Arithmetic`] when the product leaves 256 bits before scaling.
pub fn multiply(a: Uint256, b: Uint256, rounding: Rounding) -> Result<Uint256, Revert> {
    Ok(divide_raw(a.checked_mul(b).ok_or(Panic::Arithmetic)?, UNIT, rounding))
}

/// `a / b`.
///
/// # Errors
/// [`Panic::Arithmetic`] when the scaled numerator leaves 256 bits; by zero [`Panic::DivisionByZero`] rounding down,
/// [`Custom::ZeroDivision`] rounding up.
pub fn divide(a: Uint256, b: Uint256, rounding: Rounding) -> Result<Uint256, Revert> {
    if b.is_zero() {
        return Err(match rounding {
            Rounding::Down => Panic::DivisionByZero.into(),
            Rounding::Up => Custom::ZeroDivision.into(),
        });
    }
    Ok(divide_raw(a.checked_mul(UNIT).ok_or(Panic::Arithmetic)?, b, rounding))
}

/// `x^y`, widened by its possible error; exact for exponents one, two and four.
///
/// # Errors
/// A base or exponent outside its bounds, overflows.
pub fn power(x: Uint256, y: Uint256, rounding: Rounding) -> Result<Uint256, Revert> {
    if y == UNIT {
        return Ok(x);
    }
    if y == UNIT * Uint256::from(2_u8) {
        return multiply(x, x, rounding);
    }
    if y == UNIT * Uint256::from(4_u8) {
        let square = multiply(x, x, rounding)?;
        return multiply(square, square, rounding);
    }
    let raw = log_exp::power(x, y)?;
    let error = multiply(raw, POWER_ERROR, Rounding::Up)?.checked_add(Uint256::from(1_u8)).ok_or(Panic::Arithmetic)?;
    match rounding {
        Rounding::Up => raw.checked_add(error).ok_or_else(|| Panic::Arithmetic.into()),
        Rounding::Down => Ok(raw.saturating_sub(error)),
    }
}

fn difference(a: Uint256, b: Uint256) -> Result<Uint256, Revert> {
    a.checked_sub(b).ok_or_else(|| Panic::Arithmetic.into())
}

/// Amount that leaves for an amount that enters, in token units.
///
/// # Errors
/// [`Custom::MaxInRatio`] above 30 % of the balance, and those of the arithmetic.
pub fn out_given_in(
    balance_in: Uint256,
    weight_in: Uint256,
    balance_out: Uint256,
    weight_out: Uint256,
    amount_in: Uint256,
) -> Result<Uint256, Revert> {
    if amount_in > multiply(balance_in, MAXIMUM_RATIO, Rounding::Down)? {
        return Err(Custom::MaxInRatio.into());
    }
    let total = balance_in.checked_add(amount_in).ok_or(Panic::Arithmetic)?;
    let base = divide(balance_in, total, Rounding::Up)?;
    let exponent = divide(weight_in, weight_out, Rounding::Down)?;
    let kept = power(base, exponent, Rounding::Up)?;
    multiply(balance_out, UNIT.saturating_sub(kept), Rounding::Down)
}

/// Amount that must enter for an amount that leaves, in token units.
///
/// # Errors
/// [`Custom::MaxOutRatio`] above 30 % of the balance, and those of the arithmetic.
pub fn in_given_out(
    balance_in: Uint256,
    weight_in: Uint256,
    balance_out: Uint256,
    weight_out: Uint256,
    amount_out: Uint256,
) -> Result<Uint256, Revert> {
    if amount_out > multiply(balance_out, MAXIMUM_RATIO, Rounding::Down)? {
        return Err(Custom::MaxOutRatio.into());
    }
    let base = divide(balance_out, difference(balance_out, amount_out)?, Rounding::Up)?;
    let exponent = divide(weight_out, weight_in, Rounding::Up)?;
    let ratio = difference(power(base, exponent, Rounding::Up)?, UNIT)?;
    multiply(balance_in, ratio, Rounding::Up)
}

/// The pool's invariant, the weighted geometric mean of its balances.
///
/// # Errors
/// [`Custom::ZeroInvariant`], [`Panic::IndexOutOfBounds`] where balances and weights differ in number, and those of the
/// arithmetic.
pub fn invariant(balances: &[Uint256], weights: &[Int256], rounding: Rounding) -> Result<Uint256, Revert> {
    let mut product = UNIT;
    for (asset, weight) in weights.iter().enumerate() {
        let balance = *balances.get(asset).ok_or(Panic::IndexOutOfBounds)?;
        product = multiply(product, power(balance, weight.to_bits(), rounding)?, rounding)?;
    }
    if product.is_zero() { Err(Custom::ZeroInvariant.into()) } else { Ok(product) }
}

/// The balance of one asset at which the invariant is `invariant_ratio` times what it is.
///
/// # Errors
/// Those of the arithmetic.
pub fn balance_for_invariant_ratio(
    balance: Uint256,
    weight: Uint256,
    invariant_ratio: Uint256,
) -> Result<Uint256, Revert> {
    // The contract compares the ratio with its smallest unit, not with one.
    let rounding = if invariant_ratio > Uint256::from(1_u8) { Rounding::Up } else { Rounding::Down };
    let ratio = power(invariant_ratio, divide(UNIT, weight, rounding)?, Rounding::Up)?;
    multiply(balance, ratio, Rounding::Up)
}
