//! Parameters of Balancer's reCLAMM (spec 04 sec. 4.8.6).
//!
//! Each is given as it is, as the reference system trains it, or in a form that means a valid one whatever its value, so that
//! training and spread starting points stay inside (T1.6).

use burn::tensor::Tensor;
use gradpool_ops::curves::SECONDS_PER_EXPONENT;
use serde::{Deserialize, Serialize};

use super::curve::{CurveRule, Form, given, number};
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec};
use crate::transforms::{logistic, logit, power_of_two};

/// Name of the rule.
pub const RECLAMM: &str = "reclamm";

/// The leaves that hold a trained swap fee.
pub const FEE_LEAVES: [&str; 2] = ["fees", "logit_fees"];

const LEAVES: &[LeafSpec] = &[
    number("price_ratio", "price_ratio", "highest price / lowest price, above 1", (1.01, 100.0)),
    number("price_ratio", "log_excess_ratio", "highest price / lowest price - 1, log2", (-6.0, 6.0)),
    number("margin", "centeredness_margin", "centeredness below which the range moves", (0.01, 0.99)),
    number("margin", "logit_margin", "the same = logistic", (-4.0, 4.0)),
    number("shift", "daily_price_shift_base", "factor per second of a moving virtual balance", (0.9999, 0.999_999)),
    number("shift", "shift_exponent", "the same = 1 - exponent / 124649", (0.1, 10.0)),
    number("shift", "log_shift_exponent", "that exponent, log2", (-4.0, 4.0)),
    optional("arc_length_speed", "speed at which the range moves with a constant arc length", (1e-6, 1e-2)),
    optional("log_arc_length_speed", "the same, log2", (-20.0, -6.0)),
    optional("fees", "swap fee, a fraction", (1e-4, 0.05)),
    optional("logit_fees", "the same = logistic", (-10.0, -3.0)),
];

const fn optional(name: &'static str, meaning: &'static str, range: (f64, f64)) -> LeafSpec {
    LeafSpec::optional(name, meaning, range).with_shape(LeafShape::Values(1))
}

/// How fast the range moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// The exponent in `base = 1 - exponent / 124649`.
    Exponent(f64),
    /// Factor per second of a moving virtual balance.
    Base(f64),
}

/// Where training starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReclammStart {
    /// Highest price / lowest price.
    pub price_ratio: f64,
    /// Centeredness below which the range moves.
    pub centeredness_margin: f64,
    /// How fast the range moves.
    pub shift: Shift,
    /// Speed of a constant arc length, where it is trained.
    pub arc_length_speed: Option<f64>,
    /// Swap fee, where it is trained.
    pub fee_rate: Option<f64>,
    /// Train the numbers as they are, not in their unbounded forms.
    pub physical: bool,
}

impl Default for ReclammStart {
    fn default() -> Self {
        Self {
            price_ratio: 4.0,
            centeredness_margin: 0.2,
            shift: Shift::Exponent(1.0),
            arc_length_speed: None,
            fee_rate: None,
            physical: false,
        }
    }
}

/// The rule that starts there.
pub fn rule(start: &ReclammStart) -> CurveRule {
    let ReclammStart { price_ratio, centeredness_margin, .. } = *start;
    let (physical_shift, exponent) = match start.shift {
        Shift::Exponent(exponent) => (("shift_exponent", Some(exponent)), exponent),
        Shift::Base(base) => (("daily_price_shift_base", Some(base)), (1.0 - base) * SECONDS_PER_EXPONENT),
    };
    let (speed, fee) = (start.arc_length_speed, start.fee_rate);
    let leaves = if start.physical {
        [
            ("price_ratio", Some(price_ratio)),
            ("centeredness_margin", Some(centeredness_margin)),
            physical_shift,
            ("arc_length_speed", speed),
            ("fees", fee),
        ]
    } else {
        [
            ("log_excess_ratio", Some((price_ratio - 1.0).log2())),
            ("logit_margin", Some(logit(centeredness_margin))),
            ("log_shift_exponent", Some(exponent.log2())),
            ("log_arc_length_speed", speed.map(f64::log2)),
            ("logit_fees", fee.map(logit)),
        ]
    };
    let given = leaves.into_iter().filter_map(|(leaf, value)| Some((leaf.to_owned(), vec![value?])));
    let summary = "a Balancer reCLAMM of two assets: liquidity in a price range that follows the market";
    CurveRule { name: RECLAMM, summary, leaves: LEAVES, start: ParameterValues { leaves: given.collect() } }
}

/// What the curve of every set is made of.
#[derive(Clone, Debug)]
pub struct ReclammParameters {
    /// Price ratio, margin, and base of the shift or its exponent, `[sets, 3]`.
    pub curve: Tensor<2>,
    /// The shift is an exponent: in single precision bases cannot be told apart.
    pub shift_is_exponent: bool,
    /// Speed of a constant arc length, `[sets, 1]`, where it is a parameter.
    pub arc_length_speed: Option<Tensor<2>>,
    /// Swap fee, `[sets, 1]`, where it is a parameter.
    pub fee_rate: Option<Tensor<2>>,
}

impl ReclammParameters {
    /// Reads parameter sets.
    ///
    /// # Panics
    /// If a number is given in no form, which [`check_values`](crate::rule::check_values) excludes.
    #[expect(clippy::expect_used, reason = "check_values has found one form of each")]
    pub fn of(sets: &ParameterSets) -> Self {
        let of = |forms: &[Form]| given(sets, forms);
        let exponent = of(&[("shift_exponent", |exponent| exponent), ("log_shift_exponent", power_of_two)]);
        let shift_is_exponent = exponent.is_some();
        let curve = [
            of(&[("price_ratio", |ratio| ratio), ("log_excess_ratio", |log| power_of_two(log) + 1.0)]),
            of(&[("centeredness_margin", |margin| margin), ("logit_margin", logistic)]),
            exponent.or_else(|| of(&[("daily_price_shift_base", |base| base)])),
        ];
        let curve = curve.map(|number| number.expect("checked parameters have each number in some form"));
        Self {
            curve: Tensor::cat(curve.into(), 1),
            shift_is_exponent,
            arc_length_speed: of(&[("arc_length_speed", |speed| speed), ("log_arc_length_speed", power_of_two)]),
            fee_rate: of(&[("fees", |fee| fee), ("logit_fees", logistic)]),
        }
    }
}
