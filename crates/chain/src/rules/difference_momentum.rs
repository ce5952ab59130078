//! Difference momentum: parameters `[[gain, ..], [short_lambda, ..]]`; the pool's lambda is the long one.

use crate::Int256;
use crate::element;
use crate::error::Revert;
use crate::estimators::{Estimate, average, broadcast};
use crate::fixed_point::{ONE, divide, multiply};
use crate::packing::pack_array;

use super::signal::{Direction, spread};
use super::{Inputs, RawWeights, list};

/// Weights along `(short - long) / long`.
pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    let gains = list(inputs.parameters, 0)?;
    let short_lambdas = list(inputs.parameters, 1)?;
    let short = inputs
        .intermediate
        .iter()
        .enumerate()
        .map(|(asset, old)| {
            let lambda = Int256::new(broadcast(short_lambdas, asset)?.low_i128());
            average(*old, element(inputs.prices, asset)?, lambda)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let words = pack_array(&short)?;
    let signal = inputs
        .averages
        .iter()
        .zip(&short)
        .map(|(long, short)| multiply(divide(ONE, *long)?, short.checked_sub(*long)?))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RawWeights {
        weights: spread(inputs.previous_weights, gains, &signal, Direction::Up)?,
        estimate: Estimate { words, values: short },
    })
}

pub(super) fn valid_parameters(parameters: &[Vec<Int256>]) -> bool {
    let [gains, short_lambdas] = parameters else { return false };
    let sum = gains.iter().try_fold(Int256::ZERO, |sum, gain| sum.checked_add(*gain));
    !gains.is_empty()
        && gains.iter().all(|gain| *gain != Int256::ZERO)
        && sum.is_ok_and(|sum| sum != Int256::ZERO)
        && short_lambdas.iter().all(|lambda| (Int256::ZERO..=ONE).contains(lambda))
}
