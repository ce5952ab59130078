//! Momentum: parameters `[[gain, ..], [use_price]?]`.

use crate::Int256;
use crate::error::Revert;

use super::signal::{Direction, flag, proportional_gradient, spread, valid_flag};
use super::{Inputs, RawWeights, list};

pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    along_gradient(inputs, Direction::Up)
}

/// Weights that move with the proportional gradient, or against it.
pub(super) fn along_gradient(inputs: &Inputs<'_>, direction: Direction) -> Result<RawWeights, Revert> {
    let gains = list(inputs.parameters, 0)?;
    let (signal, estimate) = proportional_gradient(inputs, flag(inputs.parameters, 1)?)?;
    Ok(RawWeights { weights: spread(inputs.previous_weights, gains, &signal, direction)?, estimate })
}

pub(super) fn valid_parameters(parameters: &[Vec<Int256>]) -> bool {
    match parameters {
        [gains] => valid_gains(gains),
        [gains, flag] => valid_gains(gains) && valid_flag(flag),
        _ => false,
    }
}

/// At least one gain, all above zero.
pub(super) fn valid_gains(gains: &[Int256]) -> bool {
    !gains.is_empty() && gains.iter().all(|gain| gain.is_positive())
}
