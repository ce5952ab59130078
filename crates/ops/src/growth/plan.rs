//! What growth needs to know about windows besides weights: how their blocks lie, and their prices.

use std::sync::Arc;
use thiserror::Error;

/// A plan that contradicts itself.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// A table of prices has the wrong number of values.
    #[error("{table} holds {found} values, but {expected} are needed ({shape})")]
    Length {
        /// Which table.
        table: &'static str,
        /// Its shape in words.
        shape: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A size that must be positive is zero.
    #[error("{size} must be at least 1")]
    Zero {
        /// Which size.
        size: &'static str,
    },
    /// A segment leaves its ramp.
    #[error("segment {index} covers rows {offset} to {end} of a ramp of {ramp_rows} rows; it must end within the ramp")]
    Segment {
        /// Which segment.
        index: usize,
        /// First row.
        offset: u32,
        /// Row after the last step.
        end: u64,
        /// Rows of a ramp.
        ramp_rows: u32,
    },
    /// Weights would still move when the next block starts.
    #[error("ramp_rows is {ramp_rows}, but a block has only {block_rows} rows; ramp_rows may be at most block_rows")]
    Ramp {
        /// Rows of a ramp.
        ramp_rows: usize,
        /// Rows of a block.
        block_rows: usize,
    },
    /// A number outside its range.
    #[error("{name} is {value}, which is out of its range")]
    Range {
        /// Which number.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Samples that do not rise or lie outside the window.
    #[error("samples must rise and lie below the {visited} visited rows of a window")]
    Samples {
        /// Visited rows of a window.
        visited: usize,
    },
    /// No segment is sampled, so there is nothing to compute.
    #[error("no segment is sampled; mark at least the last one")]
    NoSample,
}

/// Where the weights are during a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// On the way from position `block` to position `block + 1`, starting `offset` rows into the ramp.
    Ramp {
        /// Index of the position where the ramp starts.
        block: u32,
        /// Rows between the start of the ramp and the start of the segment.
        offset: u32,
    },
    /// At rest at one position.
    Hold {
        /// Index of the position.
        position: u32,
    },
}

/// Equal steps of one window during which weights move along one line, or rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Where the weights are.
    pub span: Span,
    /// Number of arbitrage steps.
    pub steps: u32,
    /// Rows of one step.
    pub stride: u32,
    /// Whether the value at the end of this segment is part of the result.
    pub sample: bool,
}

/// `W` windows with the same segments and their own prices.
///
/// For a segment whose `steps + 1` visited rows have prices `p_0 .. p_m` (spec 12.1)
///
/// ```text
/// s0 = ln p_m - ln p_0        s1 = sum_{t=0}^{m-1} t (ln p_{t+1} - ln p_t)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GrowthPlan {
    pub(super) segments: Arc<[Segment]>,
    pub(super) ramp_rows: u32,
    pub(super) windows: usize,
    pub(super) assets: usize,
    pub(super) s0: Arc<[f64]>,
    pub(super) s1: Arc<[f64]>,
}

impl GrowthPlan {
    /// A plan from its segments in the order of time, and `s0` and `s1` as `[windows, segments, assets]`.
    ///
    /// `ramp_rows` is `Q`, the rows in which weights go from one position to the next.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, a table has the wrong length, a segment leaves its ramp, or no
    /// segment is sampled.
    pub fn new(
        segments: impl Into<Arc<[Segment]>>,
        ramp_rows: u32,
        windows: usize,
        assets: usize,
        s0: Vec<f64>,
        s1: Vec<f64>,
    ) -> Result<Self, PlanError> {
        let segments = segments.into();
        positive(&[("ramp_rows", ramp_rows as usize), ("windows", windows), ("assets", assets)])?;
        for (index, segment) in segments.iter().enumerate() {
            positive(&[("steps", segment.steps as usize), ("stride", segment.stride as usize)])?;
            if let Span::Ramp { offset, .. } = segment.span {
                let end = u64::from(offset) + u64::from(segment.steps) * u64::from(segment.stride);
                if end > u64::from(ramp_rows) {
                    return Err(PlanError::Segment { index, offset, end, ramp_rows });
                }
            }
        }
        if !segments.iter().any(|segment| segment.sample) {
            return Err(PlanError::NoSample);
        }
        let shape = "windows x segments x assets";
        let expected = windows * segments.len() * assets;
        length("s0", shape, expected, s0.len())?;
        length("s1", shape, expected, s1.len())?;
        Ok(Self { segments, ramp_rows, windows, assets, s0: s0.into(), s1: s1.into() })
    }

    /// Number of values per window: the segments marked as samples.
    pub fn samples(&self) -> usize {
        self.segments.iter().filter(|segment| segment.sample).count()
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Number of positions that the segments refer to.
    pub fn positions(&self) -> usize {
        let last = |segment: &Segment| match segment.span {
            Span::Ramp { block, .. } => block as usize + 1,
            Span::Hold { position } => position as usize,
        };
        self.segments.iter().map(last).max().unwrap_or(0) + 1
    }

    /// # Panics
    /// When positions of this shape do not fit the plan.
    pub(super) fn check(&self, positions: &[usize]) {
        assert!(
            positions[0] > 0
                && positions[0].is_multiple_of(self.windows)
                && positions[1] >= self.positions()
                && positions[2] == self.assets,
            "growth: positions must be [sets * {}, at least {}, {}], got {positions:?}",
            self.windows,
            self.positions(),
            self.assets
        );
    }
}

pub(crate) fn positive(sizes: &[(&'static str, usize)]) -> Result<(), PlanError> {
    sizes.iter().try_for_each(|&(size, value)| if value == 0 { Err(PlanError::Zero { size }) } else { Ok(()) })
}

pub(crate) fn length(table: &'static str, shape: &'static str, expected: usize, found: usize) -> Result<(), PlanError> {
    if expected == found { Ok(()) } else { Err(PlanError::Length { table, shape, expected, found }) }
}
