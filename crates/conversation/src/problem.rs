//! What went wrong, for people: a stable code, a sentence that says what happened, and one that says what to do.

use audio::{DeviceError, Direction};
use brain::{AddressError, AddressFault, Failure, bridge::BridgeError};
use net::ConnectError;
use store::DatabaseError;
use wire::ChatUrlError;

use crate::NoWay;

/// Something a person can do about a problem with one click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begin talking (again).
    Talk,
    /// Stop waiting.
    Stop,
    /// Look at the host's settings.
    OpenHostSettings,
    /// Look at the sound settings.
    OpenAudioSettings,
    /// Look at who hears what the person says.
    OpenHearingSettings,
    /// Look at the persona's settings.
    OpenPersonaSettings,
    /// Begin a new conversation.
    NewConversation,
    /// Look at the brain's settings.
    OpenBrainSettings,
    /// Look at what the doctor says.
    OpenDoctor,
    /// Look at the models.
    OpenModels,
    /// Start Moshi on this computer.
    StartLocal,
    /// Look at the log of the local Moshi.
    OpenLocalLog,
}

/// A problem as it is shown. The window decides by code, never by the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable, dotted, lower case.
    pub code: &'static str,
    /// What happened, one sentence.
    pub what: String,
    /// What to do, one sentence.
    pub next: String,
    /// What can be done with one click.
    pub actions: Vec<Action>,
}

impl Problem {
    /// A problem.
    pub fn new(
        code: &'static str,
        what: impl Into<String>,
        next: impl Into<String>,
        actions: &[Action],
    ) -> Self {
        Self { code, what: what.into(), next: next.into(), actions: actions.to_vec() }
    }

    /// Nobody said where Moshi runs.
    #[must_use]
    pub fn no_host() -> Self {
        Self::new(
            "host.none",
            "No Moshi host is set up yet.",
            "Enter the address of one in Settings; typing works meanwhile.",
            &[Action::OpenHostSettings],
        )
    }

    /// The address of a bridge cannot be used.
    #[must_use]
    pub fn bridge_address(error: &AddressError) -> Self {
        let (what, next) = match error.why() {
            AddressFault::Empty => (
                "No bridge is set up yet.".to_owned(),
                "Enter the address of one in Settings; typing works meanwhile.",
            ),
            AddressFault::Secret => (
                "The bridge's address holds more than host, port and path, which logs would keep.".to_owned(),
                "Take the rest out of the address.",
            ),
            AddressFault::Invalid(_) | AddressFault::Scheme { .. } => (
                format!("The bridge's address cannot be used: {error}."),
                "Write it like ws://127.0.0.1:8999 or wss://gpu.example.",
            ),
        };
        Self::new(error.code(), what, next, &[Action::OpenHostSettings])
    }

    /// A device cannot be used.
    #[must_use]
    pub fn device(error: &DeviceError) -> Self {
        let audio = &[Action::OpenAudioSettings];
        match error {
            DeviceError::NoSystem(reason) => Self::new(
                error.code(),
                format!("No sound system answers ({reason})."),
                "Start PipeWire or PulseAudio; it is looked for again every few seconds.",
                audio,
            ),
            DeviceError::NotFound(Direction::Input) => Self::new(
                error.code(),
                "There is no microphone.",
                "Plug one in; it is taken up by itself. Until then you can listen and type.",
                audio,
            ),
            DeviceError::NotFound(Direction::Output) => Self::new(
                error.code(),
                "There is no loudspeaker.",
                "Plug in a loudspeaker or headphones; they are taken up by themselves.",
                audio,
            ),
            DeviceError::Refused(direction) => Self::new(
                error.code(),
                format!("The system does not let this program use the {direction}."),
                "Allow it in the system's privacy settings, or choose another device.",
                audio,
            ),
            DeviceError::Busy(direction) => Self::new(
                error.code(),
                format!("Another program holds the {direction}."),
                "Close that program, or choose another device.",
                audio,
            ),
            DeviceError::Lost(direction) => Self::new(
                error.code(),
                format!("The {direction} went away."),
                "Plug it in again, or choose another device; it is taken up by itself when it returns.",
                audio,
            ),
            DeviceError::Failed { direction, reason } => Self::new(
                error.code(),
                format!("The {direction} failed ({reason})."),
                "Choose another device, or plug this one in again.",
                audio,
            ),
        }
    }

    /// A conversation is still on disk.
    #[must_use]
    pub fn not_deleted(error: &DatabaseError) -> Self {
        Self::new(
            "history.not_deleted",
            format!("The conversation could not be deleted: {error}."),
            "Close other windows of this program, then delete it again.",
            &[],
        )
    }

