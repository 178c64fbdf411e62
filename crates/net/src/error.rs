//! What can stand in the way.

use std::{fmt, io, time::Duration};

use thiserror::Error;

use crate::Fingerprint;

/// Why there is no connection. Nothing that was to be said has been sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// The name of the host is not known.
    #[error("no computer called {0} can be found")]
    UnknownName(String),
    /// The host is there, but nothing listens on the port.
    #[error("nothing listens there")]
    Refused,
    /// The network knows no way to the host.
    #[error("there is no way to it")]
    NoRoute,
    /// Nothing came back in this time.
    #[error("no answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// Something else, in the system's words.
    #[error("{0}")]
    Failed(String),
    /// The connection is accepted, and TLS gets no answer.
    #[error("it accepts the connection and says nothing")]
    Silent,
    /// The host's certificate is not trusted.
    #[error("{0}")]
    Certificate(Untrusted),
    /// The host shows another certificate than the one that is trusted. Somebody may stand in between.
    #[error("its certificate is another one than before")]
    CertificateChanged {
        /// That of the certificate that it shows.
        shown: Fingerprint,
    },
    /// It would be spoken to without encryption, and is not on this computer. Nobody was even reached.
    #[error("nothing would be encrypted on the way there")]
    Plain,
    /// The host does not speak TLS, or not as it should, as this says.
    #[error("{0}")]
    Tls(String),
}

/// A certificate that is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// Why.
    pub reason: String,
    /// By what a person can know it, where it came that far.
    pub shown: Option<Fingerprint>,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl ConnectError {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Why a request got no answer, or not all of one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpError {
    /// There is no connection, so that nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The address or what was added to it makes no request. Nothing was sent.
    #[error("this makes no request")]
    Unsendable,
    /// The server speaks TLS and was asked without it, so that it has read nothing.
    #[error("it speaks TLS")]
    WantsTls,
    /// What it answers is not HTTP.
    #[error("what it answers is not HTTP")]
    NotHttp,
    /// Nothing more came for this long, or the whole took this long.
    #[error("it did not finish within {} s", .0.as_secs())]
    Slow(Duration),
    /// The connection ended before the answer.
    #[error("the connection ended before the answer")]
    Broken,
    /// The answer is longer than what is taken of it.
    #[error("its answer is too long")]
    TooLong,
}

/// Why a WebSocket did not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpgradeError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server, or something in front of it, answers with this status of HTTP instead.
    #[error("it answers with HTTP {0}")]
    Status(u16),
    /// The server speaks TLS and was asked without it.
    #[error("it speaks TLS")]
    WantsTls,
    /// The connection is accepted, and nothing comes.
    #[error("it accepts the connection and says nothing")]
    Silent,
    /// The connection is ended instead of an answer.
    #[error("it hangs up on a WebSocket")]
    HangsUp,
    /// The connection broke.
    #[error("the connection ended")]
    Broken,
    /// What it answers opens no WebSocket, as this says.
    #[error("{0}")]
    NotWebSocket(String),
}
