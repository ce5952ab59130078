//! What each part of the chain does to the weights of a momentum pool.
#![allow(clippy::unwrap_used)]

use gradpool_chain::Int256;
use gradpool_chain::decimal::{from_f64, to_f64, weights_from_f64};
use gradpool_chain::replay::{Cause, Deviation, FloatStrategy, Keeper, Stages, Trigger, deviation, replay, stages};
use gradpool_chain::rules::Rule;
use gradpool_chain::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings};
use gradpool_chain::validation::Proposal;

const DAY: u64 = 86_400;
const START: u64 = 1_700_000_000;
const RAIL: f64 = 0.05;

/// Momentum in floating point, from an average at the first price and no trend.
struct Momentum {
    gain: f64,
    lambda: f64,
    averages: Vec<f64>,
    trends: Vec<f64>,
}

impl FloatStrategy for Momentum {
    fn output(&mut self, prices: &[f64]) -> Vec<f64> {
        let kept = self.lambda;
        let scale = (1.0 - kept).powi(3) / kept;
        let states = self.averages.iter_mut().zip(&mut self.trends).zip(prices);
        let signal: Vec<f64> = states
            .map(|((average, trend), price)| {
                *average = kept * *average + (1.0 - kept) * price;
                *trend = kept * *trend + (price - *average) / (1.0 - kept);
                scale * *trend / *average
            })
            .collect();
        let mean = signal.iter().sum::<f64>() / signal.len() as f64;
        signal.iter().map(|value| self.gain * (value - mean)).collect()
    }

    fn raw(&self, weights: &[f64], output: &[f64]) -> Vec<f64> {
        weights.iter().zip(output).map(|(weight, change)| weight + change).collect()
    }

    fn guarded(&self, weights: &[f64], output: &[f64]) -> Vec<f64> {
        // Two assets whose raw weights sum to one need no more.
        self.raw(weights, output).iter().map(|weight| weight.clamp(RAIL, 1.0 - RAIL)).collect()
    }
}

struct Case {
    gain: f64,
    lambda: f64,
    interval: u64,
    /// Of the first asset, one per interval from the deployment on; the second asset stands still.
    prices: Vec<f64>,
}

impl Case {
    fn pool(&self) -> Pool {
        let settings = PoolSettings {
            rule: Rule::Momentum,
            parameters: vec![vec![from_f64(self.gain).unwrap()]],
            lambda: vec![from_f64(self.lambda).unwrap().to_i128().unwrap() as u64],
            epsilon_max: 1_000_000_000_000_000_000,
            guard_rail: 50_000_000_000_000_000,
            update_interval: self.interval,
            oracle_staleness: DAY,
            registry: PERFORM_UPDATE,
        };
        let initial = InitialState {
            weights: weights_from_f64(&[0.5, 0.5]).unwrap(),
            moving_averages: vec![from_f64(self.prices[0]).unwrap(), from_f64(100.0).unwrap()],
            intermediate: vec![Int256::ZERO; 2],
            time: START,
        };
        Proposal::new(settings, initial).deploy().unwrap()
    }

    fn strategy(&self) -> Momentum {
        let averages = vec![self.prices[0], 100.0];
        Momentum { gain: self.gain, lambda: self.lambda, averages, trends: vec![0.0; 2] }
    }

    fn triggers(&self, keeper: Keeper) -> Vec<Trigger> {
        let times = keeper.times(START + self.interval, self.end(), self.interval);
        let price = |time: u64| self.prices[((time - START) / self.interval) as usize];
        let prices = |time| vec![from_f64(price(time)).unwrap(), from_f64(100.0).unwrap()];
        times.into_iter().map(|time| Trigger { time, prices: prices(time) }).collect()
    }

    fn end(&self) -> u64 {
        START + self.prices.len() as u64 * self.interval
    }

    /// Four readings per interval.
    fn times(&self) -> Vec<u64> {
        (0..4 * self.prices.len() as u64).map(|quarter| START + quarter * self.interval / 4).collect()
    }

    fn stages(&self, keeper: Keeper) -> Stages {
        stages(&self.pool(), &[0.5, 0.5], &self.triggers(keeper), &self.times(), &mut self.strategy())
    }

    /// The deviation from a simulation whose updates are punctual.
    fn deviation(&self, keeper: Keeper) -> Deviation {
        let simulation = self.stages(Keeper::PUNCTUAL).schedule;
        deviation(&simulation, &self.stages(keeper), 2).unwrap()
    }
}