    /// A turn is not on disk.
    #[must_use]
    pub fn not_saved(error: &DatabaseError) -> Self {
        let next = match error {
            DatabaseError::DiskFull => {
                "Free some space; what is on the screen is written as soon as there is room."
            }
            DatabaseError::Busy => "Close the other window of this program; writing is tried again.",
            DatabaseError::TooNew { .. } => {
                "Install the later version again; until then this conversation is not kept."
            }
            DatabaseError::Folder(_) | DatabaseError::Sqlite(_) => {
                "Copy what you need from the screen; it is written as soon as that works again."
            }
        };
        Self::new(error.code(), format!("This conversation is not being saved: {error}."), next, &[])
    }

    /// An address or a persona cannot be used.
    #[must_use]
    pub fn address(error: &ChatUrlError) -> Self {
        let host = &[Action::OpenHostSettings];
        let persona = &[Action::OpenPersonaSettings];
        match error {
            ChatUrlError::Empty => Self::no_host(),
            ChatUrlError::Invalid { .. } | ChatUrlError::Scheme(_) => Self::new(
                "host.bad_address",
                format!("The host's address cannot be used: {error}."),
                "Write it like ws://127.0.0.1:8998 or wss://gpu.example.",
                host,
            ),
            ChatUrlError::Userinfo => Self::new(
                "host.secret_in_address",
                "The host's address holds a user name or password, which logs would keep.",
                "Take it out of the address.",
                host,
            ),
            ChatUrlError::TooLong { .. } => Self::new(
                "persona.too_long",
                "The persona is too long for the host.",
                "Shorten it; about 1,000 characters always fit.",
                persona,
            ),
            ChatUrlError::UnknownVoice(voice) => Self::new(
                "persona.unknown_voice",
                format!("There is no voice called \"{voice}\"."),
                "Choose one of the voices in Settings.",
                persona,
            ),
        }
    }
}

/// What is wrong with a link, as the link itself knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// The name of the host is not known.
    UnknownName(String),
    /// The host is there, but nothing listens on the port.
    Refused,
    /// The host does not answer.
    Unreachable(String),
    /// The host's certificate is not trusted.
    Certificate(String),
    /// The host shows another certificate than the one that is trusted; this is its fingerprint.
    CertificateChanged(String),
    /// Nothing on the way to the host would be encrypted, and nobody has allowed that.
    Plain,
    /// The host does not speak TLS, or not as it should.
    Tls(String),
    /// The host speaks TLS where none was expected.
    WantsTls,
    /// The host has nothing at this path.
    NotFound,
    /// The host says that it is busy or starting, by HTTP.
    Unavailable(u16),
    /// The host wants to know who is calling.
    Unauthorised(u16),
    /// The host does not take the token that it was shown.
    WrongToken(u16),
    /// The host is a web server of another kind.
    NotMoshi(String),
    /// Another caller holds the host: it said so.
    Busy(Option<String>),
    /// The connection ended. Code and words of the close frame, if there was one.
    Closed(Option<(u16, String)>),
    /// The host has not sent any sound, or not taken any, for so many seconds.
    Silent(u64),
    /// The host sent something that no Moshi server sends.
    Protocol(String),
    /// The host is a bridge, and something is wrong with it or behind it: what, and the same for people.
    Bridge(BridgeError, Box<Failure>),
    /// There is no way to the host.
    NoWay(Box<NoWay>),
}

