//! What the leaves of a rule mean.

use burn::tensor::{DType, Tensor};
use gradpool_strategy::combinations::MIXTURE_LOGITS;
use gradpool_strategy::rules::gyroscope::{self, GYROSCOPE};
use gradpool_strategy::rules::reclamm::{RECLAMM, ReclammParameters};
use gradpool_strategy::transforms::logistic;
use gradpool_strategy::{
    LeafShape, LeafSpec, OutputKind, ParameterSets, ParameterValues, Rule, RuleContext, StrategyError, StrategySettings,
};

use super::{Group, Quantity, numbers, sets};

/// Leaves whose meaning [`Reader`] knows; any other is shown as it is.
const UNDERSTOOD: [&str; 20] = [
    "log_k",
    "sp_k",
    "k",
    "absolute_k",
    "logit_lamb",
    "logit_delta_lamb",
    "logit_lamb_for_ewma",
    "memory_days_1",
    "memory_days_2",
    "sp_exponents",
    "raw_exponents",
    "sp_pre_exp_scaling",
    "logit_pre_exp_scaling",
    "raw_pre_exp_scaling",
    "sp_amplitude",
    "log_amplitude",
    "sp_width",
    "raw_width",
    "logit_shrinkage",
    MIXTURE_LOGITS,
];

/// What the rows of `logit_lamb` of the rule with three gradients are for.
const CHANNELS: [&str; 3] = ["channel", "trend", "envelope"];

/// Reads the leaves of one simple rule by the transforms that the rule itself uses.
pub(super) struct Reader<'a> {
    pub(super) rule: &'a dyn Rule,
    pub(super) values: &'a ParameterValues,
    pub(super) settings: &'a StrategySettings,
}

