//! The chain of one update: clip, direction, weight decay, learning rate.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Bool, Tensor, TensorData};
use gradpool_strategy::parameters::ParameterSets;

use super::{Moments, Optimiser, column};
use crate::error::TrainerError;

/// Parameters and averages that an update would give; nothing is changed until they are taken over.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// All leaves, frozen ones included.
    pub parameters: ParameterSets,
    /// Averages of the optimiser.
    pub moments: BTreeMap<String, ParameterSets>,
}

/// Gradient ascent on several parameter sets with clipping, weight decay and frozen leaves.
pub struct Ascent {
    optimiser: Box<dyn Optimiser>,
    clip_norm: f64,
    frozen: BTreeSet<String>,
    decay_frozen_leaves: bool,
}

impl Ascent {
    /// `clip_norm` 0 switches clipping off. `decay_frozen_leaves` reproduces a defect of the reference system.
    pub fn new(
        optimiser: Box<dyn Optimiser>,
        clip_norm: f64,
        frozen: impl IntoIterator<Item = String>,
        decay_frozen_leaves: bool,
    ) -> Self {
        Self { optimiser, clip_norm, frozen: frozen.into_iter().collect(), decay_frozen_leaves }
    }

    /// The optimiser.
    pub fn optimiser(&self) -> &dyn Optimiser {
        self.optimiser.as_ref()
    }

    /// Whether a leaf is never trained.
    pub fn is_frozen(&self, leaf: &str) -> bool {
        self.frozen.contains(leaf)
    }

    /// Averages before the first update.
    pub fn initial_moments(&self, parameters: &ParameterSets) -> Moments {
        let zeros = self.trained(parameters).map(|_, tensor| tensor.zeros_like());
        let tensors = self.optimiser.moments().iter().map(|name| ((*name).to_owned(), zeros.clone())).collect();
        Moments { tensors, updates: vec![0; parameters.sets()] }
    }

    /// The leaves that are trained.
    pub fn trained(&self, sets: &ParameterSets) -> ParameterSets {
        let leaves = sets.leaves.iter().filter(|(leaf, _)| !self.is_frozen(leaf));
        ParameterSets { leaves: leaves.map(|(leaf, tensor)| (leaf.clone(), tensor.clone())).collect() }
    }

    /// The trained leaves of a gradient, checked against the parameters.
    ///
    /// # Errors
    /// [`TrainerError::ObjectiveShape`] if a trained leaf is absent or of another shape.
    pub fn trained_gradient(
        &self,
        gradient: &ParameterSets,
        parameters: &ParameterSets,
    ) -> Result<ParameterSets, TrainerError> {
        let mut leaves = BTreeMap::new();
        for (leaf, tensor) in &self.trained(parameters).leaves {
            let expected = tensor.dims();
            let found = gradient.leaf(leaf);
            match found {
                Some(slope) if slope.dims() == expected => leaves.insert(leaf.clone(), slope.clone()),
                _ => {
                    return Err(TrainerError::ObjectiveShape {
                        found: found.map_or_else(
                            || format!("no gradient for `{leaf}`"),
                            |slope| format!("a gradient of shape {:?} for `{leaf}`", slope.dims()),
                        ),
                        expected: format!("shape {expected:?} (parameter sets x values)"),
                    });
                }
            };
        }
        Ok(ParameterSets { leaves })
    }

    /// What one update gives. `gradient` holds the trained leaves only, `norms` its norm per set over all of them,
    /// `rates` the learning rate per set.
    pub fn propose(
        &self,
        parameters: &ParameterSets,
        gradient: &ParameterSets,
        norms: &[f64],
        rates: &[f64],
        moments: &Moments,
    ) -> Proposal {
        let gradient = self.clip(gradient, norms);
        let (direction, moments) = self.optimiser.direction(&gradient, moments);
        let decay = self.optimiser.weight_decay();
        let parameters = parameters.map(|leaf, values| {
            let rate = || column(rates.to_vec(), &values.device(), values.dtype());
            match direction.leaf(leaf) {
                Some(direction) if decay > 0.0 => {
                    values.clone() + rate() * (direction.clone() - values.clone() * decay)
                }
                Some(direction) => values.clone() + rate() * direction.clone(),
                None if self.decay_frozen_leaves => values.clone() - rate() * (values.clone() * decay),
                None => values.clone(),
            }
        });
        Proposal { parameters, moments }
    }

    /// Scales the gradient of each set whose norm reaches `clip_norm` down to that norm.
    fn clip(&self, gradient: &ParameterSets, norms: &[f64]) -> ParameterSets {
        if self.clip_norm == 0.0 || !norms.iter().any(|&norm| norm >= self.clip_norm) {
            return gradient.clone();
        }
        let scales: Vec<f64> =
            norms.iter().map(|&norm| if norm >= self.clip_norm { self.clip_norm / norm } else { 1.0 }).collect();
        gradient.map(|_, slope| slope.clone() * column(scales.clone(), &slope.device(), slope.dtype()))
    }
}

/// Takes `proposed` where `accepted`, `current` elsewhere, set by set.
pub(crate) fn take(current: &ParameterSets, proposed: &ParameterSets, accepted: &[bool]) -> ParameterSets {
    if accepted.iter().all(|&set| set) {
        return proposed.clone();
    }
    current.map(|leaf, values| {
        let mask = TensorData::new(accepted.to_vec(), [accepted.len(), 1]);
        let mask = Tensor::<2, Bool>::from_data(mask, &values.device()).expand(values.dims());
        values.clone().mask_where(mask, proposed.leaves[leaf].clone())
    })
}

/// All values of each set on the host, leaf after leaf in order of names: one row per set. One transfer.
pub fn rows(sets: &ParameterSets) -> Vec<Vec<f64>> {
    let leaves: Vec<Tensor<2>> = sets.leaves.values().cloned().collect();
    if leaves.is_empty() {
        return Vec::new();
    }
    let joined = Tensor::cat(leaves, 1);
    let [_, width] = joined.dims();
    let flat: Vec<f64> = joined.into_data().convert::<f64>().iter::<f64>().collect();
    flat.chunks(width.max(1)).map(<[f64]>::to_vec).collect()
}
