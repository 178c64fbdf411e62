//! What can go wrong with a bridge.

use std::time::Duration;

use net::{ConnectError, HttpError, UpgradeError};
use thiserror::Error;

use crate::Failure;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BridgeError {
    /// There is no connection.
    #[error("it cannot be reached ({0})")]
    Connect(ConnectError),
    /// It speaks TLS and was asked without it.
    #[error("it speaks TLS")]
    WantsTls,
    /// It, or something in front of it, does not let this program in.
    #[error("it does not let this program in (HTTP {0})")]
    Unauthorised(u16),
    /// Something answers that is no bridge.
    #[error("it is no bridge ({0})")]
    NotBridge(String),
    /// It does not know this session. Bridges forget theirs when they start again.
    #[error("it does not know this session")]
    UnknownSession,
    /// It did not answer in time.
    #[error("it did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// It says that Moshi cannot be reached, or was not ready; it closes then.
    #[error("it has no Moshi")]
    NoMoshi {
        /// Its own words.
        said: Option<String>,
    },
    /// Moshi did not begin in time.
    #[error("Moshi did not begin within {} s", .0.as_secs())]
    NoHandshake(Duration),
    /// The connection ended.
    #[error("the connection ended")]
    Lost {
        /// The bridge's own words before that.
        said: Option<String>,
    },
    /// Nothing at all came any more.
    #[error("it fell silent")]
    Silent,
    /// The question to MAS failed. Bridges do not say why.
    #[error("it got no answer from MAS")]
    NoAnswer,
    /// MAS answered with nothing.
    #[error("MAS answered with nothing")]
    Nothing,
    /// No reply came in time.
    #[error("no reply came within {} s", .0.as_secs())]
    NoReply(Duration),
    /// Bridges pass over what has only one character.
    #[error("it passes over what has only one character")]
    TooShort,
    /// The turn belongs to another conversation than the connection.
    #[error("the turn belongs to another conversation")]
    OtherConversation,
    /// The connection was closed here.
    #[error("the connection was closed here")]
    Closed,
}

/// Whether a question may have gone to MAS before something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    Perhaps,
}

