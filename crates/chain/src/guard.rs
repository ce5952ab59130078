//! Guard rails: clamp, limit of the change, and repair of the sum (spec 13.6).
//!
//! Additions and subtractions are unchecked, as in the contracts.

use crate::error::Revert;
use crate::fixed_point::{ONE, SCALE, absolute, divide, multiply};
use crate::{Int256, element};

/// The largest weight that leaves all other assets at the guard rail: `1 - (assets - 1) * guard_rail`.
///
/// # Errors
/// Those of [`multiply`].
pub fn upper_rail(assets: usize, guard_rail: u64) -> Result<Int256, Revert> {
    let others = Int256::new((assets as i128 - 1) * SCALE);
    Ok(ONE.wrapping_sub(multiply(others, Int256::from(guard_rail))?))
}

/// Weights clamped to the rails; those that are not exactly at the lower rail are then scaled to share the rest.
///
/// One pass only: scaling may push a weight under the rail.
///
/// # Errors
/// Those of the fixed-point arithmetic.
pub fn clamp(weights: &[Int256], guard_rail: u64) -> Result<Vec<Int256>, Revert> {
    let mut weights = weights.to_vec();
    if weights.len() <= 1 {
        return Ok(weights);
    }
    let lowest = Int256::from(guard_rail);
    let highest = upper_rail(weights.len(), guard_rail)?;
    let (mut remaining, mut others) = (ONE, Int256::ZERO);
    for weight in &mut weights {
        if *weight < lowest {
            *weight = lowest;
            remaining = remaining.wrapping_sub(lowest);
        } else {
            *weight = (*weight).min(highest);
            others = others.wrapping_add(*weight);
        }
    }
    if others != Int256::ZERO {
        let scale = divide(remaining, others)?;
        for weight in weights.iter_mut().filter(|weight| **weight != lowest) {
            *weight = multiply(*weight, scale)?;
        }
    }
    Ok(weights)
}

/// Weights whose change is scaled so that none moves by more than `epsilon_max`, and whose sum is then made exactly one:
/// an excess is taken from the largest weight, a shortfall goes to the second largest.
///
/// # Errors
/// [`Panic::IndexOutOfBounds`](crate::Panic::IndexOutOfBounds) where previous weights are more, and those of the fixed-point arithmetic.
pub fn limit_and_normalise(weights: &[Int256], previous: &[Int256], epsilon_max: u64) -> Result<Vec<Int256>, Revert> {
    let mut weights = weights.to_vec();
    let mut largest_change = Int256::ZERO;
    for (asset, previous) in previous.iter().enumerate() {
        largest_change = largest_change.max(absolute(element(&weights, asset)?.wrapping_sub(*previous))?);
    }
    let limit = Int256::from(epsilon_max);
    if largest_change > limit {
        let scale = divide(limit, largest_change)?;
        for (weight, previous) in weights.iter_mut().zip(previous) {
            *weight = previous.wrapping_add(multiply(weight.wrapping_sub(*previous), scale)?);
        }
    }
    let (mut largest, mut second) = ((0, Int256::ZERO), (0, Int256::ZERO));
    let mut sum = Int256::ZERO;
    for (index, weight) in weights.iter().enumerate() {
        sum = sum.wrapping_add(*weight);
        if *weight > largest.1 {
            second = largest;
            largest = (index, *weight);
        } else if *weight > second.1 {
            second = (index, *weight);
        }
    }
    let repaired = if sum > ONE { largest.0 } else { second.0 };
    if let Some(weight) = weights.get_mut(repaired) {
        *weight = weight.wrapping_add(ONE.wrapping_sub(sum));
    }
    Ok(weights)
}

/// Both steps: [`clamp`], then [`limit_and_normalise`]. The result sums to exactly one.
///
/// # Errors
/// Those of the fixed-point arithmetic.
pub fn guard(
    weights: &[Int256],
    previous: &[Int256],
    epsilon_max: u64,
    guard_rail: u64,
) -> Result<Vec<Int256>, Revert> {
    limit_and_normalise(&clamp(weights, guard_rail)?, previous, epsilon_max)
}
