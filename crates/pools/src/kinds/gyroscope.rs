//! Gyroscope's E-CLP.

use std::f64::consts::FRAC_PI_2;

use gradpool_ops::curves::{Curve, Eclp};
use gradpool_strategy::{ParameterSets, rules};

use super::{Outside, Parameters, first_outside};

pub(super) fn parameters(pool: Eclp, sets: &ParameterSets) -> Parameters {
    Parameters { curve: Curve::Eclp(pool), numbers: rules::gyroscope::parameters(sets) }
}

pub(super) fn outside(numbers: &[f64]) -> Option<Outside> {
    let [phi, alpha, beta, lam] = std::array::from_fn(|index| numbers[index]);
    first_outside([
        ((0.0..=FRAC_PI_2).contains(&phi), "phi", phi, "from 0 to pi / 2".to_owned()),
        (alpha > 0.0 && alpha.is_finite(), "alpha", alpha, "above 0".into()),
        (beta > alpha && beta.is_finite(), "beta", beta, format!("above alpha ({alpha})")),
        (lam >= 1.0 && lam.is_finite(), "lam", lam, "1 or more".into()),
    ])
}
