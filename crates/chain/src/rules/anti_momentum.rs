//! Antimomentum: momentum with the other sign. Parameters `[[gain, ..], [use_price]?]`.

use crate::error::Revert;

use super::momentum::along_gradient;
use super::signal::Direction;
use super::{Inputs, RawWeights};

pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    along_gradient(inputs, Direction::Down)
}
