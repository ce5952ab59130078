//! Where the parameter sets begin (spec 07 sec. 3).

use std::collections::BTreeMap;

use gradpool_strategy::parameters::ParameterValues;
use gradpool_strategy::rule::LeafSpec;
use gradpool_strategy::{LeafValues, ParameterTable};
use rand_distr::{Distribution, StandardNormal};

use crate::design::Design;
use crate::error::TrainerError;
use crate::normal::quantile;
use crate::random::{Purpose, stream};
use crate::settings::{SpreadKind, TrainSettings};

/// Probabilities further out than this become this before their quantile is taken.
const EDGE: f64 = 1e-6;

/// Spread in raw (unconstrained) parameter space: normally distributed around a point, or evenly over ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Where the normal numbers come from: a space-filling design of all sets together, or independent draws.
    pub design: Option<Design>,
    /// Standard deviation for leaves without one of their own.
    pub scale: f64,
    /// Standard deviation for single leaves.
    pub leaf_scale: BTreeMap<String, f64>,
    /// Leaves that are not spread.
    pub frozen: Vec<String>,
    /// Lowest and highest value of each leaf: the design covers these instead of normal offsets. A range above zero is
    /// covered evenly in the logarithm.
    pub ranges: Option<BTreeMap<String, (f64, f64)>>,
}

impl Spread {
    /// The spread that the settings ask for, around a point.
    pub fn from_settings(settings: &TrainSettings, frozen: Vec<String>) -> Self {
        let (scale, leaf_scale) = (settings.noise_scale, settings.leaf_noise_scale.clone());
        Self { design: settings.initialisation.design(), scale, leaf_scale, frozen, ranges: None }
    }

    /// The spread that the settings ask for: if they say so, over the ranges that the parameter table has for the leaves of
    /// `centre`, or `train.leaf_range` in their place.
    ///
    /// # Errors
    /// [`TrainerError::Setting`] for a range of a leaf that does not exist or is not spread.
    pub fn of_population(
        settings: &TrainSettings,
        frozen: Vec<String>,
        table: &[LeafSpec],
        centre: &ParameterValues,
    ) -> Result<Self, TrainerError> {
        let mut spread = Self::from_settings(settings, frozen);
        if settings.spread == SpreadKind::Normal {
            return Ok(spread);
        }
        let trained =
            |leaf: &str| centre.leaves.contains_key(leaf) && !spread.frozen.iter().any(|frozen| frozen == leaf);
        let leaves = table.iter().filter(|spec| trained(&spec.name));
        let mut ranges: BTreeMap<String, (f64, f64)> = leaves.map(|spec| (spec.name.to_string(), spec.range)).collect();
        for (leaf, &[low, high]) in &settings.leaf_range {
            let names = || ranges.keys().cloned().collect::<Vec<_>>().join(", ");
            if !ranges.contains_key(leaf) {
                let (key, valid) =
                    (format!("train.leaf_range.{leaf}"), format!("the trained parameters are {}", names()));
                return Err(TrainerError::setting(&key, format!("[{low}, {high}]"), &valid));
            }
            ranges.insert(leaf.clone(), (low, high));
        }
        spread.ranges = Some(ranges);
        Ok(spread)
    }

    /// Moves every number of `centre` that is spread by its scale times the next of `normal`.
    fn moved(&self, centre: &ParameterValues, mut normal: impl FnMut() -> f64) -> ParameterValues {
        let mut moved = centre.clone();
        for (leaf, values) in moved.leaves.iter_mut().filter(|(leaf, _)| !self.frozen.contains(leaf)) {
            let scale = self.leaf_scale.get(leaf).copied().unwrap_or(self.scale);
            for value in values {
                *value += scale * normal();
            }
        }
        moved
    }

    /// How many numbers of a set are spread.
    fn dimensions(&self, centre: &ParameterValues) -> usize {
        let spread = centre.leaves.iter().filter(|(leaf, _)| !self.frozen.contains(leaf));
        spread.map(|(_, values)| values.len()).sum()
    }

