//! Guardrails on GPUs: one thread per window and set goes through all steps; the same arithmetic as [`super::step`], word for
//! word. The backward pass computes each step again from the position it started at.

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::step::{CAP_GUARD, ROOM_GUARD};
use super::{Guardrails, Layout};
use crate::backend::cube::{constants, element, empty, indices, launch_of, summed};
use crate::backend::{CubePass, Kernels};

/// What is known when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Form {
    assets: usize,
    has_retention: bool,
    has_bounds: bool,
    clips_straight: bool,
    cap_straight: bool,
}

/// Sizes of a call.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    entries: u32,
    windows: u32,
    output_rows: u32,
    ramps: u32,
}

/// Settings, in the type of the tensors.
#[derive(CubeType, Clone, Copy)]
struct Limits<F: Float> {
    steps: F,
    reciprocal: F,
    minimum: F,
    maximum: F,
    cap: F,
    cap_guard: F,
    room_guard: F,
}

#[cube]
fn limits<F: Float>(numbers: &Tensor<F>) -> Limits<F> {
    Limits::<F> {
        steps: numbers[0],
        reciprocal: numbers[1],
        minimum: numbers[2],
        maximum: numbers[3],
        cap: numbers[4],
        cap_guard: numbers[5],
        room_guard: numbers[6],
    }
}

/// What a step computes on the way.
#[derive(CubeType)]
struct Trace<F: Float> {
    position: Array<F>,
    output: Array<F>,
    retention: Array<F>,
    lower: Array<F>,
    upper: Array<F>,
    normalised: Array<F>,
    clipped_once: Array<F>,
    shifted: Array<F>,
    bounded: Array<F>,
    clipped: Array<F>,
    uncapped: Array<F>,
    next: Array<F>,
    /// Total, kept, shareable, largest, bounded total.
    numbers: Array<F>,
}

const TOTAL: usize = 0;
const KEPT: usize = 1;
const SHAREABLE: usize = 2;
const LARGEST: usize = 3;
const BOUNDED_TOTAL: usize = 4;
const NUMBERS: usize = 5;

#[cube]
fn trace<F: Float>(#[comptime] assets: usize) -> Trace<F> {
    Trace::<F> {
        position: Array::<F>::new(assets),
        output: Array::<F>::new(assets),
        retention: Array::<F>::new(assets),
        lower: Array::<F>::new(assets),
        upper: Array::<F>::new(assets),
        normalised: Array::<F>::new(assets),
        clipped_once: Array::<F>::new(assets),
        shifted: Array::<F>::new(assets),
        bounded: Array::<F>::new(assets),
        clipped: Array::<F>::new(assets),
        uncapped: Array::<F>::new(assets),
        next: Array::<F>::new(assets),
        numbers: Array::<F>::new(NUMBERS),
    }
}

#[cube]
fn clip<F: Float>(value: F, lower: F, upper: F) -> F {
    let mut clipped = value;
    if clipped < lower {
        clipped = lower;
    }
    if clipped > upper {
        clipped = upper;
    }
    clipped
}

/// Slope of [`clip`] in the value: half on a bound.
#[cube]
fn clip_slope<F: Float>(value: F, lower: F, upper: F) -> F {
    let mut slope = F::new(1.0);
    if value < lower || value > upper {
        slope = F::new(0.0);
    } else if value == lower || value == upper {
        slope = F::new(0.5);
    }
    slope
}

/// Slope of [`clip`] in its lower bound.
#[cube]
fn slope_of_lower<F: Float>(value: F, lower: F) -> F {
    let mut slope = F::new(0.0);
    if value < lower {
        slope = F::new(1.0);
    } else if value == lower {
        slope = F::new(0.5);
    }
    slope
}

/// Slope of [`clip`] in its upper bound.
#[cube]
fn slope_of_upper<F: Float>(value: F, lower: F, upper: F) -> F {
    let mut slope = F::new(0.0);
    if value > upper {
        slope = F::new(1.0);
    } else if value == upper && value != lower {
        slope = F::new(0.5);
    }
    slope
}

