//! The divergence that a pool pays for moving its weights, summed over many equal steps.
//!
//! For one asset whose weight goes from `x` in `m` steps of size `d` to `y = x + m d`
//!
//! ```text
//! K(x, d, m) = sum_{t=0}^{m-1} w_{t+1} ln(w_{t+1} / w_t),   w_t = x + t d
//! ```
//!
//! Summing by parts leaves `y ln y - x ln x - d ln(Gamma(y/d) / Gamma(x/d)) - m d ln d`, and Stirling's
//! series for the two gamma functions gives, with `u = d / y` and `v = d / x`,
//!
//! ```text
//! K = d ( ln(y/x) / 2 + m + P(u) - P(v) ),   P(z) = -z/12 + z^3/360 - z^5/1260 + z^7/1680
//! ```
//!
//! (spec 12.1, with the term `m d` that cancels only where the changes of all assets sum to zero). The
//! first term left out is `d (u^9 - v^9) / 1188`: below 1e-16 while `|u|, |v| <= 1 /` [`STEPS_APART`].
//! Nearer to zero weight the steps at the small end, at most [`STEPS_APART`] of them, are summed
//! one by one, as are short paths; so the cost is bounded whatever the weights do.

/// Steps that lie closer to zero weight than this many step sizes are summed one by one.
pub(super) const STEPS_APART: u32 = 20;
/// Paths of at most this many steps are summed one by one.
pub(super) const SHORT_PATH: u32 = 16;
/// Coefficients of `P`.
pub(super) const SERIES: [f64; 4] = [-1.0 / 12.0, 1.0 / 360.0, -1.0 / 1260.0, 1.0 / 1680.0];

/// `ln((from + difference) / from)`, correct to a few units in the last place also where the
/// difference is tiny.
#[inline]
pub(crate) fn log_ratio(from: f64, difference: f64) -> f64 {
    // 2 artanh(s): its series converges twice as fast as that of ln(1 + z) and needs no table.
    let s = difference / (from + from + difference);
    let square = s * s;
    if square < 1e-2 {
        // Terms in pairs, so that they do not wait for each other.
        let fourth = square * square;
        let low = (1.0 / 3.0 + square * (1.0 / 5.0)) + fourth * (1.0 / 7.0 + square * (1.0 / 9.0));
        let high = (1.0 / 11.0 + square * (1.0 / 13.0)) + fourth * (1.0 / 15.0 + square * (1.0 / 17.0));
        2.0 * (s + s * square * (low + fourth * fourth * high))
    } else {
        (difference / from).ln_1p()
    }
}

/// How many steps at the small end are summed one by one; the rest is left to the series.
#[inline]
pub(super) fn separate_steps(small: f64, size: f64, steps: u32) -> u32 {
    let apart = f64::from(STEPS_APART);
    if steps <= SHORT_PATH {
        steps
    } else if apart * size > small {
        ((apart - small / size).ceil() as u32).min(steps)
    } else {
        0
    }
}

/// A path cut in two: the steps summed one by one and the steps left to the series, each as the index of
/// its first step and its length.
fn cut(x: f64, d: f64, steps: u32) -> ((u32, u32), (u32, u32)) {
    let small = x.min(x + f64::from(steps) * d);
    let separate = separate_steps(small, d.abs(), steps);
    let rest = steps - separate;
    if d > 0.0 { ((0, separate), (separate, rest)) } else { ((rest, separate), (0, rest)) }
}

/// `K(x, d, m)` and its slopes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Divergence {
    pub value: f64,
    /// `dK/dx`.
    pub by_x: f64,
    /// `dK/dd`.
    pub by_d: f64,
}

/// `K(x, d, m)`; slopes that nobody looks at cost nothing where this is inlined.
#[inline]
pub(super) fn divergence(x: f64, d: f64, steps: u32) -> Divergence {
    let m = f64::from(steps);
    if is_plain(x, d, m) { series(x, d, m) } else { divergence_in_parts(x, d, steps) }
}

/// Whether all steps are left to the series.
#[inline]
fn is_plain(x: f64, d: f64, m: f64) -> bool {
    let size = f64::from(STEPS_APART) * d.abs();
    m > f64::from(SHORT_PATH) && size <= x && size <= x + m * d
}

#[inline]
fn series(x: f64, d: f64, m: f64) -> Divergence {
    let y = x + m * d;
    let inverse = 1.0 / (x * y);
    let (u, v) = (d * x * inverse, d * y * inverse);
    let log = log_ratio(x, m * d);
    let difference = odd_series(u) - odd_series(v);
    let (slope_u, slope_v) = (odd_series_slope(u), odd_series_slope(v));
    Divergence {
        value: d * (0.5 * log + m + difference),
        by_x: 0.5 * (u - v) - u * u * slope_u + v * v * slope_v,
        by_d: 0.5 * (log + m * u) + m + difference + slope_u * (u - m * u * u) - slope_v * v,
    }
}

#[cold]
fn divergence_in_parts(x: f64, d: f64, steps: u32) -> Divergence {
    if d == 0.0 {
        return Divergence { by_d: f64::from(steps), ..Divergence::default() };
    }
    let ((first, separate), (skipped, rest)) = cut(x, d, steps);
    let mut sum = Divergence::default();
    for step in first..first + separate {
        let step = f64::from(step);
        let here = x + step * d;
        let log = log_ratio(here, d);
        let by_here = log - d / here;
        sum.value += (here + d) * log;
        sum.by_x += by_here;
        sum.by_d += log + 1.0 + step * by_here;
    }
    if rest > 0 {
        let skipped = f64::from(skipped);
        let rest = series(x + skipped * d, d, f64::from(rest));
        sum.value += rest.value;
        sum.by_x += rest.by_x;
        sum.by_d += rest.by_d + skipped * rest.by_x;
    }
    sum
}

