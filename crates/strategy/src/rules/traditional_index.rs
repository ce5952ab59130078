//! The market-cap index as a fund that trades on a market (spec 04 sec. 4.8.3): the same weights, another kind of pool.

use burn::tensor::Tensor;

use super::IndexMarketCap;
use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, OutputKind, Rule};
use crate::settings::StrategySettings;

/// The weights of [`IndexMarketCap`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TraditionalIndex(pub IndexMarketCap);

impl TraditionalIndex {
    /// Its name.
    pub const NAME: &str = "trad_hodling_index_market_cap";
}

impl Rule for TraditionalIndex {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn summary(&self) -> &'static str {
        "a fund that holds the market-cap index, rebalances on a market and takes a fee"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        self.0.leaves()
    }

    fn output_kind(&self) -> OutputKind {
        self.0.output_kind()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        self.0.estimators(context)
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        self.0.signal(estimates, context)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        self.0.initial_values(initial, settings)
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        self.0.check_settings(settings)
    }
}
