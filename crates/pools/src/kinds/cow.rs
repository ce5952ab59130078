//! CoW pools: constant weights, which may be trained.

use gradpool_ops::curves::{Curve, FmAmm};
use gradpool_strategy::RuleContext;

use super::{Outside, Parameters, first_outside};
use crate::error::PoolError;

pub(super) fn check(pool: FmAmm) -> Result<(), PoolError> {
    if (0.0..=1.0).contains(&pool.arbitrage_quality) {
        return Ok(());
    }
    let value = pool.arbitrage_quality.to_string();
    Err(PoolError::Setting { key: "arbitrage_quality", value, valid: "from 0 to 1" })
}

pub(super) fn parameters(pool: FmAmm, context: &RuleContext<'_>) -> Parameters {
    Parameters { curve: Curve::FmAmm(pool), numbers: context.initial_weights().narrow(1, 0, 1) }
}

pub(super) fn outside(numbers: &[f64]) -> Option<Outside> {
    let weight = numbers[0];
    let fits = weight > 0.0 && weight < 1.0;
    first_outside([(fits, "initial_weights", weight, "between 0 and 1, both excluded".into())])
}
