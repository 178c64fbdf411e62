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
#[path = "../told/mod.rs"]
mod told;
mod waits;
mod watch;

use std::time::Duration;

use brain::{
    Came, Mas, Turn,
    mas::{Limits, MasAddress, ServiceToken},
};
use serde_json::{Value, json};
use stand_in::{PATIENCE, StandIn};
use told::{Told, all, next};

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
