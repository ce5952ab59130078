//! Rules of pools that have no weights of their own: their parameters are those of the pool's curve.

use burn::tensor::Tensor;

use super::Constant;
use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec, OutputKind, Rule};
use crate::settings::StrategySettings;

/// The parameters of a pool's curve. The weights that it gives are equal ones, which the pool does not look at.
#[derive(Clone, Debug)]
pub struct CurveRule {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) leaves: &'static [LeafSpec],
    pub(super) start: ParameterValues,
}

/// A number that a set has in one of several forms: one leaf of its own group.
pub(super) const fn number(
    group: &'static str,
    name: &'static str,
    meaning: &'static str,
    range: (f64, f64),
) -> LeafSpec {
    LeafSpec::one_of(group, name, meaning, range).with_shape(LeafShape::Values(1))
}

/// A form of a number: its leaf, and the map to its meaning.
pub(super) type Form = (&'static str, fn(Tensor<2>) -> Tensor<2>);

/// The number that is given in one of these forms, `[sets, 1]`.
pub(super) fn given(parameters: &ParameterSets, forms: &[Form]) -> Option<Tensor<2>> {
    forms.iter().find_map(|(leaf, meaning)| parameters.leaf(leaf).cloned().map(meaning))
}

impl Rule for CurveRule {
    fn name(&self) -> &str {
        self.name
    }

    fn summary(&self) -> &str {
        self.summary
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        self.leaves.to_vec()
    }

    fn initial_leaves(&self) -> &'static [LeafSpec] {
        &[]
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Constant
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        Constant::BALANCER.estimators(context)
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        Constant::BALANCER.signal(estimates, context)
    }

    fn initial_values(&self, _: &InitialSettings, _: &StrategySettings) -> ParameterValues {
        self.start.clone()
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        Constant::refuse_bounds(self.name, settings)
    }
}
