//! Logarithm to base two, and powers through it.

use super::exponential::SQUARED_SCALE;
use super::{ONE, SCALE, exponential_base_2, multiply};
use crate::Int256;
use crate::error::{Custom, Revert};

/// Logarithm of `x` to base two.
///
/// # Errors
/// [`Custom::LogInputTooSmall`] for zero or less.
pub fn logarithm_base_2(x: Int256) -> Result<Int256, Revert> {
    if !x.is_positive() {
        return Err(Custom::LogInputTooSmall(x).into());
    }
    let below_one = x < ONE;
    let x = if below_one { SQUARED_SCALE.checked_div(x)? } else { x };
    let whole = (x.to_bits() / ONE.to_bits()).bit_len() - 1;
    let mut result = whole as i128 * SCALE;
    // Between one and two with 18 decimals, so that its square fits 128 bits.
    let mut rest = Int256::from_bits(x.to_bits() >> whole).low_i128();
    if rest != SCALE {
        let mut bit = SCALE / 2;
        while bit > 0 {
            rest = rest * rest / SCALE;
            if rest >= 2 * SCALE {
                result += bit;
                rest >>= 1;
            }
            bit >>= 1;
        }
    }
    Ok(Int256::new(if below_one { -result } else { result }))
}

/// `x^y`, where `0^0 = 1`.
///
/// # Errors
/// Those of [`logarithm_base_2`], [`multiply`] and [`exponential_base_2`].
pub fn power(x: Int256, y: Int256) -> Result<Int256, Revert> {
    if x == Int256::ZERO {
        return Ok(if y == Int256::ZERO { ONE } else { Int256::ZERO });
    }
    exponential_base_2(multiply(logarithm_base_2(x)?, y)?)
}

/// The power of the rules: as [`power`], but one for exponent zero whatever the base.
///
/// # Errors
/// Those of [`power`].
pub fn signal_power(x: Int256, y: Int256) -> Result<Int256, Revert> {
    if y == Int256::ZERO { Ok(ONE) } else { power(x, y) }
}