/// What is missing to a sum of one after the first clip.
#[cube]
fn missing<F: Float>(clipped_once: &Array<F>, #[comptime] assets: usize) -> F {
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        total += clipped_once[i];
    }
    F::new(1.0) - total
}

/// The total room that what is missing, or too much, can move into.
#[cube]
fn room<F: Float>(
    clipped_once: &Array<F>,
    lower: &Array<F>,
    upper: &Array<F>,
    moved: F,
    guard: F,
    #[comptime] assets: usize,
) -> F {
    let mut room = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if moved > F::new(0.0) {
            room += upper[i] - clipped_once[i];
        } else {
            room += clipped_once[i] - lower[i];
        }
    }
    room + guard
}

/// Spec 03 sec. 3.2.1.
#[cube]
fn apply_bounds<F: Float>(trace: &mut Trace<F>, limits: &Limits<F>, #[comptime] assets: usize) {
    #[unroll]
    for i in 0..assets {
        trace.clipped_once[i] = clip::<F>(trace.normalised[i], trace.lower[i], trace.upper[i]);
    }
    let moved = missing::<F>(&trace.clipped_once, assets);
    let room = room::<F>(&trace.clipped_once, &trace.lower, &trace.upper, moved, limits.room_guard, assets);
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let z = trace.clipped_once[i];
        let mut shifted = z;
        if moved > F::new(0.0) {
            shifted = z + moved * (trace.upper[i] - z) / room;
        } else if moved < F::new(0.0) {
            shifted = z + moved * (z - trace.lower[i]) / room;
        }
        trace.shifted[i] = shifted;
        trace.bounded[i] = clip::<F>(shifted, trace.lower[i], trace.upper[i]);
        total += trace.bounded[i];
    }
    trace.numbers[BOUNDED_TOTAL] = total;
    #[unroll]
    for i in 0..assets {
        trace.bounded[i] = trace.bounded[i] / total;
    }
}

/// The factor that brings the largest change under the cap: one if it is.
#[cube]
fn cap_scale<F: Float>(limits: &Limits<F>, largest: F) -> F {
    let mut scale = F::new(1.0);
    if largest > limits.cap {
        scale = limits.cap / (largest + limits.cap_guard);
    }
    scale
}

/// Moves `trace.position` one step, to `trace.next`.
#[cube]
fn step_forward<F: Float>(trace: &mut Trace<F>, limits: &Limits<F>, #[comptime] form: Form) {
    let assets = comptime!(form.assets);
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let mut moved = trace.position[i];
        if comptime!(form.has_retention) {
            moved = trace.retention[i] * moved;
        }
        moved += trace.output[i];
        trace.normalised[i] = moved;
        total += moved;
    }
    trace.numbers[TOTAL] = total;
    #[unroll]
    for i in 0..assets {
        trace.normalised[i] = trace.normalised[i] / total;
        trace.bounded[i] = trace.normalised[i];
    }
    if comptime!(form.has_bounds) {
        apply_bounds::<F>(trace, limits, assets);
    }

    let mut below = F::new(0.0);
    let mut kept = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let clipped = clip::<F>(trace.bounded[i], limits.minimum, limits.maximum);
        trace.clipped[i] = clipped;
        if trace.bounded[i] < limits.minimum {
            below += F::new(1.0);
        } else {
            kept += clipped;
        }
    }
    let shareable = F::new(1.0) - below * limits.minimum;
    trace.numbers[KEPT] = kept;
    trace.numbers[SHAREABLE] = shareable;
    // The target, until it is the next position.
    let mut heaviest = F::new(-1.0);
    let mut sum = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let mut target = trace.clipped[i] * shareable / kept;
        if trace.bounded[i] < limits.minimum {
            target = limits.minimum;
        }
        trace.next[i] = target;
        sum += target;
        if target > heaviest {
            heaviest = target;
        }
    }
    let mut repaired = false;
    #[unroll]
    for i in 0..assets {
        if trace.next[i] == heaviest && !repaired {
            trace.next[i] = trace.next[i] - sum + F::new(1.0);
            repaired = true;
        }
    }

    let mut largest = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let uncapped = limits.reciprocal * (trace.next[i] - trace.position[i]);
        trace.uncapped[i] = uncapped;
        let size = uncapped.abs();
        // A NaN must not look like "no change".
        if size > largest || size != size {
            largest = size;
        }
    }
    trace.numbers[LARGEST] = largest;
    let scale = cap_scale::<F>(limits, largest);
    #[unroll]
    for i in 0..assets {
        trace.next[i] = trace.position[i] + trace.uncapped[i] * scale * limits.steps;
    }
}

