//! A portfolio that is rebalanced on a market, by its reserves as spec 04 sec. 4.8.7 has them.

use gradpool_pools::Rebalanced;

use super::Simulation;

impl Simulation<'_> {
    /// Reserves at every row, `[rows, assets]`: those of the last rebalancing. `weights` are `[rows, assets]`, row-major.
    pub(super) fn rebalanced_reserves(&self, portfolio: Rebalanced, weights: &[f64]) -> anyhow::Result<Vec<f64>> {
        let settings = self.setup.experiment.pool().settings();
        let (strategy, history) = (self.setup.strategy().settings(), self.setup.experiment.history());
        let (prices, assets, stride) = (self.prices(), strategy.assets, settings.arbitrage_interval_rows);
        let kept = 1.0 - portfolio.streaming_fee(strategy, stride);
        let spreads = history.spreads().filter(|_| portfolio.pays_spreads());
        anyhow::ensure!(
            spreads.is_some() || !portfolio.pays_spreads(),
            "the portfolio pays spreads, and none are given"
        );
        let of_row = |row: usize| row * assets..(row + 1) * assets;

        let first = weights[of_row(0)].iter().zip(&prices[of_row(0)]);
        let mut reserves: Vec<f64> = first.map(|(weight, price)| weight * settings.initial_value / price).collect();
        let mut found = Vec::with_capacity(prices.len());
        for row in 0..self.rows() {
            let moves = row % strategy.update_interval_rows < strategy.interpolation_rows;
            if row % stride == 0 && (portfolio.always_rebalances() || moves) {
                let prices = &prices[of_row(row)];
                let in_history = self.rows.start + row;
                let fee = history.inputs().costs_at(in_history, &settings.costs).fee_rate;
                let spreads = spreads.map(|table| table.at(in_history));
                let cost_of = |asset: usize, bought: f64| {
                    fee * (-bought).max(0.0) + spreads.map_or(0.0, |spreads| 0.5 * spreads[asset] * bought.abs())
                };
                let before = &weights[of_row(row.saturating_sub(stride))];
                for target in [before, &weights[of_row(row)]] {
                    set_to(&mut reserves, target, prices, cost_of);
                }
                for reserve in &mut reserves {
                    *reserve *= kept;
                }
            }
            found.extend_from_slice(&reserves);
        }
        Ok(found)
    }
}

/// Trades until the reserves have the weights `target`, and pays `cost_of` each asset what is bought of it (in USD, negative where it is
/// sold). Costs are reckoned as if nothing had to be sold for them.
fn set_to(reserves: &mut [f64], target: &[f64], prices: &[f64], cost_of: impl Fn(usize, f64) -> f64) {
    let worth: Vec<f64> = reserves.iter().zip(prices).map(|(reserve, price)| reserve * price).collect();
    let value: f64 = worth.iter().sum();
    let cost: f64 = (0..worth.len()).map(|asset| cost_of(asset, target[asset] * value - worth[asset])).sum();
    for (reserve, (weight, price)) in reserves.iter_mut().zip(target.iter().zip(prices)) {
        *reserve = weight * (value - cost) / price;
    }
}
