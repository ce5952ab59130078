//! The pool as a keeper and arbitrageurs would run it: weights from the streaming strategy row by row, value from them by
//! the recursions of spec 04, independent of the tensor operations that the other ways share.

use gradpool_pools::PoolKind;

use gradpool_ops::curves::CurveWalk;

use super::{Simulated, Simulation};

impl Simulation<'_> {
    pub(super) fn stream(&self) -> anyhow::Result<Simulated> {
        let (weights, fees) = self.streamed()?;
        self.valued(weights, &fees)
    }

    /// Weights at every row, `[rows, assets]`, row-major, and fees, one per row if they are part of the strategy.
    ///
    /// # Errors
    /// What the strategy refuses.
    pub fn streamed(&self) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
        let strategy = self.setup.strategy().streaming(self.values)?;
        let mut state = strategy.start();
        strategy.warm_up(&mut state, (0..self.rows.start).map(|row| self.observation(row)));
        let mut weights = Vec::with_capacity(self.prices().len());
        let mut fees = Vec::new();
        for row in self.rows.clone() {
            weights.extend(strategy.step(&mut state, self.observation(row)));
            fees.extend(state.fee_rate);
        }
        Ok((weights, fees))
    }

    /// The pool with these weights and fees, as [`Simulation::streamed`] gives them.
    ///
    /// # Errors
    /// What the pool refuses.
    pub fn valued(&self, weights: Vec<f64>, fees: &[f64]) -> anyhow::Result<Simulated> {
        let experiment = &self.setup.experiment;
        let assets = self.setup.strategy().settings().assets;
        if let PoolKind::Rebalanced(portfolio) = experiment.pool().settings().kind {
            let reserves = self.rebalanced_reserves(portfolio, &weights)?;
            return Ok(self.with_values(weights, reserves));
        }
        if experiment.pool().holds_its_weights(experiment.history()) {
            let settings = experiment.pool().settings();
            let stride = settings.arbitrage_interval_rows;
            let values = values(&weights, self.prices(), assets, stride, settings.initial_value);
            let reserves = self.reserves_of_weights(&weights, &values);
            return Ok(Simulated { weights, reserves, values, fee_revenue: None });
        }
        let pool = experiment.pool();
        if let Some(mut curve) = pool.curve_walk(experiment.history(), self.values, self.rows.start)? {
            let reserves = self.reserves_of_curve(&mut curve);
            let settings = pool.settings();
            let fee_revenue = settings.kind.counts_fee_revenue().then(|| curve.fee_revenue());
            return Ok(Simulated { fee_revenue, ..self.with_values(weights, reserves) });
        }
        let (reserves, _) = self.trade(&weights, fees)?;
        Ok(self.with_values(weights, reserves))
    }

    /// Weights at the last row.
    ///
    /// # Errors
    /// What the strategy refuses.
    pub fn last_weights(&self) -> anyhow::Result<Vec<f64>> {
        let (mut weights, _) = self.streamed()?;
        Ok(weights.split_off(weights.len() - self.setup.strategy().settings().assets))
    }

    /// Reserves at every row of a pool of two assets with a curve of its own.
    fn reserves_of_curve(&self, pool: &mut CurveWalk) -> Vec<f64> {
        let settings = self.setup.experiment.pool().settings();
        let mut reserves = Vec::with_capacity(self.prices().len());
        for (now, prices) in self.prices().chunks_exact(2).enumerate() {
            if now % settings.arbitrage_interval_rows == 0 {
                pool.visit(self.rows.start + now, [prices[0], prices[1]]);
            }
            reserves.extend(pool.reserves());
        }
        reserves
    }

    fn with_values(&self, mut weights: Vec<f64>, reserves: Vec<f64>) -> Simulated {
        let assets = self.setup.strategy().settings().assets;
        let worth = |(reserves, prices): (&[f64], &[f64])| {
            reserves.iter().zip(prices).map(|(reserve, price)| reserve * price).sum::<f64>()
        };
        let values: Vec<f64> =
            reserves.chunks_exact(assets).zip(self.prices().chunks_exact(assets)).map(worth).collect();
        if let Some(reserves) = self.without_weights(Some(&reserves)) {
            weights = self.value_shares(reserves, &values);
        }
        Simulated { weights, reserves, values, fee_revenue: None }
    }
}