/// Reads what one set adds to every step.
#[cube]
fn read_terms<F: Float>(
    trace: &mut Trace<F>,
    retention: &Tensor<F>,
    bounds: &Tensor<F>,
    set: u32,
    #[comptime] form: Form,
) {
    let assets = comptime!(form.assets);
    #[unroll]
    for i in 0..assets {
        if comptime!(form.has_retention) {
            trace.retention[i] = retention[set as usize * assets + i];
        }
        if comptime!(form.has_bounds) {
            trace.lower[i] = bounds[2 * set as usize * assets + i];
            trace.upper[i] = bounds[(2 * set as usize + 1) * assets + i];
        }
    }
}

#[cube(launch)]
fn forward<F: Float>(
    outputs: &Tensor<F>,
    initial: &Tensor<F>,
    retention: &Tensor<F>,
    bounds: &Tensor<F>,
    first_outputs: &Tensor<u32>,
    numbers: &Tensor<F>,
    positions: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] form: Form,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS as u32;
    if entry >= sizes.entries {
        terminate!();
    }
    let assets = comptime!(form.assets);
    let (set, window) = (entry / sizes.windows, entry % sizes.windows);
    let limits = limits::<F>(numbers);
    let mut trace = trace::<F>(assets);
    read_terms::<F>(&mut trace, retention, bounds, set, form);
    let first_output = (set * sizes.output_rows + first_outputs[window as usize]) as usize * assets;
    let first_position = (entry * (sizes.ramps + 1)) as usize * assets;
    #[unroll]
    for i in 0..assets {
        let weight = initial[entry as usize * assets + i];
        trace.position[i] = weight;
        positions[first_position + i] = weight;
    }
    for ramp in 0..sizes.ramps as usize {
        #[unroll]
        for i in 0..assets {
            trace.output[i] = outputs[first_output + ramp * assets + i];
        }
        step_forward::<F>(&mut trace, &limits, form);
        #[unroll]
        for i in 0..assets {
            trace.position[i] = trace.next[i];
            positions[first_position + (ramp + 1) * assets + i] = trace.next[i];
        }
    }
}

/// Adjoint of [`step_forward`]: `to_position` holds the gradient of the next position, then that of this one; `gradient` is
/// left with that of the output.
#[cube]
fn step_backward<F: Float>(
    trace: &Trace<F>,
    limits: &Limits<F>,
    to_position: &mut Array<F>,
    gradient: &mut Array<F>,
    to_retention: &mut Array<F>,
    to_bounds: &mut Array<F>,
    #[comptime] form: Form,
) {
    let assets = comptime!(form.assets);
    let largest = trace.numbers[LARGEST];
    #[unroll]
    for i in 0..assets {
        gradient[i] = limits.steps * to_position[i];
    }
    if comptime!(!form.cap_straight) {
        if largest > limits.cap {
            let mut along = F::new(0.0);
            let mut ties = F::new(0.0);
            #[unroll]
            for i in 0..assets {
                along += gradient[i] * trace.uncapped[i];
                if trace.uncapped[i].abs() == largest {
                    ties += F::new(1.0);
                }
            }
            let guarded = largest + limits.cap_guard;
            let scale = limits.cap / guarded;
            let slope = along * limits.cap / (guarded * guarded * ties);
            #[unroll]
            for i in 0..assets {
                let mut scaled = scale * gradient[i];
                if trace.uncapped[i].abs() == largest {
                    if trace.uncapped[i] < F::new(0.0) {
                        scaled += slope;
                    } else {
                        scaled -= slope;
                    }
                }
                gradient[i] = scaled;
            }
        }
    }

    let mut along = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        gradient[i] = limits.reciprocal * gradient[i];
        to_position[i] = to_position[i] - gradient[i];
        if trace.bounded[i] >= limits.minimum {
            along += gradient[i] * trace.clipped[i];
        }
    }
    let kept = trace.numbers[KEPT];
    let share = trace.numbers[SHAREABLE] / kept;
    along = along / kept;
    #[unroll]
    for i in 0..assets {
        let mut through = share * (gradient[i] - along);
        if trace.bounded[i] < limits.minimum {
            through = gradient[i];
        }
        if comptime!(!form.clips_straight) {
            through = through * clip_slope::<F>(trace.bounded[i], limits.minimum, limits.maximum);
        }
        gradient[i] = through;
    }
    if comptime!(form.has_bounds) {
        bounds_backward::<F>(trace, limits, gradient, to_bounds, form);
    }

    let mut along = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        along += gradient[i] * trace.normalised[i];
    }
    let inverse_total = F::new(1.0) / trace.numbers[TOTAL];
    #[unroll]
    for i in 0..assets {
        let to_output = (gradient[i] - along) * inverse_total;
        gradient[i] = to_output;
        if comptime!(form.has_retention) {
            to_position[i] = to_position[i] + trace.retention[i] * to_output;
            to_retention[i] = to_retention[i] + trace.position[i] * to_output;
        } else {
            to_position[i] = to_position[i] + to_output;
        }
    }
}

