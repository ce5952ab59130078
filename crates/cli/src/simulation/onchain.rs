//! The pool on the chain: deployed at the first simulated row with what the simulation knows there, updated by a keeper, read
//! at every row.

use std::ops::Range;

use anyhow::Context;
use gradpool_chain::decimal::from_f64;
use gradpool_chain::replay::{FloatStrategy, History, Keeper, Stages, Trigger, replay, stages};
use gradpool_chain::runner::Pool;
use gradpool_strategy::stream::{GuardrailState, RuleState, StreamingStrategy};

use super::{Simulated, Simulation};
use crate::contract::{Deployment, ORACLE_STALENESS_S};

/// A simulation's pool as a contract.
#[derive(Clone, Debug)]
pub struct OnChain<'a> {
    simulation: &'a Simulation<'a>,
    deployment: Deployment,
    pool: Pool,
    strategy: Floating,
}

/// The simulation's rule and guardrails, one update after another.
#[derive(Clone, Debug)]
struct Floating {
    strategy: StreamingStrategy,
    state: RuleState,
}

impl FloatStrategy for Floating {
    fn output(&mut self, prices: &[f64]) -> Vec<f64> {
        self.strategy.rule_output(&mut self.state, prices)
    }

    fn raw(&self, weights: &[f64], output: &[f64]) -> Vec<f64> {
        self.strategy.raw_weights(weights, output)
    }

    fn guarded(&self, weights: &[f64], output: &[f64]) -> Vec<f64> {
        self.strategy.coarse_step(&mut GuardrailState { weights: weights.to_vec() }, output).end
    }
}

impl Simulation<'_> {
    /// Deploys the pool at the first simulated row, with these weights.
    ///
    /// # Errors
    /// Why there is no such contract ([`crate::contract::Refused`]), and what the strategy refuses.
    pub fn on_chain(&self, initial_weights: &[f64]) -> anyhow::Result<OnChain<'_>> {
        let strategy = self.setup.strategy();
        // A target rule moves from the first row on: its first update is that of this row.
        let held = strategy.held_intervals();
        let known = (self.rows.start + held).saturating_sub(1);
        let mut deployment = Deployment::new(self.setup, self.values, known, initial_weights, ORACLE_STALENESS_S)?;
        deployment.proposal.initial.time = self.seconds(self.rows.start)?;
        let pool = deployment.proposal.clone().deploy().context("the factory refuses the pool")?;
        let interval = strategy.settings().update_interval_rows;
        let strategy = strategy.streaming(self.values)?;
        let mut state = strategy.initial_rule_state(self.observation(0));
        for row in (interval..=known).step_by(interval) {
            strategy.rule_output(&mut state, self.observation(row));
        }
        Ok(OnChain { simulation: self, deployment, pool, strategy: Floating { strategy, state } })
    }

    /// The pool with weights of a contract, whose sum may miss one: swaps look at their ratios alone. Without numbers for all weights
    /// there is none for any value.
    ///
    /// # Errors
    /// What the pool refuses.
    pub fn valued_by_ratios(&self, weights: &[f64], fees: &[f64]) -> anyhow::Result<Simulated> {
        if weights.iter().any(|weight| !weight.is_finite()) {
            let (weights, rows) = (weights.to_vec(), self.rows());
            let reserves = vec![f64::NAN; weights.len()];
            return Ok(Simulated { weights, reserves, values: vec![f64::NAN; rows], fee_revenue: None });
        }
        let simulated = self.valued(shares(weights, weights.len() / self.rows()), fees)?;
        Ok(Simulated { weights: weights.to_vec(), ..simulated })
    }

    /// Time of a row of the experiment's history.
    fn seconds(&self, row: usize) -> anyhow::Result<u64> {
        let time_ms = self.setup.experiment.history().prices().grid().time_ms(row);
        u64::try_from(time_ms / 1000).context("contracts have no time before 1970")
    }
}

