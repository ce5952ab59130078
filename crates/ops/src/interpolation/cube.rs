//! Weights between coarse weights on GPUs: one thread per row of a window.
//!
//! What other primitives need of a path is here too: where a visit lies ([`place`]), its weights and how they changed since
//! another visit ([`read_weights`], [`read_change`]), and the way back from weights to positions. There a thread takes a
//! piece of a block, at most [`PIECE_VISITS`] visits, and collects the gradients of the two ends of the block
//! ([`add_row`]); then those of all pieces are added for every position ([`gathered`]).

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{Interpolation, PathLayout, WeightPath};
use crate::backend::cube::{element, empty, launch_of};
use crate::backend::{CubePass, Kernels};
use crate::growth::cube_log_ratio as log_ratio;

/// Visits that one thread takes on the way back.
const PIECE_VISITS: usize = 64;

/// [`PathLayout`] inside a kernel.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(crate) struct Path {
    /// Positions of every window.
    pub positions: u32,
    /// Visits that are computed.
    pub visits: u32,
    pub stride: u32,
    pub block_rows: u32,
    pub ramp_rows: u32,
    /// Rows in which the geometric line reaches the end of the block.
    pub geometric_rows: u32,
    /// One if a block at the first position precedes the first ramp.
    pub held_blocks: u32,
    /// Blocks that have visits, and pieces of each.
    pub blocks: u32,
    pub pieces: u32,
}

impl PathLayout {
    /// Whether weights move along a geometric line too.
    pub(crate) fn is_geometric(&self) -> bool {
        self.interpolation != Interpolation::Linear
    }

    fn blocks(&self, visits: usize) -> usize {
        (visits - 1) * self.stride / self.block_rows + 1
    }

    fn pieces(&self) -> usize {
        self.block_rows.div_ceil(PIECE_VISITS * self.stride)
    }

    /// The layout for a kernel, of windows with so many positions whose first `visits` visits count.
    pub(crate) fn on_device(&self, positions: usize, visits: usize) -> PathLaunch {
        let small = |size: usize| size.min(u32::MAX as usize) as u32;
        PathLaunch::new(
            small(positions),
            small(visits),
            small(self.stride),
            small(self.block_rows),
            small(self.ramp_rows),
            small(self.ramp_rows + usize::from(self.interpolation == Interpolation::ApproxOptimal)),
            u32::from(self.constant_first_block),
            small(self.blocks(visits)),
            small(self.pieces()),
        )
    }

    /// Threads of the way back, for windows of which the first `visits` visits count.
    pub(crate) fn all_pieces(&self, batch: usize, visits: usize) -> usize {
        batch * self.blocks(visits) * self.pieces()
    }

    /// What the way back writes, see [`write_ends`].
    pub(crate) fn empty_ends(&self, positions: &CubeTensor, visits: usize) -> CubeTensor {
        let [batch, _, assets] = positions.meta.shape().dims::<3>();
        empty(positions, [self.all_pieces(batch, visits), 2, assets])
    }
}

/// Where a visit lies.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Place {
    /// Position at which the block starts.
    pub start: u32,
    /// Rows of the block's ramp that are behind: all of them at rest after it, none in a block that is held.
    pub row: u32,
    /// Whether it is in the ramp.
    pub moving: bool,
}

#[cube]
pub(crate) fn place(visit: u32, path: &Path) -> Place {
    let row = visit * path.stride;
    let (block, in_block) = (row / path.block_rows, row % path.block_rows);
    let mut start = 0u32;
    let mut gone = 0u32;
    if block >= path.held_blocks {
        start = block - path.held_blocks;
        gone = min(in_block, path.ramp_rows);
    }
    Place { start, row: gone, moving: block >= path.held_blocks && in_block < path.ramp_rows }
}

/// First element of a position; of the last one where the position lies beyond.
#[cube]
fn offset(entry: usize, position: u32, path: &Path, #[comptime] assets: usize) -> usize {
    (entry * path.positions as usize + min(position, path.positions - 1) as usize) * assets
}

#[cube]
fn share<F: Float>(row: u32, rows: u32) -> F {
    F::cast_from(row) / F::cast_from(rows)
}

/// A weight on the geometric line.
#[cube]
fn on_geometric_line<F: Float>(from: F, to: F, exponent: F) -> F {
    from * (exponent * log_ratio::<F>(from, to - from)).exp()
}

/// The weights at a place.
#[cube]
pub(crate) fn read_weights<F: Float>(
    weights: &mut Array<F>,
    positions: &Tensor<F>,
    entry: usize,
    at: &Place,
    path: &Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
) {
    let start = offset(entry, at.start, path, assets);
    let end = offset(entry, at.start + 1, path, assets);
    let along = share::<F>(at.row, path.ramp_rows);
    #[unroll]
    for i in 0..assets {
        let (from, to) = (positions[start + i], positions[end + i]);
        let mut weight = to;
        if at.row < path.ramp_rows {
            weight = from + along * (to - from);
        }
        weights[i] = weight;
    }
    if geometric {
        if at.moving {
            let exponent = share::<F>(at.row, path.geometric_rows);
            let mut total = F::new(0.0);
            #[unroll]
            for i in 0..assets {
                weights[i] = weights[i] + on_geometric_line::<F>(positions[start + i], positions[end + i], exponent);
                total += weights[i];
            }
            #[unroll]
            for i in 0..assets {
                weights[i] = weights[i] / total;
            }
        }
    }
}

