//! What the factory refuses of a pool, and what must change in the configuration or the parameters.

use std::fmt;

use gradpool_chain::decimal::{DecimalError, to_f64, to_text};
use gradpool_chain::fixed_point::ONE;
use gradpool_chain::validation::Proposal;
use gradpool_chain::{Custom, Int256, Require, Revert};
use gradpool_pools::PoolKind;
use gradpool_strategy::contract::{EXPONENT, KAPPA, USE_RAW_PRICE};
use gradpool_strategy::rules::TutorialMomentum;
use gradpool_strategy::{ContractObstacle, ContractRule, ContractTerms, ParameterValues};
use thiserror::Error;

use crate::setup::Setup;

/// One reason why a pool cannot be deployed: the factory's error where it is one, and what must change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything that is wrong with a deployment.
#[derive(Debug, Error)]
#[error("this pool cannot be deployed:{}", lines(.0))]
pub struct Refused(pub Vec<Refusal>);

/// Each on a line of its own below the first.
pub(super) fn lines<T: fmt::Display>(reasons: &[T]) -> String {
    reasons.iter().fold(String::new(), |text, reason| format!("{text}\n  {reason}"))
}

impl Refusal {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn of_number(name: &str, error: &DecimalError) -> Self {
        Self(format!("{name}: {error}"))
    }

    pub(super) fn of_obstacle(obstacle: &ContractObstacle) -> Self {
        let cure = match obstacle {
            ContractObstacle::NoContract { rule } if rule == TutorialMomentum::NAME => {
                "the tutorial contract does, `--format tutorial`"
            }
            ContractObstacle::NoContract { .. } => {
                "train one of momentum, anti_momentum, power_channel, mean_reversion_channel, difference_momentum and \
                 min_variance, without `pool.ensemble` and `pool.blend`"
            }
            ContractObstacle::AlternativeDecay => "train with `pool.alternative_decay = false`",
            ContractObstacle::UnequalScaling => {
                "train with `pool.pre_exponent_scaling = false`, or with one scaling and one exponent for all assets"
            }
            ContractObstacle::FullCovariance => "train with `pool.covariance = \"diagonal\"`",
            ContractObstacle::WeightBounds => {
                "train without `pool.bounds`; `pool.minimum_weight` is the contract's rail"
            }
            ContractObstacle::ReproducedDefect(_) => "train without it (`pool.compat`)",
            _ => return Self(obstacle.to_string()),
        };
        Self(format!("{obstacle}: {cure}"))
    }
}

/// Minutes of the contract's update interval, and the key that they come from: those between updates; for a pool that was trained
/// on chain, where updates may come late, those that it was trained with.
pub(super) fn update_interval_min(setup: &Setup) -> (f64, &'static str) {
    let settings = setup.strategy().settings();
    if settings.execution.is_on_chain() {
        return (settings.interpolation_rows as f64 * settings.step_min, "pool.interpolation_min");
    }
    (settings.update_interval_min(), "pool.update_interval_min")
}

/// The same in whole seconds.
pub(super) fn update_interval_s(setup: &Setup) -> Option<u64> {
    let seconds = update_interval_min(setup).0 * 60.0;
    // At most some years: exact as a double.
    (seconds >= 1.0 && seconds.fract() == 0.0).then_some(seconds as u64)
}

/// What no contract does, whatever its rule.
pub(super) fn of_pool(setup: &Setup) -> Vec<Refusal> {
    let pool = setup.experiment.pool().settings();
    let mut found = Vec::new();
    if pool.kind != PoolKind::Weighted {
        found.push(Refusal::new(
            "only weighted pools have a contract: this one is no weighted pool (`pool.rule`, `pool.benchmark`)",
        ));
    }
    if update_interval_s(setup).is_none() {
        let (minutes, key) = update_interval_min(setup);
        found.push(Refusal::new(format!("`{key}` is {minutes} minutes, which is no whole number of seconds")));
    }
    found
}

