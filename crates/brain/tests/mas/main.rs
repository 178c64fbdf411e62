//! The MAS client against a MAS that does everything that a MAS can do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod aside;
mod beside;
mod bounds;
mod failures;
mod interfaces;
#[path = "../stand_in/mod.rs"]
mod stand_in;
mod stream;
mod token;
mod waits;
mod watch;

use std::time::Duration;

use brain::{
    Answer, Came, Event, Failure, Mas, MemoryUse, Notice, Outcome, Reply, Turn, What,
    mas::{Limits, MasAddress, ServiceToken},
};
use serde_json::{Value, json};
use stand_in::{PATIENCE, StandIn};
use tokio::time::timeout;

/// A short one, for what never comes.
const SHORT: Duration = Duration::from_millis(200);

fn limits() -> Limits {
    Limits {
        request: PATIENCE,
        wait: Duration::from_secs(1),
        unsaid_wait: Duration::from_millis(1),
        aside: PATIENCE,
    }
}

fn client(server: &StandIn, limits: Limits) -> Mas {
    let token = ServiceToken::new("hush-hush").unwrap();
    Mas::new(MasAddress::parse(&server.address()).unwrap(), Some(token), limits)
}

fn turn(text: &str) -> Turn {
    Turn::new("conversation-1", "ada", text, Came::Typed).unwrap()
}

async fn next(answer: &mut Answer) -> Option<Event> {
    timeout(PATIENCE, answer.next()).await.expect("something happens in time")
}

/// All events of a turn, which hold what holds for every turn.
async fn all(mut answer: Answer) -> Told {
    let mut told = Vec::new();
    while let Some(event) = next(&mut answer).await {
        assert_eq!(event.turn, answer.turn());
        assert_eq!(event.number, told.len() as u64);
        told.push(event.what);
    }
    assert!(matches!(told.last(), Some(What::Done { .. })), "the end is told: {told:?}");
    let ends = told.iter().filter(|what| matches!(what, What::Done { .. })).count();
    let replies = told.iter().filter(|what| matches!(what, What::Reply(_))).count();
    assert!(ends == 1 && replies <= 1, "{told:?}");
    let tokens: String = told
        .iter()
        .filter_map(|what| match what {
            What::Token { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let told = Told { told };
    if let Some(reply) = told.reply() {
        assert_eq!(tokens, reply.text, "the pieces are the whole");
    } else {
        assert_eq!(tokens, "", "no piece is without a reply");
    }
    told
}

#[derive(Debug)]
struct Told {
    told: Vec<What>,
}

impl Told {
    fn reply(&self) -> Option<&Reply> {
        self.told.iter().find_map(|what| if let What::Reply(reply) = what { Some(reply) } else { None })
    }

    #[track_caller]
    fn answered(&self) -> &Reply {
        assert_eq!(self.outcome(), Outcome::Answered, "{self:?}");
        self.reply().unwrap()
    }

    #[track_caller]
    fn failed(&self) -> &Failure {
        assert_eq!(self.outcome(), Outcome::Failed, "{self:?}");
        self.told
            .iter()
            .find_map(|what| if let What::Error(error) = what { Some(error) } else { None })
            .unwrap()
    }

    fn outcome(&self) -> Outcome {
        let Some(What::Done { outcome, .. }) = self.told.last() else { unreachable!("`all` has looked") };
        *outcome
    }

    fn left_out(&self) -> u64 {
        let Some(What::Done { left_out, .. }) = self.told.last() else { unreachable!("`all` has looked") };
        *left_out
    }

    fn notices(&self) -> Vec<&Notice> {
        self.told
            .iter()
            .filter_map(|what| if let What::Notice(notice) = what { Some(notice) } else { None })
            .collect()
    }

    fn notice_codes(&self) -> Vec<&str> {
        self.notices().iter().map(|notice| notice.code).collect()
    }

    fn memory(&self) -> Vec<(MemoryUse, &str, u64)> {
        let memory =
            self.told.iter().filter_map(|what| if let What::Memory(m) = what { Some(m) } else { None });
        memory.map(|memory| (memory.used, memory.kind.as_str(), memory.count)).collect()
    }
}

fn chat_answer() -> Value {
    json!({
        "response": "Hello from the brain.", "provider": "gemini", "session_id": "s", "conversation_id": "c",
        "memory_context": { "memories": [{}, {}], "episodes": [{}], "profile": { "preferences": {} } },
        "actions_taken": [
            { "type": "memory_recalled", "count": 2 }, { "type": "turn_persisted", "session_id": "s" },
        ],
        "timestamp": "2026-02-17T10:38:00+00:00",
    })
}

fn orchestrator_answer() -> Value {
    json!({
        "conversation_id": "c", "agent_name": "MYCA", "response_text": "I can help with that.",
        "matched_agents": [{
            "agent_id": "lab-1", "display_name": "Lab", "category": "science", "requires_confirmation": false,
            "is_active": true,
        }],
    })
}
