//! Fused loops: one task per parameter set, and inside it groups of neighbouring assets whose states
//! stay in registers.

use super::{RecurrenceForm, RecurrenceOptions, blocks, dead_zone, step};
use crate::backend::{Real, View, pieces, run};

/// Calls a kernel with the number of assets of a group as a compile-time constant, group after group.
macro_rules! for_each_group {
    ($assets:expr, |$offset:ident, $lanes:ident| $call:expr) => {{
        let assets: usize = $assets;
        let mut $offset = 0;
        while $offset < assets {
            let width = (assets - $offset).min(8);
            match width {
                1 => {
                    const $lanes: usize = 1;
                    $call
                }
                2 => {
                    const $lanes: usize = 2;
                    $call
                }
                3 => {
                    const $lanes: usize = 3;
                    $call
                }
                4 => {
                    const $lanes: usize = 4;
                    $call
                }
                5 => {
                    const $lanes: usize = 5;
                    $call
                }
                6 => {
                    const $lanes: usize = 6;
                    $call
                }
                7 => {
                    const $lanes: usize = 7;
                    $call
                }
                _ => {
                    const $lanes: usize = 8;
                    $call
                }
            }
            $offset += width;
        }
    }};
}

/// What one set reads.
#[derive(Clone, Copy)]
struct Series<'a, F> {
    input: &'a [F],
    decay: &'a [F],
    initial: &'a [F],
    assets: usize,
}