/// The sentences about one of the factory's errors.
pub(super) fn explain(
    revert: &Revert,
    proposal: &Proposal,
    terms: Option<&ContractTerms>,
    setup: &Setup,
    values: &ParameterValues,
) -> Vec<Refusal> {
    let assets = setup.prices.assets();
    let asset = |list: &[Int256], index: usize| {
        if list.len() == 1 { "all assets".to_owned() } else { assets.get(index).cloned().unwrap_or_default() }
    };
    let rail = Int256::from(proposal.guard_rail);
    let texts: Vec<String> = match revert {
        Revert::Require(Require::Lambda) => {
            let lambdas: Vec<Int256> = proposal.lambda.iter().map(|lambda| Int256::from(*lambda)).collect();
            let outside = |lambda: &Int256| *lambda <= Int256::ZERO || *lambda >= ONE;
            let bad = lambdas.iter().enumerate().filter(|(_, lambda)| outside(lambda));
            let text = |(index, lambda): (usize, &Int256)| {
                let leaf = present(values, &["memory_days_1", "logit_lamb"]);
                let cure = if *lambda >= ONE { "lower" } else { "raise" };
                format!(
                    "lambda of {} is {}, and must be inside (0, 1): {cure} {leaf}",
                    asset(&lambdas, index),
                    to_text(*lambda)
                )
            };
            bad.map(text).collect()
        }
        Revert::Require(Require::EpsilonMax) => {
            vec!["the largest change per update is 0 with 18 decimals: raise `pool.maximum_change_per_min`".to_owned()]
        }
        Revert::Require(Require::GuardRail) => vec![format!(
            "the smallest weight is {}, and must be at least 0.01 and below 1 / assets = {}: set `pool.minimum_weight`",
            to_text(rail),
            1.0 / assets.len() as f64
        )],
        Revert::Require(Require::Staleness) => {
            vec!["prices that are always stale: give --oracle-staleness at least one second".to_owned()]
        }
        Revert::Require(Require::RuleParameters) => {
            terms.map_or_else(Vec::new, |terms| parameters(proposal, terms, values, &asset))
        }
        Revert::Custom(Custom::MinWeight) => {
            let weights = &proposal.initial.weights;
            let low = weights.iter().enumerate().filter(|(_, weight)| **weight < rail);
            let text = |(index, weight): (usize, &Int256)| {
                format!(
                    "the initial weight of {} is {}, below the smallest weight {}: lower `pool.minimum_weight`, or choose other \
                     weights (--weights, --at)",
                    asset(weights, index),
                    to_text(*weight),
                    to_text(rail)
                )
            };
            low.map(text).collect()
        }
        Revert::Custom(Custom::NormalizedWeightInvariant) => {
            let sum: f64 = proposal.initial.weights.iter().map(|weight| to_f64(*weight)).sum();
            let leaf = present(values, &["initial_weights_logits", "initial_weights"]);
            vec![format!("the initial weights sum to {sum}, and must sum to 1: change {leaf}")]
        }
        _ => vec![format!("the factory refuses a pool of {} assets with these settings", assets.len())],
    };
    texts.into_iter().map(|text| Refusal(format!("{revert}: {text}"))).collect()
}

/// What is wrong with the rule's lists.
fn parameters(
    proposal: &Proposal,
    terms: &ContractTerms,
    values: &ParameterValues,
    asset: &impl Fn(&[Int256], usize) -> String,
) -> Vec<String> {
    let gain = present(values, &["sp_k", "log_k", "absolute_k", "k"]);
    let is_difference = terms.rule == ContractRule::DifferenceMomentum;
    let mut found = Vec::new();
    for (list, integers) in terms.parameters.iter().zip(&proposal.parameters) {
        for (index, value) in integers.iter().enumerate() {
            let name = |what: &str| format!("{what} of {} is {}", asset(integers, index), to_text(*value));
            match list.name {
                KAPPA if is_difference && *value == Int256::ZERO => {
                    found.push(format!("{}, and must not be: set {gain} to another value", name(KAPPA)));
                }
                KAPPA if !is_difference && *value == Int256::ZERO => found.push(format!(
                    "{}, and must be above 0: a gain of zero means not to move, which the contract cannot say; raise {gain}",
                    name(KAPPA)
                )),
                KAPPA if !is_difference && value.is_negative() => {
                    let other = match terms.rule {
                        ContractRule::Momentum => ", or use `pool.rule = \"anti_momentum\"` with the opposite sign",
                        ContractRule::AntiMomentum => ", or use `pool.rule = \"momentum\"` with the opposite sign",
                        _ => "",
                    };
                    found.push(format!("{}, and must be above 0: raise {gain}{other}", name(KAPPA)));
                }
                EXPONENT if terms.rule == ContractRule::PowerChannel && *value <= ONE => found.push(format!(
                    "{}, and must be above 1: raise {} above 0, or use `pool.rule = \"momentum\"` where all are 1",
                    name(EXPONENT),
                    present(values, &["sp_exponents", "raw_exponents"])
                )),
                what if terms.rule == ContractRule::ChannelFollowing
                    && what != KAPPA
                    && what != USE_RAW_PRICE
                    && !value.is_positive() =>
                {
                    found.push(format!("{}, and must be above 0 with 18 decimals: raise its parameter", name(what)));
                }
                _ => {}
            }
        }
    }
    if is_difference && found.is_empty() {
        found.push(format!("kappa sums to zero over the assets, and must not: change {gain}"));
    }
    found
}

/// The first of these parameters that is given, in backticks.
fn present(values: &ParameterValues, leaves: &[&str]) -> String {
    let found = leaves.iter().find(|leaf| values.leaf(leaf).is_some()).or(leaves.last());
    found.map(|leaf| format!("the parameter `{leaf}`")).unwrap_or_default()
}
