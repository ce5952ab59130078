//! A deployed pool over a history of prices.
#![allow(clippy::unwrap_used)]

use gradpool_chain::fixed_point::{ONE, SCALE};
use gradpool_chain::multiplier::NEVER;
use gradpool_chain::replay::{Keeper, Trigger, replay};
use gradpool_chain::rules::Rule;
use gradpool_chain::runner::{InitialState, PERFORM_UPDATE, PoolSettings};
use gradpool_chain::validation::Proposal;
use gradpool_chain::{Custom, Int256, Panic, Require, Revert};

const UNIT: u64 = SCALE as u64;
const DAY: u64 = 86_400;
const START: u64 = 1_700_000_000;

fn proposal() -> Proposal {
    let settings = PoolSettings {
        rule: Rule::Momentum,
        parameters: vec![vec![Int256::new(200 * SCALE)]],
        lambda: vec![UNIT / 10 * 9],
        epsilon_max: UNIT / 20,
        guard_rail: UNIT / 10,
        update_interval: DAY,
        oracle_staleness: DAY,
        registry: PERFORM_UPDATE,
    };
    let initial = InitialState {
        weights: vec![Int256::new(SCALE / 2); 2],
        moving_averages: vec![Int256::new(100 * SCALE); 2],
        intermediate: vec![Int256::ZERO; 2],
        time: START,
    };
    Proposal::new(settings, initial)
}

/// The first asset rises by a percent a day.
fn prices(time: u64) -> Vec<Int256> {
    let day = i128::from((time - START) / DAY);
    vec![Int256::new((100 + day) * SCALE), Int256::new(100 * SCALE)]
}

fn triggers(keeper: Keeper, days: u64) -> Vec<Trigger> {
    let times = keeper.times(START + DAY, START + days * DAY, DAY);
    times.into_iter().map(|time| Trigger { time, prices: prices(time) }).collect()
}

fn first_weight(weights: &Result<Vec<Int256>, Revert>) -> Int256 {
    weights.as_ref().unwrap()[0]
}

#[test]
fn a_punctual_keeper_reaches_each_target_up_to_nine_decimals() {
    let mut pool = proposal().deploy().unwrap();
    let triggers = triggers(Keeper::PUNCTUAL, 10);
    let times: Vec<u64> = triggers.iter().map(|trigger| trigger.time).collect();
    let history = replay(&mut pool, &triggers, &times);
    let updates: Vec<_> = history.events.iter().map(|event| event.outcome.as_ref().unwrap()).collect();
    assert_eq!((updates.len(), history.weights.len()), (9, 9));
    for pair in updates.windows(2) {
        for (target, reached) in pair[0].guarded.iter().zip(&pair[1].previous_weights) {
            let missed = target.checked_sub(*reached).unwrap().to_i128().unwrap();
            assert!(missed.abs() <= i128::from(DAY + 1) * 1_000_000_000, "{missed}");
        }
    }
    // Weights at the time of an update are those that it started from.
    assert_eq!(history.weights[8].as_ref(), Ok(&updates[8].previous_weights));
    assert!(first_weight(&history.weights[8]) > Int256::new(SCALE / 2));
}

#[test]
fn without_updates_the_run_goes_past_its_target_to_the_rail() {
    let mut pool = proposal().deploy().unwrap();
    let only = triggers(Keeper::PUNCTUAL, 3);
    let history = replay(&mut pool, &only[1..], &[START, START + DAY, START + 3 * DAY, START + 365 * DAY, NEVER]);
    let target = history.events[0].outcome.as_ref().unwrap().guarded[0];
    let weights: Vec<Int256> = history.weights.iter().map(first_weight).collect();
    assert_eq!(weights[0], weights[1]);
    assert!(weights[2] > weights[1] && weights[3] > target);
    assert!(weights[3] <= Int256::new(SCALE / 10 * 9) && weights[3] > Int256::new(SCALE / 10 * 8));
    assert_eq!(weights[3], weights[4]);
}

#[test]
fn early_triggers_are_refused_and_late_ones_shift_the_schedule() {
    let mut pool = proposal().deploy().unwrap();
    let at = |time: u64| Trigger { time, prices: prices(time) };
    let triggers = [at(START + DAY), at(START + 2 * DAY - 1), at(START + 2 * DAY + 60), at(START + 3 * DAY)];
    let history = replay(&mut pool, &triggers, &[]);
    let done: Vec<bool> = history.events.iter().map(|event| event.outcome.is_ok()).collect();
    assert_eq!(done, [true, false, true, false]);
    assert_eq!(history.events[3].outcome, Err(Require::IntervalNotElapsed.into()));
    assert_eq!(pool.last_run(), START + 2 * DAY + 60);
}

#[test]
fn a_reverted_update_leaves_the_pool_as_it_was() {
    let mut pool = proposal().deploy().unwrap();
    let first = &triggers(Keeper::PUNCTUAL, 2)[0];
    replay(&mut pool, std::slice::from_ref(first), &[]);
    let before = pool.clone();
    let broken = Trigger { time: first.time + DAY, prices: vec![ONE] };
    let history = replay(&mut pool, &[broken], &[]);
    assert_eq!(history.events[0].outcome, Err(Panic::IndexOutOfBounds.into()));
    assert_eq!(pool, before);
}

#[test]
fn keepers_are_late_and_miss_updates() {
    let late = Keeper { delay: 10, misses_one_in: 0 };
    assert_eq!(late.times(100, 450, 100), [110, 220, 330, 440]);
    let missing = Keeper { delay: 0, misses_one_in: 3 };
    assert_eq!(missing.times(100, 700, 100), [100, 200, 400, 500]);
    assert_eq!(Keeper::PUNCTUAL.times(u64::MAX - 1, u64::MAX, 100), [u64::MAX - 1]);
}

#[test]
fn what_the_factory_refuses_is_not_deployed() {
    let refused = |change: fn(&mut Proposal)| {
        let mut proposal = proposal();
        change(&mut proposal);
        proposal.deploy().unwrap_err()
    };
    assert_eq!(refused(|proposal| proposal.lambda = vec![UNIT]), Require::Lambda.into());
    assert_eq!(refused(|proposal| proposal.parameters[0][0] = Int256::ZERO), Require::RuleParameters.into());
    assert_eq!(refused(|proposal| proposal.guard_rail = UNIT / 2), Require::GuardRail.into());
    assert_eq!(
        refused(|proposal| proposal.initial.weights[0] = Int256::new(SCALE / 2 + 1)),
        Custom::NormalizedWeightInvariant.into()
    );
}
