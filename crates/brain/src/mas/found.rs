//! What MAS tells beside the reply: tools, agents, memory.

use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;
use wire::Fields;

use crate::{
    AgentActivity, AgentState, Memory, MemoryUse, Notice, ToolCall, ToolState, What,
    bounded::{ENTRIES, NAME, TEXT},
};

/// Reads one turn's, or one feed's, objects. Takes [`ENTRIES`] of each kind and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Found {
    calls: Vec<Call>,
    tools: usize,
    agents: usize,
    memory: usize,
    notices: usize,
    left_out: u64,
    /// Whether it was told which agents a turn matches, and what was remembered for it. An answer and what is asked
    /// beside it tell the same.
    matched: bool,
    recalled: bool,
}

/// A tool's call that was told of.
#[derive(Debug)]
struct Call {
    id: Uuid,
    their_id: Option<String>,
    name: String,
    state: ToolState,
    began: Instant,
}

impl Found {
    /// Entries beyond those that are taken.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Begins another look at a feed: as much is taken of it as of a turn.
    pub(super) fn begin_look(&mut self) {
        (self.tools, self.agents, self.memory, self.notices) = (0, 0, 0, 0);
    }

    /// Everything that an answer, or a part of a streamed one, tells. The order is that of a turn: what was
    /// remembered, who was asked, what they called, what was kept.
    pub(super) fn read(&mut self, object: &Fields<'_>, now: Instant) -> Vec<What> {
        let mut found = Vec::new();
        if let Some(context) = object.object("memory_context") {
            found.extend(self.recalled(&context));
        }
        found.extend(self.matches(object));
        for agent in object.list("agents_invoked").unwrap_or_default() {
            self.agent(agent, AgentState::Invoked, &mut found);
        }
        for call in object.list("tool_calls").unwrap_or_default() {
            self.tool(call, ToolState::Success, now, &mut found);
        }
        for action in object.list("actions_taken").unwrap_or_default() {
            self.action(action, now, &mut found);
        }
        if let Some(stats) = object.object("memory_stats") {
            for (field, used) in [("reads", MemoryUse::Read), ("writes", MemoryUse::Write)] {
                if let Some(count) = stats.count(field).filter(|count| *count > 0) {
                    self.memory(used, "session", count, None, &mut found);
                }
            }
        }
        found
    }

    /// One entry of `/events/stream`, or of an agents' ledger.
    pub(super) fn happened(&mut self, entry: &Value, now: Instant, found: &mut Vec<What>) {
        let Some(fields) = Fields::of(entry) else { return };
        let said = fields.text(&["message", "description"], TEXT);
        match fields.get("type").or_else(|| fields.get("event_type")).and_then(Value::as_str).unwrap_or("") {
            "tool_result" | "tool_call" => self.tool(entry, ToolState::Success, now, found),
            "agent_update" | "agent_status" | "agent_invoke" => self.agent(entry, AgentState::Unknown, found),
            kind @ ("memory_insight" | "knowledge" | "memory_read") => {
                self.memory(MemoryUse::Read, kind, fields.count("count").unwrap_or(1), said, found);
            }
            kind @ ("memory_write" | "memory_update") => {
                self.memory(MemoryUse::Write, kind, fields.count("count").unwrap_or(1), said, found);
            }
            _ if fields.name(&["agent_id", "agent_name", "agent"], NAME).is_some() => {
                self.agent(entry, AgentState::Unknown, found);
            }
            kind => self.notice("mas.told", &format!("MAS tells of \"{}\".", shown(kind)), said, found),
        }
    }

    /// Which agents a turn matches, once.
    pub(super) fn matches(&mut self, object: &Fields<'_>) -> Vec<What> {
        let mut found = Vec::new();
        let agents = object.list("matched_agents").filter(|_| !self.matched).unwrap_or_default();
        self.matched |= !agents.is_empty();
        for agent in agents {
            self.agent(agent, AgentState::Matched, &mut found);
        }
        found
    }

