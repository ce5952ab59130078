//! Growth row by row in plain tensor operations.

use super::StepsPlan;
use crate::interpolation::reference::interpolate;
use burn::tensor::{Tensor, TensorData};

/// [`growth_steps`](super::growth_steps()) in tensor operations, on any device, with burn's own gradient.
///
/// # Panics
/// When the positions do not fit the plan.
pub fn growth_steps(positions: Tensor<3>, plan: &StepsPlan) -> Tensor<2> {
    plan.check(&positions.dims());
    let (device, dtype) = (positions.device(), positions.dtype());
    let [batch, _, assets] = positions.dims();
    let visited = plan.layout.visited();
    let start = Tensor::<3>::zeros([batch, 1, 1], (&device, dtype));
    if visited == 1 {
        return start.squeeze_dim::<2>(2) + positions.narrow(1, 0, 1).sum_dim(2).squeeze_dim::<2>(2) * 0.0;
    }
    let windows = plan.windows();
    let steps = (0..windows).flat_map(|window| (0..visited - 1).map(move |visit| (window, visit)));
    let moved: Vec<f64> = steps.flat_map(|(window, visit)| plan.log_changes_of(window, visit)).copied().collect();
    let moved = TensorData::new(moved, [windows, visited - 1, assets]);
    let moved = Tensor::<3>::from_data(moved, (&device, dtype)).repeat_dim(0, batch / windows);
    let later = |tensor: &Tensor<3>| tensor.clone().narrow(1, 1, visited - 1);
    let earlier = |tensor: &Tensor<3>| tensor.clone().narrow(1, 0, visited - 1);
    let weights = interpolate(positions, &plan.layout);
    let change = later(&weights) - earlier(&weights);
    let divergence = later(&weights) * (change / earlier(&weights)).log1p();
    let growth = earlier(&weights) * moved - divergence;
    Tensor::cat(vec![start, growth.sum_dim(2).cumsum(1)], 1).squeeze_dim::<2>(2)
}