impl Reader<'_> {
    /// The quantities of the rule.
    pub(super) fn group(&self) -> Result<Group, StrategyError> {
        if self.values.leaves.is_empty() {
            return Ok(Group::default());
        }
        let sets = sets(self.values)?;
        let context = RuleContext::new(&sets, self.settings);
        if let Some(once) = curve(self.rule.name(), &sets) {
            return Ok(Group { once, ..Group::default() });
        }
        let mut group = Group { per_asset: self.memories(&context), ..Group::default() };
        group.per_asset.extend(self.strengths(&context));
        if self.shares_all() {
            group.once.append(&mut group.per_asset);
            group.once.iter_mut().for_each(|quantity| quantity.values.truncate(1));
        }
        if let Some(logit) = sets.leaf("logit_shrinkage") {
            group.once.push(Quantity::new("shrinkage", "shrinkage", 4, numbers(logistic(logit.clone()))));
        }
        for spec in self.rule.leaves().iter().filter(|spec| !self.understands(spec)) {
            match (self.values.leaf(&spec.name), spec.shape, context.leaf(&spec.name)) {
                (Some(_), LeafShape::PerAsset, Some(leaf)) => {
                    group.per_asset.push(Quantity::new(&spec.name, &spec.name, 4, numbers(leaf)));
                }
                (Some(values), ..) => group.once.push(Quantity::new(&spec.name, &spec.name, 4, values.to_vec())),
                (None, ..) => {}
            }
        }
        Ok(group)
    }

    /// Whether a leaf is shown by what it means.
    pub(super) fn understands(&self, spec: &LeafSpec) -> bool {
        if matches!(self.rule.name(), GYROSCOPE | RECLAMM) {
            return true;
        }
        let rows_of_channels = spec.name == "logit_lamb" && self.has_channels();
        let shape_fits = spec.shape == self.usual_shape() || spec.name == "logit_shrinkage" || rows_of_channels;
        shape_fits && UNDERSTOOD.contains(&spec.name.as_ref())
    }

    /// Whether every leaf of the rule is one number for all assets.
    fn shares_all(&self) -> bool {
        self.rule.leaves().iter().all(|spec| spec.shape == LeafShape::Values(1))
    }

    fn usual_shape(&self) -> LeafShape {
        if self.shares_all() { LeafShape::Values(1) } else { LeafShape::PerAsset }
    }

    /// Whether a leaf is there, in the usual shape.
    fn has(&self, leaf: &str) -> bool {
        let usual = |spec: &LeafSpec| spec.name == leaf && spec.shape == self.usual_shape();
        self.values.leaf(leaf).is_some() && self.rule.leaves().iter().any(usual)
    }

    fn has_any(&self, leaves: &[&str]) -> bool {
        leaves.iter().any(|leaf| self.has(leaf))
    }

    fn takes(&self, leaf: &str) -> bool {
        self.rule.leaves().iter().any(|spec| spec.name == leaf)
    }

    /// Whether `logit_lamb` has a row for each of [`CHANNELS`].
    fn has_channels(&self) -> bool {
        let rows = LeafShape::Rows(CHANNELS.len());
        let is_rows = |spec: &LeafSpec| spec.name == "logit_lamb" && spec.shape == rows;
        self.takes("logit_lamb_for_ewma") && self.rule.leaves().iter().any(is_rows)
    }

    fn memories(&self, context: &RuleContext<'_>) -> Vec<Quantity> {
        let longest = self.settings.maximum_memory_days;
        let in_days = |leaf: &str| context.days(leaf).map(|days| days.clamp_max(longest));
        let of_decay = |decay: Tensor<2>| context.memory_days(decay);
        let mut memories = Vec::new();
        let mut push = |key: &str, heading: &str, days: Option<Tensor<2>>| {
            memories.extend(days.map(|days| Quantity::new(key, heading, 2, numbers(days))));
        };
        if self.has_channels() {
            push("memory_days", "memory (days)", context.leaf("logit_lamb_for_ewma").map(logistic).map(of_decay));
            for (row, name) in CHANNELS.into_iter().enumerate() {
                let decay = logistic(context.required_row("logit_lamb", row, CHANNELS.len()));
                push(&format!("{name}_memory_days"), &format!("{name} (days)"), Some(of_decay(decay)));
            }
            return memories;
        }
        let given_as_decay = self.has("logit_lamb");
        let first = in_days("memory_days_1").or_else(|| given_as_decay.then(|| of_decay(context.decay())));
        let second = in_days("memory_days_2").or_else(|| given_as_decay.then(|| of_decay(context.alternative_decay())));
        let smooths = self.rule.output_kind() == OutputKind::Target;
        match self.rule.name() {
            "index_market_cap" => {}
            _ => push("memory_days", "memory (days)", first),
        }
        if smooths {
            push("smoothing_days", "smoothing (days)", second);
        } else if self.takes("memory_days_2") {
            push("second_memory_days", "second memory (days)", second);
        } else if self.settings.alternative_decay && self.has("logit_delta_lamb") {
            push("alternative_memory_days", "alternative memory (days)", second);
        }
        memories
    }

    fn strengths(&self, context: &RuleContext<'_>) -> Vec<Quantity> {
        let per_day = || Tensor::<2>::ones([1, self.settings.assets], (&context.device(), DType::F64));
        let mut found = Vec::new();
        let mut push = |key: &str, heading: &str, values: Tensor<2>| {
            found.push(Quantity::new(key, heading, 3, numbers(values)));
        };
        if !self.has_any(&["sp_k", "log_k"]) && self.has("absolute_k") {
            push("absolute_k", "k", context.gain(per_day()));
        } else if self.has_any(&["sp_k", "log_k", "k"]) {
            push("k_per_day", "k per day", context.gain(per_day()));
        }
        if self.has_any(&["sp_amplitude", "log_amplitude"]) {
            push("amplitude_per_day", "amplitude per day", context.amplitude(per_day()));
        }
        if self.has_any(&["sp_width", "raw_width"]) {
            push("width", "width", context.width());
        }
        if self.has_any(&["sp_exponents", "raw_exponents"]) {
            // The one rule that does not let the exponent below 1 (spec 01 sec. 1.6).
            let least = if self.rule.name() == "power_channel" { 1.0 } else { 0.0 };
            push("exponent", "exponent", context.exponent().clamp_min(least));
        }
        let scaling = ["sp_pre_exp_scaling", "logit_pre_exp_scaling", "raw_pre_exp_scaling"];
        if self.settings.pre_exponent_scaling && self.has_any(&scaling) {
            push("scaling", "scaling", context.pre_exponent_scale());
        }
        found
    }
}

/// The parameters of a pool with a curve of its own, if the rule is one's.
fn curve(rule: &str, sets: &ParameterSets) -> Option<Vec<Quantity>> {
    let named = |names: &[(&str, usize)], values: Vec<f64>| -> Vec<Quantity> {
        let quantity = |(value, (name, digits)): (f64, &(&str, usize))| Quantity::new(name, name, *digits, vec![value]);
        values.into_iter().zip(names).map(quantity).collect()
    };
    match rule {
        GYROSCOPE => {
            let names = [("phi", 6), ("alpha", 4), ("beta", 4), ("lam", 4)];
            Some(named(&names, numbers(gyroscope::parameters(sets))))
        }
        RECLAMM => {
            let given = ReclammParameters::of(sets);
            let shift = if given.shift_is_exponent { ("shift_exponent", 4) } else { ("daily_price_shift_base", 9) };
            let mut found = named(&[("price_ratio", 4), ("centeredness_margin", 4), shift], numbers(given.curve));
            let optional = [("arc_length_speed", 8, given.arc_length_speed), ("fees", 6, given.fee_rate)];
            for (name, digits, value) in optional {
                found.extend(value.map(|value| Quantity::new(name, name, digits, numbers(value))));
            }
            Some(found)
        }
        _ => None,
    }
}
