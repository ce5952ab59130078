//! Fused loops: one task per window of one set; weights are computed on the fly, in double precision.

use super::RebalancingPlan;
use crate::backend::{Real, View, pieces, run};
use crate::interpolation::{Accumulator, Walk};

/// Elementary steps of one visit of one asset, for the decision about threads.
const WORK: usize = 10;

/// What meets at one executed row: price changes since the last executed row, unit costs, and three rows of weights.
struct Row<'a> {
    changes: &'a [f64],
    costs: &'a [f64],
    /// Of the last executed row.
    held: &'a [f64],
    /// Of the visited row before.
    before: &'a [f64],
    now: &'a [f64],
}

impl Row<'_> {
    /// `sum a_i m_i`.
    fn drift(&self) -> f64 {
        self.held.iter().zip(self.changes).map(|(held, change)| held * change).sum()
    }

    /// `x_i`.
    #[inline]
    fn bought(&self, asset: usize, drift: f64) -> f64 {
        let (held, before) = (self.held[asset], self.before[asset]);
        (before - held) + before * drift - held * self.changes[asset]
    }

    /// `y_i`.
    #[inline]
    fn turned(&self, asset: usize) -> f64 {
        self.now[asset] - self.before[asset]
    }

    /// `u - sum h_i |x_i|` and `sum h_i |y_i|`.
    fn parts(&self, drift: f64) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for (asset, cost) in self.costs.iter().enumerate() {
            first += cost * self.bought(asset, drift).abs();
            second += cost * self.turned(asset).abs();
        }
        (drift - first, second)
    }

    fn log_growth(&self) -> f64 {
        let (first, second) = self.parts(self.drift());
        first.ln_1p() + (-second).ln_1p()
    }

    /// Writes `later` times the derivatives with respect to the weights held and those before; adds that with respect to the
    /// weights now.
    fn adjoint(&self, later: f64, to_held: &mut [f64], to_before: &mut [f64], to_now: &mut [f64]) {
        let drift = self.drift();
        let (first, second) = self.parts(drift);
        let (of_first, of_second) = (later / (1.0 + first), later / (1.0 - second));
        let mut kept = 1.0;
        for asset in 0..self.costs.len() {
            let signed = self.costs[asset] * sign(self.bought(asset, drift));
            kept -= signed * self.before[asset];
            to_held[asset] = signed;
        }
        for asset in 0..self.costs.len() {
            let (change, signed) = (self.changes[asset], to_held[asset]);
            let turned = of_second * self.costs[asset] * sign(self.turned(asset));
            to_held[asset] = of_first * (change * kept + signed * (1.0 + change));
            to_before[asset] = turned - of_first * signed * (1.0 + drift);
            to_now[asset] -= turned;
        }
    }
}

/// 0 at 0.
fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

fn changes(before: &[f64], now: &[f64], changes: &mut [f64]) {
    for ((change, before), now) in changes.iter_mut().zip(before).zip(now) {
        *change = (now - before) / before;
    }
}

