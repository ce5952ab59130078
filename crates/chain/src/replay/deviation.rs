//! Where the chain is furthest from a simulation, and which part of it is to blame.

use super::Stages;

/// A part of the chain that moves weights away from a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Updates when the keeper triggers them, and straight runs of one update interval.
    Schedule,
    /// The contract's guard rails in place of the simulation's.
    GuardRails,
    /// Parameters, estimators and rule in 18 decimals.
    Arithmetic,
    /// Weights and multipliers cut to nine decimals when they are stored.
    NineDecimals,
    /// Runs that go on past their target until the first asset meets a rail, where all stand still.
    Expiry,
}

impl Cause {
    /// All, in the order in which [`Stages`] adds them.
    pub const ALL: [Self; 5] = [Self::Schedule, Self::GuardRails, Self::Arithmetic, Self::NineDecimals, Self::Expiry];

    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::GuardRails => "guard_rails",
            Self::Arithmetic => "arithmetic",
            Self::NineDecimals => "nine_decimals",
            Self::Expiry => "expiry",
        }
    }
}

impl Stages {
    /// The weights after each part of [`Cause::ALL`] was added; the last are the chain's.
    pub fn lists(&self) -> [&[f64]; 5] {
        [&self.schedule, &self.guard_rails, &self.arithmetic, &self.nine_decimals, &self.chain]
    }
}

/// The largest difference of a weight between the chain and a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// Index into the times that were asked for.
    pub row: usize,
    /// Index of the asset.
    pub asset: usize,
    /// The simulation's weight.
    pub simulation: f64,
    /// The chain's weight.
    pub chain: f64,
    /// What each part of [`Cause::ALL`] adds to the weight; they sum to the difference.
    pub parts: [f64; 5],
    /// The part that adds most in the direction of the difference.
    pub cause: Cause,
}

/// The largest deviation of the chain's weights from those of a simulation, `[times, assets]`, row-major; the first of several. `None`
/// if there is no weight that both have.
pub fn deviation(simulation: &[f64], stages: &Stages, assets: usize) -> Option<Deviation> {
    let (index, _) = largest_difference(&stages.chain, simulation)?;
    let at = stages.lists().map(|list| list[index]);
    let mut before = simulation[index];
    let parts = at.map(|weight| weight - std::mem::replace(&mut before, weight));
    let difference = stages.chain[index] - simulation[index];
    let toward = |part: f64| if difference < 0.0 { -part } else { part };
    let (mut cause, mut most) = (Cause::Schedule, f64::NEG_INFINITY);
    for (candidate, part) in Cause::ALL.into_iter().zip(parts) {
        if toward(part) > most {
            (cause, most) = (candidate, toward(part));
        }
    }
    Some(Deviation {
        row: index / assets,
        asset: index % assets,
        simulation: simulation[index],
        chain: stages.chain[index],
        parts,
        cause,
    })
}

/// Index and size of the largest difference between two lists; numbers that are not finite do not count.
pub fn largest_difference(left: &[f64], right: &[f64]) -> Option<(usize, f64)> {
    let differences = left.iter().zip(right).map(|(left, right)| (left - right).abs()).enumerate();
    differences.filter(|(_, difference)| difference.is_finite()).fold(None, |largest, entry| {
        if largest.is_some_and(|(_, most)| most >= entry.1) { largest } else { Some(entry) }
    })
}
