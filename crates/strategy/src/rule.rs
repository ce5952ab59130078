//! What a rule is: its estimators, one signal function and a parameter table.

use std::borrow::Cow;
use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::context::RuleContext;
use crate::contract::{ContractObstacle, ContractTerms};
use crate::error::StrategyError;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::{INITIAL_WEIGHTS_LOGITS, ParameterValues};
use crate::settings::StrategySettings;

/// How many values a leaf has per parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafShape {
    /// One per asset, or a single one that all assets share.
    PerAsset,
    /// This many rows, each with one value per asset or a single one; rows follow each other.
    Rows(usize),
    /// This many values, whatever the number of assets.
    Values(usize),
}

impl LeafShape {
    /// Whether a leaf of `width` values has this shape.
    pub fn accepts(self, width: usize, assets: usize) -> bool {
        match self {
            Self::PerAsset => width == assets || width == 1,
            Self::Rows(rows) => width == rows * assets || width == rows,
            Self::Values(values) => width == values,
        }
    }

    /// What would be right, in words.
    pub fn describe(self, assets: usize) -> String {
        match self {
            Self::PerAsset => format!("{assets} (one per asset) or 1"),
            Self::Rows(rows) => format!("{} ({rows} rows of one per asset) or {rows}", rows * assets),
            Self::Values(values) => values.to_string(),
        }
    }
}

/// One row of a rule's parameter table.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafSpec {
    /// Name of the leaf in parameter files.
    pub name: Cow<'static, str>,
    /// What it means, its transform and unit.
    pub meaning: &'static str,
    /// Usual range of the raw value, for searches, ensembles and documentation; not enforced.
    pub range: (f64, f64),
    /// Leaves of which at least one is needed share a group; a leaf with its own name as group is required;
    /// `None` is optional.
    pub group: Option<Cow<'static, str>>,
    /// How many values it has.
    pub shape: LeafShape,
    /// A leaf that must be there where this one is.
    pub needs: Option<Cow<'static, str>>,
}

impl LeafSpec {
    /// A leaf per asset that the rule cannot do without.
    pub const fn required(name: &'static str, meaning: &'static str, range: (f64, f64)) -> Self {
        Self::one_of(name, name, meaning, range)
    }

    /// A leaf per asset that may be absent.
    pub const fn optional(name: &'static str, meaning: &'static str, range: (f64, f64)) -> Self {
        Self { name: Cow::Borrowed(name), meaning, range, group: None, shape: LeafShape::PerAsset, needs: None }
    }

    /// A leaf per asset; one leaf of its group is needed.
    pub const fn one_of(group: &'static str, name: &'static str, meaning: &'static str, range: (f64, f64)) -> Self {
        let group = Some(Cow::Borrowed(group));
        Self { name: Cow::Borrowed(name), meaning, range, group, shape: LeafShape::PerAsset, needs: None }
    }

    /// The same leaf with another number of values.
    #[must_use]
    pub const fn with_shape(mut self, shape: LeafShape) -> Self {
        self.shape = shape;
        self
    }
}

/// What the rows of a rule's output are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputKind {
    /// Changes of weights; a row sums to zero. Windows begin at the initial weights and hold them for one interval.
    #[default]
    Change,
    /// No changes at all: windows hold the initial weights, which no limit moves.
    Constant,
    /// Weights to move toward (spec 03 sec. 3.3). Windows begin at the first target and move from the first row on.
    Target,
}

/// A rule, written once: from it the framework derives the vectorized, the scan and the streaming way to run it.
pub trait Rule: Debug + Send + Sync {
    /// Name in configurations.
    fn name(&self) -> &str;

    /// One sentence on what the rule does.
    fn summary(&self) -> &str;

    /// The parameter table, without the initial weights.
    fn leaves(&self) -> Vec<LeafSpec>;

    /// The initial weights' part of the parameter table; empty for a rule of a pool that begins at other things than
    /// weights.
    fn initial_leaves(&self) -> &'static [LeafSpec] {
        INITIAL_LEAVES
    }

    /// What an output row is.
    fn output_kind(&self) -> OutputKind {
        OutputKind::Change
    }

    /// The estimators whose outputs [`Rule::signal`] gets, in that order.
    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator>;

    /// The output from estimates: every estimate is `[sets, time, width]`, time of any length (1 when streaming); the
    /// result is `[sets, time, assets]`.
    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3>;

    /// Share of the weights reached so far that a step keeps, `[sets, assets]`; `None` keeps all. A target rule moves to
    /// `retention * weights + (1 - retention) * target`.
    fn retention(&self, context: &RuleContext<'_>) -> Option<Tensor<2>> {
        match self.output_kind() {
            OutputKind::Change | OutputKind::Constant => None,
            OutputKind::Target => Some(context.smoothing()),
        }
    }

    /// Parameter values of the canonical starting point (spec 01 sec. 1.9), without initial weights.
    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues;

    /// Checks what settings the rule can run with.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] naming the setting.
    fn check_settings(&self, settings: &StrategySettings) -> Result<(), StrategyError> {
        let _ = settings;
        Ok(())
    }

    /// What the rule with the first parameter set is on the chain.
    ///
    /// # Errors
    /// Everything that keeps it from being a contract's.
    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        let _ = context;
        Err(vec![ContractObstacle::NoContract { rule: self.name().to_owned() }])
    }

    /// The parameters whose [`Rule::contract`] is `terms`, without initial weights; `None` if there are none.
    fn values_of_contract(&self, terms: &ContractTerms, settings: &StrategySettings) -> Option<ParameterValues> {
        let _ = (terms, settings);
        None
    }

    /// Whether there is a contract of this rule, so that its pool can run on chain (spec 13 sec. 5).
    fn has_contract(&self) -> bool {
        false
    }

    /// Whether whole histories can be computed in one piece.
    fn supports_vectorized(&self) -> bool {
        true
    }

    /// Whether the rule can run one step after another.
    fn supports_scan(&self) -> bool {
        true
    }
}

