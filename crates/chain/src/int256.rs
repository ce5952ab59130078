//! Signed 256-bit integers with the arithmetic of the contracts' language.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;

use crate::error::{Panic, Revert};

/// Unsigned 256-bit integer (token amounts and balances).
pub type Uint256 = U256;

/// Signed 256-bit integer in two's complement.
///
/// `checked_*` fail where checked Solidity arithmetic reverts; `wrapping_*` are its `unchecked` blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Int256(U256);

const SIGN_BIT: usize = 255;

impl Int256 {
    /// Zero.
    pub const ZERO: Self = Self(U256::ZERO);
    /// The smallest value, `-2^255`.
    pub const MIN: Self = Self(U256::from_limbs([0, 0, 0, 1 << 63]));
    /// The largest value, `2^255 - 1`.
    pub const MAX: Self = Self(U256::from_limbs([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 1]));

    /// The value of a machine integer.
    pub const fn new(value: i128) -> Self {
        let high = if value < 0 { u64::MAX } else { 0 };
        Self(U256::from_limbs([value as u64, (value >> 64) as u64, high, high]))
    }

    /// The two's complement bits as an unsigned integer (Solidity's `uint256(x)`).
    pub const fn to_bits(self) -> Uint256 {
        self.0
    }

    /// The value whose two's complement bits these are (Solidity's `int256(x)`).
    pub const fn from_bits(bits: Uint256) -> Self {
        Self(bits)
    }

    /// Whether the value is below zero.
    pub const fn is_negative(self) -> bool {
        self.0.bit(SIGN_BIT)
    }

    /// Whether the value is above zero.
    pub fn is_positive(self) -> bool {
        !self.is_negative() && self != Self::ZERO
    }

    /// The absolute value, which always fits an unsigned integer.
    pub fn magnitude(self) -> Uint256 {
        if self.is_negative() { self.0.wrapping_neg() } else { self.0 }
    }

    /// The value of this magnitude and sign, unless it leaves the range.
    pub fn from_magnitude(negative: bool, magnitude: Uint256) -> Option<Self> {
        let value = Self(if negative { magnitude.wrapping_neg() } else { magnitude });
        (value.is_negative() == negative || magnitude.is_zero()).then_some(value)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] when it leaves the range.
    pub fn checked_add(self, other: Self) -> Result<Self, Revert> {
        let sum = self.wrapping_add(other);
        let overflows = self.is_negative() == other.is_negative() && sum.is_negative() != self.is_negative();
        if overflows { Err(Panic::Arithmetic.into()) } else { Ok(sum) }
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] when it leaves the range.
    pub fn checked_sub(self, other: Self) -> Result<Self, Revert> {
        let difference = self.wrapping_sub(other);
        let overflows = self.is_negative() != other.is_negative() && difference.is_negative() != self.is_negative();
        if overflows { Err(Panic::Arithmetic.into()) } else { Ok(difference) }
    }

    /// The product.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] when it leaves the range.
    pub fn checked_mul(self, other: Self) -> Result<Self, Revert> {
        self.magnitude()
            .checked_mul(other.magnitude())
            .and_then(|product| Self::from_magnitude(self.is_negative() != other.is_negative(), product))
            .ok_or_else(|| Panic::Arithmetic.into())
    }

    /// The quotient, cut toward zero.
    ///
    /// # Errors
    /// [`Panic::DivisionByZero`]; [`Panic::Arithmetic`] for the smallest value divided by -1.
    pub fn checked_div(self, other: Self) -> Result<Self, Revert> {
        let quotient = self.magnitude().checked_div(other.magnitude()).ok_or(Panic::DivisionByZero)?;
        Self::from_magnitude(self.is_negative() != other.is_negative(), quotient)
            .ok_or_else(|| Panic::Arithmetic.into())
    }

    /// The remainder of [`Int256::checked_div`], with the sign of `self`.
    ///
    /// # Errors
    /// [`Panic::DivisionByZero`].
    pub fn checked_rem(self, other: Self) -> Result<Self, Revert> {
        let remainder = self.magnitude().checked_rem(other.magnitude()).ok_or(Panic::DivisionByZero)?;
        Self::from_magnitude(self.is_negative(), remainder).ok_or_else(|| Panic::Arithmetic.into())
    }

    /// The negative.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] for the smallest value.
    pub fn checked_neg(self) -> Result<Self, Revert> {
        Self::ZERO.checked_sub(self)
    }

