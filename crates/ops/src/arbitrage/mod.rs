//! Reserves of a pool with fees, arbitraged at every visited row.
//!
//! At every row the pool is arbitraged twice: at the new prices with the weights of the row before, then with the row's own
//! weights (spec 04 sec. 4.4). An arbitrage is the trade that pays the arbitrageur most (spec 12.2): with reserves `R`,
//! weights `w`, prices `p`, `gamma = 1 - fee` and `q_i = p_i R_i / w_i` there is one `X` such that
//!
//! ```text
//! q_i > X              token leaves the pool:   R_i <- X w_i / p_i
//! gamma X <= q_i <= X  token is not traded
//! q_i < gamma X        token enters the pool:   R_i <- R_i (1 - 1 / gamma) + X w_i / p_i
//! ```
//!
//! conserves `prod R_i^w_i` of what is paid net of fees. It happens if it pays gas and the arbitrageur's own fee; noise
//! traders and the protocol take their part (sec. 4.5). While `gamma max q <= min q` nobody trades.
//!
//! Adjoint, with the sets of tokens that leave and enter fixed, `W` the sum of their weights, `S_i = X w_i / p_i` and
//! `L_i = ln q_i` (plus `-ln gamma` where the token enters):
//!
//! ```text
//! d ln X = (1 / W) sum [ w_i dR_i / R_i + (L_i - ln X - 1) dw_i ]      dS_i = S_i (d ln X + dw_i / w_i)
//! ```
//!
//! The forward pass keeps the reserves every [`CHECKPOINT_VISITS`] visits; the backward pass runs each stretch again. Weights
//! of rows exist one at a time. Arithmetic is in double precision whatever the tensor's type.

mod cpu;
mod inputs;
pub mod reference;
mod trade;

use std::sync::Arc;

pub use inputs::{RowInputs, UserTrade};

use burn::tensor::Tensor;

use crate::backend::{Pass, Primitive, Real, View, apply, has_fused_kernels};
use crate::growth::{PlanError, length, positive};
use crate::interpolation::PathLayout;

/// Visits between two reserves that the forward pass keeps.
pub const CHECKPOINT_VISITS: usize = 512;

/// What trading costs, and who takes part in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Costs {
    /// Swap fee as a fraction of what is paid in.
    pub fee_rate: f64,
    /// Cost of one arbitrage, in the unit of value.
    pub gas_cost: f64,
    /// The arbitrageur's own cost as a fraction of what changes hands, both ways counted by half.
    pub arbitrage_fee: f64,
    /// Noise trading as a multiple of arbitrage.
    pub noise_trader_ratio: f64,
    /// Share of the swap fee that the protocol takes.
    pub protocol_fee_share: f64,
    /// Only trades of one token for one other, as some keepers do (spec 04 sec. 4.3).
    pub pairs_only: bool,
}

impl Costs {
    /// Whether trading costs nothing, so that a pool always holds its weights (spec 12.1).
    pub fn are_none(&self) -> bool {
        self.fee_rate == 0.0 && self.gas_cost == 0.0 && self.arbitrage_fee == 0.0
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// [`PlanError::Range`] naming the first number out of range.
    pub fn validate(&self) -> Result<(), PlanError> {
        let inside = |name, value: f64, upper: f64| {
            if value >= 0.0 && value < upper {
                Ok(())
            } else {
                Err(PlanError::Range { name, value: value.to_string() })
            }
        };
        inside("fee_rate", self.fee_rate, 1.0)?;
        inside("gas_cost", self.gas_cost, f64::INFINITY)?;
        inside("arbitrage_fee", self.arbitrage_fee, 1.0)?;
        inside("noise_trader_ratio", self.noise_trader_ratio, f64::INFINITY)?;
        inside("protocol_fee_share", self.protocol_fee_share, 1.0 + f64::EPSILON)
    }
}

/// Windows of one price table that are arbitraged in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct ArbitragePlan {
    layout: PathLayout,
    starts: Arc<[usize]>,
    assets: usize,
    prices: Arc<[f64]>,
    samples: Arc<[usize]>,
    costs: Costs,
}

