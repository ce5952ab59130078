//! Parameter sets: on the host (one set, plain numbers) and on a device (many sets side by side).

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::table::ParameterTable;

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
        Ok(ParameterTable::from_values(sets)?.on(device, dtype))
    }

    /// Copies the sets to the host, as `f64`.
    pub fn to_values(&self) -> Vec<ParameterValues> {
        ParameterTable::from_sets(self).to_values()
    }

    /// Number of parameter sets.
    pub fn sets(&self) -> usize {
        self.leaves.values().next().map_or(0, |tensor| tensor.dims()[0])
    }

    /// The sets at some places, in that order.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        let indices: Vec<i64> = places.iter().map(|&place| place as i64).collect();
        self.map(|_, tensor| {
            let indices = TensorData::new(indices.clone(), [indices.len()]);
            tensor.clone().select(0, Tensor::from_data(indices, &tensor.device()))
        })
    }

    /// Consecutive sets.
    #[must_use]
    pub fn slice(&self, sets: Range<usize>) -> Self {
        if sets == (0..self.sets()) {
            return self.clone();
        }
        self.map(|_, tensor| tensor.clone().narrow(0, sets.start, sets.len()))
    }

    /// Joins sets with the same leaves, one part after another.
    ///
    /// # Panics
    /// If leaves differ.
    #[must_use]
    pub fn join(parts: Vec<Self>) -> Self {
        let mut leaves: BTreeMap<String, Vec<Tensor<2>>> = BTreeMap::new();
        for (name, tensor) in parts.into_iter().flat_map(|part| part.leaves) {
            leaves.entry(name).or_default().push(tensor);
        }
        let joined = |(name, mut tensors): (String, Vec<Tensor<2>>)| match tensors.pop() {
            Some(only) if tensors.is_empty() => (name, only),
            last => (name, Tensor::cat(tensors.into_iter().chain(last).collect(), 0)),
        };
        Self { leaves: leaves.into_iter().map(joined).collect() }
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