fn series<F: Real>([input, decay, initial]: [View<'_, F>; 3], set: usize) -> Series<'_, F> {
    let assets = decay.shape[1];
    let length = input.shape[1] * assets;
    let start = if input.shape[0] == 1 { 0 } else { set * length };
    Series {
        input: &input.values[start..start + length],
        decay: &decay.values[set * assets..(set + 1) * assets],
        initial: &initial.values[set * assets..(set + 1) * assets],
        assets,
    }
}

pub(super) fn forward<F: Real>(options: RecurrenceOptions, inputs: [View<'_, F>; 3], output: &mut [F]) {
    let sets = inputs[1].shape[0];
    let work = output.len() * 2;
    let tasks = pieces(Some(output), sets).into_iter().flatten().enumerate().collect();
    run(tasks, work, |(set, output): (usize, &mut [F])| {
        let series = series(inputs, set);
        match (options.form, options.dead_zone) {
            (RecurrenceForm::Blocked, _) => blocks::forward(series.input, series.decay, series.initial, output),
            (RecurrenceForm::Sequential, None) => sequential(series, output, |value| value),
            (RecurrenceForm::Sequential, Some(threshold)) => {
                let threshold = F::of(threshold);
                sequential(series, output, |value| dead_zone(value, threshold));
            }
        }
    });
}

fn sequential<F: Real>(series: Series<'_, F>, output: &mut [F], settle: impl Fn(F) -> F + Copy) {
    for_each_group!(series.assets, |offset, LANES| {
        sequential_group::<F, LANES>(series, offset, output, settle);
    });
}

fn sequential_group<F: Real, const LANES: usize>(
    Series { input, decay, initial, assets }: Series<'_, F>,
    offset: usize,
    output: &mut [F],
    settle: impl Fn(F) -> F,
) {
    let decay: [F; LANES] = group(decay, offset);
    let mut state: [F; LANES] = group(initial, offset);
    for (input, output) in input.chunks_exact(assets).zip(output.chunks_exact_mut(assets)) {
        let input = &input[offset..offset + LANES];
        let output = &mut output[offset..offset + LANES];
        for lane in 0..LANES {
            state[lane] = settle(step(state[lane], decay[lane], input[lane]));
            output[lane] = state[lane];
        }
    }
}

fn group<F: Real, const LANES: usize>(values: &[F], offset: usize) -> [F; LANES] {
    std::array::from_fn(|lane| values[offset + lane])
}

/// What one set writes on the way back.
struct Gradients<'a, F> {
    input: Option<&'a mut [F]>,
    decay: Option<&'a mut [F]>,
    initial: Option<&'a mut [F]>,
}

pub(super) fn backward<F: Real>(
    options: RecurrenceOptions,
    inputs: [View<'_, F>; 3],
    output: View<'_, F>,
    cotangent: View<'_, F>,
    [input_gradient, decay_gradient, initial_gradient]: [Option<&mut [F]>; 3],
) {
    let sets = inputs[1].shape[0];
    let length = output.values.len() / sets;
    let adjoint = |set: usize, gradients: Gradients<'_, F>| {
        let rows = set * length..(set + 1) * length;
        let (output, cotangent) = (&output.values[rows.clone()], &cotangent.values[rows]);
        adjoint_of_set(options, series(inputs, set), output, cotangent, gradients);
    };
    let others = pieces(decay_gradient, sets).into_iter().zip(pieces(initial_gradient, sets));
    match input_gradient {
        // Every set adds to the same gradient: one after another, so that the order never changes.
        Some(shared) if inputs[0].shape[0] == 1 => {
            for (set, (decay, initial)) in others.enumerate() {
                adjoint(set, Gradients { input: Some(&mut *shared), decay, initial });
            }
        }
        own => {
            let tasks = pieces(own, sets)
                .into_iter()
                .zip(others)
                .map(|(input, (decay, initial))| Gradients { input, decay, initial })
                .enumerate()
                .collect();
            run(tasks, output.values.len() * 3, |(set, gradients)| adjoint(set, gradients));
        }
    }
}

fn adjoint_of_set<F: Real>(
    options: RecurrenceOptions,
    series: Series<'_, F>,
    output: &[F],
    cotangent: &[F],
    mut gradients: Gradients<'_, F>,
) {
    if options.form == RecurrenceForm::Blocked {
        let mut adjoint = vec![F::ZERO; output.len()];
        blocks::adjoint(cotangent, series.decay, &mut adjoint);
        for_each_group!(series.assets, |offset, LANES| {
            gather_group::<F, LANES>(series, offset, output, &adjoint, &mut gradients);
        });
    } else if options.dead_zone.is_some_and(|threshold| threshold > 0.0) {
        // A value that was set to zero is exactly zero in the output and stops its gradient.
        let stop = |value: F, adjoint: F| if value == F::ZERO { F::ZERO } else { adjoint };
        for_each_group!(series.assets, |offset, LANES| {
            adjoint_group::<F, LANES>(series, offset, output, cotangent, &mut gradients, stop);
        });
    } else {
        for_each_group!(series.assets, |offset, LANES| {
            adjoint_group::<F, LANES>(series, offset, output, cotangent, &mut gradients, |_, adjoint| adjoint);
        });
    }
}

/// The adjoint recurrence and its sums in one pass backwards in time.
fn adjoint_group<F: Real, const LANES: usize>(
    Series { decay, initial, assets, .. }: Series<'_, F>,
    offset: usize,
    output: &[F],
    cotangent: &[F],
    gradients: &mut Gradients<'_, F>,
    stop: impl Fn(F, F) -> F,
) {
    let decay: [F; LANES] = group(decay, offset);
    let mut adjoint = [F::ZERO; LANES];
    let mut decay_sum = [F::ZERO; LANES];
    for row in (0..output.len() / assets).rev() {
        let here = row * assets + offset;
        let previous = if row == 0 { &initial[offset..] } else { &output[here - assets..] };
        let (previous, cotangent) = (&previous[..LANES], &cotangent[here..here + LANES]);
        let value = &output[here..here + LANES];
        for lane in 0..LANES {
            adjoint[lane] = stop(value[lane], step(adjoint[lane], decay[lane], cotangent[lane]));
            decay_sum[lane] += adjoint[lane] * previous[lane];
        }
        if let Some(input) = &mut gradients.input {
            let input = &mut input[here..here + LANES];
            for lane in 0..LANES {
                input[lane] += adjoint[lane];
            }
        }
    }
    finish_group(offset, decay, adjoint, decay_sum, gradients);
}

/// The sums over a finished adjoint recurrence.
fn gather_group<F: Real, const LANES: usize>(
    Series { decay, initial, assets, .. }: Series<'_, F>,
    offset: usize,
    output: &[F],
    adjoint: &[F],
    gradients: &mut Gradients<'_, F>,
) {
    let decay: [F; LANES] = group(decay, offset);
    let mut previous: [F; LANES] = group(initial, offset);
    let mut decay_sum = [F::ZERO; LANES];
    for (value, adjoint) in output.chunks_exact(assets).zip(adjoint.chunks_exact(assets)) {
        let (value, adjoint) = (&value[offset..offset + LANES], &adjoint[offset..offset + LANES]);
        for lane in 0..LANES {
            decay_sum[lane] += adjoint[lane] * previous[lane];
        }
        previous.copy_from_slice(value);
    }
    if let Some(input) = &mut gradients.input {
        for (input, adjoint) in input.chunks_exact_mut(assets).zip(adjoint.chunks_exact(assets)) {
            for lane in offset..offset + LANES {
                input[lane] += adjoint[lane];
            }
        }
    }
    finish_group(offset, decay, group(adjoint, offset), decay_sum, gradients);
}

fn finish_group<F: Real, const LANES: usize>(
    offset: usize,
    decay: [F; LANES],
    first_adjoint: [F; LANES],
    decay_sum: [F; LANES],
    gradients: &mut Gradients<'_, F>,
) {
    if let Some(gradient) = &mut gradients.decay {
        gradient[offset..offset + LANES].copy_from_slice(&decay_sum);
    }
    if let Some(gradient) = &mut gradients.initial {
        for lane in 0..LANES {
            gradient[offset + lane] = decay[lane] * first_adjoint[lane];
        }
    }
}
