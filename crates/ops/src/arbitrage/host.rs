//! The same arbitrages one row after another, for a pool that is run without tensors, with an account of who earned what.

use serde::Serialize;

use super::terms::Terms;
use super::trade::{Leg, Pool, Quotes};
use super::{CheckedInputs, Costs};
use crate::growth::PlanError;

/// Trades of a smaller share of the pool's value are not counted: without costs every arbitrage trades what rounding left.
pub const SMALLEST_SHARE: f64 = 1e-12;

/// A pool that is arbitraged row by row.
#[derive(Clone, Debug)]
pub struct Arbitrageur {
    terms: Terms,
    inputs: CheckedInputs,
    pool: Pool<Vec<f64>>,
    quotes: Quotes<Vec<f64>>,
    before: Vec<f64>,
    weights: Vec<f64>,
    last_row: Option<usize>,
    trading: Trading,
}

/// What a pool meets at one row.
#[derive(Clone, Copy, Debug)]
pub struct Meeting<'a> {
    /// Row of the inputs.
    pub row: usize,
    /// Fee that is part of the strategy, if it is; else that of the costs or inputs.
    pub fee_rate: Option<f64>,
    /// Weights of the row before; at the first row those of the row itself.
    pub weights_before: &'a [f64],
    /// Weights of the row.
    pub weights: &'a [f64],
    /// Prices of the row.
    pub prices: &'a [f64],
    /// Whether it is closed for all trades at this row.
    pub rests: bool,
}

/// What trading did to a pool, in the unit of value at the prices of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Trading {
    /// Number of arbitrages.
    pub arbitrages: usize,
    /// Number of users' trades.
    pub user_trades: usize,
    /// What arbitrageurs and users paid in.
    pub volume: f64,
    /// Swap fees that stayed in the pool, noise traders' included.
    pub fee_income: f64,
    /// Swap fees that the protocol took.
    pub protocol_fees: f64,
    /// What the pool lost to arbitrageurs because its price was behind the market's, before they paid swap fees: what is
    /// called loss versus rebalancing.
    pub arbitrage_loss_gross: f64,
    /// The same after they paid swap fees: what they took.
    pub arbitrage_loss_net: f64,
    /// Gas that arbitrageurs paid.
    pub gas_paid: f64,
}

impl Arbitrageur {
    /// A pool with these reserves.
    ///
    /// # Errors
    /// [`PlanError::Range`] for costs out of their ranges.
    pub fn new(costs: &Costs, inputs: CheckedInputs, reserves: &[f64]) -> Result<Self, PlanError> {
        costs.validate()?;
        let assets = reserves.len();
        let mut pool = Pool::<Vec<f64>>::new(assets);
        pool.reserves.copy_from_slice(reserves);
        Ok(Self {
            terms: Terms::new(costs),
            inputs,
            pool,
            quotes: Quotes::new(assets),
            before: vec![0.0; assets],
            weights: vec![0.0; assets],
            last_row: None,
            trading: Trading::default(),
        })
    }

    /// Meets one row: shares issued or redeemed, an arbitrage with the weights of the row before, users, an arbitrage with the
    /// row's own weights.
    ///
    /// # Panics
    /// If the lengths differ from that of the reserves, or the row is beyond the inputs.
    pub fn visit(&mut self, meeting: &Meeting<'_>) {
        let row_before = self.last_row.replace(meeting.row);
        self.terms.take_up(&self.inputs, meeting.row);
        if let Some(fee_rate) = meeting.fee_rate {
            self.terms.charge(fee_rate);
        }
        if let Some(growth) = self.inputs.issue(row_before, meeting.row) {
            self.pool.scale(growth);
        }
        if meeting.rests {
            return;
        }
        self.quotes.take(meeting.prices);
        self.before.copy_from_slice(meeting.weights_before);
        self.weights.copy_from_slice(meeting.weights);
        self.arbitrage(true);
        for trade in self.inputs.trades_since(row_before, meeting.row) {
            self.pool.swap(meeting.row, trade, &self.weights, &self.terms);
            let paid = trade.amount_in * meeting.prices[trade.token_in];
            self.trading.user_trades += 1;
            self.trading.volume += paid;
            self.trading.fee_income += paid * (self.terms.fee - self.terms.protocol());
            self.trading.protocol_fees += paid * self.terms.protocol();
        }
        self.arbitrage(false);
        self.pool.settle(&self.terms);
    }

    fn arbitrage(&mut self, with_weights_before: bool) {
        let weights = if with_weights_before { &self.before } else { &self.weights };
        let mut happened = None;
        self.pool.arbitrage(weights, &self.quotes, &self.terms, |pool, trade| happened = Some(Leg::of(pool, trade)));
        let Some(leg) = happened else { return };
        let (profit, volume) = leg.profit_and_volume(weights, &self.quotes, &self.terms);
        let value: f64 = leg.reserves.iter().zip(&self.quotes.prices).map(|(reserve, price)| reserve * price).sum();
        if volume < SMALLEST_SHARE * value {
            return;
        }
        self.trading.arbitrages += 1;
        self.trading.volume += volume;
        self.trading.fee_income += volume * (self.terms.fee - self.terms.protocol() + self.terms.noise());
        self.trading.protocol_fees += volume * self.terms.protocol();
        self.trading.arbitrage_loss_gross += profit + volume * self.terms.fee;
        self.trading.arbitrage_loss_net += profit;
        self.trading.gas_paid += self.terms.gas;
    }

    /// Reserves of each asset.
    pub fn reserves(&self) -> &[f64] {
        &self.pool.reserves
    }

    /// What trading did since the beginning.
    pub fn trading(&self) -> &Trading {
        &self.trading
    }
}
