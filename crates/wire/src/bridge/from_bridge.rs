//! What comes out of the WebSocket.

use bytes::Bytes;

use super::{BridgeMessageError, MasEvent, limit, object};
use crate::Fields;

const HANDSHAKE: u8 = 0;
const AUDIO: u8 = 1;
/// What every page of an Ogg stream begins with.
const OGG_PAGE: &[u8] = b"OggS";

/// One message from the bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum FromBridge {
    /// Moshi listens. Sound may go out from now on, and not before.
    Handshake,
    /// Sound to be played.
    Audio {
        /// What the bytes are; it may change from message to message.
        form: AudioForm,
        /// Ogg pages, or one packet.
        bytes: Bytes,
    },
    /// Words that Moshi or MAS says; the bridge does not tell which of both.
    Text {
        /// As it came. White space at both ends means something.
        text: String,
        /// Whose words they are said to be.
        speaker: Speaker,
    },
    /// Something happened in MAS.
    Mas(MasEvent),
    /// The bridge knows this conversation from earlier.
    HistoryLoaded {
        /// Turns that it knows.
        turns: u64,
        /// The conversation.
        conversation_id: Option<String>,
    },
    /// The bridge believes that the person spoke while something was played. Most builds measure it on packed sound and
    /// believe it at random.
    BargeIn,
    /// What went wrong, in words that may be an exception's. The socket mostly closes behind it.
    Error {
        /// The bridge's own words.
        message: String,
    },
    /// The bridge is there; Moshi may not be. Older builds do not say it.
    BridgeReady {
        /// The session, as the bridge calls it.
        session_id: Option<String>,
        /// Whether Moshi is still to come.
        moshi_pending: Option<bool>,
        /// Whether the bridge recognises speech itself and does without Moshi. Only builds that can do it say this.
        local_stt_mode: Option<bool>,
        /// The voice that it chose.
        voice: Option<String>,
        /// The voice's file.
        voice_prompt: Option<String>,
    },
    /// Moshi is there. Comes behind the handshake, from builds that say it.
    MoshiReady {
        /// As in [`FromBridge::BridgeReady`].
        local_stt_mode: Option<bool>,
        /// The voice that it chose.
        voice: Option<String>,
        /// The voice's file.
        voice_prompt: Option<String>,
    },
    /// A reply that the bridge speaks itself begins: its sound comes as [`AudioForm::OpusPacket`], faster than it is
    /// heard.
    TtsStreamStart {
        /// Packets of 20 ms that will come.
        packets: Option<u64>,
    },
    /// What the bridge's own recogniser heard.
    UserTranscript {
        /// The words.
        text: String,
    },
    /// What the bridge's own recogniser does.
    LocalStt(LocalStt),
    /// A reply of MAS under a name that pages wait for and no known build sends.
    BrainResponse {
        /// The reply.
        text: String,
    },
    /// Something that was injected has arrived. No known build sends it.
    InjectionAck {
        /// What was injected.
        injection_id: Option<String>,
    },
    /// Anything else. Counted and otherwise ignored, commands for other programs (`frontend_command`) among it.
    Unknown,
}

/// What the bytes of a sound message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioForm {
    /// One or several pages of Moshi's Ogg Opus stream.
    OggPages,
    /// One Opus packet without a container: 20 ms, 24 kHz, mono.
    OpusPacket,
}

/// Whose words a text message is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The machine's, whichever part of it.
    Myca,
    /// The person's. No known build sends it.
    User,
}

/// What a bridge's own recogniser does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalStt {
    /// Somebody speaks.
    Listening {
        /// How long already, in its frames.
        speech_frames: Option<u64>,
    },
    /// It understood something; [`FromBridge::UserTranscript`] has all of it.
    Transcribed,
    /// Something that a later build does.
    Other,
}

impl FromBridge {
    /// Reads a binary message.
    ///
    /// # Errors
    /// [`BridgeMessageError::Empty`] and [`BridgeMessageError::TooLarge`].
    pub fn decode_binary(message: &Bytes) -> Result<Self, BridgeMessageError> {
        if message.len() > limit::BINARY {
            return Err(BridgeMessageError::TooLarge { len: message.len(), limit: limit::BINARY });
        }
        let kind = *message.first().ok_or(BridgeMessageError::Empty)?;
        let bytes = message.slice(1..);
        Ok(match kind {
            // Python servers send nothing behind it, Rust ones two numbers.
            HANDSHAKE => Self::Handshake,
            AUDIO if bytes.is_empty() => Self::Unknown,
            AUDIO if bytes.starts_with(OGG_PAGE) => Self::Audio { form: AudioForm::OggPages, bytes },
            AUDIO => Self::Audio { form: AudioForm::OpusPacket, bytes },
            _ => Self::Unknown,
        })
    }

    /// Reads a text message.
    ///
    /// # Errors
    /// [`BridgeMessageError::TooLarge`] and [`BridgeMessageError::NoObject`].
    pub fn decode_text(message: &str) -> Result<Self, BridgeMessageError> {
        let value = object(message)?;
        let object = Fields::of(&value).ok_or(BridgeMessageError::NoObject)?;
        Ok(Self::read(object).unwrap_or(Self::Unknown))
    }

