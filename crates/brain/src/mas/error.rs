//! What can go wrong with MAS.

use std::time::Duration;

use thiserror::Error;

use crate::Failure;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MasError {
    /// The name of the host is not known.
    #[error("no computer called {0} can be found")]
    UnknownName(String),
    /// The host is there, but nothing listens on the port.
    #[error("nothing listens there")]
    Refused,
    /// The host does not answer.
    #[error("it does not answer ({0})")]
    Unreachable(String),
    /// The host's certificate is not trusted.
    #[error("its certificate is not trusted ({0})")]
    Certificate(String),
    /// The host does not speak TLS, or not as it should.
    #[error("it does not speak TLS as it should ({0})")]
    Tls(String),
    /// It speaks TLS where none was expected, so that it has read nothing.
    #[error("it speaks TLS")]
    WantsTls,
    /// It wants to know who asks.
    #[error("it does not let this program in (HTTP {0})")]
    Unauthorised(u16),
    /// It sends everybody elsewhere. Nobody goes there, as the token must not.
    #[error("it sends visitors elsewhere (HTTP {0})")]
    Redirected(u16),
    /// It has had too many requests, and the wait that it asks for is too long or came too often.
    #[error("it takes no more requests for {} s", .0.as_secs())]
    Limited(Duration),
    /// It has none of the interfaces that answer.
    #[error("it has no interface that answers")]
    Unsupported,
    /// It does not take this request. No model was called.
    #[error("it does not take the request (HTTP {status})")]
    Rejected {
        /// Of HTTP.
        status: u16,
        /// Its own words.
        said: Option<String>,
    },
    /// It, or something in front of it, failed at the request.
    #[error("it failed (HTTP {status})")]
    Failed {
        /// Of HTTP.
        status: u16,
        /// Its own words.
        said: Option<String>,
    },
    /// It began to answer and then said that it failed.
    #[error("it failed while it answered")]
    FailedLater {
        /// Its own words.
        said: Option<String>,
    },
    /// It says that it is not well, where it was asked for nothing else.
    #[error("it is not well (HTTP {0})")]
    Unwell(u16),
    /// It is not MAS.
    #[error("it is no MAS ({0})")]
    NotMas(String),
    /// The answer was not complete in time.
    #[error("it did not finish within {} s", .0.as_secs())]
    Slow(Duration),
    /// The connection ended before the answer.
    #[error("the connection ended before the answer")]
    Broken,
    /// It answered, and there is nothing in it.
    #[error("it answered with nothing")]
    Nothing,
    /// The answer is longer than anything that is read.
    #[error("its answer is too long")]
    TooLong,
}