    /// The sum modulo `2^256`.
    #[must_use]
    pub fn wrapping_add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The difference modulo `2^256`.
    #[must_use]
    pub fn wrapping_sub(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// The low 128 bits as a signed integer (Solidity's `int128(x)`).
    #[must_use]
    pub fn low_i128(self) -> i128 {
        let [first, second, ..] = *self.0.as_limbs();
        (u128::from(second) << 64 | u128::from(first)) as i128
    }

    /// The value as `i128`, if it fits.
    pub fn to_i128(self) -> Option<i128> {
        let low = self.low_i128();
        (Self::new(low) == self).then_some(low)
    }

    /// The nearest `f64`, ties to even.
    pub fn to_f64(self) -> f64 {
        let magnitude = self.magnitude();
        let dropped = magnitude.bit_len().saturating_sub(64);
        let [low, ..] = *(magnitude >> dropped).as_limbs();
        // What is cut off decides ties only, so one sticky bit stands for all of it: 64 bits are more than 53 + 2.
        let sticky = u64::from(magnitude.trailing_zeros() < dropped);
        let value = (low | sticky) as f64 * 2_f64.powi(dropped as i32);
        if self.is_negative() { -value } else { value }
    }
}

impl From<i128> for Int256 {
    fn from(value: i128) -> Self {
        Self::new(value)
    }
}

impl From<u64> for Int256 {
    fn from(value: u64) -> Self {
        Self::new(i128::from(value))
    }
}

impl Ord for Int256 {
    fn cmp(&self, other: &Self) -> Ordering {
        other.is_negative().cmp(&self.is_negative()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Int256 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Int256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad_integral(!self.is_negative(), "", &self.magnitude().to_string())
    }
}

impl fmt::Debug for Int256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The text is not a decimal integer of 256 bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal integer between -2^255 and 2^255 - 1")]
pub struct ParseIntegerError(String);

impl FromStr for Int256 {
    type Err = ParseIntegerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| U256::from_str_radix(digits, 10).ok())
            .flatten()
            .and_then(|magnitude| Self::from_magnitude(negative, magnitude))
            .ok_or_else(|| ParseIntegerError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_of_the_range_behave_as_in_solidity() {
        let one = Int256::new(1);
        let overflow: Revert = Panic::Arithmetic.into();
        assert_eq!(Int256::MAX.checked_add(one), Err(overflow.clone()));
        assert_eq!(Int256::MIN.checked_sub(one), Err(overflow.clone()));
        assert_eq!(Int256::MIN.checked_neg(), Err(overflow.clone()));
        assert_eq!(Int256::MIN.checked_div(Int256::new(-1)), Err(overflow.clone()));
        assert_eq!(Int256::MIN.checked_mul(Int256::new(-1)), Err(overflow));
        assert_eq!(one.checked_div(Int256::ZERO), Err(Panic::DivisionByZero.into()));
        assert_eq!(Int256::MAX.wrapping_add(one), Int256::MIN);
        assert_eq!(Int256::MIN.to_string().parse::<Int256>().unwrap(), Int256::MIN);
        assert_eq!(Int256::MIN.to_f64(), -(2_f64.powi(255)));
        assert!("9".repeat(90).parse::<Int256>().is_err());
        for text in ["", "-", "+1", "0x1", "1_000", " 1"] {
            assert!(text.parse::<Int256>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn small_values_agree_with_machine_integers(left in any::<i64>(), right in any::<i64>()) {
            let (a, b) = (Int256::new(left.into()), Int256::new(right.into()));
            let (left, right) = (i128::from(left), i128::from(right));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
            prop_assert_eq!(a.checked_add(b).unwrap().to_i128(), Some(left + right));
            prop_assert_eq!(a.checked_sub(b).unwrap().to_i128(), Some(left - right));
            prop_assert_eq!(a.checked_mul(b).unwrap().to_i128(), Some(left * right));
            prop_assert_eq!(a.checked_div(b).ok().and_then(Int256::to_i128), left.checked_div(right));
            prop_assert_eq!(a.checked_rem(b).ok().and_then(Int256::to_i128), left.checked_rem(right));
            prop_assert_eq!(a.to_string(), left.to_string());
            prop_assert_eq!(a.to_f64(), left as f64);
        }

        #[test]
        fn floats_are_rounded_to_nearest(value in any::<i128>()) {
            prop_assert_eq!(Int256::new(value).to_f64(), value as f64);
        }
    }
}
