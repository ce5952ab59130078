//! What price files hold and what is wrong with them, without refusing anything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::{Finding, Gap, check};
use crate::error::Place;
use crate::extent::Extent;
use crate::read::Series;
use crate::source::{CASH, DataSource, FileSpec};
use crate::spacing::Spacing;
use crate::time::{DAY_MS, format_duration, format_time};
use crate::{MarketError, Step};

/// Problems of one kind that are listed one by one; beyond that they are counted.
const LISTED: usize = 20;

/// What the files of a data source hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// One entry per asset, alphabetical.
    pub assets: Vec<AssetInspection>,
    /// The times that all readable assets have in common; absent if there are none.
    pub common: Option<CommonSpan>,
}

impl Inspection {
    /// Whether every file is readable and [`crate::load`] would need neither `gaps = "ffill"` nor `off_grid = "drop"` for any of them alone.
    pub fn is_clean(&self) -> bool {
        self.assets.iter().all(AssetInspection::is_clean)
    }
}

/// Times between the latest first and the earliest last row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CommonSpan {
    /// First common time.
    pub first_time: String,
    /// Last common time.
    pub last_time: String,
    /// Grid times from first to last; absent if the assets have different steps.
    pub rows: Option<usize>,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssetInspection {
    /// The asset.
    pub asset: String,
    /// Its file; absent for the constant cash leg, or if there is none.
    pub file: Option<PathBuf>,
    /// Why the file cannot be read at all; everything below is then empty.
    pub error: Option<String>,
    /// Rows that have a time and a price cell that is not empty.
    pub rows: usize,
    /// Earliest time, UTC.
    pub first_time: Option<String>,
    /// Latest time, UTC.
    pub last_time: Option<String>,
    /// Most frequent spacing, such as `1 min`; absent if it cannot be told.
    pub step: Option<String>,
    /// Most frequent spacing in minutes.
    pub step_min: Option<f64>,
    /// Rows that a grid from the first to the last time has.
    pub grid_rows: usize,
    /// Days that this grid covers, each row standing for one step.
    pub days: f64,
    /// Whether these are whole days.
    pub whole_days: bool,
    /// Grid rows that are missing.
    pub missing_rows: usize,
    /// Missing rows as a share of the grid.
    pub missing_share: f64,
    /// Rows that the file itself marks as carried forward.
    pub filled_rows: usize,
    /// Those as a share of the rows.
    pub filled_share: f64,
    /// Number of runs of missing rows.
    pub gap_count: usize,
    /// The first 20 of them.
    pub gaps: Vec<MissingRows>,
    /// The longest of them.
    pub longest_gap: Option<MissingRows>,
    /// Rows whose time occurs before.
    pub duplicate_count: usize,
    /// The first 20 of them.
    pub duplicates: Vec<RowProblem>,
    /// Rows earlier than a row before them.
    pub unsorted_count: usize,
    /// The first 20 of them.
    pub unsorted: Vec<RowProblem>,
    /// Rows between two grid times.
    pub off_grid_count: usize,
    /// The first 20 of them.
    pub off_grid: Vec<RowProblem>,
    /// Rows whose price is not a finite number above zero.
    pub bad_price_count: usize,
    /// The first 20 of them.
    pub bad_prices: Vec<RowProblem>,
    /// Rows whose time cannot be read.
    pub bad_time_count: usize,
    /// The first 20 of them.
    pub bad_times: Vec<RowProblem>,
}

impl AssetInspection {
    /// Whether the file is readable and nothing in it is wrong.
    pub fn is_clean(&self) -> bool {
        let counts = [
            self.gap_count,
            self.duplicate_count,
            self.unsorted_count,
            self.off_grid_count,
            self.bad_price_count,
            self.bad_time_count,
        ];
        self.error.is_none() && counts.iter().all(|count| *count == 0)
    }
}

