//! Reverts of runner, pool and factory. The file describes each call in words; here each note is such a call.

use serde_json::json;

use crate::error::{Panic, Revert};
use crate::fixed_point::SCALE;
use crate::oracle::{Oracle, Quote};
use crate::rules::{Caller, Rule};
use crate::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings, Runner};
use crate::validation::Proposal;
use crate::{Int256, fixed_point::ONE};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

const UNIT: u64 = SCALE as u64;
const CREATED: u64 = 1_700_000_000;
const INTERVAL: u64 = 1000;
const NAME: &str = "pool";

pub(super) fn verify(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let note = case.get("note")?.text()?;
        let found = runner_call(note).or_else(|| factory_call(note));
        match found {
            Some(found) => tally.outcome(&case, "ok", found.map(|()| json!(true))),
            None => tally.skip(&format!("not a call that this crate models: {note}")),
        }
    }
    Ok(())
}

fn settings() -> PoolSettings {
    PoolSettings {
        rule: Rule::Momentum,
        parameters: vec![vec![Int256::new(10 * SCALE)], vec![Int256::ZERO]],
        lambda: vec![UNIT / 10 * 9],
        epsilon_max: UNIT / 10,
        guard_rail: UNIT / 100 * 3,
        update_interval: INTERVAL,
        oracle_staleness: 3600,
        registry: PERFORM_UPDATE,
    }
}

fn initial() -> InitialState {
    InitialState {
        weights: vec![Int256::new(SCALE / 2); 2],
        moving_averages: vec![Int256::new(100 * SCALE), Int256::new(101 * SCALE)],
        intermediate: vec![ONE; 2],
        time: CREATED,
    }
}

fn quote(price: i128, time: u64) -> Vec<Oracle> {
    vec![Oracle { approved: true, quote: Ok(Quote { price: Int256::new(price * SCALE), time }) }]
}

/// Updates a registered pool at each of the times, with oracles that may be spoilt.
fn updates(settings: PoolSettings, times: &[u64], spoil: impl Fn(&mut Oracle)) -> Result<(), Revert> {
    let mut runner = Runner::default();
    runner.register(NAME, Pool::new(settings, &initial())?)?;
    for time in times {
        let mut oracles = vec![quote(101, *time), quote(103, *time)];
        oracles.iter_mut().flatten().for_each(&spoil);
        runner.perform_update(NAME, *time, &oracles)?;
    }
    Ok(())
}

/// Manual weights, followed by multipliers per second.
fn manually(weights: &[i128], multipliers: &[i128]) -> Result<(), Revert> {
    let values: Vec<Int256> = weights.iter().chain(multipliers).map(|value| Int256::new(*value)).collect();
    Pool::new(settings(), &initial())?.set_weights_manually(&values, CREATED, CREATED + INTERVAL)
}

/// A pool whose weights stopped before they were stored.
fn stopped_before_stored() -> Result<Pool, Revert> {
    let mut pool = Pool::new(settings(), &initial())?;
    let (half, multiplier) = (Int256::new(SCALE / 2), SCALE / 100_000);
    let values = [half, half, Int256::new(multiplier), Int256::new(-multiplier)];
    pool.set_weights(Caller::Runner, &values, CREATED, CREATED - 5)?;
    Ok(pool)
}

