//! Which kind of pool the name of a rule means.

use gradpool_pools::{PoolKind, Rebalanced};

use crate::config::{Benchmark, PoolSection};

/// The rule of a basket that nobody trades with.
pub const HODL: &str = "hodl";

/// The rule of an index that trades only while its weights move.
pub const HODLING_INDEX: &str = "hodling_index_market_cap";

/// The rule of an index that a fund holds.
pub const INDEX_FUND: &str = "trad_hodling_index_market_cap";

/// What the manager of an index fund takes in a year, unless the configuration says otherwise.
const ANNUAL_STREAMING_FEE: f64 = 0.04;

/// Whether a pool rests while its weights do.
pub fn rests_with_weights(section: &PoolSection) -> bool {
    section.rule == HODLING_INDEX
}

/// The kind of pool that a configuration describes.
pub fn of(pool: &PoolSection) -> PoolKind {
    match pool.benchmark {
        Some(Benchmark::Lvr) => PoolKind::Rebalanced(Rebalanced::Lvr),
        Some(Benchmark::Rvr) => PoolKind::Rebalanced(Rebalanced::Rvr),
        None if pool.rule == INDEX_FUND => {
            let annual_streaming_fee = pool.annual_streaming_fee.unwrap_or(ANNUAL_STREAMING_FEE);
            PoolKind::Rebalanced(Rebalanced::TraditionalIndex { annual_streaming_fee })
        }
        None => PoolKind::Weighted,
    }
}

/// Whether a kind of pool pays bid-ask spreads.
pub fn pays_spreads(kind: &PoolKind) -> bool {
    matches!(kind, PoolKind::Rebalanced(portfolio) if portfolio.pays_spreads())
}
