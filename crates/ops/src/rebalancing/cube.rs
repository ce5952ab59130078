//! Rebalanced portfolios on GPUs: stretches of rows at once, then sums along time in blocks.
//!
//! A stretch ends at a sample, or after [`STRETCH_VISITS`] visits; only its sum is stored. On the way back a thread takes a
//! piece of a block of weights and computes, for each of its visits, the rows that look at that visit's weights: its own, and
//! the one that holds them or comes right after it.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{Rebalancing, RebalancingPlan};
use crate::backend::cube::{constants, cumulated, element, empty, indices, launch_of, table};
use crate::backend::{CubePass, Kernels};
use crate::growth::cube_log_ratio as log_ratio;
use crate::interpolation::cube::{
    Path, add_row, gathered, no_ends, piece, place, read_change, read_weights, write_ends,
};

/// Most visits whose growth is summed by one thread.
const STRETCH_VISITS: usize = 64;
/// Sample of a stretch that is none.
const NO_SAMPLE: u32 = u32::MAX;

/// Sizes of a call.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    batch: u32,
    windows: u32,
    stretches: u32,
    samples: u32,
    /// One if portfolios are held while weights rest.
    only_in_ramps: u32,
    rows_per_day: u32,
    rows_before: u32,
}

/// What kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Form {
    assets: usize,
    geometric: bool,
    row_fees: bool,
    spreads: bool,
}

/// What meets at one executed row, see [`super`]: price changes since the last executed row, unit costs, the weights of that
/// row, of the visit before and of the row itself, and the change of the last two.
#[derive(CubeType)]
struct Row<F: Float> {
    changes: Array<F>,
    costs: Array<F>,
    held: Array<F>,
    before: Array<F>,
    now: Array<F>,
    turned: Array<F>,
}

#[cube]
fn row<F: Float>(#[comptime] assets: usize) -> Row<F> {
    Row::<F> {
        changes: Array::<F>::new(assets),
        costs: Array::<F>::new(assets),
        held: Array::<F>::new(assets),
        before: Array::<F>::new(assets),
        now: Array::<F>::new(assets),
        turned: Array::<F>::new(assets),
    }
}

#[cube]
fn executes(visit: u32, path: &Path, sizes: &Sizes) -> bool {
    sizes.only_in_ramps == 0 || visit * path.stride % path.block_rows < path.ramp_rows
}

/// The executed visit before one that is not the first: the first one is executed.
#[cube]
fn executed_before(visit: u32, path: &Path, sizes: &Sizes) -> u32 {
    let mut last = visit - 1;
    while !executes(last, path, sizes) {
        last -= 1;
    }
    last
}

/// The executed visit after one, or the number of visits.
#[cube]
fn executed_after(visit: u32, path: &Path, sizes: &Sizes) -> u32 {
    let mut next = visit + 1;
    while next < path.visits && !executes(next, path, sizes) {
        next += 1;
    }
    next
}

/// Takes up an executed visit that is not the first.
#[cube]
fn read_row<F: Float>(
    row: &mut Row<F>,
    visit: u32,
    entry: u32,
    positions: &Tensor<F>,
    prices: &Tensor<F>,
    starts: &Tensor<u32>,
    fees: &Tensor<F>,
    spreads: &Tensor<F>,
    path: &Path,
    sizes: &Sizes,
    #[comptime] form: Form,
) {
    let assets = comptime!(form.assets);
    let geometric = comptime!(form.geometric);
    let at = entry as usize;
    let last = executed_before(visit, path, sizes);
    let held = place(last, path);
    let before = place(visit - 1, path);
    let now = place(visit, path);
    read_weights::<F>(&mut row.held, positions, at, &held, path, assets, geometric);
    read_weights::<F>(&mut row.before, positions, at, &before, path, assets, geometric);
    read_weights::<F>(&mut row.now, positions, at, &now, path, assets, geometric);
    read_change::<F>(&mut row.turned, &row.before, &row.now, positions, at, &before, &now, path, assets, geometric);
    let start = starts[(entry % sizes.windows) as usize];
    let here = start + visit * path.stride;
    let there = (start + last * path.stride) as usize * assets;
    let mut fee = fees[0];
    if comptime!(form.row_fees) {
        fee = fees[here as usize];
    }
    let day = ((here + sizes.rows_before) / sizes.rows_per_day) as usize * assets;
    #[unroll]
    for i in 0..assets {
        let then = prices[there + i];
        row.changes[i] = (prices[here as usize * assets + i] - then) / then;
        let mut cost = fee;
        if comptime!(form.spreads) {
            cost += spreads[day + i];
        }
        row.costs[i] = F::new(0.5) * cost;
    }
}

