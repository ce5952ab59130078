//! How contracts store numbers: two `int128` or eight `int32` in a 256-bit word (spec 13.2, 13.8).

use crate::error::{Panic, Require, Revert};
use crate::{Int256, Uint256, element};

/// Units of the eighteenth decimal in one of the ninth.
pub const NINE_DECIMALS: i128 = 1_000_000_000;

const HALVES: usize = 128;

fn fits_state(value: Int256) -> bool {
    value.to_i128().is_some()
}

/// Two state elements in one word, the first in the high half.
///
/// # Errors
/// [`Require::StateOverflow`] and [`Require::StateUnderflow`] when one leaves 128 bits.
pub fn pack_pair(first: Int256, second: Int256) -> Result<Int256, Revert> {
    let outside = |value: &Int256| !fits_state(*value);
    if [first, second].iter().any(|value| outside(value) && !value.is_negative()) {
        return Err(Require::StateOverflow.into());
    }
    if [first, second].iter().any(outside) {
        return Err(Require::StateUnderflow.into());
    }
    let low = second.to_bits() & (Uint256::MAX >> HALVES);
    Ok(Int256::from_bits((first.to_bits() << HALVES) | low))
}

/// Writes state elements pair by pair, so that a revert names the first bad pair.
#[derive(Debug, Default)]
pub struct PairWriter {
    words: Vec<Int256>,
    waiting: Option<Int256>,
}

impl PairWriter {
    /// Writes the next element.
    ///
    /// # Errors
    /// Those of [`pack_pair`], at the second of a pair.
    pub fn push(&mut self, value: Int256) -> Result<(), Revert> {
        match self.waiting.take() {
            Some(first) => self.words.push(pack_pair(first, value)?),
            None => self.waiting = Some(value),
        }
        Ok(())
    }

    /// The words; the last of an odd number of elements is checked like the others.
    ///
    /// # Errors
    /// Those of [`pack_pair`].
    pub fn finish(self) -> Result<Vec<Int256>, Revert> {
        if let Some(last) = self.waiting {
            pack_pair(Int256::ZERO, last)?;
        }
        Ok(self.finish_unchecked())
    }

    /// The words; the last of an odd number of elements is not checked, and will be read back as its low 128 bits.
    pub fn finish_unchecked(mut self) -> Vec<Int256> {
        self.words.extend(self.waiting);
        self.words
    }
}

/// State elements, pair by pair in index order.
///
/// # Errors
/// Those of [`pack_pair`].
pub fn pack_pairs(values: &[Int256]) -> Result<Vec<Int256>, Revert> {
    let mut writer = PairWriter::default();
    for value in values {
        writer.push(*value)?;
    }
    writer.finish()
}

/// State elements as the array packer writes them: the last of an odd number is tested first.
///
/// # Errors
/// [`Require::EmptyList`]; [`Panic::Arithmetic`] for a single element; [`Require::LastElementOverflow`]; those of
/// [`pack_pair`].
pub fn pack_array(values: &[Int256]) -> Result<Vec<Int256>, Revert> {
    match values {
        [] => return Err(Require::EmptyList.into()),
        [_] => return Err(Panic::Arithmetic.into()),
        [.., last] if values.len() % 2 == 1 && !fits_state(*last) => return Err(Require::LastElementOverflow.into()),
        _ => {}
    }
    pack_pairs(values)
}

/// The state of `assets` assets.
///
/// # Errors
/// [`Panic::Arithmetic`] for no asset; [`Require::StateMissing`] when the words are not those of so many assets;
/// [`Panic::IndexOutOfBounds`] for one asset.
pub fn unpack_array(words: &[Int256], assets: usize) -> Result<Vec<Int256>, Revert> {
    if assets == 0 {
        return Err(Panic::Arithmetic.into());
    }
    if words.is_empty() {
        return Err(Require::StateMissing.into());
    }
    if assets == 1 {
        return Err(Panic::IndexOutOfBounds.into());
    }
    if words.len() != assets.div_ceil(2) {
        return Err(Require::StateMissing.into());
    }
    let value = |index: usize| {
        let word = words[index / 2];
        let high_half = index.is_multiple_of(2) && index + 1 < assets;
        Int256::new(if high_half { Int256::from_bits(word.to_bits() >> HALVES) } else { word }.low_i128())
    };
    Ok((0..assets).map(value).collect())
}

/// A number with 18 decimals, cut toward zero to nine.
///
/// # Errors
/// [`Require::NineDecimalsOverflow`] when it leaves 32 bits.
pub fn nine_decimals(value: Int256) -> Result<i32, Revert> {
    let cut = value.checked_div(Int256::new(NINE_DECIMALS))?;
    cut.to_i128().and_then(|cut| i32::try_from(cut).ok()).ok_or_else(|| Require::NineDecimalsOverflow.into())
}

/// One word of up to eight numbers at nine decimals, the first in the top bits; zeros where fewer are given.
pub fn pack_eight(values: &[i32]) -> Int256 {
    let word = (0..8).fold(Uint256::ZERO, |word, index| {
        let value = values.get(index).copied().unwrap_or(0);
        (word << 32) | Uint256::from(value as u32)
    });
    Int256::from_bits(word)
}

/// The eight numbers of a word, at nine decimals.
pub fn unpack_eight(word: Int256) -> [i32; 8] {
    std::array::from_fn(|index| Int256::from_bits(word.to_bits() >> (32 * (7 - index))).low_i128() as i32)
}

/// Numbers with 18 decimals, cut to nine, eight to a word.
///
/// # Errors
/// Those of [`nine_decimals`].
pub fn pack_nine_decimals(values: &[Int256]) -> Result<Vec<Int256>, Revert> {
    let cut = values.iter().map(|value| nine_decimals(*value)).collect::<Result<Vec<_>, _>>()?;
    if cut.is_empty() {
        return Ok(vec![Int256::ZERO]);
    }
    Ok(cut.chunks(8).map(pack_eight).collect())
}

/// The first `count` numbers of these words, with 18 decimals.
///
/// # Errors
/// [`Panic::IndexOutOfBounds`] when there are fewer words.
pub fn unpack_nine_decimals(words: &[Int256], count: usize) -> Result<Vec<Int256>, Revert> {
    (0..count).map(|index| Ok(widen(unpack_eight(element(words, index / 8)?)[index % 8]))).collect()
}

/// A number at nine decimals, with 18.
pub fn widen(nine_decimals: i32) -> Int256 {
    Int256::new(i128::from(nine_decimals) * NINE_DECIMALS)
}
