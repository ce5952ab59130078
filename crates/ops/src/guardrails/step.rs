//! One guarded step of the weights, and its adjoint: the arithmetic that the fused kernel and streaming share.

use super::GuardrailSettings;
use crate::backend::Real;

/// Added to the largest change before it divides the cap (spec 03 sec. 3.2 step 9, trap T3.4).
const CAP_GUARD: f64 = 1e-10;
/// Added to the room that bounded weights can move into (spec 03 sec. 3.2.1).
const ROOM_GUARD: f64 = 1e-10;

/// Lower and upper bound of every weight.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a, F> {
    /// Smallest weight of each asset.
    pub lower: &'a [F],
    /// Largest weight of each asset.
    pub upper: &'a [F],
}

/// Settings in the kernel's own number type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits<F> {
    steps: F,
    reciprocal: F,
    minimum: F,
    maximum: F,
    cap: F,
    clips_straight: bool,
    cap_straight: bool,
}

impl<F: Real> Limits<F> {
    pub(super) fn new(settings: &GuardrailSettings, assets: usize) -> Self {
        let steps = F::of(settings.interpolation_rows as f64);
        let minimum = F::of(settings.minimum_weight);
        Self {
            steps,
            reciprocal: F::ONE / steps,
            minimum,
            maximum: F::ONE - F::of((assets.max(1) - 1) as f64) * minimum,
            cap: F::of(settings.maximum_change_per_row),
            clips_straight: settings.straight_through_limits,
            cap_straight: settings.straight_through_cap,
        }
    }
}

/// Everything that a step computes on the way; one scratch space serves all steps of a batch entry.
#[derive(Clone, Debug)]
pub(super) struct Trace<F> {
    total: F,
    normalised: Vec<F>,
    clipped_once: Vec<F>,
    shifted: Vec<F>,
    bounded: Vec<F>,
    bounded_total: F,
    clipped: Vec<F>,
    below: Vec<bool>,
    kept: F,
    shareable: F,
    pub(super) target: Vec<F>,
    pub(super) change: Vec<F>,
    uncapped: Vec<F>,
    largest: F,
    gradient: Vec<F>,
    upstream: Vec<F>,
}

impl<F: Real> Trace<F> {
    pub(super) fn new(assets: usize) -> Self {
        let zeros = || vec![F::ZERO; assets];
        Self {
            total: F::ONE,
            normalised: zeros(),
            clipped_once: zeros(),
            shifted: zeros(),
            bounded: zeros(),
            bounded_total: F::ONE,
            clipped: zeros(),
            below: vec![false; assets],
            kept: F::ONE,
            shareable: F::ONE,
            target: zeros(),
            change: zeros(),
            uncapped: zeros(),
            largest: F::ZERO,
            gradient: zeros(),
            upstream: zeros(),
        }
    }
}

fn sum<F: Real>(values: &[F]) -> F {
    values.iter().fold(F::ZERO, |total, &value| total + value)
}

fn clip<F: Real>(value: F, lower: F, upper: F) -> F {
    let raised = if value < lower { lower } else { value };
    if raised > upper { upper } else { raised }
}

/// Derivatives of `clip` with respect to the value, the lower and the upper bound: half on a bound (spec 01 sec. 1.2).
fn clip_slopes<F: Real>(value: F, lower: F, upper: F) -> (F, F, F) {
    let half = F::of(0.5);
    if value < lower {
        (F::ZERO, F::ONE, F::ZERO)
    } else if value > upper {
        (F::ZERO, F::ZERO, F::ONE)
    } else if value == lower {
        (half, half, F::ZERO)
    } else if value == upper {
        (half, F::ZERO, half)
    } else {
        (F::ONE, F::ZERO, F::ZERO)
    }
}

