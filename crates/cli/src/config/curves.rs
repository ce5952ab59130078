//! `[pool.cow]`, `[pool.gyroscope]`, `[pool.reclamm]`: pools of two assets that are no weighted pools (spec 04 sec. 4.8).

use gradpool_strategy::rules::reclamm::Shift;
use gradpool_strategy::rules::{GyroscopeStart, ReclammStart};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Speed of a constant arc length that training starts from, unless the configuration says another.
const USUAL_SPEED: f64 = 1e-4;

/// Rule "cow".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CowSection {
    /// Share of arbitrage by competitors, who leave the pool all it can get; the rest is by one who takes all he can.
    pub arbitrage_quality: f64,
}

impl Default for CowSection {
    fn default() -> Self {
        Self { arbitrage_quality: 1.0 }
    }
}

/// In which form the parameters of a curve are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterForm {
    /// As logarithms and the like, so that any number means a valid parameter.
    #[default]
    Unbounded,
    /// As they are; a step of training may leave their domain, which ends the training.
    Physical,
}

/// Rule "gyroscope": prices are of the other asset in the numeraire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GyroscopeSection {
    /// The asset that prices are in. Default: the last one in alphabetical order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeraire: Option<String>,
    /// Rotation that training starts from, in radians: the curve is flattest at the price tan phi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phi: Option<f64>,
    /// Lowest price that training starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Highest price that training starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Stretch that training starts from; 1 is a circle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lam: Option<f64>,
    /// In which form they are trained.
    pub parameters: ParameterForm,
}

impl GyroscopeSection {
    /// The four numbers by name.
    pub fn numbers(&self) -> [(&'static str, Option<f64>); 4] {
        [("phi", self.phi), ("alpha", self.alpha), ("beta", self.beta), ("lam", self.lam)]
    }

    /// Where training starts, if the configuration says so.
    pub fn start(&self) -> Option<GyroscopeStart> {
        let physical = self.parameters == ParameterForm::Physical;
        Some(GyroscopeStart { phi: self.phi?, alpha: self.alpha?, beta: self.beta?, lam: self.lam?, physical })
    }
}

/// Rule "reclamm".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReclammSection {
    /// How the price range moves.
    pub interpolation: ReclammInterpolation,
    /// Speed of a constant arc length. Default: that of one geometric step where the pool leaves its margin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arc_length_speed: Option<f64>,
    /// Train that speed, from 1e-4 or the given one on.
    pub learn_arc_length_speed: bool,
    /// Train the swap fee, from `pool.fee_rate` on.
    pub learn_fees: bool,
    /// Move the range faster the less centered the pool is.
    pub centeredness_scaling: bool,
    /// Highest price / lowest price that training starts from.
    pub price_ratio: f64,
    /// Centeredness below which the range moves, that training starts from.
    pub centeredness_margin: f64,
    /// Exponent of the speed of a geometric shift that training starts from: 1 halves a virtual balance in a day. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_exponent: Option<f64>,
    /// The same as a factor per second, 1 - exponent / 124649.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_price_shift_base: Option<f64>,
    /// In which form the parameters are trained.
    pub parameters: ParameterForm,
    /// Reserves in whose proportions the pool starts, such as those on chain. Default: the middle of its price range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ReclammState>,
}

impl Default for ReclammSection {
    fn default() -> Self {
        let ReclammStart { price_ratio, centeredness_margin, .. } = ReclammStart::default();
        Self {
            interpolation: ReclammInterpolation::Geometric,
            arc_length_speed: None,
            learn_arc_length_speed: false,
            learn_fees: false,
            centeredness_scaling: false,
            price_ratio,
            centeredness_margin,
            shift_exponent: None,
            daily_price_shift_base: None,
            parameters: ParameterForm::Unbounded,
            state: None,
        }
    }
}

impl ReclammSection {
    /// Where training starts, with this swap fee where it is trained.
    pub fn start(&self, fee_rate: f64) -> ReclammStart {
        ReclammStart {
            price_ratio: self.price_ratio,
            centeredness_margin: self.centeredness_margin,
            shift: self.daily_price_shift_base.map_or(Shift::Exponent(self.shift_exponent.unwrap_or(1.0)), Shift::Base),
            arc_length_speed: self.learn_arc_length_speed.then(|| self.arc_length_speed.unwrap_or(USUAL_SPEED)),
            fee_rate: self.learn_fees.then_some(fee_rate),
            physical: self.parameters == ParameterForm::Physical,
        }
    }
}

/// How the price range of a reCLAMM moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReclammInterpolation {
    /// By the same factor in the same time.
    #[default]
    Geometric,
    /// At a constant speed along the curve.
    ConstantArcLength,
}

/// Reserves of a reCLAMM, in alphabetical order of assets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReclammState {
    /// Real reserves. Only their proportions matter: `pool.initial_value` is deposited.
    pub reserves: [f64; 2],
    /// Virtual reserves, in the same unit.
    pub virtual_reserves: [f64; 2],
}
