//! A pool of two tokens, met by arbitrageurs and others at one row after another.

use std::fmt::Debug;

use super::dual::Number;
use super::{Curve, CurveSettings, eclp, fm_amm, reclamm};
use crate::arbitrage::{Costs, RowInputs};

/// What trading costs at one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowCosts {
    pub fee_rate: f64,
    pub gas_cost: f64,
    pub arbitrage_fee: f64,
    pub noise_trader_ratio: f64,
    pub protocol_fee_share: f64,
}

impl RowCosts {
    fn at(row: usize, costs: &Costs, inputs: &RowInputs) -> Self {
        let of_row = |series: &Option<std::sync::Arc<[f64]>>, constant| series.as_ref().map_or(constant, |s| s[row]);
        Self {
            fee_rate: of_row(&inputs.fee_rate, costs.fee_rate),
            gas_cost: of_row(&inputs.gas_cost, costs.gas_cost),
            arbitrage_fee: of_row(&inputs.arbitrage_fee, costs.arbitrage_fee),
            noise_trader_ratio: costs.noise_trader_ratio,
            protocol_fee_share: costs.protocol_fee_share,
        }
    }

    /// What is left of an amount paid in after the fee.
    pub(super) fn gamma(&self) -> f64 {
        1.0 - self.fee_rate
    }

    /// Whether a change of reserves pays the arbitrageur his gas and own fee (spec 04 sec. 4.4).
    pub(super) fn pays(&self, change: [f64; 2], prices: [f64; 2]) -> bool {
        if self.gas_cost == 0.0 && self.arbitrage_fee == 0.0 {
            return true;
        }
        let paid = [change[0] * prices[0], change[1] * prices[1]];
        let (profit, moved) = (-(paid[0] + paid[1]), paid[0].abs() + paid[1].abs());
        // A NaN must not look like a trade that does not pay.
        let loses = profit - self.gas_cost < 0.5 * self.arbitrage_fee * moved;
        !loses
    }
}

/// A pool of two tokens.
pub(super) trait CurvePool<N>: Debug + Send + Sync {
    /// What it holds of each token.
    fn reserves(&self) -> [N; 2];

    /// What its depositors earned by fees so far, where that is counted.
    fn fee_revenue(&self) -> N;

    /// Meets the prices of one row.
    fn arbitrage(&mut self, prices: [f64; 2], costs: &RowCosts);

    /// Somebody pays in exactly `amount` of a token.
    fn swap(&mut self, token_in: usize, amount: f64, prices: [f64; 2], costs: &RowCosts);

    /// Deposits or withdrawals in proportion to the reserves.
    fn scale(&mut self, factor: f64);
}

/// A pool with everything that happens to it.
#[derive(Debug)]
pub(super) struct Walk<N> {
    pool: Box<dyn CurvePool<N>>,
    arbitrate: bool,
    costs: Costs,
    inputs: RowInputs,
    last_row: usize,
    next_trade: usize,
}

impl<N: Number> Walk<N> {
    /// A deposit at the prices of a row.
    pub(super) fn begin(settings: &CurveSettings, parameters: &[N], (row, prices): (usize, [f64; 2])) -> Self {
        let CurveSettings { curve, initial_value: value, seconds, arbitrate, costs, inputs } = settings;
        let pool: Box<dyn CurvePool<N>> = match curve {
            Curve::FmAmm(settings) => Box::new(fm_amm::Pool::new(*settings, parameters[0], prices, *value)),
            Curve::Eclp(settings) => Box::new(eclp::Pool::new(*settings, of_curve(parameters), prices, *value)),
            Curve::Reclamm(settings) => {
                Box::new(reclamm::Pool::new(settings, of_curve(parameters), prices, *value, *seconds))
            }
        };
        let next_trade = inputs.trades.partition_point(|trade| trade.row < row);
        Self { pool, arbitrate: *arbitrate, costs: *costs, inputs: inputs.clone(), last_row: row, next_trade }
    }

    /// Deposits since the last visit, arbitrage at the row's prices, then the trades of others since then.
    pub(super) fn visit(&mut self, row: usize, prices: [f64; 2]) {
        if let Some(supply) = &self.inputs.lp_supply
            && supply[row] != supply[self.last_row]
        {
            self.pool.scale(supply[row] / supply[self.last_row]);
        }
        self.last_row = row;
        let costs = RowCosts::at(row, &self.costs, &self.inputs);
        if self.arbitrate {
            self.pool.arbitrage(prices, &costs);
        }
        while let Some(trade) = self.inputs.trades.get(self.next_trade).filter(|trade| trade.row <= row) {
            if trade.amount_in > 0.0 {
                self.pool.swap(trade.token_in, trade.amount_in, prices, &costs);
            }
            self.next_trade += 1;
        }
    }

    /// Reserves, and fee revenue so far.
    pub(super) fn state(&self) -> [N; 3] {
        let [first, second] = self.pool.reserves();
        [first, second, self.pool.fee_revenue()]
    }
}

/// The first parameters of a curve that has as many.
fn of_curve<N: Number, const K: usize>(parameters: &[N]) -> [N; K] {
    std::array::from_fn(|index| parameters[index])
}
