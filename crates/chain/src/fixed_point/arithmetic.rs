//! Products and quotients.

use ruint::Uint;

use super::{ONE, SCALE};
use crate::error::{Custom, Panic, Revert};
use crate::{Int256, Uint256};

type Uint512 = Uint<512, 8>;

const UNIT: u64 = SCALE as u64;

/// High and low word of a product.
fn full_product(left: Uint256, right: Uint256) -> (Uint256, Uint256) {
    let product: Uint512 = left.widening_mul(right);
    let [a, b, c, d, e, f, g, h] = product.into_limbs();
    (Uint256::from_limbs([e, f, g, h]), Uint256::from_limbs([a, b, c, d]))
}

/// `high * 2^256 + low`, divided; the caller knows that `high < denominator`, so that the quotient fits.
fn divide_wide(high: Uint256, low: Uint256, denominator: Uint256) -> (Uint256, Uint256) {
    if high.is_zero() {
        return low.div_rem(denominator);
    }
    let ([a, b, c, d], [e, f, g, h]) = (low.into_limbs(), high.into_limbs());
    let [w, x, y, z] = denominator.into_limbs();
    let (quotient, remainder) =
        Uint512::from_limbs([a, b, c, d, e, f, g, h]).div_rem(Uint512::from_limbs([w, x, y, z, 0, 0, 0, 0]));
    let low_word = |wide: Uint512| {
        let [a, b, c, d, ..] = wide.into_limbs();
        Uint256::from_limbs([a, b, c, d])
    };
    (low_word(quotient), low_word(remainder))
}

/// `x * y`, rounded to nearest, half away from zero.
///
/// # Errors
/// [`Custom::MulInputTooSmall`], [`Custom::MulDivFixedPointOverflow`], [`Custom::MulOverflow`].
pub fn multiply(x: Int256, y: Int256) -> Result<Int256, Revert> {
    if x == Int256::MIN || y == Int256::MIN {
        return Err(Custom::MulInputTooSmall.into());
    }
    let (high, low) = full_product(x.magnitude(), y.magnitude());
    let unit = Uint256::from_limbs([UNIT, 0, 0, 0]);
    if high >= unit {
        return Err(Custom::MulDivFixedPointOverflow(high).into());
    }
    let (quotient, remainder) = divide_wide(high, low, unit);
    let [remainder, ..] = remainder.into_limbs();
    // Unchecked: only a quotient of 2^256 - 1 could wrap here.
    let magnitude = quotient.wrapping_add(Uint256::from(u64::from(remainder >= UNIT / 2)));
    Int256::from_magnitude(x.is_negative() != y.is_negative(), magnitude)
        .filter(|value| *value != Int256::MIN)
        .ok_or_else(|| Custom::MulOverflow(magnitude).into())
}

/// `x / y`, cut toward zero.
///
/// # Errors
/// [`Custom::DivInputTooSmall`], [`Panic::DivisionByZero`], [`Custom::MulDivOverflow`], [`Custom::DivOverflow`].
pub fn divide(x: Int256, y: Int256) -> Result<Int256, Revert> {
    if x == Int256::MIN || y == Int256::MIN {
        return Err(Custom::DivInputTooSmall.into());
    }
    let denominator = y.magnitude();
    let (high, low) = full_product(x.magnitude(), Uint256::from_limbs([UNIT, 0, 0, 0]));
    if high.is_zero() && denominator.is_zero() {
        return Err(Panic::DivisionByZero.into());
    }
    if !high.is_zero() && high >= denominator {
        return Err(Custom::MulDivOverflow(high, denominator).into());
    }
    let (magnitude, _) = divide_wide(high, low, denominator);
    Int256::from_magnitude(x.is_negative() != y.is_negative(), magnitude)
        .filter(|value| *value != Int256::MIN)
        .ok_or_else(|| Custom::DivOverflow(magnitude).into())
}

/// The absolute value.
///
/// # Errors
/// [`Custom::AbsInputTooSmall`] for `-2^255`.
pub fn absolute(x: Int256) -> Result<Int256, Revert> {
    if x == Int256::MIN { Err(Custom::AbsInputTooSmall.into()) } else { Ok(Int256::from_bits(x.magnitude())) }
}

/// A whole number with 18 decimals.
///
/// # Errors
/// [`Panic::Arithmetic`] when it leaves the range.
pub fn from_integer(value: Int256) -> Result<Int256, Revert> {
    value.checked_mul(ONE)
}
