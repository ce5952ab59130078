//! One file per rule, and the registry of their names.

use std::sync::Arc;

use crate::error::StrategyError;
use crate::rule::Rule;

mod momentum;

pub use momentum::Momentum;

/// Every built-in rule.
pub fn builtin() -> Vec<Arc<dyn Rule>> {
    vec![Arc::new(Momentum)]
}

/// The built-in rule of that name.
///
/// # Errors
/// [`StrategyError::UnknownRule`] listing the names there are.
pub fn by_name(name: &str) -> Result<Arc<dyn Rule>, StrategyError> {
    let rules = builtin();
    rules.iter().find(|rule| rule.name() == name).cloned().ok_or_else(|| StrategyError::UnknownRule {
        name: name.to_owned(),
        known: rules.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", "),
    })
}