    /// Fills the sets from `first` on: independent draws depend on nothing but their number, those of a design on how many
    /// there are.
    fn fill(
        &self,
        table: &mut ParameterTable,
        first: usize,
        centre: &ParameterValues,
        seed: u64,
    ) -> Result<(), TrainerError> {
        let sets = table.sets();
        let Some(design) = self.design else {
            for set in first..sets {
                table.put(set, &self.draw(centre, seed, Purpose::Initialisation, 0, set))?;
            }
            return Ok(());
        };
        let points = design.points(sets - first, self.dimensions(centre), seed);
        for set in first..sets {
            let mut shares = points.point(set - first).iter().copied();
            let point = if let Some(ranges) = &self.ranges {
                self.placed(centre, ranges, shares)
            } else {
                let mut normal = shares.by_ref().map(|number| quantile(number.clamp(EDGE, 1.0 - EDGE)));
                self.moved(centre, || normal.next().unwrap_or(0.0))
            };
            table.put(set, &point)?;
        }
        Ok(())
    }

    /// `centre` with every number that is spread at the next share of its leaf's range.
    fn placed(
        &self,
        centre: &ParameterValues,
        ranges: &BTreeMap<String, (f64, f64)>,
        mut shares: impl Iterator<Item = f64>,
    ) -> ParameterValues {
        let mut placed = centre.clone();
        for (leaf, values) in placed.leaves.iter_mut().filter(|(leaf, _)| !self.frozen.contains(leaf)) {
            for (value, share) in values.iter_mut().zip(&mut shares) {
                *value = match ranges.get(leaf) {
                    Some(&(low, high)) if low > 0.0 => low * (high / low).powf(share),
                    Some(&(low, high)) => low + share * (high - low),
                    None => *value,
                };
            }
        }
        placed
    }

    /// A draw around `centre` from the stream (seed, purpose, step, set). It depends on nothing else, so a set starts at
    /// the same point however many sets there are.
    pub fn draw(
        &self,
        centre: &ParameterValues,
        seed: u64,
        purpose: Purpose,
        step: usize,
        set: usize,
    ) -> ParameterValues {
        let mut generator = stream(seed, purpose, step, set);
        self.moved(centre, || StandardNormal.sample(&mut generator))
    }

    /// # Errors
    /// [`TrainerError::Setting`] for a scale of a leaf that is not spread.
    fn check(&self, centre: &ParameterValues) -> Result<(), TrainerError> {
        for (leaf, scale) in &self.leaf_scale {
            if !centre.leaves.contains_key(leaf) || self.frozen.contains(leaf) {
                let trained: Vec<&str> =
                    centre.leaves.keys().filter(|leaf| !self.frozen.contains(leaf)).map(String::as_str).collect();
                let valid = format!("the trained parameters are {}", trained.join(", "));
                return Err(TrainerError::setting(&format!("train.leaf_noise_scale.{leaf}"), scale, &valid));
            }
        }
        Ok(())
    }
}

/// `sets` starting points: the given ones first, then draws around the first of them, or over its ranges. The first given
/// point is the canonical one, computed from the configuration; further ones are the user's own starts.
///
/// # Errors
/// [`TrainerError::Setting`] if no point or more points than sets are given, or if the spread names a leaf that does not
/// exist or is frozen.
pub fn initial_sets(
    given: &[ParameterValues],
    sets: usize,
    spread: &Spread,
    seed: u64,
) -> Result<ParameterTable, TrainerError> {
    let centre = first(given, sets)?;
    spread.check(centre)?;
    let mut table = initial_table(given, centre, sets)?;
    spread.fill(&mut table, given.len(), centre, seed)?;
    Ok(table)
}

/// The given points, and the first of them in the sets without one.
fn initial_table(
    given: &[ParameterValues],
    centre: &ParameterValues,
    sets: usize,
) -> Result<ParameterTable, TrainerError> {
    let mut table = ParameterTable::repeat(centre, sets);
    for (set, given) in given.iter().enumerate() {
        table.put(set, given)?;
    }
    Ok(table)
}

