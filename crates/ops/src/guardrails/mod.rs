//! Guardrails: from rule outputs to coarse weights that respect bounds, minimum weight and a cap on speed.
//!
//! One coarse step moves the position `x` reached so far by a rule output `u` (spec 03 sec. 3.2):
//!
//! 1. `y = r x + u`, where `r` is the share of its position that a step keeps (1 for rules that output changes, the
//!    smoothing for rules that output targets, which give `u = (1 - r) target`); `v = y / sum(y)`
//! 2. with bounds: `v = B(v)`, clipped to them, the excess handed to whoever has room (sec. 3.2.1)
//! 3. weights below the minimum `e` are put to `e`; the others are clipped to `[e, 1 - (n - 1) e]` and share what is left
//! 4. the heaviest weight takes up the rounding of the sum (no gradient)
//! 5. `d = (v - x) / Q`; if the largest `|d_i|` exceeds the cap `D`: `d = d * D / (max + 1e-10)`
//! 6. the next position is `x + d Q`
//!
//! so that positions sum to one and no weight changes by more than `D` per row. Sequential in time, independent over
//! parameter sets and windows.
//!
//! The adjoint runs the steps backward from what each kept. Clips have slope 1 inside, 0 outside and
//! 1/2 on a bound; the cap is differentiated through the largest change; either may be straight-through (slope 1, spec 03
//! sec. 3.4). The choice of weights below the minimum and of the heaviest weight carries no gradient.

pub(crate) mod cpu;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;
mod step;

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::backend::{self, Pass, Primitive, Real, View};
use step::{Bounds, Limits, Terms, Trace};

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

/// One guarded step from weights `position` by rule output `output`, in the arithmetic of the fused kernel; `retention` is
/// the share of its position that the step keeps, all of it if `None`.
///
/// # Panics
/// If `output`, `retention` or the bounds have another length than `position`.
pub fn guardrail_step(
    position: &[f64],
    output: &[f64],
    retention: Option<&[f64]>,
    bounds: Option<GuardrailBounds<'_>>,
    settings: &GuardrailSettings,
) -> CoarseStep {
    let assets = position.len();
    assert_eq!(output.len(), assets, "a rule output has one value per asset");
    let bounds = bounds.map(|bounds| Bounds { lower: bounds.lower, upper: bounds.upper });
    let terms = Terms { retention, bounds };
    let mut trace = Trace::<f64, Vec<f64>>::new(assets);
    let mut end = vec![0.0; assets];
    step::forward(position, output, &Limits::new(settings, assets), terms, &mut trace, &mut end);
    CoarseStep { start: position.to_vec(), end, change: trace.change, target: trace.target }
}

/// What moves the weights of several windows for several parameter sets.
#[derive(Clone, Debug)]
pub struct GuardrailInputs {
    /// Rule outputs `[sets, output rows, assets]` over the whole history.
    pub outputs: Tensor<3>,
    /// Weights `[sets * windows, assets]`, set-major, at which windows start.
    pub initial: Tensor<2>,
    /// Share of its position that a step keeps, `[sets, assets]`; `None` keeps all of it.
    pub retention: Option<Tensor<2>>,
    /// Lower and upper bounds `[sets, 2, assets]`, if any.
    pub bounds: Option<Tensor<3>>,
}

impl GuardrailInputs {
    /// # Panics
    /// If shapes do not fit each other or a window reaches beyond the outputs.
    pub(crate) fn check(&self, first_outputs: &[usize], ramps: usize) {
        let [sets, output_rows, assets] = self.outputs.dims();
        let entries = sets * first_outputs.len();
        assert_eq!(self.initial.dims(), [entries, assets], "initial weights are [sets * windows, assets]");
        if let Some(retention) = &self.retention {
            assert_eq!(retention.dims(), [sets, assets], "the retention is [sets, assets]");
        }
        if let Some(bounds) = &self.bounds {
            assert_eq!(bounds.dims(), [sets, 2, assets], "bounds are [sets, 2, assets]");
        }
        for first in first_outputs {
            assert!(
                first + ramps <= output_rows,
                "a window from output row {first} needs {ramps} of {output_rows} rows"
            );
        }
    }
}

