//! What changes from row to row around a pool (spec 04 sec. 4.6).

use std::ops::Deref;
use std::sync::Arc;

use super::Costs;
use crate::growth::{PlanError, length};

/// A trade of somebody who is no arbitrageur: an exact amount of one token for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserTrade {
    /// Row of the price table.
    pub row: usize,
    /// Asset that is paid in.
    pub token_in: usize,
    /// Asset that is taken out.
    pub token_out: usize,
    /// How much is paid in, fee included.
    pub amount_in: f64,
}

/// Series beside the prices, each with one value per row of the price table, that replace the constants of
/// [`Costs`](super::Costs) where they are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowInputs {
    /// Swap fee, a fraction of what is paid in.
    pub fee_rate: Option<Arc<[f64]>>,
    /// Cost of one arbitrage, in the unit of value.
    pub gas_cost: Option<Arc<[f64]>>,
    /// The arbitrageur's own cost as a fraction of what changes hands, both ways counted by half.
    pub arbitrage_fee: Option<Arc<[f64]>>,
    /// Supply of pool shares: reserves grow and shrink with it.
    pub lp_supply: Option<Arc<[f64]>>,
    /// Trades of others, by rising row.
    pub trades: Arc<[UserTrade]>,
}

/// [`RowInputs`] that fit a price table of so many rows and assets; by default there are none, which fit any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedInputs {
    inputs: RowInputs,
    rows: usize,
    assets: usize,
}

impl CheckedInputs {
    /// Checks that they were made for such a price table.
    pub(crate) fn fit(&self, rows: usize, assets: usize) -> Result<(), PlanError> {
        if self.is_empty() {
            return Ok(());
        }
        length("inputs", "one value per row of the prices", rows, self.rows)?;
        length("inputs", "assets of the prices", assets, self.assets)
    }
}

impl Deref for CheckedInputs {
    type Target = RowInputs;

    fn deref(&self) -> &RowInputs {
        &self.inputs
    }
}

impl RowInputs {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks lengths and ranges for a table of `rows` rows of `assets` assets, once for all runs over it.
    ///
    /// # Errors
    /// [`PlanError`] naming the first series that does not fit.
    pub fn check(self, rows: usize, assets: usize) -> Result<CheckedInputs, PlanError> {
        self.validate(rows, assets)?;
        Ok(CheckedInputs { inputs: self, rows, assets })
    }

    /// Constant costs with those of a row in their place.
    ///
    /// # Panics
    /// If the row is beyond a series.
    pub fn costs_at(&self, row: usize, costs: &Costs) -> Costs {
        let of_row = |series: &Option<Arc<[f64]>>, constant| series.as_ref().map_or(constant, |series| series[row]);
        Costs {
            fee_rate: of_row(&self.fee_rate, costs.fee_rate),
            gas_cost: of_row(&self.gas_cost, costs.gas_cost),
            arbitrage_fee: of_row(&self.arbitrage_fee, costs.arbitrage_fee),
            ..*costs
        }
    }

    /// What reserves grow by because shares were issued or redeemed since the row visited before, if there was one.
    #[inline]
    pub(crate) fn issue(&self, before: Option<usize>, row: usize) -> Option<f64> {
        let supply = self.lp_supply.as_ref()?;
        Some(supply[row] / supply[before?])
    }

    /// Trades of others since the row visited before; at the first row those of that row.
    #[inline]
    pub(crate) fn trades_since(&self, before: Option<usize>, row: usize) -> &[UserTrade] {
        if self.trades.is_empty() {
            return &[];
        }
        let first = before.map_or(row, |before| before + 1);
        let from = self.trades.partition_point(|trade| trade.row < first);
        &self.trades[from..self.trades.partition_point(|trade| trade.row <= row)]
    }

    fn validate(&self, rows: usize, assets: usize) -> Result<(), PlanError> {
        let below = |name, series: &Option<Arc<[f64]>>, upper: f64| {
            let Some(series) = series else { return Ok(()) };
            length(name, "one value per row of the prices", rows, series.len())?;
            match series.iter().find(|value| !(**value >= 0.0 && **value < upper)) {
                Some(value) => Err(PlanError::Range { name, value: value.to_string() }),
                None => Ok(()),
            }
        };
        below("fee_rate", &self.fee_rate, 1.0)?;
        below("gas_cost", &self.gas_cost, f64::INFINITY)?;
        below("arbitrage_fee", &self.arbitrage_fee, 1.0)?;
        below("lp_supply", &self.lp_supply, f64::INFINITY)?;
        if let Some(nothing) = self.lp_supply.as_ref().and_then(|supply| supply.iter().find(|value| **value == 0.0)) {
            return Err(PlanError::Range { name: "lp_supply", value: nothing.to_string() });
        }
        let in_order = self.trades.windows(2).all(|pair| pair[0].row <= pair[1].row);
        let fits = |trade: &UserTrade| {
            let tokens = trade.token_in < assets && trade.token_out < assets && trade.token_in != trade.token_out;
            tokens && trade.row < rows && trade.amount_in.is_finite() && trade.amount_in >= 0.0
        };
        match self.trades.iter().find(|trade| !fits(trade)) {
            Some(trade) => Err(PlanError::Range { name: "trades", value: format!("{trade:?}") }),
            None if !in_order => Err(PlanError::Range { name: "trades", value: "not in order of rows".into() }),
            None => Ok(()),
        }
    }
}