/// A run of missing rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MissingRows {
    /// First missing time.
    pub from: String,
    /// Last missing time.
    pub to: String,
    /// Number of missing rows.
    pub rows: usize,
}

/// A row with a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RowProblem {
    /// Data row, from 1.
    pub row: u64,
    /// Line of the file, for text files.
    pub line: Option<u64>,
    /// Time of the row, if it has one.
    pub time: Option<String>,
    /// What is wrong, in words.
    pub problem: String,
}

/// Looks at every file of a source. Bad data and missing files are findings, not errors.
///
/// # Errors
/// [`MarketError::InvalidAssets`] for an impossible list of assets.
pub fn inspect(source: &DataSource) -> Result<Inspection, MarketError> {
    let mut spans = Vec::new();
    let mut assets = Vec::new();
    for asset in source.sorted_assets()? {
        let (inspection, span) = inspect_asset(source, &asset);
        assets.push(inspection);
        spans.extend(span);
    }
    Ok(Inspection { assets, common: common(&spans) })
}

/// Looks at a price file of any name, or at every standard file of a folder.
///
/// # Errors
/// [`MarketError::Read`] if there is no such file or folder, [`MarketError::InvalidAssets`] if the folder has no price files.
pub fn inspect_path(path: &Path) -> Result<Inspection, MarketError> {
    let metadata = std::fs::metadata(path).map_err(|source| MarketError::Read { file: path.to_owned(), source })?;
    if metadata.is_dir() {
        let tickers = DataSource::present_tickers(path)?;
        if tickers.is_empty() {
            let reason = format!("{} has no {{TICKER}}_USD.parquet or .csv", path.display());
            return Err(MarketError::InvalidAssets { reason });
        }
        return inspect(&DataSource::new(path, tickers));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let asset = stem.strip_suffix("_USD").unwrap_or(stem).to_owned();
    let mut source = DataSource::new(path.parent().unwrap_or(Path::new("")), [asset.clone()]);
    source.files = BTreeMap::from([(asset, FileSpec { path: name.as_ref().into(), ..FileSpec::default() })]);
    inspect(&source)
}

type Span = (i64, i64, Spacing);

fn inspect_asset(source: &DataSource, asset: &str) -> (AssetInspection, Option<Span>) {
    let mut inspection = AssetInspection { asset: asset.to_owned(), ..AssetInspection::default() };
    let series = match source.locate(asset) {
        Ok(Some(located)) => {
            inspection.file = Some(located.path.clone());
            Series::read(asset, &located)
        }
        Ok(None) => {
            debug_assert_eq!(asset, CASH, "only cash needs no file");
            return (inspection, None);
        }
        Err(error) => Err(error),
    };
    let series = match series {
        Ok(series) => series,
        Err(error) => {
            inspection.error = Some(with_cause(&error));
            return (inspection, None);
        }
    };
    inspection.bad_time_count = series.unreadable_times.len();
    inspection.bad_times = series.unreadable_times.iter().take(LISTED).map(unreadable_time).collect();
    inspection.rows = series.times.len();
    inspection.filled_rows = (0..series.times.len()).filter(|&index| series.is_filled(index)).count();
    inspection.filled_share = share(inspection.filled_rows, inspection.rows);
    inspection.first_time = series.times.iter().min().map(|time_ms| format_time(*time_ms));
    inspection.last_time = series.times.iter().max().map(|time_ms| format_time(*time_ms));
    let spacing = match Spacing::of(&series, source.step) {
        Ok(spacing) => spacing,
        Err(error) => {
            inspection.error = Some(with_cause(&error));
            return (inspection, None);
        }
    };
    let span = inspect_rows(&series, spacing, &mut inspection);
    (inspection, span)
}

fn inspect_rows(series: &Series, spacing: Spacing, inspection: &mut AssetInspection) -> Option<Span> {
    let extent = Extent::common(std::iter::once(series), spacing, None).ok()?;
    let (first_ms, last_ms) = (*extent.grid.start(), *extent.grid.end());
    let covered_ms = last_ms - first_ms + spacing.step_ms;
    inspection.step = Some(format_duration(spacing.step_ms));
    inspection.step_min = Step::from_ms(spacing.step_ms).ok().map(|step| step.ms() as f64 / crate::MINUTE_MS as f64);
    inspection.grid_rows = (covered_ms / spacing.step_ms) as usize;
    inspection.days = covered_ms as f64 / DAY_MS as f64;
    inspection.whole_days = covered_ms % DAY_MS == 0;
    let mut gaps = Vec::new();
    let visit = |index: usize, finding: Finding| {
        let (count, list) = match &finding {
            Finding::Good => return Ok(()),
            Finding::Unsorted { .. } => (&mut inspection.unsorted_count, &mut inspection.unsorted),
            Finding::Duplicate { .. } => (&mut inspection.duplicate_count, &mut inspection.duplicates),
            Finding::BadPrice(_) => (&mut inspection.bad_price_count, &mut inspection.bad_prices),
            Finding::OffGrid { .. } => (&mut inspection.off_grid_count, &mut inspection.off_grid),
        };
        *count += 1;
        if list.len() < LISTED {
            let problem = finding.in_words(series, index);
            list.extend(problem.map(|problem| row_problem(&series.place(index), problem)));
        }
        Ok::<(), Infallible>(())
    };
    let gap = |gap: Gap| {
        gaps.push(MissingRows { from: format_time(gap.from_ms), to: format_time(gap.to_ms), rows: gap.missing });
        Ok(())
    };
    let Ok(()) = check(series, &extent, visit, gap);
    inspection.missing_rows = gaps.iter().map(|gap| gap.rows).sum();
    inspection.missing_share = share(inspection.missing_rows, inspection.grid_rows);
    inspection.gap_count = gaps.len();
    inspection.longest_gap = gaps.iter().rev().max_by_key(|gap| gap.rows).cloned();
    gaps.truncate(LISTED);
    inspection.gaps = gaps;
    Some((first_ms, last_ms, spacing))
}

impl Finding {
    fn in_words(&self, series: &Series, index: usize) -> Option<String> {
        match self {
            Self::Good => None,
            Self::Unsorted { previous_ms } => {
                Some(format!("earlier than the row at {} before it", format_time(*previous_ms)))
            }
            Self::Duplicate { first } => Some(format!("same time as row {}", series.row(*first))),
            Self::BadPrice(MarketError::Unreadable { text, .. }) => Some(format!("price `{text}`")),
            Self::BadPrice(_) => Some(format!("price {}", series.prices[index])),
            Self::OffGrid { nearest_ms } => Some(format!("nearest grid time {}", format_time(*nearest_ms))),
        }
    }
}

fn unreadable_time(error: &MarketError) -> RowProblem {
    match error {
        MarketError::Unreadable { place, text, .. } => row_problem(place, format!("time `{text}`")),
        other => RowProblem { row: 0, line: None, time: None, problem: other.to_string() },
    }
}

fn row_problem(place: &Place, problem: String) -> RowProblem {
    RowProblem { row: place.row, line: place.line, time: place.time_ms.map(format_time), problem }
}

fn common(spans: &[Span]) -> Option<CommonSpan> {
    let first_ms = spans.iter().map(|span| span.0).max()?;
    let last_ms = spans.iter().map(|span| span.1).min()?;
    if first_ms > last_ms {
        return None;
    }
    let spacing = spans[0].2;
    let one_grid = spans.iter().all(|span| span.2 == spacing);
    Some(CommonSpan {
        first_time: format_time(first_ms),
        last_time: format_time(last_ms),
        rows: one_grid.then(|| ((last_ms - first_ms) / spacing.step_ms) as usize + 1),
    })
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn with_cause(error: &MarketError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
