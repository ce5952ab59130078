//! What several commands say in the same words: the pool, prices that were filled, numbers in tables.

use gradpool_ops::Costs;
use gradpool_ops::arbitrage::Trading;
use gradpool_pools::{PoolKind, Rebalanced, RowInputs};
use gradpool_strategy::InitialSettings;
use gradpool_strategy::fees::FeeForm;
use gradpool_strategy::rules::reclamm::FEE_LEAVES;

use crate::config::ResolvedConfig;
use crate::output::Output;
use crate::setup::Setup;

/// Warns of prices that were carried forward, of old supplies, of files beside the prices that do not cover them, and of estimators that start with less history than they ask for.
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
    for note in &setup.notes {
        output.warn(note);
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
    let inputs = setup.experiment.history().inputs();
    let others = if inputs.trades.is_empty() { "" } else { ", trades of others" };
    let supply = if inputs.lp_supply.is_some() { ", deposits and withdrawals" } else { "" };
    if !settings.arbitrate {
        let alone = others.is_empty() && supply.is_empty();
        let nobody = if alone { "nobody trades against it" } else { "not arbitraged" };
        return format!("{nobody}{others}{supply}");
    }
    let minutes = settings.arbitrage_interval_rows as f64 * setup.prices.grid().step_min();
    match settings.kind {
        PoolKind::Weighted | PoolKind::Cow(_) | PoolKind::Gyroscope(_) | PoolKind::Reclamm(_) => {
            format!(
                "{}, arbitraged every {minutes} min{others}{supply}",
                costs(&settings.costs, inputs, trained_fee(setup))
            )
        }
        PoolKind::Rebalanced(portfolio) => rebalanced(portfolio, &settings.costs, inputs, minutes),
    }
}

/// A portfolio on a market, in words.
fn rebalanced(portfolio: Rebalanced, costs: &Costs, inputs: &RowInputs, minutes: f64) -> String {
    let mut parts = vec![fees(Span::of(costs.fee_rate, inputs.fee_rate.as_deref()))];
    if portfolio.pays_spreads() {
        parts.push("half the spread".to_owned());
    }
    if let Rebalanced::TraditionalIndex { annual_streaming_fee: rate } = portfolio {
        parts.push(format!("{} % a year to the manager", Span { least: rate, most: rate }.percent()));
    }
    let held = if portfolio.always_rebalances() { "" } else { " while weights move" };
    format!("{}, rebalanced on a market every {minutes} min{held}", parts.join(", "))
}

fn fees(rates: Span) -> String {
    if rates.most > 0.0 { format!("fee {} %", rates.percent()) } else { "no fees".to_owned() }
}

/// A fee that is part of the strategy, in words.
fn trained_fee(setup: &Setup) -> Option<&'static str> {
    let strategy = setup.strategy();
    let start = strategy.rule().initial_values(&InitialSettings::default(), strategy.settings());
    if FEE_LEAVES.iter().any(|leaf| start.leaf(leaf).is_some()) {
        return Some("trained fee");
    }
    match strategy.settings().fee.form {
        FeeForm::Fixed => None,
        FeeForm::Learned => Some("trained fee"),
        FeeForm::Volatility => Some("trained fee that follows volatility"),
        FeeForm::Momentum => Some("trained fee that follows momentum"),
    }
}

/// What trading costs, in words.
fn costs(costs: &Costs, inputs: &RowInputs, trained_fee: Option<&str>) -> String {
    let [rates, gas_cost, arbitrage_fee] = [
        (costs.fee_rate, &inputs.fee_rate),
        (costs.gas_cost, &inputs.gas_cost),
        (costs.arbitrage_fee, &inputs.arbitrage_fee),
    ]
    .map(|(constant, series)| Span::of(constant, series.as_deref()));
    let mut parts = vec![trained_fee.map_or_else(|| fees(rates), str::to_owned)];
    if gas_cost.most > 0.0 {
        parts.push(format!("gas {} per arbitrage", gas_cost.text()));
    }
    if arbitrage_fee.most > 0.0 {
        parts.push(format!("arbitrage costs {} %", arbitrage_fee.percent()));
    }
    if rates.most > 0.0 && costs.noise_trader_ratio > 0.0 {
        parts.push(format!("noise trading {} x arbitrage", costs.noise_trader_ratio));
    }
    if rates.most > 0.0 && costs.protocol_fee_share > 0.0 {
        parts.push(format!("{} % of fees to the protocol", 100.0 * costs.protocol_fee_share));
    }
    if costs.pairs_only && [rates, gas_cost, arbitrage_fee].iter().any(|span| span.most > 0.0) {
        parts.push("pairwise trades".to_owned());
    }
    parts.join(", ")
}

/// A fee rate in words.
pub fn fee(rate: f64) -> String {
    format!("fee {} %", Span { least: rate, most: rate }.percent())
}

/// A constant, or the range of what is different from row to row.
#[derive(Clone, Copy)]
struct Span {
    least: f64,
    most: f64,
}

impl Span {
    fn of(constant: f64, series: Option<&[f64]>) -> Self {
        let Some(series) = series else { return Self { least: constant, most: constant } };
        let least = series.iter().copied().fold(f64::INFINITY, f64::min);
        Self { least, most: series.iter().copied().fold(0.0, f64::max) }
    }

    fn text(self) -> String {
        if self.least == self.most { self.least.to_string() } else { format!("{} .. {}", self.least, self.most) }
    }

    fn percent(self) -> String {
        // Ten digits: a rate of 0.003 is 0.3 %, not 0.30000000000000004 %.
        let percent = |rate: f64| (rate * 1e12).round() / 1e10;
        Self { least: percent(self.least), most: percent(self.most) }.text()
    }
}

/// What trading did, a row per number.
pub fn trading(trading: &Trading) -> Vec<Vec<String>> {
    let counts = [("arbitrages", trading.arbitrages), ("trades of others", trading.user_trades)];
    let amounts = [
        ("volume", trading.volume),
        ("fee income", trading.fee_income),
        ("protocol fees", trading.protocol_fees),
        ("loss to arbitrage, gross of fees", trading.arbitrage_loss_gross),
        ("loss to arbitrage, net of fees", trading.arbitrage_loss_net),
        ("gas paid by arbitrageurs", trading.gas_paid),
    ];
    let counts = counts.map(|(name, count)| vec![name.to_owned(), count.to_string()]);
    counts.into_iter().chain(amounts.map(|(name, amount)| vec![name.to_owned(), format!("{amount:.2}")])).collect()
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
