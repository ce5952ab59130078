//! The tutorial contract: a simpler pool of the same idea, a system of its own (spec 14).
//!
//! All values have 18 decimals, time is counted in blocks, divisions are cut toward zero. What differs from the deployed
//! contracts in the rest of this crate (spec 13.11):
//!
//! | | here | deployed |
//! |---|---|---|
//! | average | two products, each cut | two products, each rounded |
//! | gradient | `(price - average) / average`, no memory | a second recursion, times `(1 - lambda)^3 / lambda` |
//! | mean of the signal | plain | plain, or weighted by one gain per asset |
//! | guards | each weight clamped; the sum may leave one | clamp, rescaling, limit per update, repair of the sum |
//! | multipliers | stored whole | cut to nine decimals |
//! | expiry | blocks until the first bound | seconds until the first rail |
//! | storage | whole words | packed words that can overflow |

use crate::fixed_point::ONE;
use crate::{Int256, Revert};

/// Why the tutorial contract refuses a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TutorialError {
    /// Lambda is above one or below zero.
    #[error("lambda {0} is outside [0, 1] with 18 decimals")]
    Lambda(Int256),
    /// A price or an average is negative.
    #[error("{0} is negative; prices and averages are not")]
    Negative(Int256),
    /// A multiplier over no blocks.
    #[error("no blocks remain to move in; the update interval must be at least one block")]
    NoBlocks,
    /// A weight is asked for before it was stored.
    #[error("block {block} is before the last update at block {last_update_block}")]
    BeforeLastUpdate {
        /// The block asked for.
        block: u64,
        /// When the weights were stored.
        last_update_block: u64,
    },
    /// A weight would be below zero.
    #[error("the weight of asset {asset} is below zero at block {block}")]
    NegativeWeight {
        /// Index of the asset.
        asset: usize,
        /// The block.
        block: u64,
    },
    /// A gradient relative to an average of zero.
    #[error("the average of asset {0} is zero")]
    ZeroAverage(usize),
    /// Lists of different lengths.
    #[error("{expected} values are needed, one per asset; {found} are given")]
    Length {
        /// Number of assets.
        expected: usize,
        /// Length of the other list.
        found: usize,
    },
    /// Fewer than two assets.
    #[error("a pool needs at least two assets")]
    FewAssets,
    /// The smallest weight is not below the largest.
    #[error("the smallest weight {minimum} must be below the largest, {maximum}")]
    Bounds {
        /// Smallest weight.
        minimum: Int256,
        /// Largest weight.
        maximum: Int256,
    },
    /// The update interval has not passed.
    #[error("the next update is allowed at block {next}")]
    IntervalNotElapsed {
        /// First block of the next update.
        next: u64,
    },
    /// A result leaves 256 bits.
    #[error("a result leaves 256 bits")]
    Overflow,
}

impl From<Revert> for TutorialError {
    /// All divisors are tested beforehand, so that only an overflow can be left.
    fn from(_: Revert) -> Self {
        Self::Overflow
    }
}

type Result<T> = std::result::Result<T, TutorialError>;

fn one_per_asset(expected: usize, list: &[Int256]) -> Result<()> {
    if list.len() == expected { Ok(()) } else { Err(TutorialError::Length { expected, found: list.len() }) }
}

/// `x * y` with 18 decimals, cut toward zero.
fn product(x: Int256, y: Int256) -> Result<Int256> {
    Ok(x.checked_mul(y)?.checked_div(ONE)?)
}

/// The new average: `old * lambda + price * (1 - lambda)`, each product cut by itself.
///
/// Up to two units of the last decimal are lost per update, and the loss compounds to at most `2 / (1 - lambda)` units.
///
/// # Errors
/// [`TutorialError::Lambda`], [`TutorialError::Negative`], [`TutorialError::Overflow`].
pub fn average(old: Int256, price: Int256, lambda: Int256) -> Result<Int256> {
    if !(Int256::ZERO..=ONE).contains(&lambda) {
        return Err(TutorialError::Lambda(lambda));
    }
    if let Some(value) = [old, price].into_iter().find(|value| value.is_negative()) {
        return Err(TutorialError::Negative(value));
    }
    Ok(product(old, lambda)?.checked_add(product(price, ONE.checked_sub(lambda)?)?)?)
}

