//! `gradpool schema`: the JSON schema of configurations.

use clap::Args;

use crate::output::Output;
use crate::{EXIT_DONE, config};

/// Arguments of `gradpool schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
It tells every key, what it means, its unit and its default.

Example:
  gradpool schema > gradpool.schema.json")]
pub struct SchemaArguments {}

/// Prints the schema. It is a JSON document with or without `--json`.
///
/// # Errors
/// If stdout cannot be written.
pub fn run(output: &mut Output<'_>) -> anyhow::Result<u8> {
    output.document(&config::json_schema())?;
    Ok(EXIT_DONE)
}
