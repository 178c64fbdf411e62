//! What goes into the WebSocket.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::{BridgeMessageError, limit, object};
use crate::Fields;

const AUDIO: u8 = 1;

/// One JSON message to the bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum ToBridge {
    /// What the person said, for the brain. Every build keeps it and asks MAS once.
    UserTranscript {
        /// The words.
        text: String,
    },
    /// The same, and the reply is to be spoken. Later builds speak it themselves, and do not keep what was said.
    UserSpeech {
        /// The words.
        text: String,
        /// Whether Moshi is to be given the person's words as well, with which no Moshi does anything.
        forward_to_moshi: bool,
    },
    /// Words to be spoken to the person.
    InjectFeedback(Injection),
    /// The person speaks: what is being said is to end.
    BargeIn,
}

/// Words to be spoken to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// An id of the sender's.
    pub id: String,
    /// What they are, for example `brain_response`.
    pub kind: String,
    /// The words.
    pub content: String,
}

impl ToBridge {
    /// Reads a message as a bridge does. None for an object that says nothing to it.
    ///
    /// # Errors
    /// [`BridgeMessageError::TooLarge`] and [`BridgeMessageError::NoObject`].
    pub fn decode(message: &str) -> Result<Option<Self>, BridgeMessageError> {
        let value = object(message)?;
        let object = Fields::of(&value).ok_or(BridgeMessageError::NoObject)?;
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let text = object.text(&["text"], limit::JSON);
        Ok(match (kind, text) {
            ("inject_feedback", _) => {
                object.object("injection").and_then(Injection::read).map(Self::InjectFeedback)
            }
            ("user_speech", Some(text)) => {
                let forward_to_moshi = object.flag("forward_to_moshi").unwrap_or_default();
                Some(Self::UserSpeech { text, forward_to_moshi })
            }
            ("barge_in" | "interrupt", _) => Some(Self::BargeIn),
            _ if object.flag("interrupt") == Some(true) => Some(Self::BargeIn),
            // Whatever has words and another type counts as words of the person.
            (_, Some(text)) => Some(Self::UserTranscript { text }),
            (_, None) => None,
        })
    }

    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> String {
        let message = match self {
            Self::UserTranscript { text } => json!({ "type": "user_transcript", "text": text }),
            Self::UserSpeech { text, forward_to_moshi } => {
                json!({ "type": "user_speech", "text": text, "forward_to_moshi": forward_to_moshi })
            }
            Self::InjectFeedback(Injection { id, kind, content }) => json!({
                "type": "inject_feedback", "injection": { "id": id, "type": kind, "content": content },
            }),
            Self::BargeIn => json!({ "type": "barge_in" }),
        };
        message.to_string()
    }
}

impl Injection {
    fn read(object: Fields<'_>) -> Option<Self> {
        Some(Self {
            id: object.name(&["id"], limit::NAME).unwrap_or_default(),
            kind: object.name(&["type"], limit::NAME).unwrap_or_default(),
            content: object.text(&["content"], limit::JSON)?,
        })
    }
}

/// A binary message that carries sound to Moshi: whole pages of an Ogg Opus stream that began behind the handshake.
#[must_use]
pub fn audio_to_bridge(pages: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(1 + pages.len());
    message.put_u8(AUDIO);
    message.put_slice(pages);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = || "Hello \"you\"".to_owned();
        for message in [
            ToBridge::UserTranscript { text: text() },
            ToBridge::UserSpeech { text: text(), forward_to_moshi: false },
            ToBridge::UserSpeech { text: text(), forward_to_moshi: true },
            ToBridge::InjectFeedback(Injection {
                id: "1".into(),
                kind: "brain_response".into(),
                content: text(),
            }),
            ToBridge::BargeIn,
        ] {
            assert_eq!(ToBridge::decode(&message.encode()), Ok(Some(message)));
        }
    }

    #[test]
    fn a_bridge_takes_any_words_for_the_persons() {
        let words = Ok(Some(ToBridge::UserTranscript { text: "hi".into() }));
        assert_eq!(ToBridge::decode(r#"{"type":"chat","text":"hi"}"#), words);
        assert_eq!(ToBridge::decode(r#"{"text":"hi"}"#), words);
        assert_eq!(ToBridge::decode(r#"{"interrupt":true}"#), Ok(Some(ToBridge::BargeIn)));
        assert_eq!(ToBridge::decode(r#"{"type":"user_speech","text":"  "}"#), Ok(None));
        assert_eq!(ToBridge::decode(r#"{"type":"inject_feedback"}"#), Ok(None));
        assert_eq!(ToBridge::decode("[]"), Err(BridgeMessageError::NoObject));
    }

    #[test]
    fn sound_has_its_kind_in_front() {
        assert_eq!(&audio_to_bridge(b"OggS")[..], b"\x01OggS");
    }
}
