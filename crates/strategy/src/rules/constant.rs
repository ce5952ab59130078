//! Rules that never move a weight: what other kinds of pools hold.

use burn::tensor::Tensor;

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, OutputKind, Rule};
use crate::settings::StrategySettings;

/// Weights stay the initial ones, which are the only parameters (see
/// [`InitialWeights`](crate::settings::InitialWeights)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    name: &'static str,
    summary: &'static str,
}

impl Constant {
    /// A weighted pool whose weights do not change (spec 04 sec. 4.7).
    pub const BALANCER: Self = Self { name: "balancer", summary: "keeps its initial weights" };
    /// A basket that is bought and held (spec 04 sec. 4.8.1).
    pub const HODL: Self = Self { name: "hodl", summary: "holds its initial basket; nobody trades" };
    /// A CoW pool (spec 04 sec. 4.8.4).
    pub const COW: Self = Self { name: "cow", summary: "a CoW pool (FM-AMM) of two assets with constant weights" };
}

impl Rule for Constant {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        Vec::new()
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Constant
    }

    fn estimators(&self, _: &RuleContext<'_>) -> Vec<Estimator> {
        // Only its shape is looked at.
        vec![Estimator::Price]
    }

    fn signal(&self, estimates: &[Tensor<3>], _: &RuleContext<'_>) -> Tensor<3> {
        estimates[0].zeros_like()
    }

    fn initial_values(&self, _: &InitialSettings, _: &StrategySettings) -> ParameterValues {
        ParameterValues::default()
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        Self::refuse_bounds(self.name, settings)
    }
}

impl Constant {
    /// Weights that do not move have no bounds.
    pub(super) fn refuse_bounds(rule: &str, settings: &StrategySettings) -> Result<(), StrategyError> {
        match settings.bounds {
            Some(_) => Err(StrategyError::Setting {
                key: "bounds".into(),
                value: "given".into(),
                valid: format!("absent: the weights of {rule:?} do not move"),
            }),
            None => Ok(()),
        }
    }
}