    /// What was remembered for a turn, once.
    pub(super) fn recalled(&mut self, context: &Fields<'_>) -> Vec<What> {
        let mut found = Vec::new();
        if self.recalled {
            return found;
        }
        self.recalled = context.list("memories").is_some();
        for kind in ["memories", "episodes"] {
            if let Some(list) = context.list(kind) {
                self.memory(MemoryUse::Read, kind, list.len() as u64, None, &mut found);
            }
        }
        // A profile without preferences holds nothing but the name that we sent.
        let mut profiles = ["profile", "user_profile"].into_iter().filter_map(|name| context.object(name));
        if profiles.any(|profile| profile.is_filled("preferences")) {
            self.memory(MemoryUse::Read, "profile", 1, None, &mut found);
        }
        found
    }

    fn action(&mut self, action: &Value, now: Instant, found: &mut Vec<What>) {
        let Some(fields) = Fields::of(action) else { return };
        match fields.get("type").and_then(Value::as_str).unwrap_or_default() {
            "memory_recalled" if self.recalled => {}
            "memory_recalled" => {
                self.recalled = true;
                let count = fields.count("count").unwrap_or(1);
                self.memory(MemoryUse::Read, "memories", count, None, found);
            }
            "turn_persisted" => self.memory(MemoryUse::Write, "turn", 1, None, found),
            "tool_called" | "tool_call" => self.tool(action, ToolState::Success, now, found),
            "agent_routed" | "agent_invoked" => self.agent(action, AgentState::Invoked, found),
            "harness" => {
                let route = fields.name(&["route"], NAME).unwrap_or_else(|| "not said".into());
                let what = format!("The harness of MAS answered, by the route \"{}\".", shown(&route));
                let sources = fields.get("sources").filter(|_| fields.is_filled("sources"));
                let sources = sources.and_then(|_| fields.words(&["sources"], TEXT));
                self.notice("mas.harness", &what, sources, found);
            }
            other => {
                let what = format!("MAS did something: \"{}\".", shown(other));
                self.notice("mas.action", &what, fields.text(&["message", "description"], TEXT), found);
            }
        }
    }

    fn tool(&mut self, call: &Value, unsaid: ToolState, now: Instant, found: &mut Vec<What>) {
        let Some(fields) = Fields::of(call) else { return };
        if !self.takes(|found| &mut found.tools) {
            return;
        }
        let name =
            fields.name(&["tool", "tool_name", "name", "source"], NAME).unwrap_or_else(|| "unnamed".into());
        let their_id = fields.name(&["id", "call_id", "tool_call_id"], NAME);
        let state = match fields.text(&["status", "state"], NAME).as_deref() {
            Some("pending" | "queued") => ToolState::Pending,
            Some("running" | "started" | "processing" | "in_progress") => ToolState::Running,
            Some("success" | "completed" | "ok" | "done") => ToolState::Success,
            // "timeout" is written for every failure, and a word that we do not know is no success.
            Some(_) => ToolState::Error,
            None if fields.is_filled("error") => ToolState::Error,
            None => unsaid,
        };
        let (id, measured) = self.call(their_id.as_deref(), &name, state, now);
        found.push(What::Tool(ToolCall {
            id,
            their_id,
            name,
            arguments: fields.words(&["arguments", "query", "parameters", "input"], TEXT),
            question: None,
            state,
            measured,
            reported: fields.ms(&["duration", "duration_ms", "latency_ms"]),
            result: fields.words(&["result", "error", "output", "message"], TEXT),
        }));
    }

    /// Our id of a call, and how long we have known of it. Their ids come again in later turns, and within one where
    /// they are made from the name: only a call that has not ended goes on.
    fn call(
        &mut self,
        their_id: Option<&str>,
        name: &str,
        state: ToolState,
        now: Instant,
    ) -> (Uuid, Option<std::time::Duration>) {
        let same = |call: &&mut Call| {
            !call.state.is_final() && call.name == name && call.their_id.as_deref() == their_id
        };
        if let Some(call) = self.calls.iter_mut().find(same) {
            call.state = state;
            return (call.id, Some(now.saturating_duration_since(call.began)));
        }
        let id = Uuid::now_v7();
        let (their_id, name) = (their_id.map(str::to_owned), name.to_owned());
        self.calls.retain(|call| !call.state.is_final());
        // A feed may go on for days and tell of calls that never end.
        if self.calls.len() >= ENTRIES {
            self.calls.remove(0);
        }
        self.calls.push(Call { id, their_id, name, state, began: now });
        (id, None)
    }

