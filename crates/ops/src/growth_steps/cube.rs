//! Growth row by row on GPUs: all rows at once, then sums along time in blocks.
//!
//! The backward pass sums the cotangents from the end in the same way; the gradient of a row's weights follows from three
//! neighbouring rows, and goes to positions as that of any path does. Of the gradient `g_t - g_{t-1}` that a row would have
//! if nothing moved, only the row's own cotangent is left, not a difference of sums.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{GrowthSteps, StepsPlan};
use crate::backend::cube::{cumulated, element, empty, indices, launch_of, table};
use crate::backend::{CubePass, Kernels};
use crate::growth::cube_log_ratio as log_ratio;
use crate::interpolation::cube::{
    Path, add_row, gathered, no_ends, piece, place, read_change, read_weights, write_ends,
};

/// Growth from the visit before to each visit.
#[cube(launch)]
fn increments<F: Float>(
    positions: &Tensor<F>,
    log_changes: &Tensor<F>,
    starts: &Tensor<u32>,
    output: &mut Tensor<F>,
    batch: u32,
    windows: u32,
    path: Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= batch * path.visits {
        terminate!();
    }
    let (entry, visit) = (index / path.visits, index % path.visits);
    let mut total = F::new(0.0);
    if visit > 0 {
        let mut before = Array::<F>::new(assets);
        let mut now = Array::<F>::new(assets);
        let mut change = Array::<F>::new(assets);
        let there = place(visit - 1, &path);
        let here = place(visit, &path);
        let at = entry as usize;
        read_weights::<F>(&mut before, positions, at, &there, &path, assets, geometric);
        read_weights::<F>(&mut now, positions, at, &here, &path, assets, geometric);
        read_change::<F>(&mut change, &before, &now, positions, at, &there, &here, &path, assets, geometric);
        let row = starts[(entry % windows) as usize] + (visit - 1) * path.stride;
        #[unroll]
        for i in 0..assets {
            total += before[i] * log_changes[row as usize * assets + i];
            if change[i] != F::new(0.0) {
                total -= now[i] * log_ratio::<F>(before[i], change[i]);
            }
        }
    }
    output[index as usize] = total;
}

#[cube(launch)]
fn backward<F: Float>(
    positions: &Tensor<F>,
    log_changes: &Tensor<F>,
    starts: &Tensor<u32>,
    cotangent: &Tensor<F>,
    later: &Tensor<F>,
    to_ends: &mut Tensor<F>,
    batch: u32,
    windows: u32,
    path: Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= batch * path.blocks * path.pieces {
        terminate!();
    }
    let piece = piece(index, &path);
    let entry = piece.entry as usize;
    let start = starts[(piece.entry % windows) as usize];
    let mut ends = no_ends::<F>(assets);
    let mut gradient = Array::<F>::new(assets);
    let mut change = Array::<F>::new(assets);
    let mut before = Array::<F>::new(assets);
    let mut now = Array::<F>::new(assets);
    let mut next = Array::<F>::new(assets);
    for visit in piece.first..piece.end {
        let first = entry * path.visits as usize;
        let here = place(visit, &path);
        read_weights::<F>(&mut now, positions, entry, &here, &path, assets, geometric);
        let mut settled = F::new(0.0) - cotangent[first + visit as usize];
        if visit == 0 {
            settled = F::new(0.0);
            if path.visits > 1 {
                settled = later[first + 1];
            }
        }
        #[unroll]
        for i in 0..assets {
            gradient[i] = settled;
        }
        if visit > 0 {
            let there = place(visit - 1, &path);
            let weight = later[first + visit as usize];
            read_weights::<F>(&mut before, positions, entry, &there, &path, assets, geometric);
            read_change::<F>(&mut change, &before, &now, positions, entry, &there, &here, &path, assets, geometric);
            #[unroll]
            for i in 0..assets {
                if change[i] != F::new(0.0) {
                    gradient[i] = gradient[i] - weight * log_ratio::<F>(before[i], change[i]);
                }
            }
        }
        if visit + 1 < path.visits {
            let there = place(visit + 1, &path);
            let weight = later[first + visit as usize + 1];
            let row = (start + visit * path.stride) as usize;
            read_weights::<F>(&mut next, positions, entry, &there, &path, assets, geometric);
            read_change::<F>(&mut change, &now, &next, positions, entry, &here, &there, &path, assets, geometric);
            #[unroll]
            for i in 0..assets {
                let mut kept = log_changes[row * assets + i];
                if change[i] != F::new(0.0) {
                    kept += change[i] / now[i];
                }
                gradient[i] = gradient[i] + weight * kept;
            }
        }
        add_row::<F>(&mut ends, &gradient, positions, entry, &here, &path, assets, geometric);
    }
    write_ends::<F>(&ends, to_ends, index, assets);
}

impl StepsPlan {
    fn first_rows(&self, like: &CubeTensor) -> CubeTensor {
        indices(like, self.starts.iter().map(|start| *start as u32))
    }
}

impl Kernels<1> for GrowthSteps {
    fn forward(&self, [positions]: [CubeTensor; 1], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let visits = plan.layout.visited();
        let output = empty(&positions, [batch, visits]);
        let (groups, group) = launch_of(batch * visits);
        increments::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            table(&positions, &plan.log_changes).into_tensor_arg(),
            plan.first_rows(&positions).into_tensor_arg(),
            output.clone().into_tensor_arg(),
            batch as u32,
            plan.windows() as u32,
            plan.layout.on_device(count, visits),
            assets,
            plan.layout.is_geometric(),
            element(&positions),
        );
        (cumulated(output, [batch, visits], false), vec![])
    }

    fn backward(&self, pass: CubePass<1>, [wanted]: [bool; 1]) -> [Option<CubeTensor>; 1] {
        if !wanted {
            return [None];
        }
        let (plan, [positions]) = (&*self.0, pass.inputs);
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let visits = plan.layout.visited();
        let later = cumulated(pass.cotangent.clone(), [batch, visits], true);
        let to_ends = plan.layout.empty_ends(&positions, visits);
        let (groups, group) = launch_of(plan.layout.all_pieces(batch, visits));
        backward::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            table(&positions, &plan.log_changes).into_tensor_arg(),
            plan.first_rows(&positions).into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            later.into_tensor_arg(),
            to_ends.clone().into_tensor_arg(),
            batch as u32,
            plan.windows() as u32,
            plan.layout.on_device(count, visits),
            assets,
            plan.layout.is_geometric(),
            element(&positions),
        );
        [Some(gathered(to_ends, &positions, &plan.layout, visits))]
    }
}
