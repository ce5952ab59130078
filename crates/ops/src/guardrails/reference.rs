//! The same guardrails in plain tensor operations: slow, obviously the formulas of spec 03 sec. 3.2.

use burn::tensor::Tensor;

use super::{GuardrailInputs, GuardrailSettings};

/// As [`super::guardrails`]; gradients come from autodiff.
pub fn guardrails(
    inputs: GuardrailInputs,
    first_outputs: &[usize],
    ramps: usize,
    settings: &GuardrailSettings,
) -> Tensor<3> {
    let GuardrailInputs { outputs, initial, retention, bounds } = inputs;
    let [sets, _, assets] = outputs.dims();
    let windows = first_outputs.len();
    // [sets, windows, ...] throughout; flattened at the end.
    let gather = |ramp: usize| {
        let rows = first_outputs
            .iter()
            .map(|first| outputs.clone().slice([0..sets, first + ramp..first + ramp + 1, 0..assets]))
            .collect();
        Tensor::cat(rows, 1)
    };
    let retention: Option<Tensor<3>> = retention.map(|retention| retention.unsqueeze_dim(1));
    let mut position: Tensor<3> = initial.reshape([sets, windows, assets]);
    let mut positions: Vec<Tensor<4>> = vec![position.clone().unsqueeze_dim(2)];
    for ramp in 0..ramps {
        let kept = match &retention {
            Some(retention) => position.clone() * retention.clone(),
            None => position.clone(),
        };
        position = step(position, kept + gather(ramp), bounds.as_ref(), settings);
        positions.push(position.clone().unsqueeze_dim(2));
    }
    Tensor::cat(positions, 2).reshape([sets * windows, ramps + 1, assets])
}

fn clip(value: Tensor<3>, lower: Tensor<3>, upper: Tensor<3>, straight_through: bool) -> Tensor<3> {
    let clipped = value.clone().max_pair(lower).min_pair(upper);
    if straight_through { value.clone() + (clipped - value).detach() } else { clipped }
}

/// Moves `position` toward the `raw` weights, `[sets, windows, assets]` both.
fn step(position: Tensor<3>, raw: Tensor<3>, bounds: Option<&Tensor<3>>, settings: &GuardrailSettings) -> Tensor<3> {
    let [_, _, assets] = position.dims();
    let mut value = raw.clone() / raw.sum_dim(2);
    if let Some(bounds) = bounds {
        value = apply_bounds(value, bounds, settings.straight_through_limits);
    }

    let minimum = settings.minimum_weight;
    let maximum = 1.0 - (assets as f64 - 1.0) * minimum;
    let below = value.clone().detach().lower_elem(minimum);
    let count = below.clone().float().cast(value.dtype()).sum_dim(2);
    let clipped = value.clone().clamp(minimum, maximum);
    let clipped = if settings.straight_through_limits { value.clone() + (clipped - value).detach() } else { clipped };
    let kept = clipped.clone().mask_fill(below.clone(), 0.0).sum_dim(2);
    let shared = clipped.clone() * (count * -minimum + 1.0) / kept;
    let target = shared.mask_where(below, clipped);

    let rounding = target.clone().detach().sum_dim(2).neg() + 1.0;
    let heaviest = target.clone().detach().argmax(2);
    let fix = target.zeros_like().scatter(2, heaviest, rounding, burn::tensor::IndexingUpdateOp::Add);
    let target = target + fix;

    let change = (target - position.clone()) * (1.0 / settings.interpolation_rows as f64);
    let largest = change.clone().abs().max_dim(2);
    let cap = settings.maximum_change_per_row;
    let scale = (largest.clone() + 1e-10).recip() * cap;
    let scale = scale.mask_fill(largest.lower_equal_elem(cap), 1.0);
    let capped = change.clone() * scale;
    let capped = if settings.straight_through_cap { change.clone() + (capped - change).detach() } else { capped };
    position + capped * settings.interpolation_rows as f64
}

/// Spec 03 sec. 3.2.1.
fn apply_bounds(value: Tensor<3>, bounds: &Tensor<3>, straight_through: bool) -> Tensor<3> {
    let [sets, windows, assets] = value.dims();
    let side =
        |index: usize| bounds.clone().slice([0..sets, index..index + 1, 0..assets]).expand([sets, windows, assets]);
    let (lower, upper) = (side(0), side(1));
    let clipped = clip(value, lower.clone(), upper.clone(), straight_through);
    let moved = clipped.clone().sum_dim(2).neg() + 1.0;
    let above = upper.clone() - clipped.clone();
    let below = clipped.clone() - lower.clone();
    let share = |room: Tensor<3>| room.clone() / (room.sum_dim(2) + 1e-10);
    let raised = moved.clone().clamp_min(0.0) * share(above);
    let lowered = moved.clamp_max(0.0) * share(below);
    let shifted = clip(clipped + raised + lowered, lower, upper, straight_through);
    shifted.clone() / shifted.sum_dim(2)
}
