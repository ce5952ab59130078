//! Successive halving: the worst parameter sets are dropped on the way, so that a large population costs little more than its
//! survivors (Jamieson and Talwalkar 2016, <https://arxiv.org/abs/1502.07943>; with a fraction in place of the half).
//!
//! After every `every` steps but the last all sets are judged by the selection metric on the selection period, at their
//! parameters of that step. The best go on, with their number, averages and learning rate; a set does not know what
//! happened to the others. What a dropped set had reached stays the result if nothing better comes.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;

/// `[train.halving]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalvingSettings {
    /// Steps between two judgements, at least 1.
    pub every: usize,
    /// Fraction of the sets that goes on, between 0 and 1 exclusive; rounded up to whole sets.
    pub keep: f64,
    /// Fewest sets that go on, from 1 to `train.parameter_sets`.
    pub minimum_sets: usize,
}

impl Default for HalvingSettings {
    fn default() -> Self {
        Self { every: 20, keep: 0.5, minimum_sets: 1 }
    }
}

impl HalvingSettings {
    pub(crate) fn validate(&self, parameter_sets: usize) -> Result<(), TrainerError> {
        if self.every == 0 {
            return Err(TrainerError::setting("train.halving.every", 0, "it must be at least 1"));
        }
        if !(self.keep > 0.0 && self.keep < 1.0) {
            let valid = "it must be between 0 and 1, both excluded";
            return Err(TrainerError::setting("train.halving.keep", self.keep, valid));
        }
        if self.minimum_sets == 0 || self.minimum_sets > parameter_sets {
            let valid = format!("it must be from 1 to `train.parameter_sets` ({parameter_sets})");
            return Err(TrainerError::setting("train.halving.minimum_sets", self.minimum_sets, &valid));
        }
        Ok(())
    }

    /// Whether sets are dropped after `step` of `iterations` updates.
    pub fn is_due(&self, step: usize, iterations: usize) -> bool {
        step > 0 && step < iterations && step.is_multiple_of(self.every)
    }

    /// How many of so many sets go on.
    pub fn survivors(&self, sets: usize) -> usize {
        // A product of decimals that should be whole is not rounded up for its last bit.
        let kept = (self.keep * sets as f64 - 1e-9).ceil() as usize;
        kept.max(self.minimum_sets).min(sets)
    }
}

/// Better scores first; what is not finite (`None`) last; ties in their order.
pub(crate) fn ranked(scores: &[Option<f64>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&one, &other| match (scores[one], scores[other]) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn halving(keep: f64, minimum_sets: usize) -> HalvingSettings {
        HalvingSettings { every: 5, keep, minimum_sets }
    }

    #[test]
    fn whole_products_stay_whole_and_others_are_rounded_up() {
        assert_eq!([1000, 100, 10, 7, 1].map(|sets| halving(0.1, 1).survivors(sets)), [100, 10, 1, 1, 1]);
        assert_eq!([100, 7].map(|sets| halving(0.55, 1).survivors(sets)), [55, 4]);
        assert_eq!([100, 30, 12].map(|sets| halving(0.25, 16).survivors(sets)), [25, 16, 12]);
    }

    #[test]
    fn sets_are_dropped_after_every_so_many_steps_but_the_last() {
        let due: Vec<usize> = (0..=20).filter(|&step| halving(0.5, 1).is_due(step, 20)).collect();
        assert_eq!(due, [5, 10, 15]);
    }

    #[test]
    fn ties_keep_their_order_and_what_is_not_finite_comes_last() {
        assert_eq!(ranked(&[Some(1.0), None, Some(2.0), Some(1.0), None, Some(-0.5)]), [2, 0, 3, 5, 1, 4]);
    }

    proptest! {
        #[test]
        fn between_one_and_all_sets_survive_and_they_become_fewer(
            keep in 0.001_f64..0.999, sets in 1_usize..1_000_000, minimum in 1_usize..50,
        ) {
            let kept = halving(keep, minimum).survivors(sets);
            prop_assert!(kept >= 1 && kept <= sets);
            prop_assert!(kept >= minimum.min(sets));
            prop_assert!(kept as f64 >= keep * sets as f64 - 1e-6);
            prop_assert!(kept as f64 <= (keep * sets as f64 + 1.0).max(minimum as f64));
        }
    }
}
