//! A contract file as parameters of a configuration's pool.

use std::path::Path;

use gradpool_chain::Int256;
use gradpool_chain::decimal::{to_f64, to_text};
use gradpool_chain::rules::Rule;
use gradpool_strategy::rules::TutorialMomentum;
use gradpool_strategy::transforms::logit;
use gradpool_strategy::{ContractList, ContractRule, ContractTerms, ParameterValues};
use thiserror::Error;

use super::file::{ContractFile, Decimal18, doubles};
use super::tutorial::TutorialFile;
use super::{epsilon_max, guard_rail, refusals};
use crate::setup::Setup;

/// A contract file that is not one of the configuration's pool.
#[derive(Debug, Error)]
#[error("{path} is the contract of another pool:{}", refusals::lines(.differences))]
pub struct AnotherPool {
    path: String,
    differences: Vec<String>,
}

/// The parameters that the file stands for, exact to what its 18 decimals hold. Its state is left aside: a simulation computes
/// its own from the prices.
///
/// # Errors
/// Everything in which file and configuration differ.
pub fn parameters(file: &ContractFile, path: &Path, setup: &Setup) -> Result<ParameterValues, AnotherPool> {
    let assets = setup.prices.assets();
    let mut differences = settings_that_differ(file, setup);
    let order: Option<Vec<usize>> =
        assets.iter().map(|asset| file.tokens.iter().position(|token| token == asset)).collect();
    let order = order.filter(|_| file.tokens.len() == assets.len());
    if order.is_none() {
        let (theirs, ours) = (file.tokens.join(", "), assets.join(", "));
        differences.push(format!("its tokens are {theirs}; `data.assets` are {ours}"));
    }
    let order = order.unwrap_or_default();
    let mut ours = |name: &str, list: &[Decimal18]| {
        let values = doubles(list);
        match values.len() {
            1 => values,
            length if length == file.tokens.len() => {
                order.iter().filter_map(|token| values.get(*token).copied()).collect()
            }
            length => {
                let tokens = file.tokens.len();
                differences.push(format!("`{name}` has {length} values; expected 1 or {tokens}"));
                Vec::new()
            }
        }
    };
    let lambda = ours("lambda", &file.lambda);
    let initial_weights = ours("simulation.initial_weights", &file.simulation.initial_weights);
    let lists: Vec<(&str, Vec<f64>)> =
        file.contract_params.iter().map(|list| (list.name.as_str(), ours(&list.name, &list.values))).collect();
    let lists_fit = !lambda.is_empty() && lists.iter().all(|(_, values)| !values.is_empty());
    let found =
        terms(file, lambda, &lists).filter(|_| lists_fit).and_then(|terms| setup.strategy().values_of_contract(&terms));
    let rule = setup.strategy().rule();
    match found {
        Some(values) if differences.is_empty() => {
            Ok(if rule.initial_leaves().is_empty() { values } else { values.with("initial_weights", initial_weights) })
        }
        found => {
            if found.is_none() && lists_fit {
                let names: Vec<&str> = lists.iter().map(|(name, _)| *name).collect();
                differences.push(format!(
                    "its rule is {:?} of {}, which no parameters of `pool.rule = {:?}` give{}",
                    file.rule,
                    names.join(", "),
                    rule.name(),
                    if setup.strategy().settings().pre_exponent_scaling {
                        ""
                    } else {
                        " (`pool.pre_exponent_scaling`)"
                    }
                ));
            }
            Err(AnotherPool { path: path.display().to_string(), differences })
        }
    }
}

