//! A pool as it would be deployed: the strategy's terms with 18 decimals, what the factory refuses of them, and the file that
//! holds them.

mod caveats;
mod refusals;

use gradpool_chain::decimal::{DecimalError, from_f64, weights_from_f64_above};
use gradpool_chain::fixed_point::{ONE, SCALE};
use gradpool_chain::rules::Rule;
use gradpool_chain::runner::{InitialState, PERFORM_UPDATE, PoolSettings};
use gradpool_chain::validation::Proposal;
use gradpool_chain::{Int256, Revert};
use gradpool_strategy::{ContractState, ContractTerms, ParameterValues};

use crate::setup::Setup;

pub use refusals::{Refusal, Refused};

/// Age in seconds at which an oracle's price is stale, unless the deployer says otherwise: one hour.
pub const ORACLE_STALENESS_S: u64 = 3600;

/// A pool with the state that it would be deployed with at an update row of its history. Lists are in the configuration's
/// order of assets.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The strategy as a contract computes it.
    pub terms: ContractTerms,
    /// What its estimators remember: every update row up to that of the deployment, included.
    pub state: ContractState,
    /// Its weights, as they were given.
    pub weights: Vec<f64>,
    /// Time of the deployment. The first update is meant to come one update interval later.
    pub time_ms: i64,
    /// All that with 18 decimals.
    pub proposal: Proposal,
    /// What a user of the contract should know, in sentences.
    pub caveats: Vec<String>,
}

impl Deployment {
    /// The pool of `setup` with the parameters `values`, deployed at a row of the experiment's history, a multiple of the
    /// update interval, with these weights.
    ///
    /// # Errors
    /// Everything that the factory would refuse, and every reason why there is no such contract.
    pub fn new(
        setup: &Setup,
        values: &ParameterValues,
        row: usize,
        weights: &[f64],
        oracle_staleness_s: u64,
    ) -> Result<Self, Refused> {
        let prices = setup.experiment.history().prices();
        let interval = setup.strategy().settings().update_interval_rows;
        let rows = (0..=row).step_by(interval).map(|row| prices.row(row));
        let found = setup.strategy().contract(values);
        let terms = match &found {
            Ok(terms) => Some(terms),
            Err(_) => None,
        };
        let state = terms.and_then(|terms| terms.state_after(rows));
        let time_ms = prices.grid().time_ms(row);
        let mut refusals = refusals::of_pool(setup);
        if let Err(obstacles) = &found {
            refusals.extend(obstacles.iter().map(Refusal::of_obstacle));
        }
        let proposal = propose(setup, terms.zip(state.as_ref()), weights, time_ms, oracle_staleness_s);
        match &proposal {
            Ok(proposal) => {
                let explain = |revert: Revert| refusals::explain(&revert, proposal, terms, setup, values);
                refusals.extend(proposal.refusals().flat_map(explain));
            }
            Err(refusal) => refusals.push(refusal.clone()),
        }
        match (found, state, proposal) {
            (Ok(terms), Some(state), Ok(proposal)) if refusals.is_empty() => {
                let next = caveats::first_update(&proposal, prices.row(row))?;
                let caveats = caveats::of(&terms, setup).into_iter().chain(next).collect();
                Ok(Self { terms, state, weights: weights.to_vec(), time_ms, proposal, caveats })
            }
            _ => Err(Refused(refusals)),
        }
    }
}

/// The proposal, with a rule that the factory accepts where there are no terms.
fn propose(
    setup: &Setup,
    terms: Option<(&ContractTerms, &ContractState)>,
    weights: &[f64],
    time_ms: i64,
    oracle_staleness: u64,
) -> Result<Proposal, Refusal> {
    let settings = setup.strategy().settings();
    let guard_rail = integer("pool.minimum_weight", settings.minimum_weight)?;
    let epsilon = (settings.maximum_change_per_row * settings.interpolation_rows as f64).min(1.0);
    let flat = (Rule::Momentum, vec![vec![ONE]], vec![SCALE as u64 / 2], vec![ONE; weights.len()], vec![]);
    let (rule, parameters, lambda, moving_averages, intermediate) = match terms {
        None => flat,
        Some((terms, state)) => {
            let lists = terms.parameters.iter().map(|list| integers(list.name, &list.values));
            (
                Rule::by_name(terms.rule.name()).unwrap_or(flat.0),
                lists.collect::<Result<_, _>>()?,
                integers("lambda", &terms.lambda)?.into_iter().map(unsigned).collect(),
                integers("the moving average", &state.moving_averages)?,
                integers("the intermediate state", &state.intermediate)?,
            )
        }
    };
    let proposed = PoolSettings {
        rule,
        parameters,
        lambda,
        epsilon_max: unsigned(integer("pool.maximum_change_per_min", epsilon)?),
        guard_rail: unsigned(guard_rail),
        update_interval: refusals::update_interval_s(setup).unwrap_or(1),
        oracle_staleness,
        registry: PERFORM_UPDATE,
    };
    let initial = InitialState {
        weights: weights_from_f64_above(weights, guard_rail)
            .map_err(|error| Refusal::of_number("an initial weight", &error))?,
        moving_averages,
        intermediate,
        time: (time_ms / 1000).try_into().unwrap_or(0),
    };
    Ok(Proposal::new(proposed, initial))
}

fn integer(name: &str, value: f64) -> Result<Int256, Refusal> {
    from_f64(value).map_err(|error: DecimalError| Refusal::of_number(name, &error))
}

fn integers(name: &str, values: &[f64]) -> Result<Vec<Int256>, Refusal> {
    values.iter().map(|value| integer(name, *value)).collect()
}

/// Of a number between 0 and 18; any other becomes 0, which the factory refuses.
fn unsigned(value: Int256) -> u64 {
    value.to_i128().and_then(|value| value.try_into().ok()).unwrap_or(0)
}
