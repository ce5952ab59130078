//! Where a value was written.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// Where a value was written, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line and column (both from 1) of a file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// An argument of `--set`.
    Set {
        /// The argument.
        argument: String,
    },
    /// A command-line option such as `--device`.
    Option {
        /// The option.
        name: String,
    },
    /// A key of a fingerprint.
    Fingerprint {
        /// The file.
        path: PathBuf,
    },
}

impl Place {
    /// The place of a byte range of `text`, the contents of `path`.
    pub fn in_text(path: &std::path::Path, text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::File {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
            Self::Set { argument } => write!(formatter, "--set {argument}"),
            Self::Option { name } => formatter.write_str(name),
            Self::Fingerprint { path } => write!(formatter, "{}", path.display()),
        }
    }
}
