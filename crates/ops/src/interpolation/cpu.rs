//! One ramp at a time, in double precision whatever the tensor's type.

use super::{Interpolation, PathLayout, Place};
use crate::backend::{Real, Row, View, pieces, run};

/// A block's way from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Ramp<R> {
    interpolation: Interpolation,
    rows: usize,
    start: R,
    end: R,
    step: R,
    /// `ln(end / start)`; only for the geometric forms.
    log_ratio: R,
}

impl<R: Row<f64>> Ramp<R> {
    pub(crate) fn new(layout: &PathLayout, assets: usize) -> Self {
        let zeros = || R::filled(0.0, assets);
        Self {
            interpolation: layout.interpolation,
            rows: layout.ramp_rows,
            start: zeros(),
            end: zeros(),
            step: zeros(),
            log_ratio: zeros(),
        }
    }

    /// Takes up the ramp from `start` to `end`.
    pub(crate) fn enter<F: Real>(&mut self, start: &[F], end: &[F]) {
        for asset in 0..start.len() {
            let (from, to) = (start[asset].wide(), end[asset].wide());
            self.start.slice_mut()[asset] = from;
            self.end.slice_mut()[asset] = to;
            self.step.slice_mut()[asset] = (to - from) / self.rows as f64;
            if self.interpolation != Interpolation::Linear {
                self.log_ratio.slice_mut()[asset] = (to / from).ln();
            }
        }
    }

    /// The weights `row` rows after the start of the ramp.
    pub(crate) fn weights(&self, row: usize, output: &mut [f64]) {
        let along = row as f64;
        for ((output, step), start) in output.iter_mut().zip(self.step.slice()).zip(self.start.slice()) {
            *output = along * step + start;
        }
        if let Some(exponent) = self.interpolation.exponent(row, self.rows) {
            for (asset, output) in output.iter_mut().enumerate() {
                *output += self.geometric(asset, exponent);
            }
            let total: f64 = output.iter().sum();
            for weight in output {
                *weight /= total;
            }
        }
    }

    fn geometric(&self, asset: usize, exponent: f64) -> f64 {
        self.start.slice()[asset] * (self.log_ratio.slice()[asset] * exponent).exp()
    }

    /// Adds the gradient with respect to a row's weights to that of the ramp's start and end.
    fn adjoint(&self, row: usize, gradient: &[f64], to_start: &mut [f64], to_end: &mut [f64]) {
        let along = row as f64 / self.rows as f64;
        let Some(exponent) = self.interpolation.exponent(row, self.rows) else {
            for ((gradient, to_start), to_end) in gradient.iter().zip(to_start).zip(to_end) {
                *to_start += gradient * (1.0 - along);
                *to_end += gradient * along;
            }
            return;
        };
        let (start, end, step) = (self.start.slice(), self.end.slice(), self.step.slice());
        let (mut total, mut projected) = (0.0, 0.0);
        for asset in 0..start.len() {
            let linear = row as f64 * step[asset] + start[asset];
            let both = linear + self.geometric(asset, exponent);
            total += both;
            projected += gradient[asset] * both;
        }
        projected /= total;
        for asset in 0..start.len() {
            let inner = (gradient[asset] - projected) / total;
            let geometric = self.geometric(asset, exponent);
            to_start[asset] += inner * (1.0 - along + (1.0 - exponent) * geometric / start[asset]);
            to_end[asset] += inner * (along + exponent * geometric / end[asset]);
        }
    }
}

/// A walk over the rows of one window, in either direction, that keeps the ramp of the current block.
pub(crate) struct Walk<'a, F, R> {
    ramp: Ramp<R>,
    block: Option<usize>,
    positions: &'a [F],
    assets: usize,
}

impl<'a, F: Real> Walk<'a, F, Vec<f64>> {
    pub(crate) fn new(layout: &PathLayout, positions: &'a [F], assets: usize) -> Self {
        Self::over_rows(layout, positions, assets)
    }
}

impl<'a, F: Real, R: Row<f64>> Walk<'a, F, R> {
    /// A walk over rows of a known width.
    pub(crate) fn over_rows(layout: &PathLayout, positions: &'a [F], assets: usize) -> Self {
        Self { ramp: Ramp::new(layout, assets), block: None, positions, assets }
    }

    /// The weights at a place.
    pub(crate) fn weights(&mut self, place: Place, output: &mut [f64]) {
        match place {
            Place::At(position) => {
                let weights = &self.positions[position * self.assets..(position + 1) * self.assets];
                for (output, weight) in output.iter_mut().zip(weights) {
                    *output = weight.wide();
                }
            }
            Place::Inside { block, row } => {
                self.enter(block);
                self.ramp.weights(row, output);
            }
        }
    }

