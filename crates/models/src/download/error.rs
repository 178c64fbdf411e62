//! What can go wrong with a download.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use net::{ConnectError, HttpError};
use thiserror::Error;

/// Why a download ended.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// It was asked to end, and can go on later.
    #[error("The download is paused. What has come so far stays.")]
    Paused,
    /// Somebody uses the model or downloads it.
    #[error(
        "{0} is being downloaded or used already, perhaps by another copy of this program. Wait for it, or end it."
    )]
    Busy(String),
    /// The licence has to be accepted first.
    #[error("{}", gated(page, *token))]
    Gated {
        /// The page on which it is accepted.
        page: String,
        /// Whether there was a token, so that it is the acceptance that is missing.
        token: bool,
    },
    /// The token is not taken.
    #[error(
        "The server does not take the token of Hugging Face. Make a new one at https://huggingface.co/settings/tokens and put it into the settings."
    )]
    Token,
    /// There is no such repository, revision or file, or it is hidden from us.
    #[error(
        "The server has no {0}, or shows it only to some. Look at the address of the server in the settings, and at the token."
    )]
    NotFound(String),
    /// There is no way to the server.
    #[error("The server of models cannot be reached: {0}. Look at the network, then let the download go on.")]
    Unreachable(ConnectError),
    /// Connections break again and again.
    #[error("The connection broke too often: {0}. What has come stays; let the download go on later.")]
    Broken(String),
    /// The server wants fewer questions.
    #[error("The server wants fewer requests{}. What has come stays; let the download go on later.", after(*.0))]
    TooMany(Option<Duration>),
    /// The server answers with this status.
    #[error("The server answers with HTTP {0}. What has come stays; let the download go on later.")]
    Status(u16),
    /// The server's answer makes no sense.
    #[error("The server's answer makes no sense: {0}. Look at the address of the server in the settings.")]
    Answer(String),
    /// The file changes while it comes.
    #[error(
        "{file} changes while it is downloaded: {what}. Let the download go on later, or look at the server."
    )]
    Changed {
        /// The file.
        file: String,
        /// What shows it.
        what: String,
    },
    /// The server has something else than what the catalogue says.
    #[error(
        "{0} is not the file that was published, so it is not downloaded. Look at the address of the server in the settings, or update the program."
    )]
    NotAsPublished(String),
    /// The hash of what came is wrong.
    #[error(
        "{0} came with the wrong hash, and was thrown away. Download it again; if that happens twice, look at the server and at this computer's memory and disk."
    )]
    Mismatch(String),
    /// A file that the model needs is not in the repository.
    #[error("The repository has no {0}, which the model needs. Update the program.")]
    Missing(String),
    /// The disk has too little room.
    #[error(
        "The download needs {} GB in {}, and {} GB are free. Make room, or choose another folder.",
        gigabytes(*need), folder.display(), gigabytes(*free)
    )]
    Space {
        /// Where it goes.
        folder: PathBuf,
        /// Bytes that are needed, with some to spare.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk became full.
    #[error("The disk with {} is full. What has come stays; make room and let the download go on.", .0.display())]
    DiskFull(PathBuf),
    /// The system does not let us read or write.
    #[error("{} cannot be used: {source}. Look at its permissions and at the disk.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DownloadError {
    /// A name for this kind of error that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Paused => "models.download.paused",
            Self::Busy(_) => "models.download.busy",
            Self::Gated { .. } => "models.download.gated",
            Self::Token => "models.download.token",
            Self::NotFound(_) => "models.download.not_found",
            Self::Unreachable(_) => "models.download.unreachable",
            Self::Broken(_) => "models.download.broken",
            Self::TooMany(_) => "models.download.too_many",
            Self::Status(_) => "models.download.status",
            Self::Answer(_) => "models.download.answer",
            Self::Changed { .. } => "models.download.changed",
            Self::NotAsPublished(_) => "models.download.not_as_published",
            Self::Mismatch(_) => "models.download.mismatch",
            Self::Missing(_) => "models.download.missing",
            Self::Space { .. } => "models.download.space",
            Self::DiskFull(_) => "models.download.disk_full",
            Self::File { .. } => "models.download.file",
        }
    }

    /// What the system said about a file.
    pub(super) fn of_disk(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path.into()),
            _ => Self::File { path: path.into(), source },
        }
    }
}

/// What ends an attempt.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another attempt would end the same way.
    Final(DownloadError),
    /// Another attempt may do better, after the wait that the server asks for.
    Passing {
        /// What it is, when it happens too often.
        why: DownloadError,
        wait: Option<Duration>,
    },
    /// The file is another one than before.
    Changed(String),
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        let passing = |why| Self::Passing { why, wait: None };
        match error {
            HttpError::Connect(ConnectError::Certificate(why)) => {
                Self::Final(DownloadError::Unreachable(ConnectError::Certificate(why)))
            }
            HttpError::Connect(error) => passing(DownloadError::Unreachable(error)),
            HttpError::Slow(_) | HttpError::Broken => passing(DownloadError::Broken(error.to_string())),
            HttpError::Unsendable | HttpError::WantsTls | HttpError::NotHttp | HttpError::TooLong => {
                Self::Final(DownloadError::Answer(error.to_string()))
            }
        }
    }
}

fn gated(page: &str, token: bool) -> String {
    let first = if token {
        "This model's licence has not been accepted by the owner of the token."
    } else {
        "This model is given only to those who accept its licence."
    };
    let make =
        "make a token that may read at https://huggingface.co/settings/tokens and put it into the settings";
    if token {
        format!("{first} Log in to Hugging Face, open {page}, accept the licence, and download again.")
    } else {
        format!(
            "{first} Log in to Hugging Face, open {page}, accept the licence, then {make}, and download again."
        )
    }
}

fn after(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(", and none for {} s", wait.as_secs()))
}

/// For a sentence: up to a tenth.
fn gigabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000_000);
    format!("{}.{}", tenths / 10, tenths % 10)
}
