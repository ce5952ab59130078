//! Balancer's reCLAMM, readjusting concentrated liquidity (spec 04 sec. 4.8.6).
//!
//! The pool is a constant product of its effective reserves `E = R + V`, real and virtual ones. Its price range has the ratio
//! `Q = g^2`, `g = E_a E_b / (V_a V_b)`; its centeredness is `C = min / max` of `R_a V_b` and `R_b V_a`. At every row:
//!
//! 1. While `C` is below the margin, the virtual reserve of the token that there is too little of decays, the price range kept:
//!    *geometrically*, `V <- V base^t` with `t` seconds, or *at a constant speed along the curve*: with
//!    `Z = sqrt(S) V_a - V_b / sqrt(S)` at the market's price `S`, `Z` moves by `2 v sqrt(E_a) t`.
//! 2. An arbitrageur trades on the effective reserves: with `gamma = 1 - fee`, token `i` leaves while `gamma E_i p_i > E_j p_j`:
//!
//! ```text
//! E_i <- sqrt(E_i E_j p_j / (gamma p_i))        E_j <- E_j (1 - 1 / gamma) + sqrt(E_i E_j p_i / (gamma p_j))
//! ```
//!
//! 3. What would leave more than there is stops at a cent's worth.
//! 4. The protocol takes its share of the fee; the rest is the depositors' revenue.

use serde::{Deserialize, Serialize};

use super::dual::Number;
use super::walk::{CurvePool, pays};
use crate::arbitrage::Costs;

/// Longest time that a pool is moved by at once, in seconds.
const LONGEST_SECONDS: f64 = 30.0 * 86_400.0;
/// Seconds in `base = 1 - exponent / 124649`: an exponent of one halves a virtual reserve in a day.
pub const SECONDS_PER_EXPONENT: f64 = 124_649.0;
/// Keeps denominators away from zero, as the reference does.
const SMALLEST: f64 = 1e-30;
/// Least centeredness by which the shift is scaled.
const LEAST_CENTEREDNESS: f64 = 1e-10;
/// What a drained reserve is left with, in the unit of value.
const LEFT_OVER: f64 = 0.01;

/// What does not change about such a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reclamm {
    /// How virtual reserves move.
    pub interpolation: ReclammInterpolation,
    /// Shift faster, by margin over centeredness, the less centered the pool is.
    pub centeredness_scaling: bool,
    /// The shift is given as an exponent, `base = 1 - exponent / 124649`, instead of as the base itself.
    pub shift_is_exponent: bool,
    /// The fee is a parameter instead of a cost.
    pub fee_is_parameter: bool,
    /// Where the pool starts, unless it starts at the middle of its range.
    pub state: Option<ReclammState>,
}

/// How the virtual reserves of a reCLAMM move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReclammInterpolation {
    /// By the same factor in the same time.
    #[default]
    Geometric,
    /// At a speed that is a parameter; geometrically while it is zero.
    ConstantArcLength,
    /// At the speed of one geometric step where the pool leaves its margin.
    CalibratedArcLength,
}

/// Reserves of a reCLAMM, real and virtual; their unit does not matter, because a deposit of the asked-for value is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReclammState {
    /// Real reserves.
    pub reserves: [f64; 2],
    /// Virtual reserves.
    pub virtual_reserves: [f64; 2],
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pool<N> {
    settings: Reclamm,
    margin: N,
    /// `ln base`, per second.
    decay: N,
    /// `v`, unless the shift is geometric.
    speed: Option<N>,
    fee: Option<N>,
    seconds: f64,
    real: [N; 2],
    virtuals: [N; 2],
    revenue: N,
}

