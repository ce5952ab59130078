//! `gradpool completions SHELL`: a shell's completion script.

use clap::Args;
use clap_complete::Shell;

use crate::output::Output;
use crate::{EXIT_DONE, command_line};

/// Arguments of `gradpool completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradpool completions bash > ~/.local/share/bash-completion/completions/gradpool")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If stdout cannot be written.
pub fn run(arguments: &CompletionsArguments, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_line(), "gradpool", &mut script);
    output.raw(&script)?;
    Ok(EXIT_DONE)
}
