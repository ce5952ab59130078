//! The same updates in plain tensor operations: floats, obviously the formulas of spec 13 sec. 6 to 8.

use burn::tensor::{IndexingUpdateOp, Tensor, TensorData};

use super::{Executed, ExecutionSettings};
use crate::guardrails::GuardrailInputs;

/// What floats may be short of a whole number of units before a cut.
const NUDGE: f64 = 1e-6;
/// What a sum misses by rounding.
const ROUNDING: f64 = 1e-15;
/// A change that is a float's rounding.
const STILL: f64 = 1e-13;
/// A run that no rail ends, in seconds.
const NEVER: f64 = 1e15;

/// As [`super::execution`]; gradients come from autodiff. Without `cut` weights, multipliers and times are real numbers: the
/// function that the gradient belongs to.
pub fn execution(
    inputs: GuardrailInputs,
    first_outputs: &[usize],
    updates: usize,
    settings: &ExecutionSettings,
    cut: bool,
) -> Executed {
    let GuardrailInputs { outputs, initial, retention, .. } = inputs;
    let [sets, _, assets] = outputs.dims();
    let windows = first_outputs.len();
    // [sets, windows, ...] throughout; flattened at the end.
    let gather = |update: usize| {
        let rows = first_outputs
            .iter()
            .map(|first| outputs.clone().slice([0..sets, first + update..first + update + 1, 0..assets]))
            .collect();
        Tensor::cat(rows, 1)
    };
    let retention: Option<Tensor<3>> = retention.map(|retention| retention.unsqueeze_dim(1));
    let mut weights: Tensor<3> = initial.reshape([sets, windows, assets]);
    if cut {
        weights = straight_through(&weights, |weights| toward_zero(weights, 1e9));
    }
    let mut path: Vec<Tensor<4>> = vec![weights.clone().unsqueeze_dim(2)];
    let mut run_seconds = Vec::with_capacity(updates);
    for update in 0..updates {
        // No gradient along all weights at once.
        weights = weights.clone().detach() + without_mean(weights.clone()) - without_mean(weights.detach());
        let kept = match &retention {
            Some(retention) => weights.clone() * retention.clone(),
            None => weights.clone(),
        };
        let guarded = guarded(weights.clone(), kept + gather(update), settings);
        let (next, seconds) = run(weights, guarded, settings, cut);
        weights = next;
        path.push(weights.clone().unsqueeze_dim(2));
        run_seconds.push(seconds);
    }
    let weights = Tensor::cat(path, 2).reshape([sets * windows, updates + 1, assets]);
    let run_seconds = match updates {
        0 => Tensor::zeros([sets * windows, 0], (&weights.device(), weights.dtype())),
        _ => Tensor::cat(run_seconds, 2).reshape([sets * windows, updates]),
    };
    Executed { weights, run_seconds }
}