    fn agent(&mut self, agent: &Value, unsaid: AgentState, found: &mut Vec<What>) {
        let Some(fields) = Fields::of(agent) else { return };
        if !self.takes(|found| &mut found.agents) {
            return;
        }
        let their_id = fields.name(&["agent_id", "id"], NAME);
        let name = fields.name(&["display_name", "agent_name", "name", "agent", "source"], NAME);
        let word = fields.text(&["status", "state"], NAME);
        let state = match word.as_deref() {
            Some("invoked" | "started" | "pending") => AgentState::Invoked,
            Some("processing" | "running" | "in_progress" | "busy") => AgentState::Processing,
            Some("completed" | "success" | "done" | "ok") => AgentState::Completed,
            Some("failed" | "error" | "timeout") => AgentState::Failed,
            Some(_) => AgentState::Unknown,
            None => unsaid,
        };
        found.push(What::Agent(AgentActivity {
            name: name.or_else(|| their_id.clone()).unwrap_or_else(|| "unnamed".into()),
            their_id,
            action: fields.words(&["action", "task", "category"], TEXT),
            state,
            // A word that we do not know is all that it says.
            said: fields
                .text(&["feedback", "message", "result"], TEXT)
                .or_else(|| word.filter(|_| state == AgentState::Unknown)),
        }));
    }

    fn memory(
        &mut self,
        used: MemoryUse,
        kind: &str,
        count: u64,
        said: Option<String>,
        found: &mut Vec<What>,
    ) {
        if self.takes(|found| &mut found.memory) {
            found.push(What::Memory(Memory { used, kind: kind.to_owned(), count, said }));
        }
    }

    fn notice(&mut self, code: &'static str, what: &str, said: Option<String>, found: &mut Vec<What>) {
        if self.takes(|found| &mut found.notices) {
            found.push(What::Notice(Notice { said, ..Notice::new(code, what) }));
        }
    }

    fn takes(&mut self, kind: impl FnOnce(&mut Self) -> &mut usize) -> bool {
        let taken = kind(self);
        if *taken < ENTRIES {
            *taken += 1;
            return true;
        }
        self.left_out += 1;
        false
    }
}

/// What MAS told without being asked, if it is about an agent or about memory. Which fields say what is done with memory
/// is nowhere laid down.
pub(super) fn pushed(message: &str) -> Option<What> {
    let message: Value = serde_json::from_str(message).ok()?;
    let fields = Fields::of(&message)?;
    // What it is about stands inside; a build that has it outside is understood as well.
    let inner = fields.get("data").filter(|data| data.is_object()).unwrap_or(&message);
    let (mut found, mut told) = (Found::default(), Vec::new());
    match fields.get("type")?.as_str()? {
        "agent_status" => found.agent(inner, AgentState::Unknown, &mut told),
        "memory_update" => {
            let inner = Fields::of(inner)?;
            let kind = inner.name(&["kind", "operation", "action", "scope", "layer"], NAME);
            let used = match kind.as_deref() {
                Some("read" | "recall" | "search" | "query") => MemoryUse::Read,
                _ => MemoryUse::Write,
            };
            let kind = kind.unwrap_or_else(|| "memory_update".to_owned());
            let said = inner.text(&["message", "description", "content", "key"], TEXT);
            found.memory(used, &kind, inner.count("count").unwrap_or(1), said, &mut told);
        }
        _ => {}
    }
    told.pop()
}

