//! Rebalanced portfolios in plain tensor operations, all rows at once.

use burn::tensor::{Int, Tensor, TensorData};

use super::RebalancingPlan;
use crate::interpolation::reference::interpolate;

/// [`rebalancing`](super::rebalancing()) in tensor operations, on any device, with burn's own gradient.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn rebalancing(positions: Tensor<3>, plan: &RebalancingPlan) -> Tensor<2> {
    plan.windows.check("rebalancing", &positions.dims());
    let (device, dtype) = (positions.device(), positions.dtype());
    let [batch, _, assets] = positions.dims();
    let windows = plan.windows.starts.len();
    let executed: Vec<usize> =
        (0..plan.windows.visits()).filter(|&visit| plan.terms.executes(&plan.windows.layout, visit)).collect();
    let last: Vec<usize> = executed.iter().map(|&visit| plan.executed_before(visit).unwrap_or(visit)).collect();

    let select = |tensor: Tensor<3>, indices: &mut dyn Iterator<Item = usize>| {
        let indices: Vec<i64> = indices.map(|index| index as i64).collect();
        let count = indices.len();
        tensor.select(1, Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &device))
    };
    let weights = interpolate(positions, &plan.windows.layout);
    let held = select(weights.clone(), &mut last.iter().copied());
    let before = select(weights.clone(), &mut executed.iter().map(|visit| visit.saturating_sub(1)));
    let now = select(weights, &mut executed.iter().copied());

    let (mut changes, mut costs) = (Vec::new(), Vec::new());
    for window in 0..windows {
        for (&visit, &last) in executed.iter().zip(&last) {
            let (then, now) = (plan.windows.prices_of(window, last), plan.windows.prices_of(window, visit));
            changes.extend(then.iter().zip(now).map(|(then, now)| (now - then) / then));
            let mut row = vec![0.0; assets];
            plan.terms.unit_costs(plan.windows.row(window, visit), &mut row);
            costs.extend(row);
        }
    }
    let constant = |values: Vec<f64>| {
        let data = TensorData::new(values, [windows, executed.len(), assets]);
        Tensor::<3>::from_data(data, (&device, dtype)).repeat_dim(0, batch / windows)
    };
    let (changes, costs) = (constant(changes), constant(costs));

    let moved = held.clone() * changes;
    let drift = moved.clone().sum_dim(2);
    let bought = before.clone() - held + before.clone() * drift.clone() - moved;
    let first = drift - (costs.clone() * bought.abs()).sum_dim(2);
    let second = (costs * (now - before).abs()).sum_dim(2);
    let steps = first.log1p() + second.neg().log1p() + (-plan.terms.streaming_fee).ln_1p();
    let sampled = plan.windows.samples.iter().map(|sample| executed.partition_point(|visit| visit < sample));
    select(steps.cumsum(1), &mut { sampled }).squeeze_dim(2)
}
