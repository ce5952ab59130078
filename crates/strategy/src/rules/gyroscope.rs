//! Parameters of Gyroscope's E-CLP (spec 04 sec. 4.8.5).
//!
//! Each is given as it is, as the reference system trains it, or in a form that means a valid one whatever its value, so that
//! training and spread starting points stay inside (T1.6).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::curve::{CurveRule, Form, given, number};
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::LeafSpec;
use crate::transforms::power_of_two;

/// Name of the rule.
pub const GYROSCOPE: &str = "gyroscope";

const LEAVES: &[LeafSpec] = &[
    number("phi", "phi", "rotation in radians; the curve is flattest at the price tan phi", (0.0, 1.5)),
    number("phi", "log_tan_phi", "price at which the curve is flattest = tan phi, log2", (-16.0, 16.0)),
    number("alpha", "alpha", "lowest price", (1e-4, 1e5)),
    number("alpha", "log_alpha", "lowest price, log2", (-16.0, 16.0)),
    number("beta", "beta", "highest price", (1e-4, 1e5)),
    number("beta", "log_price_range", "highest price / lowest price - 1, log2", (-8.0, 8.0)),
    number("lam", "lam", "stretch: 1 is a circle", (1.0, 1e4)),
    number("lam", "log_stretch", "stretch - 1, log2", (-4.0, 14.0)),
];

/// Where training starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GyroscopeStart {
    /// Rotation in radians.
    pub phi: f64,
    /// Lowest price.
    pub alpha: f64,
    /// Highest price.
    pub beta: f64,
    /// Stretch.
    pub lam: f64,
    /// Train the numbers as they are, not in their unbounded forms.
    pub physical: bool,
}

impl Default for GyroscopeStart {
    /// Around a price of one.
    fn default() -> Self {
        Self { phi: std::f64::consts::FRAC_PI_4, alpha: 0.5, beta: 2.0, lam: 2.0, physical: false }
    }
}

/// The rule that starts there.
pub fn rule(start: &GyroscopeStart) -> CurveRule {
    let GyroscopeStart { phi, alpha, beta, lam, physical } = *start;
    let start = if physical {
        [("phi", phi), ("alpha", alpha), ("beta", beta), ("lam", lam)]
    } else {
        [
            ("log_tan_phi", phi.tan().log2()),
            ("log_alpha", alpha.log2()),
            ("log_price_range", (beta / alpha - 1.0).log2()),
            ("log_stretch", (lam - 1.0).log2()),
        ]
    };
    let summary = "a Gyroscope E-CLP of two assets: an elliptic curve between two prices";
    let start = ParameterValues::new(start.map(|(leaf, value)| (leaf, vec![value])));
    CurveRule { name: GYROSCOPE, summary, leaves: LEAVES, start }
}

/// `phi`, `alpha`, `beta` and `lam` of every set, `[sets, 4]`.
///
/// # Panics
/// If one is given in no form, which [`check_values`](crate::rule::check_values) excludes.
#[expect(clippy::expect_used, reason = "check_values has found one form of each")]
pub fn parameters(sets: &ParameterSets) -> Tensor<2> {
    let of = |forms: &[Form]| given(sets, forms).expect("checked parameters have each number in some form");
    let phi = of(&[("phi", |phi| phi), ("log_tan_phi", |log| power_of_two(log).atan())]);
    let alpha = of(&[("alpha", |alpha| alpha), ("log_alpha", power_of_two)]);
    let beta = given(sets, &[("beta", |beta| beta)])
        .unwrap_or_else(|| (of(&[("log_price_range", power_of_two)]) + 1.0) * alpha.clone());
    let lam = of(&[("lam", |lam| lam), ("log_stretch", |log| power_of_two(log) + 1.0)]);
    Tensor::cat(vec![phi, alpha, beta, lam], 1)
}