/// Adjoint of [`apply_bounds`].
#[cube]
fn bounds_backward<F: Float>(
    trace: &Trace<F>,
    limits: &Limits<F>,
    gradient: &mut Array<F>,
    to_bounds: &mut Array<F>,
    #[comptime] form: Form,
) {
    let assets = comptime!(form.assets);
    let mut along = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        along += gradient[i] * trace.bounded[i];
    }
    #[unroll]
    for i in 0..assets {
        let through = (gradient[i] - along) / trace.numbers[BOUNDED_TOTAL];
        gradient[i] = through_clip::<F>(trace, trace.shifted[i], i, through, to_bounds, form);
    }
    let moved = missing::<F>(&trace.clipped_once, assets);
    let room = room::<F>(&trace.clipped_once, &trace.lower, &trace.upper, moved, limits.room_guard, assets);
    let mut along = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let mut share = F::new(0.0);
        if moved > F::new(0.0) {
            share = trace.upper[i] - trace.clipped_once[i];
        } else if moved < F::new(0.0) {
            share = trace.clipped_once[i] - trace.lower[i];
        }
        along += gradient[i] * share / room;
    }
    #[unroll]
    for i in 0..assets {
        let mut through = gradient[i] - along;
        let to_share = moved / room * (gradient[i] - along);
        if moved > F::new(0.0) {
            to_bounds[assets + i] = to_bounds[assets + i] + to_share;
            through -= to_share;
        } else if moved < F::new(0.0) {
            to_bounds[i] = to_bounds[i] - to_share;
            through += to_share;
        }
        gradient[i] = through_clip::<F>(trace, trace.normalised[i], i, through, to_bounds, form);
    }
}

#[cube]
fn through_clip<F: Float>(
    trace: &Trace<F>,
    value: F,
    #[comptime] i: usize,
    gradient: F,
    to_bounds: &mut Array<F>,
    #[comptime] form: Form,
) -> F {
    let assets = comptime!(form.assets);
    let mut through = gradient;
    if comptime!(!form.clips_straight) {
        let (lower, upper) = (trace.lower[i], trace.upper[i]);
        to_bounds[i] = to_bounds[i] + gradient * slope_of_lower::<F>(value, lower);
        to_bounds[assets + i] = to_bounds[assets + i] + gradient * slope_of_upper::<F>(value, lower, upper);
        through = gradient * clip_slope::<F>(value, lower, upper);
    }
    through
}

