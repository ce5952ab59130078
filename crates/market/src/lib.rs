//! Price tables: what the rest of gradpool learns from and trades against.
//!
//! Prices come from files ([`DataSource`], [`load`]) or are made ([`SynthesisSpec`], [`synthesize`]); both end in a [`PriceTable`]: close
//! prices in USD of several assets on one regular [`Grid`] without holes. [`Periods`] cuts its rows into burn-in, training, validation
//! and test; [`load_supplies`] reads circulating supplies onto the same grid ([`SupplyTable`]),
//! [`load_spreads`] estimates bid-ask spreads for its days ([`SpreadTable`]), [`load_series`] and [`load_trades`] read what else changes from
//! row to row, [`load_times`] when something happens. [`inspect`] says what is wrong with files,
//! [`convert`] brings them into the standard layout.
//!
//! Rows are rows: the step of the grid is known and any that divides a day, so a row index is never a minute.
//!
//! ```
//! use gradpool_market::{Grid, PriceTable, parse_time};
//!
//! let grid = Grid::new(parse_time("2023-01-01")?, 3_600_000, 3)?;
//! let assets = ["ETH".to_owned(), "BTC".to_owned()];
//! let table = PriceTable::from_columns(&assets, grid, &[vec![1200.0, 1201.0, 1199.0], vec![16_500.0, 16_550.0, 16_540.0]])?;
//! assert_eq!(table.assets(), ["BTC", "ETH"]);
//! assert_eq!(table.row(1), [16_550.0, 1201.0]);
//! # Ok::<(), gradpool_market::MarketError>(())
//! ```

mod check;
mod column;
mod convert;
mod error;
mod extent;
mod grid;
mod inputs;
mod inspect;
mod load;
mod origin;
mod periods;
mod ranges;
mod read;
mod source;
mod spacing;
mod spread;
mod supply;
mod synthesize;
mod table;
mod time;
mod write;

pub use convert::{ConvertOptions, ConvertedFile, convert};
pub use error::{MarketError, Place};
pub use grid::Grid;
pub use inputs::{RowSeries, SeriesKind, Trade, TradeList, load_series, load_times, load_trades};
pub use inspect::{AssetInspection, CommonSpan, Inspection, MissingRows, RowProblem, inspect, inspect_path};
pub use load::{load, load_range};
pub use origin::AssetOrigin;
pub use periods::{PeriodSpec, Periods};
pub use source::{CASH, DataSource, FileSpec, Gaps, OffGrid, TimeUnit};
pub use spread::{SpreadTable, load_spreads};
pub use supply::{SupplyTable, load_supplies};
pub use synthesize::{PerAsset, Regime, SynthesisSpec, synthesize};
pub use table::{PriceTable, alphabetical_order};
pub use time::{DAY_MS, MINUTE_MS, Step, format_time, parse_time};
pub use write::{FileFormat, write_table};
