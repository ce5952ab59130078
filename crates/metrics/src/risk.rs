//! Values at risk and returns against them (spec 05, 5.3). A value at risk is a return, hence mostly negative.

use burn::tensor::Tensor;

use crate::{
    calendar::Calendar,
    decisive::{self, Percentile},
    formula::{block_ends, block_starts},
    returns,
    series::{Obstacle, SeriesInputs},
};

/// Percentile behind every ratio of return to risk.
pub(crate) const RATIO_PERCENT: f64 = 5.0;

/// Mean over blocks of `days` days of a percentile of the returns from row to row inside the block, `[batch]`.
pub(crate) fn within_blocks(inputs: &SeriesInputs, days: usize, percent: f64) -> Result<Tensor<1>, Obstacle> {
    let values = inputs.all()?;
    let block_rows = inputs.calendar.block_rows(days);
    let percentile = Percentile::of(percent, block_rows - 1);
    let mut columns = Vec::new();
    let mut inside = vec![0.0; block_rows - 1];
    for series in decisive::read(&values)?.chunks_exact(inputs.rows) {
        let mut earlier = Vec::new();
        for (block, block_values) in series.chunks_exact(block_rows).enumerate() {
            for (number, pair) in inside.iter_mut().zip(block_values.windows(2)) {
                *number = (pair[1] - pair[0]) / pair[0];
            }
            earlier.extend(percentile.bracket(&inside).map(|row| (block * block_rows + row) as i64));
        }
        columns.extend(&earlier);
        columns.extend(earlier.iter().map(|row| row + 1));
    }
    let pairs = decisive::gather(values, columns);
    let count = pairs.dims()[1] / 2;
    let earlier = pairs.clone().slice_dim(1, 0..count);
    let later = pairs.slice_dim(1, count..2 * count);
    Ok(percentile.mean((later - earlier.clone()) / earlier))
}

/// Percentile of the returns from one block's last row to the next block's, `[batch]`.
pub(crate) fn from_block_to_block(inputs: &SeriesInputs, days: usize, percent: f64) -> Result<Tensor<1>, Obstacle> {
    let ends = inputs.at(&block_ends(inputs.calendar, days, inputs.rows))?;
    let steps = returns::simple(ends);
    let count = steps.dims()[1];
    let percentile = Percentile::of(percent, count);
    let columns = decisive::read(&steps)?
        .chunks_exact(count)
        .flat_map(|series| percentile.bracket(series))
        .map(|column| column as i64)
        .collect();
    Ok(percentile.mean(decisive::gather(steps, columns)))
}

/// Return per year against the value at risk inside blocks, `[batch]`.
pub(crate) fn return_on_risk(inputs: &SeriesInputs, days: usize) -> Result<Tensor<1>, Obstacle> {
    let at_risk = within_blocks(inputs, days, RATIO_PERCENT)?;
    Ok(against(window_return_per_year(inputs)?, at_risk, inputs, days))
}

/// Mean annualised return of the blocks against `at_risk`, `[batch]`.
pub(crate) fn block_return_on_risk(
    inputs: &SeriesInputs,
    days: usize,
    at_risk: Tensor<1>,
) -> Result<Tensor<1>, Obstacle> {
    let (calendar, rows) = (inputs.calendar, inputs.rows);
    let starts = inputs.at(&block_starts(calendar, days, rows))?;
    let ends = inputs.at(&block_ends(calendar, days, rows))?;
    let growth = returns::compounded(ends / starts, Some(Calendar::blocks_per_year(days)));
    Ok(against(returns::mean(growth), at_risk, inputs, days))
}

/// `(V[-1] / V[0])^F - 1`, `[batch]`; F counts rows, unlike the exponent of `annualised_returns` (spec 05, 5.3).
pub(crate) fn window_return_per_year(inputs: &SeriesInputs) -> Result<Tensor<1>, Obstacle> {
    let ratio = inputs.at_row(inputs.rows - 1)? / inputs.at_row(0)?;
    let exponent = inputs.calendar.windows_per_year(inputs.rows);
    Ok(returns::compounded(ratio, Some(exponent)))
}

/// `-growth / (at_risk * sqrt(F / days))`.
fn against(growth: Tensor<1>, at_risk: Tensor<1>, inputs: &SeriesInputs, days: usize) -> Tensor<1> {
    let scale = (inputs.calendar.windows_per_year(inputs.rows) / days as f64).sqrt();
    growth / at_risk.mul_scalar(-scale)
}
