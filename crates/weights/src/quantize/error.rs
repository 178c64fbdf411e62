//! What can go wrong when weights are quantized.

use std::path::PathBuf;

use thiserror::Error;

use crate::{Error, Format, WriteError};

/// Why weights can not be quantized. The sentences say what happened and what to do.
#[derive(Debug, Error)]
pub enum QuantizeError {
    /// The weights can not be read.
    #[error(transparent)]
    Weights(#[from] Error),
    /// The new file can not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A number that is none.
    #[error(
        "In {path}, {name} has {value} as number {index} of it, counted from 0, and nothing can be computed with that. \
         Download it again."
    )]
    NotFinite {
        /// The weights.
        path: PathBuf,
        /// The tensor, as the file names it.
        name: String,
        /// Which number of the tensor, in row-major order from 0.
        index: usize,
        /// What is there.
        value: f32,
    },
    /// A number that a format cannot hold.
    #[error(
        "In {path}, {name} has {value} as number {index} of it, counted from 0, which is too large for {format}. \
         Choose another format."
    )]
    TooLarge {
        /// The weights.
        path: PathBuf,
        /// The tensor, as the file names it.
        name: String,
        /// Which number of the tensor, in row-major order from 0.
        index: usize,
        /// The number.
        value: f32,
        /// The format.
        format: Format,
    },
    /// The system gives no thread.
    #[error("The system starts no more threads: {source}. End other programs and try again.")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody stopped it.
    #[error("It was stopped. Nothing of {path} was kept.")]
    Cancelled {
        /// The file that was being written.
        path: PathBuf,
    },
}

impl QuantizeError {
    /// A name of the error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Weights(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::NotFinite { .. } => "weights.not_finite",
            Self::TooLarge { .. } => "weights.too_large",
            Self::Thread { .. } => "weights.thread",
            Self::Cancelled { .. } => "weights.cancelled",
        }
    }
}
