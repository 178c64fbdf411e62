//! A turn as MAS wants it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::endpoint::Endpoint;
use crate::{Role, Said, Turn};

/// For an interface that answers. The person is always named: where nobody is, MAS takes a certain one. The
/// orchestrator takes no history.
pub(super) fn to(endpoint: Endpoint, turn: &Turn, session: Uuid) -> Value {
    match endpoint {
        Endpoint::Stream | Endpoint::Chat => {
            let mut question = json!({
                "message": turn.text(), "session_id": session, "conversation_id": turn.conversation(),
                "user_id": turn.who(), "provider": "auto", "include_memory_context": true,
            });
            // Where nothing is sent, MAS looks into its own memory.
            if !turn.before().is_empty() {
                question["history"] = turn.before().iter().map(message).collect();
            }
            question
        }
        Endpoint::Orchestrator => json!({
            "message": turn.text(), "actor": turn.who(), "conversation_id": turn.conversation(),
            "session_id": session,
        }),
    }
}

/// For the memory: Moshi's words, which ask for no answer.
pub(super) fn words(turn: &Turn, session: Uuid) -> Value {
    json!({
        "conversation_id": turn.conversation(), "session_id": session, "agent_name": "moshi",
        "transcript": "", "response_text": turn.text(), "success": true,
    })
}

/// To a language model, everybody but the person is itself.
fn message(said: &Said) -> Value {
    let role = match said.role {
        Role::Person => "user",
        Role::Moshi | Role::Brain => "assistant",
    };
    json!({ "role": role, "content": said.text })
}
