//! Fused loops: one pass over time per window and set, forward and backward.

use super::step::{self, Bounds, Cotangents, KEPT_PER_ASSET, KEPT_PER_STEP, Limits, Terms, Trace};
use super::{GuardrailSettings, Layout};
use crate::backend::{Real, Row, pieces, run, with_row};

/// Elementary steps that one weight of one step costs, roughly.
const STEPS_PER_WEIGHT: usize = 8;

/// Inputs as contiguous slices, in the shapes of [`super::GuardrailInputs`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a, F> {
    pub outputs: &'a [F],
    pub initial: &'a [F],
    pub retention: Option<&'a [F]>,
    pub bounds: Option<&'a [F]>,
}

impl<'a, F: Real> Inputs<'a, F> {
    fn terms_of(&self, layout: &Layout, set: usize) -> Terms<'a, F> {
        let assets = layout.assets;
        let bounds = self.bounds.map(|bounds| {
            let (lower, upper) = bounds[2 * set * assets..][..2 * assets].split_at(assets);
            Bounds { lower, upper }
        });
        Terms { retention: self.retention.map(|retention| &retention[set * assets..][..assets]), bounds }
    }
}

/// Numbers that a step keeps for the backward pass.
pub(super) fn kept_per_step(layout: &Layout) -> usize {
    KEPT_PER_STEP + KEPT_PER_ASSET * layout.assets
}

/// Fills positions `[sets * windows, ramps + 1, assets]`; and `kept`, `[sets * windows, ramps, kept_per_step]`, unless it is
/// empty.
pub(super) fn forward<F: Real>(
    inputs: Inputs<'_, F>,
    layout: &Layout,
    settings: &GuardrailSettings,
    positions: &mut [F],
    kept: &mut [f64],
) {
    let limits = Limits::new(settings, layout.assets);
    let work = positions.len() * STEPS_PER_WEIGHT;
    let kept = pieces((!kept.is_empty()).then_some(kept), layout.entries());
    let tasks = positions.chunks_mut(layout.entry_len()).zip(kept).enumerate().collect();
    run(tasks, work, |(entry, (positions, kept)): (usize, (&mut [F], Option<&mut [f64]>))| {
        with_row!(layout.assets, entry_forward::<F>(inputs, layout, &limits, entry, positions, kept));
    });
}

fn entry_forward<F: Real, R: Row<F>>(
    inputs: Inputs<'_, F>,
    layout: &Layout,
    limits: &Limits<F>,
    entry: usize,
    positions: &mut [F],
    kept: Option<&mut [f64]>,
) {
    let assets = layout.assets;
    let terms = inputs.terms_of(layout, layout.set_of(entry));
    let mut trace = Trace::<F, R>::new(assets);
    let mut next = R::filled(F::ZERO, assets);
    let mut rows = positions.chunks_exact_mut(assets);
    if let Some(first) = rows.next() {
        first.copy_from_slice(&inputs.initial[entry * assets..][..assets]);
        next.slice_mut().copy_from_slice(first);
    }
    let mut kept = kept.map(|kept| kept.chunks_exact_mut(kept_per_step(layout)));
    for (row, output) in rows.zip(inputs.outputs[layout.outputs_of(entry)].chunks_exact(assets)) {
        let position = next.clone();
        step::forward(position.slice(), output, limits, terms, &mut trace, next.slice_mut());
        row.copy_from_slice(next.slice());
        if let Some(kept) = kept.as_mut().and_then(Iterator::next) {
            trace.keep(kept);
        }
    }
}

/// Where gradients go, in the shapes of the inputs; `None` where nobody wants one.
pub(crate) struct Gradients<'a, F> {
    pub outputs: Option<&'a mut [F]>,
    pub initial: Option<&'a mut [F]>,
    pub retention: Option<&'a mut [F]>,
    pub bounds: Option<&'a mut [F]>,
}

/// Gradients of one window, before windows of a set are added up.
#[derive(Clone)]
pub(crate) struct EntryGradients<F> {
    pub outputs: Vec<F>,
    pub initial: Vec<F>,
    pub retention: Option<Vec<F>>,
    pub bounds: Option<Vec<F>>,
}

