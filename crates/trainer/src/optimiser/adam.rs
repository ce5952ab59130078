//! Adam and AdamW.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use gradpool_strategy::parameters::ParameterSets;

use super::{Moments, Optimiser, column};

const FIRST: &str = "first";
const SECOND: &str = "second";

/// Adam (Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>), and with a weight decay AdamW (Loshchilov and Hutter
/// 2019, <https://arxiv.org/abs/1711.05101>):
/// `m <- b1 m + (1 - b1) g`, `v <- b2 v + (1 - b2) g^2`, direction `m^ / (sqrt(v^) + epsilon)` with
/// `m^ = m / (1 - b1^n)`, `v^ = v / (1 - b2^n)`, `n` counting the updates of the set itself.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// `b1`.
    pub first_decay: f64,
    /// `b2`.
    pub second_decay: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// `None` for Adam, the decay per unit of learning rate for AdamW.
    pub weight_decay: Option<f64>,
}

impl Default for Adam {
    fn default() -> Self {
        Self { first_decay: 0.9, second_decay: 0.999, epsilon: 1e-8, weight_decay: None }
    }
}

impl Adam {
    /// AdamW.
    pub fn with_weight_decay(weight_decay: f64) -> Self {
        Self { weight_decay: Some(weight_decay), ..Self::default() }
    }
}

impl Optimiser for Adam {
    fn name(&self) -> &'static str {
        if self.weight_decay.is_some() { "adamw" } else { "adam" }
    }

    fn moments(&self) -> &'static [&'static str] {
        &[FIRST, SECOND]
    }

    fn direction(
        &self,
        gradient: &ParameterSets,
        moments: &Moments,
    ) -> (ParameterSets, BTreeMap<String, ParameterSets>) {
        let correction = |decay: f64, like: &Tensor<2>| {
            let values = moments.updates.iter().map(|&updates| 1.0 - decay.powf((updates + 1) as f64)).collect();
            column(values, &like.device(), like.dtype())
        };
        let average = |name: &str, decay: f64, value: &dyn Fn(&Tensor<2>) -> Tensor<2>| {
            let before = &moments.tensors[name];
            gradient.map(|leaf, slope| before.leaves[leaf].clone() * decay + value(slope) * (1.0 - decay))
        };
        let first = average(FIRST, self.first_decay, &Tensor::clone);
        let second = average(SECOND, self.second_decay, &|slope| slope.clone() * slope.clone());
        let direction = first.map(|leaf, first| {
            let second = &second.leaves[leaf];
            let scale = (second.clone() / correction(self.second_decay, second)).sqrt() + self.epsilon;
            first.clone() / correction(self.first_decay, first) / scale
        });
        (direction, BTreeMap::from([(FIRST.to_owned(), first), (SECOND.to_owned(), second)]))
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay.unwrap_or(0.0)
    }
}
