//! Growth in closed form in plain tensor operations.

use super::divergence::{SERIES, separate_steps};
use super::{GrowthPlan, Segment, Span};
use burn::tensor::{Int, Tensor, TensorData};

/// [`growth`](super::growth()) in tensor operations, on any device, with burn's own gradient.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn growth(positions: Tensor<3>, plan: &GrowthPlan) -> Tensor<2> {
    plan.check(&positions.dims());
    let (device, dtype) = (positions.device(), positions.dtype());
    let [batch, _, assets] = positions.dims();
    let (windows, count) = (plan.windows, plan.segments.len());
    let gather = |of: &dyn Fn(&Segment) -> u32| {
        let indices: Vec<i64> = plan.segments.iter().map(|segment| i64::from(of(segment))).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &device);
        positions.clone().select(1, indices)
    };
    let column = |of: &dyn Fn(&Segment) -> f64| {
        let values: Vec<f64> = plan.segments.iter().map(of).collect();
        Tensor::<3>::from_data(TensorData::new(values, [1, count, 1]), (&device, dtype))
    };
    let constants = |values: &[f64]| {
        let data = TensorData::new(values.to_vec(), [windows, count, assets]);
        Tensor::<3>::from_data(data, (&device, dtype)).repeat_dim(0, batch / windows)
    };
    // A rest is a ramp from a position to itself.
    let start = gather(&|segment| match segment.span {
        Span::Ramp { block, .. } => block,
        Span::Hold { position } => position,
    });
    let end = gather(&|segment| match segment.span {
        Span::Ramp { block, .. } => block + 1,
        Span::Hold { position } => position,
    });
    let offset = column(&|segment| match segment.span {
        Span::Ramp { offset, .. } => f64::from(offset),
        Span::Hold { .. } => 0.0,
    });
    let stride = column(&|segment| f64::from(segment.stride));
    let per_row = (end - start.clone()) * (1.0 / f64::from(plan.ramp_rows));
    let x = start + offset * per_row.clone();
    let d = stride * per_row;
    let growth = x.clone() * constants(&plan.s0) + d.clone() * constants(&plan.s1) - divergence(x, d, plan);
    let cumulative = growth.sum_dim(2).cumsum(1);
    let sampled: Vec<i64> = (0..count as i64).filter(|&index| plan.segments[index as usize].sample).collect();
    let sampled = Tensor::<1, Int>::from_data(TensorData::new(sampled, [plan.samples()]), &device);
    cumulative.select(1, sampled).squeeze_dim::<2>(2)
}

/// `K(x, d, m)` of every segment: the steps near zero weight in a loop, the rest as a series.
fn divergence(x: Tensor<3>, d: Tensor<3>, plan: &GrowthPlan) -> Tensor<3> {
    let (device, dtype) = (x.device(), x.dtype());
    let [batch, count, assets] = x.dims();
    let starts: Vec<f64> = x.clone().into_data().iter::<f64>().collect();
    let sizes: Vec<f64> = d.clone().into_data().iter::<f64>().collect();
    // How the steps are cut carries no gradient, so it is decided on the host.
    let mut separate = Vec::with_capacity(starts.len());
    let (mut first, mut skipped, mut rest) = (separate.clone(), separate.clone(), separate.clone());
    for (place, (&x, &d)) in starts.iter().zip(&sizes).enumerate() {
        let steps = plan.segments[place / assets % count].steps;
        let alone = if d == 0.0 { 0 } else { separate_steps(x.min(x + f64::from(steps) * d), d.abs(), steps) };
        let others = steps - alone;
        separate.push(f64::from(alone));
        rest.push(f64::from(others));
        // Without separate steps the term below is not used, but it must be a number.
        first.push(if d > 0.0 { 0.0 } else { f64::from(others.min(steps - 1)) });
        skipped.push(if d > 0.0 { f64::from(alone) } else { 0.0 });
    }
    let most = separate.iter().copied().fold(0.0, f64::max) as u32;
    let tensor =
        |values: Vec<f64>| Tensor::<3>::from_data(TensorData::new(values, [batch, count, assets]), (&device, dtype));
    let rest = tensor(rest);
    let long_start = x.clone() + tensor(skipped) * d.clone();
    let long_end = long_start.clone() + rest.clone() * d.clone();
    let (u, v) = (d.clone() / long_end.clone(), d.clone() / long_start.clone());
    let log = (long_end / long_start).log();
    let series = d.clone() * (log * 0.5 + rest.clone() + odd_series(u) - odd_series(v));
    let mut total = series.mask_fill(rest.equal_elem(0.0), 0.0);
    let short_start = x + tensor(first) * d.clone();
    for step in 0..most {
        // Where the steps are used up, the last one is repeated and not counted.
        let step = f64::from(step);
        let place = separate.iter().map(|&separate| step.min(f64::max(separate - 1.0, 0.0))).collect();
        let counted = separate.iter().map(|&separate| if step < separate { 1.0 } else { 0.0 }).collect();
        let here = short_start.clone() + d.clone() * tensor(place);
        let next = here.clone() + d.clone();
        total = total + next.clone() * (next / here).log() * tensor(counted);
    }
    total
}

/// `P(z)`.
fn odd_series(z: Tensor<3>) -> Tensor<3> {
    let square = z.clone() * z.clone();
    let inner = (square.clone() * SERIES[3] + SERIES[2]) * square.clone() + SERIES[1];
    z * (inner * square + SERIES[0])
}
