//! What is asked beside turns.

use std::time::Duration;

use brain::{
    Brain, Came, MemoryUse, Outcome, Turn, What,
    mas::{Feed, MasError, Wish},
};
use serde_json::json;

use crate::{
    all, client, limits,
    stand_in::{self, STREAM, StandIn},
};

#[tokio::test]
async fn moshis_words_are_remembered_without_a_model() {
    let server = StandIn::start().await;
    server.reply("/voice/feedback", stand_in::Reply::json(200, &json!({ "status": "ok", "item": {} })));
    server.reply(STREAM, stand_in::Reply::tokens(&["no"]));
    let mas = client(&server, limits());
    let said = || Turn::new("conversation-1", "ada", "I am Moshi.", Came::Spoken).unwrap();
    let told = all(mas.begin(said())).await;
    assert_eq!(told.outcome(), Outcome::Remembered);
    assert_eq!(told.memory(), [(MemoryUse::Write, "turn", 1)]);
    let body = &server.requests()[0].body;
    assert_eq!((&body["response_text"], &body["agent_name"]), (&json!("I am Moshi."), &json!("moshi")));
    server.forget("/voice/feedback");
    assert_eq!(all(mas.begin(said())).await.failed().code, "mas.unsupported");
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn a_session_begins_and_its_end_may_be_unknown() {
    let server = StandIn::start().await;
    let mas = client(&server, limits());
    assert_eq!(mas.begin_session("conversation-1", "ada").await, Ok(Wish::Unknown));
    server.reply("/api/voice/session/create", stand_in::Reply::json(200, &json!({ "is_active": true })));
    assert_eq!(mas.begin_session("conversation-1", "ada").await, Ok(Wish::Done));
    assert_eq!(mas.end_session().await, Ok(Wish::Unknown), "as of every known build");
    let requests = server.requests();
    assert_eq!(requests[1].body["session_id"], mas.session().to_string());
    assert_eq!(requests[1].body["user_id"], "ada");
    assert_eq!(requests[2].target, format!("/api/voice/session/{}/end", mas.session()));
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn a_mas_says_how_it_is_or_does_not() {
    let server = StandIn::start().await;
    let mas = client(&server, limits());
    assert_eq!(mas.consciousness().await, Ok(None));
    let status = "/api/myca/status";
    server.reply(status, stand_in::Reply::json(200, &json!({ "state": "dreaming", "isConscious": false })));
    server.reply(status, stand_in::Reply::limited(Some("60")));
    let state = mas.consciousness().await.unwrap().unwrap();
    assert_eq!((state.state.as_deref(), state.is_conscious), (Some("dreaming"), Some(false)));
    assert_eq!(mas.consciousness().await, Err(MasError::Limited(Duration::from_secs(60))));
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn what_happens_beside_turns_is_told_once() {
    let server = StandIn::start().await;
    let event = |id: &str, kind: &str| json!({ "id": id, "type": kind, "message": "m", "priority": "low", "timestamp": 1.5 });
    let events = json!({
        "events": [event("1", "tool_result"), event("2", "agent_update"), event("3", "memory_insight"), event("4", "new")],
        "count": 4, "timestamp": 2.5,
    });
    server.reply("/events/stream", stand_in::Reply::json(200, &events));
    let mas = client(&server, limits());
    let mut feed = Feed::from_now();
    let told = mas.look(&mut feed).await.unwrap();
    assert!(
        matches!(told.as_slice(), [What::Tool(_), What::Agent(_), What::Memory(_), What::Notice(_)]),
        "{told:?}"
    );
    assert_eq!(mas.look(&mut feed).await, Ok(Vec::new()));
    assert_eq!(
        server.asked(),
        ["/events/stream", "/agents/activity", "/events/stream"],
        "what is missing is not asked again"
    );
    assert!(server.requests()[0].target.contains(&format!("session_id={}&since=", mas.session())));
    assert_eq!(server.model_calls(), 0);
}
