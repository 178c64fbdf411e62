//! What comes out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::Failure;

/// Something that happened in a turn. Written as JSON it is one flat object; durations are milliseconds there, with
/// one digit behind the point, and moments milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The turn, as [`crate::Turn::id`] says.
    pub turn: Uuid,
    /// Counts a turn's events, from 0 and without gaps.
    pub number: u64,
    /// When, by this computer's clock.
    #[serde(rename = "at_ms", serialize_with = "since_1970")]
    pub at: SystemTime,
    /// How long after the beginning of the turn, by a clock that is never set.
    #[serde(rename = "after_ms", serialize_with = "ms")]
    pub after: Duration,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A request is about to go out; nothing has come back yet.
    Thinking {
        /// Whom it goes to, for people who look closely: the path of an interface, the name of a model.
        asks: String,
    },
    /// The next piece of the reply. All of them together are [`Reply::text`].
    Token {
        /// Never empty.
        text: String,
    },
    /// The reply, once nothing more of it will come. At most one in a turn.
    Reply(Reply),
    /// A tool is called, or a call that was told of has changed.
    Tool(ToolCall),
    /// An agent does something.
    Agent(AgentActivity),
    /// Memory was read or written.
    Memory(Memory),
    /// Something that a person may want to know; the turn goes on.
    Notice(Notice),
    /// The turn failed. Nothing but [`What::Done`] follows.
    Error(Failure),
    /// The end. Always the last event of a turn, and always there.
    Done {
        /// How it ended.
        outcome: Outcome,
        /// Entries that the other side sent beyond what is taken in one turn.
        left_out: u64,
    },
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is a reply.
    Answered,
    /// It was remembered; no reply was wanted.
    Remembered,
    /// There is an error. Part of a reply may have come before it.
    Failed,
    /// It was cancelled here.
    Cancelled,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// All of it that is there.
    pub text: String,
    /// Whether that is the whole of it, and not what came before the end of a connection or a limit.
    pub whole: bool,
    /// Which model answered, as the other side says. MAS guesses it. "built-in" where none did, and the built-in brain
    /// answered by itself.
    pub provider: Option<String>,
    /// The agent in whose name it speaks, as the other side says.
    pub agent: Option<String>,
    /// Whether a machine without a model may have written it.
    pub canned: Canned,
    /// From the request to the first piece, measured here.
    #[serde(rename = "first_token_ms", serialize_with = "some_ms")]
    pub first_token: Option<Duration>,
    /// From the request to the end of the reply, measured here. Waiting for permission to ask, or for a person's, is
    /// not in it.
    #[serde(rename = "latency_ms", serialize_with = "ms")]
    pub latency: Duration,
}

/// Whether a reply is one of a few prepared sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Canned {
    /// It is not.
    No,
    /// It comes from an interface that answers with prepared sentences and does not say when.
    Perhaps,
    /// It is.
    Yes,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolCall {
    /// Our id: the same for everything that is told of one call.
    pub id: Uuid,
    /// The other side's id, which may come again for another call.
    pub their_id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// What it was called with: words, or JSON.
    pub arguments: Option<String>,
    /// What a person is asked before the call is made. While it is there and the call is pending, the turn waits for
    /// [`crate::Reins::decide`].
    pub question: Option<String>,
    /// Where the call stands.
    pub state: ToolState,
    /// From the first to this event of the call, measured here; where the built-in brain makes it, from when it began to
    /// run. None where only its end was told, and before it runs.
    #[serde(rename = "measured_ms", serialize_with = "some_ms")]
    pub measured: Option<Duration>,
    /// How long it took as the other side says.
    #[serde(rename = "reported_ms", serialize_with = "some_ms")]
    pub reported: Option<Duration>,
    /// What came of it: words, or JSON.
    pub result: Option<String>,
}

/// Where a tool's call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// It is to be called.
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise. MAS and its bridge write "timeout" for every kind of failure.
    Error,
}

impl ToolState {
    /// Whether nothing more comes of the call.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentActivity {
    /// The other side's id of the agent.
    pub their_id: Option<String>,
    /// The agent's name.
    pub name: String,
    /// What it does, in the other side's words.
    pub action: Option<String>,
    /// Where that stands.
    pub state: AgentState,
    /// What it says of it.
    pub said: Option<String>,
}

/// Where an agent's doing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// The request matches what it is for. Whether it was called was not said.
    Matched,
    /// It was called.
    Invoked,
    /// It works.
    Processing,
    /// It has ended well.
    Completed,
    /// It has ended otherwise.
    Failed,
    /// Something was told of it that says nothing about this.
    Unknown,
}

/// Memory was read or written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Which of both. (`use` is a word of the language.)
    #[serde(rename = "use")]
    pub used: MemoryUse,
    /// What was read or written: memories, episodes, profile, turn, or a word of the other side's.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What the other side says of it.
    pub said: Option<String>,
}

/// What was done with memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryUse {
    /// It was looked into.
    Read,
    /// Something was added or changed.
    Write,
}

/// Something that a person may want to know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// Stable, dotted, lower case.
    pub code: &'static str,
    /// A sentence of ours.
    pub what: String,
    /// The other side's words, if there are any.
    pub said: Option<String>,
    /// How long the turn now waits.
    #[serde(rename = "wait_ms", serialize_with = "some_ms")]
    pub wait: Option<Duration>,
}

impl Notice {
    /// A notice with a sentence and nothing else.
    #[must_use]
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), said: None, wait: None }
    }
}

fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

fn ms<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(rounded(*duration))
}

fn some_ms<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.map(rounded).serialize(to)
}

fn since_1970<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let ms = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    to.serialize_u64(u64::try_from(ms).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let event = Event {
            turn: Uuid::nil(),
            number: 3,
            at: UNIX_EPOCH + Duration::from_millis(1_500),
            after: Duration::from_micros(12_340),
            what: What::Reply(Reply {
                text: "hello".into(),
                whole: true,
                provider: None,
                agent: None,
                canned: Canned::Perhaps,
                first_token: None,
                latency: Duration::from_millis(12),
            }),
        };
        let expected = serde_json::json!({
            "turn": "00000000-0000-0000-0000-000000000000", "number": 3, "at_ms": 1500, "after_ms": 12.3,
            "event": "reply", "text": "hello", "whole": true, "provider": null, "agent": null,
            "canned": "perhaps", "first_token_ms": null, "latency_ms": 12.0,
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), expected);
    }
}
