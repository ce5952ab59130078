//! Multipliers (weight per second) and the time at which they stop (spec 13.7).

use crate::error::Revert;
use crate::guard::upper_rail;
use crate::{Int256, element};

/// The last time that 40 bits hold: multipliers that run to it do not expire.
pub const NEVER: u64 = (1 << 40) - 1;

/// Beyond this time an expiry counts as never.
const LATEST: u64 = (1 << 39) - 1;

/// A straight run of weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Change of each weight per second, 18 decimals, uncut.
    pub multipliers: Vec<Int256>,
    /// When the run stops: the first asset meets a rail. In seconds, 40 bits.
    pub last_interpolation_time: u64,
}

/// The run from `current` through `target` after `interval` seconds, beginning `now`.
///
/// # Errors
/// [`Panic::DivisionByZero`](crate::Panic::DivisionByZero) for interval 0,
/// [`Panic::IndexOutOfBounds`](crate::Panic::IndexOutOfBounds) where targets are fewer than weights, overflows.
pub fn run(current: &[Int256], target: &[Int256], interval: u64, guard_rail: u64, now: u64) -> Result<Run, Revert> {
    let lowest = Int256::from(guard_rail);
    let highest = upper_rail(current.len(), guard_rail)?;
    let mut shortest = Int256::MAX;
    let mut multipliers = Vec::with_capacity(current.len());
    for (asset, weight) in current.iter().enumerate() {
        let multiplier = element(target, asset)?.checked_sub(*weight)?.checked_div(Int256::from(interval))?;
        let seconds = if multiplier.is_positive() {
            highest.checked_sub(*weight)?.checked_div(multiplier)?
        } else if multiplier.is_negative() {
            weight.checked_sub(lowest)?.checked_div(multiplier.checked_neg()?)?
        } else {
            Int256::MAX
        };
        shortest = shortest.min(seconds);
        multipliers.push(multiplier);
    }
    let time = Int256::from(now);
    let expires = shortest < Int256::from(LATEST).checked_sub(time)?;
    let last_interpolation_time = if expires { time.checked_add(shortest)?.low_i128() as u64 & NEVER } else { NEVER };
    Ok(Run { multipliers, last_interpolation_time })
}