/// Change of a weight per block. What the division cuts is missed at the end of the interval.
///
/// # Errors
/// [`TutorialError::NoBlocks`], [`TutorialError::Overflow`].
pub fn block_multiplier(current: Int256, target: Int256, blocks_remaining: u64) -> Result<Int256> {
    if blocks_remaining == 0 {
        return Err(TutorialError::NoBlocks);
    }
    Ok(target.checked_sub(current)?.checked_div(Int256::from(blocks_remaining))?)
}

/// Weights that follow the prices' distance from their averages: `previous + gain * (g - mean g)`.
///
/// In real arithmetic the changes sum to zero; here the sum of `n` weights moves by less than `2 n` units for gains up to
/// one.
///
/// # Errors
/// [`TutorialError::FewAssets`], [`TutorialError::Length`], [`TutorialError::ZeroAverage`], [`TutorialError::Overflow`].
pub fn momentum_weights(
    previous: &[Int256],
    prices: &[Int256],
    averages: &[Int256],
    gain: Int256,
) -> Result<Vec<Int256>> {
    let assets = previous.len();
    if assets < 2 {
        return Err(TutorialError::FewAssets);
    }
    one_per_asset(assets, prices)?;
    one_per_asset(assets, averages)?;
    let gradient = |(asset, (price, average)): (usize, (&Int256, &Int256))| {
        if *average == Int256::ZERO {
            return Err(TutorialError::ZeroAverage(asset));
        }
        Ok(price.checked_sub(*average)?.checked_mul(ONE)?.checked_div(*average)?)
    };
    let gradients = prices.iter().zip(averages).enumerate().map(gradient).collect::<Result<Vec<_>>>()?;
    let sum = gradients.iter().try_fold(Int256::ZERO, |sum, value| sum.checked_add(*value))?;
    let mean = sum.checked_div(Int256::new(assets as i128))?;
    let moved =
        |(weight, gradient): (&Int256, &Int256)| Ok(weight.checked_add(product(gain, gradient.checked_sub(mean)?)?)?);
    previous.iter().zip(&gradients).map(moved).collect()
}

/// Smallest and largest weight of every asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    minimum: Int256,
    maximum: Int256,
}

impl Bounds {
    /// Bounds of the weights, 18 decimals.
    ///
    /// # Errors
    /// [`TutorialError::Bounds`] unless the minimum is below the maximum.
    pub fn new(minimum: Int256, maximum: Int256) -> Result<Self> {
        if minimum < maximum { Ok(Self { minimum, maximum }) } else { Err(TutorialError::Bounds { minimum, maximum }) }
    }

    /// Whole blocks until a weight meets the bound that it moves to: zero if it is there already, `None` if it does not
    /// move.
    fn blocks(&self, weight: Int256, multiplier: Int256) -> Result<Option<u64>> {
        let (room, speed) = if multiplier.is_positive() {
            (self.maximum.checked_sub(weight)?, multiplier)
        } else if multiplier.is_negative() {
            (weight.checked_sub(self.minimum)?, multiplier.checked_neg()?)
        } else {
            return Ok(None);
        };
        let blocks = room.max(Int256::ZERO).checked_div(speed)?;
        Ok(Some(blocks.to_i128().and_then(|blocks| u64::try_from(blocks).ok()).unwrap_or(u64::MAX)))
    }
}

/// The block at which the first weight meets a bound; `None` if no weight moves.
///
/// # Errors
/// [`TutorialError::Length`], [`TutorialError::Overflow`].
pub fn last_interpolation_block(
    weights: &[Int256],
    multipliers: &[Int256],
    bounds: Bounds,
    block: u64,
) -> Result<Option<u64>> {
    one_per_asset(weights.len(), multipliers)?;
    let mut shortest = None;
    for (weight, multiplier) in weights.iter().zip(multipliers) {
        let blocks = bounds.blocks(*weight, *multiplier)?;
        shortest = [shortest, blocks].into_iter().flatten().min();
    }
    Ok(shortest.map(|blocks| block.saturating_add(blocks)))
}

