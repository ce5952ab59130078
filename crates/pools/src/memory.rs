//! How many numbers a run holds at once, from shapes: what tensors, autodiff and the primitives' own records add up to.
//!
//! Counts of tensors are rounded up from measurements (`cargo run --release --example memory -- population`), which vary with
//! the rule; what a primitive keeps is exact. Meant for fused loops on the host and for kernels on GPUs, which keep other
//! things.

use gradpool_ops::arbitrage::CHECKPOINT_VISITS;
use gradpool_ops::guardrails::kept_per_step;
use gradpool_ops::interpolation::Interpolation;
use gradpool_strategy::{StrategyError, Windows};

use crate::history::PricedHistory;
use crate::layout::{has_closed_form, segments, visited, without_repetition};
use crate::pool::Pool;
use crate::settings::{PoolKind, Valuation};

/// Tensors that exist at once: forward, and with gradients.
struct Counts {
    /// Of coarse rows, for one estimator and its share of the signal. The mean-reversion channel takes 25 with gradients,
    /// momentum 11.
    an_estimator: [usize; 2],
    /// Of coarse weights.
    positions: [usize; 2],
    /// Of sampled values, those of metrics included.
    samples: [usize; 2],
    /// Of values at every visited row, where they are computed one after another.
    visits: [usize; 2],
    /// Of reserves at samples or of weights at every row, where a pool needs them.
    rows: [usize; 2],
}

const ON_THE_HOST: Counts =
    Counts { an_estimator: [8, 28], positions: [2, 3], samples: [6, 10], visits: [4, 8], rows: [4, 8] };

const ON_A_GPU: Counts =
    Counts { an_estimator: [8, 28], positions: [2, 3], samples: [4, 8], visits: [2, 4], rows: [6, 8] };

/// Most rows that a GPU goes back through before it notes the gradients of both ends of their block.
const ROWS_OF_A_PIECE: usize = 64;

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunNumbers {
    /// For each window, whatever the number of sets.
    pub per_window: usize,
    /// For each parameter set, whatever the number of windows.
    pub per_set: usize,
    /// For each window of each set.
    pub per_path: usize,
    /// The largest single tensor of each of these.
    pub largest: LargestNumbers,
}

/// Numbers of the largest single tensors of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LargestNumbers {
    /// For each window.
    pub per_window: usize,
    /// For each parameter set.
    pub per_set: usize,
    /// For each window of each set.
    pub per_path: usize,
}

impl Pool {
    /// Numbers that a run over windows like these holds at once while `samples` rows of each are sampled, with its
    /// gradient or without.
    /// `every_row` if shares or weights of every row are wanted besides.
    ///
    /// # Errors
    /// [`StrategyError`] if the rule's own starting point is not a valid parameter set.
    pub fn run_numbers(
        &self,
        history: &PricedHistory,
        windows: &Windows,
        samples: &[usize],
        every_row: bool,
        gradient: bool,
    ) -> Result<RunNumbers, StrategyError> {
        let on_host = history.is_on_host();
        let counts = if on_host { &ON_THE_HOST } else { &ON_A_GPU };
        let of = |counts: [usize; 2]| counts[usize::from(gradient)];
        let (strategy, assets) = (self.strategy(), self.strategy().settings().assets);
        let layout = self.layout_of_intervals(windows);
        let visits = without_repetition(samples.iter().map(|&row| visited(&layout, row))).0;
        let samples = samples.len();
        let coarse_rows = history.prices().rows().div_ceil(layout.block_rows.max(1));
        let ramps = strategy.ramps(windows.rows);
        let all_visits = layout.visited();
        let estimates = coarse_rows * strategy.estimated_columns()?;
        let positions = (ramps + 1) * assets;
        let mut numbers = RunNumbers {
            per_window: 0,
            per_set: estimates * of(counts.an_estimator),
            per_path: positions * of(counts.positions) + samples * of(counts.samples),
            largest: LargestNumbers { per_window: 0, per_set: estimates, per_path: positions.max(samples) },
        };
        if gradient && on_host {
            numbers.per_path += ramps * kept_per_step(assets);
        }
        let lines = layout.interpolation == Interpolation::Linear && has_closed_form(&layout);
        let in_blocks = match self.settings().valuation {
            Valuation::ClosedForm => true,
            Valuation::StepByStep => false,
            Valuation::Auto => lines && visits.len() * 2 < all_visits,
        };
        let weighted = self.settings().kind == PoolKind::Weighted;
        // On chain the weights of every row are needed as soon as one run ends inside an interval.
        let on_chain = strategy.settings().execution.is_on_chain();
        let weights_of_rows = every_row || on_chain || layout.interpolation != Interpolation::Linear;
        if weighted && self.holds_its_weights(history) && in_blocks {
            let segments = segments(&layout, &visits).0.len();
            numbers.add_per_window(segments * 2 * assets, segments * assets);
            // Slopes of lines; a GPU sums along time from one tensor into another besides.
            let slopes = if gradient { segments * 2 * assets } else { 0 };
            let sums = if on_host { 0 } else { segments * 2 };
            numbers.add_per_path(slopes + sums, slopes.max(segments));
        } else if self.holds_its_weights(history) {
            numbers.add_per_path(all_visits * of(counts.visits), all_visits);
            numbers.add_ends_of_pieces(on_host || !gradient, all_visits, ramps, assets);
        } else {
            numbers.add_per_window(samples * assets, samples * assets);
            numbers.add_per_path(samples * assets * of(counts.rows), samples * assets);
            let stretches = all_visits.div_ceil(CHECKPOINT_VISITS);
            if on_host {
                numbers.add_per_path(stretches * assets, stretches * assets);
            } else if gradient {
                // Reserves at checkpoints are sums of two numbers; a stretch is noted leg by leg, with whether it traded.
                numbers.add_per_path(stretches * 2 * assets, stretches * 2 * assets);
                numbers.add_per_path(CHECKPOINT_VISITS * 2 * (assets + 1), CHECKPOINT_VISITS * 2 * assets);
            }
        }
        if weights_of_rows {
            numbers.add_per_path(windows.rows * assets * of(counts.rows), windows.rows * assets);
            numbers.add_ends_of_pieces(on_host || !gradient, windows.rows, ramps, assets);
        }
        if !on_host {
            // Memory comes in pages as large as the largest tensor; one of them may be nearly empty.
            numbers.per_set += numbers.largest.per_set;
            numbers.per_path += numbers.largest.per_path;
        }
        Ok(numbers)
    }
}

impl RunNumbers {
    /// Adds so many numbers for each window, in tensors of at most `largest`.
    fn add_per_window(&mut self, numbers: usize, largest: usize) {
        self.per_window += numbers;
        self.largest.per_window = self.largest.per_window.max(largest);
    }

    /// Adds gradients of both ends of every piece of a block.
    fn add_ends_of_pieces(&mut self, none: bool, rows: usize, ramps: usize, assets: usize) {
        let ends = if none { 0 } else { (rows / ROWS_OF_A_PIECE + ramps + 1) * 2 * assets };
        self.add_per_path(ends, ends);
    }

    /// The same for each window of each set.
    fn add_per_path(&mut self, numbers: usize, largest: usize) {
        self.per_path += numbers;
        self.largest.per_path = self.largest.per_path.max(largest);
    }
}