/// A price that goes up and down.
fn wave(count: usize) -> Vec<f64> {
    (0..count).map(|step| 100.0 * (1.0 + 0.2 * (step as f64 / 5.0).sin())).collect()
}

#[test]
fn the_last_stage_is_the_chain() {
    let case = Case { gain: 5.0, lambda: 0.8, interval: DAY, prices: wave(60) };
    let keeper = Keeper { delay: 3_600, misses_one_in: 4 };
    let found = case.stages(keeper);
    let history = replay(&mut case.pool(), &case.triggers(keeper), &case.times());
    let weights: Vec<f64> = history.weights.iter().flatten().flatten().map(|weight| to_f64(*weight)).collect();
    assert_eq!(found.chain, weights);
    assert_eq!(found.history, history);
    assert_eq!(found.rule_changes.len(), history.events.len());
}

#[test]
fn parts_sum_to_the_deviation() {
    let case = Case { gain: 5.0, lambda: 0.8, interval: DAY, prices: wave(60) };
    let found = case.deviation(Keeper { delay: 40_000, misses_one_in: 3 });
    let sum: f64 = found.parts.iter().sum();
    assert!((sum - (found.chain - found.simulation)).abs() < 1e-15, "{found:?}");
}

/// Spec 13.13: with punctual updates an uncut float is some tens of `interval * 1e-9` away.
#[test]
fn punctual_updates_deviate_by_what_storage_cuts_off() {
    for (interval, most) in [(DAY, 2.4e-3), (3_600, 4e-4), (60, 1e-5)] {
        let case = Case { gain: 5.0, lambda: 0.8, interval, prices: wave(50) };
        let found = case.deviation(Keeper::PUNCTUAL);
        assert_eq!(found.cause, Cause::NineDecimals, "{found:?}");
        let difference = (found.chain - found.simulation).abs();
        assert!(difference < most && difference > 1e-9 * interval as f64 / 2.0, "{interval}: {found:?}");
        // Everything else is rounding.
        let [schedule, guard_rails, arithmetic, ..] = found.parts;
        assert_eq!(schedule, 0.0);
        assert!(guard_rails.abs() < 1e-14 && arithmetic.abs() < 1e-9, "{found:?}");
    }
}

#[test]
fn a_long_memory_makes_the_gradient_imprecise() {
    // (1 - lambda)^3 is 8e-18: eight units, of which the logarithm loses some.
    let case = Case { gain: 3e8, lambda: 1.0 - 2e-6, interval: DAY, prices: wave(60) };
    let found = case.deviation(Keeper::PUNCTUAL);
    assert_eq!(found.cause, Cause::Arithmetic, "{found:?}");
}

#[test]
fn without_an_update_weights_run_past_their_target() {
    // One jump, forgotten at once: the first target is the last, and the second update never comes.
    let mut prices = vec![100.0; 12];
    prices[1..].fill(104.0);
    let case = Case { gain: 3.0, lambda: 0.05, interval: DAY, prices };
    let found = case.deviation(Keeper { delay: 0, misses_one_in: 2 });
    assert_eq!(found.cause, Cause::Expiry, "{found:?}");
    assert!((found.chain - 0.5).abs() > (found.simulation - 0.5).abs(), "{found:?}");
}

#[test]
fn updates_that_come_late_are_the_keepers() {
    let case = Case { gain: 5.0, lambda: 0.8, interval: DAY, prices: wave(60) };
    assert_eq!(case.deviation(Keeper { delay: DAY / 2, misses_one_in: 0 }).cause, Cause::Schedule);
}

#[test]
fn a_reverted_update_changes_nothing_and_the_replay_goes_on() {
    let case = Case { gain: 5.0, lambda: 0.8, interval: DAY, prices: wave(20) };
    let mut triggers = case.triggers(Keeper::PUNCTUAL);
    triggers[9].prices[0] = from_f64(1e21).unwrap();
    let found = stages(&case.pool(), &[0.5, 0.5], &triggers, &case.times(), &mut case.strategy());
    let outcomes: Vec<bool> = found.history.events.iter().map(|event| event.outcome.is_ok()).collect();
    assert_eq!(outcomes.iter().filter(|done| !**done).count(), 1);
    assert!(!outcomes[9] && found.rule_changes[9].is_none() && found.rule_changes[10].is_some());
    assert!(found.chain.iter().all(|weight| weight.is_finite()));
}
