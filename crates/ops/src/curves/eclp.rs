//! Gyroscope's elliptic concentrated-liquidity pool, E-CLP (spec 04 sec. 4.8.5).
//!
//! With `c = cos phi`, `s = sin phi`, the pool's reserves at its price `p` of the first token in the second, the numeraire, are
//! `R = r e(p)`: a size `r`, which only fees and deposits change, times a point of the ellipse
//!
//! ```text
//! H(p)^2 = lam^2 (c p - s)^2 + (c + s p)^2              cos(p, q) = (lam^2 (c p - s)(c q - s) + (c + s p)(c + s q)) / (H(p) H(q))
//! e_0(p) = lam^2 (beta - p)  (1 / H(beta) + 1 / H(p))      / (H(beta)  H(p) (1 + cos(p, beta)))
//! e_1(p) = lam^2 (p - alpha) (alpha / H(alpha) + p / H(p)) / (H(alpha) H(p) (1 + cos(p, alpha)))
//! ```
//!
//! These are the entries of `chi - A^-1 tau(p)` without their cancellation: `tau(p) = (lam (c p - s), c + s p) / H(p)` is the sine
//! and cosine of an angle, and differences of such are products. At `lam = 60` the plain difference loses nine digits.
//!
//! What a trade leaves beside the curve, its fee `D`, moves the pool to a larger ellipse: from the point of the price `a`, with
//! `E = A e(a)`, `t = tau(a)` and `V = a e_0(a) + e_1(a)`, the size grows by the root `g` of
//!
//! ```text
//! g^2 (|E|^2 + 2 V / H) + 2 g (r V / H - AD.E - t.AD) + |AD|^2 - 2 r t.AD = 0        tau <- t + (g E - AD) / (r + g)
//! ```

use serde::{Deserialize, Serialize};

use super::dual::Number;
use super::walk::{CurvePool, pays};
use crate::arbitrage::Costs;

/// What does not change about such a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Eclp {
    /// The first asset is the numeraire; else it is the second.
    pub numeraire_is_first: bool,
    /// T4.9: decide whether a trade pays by the ratio of reserves instead of the pool's price.
    pub band_of_reserves: bool,
}

/// The ellipse of size one.
#[derive(Clone, Copy, Debug)]
struct Ellipse<N> {
    sin: N,
    cos: N,
    lam: N,
    lowest: Point<N>,
    highest: Point<N>,
}

/// What the formulas need of a price.
#[derive(Clone, Copy, Debug)]
struct Point<N> {
    price: N,
    /// `H`
    norm: N,
    /// `tau`
    normal: [N; 2],
}

impl<N: Number> Ellipse<N> {
    fn new([phi, alpha, beta, lam]: [N; 4]) -> Self {
        let (sin, cos) = phi.sin_cos();
        let at = |price: N| Self::point_of(sin, cos, lam, price);
        Self { sin, cos, lam, lowest: at(alpha), highest: at(beta) }
    }

    fn point_of(sin: N, cos: N, lam: N, price: N) -> Point<N> {
        let (across, along) = (lam * (cos * price - sin), cos + sin * price);
        let norm = (across.square() + along.square()).sqrt();
        Point { price, norm, normal: [across / norm, along / norm] }
    }

    /// The nearest price in the range.
    fn within(&self, price: N) -> N {
        price.at_least(self.lowest.price).at_most(self.highest.price)
    }

    fn at(&self, price: N) -> Point<N> {
        Self::point_of(self.sin, self.cos, self.lam, price)
    }

    /// `e`
    fn reserves(&self, point: &Point<N>) -> [N; 2] {
        let scale = |edge: &Point<N>| {
            let cosine = edge.normal[0] * point.normal[0] + edge.normal[1] * point.normal[1];
            self.lam.square() / (edge.norm * point.norm * (cosine + 1.0))
        };
        let (lowest, highest) = (&self.lowest, &self.highest);
        let inverse = |point: &Point<N>| N::constant(1.0) / point.norm;
        [
            scale(highest) * (highest.price - point.price) * (inverse(highest) + inverse(point)),
            scale(lowest) * (point.price - lowest.price) * (lowest.price / lowest.norm + point.price / point.norm),
        ]
    }

    /// `A x`
    fn stretched(&self, [first, second]: [N; 2]) -> [N; 2] {
        [(self.cos * first - self.sin * second) / self.lam, self.sin * first + self.cos * second]
    }

    /// The price whose `tau` is that of `point` moved by `change`.
    fn moved(&self, point: &Point<N>, change: [N; 2]) -> N {
        let normal = [point.normal[0] + change[0], point.normal[1] + change[1]];
        let norm = self.lam / (self.cos * self.lam * normal[1] - self.sin * normal[0]);
        let cross = change[0] * point.normal[1] - change[1] * point.normal[0];
        self.within(point.price + cross * point.norm * norm / self.lam)
    }
}

#[derive(Debug)]
pub(super) struct Pool<N> {
    settings: Eclp,
    ellipse: Ellipse<N>,
    size: N,
    price: N,
    /// The numeraire is the second.
    reserves: [N; 2],
}

impl<N: Number> Pool<N> {
    /// `parameters` are `phi`, `alpha`, `beta` and `lam`.
    pub(super) fn new(settings: Eclp, parameters: [N; 4], prices: [f64; 2], value: f64) -> Self {
        let ellipse = Ellipse::new(parameters);
        let prices = ordered(prices, settings.numeraire_is_first);
        let price = ellipse.within(N::constant(prices[0] / prices[1]));
        let unit = ellipse.reserves(&ellipse.at(price));
        let size = N::constant(value) / (unit[0] * prices[0] + unit[1] * prices[1]);
        Self { settings, ellipse, size, price, reserves: unit.map(|reserve| size * reserve) }
    }

