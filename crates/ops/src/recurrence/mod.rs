//! The linear recurrence behind every estimator: running averages, gradients and variances.
//!
//! ```text
//! y_t = decay * y_{t-1} + u_t,   y_{-1} = initial,   t = 0..T
//! ```
//!
//! elementwise over assets. With the cotangents `c_t` of `y_t` the adjoint is the same recurrence
//! backwards in time (spec 12.3):
//!
//! ```text
//! z_t = c_t + decay * z_{t+1},   du_t = z_t,   d decay = sum_t z_t * y_{t-1},   d initial = decay * z_0
//! ```
//!
//! Two forms give the same numbers to rounding. [`RecurrenceForm::Sequential`] takes one step after
//! another with exactly the arithmetic of [`step`], which a streaming implementation shares bit for bit.
//! [`RecurrenceForm::Blocked`] cuts time into blocks of [`BLOCK_ROWS`] rows that do not wait for each
//! other and carries the state between blocks with `decay^BLOCK_ROWS`; no memory is truncated.

mod blocks;
mod cpu;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use burn::tensor::Tensor;

/// Rows of one block of the blocked form.
pub const BLOCK_ROWS: usize = 64;

/// How the recurrence is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecurrenceForm {
    /// One time step after another, as [`step`] does it.
    #[default]
    Sequential,
    /// Independent blocks of time with carries between them.
    Blocked,
}

/// Settings of [`recurrence()`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecurrenceOptions {
    /// How the recurrence is computed.
    pub form: RecurrenceForm,
    /// Sets `y_t` to zero where `|y_t|` is below this threshold, in the units of `y`; no gradient
    /// passes through a value that was set to zero. Only for the sequential form.
    pub dead_zone: Option<f64>,
}

/// One step of the recurrence: `decay * previous + input`, the product rounded before the sum.
#[inline]
pub fn step<F: Real>(previous: F, decay: F, input: F) -> F {
    decay * previous + input
}

/// Zero where `|value| < threshold`, else the value (NaN stays NaN).
#[inline]
pub fn dead_zone<F: Real>(value: F, threshold: F) -> F {
    if value.magnitude() < threshold { F::ZERO } else { value }
}

/// `y_t = decay * y_{t-1} + u_t` along time.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `input` | `[S, T, A]`, or `[1, T, A]` shared by all sets | `u` |
/// | `decay` | `[S, A]` | factor of the previous value |
/// | `initial` | `[S, A]` | `y_{-1}` |
/// | result | `[S, T, A]` | `y_0 .. y_{T-1}` |
///
/// Source: spec 12.3.
///
/// # Panics
/// When the shapes do not fit, there are no rows or no assets, the data types differ, or a dead zone
/// is asked of the blocked form.
pub fn recurrence(input: Tensor<3>, decay: Tensor<2>, initial: Tensor<2>, options: RecurrenceOptions) -> Tensor<3> {
    let fused = Recurrence { options };
    if is_fused(&fused, &input.device()) {
        apply(fused, [input.into_dispatch(), decay.into_dispatch(), initial.into_dispatch()])
    } else {
        check(&input.dims(), &decay.dims(), &initial.dims(), options);
        reference::recurrence(input, decay, initial, options)
    }
}

fn check(input: &[usize], decay: &[usize], initial: &[usize], options: RecurrenceOptions) {
    let fits = decay == initial
        && input[2] == decay[1]
        && (input[0] == 1 || input[0] == decay[0])
        && input.iter().chain(decay).all(|&size| size > 0);
    assert!(
        fits,
        "recurrence: input must be [S or 1, T, A] and decay and initial [S, A] with S, T, A > 0, got input \
         {input:?}, decay {decay:?}, initial {initial:?}"
    );
    assert!(
        options.dead_zone.is_none() || options.form == RecurrenceForm::Sequential,
        "recurrence: a dead zone needs the sequential form"
    );
}

#[derive(Clone, Debug)]
struct Recurrence {
    options: RecurrenceOptions,
}

impl Primitive<3> for Recurrence {
    fn output_shape(&self, [input, decay, initial]: [&[usize]; 3]) -> Vec<usize> {
        check(input, decay, initial, self.options);
        vec![decay[0], input[1], decay[1]]
    }

    fn forward<F: Real>(&self, inputs: [View<'_, F>; 3], output: &mut [F], _: &mut [f64]) {
        cpu::forward(self.options, inputs, output);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 3>, gradients: [Option<&mut [F]>; 3]) {
        cpu::backward(self.options, pass.inputs, pass.output, pass.cotangent, gradients);
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<3>> {
        Some(self)
    }
}
