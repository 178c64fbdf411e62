//! The recognition protocol of Kyutai's `moshi-server` (its modules `Asr` and `BatchedAsr`), MessagePack in binary
//! WebSocket messages, one map a message with the kind under `type`. Facts are from `rust/moshi-server/src/asr.rs` and
//! `batched_asr.rs` of kyutai-labs/moshi e6a55d2.
//!
//! - The path is whatever the server's configuration says; `/api/asr-streaming` in those that Kyutai publishes. Who may
//!   ask is known by the header [`ASR_KEY_HEADER`]; HTTP 401 otherwise.
//! - `BatchedAsr` says [`AsrReply::Ready`] first, or an [`AsrReply::Error`] where all its places are taken; `Asr` says
//!   neither. So nothing is waited for before sound goes out.
//! - A [`AsrReply::Step`] comes after each 80 ms, from models that predict pauses only. Its number counts the steps of
//!   the server and not those of the connection.
//! - `BatchedAsr` ends connections of which nothing comes for 20 seconds, or no message of the protocol for 120; `Asr`
//!   ends all after 360.

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

use crate::{
    cut,
    hearing::{PAUSE_HEAD, Recognised},
};

/// The header with the key of whoever asks.
pub const ASR_KEY_HEADER: &str = "kyutai-api-key";
/// Where the published configurations serve it.
pub const ASR_PATH: &str = "/api/asr-streaming";
/// Largest message of a client that is read, in bytes: some ten seconds of sound as Python clients write it.
pub const LARGEST_REQUEST: usize = 4 << 20;
/// Largest message of a server that is read, in bytes.
pub const LARGEST_REPLY: usize = 64 << 10;
/// Bytes of text in a reply that are kept.
const LONGEST_TEXT: usize = 1_000;
/// Extra heads that are kept.
const MOST_HEADS: usize = 16;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AsrRequest {
    /// A new speaker. Servers take it as said by every connection.
    Init,
    /// Asks for [`AsrReply::Marker`] once everything before it has been recognised.
    Marker {
        /// Comes back with the answer.
        id: i64,
    },
    /// Sound, 24 kHz mono, any number of samples.
    Audio {
        /// The samples.
        pcm: Vec<f32>,
    },
    /// Sound as a piece of an Ogg Opus stream.
    OggOpus {
        /// The bytes: an array of numbers as Rust writes it, or binary as Python does.
        #[serde(deserialize_with = "bytes")]
        data: Vec<u8>,
    },
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AsrReply {
    /// It listens.
    Ready,
    /// A whole word. It was told of as late as the model is.
    Word {
        /// The word.
        text: String,
        /// Where it began, in seconds of sound since the connection began.
        start_time: f64,
    },
    /// The last word has ended.
    EndWord {
        /// Where, in seconds of sound since the connection began.
        stop_time: f64,
    },
    /// A step of 80 ms was taken.
    Step {
        /// Steps of the server.
        step_idx: u64,
        /// Probability of the first class of each extra head: that the person pauses for 0.5, 1, 2 and 3 seconds.
        prs: Vec<f32>,
        /// Samples that wait.
        buffered_pcm: u64,
    },
    /// Everything before the request for it has been recognised.
    Marker {
        /// As in the request.
        id: i64,
    },
    /// It can not go on.
    Error {
        /// Why.
        message: String,
    },
}

/// A message that is none of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AsrError {
    /// It is larger than anything that is sent.
    #[error("a message of {0} bytes is too large")]
    TooLarge(usize),
    /// It is something else.
    #[error("not a message of this protocol: {0}")]
    Invalid(String),
}

impl AsrRequest {
    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Writing into memory has nothing to fail at.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`AsrError`] for anything else.
    pub fn decode(message: &[u8]) -> Result<Self, AsrError> {
        decode(message, LARGEST_REQUEST)
    }
}

impl AsrReply {
    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a message; its texts are shortened.
    ///
    /// # Errors
    /// [`AsrError`] for anything else.
    pub fn decode(message: &[u8]) -> Result<Self, AsrError> {
        let mut reply: Self = decode(message, LARGEST_REPLY)?;
        match &mut reply {
            Self::Word { text, .. } | Self::Error { message: text } => {
                text.retain(|c| !c.is_control());
                *text = cut(text, LONGEST_TEXT);
            }
            Self::Step { prs, .. } => prs.truncate(MOST_HEADS),
            Self::Ready | Self::EndWord { .. } | Self::Marker { .. } => {}
        }
        Ok(reply)
    }