impl BridgeError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Connect(ConnectError::UnknownName(_)) => "bridge.unknown_name",
            Self::Connect(ConnectError::Refused) => "bridge.refused",
            Self::Connect(ConnectError::Certificate(_)) => "bridge.certificate",
            Self::Connect(ConnectError::CertificateChanged { .. }) => "bridge.certificate_changed",
            Self::Connect(ConnectError::Plain) => "bridge.plain",
            Self::Connect(ConnectError::Tls(_)) => "bridge.tls",
            Self::Connect(_) => "bridge.unreachable",
            Self::WantsTls => "bridge.wants_tls",
            Self::Unauthorised(_) => "bridge.unauthorised",
            Self::NotBridge(_) => "bridge.not_bridge",
            Self::UnknownSession => "bridge.unknown_session",
            Self::Slow(_) => "bridge.slow",
            Self::NoMoshi { .. } => "bridge.no_moshi",
            Self::NoHandshake(_) => "bridge.no_handshake",
            Self::Lost { .. } => "bridge.lost",
            Self::Silent => "bridge.silent",
            Self::NoAnswer => "bridge.no_answer",
            Self::Nothing => "bridge.nothing",
            Self::NoReply(_) => "bridge.no_reply",
            Self::TooShort => "bridge.short_turn",
            Self::OtherConversation => "bridge.other_conversation",
            Self::Closed => "bridge.closed",
        }
    }

    /// Whether the bridge is there, and it is its Moshi that is not.
    #[must_use]
    pub fn is_of_moshi(&self) -> bool {
        matches!(self, Self::NoMoshi { .. } | Self::NoHandshake(_))
    }

    /// For people. `bridge` is the address as it is shown.
    pub(super) fn failure(&self, bridge: &str, asked: Asked) -> Failure {
        let again = match asked {
            Asked::No => "Nothing has gone to MAS; send it again when the bridge is back.",
            Asked::Perhaps => {
                "It may have been understood all the same, so it was not sent twice; send it again if you like."
            }
        };
        let (what, next) = match self {
            Self::Connect(ConnectError::UnknownName(name)) => (
                format!("No computer called {name} can be found."),
                "Check the address of the bridge, and that this computer is in the right network.",
            ),
            Self::Connect(ConnectError::Refused) => (
                format!("Nothing listens at {bridge}."),
                "Start the bridge there, or check the port; its usual one is 8999.",
            ),
            Self::Connect(ConnectError::Certificate(reason)) => (
                format!("The certificate of {bridge} is not trusted ({reason})."),
                "Install a certificate that this computer trusts, or test the host in Settings and accept its own \
                 there.",
            ),
            Self::Connect(ConnectError::CertificateChanged { shown }) => (
                format!("{bridge} shows another certificate than the one that you accepted ({shown})."),
                "Somebody may stand in between. Accept the new one in Settings only if whoever runs the bridge tells \
                 you the same fingerprint.",
            ),
            Self::Connect(ConnectError::Plain) => (
                format!("{bridge} is not on this computer, and nothing on the way there would be encrypted."),
                "Write wss:// if it speaks TLS, or allow it for this host in Settings.",
            ),
            Self::Connect(ConnectError::Tls(reason)) => (
                format!("{bridge} does not speak TLS as it should ({reason})."),
                "If it is a plain bridge, write ws:// instead of wss://.",
            ),
            Self::Connect(reason) => (
                format!("{bridge} does not answer ({reason})."),
                "Check that the host is switched on, and that no firewall is in between.",
            ),
            Self::WantsTls => (format!("{bridge} speaks TLS."), "Write wss:// instead of ws://."),
            Self::Unauthorised(status) => (
                format!("{bridge} does not let this program in (HTTP {status})."),
                "Ask whoever runs the gate in front of the bridge for a token, and enter the right one at this host in \
                 Settings; the bridge itself lets everybody in.",
            ),
            Self::NotBridge(reason) => (
                format!("{bridge} answers, but is no bridge ({reason})."),
                "Check address and port; the usual port of a bridge is 8999.",
            ),
            Self::UnknownSession => (
                format!("{bridge} does not know this session."),
                "It has started again since; the connection is made anew by itself.",
            ),
            Self::Slow(limit) => (
                format!("{bridge} did not answer within {} seconds.", limit.as_secs()),
                "Look whether the host has too much to do; an old bridge waits for its database.",
            ),
            Self::NoMoshi { .. } => (
                format!("The bridge at {bridge} has no Moshi, and closes without one."),
                "Start Moshi on its host and try again; MAS can be asked without the bridge meanwhile.",
            ),
            Self::NoHandshake(limit) => (
                format!(
                    "The bridge at {bridge} is there, but its Moshi did not begin within {} seconds.",
                    limit.as_secs()
                ),
                "Somebody else may be talking with it, or it still loads; it is tried again.",
            ),
            Self::Lost { .. } => (format!("The connection to {bridge} ended."), again),
            Self::Silent => (format!("{bridge} has fallen silent."), again),
            Self::NoAnswer => (
                format!("The bridge at {bridge} got no answer from MAS, and does not say why."),
                "Check that MAS runs and that the bridge knows its address; then send it again.",
            ),
            Self::Nothing => (
                format!("MAS behind {bridge} answered with nothing."),
                "Send it again, or look into the log of MAS.",
            ),
            Self::NoReply(limit) => {
                (format!("No reply came from {bridge} within {} seconds.", limit.as_secs()), again)
            }
            Self::TooShort => {
                ("A bridge passes over what has only one character.".to_owned(), "Write a little more.")
            }
            Self::OtherConversation => (
                "This turn belongs to another conversation than the connection to the bridge.".to_owned(),
                "Open the conversation anew and send it again.",
            ),
            Self::Closed => (
                "The connection to the bridge was closed here.".to_owned(),
                "Open it again and send it again.",
            ),
        };
        let said = match self {
            Self::NoMoshi { said } | Self::Lost { said } => said.clone(),
            _ => None,
        };
        Failure {
            code: self.code(),
            what,
            next: next.to_owned(),
            said,
            repeatable: asked == Asked::No && *self != Self::TooShort,
        }
    }
}

impl From<HttpError> for BridgeError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Connect(error) => Self::Connect(error),
            HttpError::WantsTls => Self::WantsTls,
            HttpError::Slow(limit) => Self::Slow(limit),
            HttpError::Broken => Self::Lost { said: None },
            HttpError::Unsendable | HttpError::NotHttp | HttpError::TooLong => {
                Self::NotBridge(error.to_string())
            }
        }
    }
}

impl From<UpgradeError> for BridgeError {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Connect(error) => Self::Connect(error),
            UpgradeError::WantsTls => Self::WantsTls,
            UpgradeError::Status(status @ (401 | 403 | 407)) => Self::Unauthorised(status),
            UpgradeError::Broken => Self::Lost { said: None },
            UpgradeError::Status(_)
            | UpgradeError::Silent
            | UpgradeError::HangsUp
            | UpgradeError::NotWebSocket(_) => Self::NotBridge(error.to_string()),
        }
    }
}
