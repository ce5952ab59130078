//! Pools: from a strategy's weights and prices to reserves and value.
//!
//! Without fees an arbitraged pool holds `R_i = w_i V / p_i`, so its value alone describes it (spec 12.1, 04 sec. 4.2). A
//! [`Pool`] joins a strategy with its settings; a [`PricedHistory`] holds what is computed once per price table; a
//! [`PoolRun`] is the result for many parameter sets and windows, differentiable where the parameters are.

pub mod error;
mod forgetful;
pub mod history;
pub mod kinds;
mod layout;
pub mod log_prices;
mod memory;
pub mod pool;
pub mod run;
pub mod settings;

pub use error::PoolError;
pub use gradpool_ops::{RowInputs, UserTrade};
pub use history::PricedHistory;
pub use kinds::ReclammPool;
pub use kinds::rebalanced::Rebalanced;
pub use log_prices::LogPrices;
pub use memory::{LargestNumbers, RunNumbers};
pub use pool::Pool;
pub use run::PoolRun;
pub use settings::{PoolKind, PoolSettings, Rest, Valuation};
