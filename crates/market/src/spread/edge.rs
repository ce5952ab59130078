//! The EDGE estimator of bid-ask spreads from open, high, low and close prices.
//!
//! Ardia, Guidotti, Kroencke (2024), "Efficient estimation of bid-ask spreads from open, high, low, and close prices", Journal of
//! Financial Economics 161, 103916. With log prices `o, h, l, c` and the mid-range `m = (h + l) / 2` of a bar, and those of the bar before
//! with `'`, a trade price is the efficient price plus or minus half the spread `S`, so two moments of neighbouring returns are `S^2`:
//!
//! ```text
//! x1 = -4/q_o (m - o)~ (o - m') - 4/q_c (m - c')~ (c' - m')
//! x2 = -4/q_o (m - o)~ (o - c') - 4/q_c (o - c')~ (c' - m')
//! ```
//!
//! `q_o` is the frequency of `o != h` plus that of `o != l`, `q_c` that of `c' != h'` plus that of `c' != l'`, where bars without any price
//! change (`h = l = c'`) count for nothing; `r~ = r - mean(r) / share of the other bars` in those, `r~ = r` in bars without change. The means
//! `e1, e2` are weighted by the variances `v1, v2` of each other: `S^2 = |(v2 e1 + v1 e2) / (v1 + v2)|`.

/// Log prices of one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

impl Bar {
    /// A bar with these prices, all above zero.
    pub(super) fn new([open, high, low, close]: [f64; 4]) -> Self {
        Self { open: open.ln(), high: high.ln(), low: low.ln(), close: close.ln() }
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.high, self.low)
    }
}

/// Mean over neighbouring bars.
fn mean(bars: &[Bar], of: impl Fn(&Bar, &Bar) -> f64) -> f64 {
    bars.windows(2).map(|pair| of(&pair[0], &pair[1])).sum::<f64>() / (bars.len() - 1) as f64
}

fn moved(before: &Bar, now: &Bar) -> bool {
    now.high != now.low || now.low != before.close
}

/// Spread as a fraction of the price, without its sign. `None` where it is not defined: for fewer than three bars, fewer than two in which
/// the price moves, or prices that are always high or low of their bar.
pub(super) fn edge(bars: &[Bar]) -> Option<f64> {
    if bars.len() < 3 {
        return None;
    }
    let frequency = |of: fn(&Bar, &Bar) -> bool| {
        mean(bars, |before, now| f64::from(u8::from(moved(before, now) && of(before, now))))
    };
    let moving = frequency(|_, _| true);
    let of_open = frequency(|_, now| now.open != now.high) + frequency(|_, now| now.open != now.low);
    let of_close =
        frequency(|before, _| before.close != before.high) + frequency(|before, _| before.close != before.low);
    if bars.windows(2).filter(|pair| moved(&pair[0], &pair[1])).count() < 2 || of_open == 0.0 || of_close == 0.0 {
        return None;
    }
    let from_open = |_: &Bar, now: &Bar| now.middle() - now.open;
    let from_close = |before: &Bar, now: &Bar| now.middle() - before.close;
    let overnight = |before: &Bar, now: &Bar| now.open - before.close;
    let means = [mean(bars, from_open), mean(bars, from_close), mean(bars, overnight)].map(|mean| mean / moving);
    // The four products of a pair of bars, two for each moment.
    let moments = |before: &Bar, now: &Bar| {
        let shift = f64::from(u8::from(moved(before, now)));
        let to_close = before.close - before.middle();
        let from_open = from_open(before, now) - means[0] * shift;
        let scaled = |open: f64, close: f64| -4.0 / of_open * open - 4.0 / of_close * close;
        [
            scaled(from_open * (now.open - before.middle()), (from_close(before, now) - means[1] * shift) * to_close),
            scaled(from_open * overnight(before, now), (overnight(before, now) - means[2] * shift) * to_close),
        ]
    };
    let [first, second] = [0, 1].map(|moment| {
        let expected = mean(bars, |before, now| moments(before, now)[moment]);
        (expected, mean(bars, |before, now| moments(before, now)[moment].powi(2)) - expected * expected)
    });
    let variance = first.1 + second.1;
    let squared = if variance > 0.0 {
        (second.1 * first.0 + first.1 * second.0) / variance
    } else {
        f64::midpoint(first.0, second.0)
    };
    Some(squared.abs().sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bars(columns: [&[f64]; 4]) -> Vec<Bar> {
        (0..columns[0].len()).map(|row| Bar::new(columns.map(|column| column[row]))).collect()
    }

    fn assert_close(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() / expected - 1.0).abs() < 1e-9, "{found:?} {expected}");
    }

    /// Expected by the authors' own program:
    ///
    /// ```text
    /// pip install bidask==2.1.0
    /// python -c "from bidask import edge; print(edge(open, high, low, close), edge(open[:5], high[:5], low[:5], close[:5]))"
    /// ```
    #[test]
    fn spreads_are_those_of_the_authors() {
        let open = [100.0, 100.12, 99.97, 100.05, 100.05, 100.21, 100.09, 100.3, 100.26, 100.26, 100.41, 100.33];
        let high = [100.15, 100.18, 100.1, 100.05, 100.25, 100.28, 100.34, 100.37, 100.31, 100.26, 100.47, 100.52];
        let low = [99.94, 99.93, 99.92, 100.05, 100.01, 100.05, 100.06, 100.19, 100.22, 100.26, 100.25, 100.29];
        let close = [100.1, 99.99, 100.05, 100.05, 100.2, 100.11, 100.31, 100.25, 100.26, 100.26, 100.35, 100.47];
        let all = bars([&open, &high, &low, &close]);
        assert_close(edge(&all), 0.000_718_991_248_211_672_9);
        assert_close(edge(&all[..5]), 0.000_284_801_301_157_224_1);
    }

    /// A made-up price that bounces by half a percent around a random walk has a spread of one percent. Expected by the authors' program
    /// from the same bars.
    #[test]
    fn a_bouncing_price_shows_its_spread() {
        let mut state = 7u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut middle = 0.0f64;
        let bars: Vec<Bar> = (0..400)
            .map(|_| {
                let trades: Vec<f64> = (0..60)
                    .map(|_| {
                        middle += (uniform() - 0.5) * 1e-3;
                        middle.exp() * if uniform() < 0.5 { 1.005 } else { 0.995 }
                    })
                    .collect();
                let high = trades.iter().copied().fold(f64::MIN, f64::max);
                let low = trades.iter().copied().fold(f64::MAX, f64::min);
                Bar::new([trades[0], high, low, trades[59]])
            })
            .collect();
        assert_close(edge(&bars), 0.010_329_503_112_083_124);
        assert_close(edge(&bars[..24]), 0.010_016_747_529_381_39);
    }

    #[test]
    fn prices_that_never_move_have_no_spread() {
        let flat = [5.0; 6];
        assert_eq!(edge(&bars([&flat, &flat, &flat, &flat])), None);
        assert_eq!(edge(&bars([&[1.0, 1.1], &[1.2, 1.2], &[0.9, 1.0], &[1.1, 1.1]])), None);
    }
}