/// The initial weights, which rules take in one of two forms (spec 01 sec. 1.7).
pub const INITIAL_LEAVES: &[LeafSpec] = &[
    LeafSpec::one_of("initial_weights", INITIAL_WEIGHTS_LOGITS, "initial weights = softmax", (-10.0, 10.0)),
    LeafSpec::one_of("initial_weights", "initial_weights", "initial weights as given", (0.0, 1.0)),
];

/// Whether a leaf holds initial weights.
pub fn is_initial(leaf: &str) -> bool {
    INITIAL_LEAVES.iter().any(|spec| spec.name == leaf)
}

/// Checks that `values` has the leaves of the table and the rule's initial weights, no others, of the right length, finite.
///
/// # Errors
/// The first violation, naming the leaf.
pub fn check_values(
    rule: &dyn Rule,
    table: &[LeafSpec],
    values: &ParameterValues,
    set: usize,
    assets: usize,
) -> Result<(), StrategyError> {
    let initial = rule.initial_leaves();
    let rule = rule.name();
    let names = || table.iter().chain(initial).map(|leaf| leaf.name.as_ref()).collect::<Vec<_>>().join(", ");
    for (leaf, values) in &values.leaves {
        let Some(spec) = table.iter().chain(initial).find(|spec| spec.name == *leaf) else {
            return Err(StrategyError::UnknownLeaf { leaf: leaf.clone(), rule: rule.to_owned(), known: names() });
        };
        let shape = if is_initial(leaf) { LeafShape::Values(assets) } else { spec.shape };
        if !shape.accepts(values.len(), assets) {
            let expected = shape.describe(assets);
            return Err(StrategyError::LeafLength { leaf: leaf.clone(), found: values.len(), expected });
        }
    }
    for group in table.iter().chain(initial).filter_map(|leaf| leaf.group.as_ref()) {
        let members: Vec<&str> = table
            .iter()
            .chain(initial)
            .filter(|leaf| leaf.group.as_ref() == Some(group))
            .map(|leaf| leaf.name.as_ref())
            .collect();
        if !members.iter().any(|name| values.leaves.contains_key(*name)) {
            let leaf = members.join("` or `");
            return Err(StrategyError::MissingLeaf { leaf, rule: rule.to_owned(), needed: names() });
        }
    }
    for spec in table.iter().filter(|spec| values.leaves.contains_key(spec.name.as_ref())) {
        if let Some(needed) = spec.needs.as_deref().filter(|needed| !values.leaves.contains_key(*needed)) {
            let (leaf, given) = (needed.to_owned(), spec.name.to_string());
            return Err(StrategyError::MissingCompanion { leaf, given, rule: rule.to_owned() });
        }
    }
    if let Some((leaf, position, value)) = values.first_non_finite() {
        return Err(StrategyError::NonFiniteLeaf { leaf: leaf.to_owned(), set, position, value });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rules::MinVariance;

    #[test]
    fn what_is_missing_is_named() {
        let check = |leaves: &[(&str, usize)]| {
            let leaves = leaves.iter().map(|(leaf, width)| ((*leaf).to_owned(), vec![1.0; *width])).collect();
            let table = MinVariance::default().leaves();
            let rule = MinVariance::default();
            check_values(&rule, &table, &ParameterValues { leaves }, 0, 3).map_err(|error| error.to_string())
        };
        let both = [("memory_days_1", 3), ("memory_days_2", 1), ("initial_weights_logits", 3)];
        assert_eq!(check(&both), Ok(()));
        let error = check(&[both[0], both[2]]).unwrap_err();
        assert!(
            error.starts_with(
                "parameter `memory_days_2` is missing; the rule `min_variance` with `memory_days_1` needs"
            )
        );
        assert!(check(&both[..2]).unwrap_err().contains("`initial_weights_logits` or `initial_weights` is missing"));
        let error = check(&[both[0], ("memory_days_2", 2), both[2]]).unwrap_err();
        assert_eq!(error, "parameter `memory_days_2` has 2 values; expected 3 (one per asset) or 1");
        assert!(check(&[both[0], both[1], both[2], ("k", 3)]).unwrap_err().contains("`k` is not known"));
    }
}