impl LinkError {
    /// Whether trying again in a moment can help by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused
            | Self::Unreachable(_)
            | Self::Unavailable(_)
            | Self::Busy(_)
            | Self::Closed(_)
            | Self::Silent(_)
            | Self::Protocol(_)
            | Self::UnknownName(_) => true,
            Self::Certificate(_)
            | Self::CertificateChanged(_)
            | Self::Plain
            | Self::Tls(_)
            | Self::WantsTls
            | Self::NotFound
            | Self::Unauthorised(_)
            | Self::WrongToken(_)
            | Self::NotMoshi(_) => false,
            Self::Bridge(error, _) => match error {
                BridgeError::Connect(error) => !matches!(
                    error,
                    ConnectError::Certificate(_)
                        | ConnectError::CertificateChanged { .. }
                        | ConnectError::Plain
                        | ConnectError::Tls(_)
                ),
                BridgeError::WantsTls | BridgeError::Unauthorised(_) | BridgeError::NotBridge(_) => false,
                _ => true,
            },
            Self::NoWay(no_way) => no_way.may_pass,
        }
    }

    /// For people. `host` is the address as it is shown.
    #[must_use]
    pub fn problem(&self, host: &str) -> Problem {
        const HOST: &[Action] = &[Action::Talk, Action::OpenHostSettings];
        match self {
            Self::UnknownName(name) => Problem::new(
                "link.unknown_name",
                format!("No computer called {name} can be found."),
                "Check the address, and that this computer is in the right network.",
                HOST,
            ),
            Self::Refused => Problem::new(
                "link.refused",
                format!("Nothing listens at {host}."),
                "Start Moshi there, or check the port; Moshi's usual one is 8998.",
                HOST,
            ),
            Self::Unreachable(reason) => Problem::new(
                "link.unreachable",
                format!("{host} does not answer ({reason})."),
                "Check that the host is switched on, and that no firewall is in between.",
                HOST,
            ),
            Self::Certificate(reason) => Problem::new(
                "link.certificate",
                format!("The certificate of {host} is not trusted ({reason})."),
                "Test the host in Settings: there its fingerprint is shown, to be compared and accepted.",
                HOST,
            ),
            Self::CertificateChanged(shown) => Problem::new(
                "link.certificate_changed",
                format!("{host} shows another certificate than the one that you accepted ({shown})."),
                "Somebody may stand in between. Accept the new one in Settings only if whoever runs the host tells you \
                 the same fingerprint.",
                HOST,
            ),
            Self::Plain => Problem::new(
                "link.plain",
                format!("{host} is not on this computer, and nothing on the way there would be encrypted."),
                "Write wss:// if it speaks TLS, use an SSH tunnel, or allow it for this host in Settings.",
                HOST,
            ),
            Self::Tls(reason) => Problem::new(
                "link.tls",
                format!("{host} does not speak TLS as it should ({reason})."),
                "If it is a plain server, write ws:// instead of wss://.",
                HOST,
            ),
            Self::WantsTls => Problem::new(
                "link.wants_tls",
                format!("{host} speaks TLS."),
                "Write wss:// instead of ws://.",
                HOST,
            ),
            Self::NotFound => Problem::new(
                "link.not_found",
                format!("{host} is a web server, but has no Moshi at this path."),
                "Leave the path out of the address, or write the right one; Moshi's is /api/chat.",
                HOST,
            ),
            Self::Unavailable(status) => Problem::new(
                "link.unavailable",
                format!("{host} cannot take a call now (HTTP {status})."),
                "It may be starting; try again in a moment.",
                HOST,
            ),
            Self::Unauthorised(status) => Problem::new(
                "link.unauthorised",
                format!("{host} does not let this program in (HTTP {status})."),
                "Ask whoever runs it for a token, and enter it at this host in Settings.",
                HOST,
            ),
            Self::WrongToken(status) => Problem::new(
                "link.wrong_token",
                format!("{host} does not take the token that is kept for it (HTTP {status})."),
                "Enter the right one at this host in Settings.",
                HOST,
            ),
            Self::NotMoshi(reason) => Problem::new(
                "link.not_moshi",
                format!("{host} answers, but is no Moshi server ({reason})."),
                "Check address and port; Moshi's usual port is 8998.",
                HOST,
            ),
            Self::Busy(said) => Problem::new(
                "link.busy",
                match said {
                    Some(said) => format!("Somebody else holds {host}: {}.", said.trim_end_matches('.')),
                    None => format!("Somebody else holds {host}."),
                },
                "It answers one caller at a time. It is asked again every few seconds.",
                &[Action::Stop, Action::OpenHostSettings],
            ),
            Self::Closed(Some((code, words))) if !words.is_empty() => Problem::new(
                "link.closed",
                format!("{host} ended the call: {} (code {code}).", words.trim_end_matches('.')),
                "Try again; if it happens each time, look into the host's log.",
                HOST,
            ),
            Self::Closed(_) => Problem::new(
                "link.closed",
                format!("The connection to {host} ended."),
                "Try again; if it happens each time, look into the host's log.",
                HOST,
            ),
            Self::Silent(seconds) => Problem::new(
                "link.silent",
                format!("{host} has not answered for {seconds} seconds."),
                "The network or the host hangs; try again.",
                HOST,
            ),
            Self::Protocol(reason) => Problem::new(
                "link.protocol",
                format!("{host} sends something that no Moshi server sends ({reason})."),
                "Check address and port; if they are right, look into the host's log.",
                HOST,
            ),
            Self::Bridge(_, failure) => {
                let what = match &failure.said {
                    Some(said) => format!("{} It says: {}.", failure.what, said.trim_end_matches('.')),
                    None => failure.what.clone(),
                };
                Problem::new(failure.code, what, failure.next.clone(), HOST)
            }
            Self::NoWay(no_way) => no_way.problem.clone(),
        }
    }
}
