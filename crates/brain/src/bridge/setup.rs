//! What a bridge is asked for.

use std::time::Duration;

use net::Access;

use super::BridgeAddress;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A question over HTTP. Old bridges wait for their database before they answer.
    pub request: Duration,
    /// From the opening of the socket until Moshi is there. It may have to load, and to read its persona.
    pub handshake: Duration,
    /// From the words of a turn to the end of its reply.
    pub reply: Duration,
    /// Behind a prepared sentence, until the reply of MAS. Bridges that have such give MAS 8 s.
    pub second_reply: Duration,
    /// Before a lost connection is tried again for the first time; each time after that it is twice as long.
    pub first_retry: Duration,
    /// The longest that this becomes.
    pub last_retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            handshake: Duration::from_secs(240),
            reply: Duration::from_secs(30),
            second_reply: Duration::from_secs(9),
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(10),
        }
    }
}

/// One of the voices that bridges know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BridgeVoice {
    /// MYCA's.
    #[default]
    Myca,
    /// Moshika's.
    Moshika,
}

impl BridgeVoice {
    /// As bridges call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Myca => "myca",
            Self::Moshika => "moshika",
        }
    }
}

/// What a bridge is asked for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it is.
    pub address: BridgeAddress,
    /// What it takes to get in. A bridge itself asks for nothing, and a gate in front of it may.
    pub access: Access,
    /// The conversation; every connection goes on with it.
    pub conversation: String,
    /// The name under which the person is remembered.
    pub user: String,
    /// In which voice.
    pub voice: BridgeVoice,
    /// Whether replies to typed turns are to be spoken, where the bridge can. Such a bridge does not keep what was
    /// typed then.
    pub speaks_replies: bool,
    /// How long things may take.
    pub limits: Limits,
}
