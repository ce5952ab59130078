//! Many parameter sets on the host, without a map per set.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::parameters::{ParameterSets, ParameterValues};

/// The values of one leaf in every set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeafValues {
    /// Values per set.
    pub width: usize,
    /// `[sets, width]`, row-major.
    pub values: Vec<f64>,
}

/// Parameter sets side by side: [`ParameterSets`] on the host, as `f64`. A million sets cost eight bytes per value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ParameterTable {
    sets: usize,
    leaves: BTreeMap<String, LeafValues>,
}

impl ParameterTable {
    /// The same values in every set.
    pub fn repeat(values: &ParameterValues, sets: usize) -> Self {
        let leaf = |values: &Vec<f64>| LeafValues { width: values.len(), values: values.repeat(sets) };
        Self { sets, leaves: values.leaves.iter().map(|(name, values)| (name.clone(), leaf(values))).collect() }
    }

    /// Sets side by side.
    ///
    /// # Errors
    /// [`StrategyError::NoSets`] without sets, [`StrategyError::UnequalSets`] if they differ in leaves or widths.
    pub fn from_values(sets: &[ParameterValues]) -> Result<Self, StrategyError> {
        let mut table = Self::repeat(sets.first().ok_or(StrategyError::NoSets)?, sets.len());
        for (set, values) in sets.iter().enumerate() {
            table.put(set, values)?;
        }
        Ok(table)
    }

    /// Copies tensors to the host.
    pub fn from_sets(sets: &ParameterSets) -> Self {
        let leaf = |tensor: &Tensor<2>| {
            let values = tensor.to_data().convert::<f64>().iter::<f64>().collect();
            LeafValues { width: tensor.dims()[1], values }
        };
        let leaves = sets.leaves.iter().map(|(name, tensor)| (name.clone(), leaf(tensor))).collect();
        Self { sets: sets.sets(), leaves }
    }

    /// A table of leaves that all have `sets` rows; `None` if one has not.
    pub fn from_leaves(sets: usize, leaves: BTreeMap<String, LeafValues>) -> Option<Self> {
        let fits = leaves.values().all(|leaf| leaf.values.len() == sets * leaf.width);
        fits.then_some(Self { sets, leaves })
    }

    /// Places the sets on a device.
    pub fn on(&self, device: &Device, dtype: DType) -> ParameterSets {
        let tensor = |leaf: &LeafValues| {
            Tensor::from_data(TensorData::new(leaf.values.clone(), [self.sets, leaf.width]), (device, dtype))
        };
        ParameterSets { leaves: self.leaves.iter().map(|(name, leaf)| (name.clone(), tensor(leaf))).collect() }
    }

    /// Number of sets.
    pub fn sets(&self) -> usize {
        self.sets
    }

    /// Leaves by name.
    pub fn leaves(&self) -> &BTreeMap<String, LeafValues> {
        &self.leaves
    }

    /// The same to be changed; lengths must stay.
    pub fn leaves_mut(&mut self) -> &mut BTreeMap<String, LeafValues> {
        &mut self.leaves
    }

    /// Values per set, over all leaves.
    pub fn width(&self) -> usize {
        self.leaves.values().map(|leaf| leaf.width).sum()
    }

    /// One set.
    ///
    /// # Panics
    /// If there is no such set.
    pub fn set(&self, set: usize) -> ParameterValues {
        let row = |leaf: &LeafValues| leaf.values[set * leaf.width..(set + 1) * leaf.width].to_vec();
        ParameterValues { leaves: self.leaves.iter().map(|(name, leaf)| (name.clone(), row(leaf))).collect() }
    }

    /// All sets one by one; for few sets.
    pub fn to_values(&self) -> Vec<ParameterValues> {
        (0..self.sets).map(|set| self.set(set)).collect()
    }

