//! A batch of value series and what metrics need beside it.

use burn::tensor::{Int, Slice, Tensor, TensorData};

use crate::{calendar::Calendar, error::MetricError, metric::Metric};

/// A batch of value series over windows of the same number of rows, sampled at the same rows.
///
/// Gradients flow through `values` only. The hold benchmarks are constants: reserves and prices lose
/// their graph (spec 05, 5.2: sg).
#[derive(Clone, Debug)]
pub struct SeriesInputs {
    /// Pool value at the sampled rows `[batch, samples]`, in the numeraire.
    pub values: Tensor<2>,
    /// Row index of every sample, rising strictly; may hold more rows than a metric needs.
    pub sample_rows: Vec<usize>,
    /// `m`: rows of the window.
    pub rows: usize,
    /// Days and years in rows.
    pub calendar: Calendar,
    /// Reserves at the window's first row `[batch, asset]`, in units of the asset.
    pub initial_reserves: Tensor<2>,
    /// Prices at the window's first row `[batch, asset]`.
    pub first_prices: Tensor<2>,
    /// Prices at the window's last row `[batch, asset]`.
    pub last_prices: Tensor<2>,
    /// Fee revenue summed over the window `[batch]`, in the numeraire; `None` for pools without fee revenue.
    pub fee_revenue: Option<Tensor<1>>,
}

/// What kept a formula from its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The value at this row was not sampled.
    MissingRow(usize),
    /// The device did not give its numbers back.
    Read(String),
}

impl Obstacle {
    /// The error of the metric that met it.
    pub(crate) fn of(self, metric: Metric) -> MetricError {
        match self {
            Self::MissingRow(row) => MetricError::MissingRow { metric, row },
            Self::Read(cause) => MetricError::Read { metric, cause },
        }
    }
}

impl SeriesInputs {
    /// The same numbers without any graph, for evaluation.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            values: self.values.clone().inner(),
            sample_rows: self.sample_rows.clone(),
            rows: self.rows,
            calendar: self.calendar,
            initial_reserves: self.initial_reserves.clone().inner(),
            first_prices: self.first_prices.clone().inner(),
            last_prices: self.last_prices.clone().inner(),
            fee_revenue: self.fee_revenue.clone().map(Tensor::inner),
        }
    }

    pub(crate) fn check(&self) -> Result<(), MetricError> {
        let [batch, samples] = self.values.dims();
        if batch == 0 || samples == 0 {
            return Err(MetricError::Empty);
        }
        expect_shape("values", &[batch, self.sample_rows.len()], &self.values.dims())?;
        let assets = self.initial_reserves.dims()[1];
        for (name, tensor) in [
            ("initial_reserves", &self.initial_reserves),
            ("first_prices", &self.first_prices),
            ("last_prices", &self.last_prices),
        ] {
            expect_shape(name, &[batch, assets], &tensor.dims())?;
        }
        if let Some(revenue) = &self.fee_revenue {
            expect_shape("fee_revenue", &[batch], &revenue.dims())?;
        }
        let mut lowest_allowed = 0;
        for (position, &row) in self.sample_rows.iter().enumerate() {
            if row < lowest_allowed || row >= self.rows {
                return Err(MetricError::SampleRows { position, row, rows: self.rows });
            }
            lowest_allowed = row + 1;
        }
        Ok(())
    }

    /// Values of all rows `[batch, rows]`.
    pub(crate) fn all(&self) -> Result<Tensor<2>, Obstacle> {
        if self.sample_rows.len() == self.rows {
            return Ok(self.values.clone());
        }
        let missing = (0..self.rows).zip(&self.sample_rows).find(|(row, sampled)| row != *sampled);
        Err(Obstacle::MissingRow(missing.map_or(self.sample_rows.len(), |(row, _)| row)))
    }

    /// Values at these rows `[batch, rows.len()]`; `rows` rises strictly and is not empty.
    pub(crate) fn at(&self, rows: &[usize]) -> Result<Tensor<2>, Obstacle> {
        if rows == self.sample_rows {
            return Ok(self.values.clone());
        }
        let positions = rows
            .iter()
            .map(|row| self.sample_rows.binary_search(row).map_err(|_| Obstacle::MissingRow(*row)))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(slice) = regular_slice(&positions) {
            return Ok(self.values.clone().slice_dim(1, slice));
        }
        let indices: Vec<i64> = positions.into_iter().map(|position| position as i64).collect();
        let count = indices.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &self.values.device());
        Ok(self.values.clone().select(1, indices))
    }

    /// Values at one row `[batch]`.
    pub(crate) fn at_row(&self, row: usize) -> Result<Tensor<1>, Obstacle> {
        Ok(self.at(&[row])?.squeeze_dim(1))
    }

    /// NaN for every batch entry, part of the graph like any other result.
    pub(crate) fn undefined(&self) -> Tensor<1> {
        let first: Tensor<1> = self.values.clone().slice_dim(1, 0..1).squeeze_dim(1);
        first.mul_scalar(f64::NAN)
    }
}

/// The slice that visits `positions`, if they are evenly spaced.
fn regular_slice(positions: &[usize]) -> Option<Slice> {
    let (&first, &last) = (positions.first()?, positions.last()?);
    let step = positions.get(1).map_or(1, |second| second - first);
    positions
        .windows(2)
        .all(|pair| pair[1] - pair[0] == step)
        .then(|| Slice::new(first as isize, Some(last as isize + 1), step as isize))
}

fn expect_shape(name: &'static str, expected: &[usize], found: &[usize]) -> Result<(), MetricError> {
    if expected == found {
        return Ok(());
    }
    Err(MetricError::Shape { name, expected: expected.to_vec(), found: found.to_vec() })
}
