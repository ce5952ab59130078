//! Single rule calls, and which parameters rules accept.

use serde_json::json;

use crate::Revert;
use crate::estimators::Lambda;
use crate::rules::{Caller, Rule, RuleCall, RuleState};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

/// The only note of this format that says what its numbers do not.
const OTHER_CALLER: &str = "caller is not the runner";

pub(super) fn verify_parameters(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for rule in Rule::ALL {
        for entry in root.get(rule.name())?.items()? {
            let accepted = rule.valid_parameters(&entry.get("parameters")?.matrix()?);
            tally.value(&entry.get("r")?, &json!(accepted));
        }
    }
    Ok(())
}

pub(super) fn verify_calls(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let rule = case.get("rule")?.rule()?;
        let initial = case.get("initial")?;
        let state = if initial.is_null() {
            Ok(RuleState::default())
        } else {
            rule.initialise(
                &initial.get("movingAverages")?.integers()?,
                &initial.get("intermediate")?.integers()?,
                initial.get("n")?.size()?,
            )
        };
        let stage = case.get("stage")?;
        let found = match stage.text()? {
            "initialise" => state.map(|_| vec![]),
            "calculate" => {
                let lambda = case.get("lambda")?.settings()?;
                let call = RuleCall {
                    caller: if case.get("note")?.text()? == OTHER_CALLER { Caller::Other } else { Caller::Runner },
                    previous_weights: &case.get("prevWeights")?.integers()?,
                    prices: &case.get("data")?.integers()?,
                    parameters: &case.get("ruleParameters")?.matrix()?,
                    lambda: Lambda(&lambda),
                    epsilon_max: case.get("epsilonMax")?.setting()?,
                    guard_rail: case.get("absoluteWeightGuardRail")?.setting()?,
                };
                state.and_then(|mut state| Ok::<_, Revert>(rule.calculate(&mut state, &call)?.guarded))
            }
            other => {
                let problem = format!("unknown stage {other:?}; known are initialise, calculate");
                return Err(VectorError::Malformed { at: stage.path, problem });
            }
        };
        tally.outcome(&case, "result", found);
    }
    Ok(())
}
