//! What changes from row to row around a pool, from the files of `[pool.inputs]` (spec 04 sec. 4.6, 06 sec. 6.7).

use std::path::Path;
use std::sync::Arc;

use gradpool_market::{Grid, PriceTable, RowSeries, SeriesKind, load_series, load_trades};
use gradpool_pools::{RowInputs, UserTrade};
use sha2::{Digest, Sha256};

use crate::config::PoolSection;
use crate::periods::day_or_time;

/// Reads the files onto the rows of `prices`, and says in sentences what the user may not expect of them. The rows before `first` are
/// never simulated.
///
/// # Errors
/// What is wrong with a file.
pub fn load(pool: &PoolSection, prices: &PriceTable, first: usize) -> anyhow::Result<(RowInputs, Vec<String>)> {
    let mut loader = Loader { prices, first, notes: Vec::new() };
    let files = &pool.inputs;
    let inputs = RowInputs {
        fee_rate: loader.series(files.fees.as_deref(), SeriesKind::Fees, Some(("fee_rate", pool.fee_rate)))?,
        gas_cost: loader.series(files.gas_cost.as_deref(), SeriesKind::GasCost, Some(("gas_cost", pool.gas_cost)))?,
        arbitrage_fee: loader.series(
            files.arb_fees.as_deref(),
            SeriesKind::ArbitrageFees,
            Some(("arbitrage_fee", pool.arbitrage_fee)),
        )?,
        lp_supply: loader.series(files.lp_supply.as_deref(), SeriesKind::LpSupply, None)?,
        trades: loader.trades(files.trades.as_deref())?,
    };
    Ok((inputs, loader.notes))
}

struct Loader<'a> {
    prices: &'a PriceTable,
    first: usize,
    notes: Vec<String>,
}

impl Loader<'_> {
    fn grid(&self) -> &Grid {
        self.prices.grid()
    }

    /// `constant`: the key that the series replaces, and its value.
    fn series(
        &mut self,
        file: Option<&Path>,
        kind: SeriesKind,
        constant: Option<(&str, f64)>,
    ) -> anyhow::Result<Option<Arc<[f64]>>> {
        let Some(file) = file else { return Ok(None) };
        let RowSeries { values, first_ms, rows_before, .. } = load_series(file, kind, self.grid())?;
        if let Some((key, value)) = constant.filter(|(_, value)| *value != 0.0) {
            self.notes
                .push(format!("`pool.{key}` = {value} has no effect: its values are those of {}", file.display()));
        }
        let before = rows_before.saturating_sub(self.first);
        if before > 0 {
            self.notes.push(format!(
                "{} begins at {}: {before} of {} rows before it have its first value",
                file.display(),
                day_or_time(first_ms),
                self.grid().rows - self.first
            ));
        }
        Ok(Some(values.into()))
    }

    fn trades(&mut self, file: Option<&Path>) -> anyhow::Result<Arc<[UserTrade]>> {
        let Some(file) = file else { return Ok(Arc::default()) };
        let found = load_trades(file, self.prices.assets(), self.grid())?;
        let all = found.before + found.trades.len() + found.after;
        let simulated = found.trades.iter().filter(|trade| trade.row >= self.first);
        let trades: Arc<[UserTrade]> = simulated
            .map(|trade| UserTrade {
                row: trade.row,
                token_in: trade.token_in,
                token_out: trade.token_out,
                amount_in: trade.amount_in,
            })
            .collect();
        if trades.len() < all {
            let (from, to) = (self.grid().time_ms(self.first), self.grid().end_ms());
            self.notes.push(format!(
                "{}: {} of {all} trades are left out; they are not from {} up to {}",
                file.display(),
                all - trades.len(),
                day_or_time(from),
                day_or_time(to)
            ));
        }
        Ok(trades)
    }
}

/// Adds the inputs to a hash of data.
pub fn hash(inputs: &RowInputs, hasher: &mut Sha256) {
    let RowInputs { fee_rate, gas_cost, arbitrage_fee, lp_supply, trades } = inputs;
    let series = [("fees", fee_rate), ("gas_cost", gas_cost), ("arb_fees", arbitrage_fee), ("lp_supply", lp_supply)];
    for (name, values) in series {
        let Some(values) = values else { continue };
        hasher.update(name);
        values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
    }
    for trade in trades.iter() {
        for number in [trade.row, trade.token_in, trade.token_out] {
            hasher.update((number as u64).to_le_bytes());
        }
        hasher.update(trade.amount_in.to_le_bytes());
    }
}