impl<F: Real> Gradients<'_, F> {
    /// Runs `backward` on every window and adds up what it finds.
    ///
    /// Windows of one set run on separate threads and are added in window order, so threads change no bit.
    pub fn collect(
        mut self,
        layout: &Layout,
        work: usize,
        backward: impl Fn(usize) -> EntryGradients<F> + Send + Sync,
    ) {
        let assets = layout.assets;
        let mut parts: Vec<Option<EntryGradients<F>>> = vec![None; layout.entries()];
        let tasks = parts.iter_mut().enumerate().collect();
        run(tasks, work, |(entry, part): (usize, &mut Option<EntryGradients<F>>)| *part = Some(backward(entry)));
        for (entry, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            let set = layout.set_of(entry);
            if let Some(outputs) = &mut self.outputs {
                add(&mut outputs[layout.outputs_of(entry)], &part.outputs);
            }
            if let Some(initial) = &mut self.initial {
                add(&mut initial[entry * assets..], &part.initial);
            }
            if let (Some(retention), Some(part)) = (&mut self.retention, &part.retention) {
                add(&mut retention[set * assets..], part);
            }
            if let (Some(bounds), Some(part)) = (&mut self.bounds, &part.bounds) {
                add(&mut bounds[2 * set * assets..], part);
            }
        }
    }
}

/// What the backward pass knows of the forward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a, F> {
    pub inputs: Inputs<'a, F>,
    pub positions: &'a [F],
    pub kept: &'a [f64],
    /// Gradient of the positions.
    pub cotangent: &'a [F],
}

/// Adjoint of [`forward`], added to `total`.
pub(super) fn backward<F: Real>(
    past: Past<'_, F>,
    layout: &Layout,
    settings: &GuardrailSettings,
    total: Gradients<'_, F>,
) {
    let assets = layout.assets;
    let limits = Limits::new(settings, assets);
    let work = 2 * past.positions.len() * STEPS_PER_WEIGHT;
    total.collect(layout, work, |entry| with_row!(assets, entry_backward::<F>(past, layout, &limits, entry)));
}

fn add<F: Real>(total: &mut [F], part: &[F]) {
    for (total, &part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

fn entry_backward<F: Real, R: Row<F>>(
    past: Past<'_, F>,
    layout: &Layout,
    limits: &Limits<F>,
    entry: usize,
) -> EntryGradients<F> {
    let assets = layout.assets;
    let terms = past.inputs.terms_of(layout, layout.set_of(entry));
    let of_entry = entry * layout.entry_len()..(entry + 1) * layout.entry_len();
    let (positions, cotangent) = (&past.positions[of_entry.clone()], &past.cotangent[of_entry]);
    let per_step = kept_per_step(layout);
    let kept = &past.kept[entry * layout.ramps * per_step..][..layout.ramps * per_step];
    let mut trace = Trace::<F, R>::new(assets);
    let mut reached = R::filled(F::ZERO, assets);
    reached.slice_mut().copy_from_slice(&cotangent[layout.ramps * assets..]);
    let mut part = EntryGradients {
        outputs: vec![F::ZERO; layout.ramps * assets],
        initial: Vec::new(),
        retention: terms.retention.map(|_| vec![F::ZERO; assets]),
        bounds: terms.bounds.map(|_| vec![F::ZERO; 2 * assets]),
    };
    for ramp in (0..layout.ramps).rev() {
        let row = ramp * assets..(ramp + 1) * assets;
        trace.restore(&positions[row.clone()], limits, terms, &kept[ramp * per_step..][..per_step]);
        let cotangents = Cotangents {
            position: reached.slice_mut(),
            output: &mut part.outputs[row.clone()],
            retention: part.retention.as_deref_mut(),
            bounds: part.bounds.as_mut().map(|bounds| bounds.split_at_mut(assets)),
        };
        step::backward(limits, terms, &trace, cotangents);
        add(reached.slice_mut(), &cotangent[row]);
    }
    part.initial = reached.slice().to_vec();
    part
}