/// Gradients of one window each: of its outputs `[entries, ramps, assets]`, initial weights, retention and bounds.
#[cube(launch)]
fn backward<F: Float>(
    outputs: &Tensor<F>,
    retention: &Tensor<F>,
    bounds: &Tensor<F>,
    first_outputs: &Tensor<u32>,
    numbers: &Tensor<F>,
    positions: &Tensor<F>,
    cotangent: &Tensor<F>,
    to_outputs: &mut Tensor<F>,
    to_initial: &mut Tensor<F>,
    to_retention: &mut Tensor<F>,
    to_bounds: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] form: Form,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS as u32;
    if entry >= sizes.entries {
        terminate!();
    }
    let assets = comptime!(form.assets);
    let (set, window) = (entry / sizes.windows, entry % sizes.windows);
    let limits = limits::<F>(numbers);
    let mut trace = trace::<F>(assets);
    read_terms::<F>(&mut trace, retention, bounds, set, form);
    let first_output = (set * sizes.output_rows + first_outputs[window as usize]) as usize * assets;
    let first_position = (entry * (sizes.ramps + 1)) as usize * assets;
    let first_gradient = (entry * sizes.ramps) as usize * assets;
    let mut reached = Array::<F>::new(assets);
    let mut gradient = Array::<F>::new(assets);
    let mut retention_sum = Array::<F>::new(assets);
    let mut bounds_sum = Array::<F>::new(comptime!(2 * assets));
    #[unroll]
    for i in 0..assets {
        reached[i] = cotangent[first_position + sizes.ramps as usize * assets + i];
        retention_sum[i] = F::new(0.0);
        bounds_sum[i] = F::new(0.0);
        bounds_sum[assets + i] = F::new(0.0);
    }
    for step in 0..sizes.ramps as usize {
        let ramp = sizes.ramps as usize - 1 - step;
        #[unroll]
        for i in 0..assets {
            trace.position[i] = positions[first_position + ramp * assets + i];
            trace.output[i] = outputs[first_output + ramp * assets + i];
        }
        step_forward::<F>(&mut trace, &limits, form);
        step_backward::<F>(&trace, &limits, &mut reached, &mut gradient, &mut retention_sum, &mut bounds_sum, form);
        #[unroll]
        for i in 0..assets {
            to_outputs[first_gradient + ramp * assets + i] = gradient[i];
            reached[i] = reached[i] + cotangent[first_position + ramp * assets + i];
        }
    }
    #[unroll]
    for i in 0..assets {
        to_initial[entry as usize * assets + i] = reached[i];
        if comptime!(form.has_retention) {
            to_retention[entry as usize * assets + i] = retention_sum[i];
        }
        if comptime!(form.has_bounds) {
            to_bounds[2 * entry as usize * assets + i] = bounds_sum[i];
            to_bounds[(2 * entry as usize + 1) * assets + i] = bounds_sum[assets + i];
        }
    }
}

/// Adds the gradients of the windows of a set where they lie in the history.
#[cube(launch)]
fn gather<F: Float>(
    of_windows: &Tensor<F>,
    first_outputs: &Tensor<u32>,
    to_outputs: &mut Tensor<F>,
    sizes: Sizes,
    assets: u32,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= (sizes.entries / sizes.windows) * sizes.output_rows * assets {
        terminate!();
    }
    let (asset, row) = (index % assets, (index / assets) % sizes.output_rows);
    let set = index / (assets * sizes.output_rows);
    let mut total = F::new(0.0);
    for window in 0..sizes.windows {
        let first = first_outputs[window as usize];
        if row >= first && row < first + sizes.ramps {
            let entry = set * sizes.windows + window;
            total += of_windows[((entry * sizes.ramps + row - first) * assets + asset) as usize];
        }
    }
    to_outputs[index as usize] = total;
}

impl Layout {
    fn sizes(&self) -> SizesLaunch {
        let sizes = [self.entries(), self.first_outputs.len(), self.output_rows, self.ramps];
        let [entries, windows, output_rows, ramps] = sizes.map(|size| size as u32);
        SizesLaunch::new(entries, windows, output_rows, ramps)
    }
}

impl Guardrails {
    fn form(&self) -> Form {
        Form {
            assets: self.layout.assets,
            has_retention: self.has_retention,
            has_bounds: self.has_bounds,
            clips_straight: self.settings.straight_through_limits,
            cap_straight: self.settings.straight_through_cap,
        }
    }