    fn enter(&mut self, block: usize) {
        if self.block != Some(block) {
            let assets = self.assets;
            let start = &self.positions[block * assets..(block + 1) * assets];
            // A window may end on the first row of a ramp, where the end has no influence yet.
            let end = self.positions.get((block + 1) * assets..(block + 2) * assets);
            self.ramp.enter(start, end.unwrap_or(start));
            self.block = Some(block);
        }
    }
}

/// Gradients with respect to the positions of one window, collected row by row in either direction.
pub(crate) struct Accumulator<'a, F, R> {
    walk: Walk<'a, F, R>,
    start: R,
    end: R,
    gradient: &'a mut [F],
}

impl<'a, F: Real> Accumulator<'a, F, Vec<f64>> {
    pub(crate) fn new(layout: &PathLayout, positions: &'a [F], gradient: &'a mut [F], assets: usize) -> Self {
        Self::over_rows(layout, positions, gradient, assets)
    }
}

impl<'a, F: Real, R: Row<f64>> Accumulator<'a, F, R> {
    /// A collection over rows of a known width.
    pub(crate) fn over_rows(layout: &PathLayout, positions: &'a [F], gradient: &'a mut [F], assets: usize) -> Self {
        let walk = Walk::over_rows(layout, positions, assets);
        Self { walk, start: R::filled(0.0, assets), end: R::filled(0.0, assets), gradient }
    }

    /// Takes in the gradient with respect to the weights of one row.
    pub(crate) fn add(&mut self, place: Place, row_gradient: &[f64]) {
        match place {
            Place::At(position) => add_at(self.gradient, position, row_gradient),
            Place::Inside { block, row } => {
                if self.walk.block != Some(block) {
                    self.flush();
                    self.walk.enter(block);
                }
                self.walk.ramp.adjoint(row, row_gradient, self.start.slice_mut(), self.end.slice_mut());
            }
        }
    }

    /// Writes out what is still held back for the current block.
    pub(crate) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if let Some(block) = self.walk.block {
            let (start, end) = (self.start.slice_mut(), self.end.slice_mut());
            add_at(self.gradient, block, start);
            if self.gradient.len() > (block + 1) * end.len() {
                add_at(self.gradient, block + 1, end);
            }
            start.fill(0.0);
            end.fill(0.0);
        }
    }
}

fn add_at<F: Real>(gradient: &mut [F], position: usize, add: &[f64]) {
    let assets = add.len();
    for (gradient, add) in gradient[position * assets..(position + 1) * assets].iter_mut().zip(add) {
        *gradient += F::of(*add);
    }
}

pub(super) fn forward<F: Real>(layout: &PathLayout, positions: View<'_, F>, output: &mut [F]) {
    let [batch, assets] = [positions.shape[0], positions.shape[2]];
    let window = positions.values.len() / batch;
    let work = output.len() * 4;
    let tasks = pieces(Some(output), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, output): (usize, &mut [F])| {
        let positions = &positions.values[index * window..(index + 1) * window];
        let mut walk = Walk::new(layout, positions, assets);
        let mut weights = vec![0.0; assets];
        for (visit, output) in output.chunks_exact_mut(assets).enumerate() {
            walk.weights(layout.place(visit), &mut weights);
            for (output, weight) in output.iter_mut().zip(&weights) {
                *output = F::of(*weight);
            }
        }
    });
}

pub(super) fn backward<F: Real>(
    layout: &PathLayout,
    positions: View<'_, F>,
    cotangent: View<'_, F>,
    gradient: &mut [F],
) {
    let [batch, assets] = [positions.shape[0], positions.shape[2]];
    let (window, path) = (positions.values.len() / batch, cotangent.values.len() / batch);
    let tasks = pieces(Some(gradient), batch).into_iter().flatten().enumerate().collect();
    run(tasks, cotangent.values.len() * 4, |(index, gradient): (usize, &mut [F])| {
        let positions = &positions.values[index * window..(index + 1) * window];
        let cotangent = &cotangent.values[index * path..(index + 1) * path];
        let mut accumulator = Accumulator::new(layout, positions, gradient, assets);
        let mut row_gradient = vec![0.0; assets];
        for (visit, cotangent) in cotangent.chunks_exact(assets).enumerate() {
            for (gradient, cotangent) in row_gradient.iter_mut().zip(cotangent) {
                *gradient = cotangent.wide();
            }
            accumulator.add(layout.place(visit), &row_gradient);
        }
        accumulator.finish();
    });
}
