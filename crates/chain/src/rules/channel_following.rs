//! Channel following: parameters `[[gain], [width], [amplitude], [exponent], [inverse_scaling], [pre_exp_scaling],
//! [use_price]]`; the first six have one value, or one per asset.

use crate::error::Revert;
use crate::fixed_point::{ONE, SCALE, absolute, divide, exponential, multiply, signal_power};
use crate::{Int256, element};

use super::momentum::valid_gains;
use super::signal::{Direction, flag, proportional_gradient, spread, valid_flag};
use super::{Inputs, RawWeights, list};

const PI: Int256 = Int256::new(3_141_592_653_589_793_238);

const fn whole(value: i128) -> Int256 {
    Int256::new(value * SCALE)
}

/// The shape of one asset's signal.
struct Channel {
    width: Int256,
    amplitude: Int256,
    exponent: Int256,
    inverse_scaling: Int256,
    pre_exp_scaling: Int256,
}

impl Channel {
    fn of(parameters: &[Vec<Int256>], index: usize) -> Result<Self, Revert> {
        let value = |position| element(list(parameters, position)?, index);
        Ok(Self {
            width: value(1)?,
            amplitude: value(2)?,
            exponent: value(3)?,
            inverse_scaling: value(4)?,
            pre_exp_scaling: value(5)?,
        })
    }

    /// Mean reversion inside the channel plus trend following outside it.
    fn signal(&self, gradient: Int256) -> Result<Int256, Revert> {
        let squared = multiply(gradient, gradient)?;
        let doubled_width = multiply(multiply(self.width, self.width)?, whole(2))?;
        let envelope = exponential(divide(squared, doubled_width)?.checked_neg()?)?;

        let scaled = divide(multiply(PI, gradient)?, multiply(self.width, whole(3))?)?;
        let cube = multiply(multiply(scaled, scaled)?, scaled)?;
        let cubic = scaled.checked_sub(divide(cube, whole(6))?)?;
        let reversion = multiply(multiply(self.amplitude, envelope)?, cubic)?;
        let reversion = divide(reversion, self.inverse_scaling)?.checked_neg()?;

        let scaled = divide(absolute(gradient)?, multiply(self.pre_exp_scaling, whole(2))?)?;
        let trend = signal_power(scaled, self.exponent)?;
        let trend = if gradient.is_negative() { trend.checked_neg()? } else { trend };
        reversion.checked_add(multiply(trend, ONE.checked_sub(envelope)?)?)
    }
}

pub(super) fn raw_weights(inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
    let gains = list(inputs.parameters, 0)?;
    let use_price = list(inputs.parameters, 6).and_then(|_| flag(inputs.parameters, 6))?;
    let (gradient, estimate) = proportional_gradient(inputs, use_price)?;
    let signal = gradient
        .iter()
        .enumerate()
        .map(|(asset, value)| {
            let index = if gains.len() == 1 { 0 } else { asset };
            Channel::of(inputs.parameters, index)?.signal(*value)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RawWeights { weights: spread(inputs.previous_weights, gains, &signal, Direction::Up)?, estimate })
}

pub(super) fn valid_parameters(parameters: &[Vec<Int256>]) -> bool {
    let [shape @ .., flag] = parameters else { return false };
    shape.len() == 6 && valid_flag(flag) && shape.iter().all(|list| list.len() == shape[0].len() && valid_gains(list))
}
