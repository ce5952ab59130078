//! One guarded step of the weights, and its adjoint: the arithmetic that the fused kernel and streaming share.

use super::GuardrailSettings;
use crate::backend::{Real, Row};

/// Added to the largest change before it divides the cap (spec 03 sec. 3.2 step 9, trap T3.4).
pub(super) const CAP_GUARD: f64 = 1e-10;
/// Added to the room that bounded weights can move into (spec 03 sec. 3.2.1).
pub(super) const ROOM_GUARD: f64 = 1e-10;

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

/// Lower and upper bound of every weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a, F> {
    pub lower: &'a [F],
    pub upper: &'a [F],
}

/// What one parameter set adds to every step: the share of its position that a step keeps, and bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a, F> {
    pub retention: Option<&'a [F]>,
    pub bounds: Option<Bounds<'a, F>>,
}

/// Numbers of a step that the forward pass keeps for the backward pass, per asset and beside them.
pub(super) const KEPT_PER_ASSET: usize = 2;
pub(super) const KEPT_PER_STEP: usize = 4;

/// Everything that a step computes on the way.
#[derive(Clone, Debug)]
pub(super) struct Trace<F, R> {
    position: R,
    inverse_total: F,
    normalised: R,
    clipped_once: R,
    shifted: R,
    bounded: R,
    bounded_total: F,
    clipped: R,
    kept: F,
    shareable: F,
    pub(super) target: R,
    uncapped: R,
    pub(super) change: R,
    largest: F,
}

impl<F: Real, R: Row<F>> Trace<F, R> {
    pub(super) fn new(assets: usize) -> Self {
        let zeros = || R::filled(F::ZERO, assets);
        Self {
            position: zeros(),
            inverse_total: F::ONE,
            normalised: zeros(),
            clipped_once: zeros(),
            shifted: zeros(),
            bounded: zeros(),
            bounded_total: F::ONE,
            clipped: zeros(),
            kept: F::ONE,
            shareable: F::ONE,
            target: zeros(),
            uncapped: zeros(),
            change: zeros(),
            largest: F::ZERO,
        }
    }

    /// Writes what [`Trace::restore`] needs: what took divisions to find.
    #[inline]
    pub(super) fn keep(&self, kept: &mut [f64]) {
        let (scalars, rows) = kept.split_at_mut(KEPT_PER_STEP);
        scalars.copy_from_slice(&[self.inverse_total, self.kept, self.shareable, self.largest].map(F::wide));
        let (normalised, uncapped) = rows.split_at_mut(self.normalised.slice().len());
        for (kept, value) in normalised.iter_mut().zip(self.normalised.slice()) {
            *kept = value.wide();
        }
        for (kept, value) in uncapped.iter_mut().zip(self.uncapped.slice()) {
            *kept = value.wide();
        }
    }

    /// The trace of the step from `position` that kept these numbers, as far as [`backward`] looks at it.
    #[inline]
    pub(super) fn restore(&mut self, position: &[F], limits: &Limits<F>, terms: Terms<'_, F>, kept: &[f64]) {
        self.position.slice_mut().copy_from_slice(position);
        let (scalars, rows) = kept.split_at(KEPT_PER_STEP);
        self.inverse_total = F::of(scalars[0]);
        self.kept = F::of(scalars[1]);
        self.shareable = F::of(scalars[2]);
        self.largest = F::of(scalars[3]);
        let (normalised, uncapped) = rows.split_at(self.normalised.slice().len());
        for (value, kept) in self.normalised.slice_mut().iter_mut().zip(normalised) {
            *value = F::of(*kept);
        }
        for (value, kept) in self.uncapped.slice_mut().iter_mut().zip(uncapped) {
            *value = F::of(*kept);
        }
        match terms.bounds {
            Some(bounds) => apply_bounds(bounds, self),
            None => self.bounded.clone_from(&self.normalised),
        }
        for (clipped, bounded) in self.clipped.slice_mut().iter_mut().zip(self.bounded.slice()) {
            *clipped = clip(*bounded, limits.minimum, limits.maximum);
        }
    }
}

#[inline]
fn sum<F: Real>(values: &[F]) -> F {
    values.iter().fold(F::ZERO, |total, &value| total + value)
}

#[inline]
fn clip<F: Real>(value: F, lower: F, upper: F) -> F {
    let raised = if value < lower { lower } else { value };
    if raised > upper { upper } else { raised }
}