/// `u = sum a_i m_i`.
#[cube]
fn drift<F: Float>(row: &Row<F>, #[comptime] assets: usize) -> F {
    let mut drift = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        drift += row.held[i] * row.changes[i];
    }
    drift
}

/// `x_i`.
#[cube]
fn bought<F: Float>(row: &Row<F>, drift: F, asset: usize) -> F {
    (row.before[asset] - row.held[asset]) + row.before[asset] * drift - row.held[asset] * row.changes[asset]
}

/// `u - sum h_i |x_i|`.
#[cube]
fn first_part<F: Float>(row: &Row<F>, drift: F, #[comptime] assets: usize) -> F {
    let mut part = drift;
    #[unroll]
    for i in 0..assets {
        part -= row.costs[i] * bought::<F>(row, drift, i).abs();
    }
    part
}

/// `sum h_i |y_i|`.
#[cube]
fn second_part<F: Float>(row: &Row<F>, #[comptime] assets: usize) -> F {
    let mut part = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        part += row.costs[i] * row.turned[i].abs();
    }
    part
}

/// 0 at 0.
#[cube]
fn sign<F: Float>(value: F) -> F {
    let mut sign = F::new(0.0);
    if value > F::new(0.0) {
        sign = F::new(1.0);
    } else if value < F::new(0.0) {
        sign = F::new(-1.0);
    }
    sign
}

/// Growth over every stretch.
#[cube(launch)]
fn stretches<F: Float>(
    positions: &Tensor<F>,
    prices: &Tensor<F>,
    starts: &Tensor<u32>,
    fees: &Tensor<F>,
    spreads: &Tensor<F>,
    streamed: &Tensor<F>,
    first_visits: &Tensor<u32>,
    parts: &mut Tensor<F>,
    path: Path,
    sizes: Sizes,
    #[comptime] form: Form,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.batch * sizes.stretches {
        terminate!();
    }
    let assets = comptime!(form.assets);
    let (entry, stretch) = (index / sizes.stretches, (index % sizes.stretches) as usize);
    let mut row = row::<F>(assets);
    let mut total = F::new(0.0);
    for visit in first_visits[stretch]..first_visits[stretch + 1] {
        if executes(visit, &path, &sizes) {
            total += streamed[0];
            if visit > 0 {
                read_row::<F>(&mut row, visit, entry, positions, prices, starts, fees, spreads, &path, &sizes, form);
                let first = first_part::<F>(&row, drift::<F>(&row, assets), assets);
                let second = second_part::<F>(&row, assets);
                let one = F::new(1.0);
                total += log_ratio::<F>(one, first) + log_ratio::<F>(one, F::new(0.0) - second);
            }
        }
    }
    parts[index as usize] = total;
}

/// The sums of the stretches that end at samples.
#[cube(launch)]
fn at_samples<F: Float>(
    sums: &Tensor<F>,
    stretch_of: &Tensor<u32>,
    output: &mut Tensor<F>,
    sizes: Sizes,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.batch * sizes.samples {
        terminate!();
    }
    let stretch = stretch_of[(index % sizes.samples) as usize];
    output[index as usize] = sums[(index / sizes.samples * sizes.stretches + stretch) as usize];
}

/// The cotangent of every stretch: that of the sample at its end.
#[cube(launch)]
fn at_stretches<F: Float>(
    cotangent: &Tensor<F>,
    sample_of: &Tensor<u32>,
    output: &mut Tensor<F>,
    sizes: Sizes,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.batch * sizes.stretches {
        terminate!();
    }
    let sample = sample_of[(index % sizes.stretches) as usize];
    let mut found = F::new(0.0);
    if sample != NO_SAMPLE {
        found = cotangent[(index / sizes.stretches * sizes.samples + sample) as usize];
    }
    output[index as usize] = found;
}

