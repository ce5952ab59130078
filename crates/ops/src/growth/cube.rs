//! Growth on GPUs: all segments at once, then sums along time.
//!
//! Sums over segments are taken in blocks, so that in single precision a year of small numbers loses no more digits than a
//! block of them.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::divergence::{SERIES, SHORT_PATH, STEPS_APART};
use super::{Growth, GrowthPlan, Segment, Span};
use crate::backend::cube::{element, empty, indices, launch_of, table};
use crate::backend::{CubePass, Kernels};

/// Segments that are summed before their sum is added to the rest.
const SUMMED_APART: u32 = 64;
/// Numbers that describe a segment: see [`described`].
const DESCRIPTION: usize = 5;
/// Sample of a segment that is none.
const NO_SAMPLE: u32 = u32::MAX;

/// How a segment depends on a position: through the start of its ramp, the end, or as the weights at rest.
const FROM_START: u32 = 0;
const FROM_END: u32 = 1;
const FROM_REST: u32 = 2;

/// Sizes of a call.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    batch: u32,
    windows: u32,
    segments: u32,
    samples: u32,
    positions: u32,
    ramp_rows: u32,
}

/// Whether it is a ramp, position, offset, steps and stride of every segment.
fn described(segments: &[Segment]) -> impl Iterator<Item = u32> {
    segments.iter().flat_map(|segment| {
        let (ramp, position, offset) = match segment.span {
            Span::Ramp { block, offset } => (1, block, offset),
            Span::Hold { position } => (0, position, 0),
        };
        [ramp, position, offset, segment.steps, segment.stride]
    })
}

/// `ln((from + difference) / from)`: [`log_ratio`](super::log_ratio).
#[cube]
pub(crate) fn log_ratio<F: Float>(from: F, difference: F) -> F {
    let s = difference / (from + from + difference);
    let square = s * s;
    let mut ratio = (F::new(1.0) + difference / from).ln();
    if square < F::new(1e-2) {
        let fourth = square * square;
        let third = F::new(1.0) / F::new(3.0);
        let low = (third + square * F::new(0.2))
            + fourth * (F::new(1.0) / F::new(7.0) + square * (F::new(1.0) / F::new(9.0)));
        let high = (F::new(1.0) / F::new(11.0) + square * (F::new(1.0) / F::new(13.0)))
            + fourth * (F::new(1.0) / F::new(15.0) + square * (F::new(1.0) / F::new(17.0)));
        ratio = F::new(2.0) * (s + s * square * (low + fourth * fourth * high));
    }
    ratio
}

/// `K`, `dK/dx` and `dK/dd` of part of a line.
#[derive(CubeType, Clone, Copy)]
struct Divergence<F: Float> {
    value: F,
    by_x: F,
    by_d: F,
}

#[cube]
fn odd_series<F: Float>(z: F) -> F {
    let square = z * z;
    let low = F::cast_from(comptime!(SERIES[0])) + square * F::cast_from(comptime!(SERIES[1]));
    let high = F::cast_from(comptime!(SERIES[2])) + square * F::cast_from(comptime!(SERIES[3]));
    z * (low + square * square * high)
}

#[cube]
fn odd_series_slope<F: Float>(z: F) -> F {
    let square = z * z;
    let low = F::cast_from(comptime!(SERIES[0])) + square * F::cast_from(comptime!(3.0 * SERIES[1]));
    let high = F::cast_from(comptime!(5.0 * SERIES[2])) + square * F::cast_from(comptime!(7.0 * SERIES[3]));
    low + square * square * high
}

#[cube]
fn series<F: Float>(x: F, d: F, m: F) -> Divergence<F> {
    let y = x + m * d;
    let (u, v) = (d / y, d / x);
    let log = log_ratio::<F>(x, m * d);
    let difference = odd_series::<F>(u) - odd_series::<F>(v);
    let (slope_u, slope_v) = (odd_series_slope::<F>(u), odd_series_slope::<F>(v));
    let half = F::new(0.5);
    Divergence::<F> {
        value: d * (half * log + m + difference),
        by_x: half * (u - v) - u * u * slope_u + v * v * slope_v,
        by_d: half * (log + m * u) + m + difference + slope_u * (u - m * u * u) - slope_v * v,
    }
}

