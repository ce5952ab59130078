//! Composite pools: a blend of several rules whose shares are trained.

use std::sync::Arc;

use burn::tensor::{Tensor, activation::softmax};

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec, OutputKind, Rule, is_initial};
use crate::settings::StrategySettings;

/// Leaf of the shares: one logit per component.
pub const MIXTURE_LOGITS: &str = "mixture_logits";

/// A blend of named rules with the shares `m = softmax(mixture_logits)`. The leaves of a component are called
/// `component.leaf`.
///
/// A change rule contributes `m u` to a step. A target rule with smoothing `alpha` contributes `m (1 - alpha) (u - x)`, its
/// pull on the weights `x` reached so far. With target rules alone the blend is a target rule: its target is `sum m u`, its
/// smoothing `sum m alpha`.
#[derive(Clone, Debug)]
pub struct Composite {
    components: Vec<(String, Arc<dyn Rule>)>,
    summary: String,
}

impl Composite {
    /// A blend of components, each with a name of its own.
    ///
    /// # Errors
    /// [`StrategyError::Combination`] without components, or if names repeat, are empty or contain a dot.
    pub fn new(components: Vec<(String, Arc<dyn Rule>)>) -> Result<Self, StrategyError> {
        let refuse = |reason: String| Err(StrategyError::Combination { reason });
        if components.is_empty() {
            return refuse("a composite needs at least one component".into());
        }
        for (index, (name, _)) in components.iter().enumerate() {
            if name.is_empty() || name.contains('.') {
                return refuse(format!("`{name}` cannot name a component; use letters, digits and underscores"));
            }
            if components[..index].iter().any(|(other, _)| other == name) {
                return refuse(format!("two components are named `{name}`; give each a name of its own"));
            }
        }
        let names: Vec<&str> = components.iter().map(|(_, rule)| rule.name()).collect();
        let summary = format!("a trained blend of {}", names.join(", "));
        Ok(Self { components, summary })
    }

    /// The components in order: name and rule.
    pub fn components(&self) -> &[(String, Arc<dyn Rule>)] {
        &self.components
    }

    /// The parameters of one component, under the names that its rule knows.
    fn component(parameters: &ParameterSets, name: &str) -> ParameterSets {
        let leaves = parameters.leaves.iter().filter_map(|(leaf, values)| {
            if is_initial(leaf) {
                return Some((leaf.clone(), values.clone()));
            }
            let own = leaf.strip_prefix(name)?.strip_prefix('.')?;
            Some((own.to_owned(), values.clone()))
        });
        ParameterSets { leaves: leaves.collect() }
    }

    /// Something of every component.
    fn each<T>(&self, context: &RuleContext<'_>, mut f: impl FnMut(&dyn Rule, &RuleContext<'_>) -> T) -> Vec<T> {
        self.components
            .iter()
            .map(|(name, rule)| {
                let parameters = Self::component(context.parameters, name);
                f(rule.as_ref(), &RuleContext::new(&parameters, context.settings))
            })
            .collect()
    }

    /// Share of every component, `[sets, 1]` each.
    fn shares(&self, context: &RuleContext<'_>) -> Vec<Tensor<2>> {
        let shares = softmax(context.parameters.leaves[MIXTURE_LOGITS].clone(), 1);
        let sets = shares.dims()[0];
        (0..self.components.len()).map(|index| shares.clone().slice([0..sets, index..index + 1])).collect()
    }
}

fn sum<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Option<Tensor<D>> {
    tensors.reduce(|sum, next| sum + next)
}

impl Rule for Composite {
    fn name(&self) -> &'static str {
        "composite"
    }

    fn summary(&self) -> &str {
        &self.summary
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        let mixture = LeafSpec::required(
            MIXTURE_LOGITS,
            "share of each component = softmax, in the order of components",
            (-5.0, 5.0),
        )
        .with_shape(LeafShape::Values(self.components.len()));
        let named = self.components.iter().flat_map(|(name, rule)| {
            rule.leaves().into_iter().map(move |leaf| LeafSpec {
                name: format!("{name}.{}", leaf.name).into(),
                group: leaf.group.map(|group| format!("{name}.{group}").into()),
                needs: leaf.needs.map(|needed| format!("{name}.{needed}").into()),
                ..leaf
            })
        });
        std::iter::once(mixture).chain(named).collect()
    }

    fn output_kind(&self) -> OutputKind {
        let target = |(_, rule): &(String, Arc<dyn Rule>)| rule.output_kind() == OutputKind::Target;
        if self.components.iter().all(target) { OutputKind::Target } else { OutputKind::Change }
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        self.each(context, |rule, context| rule.estimators(context)).concat()
    }

    #[expect(clippy::expect_used, reason = "there is at least one component")]
    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let as_targets = self.output_kind() == OutputKind::Target;
        // How many estimates belong to each component; counted off the autodiff graph, which they must not grow.
        let detached = context.parameters.map(|_, leaf| leaf.clone().detach());
        let detached = RuleContext::new(&detached, context.settings);
        let mut counts = self.each(&detached, |rule, context| rule.estimators(context).len()).into_iter();
        let mut rest = estimates;
        let signals = self.each(context, |rule, context| {
            let (own, others) = rest.split_at(counts.next().unwrap_or(0));
            rest = others;
            let signal = rule.signal(own, context);
            match rule.retention(context).filter(|_| !as_targets) {
                Some(retention) if rule.output_kind() == OutputKind::Target => {
                    signal * (retention.neg() + 1.0).unsqueeze_dim::<3>(1)
                }
                _ => signal,
            }
        });
        let shared = signals.into_iter().zip(self.shares(context));
        sum(shared.map(|(signal, share)| signal * share.unsqueeze_dim::<3>(1))).expect("a composite has components")
    }

    fn retention(&self, context: &RuleContext<'_>) -> Option<Tensor<2>> {
        let retentions = self.each(context, |rule, context| rule.retention(context));
        if retentions.iter().all(Option::is_none) {
            return None;
        }
        // What a component gives up of the position: 1 - sum m (1 - r).
        let given_up = retentions.into_iter().zip(self.shares(context)).filter_map(|(retention, share)| {
            let given = retention?.neg() + 1.0;
            Some(given * share)
        });
        sum(given_up).map(|given_up| given_up.neg() + 1.0)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let mut values = ParameterValues::new([(MIXTURE_LOGITS, vec![0.0; self.components.len()])]);
        for (name, rule) in &self.components {
            let own = rule.initial_values(initial, settings).leaves.into_iter();
            values.leaves.extend(own.map(|(leaf, own)| (format!("{name}.{leaf}"), own)));
        }
        values
    }

    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        self.components.iter().try_for_each(|(_, rule)| rule.check_settings(settings))
    }

    fn supports_vectorized(&self) -> bool {
        self.components.iter().all(|(_, rule)| rule.supports_vectorized())
    }

    fn supports_scan(&self) -> bool {
        self.components.iter().all(|(_, rule)| rule.supports_scan())
    }
}
