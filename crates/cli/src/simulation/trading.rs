//! Who traded with the pool and what it earned and lost by it: one arbitrage after another, without tensors.

use gradpool_ops::arbitrage::{Arbitrageur, Meeting, Trading, UserTrade};
use gradpool_ops::{PathLayout, interpolate};
use gradpool_pools::PoolKind;

use super::{Simulation, to_host};

impl Simulation<'_> {
    /// What trading did over the simulated rows; nothing is known of pools that arbitrageurs do not hold at weights.
    ///
    /// # Errors
    /// What strategy or pool refuse.
    pub fn trading(&self) -> anyhow::Result<Option<Trading>> {
        let experiment = &self.setup.experiment;
        if experiment.pool().settings().kind != PoolKind::Weighted {
            return Ok(None);
        }
        let run = experiment.pool().run(experiment.history(), &self.parameters()?, &self.windows(), &[0])?;
        let weights = to_host(interpolate(run.positions, &PathLayout { stride: 1, ..run.layout }))?;
        let fees = experiment.pool().fees(experiment.history(), &self.parameters()?, &self.windows())?;
        let fees = fees.map(to_host).transpose()?.unwrap_or_default();
        let interval = run.layout.block_rows;
        let fees = (0..self.rows()).filter_map(|row| fees.get((row / interval).min(fees.len().max(1) - 1)).copied());
        Ok(Some(self.trade(&weights, &fees.collect::<Vec<_>>())?.1))
    }

    /// Reserves at every simulated row, `[rows, assets]`, row-major, and what trading did, for these weights of every row
    /// and these fees, one per row if fees are part of the strategy.
    ///
    /// # Errors
    /// Costs out of their ranges.
    pub fn trade(&self, weights: &[f64], fees: &[f64]) -> anyhow::Result<(Vec<f64>, Trading)> {
        let experiment = &self.setup.experiment;
        let (settings, inputs) = (experiment.pool().settings(), experiment.history().inputs());
        let (prices, assets) = (self.prices(), self.setup.strategy().settings().assets);
        let layout = experiment.pool().path_layout(&self.windows());
        let of_row = |row: usize| row * assets..(row + 1) * assets;
        let first = weights[of_row(0)].iter().zip(&prices[of_row(0)]);
        let initial: Vec<f64> = first.map(|(weight, price)| weight * settings.initial_value / price).collect();
        let mut pool = Arbitrageur::new(&settings.costs, &initial)?;
        let mut before = 0;
        let mut reserves = Vec::with_capacity(prices.len());
        for now in 0..self.rows() {
            if settings.arbitrate && now % settings.arbitrage_interval_rows == 0 {
                let (row, then) = (self.rows.start + now, self.rows.start + before);
                if let Some(fee) = fees.get(now).or_else(|| inputs.fee_rate.as_ref().map(|series| &series[row])) {
                    pool.set_fee_rate(*fee);
                }
                if let Some(gas) = &inputs.gas_cost {
                    pool.set_gas_cost(gas[row]);
                }
                if let Some(fees) = &inputs.arbitrage_fee {
                    pool.set_arbitrage_fee(fees[row]);
                }
                if let Some(supply) = inputs.lp_supply.as_ref().filter(|_| now > 0) {
                    pool.scale(supply[row] / supply[then]);
                }
                if !settings.rests_with_weights || now % layout.block_rows < layout.ramp_rows {
                    pool.visit(&Meeting {
                        weights_before: &weights[of_row(before)],
                        weights: &weights[of_row(now)],
                        prices: &prices[of_row(now)],
                        user_trades: between(&inputs.trades, if now == 0 { row } else { then + 1 }, row),
                    });
                }
                before = now;
            }
            reserves.extend_from_slice(pool.reserves());
        }
        Ok((reserves, *pool.trading()))
    }
}

/// The trades of the rows `first` to `last`.
fn between(trades: &[UserTrade], first: usize, last: usize) -> &[UserTrade] {
    let from = trades.partition_point(|trade| trade.row < first);
    &trades[from..trades.partition_point(|trade| trade.row <= last)]
}
