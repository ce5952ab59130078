//! The recurrence on GPUs: one thread per set and asset, or per block of rows of one.
//!
//! The sequential form is one pass. The blocked form takes three: what leaves every block that starts from zero, the state
//! that enters each block, and the rows of all blocks at once from there. The length of a block is fixed, so that a set's
//! numbers do not depend on how many others run beside it.

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{BLOCK_ROWS, Recurrence, RecurrenceForm};
use crate::backend::cube::{element, empty, launch_of, summed};
use crate::backend::{CubePass, Kernels};

/// How threads are laid out: sizes that kernels receive as numbers.
#[derive(Clone, Copy)]
struct Grid {
    sets: usize,
    rows: usize,
    assets: usize,
    /// Sets of the input: one if it is shared.
    inputs: usize,
    /// Rows of a block; all of them in the sequential form.
    block_rows: usize,
    blocks: usize,
}

impl Grid {
    fn new(form: RecurrenceForm, input: &CubeTensor, decay: &CubeTensor) -> Self {
        let (input, decay) = (input.shape(), decay.shape());
        let block_rows = match form {
            RecurrenceForm::Sequential => input[1],
            RecurrenceForm::Blocked => BLOCK_ROWS.min(input[1]),
        };
        Self {
            sets: decay[0],
            rows: input[1],
            assets: decay[1],
            inputs: input[0],
            block_rows,
            blocks: input[1].div_ceil(block_rows),
        }
    }

    fn sizes(&self) -> SizesLaunch {
        let Self { sets, rows, assets, inputs, block_rows, blocks } = *self;
        let [sets, rows, assets, inputs, block_rows, blocks] =
            [sets, rows, assets, inputs, block_rows, blocks].map(|size| size as u32);
        SizesLaunch::new(sets, rows, assets, inputs, block_rows, blocks)
    }

    fn per_block(&self) -> usize {
        self.sets * self.blocks * self.assets
    }

    fn per_set(&self) -> usize {
        self.sets * self.assets
    }
}

/// [`Grid`] inside a kernel.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    sets: u32,
    rows: u32,
    assets: u32,
    inputs: u32,
    block_rows: u32,
    blocks: u32,
}

/// Where a thread of a set, block and asset reads and writes.
#[derive(CubeType, Clone, Copy)]
struct Place {
    /// Index of set and asset in `[sets, assets]`.
    lane: u32,
    /// First element of the set and asset in the input.
    input: u32,
    /// The same in the output.
    output: u32,
    first_row: u32,
    end_row: u32,
    block: u32,
}

#[cube]
fn place(index: u32, sizes: &Sizes) -> Place {
    let asset = index % sizes.assets;
    let block = (index / sizes.assets) % sizes.blocks;
    let set = index / (sizes.assets * sizes.blocks);
    let length = sizes.rows * sizes.assets;
    let mut input = asset;
    if sizes.inputs > 1 {
        input += set * length;
    }
    let first_row = block * sizes.block_rows;
    Place {
        lane: set * sizes.assets + asset,
        input,
        output: set * length + asset,
        first_row,
        end_row: min(first_row + sizes.block_rows, sizes.rows),
        block,
    }
}

/// What leaves every block that is entered with zero.
#[cube(launch)]
fn leaving<F: Float>(
    input: &Tensor<F>,
    decay: &Tensor<F>,
    carry: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] reversed: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.sets * sizes.blocks * sizes.assets {
        terminate!();
    }
    let at = place(index, &sizes);
    let decay = decay[at.lane as usize];
    let mut state = F::new(0.0);
    for offset in 0..at.end_row - at.first_row {
        let mut row = at.first_row + offset;
        if reversed {
            row = at.end_row - 1 - offset;
        }
        state = decay * state + input[(at.input + row * sizes.assets) as usize];
    }
    carry[index as usize] = state;
}

/// Replaces what leaves each block by what enters it, in the order of time or against it.
#[cube(launch)]
fn entering<F: Float>(
    decay: &Tensor<F>,
    initial: &Tensor<F>,
    carry: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] reversed: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.sets * sizes.assets {
        terminate!();
    }
    let (set, asset) = (index / sizes.assets, index % sizes.assets);
    // What a block loses, 1 - decay^block_rows, keeps its digits where the power itself would not.
    let mut lost = F::new(0.0);
    let complement = F::new(1.0) - decay[index as usize];
    for _ in 0..sizes.block_rows {
        lost += complement * (F::new(1.0) - lost);
    }
    let mut state = F::new(0.0);
    if !reversed {
        state = initial[index as usize];
    }
    for step in 0..sizes.blocks {
        let mut block = step;
        if reversed {
            block = sizes.blocks - 1 - step;
        }
        let here = ((set * sizes.blocks + block) * sizes.assets + asset) as usize;
        let own = carry[here];
        carry[here] = state;
        state = own + (state - lost * state);
    }
}

/// The rows of every block from the state that enters it.
#[cube(launch)]
fn rows_forward<F: Float>(
    input: &Tensor<F>,
    decay: &Tensor<F>,
    entering: &Tensor<F>,
    output: &mut Tensor<F>,
    threshold: f32,
    sizes: Sizes,
    #[comptime] dead_zone: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.sets * sizes.blocks * sizes.assets {
        terminate!();
    }
    let at = place(index, &sizes);
    let decay = decay[at.lane as usize];
    let mut state = entering[index as usize];
    for row in at.first_row..at.end_row {
        state = decay * state + input[(at.input + row * sizes.assets) as usize];
        if dead_zone {
            if state.abs() < F::cast_from(threshold) {
                state = F::new(0.0);
            }
        }
        output[(at.output + row * sizes.assets) as usize] = state;
    }
}

