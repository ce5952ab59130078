//! Space-filling designs: points spread evenly over a unit cube (spec 01 sec. 1.10 and 1.11).

use std::collections::HashSet;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::random::{Purpose, below, shuffled, stream, unit};

/// How points are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Latin hypercube: along each dimension one point in each of as many equal parts as there are points, anywhere in it.
    Lhs,
    /// The same with points in the middle of their parts.
    CenteredLhs,
    /// The first points of a Sobol sequence, scrambled (Burley, "Practical hash-based Owen scrambling", 2020). Best with a
    /// power of two as their number. Beyond 65 536 points further sequences follow, each scrambled otherwise.
    Sobol,
    /// A regular grid from 0.1 to 0.9 with at least two points along each dimension and at least as many points as wanted,
    /// drawn without repetition.
    Grid,
}

/// Dimensions of the Sobol sequence; further ones repeat them, scrambled otherwise.
const SOBOL_DIMENSIONS: usize = sobol_burley::NUM_DIMENSIONS as usize;

/// Points of the Sobol sequence; further ones begin another, scrambled otherwise.
const SOBOL_POINTS: usize = 1 << 16;

/// Points of a unit cube.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    count: usize,
    dimensions: usize,
    /// `[count, dimensions]`
    numbers: Vec<f64>,
}

impl Points {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is no such point.
    pub fn point(&self, point: usize) -> &[f64] {
        &self.numbers[point * self.dimensions..(point + 1) * self.dimensions]
    }
}

impl Design {
    /// `count` points in `[0, 1)^dimensions`: a pure function of its arguments. Time and memory grow with the count times
    /// the dimensions.
    pub fn points(self, count: usize, dimensions: usize, seed: u64) -> Points {
        let numbers = match self {
            Self::Lhs => latin_hypercube(count, dimensions, seed, unit),
            Self::CenteredLhs => latin_hypercube(count, dimensions, seed, |_| 0.5),
            Self::Sobol => sobol(count, dimensions, seed),
            Self::Grid => grid(count, dimensions, seed),
        };
        Points { count, dimensions, numbers }
    }
}

fn latin_hypercube(
    count: usize,
    dimensions: usize,
    seed: u64,
    place: impl Fn(&mut rand_chacha::ChaCha8Rng) -> f64,
) -> Vec<f64> {
    let mut numbers = vec![0.0; count * dimensions];
    for dimension in 0..dimensions {
        let mut generator = stream(seed, Purpose::Design, 0, dimension);
        for (point, part) in shuffled(&mut generator, count).into_iter().enumerate() {
            numbers[point * dimensions + dimension] = (part as f64 + place(&mut generator)) / count as f64;
        }
    }
    numbers
}

fn sobol(count: usize, dimensions: usize, seed: u64) -> Vec<f64> {
    // Steps 0 and 2 are the other designs'.
    let step = |sequence: usize| if sequence == 0 { 1 } else { 2 + sequence };
    let scramble = |sequence: usize, group: usize| stream(seed, Purpose::Design, step(sequence), group).next_u32();
    let (sequences, groups) = (count.div_ceil(SOBOL_POINTS), dimensions.div_ceil(SOBOL_DIMENSIONS));
    let scrambles: Vec<u32> = (0..sequences)
        .flat_map(|sequence| (0..groups).map(move |group| (sequence, group)))
        .map(|(sequence, group)| scramble(sequence, group))
        .collect();
    let mut numbers = Vec::with_capacity(count * dimensions);
    for point in 0..count {
        let (sequence, index) = (point / SOBOL_POINTS, (point % SOBOL_POINTS) as u32);
        numbers.extend((0..dimensions).map(|dimension| {
            let (group, within) = (dimension / SOBOL_DIMENSIONS, dimension % SOBOL_DIMENSIONS);
            f64::from(sobol_burley::sample(index, within as u32, scrambles[sequence * groups + group]))
        }));
    }
    numbers
}

fn grid(count: usize, dimensions: usize, seed: u64) -> Vec<f64> {
    let per_dimension = points_per_dimension(count, dimensions);
    let mut generator = stream(seed, Purpose::Design, 2, 0);
    // A place by its number. Beyond 128 bits numbers may coincide; such a place is passed over.
    let mut drawn: HashSet<u128> = HashSet::with_capacity(count);
    let mut numbers = Vec::with_capacity(count * dimensions);
    let mut place = vec![0; dimensions];
    while numbers.len() < count * dimensions {
        place.fill_with(|| below(&mut generator, per_dimension));
        let number = |number: u128, at: &usize| number.wrapping_mul(per_dimension as u128).wrapping_add(*at as u128);
        if drawn.insert(place.iter().fold(0, number)) {
            let share = |&at: &usize| at as f64 / (per_dimension - 1) as f64;
            numbers.extend(place.iter().map(share).map(|share| 0.1 * (1.0 - share) + 0.9 * share));
        }
    }
    numbers
}

