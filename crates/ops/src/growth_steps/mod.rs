//! Value of a pool without fees, row by row, for any interpolation of its weights.
//!
//! ```text
//! ln(V_{t+1} / V_t) = w_t . (ln p_{t+1} - ln p_t) - sum_i w_{t+1,i} ln(w_{t+1,i} / w_{t,i})
//! ```
//!
//! over the visited rows (spec 04 sec. 4.2, 12.1), with the weights of [`PathLayout`]. Nothing as long as
//! the window is stored but the result; the backward pass computes the weights again.
//!
//! Adjoint: with `g_t` the sum of the cotangents of all rows after `t`,
//! `dw_t = g_t (ln p_{t+1} - ln p_t + w_{t+1} / w_t) - g_{t-1} (ln(w_t / w_{t-1}) + 1)`, and from weights
//! to positions as in [`interpolation`](crate::interpolation).

mod cpu;
pub mod reference;

use crate::backend::{Pass, Primitive, Real, View, apply, has_fused_kernels};
use crate::growth::{PlanError, length, positive};
use crate::interpolation::PathLayout;
use burn::tensor::Tensor;
use std::sync::Arc;

/// `W` windows with the same layout and their own prices.
#[derive(Clone, Debug, PartialEq)]
pub struct StepsPlan {
    layout: PathLayout,
    windows: usize,
    assets: usize,
    log_prices: Vec<f64>,
}

impl StepsPlan {
    /// A plan from the natural logarithms of the prices at the visited rows, `[windows, visited, assets]`.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, the ramp is longer than the block, or the table has the wrong length.
    pub fn new(layout: PathLayout, windows: usize, assets: usize, log_prices: Vec<f64>) -> Result<Self, PlanError> {
        layout.validate()?;
        positive(&[("windows", windows), ("assets", assets)])?;
        let expected = windows * layout.visited() * assets;
        length("log_prices", "windows x visited rows x assets", expected, log_prices.len())?;
        Ok(Self { layout, windows, assets, log_prices })
    }

    /// How the windows' blocks lie.
    pub fn layout(&self) -> &PathLayout {
        &self.layout
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.windows
    }

    fn check(&self, positions: &[usize]) {
        self.layout.check(positions);
        assert!(
            positions[0].is_multiple_of(self.windows) && positions[2] == self.assets,
            "growth_steps: positions must be [sets * {}, K + 1, {}], got {positions:?}",
            self.windows,
            self.assets
        );
    }
}

/// `ln(V_t / V_0)` of a pool without fees at every visited row.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `positions` | `[sets * windows, K + 1, A]`, window fastest | coarse weights `x_0 .. x_K` |
/// | result | `[sets * windows, visited]` | cumulative logarithm of the value's growth, 0 first |
///
/// Source: spec 04 sec. 4.2.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn growth_steps(positions: Tensor<3>, plan: &Arc<StepsPlan>) -> Tensor<2> {
    if has_fused_kernels(&positions.device()) {
        apply(GrowthSteps(plan.clone()), [positions.into_dispatch()])
    } else {
        reference::growth_steps(positions, plan)
    }
}

#[derive(Clone, Debug)]
struct GrowthSteps(Arc<StepsPlan>);

impl Primitive<1> for GrowthSteps {
    fn output_shape(&self, [positions]: [&[usize]; 1]) -> Vec<usize> {
        self.0.check(positions);
        vec![positions[0], self.0.layout.visited()]
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
}
