//! What changes from row to row around a pool (spec 04 sec. 4.6).

use std::sync::Arc;

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

impl RowInputs {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a series makes trading cost something.
    pub fn have_costs(&self) -> bool {
        [&self.fee_rate, &self.gas_cost, &self.arbitrage_fee].iter().any(|series| series.is_some())
    }

    /// Checks lengths and ranges for a table of `rows` rows of `assets` assets.
    ///
    /// # Errors
    /// [`PlanError`] naming the first series that does not fit.
    pub fn validate(&self, rows: usize, assets: usize) -> Result<(), PlanError> {
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
