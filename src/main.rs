//! The program `gradpool`: everything is in the crate `gradpool-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gradpool_cli::run(std::env::args_os())
}