/// `P(z)`.
#[inline]
fn odd_series(z: f64) -> f64 {
    let square = z * z;
    z * ((SERIES[0] + square * SERIES[1]) + square * square * (SERIES[2] + square * SERIES[3]))
}

/// `P'(z)`.
#[inline]
fn odd_series_slope(z: f64) -> f64 {
    let square = z * z;
    (SERIES[0] + square * (3.0 * SERIES[1])) + square * square * (5.0 * SERIES[2] + square * (7.0 * SERIES[3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `K` and its gradient, step by step with compensated sums and the library's logarithm.
    fn step_by_step(x: f64, d: f64, steps: u32) -> (f64, f64, f64) {
        let (mut value, mut by_x, mut by_d) = (Sum::default(), Sum::default(), Sum::default());
        for step in 0..steps {
            let step = f64::from(step);
            let here = x + step * d;
            let log = (d / here).ln_1p();
            value.add((here + d) * log);
            by_x.add(log - d / here);
            by_d.add(log);
            by_d.add(1.0);
            by_d.add(step * (log - d / here));
        }
        (value.total(), by_x.total(), by_d.total())
    }

    /// Neumaier's compensated sum.
    #[derive(Default)]
    struct Sum(f64, f64);

    impl Sum {
        fn add(&mut self, value: f64) {
            let sum = self.0 + value;
            self.1 += if self.0.abs() >= value.abs() { (self.0 - sum) + value } else { (value - sum) + self.0 };
            self.0 = sum;
        }

        fn total(&self) -> f64 {
            self.0 + self.1
        }
    }

    fn assert_close(x: f64, d: f64, steps: u32) {
        let (value, by_x, by_d) = step_by_step(x, d, steps);
        let weight = x.max(x + f64::from(steps) * d);
        // One step sum is itself uncertain by the rounding of its rows' weights.
        let found = divergence(x, d, steps);
        let error = (found.value - value).abs();
        assert!(error < 1e-15 * weight.max(0.1), "K({x}, {d}, {steps}) is off by {error:e} of {value:e}");
        let scale_x = (d / x.min(x + f64::from(steps) * d)).abs() * 10.0 + 1e-6;
        let error = (found.by_x - by_x).abs() / scale_x;
        assert!(error < 1e-14, "dK/dx({x}, {d}, {steps}) is off by {error:e} of {by_x:e}");
        let error = (found.by_d - by_d).abs() / f64::from(steps);
        assert!(error < 1e-14, "dK/dd({x}, {d}, {steps}) is off by {error:e} of {by_d:e}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn closed_form_equals_the_sum_over_steps(
            x in 0.001..0.99f64, y in 0.001..0.99f64, steps in 1u32..3000,
        ) {
            assert_close(x, (y - x) / f64::from(steps), steps);
        }

        #[test]
        fn closed_form_holds_right_at_the_cut_over(
            x in 0.001..0.9f64, ratio in 0.045..0.055f64, steps in SHORT_PATH..60, falls in any::<bool>(),
        ) {
            let d = ratio * x;
            if falls {
                assert_close(x + f64::from(steps) * d, -d, steps);
            } else {
                assert_close(x, d, steps);
            }
        }

        #[test]
        fn tiny_moves_keep_their_digits(x in 0.01..0.9f64, exponent in -12.0..-3.0f64, steps in 1u32..2000) {
            let d = x * 10f64.powf(exponent) / f64::from(steps);
            let small = divergence(x, d, steps).value - f64::from(steps) * d;
            let expected = 0.5 * f64::from(steps) * d * d / x;
            // Second order in d: what is left after the linear term is resolved to rounding of that term.
            prop_assert!((small - expected).abs() < expected * (d / x * f64::from(steps)).abs() + 1e-16 * x);
        }

        #[test]
        fn log_ratio_is_the_logarithm(from in 1e-6..1.0f64, relative in -0.99..20.0f64, exponent in -9.0..0.0f64) {
            let difference = from * relative * 10f64.powf(exponent);
            let expected = (difference / from).ln_1p();
            let error = (log_ratio(from, difference) / expected - 1.0).abs();
            prop_assert!(error < 6e-16, "{error:e} at {}", difference / from);
        }
    }

    #[test]
    fn rest_costs_nothing_and_its_slope_is_the_number_of_steps() {
        assert_eq!(divergence(0.3, 0.0, 1440), Divergence { value: 0.0, by_x: 0.0, by_d: 1440.0 });
        let tiny = divergence(0.3, 1e-30, 1440);
        assert!(tiny.by_x.abs() < 1e-29 && (tiny.by_d - 1440.0).abs() < 1e-12);
    }

    #[test]
    fn a_missing_number_stays_missing() {
        assert!(divergence(f64::NAN, 0.1, 5).value.is_nan());
        assert!(divergence(0.5, f64::NAN, 5).value.is_nan());
        assert!(divergence(0.5, -0.1, 50).value.is_nan());
        assert!(divergence(0.5, -0.1, 50).by_d.is_nan());
    }
}
