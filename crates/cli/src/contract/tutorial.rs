//! The tutorial contract as it would be deployed, and the file that holds it (spec 14).

use gradpool_chain::Int256;
use gradpool_chain::decimal::{from_f64, weights_from_f64_above};
use gradpool_chain::tutorial::{Bounds, Pool, Settings, TutorialError};
use gradpool_market::format_time;
use gradpool_strategy::ParameterValues;
use gradpool_strategy::rules::TutorialMomentum;
use serde::{Deserialize, Serialize};

use super::file::{Decimal18, Provenance, SourceBlock, StateBlock};
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

impl TutorialFile {
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
        provenance: Provenance,
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
        Self::of_accepted(setup, values, row, weights, block_seconds, provenance)
            .map_err(|refusal| Refused(vec![refusal]))
    }

    /// The same of a pool that the contract can compute.
    fn of_accepted(
        setup: &Setup,
        values: &ParameterValues,
        row: usize,
        weights: &[f64],
        block_seconds: u64,
        provenance: Provenance,
    ) -> Result<Self, Refusal> {
        let settings = setup.strategy().settings();
        let prices = setup.experiment.history().prices();
        let rows = (0..=row).step_by(settings.update_interval_rows).map(|row| prices.row(row));
        let terms = TutorialMomentum::terms(values, settings, rows).map_err(|error| Refusal::new(error.to_string()))?;
        let minimum = super::guard_rail(setup)?;
        let weights = weights_from_f64_above(weights, minimum);
        let weights = weights.map_err(|error| Refusal::of_number("the weight of an asset", &error))?;
        let largest = 1.0 - (settings.assets - 1) as f64 * settings.minimum_weight;
        let decimals = |values: Vec<Int256>| values.into_iter().map(Decimal18).collect();
        let time_ms = prices.grid().time_ms(row);
        let mut file = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tokens: setup.prices.assets().to_vec(),
            lambda: Decimal18(super::integer("lambda", terms.lambda)?),
            kappa: Decimal18(super::integer("kappa", terms.kappa)?),
            minimum_weight: Decimal18(minimum),
            maximum_weight: Decimal18(super::integer("the largest weight", largest)?),
            update_interval_blocks: refusals::update_interval_s(setup).unwrap_or_default() / block_seconds,
            block_seconds,
            weights: decimals(weights),
            moving_averages: decimals(super::integers("the moving average", &terms.averages)?),
            state: StateBlock {
                time: format_time(time_ms),
                unix_seconds: (time_ms / 1000).try_into().unwrap_or(0),
                weights: provenance.weights,
            },
            source: provenance.source,
            warnings: warnings(setup),
        };
        let refused = |error: TutorialError| Refusal::new(format!("the contract refuses the pool: {error}"));
        let mut pool = file.pool(0).map_err(refused)?;
        let prices = prices.row(row).iter().map(|price| from_f64(*price)).collect::<Result<Vec<_>, _>>();
        let prices = prices.map_err(|error| Refusal::of_number("a price", &error))?;
        if let Err(error) = pool.trigger_update(file.update_interval_blocks, &prices) {
            file.warnings.push(format!("an update at the prices of the deployment would be reverted: {error}"));
        }
        Ok(file)
    }

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
}

fn warnings(setup: &Setup) -> Vec<String> {
    let own = "the contract has no limit of the change per update (`pool.maximum_change_per_min`), and clamps each weight by itself: \
               their sum may leave one, where the simulation rescales them";
    std::iter::once(own.to_owned()).chain(caveats::of_settings(setup)).collect()
}
