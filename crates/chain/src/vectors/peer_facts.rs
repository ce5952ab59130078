//! Exact equalities of the contracts' own tests.

use serde_json::json;

use crate::estimators::{Lambda, covariance, gradient, variance};
use crate::guard::{clamp, guard};
use crate::multiplier::run;
use crate::packing::unpack_array;
use crate::rules::{Inputs, Rule};
use crate::{Int256, Revert};

use super::VectorError;
use super::covariance::rows;
use super::tally::{Found, Tally};
use super::value::Node;

pub(super) fn verify(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for entry in root.get("ruleTests")?.items()? {
        verify_rule(&entry, tally)?;
    }
    for entry in root.get("estimators")?.items()? {
        verify_estimator(&entry, tally)?;
    }
    for entry in root.get("guard")?.items()? {
        let weights = entry.get("weights")?.integers()?;
        let guard_rail = entry.get("guardRail")?.setting()?;
        let function = entry.get("fn")?;
        let found = match function.text()? {
            "clamp" => clamp(&weights, guard_rail),
            "guard" => {
                guard(&weights, &entry.get("prev")?.integers()?, entry.get("epsilonMax")?.setting()?, guard_rail)
            }
            other => return Err(unknown(&function, other, "clamp, guard")),
        };
        tally.outcome(&entry, "expected", found);
    }
    for entry in root.get("multiplier")?.items()? {
        let current = entry.get("current")?.integers()?;
        let updated = entry.get("updated")?.integers()?;
        let interval = entry.get("updateInterval")?.count()?;
        let found = run(&current, &updated, interval, entry.get("guardRail")?.setting()?, entry.get("time")?.count()?);
        match found {
            Ok(found) => {
                tally.value(&entry.get("multipliers")?, &found.multipliers);
                tally.value(&entry.get("lastInterpolationTime")?, &json!(found.last_interpolation_time));
            }
            Err(revert) => tally.outcome(&entry, "multipliers", Found::Revert(revert)),
        }
    }
    Ok(())
}

fn unknown(node: &Node<'_>, name: &str, known: &str) -> VectorError {
    VectorError::Malformed { at: node.path.clone(), problem: format!("unknown name {name:?}; known are {known}") }
}

/// New averages, then (where the estimator needs them) the old ones.
fn split_averages(averages: &[Int256], assets: usize) -> (&[Int256], &[Int256]) {
    let (new, old) = averages.split_at(assets.min(averages.len()));
    (new, if old.is_empty() { new } else { old })
}

fn verify_rule(entry: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    let rule: Rule = entry.get("rule")?.rule()?;
    let previous_weights = entry.get("prevWeights")?.integers()?;
    let averages = entry.get("movingAverages")?.integers()?;
    let (new, old) = split_averages(&averages, previous_weights.len());
    let lambda = entry.get("lambda")?.settings()?;
    let found = rule.raw_weights(&Inputs {
        previous_weights: &previous_weights,
        prices: &entry.get("data")?.integers()?,
        parameters: &entry.get("ruleParameters")?.matrix()?,
        lambda: Lambda(&lambda),
        old_averages: old,
        averages: new,
        intermediate: &entry.get("intermediate")?.integers()?,
    });
    tally.outcome(entry, "expectedRaw", found.map(|raw| raw.weights));
    Ok(())
}

fn verify_estimator(entry: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    let kind = entry.get("kind")?;
    let lambda = entry.get("lambda")?.settings()?;
    let lambda = Lambda(&lambda);
    let prices = entry.get("prices")?.matrix()?;
    let averages = entry.get("movingAverages")?.matrix()?;
    let assets = prices.first().map_or(0, Vec::len);
    let cells = if kind.text()? == "covariance" { assets * assets } else { assets };
    let mut state = vec![Int256::ZERO; cells];
    for ((expected, prices), averages) in entry.get("expected")?.items()?.iter().zip(&prices).zip(&averages) {
        let (new, old) = split_averages(averages, assets);
        let stored = |words: &[Int256]| unpack_array(words, assets);
        let found: Result<(Vec<Int256>, Vec<Int256>), Revert> = match kind.text()? {
            "gradient" => gradient(prices, new, lambda, &state)
                .and_then(|estimate| Ok((stored(&estimate.words)?, estimate.values))),
            "variance" => variance(prices, old, new, lambda, &state)
                .and_then(|estimate| Ok((stored(&estimate.words)?, estimate.values))),
            "covariance" => covariance(prices, old, new, lambda, &state).map(|found| (found.state, found.values)),
            other => return Err(unknown(&kind, other, "gradient, variance, covariance")),
        };
        match found {
            Ok((next, values)) => {
                state = next;
                if cells == assets {
                    tally.value(expected, &values);
                } else {
                    tally.value(expected, &rows(&values, assets));
                }
            }
            Err(revert) => tally.error(expected, &revert),
        }
    }
    Ok(())
}
