//! Weights at every row, between the coarse weights of two neighbouring blocks.
//!
//! A block of `c` rows starts at position `x` and moves to the next position `e` in `Q <= c` rows
//! (spec 03 sec. 3.5), with the step `d = (e - x) / Q`:
//!
//! ```text
//! linear            row i = i d + x                                    for i < Q
//! approx_optimal    lin = i d + x,  geo = x (e / x)^(i / (Q + 1)),
//!                   row i = (lin + geo) / sum over assets              for i < Q
//! both              row i = e                                          for Q <= i < c
//! ```
//!
//! The exponent's denominator `Q + 1` is the peer's: the geometric half never quite reaches `e`
//! (spec T3.3). [`Interpolation::ApproxOptimalExact`] divides by `Q`.

mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub mod reference;

use cpu::Ramp;
pub(crate) use cpu::{Accumulator, Walk};

use crate::backend::{Pass, Primitive, Real, View, apply, is_fused};
use crate::growth::{PlanError, positive};
use burn::tensor::Tensor;

/// How weights move inside a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Along a straight line.
    #[default]
    Linear,
    /// Mean of a straight and a geometric line, normalised, with the exponent `i / (Q + 1)`.
    ApproxOptimal,
    /// The same with the exponent `i / Q`, so that the geometric line ends where the block ends.
    ApproxOptimalExact,
}

impl Interpolation {
    /// How much of the geometric way is gone after `row` rows; none for the linear form.
    pub(crate) fn exponent(self, row: usize, ramp_rows: usize) -> Option<f64> {
        match self {
            Self::Linear => None,
            Self::ApproxOptimal => Some(row as f64 / (ramp_rows + 1) as f64),
            Self::ApproxOptimalExact => Some(row as f64 / ramp_rows as f64),
        }
    }
}

/// Which rows of a window are wanted, and how its blocks lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLayout {
    /// Rows of one block (`c`, the update interval).
    pub block_rows: usize,
    /// Rows in which a block's weights move (`Q`, at most `block_rows`).
    pub ramp_rows: usize,
    /// How they move.
    pub interpolation: Interpolation,
    /// Whether one block at position 0 precedes the first ramp, as for rules that output weight changes.
    pub constant_first_block: bool,
    /// Rows of the window.
    pub rows: usize,
    /// The rows visited are 0, `stride`, `2 stride`, ... (an arbitrage every `stride` rows).
    pub stride: usize,
}

/// A visited row by its block and the row in it, for walks without divisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    block: usize,
    row: usize,
}

impl Cursor {
    /// The visited row with this index.
    pub(crate) fn at(layout: &PathLayout, visit: usize) -> Self {
        let row = visit * layout.stride;
        Self { block: row / layout.block_rows, row: row % layout.block_rows }
    }

    /// Where its weights come from.
    pub(crate) fn place(self, layout: &PathLayout) -> Place {
        match self.block.checked_sub(usize::from(layout.constant_first_block)) {
            Some(block) => layout.place_in_block(block, self.row),
            None => Place::At(0),
        }
    }

    /// Whether weights move at it, or have just arrived at the row's block: whether it is one of the first `ramp_rows` rows.
    pub(crate) fn is_moving(self, layout: &PathLayout) -> bool {
        self.row < layout.ramp_rows
    }

    /// Goes to the next visited row.
    pub(crate) fn advance(&mut self, layout: &PathLayout) {
        self.row += layout.stride;
        while self.row >= layout.block_rows {
            self.row -= layout.block_rows;
            self.block += 1;
        }
    }

    /// Goes to the visited row before.
    pub(crate) fn retreat(&mut self, layout: &PathLayout) {
        while self.row < layout.stride && self.block > 0 {
            self.row += layout.block_rows;
            self.block -= 1;
        }
        self.row = self.row.saturating_sub(layout.stride);
    }
}

/// Where a row's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Exactly the position with this index.
    At(usize),
    /// This many rows into the ramp from position `block` to `block + 1`.
    Inside {
        /// Index of the position where the ramp starts.
        block: usize,
        /// Rows into the ramp.
        row: usize,
    },
}

impl PathLayout {
    /// Number of rows visited.
    pub fn visited(&self) -> usize {
        self.rows.div_ceil(self.stride)
    }

    /// Rows before the first ramp, at position 0.
    pub fn held_rows(&self) -> usize {
        if self.constant_first_block { self.block_rows } else { 0 }
    }

