//! The covariance estimator over time.

use crate::Int256;
use crate::estimators::{Lambda, covariance, moving_average};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

pub(super) fn verify(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let lambda = case.get("lambda")?.settings()?;
        let lambda = Lambda(&lambda);
        let mut averages = case.get("initialMovingAverages")?.integers()?;
        let mut state = case.get("initialState")?.matrix()?.concat();
        for step in case.get("steps")?.items()? {
            let prices = step.get("p")?.integers()?;
            let found = moving_average(&prices, &averages, lambda)
                .and_then(|next| Ok((covariance(&prices, &averages, &next, lambda, &state)?, next)));
            match found {
                Ok((found, next)) => {
                    tally.value(&step.get("ma")?, &next);
                    tally.value(&step.get("state")?, &rows(&found.state, next.len()));
                    tally.value(&step.get("cov")?, &rows(&found.values, next.len()));
                    (averages, state) = (next, found.state);
                }
                Err(revert) => tally.outcome(&step, "cov", Err::<Int256, _>(revert)),
            }
        }
    }
    Ok(())
}

pub(super) fn rows(values: &[Int256], width: usize) -> Vec<Vec<Int256>> {
    values.chunks(width.max(1)).map(<[Int256]>::to_vec).collect()
}
