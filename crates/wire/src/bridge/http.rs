//! What is asked over HTTP.

use serde_json::{Value, json};

use super::{BridgeMessageError, limit, object};
use crate::Fields;

/// The answer to `GET /health`. A bridge always calls itself healthy, and its list of features is a constant, so neither
/// is here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// Its version. It says nothing about what it does.
    pub version: Option<String>,
    /// Whether it found Moshi at its last look, up to 30 s ago. Wrong in both directions, depending on the build.
    pub moshi_available: Option<bool>,
    /// Where it looks for Moshi.
    pub moshi_url: Option<String>,
    /// Where it looks for MAS.
    pub mas_url: Option<String>,
    /// Characters of the persona. Below 301 it did not find its file and uses a short one.
    pub persona_length: Option<u64>,
    /// Whether it can keep and load conversations.
    pub voice_store_connected: Option<bool>,
    /// Whether it recognises speech itself and does without Moshi. Only builds that can do it say this.
    pub local_stt_mode: Option<bool>,
    /// What it found out about its GPU.
    pub gpu: Option<GpuProfile>,
}

/// What a bridge says about its GPU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuProfile {
    /// The bridge's name for such machines.
    pub profile_id: Option<String>,
    /// The GPU.
    pub name: Option<String>,
    /// All of its memory, in GiB.
    pub vram_total_gb: Option<f64>,
    /// What of it was free.
    pub vram_free_gb: Option<f64>,
    /// How long a frame of 80 ms is expected to take.
    pub expected_step_ms: Option<f64>,
}

impl Health {
    /// Reads the document.
    ///
    /// # Errors
    /// [`BridgeMessageError::TooLarge`] and [`BridgeMessageError::NoObject`].
    pub fn decode(document: &str) -> Result<Self, BridgeMessageError> {
        let value = object(document)?;
        let object = Fields::of(&value).ok_or(BridgeMessageError::NoObject)?;
        Ok(Self {
            version: object.name(&["version"], limit::NAME),
            moshi_available: object.flag("moshi_available"),
            moshi_url: object.name(&["moshi_url"], limit::NAME),
            mas_url: object.name(&["mas_url"], limit::NAME),
            persona_length: object.count("persona_length"),
            voice_store_connected: object.flag("voice_store_connected"),
            local_stt_mode: object.flag("local_stt_mode"),
            gpu: object.object("gpu_profile").map(|gpu| GpuProfile {
                profile_id: gpu.name(&["profile_id"], limit::NAME),
                name: gpu.name(&["gpu_name"], limit::NAME),
                vram_total_gb: gpu.number("vram_total_gb"),
                vram_free_gb: gpu.number("vram_free_gb"),
                expected_step_ms: gpu.number("expected_step_ms"),
            }),
        })
    }
}

/// The body of `POST /session`. What bridges store without ever using it is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// The conversation; a bridge that keeps conversations loads its last turns.
    pub conversation_id: String,
    /// The name under which the person is remembered.
    pub user_id: String,
    /// One of the bridge's voices, `myca` or `moshika`, which older builds do not look at.
    pub voice: String,
}

impl SessionRequest {
    /// Writes the body.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "conversation_id": self.conversation_id, "user_id": self.user_id, "voice": self.voice })
    }
}

/// The answer to `POST /session`. Sessions live in the bridge's memory: after it starts again it knows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the WebSocket's path ends in.
    pub session_id: String,
    /// The conversation.
    pub conversation_id: Option<String>,
    /// Turns of it that the bridge knows.
    pub history_count: u64,
}

impl Session {
    /// Reads the document. None where it names no session.
    ///
    /// # Errors
    /// [`BridgeMessageError::TooLarge`] and [`BridgeMessageError::NoObject`].
    pub fn decode(document: &str) -> Result<Option<Self>, BridgeMessageError> {
        let value = object(document)?;
        let object = Fields::of(&value).ok_or(BridgeMessageError::NoObject)?;
        Ok(object.name(&["session_id"], limit::NAME).map(|session_id| Self {
            session_id,
            conversation_id: object.name(&["conversation_id"], limit::NAME),
            history_count: object.count("history_count").unwrap_or_default(),
        }))
    }
}

/// The answer to `GET /session/{id}/history`: the last [`limit::TURNS`] of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub turns: Vec<SessionTurn>,
}

/// One turn of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTurn {
    /// Who said it: `user` or `assistant`.
    pub role: String,
    /// The words.
    pub content: String,
}

impl History {
    /// Reads the document.
    ///
    /// # Errors
    /// [`BridgeMessageError::TooLarge`] and [`BridgeMessageError::NoObject`].
    pub fn decode(document: &str) -> Result<Self, BridgeMessageError> {
        let value = object(document)?;
        let object = Fields::of(&value).ok_or(BridgeMessageError::NoObject)?;
        // What was said in this session belongs into a list of its own, into which no known build puts anything.
        let lists =
            ["loaded_history", "transcript_history"].map(|list| object.list(list).unwrap_or_default());
        let turn = |value: &Value| {
            let turn = Fields::of(value)?;
            let role = turn.name(&["role", "speaker"], limit::NAME).unwrap_or_default();
            let content = turn.verbatim("content").or_else(|| turn.verbatim("text"))?;
            Some(SessionTurn { role, content })
        };
        let mut turns: Vec<_> = lists.into_iter().flatten().filter_map(turn).collect();
        turns.drain(..turns.len().saturating_sub(limit::TURNS));
        Ok(Self { turns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_what_is_there() {
        let health = Health::decode(
            r#"{"status":"healthy","version":"8.2.0","moshi_available":false,"persona_length":111,"features":{"x":1},
               "local_stt_mode":true,"gpu_profile":{"profile_id":"rtx4080_16gb","vram_total_gb":16.0}}"#,
        );
        let health = health.unwrap();
        assert_eq!((health.moshi_available, health.persona_length), (Some(false), Some(111)));
        assert_eq!((health.voice_store_connected, health.local_stt_mode), (None, Some(true)));
        assert_eq!(health.gpu.and_then(|gpu| gpu.vram_total_gb), Some(16.0));
        assert_eq!(Health::decode(r#"{"gpu_profile":null}"#), Ok(Health::default()));
        assert_eq!(Health::decode("<html>"), Err(BridgeMessageError::NoObject));
    }

    #[test]
    fn a_session_has_a_name_or_is_none() {
        let session = Session::decode(r#"{"session_id":"s","conversation_id":"c","history_count":3}"#);
        assert_eq!(session.unwrap().unwrap().history_count, 3);
        assert_eq!(Session::decode(r#"{"session_id":null}"#), Ok(None));
        let long = format!(r#"{{"session_id":"{}"}}"#, "ä".repeat(limit::NAME));
        assert_eq!(Session::decode(&long).unwrap().unwrap().session_id.len(), limit::NAME);
        let request =
            SessionRequest { conversation_id: "c".into(), user_id: "u".into(), voice: "myca".into() };
        assert_eq!(request.to_json()["conversation_id"], "c");
    }

    #[test]
    fn a_history_is_short_and_has_words() {
        let turns = vec![json!({ "role": "user", "content": "hi", "timestamp": "x" }); limit::TURNS + 5];
        let document = json!({ "loaded_history": turns, "transcript_history": [{ "role": "user" }, 7] });
        let history = History::decode(&document.to_string()).unwrap();
        assert_eq!(history.turns.len(), limit::TURNS);
        assert_eq!(history.turns[0], SessionTurn { role: "user".into(), content: "hi".into() });
        assert_eq!(History::decode("{}"), Ok(History::default()));
    }
}
