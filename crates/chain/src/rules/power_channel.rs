//! Power channel: parameters `[[gain, ..], [exponent, ..], [use_price]?]`.

use crate::Int256;
use crate::error::Revert;
use crate::estimators::broadcast;
use crate::fixed_point::{ONE, absolute, multiply, signal_power};

use super::momentum::valid_gains;
use super::signal::{Direction, flag, proportional_gradient, spread, valid_flag};
use super::{Inputs, RawWeights, list};

/// Weights along `sign(g) |g|^exponent`.
pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    let gains = list(inputs.parameters, 0)?;
    let exponents = list(inputs.parameters, 1)?;
    let (gradient, estimate) = proportional_gradient(inputs, flag(inputs.parameters, 2)?)?;
    let signal = gradient
        .iter()
        .enumerate()
        .map(|(asset, value)| {
            let sign = if value.is_negative() { ONE.checked_neg()? } else { ONE };
            multiply(sign, signal_power(absolute(*value)?, broadcast(exponents, asset)?)?)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RawWeights { weights: spread(inputs.previous_weights, gains, &signal, Direction::Up)?, estimate })
}

pub(super) fn valid_parameters(parameters: &[Vec<Int256>]) -> bool {
    let (gains, exponents) = match parameters {
        [gains, exponents] => (gains, exponents),
        [gains, exponents, flag] if valid_flag(flag) => (gains, exponents),
        _ => return false,
    };
    valid_gains(gains) && exponents.len() == gains.len() && exponents.iter().all(|exponent| *exponent > ONE)
}