impl ArbitragePlan {
    /// A plan over windows that begin at the rows `starts` of `prices`, `[rows, assets]` row-major. `samples` are the visits
    /// (indices of visited rows, rising) whose reserves are wanted.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, a window or sample lies outside, or a cost is out of its range.
    pub fn new(
        layout: PathLayout,
        starts: impl Into<Arc<[usize]>>,
        assets: usize,
        prices: Arc<[f64]>,
        samples: impl Into<Arc<[usize]>>,
        costs: Costs,
    ) -> Result<Self, PlanError> {
        layout.validate()?;
        costs.validate()?;
        let (starts, samples) = (starts.into(), samples.into());
        positive(&[("windows", starts.len()), ("assets", assets), ("samples", samples.len())])?;
        let rows = starts.iter().max().map_or(0, |start| start + layout.rows);
        let found = prices.len() / assets;
        length("prices", "at least the rows of every window", rows.max(found), found)?;
        let rises = samples.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || samples.last().is_some_and(|last| *last >= layout.visited()) {
            return Err(PlanError::Samples { visited: layout.visited() });
        }
        if assets > trade::MOST_ASSETS {
            return Err(PlanError::Range { name: "assets", value: assets.to_string() });
        }
        Ok(Self { layout, starts, assets, prices, samples, costs })
    }

    fn check(&self, positions: &[usize], initial: &[usize]) {
        self.layout.check(positions);
        assert!(
            positions[0].is_multiple_of(self.starts.len()) && positions[2] == self.assets,
            "arbitrage: positions must be [sets * {}, K + 1, {}], got {positions:?}",
            self.starts.len(),
            self.assets
        );
        assert_eq!(initial, [positions[0], self.assets], "arbitrage: initial reserves are [sets * windows, assets]");
    }

    /// Prices of a visit of a window.
    fn prices_of(&self, window: usize, visit: usize) -> &[f64] {
        let row = self.starts[window] + visit * self.layout.stride;
        &self.prices[row * self.assets..(row + 1) * self.assets]
    }
}

/// Reserves after the arbitrages of the sampled visits.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `positions` | `[sets * windows, K + 1, A]`, window fastest | coarse weights `x_0 .. x_K` |
/// | `initial` | `[sets * windows, A]` | reserves before the first row |
/// | result | `[sets * windows, samples, A]` | reserves |
///
/// # Panics
/// When the shapes do not fit the plan.
pub fn arbitrage(positions: Tensor<3>, initial: Tensor<2>, plan: &Arc<ArbitragePlan>) -> Tensor<3> {
    if has_fused_kernels(&positions.device()) {
        apply(Arbitrage(plan.clone()), [positions.into_dispatch(), initial.into_dispatch()])
    } else {
        reference::arbitrage(positions, initial, plan)
    }
}

/// The same arbitrages one row after another, for a pool that is run without tensors.
#[derive(Clone, Debug)]
pub struct Arbitrageur {
    terms: trade::Terms,
    pool: trade::Pool<Vec<f64>>,
}

impl Arbitrageur {
    /// A pool with these reserves.
    ///
    /// # Errors
    /// [`PlanError::Range`] for costs out of their ranges.
    pub fn new(costs: &Costs, reserves: &[f64]) -> Result<Self, PlanError> {
        costs.validate()?;
        let mut pool = trade::Pool::<Vec<f64>>::new(reserves.len());
        pool.reserves.copy_from_slice(reserves);
        Ok(Self { terms: trade::Terms::new(costs), pool })
    }

    /// Meets one row of prices, first with the weights of the row before; returns the number of arbitrages.
    ///
    /// # Panics
    /// If the lengths differ from that of the reserves.
    pub fn visit(&mut self, weights_before: &[f64], weights: &[f64], prices: &[f64]) -> usize {
        let mut trade = |weights: &[f64]| usize::from(self.pool.arbitrage(weights, prices, &self.terms).is_some());
        trade(weights_before) + trade(weights)
    }

    /// Reserves of each asset.
    pub fn reserves(&self) -> &[f64] {
        &self.pool.reserves
    }
}

#[derive(Clone, Debug)]
struct Arbitrage(Arc<ArbitragePlan>);

impl Primitive<2> for Arbitrage {
    fn output_shape(&self, [positions, initial]: [&[usize]; 2]) -> Vec<usize> {
        self.0.check(positions, initial);
        vec![positions[0], self.0.samples.len(), self.0.assets]
    }

    fn kept(&self, [positions, _]: [&[usize]; 2]) -> usize {
        positions[0] * cpu::stretches(&self.0) * self.0.assets
    }

    fn forward<F: Real>(&self, [positions, initial]: [View<'_, F>; 2], output: &mut [F], kept: &mut [f64]) {
        cpu::forward(&self.0, positions, initial, output, kept);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 2>, [to_positions, to_initial]: [Option<&mut [F]>; 2]) {
        let [positions, _] = pass.inputs;
        cpu::backward(&self.0, positions, pass.kept, pass.cotangent, to_positions, to_initial);
    }
}
