use crate::error::Revert;
use crate::fixed_point::{ONE, divide, multiply};
use crate::{Int256, element};

use super::Lambda;

/// New moving averages: `lambda m + (1 - lambda) p`, each product rounded by itself (spec 13.3).
///
/// Averages and prices with 18 decimals; one average per element of `averages`.
///
/// # Errors
/// [`Panic::IndexOutOfBounds`](crate::Panic::IndexOutOfBounds) where prices or lambda are too few, and those of the
/// arithmetic.
pub fn moving_average(prices: &[Int256], averages: &[Int256], lambda: Lambda<'_>) -> Result<Vec<Int256>, Revert> {
    let next = |asset: usize| average(element(averages, asset)?, element(prices, asset)?, lambda.of(asset)?);
    (0..averages.len()).map(next).collect()
}

/// The new average of one asset.
pub(crate) fn average(average: Int256, price: Int256, lambda: Int256) -> Result<Int256, Revert> {
    let old = multiply(average, lambda)?;
    let new = multiply(price, ONE.checked_sub(lambda)?)?;
    divide(old.checked_add(new)?, ONE)
}
