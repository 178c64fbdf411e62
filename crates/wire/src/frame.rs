//! One binary WebSocket message of the Moshi protocol: a kind byte, then its payload.
//!
//! The servers that exist disagree in details, and all of them have to be understood: a handshake is one byte from
//! Python servers and nine from Rust ones, metadata can come before it, and new kinds appear now and then. Decoding
//! therefore fails only where a message is empty or too large; everything else becomes a [`Frame`], if need be
//! [`Frame::Unknown`].

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

/// Largest payloads that are accepted, in bytes. A frame above its limit is refused before it is looked at.
pub mod limit {
    /// Audio: the servers' largest regular message is a few kilobytes; 1 MiB is minutes of Opus.
    pub const AUDIO: usize = 1 << 20;
    /// Text: servers send one token piece at a time.
    pub const TEXT: usize = 16 << 10;
    /// Metadata: a JSON object of a few hundred bytes in practice.
    pub const METADATA: usize = 256 << 10;
    /// Error text.
    pub const ERROR: usize = 16 << 10;
    /// Payload of a kind that is not known. It is kept only to be counted.
    pub const UNKNOWN: usize = 1 << 20;
    /// The largest of them all, with its kind byte: what a WebSocket reader has to let through.
    pub const MESSAGE: usize = (1 << 20) + 1;
}

/// WebSocket close codes that mean something between us and our own servers (RFC 6455, section 7.4).
pub mod close {
    /// The conversation is over.
    pub const NORMAL: u16 = 1000;
    /// The program is ending.
    pub const GOING_AWAY: u16 = 1001;
    /// What was asked for can not be had; asking again does not help. Stock Moshi servers never say so, `myca host` does.
    pub const REFUSED: u16 = 1008;
    /// The server failed.
    pub const INTERNAL: u16 = 1011;
    /// Somebody else holds the host; try again later. Stock Moshi servers never say so, `myca host` does.
    pub const BUSY: u16 = 1013;
}

const HANDSHAKE: u8 = 0;
const AUDIO: u8 = 1;
const TEXT: u8 = 2;
const CONTROL: u8 = 3;
const METADATA: u8 = 4;
const ERROR: u8 = 5;
const PING: u8 = 6;
const COLORED_TEXT: u8 = 7;

/// One message of the Moshi protocol, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The session may start. Servers in Rust say which protocol and model version they speak, others say nothing.
    Handshake {
        /// Protocol and model version, if the server gave them.
        version: Option<(u32, u32)>,
    },
    /// A piece of an Ogg Opus byte stream; pages may be split or joined anywhere.
    Audio(Bytes),
    /// From a host a piece of text, which may end inside a UTF-8 character; see [`Utf8Stream`](crate::Utf8Stream). From
    /// a client a whole text that is to be said; see [`SpeechNews`](crate::SpeechNews).
    Text(Bytes),
    /// A control code. No server acts on one today.
    Control(Control),
    /// JSON about the host, as UTF-8 bytes; see [`HostMetadata`](crate::HostMetadata). From a client a
    /// [`SpeechWish`](crate::SpeechWish).
    Metadata(Bytes),
    /// What went wrong, in words, as UTF-8 bytes.
    Error(Bytes),
    /// A sign of life.
    Ping,
    /// A piece of text with a colour index that says something about the model's confidence.
    ColoredText {
        /// Colour index.
        color: u8,
        /// As in [`Frame::Text`].
        text: Bytes,
    },
    /// A kind that this version does not know. Such frames are counted and otherwise ignored.
    Unknown {
        /// The kind byte.
        kind: u8,
        /// All that followed.
        payload: Bytes,
    },
}

/// Payload of [`Frame::Control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Start.
    Start,
    /// The person's turn ends.
    EndTurn,
    /// Pause.
    Pause,
    /// Start again.
    Restart,
}

impl Control {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Start),
            1 => Some(Self::EndTurn),
            2 => Some(Self::Pause),
            3 => Some(Self::Restart),
            _ => None,
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Self::Start => 0,
            Self::EndTurn => 1,
            Self::Pause => 2,
            Self::Restart => 3,
        }
    }
}

/// Why a message is not a [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A message without even a kind byte.
    #[error("empty message")]
    Empty,
    /// A payload above its [`limit`].
    #[error("a message of kind {kind} has {len} bytes; at most {limit} are accepted")]
    TooLarge {
        /// The kind byte.
        kind: u8,
        /// Payload bytes that came.
        len: usize,
        /// Payload bytes that are accepted.
        limit: usize,
    },
}

