//! Execution: from rule outputs to the weights of a deployed pool, with the contracts' limits, cuts and expiry (spec 13
//! sec. 6 to 8).
//!
//! One update finds the pool at weights `w`, of nine decimals, and moves it by a rule output `u` as in
//! [`guardrails`](crate::guardrails()):
//!
//! 1. `y = r w + u`
//! 2. clamp: what is below the minimum `g` becomes `g`; the others are cut to `1 - (n - 1) g` and, unless they are exactly
//!    `g`, scaled to share what is left. One pass: scaling may push a weight under the minimum
//! 3. limit: if the largest `|y_i - w_i|` exceeds `epsilon`, all changes are scaled down to it
//! 4. repair: an excess of the sum over one is taken from the largest weight, a lack given to the second largest
//! 5. multiplier `M = (y - w) / interval`, per second; the run ends after `T` seconds, when the first asset meets its rail
//! 6. until the next update, `elapsed` seconds later, weights are `w + M min(t, T)`: through the target, not to it
//!
//! Weights are stored with nine decimals and so is `M`, cut toward zero, after `T` has been found from the uncut one; `T` is
//! whole seconds. So weights do not sum to one: they miss it by what the cuts took.
//!
//! The kernel computes all of this in integers of 18 decimals, as the contracts do, so from a rule output of 18 decimals it
//! gives the contracts' weights, digit by digit; from any other, those of the nearest. The form in tensor operations
//! ([`mod@reference`]) has floats and may differ where a cut or a floor lies within rounding.
//!
//! The adjoint runs the updates backward. Cuts and floors are straight-through: derivatives are those of the real numbers,
//! taken at the weights that were cut. Clips have slope 1/2 on a bound; the limit is differentiated through the largest
//! change; both may be straight-through as in the guardrails. The time `T` at which a run ends is differentiated too, as
//! `T = (rail - w_a) / M_a` of the asset `a` that ends it, so that the gradient of a weight that stopped at its rail is zero;
//! but it is a constant where that asset is nearer to its rail than the last digit of a multiplier moves it in an interval,
//! because then only the cuts let it run.
//!
//! Real weights keep their sum, so a gradient has no part along all weights at once: it is taken away at every update. Late
//! updates would let it grow without limit, because they multiply what is missing to one by `1 - elapsed / interval`; the cuts
//! quench that, and straight-through gradients do not know it.
//!
//! An expiry that lies before its update makes the contracts' weights nonsense (sec. 8); here it is an expiry at once.

mod cpu;
pub mod reference;
mod runs;
mod step;

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::backend::{self, Pass, Primitive, Real, View};
use crate::guardrails::cpu::Gradients;
use crate::guardrails::{GuardrailInputs, Layout};
pub use runs::{interpolate_run, weights_of_runs};
use step::Limits;

/// Most assets of a deployed pool (spec 13 sec. 8).
pub const MOST_ASSETS: usize = 8;

/// What a pool was deployed with, as far as it moves weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExecutionSettings {
    /// Smallest weight `g` of any asset; below 1 / assets.
    pub minimum_weight: f64,
    /// Largest change `epsilon` of any weight per update; at most 1.
    pub largest_change: f64,
    /// Seconds in which a run reaches its target: the pool's update interval.
    pub interval_seconds: u32,
    /// Seconds from one update to the next; more than the interval where updates come late.
    pub elapsed_seconds: u32,
    /// Slope 1 for the clips to smallest and largest weight.
    pub straight_through_limits: bool,
    /// Slope 1 for the limit of the change.
    pub straight_through_cap: bool,
}

/// What became of the weights of several windows.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Weights before each update and at the time of the one after the last, `[sets * windows, updates + 1, assets]`; nine
    /// decimals, which do not sum to one.
    pub weights: Tensor<3>,
    /// Seconds for which weights ran after each update, `[sets * windows, updates]`: at most those to the next.
    pub run_seconds: Tensor<2>,
}

/// One update.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutedUpdate {
    /// Weights before it.
    pub start: Vec<f64>,
    /// Weights when the next one comes.
    pub end: Vec<f64>,
    /// Change of each weight per second while it runs, as stored.
    pub multiplier: Vec<f64>,
    /// Where the rule wanted to go, after the clamp and before the limit.
    pub target: Vec<f64>,
    /// Seconds for which weights run.
    pub run_seconds: f64,
}

/// Weights as a new pool stores them: with 18 decimals and a sum of one, then cut to nine. Not a number where one is not finite.
///
/// # Panics
/// If there are too many assets.
pub fn deployed_weights(weights: &[f64]) -> Vec<f64> {
    assert!(weights.len() <= MOST_ASSETS, "a deployed pool has at most {MOST_ASSETS} assets");
    match step::deployed(weights) {
        Some(stored) => stored[..weights.len()].iter().map(|weight| step::weight_of(*weight)).collect(),
        None => vec![f64::NAN; weights.len()],
    }
}