/// Moves `position` one coarse step (spec 03 sec. 3.2, steps 1 to 10); `trace` keeps target, change per row and what the
/// adjoint needs.
pub(super) fn forward<F: Real>(
    position: &[F],
    output: &[F],
    limits: &Limits<F>,
    bounds: Option<Bounds<'_, F>>,
    trace: &mut Trace<F>,
    next: &mut [F],
) {
    let assets = position.len();
    for i in 0..assets {
        trace.normalised[i] = position[i] + output[i];
    }
    trace.total = sum(&trace.normalised);
    for value in &mut trace.normalised {
        *value = *value / trace.total;
    }
    match bounds {
        Some(bounds) => apply_bounds(bounds, trace),
        None => trace.bounded.copy_from_slice(&trace.normalised),
    }

    let mut count = 0usize;
    trace.kept = F::ZERO;
    for i in 0..assets {
        let value = trace.bounded[i];
        trace.below[i] = value < limits.minimum;
        trace.clipped[i] = clip(value, limits.minimum, limits.maximum);
        if trace.below[i] {
            count += 1;
        } else {
            trace.kept += trace.clipped[i];
        }
    }
    trace.shareable = F::ONE - F::of(count as f64) * limits.minimum;
    for i in 0..assets {
        trace.target[i] = if trace.below[i] { limits.minimum } else { trace.clipped[i] * trace.shareable / trace.kept };
    }
    let mut heaviest = 0;
    for i in 1..assets {
        if trace.target[i] > trace.target[heaviest] {
            heaviest = i;
        }
    }
    trace.target[heaviest] = trace.target[heaviest] - sum(&trace.target) + F::ONE;

    trace.largest = F::ZERO;
    for i in 0..assets {
        trace.uncapped[i] = limits.reciprocal * (trace.target[i] - position[i]);
        let size = trace.uncapped[i].magnitude();
        // A NaN must not look like "no change".
        if size > trace.largest || size.wide().is_nan() {
            trace.largest = size;
        }
    }
    let scale = cap_scale(limits, trace.largest);
    for i in 0..assets {
        trace.change[i] = scale.map_or(trace.uncapped[i], |scale| trace.uncapped[i] * scale);
        next[i] = position[i] + trace.change[i] * limits.steps;
    }
}

/// The factor that brings the largest change under the cap, if it is above it.
fn cap_scale<F: Real>(limits: &Limits<F>, largest: F) -> Option<F> {
    (largest > limits.cap).then(|| limits.cap / (largest + F::of(CAP_GUARD)))
}

/// Spec 03 sec. 3.2.1: clip, hand the excess or the lack to whoever has room, clip again, normalise.
fn apply_bounds<F: Real>(bounds: Bounds<'_, F>, trace: &mut Trace<F>) {
    let assets = trace.normalised.len();
    let guard = F::of(ROOM_GUARD);
    for i in 0..assets {
        trace.clipped_once[i] = clip(trace.normalised[i], bounds.lower[i], bounds.upper[i]);
    }
    let (moved, room) = surplus_and_room(bounds, &trace.clipped_once);
    for i in 0..assets {
        let z = trace.clipped_once[i];
        trace.shifted[i] = if moved > F::ZERO {
            z + moved * (bounds.upper[i] - z) / (room + guard)
        } else if moved < F::ZERO {
            z + moved * (z - bounds.lower[i]) / (room + guard)
        } else {
            z
        };
        trace.bounded[i] = clip(trace.shifted[i], bounds.lower[i], bounds.upper[i]);
    }
    trace.bounded_total = sum(&trace.bounded);
    for value in &mut trace.bounded {
        *value = *value / trace.bounded_total;
    }
}

/// What is missing to a sum of one (negative: what is too much), and the total room to move it into.
fn surplus_and_room<F: Real>(bounds: Bounds<'_, F>, clipped: &[F]) -> (F, F) {
    let moved = F::ONE - sum(clipped);
    let mut room = F::ZERO;
    for (i, &z) in clipped.iter().enumerate() {
        room += if moved > F::ZERO { bounds.upper[i] - z } else { z - bounds.lower[i] };
    }
    (moved, room)
}

/// Gradients that one step adds to.
pub(super) struct Cotangents<'a, F> {
    /// In: gradient of the next position. Out: gradient of this position.
    pub position: &'a mut [F],
    /// Gradient of the rule output, overwritten.
    pub output: &'a mut [F],
    /// Gradients of lower and upper bounds, added to.
    pub bounds: Option<(&'a mut [F], &'a mut [F])>,
}

