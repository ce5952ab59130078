//! Plain gradient ascent.

use std::collections::BTreeMap;

use gradpool_strategy::parameters::ParameterSets;

use super::{Moments, Optimiser};

/// Plain gradient ascent: the direction is the gradient.
///
/// Clipping, schedule and plateau apply as to any optimiser. The reference system's `sgd` is bare; it is this one with
/// `clip_norm = 0`, a constant schedule, `evaluate_every = 1` and `plateau.watch = "metric"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sgd;

impl Optimiser for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn moments(&self) -> &'static [&'static str] {
        &[]
    }

    fn direction(
        &self,
        gradient: &ParameterSets,
        _moments: &Moments,
    ) -> (ParameterSets, BTreeMap<String, ParameterSets>) {
        (gradient.clone(), BTreeMap::new())
    }
}
