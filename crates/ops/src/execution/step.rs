//! One update in integers of 18 decimals (spec 13 sec. 6 and 7), and its adjoint in real numbers.

use super::{ExecutionSettings, MOST_ASSETS};

/// One, with 18 decimals.
const ONE: i64 = 1_000_000_000_000_000_000;
/// The last of nine decimals, with 18.
const NINTH: i64 = 1_000_000_000;
/// What a sum misses by rounding.
const ROUNDING: i64 = 1000;
/// Rule outputs beyond this are as good as it: the clamp follows.
const LARGEST: f64 = 8.0;

/// One number per asset, the first ones in use.
pub(super) type Row = [i64; MOST_ASSETS];
type Reals = [f64; MOST_ASSETS];

/// The real value of 18 decimals.
pub(super) fn real(value: i64) -> f64 {
    value as f64 * 1e-18
}

/// The nearest 18 decimals of a finite number, which is cut to `[-8, 8]`; ties away from zero.
fn decimals(value: f64) -> i64 {
    let value = value.clamp(-LARGEST, LARGEST);
    let bits = value.abs().to_bits();
    let field = (bits >> 52) as i32;
    let significand = bits & ((1 << 52) - 1) | u64::from(field != 0) << 52;
    // At least 49, because the value is at most 8.
    let dropped = 1075 - field.max(1);
    let scaled = i128::from(significand) * i128::from(ONE);
    let magnitude = if dropped > 120 { 0 } else { ((scaled + (1 << (dropped - 1))) >> dropped) as i64 };
    if value < 0.0 { -magnitude } else { magnitude }
}

/// The weights that a new pool stores, in units of the ninth decimal: rounded to 18 decimals, what rounding left of a sum of
/// one given to the largest, as the factory asks, and cut. `None` if one is not finite.
pub(super) fn deployed(weights: &[f64]) -> Option<Row> {
    let mut row = [0; MOST_ASSETS];
    for (row, weight) in row.iter_mut().zip(weights) {
        *row = weight.is_finite().then(|| decimals(*weight))?;
    }
    let missing = ONE - row.iter().sum::<i64>();
    if missing.abs() <= NINTH
        && let Some(largest) = row.iter_mut().max()
    {
        *largest += missing;
    }
    Some(row.map(|weight| weight / NINTH))
}

/// A weight of nine decimals in units of the last.
pub(super) fn stored(weight: f64) -> i64 {
    (weight * NINTH as f64).round() as i64
}

/// The nearest double of a number in units of the ninth decimal.
pub(super) fn weight_of(stored: i64) -> f64 {
    stored as f64 / NINTH as f64
}

/// `a b`, rounded half away from zero.
fn multiply(a: i64, b: i128) -> i64 {
    let product = i128::from(a) * b;
    let magnitude = (product.unsigned_abs() + ONE as u128 / 2) / ONE as u128;
    if product < 0 { -(magnitude as i64) } else { magnitude as i64 }
}

/// `a / b`, cut toward zero.
fn divide(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(ONE) / i128::from(b)
}

/// Settings in the kernel's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    assets: usize,
    minimum: i64,
    maximum: i64,
    largest_change: i64,
    interval: i64,
    elapsed: i64,
    clips_straight: bool,
    cap_straight: bool,
}

impl Limits {
    pub(super) fn new(settings: &ExecutionSettings, assets: usize) -> Self {
        let minimum = decimals(settings.minimum_weight);
        Self {
            assets,
            minimum,
            maximum: ONE - (assets as i64 - 1) * minimum,
            largest_change: decimals(settings.largest_change),
            interval: i64::from(settings.interval_seconds),
            elapsed: i64::from(settings.elapsed_seconds),
            clips_straight: settings.straight_through_limits,
            cap_straight: settings.straight_through_cap,
        }
    }

    fn rail(&self, multiplier: i64) -> i64 {
        if multiplier > 0 { self.maximum } else { self.minimum }
    }
}

/// Weights before guard rails, 18 decimals: `retention x weight + output`. `None` if one is not finite.
pub(super) fn raw_weights(stored: &[i64], output: &[f64], retention: Option<&[f64]>) -> Option<Row> {
    let mut raw = [0; MOST_ASSETS];
    for (asset, weight) in stored.iter().enumerate() {
        let kept = match retention {
            None => weight * NINTH,
            Some(retention) if retention[asset].is_finite() => decimals(retention[asset] * weight_of(*weight)),
            Some(_) => return None,
        };
        if !output[asset].is_finite() {
            return None;
        }
        raw[asset] = kept.saturating_add(decimals(output[asset]));
    }
    Some(raw)
}

