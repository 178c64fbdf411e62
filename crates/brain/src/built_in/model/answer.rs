//! What a model answers, put together from pieces.

use serde_json::{Map, Value};

use super::thinking::Thinking;
use crate::bounded::{NAME, TEXT, cut};

/// The most calls in one answer.
const CALLS: usize = 16;
/// The longest arguments of a call.
const ARGUMENTS: usize = 64 << 10;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Finish {
    /// By itself.
    Whole,
    /// The server's limit was reached.
    Limit,
    /// Nothing was said of its end.
    Unsaid,
}

/// A call that the model wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct WantedCall {
    /// The server's id, or one that we made where it has none.
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    /// JSON, if the model did it right. Empty where there was more than is taken.
    pub(in super::super) arguments: String,
}

/// An answer as it grows. Takes the objects of a stream, or the one object of an answer that comes at once.
#[derive(Debug, Default)]
pub(in super::super) struct Assembled {
    thinking: Thinking,
    calls: Vec<Call>,
    /// Calls beyond those that are taken.
    pub(in super::super) left_out: u64,
    finish: Option<Finish>,
    /// Whether the server said that nothing more comes.
    pub(in super::super) ended: bool,
    /// Parts that made no sense.
    pub(in super::super) unreadable: u64,
}

#[derive(Debug)]
struct Call {
    /// None where the server counts nothing.
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Assembled {
    /// Takes the data of an event, and returns the words in it.
    ///
    /// # Errors
    /// When it says that the server failed: its own words, as far as there are any.
    pub(in super::super) fn data(&mut self, data: &str) -> Result<String, Option<String>> {
        if data.trim() == "[DONE]" {
            self.ended = true;
            return Ok(self.thinking.finish());
        }
        match serde_json::from_str(data) {
            Ok(value) => self.object(&value),
            Err(_) => {
                self.unreadable += 1;
                Ok(String::new())
            }
        }
    }

    /// Takes an object, and returns the words in it.
    ///
    /// # Errors
    /// The same.
    pub(in super::super) fn object(&mut self, object: &Value) -> Result<String, Option<String>> {
        if object.get("error").is_some_and(|error| !error.is_null()) {
            return Err(said_in(object));
        }
        // The last object of a stream may have no choice: it counts words.
        let Some(choice) = object.get("choices").and_then(|choices| choices.get(0)) else {
            return Ok(String::new());
        };
        let message = choice.get("delta").filter(|delta| !delta.is_null()).or_else(|| choice.get("message"));
        let mut words = String::new();
        if let Some(message) = message.and_then(Value::as_object) {
            // What it thinks comes beside the content from some servers, and is not read.
            if let Some(content) = message.get("content").and_then(Value::as_str) {
                words = self.thinking.push(content);
            }
            for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                match call.as_object() {
                    Some(call) => self.call(call),
                    None => self.unreadable += 1,
                }
            }
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(if reason == "length" { Finish::Limit } else { Finish::Whole });
            words.push_str(&self.thinking.finish());
        }
        Ok(words)
    }

