//! Fused loops: one task per window of one set; weights are computed on the fly, in double precision.

use super::StepsPlan;
use crate::backend::{Real, View, pieces, run};
use crate::growth::log_ratio;
use crate::interpolation::{Accumulator, Walk};

/// Elementary steps of one row of one asset, for the decision about threads.
const WORK: usize = 10;

pub(super) fn forward<F: Real>(plan: &StepsPlan, positions: View<'_, F>, output: &mut [F]) {
    let (batch, assets) = (positions.shape[0], plan.assets);
    let length = positions.values.len() / batch;
    let work = output.len() * assets * WORK;
    let tasks = pieces(Some(output), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, output): (usize, &mut [F])| {
        let positions = &positions.values[index * length..(index + 1) * length];
        let window = index % plan.windows();
        let mut walk = Walk::new(&plan.layout, positions, assets);
        let (mut weights, mut next) = (vec![0.0; assets], vec![0.0; assets]);
        walk.weights(plan.layout.place(0), &mut weights);
        let mut total = 0.0;
        for (visit, output) in output.iter_mut().enumerate().skip(1) {
            walk.weights(plan.layout.place(visit), &mut next);
            let moved = plan.log_changes_of(window, visit - 1);
            for asset in 0..assets {
                let change = next[asset] - weights[asset];
                total += weights[asset] * moved[asset];
                if change != 0.0 {
                    total -= next[asset] * log_ratio(weights[asset], change);
                }
            }
            *output = F::of(total);
            std::mem::swap(&mut weights, &mut next);
        }
    });
}

pub(super) fn backward<F: Real>(plan: &StepsPlan, positions: View<'_, F>, cotangent: View<'_, F>, gradient: &mut [F]) {
    let (batch, assets) = (positions.shape[0], plan.assets);
    let (length, visited) = (positions.values.len() / batch, plan.layout.visited());
    let work = cotangent.values.len() * assets * WORK * 2;
    let tasks = pieces(Some(gradient), batch).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(index, gradient): (usize, &mut [F])| {
        let positions = &positions.values[index * length..(index + 1) * length];
        let cotangent = &cotangent.values[index * visited..(index + 1) * visited];
        let window = index % plan.windows();
        let mut walk = Walk::new(&plan.layout, positions, assets);
        let mut accumulator = Accumulator::new(&plan.layout, positions, gradient, assets);
        let (mut next, mut weights) = (vec![0.0; assets], vec![0.0; assets]);
        // What is known of the gradient with respect to the weights of the later and the earlier row.
        let (mut to_next, mut to_weights) = (vec![0.0; assets], vec![0.0; assets]);
        let mut place = plan.layout.place(visited - 1);
        walk.weights(place, &mut next);
        let mut later = 0.0;
        for visit in (0..visited - 1).rev() {
            let earlier_place = plan.layout.place(visit);
            walk.weights(earlier_place, &mut weights);
            later += cotangent[visit + 1].wide();
            let moved = plan.log_changes_of(window, visit);
            for asset in 0..assets {
                let change = next[asset] - weights[asset];
                let mut kept = moved[asset] + 1.0;
                let mut reached = 1.0;
                if change != 0.0 {
                    kept += change / weights[asset];
                    reached += log_ratio(weights[asset], change);
                }
                to_weights[asset] = later * kept;
                to_next[asset] -= later * reached;
            }
            accumulator.add(place, &to_next);
            place = earlier_place;
            std::mem::swap(&mut weights, &mut next);
            std::mem::swap(&mut to_weights, &mut to_next);
        }
        accumulator.add(place, &to_next);
        accumulator.finish();
    });
}