impl Frame {
    /// Reads one binary WebSocket message. The payload is shared with `message`, not copied.
    ///
    /// # Errors
    /// [`FrameError`] for an empty message and for a payload above its limit; nothing else fails.
    pub fn decode(message: &Bytes) -> Result<Self, FrameError> {
        let Some(&kind) = message.first() else { return Err(FrameError::Empty) };
        let payload = message.slice(1..);
        let limit = match kind {
            AUDIO => limit::AUDIO,
            TEXT | COLORED_TEXT => limit::TEXT,
            METADATA => limit::METADATA,
            ERROR => limit::ERROR,
            _ => limit::UNKNOWN,
        };
        if payload.len() > limit {
            return Err(FrameError::TooLarge { kind, len: payload.len(), limit });
        }
        Ok(match kind {
            HANDSHAKE => Self::Handshake { version: handshake_version(&payload) },
            AUDIO => Self::Audio(payload),
            TEXT => Self::Text(payload),
            CONTROL => match payload.first().copied().and_then(Control::from_byte) {
                Some(control) if payload.len() == 1 => Self::Control(control),
                _ => Self::Unknown { kind, payload },
            },
            METADATA => Self::Metadata(payload),
            ERROR => Self::Error(payload),
            PING => Self::Ping,
            COLORED_TEXT => match payload.first() {
                Some(&color) => Self::ColoredText { color, text: payload.slice(1..) },
                None => Self::Unknown { kind, payload },
            },
            _ => Self::Unknown { kind, payload },
        })
    }

    /// Writes the frame as one binary WebSocket message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Handshake { version } => {
                out.put_u8(HANDSHAKE);
                if let Some((protocol, model)) = version {
                    out.put_u32_le(*protocol);
                    out.put_u32_le(*model);
                }
            }
            Self::Audio(payload) => put(&mut out, AUDIO, payload),
            Self::Text(payload) => put(&mut out, TEXT, payload),
            Self::Control(control) => put(&mut out, CONTROL, &[control.to_byte()]),
            Self::Metadata(payload) => put(&mut out, METADATA, payload),
            Self::Error(payload) => put(&mut out, ERROR, payload),
            Self::Ping => out.put_u8(PING),
            Self::ColoredText { color, text } => {
                out.put_u8(COLORED_TEXT);
                out.put_u8(*color);
                out.put_slice(text);
            }
            Self::Unknown { kind, payload } => put(&mut out, *kind, payload),
        }
        out.freeze()
    }
}

fn put(out: &mut BytesMut, kind: u8, payload: &[u8]) {
    out.reserve(1 + payload.len());
    out.put_u8(kind);
    out.put_slice(payload);
}

fn handshake_version(payload: &[u8]) -> Option<(u32, u32)> {
    let (protocol, rest) = payload.split_first_chunk::<4>()?;
    let (model, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*protocol), u32::from_le_bytes(*model)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
        Frame::decode(&Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_handshake_is_one_byte_from_python_and_nine_from_rust() {
        assert_eq!(decode(&[0]), Ok(Frame::Handshake { version: None }));
        assert_eq!(decode(&[0; 9]), Ok(Frame::Handshake { version: Some((0, 0)) }));
        assert_eq!(decode(&[0, 1, 0, 0, 0, 2, 0, 0, 0]), Ok(Frame::Handshake { version: Some((1, 2)) }));
        assert_eq!(decode(&[0, 7, 7]), Ok(Frame::Handshake { version: None }), "a length nobody sends yet");
    }

    #[test]
    fn odd_payloads_of_known_kinds_are_kept_as_unknown() {
        assert_eq!(decode(&[3, 1]), Ok(Frame::Control(Control::EndTurn)));
        assert!(matches!(decode(&[3]), Ok(Frame::Unknown { kind: 3, .. })));
        assert!(matches!(decode(&[3, 9]), Ok(Frame::Unknown { kind: 3, .. })));
        assert!(matches!(decode(&[7]), Ok(Frame::Unknown { kind: 7, .. })));
        assert!(matches!(decode(&[0xff, 1, 2]), Ok(Frame::Unknown { kind: 0xff, .. })));
    }

    #[test]
    fn limits_hold_for_each_kind() {
        let message = |kind: u8, len: usize| {
            let mut m = vec![0; len + 1];
            m[0] = kind;
            Bytes::from(m)
        };
        for (kind, limit) in [
            (AUDIO, limit::AUDIO),
            (TEXT, limit::TEXT),
            (COLORED_TEXT, limit::TEXT),
            (METADATA, limit::METADATA),
            (ERROR, limit::ERROR),
            (99, limit::UNKNOWN),
        ] {
            assert!(Frame::decode(&message(kind, limit)).is_ok(), "kind {kind} at its limit");
            assert_eq!(
                Frame::decode(&message(kind, limit + 1)),
                Err(FrameError::TooLarge { kind, len: limit + 1, limit }),
                "kind {kind} above its limit"
            );
        }
        assert_eq!(Frame::decode(&Bytes::new()), Err(FrameError::Empty));
    }
}
