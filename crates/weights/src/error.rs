//! What can go wrong with a file of weights, in words for the person who has it.

use std::path::PathBuf;

use thiserror::Error;

use crate::Format;

/// Why a file of weights can not be read or written. The sentences say what happened and what to do.
#[derive(Debug, Error)]
pub enum Error {
    /// A file of the model is not there.
    #[error("{path} is missing. Download the whole model, or name another folder.")]
    MissingFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file that the system does not let us read or write.
    #[error("{path} can not be used: {source}. Look at its permissions and at the disk.")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is not of the format that its name promises, or that is cut off.
    #[error("{path} is damaged: {reason}. Download it again.")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights without a tensor that somebody needs.
    #[error(
        "{path} has no tensor {name}. Weights and model description are of different models; download both again."
    )]
    MissingTensor {
        /// The weights.
        path: PathBuf,
        /// The tensor, as the file would name it.
        name: String,
    },
    /// A tensor of numbers that are not read here.
    #[error("In {path}, {name} holds numbers of type {found}. Use weights in F32, F16, BF16, or GGUF.")]
    TensorType {
        /// The weights.
        path: PathBuf,
        /// The tensor, as the file names it.
        name: String,
        /// The type, as the file names it.
        found: String,
    },
    /// A file that would be overwritten.
    #[error("{path} is there already. Name another file, or allow it to be overwritten.")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file that another program is writing.
    #[error("{path} is being written by another program. Wait until that has ended, or name another file.")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A tensor that can not be written, or that comes out otherwise than it was promised.
    #[error("{path} can not be written: {name} {reason}. Choose other weights, and report it.")]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
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

impl Error {
    /// A name of the error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingFile { .. } => "weights.missing_file",
            Self::File { .. } => "weights.file",
            Self::Damaged { .. } => "weights.damaged",
            Self::MissingTensor { .. } => "weights.missing_tensor",
            Self::TensorType { .. } => "weights.tensor_type",
            Self::Exists { .. } => "weights.exists",
            Self::Busy { .. } => "weights.busy",
            Self::Unwritable { .. } => "weights.unwritable",
            Self::NotFinite { .. } => "weights.not_finite",
            Self::TooLarge { .. } => "weights.too_large",
            Self::Thread { .. } => "weights.thread",
            Self::Cancelled { .. } => "weights.cancelled",
        }
    }
}
