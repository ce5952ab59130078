//! A deployment as a table: human values, then those of the contract.

use gradpool_chain::Int256;
use gradpool_chain::decimal::to_f64;
use gradpool_strategy::{ContractRule, ParameterValues};
use serde_json::Value;

use crate::contract::Deployment;
use crate::human_units::HumanUnits;
use crate::setup::Setup;

/// One line per number: `quantity,token,value,contract`. Human quantities have no contract value; what holds for all tokens has
/// no token.
pub(super) fn csv(setup: &Setup, values: &ParameterValues, deployment: &Deployment) -> anyhow::Result<String> {
    let assets = setup.prices.assets();
    let mut lines = vec!["quantity,token,value,contract".to_owned()];
    let human = HumanUnits::new(values, &setup.parts, setup.strategy().settings(), assets)?;
    for record in serde_json::to_value(human)?.as_array().into_iter().flatten() {
        let asset = record["asset"].as_str().unwrap_or_default();
        let quantities = record.as_object().into_iter().flatten().filter(|(key, _)| *key != "asset");
        lines.extend(quantities.map(|(key, value): (&String, &Value)| format!("{key},{asset},{value},")));
    }
    let proposal = &deployment.proposal;
    let mut list = |name: &str, values: &[f64], integers: &[Int256]| {
        let shared = integers.len() == 1;
        for (index, (value, integer)) in values.iter().zip(integers).enumerate() {
            let asset = if shared { "" } else { &assets[index] };
            lines.push(format!("{name},{asset},{value},{integer}"));
        }
    };
    let lambda: Vec<Int256> = proposal.lambda.iter().map(|lambda| Int256::from(*lambda)).collect();
    list("lambda", &deployment.terms.lambda, &lambda);
    for (parameter, integers) in deployment.terms.parameters.iter().zip(&proposal.parameters) {
        list(parameter.name, &parameter.values, integers);
    }
    let intermediate = match deployment.terms.rule {
        ContractRule::MinimumVariance => "running_variance",
        ContractRule::DifferenceMomentum => "short_average",
        _ => "running_gradient",
    };
    list("deployed_weight", &deployment.weights, &proposal.initial.weights);
    list("moving_average", &deployment.state.moving_averages, &proposal.initial.moving_averages);
    list(intermediate, &deployment.state.intermediate, &proposal.initial.intermediate);
    for (name, number) in [
        ("absolute_weight_guard_rail", proposal.guard_rail),
        ("epsilon_max", proposal.epsilon_max),
        ("max_trade_size_ratio", proposal.maximum_trade_size_ratio),
    ] {
        list(name, &[to_f64(number.into())], &[number.into()]);
    }
    lines.push(format!("update_interval_s,,{0},{0}", proposal.update_interval));
    lines.push(format!("oracle_staleness_s,,{0},{0}", proposal.oracle_staleness));
    Ok(lines.join("\n") + "\n")
}
