//! Fused loops: one task per window of one set; arithmetic in double precision.

use super::divergence::divergence;
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

/// Fills the growth at the samples, and the slopes of every segment where they are to be `kept`: per batch entry and
/// segment `d/dx` of every asset, then `d/dd`.
pub(super) fn forward<F: Real>(plan: &GrowthPlan, positions: View<'_, F>, output: &mut [F], kept: &mut [f64]) {
    let batch = positions.shape[0];
    let length = positions.values.len() / batch;
    let work = batch * plan.segments.len() * plan.assets * WORK;
    let kept = pieces((!kept.is_empty()).then_some(kept), batch);
    let tasks = pieces(Some(output), batch).into_iter().flatten().zip(kept).enumerate().collect();
    run(tasks, work, |(index, (output, mut kept)): (usize, (&mut [F], Option<&mut [f64]>))| {
        let positions = &positions.values[index * length..(index + 1) * length];
        let mut total = 0.0;
        let mut samples = output.iter_mut();
        for (place, segment) in plan.segments.iter().enumerate() {
            let (s0, s1) = prices(plan, index % plan.windows, place);
            let slopes = kept.as_mut().map(|kept| &mut kept[place * 2 * plan.assets..][..2 * plan.assets]);
            total += growth_of_segment(plan, segment, positions, s0, s1, slopes);
            if segment.sample
                && let Some(sample) = samples.next()
            {
                *sample = F::of(total);
            }
        }
    });
}

#[inline]
fn growth_of_segment<F: Real>(
    plan: &GrowthPlan,
    segment: &Segment,
    positions: &[F],
    s0: &[f64],
    s1: &[f64],
    slopes: Option<&mut [f64]>,
) -> f64 {
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
            let line = |asset: usize| line(start[asset].wide(), end[asset].wide(), offset, segment.stride, per_row);
            if let Some(slopes) = slopes {
                let (to_x, to_d) = slopes.split_at_mut(assets);
                for asset in 0..assets {
                    let (x, d) = line(asset);
                    let lost = divergence(x, d, segment.steps);
                    total += x * s0[asset] + d * s1[asset] - lost.value;
                    to_x[asset] = s0[asset] - lost.by_x;
                    to_d[asset] = s1[asset] - lost.by_d;
                }
            } else {
                for asset in 0..assets {
                    let (x, d) = line(asset);
                    total += x * s0[asset] + d * s1[asset] - divergence(x, d, segment.steps).value;
                }
            }
        }
    }
    total
}

/// Adjoint of [`forward`] from the slopes that it kept.
pub(super) fn backward<F: Real>(
    plan: &GrowthPlan,
    positions: &[usize],
    kept: &[f64],
    cotangent: View<'_, F>,
    gradient: &mut [F],
) {
    let batch = positions[0];
    let samples = cotangent.values.len() / batch;
    let slopes = kept.len() / batch;
    let work = batch * plan.segments.len() * plan.assets * WORK / 4;
    let tasks = pieces(Some(gradient), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, gradient): (usize, &mut [F])| {
        let mut cotangents = cotangent.values[index * samples..(index + 1) * samples].iter().rev();
        let slopes = kept[index * slopes..(index + 1) * slopes].chunks_exact(2 * plan.assets);
        let mut later = 0.0;
        for ((place, segment), slopes) in plan.segments.iter().enumerate().zip(slopes).rev() {
            if segment.sample
                && let Some(cotangent) = cotangents.next()
            {
                later += cotangent.wide();
            }
            let (s0, _) = prices(plan, index % plan.windows, place);
            adjoint_of_segment(plan, segment, s0, slopes, later, gradient);
        }
    });
}

#[inline]
fn adjoint_of_segment<F: Real>(
    plan: &GrowthPlan,
    segment: &Segment,
    s0: &[f64],
    slopes: &[f64],
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
            let per_row = cotangent / f64::from(plan.ramp_rows);
            let (offset, stride) = (f64::from(offset), f64::from(segment.stride));
            let first = block as usize * assets;
            let (to_start, to_end) = gradient[first..first + 2 * assets].split_at_mut(assets);
            let (by_x, by_d) = slopes.split_at(assets);
            for asset in 0..assets {
                let end = (offset * by_x[asset] + stride * by_d[asset]) * per_row;
                to_start[asset] += F::of(cotangent * by_x[asset] - end);
                to_end[asset] += F::of(end);
            }
        }
    }
}
