//! When a portfolio is rebalanced and what that costs.

use std::sync::Arc;

use crate::growth::{PlanError, length, positive};
use crate::interpolation::PathLayout;

/// Bid-ask spreads of every asset, one per day.
#[derive(Clone, Debug, PartialEq)]
pub struct DailySpreads {
    /// Spread as a fraction of the price, `[days, assets]` row-major.
    pub spreads: Arc<[f64]>,
    /// Rows of the price table in one day.
    pub rows_per_day: usize,
    /// Rows of the first day that lie before the price table.
    pub rows_before: usize,
}

impl DailySpreads {
    /// Spreads at one row of the price table.
    fn at(&self, row: usize, assets: usize) -> &[f64] {
        let day = (row + self.rows_before) / self.rows_per_day;
        &self.spreads[day * assets..(day + 1) * assets]
    }
}

/// When a portfolio is rebalanced and what that costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RebalancingTerms {
    /// Fee as a fraction of what is sold.
    pub fee_rate: f64,
    /// The same for every row of the price table, in place of the constant.
    pub row_fee_rates: Option<Arc<[f64]>>,
    /// Spreads, of which half is paid on everything that changes hands; none without them.
    pub spreads: Option<DailySpreads>,
    /// What a manager takes of the value at every executed row, as a fraction.
    pub streaming_fee: f64,
    /// Rebalance only in the rows in which weights move, the first `ramp_rows` of every `block_rows`; the portfolio is held in
    /// all others (spec 04 sec. 4.8.3).
    pub only_in_ramps: bool,
}

impl RebalancingTerms {
    /// Checks lengths and ranges for a price table of `rows` rows.
    pub(super) fn validate(&self, rows: usize, assets: usize) -> Result<(), PlanError> {
        let fraction = |name, values: &[f64]| match values.iter().find(|value| !(0.0..1.0).contains(*value)) {
            Some(value) => Err(PlanError::Range { name, value: value.to_string() }),
            None => Ok(()),
        };
        fraction("fee_rate", &[self.fee_rate])?;
        fraction("streaming_fee", &[self.streaming_fee])?;
        if let Some(rates) = &self.row_fee_rates {
            length("fee_rate", "one value per row of the prices", rows, rates.len())?;
            fraction("fee_rate", rates)?;
        }
        if let Some(series) = &self.spreads {
            positive(&[("rows_per_day", series.rows_per_day)])?;
            let days = (rows + series.rows_before).div_ceil(series.rows_per_day);
            length("spreads", "days x assets", days * assets, series.spreads.len())?;
            fraction("spreads", &series.spreads)?;
        }
        Ok(())
    }

    /// Whether the portfolio is rebalanced at the visited row with this index.
    pub(super) fn executes(&self, layout: &PathLayout, visit: usize) -> bool {
        !self.only_in_ramps || visit * layout.stride % layout.block_rows < layout.ramp_rows
    }

    /// Cost of what changes hands, both ways counted, as a fraction of it: `h_i`.
    pub(super) fn unit_costs(&self, row: usize, costs: &mut [f64]) {
        let fee = self.row_fee_rates.as_ref().map_or(self.fee_rate, |rates| rates[row]);
        let assets = costs.len();
        costs.fill(0.5 * fee);
        if let Some(series) = &self.spreads {
            for (cost, spread) in costs.iter_mut().zip(series.at(row, assets)) {
                *cost += 0.5 * spread;
            }
        }
    }
}
