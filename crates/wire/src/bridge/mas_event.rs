//! What the bridge tells of MAS.

use super::limit;
use crate::Fields;

/// One `mas_event`.
#[derive(Debug, Clone, PartialEq)]
pub struct MasEvent {
    /// What happened.
    pub fact: MasFact,
    /// What the bridge says of it.
    pub message: Option<String>,
}

/// What happened in MAS.
#[derive(Debug, Clone, PartialEq)]
pub enum MasFact {
    /// A tool is called, or was.
    ToolCall(BridgeToolCall),
    /// Memory was read or written, so often.
    Memory {
        /// Reads.
        reads: u64,
        /// Writes.
        writes: u64,
    },
    /// An agent did something.
    Agent {
        /// Its id.
        id: Option<String>,
        /// Its name.
        name: Option<String>,
        /// What it did.
        action: Option<String>,
        /// How that stands: completed, in every known build.
        status: Option<String>,
    },
    /// The reply of MAS, to be said by Moshi if that were possible. Some builds cut it to
    /// [`MasFact::CUT_INJECTION`] characters.
    Injection {
        /// The reply, or its beginning.
        content: String,
    },
    /// Something else.
    Other {
        /// The bridge's word for it.
        kind: String,
    },
}

impl MasFact {
    /// How many characters of a reply older builds put into an injection.
    pub const CUT_INJECTION: usize = 200;
}

/// A call of a tool, as it is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeToolCall {
    /// The bridge's id. It is made from the session and comes again in every turn.
    pub id: Option<String>,
    /// The tool's name.
    pub tool: Option<String>,
    /// What it is called with; the bridge's own question to MAS has the first 50 characters of what was said.
    pub query: Option<String>,
    /// What came of it.
    pub result: Option<String>,
    /// Where it stands.
    pub status: ToolStatus,
    /// How long it took. None also where the bridge says zero, which it does whenever it does not know.
    pub duration_ms: Option<f64>,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolStatus {
    /// It is to be called.
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Success,
    /// It did not. Bridges write "timeout" for every kind of failure.
    Failed,
}

impl ToolStatus {
    fn read(word: Option<&str>) -> Self {
        match word {
            Some("pending" | "queued") => Self::Pending,
            Some("running" | "started" | "processing") => Self::Running,
            // Only calls that are over are told of without a word about it.
            None | Some("success" | "completed" | "ok" | "done") => Self::Success,
            // What we do not know is no success.
            Some(_) => Self::Failed,
        }
    }
}

impl MasEvent {
    pub(super) fn read(event: Fields<'_>) -> Self {
        // An older build has no data of its own and puts everything beside the type.
        let data = event.object("data").unwrap_or(event);
        let kind = event.name(&["type"], limit::NAME).unwrap_or_default();
        let fact = match kind.as_str() {
            "tool_call" | "tool_result" => MasFact::ToolCall(BridgeToolCall {
                id: data.name(&["id"], limit::NAME).or_else(|| event.name(&["id"], limit::NAME)),
                tool: data.name(&["tool", "tool_name", "name"], limit::NAME),
                query: data.words(&["query"], limit::JSON),
                result: data.words(&["result", "error"], limit::JSON),
                status: ToolStatus::read(data.get("status").and_then(|status| status.as_str())),
                duration_ms: data.number("duration").filter(|ms| *ms > 0.0),
            }),
            "memory" => MasFact::Memory {
                reads: data.count("reads").unwrap_or_default(),
                writes: data.count("writes").unwrap_or_default(),
            },
            "memory_read" => MasFact::Memory { reads: data.count("count").unwrap_or(1), writes: 0 },
            "memory_write" => MasFact::Memory { reads: 0, writes: data.count("count").unwrap_or(1) },
            "agent_invoke" | "agent_update" => MasFact::Agent {
                id: data.name(&["agent_id"], limit::NAME),
                name: data.name(&["agent_name", "name"], limit::NAME),
                action: data.words(&["action"], limit::JSON),
                status: data.name(&["status"], limit::NAME),
            },
            "injection" => match data.verbatim("content") {
                Some(content) => MasFact::Injection { content },
                None => MasFact::Other { kind },
            },
            _ => MasFact::Other { kind },
        };
        Self { fact, message: event.verbatim("message") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::FromBridge;
    use serde_json::{Value, json};

    fn fact(event: &Value) -> MasFact {
        match FromBridge::decode_text(&json!({ "type": "mas_event", "event": event }).to_string()) {
            Ok(FromBridge::Mas(event)) => event.fact,
            other => panic!("{other:?}"),
        }
    }

    fn call(data: Value) -> BridgeToolCall {
        match fact(&json!({ "id": "brain_1", "type": "tool_call", "data": data })) {
            MasFact::ToolCall(call) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_call_is_read_with_what_is_there() {
        let running = call(json!({ "tool": "mas_brain_query", "query": "hello", "status": "running" }));
        assert_eq!((running.id.as_deref(), running.status), (Some("brain_1"), ToolStatus::Running));
        assert_eq!(running.query.as_deref(), Some("hello"));
        let ended = call(json!({ "id": 7, "status": "success", "duration": 0, "result": { "a": 1 } }));
        assert_eq!((ended.id.as_deref(), ended.duration_ms), (Some("7"), None), "zero is not known");
        assert_eq!(ended.result.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(call(json!({ "duration": 12.5 })).duration_ms, Some(12.5));
        for (word, status) in [
            ("timeout", ToolStatus::Failed),
            ("error", ToolStatus::Failed),
            ("new word", ToolStatus::Failed),
            ("pending", ToolStatus::Pending),
        ] {
            assert_eq!(call(json!({ "status": word })).status, status, "{word}");
        }
        assert_eq!(call(json!({})).tool, None);
    }

    #[test]
    fn memory_agents_and_injections_are_read_in_the_shapes_that_are_declared() {
        let memory = |reads, writes| MasFact::Memory { reads, writes };
        assert_eq!(
            fact(&json!({ "type": "memory", "data": { "reads": 2, "context_size": 9 } })),
            memory(2, 0)
        );
        assert_eq!(fact(&json!({ "type": "memory_write", "data": {} })), memory(0, 1));
        assert_eq!(fact(&json!({ "type": "memory_read", "data": { "count": 3 } })), memory(3, 0));
        let agent = json!({ "type": "agent_invoke", "data": { "agentId": "a", "agentName": "Lab", "action": "look" } });
        let MasFact::Agent { id, name, action, status } = fact(&agent) else { panic!("an agent") };
        assert_eq!(
            (id.as_deref(), name.as_deref(), action.as_deref()),
            (Some("a"), Some("Lab"), Some("look"))
        );
        assert_eq!(status, None);
        let older = json!({ "type": "agent_update", "agent_name": "Lab", "status": "failed" });
        assert!(matches!(fact(&older), MasFact::Agent { name: Some(name), .. } if name == "Lab"));
        let injection =
            json!({ "type": "injection", "data": { "type": "brain_response", "content": "Hi." } });
        assert_eq!(fact(&injection), MasFact::Injection { content: "Hi.".into() });
        assert!(matches!(fact(&json!({ "type": "injection", "data": {} })), MasFact::Other { .. }));
        assert!(matches!(fact(&json!({})), MasFact::Other { .. }));
    }
}
