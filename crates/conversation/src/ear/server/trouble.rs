//! What can go wrong with a recognition server, and what a person is told of it.

use net::{ConnectError, HeaderName, UpgradeError};

use crate::{
    ear::EarServer,
    problem::{Action, Problem},
};

/// The header for the key of whoever asks.
pub(super) fn key_header() -> HeaderName {
    HeaderName::from_static(wire::ASR_KEY_HEADER)
}

/// Why a recognition server does not hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It cannot be reached, for this reason.
    Unreachable(String),
    /// It would not be encrypted, and is not on this computer.
    Plain,
    /// It is not trusted, for this reason.
    Untrusted(String),
    /// It wants a key, or another one.
    Key {
        /// Whether one was sent.
        sent: bool,
    },
    /// There is nothing at that path.
    NotFound,
    /// It has too much to do.
    Busy,
    /// It says this, and closes.
    Says(String),
    /// It is something else, as this shows.
    NoRecogniser(String),
    /// The connection was lost.
    Lost,
    /// It says nothing any more.
    Silent,
    /// The conversation is over.
    NobodyListens,
}

impl Trouble {
    pub(super) fn of(error: UpgradeError, sent: bool) -> Self {
        match error {
            UpgradeError::Connect(ConnectError::Plain) => Self::Plain,
            UpgradeError::Connect(ConnectError::Certificate(untrusted)) => Self::Untrusted(untrusted.reason),
            UpgradeError::Connect(ConnectError::CertificateChanged { shown }) => {
                Self::Untrusted(format!("it shows another certificate, {shown}"))
            }
            UpgradeError::Connect(error) => Self::Unreachable(error.to_string()),
            UpgradeError::Status(401 | 403 | 407) => Self::Key { sent },
            UpgradeError::Status(404 | 405) => Self::NotFound,
            UpgradeError::Status(429 | 500..=599) => Self::Busy,
            UpgradeError::Status(status) => Self::NoRecogniser(format!("it answers with HTTP {status}")),
            UpgradeError::WantsTls => Self::NoRecogniser("it wants wss:// in place of ws://".to_owned()),
            UpgradeError::Silent | UpgradeError::HangsUp | UpgradeError::Broken => {
                Self::Unreachable(error.to_string())
            }
            UpgradeError::NotWebSocket(reason) => Self::NoRecogniser(reason),
        }
    }

    /// Whether trying again can help by itself.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy | Self::Says(_) | Self::Lost | Self::Silent => true,
            Self::Plain
            | Self::Untrusted(_)
            | Self::Key { .. }
            | Self::NotFound
            | Self::NoRecogniser(_)
            | Self::NobodyListens => false,
        }
    }

    /// What a person is told.
    pub(super) fn problem(&self, server: &EarServer) -> Problem {
        let shown = &server.shown;
        let again = "It is tried again by itself. Typing works as before.";
        let (code, what, next) = match self {
            Self::Unreachable(reason) => {
                ("ear.unreachable", format!("The recogniser at {shown} cannot be reached: {reason}."), again)
            }
            Self::Plain => (
                "ear.plain",
                format!("What you say would go to {shown} without encryption."),
                "Write wss:// in front of its address, or allow it in Settings.",
            ),
            Self::Untrusted(reason) => (
                "ear.untrusted",
                format!("The recogniser at {shown} is not trusted: {reason}."),
                "Have its certificate signed by somebody whom this computer trusts.",
            ),
            Self::Key { sent: false } => {
                ("ear.key", format!("The recogniser at {shown} wants a key."), "Set its key in Settings.")
            }
            Self::Key { sent: true } => (
                "ear.key",
                format!("The recogniser at {shown} does not take the key."),
                "Look at its key in Settings.",
            ),
            Self::NotFound => (
                "ear.not_found",
                format!("There is no recogniser at this path of {shown}."),
                "Write the path behind its address, as its configuration has it.",
            ),
            Self::Busy => ("ear.busy", format!("The recogniser at {shown} has too much to do."), again),
            Self::Says(said) => ("ear.says", format!("The recogniser at {shown} says: {said}."), again),
            Self::NoRecogniser(reason) => (
                "ear.none",
                format!("What answers at {shown} is no recogniser that is known here: {reason}."),
                "Look at the address in Settings. moshi-server and myca host --hear are known.",
            ),
            Self::Lost | Self::NobodyListens => {
                ("ear.lost", format!("The recogniser at {shown} was lost."), again)
            }
            Self::Silent => {
                ("ear.silent", format!("The recogniser at {shown} says nothing any more."), again)
            }
        };
        Problem::new(code, what, next, &[Action::OpenHearingSettings])
    }
}