impl<N: Number> Pool<N> {
    /// `parameters` are price ratio, margin, base or exponent, speed and fee; the last two are not read where the settings say
    /// otherwise. `seconds` pass between two rows.
    pub(super) fn new(
        settings: &Reclamm,
        [price_ratio, margin, shift, speed, fee]: [N; 5],
        prices: [f64; 2],
        value: f64,
        seconds: f64,
    ) -> Self {
        let base = if settings.shift_is_exponent { -shift / SECONDS_PER_EXPONENT + 1.0 } else { shift };
        let (real, virtuals) = match settings.state {
            None => {
                // At the middle of the range both tokens have half the value, and R = (sqrt(g) - 1) V.
                let real = prices.map(|price| N::constant(0.5 * value / price));
                (real, real.map(|real| real / (price_ratio.sqrt().sqrt() - 1.0)))
            }
            Some(ReclammState { reserves, virtual_reserves }) => {
                let scale = value / (reserves[0] * prices[0] + reserves[1] * prices[1]);
                let scaled = |reserves: [f64; 2]| reserves.map(|reserve| N::constant(reserve * scale));
                (scaled(reserves), scaled(virtual_reserves))
            }
        };
        let mut pool = Self {
            settings: *settings,
            margin,
            decay: base.ln(),
            speed: None,
            fee: settings.fee_is_parameter.then_some(fee),
            seconds,
            real,
            virtuals,
            revenue: N::constant(0.0),
        };
        pool.speed = match settings.interpolation {
            ReclammInterpolation::Geometric => None,
            ReclammInterpolation::ConstantArcLength => (speed.value() > 0.0).then_some(speed),
            ReclammInterpolation::CalibratedArcLength => Some(pool.onset_speed()),
        };
        pool
    }

    fn effective(&self) -> [N; 2] {
        [self.real[0] + self.virtuals[0], self.real[1] + self.virtuals[1]]
    }

    /// `g`, the square root of the ratio of the range's prices.
    fn range(&self) -> N {
        let effective = self.effective();
        effective[0] * effective[1] / (self.virtuals[0] * self.virtuals[1])
    }

    /// Centeredness, and the token that there is too much of.
    fn centeredness(&self) -> (N, usize) {
        let (first, second) = (self.real[0] * self.virtuals[1], self.real[1] * self.virtuals[0]);
        if self.real[0].value() == 0.0 {
            return (N::constant(0.0), 1);
        }
        if self.real[1].value() == 0.0 {
            return (N::constant(0.0), 0);
        }
        let plenty = usize::from(first.value() <= second.value());
        let (more, less) = if plenty == 0 { (first, second) } else { (second, first) };
        (less / more.at_least(N::constant(SMALLEST)), plenty)
    }

    /// Moves the virtual reserves of a pool that has left its margin.
    fn shift(&mut self, market: f64) {
        let (centeredness, plenty) = self.centeredness();
        if centeredness.value() >= self.margin.value() {
            return;
        }
        let scale = if self.settings.centeredness_scaling {
            self.margin / centeredness.at_least(N::constant(LEAST_CENTEREDNESS))
        } else {
            N::constant(1.0)
        };
        let scarce = 1 - plenty;
        let floor = self.real[scarce] / (self.range().sqrt() - 1.0).at_least(N::constant(SMALLEST));
        let moved = match self.speed {
            None => self.virtuals[scarce] * self.decayed(scale),
            Some(speed) => self.along_the_curve(speed * scale, market, scarce),
        };
        self.virtuals = self.keeping_the_range(moved.at_least(floor), scarce);
    }

    /// `base^t` of one step that is `scale` times as long.
    fn decayed(&self, scale: N) -> N {
        (self.decay * (scale * self.seconds).at_most(N::constant(LONGEST_SECONDS))).exp()
    }

    /// The virtual reserve of the scarce token one step further.
    fn along_the_curve(&self, speed: N, market: f64, scarce: usize) -> N {
        let range = self.range() - 1.0;
        // Unit prices of both tokens; the formulas below are those of a scarce second token.
        let root = if scarce == 1 { market.sqrt() } else { 1.0 / market.sqrt() };
        let plenty = 1 - scarce;
        let way = speed * self.effective()[0].at_least(N::constant(SMALLEST)).sqrt();
        let way = way * (2.0 * self.seconds.min(LONGEST_SECONDS));
        let target = self.virtuals[plenty] * root - self.virtuals[scarce] / root + way;
        let (plenty, scarce) = (self.real[plenty], self.real[scarce]);
        let second = -range / root;
        let first = plenty * root + scarce / root - range * target;
        let zeroth = plenty * scarce * root + target * scarce;
        let discriminant = (first.square() - second * zeroth * 4.0).at_least(N::constant(SMALLEST)).sqrt();
        let larger = (-first - discriminant) / (second * 2.0);
        if larger.value() > scarce.value() / range.value() + 1e-8 {
            larger
        } else {
            (-first + discriminant) / (second * 2.0)
        }
    }

