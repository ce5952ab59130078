//! Where the parameter sets begin (spec 07 sec. 3).

use std::collections::BTreeMap;

use gradpool_strategy::parameters::ParameterValues;
use rand_distr::{Distribution, StandardNormal};

use crate::error::TrainerError;
use crate::random::{Purpose, stream};
use crate::settings::TrainSettings;

/// Gaussian spread around a point in raw (unconstrained) parameter space.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Standard deviation for leaves without one of their own.
    pub scale: f64,
    /// Standard deviation for single leaves.
    pub leaf_scale: BTreeMap<String, f64>,
    /// Leaves that are not spread.
    pub frozen: Vec<String>,
}

impl Spread {
    /// The spread that the settings ask for.
    pub fn from_settings(settings: &TrainSettings, frozen: Vec<String>) -> Self {
        Self { scale: settings.noise_scale, leaf_scale: settings.leaf_noise_scale.clone(), frozen }
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
        let mut drawn = centre.clone();
        for (leaf, values) in &mut drawn.leaves {
            if self.frozen.contains(leaf) {
                continue;
            }
            let scale = self.leaf_scale.get(leaf).copied().unwrap_or(self.scale);
            for value in values {
                let noise: f64 = StandardNormal.sample(&mut generator);
                *value += scale * noise;
            }
        }
        drawn
    }
}

/// `sets` starting points: the given ones first, then draws around the first of them. The first given point is the
/// canonical one, computed from the configuration; further ones are the user's own starts.
///
/// # Errors
/// [`TrainerError::Setting`] if no point or more points than sets are given, or if the spread names a leaf that does not
/// exist or is frozen.
pub fn initial_sets(
    given: &[ParameterValues],
    sets: usize,
    spread: &Spread,
    seed: u64,
) -> Result<Vec<ParameterValues>, TrainerError> {
    let Some(centre) = given.first().filter(|_| given.len() <= sets) else {
        let valid =
            format!("it must be at least the number of starting points given ({}), and one is needed", given.len());
        return Err(TrainerError::setting("train.parameter_sets", sets, &valid));
    };
    for (leaf, scale) in &spread.leaf_scale {
        if !centre.leaves.contains_key(leaf) || spread.frozen.contains(leaf) {
            let trained: Vec<&str> =
                centre.leaves.keys().filter(|leaf| !spread.frozen.contains(leaf)).map(String::as_str).collect();
            let valid = format!("the trained parameters are {}", trained.join(", "));
            return Err(TrainerError::setting(&format!("train.leaf_noise_scale.{leaf}"), scale, &valid));
        }
    }
    let drawn = (given.len()..sets).map(|set| spread.draw(centre, seed, Purpose::Initialisation, 0, set));
    Ok(given.iter().cloned().chain(drawn).collect())
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
        Spread { scale, leaf_scale: BTreeMap::new(), frozen: vec!["initial_weights_logits".into()] }
    }

    #[test]
    fn set_zero_is_canonical_and_frozen_leaves_are_never_spread() {
        let sets = initial_sets(&[centre()], 4, &spread(0.1), 1).unwrap();
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
        let sets = initial_sets(&[centre()], 4001, &spread(0.1), 2).unwrap();
        let deviations =
            sets[1..].iter().flat_map(|set| [set.leaves["log_k"][0] - 3.0, set.leaves["logit_lamb"][0] - 1.0]);
        let variance = deviations.map(|deviation| deviation * deviation).sum::<f64>() / 8000.0;
        assert!((variance.sqrt() - 0.1).abs() < 0.005, "{variance}");
    }

    #[test]
    fn seeds_differ_and_a_set_does_not_depend_on_the_number_of_sets() {
        let few = initial_sets(&[centre()], 2, &spread(0.1), 1).unwrap();
        let many = initial_sets(&[centre()], 5, &spread(0.1), 1).unwrap();
        assert_eq!(few[..], many[..2]);
        assert_ne!(few, initial_sets(&[centre()], 2, &spread(0.1), 2).unwrap());
        assert_eq!(initial_sets(&[centre()], 2, &spread(0.0), 1).unwrap(), vec![centre(); 2]);
    }

    #[test]
    fn single_leaves_can_have_their_own_scale() {
        let mut spread = spread(0.0);
        spread.leaf_scale.insert("log_k".into(), 1.0);
        let sets = initial_sets(&[centre()], 2, &spread, 1).unwrap();
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
        let sets = initial_sets(&[centre(), other.clone()], 3, &spread(0.1), 1).unwrap();
        assert_eq!(sets[..2], [centre(), other]);
        assert!((sets[2].leaves["log_k"][0] - 3.0).abs() < 1.0, "drawn around the first point");
        assert!(initial_sets(&[centre(), centre()], 1, &spread(0.1), 1).is_err());
        assert!(initial_sets(&[], 1, &spread(0.1), 1).is_err());
    }
}
