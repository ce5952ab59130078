//! The formulas behind the names: which rows they need, when they are undefined, and where they are computed.

use burn::tensor::Tensor;

use crate::{
    calendar::Calendar,
    drawdown, returns, risk,
    sampling::Sampling,
    series::{Obstacle, SeriesInputs},
};

/// What the final value is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Benchmark {
    /// The value at the first row.
    Start,
    /// The initial reserves at the last prices.
    Hold,
    /// Equal shares of the initial value, bought at the first and valued at the last prices.
    UniformHold,
}

/// A metric's formula; several names share one with another block length or percentage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Formula {
    FinalValue,
    RowSharpe,
    DailySharpe,
    DailyLogSharpe,
    Growth { benchmark: Benchmark, annualised: bool },
    LowestSinceStart,
    MaximumDrawdown,
    BlockDrawdown { days: usize },
    ValueAtRisk { days: usize, percent: f64 },
    ValueAtRiskOfBlocks { days: usize, percent: f64 },
    ReturnOnRisk { days: usize },
    BlockReturnOnRisk { days: usize },
    BlockReturnOnRiskOfBlocks { days: usize },
    Ulcer { days: usize },
    Sterling { days: usize },
    Calmar,
    FeeRevenueOverValue,
}

impl Formula {
    pub(crate) fn sampling(self, calendar: Calendar, rows: usize) -> Sampling {
        let last = rows.saturating_sub(1);
        let rows = match self {
            Self::RowSharpe
            | Self::LowestSinceStart
            | Self::MaximumDrawdown
            | Self::BlockDrawdown { .. }
            | Self::ValueAtRisk { .. }
            | Self::ReturnOnRisk { .. }
            | Self::BlockReturnOnRisk { .. }
            | Self::Ulcer { .. }
            | Self::Sterling { .. }
            | Self::Calmar => return Sampling::All,
            Self::DailySharpe | Self::DailyLogSharpe => day_starts(calendar, rows),
            Self::Growth { benchmark: Benchmark::Start, .. } | Self::FeeRevenueOverValue => vec![0, last],
            Self::Growth { .. } | Self::FinalValue => vec![last],
            Self::ValueAtRiskOfBlocks { days, .. } => block_ends(calendar, days, rows),
            Self::BlockReturnOnRiskOfBlocks { days } => {
                let mut needed = block_starts(calendar, days, rows);
                needed.extend(block_ends(calendar, days, rows));
                needed
            }
        };
        // Too short for the metric: its NaN still takes its shape from some row.
        Sampling::from_rows(if rows.is_empty() { vec![0] } else { rows })
    }

    /// Why a series of `rows` rows is too short for the formula, if it is.
    pub(crate) fn shortage(self, calendar: Calendar, rows: usize) -> Option<String> {
        let within = |days| within_blocks(calendar, days, rows);
        match self {
            Self::RowSharpe | Self::Growth { annualised: true, .. } if rows < 2 => {
                Some("fewer than two rows".to_owned())
            }
            Self::DailySharpe | Self::DailyLogSharpe if rows <= calendar.rows_per_day => {
                Some("fewer than two daily values".to_owned())
            }
            Self::BlockDrawdown { days } | Self::Ulcer { days } | Self::Sterling { days } => {
                (calendar.block_rows(days) > rows).then(|| fewer_than("one block", days))
            }
            Self::ValueAtRisk { days, .. } | Self::ReturnOnRisk { days } | Self::BlockReturnOnRisk { days } => {
                within(days)
            }
            Self::ValueAtRiskOfBlocks { days, .. } | Self::BlockReturnOnRiskOfBlocks { days } => {
                (2 * calendar.block_rows(days) > rows).then(|| fewer_than("two blocks", days))
            }
            _ => None,
        }
    }

