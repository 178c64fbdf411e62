//! Why a runtime is not even started.

use std::path::PathBuf;

use thiserror::Error;

use crate::{DockerError, Flavour};

/// Why a runtime is not started. Trying again does not help by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// `myca` does not lie beside the app.
    #[error("The program myca is not at {}.", .0.display())]
    NoMyca(PathBuf),
    /// The program that was chosen is not there.
    #[error("There is no program at {}.", .0.display())]
    NoProgram(PathBuf),
    /// The interpreter that was chosen is not there.
    #[error("There is no Python at {}.", .0.display())]
    NoInterpreter(PathBuf),
    /// What was chosen as an interpreter is none, or does not work.
    #[error("{} does not run as Python: {why}.", path.display())]
    NotPython {
        /// The interpreter.
        path: PathBuf,
        /// What it did instead.
        why: String,
    },
    /// The interpreter knows no `moshi`.
    #[error("The Python at {} has no package moshi.", .0.display())]
    NoMoshi(PathBuf),
    /// The interpreter's `moshi` is not the one that is wanted.
    #[error("The Python at {} has {found}, and {wanted} is wanted.", path.display())]
    OtherMoshi {
        /// The interpreter.
        path: PathBuf,
        /// Whose it has.
        found: Flavour,
        /// Whose is wanted.
        wanted: Flavour,
    },
    /// The model, or a file that belongs to it, is not there.
    #[error("There is no {}.", .0.display())]
    NoModel(PathBuf),
    /// A folder that was chosen is not there.
    #[error("There is no folder {}.", .0.display())]
    NoFolder(PathBuf),
    /// A path cannot be handed to the runtime.
    #[error("The path {} cannot be used: {why}.", path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// This is no name of a repository at Hugging Face.
    #[error("\"{name}\" is not the name of a repository at Hugging Face.")]
    NoRepository {
        /// What it is instead.
        name: String,
    },
    /// This is no name of an image.
    #[error("\"{name}\" is not the name of a Docker image.")]
    NoImageName {
        /// What it is instead.
        name: String,
    },
    /// Something else listens on the port, and no other port will do.
    #[error("Port {port} is taken by {}.", .by.as_deref().unwrap_or("another program"))]
    PortTaken {
        /// The port.
        port: u16,
        /// The program that has it, if the system tells.
        by: Option<String>,
    },
    /// This computer has no free port.
    #[error("This computer has no free port.")]
    NoPort,
    /// What the runtime needs cannot be written.
    #[error("{} cannot be written: {why}.", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The system does not start the program.
    #[error("It cannot be started: {0}.")]
    Process(#[from] process::StartError),
    /// Docker stands in the way.
    #[error(transparent)]
    Docker(#[from] DockerError),
}

impl StartError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoMyca(_) => "runtime.no_myca",
            Self::NoProgram(_) => "runtime.no_program",
            Self::NoInterpreter(_) => "runtime.no_interpreter",
            Self::NotPython { .. } => "runtime.not_python",
            Self::NoMoshi(_) => "runtime.no_moshi",
            Self::OtherMoshi { .. } => "runtime.other_moshi",
            Self::NoModel(_) => "runtime.no_model",
            Self::NoFolder(_) => "runtime.no_folder",
            Self::Unusable { .. } => "runtime.path",
            Self::NoRepository { .. } => "runtime.repository",
            Self::NoImageName { .. } => "runtime.image",
            Self::PortTaken { .. } => "port.taken",
            Self::NoPort => "runtime.no_port",
            Self::Unwritable { .. } => "runtime.unwritable",
            Self::Process(error) => error.code(),
            Self::Docker(error) => error.code(),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::NoMyca(_) => "Install the app again, or put myca beside it.",
            Self::NoProgram(_) => "Choose the program moshi-backend in Settings.",
            Self::NoInterpreter(_) => "Choose a Python interpreter or a virtual environment in Settings.",
            Self::NotPython { .. } => {
                "Choose another Python interpreter, or make the virtual environment anew."
            }
            Self::NoMoshi(_) => {
                "Install the server into it (python -m pip install moshi), or choose the Python that has it."
            }
            Self::OtherMoshi { .. } => {
                "Choose the virtual environment that has the server that you want; one cannot hold both."
            }
            Self::NoModel(_) => "Download the model, or choose the folder that holds all of its files.",
            Self::NoFolder(_) => "Choose a folder that is there.",
            Self::Unusable { .. } => "Move it to a folder with a plain name, and choose it there.",
            Self::NoRepository { .. } => "Write it as owner/name, for example kyutai/moshika-pytorch-bf16.",
            Self::NoImageName { .. } => "Write it as name:tag, as docker pull takes it.",
            Self::PortTaken { .. } => "End that program, or allow another port in Settings.",
            Self::NoPort => "End programs that listen for connections, or start the computer anew.",
            Self::Unwritable { .. } => "Make room on the disk, and see that the folder may be written to.",
            Self::Process(_) => "See that the program may be run, or choose another in Settings.",
            Self::Docker(error) => error.next(),
        }
    }
}