    fn numbers(&self, like: &CubeTensor) -> CubeTensor {
        let (steps, minimum) = (self.settings.interpolation_rows as f64, self.settings.minimum_weight);
        let maximum = 1.0 - (self.layout.assets.max(1) - 1) as f64 * minimum;
        let cap = self.settings.maximum_change_per_row.min(f64::from(f32::MAX));
        constants(like, &[steps, 1.0 / steps, minimum, maximum, cap, CAP_GUARD, ROOM_GUARD])
    }

    fn first_outputs(&self, like: &CubeTensor) -> CubeTensor {
        indices(like, self.layout.first_outputs.iter().map(|first| *first as u32))
    }
}

impl<const N: usize> Kernels<N> for Guardrails {
    fn forward(&self, inputs: [CubeTensor; N], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let (outputs, initial) = (&inputs[0], &inputs[1]);
        let (retention, bounds) = self.optional(inputs[2..].iter());
        let (retention, bounds) = (retention.unwrap_or(initial), bounds.unwrap_or(initial));
        let entries = self.layout.entries();
        let positions = empty(outputs, [entries, self.layout.ramps + 1, self.layout.assets]);
        let (groups, group) = launch_of(entries);
        forward::launch(
            &outputs.client,
            groups,
            group,
            outputs.clone().into_tensor_arg(),
            initial.clone().into_tensor_arg(),
            retention.clone().into_tensor_arg(),
            bounds.clone().into_tensor_arg(),
            self.first_outputs(outputs).into_tensor_arg(),
            self.numbers(outputs).into_tensor_arg(),
            positions.clone().into_tensor_arg(),
            self.layout.sizes(),
            self.form(),
            element(outputs),
        );
        (positions, vec![])
    }

    fn backward(&self, pass: CubePass<N>, wanted: [bool; N]) -> [Option<CubeTensor>; N] {
        let Layout { sets, output_rows, assets, ramps, .. } = self.layout;
        let (entries, windows) = (self.layout.entries(), self.layout.first_outputs.len());
        let outputs = &pass.inputs[0];
        let (retention, bounds) = self.optional(pass.inputs[2..].iter());
        let (retention, bounds) = (retention.unwrap_or(outputs), bounds.unwrap_or(outputs));
        let first_outputs = self.first_outputs(outputs);
        let of_windows = empty(outputs, [entries, ramps, assets]);
        let to_initial = empty(outputs, [entries, assets]);
        let to_retention = empty(outputs, [entries, assets]);
        let to_bounds = empty(outputs, [entries, 2, assets]);
        let (groups, group) = launch_of(entries);
        backward::launch(
            &outputs.client,
            groups,
            group,
            outputs.clone().into_tensor_arg(),
            retention.clone().into_tensor_arg(),
            bounds.clone().into_tensor_arg(),
            first_outputs.clone().into_tensor_arg(),
            self.numbers(outputs).into_tensor_arg(),
            pass.output.clone().into_tensor_arg(),
            pass.cotangent.clone().into_tensor_arg(),
            of_windows.clone().into_tensor_arg(),
            to_initial.clone().into_tensor_arg(),
            to_retention.clone().into_tensor_arg(),
            to_bounds.clone().into_tensor_arg(),
            self.layout.sizes(),
            self.form(),
            element(outputs),
        );
        let to_outputs = wanted[0].then(|| {
            let to_outputs = empty(outputs, outputs.shape().dims::<3>());
            let (groups, group) = launch_of(sets * output_rows * assets);
            gather::launch(
                &outputs.client,
                groups,
                group,
                of_windows.into_tensor_arg(),
                first_outputs.into_tensor_arg(),
                to_outputs.clone().into_tensor_arg(),
                self.layout.sizes(),
                assets as u32,
                element(outputs),
            );
            to_outputs
        });
        let to_retention = self.has_retention.then(|| summed(to_retention, [sets, windows, assets], [sets, assets]));
        let to_bounds = self.has_bounds.then(|| summed(to_bounds, [sets, windows, 2 * assets], [sets, 2, assets]));
        let inputs = [to_retention, to_bounds].into_iter().flatten();
        let mut found = [to_outputs, Some(to_initial)].into_iter().chain(inputs.map(Some));
        wanted.map(|wanted| found.next().flatten().filter(|_| wanted))
    }
}
