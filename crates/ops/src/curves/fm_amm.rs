//! CoW pools: function-maximising market makers (spec 04 sec. 4.8.4).
//!
//! With the weight `w` of the first token, reserves `R` and the market's price `S = p_0 / p_1`, two pools are run side by side
//! and blended by the quality of arbitrage:
//!
//! * competing arbitrageurs: outside the band `gamma (1 - a) S .. S / (gamma (1 - a))` of its price
//!   `q = R_1 w / (R_0 (1 - w))` the pool is rebalanced to value shares `w` and `1 - w` at the nearer end of the band, at that
//!   price and without slippage; what enters also pays the fee. `a` is the arbitrageur's own fee; gas plays no part (T4.13);
//! * a single arbitrageur, who takes the most that the batch auction gives him. With `u = w (1 - w)` and `k = R_0 R_1`
//!
//! ```text
//! first token leaves:  R_0 <- R_0 - (1 - w) R_0 + sqrt(u k / (gamma S))     R_1 <- R_1 - w R_1 / gamma + sqrt(u k S / gamma)
//! ```
//!
//! while `(1 - w) R_0 gamma S > w R_1`, and the mirror image.

use serde::{Deserialize, Serialize};

use super::dual::Number;
use super::walk::{CurvePool, pays};
use crate::arbitrage::Costs;

/// What does not change about such a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FmAmm {
    /// Share of competing arbitrageurs, 0 to 1; the rest is a single one.
    pub arbitrage_quality: f64,
}

#[derive(Debug)]
pub(super) struct Pool<N> {
    weight: N,
    quality: f64,
    competitive: [N; 2],
    single: [N; 2],
}

impl<N: Number> Pool<N> {
    /// `weight` is that of the first token.
    pub(super) fn new(settings: FmAmm, weight: N, prices: [f64; 2], value: f64) -> Self {
        let reserves = [weight * value / prices[0], (-weight + 1.0) * value / prices[1]];
        Self { weight, quality: settings.arbitrage_quality, competitive: reserves, single: reserves }
    }

    fn shares(&self) -> [N; 2] {
        [self.weight, -self.weight + 1.0]
    }
}

impl<N: Number> CurvePool<N> for Pool<N> {
    fn reserves(&self) -> [N; 2] {
        let blend = |asset: usize| match self.quality {
            1.0 => self.competitive[asset],
            quality => self.competitive[asset] * quality + self.single[asset] * (1.0 - quality),
        };
        [blend(0), blend(1)]
    }

    fn fee_revenue(&self) -> N {
        N::constant(0.0)
    }

    fn arbitrage(&mut self, prices: [f64; 2], costs: &Costs) {
        let shares = self.shares();
        compete(&mut self.competitive, shares, prices, costs);
        // Where nobody is alone, his pool is not looked at.
        if self.quality < 1.0 {
            take_most(&mut self.single, shares, prices, costs);
        }
    }

    /// The batch auction gives `R_out a / ((R_in / gamma) w_out / w_in + a / w_in)`.
    fn swap(&mut self, token_in: usize, amount: f64, _: [f64; 2], costs: &Costs) {
        let (shares, token_out) = (self.shares(), 1 - token_in);
        for reserves in [&mut self.competitive, &mut self.single] {
            let depth = reserves[token_in] / costs.gamma() * shares[token_out] / shares[token_in];
            let out = reserves[token_out] * amount / (depth + N::constant(amount) / shares[token_in]);
            reserves[token_in] = reserves[token_in] + amount;
            reserves[token_out] = reserves[token_out] - out;
        }
    }

    fn scale(&mut self, factor: f64) {
        for reserves in [&mut self.competitive, &mut self.single] {
            *reserves = reserves.map(|reserve| reserve * factor);
        }
    }
}

fn compete<N: Number>(reserves: &mut [N; 2], [share, rest]: [N; 2], prices: [f64; 2], costs: &Costs) {
    let gamma = costs.gamma();
    let kept = gamma * (1.0 - costs.arbitrage_fee);
    let market = prices[0] / prices[1];
    let own = (reserves[1] / reserves[0] * share / rest).value();
    let target = if own >= market / kept {
        market / kept
    } else if own <= market * kept {
        market * kept
    } else {
        return;
    };
    let value = reserves[0] * target + reserves[1];
    let mut after = [share * value / target, rest * value];
    for (after, before) in after.iter_mut().zip(*reserves) {
        if after.value() > before.value() {
            *after = *after + (*after - before) * ((1.0 - gamma) / gamma);
        }
    }
    *reserves = with_noise(after, *reserves, prices, costs);
}

fn take_most<N: Number>(reserves: &mut [N; 2], [share, rest]: [N; 2], prices: [f64; 2], costs: &Costs) {
    let gamma = costs.gamma();
    let market = prices[0] / prices[1];
    // What of each token is up for auction.
    let offered = [rest * reserves[0], share * reserves[1]];
    let leaves = if offered[0].value() * gamma * market > offered[1].value() {
        0
    } else if offered[1].value() * gamma > offered[0].value() * market {
        1
    } else {
        return;
    };
    let product = share * rest * reserves[0] * reserves[1];
    let left = [(product / (gamma * market)).sqrt(), (product * market / gamma).sqrt()];
    let paid = |asset: usize| if asset == leaves { offered[asset] } else { offered[asset] / gamma };
    let change = [left[0] - paid(0), left[1] - paid(1)];
    if pays(costs, change.map(N::value), prices) {
        let after = [reserves[0] + change[0], reserves[1] + change[1]];
        *reserves = with_noise(after, *reserves, prices, costs);
    }
}

/// Reserves after noise traders followed an arbitrage (spec 04 sec. 4.5).
fn with_noise<N: Number>(after: [N; 2], before: [N; 2], prices: [f64; 2], costs: &Costs) -> [N; 2] {
    if costs.noise_trader_ratio == 0.0 || costs.fee_rate == 0.0 {
        return after;
    }
    let mut entered = N::constant(0.0);
    for asset in 0..2 {
        if after[asset].value() > before[asset].value() {
            entered = entered + (after[asset] - before[asset]) * prices[asset];
        }
    }
    let value = after[0] * prices[0] + after[1] * prices[1];
    let growth = entered / value * (costs.noise_trader_ratio * costs.fee_rate) + 1.0;
    after.map(|reserve| reserve * growth)
}
