//! Fused loops: one pass over time per window and set, forward; stretch by stretch from kept reserves, backward.

use super::trade::{Pool, Terms, Trade};
use super::{ArbitragePlan, CHECKPOINT_VISITS};
use crate::backend::{Real, Row, View, pieces, run, with_row};
use crate::interpolation::{Accumulator, Walk};

/// Elementary steps of one visit, for the decision about threads.
const WORK: usize = 60;

/// Number of stretches between kept reserves.
pub(super) fn stretches(plan: &ArbitragePlan) -> usize {
    visits(plan).div_ceil(CHECKPOINT_VISITS)
}

/// Visits that must be computed: up to the last sample.
fn visits(plan: &ArbitragePlan) -> usize {
    plan.samples.last().map_or(0, |last| last + 1)
}

pub(super) fn forward<F: Real>(
    plan: &ArbitragePlan,
    positions: View<'_, F>,
    initial: View<'_, F>,
    output: &mut [F],
    kept: &mut [f64],
) {
    let batch = positions.shape[0];
    let kept = pieces((!kept.is_empty()).then_some(kept), batch);
    let tasks = pieces(Some(output), batch).into_iter().flatten().zip(kept).enumerate().collect();
    run(tasks, batch * visits(plan) * WORK, |(entry, (output, kept)): (usize, (&mut [F], Option<&mut [f64]>))| {
        let window = positions.values.len() / batch;
        let positions = &positions.values[entry * window..(entry + 1) * window];
        let initial = &initial.values[entry * plan.assets..(entry + 1) * plan.assets];
        with_width(plan, EntryForward { plan, entry, positions, initial, output, kept });
    });
}

/// Something to do with rows of the width of the plan.
trait WithRows {
    fn run<R: Row<f64>>(self);
}

fn with_width(plan: &ArbitragePlan, work: impl WithRows) {
    fn call<F, R: Row<F> + Row<f64>>(work: impl WithRows) {
        work.run::<R>();
    }
    with_row!(plan.assets, call::<f64>(work));
}

struct EntryForward<'a, F> {
    plan: &'a ArbitragePlan,
    entry: usize,
    positions: &'a [F],
    initial: &'a [F],
    output: &'a mut [F],
    kept: Option<&'a mut [f64]>,
}

impl<F: Real> WithRows for EntryForward<'_, F> {
    fn run<R: Row<f64>>(self) {
        let plan = self.plan;
        let (assets, window) = (plan.assets, self.entry % plan.starts.len());
        let terms = Terms::new(&plan.costs);
        let mut pool = Pool::<R>::new(assets);
        for (reserve, initial) in pool.reserves.slice_mut().iter_mut().zip(self.initial) {
            *reserve = initial.wide();
        }
        let mut kept = self.kept.map(|kept| kept.chunks_exact_mut(assets));
        let mut samples = plan.samples.iter().zip(self.output.chunks_exact_mut(assets)).peekable();
        let mut walk = Walk::new(&plan.layout, self.positions, assets);
        let mut weights = R::filled(0.0, assets);
        let mut before = R::filled(0.0, assets);
        for visit in 0..visits(plan) {
            if visit % CHECKPOINT_VISITS == 0
                && let Some(kept) = kept.as_mut().and_then(Iterator::next)
            {
                kept.copy_from_slice(pool.reserves.slice());
            }
            let prices = plan.prices_of(window, visit);
            walk.weights(plan.layout.place(visit), weights.slice_mut());
            if visit == 0 {
                before.clone_from(&weights);
            }
            pool.arbitrage(before.slice(), prices, &terms);
            pool.arbitrage(weights.slice(), prices, &terms);
            if let Some((_, output)) = samples.next_if(|(sample, _)| **sample == visit) {
                for (output, reserve) in output.iter_mut().zip(pool.reserves.slice()) {
                    *output = F::of(*reserve);
                }
            }
            std::mem::swap(&mut before, &mut weights);
        }
    }
}

pub(super) fn backward<F: Real>(
    plan: &ArbitragePlan,
    positions: View<'_, F>,
    kept: &[f64],
    cotangent: View<'_, F>,
    to_positions: Option<&mut [F]>,
    to_initial: Option<&mut [F]>,
) {
    let batch = positions.shape[0];
    let (to_positions, to_initial) = (pieces(to_positions, batch), pieces(to_initial, batch));
    let tasks = to_positions.into_iter().zip(to_initial).enumerate().collect();
    let share = |values: usize| values / batch;
    run(tasks, 3 * batch * visits(plan) * WORK, |(entry, (to_positions, to_initial))| {
        let part = |values: usize| entry * share(values)..(entry + 1) * share(values);
        with_width(
            plan,
            EntryBackward {
                plan,
                entry,
                positions: &positions.values[part(positions.values.len())],
                kept: &kept[part(kept.len())],
                cotangent: &cotangent.values[part(cotangent.values.len())],
                to_positions,
                to_initial,
            },
        );
    });
}

