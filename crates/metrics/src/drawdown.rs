//! Drawdowns and returns against them (spec 05, 5.2 and 5.3). A drawdown is a fraction and never positive.

use burn::tensor::Tensor;

use crate::{
    decisive, returns, risk,
    series::{Obstacle, SeriesInputs},
};

/// Lowest value relative to the first, `[batch]`.
pub(crate) fn lowest_since_start(inputs: &SeriesInputs) -> Result<Tensor<1>, Obstacle> {
    let start = inputs.at_row(0)?;
    let lowest: Tensor<1> = inputs.all()?.min_dim(1).squeeze_dim(1);
    Ok((lowest - start.clone()) / start)
}

/// Deepest drawdown of the whole window, `[batch]`.
pub(crate) fn maximum(inputs: &SeriesInputs) -> Result<Tensor<1>, Obstacle> {
    Ok(deepest(inputs, inputs.rows)?.squeeze_dim(1))
}

/// Deepest drawdown of every whole block of `days` days, `[batch, blocks]`; the running maximum starts anew in each.
pub(crate) fn deepest_per_block(inputs: &SeriesInputs, days: usize) -> Result<Tensor<2>, Obstacle> {
    deepest(inputs, inputs.calendar.block_rows(days))
}

/// Negated mean over blocks of the root mean square drawdown inside the block, `[batch]`.
pub(crate) fn ulcer(inputs: &SeriesInputs, days: usize) -> Result<Tensor<1>, Obstacle> {
    let values = inputs.all()?;
    let block_rows = inputs.calendar.block_rows(days);
    let blocks = inputs.rows / block_rows;
    let mut columns = Vec::new();
    for series in decisive::read(&values)?.chunks_exact(inputs.rows) {
        for (block, block_values) in series.chunks_exact(block_rows).enumerate() {
            let first = block * block_rows;
            columns.extend(decisive::running_peaks(block_values).map(|row| (first + row) as i64));
        }
    }
    let peaks = decisive::gather(values.clone(), columns);
    let whole = values.slice_dim(1, 0..blocks * block_rows);
    let drawdowns = (whole - peaks.clone()) / peaks;
    let batch = drawdowns.dims()[0];
    let squares = (drawdowns.clone() * drawdowns).reshape([batch, blocks, block_rows]);
    let roots = returns::root(squares.mean_dim(2).squeeze_dim::<2>(2));
    Ok(returns::mean(roots).neg())
}

/// Return per year against the mean deepest drawdown of blocks, `[batch]`.
pub(crate) fn sterling(inputs: &SeriesInputs, days: usize) -> Result<Tensor<1>, Obstacle> {
    let depth = returns::mean(deepest_per_block(inputs, days)?).neg();
    Ok(against_depth(risk::window_return_per_year(inputs)?, depth))
}

/// Return per year against the deepest drawdown of the window, `[batch]`.
pub(crate) fn calmar(inputs: &SeriesInputs) -> Result<Tensor<1>, Obstacle> {
    let depth = maximum(inputs)?.neg();
    Ok(against_depth(risk::window_return_per_year(inputs)?, depth))
}

/// Deepest drawdown of every whole block of `block_rows` rows, `[batch, blocks]`.
fn deepest(inputs: &SeriesInputs, block_rows: usize) -> Result<Tensor<2>, Obstacle> {
    let values = inputs.all()?;
    let blocks = inputs.rows / block_rows;
    let mut columns = Vec::new();
    for series in decisive::read(&values)?.chunks_exact(inputs.rows) {
        let pairs: Vec<[usize; 2]> = series
            .chunks_exact(block_rows)
            .enumerate()
            .map(|(block, block_values)| decisive::deepest_drawdown(block_values).map(|row| block * block_rows + row))
            .collect();
        columns.extend(pairs.iter().map(|[peak, _]| *peak as i64));
        columns.extend(pairs.iter().map(|[_, trough]| *trough as i64));
    }
    let picked = decisive::gather(values, columns);
    let peaks = picked.clone().slice_dim(1, 0..blocks);
    let troughs = picked.slice_dim(1, blocks..2 * blocks);
    Ok((troughs - peaks.clone()) / peaks)
}

/// `growth / depth`, plus infinity (with gradient 0) where the depth is not positive.
fn against_depth(growth: Tensor<1>, depth: Tensor<1>) -> Tensor<1> {
    let none = depth.clone().inner().lower_equal_elem(0.0);
    // Division by the replaced depth keeps 0/0 out of the gradient.
    (growth / depth.mask_fill(none.clone(), 1.0)).mask_fill(none, f64::INFINITY)
}
