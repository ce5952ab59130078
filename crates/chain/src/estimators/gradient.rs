use crate::error::Revert;
use crate::fixed_point::{ONE, SCALE, divide, multiply, power};
use crate::packing::PairWriter;
use crate::{Int256, element};

use super::{Estimate, Lambda};

const THREE: Int256 = Int256::new(3 * SCALE);

/// `(1 - lambda)^3 / lambda`: of a long memory only a few units of the last decimal are left, or none (spec 13.3).
///
/// # Errors
/// [`Panic::DivisionByZero`](crate::Panic::DivisionByZero) for lambda 0, and those of [`power`].
pub fn gradient_scale(lambda: Int256) -> Result<Int256, Revert> {
    divide(power(ONE.checked_sub(lambda)?, THREE)?, lambda)
}

/// Gradients of the prices' trend, in price units per update (spec 13.3).
///
/// The state follows `a' = lambda a + (p - m') / (1 - lambda)`, the gradient is `(1 - lambda)^3 / lambda * a'`. `averages`
/// are the new ones.
///
/// # Errors
/// [`Panic::DivisionByZero`](crate::Panic::DivisionByZero) for lambda 0 or 1, an overflow of the state, and those of the
/// arithmetic.
pub fn gradient(
    prices: &[Int256],
    averages: &[Int256],
    lambda: Lambda<'_>,
    state: &[Int256],
) -> Result<Estimate, Revert> {
    let assets = state.len();
    let scale_of = |asset: usize| gradient_scale(lambda.of(asset)?);
    let shared_scale = if lambda.is_scalar() { Some(scale_of(0)?) } else { None };
    let mut writer = PairWriter::default();
    let mut values = Vec::with_capacity(assets);
    for asset in 0..assets {
        let deviation = element(prices, asset)?.checked_sub(element(averages, asset)?)?;
        let kept = multiply(lambda.of(asset)?, state[asset])?;
        let next = kept.checked_add(divide(deviation, lambda.complement(asset)?)?)?;
        let scale = shared_scale.map_or_else(|| scale_of(asset), Ok)?;
        values.push(multiply(scale, next)?);
        writer.push(next)?;
    }
    Ok(Estimate { words: writer.finish()?, values })
}
