//! Which kind of pool the name of a rule means.

use gradpool_ops::curves::{Eclp, FmAmm, ReclammState};
use gradpool_pools::{PoolKind, Rebalanced, ReclammPool, Rest};
use gradpool_strategy::rules::gyroscope::GYROSCOPE;
use gradpool_strategy::rules::reclamm::RECLAMM;

use crate::config::{Benchmark, PoolSection, ReclammInterpolation};

/// The rule of a basket that nobody trades with.
pub const HODL: &str = "hodl";
/// The rule of a CoW pool.
pub const COW: &str = "cow";

/// The rule of an index that trades only while its weights move.
pub const HODLING_INDEX: &str = "hodling_index_market_cap";

/// The rule of an index that a fund holds.
pub const INDEX_FUND: &str = "trad_hodling_index_market_cap";

/// What the manager of an index fund takes in a year, unless the configuration says otherwise.
const ANNUAL_STREAMING_FEE: f64 = 0.04;

/// When a pool is closed for trades.
pub fn rest(section: &PoolSection) -> Rest {
    match (section.rule.as_str(), section.compat.hodling_forgets_drift) {
        (HODLING_INDEX, false) => Rest::WithWeights,
        (HODLING_INDEX, true) => Rest::Forgetful,
        _ => Rest::Never,
    }
}

/// Whether a rule is that of a pool of two assets with a curve of its own.
pub fn has_a_curve(rule: &str) -> bool {
    [COW, GYROSCOPE, RECLAMM].contains(&rule)
}

/// The kind of pool that a configuration describes; `assets` are the pool's, in alphabetical order.
pub fn of(section: &PoolSection, assets: &[String]) -> PoolKind {
    match section.benchmark {
        Some(Benchmark::Lvr) => return PoolKind::Rebalanced(Rebalanced::Lvr),
        Some(Benchmark::Rvr) => return PoolKind::Rebalanced(Rebalanced::Rvr),
        None => {}
    }
    match section.rule.as_str() {
        COW => PoolKind::Cow(FmAmm { arbitrage_quality: section.cow.arbitrage_quality }),
        GYROSCOPE => PoolKind::Gyroscope(Eclp {
            numeraire_is_first: section.gyroscope.numeraire.is_some()
                && section.gyroscope.numeraire.as_ref() == assets.first(),
            band_of_reserves: section.compat.eclp_band_of_reserves,
        }),
        RECLAMM => {
            let reclamm = &section.reclamm;
            PoolKind::Reclamm(ReclammPool {
                constant_arc_length: reclamm.interpolation == ReclammInterpolation::ConstantArcLength,
                arc_length_speed: reclamm.arc_length_speed,
                centeredness_scaling: reclamm.centeredness_scaling,
                state: reclamm
                    .state
                    .map(|state| ReclammState { reserves: state.reserves, virtual_reserves: state.virtual_reserves }),
            })
        }
        INDEX_FUND => {
            let annual_streaming_fee = section.annual_streaming_fee.unwrap_or(ANNUAL_STREAMING_FEE);
            PoolKind::Rebalanced(Rebalanced::TraditionalIndex { annual_streaming_fee })
        }
        _ => PoolKind::Weighted,
    }
}

/// Whether a kind of pool pays bid-ask spreads.
pub fn pays_spreads(kind: &PoolKind) -> bool {
    matches!(kind, PoolKind::Rebalanced(portfolio) if portfolio.pays_spreads())
}