/// Weights at `now` less those at an earlier place. Along lines the difference is taken of the ways gone, not of weights,
/// and keeps its digits where it is small.
#[cube]
pub(crate) fn read_change<F: Float>(
    change: &mut Array<F>,
    weights_before: &Array<F>,
    weights: &Array<F>,
    positions: &Tensor<F>,
    entry: usize,
    before: &Place,
    now: &Place,
    path: &Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
) {
    if comptime!(geometric) {
        #[unroll]
        for i in 0..assets {
            change[i] = weights[i] - weights_before[i];
        }
    } else {
        let here = offset(entry, now.start, path, assets);
        let next = offset(entry, now.start + 1, path, assets);
        let there = offset(entry, before.start, path, assets);
        let left = offset(entry, before.start + 1, path, assets);
        #[unroll]
        for i in 0..assets {
            let step = positions[next + i] - positions[here + i];
            let mut moved = share::<F>(now.row - min(before.row, now.row), path.ramp_rows) * step;
            if now.start > before.start {
                let rest = share::<F>(path.ramp_rows - before.row, path.ramp_rows);
                moved = rest * (positions[left + i] - positions[there + i])
                    + (positions[here + i] - positions[left + i])
                    + share::<F>(now.row, path.ramp_rows) * step;
            }
            change[i] = moved;
        }
    }
}

/// Visits `first..end` of one block, for one thread.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Piece {
    pub entry: u32,
    pub first: u32,
    pub end: u32,
}

#[cube]
pub(crate) fn piece(index: u32, path: &Path) -> Piece {
    let (piece, block) = (index % path.pieces, (index / path.pieces) % path.blocks);
    let rows = path.stride * comptime!(PIECE_VISITS as u32);
    let first_row = block * path.block_rows + piece * rows;
    let end_row = min(first_row + rows, (block + 1) * path.block_rows);
    Piece {
        entry: index / (path.pieces * path.blocks),
        first: first_row.div_ceil(path.stride),
        end: min(end_row.div_ceil(path.stride), path.visits),
    }
}

/// Gradients of the positions at which a block starts and ends.
#[derive(CubeType)]
pub(crate) struct Ends<F: Float> {
    start: Array<F>,
    end: Array<F>,
}

#[cube]
pub(crate) fn no_ends<F: Float>(#[comptime] assets: usize) -> Ends<F> {
    let mut ends = Ends::<F> { start: Array::<F>::new(assets), end: Array::<F>::new(assets) };
    #[unroll]
    for i in 0..assets {
        ends.start[i] = F::new(0.0);
        ends.end[i] = F::new(0.0);
    }
    ends
}

#[cube]
fn add_on_line<F: Float>(ends: &mut Ends<F>, gradient: &Array<F>, along: F, #[comptime] assets: usize) {
    #[unroll]
    for i in 0..assets {
        ends.start[i] = ends.start[i] + gradient[i] * (F::new(1.0) - along);
        ends.end[i] = ends.end[i] + gradient[i] * along;
    }
}

/// Takes in the gradient with respect to the weights of a place.
#[cube]
pub(crate) fn add_row<F: Float>(
    ends: &mut Ends<F>,
    gradient: &Array<F>,
    positions: &Tensor<F>,
    entry: usize,
    at: &Place,
    path: &Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
) {
    let one = F::new(1.0);
    let along = share::<F>(at.row, path.ramp_rows);
    if comptime!(geometric) {
        if at.moving {
            let start = offset(entry, at.start, path, assets);
            let end = offset(entry, at.start + 1, path, assets);
            let exponent = share::<F>(at.row, path.geometric_rows);
            let mut total = F::new(0.0);
            let mut projected = F::new(0.0);
            #[unroll]
            for i in 0..assets {
                let (from, to) = (positions[start + i], positions[end + i]);
                let both = from + along * (to - from) + on_geometric_line::<F>(from, to, exponent);
                total += both;
                projected += gradient[i] * both;
            }
            projected = projected / total;
            #[unroll]
            for i in 0..assets {
                let (from, to) = (positions[start + i], positions[end + i]);
                let line = on_geometric_line::<F>(from, to, exponent);
                let inner = (gradient[i] - projected) / total;
                ends.start[i] = ends.start[i] + inner * (one - along + (one - exponent) * line / from);
                ends.end[i] = ends.end[i] + inner * (along + exponent * line / to);
            }
        } else {
            add_on_line::<F>(ends, gradient, along, assets);
        }
    } else {
        add_on_line::<F>(ends, gradient, along, assets);
    }
}

