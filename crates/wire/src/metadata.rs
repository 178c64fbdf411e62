//! What a host says about itself before or during a session.

use serde::{Deserialize, Serialize};

use crate::{Hearing, SpeechNews, Utterance};

/// Names in [`HostMetadata::capabilities`].
pub mod capability {
    /// The host plays back what it hears; there is no model behind it.
    pub const ECHO: &str = "echo";
    /// A second caller gets an error frame and close code 1013 at once.
    pub const REFUSES_WHEN_BUSY: &str = "refuses-when-busy";
    /// A session has no time limit.
    pub const UNLIMITED: &str = "unlimited";
    /// The host says texts that it is given, in Moshi's voice, to callers who asked for that; see
    /// [`SpeechNews`](crate::SpeechNews).
    pub const SPEAKS: &str = "speak";
    /// The host tells the words of the person to callers who asked for that; see [`Utterance`](crate::Utterance).
    pub const HEARS: &str = "hear";
}

/// Characters of a name that are kept.
const LONGEST_NAME: usize = 100;
/// Capabilities that are kept.
const MOST_CAPABILITIES: usize = 32;

/// The JSON object of a metadata frame.
///
/// Every field is optional, unknown ones are ignored: moshi-backend sends its sampling settings and file paths here,
/// `myca host` and `myca echo` say who they are. An object of another shape is an empty `HostMetadata`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostMetadata {
    /// The program that serves, for example `myca host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Version of that program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Name of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Samples a second of the model's sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// What the host can do beyond the stock protocol; see [`capability`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Who a model that takes a persona is in this session, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Name of its voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Figures about frame times, once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timing: Option<FrameTiming>,
    /// What became of a text that the client wants said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech: Option<SpeechNews>,
    /// What the person says, of a host that was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Utterance>,
    /// Who tells that, and how well it keeps up: with the capabilities, and once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hearing: Option<Hearing>,
}

/// How the host keeps up with real time. One frame is 80 ms of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameTiming {
    /// Median time spent on one frame, in milliseconds.
    pub frame_ms_p50: f32,
    /// 99th percentile of the same.
    pub frame_ms_p99: f32,
    /// Frames that wait to be worked on.
    pub backlog: u32,
    /// Input frames dropped since the session began because the host fell behind.
    pub dropped: u64,
}

impl HostMetadata {
    /// Reads the payload of a metadata frame. Returns `None` where it is not a JSON object or a known field has
    /// another type: metadata is never worth failing for.
    ///
    /// What is read is fit to be shown: names have at most 100 characters and none that a terminal acts on, and the
    /// first 32 capabilities count. What is said of a speech, or was heard, is bounded too; what has another shape is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        // Through a map, because a structure alone would also be read from a JSON array.
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(payload).ok()?;
        let speech = object.remove("speech").and_then(SpeechNews::of);
        let heard = object.remove("heard").and_then(Utterance::of);
        let hearing = object.remove("hearing").and_then(|hearing| serde_json::from_value(hearing).ok());
        let mut metadata: Self = serde_json::from_value(object.into()).ok()?;
        metadata.speech = speech;
        metadata.heard = heard;
        metadata.hearing = hearing.map(Hearing::shown);
        let Self { server, version, model, persona, voice, .. } = &mut metadata;
        for name in [server, version, model, persona, voice] {
            *name = name.take().map(|name| shown(&name));
        }
        metadata.capabilities.truncate(MOST_CAPABILITIES);
        metadata.capabilities.iter_mut().for_each(|name| *name = shown(name));
        Some(metadata)
    }

    /// Writes the payload of a metadata frame.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether the host claims `capability`.
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|c| c == capability)
    }
}

/// A name as it can be shown.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_do_nothing_to_a_terminal() {
        let long = "x".repeat(100_000);
        let json = format!(
            r#"{{"server":"\u001b[2Jhost\n","model":"{long}","persona":"{long}","capabilities":[{}"{long}"]}}"#,
            r#""a","#.repeat(500)
        );
        let metadata = HostMetadata::parse(json.as_bytes()).unwrap();
        assert_eq!(metadata.server.as_deref(), Some("[2Jhost"));
        assert_eq!(metadata.model.map(|model| model.len()), Some(LONGEST_NAME));
        assert_eq!(metadata.persona.map(|persona| persona.len()), Some(LONGEST_NAME));
        assert_eq!(metadata.capabilities, vec!["a"; MOST_CAPABILITIES]);
    }

    #[test]
    fn metadata_of_moshi_backend_is_read_without_its_paths() {
        let metadata = HostMetadata::parse(
            br#"{"text_temperature":0.8,"lm_model_file":"/somewhere/model.gguf","build_info":{"x":1}}"#,
        );
        assert_eq!(metadata, Some(HostMetadata::default()));
    }

    #[test]
    fn nonsense_is_no_metadata() {
        for payload in [&b"{\"a\":"[..], b"", b"[]", b"7", b"{\"capabilities\":3}", b"\xff"] {
            assert_eq!(HostMetadata::parse(payload), None, "{payload:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let metadata = HostMetadata {
            server: Some("myca echo".into()),
            capabilities: vec![capability::ECHO.into()],
            timing: Some(FrameTiming { frame_ms_p50: 12.5, ..FrameTiming::default() }),
            ..HostMetadata::default()
        };
        assert_eq!(HostMetadata::parse(&metadata.to_json()), Some(metadata.clone()));
        assert!(metadata.can(capability::ECHO) && !metadata.can(capability::UNLIMITED));
    }
}
