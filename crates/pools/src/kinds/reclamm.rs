//! Balancer's reCLAMM.

use burn::tensor::Tensor;
use gradpool_ops::curves::{Curve, Reclamm, ReclammInterpolation, ReclammState, SECONDS_PER_EXPONENT};
use gradpool_ops::{Costs, RowInputs};
use gradpool_strategy::ParameterSets;
use gradpool_strategy::rules::reclamm::ReclammParameters;
use serde::{Deserialize, Serialize};

use super::{Outside, Parameters, first_outside};
use crate::error::PoolError;

/// What does not change about a reCLAMM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReclammPool {
    /// The range moves at a constant speed along the curve, not geometrically.
    pub constant_arc_length: bool,
    /// That speed, where it is no parameter; without one it is that of a geometric step where the pool leaves its margin.
    pub arc_length_speed: Option<f64>,
    /// The range moves faster, by margin over centeredness, the less centered the pool is.
    pub centeredness_scaling: bool,
    /// Reserves, real and virtual, in whose proportions the pool starts; else it starts at the middle of its range.
    pub state: Option<ReclammState>,
}

impl ReclammPool {
    pub(super) fn check(&self) -> Result<(), PoolError> {
        let refuse = |key, value: String, valid| Err(PoolError::Setting { key, value, valid });
        if let Some(speed) = self.arc_length_speed.filter(|speed| !(speed.is_finite() && *speed >= 0.0)) {
            return refuse("arc_length_speed", speed.to_string(), "0 or more");
        }
        let Some(state) = &self.state else { return Ok(()) };
        let real = state.reserves.iter().all(|reserve| reserve.is_finite() && *reserve >= 0.0);
        if !real || state.reserves.iter().sum::<f64>() == 0.0 {
            return refuse("reserves", format!("{:?}", state.reserves), "0 or more, one of them above");
        }
        if !state.virtual_reserves.iter().all(|reserve| reserve.is_finite() && *reserve > 0.0) {
            return refuse("virtual_reserves", format!("{:?}", state.virtual_reserves), "above 0");
        }
        Ok(())
    }

    pub(super) fn parameters(
        &self,
        sets: &ParameterSets,
        costs: &Costs,
        inputs: &RowInputs,
    ) -> Result<Parameters, PoolError> {
        let given = ReclammParameters::of(sets);
        if given.fee_rate.is_some() && inputs.fee_rate.is_some() {
            return Err(PoolError::Plan("the fee is both a parameter (`fees`) and a series".into()));
        }
        let like =
            |value: f64| Tensor::<2>::full([sets.sets(), 1], value, (&given.curve.device(), given.curve.dtype()));
        let speed = given.arc_length_speed.clone().or_else(|| self.arc_length_speed.map(like));
        let interpolation = match (self.constant_arc_length, &speed) {
            (false, _) => ReclammInterpolation::Geometric,
            (true, Some(_)) => ReclammInterpolation::ConstantArcLength,
            (true, None) => ReclammInterpolation::CalibratedArcLength,
        };
        let curve = Reclamm {
            interpolation,
            centeredness_scaling: self.centeredness_scaling,
            shift_is_exponent: given.shift_is_exponent,
            fee_is_parameter: given.fee_rate.is_some(),
            state: self.state,
        };
        let speed = speed.unwrap_or_else(|| like(0.0));
        let fee = given.fee_rate.clone().unwrap_or_else(|| like(costs.fee_rate));
        let numbers = Tensor::cat(vec![given.curve.clone(), speed, fee], 1);
        Ok(Parameters { curve: Curve::Reclamm(curve), numbers })
    }
}

pub(super) fn outside(curve: &Reclamm, numbers: &[f64]) -> Option<Outside> {
    let [price_ratio, margin, shift, speed, fee] = std::array::from_fn(|index| numbers[index]);
    let (name, most) = if curve.shift_is_exponent {
        ("shift_exponent", SECONDS_PER_EXPONENT)
    } else {
        ("daily_price_shift_base", 1.0)
    };
    let finite = |number: f64| number.is_finite();
    first_outside([
        (price_ratio > 1.0 && finite(price_ratio), "price_ratio", price_ratio, "above 1".to_owned()),
        ((0.0..=1.0).contains(&margin), "centeredness_margin", margin, "from 0 to 1".into()),
        (shift > 0.0 && shift < most, name, shift, format!("above 0 and below {most}")),
        (speed >= 0.0 && finite(speed), "arc_length_speed", speed, "0 or more".into()),
        ((0.0..1.0).contains(&fee), "fees", fee, "from 0 up to, not including, 1".into()),
    ])
}
