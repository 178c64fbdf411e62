//! What can go wrong with a file of weights that is written, in words for the person who wants it.

use std::path::PathBuf;

use thiserror::Error;

/// Why a file of weights can not be written. The sentences say what happened and what to do.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A file that the system does not let us write.
    #[error("{path} can not be written: {source}. Look at its permissions and at the room on the disk.")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that would be overwritten.
    #[error("{path} is there already. Name another file, or allow it to be overwritten.")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file that is read.
    #[error("{path} can not be written while it is read. Name another file.")]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// A file that another program is writing.
    #[error("{path} is being written by another program. Wait until that has ended, or name another file.")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A tensor that can not be in such a file, or that comes out otherwise than it was promised.
    #[error("{path} can not be written: {name} {reason}. Choose other weights, and report it.")]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl WriteError {
    /// A name of the error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "weights.write",
            Self::Exists { .. } => "weights.exists",
            Self::Same { .. } => "weights.same",
            Self::Busy { .. } => "weights.busy",
            Self::Unwritable { .. } => "weights.unwritable",
        }
    }
}
