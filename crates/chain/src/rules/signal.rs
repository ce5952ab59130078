//! What several rules share: the proportional gradient, and spreading a signal over the weights.

use crate::error::Revert;
use crate::estimators::{Estimate, broadcast, gradient};
use crate::fixed_point::{ONE, divide, multiply};
use crate::{Int256, element};

use super::Inputs;

/// Gradients divided by the average, or by the price where the flag is exactly one: reciprocal first, then the product.
pub(super) fn proportional_gradient(inputs: &Inputs<'_>, use_price: bool) -> Result<(Vec<Int256>, Estimate), Revert> {
    let estimate = gradient(inputs.prices, inputs.averages, inputs.lambda, inputs.intermediate)?;
    let base = if use_price { inputs.prices } else { inputs.averages };
    let proportional = estimate
        .values
        .iter()
        .enumerate()
        .map(|(asset, gradient)| multiply(divide(ONE, element(base, asset)?)?, *gradient))
        .collect::<Result<_, _>>()?;
    Ok((proportional, estimate))
}

/// The flag list `[useRaw]`: set only by exactly one; without a list it is not set.
pub(super) fn flag(parameters: &[Vec<Int256>], index: usize) -> Result<bool, Revert> {
    match parameters.get(index) {
        Some(list) => Ok(element(list, 0)? == ONE),
        None => Ok(false),
    }
}

/// Whether a flag list is one that a rule accepts.
pub(super) fn valid_flag(list: &[Int256]) -> bool {
    matches!(list, [flag] if *flag == Int256::ZERO || *flag == ONE)
}

/// Which way weights move for a signal above its mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Weights plus gain times the signal's distance from its mean.
///
/// One gain: the mean is the sum cut to a multiple of the number of assets. One gain per asset: the mean is weighted by
/// all gains given, also by those beyond the number of assets.
pub(super) fn spread(
    weights: &[Int256],
    gains: &[Int256],
    signal: &[Int256],
    direction: Direction,
) -> Result<Vec<Int256>, Revert> {
    let mean = if gains.len() == 1 {
        let sum = signal.iter().try_fold(Int256::ZERO, |sum, value| sum.checked_add(*value))?;
        sum.checked_div(Int256::new(weights.len() as i128))?
    } else {
        let mut weighted = Int256::ZERO;
        for (asset, value) in signal.iter().enumerate() {
            weighted = weighted.checked_add(multiply(*value, element(gains, asset)?)?)?;
        }
        let total = gains.iter().try_fold(Int256::ZERO, |sum, gain| sum.checked_add(*gain))?;
        divide(weighted, total)?
    };
    weights
        .iter()
        .zip(signal)
        .enumerate()
        .map(|(asset, (weight, value))| {
            let distance = match direction {
                Direction::Up => value.checked_sub(mean)?,
                Direction::Down => mean.checked_sub(*value)?,
            };
            weight.checked_add(multiply(broadcast(gains, asset)?, distance)?)
        })
        .collect()
}
