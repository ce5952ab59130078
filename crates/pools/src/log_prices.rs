//! Logarithms of prices and the two sums over them that the closed form of a block's growth needs (spec 12.1).

use std::sync::{Arc, OnceLock};

use gradpool_market::PriceTable;

/// Below this many steps a plain sum is as fast as the prefix sums, and exact to the last bit or two.
const DIRECT_STEPS: usize = 32;

/// Log prices of a table, with prefix sums along one arbitrage stride.
///
/// The prefix sums restart every day and are taken relative to the day's first row, because one running sum over years
/// loses digits (6e-11 of the log value against rounding, spec 12.1).
#[derive(Clone, Debug)]
pub struct LogPrices {
    assets: usize,
    stride: usize,
    rows_per_day: usize,
    logs: Vec<f64>,
    /// Sum of `log - log at the day's first row` over this row and those `stride`, `2 stride`, ... before it in its day.
    sums: Vec<f64>,
    blocks: Blocks,
    /// Change over one stride; made when first needed.
    changes: OnceLock<Arc<[f64]>>,
}

/// The sums of whole blocks, which windows that start on a block ask for again and again.
#[derive(Clone, Debug, Default)]
struct Blocks {
    /// Rows of a block; 0 where there are none.
    rows: usize,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl LogPrices {
    /// Takes logarithms and prefix sums; `stride` is the number of rows between two arbitrages.
    pub fn new(prices: &PriceTable, stride: usize) -> Self {
        let assets = prices.assets().len();
        let rows_per_day = prices.grid().rows_per_day().max(1);
        let logs: Vec<f64> = prices.prices().iter().map(|price| price.ln()).collect();
        let mut sums = vec![0.0; logs.len()];
        for row in 0..prices.rows() {
            let day_start = row - row % rows_per_day;
            for asset in 0..assets {
                let here = row * assets + asset;
                let before = if row >= day_start + stride { sums[here - stride * assets] } else { 0.0 };
                sums[here] = before + logs[here] - logs[day_start * assets + asset];
            }
        }
        Self { assets, stride, rows_per_day, logs, sums, blocks: Blocks::default(), changes: OnceLock::new() }
    }

    /// The same with the sums of the blocks of `block_rows` rows at hand, if a block is a number of strides.
    #[must_use]
    pub fn with_blocks(mut self, block_rows: usize) -> Self {
        if block_rows.is_multiple_of(self.stride) {
            let count = (self.logs.len() / self.assets).saturating_sub(1) / block_rows;
            let size = count * self.assets;
            let (mut first, mut second) = (Vec::with_capacity(size), Vec::with_capacity(size));
            for block in 0..count {
                self.push_sums(block * block_rows, block_rows / self.stride, &mut first, &mut second);
            }
            self.blocks = Blocks { rows: block_rows, first, second };
        }
        self
    }

    /// Rows between two arbitrages.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// `l_{row + stride} - l_row` for every row that has another one a stride later, `[rows - stride, assets]`. Kept for the
    /// table's own stride.
    pub fn changes(&self, stride: usize) -> Arc<[f64]> {
        let changes = || {
            let later = self.logs.iter().skip(stride * self.assets);
            later.zip(&self.logs).map(|(later, now)| later - now).collect()
        };
        if stride == self.stride { Arc::clone(self.changes.get_or_init(changes)) } else { changes() }
    }

    /// Over `steps` strides from `row` on, per asset: `S0 = l_m - l_0` and `S1 = sum_{t<m} t (l_{t+1} - l_t)`, pushed to
    /// `first` and `second`. `S1 = (m - 1)(l_m - l_0) - sum_{t=1}^{m-1} (l_t - l_0)`.
    pub fn push_sums(&self, row: usize, steps: usize, first: &mut Vec<f64>, second: &mut Vec<f64>) {
        let blocks = &self.blocks;
        if blocks.rows > 0 && steps * self.stride == blocks.rows && row.is_multiple_of(blocks.rows) {
            let block = row / blocks.rows * self.assets..(row / blocks.rows + 1) * self.assets;
            first.extend_from_slice(&blocks.first[block.clone()]);
            second.extend_from_slice(&blocks.second[block]);
            return;
        }
        let end = row + steps * self.stride;
        for asset in 0..self.assets {
            let start = self.at(row, asset);
            let change = self.at(end, asset) - start;
            first.push(change);
            second.push(if steps <= 1 {
                0.0
            } else {
                (steps - 1) as f64 * change - self.sum_relative(row, steps, asset, start)
            });
        }
    }

    fn at(&self, row: usize, asset: usize) -> f64 {
        self.logs[row * self.assets + asset]
    }

    /// `sum_{t=1}^{steps-1} (l_t - start)`.
    fn sum_relative(&self, row: usize, steps: usize, asset: usize, start: f64) -> f64 {
        if steps <= DIRECT_STEPS {
            return (1..steps).map(|t| self.at(row + t * self.stride, asset) - start).sum();
        }
        let first = row + self.stride;
        let mut last = row + (steps - 1) * self.stride;
        let mut total = 0.0;
        loop {
            let day_start = last - last % self.rows_per_day;
            let shift = self.at(day_start, asset) - start;
            let partial = self.sums[last * self.assets + asset];
            if day_start <= first {
                let count = (last - first) / self.stride + 1;
                let before = if first >= day_start + self.stride {
                    self.sums[(first - self.stride) * self.assets + asset]
                } else {
                    0.0
                };
                return total + (partial - before + count as f64 * shift);
            }
            let count = (last - day_start) / self.stride + 1;
            total += partial + count as f64 * shift;
            last -= count * self.stride;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: usize, step_ms: i64, seed: u64) -> PriceTable {
        let column = |salt: u64| {
            let mut price = 100.0;
            (0..rows)
                .map(|row| {
                    let draw = (row as u64 + 1).wrapping_mul(seed + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                    price *= 1.0 + (draw as f64 / f64::from(1 << 24) - 0.5) * 0.01;
                    price
                })
                .collect()
        };
        let grid = gradpool_market::Grid { start_ms: 1_600_041_600_000, step_ms, rows };
        PriceTable::from_columns(&["A".into(), "B".into()], grid, &[column(1), column(77)]).unwrap()
    }

    proptest! {
        #[test]
        fn sums_equal_their_definition(
            start in 0usize..3000,
            steps in 0usize..900,
            stride in 1usize..8,
            seed in 1u64..50,
        ) {
            let prices = table(10_000, 60_000, seed);
            let logs = LogPrices::new(&prices, stride);
            let stored = logs.clone().with_blocks(24 * stride);
            for block in 0..5 {
                let (mut found, mut expected) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
                stored.push_sums(24 * stride * block, 24, &mut found.0, &mut found.1);
                logs.push_sums(24 * stride * block, 24, &mut expected.0, &mut expected.1);
                prop_assert_eq!(found, expected);
            }
            let (mut first, mut second) = (Vec::new(), Vec::new());
            logs.push_sums(start, steps, &mut first, &mut second);
            for asset in 0..2 {
                let at = |t: usize| logs.at(start + t * stride, asset);
                let s0 = at(steps) - at(0);
                let s1: f64 = (0..steps).map(|t| t as f64 * (at(t + 1) - at(t))).sum();
                prop_assert!((first[asset] - s0).abs() < 1e-14);
                prop_assert!((second[asset] - s1).abs() < 1e-13 * (1.0 + steps as f64), "{} {s1}", second[asset]);
            }
        }
    }
}
