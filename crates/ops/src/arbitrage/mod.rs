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
//! d ln X = (1 / W) ( sum [ w_i dR_i / R_i + (L_i - ln X - 1) dw_i ] + W_in dfee / gamma )
//! dS_i = S_i (d ln X + dw_i / w_i)        d(1 - 1 / gamma) = - dfee / gamma^2
//! ```
//!
//! `W_in` is the weight of the tokens that enter.
//!
//! What a pool meets may change from row to row ([`RowInputs`], sec. 4.6): fees and other costs; shares that are issued or
//! redeemed before the first arbitrage; trades of users between the two.
//!
//! The forward pass keeps the reserves every [`CHECKPOINT_VISITS`] visits; the backward pass runs each stretch again. Weights
//! of rows exist one at a time. Arithmetic is in double precision whatever the tensor's type.

mod cpu;
#[cfg(feature = "cube")]
mod cube;
mod host;
mod inputs;
pub mod reference;
mod terms;
mod trade;
mod user_trade;

use std::sync::Arc;

pub use host::{Arbitrageur, Meeting, SMALLEST_SHARE, Trading};
pub use inputs::{CheckedInputs, RowInputs, UserTrade};

use burn::tensor::Tensor;

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use crate::growth::PlanError;
use crate::windows::PricedWindows;

/// Visits between two reserves that the forward pass keeps.
pub const CHECKPOINT_VISITS: usize = 128;

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
    /// Two habits of the reference where costs change from row to row (T4.4): noise traders' income is not lessened by the
    /// protocol's share, and the protocol takes its fees at the end of a row.
    pub dynamic_form: bool,
}

impl Costs {
    /// What is left of an amount paid in after the swap fee.
    pub(crate) fn gamma(&self) -> f64 {
        1.0 - self.fee_rate
    }

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
    windows: PricedWindows,
    costs: Costs,
    inputs: CheckedInputs,
    fee_rows: usize,
    rests_with_weights: bool,
}

impl ArbitragePlan {
    /// A pool that is arbitraged in these windows and whose reserves are wanted at their samples.
    ///
    /// # Errors
    /// [`PlanError`] when a cost is out of its range or there are too many assets.
    pub fn new(windows: PricedWindows, costs: Costs) -> Result<Self, PlanError> {
        costs.validate()?;
        if windows.assets > trade::MOST_ASSETS {
            return Err(PlanError::Range { name: "assets", value: windows.assets.to_string() });
        }
        Ok(Self { windows, costs, inputs: CheckedInputs::default(), fee_rows: usize::MAX, rests_with_weights: false })
    }

    /// The same plan with what changes from row to row. A series of fees replaces those given to [`arbitrage`].
    ///
    /// # Errors
    /// [`PlanError::Length`] if the inputs are those of another price table.
    pub fn with_inputs(mut self, inputs: CheckedInputs) -> Result<Self, PlanError> {
        inputs.fit(self.windows.table_rows(), self.windows.assets)?;
        self.inputs = inputs;
        Ok(self)
    }

    /// The same plan where each of the fees given to [`arbitrage`] holds for so many rows.
    #[must_use]
    pub fn with_fee_rows(self, fee_rows: usize) -> Self {
        Self { fee_rows: fee_rows.max(1), ..self }
    }

    /// The same plan for a pool that trades only in the rows of a block in which its weights move (spec 04 sec. 4.8.2).
    #[must_use]
    pub fn resting_with_weights(self) -> Self {
        Self { rests_with_weights: true, ..self }
    }

    fn check(&self, positions: &[usize], initial: &[usize], fees: &[usize]) {
        self.windows.check("arbitrage", positions);
        assert_eq!(
            initial,
            [positions[0], self.windows.assets],
            "arbitrage: initial reserves are [sets * windows, assets]"
        );
        assert!(
            fees[0] == positions[0] && fees[1] > 0,
            "arbitrage: fees must be [{}, at least 1], got {fees:?}",
            positions[0]
        );
    }
}

/// Reserves after the arbitrages of the sampled visits.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `positions` | `[sets * windows, K + 1, A]`, window fastest | coarse weights `x_0 .. x_K` |
/// | `initial` | `[sets * windows, A]` | reserves before the first row |
/// | `fees` | `[sets * windows, F]` | swap fees, each for [`ArbitragePlan::with_fee_rows`] rows, the last one for all later |
/// | result | `[sets * windows, samples, A]` | reserves |
///
/// # Panics
/// When the shapes do not fit the plan.
pub fn arbitrage(positions: Tensor<3>, initial: Tensor<2>, fees: Tensor<2>, plan: &Arc<ArbitragePlan>) -> Tensor<3> {
    let fused = Arbitrage(plan.clone());
    if is_fused(&fused, &positions.device()) {
        apply(fused, [positions.into_dispatch(), initial.into_dispatch(), fees.into_dispatch()])
    } else {
        reference::arbitrage(positions, initial, fees, plan)
    }
}

#[derive(Clone, Debug)]
struct Arbitrage(Arc<ArbitragePlan>);

impl Primitive<3> for Arbitrage {
    fn output_shape(&self, [positions, initial, fees]: [&[usize]; 3]) -> Vec<usize> {
        self.0.check(positions, initial, fees);
        vec![positions[0], self.0.windows.samples.len(), self.0.windows.assets]
    }

    fn kept(&self, [positions, ..]: [&[usize]; 3]) -> usize {
        positions[0] * cpu::stretches(&self.0) * self.0.windows.assets
    }

    fn forward<F: Real>(&self, inputs: [View<'_, F>; 3], output: &mut [F], kept: &mut [f64]) {
        cpu::forward(&self.0, inputs, output, kept);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 3>, gradients: [Option<&mut [F]>; 3]) {
        cpu::backward(&self.0, pass.inputs, pass.kept, pass.cotangent, gradients);
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<3>> {
        Some(self)
    }
}
