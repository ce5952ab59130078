//! Which kind of pool the name of a rule means.

use gradpool_pools::PoolKind;

use crate::config::PoolSection;

/// The rule of a basket that nobody trades with.
pub const HODL: &str = "hodl";

/// The kind of pool that a configuration describes.
pub fn of(_: &PoolSection) -> PoolKind {
    PoolKind::Weighted
}
