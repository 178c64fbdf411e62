//! What stands between us and a host.

use std::time::Duration;

use net::{ConnectError, Fingerprint, HttpError, UpgradeError};

use crate::{TunnelError, Verdict};

/// What stands between us and a host: a stable code, a sentence that says what happened, and one that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Its address cannot be used, for this reason.
    Address(String),
    /// The fingerprint that is kept for it is none.
    Pin,
    /// It is this computer's own Moshi, which does not run.
    NotRunning,
    /// There is no tunnel to it.
    Tunnel(TunnelError),
    /// The name is not known.
    UnknownName(String),
    /// Nothing listens there.
    Refused,
    /// It does not answer.
    Unreachable(String),
    /// Nothing on the way would be encrypted.
    Plain,
    /// Its certificate is not trusted, for this reason. The person may know its fingerprint.
    CertificateUnknown(String, Option<Fingerprint>),
    /// Its certificate is another one than the one that was accepted.
    CertificateChanged(Fingerprint),
    /// It does not speak TLS, or not as it should.
    Tls(String),
    /// It speaks TLS and was asked without.
    WantsTls,
    /// It wants to know who is asking.
    Unauthorised(u16),
    /// It does not take the token.
    WrongToken(u16),
    /// It is a web server, without a Moshi at this path.
    NotFound,
    /// It is something else.
    NotMoshi(String),
    /// It is no bridge.
    NotBridge(String),
    /// It says by HTTP that it cannot take a call now.
    Unavailable(u16),
    /// Somebody else holds it, as it says.
    Busy,
    /// It took the call and did not begin for so long: somebody else holds it, or it is still warming up.
    SeemsBusy(Duration),
    /// It ended the call by itself. Code and words of its close frame, if there was one.
    Ended(Option<(u16, String)>),
    /// It began and sent no sound for so long.
    Silent(Duration),
    /// It sends what no Moshi server sends.
    Protocol(String),
    /// It is a bridge that does not reach its own Moshi.
    BridgeAlone,
}

