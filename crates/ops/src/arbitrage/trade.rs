//! One arbitrage of a pool with fees: the optimal trade, what it does to the reserves, and its adjoint.
//!
//! With `q_i = p_i R_i / w_i` and `gamma = 1 - fee` the trade has one unknown `X` (spec 12.2): tokens with `q_i > X` leave the
//! pool until `q_i = X`; tokens with `q_i < gamma X` enter it until `q_i = gamma X` before the fee. Logarithms are taken of
//! `q_i / max q`, which is close to one.

use super::terms::Terms;
use crate::backend::Row;
use crate::growth::log_ratio;

/// Most assets that a pool may have: a trade marks its tokens in the bits of a number.
pub(super) const MOST_ASSETS: usize = 64;

/// Reserves of a pool, and scratch space.
#[derive(Clone, Debug)]
pub(super) struct Pool<R> {
    pub reserves: R,
    /// Protocol fees that are taken at the end of the row.
    pub owed: R,
    /// `w / p`: what the pool holds of a token per unit of `X`.
    units: R,
    quotients: R,
    logs: R,
    after: R,
}

/// Prices of a row, with their inverses, which both arbitrages need.
#[derive(Clone, Debug)]
pub(super) struct Quotes<R> {
    pub prices: R,
    inverses: R,
}

/// A trade: who leaves, who enters, and at which level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trade {
    pub out: u64,
    pub into: u64,
    /// `X`.
    pub level: f64,
    /// `ln(X / max q)`.
    relative: f64,
    total_weight: f64,
}

/// A trade that was executed, with what its adjoint needs.
#[derive(Clone, Debug)]
pub(super) struct Leg<R> {
    pub trade: Trade,
    /// Reserves before it.
    pub reserves: R,
    /// `ln(q / max q)`.
    logs: R,
}

/// Gradients that go backward through a visit.
#[derive(Clone, Debug)]
pub(super) struct Cotangents<R> {
    /// With respect to the reserves after what comes before in time.
    pub reserves: R,
    /// With respect to the reserves at the end of the row, from which protocol fees may be taken.
    pub owed: R,
    /// With respect to the fee of the row.
    pub fee: f64,
}

/// Tokens with the highest and the lowest quotient.
#[derive(Clone, Copy)]
struct Extremes {
    first: usize,
    last: usize,
    highest: f64,
}

impl<R: Row<f64>> Quotes<R> {
    pub(super) fn new(assets: usize) -> Self {
        Self { prices: R::filled(0.0, assets), inverses: R::filled(0.0, assets) }
    }

    #[inline]
    pub(super) fn take(&mut self, prices: &[f64]) {
        let both = self.prices.slice_mut().iter_mut().zip(self.inverses.slice_mut());
        for ((quote, inverse), price) in both.zip(prices) {
            *quote = *price;
            *inverse = 1.0 / price;
        }
    }
}

impl<R: Row<f64>> Pool<R> {
    pub(super) fn new(assets: usize) -> Self {
        let zeros = || R::filled(0.0, assets);
        Self { reserves: zeros(), owed: zeros(), units: zeros(), quotients: zeros(), logs: zeros(), after: zeros() }
    }

    /// Issues or redeems shares: all reserves grow by a factor.
    pub(super) fn scale(&mut self, growth: f64) {
        self.reserves.slice_mut().iter_mut().for_each(|reserve| *reserve *= growth);
    }

    /// Does the trade that an arbitrageur does at these weights and prices, if any, and shows it before the reserves move.
    #[inline]
    pub(super) fn arbitrage(
        &mut self,
        weights: &R,
        quotes: &Quotes<R>,
        terms: &Terms,
        show: impl FnOnce(&Self, &Trade),
    ) {
        let Some(extremes) = self.outside_band(weights, quotes, terms) else { return };
        let trade = self.optimum(weights, quotes, terms, extremes);
        if self.pays(&trade, quotes, terms) {
            show(self, &trade);
            self.reserves.clone_from(&self.after);
        }
    }

    /// The extremes, if the pool is outside the band in which no trade pays its fee.
    #[inline]
    fn outside_band(&mut self, weights: &R, quotes: &Quotes<R>, terms: &Terms) -> Option<Extremes> {
        let (weights, inverses, reserves) = (weights.slice(), quotes.inverses.slice(), self.reserves.slice());
        let (units, quotients) = (self.units.slice_mut(), self.quotients.slice_mut());
        for i in 0..reserves.len() {
            units[i] = weights[i] * inverses[i];
            quotients[i] = reserves[i] / units[i];
        }
        let mut extremes = Extremes { first: 0, last: 0, highest: quotients[0] };
        let mut lowest = quotients[0];
        for (i, &quotient) in quotients.iter().enumerate().skip(1) {
            let (above, below) = (quotient > extremes.highest, quotient <= lowest);
            extremes.highest = if above { quotient } else { extremes.highest };
            extremes.first = if above { i } else { extremes.first };
            lowest = if below { quotient } else { lowest };
            extremes.last = if below { i } else { extremes.last };
        }
        let inside = terms.gap > 0.0 && extremes.highest * terms.gamma <= lowest;
        (!inside).then_some(extremes)
    }

