//! Parameter sets: on the host (one set, plain numbers) and on a device (many sets side by side).

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::StrategyError;

/// The leaf that every rule has and that is never trained (spec 01 sec. 1.7).
pub const INITIAL_WEIGHTS_LOGITS: &str = "initial_weights_logits";

/// One parameter set on the host: leaf name to its values, in the number that the leaf's
/// [`LeafShape`](crate::rule::LeafShape) says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterValues {
    /// Leaf name to values, in the alphabetical order of assets.
    pub leaves: BTreeMap<String, Vec<f64>>,
}

impl ParameterValues {
    /// Builds a set from `(name, values)` pairs.
    pub fn new<const N: usize>(leaves: [(&str, Vec<f64>); N]) -> Self {
        Self { leaves: leaves.into_iter().map(|(name, values)| (name.to_owned(), values)).collect() }
    }

    /// The same set with one more leaf.
    #[must_use]
    pub fn with(mut self, leaf: &str, values: Vec<f64>) -> Self {
        self.leaves.insert(leaf.to_owned(), values);
        self
    }

    /// The values of a leaf, if it exists.
    pub fn leaf(&self, name: &str) -> Option<&[f64]> {
        self.leaves.get(name).map(Vec::as_slice)
    }

    /// The first value that is NaN or infinite, as `(leaf, position, value)`.
    pub fn first_non_finite(&self) -> Option<(&str, usize, f64)> {
        self.leaves.iter().find_map(|(name, values)| {
            let position = values.iter().position(|value| !value.is_finite())?;
            Some((name.as_str(), position, values[position]))
        })
    }
}

/// Leaves of `P` parameter sets on a device: name to `[P, width]`. Leaves are ordered by name.
#[derive(Clone, Debug)]
pub struct ParameterSets {
    /// Leaf name to its `[P, width]` tensor.
    pub leaves: BTreeMap<String, Tensor<2>>,
}

impl ParameterSets {
    /// Places parameter sets side by side on `device`.
    ///
    /// # Errors
    /// [`StrategyError::NoSets`] without sets, [`StrategyError::UnequalSets`] if they differ in leaves or widths.
    pub fn from_values(sets: &[ParameterValues], device: &Device, dtype: DType) -> Result<Self, StrategyError> {
        let first = sets.first().ok_or(StrategyError::NoSets)?;
        for (set, values) in sets.iter().enumerate() {
            if !values.leaves.keys().eq(first.leaves.keys()) {
                let detail = format!(
                    "leaves {:?} against {:?}",
                    values.leaves.keys().collect::<Vec<_>>(),
                    first.leaves.keys().collect::<Vec<_>>()
                );
                return Err(StrategyError::UnequalSets { set, detail });
            }
            for (name, expected) in &first.leaves {
                let found = values.leaves[name].len();
                if found != expected.len() {
                    let detail = format!("`{name}` has {found} values against {}", expected.len());
                    return Err(StrategyError::UnequalSets { set, detail });
                }
            }
        }
        let leaves = first
            .leaves
            .iter()
            .map(|(name, expected)| {
                let flat: Vec<f64> = sets.iter().flat_map(|set| set.leaves[name].iter().copied()).collect();
                let data = TensorData::new(flat, [sets.len(), expected.len()]);
                (name.clone(), Tensor::from_data(data, (device, dtype)))
            })
            .collect();
        Ok(Self { leaves })
    }

    /// Copies the sets to the host, as `f64`.
    pub fn to_values(&self) -> Vec<ParameterValues> {
        let mut sets = vec![ParameterValues::default(); self.sets()];
        for (name, tensor) in &self.leaves {
            let [_, width] = tensor.dims();
            let flat: Vec<f64> = tensor.to_data().convert::<f64>().iter::<f64>().collect();
            for (set, values) in sets.iter_mut().zip(flat.chunks(width.max(1))) {
                set.leaves.insert(name.clone(), values.to_vec());
            }
        }
        sets
    }

    /// Number of parameter sets.
    pub fn sets(&self) -> usize {
        self.leaves.values().next().map_or(0, |tensor| tensor.dims()[0])
    }

    /// Applies `f` to every leaf.
    #[must_use]
    pub fn map(&self, mut f: impl FnMut(&str, &Tensor<2>) -> Tensor<2>) -> Self {
        Self { leaves: self.leaves.iter().map(|(name, tensor)| (name.clone(), f(name, tensor))).collect() }
    }

    /// The `[P, width]` tensor of a leaf, if it exists.
    pub fn leaf(&self, name: &str) -> Option<&Tensor<2>> {
        self.leaves.get(name)
    }
}