impl Obstacle {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "host.bad_address",
            Self::Pin => "host.bad_pin",
            Self::NotRunning => "host.not_running",
            Self::Tunnel(error) => error.code(),
            Self::UnknownName(_) => "host.unknown_name",
            Self::Refused => "host.refused",
            Self::Unreachable(_) => "host.unreachable",
            Self::Plain => "host.plain",
            Self::CertificateUnknown(..) => "host.certificate_unknown",
            Self::CertificateChanged(_) => "host.certificate_changed",
            Self::Tls(_) => "host.tls",
            Self::WantsTls => "host.wants_tls",
            Self::Unauthorised(_) => "host.unauthorised",
            Self::WrongToken(_) => "host.wrong_token",
            Self::NotFound => "host.not_found",
            Self::NotMoshi(_) => "host.not_moshi",
            Self::NotBridge(_) => "host.not_bridge",
            Self::Unavailable(_) => "host.unavailable",
            Self::Busy => "host.busy",
            Self::SeemsBusy(_) => "host.seems_busy",
            Self::Ended(_) => "host.ended",
            Self::Silent(_) => "host.silent",
            Self::Protocol(_) => "host.protocol",
            Self::BridgeAlone => "host.bridge_alone",
        }
    }

    /// What a host is called that has this in front of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NotRunning
            | Self::UnknownName(_)
            | Self::Refused
            | Self::Unreachable(_)
            | Self::Unavailable(_)
            | Self::Silent(_)
            | Self::BridgeAlone => Verdict::Unreachable,
            Self::Tunnel(error) => error.verdict(),
            Self::Address(_)
            | Self::Pin
            | Self::Plain
            | Self::CertificateUnknown(..)
            | Self::CertificateChanged(_)
            | Self::WantsTls
            | Self::Unauthorised(_)
            | Self::WrongToken(_) => Verdict::Refused,
            Self::Tls(_)
            | Self::NotFound
            | Self::NotMoshi(_)
            | Self::NotBridge(_)
            | Self::Ended(_)
            | Self::Protocol(_) => Verdict::NotMoshi,
            Self::Busy | Self::SeemsBusy(_) => Verdict::Busy,
        }
    }

    /// Whether trying again in a moment can help by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::UnknownName(_)
            | Self::Refused
            | Self::Unreachable(_)
            | Self::Unavailable(_)
            | Self::Busy
            | Self::SeemsBusy(_)
            | Self::Ended(_)
            | Self::Silent(_)
            | Self::Protocol(_)
            | Self::BridgeAlone => true,
            Self::Tunnel(error) => error.may_pass(),
            _ => false,
        }
    }

    /// Whether somebody may stand in between, so that nothing should go on by itself.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::CertificateChanged(_) | Self::Tunnel(TunnelError::HostKeyChanged))
    }

    /// The fingerprint of a certificate that the person may want to accept.
    #[must_use]
    pub fn offered(&self) -> Option<Fingerprint> {
        match self {
            Self::CertificateUnknown(_, shown) => *shown,
            Self::CertificateChanged(shown) => Some(*shown),
            _ => None,
        }
    }

    /// What happened, in a sentence. `host`: its address, as it is shown.
    #[must_use]
    pub fn what(&self, host: &str) -> String {
        match self {
            Self::Address(reason) => format!("The address of this host cannot be used: {reason}."),
            Self::Pin => "The fingerprint that is kept for this host cannot be read.".into(),
            Self::NotRunning => "Moshi does not run on this computer.".into(),
            Self::Tunnel(error) => error.what(host),
            Self::UnknownName(name) => format!("No computer called {name} can be found."),
            Self::Refused => format!("Nothing listens at {host}."),
            Self::Unreachable(reason) => format!("{host} does not answer ({reason})."),
            Self::Plain => {
                format!("{host} is not on this computer, and nothing on the way there would be encrypted.")
            }
            Self::CertificateUnknown(reason, _) => {
                format!("The certificate of {host} is not trusted ({reason}).")
            }
            Self::CertificateChanged(shown) => {
                format!("{host} shows another certificate than the one that you accepted ({shown}).")
            }
            Self::Tls(reason) => format!("{host} does not speak TLS as it should ({reason})."),
            Self::WantsTls => format!("{host} speaks TLS."),
            Self::Unauthorised(status) => {
                format!("{host} does not let this program in (HTTP {status}).")
            }
            Self::WrongToken(status) => {
                format!("{host} does not take the token that is kept for it (HTTP {status}).")
            }
            Self::NotFound => format!("{host} is a web server, but has no Moshi at this path."),
            Self::NotMoshi(reason) => format!("{host} answers, but is no Moshi server ({reason})."),
            Self::NotBridge(reason) => format!("{host} answers, but is no bridge ({reason})."),
            Self::Unavailable(status) => format!("{host} cannot take a call now (HTTP {status})."),
            Self::Busy => format!("Somebody else holds {host}."),
            Self::SeemsBusy(limit) => {
                format!("{host} took the call and did not begin within {} seconds.", limit.as_secs())
            }
            Self::Ended(Some((code, words))) if !words.is_empty() => {
                format!("{host} ended the call: {} (code {code}).", words.trim_end_matches('.'))
            }
            Self::Ended(_) => format!("{host} ended the call before it had begun."),
            Self::Silent(limit) => format!("{host} sent no sound within {} seconds.", limit.as_secs()),
            Self::Protocol(reason) => {
                format!("{host} sends something that no Moshi server sends ({reason}).")
            }
            Self::BridgeAlone => format!("The bridge at {host} does not reach its Moshi."),
        }
    }

    /// What to do.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Address(_) => "Write it like ws://127.0.0.1:8998 or wss://gpu.example.",
            Self::Pin => "Take it away and test the host again.",
            Self::NotRunning => "Start it, or choose another host.",
            Self::Tunnel(error) => error.next(),
            Self::UnknownName(_) => "Check the address, and that this computer is in the right network.",
            Self::Refused => "Start Moshi there, or check the port; Moshi's usual one is 8998.",
            Self::Unreachable(_) => "Check that the host is switched on, and that no firewall is in between.",
            Self::Plain => "Write wss:// if it speaks TLS, use an SSH tunnel, or allow it for this host.",
            Self::CertificateUnknown(_, Some(_)) => {
                "Compare its fingerprint with the one that whoever runs the host tells you, and accept it if they are \
                 the same."
            }
            Self::CertificateUnknown(_, None) => "Install a certificate that this computer trusts.",
            Self::CertificateChanged(_) => {
                "Somebody may stand in between. Accept the new one only if whoever runs the host tells you the same \
                 fingerprint."
            }
            Self::Tls(_) => "If it is a plain server, write ws:// instead of wss://.",
            Self::WantsTls => "Write wss:// instead of ws://.",
            Self::Unauthorised(_) => "Ask whoever runs it for a token, and enter it here.",
            Self::WrongToken(_) => "Enter the right token.",
            Self::NotFound => {
                "Leave the path out of the address, or write the right one; Moshi's is /api/chat."
            }
            Self::NotMoshi(_) => "Check address and port; Moshi's usual port is 8998.",
            Self::NotBridge(_) => "Check address and port; a bridge's usual port is 8999.",
            Self::Unavailable(_) => "It may be starting; test it again in a moment.",
            Self::Busy => "It answers one caller at a time; try again when the other conversation is over.",
            Self::SeemsBusy(_) => {
                "Somebody else holds it, or it is still warming up; test it again in a few minutes."
            }
            Self::Ended(_) | Self::Protocol(_) => "Look into the host's log; it may say why.",
            Self::Silent(_) => "Its model may hang; look into the host's log, or start it again.",
            Self::BridgeAlone => "Start Moshi behind the bridge, or look into the bridge's log.",
        }
    }

    /// `token`: whether one was sent.
    pub(crate) fn of_status(status: u16, token: bool) -> Self {
        match status {
            404 | 405 => Self::NotFound,
            401 | 403 if token => Self::WrongToken(status),
            401 | 403 | 407 => Self::Unauthorised(status),
            429 | 502..=504 => Self::Unavailable(status),
            200..=299 => Self::NotMoshi("it serves a page there, not a conversation".into()),
            300..=399 => Self::NotMoshi("it sends visitors elsewhere".into()),
            _ => Self::NotMoshi(format!("HTTP {status}")),
        }
    }

    /// `token`: whether one was sent.
    pub(crate) fn of_upgrade(error: UpgradeError, token: bool) -> Self {
        match error {
            UpgradeError::Connect(error) => error.into(),
            UpgradeError::Status(status) => Self::of_status(status, token),
            UpgradeError::WantsTls => Self::WantsTls,
            UpgradeError::Broken => Self::Ended(None),
            UpgradeError::Silent | UpgradeError::HangsUp => Self::NotMoshi(error.to_string()),
            UpgradeError::NotWebSocket(reason) => Self::NotMoshi(reason),
        }
    }
}

impl From<ConnectError> for Obstacle {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::UnknownName(name) => Self::UnknownName(name),
            ConnectError::Refused => Self::Refused,
            ConnectError::NoRoute | ConnectError::NoAnswer(_) | ConnectError::Failed(_) => {
                Self::Unreachable(error.to_string())
            }
            ConnectError::Silent => Self::NotMoshi(error.to_string()),
            ConnectError::Certificate(untrusted) => {
                Self::CertificateUnknown(untrusted.reason, untrusted.shown)
            }
            ConnectError::CertificateChanged { shown } => Self::CertificateChanged(shown),
            ConnectError::Plain => Self::Plain,
            ConnectError::Tls(reason) => Self::Tls(reason),
        }
    }
}

impl From<HttpError> for Obstacle {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Connect(error) => error.into(),
            HttpError::WantsTls => Self::WantsTls,
            HttpError::Slow(_) => Self::Unreachable(error.to_string()),
            HttpError::Unsendable | HttpError::NotHttp | HttpError::Broken | HttpError::TooLong => {
                Self::NotMoshi(error.to_string())
            }
        }
    }
}