/// Everything about one update.
#[derive(Clone, Debug)]
pub(super) struct Update {
    /// Weights before it, in units of the ninth decimal.
    start: Row,
    raw: Row,
    /// Raw weights inside the rails.
    clipped: Row,
    /// The same after those not at the lower rail were scaled.
    pub clamped: Row,
    /// What the scaled ones have to share, and what they shared before.
    remaining: i64,
    others: i64,
    largest: i64,
    /// Which weight takes up what is missing to a sum of one, unless that is rounding.
    repaired: Option<usize>,
    /// After limit and repair.
    guarded: Row,
    /// Per second, in units of the ninth decimal.
    pub multipliers: Row,
    /// The asset whose rail ends the run before the next update.
    ended_by: Option<usize>,
    /// For how long weights run.
    pub seconds: i64,
}

impl Update {
    /// Weights when the next update comes, in units of the ninth decimal.
    pub(super) fn end(&self) -> Row {
        std::array::from_fn(|asset| self.start[asset] + self.multipliers[asset] * self.seconds)
    }
}

/// An update of a pool at weights `stored`, in units of the ninth decimal, to `raw` weights of 18 decimals.
pub(super) fn forward(stored: &[i64], raw: &Row, limits: &Limits) -> Update {
    let assets = limits.assets;
    let mut start = [0; MOST_ASSETS];
    start[..assets].copy_from_slice(stored);
    let weights = start.map(|weight| weight * NINTH);

    // Clamp (sec. 6).
    let mut clipped = *raw;
    let (mut remaining, mut others) = (ONE, 0);
    for weight in &mut clipped[..assets] {
        if *weight < limits.minimum {
            *weight = limits.minimum;
            remaining -= limits.minimum;
        } else {
            *weight = (*weight).min(limits.maximum);
            others += *weight;
        }
    }
    let mut clamped = clipped;
    if others != 0 {
        let scale = divide(remaining, others);
        for weight in clamped[..assets].iter_mut().filter(|weight| **weight != limits.minimum) {
            *weight = multiply(*weight, scale);
        }
    }

    // Limit and repair.
    let largest = (0..assets).map(|asset| (clamped[asset] - weights[asset]).abs()).max().unwrap_or(0);
    let mut guarded = clamped;
    if largest > limits.largest_change {
        let scale = divide(limits.largest_change, largest);
        for asset in 0..assets {
            guarded[asset] = weights[asset] + multiply(clamped[asset] - weights[asset], scale);
        }
    }
    let (mut first, mut second) = ((0, 0), (0, 0));
    for (asset, &weight) in guarded[..assets].iter().enumerate() {
        if weight > first.1 {
            second = first;
            first = (asset, weight);
        } else if weight > second.1 {
            second = (asset, weight);
        }
    }
    let missing = ONE - guarded[..assets].iter().sum::<i64>();
    let repaired = if missing < 0 { first.0 } else { second.0 };
    guarded[repaired] += missing;
    let repaired = (missing.abs() > ROUNDING).then_some(repaired);

    // Multipliers and the end of the run (sec. 7).
    let mut multipliers = [0; MOST_ASSETS];
    let (mut seconds, mut ended_by) = (limits.elapsed, None);
    for asset in 0..assets {
        let multiplier = (guarded[asset] - weights[asset]) / limits.interval;
        multipliers[asset] = multiplier / NINTH;
        if multiplier != 0 {
            let until = ((limits.rail(multiplier) - weights[asset]) / multiplier).max(0);
            if until < seconds {
                (seconds, ended_by) = (until, Some(asset));
            }
        }
    }
    let raw = *raw;
    Update {
        start,
        raw,
        clipped,
        clamped,
        remaining,
        others,
        largest,
        repaired,
        guarded,
        multipliers,
        ended_by,
        seconds,
    }
}

/// Gradients that one update adds to.
pub(super) struct Cotangents<'a> {
    /// In: gradient of the weights when the next update comes. Out: gradient of the weights before this one.
    pub weights: &'a mut [f64],
    /// Gradient of the seconds for which weights ran.
    pub seconds: f64,
    /// Gradient of the rule output, overwritten.
    pub output: &'a mut [f64],
    /// What the retention is and its gradient, added to.
    pub retention: Option<(&'a [f64], &'a mut [f64])>,
}