    /// Replaces one set.
    ///
    /// # Errors
    /// [`StrategyError::UnequalSets`] if it has other leaves or widths.
    ///
    /// # Panics
    /// If there is no such set.
    pub fn put(&mut self, set: usize, values: &ParameterValues) -> Result<(), StrategyError> {
        if !values.leaves.keys().eq(self.leaves.keys()) {
            let names = |leaves: &mut dyn Iterator<Item = &String>| leaves.cloned().collect::<Vec<_>>();
            let (found, expected) = (names(&mut values.leaves.keys()), names(&mut self.leaves.keys()));
            return Err(StrategyError::UnequalSets { set, detail: format!("leaves {found:?} against {expected:?}") });
        }
        for ((name, leaf), values) in self.leaves.iter_mut().zip(values.leaves.values()) {
            if values.len() != leaf.width {
                let detail = format!("`{name}` has {} values against {}", values.len(), leaf.width);
                return Err(StrategyError::UnequalSets { set, detail });
            }
            leaf.values[set * leaf.width..(set + 1) * leaf.width].copy_from_slice(values);
        }
        Ok(())
    }

    /// Copies one set of another table with the same leaves.
    ///
    /// # Panics
    /// If leaves or widths differ, or a set does not exist.
    pub fn copy_set(&mut self, set: usize, from: &Self, other: usize) {
        for (leaf, source) in self.leaves.values_mut().zip(from.leaves.values()) {
            let width = leaf.width;
            leaf.values[set * width..(set + 1) * width]
                .copy_from_slice(&source.values[other * width..(other + 1) * width]);
        }
    }

    /// The sets at rising places, the others dropped.
    pub fn keep(&mut self, places: &[usize]) {
        for leaf in self.leaves.values_mut() {
            for (to, &from) in places.iter().enumerate() {
                leaf.values.copy_within(from * leaf.width..(from + 1) * leaf.width, to * leaf.width);
            }
            leaf.values.truncate(places.len() * leaf.width);
            leaf.values.shrink_to_fit();
        }
        self.sets = places.len();
    }

    /// The first value that is NaN or infinite, as `(set, leaf, position, value)`; sets in order.
    pub fn first_non_finite(&self) -> Option<(usize, &str, usize, f64)> {
        let of_leaf = |(name, leaf): (&'_ String, &'_ LeafValues)| {
            let place = leaf.values.iter().position(|value| !value.is_finite())?;
            Some((place / leaf.width, name.clone(), place % leaf.width))
        };
        let (set, name, position) = self.leaves.iter().filter_map(of_leaf).min()?;
        let (name, leaf) = self.leaves.get_key_value(&name)?;
        Some((set, name, position, leaf.values[set * leaf.width + position]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sets() -> Vec<ParameterValues> {
        let set = |value: f64| ParameterValues::new([("k", vec![value, value + 0.1]), ("l", vec![-value])]);
        (0..5).map(|index| set(f64::from(index))).collect()
    }

    #[test]
    fn sets_are_read_back_replaced_and_dropped() {
        let mut table = ParameterTable::from_values(&sets()).unwrap();
        assert_eq!((table.sets(), table.width()), (5, 3));
        assert_eq!(table.to_values(), sets());
        assert_eq!(ParameterTable::from_sets(&table.on(&Device::flex(), DType::F64)), table);
        table.put(1, &sets()[4]).unwrap();
        table.keep(&[0, 1, 3]);
        assert_eq!(table.to_values(), [sets()[0].clone(), sets()[4].clone(), sets()[3].clone()]);
        let other = ParameterTable::repeat(&sets()[2], 2);
        table.copy_set(0, &other, 1);
        assert_eq!(table.set(0), sets()[2]);
    }

    #[test]
    fn the_first_non_finite_value_is_that_of_the_first_set() {
        let mut sets = sets();
        sets[3].leaves.insert("k".into(), vec![f64::NAN, 0.0]);
        sets[2].leaves.insert("l".into(), vec![f64::INFINITY]);
        let table = ParameterTable::from_values(&sets).unwrap();
        assert_eq!(table.first_non_finite(), Some((2, "l", 0, f64::INFINITY)));
    }

    #[test]
    fn unequal_sets_are_refused() {
        let mut sets = sets();
        sets[1].leaves.insert("k".into(), vec![1.0]);
        let error = ParameterTable::from_values(&sets).unwrap_err().to_string();
        assert!(error.contains("`k` has 1 values against 2"), "{error}");
        sets[1].leaves.remove("k");
        assert!(ParameterTable::from_values(&sets).is_err());
        assert!(matches!(ParameterTable::from_values(&[]), Err(StrategyError::NoSets)));
    }
}
