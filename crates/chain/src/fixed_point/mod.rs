//! Signed fixed point with 18 decimals, as PRB-math 2.5.0 computes it (spec 13.1).

mod arithmetic;
mod exponential;
mod factors;
mod logarithm;

pub use arithmetic::{absolute, divide, from_integer, multiply};
pub use exponential::{exponential, exponential_base_2};
pub use logarithm::{logarithm_base_2, power, signal_power};

use crate::Int256;

/// One with 18 decimals, as a machine integer.
pub const SCALE: i128 = 1_000_000_000_000_000_000;
/// One with 18 decimals.
pub const ONE: Int256 = Int256::new(SCALE);
