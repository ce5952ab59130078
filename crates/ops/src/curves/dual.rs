//! Numbers that carry their derivatives along: forward-mode differentiation.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What the step of a pool computes with: a plain number, or one with its derivatives.
pub(super) trait Number:
    Copy
    + Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// A number that depends on no parameter.
    fn constant(value: f64) -> Self;

    /// The number without its derivatives.
    fn value(self) -> f64;

    /// `f(x)` from its value and slope at `x`.
    fn chain(self, value: f64, slope: f64) -> Self;

    fn sqrt(self) -> Self {
        let root = self.value().sqrt();
        self.chain(root, 0.5 / root)
    }

    fn exp(self) -> Self {
        let power = self.value().exp();
        self.chain(power, power)
    }

    fn ln(self) -> Self {
        self.chain(self.value().ln(), 1.0 / self.value())
    }

    fn sin_cos(self) -> (Self, Self) {
        let (sin, cos) = self.value().sin_cos();
        (self.chain(sin, cos), self.chain(cos, -sin))
    }

    fn square(self) -> Self {
        self * self
    }

    fn abs(self) -> Self {
        if self.value() < 0.0 { -self } else { self }
    }

    /// The larger one; of equal ones the first.
    fn at_least(self, other: Self) -> Self {
        if other.value() > self.value() { other } else { self }
    }

    /// The smaller one; of equal ones the first.
    fn at_most(self, other: Self) -> Self {
        if other.value() < self.value() { other } else { self }
    }
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }

    fn value(self) -> f64 {
        self
    }

    fn chain(self, value: f64, _: f64) -> Self {
        value
    }
}

/// A value and its derivatives with respect to `K` parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual<const K: usize> {
    value: f64,
    tangent: [f64; K],
}

impl<const K: usize> Dual<K> {
    /// Parameter number `index`.
    pub(super) fn parameter(value: f64, index: usize) -> Self {
        Self { value, tangent: std::array::from_fn(|other| f64::from(u8::from(other == index))) }
    }

    /// The derivatives.
    pub(super) fn tangent(&self) -> &[f64; K] {
        &self.tangent
    }

    /// `f(x, y)` from its value and slopes.
    fn chain_two(self, other: Self, value: f64, slope: f64, other_slope: f64) -> Self {
        let tangent = |index: usize| slope * self.tangent[index] + other_slope * other.tangent[index];
        Self { value, tangent: std::array::from_fn(tangent) }
    }
}

impl<const K: usize> Number for Dual<K> {
    fn constant(value: f64) -> Self {
        Self { value, tangent: [0.0; K] }
    }

    fn value(self) -> f64 {
        self.value
    }

    fn chain(self, value: f64, slope: f64) -> Self {
        // A parameter that plays no part has no slope, even where the function has none.
        let tangent = |tangent: f64| if tangent == 0.0 { 0.0 } else { slope * tangent };
        Self { value, tangent: self.tangent.map(tangent) }
    }
}

impl<const K: usize> Add for Dual<K> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.chain_two(other, self.value + other.value, 1.0, 1.0)
    }
}

impl<const K: usize> Sub for Dual<K> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.chain_two(other, self.value - other.value, 1.0, -1.0)
    }
}

impl<const K: usize> Mul for Dual<K> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.chain_two(other, self.value * other.value, other.value, self.value)
    }
}

impl<const K: usize> Div for Dual<K> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        self.chain_two(other, quotient, 1.0 / other.value, -quotient / other.value)
    }
}

impl<const K: usize> Neg for Dual<K> {
    type Output = Self;
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

impl<const K: usize> Add<f64> for Dual<K> {
    type Output = Self;
    fn add(self, other: f64) -> Self {
        Self { value: self.value + other, ..self }
    }
}

impl<const K: usize> Sub<f64> for Dual<K> {
    type Output = Self;
    fn sub(self, other: f64) -> Self {
        Self { value: self.value - other, ..self }
    }
}

impl<const K: usize> Mul<f64> for Dual<K> {
    type Output = Self;
    fn mul(self, other: f64) -> Self {
        self.chain(self.value * other, other)
    }
}

impl<const K: usize> Div<f64> for Dual<K> {
    type Output = Self;
    fn div(self, other: f64) -> Self {
        self.chain(self.value / other, 1.0 / other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses every operation once.
    fn formula<N: Number>([x, y]: [N; 2]) -> N {
        let (sin, cos) = (x * 0.3 + 0.1).sin_cos();
        let quotient = (x.sqrt() + y.square() / x - 0.5) / (y.exp() + 2.0);
        (quotient - sin * cos).abs().at_least(-x) + (y / 3.0 + x.ln()).at_most(x * y)
    }

    #[test]
    fn tangents_are_derivatives() {
        for (x, y) in [(0.7, 1.3), (2.5, -0.4), (1.1, 0.2)] {
            let found = formula([Dual::<2>::parameter(x, 0), Dual::parameter(y, 1)]);
            assert!((found.value - formula([x, y])).abs() < 1e-15);
            let h = 1e-5;
            let expected = [
                (formula([x + h, y]) - formula([x - h, y])) / (2.0 * h),
                (formula([x, y + h]) - formula([x, y - h])) / (2.0 * h),
            ];
            for (found, expected) in found.tangent.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-8, "{found} {expected}");
            }
        }
    }
}
