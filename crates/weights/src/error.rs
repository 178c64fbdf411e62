//! What can go wrong with a file of weights, in words for the person who has it.

use std::path::PathBuf;

use thiserror::Error;

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
        }
    }
}
