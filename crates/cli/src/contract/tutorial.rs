//! The tutorial contract as it would be deployed, and the file that holds it (spec 14).

use std::path::Path;

use gradpool_chain::Int256;
use gradpool_chain::decimal::{from_f64, weights_from_f64_above};
use gradpool_chain::tutorial::{Bounds, Pool, Settings, TutorialError};
use gradpool_market::format_time;
use gradpool_strategy::ParameterValues;
use gradpool_strategy::rules::TutorialMomentum;
use serde::{Deserialize, Serialize};

use super::file::{self, Decimal18, Provenance, SourceBlock, StateBlock};
use super::refusals::{Refusal, Refused};
use super::{caveats, refusals};
use crate::setup::Setup;

/// What `format` says.
pub const FORMAT: &str = "gradpool tutorial contract";
/// What `version` says.
pub const VERSION: u32 = 1;
/// Seconds of a block, unless the deployer says otherwise.
pub const BLOCK_S: u64 = 12;

/// A tutorial pool with the state that it would be deployed with. Lists are in the order of `tokens`, the configuration's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TutorialFile {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Tickers.
    pub tokens: Vec<String>,
    /// Decay of the averages.
    pub lambda: Decimal18,
    /// Gain of the rule.
    pub kappa: Decimal18,
    /// Smallest weight.
    pub minimum_weight: Decimal18,
    /// Largest weight.
    pub maximum_weight: Decimal18,
    /// Blocks between updates.
    pub update_interval_blocks: u64,
    /// Seconds that a block was taken to last.
    pub block_seconds: u64,
    /// Weights to begin with.
    pub weights: Vec<Decimal18>,
    /// Moving averages of the prices.
    pub moving_averages: Vec<Decimal18>,
    /// When the state was taken.
    pub state: StateBlock,
    /// Where the numbers come from.
    pub source: SourceBlock,
    /// What the contract computes in another way than the simulation.
    pub warnings: Vec<String>,
}

/// A tutorial pool with the state that it is deployed with.
#[derive(Clone, Debug)]
pub struct TutorialDeployment {
    /// What the contract is told of the rule, the bounds and the interval.
    pub settings: Settings,
    /// Weights to begin with.
    pub weights: Vec<Int256>,
    /// Moving averages of the prices.
    pub averages: Vec<Int256>,
    /// Smallest and largest weight.
    pub bounds: [Int256; 2],
    /// Seconds that a block lasts.
    pub block_seconds: u64,
    /// What the contract computes in another way than the simulation.
    pub warnings: Vec<String>,
}

impl TutorialDeployment {
    /// The pool of `setup` with the parameters `values`, deployed at a row of the experiment's history, a multiple of the update
    /// interval, with these weights.
    ///
    /// # Errors
    /// [`Refused`]: every reason why the contract cannot compute this pool.
    pub fn new(
        setup: &Setup,
        values: &ParameterValues,
        row: usize,
        weights: &[f64],
        block_seconds: u64,
    ) -> Result<Self, Refused> {
        let settings = setup.strategy().settings();
        let mut refusals = refusals::of_pool(setup);
        let rule = setup.strategy().rule();
        if rule.name() != TutorialMomentum::NAME {
            refusals.push(Refusal::new(format!(
                "the tutorial contract computes the rule `{}` alone, and this one is `{}`: train with `pool.rule = {:?}`, \
                 without `pool.ensemble` and `pool.blend`",
                TutorialMomentum::NAME,
                rule.name(),
                TutorialMomentum::NAME
            )));
        }
        if settings.bounds.is_some() {
            refusals.push(Refusal::new(
                "the tutorial contract has one smallest and one largest weight for all assets: train without `pool.bounds`",
            ));
        }
        let interval_s = refusals::update_interval_s(setup).unwrap_or_default();
        if !interval_s.is_multiple_of(block_seconds) {
            refusals.push(Refusal::new(format!(
                "the update interval of {interval_s} s is no whole number of blocks of {block_seconds} s: choose another \
                 `--block-seconds` or `pool.update_interval_min`"
            )));
        }
        if !refusals.is_empty() {
            return Err(Refused(refusals));
        }
        Self::of_accepted(setup, values, row, weights, block_seconds).map_err(|refusal| Refused(vec![refusal]))
    }

