//! What stands between us and a container.

use std::{error::Error, io};

use bollard::errors::Error as Told;
use thiserror::Error;

/// Why there is no container.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DockerError {
    /// There is no Docker, or it does not run.
    #[error("Docker is not installed on this computer, or does not run.")]
    NotRunning,
    /// The person may not use Docker.
    #[error("This account may not use Docker.")]
    Forbidden,
    /// The environment names a Docker on another computer, whose ports are not here.
    #[error("DOCKER_HOST names a Docker that is not on this computer.")]
    Elsewhere,
    /// Docker does not answer.
    #[error("Docker does not answer.")]
    Silent,
    /// The image could not be downloaded, as Docker says.
    #[error("The image {image} could not be downloaded: {why}.")]
    Pull {
        /// The image.
        image: String,
        /// Docker's words.
        why: String,
    },
    /// What is to be run is not in the image.
    #[error("The image does not hold what is started in it: {0}.")]
    NoProgram(String),
    /// The disk is full.
    #[error("The disk that Docker uses is full.")]
    Full,
    /// Anything else, in Docker's words.
    #[error("Docker says: {0}.")]
    Failed(String),
}

impl DockerError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRunning => "docker.stopped",
            Self::Forbidden => "docker.refused",
            Self::Elsewhere => "docker.elsewhere",
            Self::Silent => "docker.silent",
            Self::Pull { .. } => "docker.pull",
            Self::NoProgram(_) => "docker.no-program",
            Self::Full => "docker.full",
            Self::Failed(_) => "docker.failed",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::NotRunning => "Start Docker, or install it.",
            Self::Forbidden => {
                "Add the account to the group docker (sudo usermod -aG docker \"$USER\"), and log in again."
            }
            Self::Elsewhere => "Take DOCKER_HOST out of the environment, or add that computer as a host.",
            Self::Silent => "Start Docker anew.",
            Self::Pull { .. } => "See that this computer reaches the registry, and try again.",
            Self::NoProgram(_) => "Choose an image that has a shell and Python with the package moshi.",
            Self::Full => "Make room, for example with docker system prune.",
            Self::Failed(_) => "See what Docker says, and try again.",
        }
    }

    /// What Docker said, in which a known failure may be found.
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Self::Pull { why: words, .. } | Self::NoProgram(words) | Self::Failed(words) => Some(words),
            _ => None,
        }
    }

    /// What the answer of the daemon, or the lack of one, means.
    pub(super) fn of(told: &Told) -> Self {
        match told {
            Told::SocketNotFoundError(_) => Self::NotRunning,
            Told::RequestTimeoutError => Self::Silent,
            Told::DockerResponseServerError { message, .. } => Self::said(message),
            Told::DockerStreamError { error } => Self::said(error),
            other => match io_kind(other) {
                Some(io::ErrorKind::PermissionDenied) => Self::Forbidden,
                Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Self::NotRunning,
                Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => Self::Silent,
                _ => Self::Failed(plain(&other.to_string())),
            },
        }
    }

    fn said(words: &str) -> Self {
        let any = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
        if any(&["executable file not found", "no such file or directory: unknown"]) {
            Self::NoProgram(plain(words))
        } else if any(&["no space left on device"]) {
            Self::Full
        } else {
            Self::Failed(plain(words))
        }
    }

    /// Why an image did not come.
    pub(super) fn of_pull(told: &Told, image: &str) -> Self {
        match Self::of(told) {
            Self::Failed(why) => Self::Pull { image: image.to_owned(), why },
            other => other,
        }
    }
}

/// What the system said below all that was built on it.
fn io_kind(error: &Told) -> Option<io::ErrorKind> {
    let mut below: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = below {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        below = error.source();
    }
    None
}

/// Words from elsewhere, bounded and in one line.
fn plain(words: &str) -> String {
    let words: String =
        words.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(400).collect();
    words.trim().trim_end_matches('.').to_owned()
}