struct EntryBackward<'a, F> {
    plan: &'a ArbitragePlan,
    entry: usize,
    positions: &'a [F],
    kept: &'a [f64],
    cotangent: &'a [F],
    to_positions: Option<&'a mut [F]>,
    to_initial: Option<&'a mut [F]>,
}

/// One visit of a stretch: its weights, and the trade of each leg with the reserves before it.
#[derive(Clone)]
struct Visit<R> {
    weights: R,
    legs: [Option<(Trade, R)>; 2],
}

impl<F: Real> WithRows for EntryBackward<'_, F> {
    fn run<R: Row<f64>>(self) {
        let plan = self.plan;
        let (assets, window) = (plan.assets, self.entry % plan.starts.len());
        let terms = Terms::new(&plan.costs);
        let mut pool = Pool::<R>::new(assets);
        let mut walk = Walk::new(&plan.layout, self.positions, assets);
        // Gradients that nobody wants are thrown away.
        let mut unwanted = Vec::new();
        let to_positions = self.to_positions.unwrap_or_else(|| {
            unwanted = vec![F::ZERO; self.positions.len()];
            &mut unwanted
        });
        let mut accumulator = Accumulator::new(&plan.layout, self.positions, to_positions, assets);
        let mut samples = plan.samples.iter().zip(self.cotangent.chunks_exact(assets)).rev().peekable();
        let mut cotangent = R::filled(0.0, assets);
        let mut to_weights = R::filled(0.0, assets);
        let mut stretch: Vec<Visit<R>> = Vec::with_capacity(CHECKPOINT_VISITS);
        let visits = visits(plan);
        for index in (0..stretches(plan)).rev() {
            let first = index * CHECKPOINT_VISITS;
            pool.reserves.slice_mut().copy_from_slice(&self.kept[index * assets..(index + 1) * assets]);
            let mut before_stretch = R::filled(0.0, assets);
            walk.weights(plan.layout.place(first.saturating_sub(1)), before_stretch.slice_mut());
            stretch.clear();
            for visit in first..visits.min(first + CHECKPOINT_VISITS) {
                let prices = plan.prices_of(window, visit);
                let mut weights = R::filled(0.0, assets);
                walk.weights(plan.layout.place(visit), weights.slice_mut());
                let mut leg = |weights: &R| {
                    let reserves = pool.reserves.clone();
                    pool.arbitrage(weights.slice(), prices, &terms).map(|trade| (trade, reserves))
                };
                let before = stretch.last().map_or(&before_stretch, |visit| &visit.weights);
                let legs = [leg(before), leg(&weights)];
                stretch.push(Visit { weights, legs });
            }
            for (offset, now) in stretch.iter().enumerate().rev() {
                let visit = first + offset;
                if let Some((_, found)) = samples.next_if(|(sample, _)| **sample == visit) {
                    for (cotangent, found) in cotangent.slice_mut().iter_mut().zip(found) {
                        *cotangent += found.wide();
                    }
                }
                let prices = plan.prices_of(window, visit);
                let mut adjoint = |leg: &Option<(Trade, R)>, weights: &R, to_weights: &mut R| {
                    if let Some((trade, reserves)) = leg {
                        let at = (weights.slice(), prices);
                        let to_weights = to_weights.slice_mut();
                        Pool::<R>::adjoint(reserves.slice(), trade, at, &terms, cotangent.slice_mut(), to_weights);
                    }
                };
                adjoint(&now.legs[1], &now.weights, &mut to_weights);
                let before = if offset == 0 { &before_stretch } else { &stretch[offset - 1].weights };
                let mut to_before = R::filled(0.0, assets);
                adjoint(&now.legs[0], before, &mut to_before);
                accumulator.add(plan.layout.place(visit), to_weights.slice());
                to_weights = to_before;
            }
        }
        // The weights before the first row are those of the first row.
        accumulator.add(plan.layout.place(0), to_weights.slice());
        accumulator.finish();
        if let Some(to_initial) = self.to_initial {
            for (gradient, cotangent) in to_initial.iter_mut().zip(cotangent.slice()) {
                *gradient += F::of(*cotangent);
            }
        }
    }
}
