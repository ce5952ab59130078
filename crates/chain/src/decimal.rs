//! Numbers with 18 decimals, to and from floating point and text.

use crate::Int256;
use crate::Uint256;
use crate::fixed_point::{ONE, SCALE};

/// Digits behind the point.
const DECIMALS: usize = 18;
/// Bits of a double's fraction, without the leading one.
const FRACTION_BITS: u32 = 52;
/// Exponent of a double's last fraction bit when its exponent field is one.
const LEAST_EXPONENT: i32 = -1074;

/// A number that 18 decimals in 256 bits cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum DecimalError {
    /// Not a finite number.
    #[error("{0} is not a finite number")]
    NotFinite(f64),
    /// A magnitude of about 5.8e58 or more.
    #[error("{0} does not fit 256 bits with 18 decimals")]
    TooLarge(f64),
}

/// The nearest number with 18 decimals, ties away from zero. Exact: no rounding happens before the last.
///
/// # Errors
/// [`DecimalError::NotFinite`], [`DecimalError::TooLarge`].
pub fn from_f64(value: f64) -> Result<Int256, DecimalError> {
    if !value.is_finite() {
        return Err(DecimalError::NotFinite(value));
    }
    let bits = value.to_bits();
    let field = (bits >> FRACTION_BITS & 0x7ff) as i32;
    let leading = u64::from(field != 0) << FRACTION_BITS;
    let significand = bits & ((1 << FRACTION_BITS) - 1) | leading;
    let exponent = field.max(1) - 1 + LEAST_EXPONENT;
    // Below 2^53 * 10^18 < 2^113.
    let scaled = Uint256::from(significand) * Uint256::from(SCALE as u128);
    let magnitude = if exponent < 0 {
        let dropped = exponent.unsigned_abs() as usize;
        let half = if dropped <= 128 { Uint256::from(1_u8) << (dropped - 1) } else { Uint256::ZERO };
        if dropped <= 128 { (scaled + half) >> dropped } else { Uint256::ZERO }
    } else {
        let shift = exponent as usize;
        if scaled.bit_len() + shift > 255 {
            return Err(DecimalError::TooLarge(value));
        }
        scaled << shift
    };
    Int256::from_magnitude(value < 0.0, magnitude).ok_or(DecimalError::TooLarge(value))
}

/// What float weights may miss of a sum of one, in units of the last decimal: a billionth.
const SUM_TOLERANCE: u128 = 1_000_000_000;

/// Weights with 18 decimals that sum to exactly one, as the factory asks: what rounding left is given to the largest.
///
/// Weights whose sum is further from one than a billionth are not repaired; the factory refuses them.
///
/// # Errors
/// Those of [`from_f64`].
pub fn weights_from_f64(weights: &[f64]) -> Result<Vec<Int256>, DecimalError> {
    let mut weights = weights.iter().map(|weight| from_f64(*weight)).collect::<Result<Vec<_>, _>>()?;
    let missing = weights.iter().fold(ONE, |missing, weight| missing.wrapping_sub(*weight));
    if missing.magnitude() <= Uint256::from(SUM_TOLERANCE)
        && let Some(largest) = weights.iter_mut().max()
    {
        *largest = largest.wrapping_add(missing);
    }
    Ok(weights)
}

/// The same, and weights that rounding left below `lowest` are at it, at the largest one's expense.
///
/// # Errors
/// Those of [`from_f64`].
pub fn weights_from_f64_above(weights: &[f64], lowest: Int256) -> Result<Vec<Int256>, DecimalError> {
    let mut weights = weights_from_f64(weights)?;
    let mut lifted = Int256::ZERO;
    for weight in &mut weights {
        let missing = lowest.wrapping_sub(*weight);
        if missing.is_positive() && missing.magnitude() <= Uint256::from(SUM_TOLERANCE) {
            *weight = lowest;
            lifted = lifted.wrapping_add(missing);
        }
    }
    if let Some(largest) = weights.iter_mut().max() {
        *largest = largest.wrapping_sub(lifted);
    }
    Ok(weights)
}

/// The nearest `f64` of a number with 18 decimals.
pub fn to_f64(value: Int256) -> f64 {
    // Text is rounded once; dividing the nearest double by 10^18 would round twice.
    to_text(value).parse().unwrap_or(f64::NAN)
}

/// All digits: `-0.100000000000000001`, `3` for three.
pub fn to_text(value: Int256) -> String {
    let digits = format!("{:0>width$}", value.magnitude().to_string(), width = DECIMALS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS);
    let sign = if value.is_negative() { "-" } else { "" };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_are_rounded_once() {
        let text = |value: f64| from_f64(value).unwrap().to_string();
        assert_eq!(text(0.1), "100000000000000006");
        assert_eq!(text(-1.5), "-1500000000000000000");
        assert_eq!(text(0.5e-18), "1");
        assert_eq!(text(-0.4e-18), "0");
        assert_eq!(text(f64::MIN_POSITIVE / 2.0), "0");
        assert_eq!(text(1e40), "10000000000000000303786028427003666890752000000000000000000");
        assert_eq!(from_f64(5.8e58), Err(DecimalError::TooLarge(5.8e58)));
        assert_eq!(from_f64(f64::INFINITY), Err(DecimalError::NotFinite(f64::INFINITY)));
    }

    #[test]
    fn text_has_all_digits_and_no_more() {
        let text = |value: i128| to_text(Int256::new(value));
        assert_eq!(text(3 * SCALE), "3");
        assert_eq!(text(-SCALE / 10 - 1), "-0.100000000000000001");
        assert_eq!(text(0), "0");
    }

    #[test]
    fn weights_are_repaired_when_rounding_is_all_that_they_miss() {
        let third = 1.0 / 3.0;
        let weights = weights_from_f64(&[third, third, third]).unwrap();
        let sum = |weights: &[Int256]| weights.iter().fold(Int256::ZERO, |sum, weight| sum.wrapping_add(*weight));
        assert_eq!(sum(&weights), ONE);
        assert!(weights.iter().all(|weight| (to_f64(*weight) - third).abs() < 1e-15));
        assert_eq!(sum(&weights_from_f64(&[0.5, 0.4]).unwrap()).to_string(), "900000000000000022");
        assert_eq!(weights_from_f64(&[]), Ok(vec![]));
    }

    #[test]
    fn weights_a_rounding_below_the_rail_are_at_it() {
        let rail = from_f64(0.1).unwrap();
        let weights = weights_from_f64_above(&[0.1 - 1e-16, 0.9 + 1e-16], rail).unwrap();
        assert_eq!((weights[0], weights[1].wrapping_add(rail)), (rail, ONE));
        let weights = weights_from_f64_above(&[0.09, 0.91], rail).unwrap();
        assert_eq!(weights, weights_from_f64(&[0.09, 0.91]).unwrap());
    }

    proptest! {
        #[test]
        fn doubles_between_18_decimals_come_back(value in 1e-2..1e17_f64, negative in any::<bool>()) {
            let value = if negative { -value } else { value };
            prop_assert_eq!(to_f64(from_f64(value).unwrap()), value);
        }

        #[test]
        fn every_double_is_converted_or_refused(value in any::<f64>()) {
            match from_f64(value) {
                Ok(found) => prop_assert!((to_f64(found) - value).abs() <= 1e-18_f64.max(value.abs() * 1e-15)),
                Err(_) => prop_assert!(!value.is_finite() || value.abs() > 5.7e58),
            }
        }
    }
}