/// Value at every row of a pool without fees that is arbitraged at the rows 0, `stride`, `2 stride`, ...
///
/// Between two arbitrages prices move at the old weights, then weights move at the new prices:
/// `ln V_t = ln V_{t-1} + sum_i w_{t-1,i} ln(P_t,i / P_{t-1,i}) - sum_i w_t,i ln(w_t,i / w_{t-1,i})`, the log-space form of
/// spec 04 sec. 4.2. Rows in between have the reserves of the last arbitrage. `weights` and `prices` are
/// `[rows, assets]`, row-major.
fn values(weights: &[f64], prices: &[f64], assets: usize, stride: usize, initial_value: f64) -> Vec<f64> {
    let rows = prices.len() / assets;
    let row = |row: usize| (&weights[row * assets..(row + 1) * assets], &prices[row * assets..(row + 1) * assets]);
    let mut arbitraged = row(0);
    let (mut log_growth, mut value) = (0.0, initial_value);
    let mut values = Vec::with_capacity(rows);
    for now in 0..rows {
        let (weights, prices) = row(now);
        let (then_weights, then_prices) = arbitraged;
        if now % stride > 0 {
            let drift = |asset: usize| then_weights[asset] * prices[asset] / then_prices[asset];
            values.push(value * (0..assets).map(drift).sum::<f64>());
            continue;
        }
        for asset in 0..assets {
            log_growth += then_weights[asset] * (prices[asset] / then_prices[asset]).ln();
            // An asset that stays at weight zero has no part in the value.
            if weights[asset] != then_weights[asset] {
                log_growth -= weights[asset] * (weights[asset] / then_weights[asset]).ln();
            }
        }
        value = initial_value * log_growth.exp();
        arbitraged = (weights, prices);
        values.push(value);
    }
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Spec 04 sec. 4.2 as it stands: reserves by the two ratios.
    fn by_reserves(weights: &[f64], prices: &[f64], assets: usize, stride: usize, initial_value: f64) -> Vec<f64> {
        let row = |numbers: &[f64], row: usize| numbers[row * assets..(row + 1) * assets].to_vec();
        let first = row(weights, 0).into_iter().zip(row(prices, 0));
        let mut reserves: Vec<f64> = first.map(|(weight, price)| weight * initial_value / price).collect();
        (0..prices.len() / assets)
            .map(|now| {
                if now > 0 && now % stride == 0 {
                    let [old, new] = [row(weights, now - stride), row(weights, now)];
                    let [before, after] = [row(prices, now - stride), row(prices, now)];
                    let moved: f64 = (0..assets).map(|i| old[i] * (after[i] / before[i]).ln()).sum();
                    let turned: f64 = (0..assets).map(|i| new[i] * (new[i] / old[i]).ln()).sum();
                    for i in 0..assets {
                        reserves[i] *= moved.exp() * before[i] / after[i] * (new[i] / old[i]) / turned.exp();
                    }
                }
                reserves.iter().zip(row(prices, now)).map(|(reserve, price)| reserve * price).sum()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn values_follow_the_reserves(
            raw in prop::collection::vec((0.05..1.0f64, 50.0..200.0f64), 3 * 40),
            stride in 1usize..7,
        ) {
            let mut weights: Vec<f64> = raw.iter().map(|entry| entry.0).collect();
            for row in weights.chunks_exact_mut(3) {
                let total: f64 = row.iter().sum();
                for weight in row {
                    *weight /= total;
                }
            }
            let prices: Vec<f64> = raw.iter().map(|entry| entry.1).collect();
            let found = values(&weights, &prices, 3, stride, 1e6);
            for (found, expected) in found.iter().zip(by_reserves(&weights, &prices, 3, stride, 1e6)) {
                prop_assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
            }
        }
    }

    #[test]
    fn without_arbitrage_the_first_reserves_are_held() {
        let found = values(&[0.5, 0.5, 0.9, 0.1, 0.1, 0.9], &[1.0, 1.0, 2.0, 1.0, 2.0, 4.0], 2, 3, 100.0);
        assert_eq!(found, [100.0, 150.0, 300.0]);
    }
}
