//! The protocol of the PersonaPlex Bridge: JSON over HTTP, and one WebSocket that carries sound and JSON.
//!
//! Builds differ and call themselves by the same version, so nothing here looks at it. Every field may be missing or of
//! another type, and names come in snake_case or camelCase. Reading therefore fails only where a message is too large
//! or is none at all; everything else becomes a [`FromBridge`], if need be [`FromBridge::Unknown`].

mod from_bridge;
mod http;
mod mas_event;
mod to_bridge;

use thiserror::Error;

pub use self::{
    from_bridge::{AudioForm, FromBridge, LocalStt, Speaker},
    http::{GpuProfile, Health, History, Session, SessionRequest, SessionTurn},
    mas_event::{BridgeToolCall, MasEvent, MasFact, ToolStatus},
    to_bridge::{Injection, ToBridge, audio_to_bridge},
};

/// Largest messages that are accepted, in bytes. What is larger is refused before it is looked at.
pub mod limit {
    /// A JSON message or document. A reply of MAS comes in one piece and has a few KiB.
    pub const JSON: usize = 1 << 20;
    /// A binary message with its kind byte.
    pub const BINARY: usize = crate::limit::MESSAGE;
    /// The larger of both: what a WebSocket reader has to let through.
    pub const MESSAGE: usize = if JSON > BINARY { JSON } else { BINARY };
    /// A name, an id or an address. What is longer is cut.
    pub const NAME: usize = 500;
    /// Turns of a history that are taken. Bridges load 20.
    pub const TURNS: usize = 100;
}

/// Why something from the network is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BridgeMessageError {
    /// A message without a byte.
    #[error("empty message")]
    Empty,
    /// A message above its [`limit`].
    #[error("a message has {len} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Bytes that came.
        len: usize,
        /// Bytes that are accepted.
        limit: usize,
    },
    /// It is not a JSON object.
    #[error("not a JSON object")]
    NoObject,
}

/// A JSON object from outside, if it is one and not too large.
fn object(json: &str) -> Result<serde_json::Value, BridgeMessageError> {
    if json.len() > limit::JSON {
        return Err(BridgeMessageError::TooLarge { len: json.len(), limit: limit::JSON });
    }
    match serde_json::from_str::<serde_json::Value>(json) {
        Ok(value) if value.is_object() => Ok(value),
        _ => Err(BridgeMessageError::NoObject),
    }
}
