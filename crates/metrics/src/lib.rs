//! Objectives and evaluation metrics of a pool's value series as tensor functions.
//!
//! Every figure has one definition here, whichever way the series was computed and whatever it is used for: a
//! training objective (its gradient reaches the values and through them every parameter), a validation figure or a line
//! of a report. All metrics are maximised.
//!
//! ```
//! use burn::tensor::{DType, Device, Tensor, TensorData};
//! use gradpool_metrics::{Calendar, Metric, SeriesInputs};
//!
//! let device = Device::flex();
//! let tensor = |numbers: Vec<f64>, columns| {
//!     Tensor::<2>::from_data(TensorData::new(numbers, [1, columns]), (&device, DType::F64))
//! };
//! let inputs = SeriesInputs {
//!     values: tensor(vec![100.0, 104.0, 110.0], 3),
//!     sample_rows: vec![0, 1, 2],
//!     rows: 3,
//!     calendar: Calendar::from_step_ms(86_400_000)?,
//!     initial_reserves: tensor(vec![50.0, 1.0], 2),
//!     first_prices: tensor(vec![1.0, 50.0], 2),
//!     last_prices: tensor(vec![1.0, 60.0], 2),
//!     fee_revenue: None,
//! };
//! let metric = Metric::parse("returns")?;
//! let value = metric.evaluate(&inputs)?.into_scalar::<f64>();
//! assert!((value - 0.1).abs() < 1e-15);
//! # Ok::<(), gradpool_metrics::MetricError>(())
//! ```
//!
//! Shapes: values are `[batch, samples]`, reserves and prices of one row `[batch, asset]`, a metric is `[batch]`.
//! Standard deviations divide by the count; percentiles interpolate linearly at rank `percent / 100 * (count - 1)`.
//! `V` in formulas is the value series with rows `0..m`, `D` the rows of a block of days, `V_k` the k-th of the `K`
//! whole blocks (a last block that is not whole is dropped).
//!
//! Metrics that only look at some rows say so ([`Metric::sampling`]), so a pool whose value has a closed form computes
//! nothing in between. Percentiles and drawdowns depend on a few rows per block only: which ones is found on the
//! host, and the tensor graph holds nothing but those.

mod calendar;
mod decisive;
mod drawdown;
mod error;
mod formula;
mod metric;
mod returns;
mod risk;
mod sampling;
mod series;
mod turnover;
mod value;

pub use calendar::Calendar;
pub use error::MetricError;
pub use metric::Metric;
pub use sampling::Sampling;
pub use series::SeriesInputs;
pub use turnover::{turnover, value_shares};
pub use value::{MetricValue, MetricValues, evaluate_all, reasons};
