//! Market-cap index: weights in proportion to market capitalisation (spec 02 sec. 2.6.2).

use burn::tensor::Tensor;

use super::leaves::{LOGIT_DELTA_LAMB, LOGIT_LAMB};
use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, OutputKind, Rule};
use crate::settings::StrategySettings;

/// Rounds in which the excess over the cap is handed on.
const ROUNDS: usize = 10;
/// What a weight may exceed the cap by before another round.
const TOLERANCE: f64 = 1e-6;
/// Added to the sum of uncapped weights that the excess is shared by.
const SHARE_GUARD: f64 = 1e-10;

/// Indices that differ in how their pools trade, not in their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexVariant {
    /// Arbitrageurs hold the pool at its weights.
    #[default]
    Pool,
    /// The same, but only while weights move (spec 04 sec. 4.8.2).
    Hodling,
    /// A fund trades on a market, while weights move (spec 04 sec. 4.8.3).
    Fund,
}

/// Target weights `p_i s_i / sum_j p_j s_j` of prices and circulating supplies, smoothed by
/// `logistic(logit_lamb + logit_delta_lamb)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IndexMarketCap {
    /// What its pool does with it.
    pub variant: IndexVariant,
    /// Largest target weight of an asset, if there is one: at least 1 / assets. What exceeds it goes to the others in
    /// proportion to their weights.
    pub largest_weight: Option<f64>,
}

impl Rule for IndexMarketCap {
    fn name(&self) -> &'static str {
        match self.variant {
            IndexVariant::Pool => "index_market_cap",
            IndexVariant::Hodling => "hodling_index_market_cap",
            IndexVariant::Fund => "trad_hodling_index_market_cap",
        }
    }

    fn summary(&self) -> &'static str {
        match self.variant {
            IndexVariant::Pool => "holds assets in proportion to their market capitalisation",
            IndexVariant::Hodling => "the same, trading only while its weights move",
            IndexVariant::Fund => "the market-cap index of a fund, which trades on a market and takes a fee",
        }
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        vec![LOGIT_LAMB, LOGIT_DELTA_LAMB]
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Target
    }

    fn estimators(&self, _: &RuleContext<'_>) -> Vec<Estimator> {
        vec![Estimator::MarketCap]
    }

    fn signal(&self, estimates: &[Tensor<3>], _: &RuleContext<'_>) -> Tensor<3> {
        let caps = estimates[0].clone();
        let weights = caps.clone() / caps.sum_dim(2);
        match self.largest_weight {
            Some(largest) => capped(weights, largest),
            None => weights,
        }
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let decay = initial.logit_decay(initial.memory_days, settings);
        let zeros = vec![0.0; decay.len()];
        ParameterValues::new([("logit_lamb", decay), ("logit_delta_lamb", zeros)])
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        let least = 1.0 / settings.assets as f64;
        match self.largest_weight {
            Some(largest) if !(largest >= least && largest <= 1.0) => Err(StrategyError::Setting {
                key: "largest_index_weight".into(),
                value: largest.to_string(),
                valid: format!("between 1 / assets = {least} and 1"),
            }),
            _ => Ok(()),
        }
    }
}

/// Weights of at most `largest`, row by row, up to a tolerance.
fn capped(mut weights: Tensor<3>, largest: f64) -> Tensor<3> {
    for _ in 0..ROUNDS {
        let over = weights.clone().greater_elem(largest);
        // A row is left alone once nothing exceeds the cap by more than the tolerance.
        let done = weights.clone().max_dim(2).lower_equal_elem(largest + TOLERANCE);
        let excess = (weights.clone() - largest).clamp_min(0.0).sum_dim(2);
        let free = weights.clone().mask_fill(over.clone(), 0.0);
        let share = free.clone() / (free.clone().sum_dim(2) + SHARE_GUARD);
        let moved = (free + share * excess).mask_fill(over, largest);
        weights = moved.mask_where(done.expand(weights.dims()), weights);
    }
    weights.clone() / weights.sum_dim(2)
}
