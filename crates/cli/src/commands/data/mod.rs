//! `gradpool data`: price files.

pub mod convert;
pub mod inspect;
pub mod source;
pub mod synthesize;

use clap::{Args, Subcommand};

use crate::arguments::CommonOptions;
use crate::output::Output;

/// Arguments of `gradpool data`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradpool data inspect datasets/daily")]
pub struct DataArguments {
    /// What to do with price files.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What to do with price files.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Says what price files hold: span, spacing, days, gaps and bad rows
    Inspect(inspect::InspectArguments),
    /// Writes price files of any layout in the standard layout
    Convert(convert::ConvertArguments),
    /// Makes prices up: correlated, with jumps and regimes
    Synthesize(synthesize::SynthesizeArguments),
}

/// Runs a subcommand.
///
/// # Errors
/// What the subcommand reports.
pub fn run(arguments: DataArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    if let Some(threads) = common.threads {
        crate::size_thread_pool(threads, output);
    }
    match arguments.command {
        DataCommand::Inspect(arguments) => inspect::run(&arguments, common, output),
        DataCommand::Convert(arguments) => convert::run(&arguments, common, output),
        DataCommand::Synthesize(arguments) => synthesize::run(&arguments, common, output),
    }
}
