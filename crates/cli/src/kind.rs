//! Which kind of pool the name of a rule means.

use gradpool_pools::PoolKind;

use crate::config::PoolSection;

/// The rule of a basket that nobody trades with.
pub const HODL: &str = "hodl";

/// The rule of an index that trades only while its weights move.
pub const HODLING_INDEX: &str = "hodling_index_market_cap";

/// Whether a pool rests while its weights do.
pub fn rests_with_weights(section: &PoolSection) -> bool {
    section.rule == HODLING_INDEX
}

/// The kind of pool that a configuration describes.
pub fn of(_: &PoolSection) -> PoolKind {
    PoolKind::Weighted
}