    /// Where a trade goes that pays, and the token that enters.
    fn target(&self, market: f64, gamma: f64) -> Option<(N, usize)> {
        let (low, high) = (N::constant(market * gamma), N::constant(market / gamma));
        if self.settings.band_of_reserves {
            let own = (self.reserves[1] / self.reserves[0]).value();
            let above = high.value() <= own;
            return (above || own <= low.value()).then_some(if above { (high, 0) } else { (low, 1) });
        }
        let (low, high) = (self.ellipse.within(low), self.ellipse.within(high));
        if self.price.value() < low.value() {
            Some((low, 1))
        } else if self.price.value() > high.value() {
            Some((high, 0))
        } else {
            None
        }
    }

    /// Leaves the point of a price on the present ellipse for that with more reserves.
    fn grow(&mut self, point: &Point<N>, fee: [N; 2]) {
        let ellipse = &self.ellipse;
        let unit = ellipse.reserves(point);
        let (stretched, paid) = (ellipse.stretched(unit), ellipse.stretched(fee));
        let value = (point.price * unit[0] + unit[1]) / point.norm;
        let along = (point.price * fee[0] + fee[1]) / point.norm;
        let second = stretched[0].square() + stretched[1].square() + value * 2.0;
        let first = self.size * value - paid[0] * stretched[0] - paid[1] * stretched[1] - along;
        let zeroth = paid[0].square() + paid[1].square() - self.size * along * 2.0;
        let growth = -zeroth / (first + (first.square() - second * zeroth).sqrt());
        self.size = self.size + growth;
        let change = |index: usize| (growth * stretched[index] - paid[index]) / self.size;
        self.price = ellipse.moved(point, [change(0), change(1)]);
    }
}

impl<N: Number> CurvePool<N> for Pool<N> {
    fn reserves(&self) -> [N; 2] {
        ordered(self.reserves, self.settings.numeraire_is_first)
    }

    fn fee_revenue(&self) -> N {
        N::constant(0.0)
    }

    fn arbitrage(&mut self, prices: [f64; 2], costs: &Costs) {
        let prices = ordered(prices, self.settings.numeraire_is_first);
        let gamma = costs.gamma();
        let Some((price, enters)) = self.target(prices[0] / prices[1], gamma) else { return };
        let point = self.ellipse.at(price);
        let unit = self.ellipse.reserves(&point);
        let mut change = [0, 1].map(|token| self.size * unit[token] - self.reserves[token]);
        let mut fee = [N::constant(0.0); 2];
        fee[enters] = change[enters] * ((1.0 - gamma) / gamma);
        change[enters] = change[enters] + fee[enters];
        let profit = change[0].value() * prices[0] + change[1].value() * prices[1];
        // A band of reserves may send the pool the wrong way.
        let astray = self.settings.band_of_reserves && gamma < 1.0 && profit > 0.0;
        let after = [self.reserves[0] + change[0], self.reserves[1] + change[1]];
        let empty = after.iter().any(|reserve| reserve.value() < 0.0);
        if astray || empty || !pays(costs, change.map(N::value), prices) {
            return;
        }
        self.reserves = after;
        self.price = price;
        if gamma < 1.0 {
            self.grow(&point, fee);
        }
    }

    /// Along the ellipse by what is paid in net of the fee, which is added afterwards.
    fn swap(&mut self, token_in: usize, amount: f64, _: [f64; 2], costs: &Costs) {
        let token_in = if self.settings.numeraire_is_first { 1 - token_in } else { token_in };
        let token_out = 1 - token_in;
        let (ellipse, point) = (&self.ellipse, self.ellipse.at(self.price));
        let mut paid = [N::constant(0.0); 2];
        paid[token_in] = N::constant(amount * costs.gamma());
        let mut unit = [N::constant(0.0); 2];
        unit[token_out] = N::constant(1.0);
        // |A (paid + out unit)|^2 = 2 r tau.A (paid + out unit), solved for out, which is negative.
        let (net, each) = (ellipse.stretched(paid), ellipse.stretched(unit));
        let worth = |amounts: [N; 2]| (point.price * amounts[0] + amounts[1]) / point.norm;
        let second = each[0].square() + each[1].square();
        let first = net[0] * each[0] + net[1] * each[1] - self.size * worth(unit);
        let zeroth = net[0].square() + net[1].square() - self.size * worth(paid) * 2.0;
        let out = zeroth / ((first.square() - second * zeroth).sqrt() - first);
        // Beyond the end of the ellipse the pool has nothing to give.
        let left = self.reserves[token_out] + out;
        if out.value().is_nan() || out.value() >= 0.0 || left.value() < 0.0 {
            return;
        }
        let turned = |index: usize| -(net[index] + each[index] * out) / self.size;
        let price = ellipse.moved(&point, [turned(0), turned(1)]);
        self.reserves[token_out] = left;
        self.reserves[token_in] = self.reserves[token_in] + amount;
        self.price = price;
        if costs.gamma() < 1.0 {
            let mut fee = [N::constant(0.0); 2];
            fee[token_in] = N::constant(amount * (1.0 - costs.gamma()));
            self.grow(&self.ellipse.at(price), fee);
        }
    }

    fn scale(&mut self, factor: f64) {
        self.size = self.size * factor;
        self.reserves = self.reserves.map(|reserve| reserve * factor);
    }
}

/// A pair with the numeraire second, and back.
fn ordered<T>([first, second]: [T; 2], swapped: bool) -> [T; 2] {
    if swapped { [second, first] } else { [first, second] }
}