    /// The metric `[batch]`; NaN where the series is too short.
    pub(crate) fn evaluate(self, inputs: &SeriesInputs) -> Result<Tensor<1>, Obstacle> {
        let (calendar, rows) = (inputs.calendar, inputs.rows);
        if self.shortage(calendar, rows).is_some() {
            return Ok(inputs.undefined());
        }
        match self {
            Self::FinalValue => inputs.at_row(rows - 1),
            Self::RowSharpe => {
                Ok(returns::sharpe(returns::simple(inputs.all()?)).mul_scalar(calendar.row_sharpe_factor()))
            }
            Self::DailySharpe => {
                let daily = inputs.at(&day_starts(calendar, rows))?;
                Ok(returns::sharpe(returns::simple(daily)).mul_scalar(Calendar::daily_sharpe_factor()))
            }
            Self::DailyLogSharpe => {
                let daily = inputs.at(&day_starts(calendar, rows))?;
                Ok(returns::guarded_log_sharpe(daily).mul_scalar(Calendar::daily_sharpe_factor()))
            }
            Self::Growth { benchmark, annualised } => {
                let exponent = annualised.then(|| calendar.annual_exponent(rows));
                let ratio = inputs.at_row(rows - 1)? / returns::benchmark(inputs, benchmark)?;
                Ok(returns::compounded(ratio, exponent))
            }
            Self::LowestSinceStart => drawdown::lowest_since_start(inputs),
            Self::MaximumDrawdown => drawdown::maximum(inputs),
            Self::BlockDrawdown { days } => Ok(drawdown::deepest_per_block(inputs, days)?.min_dim(1).squeeze_dim(1)),
            Self::ValueAtRisk { days, percent } => risk::within_blocks(inputs, days, percent),
            Self::ValueAtRiskOfBlocks { days, percent } => risk::from_block_to_block(inputs, days, percent),
            Self::ReturnOnRisk { days } => risk::return_on_risk(inputs, days),
            Self::BlockReturnOnRisk { days } => {
                let at_risk = risk::within_blocks(inputs, days, risk::RATIO_PERCENT)?;
                risk::block_return_on_risk(inputs, days, at_risk)
            }
            Self::BlockReturnOnRiskOfBlocks { days } => {
                let at_risk = risk::from_block_to_block(inputs, days, risk::RATIO_PERCENT)?;
                risk::block_return_on_risk(inputs, days, at_risk)
            }
            Self::Ulcer { days } => drawdown::ulcer(inputs, days),
            Self::Sterling { days } => drawdown::sterling(inputs, days),
            Self::Calmar => drawdown::calmar(inputs),
            Self::FeeRevenueOverValue => {
                let start = inputs.at_row(0)?;
                Ok(match &inputs.fee_revenue {
                    Some(revenue) => revenue.clone() / start,
                    None => start.zeros_like(),
                })
            }
        }
    }
}

/// Why returns inside blocks of `days` days do not exist, if they do not.
fn within_blocks(calendar: Calendar, days: usize, rows: usize) -> Option<String> {
    let block_rows = calendar.block_rows(days);
    if block_rows > rows {
        Some(fewer_than("one block", days))
    } else if block_rows < 2 {
        Some(format!("no returns inside a block of {}: it has one row", day_count(days)))
    } else {
        None
    }
}

fn fewer_than(count: &str, days: usize) -> String {
    format!("fewer than {count} of {}", day_count(days))
}

fn day_count(days: usize) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Rows 0, day, 2 days, ...
fn day_starts(calendar: Calendar, rows: usize) -> Vec<usize> {
    (0..rows).step_by(calendar.rows_per_day).collect()
}

/// First rows of the whole blocks.
pub(crate) fn block_starts(calendar: Calendar, days: usize, rows: usize) -> Vec<usize> {
    let block_rows = calendar.block_rows(days);
    (0..rows / block_rows).map(|block| block * block_rows).collect()
}

/// Last rows of the whole blocks.
pub(crate) fn block_ends(calendar: Calendar, days: usize, rows: usize) -> Vec<usize> {
    let last = calendar.block_rows(days) - 1;
    block_starts(calendar, days, rows).into_iter().map(|start| start + last).collect()
}
