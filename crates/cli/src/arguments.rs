//! The command line as clap sees it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::config::{DeviceKind, Overrides, Precision};

/// The heading of options that every command has.
const COMMON: &str = "Common options";

/// Train the strategies of dynamic-weight AMM pools by gradient descent.
#[derive(Debug, Parser)]
#[command(
    name = "gradpool",
    version,
    max_term_width = 100,
    after_help = "Example:\n  gradpool train\n\nEvery command has --help with an example."
)]
pub struct Cli {
    /// Options that every command has.
    #[command(flatten)]
    pub common: CommonOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command has.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = COMMON)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct CommonOptions {
    /// Where tensors live; `runtime.device`
    #[arg(long, global = true, value_enum, hide_possible_values = true, value_name = "cpu|ndarray|wgpu|cuda")]
    pub device: Option<DeviceKind>,
    /// Type of the numbers; `runtime.precision`
    #[arg(long, global = true, value_enum, hide_possible_values = true, value_name = "f64|f32")]
    pub precision: Option<Precision>,
    /// CPU threads, 0 for all cores; `runtime.threads`
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Seed of everything random; `runtime.seed`
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
    /// Overrides a configuration key; the value is TOML, or else text (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Prints one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Says nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Says more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Shows no progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
}

impl CommonOptions {
    /// What these options lay on top of a configuration; `data` is the command's `--data`.
    pub fn overrides(&self, data: Option<PathBuf>) -> Overrides {
        Overrides {
            set: self.set.clone(),
            data,
            device: self.device,
            precision: self.precision,
            threads: self.threads,
            seed: self.seed,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trains a pool's strategy, or continues a training
    Train(commands::train::TrainArguments),
    /// Judges trained parameters on periods that they have not seen
    Evaluate(commands::evaluate::EvaluateArguments),
    /// Looks at price files, converts them, makes prices up
    Data(commands::data::DataArguments),
    /// Runs a pool with given parameters over the configured period
    Simulate(commands::simulate::SimulateArguments),
    /// Writes a trained strategy as a contract's parameters, with the state of its estimators
    Export(commands::export::ExportArguments),
    /// Checks that every way to compute a pool's weights gives the same numbers
    Compare(commands::compare::CompareArguments),
    /// Runs a strategy in the integers of its contract, beside the simulation
    Replay(commands::replay::ReplayArguments),
    /// Lists the rules that move weights, with their parameters
    Rules(commands::rules::RulesArguments),
    /// Checks this build against numbers of real contracts and of the reference system
    Verify(commands::verify::VerifyArguments),
    /// Lists the devices that can be used, with memory and precision
    Devices(commands::devices::DevicesArguments),
    /// Prints the JSON schema of configurations
    Schema(commands::schema::SchemaArguments),
    /// Prints a shell's completion script
    Completions(commands::completions::CompletionsArguments),
}
