//! Minimum variance: parameters `[[kept_share, ..]]`.

use crate::Int256;
use crate::error::Revert;
use crate::estimators::{broadcast, variance};
use crate::fixed_point::{ONE, divide, multiply};

use super::{Inputs, RawWeights, list};

/// Weights mixed with the normalised inverse price variances.
pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    let kept_shares = list(inputs.parameters, 0)?;
    let estimate = variance(inputs.prices, inputs.old_averages, inputs.averages, inputs.lambda, inputs.intermediate)?;
    let precisions = estimate.values.iter().map(|value| divide(ONE, *value)).collect::<Result<Vec<_>, _>>()?;
    let total = precisions.iter().try_fold(Int256::ZERO, |sum, value| sum.checked_add(*value))?;
    let weights = inputs
        .previous_weights
        .iter()
        .zip(&precisions)
        .enumerate()
        .map(|(asset, (weight, precision))| {
            let kept = broadcast(kept_shares, asset)?;
            let share = divide(multiply(ONE.checked_sub(kept)?, *precision)?, total)?;
            multiply(kept, *weight)?.checked_add(share)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RawWeights { weights, estimate })
}

pub(super) fn valid_parameters(parameters: &[Vec<Int256>]) -> bool {
    let [kept_shares] = parameters else { return false };
    !kept_shares.is_empty() && kept_shares.iter().all(|share| (Int256::ZERO..=ONE).contains(share))
}