#[cube(launch)]
fn backward<F: Float>(
    positions: &Tensor<F>,
    prices: &Tensor<F>,
    starts: &Tensor<u32>,
    fees: &Tensor<F>,
    spreads: &Tensor<F>,
    stretch_of_visit: &Tensor<u32>,
    later: &Tensor<F>,
    to_ends: &mut Tensor<F>,
    path: Path,
    sizes: Sizes,
    #[comptime] form: Form,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.batch * path.blocks * path.pieces {
        terminate!();
    }
    let (assets, geometric) = (comptime!(form.assets), comptime!(form.geometric));
    let one = F::new(1.0);
    let piece = piece(index, &path);
    let entry = piece.entry;
    let of_entry = (entry * sizes.stretches) as usize;
    let mut ends = no_ends::<F>(assets);
    let mut gradient = Array::<F>::new(assets);
    let mut row = row::<F>(assets);
    for visit in piece.first..piece.end {
        #[unroll]
        for i in 0..assets {
            gradient[i] = F::new(0.0);
        }
        let is_executed = executes(visit, &path, &sizes);
        let mut next = visit + 1;
        if is_executed {
            next = executed_after(visit, &path, &sizes);
            if visit > 0 {
                read_row::<F>(&mut row, visit, entry, positions, prices, starts, fees, spreads, &path, &sizes, form);
                let weight = later[of_entry + stretch_of_visit[visit as usize] as usize];
                let of_second = weight / (one - second_part::<F>(&row, assets));
                #[unroll]
                for i in 0..assets {
                    gradient[i] = F::new(0.0) - of_second * row.costs[i] * sign::<F>(row.turned[i]);
                }
            }
        }
        if next < path.visits && executes(next, &path, &sizes) {
            read_row::<F>(&mut row, next, entry, positions, prices, starts, fees, spreads, &path, &sizes, form);
            let weight = later[of_entry + stretch_of_visit[next as usize] as usize];
            let drift = drift::<F>(&row, assets);
            let of_first = weight / (one + first_part::<F>(&row, drift, assets));
            let of_second = weight / (one - second_part::<F>(&row, assets));
            let mut kept = one;
            #[unroll]
            for i in 0..assets {
                kept -= row.costs[i] * sign::<F>(bought::<F>(&row, drift, i)) * row.before[i];
            }
            #[unroll]
            for i in 0..assets {
                let change = row.changes[i];
                let signed = row.costs[i] * sign::<F>(bought::<F>(&row, drift, i));
                let mut slope = F::new(0.0) - signed * (one + drift);
                if is_executed {
                    // Held until then.
                    slope = change * kept + signed * (one + change);
                    if next == visit + 1 {
                        // Both: of the two ones nothing is left.
                        slope = change * kept + signed * (change - drift);
                    }
                }
                gradient[i] = gradient[i] + of_first * slope;
                if next == visit + 1 {
                    gradient[i] = gradient[i] + of_second * row.costs[i] * sign::<F>(row.turned[i]);
                }
            }
        }
        let at = place(visit, &path);
        add_row::<F>(&mut ends, &gradient, positions, entry as usize, &at, &path, assets, geometric);
    }
    write_ends::<F>(&ends, to_ends, index, assets);
}

/// First visits of all stretches and the visit after the last one.
fn cut(samples: &[usize]) -> Vec<usize> {
    let mut first_visits = vec![0];
    let mut first = 0;
    for sample in samples {
        while first <= *sample {
            first = (first + STRETCH_VISITS).min(sample + 1);
            first_visits.push(first);
        }
    }
    first_visits
}

/// What both passes read.
struct OnDevice {
    first_visits: Vec<usize>,
    prices: CubeTensor,
    starts: CubeTensor,
    fees: CubeTensor,
    spreads: CubeTensor,
}

impl RebalancingPlan {
    fn form(&self) -> Form {
        Form {
            assets: self.windows.assets,
            geometric: self.windows.layout.is_geometric(),
            row_fees: self.terms.row_fee_rates.is_some(),
            spreads: self.terms.spreads.is_some(),
        }
    }

    fn sizes(&self, batch: usize, stretches: usize) -> SizesLaunch {
        let small = |size: usize| size.min(u32::MAX as usize) as u32;
        let (rows_per_day, rows_before) =
            self.terms.spreads.as_ref().map_or((1, 0), |series| (series.rows_per_day, series.rows_before));
        SizesLaunch::new(
            small(batch),
            small(self.windows.starts.len()),
            small(stretches),
            small(self.windows.samples.len()),
            u32::from(self.terms.only_in_ramps),
            small(rows_per_day),
            small(rows_before),
        )
    }

