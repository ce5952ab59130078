//! The weights a pool stores, and what they are at a time (spec 13.8).

use crate::error::{Panic, Require, Revert};
use crate::multiplier::NEVER;
use crate::packing::{nine_decimals, pack_eight, unpack_eight, widen};
use crate::{Int256, Uint256};

/// Most assets of a pool.
pub const MAXIMUM_ASSETS: usize = 8;

const FIRST_WORD_ASSETS: usize = 4;

/// Weights and multipliers at nine decimals in two words, with the times of their run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredWeights {
    words: [Int256; 2],
    assets: usize,
    last_update_time: u64,
    last_interpolation_time: u64,
}

impl StoredWeights {
    /// Stores `weights_then_multipliers` (18 decimals, cut to nine) of `assets` assets as of `now`, in seconds.
    ///
    /// # Errors
    /// [`Require::WeightsLength`] unless there are two values per asset and at most eight assets;
    /// [`Require::NineDecimalsOverflow`].
    pub fn new(
        weights_then_multipliers: &[Int256],
        assets: usize,
        now: u64,
        last_interpolation_time: u64,
    ) -> Result<Self, Revert> {
        if weights_then_multipliers.len() != 2 * assets || assets > MAXIMUM_ASSETS {
            return Err(Require::WeightsLength.into());
        }
        let values =
            weights_then_multipliers.iter().map(|value| nine_decimals(*value)).collect::<Result<Vec<_>, _>>()?;
        let (weights, multipliers) = values.split_at(assets);
        let first = assets.min(FIRST_WORD_ASSETS);
        let word = |range: std::ops::Range<usize>| pack_eight(&[&weights[range.clone()], &multipliers[range]].concat());
        Ok(Self {
            words: [word(0..first), word(first..assets)],
            assets,
            last_update_time: now & NEVER,
            last_interpolation_time: last_interpolation_time & NEVER,
        })
    }

    /// The stored words.
    pub const fn words(&self) -> [Int256; 2] {
        self.words
    }

    /// Number of assets.
    pub const fn assets(&self) -> usize {
        self.assets
    }

    /// When the weights were stored, in seconds.
    pub const fn last_update_time(&self) -> u64 {
        self.last_update_time
    }

    /// When the weights stop, in seconds.
    pub const fn last_interpolation_time(&self) -> u64 {
        self.last_interpolation_time
    }

    /// Weight and multiplier of each asset, at nine decimals.
    pub fn stored(&self) -> Vec<(i32, i32)> {
        let slots = self.words.map(unpack_eight);
        let first = self.assets.min(FIRST_WORD_ASSETS);
        (0..self.assets)
            .map(|asset| {
                let (word, position, in_word) =
                    if asset < first { (0, asset, first) } else { (1, asset - first, self.assets - first) };
                (slots[word][position], slots[word][position + in_word])
            })
            .collect()
    }

    /// The sixteen slots of both words with 18 decimals: four and four of their first halves, then of their second.
    pub fn slots(&self) -> [Int256; 16] {
        let [first, second] = self.words.map(unpack_eight);
        std::array::from_fn(|slot| {
            let word = if slot / 4 % 2 == 0 { &first } else { &second };
            widen(word[slot / 8 * 4 + slot % 4])
        })
    }

    /// The weights at a time, as the pool reports them and as the runner reads them.
    ///
    /// The time difference is cut to 40 bits: weights that stopped before they were stored are nonsense.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] when a weight would be negative.
    pub fn at(&self, time: u64) -> Result<Vec<Int256>, Revert> {
        self.after(self.running_until(time).wrapping_sub(self.last_update_time) & NEVER)
    }

    /// The weights at a time, as a swap uses them.
    ///
    /// # Errors
    /// [`Panic::Arithmetic`] when a weight would be negative, or when the weights stopped before they were stored.
    pub fn at_swap(&self, time: u64) -> Result<Vec<Int256>, Revert> {
        self.after(self.swap_seconds(time)?)
    }

    /// The weight of one asset at a time, as swaps and balances use it; other assets' weights are not looked at.
    ///
    /// # Errors
    /// Those of [`StoredWeights::at_swap`], for this asset; [`Panic::IndexOutOfBounds`] when there is no such asset.
    pub fn weight_at_swap(&self, time: u64, asset: usize) -> Result<Int256, Revert> {
        let stored = *self.stored().get(asset).ok_or(Panic::IndexOutOfBounds)?;
        moved(stored, self.swap_seconds(time)?)
    }

    fn running_until(&self, time: u64) -> u64 {
        time.min(self.last_interpolation_time)
    }

    fn swap_seconds(&self, time: u64) -> Result<u64, Revert> {
        self.running_until(time).checked_sub(self.last_update_time).ok_or_else(|| Panic::Arithmetic.into())
    }

    fn after(&self, seconds: u64) -> Result<Vec<Int256>, Revert> {
        self.stored().into_iter().map(|stored| moved(stored, seconds)).collect()
    }
}

/// A weight after its multiplier ran for some seconds; both at nine decimals.
fn moved((weight, multiplier): (i32, i32), seconds: u64) -> Result<Int256, Revert> {
    let weight = widen(weight).to_bits();
    let change = widen(multiplier).magnitude().checked_mul(Uint256::from(seconds)).ok_or(Panic::Arithmetic)?;
    let moved = if multiplier > 0 { weight.checked_add(change) } else { weight.checked_sub(change) };
    moved.map(Int256::from_bits).ok_or_else(|| Panic::Arithmetic.into())
}
