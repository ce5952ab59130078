//! Random streams: each is a pure function of (seed, purpose, step, index), so any draw can be replayed on its own.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a random stream is for. Streams of different purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Starts of the windows of one update.
    Sampling = 1,
    /// Spread of the initial parameter sets.
    Initialisation = 2,
    /// Fresh start of a parameter set that went non-finite.
    Restart = 3,
    /// Space-filling designs.
    Design = 4,
    /// When a keeper triggers updates.
    Keeper = 16,
}

/// The ChaCha8 stream of (seed, purpose, step, index): the four numbers are its 256-bit key.
pub fn stream(seed: u64, purpose: Purpose, step: usize, index: usize) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, step as u64, index as u64]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// An unbiased integer in `0..bound` (Lemire, "Fast random integer generation in an interval", 2019). Written out so
/// that the drawn windows do not depend on the version of a library. `bound` 0 gives 0.
pub fn below(generator: &mut impl Rng, bound: usize) -> usize {
    let bound = bound as u64;
    if bound == 0 {
        return 0;
    }
    let rejected = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(generator.next_u64()) * u128::from(bound);
        if product as u64 >= rejected {
            return (product >> 64) as usize;
        }
    }
}

/// A number in `[0, 1)`, all 53 bits of it random.
pub fn unit(generator: &mut impl Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A random order of `0..count` (Fisher and Yates).
pub fn shuffled(generator: &mut impl Rng, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(generator, last + 1));
    }
    order
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_each_coordinate() {
        let first = |seed, purpose, step, index| stream(seed, purpose, step, index).next_u64();
        let reference = first(7, Purpose::Sampling, 3, 0);
        assert_eq!(reference, first(7, Purpose::Sampling, 3, 0));
        for other in [
            first(8, Purpose::Sampling, 3, 0),
            first(7, Purpose::Initialisation, 3, 0),
            first(7, Purpose::Sampling, 4, 0),
            first(7, Purpose::Sampling, 3, 1),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn integers_stay_below_their_bound_and_reach_every_value() {
        let mut generator = stream(1, Purpose::Sampling, 0, 0);
        let mut counts = [0_usize; 7];
        for _ in 0..7000 {
            counts[below(&mut generator, 7)] += 1;
        }
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
        assert_eq!(below(&mut generator, 1), 0);
    }
}
