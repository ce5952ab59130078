use crate::error::Revert;
use crate::fixed_point::multiply;
use crate::packing::PairWriter;
use crate::{Int256, element};

use super::{Estimate, Lambda};

/// Variances of the prices themselves, not of their returns (spec 13.3).
///
/// The state follows `A' = lambda A + (p - m)(p - m')`, the variance is `(1 - lambda) A'`. With one lambda for an odd
/// number of assets the last state element is stored unchecked and read back as its low 128 bits.
///
/// # Errors
/// An overflow of the state, and those of the arithmetic.
pub fn variance(
    prices: &[Int256],
    old_averages: &[Int256],
    averages: &[Int256],
    lambda: Lambda<'_>,
    state: &[Int256],
) -> Result<Estimate, Revert> {
    let assets = state.len();
    let mut writer = PairWriter::default();
    let mut values = Vec::with_capacity(assets);
    for asset in 0..assets {
        let price = element(prices, asset)?;
        let before = price.checked_sub(element(old_averages, asset)?)?;
        let after = price.checked_sub(element(averages, asset)?)?;
        let next = multiply(lambda.of(asset)?, state[asset])?.checked_add(multiply(before, after)?)?;
        values.push(multiply(lambda.complement(asset)?, next)?);
        writer.push(next)?;
    }
    let words = if lambda.is_scalar() { writer.finish_unchecked() } else { writer.finish()? };
    Ok(Estimate { words, values })
}
