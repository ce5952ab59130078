//! The strategies of dynamic-weight pools in the integers of their contracts, bit for bit.
//!
//! Everything that a deployed QuantAMM V1 pool computes between an oracle's price and a trade, in signed 256-bit
//! integers: fixed point, estimators, the six rules, guard rails, multipliers, packed storage, interpolated weights and
//! swaps. "18 decimals" means the real value times `10^18`. Where a contract reverts, a function returns the same
//! [`Revert`]; nothing panics, whatever the input. Sections "13.x" are those of the project's specification of the
//! contracts' arithmetic.
//!
//! ```
//! use gradpool_chain::fixed_point::{ONE, exponential, multiply};
//!
//! let e = exponential(ONE)?;
//! assert_eq!(e.to_string(), "2718281828459045234");
//! assert_eq!(multiply(e, e)?.to_string(), "7389056098930650220");
//! # Ok::<(), gradpool_chain::Revert>(())
//! ```

pub mod decimal;
pub mod estimators;
pub mod fixed_point;
pub mod guard;
pub mod interpolation;
pub mod multiplier;
pub mod oracle;
pub mod packing;
pub mod replay;
pub mod rules;
pub mod runner;
pub mod tutorial;
pub mod validation;
pub mod vectors;
pub mod weighted_math;

mod error;
mod int256;

pub use error::{Custom, Panic, Require, Revert};
pub use int256::{Int256, ParseIntegerError, Uint256};

/// An element of a list, as a contract reads it.
pub(crate) fn element(values: &[Int256], index: usize) -> Result<Int256, Revert> {
    values.get(index).copied().ok_or_else(|| Panic::IndexOutOfBounds.into())
}