    #[inline]
    fn optimum(&mut self, weights: &R, quotes: &Quotes<R>, terms: &Terms, extremes: Extremes) -> Trade {
        logs_of_ratios(extremes.highest, self.quotients.slice(), self.logs.slice_mut());
        if terms.pairs_only() {
            self.best_pair(weights.slice(), quotes.prices.slice(), terms, extremes.highest)
        } else {
            self.water_filling(weights.slice(), terms, extremes)
        }
    }

    /// The unique optimum over all tokens. Sets grow from the highest and the lowest token, one token at a time: adding a
    /// token that belongs moves `X` such that those before it still do.
    #[inline]
    fn water_filling(&self, weights: &[f64], terms: &Terms, extremes: Extremes) -> Trade {
        let logs = self.logs.slice();
        let Extremes { first, last, highest } = extremes;
        let mut trade = Trade { out: 1 << first, into: 1 << last, level: 0.0, relative: 0.0, total_weight: 0.0 };
        let mut sum = weights[first] * logs[first] + weights[last] * (logs[last] + terms.gap);
        trade.total_weight = weights[first] + weights[last];
        trade.relative = sum / trade.total_weight;
        if logs.len() == 3 {
            // Without a branch, which nobody could predict.
            let token = 3 - first - last;
            let (leaves, enters) = (logs[token] >= trade.relative, logs[token] + terms.gap < trade.relative);
            let weight = if leaves | enters { weights[token] } else { 0.0 };
            sum += weight * (logs[token] + if enters { terms.gap } else { 0.0 });
            trade.out |= u64::from(leaves) << token;
            trade.into |= u64::from(enters) << token;
            trade.total_weight += weight;
            trade.relative = sum / trade.total_weight;
        } else if logs.len() > 3 && terms.gap > 0.0 {
            trade.admit(sum, logs, weights, terms);
        } else if logs.len() > 3 {
            trade.admit_all(logs, weights);
        }
        trade.level = highest * exponential(trade.relative);
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
                let level = highest * exponential(relative);
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

    /// Computes the reserves after a trade, and whether its profit pays gas and the arbitrageur's own fee (spec 04 sec. 4.4).
    #[inline]
    fn pays(&mut self, trade: &Trade, quotes: &Quotes<R>, terms: &Terms) -> bool {
        let (reserves, prices, units) = (self.reserves.slice(), quotes.prices.slice(), self.units.slice());
        let after = self.after.slice_mut();
        let assets = reserves.len();
        for i in 0..assets {
            after[i] = trade.after(i, reserves[i], trade.level * units[i], terms);
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
        if terms.noise() > 0.0 || terms.protocol() > 0.0 {
            let (mut paid_in, mut value) = (0.0, 0.0);
            for i in 0..assets {
                value += after[i] * prices[i];
                paid_in += if trade.enters(i) { (after[i] - reserves[i]) * prices[i] } else { 0.0 };
            }
            let growth = 1.0 + terms.noise() * paid_in / value;
            let owed = self.owed.slice_mut();
            for i in 0..assets {
                let fee = if trade.enters(i) { (after[i] - reserves[i]) * terms.protocol() } else { 0.0 };
                after[i] *= growth;
                if terms.defers_protocol {
                    owed[i] += fee;
                } else {
                    after[i] -= fee;
                }
            }
        }
        true
    }

    /// The protocol takes what it is owed at the end of a row.
    #[inline]
    pub(super) fn settle(&mut self, terms: &Terms) {
        if terms.defers_protocol {
            for (reserve, owed) in self.reserves.slice_mut().iter_mut().zip(self.owed.slice_mut()) {
                *reserve -= *owed;
                *owed = 0.0;
            }
        }
    }
}

impl<R: Row<f64>> Leg<R> {
    /// A trade that a pool is about to do.
    #[inline]
    pub(super) fn of(pool: &Pool<R>, trade: &Trade) -> Self {
        Self { trade: *trade, reserves: pool.reserves.clone(), logs: pool.logs.clone() }
    }

    /// What this trade paid the arbitrageur before gas, and what was paid into the pool, at these prices.
    pub(super) fn profit_and_volume(&self, weights: &R, quotes: &Quotes<R>, terms: &Terms) -> (f64, f64) {
        let (weights, prices, inverses) = (weights.slice(), quotes.prices.slice(), quotes.inverses.slice());
        let (mut profit, mut volume) = (0.0, 0.0);
        for (i, reserve) in self.reserves.slice().iter().enumerate() {
            let after = self.trade.after(i, *reserve, self.trade.level * (weights[i] * inverses[i]), terms);
            profit -= (after - reserve) * prices[i];
            volume += if self.trade.enters(i) { (after - reserve) * prices[i] } else { 0.0 };
        }
        (profit, volume)
    }

    /// Adjoint of the trade: turns the cotangent of the reserves after it into that of the reserves before it, and adds
    /// those of weights and fee.
    #[inline]
    pub(super) fn adjoint(
        &self,
        weights: &R,
        quotes: &Quotes<R>,
        terms: &Terms,
        cotangents: &mut Cotangents<R>,
        to_weights: &mut R,
    ) {
        let (trade, reserves, logs) = (&self.trade, self.reserves.slice(), self.logs.slice());
        let assets = reserves.len();
        let (weights, to_weights) = (weights.slice(), to_weights.slice_mut());
        let (prices, inverses) = (quotes.prices.slice(), quotes.inverses.slice());
        let mut levels = R::filled(0.0, assets);
        let levels = levels.slice_mut();
        for i in 0..assets {
            levels[i] = trade.level * (weights[i] * inverses[i]);
        }
        // What reaches the reserves before the trade without passing through it.
        let mut direct = R::filled(0.0, assets);
        let direct = direct.slice_mut();
        if terms.noise() > 0.0 || terms.protocol() > 0.0 {
            self.adjoint_of_shares(levels, prices, terms, cotangents, direct);
        }
        let cotangent = cotangents.reserves.slice_mut();
        let (mut along, mut entering) = (0.0, 0.0);
        for i in 0..assets {
            if trade.is_active(i) {
                along += cotangent[i] * levels[i];
            }
            if trade.enters(i) {
                entering += weights[i];
                cotangents.fee -= cotangent[i] * reserves[i] * terms.inverse_gamma * terms.inverse_gamma;
            }
        }
        let share = along / trade.total_weight;
        cotangents.fee += share * entering * terms.inverse_gamma;
        for i in 0..assets {
            if !trade.is_active(i) {
                cotangent[i] += direct[i];
                continue;
            }
            let gap = if trade.enters(i) { terms.gap } else { 0.0 };
            let above = logs[i] - trade.relative + gap;
            to_weights[i] += share * (above - 1.0) + cotangent[i] * trade.level * inverses[i];
            let kept = if trade.enters(i) { cotangent[i] * (1.0 - terms.inverse_gamma) } else { 0.0 };
            cotangent[i] = share * weights[i] / reserves[i] + kept + direct[i];
        }
    }

    /// Takes the cotangent back through noise traders' income and the protocol's share.
    fn adjoint_of_shares(
        &self,
        levels: &[f64],
        prices: &[f64],
        terms: &Terms,
        cotangents: &mut Cotangents<R>,
        direct: &mut [f64],
    ) {
        let (trade, reserves) = (&self.trade, self.reserves.slice());
        let assets = reserves.len();
        let after = |i: usize| trade.after(i, reserves[i], levels[i], terms);
        let cotangent = cotangents.reserves.slice_mut();
        let (mut paid_in, mut value, mut along) = (0.0, 0.0, 0.0);
        for i in 0..assets {
            value += after(i) * prices[i];
            along += cotangent[i] * after(i);
            paid_in += if trade.enters(i) { (after(i) - reserves[i]) * prices[i] } else { 0.0 };
        }
        let share = paid_in / value;
        let (growth, slope) = (1.0 + terms.noise() * share, along * terms.noise() / value);
        cotangents.fee += along * share * terms.noise_per_fee;
        for i in 0..assets {
            let mut through = cotangent[i] * growth - slope * share * prices[i];
            if trade.enters(i) {
                let to_fees = if terms.defers_protocol { cotangents.owed.slice()[i] } else { cotangent[i] };
                cotangents.fee -= to_fees * (after(i) - reserves[i]) * terms.protocol_share;
                let entered = slope * prices[i] - to_fees * terms.protocol();
                through += entered;
                direct[i] = -entered;
            }
            cotangent[i] = through;
        }
    }
}

impl Trade {
    /// Takes in the tokens between the highest and the lowest that belong to the trade; `sum` is that of the two.
    fn admit(&mut self, mut sum: f64, logs: &[f64], weights: &[f64], terms: &Terms) {
        let assets = logs.len();
        // No logarithm is above zero, so their bits without the sign rise as they fall. The lowest bits make room for the
        // token: whole numbers are sorted without a branch that depends on them.
        let token_bits = MOST_ASSETS as u64 - 1;
        let mut order = [0u64; MOST_ASSETS];
        let order = &mut order[..assets];
        for (token, (slot, log)) in order.iter_mut().zip(logs).enumerate() {
            *slot = log.abs().to_bits() & !token_bits | token as u64;
        }
        order.sort_unstable();
        let (mut next_out, mut next_in) = (0, assets);
        let token = |place: usize| (order[place] & token_bits) as usize;
        while next_out < next_in {
            let (out, into) = (token(next_out), token(next_in - 1));
            // The two that are in already are the first and the last, but for ties.
            if self.is_active(out) {
                next_out += 1;
            } else if self.is_active(into) {
                next_in -= 1;
            } else if logs[out] >= self.relative {
                self.out |= 1 << out;
                sum += weights[out] * logs[out];
                self.total_weight += weights[out];
                self.relative = sum / self.total_weight;
                next_out += 1;
            } else if logs[into] + terms.gap < self.relative {
                self.into |= 1 << into;
                sum += weights[into] * (logs[into] + terms.gap);
                self.total_weight += weights[into];
                self.relative = sum / self.total_weight;
                next_in -= 1;
            } else {
                break;
            }
        }
    }

    /// Takes in all tokens, as nothing is charged: one whose quotient is the level but for rounding moves with the others'
    /// weights and reserves too.
    fn admit_all(&mut self, logs: &[f64], weights: &[f64]) {
        self.total_weight = weights.iter().sum();
        self.relative = weights.iter().zip(logs).map(|(weight, log)| weight * log).sum::<f64>() / self.total_weight;
        for (token, log) in logs.iter().enumerate() {
            self.out |= u64::from(*log >= self.relative) << token;
        }
        self.into = !self.out & (u64::MAX >> (MOST_ASSETS - logs.len()));
    }

    /// The reserve of one token after the trade, where `level` is `X w / p`.
    #[inline]
    fn after(&self, asset: usize, reserve: f64, level: f64, terms: &Terms) -> f64 {
        let entered = level + (reserve - reserve * terms.inverse_gamma);
        let traded = if self.leaves(asset) { level } else { entered };
        if self.is_active(asset) { traded } else { reserve }
    }

    #[inline]
    fn is_active(&self, asset: usize) -> bool {
        (self.out | self.into) >> asset & 1 == 1
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

/// `ln(quotient / highest)`; they are mostly close to zero, where the series of [`log_ratio`] is shortest.
#[inline]
fn logs_of_ratios(highest: f64, quotients: &[f64], logs: &mut [f64]) {
    let mut largest = 0.0_f64;
    for (log, quotient) in logs.iter_mut().zip(quotients) {
        let difference = quotient - highest;
        let s = difference / (highest + highest + difference);
        *log = s;
        largest = if s < -largest { -s } else { largest };
    }
    // The term left out is below 1e-21.
    if largest < 3e-3 {
        for log in logs {
            let (s, square) = (*log, *log * *log);
            *log = 2.0 * (s + s * square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0))));
        }
    } else {
        for (log, quotient) in logs.iter_mut().zip(quotients) {
            *log = log_ratio(highest, quotient - highest);
        }
    }
}

/// `exp(x)`; trades mostly move prices by little, where its series is shortest.
#[inline]
fn exponential(x: f64) -> f64 {
    if x.abs() < 1.0 / 64.0 {
        // The term left out is below 2e-20. Terms in pairs, so that they do not wait for each other.
        let square = x * x;
        let low = 1.0 + x + square * (1.0 / 2.0 + x * (1.0 / 6.0));
        let high = (1.0 / 24.0 + x * (1.0 / 120.0)) + square * (1.0 / 720.0 + x * (1.0 / 5040.0));
        low + square * square * high
    } else {
        x.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::{exponential, logs_of_ratios};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logarithms_are_logarithms(highest in 0.1..10.0f64, size in -12.0..-0.1f64, shares in prop::array::uniform3(0.0..1.0f64)) {
            let quotients = shares.map(|share| highest * (1.0 - share * 10f64.powf(size)));
            let mut logs = [0.0; 3];
            logs_of_ratios(highest, &quotients, &mut logs);
            for (log, quotient) in logs.iter().zip(quotients) {
                let expected = ((quotient - highest) / highest).ln_1p();
                prop_assert!((log - expected).abs() <= 6e-16 * expected.abs(), "{log} {expected}");
            }
        }

        #[test]
        fn the_exponential_is_one(x in -0.02..0.02f64) {
            prop_assert!((exponential(x) / x.exp() - 1.0).abs() < 4e-16);
        }
    }
}
