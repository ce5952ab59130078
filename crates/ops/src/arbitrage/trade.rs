//! One arbitrage of a pool with fees: the optimal trade, what it does to the reserves, and its adjoint.
//!
//! With `q_i = p_i R_i / w_i` and `gamma = 1 - fee` the trade has one unknown `X` (spec 12.2): tokens with `q_i > X` leave the
//! pool until `q_i = X`; tokens with `q_i < gamma X` enter it until `q_i = gamma X` before the fee. Logarithms are taken of
//! `q_i / max q`, which is close to one.

use super::Costs;
use crate::backend::Row;
use crate::growth::log_ratio;

/// Most assets that a pool may have: a trade marks its tokens in the bits of a number.
pub(super) const MOST_ASSETS: usize = 64;

/// [`Costs`] as the arithmetic needs them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    gamma: f64,
    inverse_gamma: f64,
    /// `-ln gamma`.
    gap: f64,
    gas: f64,
    half_arbitrage_fee: f64,
    /// Noise traders' income as a share of what enters the pool.
    noise: f64,
    /// Protocol fee as a share of what enters the pool.
    protocol: f64,
    pairs_only: bool,
}

impl Terms {
    pub(super) fn new(costs: &Costs) -> Self {
        let fee = costs.fee_rate;
        Self {
            gamma: 1.0 - fee,
            inverse_gamma: 1.0 / (1.0 - fee),
            gap: -(-fee).ln_1p(),
            gas: costs.gas_cost,
            half_arbitrage_fee: 0.5 * costs.arbitrage_fee,
            noise: costs.noise_trader_ratio * fee * (1.0 - costs.protocol_fee_share),
            protocol: fee * costs.protocol_fee_share,
            // Without a fee all tokens are traded at once.
            pairs_only: costs.pairs_only && fee > 0.0,
        }
    }

    fn has_gates(&self) -> bool {
        self.gas > 0.0 || self.half_arbitrage_fee > 0.0
    }
}

/// State of a pool before a trade: reserves, weights, prices; and scratch space.
#[derive(Clone, Debug)]
pub(super) struct Pool<R> {
    pub reserves: R,
    quotients: R,
    logs: R,
    after: R,
}

/// A trade: who leaves, who enters, and at which `ln(X / max q)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trade {
    pub out: u64,
    pub into: u64,
    /// `X` itself.
    level: f64,
    relative: f64,
    total_weight: f64,
}

impl<R: Row<f64>> Pool<R> {
    pub(super) fn new(assets: usize) -> Self {
        let zeros = || R::filled(0.0, assets);
        Self { reserves: zeros(), quotients: zeros(), logs: zeros(), after: zeros() }
    }

    /// Does the trade that an arbitrageur does at these weights and prices, if any.
    #[inline]
    pub(super) fn arbitrage(&mut self, weights: &[f64], prices: &[f64], terms: &Terms) -> Option<Trade> {
        let highest = self.outside_band(weights, prices, terms)?;
        let trade = self.optimum(weights, prices, terms, highest);
        let executed = self.execute(&trade, weights, prices, terms);
        executed.then_some(trade)
    }

    /// `max q`, if the pool is outside the band in which no trade pays its fee.
    #[inline]
    fn outside_band(&mut self, weights: &[f64], prices: &[f64], terms: &Terms) -> Option<f64> {
        let reserves = self.reserves.slice();
        let assets = reserves.len();
        let (weights, prices) = (&weights[..assets], &prices[..assets]);
        let quotients = self.quotients.slice_mut();
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for i in 0..assets {
            let quotient = prices[i] * reserves[i] / weights[i];
            quotients[i] = quotient;
            lowest = lowest.min(quotient);
            highest = highest.max(quotient);
        }
        let inside = terms.gap > 0.0 && highest * terms.gamma <= lowest;
        (!inside).then_some(highest)
    }

