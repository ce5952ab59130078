//! Strategies of dynamic-weight pools: parameters, estimators, rules, guardrails, and the three ways to run them.
//!
//! A [`Rule`] is written once; [`Strategy`] runs it over whole histories, vectorized or as a scan, for many parameter sets
//! and windows at once and with gradients; [`StreamingStrategy`] runs it one price row at a time.

pub mod bounds;
pub mod combinations;
pub mod context;
pub mod contract;
pub mod error;
pub mod estimators;
pub mod execution;
pub mod fees;
pub mod initial;
pub mod parameters;
pub mod rule;
pub mod rules;
pub mod settings;
pub mod strategy;
pub mod stream;
pub mod transforms;

pub use combinations::{Composite, Ensemble};
pub use context::RuleContext;
pub use contract::{ContractCaveat, ContractList, ContractObstacle, ContractRule, ContractState, ContractTerms};
pub use error::StrategyError;
pub use estimators::{CoarseSeries, Estimator, EstimatorState, EstimatorStepper, Observation};
pub use initial::InitialSettings;
pub use parameters::{INITIAL_WEIGHTS_LOGITS, ParameterSets, ParameterValues};
pub use rule::{LeafShape, LeafSpec, OutputKind, Rule};
pub use settings::{
    BoundsForm, Compatibility, Execution, InitialWeights, Interpolation, StrategySettings, WeightBounds, WeightPath,
};
pub use strategy::{CoarsePath, Strategy, Windows};
pub use stream::{GuardrailState, RuleState, StreamState, StreamingStrategy};
