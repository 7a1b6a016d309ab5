//! Why a command failed, and with which exit code.

use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{command}: {what}; see `influxd {command} --help`")]
    Usage { command: String, what: String },
    /// The server answered with an error.
    #[error("{host} refused it ({status}): {message}")]
    Refused {
        host: String,
        status: u16,
        message: String,
        /// Of the body, from 1, where the server says it.
        line: Option<usize>,
        retry_after_seconds: Option<u64>,
    },
    #[error("can't reach {host}: {detail}; is the server running, and is --host right?")]
    Unreachable { host: String, detail: String },
    #[error("{what} {path}: {source}")]
    File {
        what: &'static str,
        path: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    DataDirectory(String),
    /// All else was written.
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Interrupted(String),
    /// Whoever reads the output has seen enough.
    #[error("the output was closed")]
    OutputClosed,
}

impl CliError {
    pub fn usage(command: &str, what: String) -> Self {
        Self::Usage {
            command: command.to_owned(),
            what,
        }
    }

    pub fn file(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.display().to_string();
        Self::File { what, path, source }
    }

    pub fn output(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::Failed(format!("can't write the output: {error}"))
    }

    /// What `influxd help` lists.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Refused { .. } | Self::File { .. } | Self::Failed(_) => 1,
            Self::Usage { .. } => 2,
            Self::Configuration(_) => 3,
            Self::DataDirectory(_) => 5,
            Self::Unreachable { .. } => 6,
            Self::Rejected(_) => 7,
            Self::Interrupted(_) => 130,
        }
    }
}
