//! What can go wrong with a model, in words for the person who runs it.

use std::path::PathBuf;

use thiserror::Error;
use weights::quantize::QuantizeError;

/// Why a model can not be loaded or run. The sentences say what happened and what to do.
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
    /// A model description that makes no sense.
    #[error("{path} does not describe a model: {reason}. Download it again, or name another model.")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model of a kind that this engine can not run.
    #[error("{path} asks for something that this engine does not do: {what}. Use another model.")]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// What it asks for.
        what: String,
    },
    /// A recogniser where a model that talks is wanted.
    #[error(
        "{path} describes a recogniser of speech, which does not talk. Name it as what hears (--hear), and a Moshi model as what talks."
    )]
    IsRecogniser {
        /// The model description.
        path: PathBuf,
    },
    /// A model that talks where a recogniser is wanted.
    #[error(
        "{path} describes a model that talks and tells nothing of what it hears. Name one of Kyutai's recognisers (stt) as what hears, and this one as what talks (--model)."
    )]
    NoRecogniser {
        /// The model description.
        path: PathBuf,
    },
    /// Weights that can not be read, or without a tensor that the model description calls for.
    #[error(transparent)]
    Weights(#[from] weights::Error),
    /// A tensor of another shape than the model description calls for.
    #[error(
        "In {path}, {name} has shape {found:?} where the model description asks for {expected:?}. \
         Weights and model description are of different models; download both again."
    )]
    TensorShape {
        /// The weights.
        path: PathBuf,
        /// The tensor, as the file names it.
        name: String,
        /// What the model description asks for.
        expected: Vec<usize>,
        /// What is there.
        found: Vec<usize>,
    },
    /// A file that would be overwritten.
    #[error("{path} is there already. Name a folder without a model.")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A voice that can not be used. Holds no path, so that a caller may read it.
    #[error("The voice {name:?} can not be used: {reason}. Choose another voice.")]
    Voice {
        /// Its file's name, or what was asked for.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A persona that can not be used. Holds no path, so that a caller may read it.
    #[error("The persona can not be used: {reason}.")]
    Persona {
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Nobody waits for the conversation any more that was about to begin.
    #[error("Nobody waits for the conversation any more.")]
    GivenUp,
    /// Input that the model can not take.
    #[error("The model was given {what}.")]
    Input {
        /// What it was given.
        what: String,
    },
    /// Weights that can not be written.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// Numbers that are none, or have no bound.
    #[error("The model came to numbers that are none: its weights are damaged. Download it again.")]
    NotFinite,
    /// The arithmetic failed.
    #[error(
        "The model failed while it computed: {0}. Start it again; if that does not help, download it again."
    )]
    Compute(#[from] candle_core::Error),
    /// The system gives no address to listen at.
    #[error("{address} can not be listened at: {source}. Name another port, or end the program that has it.")]
    Address {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("The system starts no more threads: {source}. End other programs and try again.")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread of the model is gone.
    #[error("The model stopped: its {stage} ended without a result. Start it again.")]
    Stopped {
        /// The part that ended.
        stage: &'static str,
    },
}

impl Error {
    /// A name of the error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingFile { .. } => "engine.missing_file",
            Self::File { .. } => "engine.file",
            Self::Damaged { .. } => "engine.damaged",
            Self::Config { .. } => "engine.config",
            Self::Unsupported { .. } => "engine.unsupported",
            Self::IsRecogniser { .. } => "engine.is_recogniser",
            Self::NoRecogniser { .. } => "engine.no_recogniser",
            Self::TensorShape { .. } => "engine.tensor_shape",
            Self::Exists { .. } => "engine.exists",
            Self::Voice { .. } => "engine.voice",
            Self::Persona { .. } => "engine.persona",
            Self::GivenUp => "engine.given_up",
            Self::Input { .. } => "engine.input",
            Self::Weights(error) => match error {
                weights::Error::MissingFile { .. } => "engine.missing_file",
                weights::Error::File { .. } => "engine.file",
                weights::Error::Damaged { .. } => "engine.damaged",
                weights::Error::MissingTensor { .. } => "engine.missing_tensor",
                weights::Error::TensorType { .. } => "engine.tensor_type",
            },
            Self::Quantize(error) => error.code(),
            Self::NotFinite => "engine.not_finite",
            Self::Compute(_) => "engine.compute",
            Self::Address { .. } => "engine.address",
            Self::Thread { .. } => "engine.thread",
            Self::Stopped { .. } => "engine.stopped",
        }
    }
}

impl From<weights::WriteError> for Error {
    fn from(error: weights::WriteError) -> Self {
        Self::Quantize(error.into())
    }
}