/// The value of a function, with slope one.
fn straight_through<const D: usize>(value: &Tensor<D>, function: impl Fn(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    let plain = value.clone().detach();
    value.clone() + (function(plain.clone()) - plain)
}

/// The part that keeps the sum of the last dimension.
fn without_mean(weights: Tensor<3>) -> Tensor<3> {
    weights.clone() - weights.mean_dim(2)
}

/// Cut toward zero to whole numbers of `1 / units`.
fn toward_zero(value: Tensor<3>, units: f64) -> Tensor<3> {
    (value.clone().abs() * units + NUDGE).floor() * value.sign() * (1.0 / units)
}

/// `1` where the index along the last dimension is that of `index`, else `0`.
fn one_hot(index: Tensor<3, burn::tensor::Int>, like: &Tensor<3>) -> Tensor<3> {
    let [sets, windows, _] = like.dims();
    let ones = Tensor::ones([sets, windows, 1], (&like.device(), like.dtype()));
    like.zeros_like().detach().scatter(2, index, ones, IndexingUpdateOp::Add)
}

/// Spec 13 sec. 6.
fn guarded(weights: Tensor<3>, raw: Tensor<3>, settings: &ExecutionSettings) -> Tensor<3> {
    let [_, _, assets] = weights.dims();
    let minimum = settings.minimum_weight;
    let maximum = 1.0 - (assets as f64 - 1.0) * minimum;
    let below = raw.clone().detach().lower_elem(minimum);
    let count = below.clone().float().cast(raw.dtype()).sum_dim(2);
    let mut clipped = raw.clone().clamp(minimum, maximum);
    if settings.straight_through_limits {
        clipped = straight_through(&raw, |raw| raw.clamp(minimum, maximum));
    }
    let at_minimum = clipped.clone().detach().equal_elem(minimum).bool_or(below.clone());
    let others = clipped.clone().mask_fill(below, 0.0).sum_dim(2);
    let others = others.clone().mask_fill(others.detach().equal_elem(0.0), 1.0);
    let scaled = clipped.clone() * ((count * -minimum + 1.0) / others);
    let clamped = scaled.mask_where(at_minimum, clipped);

    let change = clamped - weights.clone();
    let largest = change.clone().abs().max_dim(2);
    let limit = settings.largest_change;
    let inside = largest.clone().detach().lower_equal_elem(limit);
    let scale = (largest.mask_fill(inside.clone(), 1.0).recip() * limit).mask_fill(inside, 1.0);
    let limited = change.clone() * scale;
    let limited = if settings.straight_through_cap { change.clone() + (limited - change).detach() } else { limited };
    let limited = weights + limited;

    let plain = limited.clone().detach();
    let first = one_hot(plain.clone().argmax(2), &plain);
    let second = one_hot((plain.clone() - first.clone() * 4.0).argmax(2), &plain);
    let missing = limited.clone().sum_dim(2).neg() + 1.0;
    let rounding = missing.clone().detach().abs().lower_elem(ROUNDING);
    let missing = missing.clone().mask_where(rounding, missing.detach());
    let excess = missing.clone().detach().lower_elem(0.0).expand(plain.dims());
    limited + second.mask_where(excess, first) * missing
}

/// Spec 13 sec. 7 and 8: weights when the next update comes, and the seconds for which they ran, `[sets, windows, 1]`.
fn run(weights: Tensor<3>, guarded: Tensor<3>, settings: &ExecutionSettings, cut: bool) -> (Tensor<3>, Tensor<3>) {
    let [_, _, assets] = weights.dims();
    let elapsed = f64::from(settings.elapsed_seconds);
    let multiplier = (guarded - weights.clone()) * (1.0 / f64::from(settings.interval_seconds));
    let plain = multiplier.clone().detach();
    let fine = if cut {
        toward_zero(plain.clone(), 1e18)
    } else {
        // Rounding lets nothing run.
        let rounding = STILL / f64::from(settings.interval_seconds);
        plain.clone().mask_fill(plain.clone().abs().lower_elem(rounding), 0.0)
    };
    let stored = if cut { straight_through(&multiplier, |value| toward_zero(value, 1e9)) } else { multiplier.clone() };

    let minimum = settings.minimum_weight;
    let rises = plain.clone().greater_elem(0.0);
    let rail = plain.zeros_like() + minimum;
    let rail = rail.mask_fill(rises, 1.0 - (assets as f64 - 1.0) * minimum);
    let way = rail - weights.clone();
    let still = fine.clone().equal_elem(0.0);
    let until = way.clone().detach() / fine.mask_fill(still.clone(), 1.0);
    let until = if cut { (until + NUDGE).floor() } else { until };
    let until = until.clamp_min(0.0).mask_fill(still.clone(), NEVER);

    // The asset that ends the run, and its time as a function of weight and multiplier.
    let order = TensorData::new((0..assets).map(|asset| asset as f64 * NUDGE).collect::<Vec<_>>(), [1, 1, assets]);
    let order = Tensor::<3>::from_data(order, (&until.device(), until.dtype()));
    // Of several in the same second, the first.
    let last = one_hot((until.clone() + order).argmin(2), &until);
    let end = until.min_dim(2);
    let real = (way.clone() / multiplier.mask_fill(still, 1.0) * last.clone()).sum_dim(2);
    let frozen = (way.detach() * last).sum_dim(2).abs();
    let frozen = frozen.lower_elem(1e-9 * f64::from(settings.interval_seconds));
    let plain = real.clone().detach();
    let real = real.mask_where(frozen, plain.clone());
    let seconds = end.clone() + (real - plain);
    let seconds = seconds.mask_fill(end.greater_equal_elem(elapsed), elapsed);

    let next = weights + stored * seconds.clone();
    let next = if cut { straight_through(&next, |next| (next * 1e9).round() * 1e-9) } else { next };
    (next, seconds)
}