fn runner_call(note: &str) -> Option<Result<(), Revert>> {
    let half = SCALE / 2;
    let as_given = |_: &mut Oracle| ();
    Some(match note {
        "performUpdate on an unknown pool" => Runner::default().perform_update(NAME, CREATED, &[]).map(|_| ()),
        "first performUpdate straight after creation (lastPoolUpdateRun is 0, so allowed)" => {
            updates(settings(), &[CREATED + 1], as_given)
        }
        "performUpdate 999 s after, interval 1000" => updates(settings(), &[CREATED, CREATED + 999], as_given),
        "performUpdate exactly 1000 s after, interval 1000" => {
            updates(settings(), &[CREATED, CREATED + 1000], as_given)
        }
        "performUpdate without action bit 1" => {
            updates(PoolSettings { registry: 2, ..settings() }, &[CREATED], as_given)
        }
        "oracle no longer approved" => updates(settings(), &[CREATED], |oracle| oracle.approved = false),
        "oracle reverts, no backup" => {
            updates(settings(), &[CREATED], |oracle| oracle.quote = Err(Panic::Arithmetic.into()))
        }
        "setWeights not from runner" => Pool::new(settings(), &initial())
            .and_then(|mut pool| pool.set_weights(Caller::Other, &[Int256::ZERO; 4], CREATED, CREATED)),
        "setWeightsManually weight below 0.01" => manually(&[SCALE / 100 - 1, half], &[0, 0]),
        "setWeightsManually weight above 0.99" => manually(&[half, SCALE / 100 * 99 + 1], &[0, 0]),
        "setWeightsManually multiplier beyond int32 9dp" => manually(&[half, half], &[3 * SCALE, 0]),
        "setWeightsManually weights need not sum to 1" => manually(&[half, half / 2], &[0, 0]),
        "setWeightsManually length 2" => manually(&[half, half], &[]),
        "setTargetWeightsManually interval 0" => Pool::new(settings(), &initial())
            .and_then(|mut pool| pool.set_target_weights_manually(&initial().weights, 0, CREATED).map(|_| ())),
        "getNormalizedWeights when lastInterpolation < lastUpdate (unchecked uint40 wrap)" => {
            stopped_before_stored().and_then(|pool| pool.weights_at(CREATED + 1).map(|_| ()))
        }
        "swap when lastInterpolation < lastUpdate (checked)" => {
            stopped_before_stored().and_then(|pool| pool.stored_weights().at_swap(CREATED + 1).map(|_| ()))
        }
        _ => return None,
    })
}

fn factory_call(note: &str) -> Option<Result<(), Revert>> {
    let mut proposal = Proposal::new(settings(), initial());
    match note {
        "valid" => {}
        "lambda = 1e18" => proposal.lambda = vec![UNIT],
        "lambda = 0" => proposal.lambda = vec![0],
        "lambda = 1 wei" => proposal.lambda = vec![1],
        "lambda length 3 for n=2" => proposal.lambda = vec![UNIT / 2; 3],
        "lambda empty" => proposal.lambda = vec![],
        "lambda vector" => proposal.lambda = vec![UNIT / 2; 2],
        "epsilonMax 0" => proposal.epsilon_max = 0,
        "epsilonMax 1e18" => proposal.epsilon_max = UNIT,
        "epsilonMax 1e18+1" => proposal.epsilon_max = UNIT + 1,
        "guard rail = 1/n" => proposal.guard_rail = UNIT / 2,
        "guard rail 1/n - 1 wei but initial weight below it" => {
            proposal.guard_rail = UNIT / 2 - 1;
            proposal.initial.weights = vec![Int256::new(SCALE / 10 * 4), Int256::new(SCALE / 10 * 6)];
        }
        "guard rail 0.01 - 1 wei" => proposal.guard_rail = UNIT / 100 - 1,
        "guard rail 0.01" => proposal.guard_rail = UNIT / 100,
        "no oracles" => proposal.oracles = vec![],
        "one oracle" => proposal.oracles.truncate(1),
        "bad rule parameters" => proposal.parameters = vec![vec![Int256::ZERO]],
        "maxTradeSizeRatio 0" => proposal.maximum_trade_size_ratio = 0,
        "maxTradeSizeRatio 0.3" => proposal.maximum_trade_size_ratio = UNIT / 10 * 3,
        "maxTradeSizeRatio 0.3 + 1 wei" => proposal.maximum_trade_size_ratio = UNIT / 10 * 3 + 1,
        "weights sum not 1" => proposal.initial.weights[0] = Int256::new(SCALE / 2 - 1),
        "no rule" => proposal.rule = None,
        "staleness 0" => proposal.oracle_staleness = 0,
        "assets length" => proposal.assets = 3,
        "pool registry 0" => proposal.registry = 0,
        "pool registry 4" => proposal.registry = 4,
        "token count" => proposal.tokens = 3,
        "update interval 0" => proposal.update_interval = 0,
        "unapproved oracle" => proposal.oracles[1] = vec![false],
        "moving averages wrong length" => proposal.initial.moving_averages.truncate(1),
        "intermediates wrong length" => proposal.initial.intermediate.truncate(1),
        _ => return None,
    }
    Some(proposal.deploy().map(|_| ()))
}