/// One update of a pool at `weights`, of nine decimals, in the arithmetic of the fused kernel. `retention` is the share of its
/// weights that an update keeps, all of it if `None`.
///
/// # Panics
/// If `output` or `retention` have another length than `weights`, or there are too many assets.
pub fn execution_update(
    weights: &[f64],
    output: &[f64],
    retention: Option<&[f64]>,
    settings: &ExecutionSettings,
) -> ExecutedUpdate {
    let assets = weights.len();
    assert!(assets <= MOST_ASSETS && output.len() == assets, "a rule output has one value per asset, at most eight");
    let limits = Limits::new(settings, assets);
    let stored: Vec<i64> = weights.iter().map(|weight| step::stored(*weight)).collect();
    let start: Vec<f64> = stored.iter().map(|weight| step::weight_of(*weight)).collect();
    let finite = weights.iter().all(|weight| weight.is_finite());
    let Some(raw) = step::raw_weights(&stored, output, retention).filter(|_| finite) else {
        let lost = || vec![f64::NAN; assets];
        return ExecutedUpdate { start, end: lost(), multiplier: lost(), target: lost(), run_seconds: f64::NAN };
    };
    let update = step::forward(&stored, &raw, &limits);
    ExecutedUpdate {
        start,
        end: update.end()[..assets].iter().map(|weight| step::weight_of(*weight)).collect(),
        multiplier: update.multipliers[..assets].iter().map(|multiplier| step::weight_of(*multiplier)).collect(),
        target: update.clamped[..assets].iter().map(|weight| step::real(*weight)).collect(),
        run_seconds: update.seconds as f64,
    }
}

/// Weights of several windows for several parameter sets, update by update.
///
/// * `first_outputs`: per window, the output row of its first update; update `k` has row `first + k`
/// * `updates`: updates of each window
///
/// Windows begin at the stored initial weights. Differentiable in all [`GuardrailInputs`]; contracts have no bounds per asset.
///
/// # Panics
/// If the shapes do not fit, a window reaches beyond the outputs, there are bounds or more than eight assets, or a number of
/// seconds is 0.
pub fn execution(
    inputs: GuardrailInputs,
    first_outputs: &[usize],
    updates: usize,
    settings: &ExecutionSettings,
) -> Executed {
    inputs.check(first_outputs, updates);
    let [sets, output_rows, assets] = inputs.outputs.dims();
    assert!(inputs.bounds.is_none(), "contracts have no bounds per asset");
    assert!(assets <= MOST_ASSETS, "a deployed pool has at most {MOST_ASSETS} assets, got {assets}");
    assert!(settings.interval_seconds > 0 && settings.elapsed_seconds > 0, "a run needs at least one second");
    if !backend::has_fused_kernels(&inputs.outputs.device()) {
        return reference::execution(inputs, first_outputs, updates, settings, true);
    }
    let layout = Layout { sets, output_rows, assets, ramps: updates, first_outputs: first_outputs.into() };
    let fused = Execution { layout: Arc::new(layout), settings: *settings };
    let (outputs, initial) = (inputs.outputs.into_dispatch(), inputs.initial.into_dispatch());
    let both: Tensor<3> = match inputs.retention {
        None => backend::apply(fused, [outputs, initial]),
        Some(retention) => backend::apply(fused, [outputs, initial, retention.into_dispatch()]),
    };
    let [entries, positions, _] = both.dims();
    let seconds = both.clone().slice([0..entries, 1..positions, assets..assets + 1]);
    Executed {
        weights: both.slice([0..entries, 0..positions, 0..assets]),
        run_seconds: seconds.reshape([entries, updates]),
    }
}

/// The inputs are outputs, initial weights, then the retention if there is one. The last column of the output has, beside
/// the weights that an update leads to, the seconds for which they ran.
#[derive(Clone, Debug)]
struct Execution {
    layout: Arc<Layout>,
    settings: ExecutionSettings,
}

impl Execution {
    fn inputs<'a, F: Real>(views: &[View<'a, F>]) -> cpu::Inputs<'a, F> {
        let retention = views.get(2).map(|view| view.values);
        cpu::Inputs { outputs: views[0].values, initial: views[1].values, retention }
    }
}

impl<const N: usize> Primitive<N> for Execution {
    fn output_shape(&self, _: [&[usize]; N]) -> Vec<usize> {
        vec![self.layout.entries(), self.layout.ramps + 1, self.layout.assets + 1]
    }

    /// The weights before every update, which a float of single precision cannot hold.
    fn kept(&self, _: [&[usize]; N]) -> usize {
        self.layout.entries() * self.layout.ramps * self.layout.assets
    }

    fn forward<F: Real>(&self, inputs: [View<'_, F>; N], output: &mut [F], kept: &mut [f64]) {
        cpu::forward(Self::inputs(&inputs), &self.layout, &self.settings, output, kept);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, N>, gradients: [Option<&mut [F]>; N]) {
        let mut gradients = gradients.into_iter();
        let mut next = || gradients.next().flatten();
        let total = Gradients { outputs: next(), initial: next(), retention: next(), bounds: None };
        let past = cpu::Past { inputs: Self::inputs(&pass.inputs), kept: pass.kept, cotangent: pass.cotangent.values };
        cpu::backward(past, &self.layout, &self.settings, total);
    }
}