/// Adjoint of an update, cuts and floors left out.
pub(super) fn backward(update: &Update, limits: &Limits, cotangents: Cotangents<'_>) {
    let Cotangents { weights: to_start, seconds: to_seconds, output: to_output, retention } = cotangents;
    let assets = limits.assets;
    let interval = limits.interval as f64;
    let start: Reals = update.start.map(weight_of);
    let to_multiplier = to_multipliers(update, limits, to_start, to_seconds);

    // multiplier = (guarded - start) / interval; repair: the repaired weight is one less the others.
    let mut gradient: Reals = [0.0; MOST_ASSETS];
    for asset in 0..assets {
        gradient[asset] = to_multiplier[asset] / interval;
        to_start[asset] -= gradient[asset];
    }
    if let Some(repaired) = update.repaired {
        let to_repaired = gradient[repaired];
        for value in &mut gradient[..assets] {
            *value -= to_repaired;
        }
    }

    // guarded = start + (clamped - start) limit / largest
    if update.largest > limits.largest_change && !limits.cap_straight {
        let change = |asset: usize| real(update.clamped[asset] - update.start[asset] * NINTH);
        let is_largest = |asset: usize| (update.clamped[asset] - update.start[asset] * NINTH).abs() == update.largest;
        let scale = real(limits.largest_change) / real(update.largest);
        let along: f64 = (0..assets).map(|asset| gradient[asset] * change(asset)).sum();
        let ties = (0..assets).filter(|&asset| is_largest(asset)).count() as f64;
        let slope = -along * scale / (real(update.largest) * ties);
        for asset in 0..assets {
            let through =
                scale * gradient[asset] + if is_largest(asset) { slope * change(asset).signum() } else { 0.0 };
            to_start[asset] += gradient[asset] - through;
            gradient[asset] = through;
        }
    }

    clamp_backward(update, limits, &mut gradient);

    to_output[..assets].copy_from_slice(&gradient[..assets]);
    match retention {
        None => {
            for asset in 0..assets {
                to_start[asset] += gradient[asset];
            }
        }
        Some((retention, to_retention)) => {
            for asset in 0..assets {
                to_start[asset] += retention[asset] * gradient[asset];
                to_retention[asset] += start[asset] * gradient[asset];
            }
        }
    }

    // Only weights that keep their sum can be reached.
    let mean = to_start[..assets].iter().sum::<f64>() / assets as f64;
    for value in &mut to_start[..assets] {
        *value -= mean;
    }
}

/// Gradient of the multipliers: `end = start + multiplier seconds`, where the seconds may depend on the asset that ends the
/// run, `seconds = (rail - start) / multiplier`.
fn to_multipliers(update: &Update, limits: &Limits, to_start: &mut [f64], to_seconds: f64) -> Reals {
    let assets = limits.assets;
    let mut to_multiplier: Reals = [0.0; MOST_ASSETS];
    for asset in 0..assets {
        to_multiplier[asset] = to_start[asset] * update.seconds as f64;
    }
    let Some(last) = update.ended_by else { return to_multiplier };
    let moved = update.guarded[last] - update.start[last] * NINTH;
    let way = limits.rail(moved) - update.start[last] * NINTH;
    if way.abs() < NINTH * limits.interval {
        return to_multiplier;
    }
    let run: f64 = (0..assets).map(|asset| to_start[asset] * weight_of(update.multipliers[asset])).sum();
    let multiplier = real(moved) / limits.interval as f64;
    let slope = (run + to_seconds) / multiplier;
    to_multiplier[last] -= slope * (real(way) / multiplier);
    to_start[last] -= slope;
    to_multiplier
}

/// Replaces the gradient of the clamped weights by that of the raw ones.
fn clamp_backward(update: &Update, limits: &Limits, gradient: &mut Reals) {
    let assets = limits.assets;
    let is_below = |asset: usize| update.raw[asset] < limits.minimum;
    let is_scaled = |asset: usize| update.clipped[asset] != limits.minimum;
    let scale = if update.others == 0 { 0.0 } else { real(update.remaining) / real(update.others) };
    let along: f64 =
        (0..assets).filter(|&asset| is_scaled(asset)).map(|asset| gradient[asset] * real(update.clipped[asset])).sum();
    let to_others = if update.others == 0 { 0.0 } else { -along * scale / real(update.others) };
    for asset in 0..assets {
        let factor = if is_scaled(asset) { scale } else { 1.0 };
        let through = if is_below(asset) { gradient[asset] } else { factor * gradient[asset] + to_others };
        let raw = update.raw[asset];
        let slope = if limits.clips_straight {
            1.0
        } else if raw < limits.minimum || raw > limits.maximum {
            0.0
        } else if raw == limits.minimum || raw == limits.maximum {
            0.5
        } else {
            1.0
        };
        gradient[asset] = slope * through;
    }
}