/// Derivatives of `clip` with respect to the value, the lower and the upper bound: half on a bound (spec 01 sec. 1.2).
#[inline]
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
#[inline]
pub(super) fn forward<F: Real, R: Row<F>>(
    position: &[F],
    output: &[F],
    limits: &Limits<F>,
    terms: Terms<'_, F>,
    trace: &mut Trace<F, R>,
    next: &mut [F],
) {
    trace.position.slice_mut().copy_from_slice(position);
    let assets = trace.position.slice().len();
    let (output, next) = (&output[..assets], &mut next[..assets]);
    let position = trace.position.slice();
    let normalised = trace.normalised.slice_mut();
    match terms.retention {
        None => {
            for i in 0..assets {
                normalised[i] = position[i] + output[i];
            }
        }
        Some(retention) => {
            for i in 0..assets {
                normalised[i] = retention[i] * position[i] + output[i];
            }
        }
    }
    let total = sum(normalised);
    trace.inverse_total = F::ONE / total;
    for value in normalised {
        *value = *value / total;
    }
    match terms.bounds {
        Some(bounds) => apply_bounds(bounds, trace),
        None => trace.bounded.clone_from(&trace.normalised),
    }

    let bounded = trace.bounded.slice();
    let clipped = trace.clipped.slice_mut();
    let mut below = F::ZERO;
    let mut kept = F::ZERO;
    for i in 0..assets {
        clipped[i] = clip(bounded[i], limits.minimum, limits.maximum);
        if bounded[i] < limits.minimum {
            below += F::ONE;
        } else {
            kept += clipped[i];
        }
    }
    trace.kept = kept;
    trace.shareable = F::ONE - below * limits.minimum;
    let target = trace.target.slice_mut();
    for i in 0..assets {
        let shared = clipped[i] * trace.shareable / kept;
        target[i] = if bounded[i] < limits.minimum { limits.minimum } else { shared };
    }
    let mut heaviest = 0;
    for i in 1..assets {
        if target[i] > target[heaviest] {
            heaviest = i;
        }
    }
    target[heaviest] = target[heaviest] - sum(target) + F::ONE;

    let position = trace.position.slice();
    let uncapped = trace.uncapped.slice_mut();
    let mut largest = F::ZERO;
    for i in 0..assets {
        uncapped[i] = limits.reciprocal * (target[i] - position[i]);
        let size = uncapped[i].magnitude();
        // A NaN must not look like "no change".
        if size > largest || size.wide().is_nan() {
            largest = size;
        }
    }
    trace.largest = largest;
    let change = trace.change.slice_mut();
    match cap_scale(limits, largest) {
        None => change.copy_from_slice(uncapped),
        Some(scale) => {
            for i in 0..assets {
                change[i] = uncapped[i] * scale;
            }
        }
    }
    for i in 0..assets {
        next[i] = position[i] + change[i] * limits.steps;
    }
}

/// The factor that brings the largest change under the cap, if it is above it.
#[inline]
fn cap_scale<F: Real>(limits: &Limits<F>, largest: F) -> Option<F> {
    (largest > limits.cap).then(|| limits.cap / (largest + F::of(CAP_GUARD)))
}

