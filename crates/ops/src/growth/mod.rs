//! Value of a pool without fees along a path of coarse weights, in closed form.
//!
//! Between two arbitrages such a pool's value grows by (spec 12.1, 04 sec. 4.2)
//!
//! ```text
//! ln(V_{t+1} / V_t) = w_t . (ln p_{t+1} - ln p_t) - sum_i w_{t+1,i} ln(w_{t+1,i} / w_{t,i})
//! ```
//!
//! While weights move along a line, `w_t = x + t d` for `t = 0 .. m`, the sum over the `m` steps is
//!
//! ```text
//! ln(V_m / V_0) = x . S0 + d . S1 - K(x, d, m)
//! ```
//!
//! with `S0` and `S1` from prices alone ([`GrowthPlan`]) and `K` in closed form; so a day of
//! minutes costs as much as one. While weights rest at `x`, it is `x . S0`.
//!
//! Adjoint: with the sum `g` of the cotangents of all samples at or after the end of a segment,
//! `dx = g (S0 - dK/dx)` and `dd = g (S1 - dK/dd)`; a ramp from `x_k` to `x_{k+1}` in `Q` rows has
//! `x = x_k + offset (x_{k+1} - x_k) / Q` and `d = stride (x_{k+1} - x_k) / Q`. Prices are constants.

mod cpu;
#[cfg(feature = "cube")]
mod cube;
mod divergence;
mod plan;
pub mod reference;

#[cfg(feature = "cube")]
pub(crate) use cube::log_ratio as cube_log_ratio;
pub(crate) use divergence::log_ratio;
pub use plan::{GrowthPlan, PlanError, Segment, Span};
pub(crate) use plan::{length, positive};

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use burn::tensor::Tensor;
use std::sync::Arc;

/// `ln(V / V_0)` of a pool without fees at the end of each sampled segment.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `positions` | `[sets * windows, K + 1, A]`, window fastest | coarse weights `x_0 .. x_K` |
/// | result | `[sets * windows, samples]` | cumulative logarithm of the value's growth |
///
/// Source: spec 12.1. Equal to [`growth_steps`](crate::growth_steps()) at the sampled rows up to rounding.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn growth(positions: Tensor<3>, plan: &Arc<GrowthPlan>) -> Tensor<2> {
    let fused = Growth(plan.clone());
    if is_fused(&fused, &positions.device()) {
        apply(fused, [positions.into_dispatch()])
    } else {
        reference::growth(positions, plan)
    }
}

#[derive(Clone, Debug)]
struct Growth(Arc<GrowthPlan>);

impl Primitive<1> for Growth {
    fn output_shape(&self, [positions]: [&[usize]; 1]) -> Vec<usize> {
        self.0.check(positions);
        vec![positions[0], self.0.samples()]
    }

    /// The slopes of every segment in start and step of its line: the divergence costs little more with its gradient.
    fn kept(&self, [positions]: [&[usize]; 1]) -> usize {
        positions[0] * self.0.segments.len() * 2 * self.0.assets
    }

    fn forward<F: Real>(&self, [positions]: [View<'_, F>; 1], output: &mut [F], kept: &mut [f64]) {
        cpu::forward(&self.0, positions, output, kept);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 1>, [gradient]: [Option<&mut [F]>; 1]) {
        if let Some(gradient) = gradient {
            let [positions] = pass.inputs;
            cpu::backward(&self.0, positions.shape, pass.kept, pass.cotangent, gradient);
        }
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<1>> {
        Some(self)
    }
}