    /// The same of a pool that the contract can compute.
    fn of_accepted(
        setup: &Setup,
        values: &ParameterValues,
        row: usize,
        weights: &[f64],
        block_seconds: u64,
    ) -> Result<Self, Refusal> {
        let settings = setup.strategy().settings();
        let prices = setup.experiment.history().prices();
        let rows = (0..=row).step_by(settings.update_interval_rows).map(|row| prices.row(row));
        let terms = TutorialMomentum::terms(values, settings, rows).map_err(|error| Refusal::new(error.to_string()))?;
        let minimum = super::guard_rail(setup)?;
        let weights = weights_from_f64_above(weights, minimum);
        let weights = weights.map_err(|error| Refusal::of_number("the weight of an asset", &error))?;
        let largest = 1.0 - (settings.assets - 1) as f64 * settings.minimum_weight;
        let maximum = super::integer("the largest weight", largest)?;
        let refused = |error: TutorialError| Refusal::new(format!("the contract refuses the pool: {error}"));
        let update_interval = refusals::update_interval_s(setup).unwrap_or_default() / block_seconds;
        let mut deployment = Self {
            settings: Settings {
                lambda: super::integer("lambda", terms.lambda)?,
                gain: super::integer("kappa", terms.kappa)?,
                bounds: Bounds::new(minimum, maximum).map_err(refused)?,
                update_interval,
            },
            weights,
            averages: super::integers("the moving average", &terms.averages)?,
            bounds: [minimum, maximum],
            block_seconds,
            warnings: warnings(setup),
        };
        let mut pool = deployment.pool(0).map_err(refused)?;
        let prices = prices.row(row).iter().map(|price| from_f64(*price)).collect::<Result<Vec<_>, _>>();
        let prices = prices.map_err(|error| Refusal::of_number("a price", &error))?;
        if let Err(error) = pool.trigger_update(update_interval, &prices) {
            deployment.warnings.push(format!("an update at the prices of the deployment would be reverted: {error}"));
        }
        Ok(deployment)
    }

    /// The pool, deployed at a block.
    ///
    /// # Errors
    /// What the contract refuses.
    pub fn pool(&self, block: u64) -> Result<Pool, TutorialError> {
        Pool::new(self.settings.clone(), self.weights.clone(), self.averages.clone(), block)
    }

    /// Seconds between updates.
    pub fn update_interval_s(&self) -> u64 {
        self.settings.update_interval * self.block_seconds
    }
}

impl TutorialFile {
    /// The pool, deployed at a block.
    ///
    /// # Errors
    /// What the contract refuses.
    pub fn pool(&self, block: u64) -> Result<Pool, TutorialError> {
        let integers = |list: &[Decimal18]| list.iter().map(|value| value.0).collect();
        let settings = Settings {
            lambda: self.lambda.0,
            gain: self.kappa.0,
            bounds: Bounds::new(self.minimum_weight.0, self.maximum_weight.0)?,
            update_interval: self.update_interval_blocks,
        };
        Pool::new(settings, integers(&self.weights), integers(&self.moving_averages), block)
    }

    /// The file at `path`, if it is one: a JSON object whose `format` says so.
    ///
    /// # Errors
    /// A file of this format that breaks its rules.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        file::read(path, FORMAT, VERSION)
    }

    /// The file of a deployment at a time; `tokens` are the configuration's.
    pub fn new(deployment: TutorialDeployment, tokens: &[String], time_ms: i64, provenance: Provenance) -> Self {
        let decimals = |values: Vec<Int256>| values.into_iter().map(Decimal18).collect();
        let [minimum, maximum] = deployment.bounds;
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tokens: tokens.to_vec(),
            lambda: Decimal18(deployment.settings.lambda),
            kappa: Decimal18(deployment.settings.gain),
            minimum_weight: Decimal18(minimum),
            maximum_weight: Decimal18(maximum),
            update_interval_blocks: deployment.settings.update_interval,
            block_seconds: deployment.block_seconds,
            weights: decimals(deployment.weights),
            moving_averages: decimals(deployment.averages),
            state: StateBlock {
                time: format_time(time_ms),
                unix_seconds: (time_ms / 1000).try_into().unwrap_or(0),
                weights: provenance.weights,
            },
            source: provenance.source,
            warnings: deployment.warnings,
        }
    }
}

fn warnings(setup: &Setup) -> Vec<String> {
    let own = "the contract has no limit of the change per update (`pool.maximum_change_per_min`), and clamps each weight by itself: \
               their sum may leave one, where the simulation rescales them";
    std::iter::once(own.to_owned()).chain(caveats::of_settings(setup)).collect()
}
