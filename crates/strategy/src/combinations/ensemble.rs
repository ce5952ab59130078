//! Ensembles: the mean output of several copies of a rule, each with parameters of its own (spec 03 sec. 3.8).

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec, OutputKind, Rule, is_initial};
use crate::settings::StrategySettings;

/// `members` copies of a rule. A leaf holds the members' values one after another; the initial weights are shared.
///
/// Where the rule outputs targets, the pool is smoothed by the mean of the members' smoothings.
#[derive(Clone, Debug)]
pub struct Ensemble {
    rule: Arc<dyn Rule>,
    members: usize,
    name: String,
    summary: String,
}

impl Ensemble {
    /// # Errors
    /// [`StrategyError::Combination`] for an ensemble without members.
    pub fn new(rule: Arc<dyn Rule>, members: usize) -> Result<Self, StrategyError> {
        if members == 0 {
            return Err(StrategyError::Combination { reason: "an ensemble needs at least one member".into() });
        }
        let name = format!("ensemble of {members} {}", rule.name());
        let summary = format!("the mean of {members} copies of {}", rule.name());
        Ok(Self { rule, members, name, summary })
    }

    /// The rule that members are copies of.
    pub fn rule(&self) -> &dyn Rule {
        self.rule.as_ref()
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.members
    }

    /// The parameters of one member.
    fn member(&self, parameters: &ParameterSets, member: usize) -> ParameterSets {
        let table = self.rule.leaves();
        let own = parameters
            .leaves
            .iter()
            .filter(|(leaf, _)| is_initial(leaf) || table.iter().any(|spec| spec.name.as_ref() == leaf.as_str()));
        let leaves = own.map(|(leaf, values)| {
            let [sets, width] = values.dims();
            let each = width / self.members;
            let part = if is_initial(leaf) {
                values.clone()
            } else {
                values.clone().slice([0..sets, member * each..(member + 1) * each])
            };
            (leaf.clone(), part)
        });
        ParameterSets { leaves: leaves.collect() }
    }

    /// Something of every member.
    fn each<T>(&self, context: &RuleContext<'_>, mut f: impl FnMut(usize, &RuleContext<'_>) -> T) -> Vec<T> {
        (0..self.members)
            .map(|member| {
                let parameters = self.member(context.parameters, member);
                f(member, &RuleContext::new(&parameters, context.settings))
            })
            .collect()
    }
}

/// The mean of tensors of one shape; of one tensor, that tensor.
fn mean<const D: usize>(tensors: Vec<Tensor<D>>) -> Option<Tensor<D>> {
    let share = 1.0 / tensors.len() as f64;
    tensors.into_iter().reduce(|sum, next| sum + next).map(|sum| sum * share)
}

impl Rule for Ensemble {
    fn name(&self) -> &str {
        &self.name
    }

    fn summary(&self) -> &str {
        &self.summary
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        let of_all = |leaf: LeafSpec| {
            let shape = match leaf.shape {
                LeafShape::PerAsset => LeafShape::Rows(self.members),
                LeafShape::Rows(rows) => LeafShape::Rows(self.members * rows),
                LeafShape::Values(values) => LeafShape::Values(self.members * values),
            };
            leaf.with_shape(shape)
        };
        self.rule.leaves().into_iter().map(of_all).collect()
    }

    fn output_kind(&self) -> OutputKind {
        self.rule.output_kind()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        self.each(context, |_, member| self.rule.estimators(member)).concat()
    }

    #[expect(clippy::expect_used, reason = "there is at least one member")]
    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let each = estimates.len() / self.members;
        let signals = self
            .each(context, |member, context| self.rule.signal(&estimates[member * each..(member + 1) * each], context));
        mean(signals).expect("an ensemble has members")
    }

    fn retention(&self, context: &RuleContext<'_>) -> Option<Tensor<2>> {
        self.each(context, |_, member| self.rule.retention(member))
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .and_then(mean)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let mut values = self.rule.initial_values(initial, settings);
        for leaf in values.leaves.values_mut() {
            *leaf = leaf.repeat(self.members);
        }
        values
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        self.rule.check_settings(settings)
    }

    fn supports_vectorized(&self) -> bool {
        self.rule.supports_vectorized()
    }

    fn supports_scan(&self) -> bool {
        self.rule.supports_scan()
    }
}