    /// Both virtual reserves where that of the scarce token becomes `moved` and the price range stays.
    fn keeping_the_range(&self, moved: N, scarce: usize) -> [N; 2] {
        let plenty = 1 - scarce;
        let denominator = ((self.range() - 1.0) * moved - self.real[scarce]).at_least(N::constant(SMALLEST));
        let other = self.real[plenty] * (moved + self.real[scarce]) / denominator;
        if scarce == 1 { [other, moved] } else { [moved, other] }
    }

    /// The speed of one geometric step from where the pool, as it is now, would leave its margin with too much of the first
    /// token.
    fn onset_speed(&self) -> N {
        let [first, second] = self.virtuals;
        let product = self.effective()[0] * self.effective()[1];
        let (linear, constant) = (first * (self.margin + 1.0), first.square() - product * first / second);
        let root = (linear.square() - self.margin * constant * 4.0).sqrt();
        // The positive root of margin x^2 + linear x + constant, whose constant is negative.
        let plenty = -constant * 2.0 / (linear + root);
        let onset = Self { real: [plenty, self.margin * plenty * second / first], ..*self };
        let effective = onset.effective();
        let market = (effective[1] / effective[0]).sqrt();
        let place = |[first, second]: [N; 2]| first * market - second / market;
        let floor = onset.real[1] / (onset.range().sqrt() - 1.0).at_least(N::constant(SMALLEST));
        let moved = (second * onset.decayed(N::constant(1.0))).at_least(floor);
        let way = place(onset.keeping_the_range(moved, 1)) - place(onset.virtuals);
        way.abs() / effective[0].sqrt() / (2.0 * onset.seconds)
    }

    fn fee(&self, costs: &Costs) -> N {
        self.fee.unwrap_or(N::constant(costs.fee_rate))
    }

    /// Takes a trade into the reserves: the protocol takes its part of the fee, the depositors' is counted.
    fn settle(&mut self, token_in: usize, change: [N; 2], price_in: f64, costs: &Costs) {
        let fee = change[token_in] * self.fee(costs);
        self.real = [self.real[0] + change[0], self.real[1] + change[1]];
        self.real[token_in] = self.real[token_in] - fee * costs.protocol_fee_share;
        self.revenue = self.revenue + fee * ((1.0 - costs.protocol_fee_share) * price_in);
    }
}

impl<N: Number> CurvePool<N> for Pool<N> {
    fn reserves(&self) -> [N; 2] {
        self.real
    }

    fn fee_revenue(&self) -> N {
        self.revenue
    }

    fn arbitrage(&mut self, prices: [f64; 2], costs: &Costs) {
        self.shift(prices[0] / prices[1]);
        let effective = self.effective();
        let gamma = -self.fee(costs) + 1.0;
        let worth = [0, 1].map(|token| effective[token].value() * prices[token]);
        let out = if worth[0] * gamma.value() > worth[1] {
            0
        } else if worth[1] * gamma.value() > worth[0] {
            1
        } else {
            return;
        };
        let into = 1 - out;
        let product = effective[0] * effective[1] / gamma;
        let left = (product * (prices[into] / prices[out])).sqrt();
        let paid = (product * (prices[out] / prices[into])).sqrt() - effective[into] / gamma;
        let mut change = [paid; 2];
        change[out] = left - effective[out];
        if !pays(costs, change.map(N::value), prices) {
            return;
        }
        if self.real[out].value() + change[out].value() < 0.0 {
            let taken = (self.real[out] - LEFT_OVER / prices[out]).at_least(N::constant(0.0));
            change[out] = -taken;
            change[into] = effective[into] / gamma * (taken / (effective[out] - taken));
        }
        self.settle(into, change, prices[into], costs);
    }

    /// A constant product of effective reserves; what it cannot pay out does not happen.
    fn swap(&mut self, token_in: usize, amount: f64, prices: [f64; 2], costs: &Costs) {
        let effective = self.effective();
        let net = (-self.fee(costs) + 1.0) * amount;
        let token_out = 1 - token_in;
        let out = effective[token_out] * net / (effective[token_in] + net);
        if out.value() > self.real[token_out].value() {
            return;
        }
        let mut change = [-out; 2];
        change[token_in] = N::constant(amount);
        self.settle(token_in, change, prices[token_in], costs);
    }

    fn scale(&mut self, factor: f64) {
        self.real = self.real.map(|reserve| reserve * factor);
        self.virtuals = self.virtuals.map(|reserve| reserve * factor);
    }
}