fn first(given: &[ParameterValues], sets: usize) -> Result<&ParameterValues, TrainerError> {
    given.first().filter(|_| given.len() <= sets).ok_or_else(|| {
        let valid =
            format!("it must be at least the number of starting points given ({}), and one is needed", given.len());
        TrainerError::setting("train.parameter_sets", sets, &valid)
    })
}

/// How the members of ensembles start.
#[derive(Clone, Debug, PartialEq)]
pub struct EnsembleStart {
    /// Members of each set.
    pub members: usize,
    /// A design over the range of each parameter; without one, members are spread like sets.
    pub design: Option<Design>,
    /// Half the width, relative to the start, of the range of a parameter whose table has no range of raw values.
    pub scale: f64,
    /// Seed of the design.
    pub seed: u64,
}

/// Starting points of ensembles. `given` are points of a single member, as for [`initial_sets`]; `table` has the leaves
/// that each member has of its own. Other leaves are those of the given point.
///
/// Without a design, the first members of the first sets are the given points. With one, all members of all sets are one
/// design over the ranges of the table. Leaves that are positive as they are (gains and memories that are given without a
/// transform) have no such range there: they start within `scale` of the given value.
///
/// # Errors
/// As [`initial_sets`].
pub fn ensemble_sets(
    given: &[ParameterValues],
    sets: usize,
    ensemble: &EnsembleStart,
    table: &[LeafSpec],
    spread: &Spread,
    seed: u64,
) -> Result<ParameterTable, TrainerError> {
    let centre = first(given, sets)?;
    spread.check(centre)?;
    let count = sets * ensemble.members;
    let own: Vec<(&String, &Vec<f64>, &LeafSpec)> = centre
        .leaves
        .iter()
        .filter_map(|(leaf, values)| Some((leaf, values, table.iter().find(|spec| spec.name == *leaf)?)))
        .collect();
    let members = if let Some(design) = ensemble.design {
        let points = design.points(count, own.iter().map(|(_, values, _)| values.len()).sum(), ensemble.seed);
        let mut members = ParameterTable::repeat(centre, count);
        for member in 0..count {
            let mut shares = points.point(member).iter();
            let mut placed_member = centre.clone();
            for (leaf, values, spec) in &own {
                let values =
                    values.iter().zip(&mut shares).map(|(&base, &share)| placed(spec, base, share, ensemble.scale));
                placed_member.leaves.insert((*leaf).clone(), values.collect());
            }
            members.put(member, &placed_member)?;
        }
        members
    } else {
        let mut members = ParameterTable::repeat(centre, count);
        spread.fill(&mut members, 0, centre, seed)?;
        for (set, given) in given.iter().enumerate() {
            members.put(set * ensemble.members, given)?;
        }
        members
    };
    // Members of a set follow each other, so their own leaves are a set's as they stand.
    let mut leaves = initial_table(given, centre, sets)?.leaves().clone();
    for (leaf, ..) in &own {
        let values = members.leaves()[*leaf].clone();
        let width = values.width * ensemble.members;
        leaves.insert((*leaf).clone(), LeafValues { width, values: values.values });
    }
    let table = ParameterTable::from_leaves(sets, leaves);
    table.ok_or_else(|| TrainerError::setting("pool.ensemble.members", ensemble.members, "it must be at least 1"))
}

