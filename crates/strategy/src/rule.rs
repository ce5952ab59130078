//! What a rule is: its estimators, one signal function and a parameter table.

use std::fmt::Debug;

use burn::tensor::{Device, Tensor};

use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterSets, ParameterValues};
use crate::settings::StrategySettings;
use crate::transforms;

/// One row of a rule's parameter table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeafSpec {
    /// Name of the leaf in parameter files.
    pub name: &'static str,
    /// What it means, its transform and unit.
    pub meaning: &'static str,
    /// Usual range of the raw value, for searches and documentation; not enforced.
    pub range: (f64, f64),
    /// Leaves of which exactly one is needed share a group; a leaf with its own name as group is required;
    /// `None` is optional.
    pub group: Option<&'static str>,
}

/// A rule, written once: from it the framework derives the vectorized, the scan and the streaming way to run it.
///
/// A change rule returns, per time row and asset, how much the weight should move; the changes of a row sum to zero.
pub trait Rule: Debug + Send + Sync {
    /// Name in configurations.
    fn name(&self) -> &'static str;

    /// The parameter table, without the initial weights, which every rule has.
    fn leaves(&self) -> &'static [LeafSpec];

    /// The estimators whose outputs [`Rule::signal`] gets, in that order.
    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator>;

    /// The weight change from estimates: every tensor is `[sets, time, assets]`, time of any length (1 when streaming).
    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3>;

    /// Parameter values of the canonical starting point (spec 01 sec. 1.9), without initial weights.
    fn initial_values(&self, initial: &crate::initial::InitialSettings, settings: &StrategySettings)
    -> ParameterValues;

    /// Whether whole histories can be computed in one piece.
    fn supports_vectorized(&self) -> bool {
        true
    }

    /// Whether the rule can run one step after another.
    fn supports_scan(&self) -> bool {
        true
    }
}

/// Checks that `values` has the leaves a rule needs, no others, of the right length, finite.
///
/// # Errors
/// The first violation, naming the leaf.
pub fn check_values(rule: &dyn Rule, values: &ParameterValues, set: usize, assets: usize) -> Result<(), StrategyError> {
    let rule_name = rule.name().to_owned();
    let table: Vec<LeafSpec> = rule.leaves().iter().chain(INITIAL_LEAVES).copied().collect();
    let names = || table.iter().map(|leaf| leaf.name).collect::<Vec<_>>().join(", ");
    for (leaf, values) in &values.leaves {
        if !table.iter().any(|spec| spec.name == leaf) {
            return Err(StrategyError::UnknownLeaf { leaf: leaf.clone(), rule: rule_name, known: names() });
        }
        let is_initial = INITIAL_LEAVES.iter().any(|spec| spec.name == leaf);
        if values.len() != assets && (is_initial || values.len() != 1) {
            return Err(StrategyError::LeafLength { leaf: leaf.clone(), found: values.len(), assets });
        }
    }
    for group in table.iter().filter_map(|leaf| leaf.group) {
        let members: Vec<&str> = table.iter().filter(|leaf| leaf.group == Some(group)).map(|leaf| leaf.name).collect();
        if !members.iter().any(|name| values.leaves.contains_key(*name)) {
            return Err(StrategyError::MissingLeaf { leaf: members.join("` or `"), rule: rule_name, needed: names() });
        }
    }
    if let Some((leaf, position, value)) = values.first_non_finite() {
        return Err(StrategyError::NonFiniteLeaf { leaf: leaf.to_owned(), set, position, value });
    }
    Ok(())
}

/// The initial weights, which every rule takes in one of two forms (spec 01 sec. 1.7).
pub const INITIAL_LEAVES: &[LeafSpec] = &[
    LeafSpec {
        name: INITIAL_WEIGHTS_LOGITS,
        meaning: "initial weights = softmax; never trained",
        range: (-10.0, 10.0),
        group: Some("initial_weights"),
    },
    LeafSpec {
        name: "initial_weights",
        meaning: "initial weights as given; never trained",
        range: (0.0, 1.0),
        group: Some("initial_weights"),
    },
];

/// Leaves that gradients never move.
pub fn is_frozen(leaf: &str) -> bool {
    INITIAL_LEAVES.iter().any(|spec| spec.name == leaf)
}

/// What a rule sees: parameters of all sets, settings, and the transforms that every rule shares.
#[derive(Clone, Copy, Debug)]
pub struct RuleContext<'a> {
    /// Raw parameters.
    pub parameters: &'a ParameterSets,
    /// Settings of the strategy.
    pub settings: &'a StrategySettings,
}