    fn optimum(&mut self, weights: &[f64], prices: &[f64], terms: &Terms, highest: f64) -> Trade {
        let quotients = self.quotients.slice();
        for (log, quotient) in self.logs.slice_mut().iter_mut().zip(quotients) {
            *log = log_ratio(highest, quotient - highest);
        }
        if terms.pairs_only {
            self.best_pair(weights, prices, terms, highest)
        } else {
            self.water_filling(weights, terms, highest)
        }
    }

    /// The unique optimum over all tokens. Sets grow from the highest and the lowest token, one token at a time: adding a
    /// token that belongs moves `X` such that those before it still do.
    fn water_filling(&self, weights: &[f64], terms: &Terms, highest: f64) -> Trade {
        let logs = self.logs.slice();
        let assets = logs.len();
        let mut order = [0u8; MOST_ASSETS];
        let order = &mut order[..assets];
        for (place, slot) in order.iter_mut().enumerate() {
            *slot = place as u8;
        }
        if assets > 2 {
            // Few tokens, mostly in order already.
            for place in 1..assets {
                let mut here = place;
                while here > 0 && logs[usize::from(order[here])] > logs[usize::from(order[here - 1])] {
                    order.swap(here, here - 1);
                    here -= 1;
                }
            }
        } else if logs[0] < logs[1] {
            order.swap(0, 1);
        }
        let token = |place: usize| usize::from(order[place]);
        let (first, last) = (token(0), token(assets - 1));
        let mut trade = Trade { out: 1 << first, into: 1 << last, level: 0.0, relative: 0.0, total_weight: 0.0 };
        let mut sum = weights[first] * logs[first] + weights[last] * (logs[last] + terms.gap);
        trade.total_weight = weights[first] + weights[last];
        let (mut next_out, mut next_in) = (1, assets - 1);
        loop {
            trade.relative = sum / trade.total_weight;
            if next_out == next_in {
                break;
            }
            let (out, into) = (token(next_out), token(next_in - 1));
            if logs[out] >= trade.relative {
                trade.out |= 1 << out;
                sum += weights[out] * logs[out];
                trade.total_weight += weights[out];
                next_out += 1;
            } else if logs[into] < trade.relative - terms.gap {
                trade.into |= 1 << into;
                sum += weights[into] * (logs[into] + terms.gap);
                trade.total_weight += weights[into];
                next_in -= 1;
            } else {
                break;
            }
        }
        trade.level = highest * trade.relative.exp();
        trade
    }

    /// The best trade of one token for one other (spec 04 sec. 4.3).
    fn best_pair(&self, weights: &[f64], prices: &[f64], terms: &Terms, highest: f64) -> Trade {
        let (logs, reserves) = (self.logs.slice(), self.reserves.slice());
        let assets = logs.len();
        let mut best = Trade { out: 0, into: 0, level: highest, relative: 0.0, total_weight: 1.0 };
        let mut best_profit = f64::NEG_INFINITY;
        for out in 0..assets {
            for into in (0..assets).filter(|&into| into != out && logs[out] - logs[into] > terms.gap) {
                let total_weight = weights[out] + weights[into];
                let relative = (weights[out] * logs[out] + weights[into] * (logs[into] + terms.gap)) / total_weight;
                let level = highest * relative.exp();
                let received = reserves[out] * prices[out] - level * weights[out];
                let paid = level * weights[into] - reserves[into] * prices[into] * terms.inverse_gamma;
                if received - paid > best_profit {
                    best_profit = received - paid;
                    best = Trade { out: 1 << out, into: 1 << into, level, relative, total_weight };
                }
            }
        }
        best
    }

