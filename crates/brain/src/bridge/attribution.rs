//! Who said it, and to which question it belongs.
//!
//! A bridge sends the words of Moshi and of MAS as messages of one kind, and what happens in MAS under one id for all
//! turns of a session. What tells them apart is when they come, and what they look like:
//!
//! - A question to MAS is told of as a call of [`QUERY`]: it runs, then comes its reply as an injection, then its end.
//!   Questions are answered in the order in which they began.
//! - Words of MAS come only while a question is under way: one by one, each with a space behind it, or the whole reply
//!   at once. Pieces of Moshi's are tokens; where one begins a word, its space stands in front.
//! - Bridges that answer with a prepared sentence first end the question with it, and MAS's own reply follows in an
//!   injection of its own, if it comes in time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use wire::bridge::{MasEvent, MasFact, ToolStatus};

use super::calls::Calls;
use crate::{
    AgentActivity, AgentState, Memory, MemoryUse, Notice, What,
    bounded::{NAME, REPLY, TEXT, cut},
};

/// The tool under whose name a bridge tells of its questions to MAS.
const QUERY: &str = "mas_brain_query";
/// How much of a question is told, in characters.
const TOLD: usize = 50;
/// A bridge gives up a question after 30 s. One that is older has an end that was not told.
const FORGOTTEN: Duration = Duration::from_secs(40);
/// Questions that are remembered.
const MOST: usize = 32;
/// How many words of a reply may be missing in front of the one that came.
const SKIPPED: usize = 8;

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It belongs to the turn that was typed here.
    Turn,
    /// It belongs to something else: what was spoken, a turn that was given up, another program.
    Other,
}

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Moshi,
    Mas,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    /// The question is on its way to MAS.
    Began,
    /// The reply to it. A later one replaces it.
    Replied(String),
    /// The question is over.
    Ended {
        /// Whether MAS answered.
        well: bool,
    },
    /// For the panels.
    Told(What),
}

/// Sorts what comes over one connection.
#[derive(Debug)]
pub(super) struct Attribution {
    /// How long after the end of a question its second reply may come.
    second_reply: Duration,
    calls: Calls,
    /// Words of the turn that went out, until its question begins.
    asked: Option<String>,
    /// Questions under way, the oldest first.
    questions: VecDeque<Question>,
    /// Questions that are over and may get a second reply, the oldest first.
    ended: VecDeque<(Owner, Instant)>,
}

#[derive(Debug)]
struct Question {
    owner: Owner,
    began: Instant,
    /// The words of its reply, once that is there, and which of them comes next.
    reply: Option<(Vec<String>, usize)>,
    /// Whether the reply that is there may be only its beginning.
    cut: bool,
}

impl Attribution {
    pub(super) fn new(second_reply: Duration) -> Self {
        let calls = Calls::default();
        Self { second_reply, calls, asked: None, questions: VecDeque::new(), ended: VecDeque::new() }
    }

    /// The turn's words went out.
    pub(super) fn asked(&mut self, text: &str) {
        self.asked = Some(normalised(text));
    }

    /// Nobody waits for the turn's reply any more. What still comes of it is not the next turn's.
    pub(super) fn given_up(&mut self) {
        self.asked = None;
        self.questions.iter_mut().for_each(|question| question.owner = Owner::Other);
        self.ended.iter_mut().for_each(|(owner, _)| *owner = Owner::Other);
    }

    /// Whose words they are.
    pub(super) fn words(&mut self, text: &str, now: Instant) -> (Owner, Voice) {
        self.forget(now);
        let moshi = (Owner::Other, Voice::Moshi);
        let Some(question) = self.questions.front_mut() else { return moshi };
        let mas = (question.owner, Voice::Mas);
        let one = one_word(text);
        let Some((words, next)) = &mut question.reply else {
            return if one.is_some() { mas } else { moshi };
        };
        if let Some(word) = one {
            let ahead = words.iter().skip(*next).take(SKIPPED).position(|known| known == word);
            if let Some(ahead) = ahead {
                *next += ahead + 1;
                return mas;
            }
            // Where the reply was cut its last word may be half a word, and what follows is not known.
            let half = words
                .get(*next)
                .is_none_or(|known| *next + 1 == words.len() && word.starts_with(known.as_str()));
            if question.cut && half {
                *next = (*next + 1).min(words.len());
                return mas;
            }
            return moshi;
        }
        let whole = text.split_whitespace().eq(words.iter().map(String::as_str));
        if whole { mas } else { moshi }
    }

