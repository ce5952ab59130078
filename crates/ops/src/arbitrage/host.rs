//! The same arbitrages one row after another, for a pool that is run without tensors, with an account of who earned what.

use serde::Serialize;

use super::terms::Terms;
use super::trade::{Pool, Quotes};
use super::{Costs, UserTrade};
use crate::growth::PlanError;

/// Trades of a smaller share of the pool's value are not counted: without costs every arbitrage trades what rounding left.
pub const SMALLEST_SHARE: f64 = 1e-12;

/// A pool that is arbitraged row by row.
#[derive(Clone, Debug)]
pub struct Arbitrageur {
    terms: Terms,
    pool: Pool<Vec<f64>>,
    quotes: Quotes<Vec<f64>>,
    before: Vec<f64>,
    weights: Vec<f64>,
    trading: Trading,
}

/// What a pool meets at one row.
#[derive(Clone, Copy, Debug)]
pub struct Meeting<'a> {
    /// Weights of the row before; at the first row those of the row itself.
    pub weights_before: &'a [f64],
    /// Weights of the row.
    pub weights: &'a [f64],
    /// Prices of the row.
    pub prices: &'a [f64],
    /// Trades of users between the two arbitrages.
    pub user_trades: &'a [UserTrade],
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
    pub fn new(costs: &Costs, reserves: &[f64]) -> Result<Self, PlanError> {
        costs.validate()?;
        let mut pool = Pool::<Vec<f64>>::new(reserves.len());
        pool.reserves.copy_from_slice(reserves);
        let assets = reserves.len();
        Ok(Self {
            terms: Terms::new(costs),
            pool,
            quotes: Quotes::new(assets),
            before: vec![0.0; assets],
            weights: vec![0.0; assets],
            trading: Trading::default(),
        })
    }

    /// Takes up another swap fee.
    pub fn set_fee_rate(&mut self, fee_rate: f64) {
        self.terms.charge(fee_rate);
    }

    /// Takes up another cost of one arbitrage.
    pub fn set_gas_cost(&mut self, gas_cost: f64) {
        self.terms.gas = gas_cost;
    }

    /// Takes up another cost of the arbitrageur's own.
    pub fn set_arbitrage_fee(&mut self, arbitrage_fee: f64) {
        self.terms.half_arbitrage_fee = 0.5 * arbitrage_fee;
    }

    /// Issues or redeems shares: all reserves grow by a factor.
    pub fn scale(&mut self, growth: f64) {
        self.pool.reserves.iter_mut().for_each(|reserve| *reserve *= growth);
    }

    /// Meets one row: an arbitrage with the weights of the row before, users, an arbitrage with the row's own weights.
    ///
    /// # Panics
    /// If the lengths differ from that of the reserves.
    pub fn visit(&mut self, row: &Meeting<'_>) {
        self.quotes.take(row.prices);
        self.before.copy_from_slice(row.weights_before);
        self.weights.copy_from_slice(row.weights);
        self.arbitrage(true);
        for trade in row.user_trades {
            self.pool.swap(trade, &self.weights, &self.terms);
            let paid = trade.amount_in * row.prices[trade.token_in];
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
        if let Some(leg) = self.pool.arbitrage_leg(weights, &self.quotes, &self.terms) {
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