/// Spec 03 sec. 3.2.1: clip, hand the excess or the lack to whoever has room, clip again, normalise.
fn apply_bounds<F: Real, R: Row<F>>(bounds: Bounds<'_, F>, trace: &mut Trace<F, R>) {
    let normalised = trace.normalised.slice();
    let clipped = trace.clipped_once.slice_mut();
    let assets = normalised.len();
    for i in 0..assets {
        clipped[i] = clip(normalised[i], bounds.lower[i], bounds.upper[i]);
    }
    let (moved, room) = surplus_and_room(bounds, clipped);
    let room = room + F::of(ROOM_GUARD);
    let (shifted, bounded) = (trace.shifted.slice_mut(), trace.bounded.slice_mut());
    for i in 0..assets {
        let z = clipped[i];
        shifted[i] = if moved > F::ZERO {
            z + moved * (bounds.upper[i] - z) / room
        } else if moved < F::ZERO {
            z + moved * (z - bounds.lower[i]) / room
        } else {
            z
        };
        bounded[i] = clip(shifted[i], bounds.lower[i], bounds.upper[i]);
    }
    trace.bounded_total = sum(bounded);
    for value in bounded {
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
    /// Gradient of the retention, added to.
    pub retention: Option<&'a mut [F]>,
    /// Gradients of lower and upper bounds, added to.
    pub bounds: Option<(&'a mut [F], &'a mut [F])>,
}

/// Adjoint of [`forward`] from the `trace` of the same step.
#[inline]
pub(super) fn backward<F: Real, R: Row<F>>(
    limits: &Limits<F>,
    terms: Terms<'_, F>,
    trace: &Trace<F, R>,
    cotangents: Cotangents<'_, F>,
) {
    let Cotangents { position: to_position, output: to_output, retention: to_retention, bounds: to_bounds } =
        cotangents;
    let uncapped = trace.uncapped.slice();
    let assets = uncapped.len();
    let (to_position, to_output) = (&mut to_position[..assets], &mut to_output[..assets]);
    let mut gradient = R::filled(F::ZERO, assets);
    let gradient = gradient.slice_mut();

    // next = position + steps * change; change = cap(uncapped).
    for i in 0..assets {
        gradient[i] = limits.steps * to_position[i];
    }
    if let Some(scale) = cap_scale(limits, trace.largest).filter(|_| !limits.cap_straight) {
        let mut along = F::ZERO;
        let mut ties = F::ZERO;
        for i in 0..assets {
            along += gradient[i] * uncapped[i];
            if uncapped[i].magnitude() == trace.largest {
                ties += F::ONE;
            }
        }
        let guarded = trace.largest + F::of(CAP_GUARD);
        let slope = -(along * limits.cap) / (guarded * guarded * ties);
        for i in 0..assets {
            let mut scaled = scale * gradient[i];
            if uncapped[i].magnitude() == trace.largest {
                scaled += if uncapped[i] < F::ZERO { -slope } else { slope };
            }
            gradient[i] = scaled;
        }
    }

    // uncapped = (target - position) / steps; the rounding fix of the target carries no gradient.
    let (bounded, clipped) = (trace.bounded.slice(), trace.clipped.slice());
    let mut along = F::ZERO;
    for i in 0..assets {
        gradient[i] = limits.reciprocal * gradient[i];
        to_position[i] -= gradient[i];
        if bounded[i] >= limits.minimum {
            along += gradient[i] * clipped[i];
        }
    }

    // target = clipped * shareable / kept, except where the minimum was put in.
    let (share, along) = (trace.shareable / trace.kept, along / trace.kept);
    for i in 0..assets {
        let below = bounded[i] < limits.minimum;
        let through = if below { gradient[i] } else { share * (gradient[i] - along) };
        let slope =
            if limits.clips_straight { F::ONE } else { clip_slopes(bounded[i], limits.minimum, limits.maximum).0 };
        gradient[i] = through * slope;
    }

    if let (Some(bounds), Some(to_bounds)) = (terms.bounds, to_bounds) {
        bounds_backward(bounds, limits.clips_straight, trace, gradient, to_bounds);
    }

    // normalised = (retention * position + output) / total.
    let (position, normalised) = (trace.position.slice(), trace.normalised.slice());
    let mut along = F::ZERO;
    for i in 0..assets {
        along += gradient[i] * normalised[i];
    }
    for i in 0..assets {
        to_output[i] = (gradient[i] - along) * trace.inverse_total;
    }
    match terms.retention {
        None => {
            for i in 0..assets {
                to_position[i] += to_output[i];
            }
        }
        Some(retention) => {
            for i in 0..assets {
                to_position[i] += retention[i] * to_output[i];
            }
        }
    }
    if let Some(to_retention) = to_retention {
        for i in 0..assets {
            to_retention[i] += position[i] * to_output[i];
        }
    }
}

/// Adjoint of [`apply_bounds`]: replaces `gradient`, that of the bounded weights, by that of the normalised ones.
fn bounds_backward<F: Real, R: Row<F>>(
    bounds: Bounds<'_, F>,
    straight: bool,
    trace: &Trace<F, R>,
    gradient: &mut [F],
    (lower, upper): (&mut [F], &mut [F]),
) {
    let (normalised, clipped) = (trace.normalised.slice(), trace.clipped_once.slice());
    let (shifted, bounded) = (trace.shifted.slice(), trace.bounded.slice());
    let assets = normalised.len();
    let mut along = F::ZERO;
    for i in 0..assets {
        along += gradient[i] * bounded[i];
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
        let normalised = (gradient[i] - along) / trace.bounded_total;
        gradient[i] = through_clip(shifted[i], i, normalised, lower, upper);
    }

    let (moved, room) = surplus_and_room(bounds, clipped);
    let room = room + F::of(ROOM_GUARD);
    // d shifted / d moved summed against the gradient; also what the guarded room's derivative needs.
    let mut along = F::ZERO;
    for i in 0..assets {
        let z = clipped[i];
        let share = if moved > F::ZERO {
            bounds.upper[i] - z
        } else if moved < F::ZERO {
            z - bounds.lower[i]
        } else {
            F::ZERO
        };
        along += gradient[i] * share / room;
    }
    for i in 0..assets {
        let mut through = gradient[i] - along;
        let to_share = moved / room * (gradient[i] - along);
        if moved > F::ZERO {
            upper[i] += to_share;
            through -= to_share;
        } else if moved < F::ZERO {
            lower[i] -= to_share;
            through += to_share;
        }
        gradient[i] = through_clip(normalised[i], i, through, lower, upper);
    }
}
