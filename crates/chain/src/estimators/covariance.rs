use crate::error::Revert;
use crate::fixed_point::{ONE, divide, multiply};
use crate::packing::pack_pairs;
use crate::{Int256, element};

use super::Lambda;

/// A new covariance of all ordered pairs of assets, row-major, `assets * assets` values each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covariance {
    /// The estimator's state.
    pub state: Vec<Int256>,
    /// The covariances, in squared price units with 18 decimals. Rounding makes them slightly asymmetric.
    pub values: Vec<Int256>,
}

/// Covariances of prices: `A' = lambda A + (p_i - m_i)(p_j - m'_j)`, times `1 - lambda`; lambda of the row (spec 13.3).
///
/// No deployed rule uses it.
///
/// # Errors
/// An overflow of the state, and those of the arithmetic.
pub fn covariance(
    prices: &[Int256],
    old_averages: &[Int256],
    averages: &[Int256],
    lambda: Lambda<'_>,
    state: &[Int256],
) -> Result<Covariance, Revert> {
    let assets = averages.len();
    let deviation = |asset: usize, from: &[Int256]| element(prices, asset)?.checked_sub(element(from, asset)?);
    let mut next = Vec::with_capacity(assets * assets);
    let mut values = Vec::with_capacity(assets * assets);
    for row in 0..assets {
        let before = deviation(row, old_averages)?;
        for column in 0..assets {
            let after = deviation(column, averages)?;
            let kept = multiply(lambda.of(row)?, element(state, row * assets + column)?)?;
            let value = kept.checked_add(divide(multiply(before, after)?, ONE)?)?;
            next.push(value);
            values.push(multiply(value, lambda.complement(row)?)?);
        }
    }
    pack_pairs(&next)?;
    Ok(Covariance { state: next, values })
}
