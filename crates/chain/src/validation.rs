//! What the factory asks of a new pool (spec 13.9).

use crate::Int256;
use crate::error::{Custom, Require, Revert};
use crate::fixed_point::{ONE, SCALE};
use crate::rules::Rule;
use crate::runner::{InitialState, Pool, PoolSettings};

const UNIT: u64 = SCALE as u64;
/// Permissions that exist.
const KNOWN_PERMISSIONS: u8 = 1 | 2 | 8 | 16 | 32;

/// A pool as it is proposed to the factory. Values have 18 decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Weight rule.
    pub rule: Option<Rule>,
    /// The rule's lists of parameters.
    pub parameters: Vec<Vec<Int256>>,
    /// Decay of the estimators: one, or one per asset.
    pub lambda: Vec<u64>,
    /// Largest change of a weight per update.
    pub epsilon_max: u64,
    /// Smallest weight.
    pub guard_rail: u64,
    /// Share of a balance that one trade may move.
    pub maximum_trade_size_ratio: u64,
    /// Seconds between updates.
    pub update_interval: u64,
    /// Per asset, whether each of its oracles is approved.
    pub oracles: Vec<Vec<bool>>,
    /// Age in seconds at which an oracle's price is stale.
    pub oracle_staleness: u64,
    /// Permission bits.
    pub registry: u8,
    /// Number of tokens that the pool will hold.
    pub tokens: usize,
    /// Number of assets that the rule will be told of.
    pub assets: usize,
    /// Weights, averages and time to start with.
    pub initial: InitialState,
}

impl Proposal {
    /// A proposal with one approved oracle per asset, all permissions of a rule, and the largest trades allowed.
    pub fn new(settings: PoolSettings, initial: InitialState) -> Self {
        let assets = initial.weights.len();
        Self {
            rule: Some(settings.rule),
            parameters: settings.parameters,
            lambda: settings.lambda,
            epsilon_max: settings.epsilon_max,
            guard_rail: settings.guard_rail,
            maximum_trade_size_ratio: UNIT / 10 * 3,
            update_interval: settings.update_interval,
            oracles: vec![vec![true]; assets],
            oracle_staleness: settings.oracle_staleness,
            registry: settings.registry,
            tokens: assets,
            assets,
            initial,
        }
    }

    /// Checks the proposal and creates its pool.
    ///
    /// # Errors
    /// The first of the factory's conditions that fails, and those of [`Pool::new`].
    pub fn deploy(self) -> Result<Pool, Revert> {
        let rule = match (self.refusals().next(), self.rule) {
            (Some(refusal), _) => return Err(refusal),
            (None, None) => return Err(Require::NoRule.into()),
            (None, Some(rule)) => rule,
        };
        let settings = PoolSettings {
            rule,
            parameters: self.parameters,
            lambda: self.lambda,
            epsilon_max: self.epsilon_max,
            guard_rail: self.guard_rail,
            update_interval: self.update_interval,
            oracle_staleness: self.oracle_staleness,
            registry: self.registry,
        };
        Pool::new(settings, &self.initial)
    }

    /// All of the factory's conditions that fail, in its order; [`Pool::new`] has some of its own.
    pub fn refusals(&self) -> impl Iterator<Item = Revert> {
        let weights = &self.initial.weights;
        let count = weights.len();
        let equal_weight = UNIT.checked_div(count as u64).unwrap_or(0);
        let valid_parameters = |rule: Rule| rule.valid_parameters(&self.parameters);
        let conditions = [
            (self.tokens == count, Require::TokensLength),
            (self.rule.is_some(), Require::NoRule),
            (self.lambda.len() == 1 || self.lambda.len() == count, Require::LambdaLength),
            (self.lambda.iter().all(|lambda| (1..UNIT).contains(lambda)), Require::Lambda),
            ((1..=UNIT).contains(&self.epsilon_max), Require::EpsilonMax),
            ((UNIT / 100..equal_weight).contains(&self.guard_rail), Require::GuardRail),
            ((1..=UNIT / 10 * 3).contains(&self.maximum_trade_size_ratio), Require::MaximumTradeSizeRatio),
            (!self.oracles.is_empty(), Require::NoOracles),
            (self.oracles.len() == count, Require::OraclesLength),
            (self.oracles.iter().flatten().all(|approved| *approved), Require::UnapprovedOracle),
            (self.rule.is_none_or(valid_parameters), Require::RuleParameters),
            (self.assets == count, Require::AssetsLength),
            (self.oracle_staleness > 0, Require::Staleness),
            (self.registry & KNOWN_PERMISSIONS != 0, Require::PoolRegistry),
        ];
        let interval = (self.update_interval == 0).then(|| Require::UpdateInterval.into());
        let refused = conditions.into_iter().filter(|(holds, _)| !holds).map(|(_, reason)| reason.into());
        refused.chain(check_initial_weights(weights, self.guard_rail).err()).chain(interval)
    }
}

/// Each initial weight at the guard rail or above, and a sum of exactly one.
fn check_initial_weights(weights: &[Int256], guard_rail: u64) -> Result<(), Revert> {
    let lowest = Int256::from(guard_rail);
    let mut sum = Int256::ZERO;
    for weight in weights {
        if *weight < lowest {
            return Err(Custom::MinWeight.into());
        }
        sum = sum.checked_add(*weight)?;
    }
    if sum == ONE { Ok(()) } else { Err(Custom::NormalizedWeightInvariant.into()) }
}