/// `K(x, d, m)` and its slopes: the steps near zero weight one by one, the others by the series.
#[cube]
fn divergence<F: Float>(x: F, d: F, steps: u32) -> Divergence<F> {
    let size = d.abs();
    let small = x.min(x + F::cast_from(steps) * d);
    let mut separate = 0u32;
    if steps <= SHORT_PATH {
        separate = steps;
    } else if F::cast_from(STEPS_APART) * size > small {
        separate = min(u32::cast_from((F::cast_from(STEPS_APART) - small / size).ceil()), steps);
    }
    let rest = steps - separate;
    let mut first = 0u32;
    let mut skipped = separate;
    if d <= F::new(0.0) {
        first = rest;
        skipped = 0u32;
    }
    let mut value = F::new(0.0);
    let mut by_x = F::new(0.0);
    let mut by_d = F::new(0.0);
    for step in first..first + separate {
        let step = F::cast_from(step);
        let here = x + step * d;
        let log = log_ratio::<F>(here, d);
        let by_here = log - d / here;
        value += (here + d) * log;
        by_x += by_here;
        by_d += log + F::new(1.0) + step * by_here;
    }
    if rest > 0 {
        let skipped = F::cast_from(skipped);
        let rest = series::<F>(x + skipped * d, d, F::cast_from(rest));
        value += rest.value;
        by_x += rest.by_x;
        by_d += rest.by_d + skipped * rest.by_x;
    }
    Divergence::<F> { value, by_x, by_d }
}

/// Growth of every segment, and its slopes in start and step of the line.
#[cube(launch)]
fn segments<F: Float>(
    positions: &Tensor<F>,
    description: &Tensor<u32>,
    s0: &Tensor<F>,
    s1: &Tensor<F>,
    parts: &mut Tensor<F>,
    slopes: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] assets: usize,
    #[comptime] tracked: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    let count = sizes.segments as usize;
    if index >= sizes.batch as usize * count {
        terminate!();
    }
    let (entry, segment) = (index / count, index % count);
    let is_ramp = description[segment * DESCRIPTION] == 1;
    let position = description[segment * DESCRIPTION + 1] as usize;
    let offset = F::cast_from(description[segment * DESCRIPTION + 2]);
    let steps = description[segment * DESCRIPTION + 3];
    let stride = F::cast_from(description[segment * DESCRIPTION + 4]);
    let prices = ((entry % sizes.windows as usize) * count + segment) * assets;
    let at = (entry * sizes.positions as usize + position) * assets;
    let mut total = F::new(0.0);
    #[unroll]
    for asset in 0..assets {
        let start = positions[at + asset];
        let s0 = s0[prices + asset];
        if is_ramp {
            let per_row = (positions[at + assets + asset] - start) / F::cast_from(sizes.ramp_rows);
            let (x, d) = (start + offset * per_row, stride * per_row);
            let s1 = s1[prices + asset];
            let lost = divergence::<F>(x, d, steps);
            total += x * s0 + d * s1 - lost.value;
            if tracked {
                slopes[index * 2 * assets + asset] = s0 - lost.by_x;
                slopes[(index * 2 + 1) * assets + asset] = s1 - lost.by_d;
            }
        } else {
            total += start * s0;
            if tracked {
                slopes[index * 2 * assets + asset] = s0;
            }
        }
    }
    parts[index] = total;
}

/// Sums from the beginning, at the samples.
#[cube(launch)]
fn cumulate<F: Float>(
    parts: &Tensor<F>,
    sample_of: &Tensor<u32>,
    output: &mut Tensor<F>,
    sizes: Sizes,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS as u32;
    if entry >= sizes.batch {
        terminate!();
    }
    let mut before = F::new(0.0);
    let mut block = F::new(0.0);
    for segment in 0..sizes.segments {
        block += parts[(entry * sizes.segments + segment) as usize];
        let sample = sample_of[segment as usize];
        if sample != NO_SAMPLE {
            output[(entry * sizes.samples + sample) as usize] = before + block;
        }
        if segment % SUMMED_APART == SUMMED_APART - 1 {
            before += block;
            block = F::new(0.0);
        }
    }
}

/// For every segment the sum of the cotangents of all samples at or after its end.
#[cube(launch)]
fn cumulate_back<F: Float>(
    cotangent: &Tensor<F>,
    sample_of: &Tensor<u32>,
    later: &mut Tensor<F>,
    sizes: Sizes,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS as u32;
    if entry >= sizes.batch {
        terminate!();
    }
    let mut after = F::new(0.0);
    let mut block = F::new(0.0);
    for step in 0..sizes.segments {
        let segment = sizes.segments - 1 - step;
        let sample = sample_of[segment as usize];
        if sample != NO_SAMPLE {
            block += cotangent[(entry * sizes.samples + sample) as usize];
        }
        later[(entry * sizes.segments + segment) as usize] = after + block;
        if step % SUMMED_APART == SUMMED_APART - 1 {
            after += block;
            block = F::new(0.0);
        }
    }
}

