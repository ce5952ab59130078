//! What a rule sees: parameters of all sets, settings, and the transforms that rules share (spec 01).

use burn::tensor::{DType, Device, Tensor};

use crate::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterSets};
use crate::settings::{InitialWeights, StrategySettings};
use crate::transforms::{clip_straight_through, decay_of_memory, logistic, memory_days, power_of_two, squareplus};

/// Shortest memory in days that a `memory_days` leaf stands for; a step of training may carry the raw value below
/// (trap T1.8).
const SHORTEST_MEMORY_DAYS: f64 = 1e-3;

/// One form in which a parameter is given: the leaf and the map to its meaning.
type Form = (&'static str, fn(Tensor<2>) -> Tensor<2>);

/// Parameters and settings, with the meanings of leaves that rules share.
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
    /// If there is no leaf at all, which [`check_values`](crate::rule::check_values) excludes.
    #[expect(clippy::expect_used, reason = "checked parameter sets have at least one leaf")]
    pub fn device(&self) -> Device {
        self.parameters.leaves.values().next().expect("parameter sets have leaves").device()
    }

    /// Number type of the parameters.
    pub fn dtype(&self) -> DType {
        self.parameters.leaves.values().next().map_or(DType::F64, Tensor::dtype)
    }

    /// Number of parameter sets.
    pub fn sets(&self) -> usize {
        self.parameters.sets()
    }

    /// A raw leaf, `[sets, assets]`; a leaf of width one is repeated for every asset.
    pub fn leaf(&self, name: &str) -> Option<Tensor<2>> {
        self.parameters.leaf(name).map(|leaf| self.per_asset(leaf.clone()))
    }

    /// A raw leaf that [`check_values`](crate::rule::check_values) has found to exist.
    ///
    /// # Panics
    /// If the leaf does not exist.
    pub fn required(&self, name: &str) -> Tensor<2> {
        self.leaf(name).unwrap_or_else(|| panic!("parameter leaf `{name}` is missing; check_values was not called"))
    }

    /// One of several rows of a raw leaf, `[sets, assets]`.
    ///
    /// # Panics
    /// If the leaf does not exist or has fewer rows.
    pub fn required_row(&self, name: &str, row: usize, rows: usize) -> Tensor<2> {
        let leaf = self.parameters.leaf(name);
        let leaf = leaf.unwrap_or_else(|| panic!("parameter leaf `{name}` is missing; check_values was not called"));
        let [sets, width] = leaf.dims();
        let each = width / rows;
        self.per_asset(leaf.clone().slice([0..sets, row * each..(row + 1) * each]))
    }

    fn per_asset(&self, leaf: Tensor<2>) -> Tensor<2> {
        let [sets, width] = leaf.dims();
        if width == self.settings.assets { leaf } else { leaf.expand([sets, self.settings.assets]) }
    }

    /// The first of several forms of a parameter that was given, each with its map to the meaning.
    fn first_of(&self, forms: &[Form]) -> Option<Tensor<2>> {
        forms.iter().find_map(|(name, meaning)| self.leaf(name).map(meaning))
    }

    /// Decay `logistic(logit_lamb)`, `[sets, assets]`, not capped.
    pub fn decay(&self) -> Tensor<2> {
        logistic(self.required("logit_lamb"))
    }

    /// The second decay `logistic(logit_lamb + logit_delta_lamb)`, `[sets, assets]`, not capped.
    pub fn alternative_decay(&self) -> Tensor<2> {
        let base = self.required("logit_lamb");
        match self.leaf("logit_delta_lamb") {
            Some(delta) => logistic(base + delta),
            None => logistic(base),
        }
    }

    /// A decay clipped to `[0, decay of the longest memory]`: what estimators use (spec 01 sec. 1.4).
    pub fn capped(&self, decay: Tensor<2>) -> Tensor<2> {
        decay.clamp(0.0, self.settings.maximum_decay())
    }

    /// Memory in days of a decay that was not capped, clipped to `[0, maximum_memory_days]`.
    pub fn memory_days(&self, decay: Tensor<2>) -> Tensor<2> {
        memory_days(decay, self.settings.update_interval_min()).clamp(0.0, self.settings.maximum_memory_days)
    }

    /// A leaf that holds a memory in days, floored at a thousandth of a day.
    pub fn days(&self, name: &str) -> Option<Tensor<2>> {
        self.leaf(name).map(|days| days.clamp_min(SHORTEST_MEMORY_DAYS))
    }

    /// Decay whose memory is `days`, not capped (spec 01 sec. 1.3.2).
    pub fn decay_of_days(&self, days: Tensor<2>) -> Tensor<2> {
        decay_of_memory(days, self.settings.update_interval_min())
    }

    /// Gain `k` per asset, `[sets, assets]` (spec 01 sec. 1.5): `squareplus(sp_k) * memory`, `2^log_k * memory`,
    /// `absolute_k`, or `k * memory`.
    pub fn gain(&self, memory_days: Tensor<2>) -> Tensor<2> {
        if let Some(per_day) = self.first_of(&[("sp_k", squareplus), ("log_k", power_of_two)]) {
            per_day * memory_days
        } else if let Some(absolute) = self.leaf("absolute_k") {
            absolute
        } else {
            self.required("k") * memory_days
        }
    }

    /// Exponent of a power law, `[sets, assets]` (spec 01 sec. 1.6).
    ///
    /// # Panics
    /// If no form of it was given.
    #[expect(clippy::expect_used, reason = "check_values has found one form of it")]
    pub fn exponent(&self) -> Tensor<2> {
        let forms: [Form; 2] = [("sp_exponents", squareplus), ("raw_exponents", squareplus)];
        self.first_of(&forms).expect("an exponent leaf")
    }

    /// What a gradient is divided by before the power is taken, halved (spec 01 sec. 1.6): one half unless
    /// [`StrategySettings::pre_exponent_scaling`] is on.
    pub fn pre_exponent_scale(&self) -> Tensor<2> {
        let forms: [Form; 3] = [
            ("sp_pre_exp_scaling", squareplus),
            ("logit_pre_exp_scaling", logistic),
            ("raw_pre_exp_scaling", power_of_two),
        ];
        let trained = if self.settings.pre_exponent_scaling { self.first_of(&forms) } else { None };
        trained
            .unwrap_or_else(|| Tensor::full([self.sets(), self.settings.assets], 0.5, (&self.device(), self.dtype())))
    }

    /// Amplitude of a mean-reverting channel, `[sets, assets]` (spec 01 sec. 1.6).
    ///
    /// # Panics
    /// If no form of it was given.
    #[expect(clippy::expect_used, reason = "check_values has found one form of it")]
    pub fn amplitude(&self, memory_days: Tensor<2>) -> Tensor<2> {
        let forms: [Form; 2] = [("sp_amplitude", squareplus), ("log_amplitude", power_of_two)];
        self.first_of(&forms).expect("an amplitude leaf") * memory_days
    }

    /// Width of a mean-reverting channel, `[sets, assets]` (spec 01 sec. 1.6).
    ///
    /// # Panics
    /// If no form of it was given.
    #[expect(clippy::expect_used, reason = "check_values has found one form of it")]
    pub fn width(&self) -> Tensor<2> {
        self.first_of(&[("sp_width", squareplus), ("raw_width", power_of_two)]).expect("a width leaf")
    }

    /// Smoothing `alpha` of a target rule, `[sets, assets]` (spec 03 sec. 3.3): the decay of `memory_days_2`, or the
    /// alternative decay; capped with a straight-through gradient.
    pub fn smoothing(&self) -> Tensor<2> {
        let decay = match self.days("memory_days_2") {
            Some(days) => self.decay_of_days(days),
            None => self.alternative_decay(),
        };
        clip_straight_through(decay, 0.0, self.settings.maximum_decay())
    }

    /// Initial weights `[sets, assets]`, without gradient unless they are trained (spec 01 sec. 1.7); equal ones for a rule
    /// without them.
    pub fn initial_weights(&self) -> Tensor<2> {
        let given = |weights: Tensor<2>| match self.settings.initial_weights {
            InitialWeights::Fixed => weights.detach(),
            InitialWeights::Learned => weights,
        };
        if let Some(logits) = self.leaf(INITIAL_WEIGHTS_LOGITS) {
            return given(burn::tensor::activation::softmax(logits, 1));
        }
        if let Some(weights) = self.leaf("initial_weights") {
            return given(weights);
        }
        let assets = self.settings.assets;
        Tensor::full([self.sets(), assets], 1.0 / assets as f64, (&self.device(), self.dtype()))
    }

    /// Mean-removing normalisation (spec 02 sec. 2.5): `k_i (x_i - sum_j k_j x_j / sum_j k_j)`, so that the changes of a
    /// row sum to zero. `signal` is `[sets, time, assets]`, `gain` is `[sets, assets]`. Gains that are all zero give no
    /// change.
    pub fn remove_mean(&self, signal: Tensor<3>, gain: Tensor<2>) -> Tensor<3> {
        let mut total = gain.clone().sum_dim(1);
        let idle = total.clone().detach().equal_elem(0.0);
        total = total.mask_fill(idle, 1.0);
        if self.settings.compatibility.scalar_gain_offset && self.gain_is_shared() {
            total = total * (1.0 / self.settings.assets as f64);
        }
        let gain: Tensor<3> = gain.unsqueeze_dim(1);
        let mean = (signal.clone() * gain.clone()).sum_dim(2) / total.unsqueeze_dim::<3>(1);
        (signal - mean) * gain
    }

    /// Whether gain and memory are one value for all assets.
    pub(crate) fn gain_is_shared(&self) -> bool {
        ["sp_k", "log_k", "absolute_k", "k", "logit_lamb"]
            .iter()
            .filter_map(|name| self.parameters.leaf(name))
            .all(|leaf| leaf.dims()[1] == 1)
    }
}
