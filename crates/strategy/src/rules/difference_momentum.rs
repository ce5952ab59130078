//! Difference momentum: a fast against a slow moving average (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use super::leaves::{ABSOLUTE_K, K, LOG_K, LOGIT_DELTA_LAMB, LOGIT_LAMB, MEMORY_DAYS_1, MEMORY_DAYS_2};
use crate::context::RuleContext;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule};
use crate::settings::StrategySettings;

/// Signal `1 - m2 / m1` of two moving averages of the price, its mean removed. With both `memory_days` leaves the gain is
/// scaled by the longer of the two, not clipped; with `logit_lamb` as for momentum.
#[derive(Clone, Copy, Debug)]
pub struct DifferenceMomentum;

impl DifferenceMomentum {
    /// The two memories in days, where they are given in days.
    fn memories(context: &RuleContext<'_>) -> Option<(Tensor<2>, Tensor<2>)> {
        context.days("memory_days_1").zip(context.days("memory_days_2"))
    }
}

impl Rule for DifferenceMomentum {
    fn name(&self) -> &'static str {
        "difference_momentum"
    }

    fn summary(&self) -> &'static str {
        "buys what stands higher against its slow average than the others"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        let either = |leaf: LeafSpec| LeafSpec { group: Some("memory".into()), ..leaf };
        let second = LeafSpec { group: None, ..MEMORY_DAYS_2 };
        vec![
            K,
            LOG_K,
            ABSOLUTE_K,
            LeafSpec { needs: Some(second.name.clone()), ..either(MEMORY_DAYS_1) },
            second,
            either(LOGIT_LAMB),
            LOGIT_DELTA_LAMB,
        ]
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        let decays = match Self::memories(context) {
            Some((first, second)) => [context.decay_of_days(first), context.decay_of_days(second)],
            None => [context.decay(), context.alternative_decay()],
        };
        decays.into_iter().map(|decay| Estimator::Average { decay: context.capped(decay) }).collect()
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let signal = (estimates[1].clone() / estimates[0].clone()).neg() + 1.0;
        let memory = match Self::memories(context) {
            Some((first, second)) => first.max_pair(second),
            None => context.memory_days(context.decay()),
        };
        context.remove_mean(signal, context.gain(memory))
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        initial.memory_values(settings).with("k", initial.leaf(&initial.k_per_day, settings, |k| k))
    }
}
