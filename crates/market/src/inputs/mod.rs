//! Series beside the prices on their grid: fees, gas, supply of pool shares, and trades of others (spec 06 sec. 6.7).
//!
//! A file is a CSV (`.csv`, or `.csv.gz`) with the column `unix`: seconds, milliseconds, microseconds or nanoseconds of the Unix
//! epoch, told from the size of the numbers as in price files. Rows are in order of time.

mod rows;
mod series;
mod times;
mod trades;

pub use series::{RowSeries, SeriesKind, load_series};
pub use times::load_times;
pub use trades::{Trade, TradeList, load_trades};
