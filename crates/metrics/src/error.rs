//! What can be wrong with a metric's name or inputs.

use crate::metric::Metric;

/// Why a metric could not be found or computed.
///
/// A series that is merely too short or constant is not an error: its metric is NaN or infinite, and
/// [`MetricValue`](crate::MetricValue) says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// No metric has this name.
    #[error("unknown metric `{name}`: the nearest valid name is `{nearest}`")]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The valid name with the smallest edit distance.
        nearest: &'static str,
    },
    /// Days cannot be counted in whole rows.
    #[error(
        "a step of {step_ms} ms does not divide a day: metrics count whole days, so the step must be positive and \
         divide 86400000 ms (1 minute, 1 hour and 1 day do)"
    )]
    Step {
        /// Time between two rows in milliseconds.
        step_ms: i64,
    },
    /// The series was not computed at a row that the metric needs.
    #[error("metric `{metric}` needs the value at row {row}, which is not among the sampled rows")]
    MissingRow {
        /// The metric that was evaluated.
        metric: Metric,
        /// Row index, 0 = first row of the window.
        row: usize,
    },
    /// The numbers of a tensor could not be read back from the device.
    #[error("metric `{metric}`: reading values back from the device failed: {cause}")]
    Read {
        /// The metric that was evaluated.
        metric: Metric,
        /// What the device said.
        cause: String,
    },
    /// The list of sampled rows is not rising or leaves the window.
    #[error("sample_rows[{position}] = {row}: sampled rows must rise strictly and stay below the window's {rows} rows")]
    SampleRows {
        /// Position in `sample_rows`.
        position: usize,
        /// The offending row index.
        row: usize,
        /// Rows of the window.
        rows: usize,
    },
    /// A tensor has another shape than the rest of the inputs imply.
    #[error("`{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Field of [`SeriesInputs`](crate::SeriesInputs).
        name: &'static str,
        /// Shape implied by the other inputs.
        expected: Vec<usize>,
        /// Shape that was given.
        found: Vec<usize>,
    },
    /// There is no value at all.
    #[error("the value series is empty: a metric needs at least one row and one batch entry")]
    Empty,
}
