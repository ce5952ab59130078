//! A pool as it would be deployed: the strategy's terms with 18 decimals, what the factory refuses of them, and the file that
//! holds them.

pub mod addresses;
mod caveats;
pub mod file;
pub mod import;
mod refusals;
pub mod tutorial;

use gradpool_chain::decimal::{DecimalError, from_f64, weights_from_f64, weights_from_f64_above};
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
        let terms = found.as_ref().ok();
        let state = terms.and_then(|terms| terms.state_after(rows));
        let time_ms = prices.grid().time_ms(row);
        let mut refusals = refusals::of_pool(setup);
        if let Err(obstacles) = &found {
            refusals.extend(obstacles.iter().map(Refusal::of_obstacle));
        }
        let known = terms.zip(state.as_ref());
        let (proposal, numbers) = propose(setup, known, weights, time_ms, oracle_staleness_s)?;
        refusals.extend(numbers);
        let explain = |revert: Revert| refusals::explain(&revert, &proposal, terms, setup, values);
        refusals.extend(proposal.refusals().flat_map(explain));
        match (found, state) {
            (Ok(terms), Some(state)) if refusals.is_empty() => {
                let next = caveats::first_update(&proposal, prices.row(row))?;
                let caveats = caveats::of(&terms, setup).into_iter().chain(next).collect();
                Ok(Self { terms, state, weights: weights.to_vec(), time_ms, proposal, caveats })
            }
            _ => Err(Refused(refusals)),
        }
    }
}

/// The rule's part of a proposal.
struct RulePart {
    rule: Rule,
    parameters: Vec<Vec<Int256>>,
    lambda: Vec<u64>,
    moving_averages: Vec<Int256>,
    intermediate: Vec<Int256>,
}

impl RulePart {
    fn new(terms: &ContractTerms, state: &ContractState) -> Result<Self, Refusal> {
        let lists = terms.parameters.iter().map(|list| integers(list.name, &list.values));
        Ok(Self {
            rule: Rule::by_name(terms.rule.name())
                .ok_or_else(|| Refusal::new(format!("no contract is called {}", terms.rule.name())))?,
            parameters: lists.collect::<Result<_, _>>()?,
            lambda: integers("lambda", &terms.lambda)?.into_iter().map(unsigned).collect(),
            moving_averages: integers("the moving average", &state.moving_averages)?,
            intermediate: integers("the intermediate state", &state.intermediate)?,
        })
    }

    /// A part that the factory accepts, so that it can be asked about the rest.
    fn acceptable() -> Self {
        Self {
            rule: Rule::Momentum,
            parameters: vec![vec![ONE]],
            lambda: vec![SCALE as u64 / 2],
            moving_averages: Vec::new(),
            intermediate: Vec::new(),
        }
    }
}

/// The proposal, and what of it is no number with 18 decimals: such parts are replaced by acceptable ones.
fn propose(
    setup: &Setup,
    terms: Option<(&ContractTerms, &ContractState)>,
    weights: &[f64],
    time_ms: i64,
    oracle_staleness: u64,
) -> Result<(Proposal, Vec<Refusal>), Refused> {
    let mut refusals = Vec::new();
    let of_rule = terms.map(|(terms, state)| RulePart::new(terms, state));
    let part = of_rule.unwrap_or_else(|| Ok(RulePart::acceptable())).unwrap_or_else(|refusal| {
        refusals.push(refusal);
        RulePart::acceptable()
    });
    let of_setting = |refusal: Refusal| Refused(vec![refusal]);
    let guard_rail = guard_rail(setup).map_err(of_setting)?;
    let weights = weights_from_f64_above(weights, guard_rail).unwrap_or_else(|error| {
        refusals.push(Refusal::of_number("the weight of an asset", &error));
        weights_from_f64(&vec![1.0 / weights.len() as f64; weights.len()]).unwrap_or_default()
    });
    let settings = PoolSettings {
        rule: part.rule,
        parameters: part.parameters,
        lambda: part.lambda,
        epsilon_max: unsigned(epsilon_max(setup).map_err(of_setting)?),
        guard_rail: unsigned(guard_rail),
        update_interval: refusals::update_interval_s(setup).unwrap_or(1),
        oracle_staleness,
        registry: PERFORM_UPDATE,
    };
    let initial = InitialState {
        weights,
        moving_averages: part.moving_averages,
        intermediate: part.intermediate,
        time: (time_ms / 1000).try_into().unwrap_or(0),
    };
    Ok((Proposal::new(settings, initial), refusals))
}

/// The smallest weight.
fn guard_rail(setup: &Setup) -> Result<Int256, Refusal> {
    integer("pool.minimum_weight", setup.strategy().settings().minimum_weight)
}

/// The largest change per update: what the limit per row allows over all rows of a ramp (spec 13.12.2), or that of a pool which
/// was trained on chain.
fn epsilon_max(setup: &Setup) -> Result<Int256, Refusal> {
    let settings = setup.strategy().settings();
    let of_ramp = settings.maximum_change_per_row * settings.interpolation_rows as f64;
    integer("pool.maximum_change_per_min", settings.epsilon_max().unwrap_or_else(|| of_ramp.min(1.0)))
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
