//! Windows of one update: a pure function of (seed, update).
//!
//! Starts are rows of the price table and are always returned in ascending order without repetition (an explicit list is
//! returned as given). By default only starts on update boundaries are drawn (multiples of the update interval counted
//! from row 0 of the table): a window that starts between two updates would apply its weights late (spec 07 sec. 5).

use std::collections::BTreeSet;

use crate::error::TrainerError;
use crate::random::{Purpose, below, stream};

/// Rows at which a window may start: the multiples of `alignment` in `first_start..=last_start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplingRange {
    /// First allowed start row.
    pub first_start: usize,
    /// Last allowed start row, inclusive.
    pub last_start: usize,
    /// Allowed starts are multiples of this many rows, counted from row 0; 1 allows any.
    pub alignment: usize,
}

impl SamplingRange {
    /// All windows of `window_rows` rows inside the `rows` rows that begin at `first_row`.
    ///
    /// # Errors
    /// [`TrainerError::WindowTooLong`] if not even one window fits.
    pub fn within(first_row: usize, rows: usize, window_rows: usize, alignment: usize) -> Result<Self, TrainerError> {
        if window_rows > rows {
            return Err(TrainerError::WindowTooLong { window_rows, period_rows: rows });
        }
        Ok(Self { first_start: first_row, last_start: first_row + rows - window_rows, alignment })
    }

    /// How many starts are allowed.
    pub fn count(&self) -> usize {
        let (first, last) = self.steps();
        (last + 1).saturating_sub(first)
    }

    /// The `index`-th allowed start.
    fn start(&self, index: usize) -> usize {
        (self.steps().0 + index) * self.alignment.max(1)
    }

    /// First and last allowed start in units of the alignment.
    fn steps(&self) -> (usize, usize) {
        let alignment = self.alignment.max(1);
        (self.first_start.div_ceil(alignment), self.last_start / alignment)
    }

    fn check_batch(&self, batch_size: usize) -> Result<(), TrainerError> {
        let available = self.count();
        if batch_size == 0 || batch_size > available {
            let Self { first_start, last_start, alignment } = *self;
            return Err(TrainerError::TooFewStarts { available, batch_size, first_start, last_start, alignment });
        }
        Ok(())
    }
}

/// Draws the windows of an update.
pub trait Sampler {
    /// Start rows of the windows of update `update` (counted from 0).
    fn starts(&self, seed: u64, update: usize) -> Vec<usize>;
}

/// Starts drawn uniformly without replacement. If the range has exactly `batch_size` starts, all of them are drawn.
#[derive(Clone, Debug)]
pub struct Uniform {
    range: SamplingRange,
    batch_size: usize,
}

impl Uniform {
    /// # Errors
    /// [`TrainerError::TooFewStarts`] if the range has fewer starts than `batch_size`.
    pub fn new(range: SamplingRange, batch_size: usize) -> Result<Self, TrainerError> {
        range.check_batch(batch_size)?;
        Ok(Self { range, batch_size })
    }
}

impl Sampler for Uniform {
    /// Floyd's algorithm: every subset of the starts is equally likely, at `batch_size` draws whatever the range.
    fn starts(&self, seed: u64, update: usize) -> Vec<usize> {
        let count = self.range.count();
        let mut generator = stream(seed, Purpose::Sampling, update, 0);
        let mut drawn = BTreeSet::new();
        for upper in count - self.batch_size..count {
            let candidate = below(&mut generator, upper + 1);
            if !drawn.insert(candidate) {
                drawn.insert(upper);
            }
        }
        drawn.into_iter().map(|index| self.range.start(index)).collect()
    }
}

/// One start from each of `batch_size` equal parts of the range: part `i` covers the starts with indices
/// `floor(i R / B) .. floor((i + 1) R / B)` of `R` (spec 07 sec. 5).
#[derive(Clone, Debug)]
pub struct Stratified {
    range: SamplingRange,
    batch_size: usize,
}

impl Stratified {
    /// # Errors
    /// [`TrainerError::TooFewStarts`] if the range has fewer starts than `batch_size`.
    pub fn new(range: SamplingRange, batch_size: usize) -> Result<Self, TrainerError> {
        range.check_batch(batch_size)?;
        Ok(Self { range, batch_size })
    }

    /// Edges of the strata in indices of starts: `batch_size + 1` numbers from 0 to the number of starts.
    pub fn edges(&self) -> Vec<usize> {
        let count = self.range.count();
        (0..=self.batch_size).map(|part| part * count / self.batch_size).collect()
    }
}

impl Sampler for Stratified {
    fn starts(&self, seed: u64, update: usize) -> Vec<usize> {
        let mut generator = stream(seed, Purpose::Sampling, update, 0);
        self.edges()
            .windows(2)
            .map(|edge| self.range.start(edge[0] + below(&mut generator, edge[1] - edge[0])))
            .collect()
    }
}

/// Windows given by the caller: update `u` uses entry `u` modulo the length of the list, in the order given.
#[derive(Clone, Debug)]
pub struct Explicit {
    batches: Vec<Vec<usize>>,
}

