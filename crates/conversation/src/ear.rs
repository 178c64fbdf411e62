//! Who makes text of what the person says: an ear.
//!
//! Moshi does not tell what it heard, so a recogniser listens to the same microphone: that of the host, which tells its
//! [utterances](wire::Utterance) with the call, or a server that only recognises ([`EarServer`]).

pub(crate) mod server;

use net::{Access, Token};
use url::Url;
use wire::{FrameTiming, Utterance};

use crate::problem::Problem;

/// Who makes text of what the person says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ear {
    /// Nobody.
    #[default]
    Off,
    /// The host, if it has a recogniser.
    Host,
    /// A server that recognises, as [`EarServer::new`] takes it.
    Server(EarServer),
}

/// A server that speaks the recognition protocol of Kyutai's `moshi-server`; `myca host --hear` does too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarServer {
    /// The whole address.
    pub url: Url,
    /// The address as it is shown.
    pub shown: String,
    /// How to get in. The token goes out in [`wire::ASR_KEY_HEADER`].
    pub access: Access,
}

impl EarServer {
    /// A server from what a person typed: a missing scheme means `ws`, a missing path [`wire::ASR_PATH`]. What is not on
    /// this computer has to be encrypted, unless `plain` allows it.
    ///
    /// # Errors
    /// The problem with the address.
    pub fn new(address: &str, key: Option<Token>, plain: bool) -> Result<Self, Problem> {
        let mut url = wire::service_url(address, wire::ASR_PATH).map_err(|e| Problem::address(&e))?;
        url.set_query(None);
        let host = url.host_str().unwrap_or_default();
        let shown = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self { url, shown, access: Access { token: key, encrypted: !plain, ..Access::default() } })
    }
}

/// What an ear reports. Utterances count from 1 after each [`Listens`](EarEvent::Listens).
#[derive(Debug, Clone, PartialEq)]
pub enum EarEvent {
    /// From now on the sound counts of which the times of utterances are told. `delay_ms`: how late it tells words by
    /// design, where it is known.
    Listens {
        /// Milliseconds.
        delay_ms: Option<u32>,
    },
    /// The person says this, as far as it was understood.
    Heard(Utterance),
    /// It is not heard for now, for this reason; it is tried again.
    Waits(Problem),
    /// It cannot go on.
    Ended(Problem),
    /// It was closed, and has told all that it heard.
    Closed,
}

/// How an ear does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarPhase {
    /// Nobody is to hear: none is chosen, or there is neither a call nor dictation.
    Off,
    /// It is being reached.
    Waiting,
    /// It listens.
    Listening,
    /// It can not.
    Failed,
}

/// The ear as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct EarState {
    /// How it does.
    pub phase: EarPhase,
    /// Where it is, as it is shown: the host's or the server's address. Empty where none is chosen.
    pub place: String,
    /// Whether it is the host's.
    pub of_host: bool,
    /// Name of its model, where that is known.
    pub model: Option<String>,
    /// How late it tells words by design, in milliseconds, where that is known.
    pub delay_ms: Option<u32>,
    /// What it costs: frame times of the host's recogniser, once a second.
    pub timing: Option<FrameTiming>,
    /// Why it does not hear.
    pub problem: Option<Problem>,
}

/// Dictation into the text box, as it is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dictation {
    /// Whether it goes on.
    pub on: bool,
    /// All that was heard since it began. The last words may still be corrected while it goes on.
    pub text: String,
    /// Why it does not hear, or did not go on.
    pub problem: Option<Problem>,
}
