//! Fused loops: one pass over the updates per window and set, forward and backward.

use super::step::{self, Cotangents, Limits};
use super::{ExecutionSettings, MOST_ASSETS};
use crate::backend::{Real, pieces, run};
use crate::guardrails::Layout;
use crate::guardrails::cpu::{EntryGradients, Gradients};

/// Elementary steps that one weight of one update costs, roughly.
const STEPS_PER_WEIGHT: usize = 40;

/// Inputs as contiguous slices, in the shapes of [`GuardrailInputs`](crate::guardrails::GuardrailInputs).
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a, F> {
    pub outputs: &'a [F],
    pub initial: &'a [F],
    pub retention: Option<&'a [F]>,
}

/// One number per asset in double precision.
fn wide<F: Real>(row: &[F]) -> [f64; MOST_ASSETS] {
    let mut wide = [0.0; MOST_ASSETS];
    for (wide, value) in wide.iter_mut().zip(row) {
        *wide = value.wide();
    }
    wide
}

impl<F: Real> Inputs<'_, F> {
    fn retention_of(&self, layout: &Layout, entry: usize) -> Option<[f64; MOST_ASSETS]> {
        self.retention.map(|retention| wide(&retention[layout.set_of(entry) * layout.assets..][..layout.assets]))
    }
}

/// Fills weights and seconds `[sets * windows, updates + 1, assets + 1]`; and `kept`, `[sets * windows, updates, assets]`,
/// unless it is empty.
pub(super) fn forward<F: Real>(
    inputs: Inputs<'_, F>,
    layout: &Layout,
    settings: &ExecutionSettings,
    output: &mut [F],
    kept: &mut [f64],
) {
    let limits = Limits::new(settings, layout.assets);
    let work = output.len() * STEPS_PER_WEIGHT;
    let kept = pieces((!kept.is_empty()).then_some(kept), layout.entries());
    let length = (layout.ramps + 1) * (layout.assets + 1);
    let tasks = output.chunks_mut(length).zip(kept).enumerate().collect();
    run(tasks, work, |(entry, (output, kept)): (usize, (&mut [F], Option<&mut [f64]>))| {
        entry_forward(inputs, layout, &limits, entry, output, kept);
    });
}

fn entry_forward<F: Real>(
    inputs: Inputs<'_, F>,
    layout: &Layout,
    limits: &Limits,
    entry: usize,
    output: &mut [F],
    kept: Option<&mut [f64]>,
) {
    let assets = layout.assets;
    let retention = inputs.retention_of(layout, entry);
    let mut weights = step::deployed(&wide(&inputs.initial[entry * assets..][..assets])[..assets]);
    let mut kept = kept.map(|kept| kept.chunks_exact_mut(assets));
    let mut changes = inputs.outputs[layout.outputs_of(entry)].chunks_exact(assets);
    let mut seconds = 0.0;
    for row in output.chunks_exact_mut(assets + 1) {
        let Some(now) = weights else {
            row.fill(F::of(f64::NAN));
            continue;
        };
        for (value, weight) in row.iter_mut().zip(&now[..assets]) {
            *value = F::of(step::weight_of(*weight));
        }
        row[assets] = F::of(seconds);
        let Some(change) = changes.next() else { break };
        if let Some(kept) = kept.as_mut().and_then(Iterator::next) {
            for (kept, weight) in kept.iter_mut().zip(&now) {
                *kept = *weight as f64;
            }
        }
        let raw =
            step::raw_weights(&now[..assets], &wide(change), retention.as_ref().map(<[f64; MOST_ASSETS]>::as_slice));
        weights = raw.map(|raw| {
            let update = step::forward(&now[..assets], &raw, limits);
            seconds = update.seconds as f64;
            update.end()
        });
    }
}

/// What the backward pass knows of the forward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a, F> {
    pub inputs: Inputs<'a, F>,
    pub kept: &'a [f64],
    /// Gradient of weights and seconds.
    pub cotangent: &'a [F],
}

/// Adjoint of [`forward`], added to `total`.
pub(super) fn backward<F: Real>(
    past: Past<'_, F>,
    layout: &Layout,
    settings: &ExecutionSettings,
    total: Gradients<'_, F>,
) {
    let limits = Limits::new(settings, layout.assets);
    let work = 2 * past.cotangent.len() * STEPS_PER_WEIGHT;
    total.collect(layout, work, |entry| entry_backward(past, layout, &limits, entry));
}

fn entry_backward<F: Real>(past: Past<'_, F>, layout: &Layout, limits: &Limits, entry: usize) -> EntryGradients<F> {
    let (assets, updates) = (layout.assets, layout.ramps);
    let width = assets + 1;
    let retention = past.inputs.retention_of(layout, entry);
    let outputs = &past.inputs.outputs[layout.outputs_of(entry)];
    let kept = &past.kept[entry * updates * assets..][..updates * assets];
    let cotangent = &past.cotangent[entry * (updates + 1) * width..][..(updates + 1) * width];
    let mut reached = wide(&cotangent[updates * width..][..assets]);
    let mut to_outputs = vec![F::ZERO; updates * assets];
    let mut to_retention = [0.0; MOST_ASSETS];
    for index in (0..updates).rev() {
        let of_update = index * assets..(index + 1) * assets;
        let mut stored = [0; MOST_ASSETS];
        for (stored, kept) in stored.iter_mut().zip(&kept[of_update.clone()]) {
            *stored = *kept as i64;
        }
        let output = wide(&outputs[of_update.clone()]);
        let mut to_output = [0.0; MOST_ASSETS];
        let retention = retention.as_ref().map(<[f64; MOST_ASSETS]>::as_slice);
        if let Some(raw) = step::raw_weights(&stored[..assets], &output, retention) {
            let cotangents = Cotangents {
                weights: &mut reached,
                seconds: cotangent[(index + 1) * width + assets].wide(),
                output: &mut to_output,
                retention: retention.map(|retention| (retention, to_retention.as_mut_slice())),
            };
            step::backward(&step::forward(&stored[..assets], &raw, limits), limits, cotangents);
        } else {
            reached.fill(f64::NAN);
            to_output.fill(f64::NAN);
        }
        for (gradient, found) in to_outputs[of_update].iter_mut().zip(to_output) {
            *gradient = F::of(found);
        }
        for (reached, direct) in reached.iter_mut().zip(&cotangent[index * width..][..assets]) {
            *reached += direct.wide();
        }
    }
    EntryGradients {
        outputs: to_outputs,
        initial: reached[..assets].iter().map(|value| F::of(*value)).collect(),
        retention: retention.map(|_| to_retention[..assets].iter().map(|value| F::of(*value)).collect()),
        bounds: None,
    }
}