impl Explicit {
    /// Takes one list of starts per update. Starts need not be aligned.
    ///
    /// # Errors
    /// [`TrainerError::Setting`] for an empty list, [`TrainerError::WindowOutside`] for a start outside `range`.
    pub fn new(batches: Vec<Vec<usize>>, range: SamplingRange) -> Result<Self, TrainerError> {
        if batches.is_empty() || batches.iter().any(Vec::is_empty) {
            let valid = "it must be a list of lists of start rows, none of them empty";
            return Err(TrainerError::setting("train.windows", format!("{batches:?}"), valid));
        }
        let SamplingRange { first_start, last_start, .. } = range;
        for (entry, starts) in batches.iter().enumerate() {
            if let Some(&start) = starts.iter().find(|&&start| start < first_start || start > last_start) {
                return Err(TrainerError::WindowOutside { entry, start, first_start, last_start });
            }
        }
        Ok(Self { batches })
    }
}

impl Sampler for Explicit {
    fn starts(&self, _seed: u64, update: usize) -> Vec<usize> {
        self.batches[update % self.batches.len()].clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first_start: usize, last_start: usize, alignment: usize) -> SamplingRange {
        SamplingRange { first_start, last_start, alignment }
    }

    proptest! {
        #[test]
        fn both_samplers_are_pure_sorted_aligned_inside_and_without_repetition(
            first in 0_usize..500, length in 200_usize..900, alignment in 1_usize..24, batch in 1_usize..9,
            seed: u64, update in 0_usize..5000,
        ) {
            let range = range(first, first + length, alignment);
            let samplers: [Box<dyn Sampler>; 2] =
                [Box::new(Uniform::new(range, batch).unwrap()), Box::new(Stratified::new(range, batch).unwrap())];
            for sampler in samplers {
                let starts = sampler.starts(seed, update);
                prop_assert_eq!(&starts, &sampler.starts(seed, update));
                prop_assert_eq!(starts.len(), batch);
                prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(starts.iter().all(|start| start % alignment == 0));
                prop_assert!(starts.iter().all(|start| (first..=first + length).contains(start)));
            }
        }

        #[test]
        fn stratified_starts_lie_one_per_stratum(length in 20_usize..300, batch in 1_usize..20, seed: u64) {
            let sampler = Stratified::new(range(0, length - 1, 1), batch).unwrap();
            let edges = sampler.edges();
            for (part, start) in sampler.starts(seed, 0).into_iter().enumerate() {
                prop_assert!((edges[part]..edges[part + 1]).contains(&start));
            }
        }
    }

    #[test]
    fn stratified_edges_are_the_floors_of_equal_parts() {
        let sampler = Stratified::new(range(0, 9, 1), 4).unwrap();
        assert_eq!(sampler.edges(), [0, 2, 5, 7, 10]);
    }

    #[test]
    fn every_start_is_equally_likely_under_uniform_sampling() {
        let sampler = Uniform::new(range(0, 9, 1), 3).unwrap();
        let mut counts = [0_usize; 10];
        for update in 0..10_000 {
            for start in sampler.starts(5, update) {
                counts[start] += 1;
            }
        }
        assert!(counts.iter().all(|count| (2800..3200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_range_of_exactly_one_batch_is_drawn_whole() {
        let sampler = Uniform::new(range(100, 107, 1), 8).unwrap();
        assert!((0..50).all(|update| sampler.starts(update as u64, update) == (100..108).collect::<Vec<_>>()));
    }

    #[test]
    fn updates_and_seeds_give_different_windows() {
        let sampler = Uniform::new(range(0, 10_000, 1), 8).unwrap();
        assert_ne!(sampler.starts(1, 0), sampler.starts(1, 1));
        assert_ne!(sampler.starts(1, 0), sampler.starts(2, 0));
    }

    #[test]
    fn starts_are_aligned_to_row_zero_of_the_table() {
        assert_eq!(range(100, 300, 60).count(), 4);
        assert_eq!(Uniform::new(range(100, 300, 60), 4).unwrap().starts(0, 0), [120, 180, 240, 300]);
        assert_eq!(range(121, 179, 60).count(), 0);
    }

    #[test]
    fn explicit_windows_are_used_in_order_and_repeat() {
        let sampler = Explicit::new(vec![vec![3, 1], vec![7]], range(0, 9, 5)).unwrap();
        assert_eq!(
            [sampler.starts(0, 0), sampler.starts(0, 1), sampler.starts(0, 2)],
            [vec![3, 1], vec![7], vec![3, 1]]
        );
    }

    #[test]
    fn impossible_requests_are_named() {
        let message = |error: TrainerError| error.to_string();
        let long = message(SamplingRange::within(10, 100, 101, 1).unwrap_err());
        assert!(long.contains("101 rows") && long.contains("only 100"), "{long}");
        assert_eq!(SamplingRange::within(10, 100, 100, 1).unwrap(), range(10, 10, 1));
        let few = message(Uniform::new(range(0, 6, 1), 8).unwrap_err());
        assert!(few.contains("only 7") && few.contains("`train.batch_size` is 8"), "{few}");
        assert!(matches!(Stratified::new(range(0, 6, 1), 8), Err(TrainerError::TooFewStarts { .. })));
        let outside = message(Explicit::new(vec![vec![1], vec![10]], range(0, 9, 1)).unwrap_err());
        assert!(outside.contains("entry 1") && outside.contains("row 10") && outside.contains("0..=9"), "{outside}");
        assert!(Explicit::new(vec![vec![]], range(0, 9, 1)).is_err());
    }
}
