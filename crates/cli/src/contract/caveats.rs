//! What a contract computes in another way than the simulation, for the user to know.

use gradpool_chain::decimal::from_f64;
use gradpool_chain::validation::Proposal;
use gradpool_strategy::fees::FeeForm;
use gradpool_strategy::{ContractCaveat, ContractRule, ContractTerms, Interpolation};

use super::refusals::{Refusal, Refused};
use crate::setup::Setup;

/// `1 - lambda` below which the contract's factor `(1 - lambda)^3 / lambda` keeps fewer than six digits (spec 13.3).
const SHORT_COMPLEMENT: f64 = 1e-4;

/// The caveats of a contract's terms and of its pool.
pub(super) fn of(terms: &ContractTerms, setup: &Setup) -> Vec<String> {
    let of_returns = terms.caveats.contains(&ContractCaveat::VarianceOfReturns);
    let has_gradient = !matches!(terms.rule, ContractRule::DifferenceMomentum | ContractRule::MinimumVariance);
    let is_long = terms.lambda.iter().any(|lambda| 1.0 - lambda < SHORT_COMPLEMENT);
    let of_rule = [
        (
            of_returns,
            "the contract takes the variance of prices, and this strategy was trained on that of returns: on chain, assets with a \
             high price get almost no weight; train with `pool.execution = \"onchain\"`, which takes the contract's variance",
        ),
        (
            has_gradient && is_long,
            "lambda is so close to 1 that the contract's gradient keeps fewer than six digits: lower `pool.maximum_memory_days`, or \
             update less often (`pool.update_interval_min`)",
        ),
    ];
    those_that_hold(&of_rule).chain(of_settings(setup)).collect()
}

/// The caveats of the pool alone, which any contract has.
pub(super) fn of_settings(setup: &Setup) -> Vec<String> {
    let settings = setup.strategy().settings();
    let of_pool = [
        (
            !settings.execution.is_on_chain() && settings.interpolation_rows < settings.update_interval_rows,
            "the contract moves weights over the whole update interval (`pool.update_interval_min`), not only over \
             `pool.interpolation_min`",
        ),
        (
            settings.interpolation != Interpolation::Linear,
            "the contract moves weights in straight lines, whatever `pool.interpolation` says",
        ),
        (
            settings.fee.form != FeeForm::Fixed,
            "the swap fee is a trained parameter (`pool.fee_form`), and no part of these terms: a contract's fee is set apart",
        ),
    ];
    those_that_hold(&of_pool).collect()
}

fn those_that_hold<'a>(caveats: &'a [(bool, &str)]) -> impl Iterator<Item = String> + use<'a> {
    caveats.iter().filter(|(holds, _)| *holds).map(|(_, text)| (*text).to_owned())
}

/// Deploys the pool and runs one update, at prices that are those of its deployment.
///
/// # Errors
/// If the pool cannot be deployed.
pub(super) fn first_update(proposal: &Proposal, prices: &[f64]) -> Result<Option<String>, Refused> {
    let mut pool = proposal
        .clone()
        .deploy()
        .map_err(|revert| Refused(vec![Refusal::new(format!("{revert}: a number is too large"))]))?;
    let prices: Result<Vec<_>, _> = prices.iter().map(|price| from_f64(*price)).collect();
    let prices = prices.map_err(|error| Refused(vec![Refusal::of_number("a price", &error)]))?;
    let time = proposal.initial.time + proposal.update_interval;
    let reverted = pool.perform_update(time, &prices).err();
    Ok(reverted.map(|revert| format!("an update at the prices of the deployment would be reverted: {revert}")))
}
