//! `gradpool data inspect`: what price files hold.

use std::path::PathBuf;

use clap::Args;
use gradpool_market::{AssetInspection, Inspection, MissingRows, RowProblem, inspect};

use super::source::SourceOptions;
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::output::Output;

/// Arguments of `gradpool data inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Bad data are findings here, not errors.

Examples:
  gradpool data inspect datasets/daily
  gradpool data inspect configs/momentum.toml --json
  gradpool data inspect prices.csv --asset BTC=BTC:close --time-column date")]
pub struct InspectArguments {
    /// A folder of {TICKER}_USD files, a price file, or a configuration
    pub path: PathBuf,
    /// What the files are like.
    #[command(flatten)]
    pub source: SourceOptions,
}

/// Prints the findings.
///
/// # Errors
/// If the path is no source of prices.
pub fn run(arguments: &InspectArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let inspection = inspect(&arguments.source.source(&arguments.path, common)?)?;
    if output.json {
        output.document(&inspection)?;
        return Ok(EXIT_DONE);
    }
    for (index, asset) in inspection.assets.iter().enumerate() {
        if index > 0 {
            output.data("")?;
        }
        for line in describe(asset) {
            output.data(line)?;
        }
    }
    if let Some(line) = common_span(&inspection) {
        output.data(format!("\n{line}"))?;
    }
    Ok(EXIT_DONE)
}

fn describe(asset: &AssetInspection) -> Vec<String> {
    let file = asset.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    let mut lines = vec![format!("{} ({file})", asset.asset)];
    if let Some(error) = &asset.error {
        lines.push(format!("  cannot be read: {error}"));
        return lines;
    }
    if let (Some(first), Some(last)) = (&asset.first_time, &asset.last_time) {
        let step = asset.step.as_deref().unwrap_or("unknown");
        let whole = if asset.whole_days { "whole days" } else { "not whole days" };
        lines.push(format!("  {first} .. {last}, step {step}, {} rows, {:.1} days ({whole})", asset.rows, asset.days));
    }
    if asset.filled_rows > 0 {
        let share = 100.0 * asset.filled_share;
        lines.push(format!("  {} rows are marked as carried forward ({share:.2} %)", asset.filled_rows));
    }
    if asset.gap_count > 0 {
        let share = 100.0 * asset.missing_share;
        lines.push(format!("  {} missing in {} ({share:.2} %):", rows(asset.missing_rows), gaps(asset.gap_count)));
        lines.extend(asset.gaps.iter().map(gap));
        lines.extend(more(asset.gap_count, asset.gaps.len()));
    }
    for (count, listed) in [
        (asset.duplicate_count, &asset.duplicates),
        (asset.unsorted_count, &asset.unsorted),
        (asset.off_grid_count, &asset.off_grid),
        (asset.bad_price_count, &asset.bad_prices),
        (asset.bad_time_count, &asset.bad_times),
    ] {
        lines.extend(listed.iter().map(problem));
        lines.extend(more(count, listed.len()));
    }
    if asset.is_clean() && asset.file.is_some() {
        lines.push("  no gaps, no bad rows".to_owned());
    }
    lines
}

fn gap(gap: &MissingRows) -> String {
    if gap.rows == 1 {
        return format!("    {}", gap.from);
    }
    format!("    {} .. {} ({})", gap.from, gap.to, rows(gap.rows))
}

fn problem(problem: &RowProblem) -> String {
    let line = problem.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let time = problem.time.as_ref().map(|time| format!(", {time}")).unwrap_or_default();
    format!("  row {}{line}{time}: {}", problem.row, problem.problem)
}

fn more(count: usize, listed: usize) -> Option<String> {
    (count > listed).then(|| format!("    and {} more", count - listed))
}

fn rows(count: usize) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

fn gaps(count: usize) -> String {
    format!("{count} {}", if count == 1 { "gap" } else { "gaps" })
}

fn common_span(inspection: &Inspection) -> Option<String> {
    let common = inspection.common.as_ref().filter(|_| inspection.assets.len() > 1)?;
    let grid = common.rows.map(|count| format!(", {} of the grid", rows(count))).unwrap_or_default();
    Some(format!("in common: {} .. {}{grid}", common.first_time, common.last_time))
}