impl<'a> RuleContext<'a> {
    /// Pairs parameters with settings.
    pub fn new(parameters: &'a ParameterSets, settings: &'a StrategySettings) -> Self {
        Self { parameters, settings }
    }

    /// Device of the parameters.
    ///
    /// # Panics
    /// If there is no leaf at all, which [`check_values`] excludes.
    #[expect(clippy::expect_used, reason = "checked parameter sets have at least one leaf")]
    pub fn device(&self) -> Device {
        self.parameters.leaves.values().next().expect("parameter sets have leaves").device()
    }

    /// A raw leaf, `[sets, assets]`; a leaf of width one is repeated for every asset.
    pub fn leaf(&self, name: &str) -> Option<Tensor<2>> {
        let leaf = self.parameters.leaf(name)?.clone();
        let [sets, width] = leaf.dims();
        Some(if width == self.settings.assets { leaf } else { leaf.expand([sets, self.settings.assets]) })
    }

    /// A raw leaf that [`check_values`] has found to exist.
    ///
    /// # Panics
    /// If the leaf does not exist.
    pub fn required(&self, name: &str) -> Tensor<2> {
        self.leaf(name).unwrap_or_else(|| panic!("parameter leaf `{name}` is missing; check_values was not called"))
    }

    /// Decay `logistic(logit_lamb)`, `[sets, assets]`, not capped.
    pub fn decay(&self) -> Tensor<2> {
        transforms::logistic(self.required("logit_lamb"))
    }

    /// The second decay `logistic(logit_lamb + logit_delta_lamb)`, `[sets, assets]`, not capped.
    pub fn alternative_decay(&self) -> Tensor<2> {
        let base = self.required("logit_lamb");
        match self.leaf("logit_delta_lamb") {
            Some(delta) => transforms::logistic(base + delta),
            None => transforms::logistic(base),
        }
    }

    /// A decay clipped to `[0, decay of the longest memory]`: what estimators use (spec 01 sec. 1.4).
    pub fn capped(&self, decay: Tensor<2>) -> Tensor<2> {
        decay.clamp(0.0, self.settings.maximum_decay())
    }

    /// Memory in days of a decay that was not capped, clipped to `[0, maximum_memory_days]`.
    pub fn memory_days(&self, decay: Tensor<2>) -> Tensor<2> {
        transforms::memory_days(decay, self.settings.update_interval_min())
            .clamp(0.0, self.settings.maximum_memory_days)
    }

    /// Gain `k` per asset, `[sets, assets]` (spec 01 sec. 1.5): `2^log_k * memory`, `absolute_k`, or `k * memory`.
    pub fn gain(&self, memory_days: Tensor<2>) -> Tensor<2> {
        if let Some(log_k) = self.leaf("log_k") {
            transforms::power_of_two(log_k) * memory_days
        } else if let Some(absolute) = self.leaf("absolute_k") {
            absolute
        } else {
            self.required("k") * memory_days
        }
    }

    /// Initial weights `[sets, assets]`, without gradient (spec 01 sec. 1.7).
    pub fn initial_weights(&self) -> Tensor<2> {
        match self.leaf(INITIAL_WEIGHTS_LOGITS) {
            Some(logits) => burn::tensor::activation::softmax(logits.detach(), 1),
            None => self.required("initial_weights").detach(),
        }
    }

    /// Mean-removing normalisation (spec 02 sec. 2.5): `k_i (x_i - sum_j k_j x_j / sum_j k_j)`, so that the changes of a
    /// row sum to zero. `signal` is `[sets, time, assets]`, `gain` is `[sets, assets]`.
    pub fn remove_mean(&self, signal: Tensor<3>, gain: Tensor<2>) -> Tensor<3> {
        let mut total = gain.clone().sum_dim(1);
        if self.settings.compatibility.scalar_gain_offset && self.gain_is_shared() {
            total = total * (1.0 / self.settings.assets as f64);
        }
        let gain: Tensor<3> = gain.unsqueeze_dim(1);
        let mean = (signal.clone() * gain.clone()).sum_dim(2) / total.unsqueeze_dim::<3>(1);
        (signal - mean) * gain
    }

    /// Whether gain and memory are one value for all assets.
    fn gain_is_shared(&self) -> bool {
        ["log_k", "absolute_k", "k", "logit_lamb"]
            .iter()
            .filter_map(|name| self.parameters.leaf(name))
            .all(|leaf| leaf.dims()[1] == 1)
    }
}