    fn on_device(&self, like: &CubeTensor) -> OnDevice {
        let fee = || constants(like, &[self.terms.fee_rate]);
        let fees = self.terms.row_fee_rates.as_ref().map_or_else(fee, |rates| table(like, rates));
        OnDevice {
            first_visits: cut(&self.windows.samples),
            prices: table(like, &self.windows.prices),
            starts: indices(like, self.windows.starts.iter().map(|start| *start as u32)),
            spreads: self.terms.spreads.as_ref().map_or_else(|| fees.clone(), |series| table(like, &series.spreads)),
            fees,
        }
    }

    /// The stretches that end at the samples.
    fn sampled(&self, first_visits: &[usize]) -> impl Iterator<Item = usize> {
        self.windows.samples.iter().map(|sample| first_visits.partition_point(|first| first <= sample) - 1)
    }
}

impl Kernels<1> for Rebalancing {
    fn forward(&self, [positions]: [CubeTensor; 1], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, count, _] = positions.meta.shape().dims::<3>();
        let OnDevice { first_visits, prices, starts, fees, spreads } = plan.on_device(&positions);
        let (stretches_, samples) = (first_visits.len() - 1, plan.windows.samples.len());
        let parts = empty(&positions, [batch, stretches_]);
        let (groups, group) = launch_of(batch * stretches_);
        stretches::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            prices.into_tensor_arg(),
            starts.into_tensor_arg(),
            fees.into_tensor_arg(),
            spreads.into_tensor_arg(),
            constants(&positions, &[(-plan.terms.streaming_fee).ln_1p()]).into_tensor_arg(),
            indices(&positions, first_visits.iter().map(|visit| *visit as u32)).into_tensor_arg(),
            parts.clone().into_tensor_arg(),
            plan.windows.layout.on_device(count, plan.windows.visits()),
            plan.sizes(batch, stretches_),
            plan.form(),
            element(&positions),
        );
        let output = empty(&positions, [batch, samples]);
        let (groups, group) = launch_of(batch * samples);
        at_samples::launch(
            &positions.client,
            groups,
            group,
            cumulated(parts, [batch, stretches_], false).into_tensor_arg(),
            indices(&positions, plan.sampled(&first_visits).map(|stretch| stretch as u32)).into_tensor_arg(),
            output.clone().into_tensor_arg(),
            plan.sizes(batch, stretches_),
            element(&positions),
        );
        (output, vec![])
    }

    fn backward(&self, pass: CubePass<1>, [wanted]: [bool; 1]) -> [Option<CubeTensor>; 1] {
        if !wanted {
            return [None];
        }
        let (plan, [positions]) = (&*self.0, pass.inputs);
        let (layout, visits) = (&plan.windows.layout, plan.windows.visits());
        let [batch, count, _] = positions.meta.shape().dims::<3>();
        let OnDevice { first_visits, prices, starts, fees, spreads } = plan.on_device(&positions);
        let stretches = first_visits.len() - 1;
        let mut sample_of = vec![NO_SAMPLE; stretches];
        for (sample, stretch) in plan.sampled(&first_visits).enumerate() {
            sample_of[stretch] = sample as u32;
        }
        let ends = empty(&positions, [batch, stretches]);
        let (groups, group) = launch_of(batch * stretches);
        at_stretches::launch(
            &positions.client,
            groups,
            group,
            pass.cotangent.into_tensor_arg(),
            indices(&positions, sample_of).into_tensor_arg(),
            ends.clone().into_tensor_arg(),
            plan.sizes(batch, stretches),
            element(&positions),
        );
        let of_visits = first_visits.windows(2).enumerate();
        let of_visits = of_visits.flat_map(|(stretch, pair)| std::iter::repeat_n(stretch as u32, pair[1] - pair[0]));
        let to_ends = layout.empty_ends(&positions, visits);
        let (groups, group) = launch_of(layout.all_pieces(batch, visits));
        backward::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            prices.into_tensor_arg(),
            starts.into_tensor_arg(),
            fees.into_tensor_arg(),
            spreads.into_tensor_arg(),
            indices(&positions, of_visits).into_tensor_arg(),
            cumulated(ends, [batch, stretches], true).into_tensor_arg(),
            to_ends.clone().into_tensor_arg(),
            layout.on_device(count, visits),
            plan.sizes(batch, stretches),
            plan.form(),
            element(&positions),
        );
        [Some(gathered(to_ends, &positions, layout, visits))]
    }
}
