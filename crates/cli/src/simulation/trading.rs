//! Who traded with the pool and what it earned and lost by it: one arbitrage after another, without tensors.

use gradpool_ops::arbitrage::{Arbitrageur, Meeting, SMALLEST_SHARE, Trading};
use gradpool_ops::{PathLayout, interpolate};
use gradpool_pools::{PoolKind, Rebalanced, Rest};

use super::{Simulation, to_host};

impl Simulation<'_> {
    /// What trading did over the simulated rows; nothing is known of portfolios that nobody trades with.
    ///
    /// # Errors
    /// What strategy or pool refuse.
    pub fn trading(&self) -> anyhow::Result<Option<Trading>> {
        let experiment = &self.setup.experiment;
        if experiment.pool().settings().kind != PoolKind::Weighted {
            return self.trading_along_curve();
        }
        let run = experiment.pool().run(experiment.history(), &self.parameters()?, &self.windows(), &[0])?;
        let weights = to_host(interpolate(run.positions, &PathLayout { stride: 1, ..run.layout }))?;
        let fees = experiment.pool().fees(experiment.history(), &self.parameters()?, &self.windows())?;
        let fees = fees.map(to_host).transpose()?.unwrap_or_default();
        let interval = self.setup.strategy().settings().update_interval_rows;
        let fees = (0..self.rows()).filter_map(|row| fees.get((row / interval).min(fees.len().max(1) - 1)).copied());
        Ok(Some(self.trade(&weights, &fees.collect::<Vec<_>>())?.1))
    }

    /// The same of a pool with a curve of its own, by what its reserves did at every row, which counts as one arbitrage.
    /// Nothing is known where others trade too, shares are issued, or fees are shared: reserves do not say who moved them.
    fn trading_along_curve(&self) -> anyhow::Result<Option<Trading>> {
        let (pool, history) = (self.setup.experiment.pool(), self.setup.experiment.history());
        let (settings, inputs) = (pool.settings(), history.inputs());
        let shared = settings.costs.noise_trader_ratio > 0.0 || settings.costs.protocol_fee_share > 0.0;
        let alone = inputs.lp_supply.is_none() && inputs.trades.is_empty();
        let Some(mut curve) = pool.curve_walk(history, self.values, self.rows.start)?.filter(|_| alone && !shared)
        else {
            return Ok(None);
        };
        let mut trading = Trading::default();
        for row in self.rows.clone().step_by(settings.arbitrage_interval_rows) {
            let prices = history.prices().row(row);
            let (before, earned) = (curve.reserves(), curve.fee_revenue());
            curve.visit(row, [prices[0], prices[1]]);
            let paid = [0, 1].map(|token| (curve.reserves()[token] - before[token]) * prices[token]);
            let volume = paid[0].max(0.0) + paid[1].max(0.0);
            if volume < SMALLEST_SHARE * (before[0] * prices[0] + before[1] * prices[1]) {
                continue;
            }
            let costs = inputs.costs_at(row, &settings.costs);
            let counted = settings.kind.counts_fee_revenue().then(|| curve.fee_revenue() - earned);
            let fee = counted.unwrap_or(volume * costs.fee_rate);
            trading.arbitrages += 1;
            trading.volume += volume;
            trading.fee_income += fee;
            trading.arbitrage_loss_net -= paid[0] + paid[1];
            trading.arbitrage_loss_gross += fee - paid[0] - paid[1];
            trading.gas_paid += costs.gas_cost;
        }
        Ok(Some(trading))
    }

    /// What the pool's final value is below that of a portfolio that holds the same weights on a market without costs: loss
    /// versus rebalancing, fees earned already taken off. Nothing is known of pools that have no weights to hold.
    ///
    /// # Errors
    /// What strategy or pool refuse.
    pub fn loss_versus_rebalancing(&self) -> anyhow::Result<Option<f64>> {
        let (experiment, last) = (&self.setup.experiment, self.rows() - 1);
        let (pool, history) = (experiment.pool(), experiment.history());
        let moves_alone = history.inputs().lp_supply.is_none() && history.inputs().trades.is_empty();
        if pool.settings().kind != PoolKind::Weighted || !pool.settings().arbitrate || !moves_alone {
            return Ok(None);
        }
        let run = pool.run(history, &self.parameters()?, &self.windows(), &[last])?;
        let loss = to_host(pool.loss_versus(Rebalanced::Lvr, 0.0, history, &run)?)?;
        Ok(loss.first().copied())
    }

    /// Reserves at every simulated row, `[rows, assets]`, row-major, and what trading did, for these weights of every row
    /// and these fees, one per row if fees are part of the strategy.
    ///
    /// # Errors
    /// Costs out of their ranges.
    pub fn trade(&self, weights: &[f64], fees: &[f64]) -> anyhow::Result<(Vec<f64>, Trading)> {
        let experiment = &self.setup.experiment;
        let (settings, history) = (experiment.pool().settings(), experiment.history());
        let (prices, assets) = (self.prices(), self.setup.strategy().settings().assets);
        let strategy = self.setup.strategy().settings();
        let of_row = |row: usize| row * assets..(row + 1) * assets;
        let first = weights[of_row(0)].iter().zip(&prices[of_row(0)]);
        let initial: Vec<f64> = first.map(|(weight, price)| weight * settings.initial_value / price).collect();
        let mut pool = Arbitrageur::new(&settings.costs, history.inputs().clone(), &initial)?;
        let mut before = 0;
        let mut reserves = Vec::with_capacity(prices.len());
        for now in 0..self.rows() {
            if settings.arbitrate && now % settings.arbitrage_interval_rows == 0 {
                pool.visit(&Meeting {
                    row: self.rows.start + now,
                    fee_rate: fees.get(now).copied(),
                    weights_before: &weights[of_row(before)],
                    weights: &weights[of_row(now)],
                    prices: &prices[of_row(now)],
                    rests: settings.rest != Rest::Never
                        && now % strategy.update_interval_rows >= strategy.interpolation_rows,
                });
                before = now;
            }
            reserves.extend_from_slice(pool.reserves());
        }
        Ok((reserves, *pool.trading()))
    }
}