/// A foreign word inside a sentence of ours.
fn shown(word: &str) -> String {
    const MOST: usize = 40;
    let word: String =
        word.chars().filter(|c| c.is_alphanumeric() || "-_.: ".contains(*c)).take(MOST).collect();
    if word.is_empty() { "something".into() } else { word }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Vec<What> {
        Found::default().read(&Fields::of(value).unwrap(), Instant::now())
    }

    fn memory(used: MemoryUse, kind: &str, count: u64) -> What {
        What::Memory(Memory { used, kind: kind.into(), count, said: None })
    }

    #[test]
    fn what_the_brain_remembered_is_counted_once() {
        let answer = json!({
            "memory_context": {
                "memories": [{}, {}], "episodes": [{}], "profile": { "user_id": "me", "preferences": { "tea": 1 } },
            },
            "actions_taken": [
                { "type": "memory_recalled", "count": 2 }, { "type": "turn_persisted", "session_id": "s" },
            ],
        });
        let expected = [
            memory(MemoryUse::Read, "memories", 2),
            memory(MemoryUse::Read, "episodes", 1),
            memory(MemoryUse::Read, "profile", 1),
            memory(MemoryUse::Write, "turn", 1),
        ];
        assert_eq!(read(&answer), expected);
        let without =
            json!({ "memoryContext": null, "actionsTaken": [{ "type": "memory_recalled", "count": 3 }] });
        assert_eq!(read(&without), [memory(MemoryUse::Read, "memories", 3)]);
        let stats = json!({ "memory_stats": { "reads": 4, "writes": 0 } });
        assert_eq!(read(&stats), [memory(MemoryUse::Read, "session", 4)]);
    }

    #[test]
    fn agents_come_matched_or_called() {
        let answer = json!({
            "matched_agents": [{ "agent_id": "a1", "display_name": "Lab", "category": "science", "is_active": true }],
            "agents_invoked": [{ "id": 7, "agentName": "Mail", "action": "send", "status": "completed" }, "nonsense"],
        });
        let told = read(&answer);
        let [What::Agent(lab), What::Agent(mail)] = told.as_slice() else { panic!("two agents") };
        assert_eq!((lab.name.as_str(), lab.state), ("Lab", AgentState::Matched));
        assert_eq!(lab.their_id.as_deref(), Some("a1"));
        assert_eq!((mail.name.as_str(), mail.state), ("Mail", AgentState::Completed));
        assert_eq!((mail.their_id.as_deref(), mail.action.as_deref()), (Some("7"), Some("send")));
    }

    #[test]
    fn a_call_is_followed_to_its_end_and_an_id_that_comes_again_is_another_call() {
        let mut found = Found::default();
        let now = Instant::now();
        let mut see = |status: &str, at: u64| {
            let value = json!({ "tool_calls": [{ "id": "brain_1", "tool": "search", "status": status }] });
            let what = found.read(&Fields::of(&value).unwrap(), now + Duration::from_millis(at));
            match <[What; 1]>::try_from(what).unwrap() {
                [What::Tool(call)] => call,
                other => panic!("{other:?}"),
            }
        };
        let (first, end, again) = (see("running", 0), see("timeout", 80), see("running", 90));
        assert_eq!((first.state, first.measured), (ToolState::Running, None));
        assert_eq!((end.state, end.measured), (ToolState::Error, Some(Duration::from_millis(80))));
        assert_eq!(first.id, end.id);
        assert_ne!(first.id, again.id);
        assert_eq!(again.measured, None);
    }

    #[test]
    fn lists_are_capped_and_the_rest_is_counted_and_words_are_cut() {
        let long = "x".repeat(TEXT * 2);
        let call = json!({ "name": long, "result": { "deep": long }, "duration": 12.5 });
        let value = json!({ "tool_calls": vec![call; ENTRIES + 3] });
        let mut found = Found::default();
        let told = found.read(&Fields::of(&value).unwrap(), Instant::now());
        assert_eq!((told.len(), found.left_out()), (ENTRIES, 3));
        let What::Tool(call) = &told[0] else { panic!("a tool") };
        assert!(call.name.len() <= NAME && call.result.as_ref().unwrap().len() <= TEXT);
        assert_eq!(call.reported, Some(Duration::from_micros(12_500)));
        assert_eq!(call.state, ToolState::Success, "without a word about it, it is over and well");
    }

    #[test]
    fn a_foreign_word_in_a_sentence_of_ours_is_a_word() {
        assert_eq!(shown("new_type\u{202e}\u{1b}[2J"), "new_type2J");
        assert_eq!(shown("\u{202e}"), "something");
        assert_eq!(shown(&"a".repeat(99)).len(), 40);
    }
}
