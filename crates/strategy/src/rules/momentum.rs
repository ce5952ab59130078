//! Momentum: buy what has been rising relative to the others (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule, RuleContext};
use crate::settings::StrategySettings;

/// Weight change `k_i (g_i - sum_j k_j g_j / sum_j k_j)` of the relative price gradients `g`, zero where `k_i` is zero.
#[derive(Clone, Copy, Debug)]
pub struct Momentum;

const LEAVES: &[LeafSpec] = &[
    LeafSpec { name: "log_k", meaning: "gain per day of memory, log2", range: (-6.6, 12.0), group: Some("gain") },
    LeafSpec { name: "k", meaning: "gain per day of memory", range: (0.01, 4096.0), group: Some("gain") },
    LeafSpec { name: "absolute_k", meaning: "gain as it is", range: (0.01, 4096.0), group: Some("gain") },
    LeafSpec {
        name: "logit_lamb",
        meaning: "logit of the decay per update interval",
        range: (-4.0, 8.0),
        group: Some("logit_lamb"),
    },
    LeafSpec {
        name: "logit_delta_lamb",
        meaning: "added to logit_lamb for the alternative decay",
        range: (-5.0, 5.0),
        group: None,
    },
];

impl Rule for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn leaves(&self) -> &'static [LeafSpec] {
        LEAVES
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        let denominator_decay = context.settings.alternative_decay.then(|| context.capped(context.alternative_decay()));
        vec![Estimator::Gradient { decay: context.capped(context.decay()), denominator_decay }]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let gain = context.gain(context.memory_days(context.decay()));
        // A gain of zero makes the change zero by itself: it multiplies.
        context.remove_mean(estimates[0].clone(), gain)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        initial.gradient_rule_values(settings)
    }
}
