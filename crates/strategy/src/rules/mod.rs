//! One file per rule, and the registry of their names.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::error::StrategyError;
use crate::rule::Rule;

mod constant;
mod curve;
mod difference_momentum;
pub mod gyroscope;
mod index_market_cap;
mod leaves;
mod mean_reversion_channel;
mod min_variance;
mod momentum;
mod power_channel;
pub mod reclamm;
mod tutorial_momentum;

pub use constant::Constant;
pub use curve::CurveRule;
pub use difference_momentum::DifferenceMomentum;
pub use gyroscope::GyroscopeStart;
pub use index_market_cap::{IndexMarketCap, IndexVariant};
pub use mean_reversion_channel::{MeanReversionChannel, TripleThreat};
pub use min_variance::{Covariance, MinVariance};
pub use momentum::{AntiMomentum, Momentum};
pub use power_channel::PowerChannel;
pub use reclamm::ReclammStart;
pub use tutorial_momentum::{TutorialMomentum, TutorialTerms};

/// What some rules are told besides their parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleOptions {
    /// `min_variance`: which part of the covariance decides.
    pub covariance: Covariance,
    /// `index_market_cap`: largest target weight of an asset.
    pub largest_index_weight: Option<f64>,
    /// `gyroscope`: where training starts.
    pub gyroscope: GyroscopeStart,
    /// `reclamm`: where training starts.
    pub reclamm: ReclammStart,
}

/// Rules of the user's own, by [`register`].
static REGISTERED: RwLock<Vec<Arc<dyn Rule>>> = RwLock::new(Vec::new());

/// Every built-in rule.
pub fn builtin(options: &RuleOptions) -> Vec<Arc<dyn Rule>> {
    let index = |variant| -> Arc<dyn Rule> {
        Arc::new(IndexMarketCap { variant, largest_weight: options.largest_index_weight })
    };
    vec![
        Arc::new(Momentum),
        Arc::new(AntiMomentum),
        Arc::new(PowerChannel),
        Arc::new(MeanReversionChannel),
        Arc::new(TripleThreat),
        Arc::new(DifferenceMomentum),
        Arc::new(TutorialMomentum),
        Arc::new(MinVariance { covariance: options.covariance }),
        index(IndexVariant::Pool),
        index(IndexVariant::Hodling),
        index(IndexVariant::Fund),
        Arc::new(Constant::BALANCER),
        Arc::new(Constant::HODL),
        Arc::new(Constant::COW),
        Arc::new(gyroscope::rule(&options.gyroscope)),
        Arc::new(reclamm::rule(&options.reclamm)),
    ]
}

/// Makes a rule known by its name to this process, configurations and command line included.
///
/// # Errors
/// [`StrategyError::DuplicateRule`] if the name is taken.
pub fn register(rule: Arc<dyn Rule>) -> Result<(), StrategyError> {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let taken = |other: &Arc<dyn Rule>| other.name() == rule.name();
    if builtin(&RuleOptions::default()).iter().any(taken) || registered.iter().any(taken) {
        return Err(StrategyError::DuplicateRule { name: rule.name().to_owned() });
    }
    registered.push(rule);
    Ok(())
}

/// Every rule that can be named: the built-in ones, then those that were registered.
pub fn all(options: &RuleOptions) -> Vec<Arc<dyn Rule>> {
    let mut rules = builtin(options);
    rules.extend(REGISTERED.read().unwrap_or_else(PoisonError::into_inner).iter().cloned());
    rules
}

/// The rule of that name, with the default options.
///
/// # Errors
/// [`StrategyError::UnknownRule`] listing the names there are.
pub fn by_name(name: &str) -> Result<Arc<dyn Rule>, StrategyError> {
    with_options(name, &RuleOptions::default())
}

/// The rule of that name.
///
/// # Errors
/// [`StrategyError::UnknownRule`] listing the names there are.
pub fn with_options(name: &str, options: &RuleOptions) -> Result<Arc<dyn Rule>, StrategyError> {
    let rules = all(options);
    rules.iter().find(|rule| rule.name() == name).cloned().ok_or_else(|| StrategyError::UnknownRule {
        name: name.to_owned(),
        known: rules.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", "),
    })
}
