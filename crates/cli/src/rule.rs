//! The rule of a pool and what it is made of.

use std::sync::Arc;

use gradpool_strategy::rules::{self, RuleOptions};
use gradpool_strategy::{Composite, Ensemble, Rule, Strategy, StrategyError, StrategySettings};

use crate::config::PoolSection;
use crate::config::pool::COMPOSITE;

/// The simple rules that a pool's rule is made of. A pool with one plain rule has one component without a name.
#[derive(Clone, Debug)]
pub struct RuleParts {
    /// Copies of the rule; 1 without an ensemble.
    pub members: usize,
    /// Name in a composite, and rule.
    pub components: Vec<(Option<String>, Arc<dyn Rule>)>,
}

impl RuleParts {
    /// The parts that a configuration names.
    ///
    /// # Errors
    /// [`StrategyError::UnknownRule`].
    pub fn of(pool: &PoolSection) -> Result<Self, StrategyError> {
        let rule = |name: &str, covariance: crate::config::Covariance, largest_index_weight: Option<f64>| {
            let gyroscope = pool.gyroscope.start().unwrap_or_default();
            let reclamm = pool.reclamm.start(pool.fee_rate);
            let covariance = covariance.into();
            rules::with_options(name, &RuleOptions { covariance, largest_index_weight, gyroscope, reclamm })
        };
        let components = if pool.rule == COMPOSITE {
            let component = |part: &crate::config::BlendComponent| {
                let rule = rule(&part.rule, part.covariance, part.largest_index_weight)?;
                Ok((Some(part.name().to_owned()), rule))
            };
            pool.blend.iter().map(component).collect::<Result<_, StrategyError>>()?
        } else {
            vec![(None, rule(&pool.rule, pool.covariance, pool.largest_index_weight)?)]
        };
        Ok(Self { members: pool.ensemble.members, components })
    }

    /// The rule, without its copies.
    ///
    /// # Errors
    /// [`StrategyError::Combination`] for components that do not go together.
    pub fn member(&self) -> Result<Arc<dyn Rule>, StrategyError> {
        match self.components.as_slice() {
            [(None, rule)] => Ok(Arc::clone(rule)),
            components => {
                let named = components.iter().map(|(name, rule)| (name.clone().unwrap_or_default(), Arc::clone(rule)));
                Ok(Arc::new(Composite::new(named.collect())?))
            }
        }
    }

    /// The rule of the pool.
    ///
    /// # Errors
    /// As [`RuleParts::member`].
    pub fn rule(&self) -> Result<Arc<dyn Rule>, StrategyError> {
        let member = self.member()?;
        if self.members == 1 { Ok(member) } else { Ok(Arc::new(Ensemble::new(member, self.members)?)) }
    }
}

/// Whether the rule that a configuration names looks at market capitalisation.
///
/// # Errors
/// As [`RuleParts::of`].
pub fn needs_market_caps(pool: &PoolSection) -> Result<bool, StrategyError> {
    of_market_caps(RuleParts::of(pool)?.member()?)
}

/// Whether a rule looks at market capitalisation.
///
/// # Errors
/// If the rule cannot run at its own starting point.
pub fn of_market_caps(rule: Arc<dyn Rule>) -> Result<bool, StrategyError> {
    Strategy::new(rule, StrategySettings::daily(3, 1440.0))?.needs_supplies()
}