/// Coarse weights of several windows for several parameter sets.
///
/// * `first_outputs`: per window, the output row that its first step follows; step `k` follows row `first + k`
/// * `ramps`: steps of each window
///
/// Returns positions `[sets * windows, ramps + 1, assets]`, set-major: the weights before each step and after the last.
/// Differentiable in all [`GuardrailInputs`].
///
/// # Panics
/// If the shapes do not fit, a window reaches beyond the outputs, or `interpolation_rows` is 0.
pub fn guardrails(
    inputs: GuardrailInputs,
    first_outputs: &[usize],
    ramps: usize,
    settings: &GuardrailSettings,
) -> Tensor<3> {
    inputs.check(first_outputs, ramps);
    assert!(settings.interpolation_rows > 0, "weights need at least one row to move");
    let [sets, output_rows, assets] = inputs.outputs.dims();
    let fused = Guardrails {
        layout: Layout { sets, output_rows, assets, ramps, first_outputs: first_outputs.into() },
        settings: *settings,
        has_retention: inputs.retention.is_some(),
        has_bounds: inputs.bounds.is_some(),
    };
    if !backend::is_fused::<_, 2>(&fused, &inputs.outputs.device()) {
        return reference::guardrails(inputs, first_outputs, ramps, settings);
    }
    let (outputs, initial) = (inputs.outputs.into_dispatch(), inputs.initial.into_dispatch());
    match (inputs.retention, inputs.bounds) {
        (None, None) => backend::apply(fused, [outputs, initial]),
        (Some(retention), None) => backend::apply(fused, [outputs, initial, retention.into_dispatch()]),
        (None, Some(bounds)) => backend::apply(fused, [outputs, initial, bounds.into_dispatch()]),
        (Some(retention), Some(bounds)) => {
            backend::apply(fused, [outputs, initial, retention.into_dispatch(), bounds.into_dispatch()])
        }
    }
}

/// Numbers that each step of each window keeps for the backward pass.
pub fn kept_per_step(assets: usize) -> usize {
    step::KEPT_PER_STEP + step::KEPT_PER_ASSET * assets
}

/// Sizes of a call, and which outputs each window follows.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub sets: usize,
    pub output_rows: usize,
    pub assets: usize,
    pub ramps: usize,
    pub first_outputs: Arc<[usize]>,
}

impl Layout {
    pub fn entries(&self) -> usize {
        self.sets * self.first_outputs.len()
    }

    fn entry_len(&self) -> usize {
        (self.ramps + 1) * self.assets
    }

    pub fn set_of(&self, entry: usize) -> usize {
        entry / self.first_outputs.len()
    }

    fn first_output_of(&self, entry: usize) -> usize {
        self.first_outputs[entry % self.first_outputs.len()]
    }

    /// Where the outputs that a window follows lie among all outputs.
    pub fn outputs_of(&self, entry: usize) -> Range<usize> {
        let first = (self.set_of(entry) * self.output_rows + self.first_output_of(entry)) * self.assets;
        first..first + self.ramps * self.assets
    }
}

/// The inputs are outputs, initial weights, then the retention and the bounds where there are any.
#[derive(Clone, Debug)]
struct Guardrails {
    layout: Layout,
    settings: GuardrailSettings,
    has_retention: bool,
    has_bounds: bool,
}

impl Guardrails {
    /// The optional ones among what belongs to the inputs: retention and bounds.
    fn optional<T>(&self, mut rest: impl Iterator<Item = T>) -> (Option<T>, Option<T>) {
        let retention = if self.has_retention { rest.next() } else { None };
        (retention, if self.has_bounds { rest.next() } else { None })
    }

    fn inputs<'a, F: Real>(&self, views: &[View<'a, F>]) -> cpu::Inputs<'a, F> {
        let (retention, bounds) = self.optional(views[2..].iter().map(|view| view.values));
        cpu::Inputs { outputs: views[0].values, initial: views[1].values, retention, bounds }
    }
}

impl<const N: usize> Primitive<N> for Guardrails {
    fn output_shape(&self, _: [&[usize]; N]) -> Vec<usize> {
        vec![self.layout.entries(), self.layout.ramps + 1, self.layout.assets]
    }

    fn kept(&self, _: [&[usize]; N]) -> usize {
        self.layout.entries() * self.layout.ramps * kept_per_step(self.layout.assets)
    }

    fn forward<F: Real>(&self, inputs: [View<'_, F>; N], positions: &mut [F], kept: &mut [f64]) {
        cpu::forward(self.inputs(&inputs), &self.layout, &self.settings, positions, kept);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, N>, gradients: [Option<&mut [F]>; N]) {
        let mut gradients = gradients.into_iter();
        let (outputs, initial) = (gradients.next().flatten(), gradients.next().flatten());
        let (retention, bounds) = self.optional(gradients);
        let total = cpu::Gradients { outputs, initial, retention: retention.flatten(), bounds: bounds.flatten() };
        let past = cpu::Past {
            inputs: self.inputs(&pass.inputs),
            positions: pass.output.values,
            kept: pass.kept,
            cotangent: pass.cotangent.values,
        };
        cpu::backward(past, &self.layout, &self.settings, total);
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn backend::Kernels<N>> {
        Some(self)
    }
}
