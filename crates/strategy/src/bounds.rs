//! Bounds of weights that are trained (spec 01 sec. 1.8): leaves whose values always mean valid bounds.

use burn::tensor::{Tensor, activation::softmax};

use crate::error::StrategyError;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec};
use crate::settings::{BoundsForm, StrategySettings, WeightBounds};
use crate::transforms::{logistic, logit};

/// Leaf of the sum of all smallest weights.
pub const MINIMUM_BUDGET: &str = "raw_min_budget";
/// Leaf of how that sum is shared.
pub const MINIMUM_LOGITS: &str = "raw_min_logits";
/// Leaf of how far the largest weight is above the smallest.
pub const GAP_LOGITS: &str = "raw_gap_logits";

/// Keeps logarithms and divisions of the starting point finite, as the reference does.
const GUARD: f64 = 1e-8;
const EDGE: f64 = 1e-6;

/// The leaves that hold bounds.
pub const BOUND_LEAVES: &[LeafSpec] = &[
    LeafSpec::required(MINIMUM_BUDGET, "sum of the smallest weights = logistic", (-5.0, 5.0))
        .with_shape(LeafShape::Values(1)),
    LeafSpec::required(MINIMUM_LOGITS, "how the sum of the smallest weights is shared = softmax", (-5.0, 5.0)),
    LeafSpec::required(GAP_LOGITS, "largest weight above the smallest, as a share of the room = logistic", (-5.0, 5.0)),
];

/// Lower and upper bounds `[sets, 2, assets]` from the leaves:
///
/// ```text
/// min = logistic(budget) softmax(logits)      m0 = min + (1 - min) logistic(gap)      max = m0 max(1 / (sum m0 + 1e-6), 1)
/// ```
///
/// # Panics
/// If a leaf is absent.
pub fn learned_bounds(parameters: &ParameterSets, assets: usize) -> Tensor<3> {
    let leaf = |name: &str| {
        let leaf = parameters.leaf(name);
        leaf.unwrap_or_else(|| panic!("parameter leaf `{name}` is missing; Strategy::check was not called")).clone()
    };
    let per_asset = |name: &str| {
        let leaf = leaf(name);
        let [sets, width] = leaf.dims();
        if width == assets { leaf } else { leaf.expand([sets, assets]) }
    };
    let minimum = softmax(per_asset(MINIMUM_LOGITS), 1) * logistic(leaf(MINIMUM_BUDGET));
    let gap = (minimum.clone().neg() + 1.0) * logistic(per_asset(GAP_LOGITS));
    let reach = minimum.clone() + gap;
    let stretch = (reach.clone().sum_dim(1) + EDGE).recip().clamp_min(1.0);
    let maximum = reach * stretch;
    Tensor::cat(vec![minimum.unsqueeze_dim(1), maximum.unsqueeze_dim(1)], 1)
}

/// Leaves that start at the given bounds.
pub fn bound_leaves(bounds: &WeightBounds) -> ParameterValues {
    let total: f64 = bounds.minimum.iter().sum();
    let logits = bounds.minimum.iter().map(|minimum| (minimum / (total + GUARD) + GUARD).ln()).collect();
    let gaps = bounds
        .minimum
        .iter()
        .zip(&bounds.maximum)
        .map(|(minimum, maximum)| logit(((maximum - minimum) / (1.0 - minimum + GUARD)).clamp(EDGE, 1.0 - EDGE)));
    ParameterValues::new([
        (MINIMUM_BUDGET, vec![logit(total.clamp(EDGE, 1.0 - EDGE))]),
        (MINIMUM_LOGITS, logits),
        (GAP_LOGITS, gaps.collect()),
    ])
}

impl WeightBounds {
    /// Spec 01 sec. 1.8: both vectors per asset, 0 <= minimum < maximum <= 1, sum of minima <= 1 <= sum of maxima.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] naming the vector.
    pub fn validate(&self, assets: usize) -> Result<(), StrategyError> {
        let refuse =
            |key: &str, value: String, valid: String| Err(StrategyError::Setting { key: key.to_owned(), value, valid });
        for (key, values) in [("bounds.minimum", &self.minimum), ("bounds.maximum", &self.maximum)] {
            if values.len() != assets {
                let valid = format!("{assets} values, one per asset");
                return refuse(key, format!("{} values", values.len()), valid);
            }
        }
        for (asset, (&low, &high)) in self.minimum.iter().zip(&self.maximum).enumerate() {
            if !(low >= 0.0 && low < high && high <= 1.0) {
                let valid = "0 <= minimum < maximum <= 1".to_owned();
                return refuse("bounds", format!("{low} to {high} for asset {asset}"), valid);
            }
        }
        let (lowest, highest): (f64, f64) = (self.minimum.iter().sum(), self.maximum.iter().sum());
        if lowest > 1.0 || highest < 1.0 {
            let valid = "a sum of minima of at most 1 and a sum of maxima of at least 1".to_owned();
            return refuse("bounds", format!("sums {lowest} and {highest}"), valid);
        }
        Ok(())
    }
}

impl StrategySettings {
    /// Whether parameter sets hold the bounds.
    pub fn has_bound_leaves(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.form != BoundsForm::Fixed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use proptest::prelude::*;

    fn bounds_of(values: &ParameterValues, assets: usize) -> Vec<f64> {
        let sets = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64).unwrap();
        learned_bounds(&sets, assets).into_data().iter::<f64>().collect()
    }

    #[test]
    fn leaves_begin_at_the_given_bounds() {
        let bounds =
            WeightBounds { minimum: vec![0.1, 0.15, 0.2], maximum: vec![0.5, 0.5, 0.7], form: BoundsForm::Learned };
        let found = bounds_of(&bound_leaves(&bounds), 3);
        for (found, expected) in found.iter().zip(bounds.minimum.iter().chain(&bounds.maximum)) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn any_leaves_mean_valid_bounds(
            budget in -8.0..8.0f64,
            logits in prop::collection::vec((-4.0..4.0f64, -3.0..8.0f64), 2..6),
        ) {
            let assets = logits.len();
            let values = ParameterValues::new([
                (MINIMUM_BUDGET, vec![budget]),
                (MINIMUM_LOGITS, logits.iter().map(|pair| pair.0).collect()),
                (GAP_LOGITS, logits.iter().map(|pair| pair.1).collect()),
            ]);
            let found = bounds_of(&values, assets);
            let (minimum, maximum) = found.split_at(assets);
            prop_assert!(minimum.iter().sum::<f64>() <= 1.0 && maximum.iter().sum::<f64>() >= 1.0 - 2e-5);
            prop_assert!(minimum.iter().zip(maximum).all(|(low, high)| 0.0 <= *low && low < high));
        }
    }
}
