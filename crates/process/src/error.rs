//! Why a program does not start.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a program does not start. None of these holds its arguments or its environment.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no such program.
    #[error("there is no program {}", .0.display())]
    NotFound(PathBuf),
    /// It is there and may not be run, or is no program.
    #[error("{} is not a program that may be run here", .0.display())]
    NotRunnable(PathBuf),
    /// The folder that it was to run in is not there.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// Anything else, in the system's words.
    #[error("it does not start: {0}")]
    Failed(String),
}

impl StartError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "process.not_found",
            Self::NotRunnable(_) => "process.not_runnable",
            Self::NoFolder(_) => "process.no_folder",
            Self::Failed(_) => "process.failed",
        }
    }

    pub(crate) fn of(error: &io::Error, program: PathBuf) -> Self {
        /// No format of a program that the system knows.
        const NO_FORMAT: [i32; 2] = if cfg!(windows) { [193, 216] } else { [8, 8] };
        let no_program = error.raw_os_error().is_some_and(|code| NO_FORMAT.contains(&code));
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(program),
            io::ErrorKind::PermissionDenied => Self::NotRunnable(program),
            _ if no_program => Self::NotRunnable(program),
            _ => Self::Failed(error.to_string()),
        }
    }
}