/// What a tutorial pool is created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Decay of the averages, 18 decimals.
    pub lambda: Int256,
    /// Gain of the rule, 18 decimals.
    pub gain: Int256,
    /// Bounds of every weight.
    pub bounds: Bounds,
    /// Blocks between updates.
    pub update_interval: u64,
}

/// A tutorial pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    settings: Settings,
    averages: Vec<Int256>,
    weights: Vec<Int256>,
    multipliers: Vec<Int256>,
    last_update_block: u64,
    last_interpolation_block: Option<u64>,
}

impl Pool {
    /// A pool whose weights stand still until its first update.
    ///
    /// # Errors
    /// [`TutorialError::FewAssets`], [`TutorialError::Length`], [`TutorialError::NoBlocks`] for an interval of zero.
    pub fn new(settings: Settings, weights: Vec<Int256>, averages: Vec<Int256>, block: u64) -> Result<Self> {
        if weights.len() < 2 {
            return Err(TutorialError::FewAssets);
        }
        one_per_asset(weights.len(), &averages)?;
        if settings.update_interval == 0 {
            return Err(TutorialError::NoBlocks);
        }
        let multipliers = vec![Int256::ZERO; weights.len()];
        Ok(Self { settings, averages, weights, multipliers, last_update_block: block, last_interpolation_block: None })
    }

    /// Moving averages of the prices.
    pub fn averages(&self) -> &[Int256] {
        &self.averages
    }

    /// Changes of the weights per block.
    pub fn multipliers(&self) -> &[Int256] {
        &self.multipliers
    }

    /// The block at which the weights stop; `None` if they never do.
    pub const fn last_interpolation_block(&self) -> Option<u64> {
        self.last_interpolation_block
    }

    /// The weights at a block: a line from the last update to the last interpolation block, constant after it.
    ///
    /// # Errors
    /// [`TutorialError::BeforeLastUpdate`], [`TutorialError::NegativeWeight`], [`TutorialError::Overflow`].
    pub fn weights_at(&self, block: u64) -> Result<Vec<Int256>> {
        let until = self.last_interpolation_block.map_or(block, |last| last.min(block));
        let last_update_block = self.last_update_block;
        let before = TutorialError::BeforeLastUpdate { block, last_update_block };
        let blocks = Int256::from(until.checked_sub(last_update_block).ok_or(before)?);
        let line = |(asset, (weight, multiplier)): (usize, (&Int256, &Int256))| {
            let weight = weight.checked_add(multiplier.checked_mul(blocks)?)?;
            if weight.is_negative() { Err(TutorialError::NegativeWeight { asset, block }) } else { Ok(weight) }
        };
        self.weights.iter().zip(&self.multipliers).enumerate().map(line).collect()
    }

    /// Averages with the new prices, new weights inside the bounds, and the run to them over one interval.
    ///
    /// An error leaves the pool as it was.
    ///
    /// # Errors
    /// [`TutorialError::IntervalNotElapsed`], and those of the functions that it calls.
    pub fn trigger_update(&mut self, block: u64, prices: &[Int256]) -> Result<()> {
        let Settings { lambda, gain, bounds, update_interval } = self.settings;
        let next = self.last_update_block.saturating_add(update_interval);
        if block < next {
            return Err(TutorialError::IntervalNotElapsed { next });
        }
        one_per_asset(self.weights.len(), prices)?;
        let current = self.weights_at(block)?;
        let averages = self
            .averages
            .iter()
            .zip(prices)
            .map(|(old, price)| average(*old, *price, lambda))
            .collect::<Result<Vec<_>>>()?;
        let multipliers = momentum_weights(&current, prices, &averages, gain)?
            .into_iter()
            .zip(&current)
            .map(|(target, current)| {
                block_multiplier(*current, target.clamp(bounds.minimum, bounds.maximum), update_interval)
            })
            .collect::<Result<Vec<_>>>()?;
        self.last_interpolation_block = last_interpolation_block(&current, &multipliers, bounds, block)?;
        self.averages = averages;
        self.weights = current;
        self.multipliers = multipliers;
        self.last_update_block = block;
        Ok(())
    }
}
