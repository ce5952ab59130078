//! The command line of gradpool: configurations, quantammsim fingerprints, parameter files, and one command per file in
//! [`commands`].
//!
//! Data go to stdout, talk to stderr, `--json` prints one document. Exit codes: 0 done, 1 the user can fix it, 2 wrong
//! usage, 130 interrupted after a checkpoint was saved.

pub mod arguments;
pub mod benchmarks;
pub mod commands;
pub mod config;
pub mod conformance;
pub mod contract;
pub mod describe;
pub mod fingerprint;
pub mod given;
pub mod human_units;
pub mod inputs;
pub mod judgement;
pub mod kind;
pub mod leaf_nesting;
pub mod output;
pub mod parameters;
pub mod periods;
pub mod rule;
pub mod runs;
pub mod series;
pub mod setup;
pub mod simulation;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Cli, Command, CommonOptions};
use output::{Output, Verbosity};

/// Done.
pub const EXIT_DONE: u8 = 0;
/// Something failed that the user can fix.
pub const EXIT_FAILED: u8 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// Interrupted after a checkpoint was saved.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Runs the command line on the process's streams.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // The streams stay unlocked: a progress bar draws to stderr from another thread.
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let interactive = stderr.is_terminal();
    let mut output = Output::new(&mut stdout, &mut stderr, interactive);
    ExitCode::from(run_with(arguments, &mut output))
}

/// Runs the command line and prints to `output`. Returns the exit code.
pub fn run_with(arguments: impl IntoIterator<Item = OsString>, output: &mut Output<'_>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Asking for help or the version is no mistake.
            output.usage(&error.render().to_string(), !error.use_stderr());
            return if error.use_stderr() { EXIT_USAGE } else { EXIT_DONE };
        }
    };
    apply(&cli.common, output);
    match dispatch(cli, output) {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => EXIT_DONE,
        Err(error) => {
            output.error(&error);
            EXIT_FAILED
        }
    }
}

/// The command line's definition, for completions and documentation.
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn apply(common: &CommonOptions, output: &mut Output<'_>) {
    output.json = common.json;
    output.progress = !common.no_progress && !common.quiet;
    output.verbosity = match (common.quiet, common.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
}

fn dispatch(cli: Cli, output: &mut Output<'_>) -> anyhow::Result<u8> {
    match cli.command {
        Command::Train(arguments) => commands::train::run(arguments, &cli.common, output),
        Command::Evaluate(arguments) => commands::evaluate::run(arguments, &cli.common, output),
        Command::Data(arguments) => commands::data::run(arguments, &cli.common, output),
        Command::Simulate(arguments) => commands::simulate::run(&arguments, &cli.common, output),
        Command::Export(arguments) => commands::export::run(&arguments, &cli.common, output),
        Command::Compare(arguments) => commands::compare::run(&arguments, &cli.common, output),
        Command::Replay(arguments) => commands::replay::run(&arguments, &cli.common, output),
        Command::Rules(arguments) => commands::rules::run(&arguments, output),
        Command::Verify(arguments) => commands::verify::run(&arguments, &cli.common, output),
        Command::Devices(_) => commands::devices::run(output),
        Command::Schema(_) => commands::schema::run(output),
        Command::Completions(arguments) => commands::completions::run(&arguments, output),
    }
}

/// Sizes the thread pool that tensors and price readers share. 0 means one thread per core. The first call of a process
/// decides; results do not depend on it.
pub fn size_thread_pool(threads: usize, output: &mut Output<'_>) {
    if rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().is_err() && threads != 0 {
        output.detail(format!("the thread pool stays at {} threads", rayon::current_num_threads()));
    }
}
