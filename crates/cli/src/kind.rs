//! Which kind of pool the name of a rule means.

use gradpool_pools::{PoolKind, Rebalanced};
use gradpool_strategy::rules::TraditionalIndex;

use crate::config::{Benchmark, PoolSection};

/// The rule of a basket that nobody trades with.
pub const HODL: &str = "hodl";

/// What the manager of an index fund takes in a year, unless the configuration says otherwise.
const ANNUAL_STREAMING_FEE: f64 = 0.04;

/// The kind of pool that a configuration describes.
pub fn of(pool: &PoolSection) -> PoolKind {
    match pool.benchmark {
        Some(Benchmark::Lvr) => PoolKind::Rebalanced(Rebalanced::Lvr),
        Some(Benchmark::Rvr) => PoolKind::Rebalanced(Rebalanced::Rvr),
        None if pool.rule == TraditionalIndex::NAME => {
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