/// Gradient of every position, from the segments that it touches.
#[cube(launch)]
fn gather<F: Float>(
    later: &Tensor<F>,
    slopes: &Tensor<F>,
    description: &Tensor<u32>,
    first_touched: &Tensor<u32>,
    touched: &Tensor<u32>,
    gradient: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] assets: usize,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    let positions = sizes.positions as usize;
    if index >= sizes.batch as usize * positions * assets {
        terminate!();
    }
    let (asset, position) = (index % assets, (index / assets) % positions);
    let entry = index / (assets * positions);
    let mut total = F::new(0.0);
    for place in first_touched[position]..first_touched[position + 1] {
        let role = touched[place as usize] % 3;
        let segment = (touched[place as usize] / 3) as usize;
        let here = entry * sizes.segments as usize + segment;
        let mut slope = slopes[here * 2 * assets + asset];
        if role != FROM_REST {
            let offset = F::cast_from(description[segment * DESCRIPTION + 2]);
            let stride = F::cast_from(description[segment * DESCRIPTION + 4]);
            let by_d = slopes[(here * 2 + 1) * assets + asset];
            let by_end = (offset * slope + stride * by_d) / F::cast_from(sizes.ramp_rows);
            if role == FROM_START {
                slope -= by_end;
            } else {
                slope = by_end;
            }
        }
        total += later[here] * slope;
    }
    gradient[index] = total;
}

impl GrowthPlan {
    fn sizes(&self, batch: usize, positions: usize) -> SizesLaunch {
        let sizes = [batch, self.windows, self.segments.len(), self.samples(), positions];
        let [batch, windows, segments, samples, positions] = sizes.map(|size| size as u32);
        SizesLaunch::new(batch, windows, segments, samples, positions, self.ramp_rows)
    }

    /// Which sample each segment ends with.
    fn sample_of(&self) -> impl Iterator<Item = u32> {
        let mut next = 0;
        self.segments.iter().map(move |segment| {
            let sample = if segment.sample { next } else { NO_SAMPLE };
            next += u32::from(segment.sample);
            sample
        })
    }

    /// For every position, the first of its places in the second list, which names segments and roles.
    fn touched(&self, positions: usize) -> (Vec<u32>, Vec<u32>) {
        let mut of_position = vec![vec![]; positions];
        for (segment, Segment { span, .. }) in self.segments.iter().enumerate() {
            let place = |role: u32| 3 * segment as u32 + role;
            match *span {
                Span::Ramp { block, .. } => {
                    of_position[block as usize].push(place(FROM_START));
                    of_position[block as usize + 1].push(place(FROM_END));
                }
                Span::Hold { position } => of_position[position as usize].push(place(FROM_REST)),
            }
        }
        let mut first = vec![0];
        for touched in &of_position {
            first.push(first[first.len() - 1] + touched.len() as u32);
        }
        (first, of_position.concat())
    }
}

impl Kernels<1> for Growth {
    fn forward(&self, [positions]: [CubeTensor; 1], tracked: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, count, _] = positions.meta.shape().dims::<3>();
        let (segments_, assets) = (plan.segments.len(), plan.assets);
        let parts = empty(&positions, [batch, segments_]);
        let slopes = empty(&positions, if tracked { [batch, segments_, 2, assets] } else { [1, 1, 1, 1] });
        let description = indices(&positions, described(&plan.segments));
        let sample_of = indices(&positions, plan.sample_of());
        let (groups, group) = launch_of(batch * segments_);
        segments::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            description.clone().into_tensor_arg(),
            table(&positions, &plan.s0).into_tensor_arg(),
            table(&positions, &plan.s1).into_tensor_arg(),
            parts.clone().into_tensor_arg(),
            slopes.clone().into_tensor_arg(),
            plan.sizes(batch, count),
            assets,
            tracked,
            element(&positions),
        );
        let output = empty(&positions, [batch, plan.samples()]);
        let (groups, group) = launch_of(batch);
        cumulate::launch(
            &positions.client,
            groups,
            group,
            parts.into_tensor_arg(),
            sample_of.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            plan.sizes(batch, count),
            element(&positions),
        );
        (output, if tracked { vec![slopes, description, sample_of] } else { vec![] })
    }

    fn backward(&self, pass: CubePass<1>, [wanted]: [bool; 1]) -> [Option<CubeTensor>; 1] {
        let plan = &*self.0;
        let [positions] = pass.inputs;
        let Ok([slopes, description, sample_of]) = <[CubeTensor; 3]>::try_from(pass.kept) else { return [None] };
        if !wanted {
            return [None];
        }
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let later = empty(&positions, [batch, plan.segments.len()]);
        let (groups, group) = launch_of(batch);
        cumulate_back::launch(
            &positions.client,
            groups,
            group,
            pass.cotangent.into_tensor_arg(),
            sample_of.into_tensor_arg(),
            later.clone().into_tensor_arg(),
            plan.sizes(batch, count),
            element(&positions),
        );
        let gradient = empty(&positions, [batch, count, assets]);
        let (first, touched) = plan.touched(count);
        let (groups, group) = launch_of(batch * count * assets);
        gather::launch(
            &positions.client,
            groups,
            group,
            later.into_tensor_arg(),
            slopes.into_tensor_arg(),
            description.into_tensor_arg(),
            indices(&positions, first).into_tensor_arg(),
            indices(&positions, touched).into_tensor_arg(),
            gradient.clone().into_tensor_arg(),
            plan.sizes(batch, count),
            assets,
            element(&positions),
        );
        [Some(gradient)]
    }
}
