//! What was pushed and is not told yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{AgentActivity, What, mas::found};

/// As many are told at once.
pub(super) const TOLD: usize = 100;
/// As many messages are read until what came is told. What is beyond is counted only: it costs time that others need.
const READ: usize = 1_000;
/// Agents whose last state is known.
const AGENTS: usize = 1_000;

/// Between those that listen and the one that tells.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    inner: Mutex<Inner>,
    something: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    told: Vec<What>,
    read: usize,
    left_out: u64,
    /// What was last told of an agent. Most of what is pushed says once more that all is well.
    agents: HashMap<String, AgentActivity>,
}

impl Gathered {
    /// Takes a message; returns whether it told of an agent.
    pub(super) fn message(&self, text: &str) -> bool {
        let mut inner = self.lock();
        let of_agent = inner.message(text);
        if !inner.told.is_empty() || inner.left_out > 0 {
            self.something.notify_one();
        }
        of_agent
    }

    /// Counts a message that cannot be taken.
    pub(super) fn lost(&self) {
        self.lock().left_out += 1;
        self.something.notify_one();
    }

    /// Waits until there is something.
    pub(super) async fn something(&self) {
        self.something.notified().await;
    }

    /// What there is, and how much more there was.
    pub(super) fn take(&self) -> (Vec<What>, u64) {
        let mut inner = self.lock();
        inner.read = 0;
        (std::mem::take(&mut inner.told), std::mem::take(&mut inner.left_out))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn message(&mut self, text: &str) -> bool {
        if self.read == READ {
            self.left_out += 1;
            return false;
        }
        self.read += 1;
        let Some(what) = found::pushed(text) else { return false };
        let What::Agent(agent) = &what else {
            if self.has_room(|_| false) {
                self.told.push(what);
            }
            return false;
        };
        if self.agents.get(&agent.name) == Some(agent) {
            return true;
        }
        let same = |told: &What| matches!(told, What::Agent(told) if told.name == agent.name);
        if self.has_room(same) {
            if self.agents.len() == AGENTS {
                self.agents.clear();
            }
            self.agents.insert(agent.name.clone(), agent.clone());
            self.told.push(what);
        }
        true
    }

    /// Makes room for one more: where there is none, an older one of the same that it is newer than goes, or else
    /// the new one does.
    fn has_room(&mut self, same: impl FnMut(&What) -> bool) -> bool {
        if self.told.len() < TOLD {
            return true;
        }
        self.left_out += 1;
        let older = self.told.iter().position(same);
        older.map(|at| self.told.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(name: &str, status: &str) -> String {
        json!({ "type": "agent_status", "source": "runner", "data": { "agent_id": name, "status": status } })
            .to_string()
    }

    fn names_and_words(told: &[What]) -> Vec<(&str, &str)> {
        told.iter()
            .map(|what| match what {
                What::Agent(agent) => (agent.name.as_str(), agent.said.as_deref().unwrap_or_default()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn an_agent_that_says_the_same_again_is_no_news() {
        let gathered = Gathered::default();
        for status in ["healthy", "healthy", "degraded"] {
            assert!(gathered.message(&agent("mail", status)));
        }
        let (told, left_out) = gathered.take();
        assert_eq!((names_and_words(&told), left_out), (vec![("mail", "healthy"), ("mail", "degraded")], 0));
        assert!(gathered.message(&agent("mail", "degraded")));
        assert_eq!(gathered.take(), (Vec::new(), 0));
        for senseless in
            ["", "[]", "{\"type\":\"pong\"}", "{\"type\":\"connected\",\"message\":\"m\"}", "no json"]
        {
            assert!(!gathered.message(senseless));
        }
        assert_eq!(gathered.take(), (Vec::new(), 0));
    }

    #[test]
    fn where_there_is_no_room_the_newest_of_each_agent_is_told_and_the_rest_is_counted() {
        let gathered = Gathered::default();
        for number in 0..TOLD {
            gathered.message(&agent(&format!("agent {number}"), "started"));
        }
        gathered.message(&agent("agent 7", "completed"));
        gathered.message(&agent("one more", "started"));
        gathered.message(&json!({ "type": "memory_update", "data": { "operation": "write" } }).to_string());
        let (told, left_out) = gathered.take();
        assert_eq!((told.len(), left_out), (TOLD, 3));
        let Some(What::Agent(last)) = told.last() else { panic!("an agent") };
        assert_eq!((last.name.as_str(), last.state), ("agent 7", crate::AgentState::Completed));
        gathered.message(&agent("one more", "started"));
        assert_eq!(gathered.take().0.len(), 1, "what was left out is news when it comes again");
    }

    #[test]
    fn a_flood_is_counted_and_not_read() {
        let gathered = Gathered::default();
        for number in 0..READ * 3 {
            gathered.message(&agent(&format!("agent {number}"), "started"));
        }
        let (told, left_out) = gathered.take();
        assert_eq!((told.len(), left_out), (TOLD, (READ * 3 - TOLD) as u64));
        assert!(gathered.message(&agent("another", "started")), "and then it goes on");
    }
}