    /// What the bridge tells of MAS.
    pub(super) fn told(&mut self, event: MasEvent, now: Instant) -> Vec<(Owner, Fact)> {
        self.forget(now);
        let message = event.message;
        match event.fact {
            MasFact::ToolCall(call) if call.tool.as_deref() == Some(QUERY) => {
                let (status, query) = (call.status, call.query.clone());
                let tool = Fact::Told(What::Tool(self.calls.told(call, now)));
                match status {
                    ToolStatus::Pending => vec![(self.owner(), tool)],
                    ToolStatus::Running => {
                        let owner = self.begin(query.as_deref(), now);
                        vec![(owner, tool), (owner, Fact::Began)]
                    }
                    ToolStatus::Success | ToolStatus::Failed => {
                        let well = status == ToolStatus::Success;
                        let owner = self.end(well, now);
                        vec![(owner, tool), (owner, Fact::Ended { well })]
                    }
                }
            }
            MasFact::ToolCall(call) => {
                vec![(self.owner(), Fact::Told(What::Tool(self.calls.told(call, now))))]
            }
            MasFact::Injection { content } => vec![self.injection(&content)],
            fact => self.panels(fact, message),
        }
    }

    /// Something that a bridge says in so many words to be MAS's reply.
    pub(super) fn injection(&mut self, content: &str) -> (Owner, Fact) {
        let reply = cut(content, REPLY);
        let owner = match self.questions.front_mut() {
            Some(question) => {
                question.cut = content.chars().count() == MasFact::CUT_INJECTION;
                question.reply = Some((content.split_whitespace().map(str::to_owned).collect(), 0));
                question.owner
            }
            None => match self.ended.pop_front() {
                Some((owner, _)) => owner,
                None => self.owner(),
            },
        };
        (owner, Fact::Replied(reply))
    }

    fn begin(&mut self, query: Option<&str>, now: Instant) -> Owner {
        let is_ours = |asked: &mut String| {
            let told: String = asked.chars().take(TOLD).collect();
            query.is_none_or(|query| normalised(query) == told.trim_end())
        };
        let owner = if self.asked.take_if(is_ours).is_some() { Owner::Turn } else { Owner::Other };
        if self.questions.len() >= MOST {
            self.questions.pop_front();
        }
        self.questions.push_back(Question { owner, began: now, reply: None, cut: false });
        owner
    }

    fn end(&mut self, well: bool, now: Instant) -> Owner {
        let owner = match self.questions.pop_front() {
            Some(question) => question.owner,
            // Its beginning was not told.
            None => self.owner(),
        };
        if owner == Owner::Turn {
            self.asked = None;
        }
        if well {
            if self.ended.len() >= MOST {
                self.ended.pop_front();
            }
            self.ended.push_back((owner, now));
        }
        owner
    }

    /// Whose something is that names no question: that of the question under way, or else of the last that was.
    fn owner(&self) -> Owner {
        let last = self.ended.back().map(|(owner, _)| *owner);
        match self.questions.front() {
            Some(question) => question.owner,
            None if self.asked.is_some() => Owner::Turn,
            None => last.unwrap_or(Owner::Other),
        }
    }

    fn forget(&mut self, now: Instant) {
        self.questions.retain(|question| now.saturating_duration_since(question.began) < FORGOTTEN);
        self.ended.retain(|(_, at)| now.saturating_duration_since(*at) < self.second_reply);
    }

    fn panels(&self, fact: MasFact, message: Option<String>) -> Vec<(Owner, Fact)> {
        let message = message.map(|message| cut(&message, TEXT));
        let told: Vec<What> = match fact {
            MasFact::Memory { reads, writes } => [(MemoryUse::Read, reads), (MemoryUse::Write, writes)]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(used, count)| What::Memory(Memory { used, kind: "session".into(), count, said: None }))
                .collect(),
            MasFact::Agent { id, name, action, status } => {
                let name = name.or_else(|| id.clone()).unwrap_or_else(|| "unnamed".into());
                vec![What::Agent(AgentActivity {
                    their_id: id.map(|id| cut(&id, NAME)),
                    name: cut(&name, NAME),
                    action: action.map(|action| cut(&action, TEXT)),
                    state: agent_state(status.as_deref()),
                    said: message,
                })]
            }
            MasFact::Other { kind } => {
                let said = if kind.is_empty() { message } else { Some(cut(&kind, NAME)) };
                vec![What::Notice(Notice {
                    said,
                    ..Notice::new("bridge.told", "The bridge tells of something else.")
                })]
            }
            MasFact::ToolCall(_) | MasFact::Injection { .. } => Vec::new(),
        };
        let owner = self.owner();
        told.into_iter().map(|what| (owner, Fact::Told(what))).collect()
    }
}

fn agent_state(word: Option<&str>) -> AgentState {
    match word {
        Some("invoked" | "started" | "pending") | None => AgentState::Invoked,
        Some("processing" | "running") => AgentState::Processing,
        Some("completed" | "success" | "done") => AgentState::Completed,
        Some("failed" | "error" | "timeout") => AgentState::Failed,
        Some(_) => AgentState::Unknown,
    }
}

/// As a bridge makes words of the person's before it looks at them.
pub(super) fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The word, where a text is one word and the space behind it: the way in which replies of MAS come.
fn one_word(text: &str) -> Option<&str> {
    let word = text.strip_suffix(' ')?;
    let is_one = !word.is_empty() && !word.contains(char::is_whitespace);
    is_one.then_some(word)
}

#[cfg(test)]
mod tests;