impl MasError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownName(_) => "mas.unknown_name",
            Self::Refused => "mas.refused",
            Self::Unreachable(_) => "mas.unreachable",
            Self::Certificate(_) => "mas.certificate",
            Self::Tls(_) => "mas.tls",
            Self::WantsTls => "mas.wants_tls",
            Self::Unauthorised(_) => "mas.unauthorised",
            Self::Redirected(_) => "mas.redirected",
            Self::Limited(_) => "mas.limited",
            Self::Unsupported => "mas.unsupported",
            Self::Rejected { .. } => "mas.rejected",
            Self::Failed { .. } => "mas.failed",
            Self::FailedLater { .. } => "mas.failed_later",
            Self::Unwell(_) => "mas.unwell",
            Self::NotMas(_) => "mas.not_mas",
            Self::Slow(_) => "mas.slow",
            Self::Broken => "mas.broken",
            Self::Nothing => "mas.nothing",
            Self::TooLong => "mas.too_long",
        }
    }

    /// Whether a model may have been called before this happened. Then the turn may have been answered, paid and
    /// remembered, and only a person decides whether it goes out again.
    #[must_use]
    pub fn model_may_have_run(&self) -> bool {
        match self {
            Self::UnknownName(_)
            | Self::Refused
            | Self::Unreachable(_)
            | Self::Certificate(_)
            | Self::Tls(_)
            | Self::WantsTls
            | Self::Unauthorised(_)
            | Self::Redirected(_)
            | Self::Limited(_)
            | Self::Unsupported
            | Self::Unwell(_)
            | Self::Rejected { .. } => false,
            Self::Failed { .. }
            | Self::FailedLater { .. }
            | Self::NotMas(_)
            | Self::Slow(_)
            | Self::Broken
            | Self::Nothing
            | Self::TooLong => true,
        }
    }

    /// Whether the host was not even reached.
    pub(super) fn is_unreached(&self) -> bool {
        matches!(
            self,
            Self::UnknownName(_)
                | Self::Refused
                | Self::Unreachable(_)
                | Self::Certificate(_)
                | Self::Tls(_)
                | Self::WantsTls
        )
    }

    /// For people. `server` is the address as it is shown.
    #[must_use]
    pub fn failure(&self, server: &str) -> Failure {
        let (what, next) = match self {
            Self::UnknownName(name) => (
                format!("No computer called {name} can be found."),
                "Check the address of MAS, and that this computer is in the right network.",
            ),
            Self::Refused => (
                format!("Nothing listens at {server}."),
                "Start MAS there, or check the port; its usual one is 8001.",
            ),
            Self::Unreachable(reason) => (
                format!("{server} does not answer ({reason})."),
                "Check that the host is switched on, and that no firewall is in between.",
            ),
            Self::Certificate(reason) => (
                format!("The certificate of {server} is not trusted ({reason})."),
                "Install a certificate that this computer trusts, or add the host's own to the system's.",
            ),
            Self::Tls(reason) => (
                format!("{server} does not speak TLS as it should ({reason})."),
                "If it is a plain server, write http:// instead of https://.",
            ),
            Self::WantsTls => (format!("{server} speaks TLS."), "Write https:// instead of http://."),
            Self::Unauthorised(status) => (
                format!("{server} does not let this program in (HTTP {status})."),
                "Check the service token, or ask whoever runs MAS for one.",
            ),
            Self::Redirected(status) => (
                format!("{server} sends visitors elsewhere (HTTP {status})."),
                "Enter the address at which MAS itself answers; perhaps it begins with https://.",
            ),
            Self::Limited(wait) => (
                format!("{server} takes no more requests for {} seconds.", wait.as_secs()),
                "Wait a little and send it again; MAS takes 60 requests a minute.",
            ),
            Self::Unsupported => (
                format!("{server} has none of the interfaces by which MAS answers."),
                "Check the address; if it is right, MAS there is too old.",
            ),
            Self::Rejected { status, .. } => (
                format!("{server} does not take this message (HTTP {status})."),
                "Say it differently, or look into the log of MAS.",
            ),
            Self::Failed { status, .. } => (
                format!("{server} failed at this message (HTTP {status})."),
                "It may have been understood all the same, so it was not sent twice; send it again if you like.",
            ),
            Self::FailedLater { .. } => (
                format!("{server} failed while it answered."),
                "What came is shown; send it again if you like.",
            ),
            Self::Unwell(status) => (
                format!("{server} says that it is not well (HTTP {status})."),
                "Look into the log of MAS; it is asked again every few seconds.",
            ),
            Self::NotMas(reason) => (
                format!("{server} answers, but is no MAS ({reason})."),
                "Check address and port; the usual port of MAS is 8001.",
            ),
            Self::Slow(limit) => (
                format!("{server} did not finish its answer within {} seconds.", limit.as_secs()),
                "It may still be at it, so it was not asked twice; send it again if you like.",
            ),
            Self::Broken => (
                format!("The connection to {server} ended before the answer did."),
                "It may have been understood all the same, so it was not sent twice; send it again if you like.",
            ),
            Self::Nothing => {
                (format!("{server} answered with nothing."), "Send it again, or look into the log of MAS.")
            }
            Self::TooLong => (
                format!("The answer of {server} is longer than anything that is read."),
                "Ask for less, or look into the log of MAS.",
            ),
        };
        let said = match self {
            Self::Rejected { said, .. } | Self::Failed { said, .. } | Self::FailedLater { said } => {
                said.clone()
            }
            _ => None,
        };
        Failure {
            code: self.code(),
            what,
            next: next.to_owned(),
            said,
            repeatable: !self.model_may_have_run(),
        }
    }
}
