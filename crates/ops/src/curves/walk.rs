//! A pool of two tokens, met by arbitrageurs and others at one row after another.

use std::fmt::Debug;

use super::dual::Number;
use super::{Curve, CurveSettings, eclp, fm_amm, reclamm};
use crate::arbitrage::{CheckedInputs, Costs};

/// Whether a change of reserves pays the arbitrageur his gas and own fee (spec 04 sec. 4.4).
pub(super) fn pays(costs: &Costs, change: [f64; 2], prices: [f64; 2]) -> bool {
    if costs.gas_cost == 0.0 && costs.arbitrage_fee == 0.0 {
        return true;
    }
    let paid = [change[0] * prices[0], change[1] * prices[1]];
    let (profit, moved) = (-(paid[0] + paid[1]), paid[0].abs() + paid[1].abs());
    // A NaN must not look like a trade that does not pay.
    let loses = profit - costs.gas_cost < 0.5 * costs.arbitrage_fee * moved;
    !loses
}

/// A pool of two tokens.
pub(super) trait CurvePool<N>: Debug + Send + Sync {
    /// What it holds of each token.
    fn reserves(&self) -> [N; 2];

    /// What its depositors earned by fees so far, where that is counted.
    fn fee_revenue(&self) -> N;

    /// Meets the prices of one row.
    fn arbitrage(&mut self, prices: [f64; 2], costs: &Costs);

    /// Somebody pays in exactly `amount` of a token.
    fn swap(&mut self, token_in: usize, amount: f64, prices: [f64; 2], costs: &Costs);

    /// Deposits or withdrawals in proportion to the reserves.
    fn scale(&mut self, factor: f64);
}

/// A pool with everything that happens to it.
#[derive(Debug)]
pub(super) struct Walk<N> {
    pool: Box<dyn CurvePool<N>>,
    arbitrate: bool,
    costs: Costs,
    inputs: CheckedInputs,
    last_row: Option<usize>,
}

impl<N: Number> Walk<N> {
    /// A deposit at these prices.
    pub(super) fn begin(settings: &CurveSettings, parameters: &[N], prices: [f64; 2]) -> Self {
        let CurveSettings { curve, initial_value: value, seconds, arbitrate, costs, inputs } = settings;
        let pool: Box<dyn CurvePool<N>> = match curve {
            Curve::FmAmm(settings) => Box::new(fm_amm::Pool::new(*settings, parameters[0], prices, *value)),
            Curve::Eclp(settings) => Box::new(eclp::Pool::new(*settings, of_curve(parameters), prices, *value)),
            Curve::Reclamm(settings) => {
                Box::new(reclamm::Pool::new(settings, of_curve(parameters), prices, *value, *seconds))
            }
        };
        Self { pool, arbitrate: *arbitrate, costs: *costs, inputs: inputs.clone(), last_row: None }
    }

    /// Deposits since the last visit, arbitrage at the row's prices, then the trades of others since then.
    pub(super) fn visit(&mut self, row: usize, prices: [f64; 2]) {
        let before = self.last_row.replace(row);
        if let Some(growth) = self.inputs.issue(before, row) {
            self.pool.scale(growth);
        }
        let costs = self.inputs.costs_at(row, &self.costs);
        if self.arbitrate {
            self.pool.arbitrage(prices, &costs);
        }
        for trade in self.inputs.trades_since(before, row).iter().filter(|trade| trade.amount_in > 0.0) {
            self.pool.swap(trade.token_in, trade.amount_in, prices, &costs);
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