pub(super) fn forward<F: Real>(plan: &RebalancingPlan, positions: View<'_, F>, output: &mut [F]) {
    let (batch, assets) = (positions.shape[0], plan.windows.assets);
    let length = positions.values.len() / batch;
    let streamed = (-plan.terms.streaming_fee).ln_1p();
    let tasks = pieces(Some(output), batch).into_iter().flatten().enumerate().collect();
    run(tasks, batch * plan.windows.visits() * assets * WORK, |(entry, output): (usize, &mut [F])| {
        let window = entry % plan.windows.starts.len();
        let mut walk = Walk::new(&plan.windows.layout, &positions.values[entry * length..(entry + 1) * length], assets);
        let mut samples = plan.windows.samples.iter().zip(output).peekable();
        let zeros = || vec![0.0; assets];
        let (mut held, mut before, mut now) = (zeros(), zeros(), zeros());
        let (mut moved, mut costs) = (zeros(), zeros());
        walk.weights(plan.windows.layout.place(0), &mut held);
        before.clone_from(&held);
        let (mut last, mut total) = (0, 0.0);
        for visit in 0..plan.windows.visits() {
            walk.weights(plan.windows.layout.place(visit), &mut now);
            if plan.terms.executes(&plan.windows.layout, visit) {
                changes(plan.windows.prices_of(window, last), plan.windows.prices_of(window, visit), &mut moved);
                plan.terms.unit_costs(plan.windows.row(window, visit), &mut costs);
                let row = Row { changes: &moved, costs: &costs, held: &held, before: &before, now: &now };
                total += row.log_growth() + streamed;
                held.clone_from(&now);
                last = visit;
            }
            if let Some((_, output)) = samples.next_if(|(sample, _)| **sample == visit) {
                *output = F::of(total);
            }
            std::mem::swap(&mut before, &mut now);
        }
    });
}

pub(super) fn backward<F: Real>(
    plan: &RebalancingPlan,
    positions: View<'_, F>,
    cotangent: View<'_, F>,
    gradient: &mut [F],
) {
    let (batch, assets) = (positions.shape[0], plan.windows.assets);
    let (length, sampled) = (positions.values.len() / batch, plan.windows.samples.len());
    let tasks = pieces(Some(gradient), batch).into_iter().flatten().enumerate().collect();
    run(tasks, 2 * batch * plan.windows.visits() * assets * WORK, |(entry, gradient): (usize, &mut [F])| {
        let window = entry % plan.windows.starts.len();
        let positions = &positions.values[entry * length..(entry + 1) * length];
        let cotangent = &cotangent.values[entry * sampled..(entry + 1) * sampled];
        let mut walk = Walk::new(&plan.windows.layout, positions, assets);
        let mut accumulator = Accumulator::new(&plan.windows.layout, positions, gradient, assets);
        let mut samples = plan.windows.samples.iter().zip(cotangent).rev().peekable();
        let zeros = || vec![0.0; assets];
        let (mut held, mut before, mut now) = (zeros(), zeros(), zeros());
        let (mut moved, mut costs) = (zeros(), zeros());
        // What is known of the gradient with respect to the weights of the row at hand, and of those it looks back at.
        let (mut to_now, mut to_held, mut to_before) = (zeros(), zeros(), zeros());
        let mut later = 0.0;
        let mut visit = plan.windows.visits().saturating_sub(1);
        walk.weights(plan.windows.layout.place(visit), &mut now);
        // At the first row nothing has moved yet: it has no slope.
        while let Some(last) = plan.executed_before(visit) {
            if let Some((_, found)) = samples.next_if(|(sample, _)| **sample == visit) {
                later += found.wide();
            }
            walk.weights(plan.windows.layout.place(visit - 1), &mut before);
            if last + 1 == visit {
                held.clone_from(&before);
            } else {
                walk.weights(plan.windows.layout.place(last), &mut held);
            }
            changes(plan.windows.prices_of(window, last), plan.windows.prices_of(window, visit), &mut moved);
            plan.terms.unit_costs(plan.windows.row(window, visit), &mut costs);
            let row = Row { changes: &moved, costs: &costs, held: &held, before: &before, now: &now };
            row.adjoint(later, &mut to_held, &mut to_before, &mut to_now);
            accumulator.add(plan.windows.layout.place(visit), &to_now);
            if last + 1 == visit {
                for (held, before) in to_held.iter_mut().zip(&to_before) {
                    *held += before;
                }
            } else {
                accumulator.add(plan.windows.layout.place(visit - 1), &to_before);
            }
            std::mem::swap(&mut to_now, &mut to_held);
            std::mem::swap(&mut now, &mut held);
            visit = last;
        }
        accumulator.add(plan.windows.layout.place(visit), &to_now);
        accumulator.finish();
    });
}
