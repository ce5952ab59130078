//! Momentum: buy what has been rising relative to the others; and its opposite (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use super::leaves::{ABSOLUTE_K, K, LOG_K, LOGIT_DELTA_LAMB, LOGIT_LAMB};
use crate::context::RuleContext;
use crate::contract::{
    ContractList, ContractObstacle, ContractRule, ContractTerms, KAPPA, lambda_of, shared_if_equal, to_host,
};
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule};
use crate::settings::StrategySettings;
use crate::transforms::logit;

/// Weight change `k_i (g_i - sum_j k_j g_j / sum_j k_j)` of the relative price gradients `g`, zero where `k_i` is zero.
#[derive(Clone, Copy, Debug)]
pub struct Momentum;

/// [`Momentum`] with the gains `-k`: buys what has been falling relative to the others.
#[derive(Clone, Copy, Debug)]
pub struct AntiMomentum;

/// The gradient estimator that momentum and the channel rules share.
pub(super) fn gradient(context: &RuleContext<'_>) -> Estimator {
    let denominator_decay = context.settings.alternative_decay.then(|| context.capped(context.alternative_decay()));
    Estimator::Gradient { decay: context.capped(context.decay()), denominator_decay }
}

/// The contract of a rule that looks at [`gradient`].
pub(super) fn gradient_contract(
    rule: ContractRule,
    parameters: Vec<ContractList>,
    context: &RuleContext<'_>,
) -> Result<ContractTerms, Vec<ContractObstacle>> {
    let delta = context.leaf("logit_delta_lamb").filter(|_| context.settings.alternative_decay);
    if delta.is_some_and(|delta| to_host(delta).iter().any(|delta| *delta != 0.0)) {
        return Err(vec![ContractObstacle::AlternativeDecay]);
    }
    let lambda = lambda_of(context.capped(context.decay()));
    Ok(ContractTerms { rule, lambda, parameters, caveats: Vec::new() })
}

/// The leaves of a contract's gain and decay, which represent them as they are.
pub(super) fn gain_and_decay(terms: &ContractTerms) -> Option<ParameterValues> {
    let decay = terms.lambda.iter().map(|lambda| logit(*lambda)).collect();
    Some(ParameterValues::new([("absolute_k", terms.list(KAPPA)?.to_vec()), ("logit_lamb", decay)]))
}

fn along_gradient(rule: ContractRule, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
    let gain = context.gain(context.memory_days(context.decay()));
    gradient_contract(rule, shared_if_equal([ContractList::new(KAPPA, gain)]).into(), context)
}

impl Rule for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn summary(&self) -> &'static str {
        "buys what has been rising relative to the others"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        vec![LOG_K, K, ABSOLUTE_K, LOGIT_LAMB, LOGIT_DELTA_LAMB]
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        vec![gradient(context)]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let gain = context.gain(context.memory_days(context.decay()));
        context.remove_mean(estimates[0].clone(), gain)
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        initial.momentum_values(settings)
    }

    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        along_gradient(ContractRule::Momentum, context)
    }

    fn values_of_contract(&self, terms: &ContractTerms, _: &StrategySettings) -> Option<ParameterValues> {
        gain_and_decay(terms).filter(|_| terms.rule == ContractRule::Momentum)
    }
}

impl Rule for AntiMomentum {
    fn name(&self) -> &'static str {
        "anti_momentum"
    }

    fn summary(&self) -> &'static str {
        "buys what has been falling relative to the others"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        Momentum.leaves()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        Momentum.estimators(context)
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        Momentum.signal(estimates, context).neg()
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        Momentum.initial_values(initial, settings)
    }

    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        along_gradient(ContractRule::AntiMomentum, context)
    }

    fn values_of_contract(&self, terms: &ContractTerms, _: &StrategySettings) -> Option<ParameterValues> {
        gain_and_decay(terms).filter(|_| terms.rule == ContractRule::AntiMomentum)
    }
}
