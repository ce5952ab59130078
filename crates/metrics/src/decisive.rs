//! Percentiles and drawdowns depend on few rows: which ones is decided here, on the host, from the numbers alone.
//!
//! The graph then gathers those rows only. That costs one scan instead of a sort, a running maximum and a handful of
//! full-length operations with their gradients; burn's own sort reads a GPU tensor back to the host as well.
//! The gradient is the one of sorting: a percentile or a minimum moves with the rows that decide it.

use burn::tensor::{Int, Tensor, TensorData};

use crate::series::Obstacle;

/// Reads a tensor `[batch, count]` back as row-major f64 numbers.
pub(crate) fn read<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f64>, Obstacle> {
    tensor.clone().inner().try_into_vec_as::<f64>().map_err(|error| Obstacle::Read(error.to_string()))
}

/// The entries of `values` `[batch, rows]` at `columns` (row-major, the same number for every batch entry).
pub(crate) fn gather(values: Tensor<2>, columns: Vec<i64>) -> Tensor<2> {
    let batch = values.dims()[0];
    let shape = [batch, columns.len() / batch];
    let columns = Tensor::<2, Int>::from_data(TensorData::new(columns, shape), &values.device());
    values.gather(1, columns)
}

/// A percentile of `count` numbers: linear interpolation at rank `percent / 100 * (count - 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percentile {
    lower: usize,
    upper_weight: f64,
}

impl Percentile {
    /// `count` is at least 1.
    pub(crate) fn of(percent: f64, count: usize) -> Self {
        let rank = percent / 100.0 * (count - 1) as f64;
        let lower = rank.floor();
        Self { lower: lower as usize, upper_weight: rank - lower }
    }

    /// Positions of the two numbers between which the percentile lies; of a NaN, if there is one.
    pub(crate) fn bracket(self, numbers: &[f64]) -> [usize; 2] {
        if let Some(position) = numbers.iter().position(|number| number.is_nan()) {
            return [position; 2];
        }
        // Equal numbers in the order of their rows, so that the gradient does not depend on the selection algorithm.
        let compare = |left: &usize, right: &usize| numbers[*left].total_cmp(&numbers[*right]).then(left.cmp(right));
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        let (_, &mut lower, above) = order.select_nth_unstable_by(self.lower, compare);
        let upper = above.iter().copied().min_by(compare).unwrap_or(lower);
        [lower, upper]
    }

    /// Mean of percentiles `[batch]` from their bracketing numbers `[batch, 2 * percentiles]`, lower and upper in turn.
    pub(crate) fn mean(self, brackets: Tensor<2>) -> Tensor<1> {
        let columns = brackets.dims()[1];
        let percentiles = (columns / 2) as f64;
        let pair = [(1.0 - self.upper_weight) / percentiles, self.upper_weight / percentiles];
        let weights: Vec<f64> = pair.into_iter().cycle().take(columns).collect();
        let weights =
            Tensor::<2>::from_data(TensorData::new(weights, [1, columns]), (&brackets.device(), brackets.dtype()));
        (brackets * weights).sum_dim(1).squeeze_dim(1)
    }
}

/// Position of the maximum up to every row; of the first NaN from there on.
pub(crate) fn running_peaks(values: &[f64]) -> impl Iterator<Item = usize> + '_ {
    let mut peak = 0;
    values.iter().enumerate().map(move |(row, &value)| {
        if value > values[peak] || (value.is_nan() && !values[peak].is_nan()) {
            peak = row;
        }
        peak
    })
}

/// Positions of the peak and the trough of the deepest drawdown; of a NaN, if there is one.
pub(crate) fn deepest_drawdown(values: &[f64]) -> [usize; 2] {
    let mut deepest = [0, 0];
    let mut depth = 0.0;
    for (row, peak) in running_peaks(values).enumerate() {
        let drawdown = (values[row] - values[peak]) / values[peak];
        if drawdown.is_nan() {
            return [peak, row];
        }
        if drawdown < depth {
            depth = drawdown;
            deepest = [peak, row];
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_between_the_two_numbers_around_its_rank() {
        let numbers = [3.0, 1.0, 2.0, 5.0, 4.0];
        assert_eq!(Percentile::of(50.0, 5).bracket(&numbers), [0, 4]);
        assert_eq!(Percentile::of(5.0, 5).bracket(&numbers), [1, 2]);
        assert_eq!(Percentile::of(5.0, 1).bracket(&numbers[..1]), [0, 0]);
        assert_eq!(Percentile::of(5.0, 3).bracket(&[1.0, f64::NAN, 0.0]), [1, 1]);
    }

    #[test]
    fn equal_numbers_are_taken_in_the_order_of_their_rows() {
        assert_eq!(Percentile::of(5.0, 4).bracket(&[1.0; 4]), [0, 1]);
    }

    #[test]
    fn the_deepest_drawdown_starts_at_the_peak_before_it() {
        assert_eq!(deepest_drawdown(&[1.0, 4.0, 3.0, 5.0, 2.0, 6.0]), [3, 4]);
        assert_eq!(deepest_drawdown(&[1.0, 2.0, 3.0]), [0, 0]);
        assert_eq!(deepest_drawdown(&[1.0, f64::NAN, 3.0]), [1, 1]);
    }
}
