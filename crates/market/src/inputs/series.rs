//! A quantity that holds until it is observed anew, as one value per row of a grid.

use std::path::{Path, PathBuf};

use super::rows::{Cell, Rows};
use crate::error::Place;
use crate::{Grid, MarketError};

const BASIS_POINTS: &str = "bps";
const BASIS_POINTS_IN_ONE: f64 = 10_000.0;
const EXPECTED_FRACTION: &str =
    "a fraction from 0 up to, not including, 1 (0.003 is 0.3 %; basis points have the column bps)";
const EXPECTED_BASIS_POINTS: &str = "basis points from 0 up to, not including, 10000 (30 is 0.3 %)";
const EXPECTED_COST: &str = "a finite number, 0 or more";
const EXPECTED_SUPPLY: &str = "a finite number above 0";

/// What a file of observations is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesKind {
    /// Swap fee: column `fees`, a fraction, or `bps`.
    Fees,
    /// Cost of one arbitrage: column `trade_gas_cost_usd` or `USD`.
    GasCost,
    /// The arbitrageur's own cost: column `arb_fees`, a fraction, or `bps`.
    ArbitrageFees,
    /// Supply of pool shares: column `lp_supply`.
    LpSupply,
}

impl SeriesKind {
    /// Names that the column of the value may have; the first that the file has counts.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Fees => &["fees", BASIS_POINTS],
            Self::GasCost => &["trade_gas_cost_usd", "USD"],
            Self::ArbitrageFees => &["arb_fees", BASIS_POINTS],
            Self::LpSupply => &["lp_supply"],
        }
    }

    fn value(self, cell: Cell<'_>, place: &Place) -> Result<f64, MarketError> {
        match self {
            Self::Fees | Self::ArbitrageFees if cell.column == BASIS_POINTS => {
                let fits = |number: f64| (0.0..BASIS_POINTS_IN_ONE).contains(&number);
                Ok(cell.number(fits, EXPECTED_BASIS_POINTS, place)? / BASIS_POINTS_IN_ONE)
            }
            Self::Fees | Self::ArbitrageFees => {
                cell.number(|number| (0.0..1.0).contains(&number), EXPECTED_FRACTION, place)
            }
            Self::GasCost => cell.number(|number| number >= 0.0, EXPECTED_COST, place),
            Self::LpSupply => cell.number(|number| number > 0.0, EXPECTED_SUPPLY, place),
        }
    }
}

/// A step function on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSeries {
    /// The file that it comes from.
    pub file: PathBuf,
    /// One value per row of the grid. Fees are fractions.
    pub values: Vec<f64>,
    /// Time of the first observation, milliseconds of the Unix epoch.
    pub first_ms: i64,
    /// Rows before the first observation. They have its value.
    pub rows_before: usize,
}

/// Reads observations and lays them on a grid: each row has the last value observed at or before its time, and rows before the first
/// observation have the first value. Zero is a value like any other. (The reference overwrites zeros, and puts the first value
/// wherever there is no observation: T6.5.)
///
/// # Errors
/// [`MarketError::InputFile`] for a file that cannot be read or has no row, a column that is missing, times that are unreadable, unsorted
/// or repeated, and values that are no numbers in the range of their kind.
pub fn load_series(path: &Path, kind: SeriesKind, grid: &Grid) -> Result<RowSeries, MarketError> {
    read(path, kind, grid).map_err(|defect| MarketError::InputFile { defect: Box::new(defect) })
}

fn read(path: &Path, kind: SeriesKind, grid: &Grid) -> Result<RowSeries, MarketError> {
    let rows = Rows::read(path, [kind.columns()], |[cell], place| kind.value(cell, place))?;
    rows.check_rising()?;
    let (Some(&first_ms), Some(&first)) = (rows.times.first(), rows.values.first()) else {
        return Err(MarketError::Empty { file: path.to_owned() });
    };
    let newest: Vec<Option<usize>> = grid.newest(&rows.times).collect();
    Ok(RowSeries {
        file: path.to_owned(),
        values: newest.iter().map(|newest| newest.map_or(first, |index| rows.values[index])).collect(),
        first_ms,
        rows_before: newest.iter().filter(|newest| newest.is_none()).count(),
    })
}