/// Adjoint of [`forward`], whose `trace` of the same step must be passed.
pub(super) fn backward<F: Real>(
    limits: &Limits<F>,
    bounds: Option<Bounds<'_, F>>,
    trace: &mut Trace<F>,
    cotangents: Cotangents<'_, F>,
) {
    let assets = cotangents.position.len();
    let Cotangents { position, output, bounds: bound_gradients } = cotangents;

    // next = position + steps * change; change = cap(uncapped).
    for i in 0..assets {
        trace.gradient[i] = limits.steps * position[i];
    }
    if let Some(scale) = cap_scale(limits, trace.largest).filter(|_| !limits.cap_straight) {
        let mut along = F::ZERO;
        let mut ties = F::ZERO;
        for i in 0..assets {
            along += trace.gradient[i] * trace.uncapped[i];
            if trace.uncapped[i].magnitude() == trace.largest {
                ties += F::ONE;
            }
        }
        let guarded = trace.largest + F::of(CAP_GUARD);
        let slope = -(along * limits.cap) / (guarded * guarded * ties);
        for i in 0..assets {
            let mut gradient = scale * trace.gradient[i];
            if trace.uncapped[i].magnitude() == trace.largest {
                gradient += if trace.uncapped[i] < F::ZERO { -slope } else { slope };
            }
            trace.gradient[i] = gradient;
        }
    }

    // uncapped = (target - position) / steps; the rounding fix of the target carries no gradient.
    let mut along = F::ZERO;
    for i in 0..assets {
        let gradient = limits.reciprocal * trace.gradient[i];
        position[i] -= gradient;
        trace.gradient[i] = gradient;
        if !trace.below[i] {
            along += gradient * trace.clipped[i];
        }
    }

    // target = clipped * shareable / kept, except where the minimum was put in.
    for i in 0..assets {
        let gradient = if trace.below[i] {
            trace.gradient[i]
        } else {
            trace.shareable / trace.kept * (trace.gradient[i] - along / trace.kept)
        };
        let slope = if limits.clips_straight {
            F::ONE
        } else {
            clip_slopes(trace.bounded[i], limits.minimum, limits.maximum).0
        };
        trace.upstream[i] = gradient * slope;
    }

    if let (Some(bounds), Some(gradients)) = (bounds, bound_gradients) {
        bounds_backward(bounds, limits.clips_straight, trace, gradients);
    }

    // normalised = (position + output) / total.
    let mut along = F::ZERO;
    for i in 0..assets {
        along += trace.upstream[i] * trace.normalised[i];
    }
    for i in 0..assets {
        output[i] = (trace.upstream[i] - along) / trace.total;
        position[i] += output[i];
    }
}

/// Adjoint of [`apply_bounds`]: replaces `trace.upstream`, the gradient of the bounded weights, by that of the
/// normalised ones.
fn bounds_backward<F: Real>(
    bounds: Bounds<'_, F>,
    straight: bool,
    trace: &mut Trace<F>,
    (lower, upper): (&mut [F], &mut [F]),
) {
    let assets = trace.normalised.len();
    let guard = F::of(ROOM_GUARD);
    let mut along = F::ZERO;
    for i in 0..assets {
        along += trace.upstream[i] * trace.bounded[i];
    }
    let through_clip = |value: F, i: usize, gradient: F, lower: &mut [F], upper: &mut [F]| {
        if straight {
            return gradient;
        }
        let (slope, to_lower, to_upper) = clip_slopes(value, bounds.lower[i], bounds.upper[i]);
        lower[i] += gradient * to_lower;
        upper[i] += gradient * to_upper;
        gradient * slope
    };
    for i in 0..assets {
        let gradient = (trace.upstream[i] - along) / trace.bounded_total;
        trace.gradient[i] = through_clip(trace.shifted[i], i, gradient, lower, upper);
    }

    let (moved, room) = surplus_and_room(bounds, &trace.clipped_once);
    let room = room + guard;
    // d shifted / d moved summed against the gradient; also what the guarded room's derivative needs.
    let mut along = F::ZERO;
    for i in 0..assets {
        let z = trace.clipped_once[i];
        let share = if moved > F::ZERO {
            bounds.upper[i] - z
        } else if moved < F::ZERO {
            z - bounds.lower[i]
        } else {
            F::ZERO
        };
        along += trace.gradient[i] * share / room;
    }
    for i in 0..assets {
        let mut gradient = trace.gradient[i] - along;
        let to_share = moved / room * (trace.gradient[i] - along);
        if moved > F::ZERO {
            upper[i] += to_share;
            gradient -= to_share;
        } else if moved < F::ZERO {
            lower[i] -= to_share;
            gradient += to_share;
        }
        trace.upstream[i] = through_clip(trace.normalised[i], i, gradient, lower, upper);
    }
}