    /// Number of positions that the visited rows need.
    pub fn positions(&self) -> usize {
        match self.place(self.visited() - 1) {
            Place::At(position) => position + 1,
            Place::Inside { block, row: 0 } => block + 1,
            Place::Inside { block, .. } => block + 2,
        }
    }

    /// Where the weights of the visited row with this index come from.
    pub fn place(&self, visit: usize) -> Place {
        Cursor::at(self, visit).place(self)
    }

    fn place_in_block(&self, block: usize, row: usize) -> Place {
        if row >= self.ramp_rows {
            Place::At(block + 1)
        } else if row == 0 && self.interpolation == Interpolation::Linear {
            Place::At(block)
        } else {
            Place::Inside { block, row }
        }
    }

    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero or the ramp is longer than the block.
    pub fn validate(&self) -> Result<(), PlanError> {
        positive(&[("rows", self.rows), ("stride", self.stride), ("ramp_rows", self.ramp_rows)])?;
        if self.ramp_rows > self.block_rows {
            return Err(PlanError::Ramp { ramp_rows: self.ramp_rows, block_rows: self.block_rows });
        }
        Ok(())
    }

    /// # Panics
    /// When the layout contradicts itself or there are too few positions.
    pub(crate) fn check(&self, positions: &[usize]) {
        if let Err(error) = self.validate() {
            panic!("weight path: {error}");
        }
        assert!(
            positions[0] > 0 && positions[2] > 0 && positions[1] >= self.positions(),
            "weight path: {} rows need positions of shape [batch, at least {}, assets], got {positions:?}",
            self.rows,
            self.positions(),
        );
    }
}

/// Weights at the visited rows: `positions` `[batch, K + 1, A]` to `[batch, visited, A]`.
///
/// Source: spec 03 sec. 3.5. On a CPU the numbers are those of [`interpolate_block`], bit for bit.
///
/// # Panics
/// When the layout contradicts itself or needs more positions than there are.
pub fn interpolate(positions: Tensor<3>, layout: &PathLayout) -> Tensor<3> {
    let fused = WeightPath(*layout);
    if is_fused(&fused, &positions.device()) {
        apply(fused, [positions.into_dispatch()])
    } else {
        reference::interpolate(positions, layout)
    }
}

/// The rows `0..block_rows` of one block that moves from `start` to `end` in `ramp_rows` rows, written
/// to `output` as `[block_rows, A]`.
///
/// # Panics
/// When `start`, `end` and `output` do not fit each other, or `ramp_rows` is not in `1..=block_rows`.
pub fn interpolate_block(
    start: &[f64],
    end: &[f64],
    block_rows: usize,
    ramp_rows: usize,
    interpolation: Interpolation,
    output: &mut [f64],
) {
    let assets = start.len();
    assert!(
        assets > 0 && end.len() == assets && output.len() == block_rows * assets,
        "interpolate_block: start, end and each of {block_rows} output rows must hold the same assets, got {assets}, \
         {} and {} in all",
        end.len(),
        output.len()
    );
    let layout =
        PathLayout { block_rows, ramp_rows, interpolation, constant_first_block: false, rows: block_rows, stride: 1 };
    layout.check(&[1, 2, assets]);
    let mut ramp = Ramp::<Vec<f64>>::new(&layout, assets);
    ramp.enter(start, end);
    for (row, output) in output.chunks_exact_mut(assets).enumerate() {
        match layout.place(row) {
            Place::At(0) => output.copy_from_slice(start),
            Place::At(_) => output.copy_from_slice(end),
            Place::Inside { row, .. } => ramp.weights(row, output),
        }
    }
}

#[derive(Clone, Debug)]
struct WeightPath(PathLayout);

impl Primitive<1> for WeightPath {
    fn output_shape(&self, [positions]: [&[usize]; 1]) -> Vec<usize> {
        self.0.check(positions);
        vec![positions[0], self.0.visited(), positions[2]]
    }

    fn forward<F: Real>(&self, [positions]: [View<'_, F>; 1], output: &mut [F], _: &mut [f64]) {
        cpu::forward(&self.0, positions, output);
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 1>, [gradient]: [Option<&mut [F]>; 1]) {
        if let Some(gradient) = gradient {
            let [positions] = pass.inputs;
            cpu::backward(&self.0, positions, pass.cotangent, gradient);
        }
    }

    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn crate::backend::Kernels<1>> {
        Some(self)
    }
}
