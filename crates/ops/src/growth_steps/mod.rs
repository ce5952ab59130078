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
#[cfg(feature = "cube")]
mod cube;
pub mod reference;

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use crate::growth::{PlanError, length, positive};
use crate::interpolation::PathLayout;
use burn::tensor::Tensor;
use std::sync::Arc;

/// Windows of one price table with the same layout.
#[derive(Clone, Debug, PartialEq)]
pub struct StepsPlan {
    layout: PathLayout,
    starts: Arc<[usize]>,
    assets: usize,
    log_changes: Arc<[f64]>,
}

impl StepsPlan {
    /// A plan of windows that begin at the rows `starts` of a price table. `log_changes` is `ln(p_{row + stride} / p_row)`,
    /// `[rows, assets]` row-major, for every row of the table that has another one a stride later; it is shared by all plans.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, the ramp is longer than the block, or the changes end before a window does.
    pub fn new(
        layout: PathLayout,
        starts: impl Into<Arc<[usize]>>,
        assets: usize,
        log_changes: Arc<[f64]>,
    ) -> Result<Self, PlanError> {
        layout.validate()?;
        let starts = starts.into();
        positive(&[("windows", starts.len()), ("assets", assets)])?;
        let rows = match layout.visited() - 1 {
            0 => 0,
            steps => starts.iter().max().map_or(0, |start| start + (steps - 1) * layout.stride + 1),
        };
        let found = log_changes.len() / assets;
        length("log_changes", "at least the rows of every window", rows.max(found), found)?;
        Ok(Self { layout, starts, assets, log_changes })
    }

    /// How the windows' blocks lie.
    pub fn layout(&self) -> &PathLayout {
        &self.layout
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.starts.len()
    }

    /// Change of the logarithms of the prices of a window from a visit to the next one.
    fn log_changes_of(&self, window: usize, visit: usize) -> &[f64] {
        let first = (self.starts[window] + visit * self.layout.stride) * self.assets;
        &self.log_changes[first..first + self.assets]
    }

    fn check(&self, positions: &[usize]) {
        self.layout.check(positions);
        assert!(
            positions[0].is_multiple_of(self.windows()) && positions[2] == self.assets,
            "growth_steps: positions must be [sets * {}, K + 1, {}], got {positions:?}",
            self.windows(),
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
    let fused = GrowthSteps(plan.clone());
    if is_fused(&fused, &positions.device()) {
        apply(fused, [positions.into_dispatch()])
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

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<1>> {
        Some(self)
    }
}
