//! Binary and natural exponentials.

use super::factors::FACTORS;
use super::{ONE, SCALE};
use crate::error::{Custom, Revert};
use crate::{Int256, Uint256};

/// 10^36, whose quotient by a number with 18 decimals is the reciprocal.
pub(super) const SQUARED_SCALE: Int256 = Int256::new(SCALE * SCALE);

/// Below it `2^x` is zero.
const EXP2_UNDERFLOW: Int256 = Int256::new(-59_794_705_707_972_522_261);
const EXP2_LIMIT: Int256 = Int256::new(192 * SCALE);
/// Below it `e^x` is zero.
const EXP_UNDERFLOW: Int256 = Int256::new(-41_446_531_673_892_822_322);
const EXP_LIMIT: Int256 = Int256::new(133_084_258_667_509_499_441);
const LOG2_E: Int256 = Int256::new(1_442_695_040_888_963_407);
const HALF: Int256 = Int256::new(SCALE / 2);

/// `2^x`.
///
/// # Errors
/// [`Custom::Exp2InputTooBig`] for 192 or more.
pub fn exponential_base_2(x: Int256) -> Result<Int256, Revert> {
    if x.is_negative() {
        if x < EXP2_UNDERFLOW {
            return Ok(Int256::ZERO);
        }
        return SQUARED_SCALE.checked_div(exponential_base_2(x.checked_neg()?)?);
    }
    if x >= EXP2_LIMIT {
        return Err(Custom::Exp2InputTooBig(x).into());
    }
    // x < 192 * 10^18 < 2^68, so that the binary form has 64 fraction bits and 8 whole ones.
    let binary: Uint256 = (x.to_bits() << 64) / ONE.to_bits();
    let [fraction, whole, ..] = binary.into_limbs();
    let mut result: Uint256 = Uint256::from(1_u8) << 191;
    for (index, factor) in FACTORS.iter().enumerate() {
        if fraction >> (63 - index) & 1 == 1 {
            // Below 2^192 times below 2^65 stays inside 256 bits, as in the library.
            result = result.wrapping_mul(Uint256::from(*factor)) >> 64;
        }
    }
    Ok(Int256::from_bits(result.wrapping_mul(ONE.to_bits()) >> (191 - whole as usize)))
}

/// `e^x`.
///
/// # Errors
/// [`Custom::ExpInputTooBig`] from about 133.08 on.
pub fn exponential(x: Int256) -> Result<Int256, Revert> {
    if x < EXP_UNDERFLOW {
        return Ok(Int256::ZERO);
    }
    if x >= EXP_LIMIT {
        return Err(Custom::ExpInputTooBig(x).into());
    }
    exponential_base_2(x.checked_mul(LOG2_E)?.checked_add(HALF)?.checked_div(ONE)?)
}
