//! What stands in an answer of MAS.

use serde_json::Value;
use wire::Fields;

use crate::{
    Canned,
    bounded::{NAME, REPLY, TEXT, cut},
};

/// What MAS says when its model has failed, with status 200.
const CANNED: [&str; 1] = ["I apologize, I encountered an issue. Please try again."];

/// A part of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// An object: words, facts, or the end.
    Object(Value),
    /// The end, said without an object.
    End,
    /// Neither.
    Unreadable,
}

/// The parts in one event's data. Some servers leave out the empty line between two.
pub(super) fn parts(data: &str) -> Vec<Part> {
    match part(data) {
        Part::Unreadable if data.contains('\n') => {
            data.lines().filter(|line| !line.trim().is_empty()).map(part).collect()
        }
        part => vec![part],
    }
}

fn part(data: &str) -> Part {
    match serde_json::from_str::<Value>(data) {
        Ok(value) if value.is_object() => Part::Object(value),
        _ if data.trim() == "[DONE]" => Part::End,
        _ => Part::Unreadable,
    }
}

/// The words of an answer in one piece.
pub(super) fn reply(object: &Fields<'_>) -> Option<String> {
    object.text(&["response_text", "response", "reply", "message", "text"], REPLY)
}

/// What an answer says of a failure, if it says that there was one.
pub(super) fn failure(object: &Fields<'_>) -> Option<String> {
    match object.get("error")? {
        Value::Bool(false) => None,
        Value::String(said) => Some(cut(said, TEXT)),
        other => {
            let said = Fields::of(other).and_then(|inner| inner.text(&["message", "detail"], TEXT));
            Some(said.unwrap_or_else(|| cut(&other.to_string(), TEXT)))
        }
    }
}

/// The server's own words in the document of a failed request. Pages for people are left out.
pub(super) fn said(document: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(document);
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        let text = text.trim();
        return (!text.is_empty() && !text.starts_with('<')).then(|| cut(text, TEXT));
    };
    let fields = Fields::of(&value)?;
    // FastAPI tells what is wrong with a request in a list.
    let first = fields.list("detail").and_then(|list| Fields::of(list.first()?)?.text(&["msg"], TEXT));
    first.or_else(|| fields.words(&["detail", "error", "message"], TEXT))
}

/// Which model answered, as MAS says.
pub(super) fn provider(object: &Fields<'_>) -> Option<String> {
    object.text(&["provider"], NAME)
}

/// In whose name it speaks.
pub(super) fn agent(object: &Fields<'_>) -> Option<String> {
    object.text(&["agent_name"], NAME)
}

/// Whether a reply was prepared, where nothing but its words tells.
pub(super) fn canned(reply: &str) -> Canned {
    if CANNED.contains(&reply.trim()) { Canned::Yes } else { Canned::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_is_an_object_or_several_or_an_end_or_nothing() {
        let token = |text: &str| Part::Object(json!({ "token": text }));
        assert_eq!(parts(r#"{"token":"a"}"#), [token("a")]);
        assert_eq!(parts("{\"token\":\n\"a\"}"), [token("a")]);
        assert_eq!(parts("{\"token\":\"a\"}\n{\"token\":\"b\"}"), [token("a"), token("b")]);
        assert_eq!(parts("[DONE]"), [Part::End]);
        for senseless in ["", "hello", "[1]", "{\"token\":", "7"] {
            assert_eq!(parts(senseless), [Part::Unreadable], "{senseless}");
        }
    }

    #[test]
    fn a_failure_is_told_in_many_shapes() {
        let failure = |value: Value| failure(&Fields::of(&value).unwrap());
        assert_eq!(failure(json!({ "error": "no" })).as_deref(), Some("no"));
        assert_eq!(failure(json!({ "error": { "message": "no" } })).as_deref(), Some("no"));
        assert_eq!(failure(json!({ "error": null })), None);
        assert_eq!(failure(json!({ "error": false })), None);
        assert_eq!(said(br#"{"detail":"boom"}"#).as_deref(), Some("boom"));
        assert_eq!(said(br#"{"detail":[{"msg":"field required"}]}"#).as_deref(), Some("field required"));
        assert_eq!(said(b"Traceback").as_deref(), Some("Traceback"));
        assert_eq!(said(b"<html>502"), None);
        assert_eq!(said(b""), None);
        assert_eq!(said(b"[1]"), None);
    }
}