/// The least number, but at least two, whose power is the number of points or more.
fn points_per_dimension(count: usize, dimensions: usize) -> usize {
    let enough = |points: usize| {
        let power = (0..dimensions).try_fold(1_usize, |power, _| power.checked_mul(points));
        power.is_none_or(|power| power >= count)
    };
    if dimensions == 0 { 2 } else { (2..=count).find(|&points| enough(points)).unwrap_or(2) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const DESIGNS: [Design; 4] = [Design::Lhs, Design::CenteredLhs, Design::Sobol, Design::Grid];

    fn all(points: &Points) -> impl Iterator<Item = &[f64]> {
        (0..points.count()).map(|point| points.point(point))
    }

    fn column(points: &Points, dimension: usize) -> Vec<f64> {
        all(points).map(|point| point[dimension]).collect()
    }

    proptest! {
        #[test]
        fn points_lie_in_the_cube_and_repeat_with_their_seed(count in 1_usize..40, dimensions in 0_usize..6, seed: u64) {
            for design in DESIGNS {
                let points = design.points(count, dimensions, seed);
                prop_assert_eq!(points.count(), count);
                for point in all(&points) {
                    prop_assert_eq!(point.len(), dimensions);
                    prop_assert!(point.iter().all(|number| (0.0..1.0).contains(number)), "{:?}: {:?}", design, point);
                }
                prop_assert_eq!(&points, &design.points(count, dimensions, seed));
            }
        }

        #[test]
        fn a_latin_hypercube_has_one_point_in_each_part_of_each_dimension(count in 1_usize..50, seed: u64) {
            for design in [Design::Lhs, Design::CenteredLhs] {
                let points = design.points(count, 3, seed);
                for dimension in 0..3 {
                    let parts: BTreeSet<usize> =
                        column(&points, dimension).iter().map(|number| (number * count as f64) as usize).collect();
                    prop_assert_eq!(parts.len(), count, "{:?}", design);
                }
            }
        }

        #[test]
        fn sobol_points_fill_the_halves_of_every_pair_of_dimensions(power in 2_u32..7, seed: u64) {
            let count = 1 << power;
            let points = Design::Sobol.points(count, 300, seed);
            for dimension in [0, 1, 7, 255, 299] {
                let low = column(&points, dimension).iter().filter(|number| **number < 0.5).count();
                prop_assert_eq!(low, count / 2);
            }
            let quarter = all(&points).filter(|point| point[0] < 0.5 && point[1] < 0.5).count();
            prop_assert_eq!(quarter, count / 4);
        }

        #[test]
        fn grid_points_are_different(count in 1_usize..60, dimensions in 1_usize..5, seed: u64) {
            let points = Design::Grid.points(count, dimensions, seed);
            let places: BTreeSet<Vec<u64>> =
                all(&points).map(|point| point.iter().map(|number| number.to_bits()).collect()).collect();
            prop_assert_eq!(places.len(), count);
            prop_assert!(all(&points).flatten().all(|number| (0.1..=0.9).contains(number)));
        }
    }

    #[test]
    fn seeds_give_different_points() {
        for design in DESIGNS {
            assert_ne!(design.points(8, 4, 1), design.points(8, 4, 2), "{design:?}");
        }
    }

    #[test]
    fn a_grid_has_as_few_places_as_will_do() {
        assert_eq!([1, 2, 3, 9, 10].map(|count| points_per_dimension(count, 2)), [2, 2, 2, 3, 4]);
        assert_eq!(points_per_dimension(5, 1), 5);
        assert_eq!(points_per_dimension(usize::MAX, 100), 2);
    }

    #[test]
    fn sobol_sequences_beyond_the_longest_fill_the_halves_too_and_do_not_repeat_each_other() {
        let points = Design::Sobol.points(3 * SOBOL_POINTS, 2, 1);
        for sequence in 0..3 {
            let of = |point: usize| points.point(sequence * SOBOL_POINTS + point);
            let low = (0..SOBOL_POINTS).filter(|&point| of(point)[0] < 0.5 && of(point)[1] < 0.5).count();
            assert_eq!(low, SOBOL_POINTS / 4);
        }
        let firsts = [0, SOBOL_POINTS, 2 * SOBOL_POINTS].map(|point| points.point(point));
        assert!(firsts[0] != firsts[1] && firsts[1] != firsts[2]);
        let few = Design::Sobol.points(100, 2, 1);
        assert!((0..100).all(|point| few.point(point) == points.point(point)));
    }
}
