//! Guardrails: from rule outputs to coarse weights that respect bounds, minimum weight and a cap on speed.
//!
//! One coarse step moves the position `x` reached so far by a rule output `u` (spec 03 sec. 3.2):
//!
//! 1. `v = (x + u) / sum(x + u)`
//! 2. with bounds: `v = B(v)`, clipped to them, the excess handed to whoever has room (sec. 3.2.1)
//! 3. weights below the minimum `e` are put to `e`; the others are clipped to `[e, 1 - (n - 1) e]` and share what is left
//! 4. the heaviest weight takes up the rounding of the sum (no gradient)
//! 5. `d = (v - x) / Q`; if the largest `|d_i|` exceeds the cap `D`: `d = d * D / (max + 1e-10)`
//! 6. the next position is `x + d Q`
//!
//! so that positions sum to one and no weight changes by more than `D` per row. Sequential in time, independent over
//! parameter sets and windows.
//!
//! The adjoint runs the steps backward, recomputing each from the stored positions. Clips have slope 1 inside, 0 outside and
//! 1/2 on a bound; the cap is differentiated through the largest change; either may be straight-through (slope 1, spec 03
//! sec. 3.4). The choice of weights below the minimum and of the heaviest weight carries no gradient.

mod cpu;
pub mod reference;
mod step;

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::backend::{self, Primitive, Real, View};
use step::{Bounds, Limits, Trace};

/// Settings of the guardrails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardrailSettings {
    /// Rows `Q` over which weights move to their target; at least 1.
    pub interpolation_rows: usize,
    /// Smallest weight `e` of any asset; below 1 / assets.
    pub minimum_weight: f64,
    /// Largest change `D` of any weight per row.
    pub maximum_change_per_row: f64,
    /// Slope 1 for the clips to minimum, maximum and bounds.
    pub straight_through_limits: bool,
    /// Slope 1 for the cap on changes.
    pub straight_through_cap: bool,
}

/// Lower and upper bound of every weight, for [`guardrail_step`].
#[derive(Clone, Copy, Debug)]
pub struct GuardrailBounds<'a> {
    /// Smallest weight of each asset.
    pub lower: &'a [f64],
    /// Largest weight of each asset.
    pub upper: &'a [f64],
}

/// One coarse step: the ramp from `start` to `end`, `change` per row, on the way to `target`.
#[derive(Clone, Debug, PartialEq)]
pub struct CoarseStep {
    /// Weights at which the ramp starts.
    pub start: Vec<f64>,
    /// Weights at which it ends, after `interpolation_rows` rows.
    pub end: Vec<f64>,
    /// Change per row, after the cap.
    pub change: Vec<f64>,
    /// Where the rule wanted to go, before the cap.
    pub target: Vec<f64>,
}

/// One guarded step from weights `position` by rule output `output`, in the arithmetic of the fused kernel.
///
/// # Panics
/// If `output` or the bounds have another length than `position`.
pub fn guardrail_step(
    position: &[f64],
    output: &[f64],
    bounds: Option<GuardrailBounds<'_>>,
    settings: &GuardrailSettings,
) -> CoarseStep {
    let assets = position.len();
    assert_eq!(output.len(), assets, "a rule output has one value per asset");
    let bounds = bounds.map(|bounds| Bounds { lower: bounds.lower, upper: bounds.upper });
    let mut trace = Trace::new(assets);
    let mut end = vec![0.0; assets];
    step::forward(position, output, &Limits::new(settings, assets), bounds, &mut trace, &mut end);
    CoarseStep { start: position.to_vec(), end, change: trace.change, target: trace.target }
}

