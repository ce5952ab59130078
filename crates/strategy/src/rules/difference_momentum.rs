//! Difference momentum: a fast against a slow moving average (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use super::leaves::{ABSOLUTE_K, K, LOG_K, LOGIT_DELTA_LAMB, LOGIT_LAMB, MEMORY_DAYS_1, MEMORY_DAYS_2};
use crate::context::RuleContext;
use crate::contract::{
    ContractList, ContractObstacle, ContractRule, ContractTerms, KAPPA, SHORT_LAMBDA, lambda_of, per_asset,
    shared_if_equal,
};
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule};
use crate::settings::StrategySettings;
use crate::transforms::logit;

/// Signal `1 - m2 / m1` of two moving averages of the price, its mean removed. With both `memory_days` leaves the gain is
/// scaled by the longer of the two, not clipped; with `logit_lamb` as for momentum.
#[derive(Clone, Copy, Debug)]
pub struct DifferenceMomentum;

impl DifferenceMomentum {
    /// The two memories in days, where they are given in days.
    fn memories(context: &RuleContext<'_>) -> Option<(Tensor<2>, Tensor<2>)> {
        context.days("memory_days_1").zip(context.days("memory_days_2"))
    }

    /// The decays of the two averages.
    fn decays(context: &RuleContext<'_>) -> [Tensor<2>; 2] {
        let decays = match Self::memories(context) {
            Some((first, second)) => [context.decay_of_days(first), context.decay_of_days(second)],
            None => [context.decay(), context.alternative_decay()],
        };
        decays.map(|decay| context.capped(decay))
    }

    fn gain(context: &RuleContext<'_>) -> Tensor<2> {
        context.gain(match Self::memories(context) {
            Some((first, second)) => first.max_pair(second),
            None => context.memory_days(context.decay()),
        })
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
        Self::decays(context).into_iter().map(|decay| Estimator::Average { decay }).collect()
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let signal = (estimates[1].clone() / estimates[0].clone()).neg() + 1.0;
        context.remove_mean(signal, Self::gain(context))
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        initial.memory_values(settings).with("k", initial.leaf(&initial.k_per_day, settings, |k| k))
    }

    /// The contract's signal is `m2 / m1 - 1` with the pool's decay in `m1`, this one's is `1 - m2 / m1`: the gain changes its
    /// sign.
    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        let [first, second] = Self::decays(context);
        let [kappa] = shared_if_equal([ContractList::new(KAPPA, Self::gain(context).neg())]);
        let short = ContractList { name: SHORT_LAMBDA, values: lambda_of(second) };
        Ok(ContractTerms {
            rule: ContractRule::DifferenceMomentum,
            lambda: lambda_of(first),
            parameters: vec![kappa, short],
            caveats: Vec::new(),
        })
    }

    fn values_of_contract(&self, terms: &ContractTerms, settings: &StrategySettings) -> Option<ParameterValues> {
        let gain = terms.list(KAPPA)?.iter().map(|kappa| -kappa).collect();
        decay_pair(terms, SHORT_LAMBDA, settings)
            .filter(|_| terms.rule == ContractRule::DifferenceMomentum)
            .map(|values| values.with("absolute_k", gain))
    }
}

/// The leaves of a contract's decay and of a second one in a list of its parameters.
pub(super) fn decay_pair(terms: &ContractTerms, second: &str, settings: &StrategySettings) -> Option<ParameterValues> {
    let first = terms.decays(settings.assets);
    let second = per_asset(terms.list(second)?, settings.assets);
    let delta = first.iter().zip(second).map(|(first, second)| logit(second) - logit(*first)).collect();
    let first = first.into_iter().map(logit).collect();
    Some(ParameterValues::new([("logit_lamb", first), ("logit_delta_lamb", delta)]))
}