/// Writes what a piece has collected to `[entries, blocks, pieces, 2, assets]`.
#[cube]
pub(crate) fn write_ends<F: Float>(ends: &Ends<F>, to_ends: &mut Tensor<F>, index: u32, #[comptime] assets: usize) {
    #[unroll]
    for i in 0..assets {
        to_ends[index as usize * 2 * assets + i] = ends.start[i];
        to_ends[(index as usize * 2 + 1) * assets + i] = ends.end[i];
    }
}

/// The sum over the pieces of a block of one of its ends.
#[cube]
fn of_block<F: Float>(
    to_ends: &Tensor<F>,
    entry: u32,
    block: u32,
    end: usize,
    asset: usize,
    path: &Path,
    #[comptime] assets: usize,
) -> F {
    let mut total = F::new(0.0);
    if block < path.blocks {
        let first = (entry * path.blocks + block) * path.pieces;
        for piece in first..first + path.pieces {
            total += to_ends[(piece as usize * 2 + end) * assets + asset];
        }
    }
    total
}

#[cube(launch)]
fn gather<F: Float>(
    to_ends: &Tensor<F>,
    gradient: &mut Tensor<F>,
    batch: u32,
    path: Path,
    #[comptime] assets: usize,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    if index >= batch as usize * path.positions as usize * assets {
        terminate!();
    }
    let (asset, place) = (index % assets, (index / assets) as u32);
    let (entry, position) = (place / path.positions, place % path.positions);
    let mut total = of_block::<F>(to_ends, entry, position + path.held_blocks, 0usize, asset, &path, assets);
    if position > 0 {
        total += of_block::<F>(to_ends, entry, position - 1 + path.held_blocks, 1usize, asset, &path, assets);
    } else if path.held_blocks > 0 {
        total += of_block::<F>(to_ends, entry, 0u32, 0usize, asset, &path, assets);
    }
    gradient[index] = total;
}

/// Gradient of the positions, from that of the ends of all pieces.
pub(crate) fn gathered(to_ends: CubeTensor, positions: &CubeTensor, layout: &PathLayout, visits: usize) -> CubeTensor {
    let [batch, count, assets] = positions.meta.shape().dims::<3>();
    let gradient = empty(positions, [batch, count, assets]);
    let (groups, group) = launch_of(batch * count * assets);
    gather::launch(
        &positions.client,
        groups,
        group,
        to_ends.into_tensor_arg(),
        gradient.clone().into_tensor_arg(),
        batch as u32,
        layout.on_device(count, visits),
        assets,
        element(positions),
    );
    gradient
}

#[cube(launch)]
fn forward<F: Float>(
    positions: &Tensor<F>,
    output: &mut Tensor<F>,
    batch: u32,
    path: Path,
    #[comptime] assets: usize,
    #[comptime] geometric: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= batch * path.visits {
        terminate!();
    }
    let mut weights = Array::<F>::new(assets);
    let at = place(index % path.visits, &path);
    read_weights::<F>(&mut weights, positions, (index / path.visits) as usize, &at, &path, assets, geometric);
    #[unroll]
    for i in 0..assets {
        output[index as usize * assets + i] = weights[i];
    }
}

#[cube(launch)]
fn backward<F: Float>(
    positions: &Tensor<F>,
    cotangent: &Tensor<F>,
    to_ends: &mut Tensor<F>,
    batch: u32,
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
    let mut ends = no_ends::<F>(assets);
    let mut gradient = Array::<F>::new(assets);
    for visit in piece.first..piece.end {
        let here = (entry * path.visits as usize + visit as usize) * assets;
        #[unroll]
        for i in 0..assets {
            gradient[i] = cotangent[here + i];
        }
        let at = place(visit, &path);
        add_row::<F>(&mut ends, &gradient, positions, entry, &at, &path, assets, geometric);
    }
    write_ends::<F>(&ends, to_ends, index, assets);
}

impl Kernels<1> for WeightPath {
    fn forward(&self, [positions]: [CubeTensor; 1], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let layout = &self.0;
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let visits = layout.visited();
        let output = empty(&positions, [batch, visits, assets]);
        let (groups, group) = launch_of(batch * visits);
        forward::launch(
            &positions.client.clone(),
            groups,
            group,
            positions.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            batch as u32,
            layout.on_device(count, visits),
            assets,
            layout.is_geometric(),
            element(&output),
        );
        (output, vec![])
    }

    fn backward(&self, pass: CubePass<1>, [wanted]: [bool; 1]) -> [Option<CubeTensor>; 1] {
        if !wanted {
            return [None];
        }
        let (layout, [positions]) = (&self.0, pass.inputs);
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let visits = layout.visited();
        let to_ends = layout.empty_ends(&positions, visits);
        let (groups, group) = launch_of(layout.all_pieces(batch, visits));
        backward::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            to_ends.clone().into_tensor_arg(),
            batch as u32,
            layout.on_device(count, visits),
            assets,
            layout.is_geometric(),
            element(&positions),
        );
        [Some(gathered(to_ends, &positions, layout, visits))]
    }
}
