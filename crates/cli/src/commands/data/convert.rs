//! `gradpool data convert`: price files of any layout in the standard layout.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use gradpool_market::{ConvertOptions, ConvertedFile, convert, format_time, parse_time};
use serde_json::json;

use super::source::{GapsName, SourceOptions, TargetOptions, with_options_in_hint};
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::output::{Hinted, Output};

/// Arguments of `gradpool data convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
Files are written as {TICKER}_USD.parquet or .csv with the columns unix (milliseconds, UTC) and close, and
filled where rows were carried forward.

Examples:
  gradpool data convert prices.csv --asset BTC=BTC:close --asset ETH=ETH:close --gaps keep --out prices
  gradpool data convert datasets/daily --format csv --from 2018-01-01 --until 2019-01-01 --out daily-csv")]
pub struct ConvertArguments {
    /// A price file, a folder of {TICKER}_USD files, or a configuration
    pub path: PathBuf,
    /// Where to write.
    #[command(flatten)]
    pub target: TargetOptions,
    /// First time to keep, UTC
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// First time to leave out after that, UTC
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// What the files are like.
    #[command(flatten)]
    pub source: SourceOptions,
}

/// Converts and says what was written.
///
/// # Errors
/// If prices are refused or files cannot be written.
pub fn run(arguments: &ConvertArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let source = arguments.source.source(&arguments.path, common)?;
    let options = ConvertOptions {
        format: arguments.target.format.into(),
        range: range(arguments.from.as_deref(), arguments.until.as_deref())?,
        keep_gaps: arguments.source.gaps == Some(GapsName::Keep),
    };
    let files = convert(&source, &arguments.target.out, &options).map_err(with_options_in_hint)?;
    if output.json {
        output.document(&json!({ "files": files }))?;
    } else {
        for file in &files {
            output.data(describe(file))?;
        }
    }
    Ok(EXIT_DONE)
}

fn range(from: Option<&str>, until: Option<&str>) -> anyhow::Result<Option<std::ops::Range<i64>>> {
    if from.is_none() && until.is_none() {
        return Ok(None);
    }
    let time = |option: &str, text: Option<&str>, default: i64| {
        text.map_or(Ok(default), |text| parse_time(text).with_context(|| format!("{option} {text} cannot be used")))
    };
    let (start, end) = (time("--from", from, i64::MIN)?, time("--until", until, i64::MAX)?);
    if end <= start {
        return Err(Hinted::new("--until is not after --from", "swap them, or leave one out").into());
    }
    Ok(Some(start..end))
}

fn describe(file: &ConvertedFile) -> String {
    let span = format!("{} .. {}", format_time(file.first_ms), format_time(file.last_ms));
    let mut parts = vec![format!("{}: {} rows", file.path.display(), file.rows), span];
    for (count, what) in [
        (file.filled, "carried forward"),
        (file.missing, "missing"),
        (file.dropped_off_grid, "off the grid and left out"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}