/// The parameters that a file of the tutorial contract stands for.
///
/// # Errors
/// Everything in which file and configuration differ.
pub fn tutorial_parameters(file: &TutorialFile, path: &Path, setup: &Setup) -> Result<ParameterValues, AnotherPool> {
    let assets = setup.prices.assets();
    let rule = setup.strategy().rule().name();
    let mut differences = Vec::new();
    if rule != TutorialMomentum::NAME {
        differences.push(format!("its rule is `{}`; `pool.rule` is `{rule}`", TutorialMomentum::NAME));
    }
    let place = |asset: &String| file.tokens.iter().position(|token| token == asset);
    let order = assets.iter().map(place).collect::<Option<Vec<_>>>();
    let order = order.filter(|_| file.tokens.len() == assets.len() && file.weights.len() == assets.len());
    if order.is_none() {
        let (theirs, ours) = (file.tokens.join(", "), assets.join(", "));
        differences.push(format!("its tokens and weights are of {theirs}; `data.assets` are {ours}"));
    }
    if guard_rail(setup).ok() != Some(file.minimum_weight.0) {
        let (theirs, ours) = (to_text(file.minimum_weight.0), setup.strategy().settings().minimum_weight);
        differences.push(format!("its minimum_weight is {theirs}; `pool.minimum_weight` is {ours}"));
    }
    let interval_s = file.update_interval_blocks.checked_mul(file.block_seconds);
    if interval_s != refusals::update_interval_s(setup) {
        let (minutes, key) = refusals::update_interval_min(setup);
        let (blocks, seconds) = (file.update_interval_blocks, file.block_seconds);
        differences
            .push(format!("its update interval is {blocks} blocks of {seconds} s; `{key}` is {minutes} minutes"));
    }
    let weights = doubles(&file.weights);
    match order.filter(|_| differences.is_empty()) {
        Some(order) => Ok(ParameterValues::new([
            ("logit_lamb", vec![logit(to_f64(file.lambda.0))]),
            ("absolute_k", vec![to_f64(file.kappa.0)]),
            ("initial_weights", order.into_iter().map(|token| weights[token]).collect()),
        ])),
        None => Err(AnotherPool { path: path.display().to_string(), differences }),
    }
}

/// The terms, if rule and lists are known and go together.
fn terms(file: &ContractFile, lambda: Vec<f64>, lists: &[(&str, Vec<f64>)]) -> Option<ContractTerms> {
    let rule = ContractRule::by_name(&file.rule)?;
    let names = lists.iter().map(|(name, _)| *name);
    let integers: Vec<Vec<Int256>> =
        file.contract_params.iter().map(|list| list.values.iter().map(|value| value.0).collect()).collect();
    let is_valid = Rule::by_name(&file.rule).is_some_and(|rule| rule.valid_parameters(&integers));
    if !is_valid || !names.eq(rule.lists().iter().copied()) {
        return None;
    }
    let parameters = rule
        .lists()
        .iter()
        .zip(lists)
        .map(|(name, (_, values))| ContractList { name, values: values.clone() })
        .collect();
    Some(ContractTerms { rule, lambda, parameters, caveats: Vec::new() })
}

/// Keys of the configuration that say something else than the file.
fn settings_that_differ(file: &ContractFile, setup: &Setup) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |field: &str, key: &str, theirs: Int256, ours: Option<Int256>| {
        if ours != Some(theirs) {
            let ours = ours.map_or_else(|| "no such number".to_owned(), to_text);
            found.push(format!("its {field} is {}; `{key}` stands for {ours}", to_text(theirs)));
        }
    };
    same("absoluteWeightGuardRail", "pool.minimum_weight", file.guard_rail.0, guard_rail(setup).ok());
    same(
        "epsilonMax",
        "pool.maximum_change_per_min` or `pool.epsilon_max",
        file.epsilon_max.0,
        epsilon_max(setup).ok(),
    );
    let ours = refusals::update_interval_s(setup);
    if ours != Some(file.update_interval) {
        let (minutes, key) = refusals::update_interval_min(setup);
        let theirs = file.update_interval as f64 / 60.0;
        found.push(format!("its updateInterval is {theirs} minutes; `{key}` is {minutes}"));
    }
    let sum: f64 = file.simulation.initial_weights.iter().map(|weight| to_f64(weight.0)).sum();
    if (sum - 1.0).abs() > 1e-9 {
        found.push(format!("its simulation.initial_weights sum to {sum}, not to 1"));
    }
    found
}
