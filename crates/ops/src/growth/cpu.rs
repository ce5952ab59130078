//! Fused loops: one task per window of one set; arithmetic in double precision.

use super::divergence::{divergence, divergence_gradient};
use super::{GrowthPlan, Segment, Span};
use crate::backend::{Real, View, pieces, run};

/// Elementary steps of one segment of one asset, for the decision about threads.
const WORK: usize = 30;

/// The weight of one asset at the start of a ramp segment, and its change per step.
#[inline]
fn line(start: f64, end: f64, offset: u32, stride: u32, per_row: f64) -> (f64, f64) {
    let step = (end - start) * per_row;
    (start + f64::from(offset) * step, f64::from(stride) * step)
}

/// The constants of one segment of one window.
fn prices(plan: &GrowthPlan, window: usize, segment: usize) -> (&[f64], &[f64]) {
    let first = (window * plan.segments.len() + segment) * plan.assets;
    let range = first..first + plan.assets;
    (&plan.s0[range.clone()], &plan.s1[range])
}

fn position<F>(positions: &[F], index: u32, assets: usize) -> &[F] {
    let first = index as usize * assets;
    &positions[first..first + assets]
}

pub(super) fn forward<F: Real>(plan: &GrowthPlan, positions: View<'_, F>, output: &mut [F]) {
    let batch = positions.shape[0];
    let length = positions.values.len() / batch;
    let work = batch * plan.segments.len() * plan.assets * WORK;
    let tasks = pieces(Some(output), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, output): (usize, &mut [F])| {
        let positions = &positions.values[index * length..(index + 1) * length];
        let mut total = 0.0;
        let mut samples = output.iter_mut();
        for (place, segment) in plan.segments.iter().enumerate() {
            let (s0, s1) = prices(plan, index % plan.windows, place);
            total += growth_of_segment(plan, segment, positions, s0, s1);
            if segment.sample
                && let Some(sample) = samples.next()
            {
                *sample = F::of(total);
            }
        }
    });
}

fn growth_of_segment<F: Real>(plan: &GrowthPlan, segment: &Segment, positions: &[F], s0: &[f64], s1: &[f64]) -> f64 {
    let assets = plan.assets;
    let mut total = 0.0;
    match segment.span {
        Span::Hold { position: at } => {
            for (weight, s0) in position(positions, at, assets).iter().zip(s0) {
                total += weight.wide() * s0;
            }
        }
        Span::Ramp { block, offset } => {
            let (start, end) = (position(positions, block, assets), position(positions, block + 1, assets));
            let per_row = 1.0 / f64::from(plan.ramp_rows);
            for asset in 0..assets {
                let (x, d) = line(start[asset].wide(), end[asset].wide(), offset, segment.stride, per_row);
                total += x * s0[asset] + d * s1[asset] - divergence(x, d, segment.steps);
            }
        }
    }
    total
}

pub(super) fn backward<F: Real>(plan: &GrowthPlan, positions: View<'_, F>, cotangent: View<'_, F>, gradient: &mut [F]) {
    let batch = positions.shape[0];
    let length = positions.values.len() / batch;
    let samples = cotangent.values.len() / batch;
    let work = batch * plan.segments.len() * plan.assets * WORK;
    let tasks = pieces(Some(gradient), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, gradient): (usize, &mut [F])| {
        let positions = &positions.values[index * length..(index + 1) * length];
        let mut cotangents = cotangent.values[index * samples..(index + 1) * samples].iter().rev();
        let mut later = 0.0;
        for (place, segment) in plan.segments.iter().enumerate().rev() {
            if segment.sample
                && let Some(cotangent) = cotangents.next()
            {
                later += cotangent.wide();
            }
            let (s0, s1) = prices(plan, index % plan.windows, place);
            adjoint_of_segment(plan, segment, positions, s0, s1, later, gradient);
        }
    });
}

fn adjoint_of_segment<F: Real>(
    plan: &GrowthPlan,
    segment: &Segment,
    positions: &[F],
    s0: &[f64],
    s1: &[f64],
    cotangent: f64,
    gradient: &mut [F],
) {
    let assets = plan.assets;
    match segment.span {
        Span::Hold { position: at } => {
            let first = at as usize * assets;
            for (gradient, s0) in gradient[first..first + assets].iter_mut().zip(s0) {
                *gradient += F::of(cotangent * s0);
            }
        }
        Span::Ramp { block, offset } => {
            let (start, end) = (position(positions, block, assets), position(positions, block + 1, assets));
            let per_row = 1.0 / f64::from(plan.ramp_rows);
            let first = block as usize * assets;
            for asset in 0..assets {
                let (x, d) = line(start[asset].wide(), end[asset].wide(), offset, segment.stride, per_row);
                let (by_x, by_d) = divergence_gradient(x, d, segment.steps);
                let to_x = cotangent * (s0[asset] - by_x);
                let to_d = cotangent * (s1[asset] - by_d);
                let to_end = (f64::from(offset) * to_x + f64::from(segment.stride) * to_d) * per_row;
                gradient[first + asset] += F::of(to_x - to_end);
                gradient[first + assets + asset] += F::of(to_end);
            }
        }
    }
}