    /// None where what the message is about is missing.
    fn read(object: Fields<'_>) -> Option<Self> {
        Some(match object.get("type")?.as_str()? {
            "text" => {
                let is_user = matches!(object.get("speaker").and_then(|s| s.as_str()), Some("user"));
                let speaker = if is_user { Speaker::User } else { Speaker::Myca };
                Self::Text { text: object.verbatim("text")?, speaker }
            }
            "mas_event" => Self::Mas(MasEvent::read(object.object("event")?)),
            "history_loaded" => Self::HistoryLoaded {
                turns: object.count("turns").unwrap_or_default(),
                conversation_id: object.name(&["conversation_id"], limit::NAME),
            },
            "barge_in" => Self::BargeIn,
            "error" => Self::Error { message: object.words(&["message"], limit::JSON).unwrap_or_default() },
            "bridge_ready" => Self::BridgeReady {
                session_id: object.name(&["session_id"], limit::NAME),
                moshi_pending: object.flag("moshi_pending"),
                local_stt_mode: object.flag("local_stt_mode"),
                voice: object.name(&["voice"], limit::NAME),
                voice_prompt: object.name(&["voice_prompt"], limit::NAME),
            },
            "moshi_ready" => Self::MoshiReady {
                local_stt_mode: object.flag("local_stt_mode"),
                voice: object.name(&["voice"], limit::NAME),
                voice_prompt: object.name(&["voice_prompt"], limit::NAME),
            },
            "tts_stream_start" => Self::TtsStreamStart { packets: object.count("packets") },
            "user_transcript" => Self::UserTranscript { text: object.verbatim("text")? },
            "local_stt_status" => {
                Self::LocalStt(match object.get("phase").and_then(|phase| phase.as_str()) {
                    Some("listening") => LocalStt::Listening { speech_frames: object.count("speech_frames") },
                    Some("transcribed") => LocalStt::Transcribed,
                    _ => LocalStt::Other,
                })
            }
            "brain_response" => Self::BrainResponse { text: object.verbatim("text")? },
            "injection_ack" => {
                Self::InjectionAck { injection_id: object.name(&["injection_id"], limit::NAME) }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str) -> FromBridge {
        FromBridge::decode_text(message).unwrap()
    }

    fn binary(message: &[u8]) -> FromBridge {
        FromBridge::decode_binary(&Bytes::copy_from_slice(message)).unwrap()
    }

    #[test]
    fn each_sound_message_says_itself_what_it_is() {
        assert_eq!(
            binary(b"\x01OggS\0rest"),
            FromBridge::Audio { form: AudioForm::OggPages, bytes: Bytes::from_static(b"OggS\0rest") }
        );
        assert_eq!(
            binary(b"\x01\x08packet"),
            FromBridge::Audio { form: AudioForm::OpusPacket, bytes: Bytes::from_static(b"\x08packet") }
        );
        assert_eq!(binary(b"\x01"), FromBridge::Unknown);
        assert_eq!(binary(b"\x03ack"), FromBridge::Unknown);
    }

    #[test]
    fn a_handshake_is_a_zero_and_anything_behind_it() {
        assert_eq!(binary(&[0]), FromBridge::Handshake);
        assert_eq!(binary(&[0; 9]), FromBridge::Handshake);
        assert_eq!(FromBridge::decode_binary(&Bytes::new()), Err(BridgeMessageError::Empty));
    }

    #[test]
    fn words_keep_the_white_space_that_tells_their_source() {
        let said = |text: &str| FromBridge::Text { text: text.into(), speaker: Speaker::Myca };
        assert_eq!(text(r#"{"type":"text","text":" I","speaker":"myca"}"#), said(" I"));
        assert_eq!(text(r#"{"type":"text","text":"word "}"#), said("word "));
        assert_eq!(text(r#"{"type":"text","text":"","speaker":"myca"}"#), FromBridge::Unknown);
        let heard = FromBridge::Text { text: "hi".into(), speaker: Speaker::User };
        assert_eq!(text(r#"{"type":"text","text":"hi","speaker":"user"}"#), heard);
    }

    #[test]
    fn only_builds_that_could_do_without_moshi_say_whether_they_do() {
        let ready = |message: &str| match text(message) {
            FromBridge::BridgeReady { moshi_pending, local_stt_mode, .. } => (moshi_pending, local_stt_mode),
            other => panic!("{other:?}"),
        };
        let older = r#"{"type":"bridge_ready","session_id":"s","moshi_pending":true,"voice":"myca"}"#;
        assert_eq!(ready(older), (Some(true), None));
        let newer = r#"{"type":"bridge_ready","moshiPending":false,"localSttMode":true}"#;
        assert_eq!(ready(newer), (Some(false), Some(true)));
        let odd = r#"{"type":"bridge_ready","moshi_pending":"perhaps","local_stt_mode":1}"#;
        assert_eq!(ready(odd), (None, None));
    }

    #[test]
    fn commands_for_other_programs_and_what_makes_no_sense_are_unknown() {
        for message in [
            r#"{"type":"frontend_command","command":{"run":"rm"}}"#,
            r#"{"type":"connected"}"#,
            r#"{"type":7}"#,
            r#"{"type":"mas_event","event":"x"}"#,
            r#"{"type":"text"}"#,
            r#"{"text":"no type"}"#,
            "{}",
        ] {
            assert_eq!(text(message), FromBridge::Unknown, "{message}");
        }
        for message in ["", "[1]", "7", "{\"type\":", "null"] {
            assert_eq!(FromBridge::decode_text(message), Err(BridgeMessageError::NoObject), "{message}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_looked_at() {
        let long = format!(r#"{{"type":"error","message":"{}"}}"#, "x".repeat(limit::JSON));
        assert_eq!(
            FromBridge::decode_text(&long),
            Err(BridgeMessageError::TooLarge { len: long.len(), limit: limit::JSON })
        );
        let long = Bytes::from(vec![1; limit::BINARY + 1]);
        assert!(matches!(FromBridge::decode_binary(&long), Err(BridgeMessageError::TooLarge { .. })));
    }
}
