//! What a bridge can do, learnt from what it sends.

use wire::bridge::{AudioForm, FromBridge};

/// What a bridge can do, as far as it has shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// It says when it is there, and takes typed words before Moshi is there.
    pub takes_words_early: bool,
    /// It recognises speech itself and has no Moshi. All words are its own then.
    pub does_without_moshi: bool,
    /// It answers turns with a prepared sentence at once; the reply of MAS follows, if it comes in time.
    pub prepared_replies: bool,
    /// It speaks replies of MAS itself, in packets that are no Ogg.
    pub speaks_replies: bool,
}

impl Capabilities {
    /// Learns from a message.
    pub(super) fn learn(&mut self, message: &FromBridge) {
        match message {
            FromBridge::BridgeReady { local_stt_mode, .. } => {
                self.takes_words_early = true;
                self.without_moshi(*local_stt_mode);
            }
            FromBridge::MoshiReady { local_stt_mode, .. } => self.without_moshi(*local_stt_mode),
            FromBridge::TtsStreamStart { .. } | FromBridge::Audio { form: AudioForm::OpusPacket, .. } => {
                self.speaks_replies = true;
            }
            _ => {}
        }
    }

    /// The builds that say whether they do without Moshi are those that have prepared replies.
    fn without_moshi(&mut self, said: Option<bool>) {
        if let Some(said) = said {
            self.prepared_replies = true;
            self.does_without_moshi = said;
        }
    }
}
