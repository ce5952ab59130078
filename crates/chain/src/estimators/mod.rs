//! What rules know of the past: averages, gradients, variances (spec 13.3).

mod covariance;
mod gradient;
mod moving_average;
mod variance;

pub use covariance::{Covariance, covariance};
pub use gradient::{gradient, gradient_scale};
pub(crate) use moving_average::average;
pub use moving_average::moving_average;
pub use variance::variance;

use crate::error::{Panic, Revert};
use crate::fixed_point::ONE;
use crate::{Int256, element};

/// The decay of a pool: one lambda for all assets, or one per asset, with 18 decimals.
#[derive(Clone, Copy, Debug)]
pub struct Lambda<'a>(pub &'a [u64]);

impl Lambda<'_> {
    /// Whether one lambda holds for all assets.
    pub fn is_scalar(self) -> bool {
        self.0.len() == 1
    }

    /// Lambda of an asset.
    ///
    /// # Errors
    /// [`Panic::IndexOutOfBounds`] when there is none.
    pub fn of(self, asset: usize) -> Result<Int256, Revert> {
        let index = if self.is_scalar() { 0 } else { asset };
        self.0.get(index).map(|lambda| Int256::from(*lambda)).ok_or_else(|| Panic::IndexOutOfBounds.into())
    }

    /// One less lambda of an asset.
    ///
    /// # Errors
    /// [`Panic::IndexOutOfBounds`] when there is none.
    pub fn complement(self, asset: usize) -> Result<Int256, Revert> {
        ONE.checked_sub(self.of(asset)?)
    }
}

/// A new estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The estimator's state as it is stored: two values to a word.
    pub words: Vec<Int256>,
    /// One estimate per asset, with 18 decimals.
    pub values: Vec<Int256>,
}

/// A value per asset, or one for all.
pub(crate) fn broadcast(values: &[Int256], asset: usize) -> Result<Int256, Revert> {
    element(values, if values.len() == 1 { 0 } else { asset })
}