/// The value of a parameter at a share of its range.
fn placed(spec: &LeafSpec, base: f64, share: f64, scale: f64) -> f64 {
    let (low, high) = spec.range;
    if low > 0.0 { base * (1.0 - scale + 2.0 * scale * share) } else { low + share * (high - low) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn centre() -> ParameterValues {
        ParameterValues::new([
            ("initial_weights_logits", vec![0.5, 0.5]),
            ("log_k", vec![3.0, 4.0]),
            ("logit_lamb", vec![1.0]),
        ])
    }

    fn spread(scale: f64) -> Spread {
        Spread {
            design: None,
            scale,
            leaf_scale: BTreeMap::new(),
            frozen: vec!["initial_weights_logits".into()],
            ranges: None,
        }
    }

    #[test]
    fn set_zero_is_canonical_and_frozen_leaves_are_never_spread() {
        let sets = initial_sets(&[centre()], 4, &spread(0.1), 1).unwrap().to_values();
        assert_eq!(sets[0], centre());
        for set in &sets[1..] {
            assert_eq!(set.leaf("initial_weights_logits"), Some(&[0.5, 0.5][..]));
            assert!(
                set.leaf("log_k") != centre().leaf("log_k") && set.leaf("logit_lamb") != centre().leaf("logit_lamb")
            );
        }
        assert_ne!(sets[1], sets[2]);
    }

    #[test]
    fn the_spread_has_the_asked_for_scale() {
        let sets = initial_sets(&[centre()], 4001, &spread(0.1), 2).unwrap().to_values();
        let deviations =
            sets[1..].iter().flat_map(|set| [set.leaves["log_k"][0] - 3.0, set.leaves["logit_lamb"][0] - 1.0]);
        let variance = deviations.map(|deviation| deviation * deviation).sum::<f64>() / 8000.0;
        assert!((variance.sqrt() - 0.1).abs() < 0.005, "{variance}");
    }

    #[test]
    fn seeds_differ_and_a_set_does_not_depend_on_the_number_of_sets() {
        let few = initial_sets(&[centre()], 2, &spread(0.1), 1).unwrap().to_values();
        let many = initial_sets(&[centre()], 5, &spread(0.1), 1).unwrap().to_values();
        assert_eq!(few[..], many[..2]);
        assert_ne!(few, initial_sets(&[centre()], 2, &spread(0.1), 2).unwrap().to_values());
        assert_eq!(initial_sets(&[centre()], 2, &spread(0.0), 1).unwrap().to_values(), vec![centre(); 2]);
    }

    #[test]
    fn single_leaves_can_have_their_own_scale() {
        let mut spread = spread(0.0);
        spread.leaf_scale.insert("log_k".into(), 1.0);
        let sets = initial_sets(&[centre()], 2, &spread, 1).unwrap().to_values();
        assert_eq!(sets[1].leaf("logit_lamb"), centre().leaf("logit_lamb"));
        assert_ne!(sets[1].leaf("log_k"), centre().leaf("log_k"));
        spread.leaf_scale.insert("log_q".into(), 1.0);
        let error = initial_sets(&[centre()], 2, &spread, 1).unwrap_err().to_string();
        assert!(error.contains("train.leaf_noise_scale.log_q") && error.contains("log_k, logit_lamb"), "{error}");
    }

    #[test]
    fn given_points_come_first() {
        let mut other = centre();
        other.leaves.insert("log_k".into(), vec![9.0, 9.0]);
        let sets = initial_sets(&[centre(), other.clone()], 3, &spread(0.1), 1).unwrap().to_values();
        assert_eq!(sets[..2], [centre(), other]);
        assert!((sets[2].leaves["log_k"][0] - 3.0).abs() < 1.0, "drawn around the first point");
        assert!(initial_sets(&[centre(), centre()], 1, &spread(0.1), 1).is_err());
        assert!(initial_sets(&[], 1, &spread(0.1), 1).is_err());
    }

    #[test]
    fn designs_stratify_the_normal_offsets_of_all_sets() {
        let (count, scale) = (64, 0.5);
        for design in [Design::Lhs, Design::CenteredLhs, Design::Sobol] {
            let spread = Spread { design: Some(design), ..spread(scale) };
            let sets = initial_sets(&[centre()], count + 1, &spread, 3).unwrap().to_values();
            assert_eq!(sets, initial_sets(&[centre()], count + 1, &spread, 3).unwrap().to_values());
            assert_eq!(sets[0], centre());
            // One eighth of the offsets lies between any two neighbouring octiles.
            let octiles: Vec<f64> = (1..8).map(|octile| scale * quantile(f64::from(octile) / 8.0)).collect();
            for (leaf, position) in [("log_k", 0), ("log_k", 1), ("logit_lamb", 0)] {
                let mut counts = [0; 8];
                for set in &sets[1..] {
                    let offset = set.leaves[leaf][position] - centre().leaves[leaf][position];
                    counts[octiles.partition_point(|octile| *octile <= offset)] += 1;
                }
                assert_eq!(counts, [count / 8; 8], "{design:?} {leaf} {position}");
            }
            assert!(sets.iter().all(|set| set.leaf("initial_weights_logits") == Some(&[0.5, 0.5][..])));
        }
    }

    const TABLE: &[LeafSpec] =
        &[LeafSpec::required("k", "gain", (0.01, 4096.0)), LeafSpec::required("logit_lamb", "decay", (-4.0, 8.0))];

    fn member() -> ParameterValues {
        ParameterValues::new([
            ("initial_weights_logits", vec![0.5, 0.5]),
            ("k", vec![3.0, 4.0]),
            ("logit_lamb", vec![1.0]),
            ("raw_min_budget", vec![0.25]),
        ])
    }

    fn ensembles(design: Option<Design>, sets: usize) -> Vec<ParameterValues> {
        let ensemble = EnsembleStart { members: 3, design, scale: 0.5, seed: 42 };
        let mut spread = spread(0.1);
        spread.frozen.push("raw_min_budget".into());
        ensemble_sets(&[member()], sets, &ensemble, TABLE, &spread, 1).unwrap().to_values()
    }

    #[test]
    fn members_stand_one_after_another_and_share_what_is_not_their_own() {
        for design in [None, Some(Design::Lhs), Some(Design::CenteredLhs), Some(Design::Sobol), Some(Design::Grid)] {
            let sets = ensembles(design, 2);
            assert_eq!(sets.len(), 2);
            for set in &sets {
                assert_eq!(set.leaf("initial_weights_logits"), Some(&[0.5, 0.5][..]));
                assert_eq!(set.leaf("raw_min_budget"), Some(&[0.25][..]));
                assert_eq!((set.leaves["k"].len(), set.leaves["logit_lamb"].len()), (6, 3));
            }
            assert_ne!(sets[0], sets[1], "{design:?}");
            assert_eq!(sets, ensembles(design, 2), "{design:?}");
        }
    }

    #[test]
    fn without_a_design_the_first_member_of_the_first_set_is_canonical() {
        let sets = ensembles(None, 2);
        assert_eq!((&sets[0].leaves["k"][..2], sets[0].leaves["logit_lamb"][0]), (&[3.0, 4.0][..], 1.0));
        assert!(sets[0].leaves["k"][2] != 3.0 && sets[1].leaves["k"][0] != 3.0);
        // A member does not depend on how many sets there are.
        assert_eq!(sets[..], ensembles(None, 5)[..2]);
    }

    #[test]
    fn a_design_covers_the_range_of_each_parameter_over_all_sets() {
        let sets = ensembles(Some(Design::Lhs), 4);
        let decays: Vec<f64> = sets.iter().flat_map(|set| set.leaves["logit_lamb"].clone()).collect();
        let mut parts: Vec<usize> = decays.iter().map(|decay| (decay + 4.0) as usize).collect();
        parts.sort_unstable();
        assert_eq!(parts, (0..12).collect::<Vec<_>>(), "one of twelve members in each twelfth of -4 .. 8");
        let gains = sets.iter().flat_map(|set| set.leaves["k"].chunks(2).map(<[f64]>::to_vec).collect::<Vec<_>>());
        for gain in gains {
            assert!((1.5..4.5).contains(&gain[0]) && (2.0..6.0).contains(&gain[1]), "{gain:?}");
        }
    }
}