/// The adjoint of every block from the one that enters it, and the block's part of the slope in the decay.
#[cube(launch)]
fn rows_backward<F: Float>(
    decay: &Tensor<F>,
    initial: &Tensor<F>,
    output: &Tensor<F>,
    cotangent: &Tensor<F>,
    entering: &Tensor<F>,
    to_input: &mut Tensor<F>,
    to_decay: &mut Tensor<F>,
    to_initial: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] dead_zone: bool,
    #[comptime] wants_input: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.sets * sizes.blocks * sizes.assets {
        terminate!();
    }
    let at = place(index, &sizes);
    let decay = decay[at.lane as usize];
    let mut adjoint = entering[index as usize];
    let mut sum = F::new(0.0);
    for offset in 0..at.end_row - at.first_row {
        let row = at.end_row - 1 - offset;
        let here = at.output + row * sizes.assets;
        adjoint = decay * adjoint + cotangent[here as usize];
        if dead_zone {
            if output[here as usize] == F::new(0.0) {
                adjoint = F::new(0.0);
            }
        }
        let mut previous = initial[at.lane as usize];
        if row > 0 {
            previous = output[(here - sizes.assets) as usize];
        }
        sum += adjoint * previous;
        if wants_input {
            to_input[here as usize] = adjoint;
        }
    }
    to_decay[index as usize] = sum;
    if at.block == 0 {
        to_initial[at.lane as usize] = decay * adjoint;
    }
}

impl Grid {
    /// The states `[sets, blocks, assets]` that enter each block.
    fn entering(self, input: &CubeTensor, decay: &CubeTensor, initial: &CubeTensor, reversed: bool) -> CubeTensor {
        let carry = empty(decay, [self.sets, self.blocks, self.assets]);
        let (client, dtype) = (decay.client.clone(), element(decay));
        if self.blocks > 1 {
            let of_input = Grid { inputs: input.shape()[0], ..self };
            let (groups, group) = launch_of(self.per_block());
            leaving::launch(
                &client,
                groups,
                group,
                input.clone().into_tensor_arg(),
                decay.clone().into_tensor_arg(),
                carry.clone().into_tensor_arg(),
                of_input.sizes(),
                reversed,
                dtype,
            );
        }
        let (groups, group) = launch_of(self.per_set());
        entering::launch(
            &client,
            groups,
            group,
            decay.clone().into_tensor_arg(),
            initial.clone().into_tensor_arg(),
            carry.clone().into_tensor_arg(),
            self.sizes(),
            reversed,
            dtype,
        );
        carry
    }
}

impl Kernels<3> for Recurrence {
    fn forward(&self, [input, decay, initial]: [CubeTensor; 3], _: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let grid = Grid::new(self.options.form, &input, &decay);
        let entering = grid.entering(&input, &decay, &initial, false);
        let output = empty(&decay, [grid.sets, grid.rows, grid.assets]);
        let (groups, group) = launch_of(grid.per_block());
        rows_forward::launch(
            &decay.client.clone(),
            groups,
            group,
            input.into_tensor_arg(),
            decay.clone().into_tensor_arg(),
            entering.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            self.options.dead_zone.unwrap_or(0.0) as f32,
            grid.sizes(),
            self.options.dead_zone.is_some(),
            element(&output),
        );
        (output, vec![])
    }

    fn backward(&self, pass: CubePass<3>, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let [input, decay, initial] = pass.inputs;
        let grid = Grid::new(self.options.form, &input, &decay);
        let entering = grid.entering(&pass.cotangent, &decay, &initial, true);
        let to_input =
            if wanted[0] { empty(&decay, [grid.sets, grid.rows, grid.assets]) } else { empty(&decay, [1, 1, 1]) };
        let to_decay = empty(&decay, [grid.sets, grid.blocks, grid.assets]);
        let to_initial = empty(&decay, [grid.sets, grid.assets]);
        let (groups, group) = launch_of(grid.per_block());
        rows_backward::launch(
            &decay.client.clone(),
            groups,
            group,
            decay.clone().into_tensor_arg(),
            initial.into_tensor_arg(),
            pass.output.into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            entering.into_tensor_arg(),
            to_input.clone().into_tensor_arg(),
            to_decay.clone().into_tensor_arg(),
            to_initial.clone().into_tensor_arg(),
            grid.sizes(),
            self.options.dead_zone.is_some_and(|threshold| threshold > 0.0),
            wanted[0],
            element(&decay),
        );
        let to_decay = summed(to_decay, [grid.sets, grid.blocks, grid.assets], [grid.sets, grid.assets]);
        let to_input = if grid.inputs == 1 && grid.sets > 1 && wanted[0] {
            summed(to_input, [1, grid.sets, grid.rows * grid.assets], [1, grid.rows, grid.assets])
        } else {
            to_input
        };
        [wanted[0].then_some(to_input), wanted[1].then_some(to_decay), wanted[2].then_some(to_initial)]
    }
}
