//! What a connection tells whoever looks at it.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use wire::bridge::{AudioForm, LocalStt};

use super::{BridgeError, Capabilities};
use crate::{Failure, What};

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Moshi: pieces of words, a space in front of where one begins.
    Moshi,
    /// MAS, or the bridge in its place: words with a space behind them, or whole sentences.
    Mas,
    /// The person, as the bridge's recogniser understood.
    Person,
}

/// What a bridge tells. What belongs to a typed turn is told by its [`crate::Answer`] instead.
#[derive(Debug, Clone, PartialEq)]
pub enum BridgeEvent {
    /// The bridge is reached.
    Opened {
        /// The session, as it calls it.
        session: String,
    },
    /// It has shown something more that it can do.
    Capable(Capabilities),
    /// It is there, and Moshi may not be. Older bridges do not say so.
    Ready {
        /// The file of the voice that it chose.
        voice_prompt: Option<String>,
    },
    /// It knows the conversation from earlier.
    History {
        /// Turns that it knows.
        turns: u64,
    },
    /// Moshi listens: a new Ogg stream may begin.
    MoshiReady {
        /// The number of this call, for [`super::Bridge::send_audio`].
        call: u64,
        /// From the opening of the socket until now.
        after: Duration,
    },
    /// Words.
    Words {
        /// Whose.
        who: Who,
        /// As they came.
        text: String,
    },
    /// A reply of MAS to something that was not typed here, as the bridge would hand it to Moshi. Moshi cannot say it.
    Injection {
        /// The reply, or its beginning.
        text: String,
    },
    /// Sound to be played.
    Audio {
        /// What the bytes are. It may change from event to event.
        form: AudioForm,
        /// Ogg pages, or one packet.
        bytes: Bytes,
    },
    /// The bridge begins to speak: [`AudioForm::OpusPacket`]s follow faster than they are heard.
    Speech {
        /// How many.
        packets: Option<u64>,
    },
    /// The bridge believes that the person interrupted. Most are wrong about it.
    BargeIn,
    /// What the bridge's recogniser does.
    Hears(LocalStt),
    /// For the panels.
    Told(What),
    /// It has answered a ping, and took so long.
    RoundTrip(Duration),
    /// The connection is over, or none came about. It is tried again by itself.
    Lost {
        /// Why.
        error: BridgeError,
        /// The same for people.
        failure: Failure,
        /// After how long it is tried again.
        again: Duration,
    },
    /// So many events found no room before this one.
    LeftOut(u64),
}

/// The way out. It never waits: what finds no room is left out and counted.
#[derive(Debug)]
pub(super) struct Events {
    out: mpsc::Sender<BridgeEvent>,
    left_out: u64,
}

impl Events {
    pub(super) fn new(out: mpsc::Sender<BridgeEvent>) -> Self {
        Self { out, left_out: 0 }
    }

    pub(super) fn tell(&mut self, event: BridgeEvent) {
        if self.left_out > 0 {
            // Only where there is room for both does the count go out.
            if self.out.capacity() < 2 {
                self.left_out += 1;
                return;
            }
            if self.out.try_send(BridgeEvent::LeftOut(self.left_out)).is_ok() {
                self.left_out = 0;
            }
        }
        if self.out.try_send(event).is_err_and(|error| matches!(error, mpsc::error::TrySendError::Full(_))) {
            self.left_out += 1;
        }
    }
}
