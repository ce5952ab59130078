//! What several commands say in the same words: the pool, prices that were filled, numbers in tables.

use gradpool_ops::Costs;
use gradpool_pools::{PoolKind, Rebalanced};

use crate::config::ResolvedConfig;
use crate::output::Output;
use crate::setup::Setup;

/// Warns of prices that were carried forward, of old supplies, and of estimators that start with less history than they ask for.
pub fn warn_of_prices(setup: &Setup, output: &mut Output<'_>) {
    let prices = setup.experiment.history().prices();
    let filled: Vec<String> = (0..prices.assets().len())
        .filter(|&asset| prices.filled_count(asset) > 0)
        .map(|asset| format!("{} of {}", prices.filled_count(asset), prices.assets()[asset]))
        .collect();
    if !filled.is_empty() {
        output.warn(format!("prices of {} rows are carried forward over gaps: {}", prices.rows(), filled.join(", ")));
    }
    if let Some(supplies) = setup.experiment.history().supplies() {
        let rows = |asset: usize| supplies.stale()[asset].iter().map(ExactSizeIterator::len).sum::<usize>();
        let stale: Vec<String> = (0..supplies.assets().len())
            .filter(|&asset| rows(asset) > 0)
            .map(|asset| format!("{} of {}", rows(asset), supplies.assets()[asset]))
            .collect();
        if !stale.is_empty() {
            let (all, stale) = (supplies.rows(), stale.join(", "));
            output.warn(format!("circulating supplies of {all} rows are older than 7 days: {stale}"));
        }
    }
    if let Some(spreads) = setup.experiment.history().spreads() {
        let named = spreads.undefined_days().iter().zip(spreads.assets());
        let undefined: Vec<String> =
            named.filter(|(days, _)| **days > 0).map(|(days, asset)| format!("{days} of {asset}")).collect();
        if !undefined.is_empty() {
            let undefined = undefined.join(", ");
            output.warn(format!("on some days the bars show no bid-ask spread, and none is paid: {undefined}"));
        }
    }
    let periods = &setup.periods;
    if periods.burn_in_is_short() {
        output.warn(format!(
            "the estimators start with {} days of prices instead of {} (`pool.maximum_memory_days`): there are no \
             earlier prices",
            periods.burn_in_days, periods.asked_burn_in_days
        ));
    }
}

/// Warns of a starting point at which a rule does nothing (trap T2.9).
pub fn warn_of_start(setup: &Setup, config: &ResolvedConfig, output: &mut Output<'_>) {
    let idle = setup.parts.components.iter().any(|(_, rule)| rule.name() == "difference_momentum");
    if idle && config.initial.memory_delta_days == 0.0 {
        output.warn(
            "difference_momentum has no signal at its start: both its memories are `initial.memory_days`, because \
             `initial.memory_delta_days` is 0",
        );
    }
}

/// What the pool is, where a result could be mistaken for that of another.
pub fn pool(setup: &Setup) -> String {
    let settings = setup.experiment.pool().settings();
    if !settings.arbitrate {
        return "nobody trades against it".to_owned();
    }
    let minutes = settings.arbitrage_interval_rows as f64 * setup.prices.grid().step_min();
    match settings.kind {
        PoolKind::Weighted => format!("{}, arbitraged every {minutes} min", costs(&settings.costs)),
        PoolKind::Rebalanced(portfolio) => rebalanced(portfolio, &settings.costs, minutes),
    }
}

/// A portfolio on a market, in words.
fn rebalanced(portfolio: Rebalanced, costs: &Costs, minutes: f64) -> String {
    let mut parts = vec![match costs.fee_rate {
        0.0 => "no fees".to_owned(),
        rate => fee(rate),
    }];
    if portfolio.pays_spreads() {
        parts.push("half the spread".to_owned());
    }
    if let Rebalanced::TraditionalIndex { annual_streaming_fee } = portfolio {
        parts.push(format!("{} % a year to the manager", percent(annual_streaming_fee)));
    }
    let held = if portfolio.always_rebalances() { "" } else { " while weights move" };
    format!("{}, rebalanced on a market every {minutes} min{held}", parts.join(", "))
}

/// What trading costs, in words.
fn costs(costs: &Costs) -> String {
    let mut parts = vec![match costs.fee_rate {
        0.0 => "no fees".to_owned(),
        rate => fee(rate),
    }];
    if costs.gas_cost > 0.0 {
        parts.push(format!("gas {} per arbitrage", costs.gas_cost));
    }
    if costs.arbitrage_fee > 0.0 {
        parts.push(format!("arbitrage costs {} %", 100.0 * costs.arbitrage_fee));
    }
    if costs.fee_rate > 0.0 && costs.noise_trader_ratio > 0.0 {
        parts.push(format!("noise trading {} x arbitrage", costs.noise_trader_ratio));
    }
    if costs.fee_rate > 0.0 && costs.protocol_fee_share > 0.0 {
        parts.push(format!("{} % of fees to the protocol", 100.0 * costs.protocol_fee_share));
    }
    if costs.pairs_only && !costs.are_none() {
        parts.push("pairwise trades".to_owned());
    }
    parts.join(", ")
}

/// A fee rate in words.
pub fn fee(rate: f64) -> String {
    format!("fee {} %", percent(rate))
}

/// A hundred times a rate to ten digits: 0.003 is 0.3 %, not 0.30000000000000004 %.
fn percent(rate: f64) -> f64 {
    (rate * 1e12).round() / 1e10
}

/// A number with six significant digits.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e9).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let whole_digits = if magnitude < 1.0 { 1 } else { magnitude.log10().floor() as usize + 1 };
    format!("{value:.*}", 6_usize.saturating_sub(whole_digits).max(2))
}

/// Lines of a table: the first column to the left, the others to the right, two spaces between.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        for (value, text) in [
            (0.0, "0.00000"),
            (0.123_456_789, "0.12346"),
            (-1.5, "-1.50000"),
            (1_234_567.891, "1234567.89"),
            (12.345_678_9, "12.3457"),
            (1e-7, "1.00000e-7"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn tables_align_numbers_to_the_right() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "20".to_owned()]];
        assert_eq!(table(&rows), ["a      1", "long  20"]);
    }
}
