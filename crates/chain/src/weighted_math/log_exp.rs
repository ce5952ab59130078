//! Powers through the natural logarithm and exponential. All divisions cut toward zero.

use crate::error::{Custom, Panic, Revert};
use crate::fixed_point::{ONE, SCALE};
use crate::{Int256, Uint256};

/// Twenty decimals.
const SCALE_20: i128 = SCALE * 100;
const ONE_20: Int256 = Int256::new(SCALE_20);
/// Thirty-six decimals.
const ONE_36: Int256 = Int256::new(SCALE * SCALE);
const HUNDRED: Int256 = Int256::new(100);

/// e^128, no decimals: 38877084059945950922200 * 10^33.
fn e_128() -> Result<Int256, Revert> {
    Int256::new(38_877_084_059_945_950_922_200).checked_mul(Int256::new(10_i128.pow(33)))
}

/// e^64, no decimals.
const E_64: Int256 = Int256::new(6_235_149_080_811_616_882_910_000_000);

/// Sixteenths `h` and `e^(h/16)` with 20 decimals; not all are exact roundings.
const LADDER: [(i128, Int256); 10] = [
    (512, Int256::new(7_896_296_018_268_069_516_100_000_000_000_000)),
    (256, Int256::new(888_611_052_050_787_263_676_000_000)),
    (128, Int256::new(298_095_798_704_172_827_474_000)),
    (64, Int256::new(5_459_815_003_314_423_907_810)),
    (32, Int256::new(738_905_609_893_065_022_723)),
    (16, Int256::new(271_828_182_845_904_523_536)),
    (8, Int256::new(164_872_127_070_012_814_685)),
    (4, Int256::new(128_402_541_668_774_148_407)),
    (2, Int256::new(113_314_845_306_682_631_683)),
    (1, Int256::new(106_449_445_891_785_942_956)),
];
/// The exponential needs the ladder down to one quarter only.
const EXPONENTIAL_STEPS: usize = 8;

/// Twenty decimals of `sixteenths / 16`.
const fn step_20(sixteenths: i128) -> Int256 {
    Int256::new(sixteenths * (SCALE_20 / 16))
}

/// `a * b / c`.
fn scaled(a: Int256, b: Int256, c: Int256) -> Result<Int256, Revert> {
    a.checked_mul(b)?.checked_div(c)
}

/// `2 * artanh(z)` as its odd series up to `z^last`, in the decimals of `one`.
fn logarithm_series(z: Int256, one: Int256, last: i128) -> Result<Int256, Revert> {
    let square = scaled(z, z, one)?;
    let (mut sum, mut term) = (z, z);
    for odd in (3..=last).step_by(2) {
        term = scaled(term, square, one)?;
        sum = sum.checked_add(term.checked_div(Int256::new(odd))?)?;
    }
    sum.checked_mul(Int256::new(2))
}

/// Natural logarithm with 36 decimals, for `x` near one.
fn logarithm_36(x: Int256) -> Result<Int256, Revert> {
    let x = x.checked_mul(ONE)?;
    let z = scaled(x.checked_sub(ONE_36)?, ONE_36, x.checked_add(ONE_36)?)?;
    logarithm_series(z, ONE_36, 15)
}

/// Natural logarithm with 18 decimals.
fn logarithm(x: Int256) -> Result<Int256, Revert> {
    if x < ONE {
        return logarithm_above_one(ONE_36.checked_div(x)?)?.checked_neg();
    }
    logarithm_above_one(x)
}

fn logarithm_above_one(mut x: Int256) -> Result<Int256, Revert> {
    let mut sum = Int256::ZERO;
    for (exponent, power) in [(128, e_128()?), (64, E_64)] {
        if x >= power.checked_mul(ONE)? {
            x = x.checked_div(power)?;
            sum = sum.checked_add(Int256::new(exponent * SCALE))?;
        }
    }
    sum = sum.checked_mul(HUNDRED)?;
    x = x.checked_mul(HUNDRED)?;
    for (sixteenths, power) in LADDER {
        if x >= power {
            x = scaled(x, ONE_20, power)?;
            sum = sum.checked_add(step_20(sixteenths))?;
        }
    }
    let z = scaled(x.checked_sub(ONE_20)?, ONE_20, x.checked_add(ONE_20)?)?;
    sum.checked_add(logarithm_series(z, ONE_20, 11)?)?.checked_div(HUNDRED)
}

/// Natural exponential with 18 decimals, for exponents inside [-41, 130].
fn exponential(x: Int256) -> Result<Int256, Revert> {
    if x.is_negative() {
        return ONE_36.checked_div(exponential_of_positive(x.checked_neg()?)?);
    }
    exponential_of_positive(x)
}

fn exponential_of_positive(mut x: Int256) -> Result<Int256, Revert> {
    let mut factor = Int256::new(1);
    for (exponent, power) in [(128, e_128()?), (64, E_64)] {
        let exponent = Int256::new(exponent * SCALE);
        if x >= exponent {
            x = x.checked_sub(exponent)?;
            factor = power;
            break;
        }
    }
    x = x.checked_mul(HUNDRED)?;
    let mut product = ONE_20;
    for (sixteenths, power) in &LADDER[..EXPONENTIAL_STEPS] {
        let step = step_20(*sixteenths);
        if x >= step {
            x = x.checked_sub(step)?;
            product = scaled(product, *power, ONE_20)?;
        }
    }
    let (mut sum, mut term) = (ONE_20.checked_add(x)?, x);
    for count in 2..=12 {
        term = scaled(term, x, ONE_20)?.checked_div(Int256::new(count))?;
        sum = sum.checked_add(term)?;
    }
    scaled(product, sum, ONE_20)?.checked_mul(factor)?.checked_div(HUNDRED)
}

/// `x^y` with 18 decimals.
pub(super) fn power(x: Uint256, y: Uint256) -> Result<Uint256, Revert> {
    if y.is_zero() {
        return Ok(ONE.to_bits());
    }
    if x.is_zero() {
        return Ok(Uint256::ZERO);
    }
    let x = Int256::from_magnitude(false, x).ok_or(Custom::BaseOutOfBounds)?;
    if y >= (Uint256::from(1_u8) << 254) / ONE_20.to_bits() {
        return Err(Custom::ExponentOutOfBounds.into());
    }
    let y = Int256::from_bits(y);
    let near_one = Int256::new(SCALE / 10 * 9) < x && x < Int256::new(SCALE / 10 * 11);
    let product = if near_one {
        let log = logarithm_36(x)?;
        let whole = log.checked_div(ONE)?.checked_mul(y)?;
        whole.checked_add(scaled(log.checked_rem(ONE)?, y, ONE)?)?
    } else {
        logarithm(x)?.checked_mul(y)?
    };
    let exponent = product.checked_div(ONE)?;
    if !(Int256::new(-41 * SCALE)..=Int256::new(130 * SCALE)).contains(&exponent) {
        return Err(Custom::ProductOutOfBounds.into());
    }
    let value = exponential(exponent)?;
    if value.is_negative() { Err(Panic::Arithmetic.into()) } else { Ok(value.to_bits()) }
}
