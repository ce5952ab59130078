//! One update of several independent parameter sets, by gradient ascent.
//!
//! An update is: clip the gradient of each set to a global norm, let the [`Optimiser`] turn it into a direction, add
//! decoupled weight decay, multiply by the set's learning rate, add to the parameters (spec 07 sec. 6.2). Every stage
//! treats each set on its own, so a set's trajectory is the same, bit for bit, whether it trains alone or beside others.
//! (burn-optim is not used: it clips per tensor, and knows nothing of several sets in one tensor, which would have to be
//! clipped, skipped and restarted one by one.)

mod adam;
mod ascent;
mod sgd;

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_strategy::parameters::ParameterSets;

pub use adam::Adam;
pub(crate) use ascent::take;
pub use ascent::{Ascent, Proposal, rows};
pub use sgd::Sgd;

use crate::settings::{OptimiserKind, TrainSettings};

/// Running averages of an optimiser, on the device of the parameters.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Name of the average to its values, `[sets, width]` per trained leaf.
    pub tensors: BTreeMap<String, ParameterSets>,
    /// How many updates have gone into the averages, per set.
    pub updates: Vec<u64>,
}

impl Moments {
    /// Those of consecutive sets.
    #[must_use]
    pub fn slice(&self, sets: Range<usize>) -> Self {
        let tensors = self.tensors.iter().map(|(name, moment)| (name.clone(), moment.slice(sets.clone()))).collect();
        Self { tensors, updates: self.updates[sets].to_vec() }
    }
}

/// Turns gradients into ascent directions.
pub trait Optimiser {
    /// Name as in the configuration.
    fn name(&self) -> &'static str;

    /// Names of the averages it keeps; all start at zero.
    fn moments(&self) -> &'static [&'static str];

    /// Ascent direction for unit learning rate, and the averages after this update. `moments.updates` counts the
    /// updates before this one. Rows (sets) must not mix.
    fn direction(
        &self,
        gradient: &ParameterSets,
        moments: &Moments,
    ) -> (ParameterSets, BTreeMap<String, ParameterSets>);

    /// Decoupled weight decay: the direction is lowered by this times the parameters.
    fn weight_decay(&self) -> f64 {
        0.0
    }
}

/// The optimiser that the settings ask for.
pub fn from_settings(settings: &TrainSettings) -> Box<dyn Optimiser> {
    match settings.optimiser {
        OptimiserKind::Adam => Box::new(Adam::default()),
        OptimiserKind::Adamw => Box::new(Adam::with_weight_decay(settings.effective_weight_decay())),
        OptimiserKind::Sgd => Box::new(Sgd),
    }
}

/// One number per set as a `[sets, 1]` tensor.
pub(crate) fn column(values: Vec<f64>, device: &Device, dtype: DType) -> Tensor<2> {
    let sets = values.len();
    Tensor::from_data(TensorData::new(values, [sets, 1]), (device, dtype))
}
