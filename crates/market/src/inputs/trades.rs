//! Trades of others with a pool.

use std::path::{Path, PathBuf};

use super::rows::{Cell, Rows};
use crate::error::{Place, nearest_name};
use crate::{Grid, MarketError};

const EXPECTED_AMOUNT: &str = "a finite number of token_in, 0 or more";
const EXPECTED_OTHER: &str = "another token than token_in";

/// An exact amount of one token for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Row of the grid.
    pub row: usize,
    /// Position of the token that is paid in.
    pub token_in: usize,
    /// Position of the token that is taken out.
    pub token_out: usize,
    /// Units of the token that is paid in, fee included.
    pub amount_in: f64,
}

/// The trades of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeList {
    /// The file that they come from.
    pub file: PathBuf,
    /// Those on the grid, in order of time.
    pub trades: Vec<Trade>,
    /// Number of trades before the first row.
    pub before: usize,
    /// Number of trades at or after the end of the last row.
    pub after: usize,
}

/// Reads trades of `assets`, whose positions they name, in order of time; several may be at one time. A trade belongs to the row that it
/// falls into, the last one at or before its time (the reference wants a row at exactly its time, and takes the last trade of a
/// row only). Trades outside the grid are counted and left out.
///
/// # Errors
/// [`MarketError::InputFile`] for a file that cannot be read, a column that is missing, times that are unreadable or unsorted, amounts that
/// are no numbers at or above 0, tokens that are not among the assets (the reference takes the first asset), and trades of a token
/// for itself.
pub fn load_trades(path: &Path, assets: &[String], grid: &Grid) -> Result<TradeList, MarketError> {
    read(path, assets, grid).map_err(|defect| MarketError::InputFile { defect: Box::new(defect) })
}

fn read(path: &Path, assets: &[String], grid: &Grid) -> Result<TradeList, MarketError> {
    let columns: [&[&str]; 3] = [&["token_in"], &["token_out"], &["amount_in"]];
    let rows = Rows::read(path, columns, |[token_in, token_out, amount_in], place| {
        let trade = Trade {
            row: 0,
            token_in: position(token_in, assets, place)?,
            token_out: position(token_out, assets, place)?,
            amount_in: amount_in.number(|number| number >= 0.0, EXPECTED_AMOUNT, place)?,
        };
        if trade.token_in == trade.token_out {
            return Err(place.unreadable(token_out.text, token_out.column, EXPECTED_OTHER));
        }
        Ok(trade)
    })?;
    let mut list = TradeList { file: path.to_owned(), trades: Vec::new(), before: 0, after: 0 };
    if let Some(index) = (1..rows.times.len()).find(|&index| rows.times[index] < rows.times[index - 1]) {
        rows.place(index).follows(rows.times[index - 1])?;
    }
    for (&time_ms, trade) in rows.times.iter().zip(&rows.values) {
        match usize::try_from((time_ms - grid.start_ms).div_euclid(grid.step_ms)) {
            Err(_) => list.before += 1,
            Ok(row) if row >= grid.rows => list.after += 1,
            Ok(row) => list.trades.push(Trade { row, ..*trade }),
        }
    }
    Ok(list)
}

fn position(cell: Cell<'_>, assets: &[String], place: &Place) -> Result<usize, MarketError> {
    assets.iter().position(|asset| asset == cell.text).ok_or_else(|| MarketError::UnknownToken {
        place: Box::new(place.clone()),
        column: cell.column.to_owned(),
        token: cell.text.to_owned(),
        assets: assets.to_vec(),
        nearest: nearest_name(cell.text, assets),
    })
}