impl OnChain<'_> {
    /// The contract and what it was deployed with.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The pool before its first update.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// From the deployment to the first time after the last row, in seconds.
    ///
    /// # Errors
    /// Times that no contract has.
    pub fn period(&self) -> anyhow::Result<Range<u64>> {
        Ok(self.simulation.seconds(self.simulation.rows.start)?..self.simulation.seconds(self.simulation.rows.end)?)
    }

    /// When the simulation updates first: change rules hold their initial weights for one update interval.
    ///
    /// # Errors
    /// Times that no contract has.
    pub fn first_update(&self) -> anyhow::Result<u64> {
        let strategy = self.simulation.setup.strategy();
        let rows = strategy.held_intervals() * strategy.settings().update_interval_rows;
        self.simulation.seconds(self.simulation.rows.start + rows)
    }

    /// Times of a punctual keeper's updates, which are those of the simulation.
    ///
    /// # Errors
    /// Times that no contract has.
    pub fn punctual(&self) -> anyhow::Result<Vec<u64>> {
        let interval = self.pool.settings().update_interval;
        Ok(Keeper::PUNCTUAL.times(self.first_update()?, self.period()?.end, interval))
    }

    /// Triggers at times of the period, with the prices of the newest row of each.
    ///
    /// # Errors
    /// Prices that do not fit 18 decimals.
    pub fn triggers(&self, times: &[u64]) -> anyhow::Result<Vec<Trigger>> {
        let prices = self.simulation.setup.experiment.history().prices();
        let (grid, last) = (prices.grid(), self.simulation.rows.end - 1);
        let trigger = |time: &u64| {
            let since_start = i64::try_from(*time)? * 1000 - grid.start_ms;
            let row = usize::try_from(since_start / grid.step_ms)?.min(last);
            let prices = prices.row(row).iter().map(|price| from_f64(*price)).collect::<Result<_, _>>()?;
            Ok(Trigger { time: *time, prices })
        };
        times.iter().map(trigger).collect()
    }

    /// The chain alone.
    ///
    /// # Errors
    /// Times that no contract has.
    pub fn replay(&self, triggers: &[Trigger]) -> anyhow::Result<History> {
        Ok(replay(&mut self.pool.clone(), triggers, &self.row_times()?))
    }

    /// The chain, and the pools between it and the simulation.
    ///
    /// # Errors
    /// Times that no contract has.
    pub fn stages(&self, triggers: &[Trigger]) -> anyhow::Result<Stages> {
        let (weights, times) = (&self.deployment.weights, self.row_times()?);
        let mut stages = stages(&self.pool, weights, triggers, &times, &mut self.strategy.clone());
        if self.simulates_the_chain() {
            // The simulation has the contract's guard rails and storage already; what is left of them is its arithmetic.
            stages.guard_rails.clone_from(&stages.schedule);
            stages.arithmetic.clone_from(&stages.nine_decimals);
            let lists = [&mut stages.schedule, &mut stages.guard_rails, &mut stages.arithmetic];
            for list in lists.into_iter().chain([&mut stages.nine_decimals, &mut stages.chain]) {
                *list = shares(list, self.pool.assets());
            }
        }
        Ok(stages)
    }

    /// Whether the simulation executes as the chain does, and so has shares for weights.
    fn simulates_the_chain(&self) -> bool {
        self.simulation.setup.strategy().settings().execution.is_on_chain()
    }

    /// [`Simulation::valued_by_ratios`]; where the simulation has shares for weights, they are shares too.
    ///
    /// # Errors
    /// What the pool refuses.
    pub fn valued(&self, weights: &[f64], fees: &[f64]) -> anyhow::Result<Simulated> {
        let simulated = self.simulation.valued_by_ratios(weights, fees)?;
        let is_shares = self.simulates_the_chain();
        let weights = if is_shares { shares(&simulated.weights, self.pool.assets()) } else { simulated.weights };
        Ok(Simulated { weights, ..simulated })
    }

    fn row_times(&self) -> anyhow::Result<Vec<u64>> {
        self.simulation.range().map(|row| self.simulation.seconds(row)).collect()
    }
}

/// Weights of every row as shares of their sum.
fn shares(weights: &[f64], assets: usize) -> Vec<f64> {
    let of_row = |row: &[f64]| {
        let sum: f64 = row.iter().sum();
        row.iter().map(|weight| weight / sum).collect::<Vec<_>>()
    };
    weights.chunks_exact(assets).flat_map(of_row).collect()
}
