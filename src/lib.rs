//! Train the strategies of dynamic-weight AMM pools by gradient descent.
//!
//! This crate gathers the libraries behind the `gradpool` program. Data flows in one direction:
//!
//! ```text
//! prices -> estimates -> rule output -> coarse weights -> value -> metrics -> objective
//! market    strategy     strategy       strategy          pools    metrics    trainer
//! ```
//!
//! A pool on synthetic prices, its Sharpe ratio and the gradient of it:
//!
//! ```
//! use gradpool::market::{PeriodSpec, Periods, Step, SynthesisSpec, synthesize};
//! use gradpool::metrics::Metric;
//! use gradpool::pools::{Pool, PoolSettings};
//! use gradpool::strategy::{InitialSettings, ParameterSets, Strategy, StrategySettings, Windows, rules};
//! use gradpool::tensor::{DType, Device};
//! use gradpool::trainer::{Experiment, Goal};
//!
//! let prices = synthesize(&SynthesisSpec { days: 120.0, step: Step::HOUR, ..SynthesisSpec::default() })?;
//! let start = prices.grid().time_ms(60 * 24);
//! let periods = Periods::new(
//!     &PeriodSpec { burn_in_days: 60.0, ..PeriodSpec::new(start, prices.grid().end_ms()) },
//!     prices.grid(),
//! )?;
//!
//! let settings = StrategySettings { maximum_memory_days: 60.0, ..StrategySettings::daily(3, 60.0) };
//! let strategy = Strategy::new(rules::by_name("momentum")?, settings)?;
//! let values = InitialSettings::default().values(strategy.rule(), strategy.settings())?;
//! let pool = Pool::new(strategy, PoolSettings::default())?;
//! let objective = Metric::DailyLogSharpe;
//! let goal = Goal { objective, turnover_penalty: 0.0, window_rows: 50 * 24, watched: vec![] };
//! let experiment = Experiment::new(pool, &prices, &periods, goal, &Device::flex(), DType::F64)?;
//!
//! let parameters = ParameterSets::from_values(&[values], &Device::flex(), DType::F64)?;
//! let windows = Windows { starts: vec![60 * 24, 62 * 24], rows: 50 * 24 };
//! let found = experiment.gradient(&parameters, objective, &windows)?;
//! assert!(found.values[0].is_finite());
//! assert_eq!(found.gradient.leaf("log_k").unwrap().dims(), [1, 3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use gradpool_chain as chain;
pub use gradpool_cli as cli;
pub use gradpool_market as market;
pub use gradpool_metrics as metrics;
pub use gradpool_ops as ops;
pub use gradpool_pools as pools;
pub use gradpool_strategy as strategy;
pub use gradpool_trainer as trainer;

/// burn's tensors, as every library here takes and returns them.
pub mod tensor {
    pub use burn::tensor::{DType, Device, Tensor, TensorData};
}