/// Coarse weights of several windows for several parameter sets.
///
/// * `outputs`: rule outputs `[sets, output rows, assets]` over the whole history
/// * `initial`: weights `[sets, assets]` at which every window starts
/// * `bounds`: lower and upper bounds `[sets, 2, assets]`, if any
/// * `first_outputs`: per window, the output row that its first step follows; step `k` follows row `first + k`
/// * `ramps`: steps of each window
///
/// Returns positions `[sets * windows, ramps + 1, assets]`, set-major: the weights before each step and after the last.
/// Differentiable in outputs, initial weights and bounds.
///
/// # Panics
/// If the shapes do not fit, a window reaches beyond the outputs, or `interpolation_rows` is 0.
pub fn guardrails(
    outputs: Tensor<3>,
    initial: Tensor<2>,
    bounds: Option<Tensor<3>>,
    first_outputs: &[usize],
    ramps: usize,
    settings: &GuardrailSettings,
) -> Tensor<3> {
    let [sets, output_rows, assets] = outputs.dims();
    assert_eq!(
        initial.dims(),
        [sets, assets],
        "initial weights are [sets, assets] beside outputs [sets, rows, assets]"
    );
    if let Some(bounds) = &bounds {
        assert_eq!(bounds.dims(), [sets, 2, assets], "bounds are [sets, 2, assets]");
    }
    assert!(settings.interpolation_rows > 0, "weights need at least one row to move");
    for first in first_outputs {
        assert!(first + ramps <= output_rows, "a window from output row {first} needs {ramps} of {output_rows} rows");
    }
    if !backend::has_fused_kernels(&outputs.device()) {
        return reference::guardrails(outputs, initial, bounds, first_outputs, ramps, settings);
    }
    let layout = Layout { sets, output_rows, assets, ramps, first_outputs: first_outputs.into() };
    let fused = Guardrails { layout, settings: *settings };
    let (outputs, initial) = (outputs.into_dispatch(), initial.into_dispatch());
    match bounds {
        None => backend::apply(fused, [outputs, initial]),
        Some(bounds) => backend::apply(fused, [outputs, initial, bounds.into_dispatch()]),
    }
}

/// Sizes of a call, and which outputs each window follows.
#[derive(Clone, Debug)]
struct Layout {
    sets: usize,
    output_rows: usize,
    assets: usize,
    ramps: usize,
    first_outputs: Arc<[usize]>,
}

impl Layout {
    fn entries(&self) -> usize {
        self.sets * self.first_outputs.len()
    }

    fn entry_len(&self) -> usize {
        (self.ramps + 1) * self.assets
    }

    fn set_of(&self, entry: usize) -> usize {
        entry / self.first_outputs.len()
    }

    fn first_output_of(&self, entry: usize) -> usize {
        self.first_outputs[entry % self.first_outputs.len()]
    }
}

#[derive(Clone, Debug)]
struct Guardrails {
    layout: Layout,
    settings: GuardrailSettings,
}

impl Guardrails {
    fn forward<F: Real>(&self, outputs: &[F], initial: &[F], bounds: Option<&[F]>, positions: &mut [F]) {
        let inputs = cpu::Inputs { outputs, initial, bounds };
        cpu::forward(inputs, &self.layout, &self.settings, positions);
    }
}

impl Primitive<2> for Guardrails {
    fn output_shape(&self, _: [&[usize]; 2]) -> Vec<usize> {
        vec![self.layout.entries(), self.layout.ramps + 1, self.layout.assets]
    }

    fn forward<F: Real>(&self, [outputs, initial]: [View<'_, F>; 2], positions: &mut [F]) {
        self.forward(outputs.values, initial.values, None, positions);
    }

    fn backward<F: Real>(
        &self,
        [outputs, initial]: [View<'_, F>; 2],
        positions: View<'_, F>,
        cotangent: View<'_, F>,
        [to_outputs, to_initial]: [Option<&mut [F]>; 2],
    ) {
        let inputs = cpu::Inputs { outputs: outputs.values, initial: initial.values, bounds: None };
        let gradients = cpu::Gradients { outputs: to_outputs, initial: to_initial, bounds: None };
        cpu::backward(inputs, positions.values, cotangent.values, &self.layout, &self.settings, gradients);
    }
}

impl Primitive<3> for Guardrails {
    fn output_shape(&self, _: [&[usize]; 3]) -> Vec<usize> {
        vec![self.layout.entries(), self.layout.ramps + 1, self.layout.assets]
    }

    fn forward<F: Real>(&self, [outputs, initial, bounds]: [View<'_, F>; 3], positions: &mut [F]) {
        self.forward(outputs.values, initial.values, Some(bounds.values), positions);
    }

    fn backward<F: Real>(
        &self,
        [outputs, initial, bounds]: [View<'_, F>; 3],
        positions: View<'_, F>,
        cotangent: View<'_, F>,
        [to_outputs, to_initial, to_bounds]: [Option<&mut [F]>; 3],
    ) {
        let inputs = cpu::Inputs { outputs: outputs.values, initial: initial.values, bounds: Some(bounds.values) };
        let gradients = cpu::Gradients { outputs: to_outputs, initial: to_initial, bounds: to_bounds };
        cpu::backward(inputs, positions.values, cotangent.values, &self.layout, &self.settings, gradients);
    }
}
