//! Value of a portfolio that somebody sets back to its weights on a market, at a cost in proportion to what he trades.
//!
//! At an executed row prices move first, at the weights `a` of the last executed row; then the portfolio is set to the
//! weights `b` of the visited row before, and then to the row's own weights `w` (spec 04 sec. 4.8.7). In units of the value
//! before, with the price changes `m_i = p_i / p_i(last executed) - 1`, `u = sum a_i m_i` and the costs `h_i` below,
//!
//! ```text
//! x_i = (b_i - a_i) + b_i u - a_i m_i        what is bought of asset i on the way to the weights b
//! y_i = w_i - b_i                            and on the way from b to w
//! ln V <- ln V + ln(1 + u - sum h_i |x_i|) + ln(1 - sum h_i |y_i|) + ln(1 - streaming fee)
//! ```
//!
//! Selling costs `fee` of what is sold, and every trade half the spread of its asset. What is bought is worth what is sold, so
//! `h_i = (fee + spread_i) / 2`. Weights sum to one. The recursion is homogeneous in the value: the logarithm of the value is a
//! sum over rows, and nothing as long as the window is stored but the samples. Weights of rows exist one at a time.
//!
//! Adjoint of one row, with `s_i = sign x_i`, `z_i = sign y_i` (0 at 0, as `max(-x, 0)` and `abs` have it in the reference
//! system), `D = 1 + u - sum h_i |x_i|` and `E = 1 - sum h_i |y_i|`:
//!
//! ```text
//! da_i = (m_i (1 - sum_j h_j s_j b_j) + h_i s_i (1 + m_i)) / D
//! db_i = -h_i s_i (1 + u) / D + h_i z_i / E          dw_i = -h_i z_i / E
//! ```

mod cpu;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;
mod terms;

use std::sync::Arc;

pub use terms::{DailySpreads, RebalancingTerms};

use burn::tensor::Tensor;

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use crate::growth::PlanError;
use crate::windows::PricedWindows;

/// Windows of one price table in which portfolios are rebalanced in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct RebalancingPlan {
    windows: PricedWindows,
    terms: RebalancingTerms,
}

impl RebalancingPlan {
    /// A portfolio that is rebalanced in these windows, at each sample at least.
    ///
    /// # Errors
    /// [`PlanError`] when nobody rebalances at a sample or a cost is out of its range.
    pub fn new(windows: PricedWindows, terms: RebalancingTerms) -> Result<Self, PlanError> {
        terms.validate(windows.table_rows(), windows.assets)?;
        if let Some(idle) = windows.samples.iter().find(|visit| !terms.executes(&windows.layout, **visit)) {
            return Err(PlanError::Range { name: "samples", value: format!("{idle}, where nobody rebalances") });
        }
        Ok(Self { windows, terms })
    }

    /// The executed visit before one, if there is any.
    fn executed_before(&self, visit: usize) -> Option<usize> {
        (0..visit).rev().find(|&earlier| self.terms.executes(&self.windows.layout, earlier))
    }
}

/// `ln(V / V_0)` of a rebalanced portfolio at the sampled visits, where `V_0` is its value before the first row.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `positions` | `[sets * windows, K + 1, A]`, window fastest | coarse weights `x_0 .. x_K` |
/// | result | `[sets * windows, samples]` | cumulative logarithm of the value's growth |
///
/// Source: spec 04 sec. 4.8.3, 4.8.7.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn rebalancing(positions: Tensor<3>, plan: &Arc<RebalancingPlan>) -> Tensor<2> {
    let fused = Rebalancing(plan.clone());
    if is_fused(&fused, &positions.device()) {
        apply(fused, [positions.into_dispatch()])
    } else {
        reference::rebalancing(positions, plan)
    }
}

#[derive(Clone, Debug)]
struct Rebalancing(Arc<RebalancingPlan>);

impl Primitive<1> for Rebalancing {
    fn output_shape(&self, [positions]: [&[usize]; 1]) -> Vec<usize> {
        self.0.windows.check("rebalancing", positions);
        vec![positions[0], self.0.windows.samples.len()]
    }

    fn forward<F: Real>(&self, [positions]: [View<'_, F>; 1], output: &mut [F], _: &mut [f64]) {
        cpu::forward(&self.0, positions, output);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 1>, [gradient]: [Option<&mut [F]>; 1]) {
        if let Some(gradient) = gradient {
            let [positions] = pass.inputs;
            cpu::backward(&self.0, positions, pass.cotangent, gradient);
        }
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<1>> {
        Some(self)
    }
}
