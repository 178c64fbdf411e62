//! Having Moshi say a given text, in its own voice.
//!
//! A client asks for it with `speak=1` in the address of a conversation ([`ChatQuery::speaking`](crate::ChatQuery::speaking)).
//! A host that does it then says so with [`capability::SPEAKS`](crate::capability::SPEAKS), and to nobody else. Where it
//! does not, both messages of a client below are ignored, as every stock server ignores them.
//!
//! - Client to host, [`Frame::Text`](crate::Frame::Text): a whole text in UTF-8, at most [`LONGEST_SPEECH`] characters.
//!   It is said when all that came before it is. Both sides count the texts of a connection from 1, so that no number
//!   travels with one; also one that is refused counts.
//! - Client to host, [`Frame::Metadata`](crate::Frame::Metadata): a [`SpeechWish`], `{"speech":"cut"}`. What is being
//!   said ends with the word that is under way, and what waits is not said. A replacement is a cut and a text.
//! - Host to client, [`Frame::Metadata`](crate::Frame::Metadata): `{"speech":{…}}`, a [`SpeechNews`], in order with the
//!   sound that it is about. A text is [`Queued`](SpeechState::Queued) or [`Refused`](SpeechState::Refused); then it is
//!   [`Started`](SpeechState::Started), with one [`Word`](SpeechState::Word) for each of its words, and
//!   [`Finished`](SpeechState::Finished); at any point before that it may be [`Cut`](SpeechState::Cut).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Longest text that is said, in characters: some five minutes. In UTF-8 it fits into [`limit::TEXT`](crate::limit::TEXT).
pub const LONGEST_SPEECH: usize = 4_000;

/// Texts that may wait, the one that is being said among them.
pub const MOST_SPEECHES: usize = 16;

/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 300;

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeechState {
    /// It waits until what came before it is said.
    Queued,
    /// Its first word begins with the sound that comes next.
    Started,
    /// A word begins with the sound that comes next; [`SpeechNews::said`] is the text up to its end.
    Word,
    /// All of it is said.
    Finished,
    /// It was ended before that. [`SpeechNews::said`] is what was begun, [`SpeechNews::unsaid`] the rest.
    Cut,
    /// It is not said at all, for [`SpeechNews::reason`].
    Refused,
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeechNews {
    /// Which text of this connection, from 1.
    pub id: u64,
    /// Where it stands.
    pub state: SpeechState,
    /// What of it was begun, up to here, with the white space between its words as one space.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// The rest, where it is not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unsaid: String,
    /// Why it is not said: a sentence that can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl SpeechNews {
    /// News without words.
    #[must_use]
    pub fn new(id: u64, state: SpeechState) -> Self {
        Self { id, state, said: String::new(), unsaid: String::new(), reason: None }
    }

    /// Reads it from a field of a metadata frame, bounded and fit to be shown; `None` for anything of another shape.
    pub(crate) fn of(value: Value) -> Option<Self> {
        let mut news: Self = serde_json::from_value(value).ok()?;
        for text in [&mut news.said, &mut news.unsaid] {
            *text = shown(text, LONGEST_SPEECH);
        }
        news.reason = news.reason.map(|reason| shown(&reason, LONGEST_REASON));
        Some(news)
    }
}

/// What a client can wish of what is said, in a metadata frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechWish {
    /// That it ends, and that nothing of what waits is said.
    Cut,
}

impl SpeechWish {
    /// Reads the payload of a metadata frame of a client; `None` for anything else.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(payload).ok()?;
        (object.get("speech")?.as_str()? == "cut").then_some(Self::Cut)
    }

    /// Writes the payload of a metadata frame.
    #[must_use]
    pub fn to_json(self) -> Vec<u8> {
        match self {
            Self::Cut => json!({ "speech": "cut" }).to_string().into_bytes(),
        }
    }
}

fn shown(text: &str, limit: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostMetadata, limit};

    #[test]
    fn news_travel_in_metadata_without_what_is_not_in_them() {
        let news = SpeechNews { said: "Good".into(), ..SpeechNews::new(2, SpeechState::Word) };
        let metadata = HostMetadata { speech: Some(news), ..HostMetadata::default() };
        let json = String::from_utf8(metadata.to_json()).unwrap();
        assert_eq!(json, r#"{"speech":{"id":2,"state":"word","said":"Good"}}"#);
        assert_eq!(HostMetadata::parse(json.as_bytes()), Some(metadata));
    }

    #[test]
    fn news_are_bounded_and_do_nothing_to_a_terminal() {
        let long = "x".repeat(30_000);
        let json = format!(
            r#"{{"speech":{{"id":1,"state":"cut","said":"{long}","unsaid":"\u001b[2Jrest","reason":"{long}"}}}}"#
        );
        let news = HostMetadata::parse(json.as_bytes()).unwrap().speech.unwrap();
        assert_eq!((news.said.len(), news.unsaid.as_str()), (LONGEST_SPEECH, "[2Jrest"));
        assert_eq!(news.reason.unwrap().len(), LONGEST_REASON);
        const { assert!(LONGEST_SPEECH * 4 <= limit::TEXT, "a text fits into its frame") };
    }

    #[test]
    fn news_that_nobody_knows_are_none_and_the_rest_of_the_metadata_counts() {
        for speech in
            [r#"{"id":1,"state":"sung"}"#, r#"{"id":-1,"state":"cut"}"#, r#""cut""#, "7", "[]", "null"]
        {
            let json = format!(r#"{{"server":"a host","speech":{speech}}}"#);
            let metadata = HostMetadata::parse(json.as_bytes()).unwrap();
            assert_eq!((metadata.server.as_deref(), metadata.speech), (Some("a host"), None), "{speech}");
        }
    }

    #[test]
    fn a_cut_is_a_cut_and_nothing_else_is() {
        assert_eq!(SpeechWish::parse(&SpeechWish::Cut.to_json()), Some(SpeechWish::Cut));
        assert_eq!(SpeechWish::parse(br#"{"speech":"cut","more":1}"#), Some(SpeechWish::Cut));
        for other in [&b""[..], b"cut", b"[]", br#"{"speech":"stop"}"#, br#"{"speech":{"id":1}}"#, b"\xff"] {
            assert_eq!(SpeechWish::parse(other), None, "{other:?}");
        }
    }
}
