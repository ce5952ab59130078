//! How many numbers a run holds at once, from shapes: what tensors, autodiff and the primitives' own records add up to.
//!
//! Counts of tensors are rounded up from measurements (`cargo run --release --example memory -- population`), which vary with
//! the rule; what a primitive keeps is exact. Meant for backends with fused kernels.

use gradpool_ops::arbitrage::CHECKPOINT_VISITS;
use gradpool_ops::guardrails::kept_per_step;
use gradpool_ops::interpolation::Interpolation;
use gradpool_strategy::{StrategyError, Windows};

use crate::history::PricedHistory;
use crate::layout::{has_closed_form, segments, visited, without_repetition};
use crate::pool::Pool;
use crate::settings::{PoolKind, Valuation};

/// Tensors of coarse rows that one estimator and its share of the signal hold: forward, and with gradients. The mean-reversion
/// channel takes 25 with gradients, momentum 11.
const TENSORS_PER_ESTIMATOR: [usize; 2] = [8, 28];

/// Tensors of coarse weights.
const TENSORS_OF_POSITIONS: [usize; 2] = [2, 3];

/// Tensors of sampled values, those of metrics included.
const TENSORS_OF_SAMPLES: [usize; 2] = [6, 10];

/// Tensors of reserves at samples or of weights at every row, where a pool needs them.
const TENSORS_OF_ROWS: [usize; 2] = [4, 8];

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunNumbers {
    /// For each window, whatever the number of sets.
    pub per_window: usize,
    /// For each parameter set, whatever the number of windows.
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
        let of = |counts: [usize; 2]| counts[usize::from(gradient)];
        let (strategy, assets) = (self.strategy(), self.strategy().settings().assets);
        let layout = self.layout_of_intervals(windows);
        let visits = without_repetition(samples.iter().map(|&row| visited(&layout, row))).0;
        let samples = samples.len();
        let coarse_rows = history.prices().rows().div_ceil(layout.block_rows.max(1));
        let ramps = strategy.ramps(windows.rows);
        let all_visits = layout.visited();
        let mut numbers = RunNumbers {
            per_window: 0,
            per_set: coarse_rows * strategy.estimated_columns()? * of(TENSORS_PER_ESTIMATOR),
            per_path: (ramps + 1) * assets * of(TENSORS_OF_POSITIONS) + samples * of(TENSORS_OF_SAMPLES),
        };
        if gradient {
            numbers.per_path += ramps * kept_per_step(assets);
        }
        let lines = layout.interpolation == Interpolation::Linear && has_closed_form(&layout);
        let in_blocks = match self.settings().valuation {
            Valuation::ClosedForm => true,
            Valuation::StepByStep => false,
            Valuation::Auto => lines && visits.len() * 2 < all_visits,
        };
        let weighted = self.settings().kind == PoolKind::Weighted;
        if weighted && self.holds_its_weights(history) && in_blocks {
            let segments = segments(&layout, &visits).0.len();
            numbers.per_window += segments * 2 * assets;
            numbers.per_path += if gradient { segments * 2 * assets } else { 0 };
        } else if self.holds_its_weights(history) {
            numbers.per_window += all_visits * assets;
            numbers.per_path += all_visits * of(TENSORS_OF_ROWS);
        } else {
            numbers.per_window += samples * assets;
            numbers.per_path +=
                samples * assets * of(TENSORS_OF_ROWS) + all_visits.div_ceil(CHECKPOINT_VISITS) * assets;
        }
        // On chain the weights of every row are needed as soon as one run ends inside an interval.
        let on_chain = strategy.settings().execution.is_on_chain();
        if every_row || on_chain || layout.interpolation != Interpolation::Linear {
            numbers.per_path += windows.rows * assets * of(TENSORS_OF_ROWS);
        }
        Ok(numbers)
    }
}