    /// What it says of the speaker, if anything.
    #[must_use]
    pub fn recognised(self) -> Option<Recognised> {
        match self {
            Self::Word { text, start_time } => Some(Recognised::Word { text, start: start_time }),
            Self::EndWord { stop_time } => Some(Recognised::WordEnd { stop: stop_time }),
            Self::Step { prs, .. } => Some(Recognised::Step { pause: prs.get(PAUSE_HEAD).copied() }),
            Self::Ready | Self::Marker { .. } | Self::Error { .. } => None,
        }
    }
}

fn decode<T: for<'a> Deserialize<'a>>(message: &[u8], largest: usize) -> Result<T, AsrError> {
    if message.len() > largest {
        return Err(AsrError::TooLarge(message.len()));
    }
    rmp_serde::from_slice(message).map_err(|error| AsrError::Invalid(cut(&error.to_string(), 200)))
}

/// Bytes in either of the two forms that MessagePack has for them.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;
    impl<'de> de::Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
    deserializer.deserialize_any(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `msgpack.packb({"type": "Audio", "pcm": [0.5, -1.0]})` of Python writes it: numbers of 64 bits.
    const FROM_PYTHON: &[u8] =
        b"\x82\xa4type\xa5Audio\xa3pcm\x92\xcb\x3f\xe0\0\0\0\0\0\0\xcb\xbf\xf0\0\0\0\0\0\0";

    #[test]
    fn messages_are_maps_with_their_kind_in_them() {
        let word = AsrReply::Word { text: "hi".into(), start_time: 0.5 };
        assert_eq!(
            word.encode(),
            b"\x83\xa4type\xa4Word\xa4text\xa2hi\xaastart_time\xcb\x3f\xe0\0\0\0\0\0\0"
        );
        assert_eq!(AsrReply::Ready.encode(), b"\x81\xa4type\xa5Ready");
        let audio = AsrRequest::Audio { pcm: vec![0.5, -1.0] };
        assert_eq!(audio.encode(), b"\x82\xa4type\xa5Audio\xa3pcm\x92\xca\x3f\0\0\0\xca\xbf\x80\0\0");
        assert_eq!(AsrRequest::decode(FROM_PYTHON), Ok(audio));
    }

    #[test]
    fn bytes_are_read_in_both_forms() {
        let data = vec![0x4f, 0x67, 0xff];
        let written = AsrRequest::OggOpus { data: data.clone() };
        assert_eq!(AsrRequest::decode(&written.encode()), Ok(written.clone()));
        assert_eq!(AsrRequest::decode(b"\x82\xa4type\xa7OggOpus\xa4data\xc4\x03\x4f\x67\xff"), Ok(written));
    }

    #[test]
    fn every_message_survives_the_way_there_and_back() {
        for reply in [
            AsrReply::Ready,
            AsrReply::EndWord { stop_time: 1.25 },
            AsrReply::Step { step_idx: 7, prs: vec![0.1, 0.2, 0.3, 0.4], buffered_pcm: 1_920 },
            AsrReply::Marker { id: -3 },
            AsrReply::Error { message: "no free channels".into() },
        ] {
            assert_eq!(AsrReply::decode(&reply.encode()), Ok(reply));
        }
        for request in [AsrRequest::Init, AsrRequest::Marker { id: i64::MIN }] {
            assert_eq!(AsrRequest::decode(&request.encode()), Ok(request));
        }
    }

    #[test]
    fn a_step_tells_the_pause_of_two_seconds() {
        let step = AsrReply::Step { step_idx: 7, prs: vec![0.1, 0.2, 0.3, 0.4], buffered_pcm: 0 };
        assert_eq!(step.recognised(), Some(Recognised::Step { pause: Some(0.3) }));
        let step = AsrReply::Step { step_idx: 7, prs: Vec::new(), buffered_pcm: 0 };
        assert_eq!(step.recognised(), Some(Recognised::Step { pause: None }));
    }

    #[test]
    fn what_is_none_of_it_is_refused_and_what_is_long_is_shortened() {
        for other in [
            &b""[..],
            b"\x80",
            b"{\"type\":\"Ready\"}",
            b"\x81\xa4type\xa4Sing",
            b"\xdd\xff\xff\xff\xff",
            b"\xc1",
        ] {
            assert!(matches!(AsrReply::decode(other), Err(AsrError::Invalid(_))), "{other:?}");
            assert!(matches!(AsrRequest::decode(other), Err(AsrError::Invalid(_))), "{other:?}");
        }
        assert_eq!(AsrReply::decode(&vec![0; LARGEST_REPLY + 1]), Err(AsrError::TooLarge(LARGEST_REPLY + 1)));
        let long = AsrReply::Word { text: format!("\u{1b}{}", "x".repeat(5_000)), start_time: 0.0 };
        let Ok(AsrReply::Word { text, .. }) = AsrReply::decode(&long.encode()) else { unreachable!() };
        assert!(text.len() <= LONGEST_TEXT + 3 && text.starts_with('x'));
    }
}
