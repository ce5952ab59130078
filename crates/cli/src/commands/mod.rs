//! One file per command.

pub mod compare;
pub mod completions;
pub mod data;
pub mod devices;
pub mod evaluate;
pub mod export;
pub mod replay;
pub mod rules;
pub mod schema;
pub mod simulate;
pub mod train;
pub mod verify;

use crate::arguments::CommonOptions;
use crate::config::{Loaded, Source, load};
use crate::output::Output;

/// Reads the configuration of a command, says what became of a fingerprint's keys, and sizes the thread pool.
///
/// # Errors
/// [`crate::config::ConfigError`].
pub fn load_config(
    source: &Source,
    common: &CommonOptions,
    data: Option<std::path::PathBuf>,
    output: &mut Output<'_>,
) -> anyhow::Result<Loaded> {
    let loaded = load(source, &common.overrides(data))?;
    output.detail(format!("configuration: {}", loaded.origin));
    if let Some(report) = &loaded.import {
        if let Some(summary) = report.summary() {
            output.say(format!("{}: {summary}", loaded.origin));
        }
        for warning in &report.warnings {
            output.warn(format!("{}: {warning}", loaded.origin));
        }
        for dead in &report.dead_keys {
            output.detail(format!("without effect: {} ({})", dead.key, dead.reason));
        }
        for unknown in &report.unknown_keys {
            output.detail(format!("without effect: {unknown} (not a key of a fingerprint)"));
        }
        for note in &report.notes {
            output.detail(format!("note: {note}"));
        }
    }
    crate::size_thread_pool(loaded.config.runtime.threads, output);
    Ok(loaded)
}