    /// Moves the reserves, unless the profit does not pay gas and the arbitrageur's own fee (spec 04 sec. 4.4).
    fn execute(&mut self, trade: &Trade, weights: &[f64], prices: &[f64], terms: &Terms) -> bool {
        let reserves = self.reserves.slice();
        let after = self.after.slice_mut();
        let assets = reserves.len();
        for i in 0..assets {
            after[i] = trade.after(i, reserves[i], trade.level * weights[i] / prices[i], terms);
        }
        if terms.has_gates() {
            let (mut profit, mut moved) = (0.0, 0.0);
            for i in 0..assets {
                let paid = (after[i] - reserves[i]) * prices[i];
                profit -= paid;
                moved += paid.abs();
            }
            // A NaN must not look like a trade that does not pay.
            if profit - terms.gas < terms.half_arbitrage_fee * moved {
                return false;
            }
        }
        if terms.noise > 0.0 || terms.protocol > 0.0 {
            let (mut paid_in, mut value) = (0.0, 0.0);
            for i in 0..assets {
                value += after[i] * prices[i];
                paid_in += if trade.enters(i) { (after[i] - reserves[i]) * prices[i] } else { 0.0 };
            }
            let growth = 1.0 + terms.noise * paid_in / value;
            for i in 0..assets {
                let entered = if trade.enters(i) { after[i] - reserves[i] } else { 0.0 };
                after[i] = after[i] * growth - entered * terms.protocol;
            }
        }
        self.reserves.clone_from(&self.after);
        true
    }

    /// Adjoint of a trade that was executed at these reserves: turns `cotangent` from that of the reserves after it to that
    /// of the reserves before it, and adds that of the weights to `to_weights`.
    pub(super) fn adjoint(
        reserves: &[f64],
        trade: &Trade,
        (weights, prices): (&[f64], &[f64]),
        terms: &Terms,
        cotangent: &mut [f64],
        to_weights: &mut [f64],
    ) {
        let assets = reserves.len();
        let level = |i: usize| trade.level * weights[i] / prices[i];
        let through_noise = (terms.noise > 0.0 || terms.protocol > 0.0).then(|| {
            let after = |i: usize| trade.after(i, reserves[i], level(i), terms);
            let (mut paid_in, mut value, mut along) = (0.0, 0.0, 0.0);
            for i in 0..assets {
                value += after(i) * prices[i];
                along += cotangent[i] * after(i);
                paid_in += if trade.enters(i) { (after(i) - reserves[i]) * prices[i] } else { 0.0 };
            }
            (1.0 + terms.noise * paid_in / value, along * terms.noise / value, paid_in / value)
        });
        let mut along = 0.0;
        // What reaches the reserves before the trade without passing through it.
        let mut direct = R::filled(0.0, assets);
        let direct = direct.slice_mut();
        for i in 0..assets {
            if let Some((growth, slope, share)) = through_noise {
                let mut through = cotangent[i] * growth - slope * share * prices[i];
                if trade.enters(i) {
                    let entered = slope * prices[i] - cotangent[i] * terms.protocol;
                    through += entered;
                    direct[i] = -entered;
                }
                cotangent[i] = through;
            }
            if trade.leaves(i) || trade.enters(i) {
                along += cotangent[i] * level(i);
            }
        }
        let share = along / trade.total_weight;
        for i in 0..assets {
            if !trade.leaves(i) && !trade.enters(i) {
                cotangent[i] += direct[i];
                continue;
            }
            let quotient = prices[i] * reserves[i] / weights[i];
            let gap = if trade.enters(i) { terms.gap } else { 0.0 };
            let above = log_ratio(trade.level, quotient - trade.level) + gap;
            to_weights[i] += share * (above - 1.0) + cotangent[i] * trade.level / prices[i];
            let kept = if trade.enters(i) { cotangent[i] * (1.0 - terms.inverse_gamma) } else { 0.0 };
            cotangent[i] = share * weights[i] / reserves[i] + kept + direct[i];
        }
    }
}

impl Trade {
    /// The reserve of one token after the trade, where `level` is `X w / p`.
    #[inline]
    fn after(&self, asset: usize, reserve: f64, level: f64, terms: &Terms) -> f64 {
        if self.leaves(asset) {
            level
        } else if self.enters(asset) {
            level + (reserve - reserve * terms.inverse_gamma)
        } else {
            reserve
        }
    }

    #[inline]
    fn leaves(&self, asset: usize) -> bool {
        self.out >> asset & 1 == 1
    }

    #[inline]
    fn enters(&self, asset: usize) -> bool {
        self.into >> asset & 1 == 1
    }
}