    /// Takes a piece of a call. Servers differ: whole calls or pieces, ids or none, all with the same index or with none.
    fn call(&mut self, piece: &Map<String, Value>) {
        let function = piece.get("function").and_then(Value::as_object);
        let text = |field: &str| function.and_then(|function| function.get(field)).and_then(Value::as_str);
        let name = text("name").filter(|name| !name.is_empty());
        let id = piece.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let index = piece.get("index").and_then(Value::as_u64);
        let arguments = match function.and_then(|function| function.get("arguments")) {
            Some(Value::String(arguments)) => arguments.clone(),
            None | Some(Value::Null) => String::new(),
            Some(arguments) => arguments.to_string(),
        };
        let place = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        };
        let goes_on = place.filter(|&place| {
            let call = &self.calls[place];
            match (id, name) {
                (Some(id), _) => call.id.is_empty() || call.id == cut(id, NAME),
                // A name that comes again begins another call, if the one before can be complete.
                (None, Some(_)) => call.name.is_empty() || !is_whole(&call.arguments),
                (None, None) => true,
            }
        });
        // A call that is left out has pieces too: only its first is counted.
        let place = match goes_on {
            Some(place) => place,
            None if name.is_none() && id.is_none() => return self.unreadable += 1,
            None if self.calls.len() == CALLS => return self.left_out += 1,
            None => {
                self.calls.push(Call {
                    index,
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[place];
        if let Some(id) = id {
            call.id = cut(id, NAME);
        }
        if let Some(name) = name.filter(|_| call.name.is_empty()) {
            call.name = cut(name, NAME);
        }
        // One byte more than is taken says that there was more.
        let room = (ARGUMENTS + 1).saturating_sub(call.arguments.len());
        call.arguments.push_str(&arguments[..arguments.ceil_char_boundary(room)]);
    }

    /// How it ended.
    pub(in super::super) fn finish(&self) -> Finish {
        self.finish.unwrap_or(if self.ended { Finish::Whole } else { Finish::Unsaid })
    }

    /// What was held back of the words, and the calls, where nothing more comes.
    pub(in super::super) fn take(&mut self) -> (String, Vec<WantedCall>) {
        let calls = std::mem::take(&mut self.calls).into_iter().enumerate().map(|(number, call)| {
            let id = if call.id.is_empty() { format!("call_{number}") } else { call.id };
            let arguments = if call.arguments.len() > ARGUMENTS { String::new() } else { call.arguments };
            WantedCall { id, name: call.name, arguments }
        });
        (self.thinking.finish(), calls.collect())
    }
}

/// Whether arguments can be all that there are.
fn is_whole(arguments: &str) -> bool {
    serde_json::from_str::<Value>(arguments).is_ok()
}

/// What a server says of an error, in any of the forms in which servers say it.
pub(super) fn said(document: &[u8]) -> Option<String> {
    said_in(&serde_json::from_slice(document).ok()?)
}

fn said_in(object: &Value) -> Option<String> {
    let error = object.get("error").unwrap_or(object);
    let said = match error {
        Value::String(said) => Some(said.as_str()),
        error => ["message", "detail", "error"].iter().find_map(|field| error.get(field)?.as_str()),
    };
    said.map(str::trim).filter(|said| !said.is_empty()).map(|said| cut(said, TEXT))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(pieces: &[Value]) -> Vec<(String, String, String)> {
        let mut assembled = Assembled::default();
        for piece in pieces {
            let delta = json!({ "choices": [{ "index": 0, "delta": { "tool_calls": piece } }] });
            assert_eq!(assembled.object(&delta), Ok(String::new()));
        }
        let (_, calls) = assembled.take();
        calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn a_call_in_pieces_is_one() {
        let whole = calls(&[
            json!([{ "index": 0, "id": "a", "type": "function", "function": { "name": "recall", "arguments": "" } }]),
            json!([{ "index": 0, "function": { "arguments": "{\"que" } }]),
            json!([{ "index": 0, "function": { "arguments": "ry\":1}" } }]),
        ]);
        assert_eq!(whole, [call("a", "recall", "{\"query\":1}")]);
        let repeating = calls(&[
            json!([{ "index": 0, "id": "a", "function": { "name": "recall", "arguments": "{\"x\"" } }]),
            json!([{ "index": 0, "id": "a", "function": { "name": "recall", "arguments": ":1}" } }]),
        ]);
        assert_eq!(repeating, [call("a", "recall", "{\"x\":1}")]);
    }

    #[test]
    fn two_calls_are_two_however_they_are_told_apart() {
        let first = |extra: Value| {
            let mut call = json!({ "function": { "name": "now", "arguments": "{}" } });
            call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            call
        };
        for (one, two, ids) in [
            (json!({ "index": 0, "id": "a" }), json!({ "index": 1, "id": "b" }), ["a", "b"]),
            (json!({ "index": 0, "id": "a" }), json!({ "index": 0, "id": "b" }), ["a", "b"]),
            (json!({ "id": "a" }), json!({ "id": "b" }), ["a", "b"]),
            (json!({}), json!({}), ["call_0", "call_1"]),
            (json!({ "index": 0 }), json!({ "index": 0 }), ["call_0", "call_1"]),
            (json!({ "index": 0 }), json!({ "index": 1 }), ["call_0", "call_1"]),
        ] {
            let (one, two) = (first(one), first(two));
            let expected = ids.map(|id| call(id, "now", "{}"));
            assert_eq!(calls(&[json!([one, two])]), expected, "{one} {two}");
            assert_eq!(calls(&[json!([one]), json!([two])]), expected, "{one} {two}");
        }
        let mixed = calls(&[
            json!([{ "index": 0, "id": "a", "function": { "name": "x", "arguments": "1" } }]),
            json!([{ "index": 1, "id": "b", "function": { "name": "y", "arguments": "2" } }]),
            json!([{ "index": 0, "function": { "arguments": "1" } }, { "index": 1, "function": { "arguments": "2" } }]),
        ]);
        assert_eq!(mixed, [call("a", "x", "11"), call("b", "y", "22")]);
    }

    #[test]
    fn arguments_may_be_an_object_and_may_be_too_many() {
        let object = calls(&[json!([{ "function": { "name": "x", "arguments": { "a": 1 } } }])]);
        assert_eq!(object, [call("call_0", "x", "{\"a\":1}")]);
        let mut pieces = vec![json!([{ "index": 0, "function": { "name": "x", "arguments": "[" } }])];
        pieces
            .extend((0..40).map(|_| json!([{ "index": 0, "function": { "arguments": "ï".repeat(1_000) } }])));
        assert_eq!(calls(&pieces), [call("call_0", "x", "")]);
        let many: Vec<_> = (0..20)
            .map(|n| json!({ "index": n, "id": n.to_string(), "function": { "name": "x" } }))
            .collect();
        let mut assembled = Assembled::default();
        assembled.object(&json!({ "choices": [{ "message": { "tool_calls": many } }] })).unwrap();
        assert_eq!((assembled.take().1.len(), assembled.left_out), (CALLS, 4));
    }

    #[test]
    fn an_end_is_said_in_many_ways() {
        let finish = |data: &[&str]| {
            let mut assembled = Assembled::default();
            data.iter().for_each(|data| drop(assembled.data(data).unwrap()));
            (assembled.finish(), assembled.ended, assembled.unreadable)
        };
        assert_eq!(finish(&["{}", "not json"]), (Finish::Unsaid, false, 1));
        assert_eq!(finish(&[" [DONE]"]), (Finish::Whole, true, 0));
        let ends = |reason| json!({ "choices": [{ "delta": {}, "finish_reason": reason }] }).to_string();
        assert_eq!(finish(&[&ends("stop")]), (Finish::Whole, false, 0));
        assert_eq!(finish(&[&ends("length"), "[DONE]"]), (Finish::Limit, true, 0));
    }

    #[test]
    fn what_a_server_says_of_an_error_is_found() {
        for document in [
            json!({ "error": { "message": "boom", "type": "x" } }),
            json!({ "error": "boom" }),
            json!({ "object": "error", "message": " boom " }),
            json!({ "detail": "boom" }),
        ] {
            assert_eq!(said(document.to_string().as_bytes()).as_deref(), Some("boom"), "{document}");
        }
        assert_eq!(said(b"<html>boom"), None);
        assert_eq!(Assembled::default().object(&json!({ "error": { "code": 500 } })), Err(None));
    }
}
