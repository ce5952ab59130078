//! What is printed where: data to stdout, talk to stderr, errors with causes and a hint.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::ConfigError;
use crate::parameters::ParametersError;

/// Where a command prints. The binary gives the process's streams, tests give buffers.
pub struct Output<'a> {
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
    /// Whether stderr is a terminal that can redraw a line.
    pub interactive: bool,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Whether stdout gets one JSON document instead of text.
    pub json: bool,
    /// Whether a progress bar is wanted.
    pub progress: bool,
}

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What a user wants to know.
    #[default]
    Normal,
    /// More.
    Verbose,
}

impl<'a> Output<'a> {
    /// Prints to these streams, at the usual verbosity.
    pub fn new(stdout: &'a mut dyn Write, stderr: &'a mut dyn Write, interactive: bool) -> Self {
        Self { stdout, stderr, interactive, verbosity: Verbosity::Normal, json: false, progress: true }
    }

    /// A line of data.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn data(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.stdout, "{}", line.as_ref())
    }

    /// Data that end with their own line break.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    /// The JSON document. Numbers are in shortest round-trip form; one that is not finite is null.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn document<T: Serialize + ?Sized>(&mut self, document: &T) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *self.stdout, document)?;
        Ok(writeln!(self.stdout)?)
    }

    /// A line for the user.
    pub fn say(&mut self, line: impl AsRef<str>) {
        self.talk(Verbosity::Normal, line.as_ref());
    }

    /// A line for the curious user.
    pub fn detail(&mut self, line: impl AsRef<str>) {
        self.talk(Verbosity::Verbose, line.as_ref());
    }

    /// A line about something that the user may not want.
    pub fn warn(&mut self, line: impl AsRef<str>) {
        self.talk(Verbosity::Normal, &format!("warning: {}", line.as_ref()));
    }

    fn talk(&mut self, level: Verbosity, line: &str) {
        if self.verbosity >= level {
            // Nobody can be told that stderr is gone.
            let _ = writeln!(self.stderr, "{line}");
        }
    }

    /// The error of a command: message, causes, blank line, hint.
    pub fn error(&mut self, error: &anyhow::Error) {
        let _ = writeln!(self.stderr, "error: {error}");
        for cause in error.chain().skip(1) {
            let _ = writeln!(self.stderr, "  caused by: {cause}");
        }
        if let Some(hint) = error.chain().find_map(hint) {
            let _ = writeln!(self.stderr, "\nhint: {hint}");
        }
    }

    /// Text of clap, which brings its own form.
    pub fn usage(&mut self, text: &str, to_stdout: bool) {
        let stream = if to_stdout { &mut *self.stdout } else { &mut *self.stderr };
        let _ = write!(stream, "{text}");
    }
}

/// An error with a hint of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Hinted {
    message: String,
    hint: String,
}

impl Hinted {
    /// A message and what the user can do.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let config = error.downcast_ref::<ConfigError>().and_then(ConfigError::hint);
    let parameters = || error.downcast_ref::<ParametersError>().and_then(ParametersError::hint);
    let market = || error.downcast_ref::<gradpool_market::MarketError>().and_then(gradpool_market::MarketError::hint);
    let own = || error.downcast_ref::<Hinted>().map(|hinted| hinted.hint.clone());
    config.or_else(parameters).or_else(market).or_else(own)
}

/// Whether somebody closed stdout, as `| head` does; that is no error.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
