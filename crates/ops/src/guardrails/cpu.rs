//! Fused loops: one pass over time per window and set, forward and backward.

use super::step::{self, Bounds, Cotangents, Limits, Trace};
use super::{GuardrailSettings, Layout};
use crate::backend::{Real, run};

/// Elementary steps that one weight of one step costs, roughly.
const STEPS_PER_WEIGHT: usize = 8;

/// Inputs as contiguous slices, in the shapes of [`super::guardrails`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a, F> {
    pub outputs: &'a [F],
    pub initial: &'a [F],
    pub bounds: Option<&'a [F]>,
}

impl<'a, F: Real> Inputs<'a, F> {
    fn initial_of(&self, layout: &Layout, set: usize) -> &'a [F] {
        &self.initial[set * layout.assets..][..layout.assets]
    }

    fn bounds_of(&self, layout: &Layout, set: usize) -> Option<Bounds<'a, F>> {
        let (lower, upper) = self.bounds?[2 * set * layout.assets..][..2 * layout.assets].split_at(layout.assets);
        Some(Bounds { lower, upper })
    }

    fn output_of(&self, layout: &Layout, entry: usize, ramp: usize) -> &'a [F] {
        let row = layout.set_of(entry) * layout.output_rows + layout.first_output_of(entry) + ramp;
        &self.outputs[row * layout.assets..][..layout.assets]
    }
}

/// Fills positions `[sets * windows, ramps + 1, assets]`.
pub(super) fn forward<F: Real>(
    inputs: Inputs<'_, F>,
    layout: &Layout,
    settings: &GuardrailSettings,
    positions: &mut [F],
) {
    let assets = layout.assets;
    let limits = Limits::new(settings, assets);
    let work = positions.len() * STEPS_PER_WEIGHT;
    let tasks = positions.chunks_mut(layout.entry_len()).enumerate().collect();
    run(tasks, work, |(entry, positions): (usize, &mut [F])| {
        let set = layout.set_of(entry);
        let bounds = inputs.bounds_of(layout, set);
        let mut trace = Trace::new(assets);
        positions[..assets].copy_from_slice(inputs.initial_of(layout, set));
        for ramp in 0..layout.ramps {
            let (past, future) = positions.split_at_mut((ramp + 1) * assets);
            let position = &past[ramp * assets..];
            let output = inputs.output_of(layout, entry, ramp);
            step::forward(position, output, &limits, bounds, &mut trace, &mut future[..assets]);
        }
    });
}

/// Where gradients of outputs, initial weights and bounds go, in the shapes of the inputs; `None` where nobody wants one.
pub(super) struct Gradients<'a, F> {
    pub outputs: Option<&'a mut [F]>,
    pub initial: Option<&'a mut [F]>,
    pub bounds: Option<&'a mut [F]>,
}

/// Gradients of one window, before windows of a set are added up.
#[derive(Clone)]
struct EntryGradients<F> {
    outputs: Vec<F>,
    initial: Vec<F>,
    bounds: Option<Vec<F>>,
}

/// Adjoint of [`forward`] for the `gradient` of its positions, added to `total`.
///
/// Windows of one set run on separate threads and are added in window order, so threads change no bit.
pub(super) fn backward<F: Real>(
    inputs: Inputs<'_, F>,
    positions: &[F],
    gradient: &[F],
    layout: &Layout,
    settings: &GuardrailSettings,
    mut total: Gradients<'_, F>,
) {
    let assets = layout.assets;
    let limits = Limits::new(settings, assets);
    let mut parts: Vec<Option<EntryGradients<F>>> = vec![None; layout.entries()];
    let work = 4 * positions.len() * STEPS_PER_WEIGHT;
    let tasks = parts.iter_mut().enumerate().collect();
    run(tasks, work, |(entry, part): (usize, &mut Option<EntryGradients<F>>)| {
        *part = Some(entry_backward(inputs, positions, gradient, layout, &limits, entry));
    });

    for (entry, part) in parts.iter().enumerate() {
        let Some(part) = part else { continue };
        let set = layout.set_of(entry);
        let first = (set * layout.output_rows + layout.first_output_of(entry)) * assets;
        if let Some(outputs) = &mut total.outputs {
            add(&mut outputs[first..], &part.outputs);
        }
        if let Some(initial) = &mut total.initial {
            add(&mut initial[set * assets..], &part.initial);
        }
        if let (Some(bounds), Some(part)) = (&mut total.bounds, &part.bounds) {
            add(&mut bounds[2 * set * assets..], part);
        }
    }
}

fn add<F: Real>(total: &mut [F], part: &[F]) {
    for (total, &part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

fn entry_backward<F: Real>(
    inputs: Inputs<'_, F>,
    positions: &[F],
    gradient: &[F],
    layout: &Layout,
    limits: &Limits<F>,
    entry: usize,
) -> EntryGradients<F> {
    let assets = layout.assets;
    let bounds = inputs.bounds_of(layout, layout.set_of(entry));
    let positions = &positions[entry * layout.entry_len()..][..layout.entry_len()];
    let gradient = &gradient[entry * layout.entry_len()..][..layout.entry_len()];
    let mut trace = Trace::new(assets);
    let mut next = vec![F::ZERO; assets];
    let mut part = EntryGradients {
        outputs: vec![F::ZERO; layout.ramps * assets],
        initial: gradient[layout.ramps * assets..].to_vec(),
        bounds: bounds.map(|_| vec![F::ZERO; 2 * assets]),
    };
    for ramp in (0..layout.ramps).rev() {
        let position = &positions[ramp * assets..][..assets];
        let output = inputs.output_of(layout, entry, ramp);
        step::forward(position, output, limits, bounds, &mut trace, &mut next);
        let cotangents = Cotangents {
            position: &mut part.initial,
            output: &mut part.outputs[ramp * assets..][..assets],
            bounds: part.bounds.as_mut().map(|bounds| bounds.split_at_mut(assets)),
        };
        step::backward(limits, bounds, &mut trace, cotangents);
        add(&mut part.initial, &gradient[ramp * assets..][..assets]);
    }
    part
}
