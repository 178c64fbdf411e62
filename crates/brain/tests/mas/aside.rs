//! What is asked beside a stream, which tells nothing but words.

use std::time::Duration;

use brain::{
    AgentState, Brain, Came, MemoryUse, Outcome, Turn, What,
    bounded::ENTRIES,
    mas::{Limits, Mas},
};
use serde_json::{Value, json};

use crate::{
    Told, all, chat_answer, client, limits, next, orchestrator_answer,
    stand_in::{self, CHAT, ORCHESTRATOR, Piece, Reply, STREAM, StandIn},
    turn,
};

const ROUTE: &str = "/agents/registry/route/voice";
const CONTEXT: &str = "/voice/brain/context/ada";

fn route_answer() -> Value {
    let agent = json!({
        "agent_id": "lab-1", "display_name": "Lab", "category": "science", "requires_confirmation": false,
        "is_active": true,
    });
    json!({
        "matched_agents": [agent], "primary_agent": agent, "requires_confirmation": false,
        "routing_prompt": "Routing to Lab",
    })
}

fn context_answer() -> Value {
    json!({
        "user_id": "ada", "conversation_id": null, "memories": [{}, {}, {}], "episodes": [{}],
        "user_profile": { "user_id": "ada", "preferences": { "tea": "green" } }, "voice_context": null,
    })
}

/// A MAS as it is: it has both paths, and its stream carries words.
async fn stock() -> (StandIn, Mas) {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::tokens(&["Hello."]));
    server.reply(ROUTE, Reply::json(200, &route_answer()));
    server.reply(CONTEXT, Reply::json(200, &context_answer()));
    let mas = client(&server, limits());
    (server, mas)
}

fn held(answer: &Value) -> Reply {
    Reply::of(200, "application/json", vec![Piece::Hold, Piece::text(&answer.to_string())])
}

fn agents(told: &Told) -> Vec<(&str, AgentState)> {
    let agents =
        told.told.iter().filter_map(|what| if let What::Agent(agent) = what { Some(agent) } else { None });
    agents.map(|agent| (agent.name.as_str(), agent.state)).collect()
}

fn says_nothing(told: &Told) -> bool {
    agents(told).is_empty() && told.memory().is_empty() && told.notices().is_empty()
}

/// How often something was asked beside the streams.
fn asides(server: &StandIn) -> usize {
    server.asked().iter().filter(|path| [ROUTE, CONTEXT].contains(&path.as_str())).count()
}

async fn until_asked(server: &StandIn, path: &str) {
    let asked = async {
        while server.times(path) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(stand_in::PATIENCE, asked).await.expect("it is asked for");
}

#[tokio::test]
async fn a_streamed_turn_tells_which_agents_it_matches_and_what_memory_has() {
    let (server, mas) = stock().await;
    let told = all(mas.begin(turn("Is the moss well?"))).await;
    assert_eq!(told.answered().text, "Hello.");
    assert_eq!(agents(&told), [("Lab", AgentState::Matched)]);
    let read = |kind, count| (MemoryUse::Read, kind, count);
    assert_eq!(told.memory(), [read("memories", 3), read("episodes", 1), read("profile", 1)]);
    assert_eq!((told.notices().len(), server.model_calls()), (0, 1));
    let requests = server.requests();
    let asked = |path: &str| requests.iter().find(|request| request.path() == path).unwrap();
    assert_eq!(asked(ROUTE).body, json!({ "transcript": "Is the moss well?", "actor": "ada" }));
    assert_eq!(asked(ROUTE).method, "POST");
    assert_eq!(asked(CONTEXT).target, format!("{CONTEXT}?query=Is%20the%20moss%20well%3F&limit=5"));
    assert_eq!(asked(CONTEXT).header("x-myca-service-token"), Some("hush-hush"));
    all(mas.begin(turn("And now?"))).await.answered();
    assert_eq!(asides(&server), 4, "two for each turn");
}

#[tokio::test]
async fn words_and_reply_do_not_wait_for_it() {
    let server = StandIn::start().await;
    let mut body = vec![Piece::Hold];
    body.extend([Piece::token("Hel"), Piece::token("lo"), Piece::data(&json!({ "done": true }))]);
    server.reply(STREAM, Reply::events(body));
    server.reply(ROUTE, held(&route_answer())).reply(CONTEXT, held(&context_answer()));
    let mut answer = client(&server, limits()).begin(turn("Hi"));
    assert!(matches!(next(&mut answer).await.unwrap().what, What::Thinking { .. }));
    assert_eq!(asides(&server), 0, "MAS has the first words to find");
    server.release();
    while !matches!(next(&mut answer).await.unwrap().what, What::Reply(_)) {}
    server.release();
    server.release();
    let mut rest = Vec::new();
    while let Some(event) = next(&mut answer).await {
        rest.push(event.what);
    }
    assert_eq!(rest.len(), 5, "an agent, three of memory, and the end: {rest:?}");
}

#[tokio::test]
async fn what_takes_too_long_is_let_go_and_not_asked_again_soon() {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::tokens(&["Hello."]));
    server.reply(ROUTE, Reply::json(200, &route_answer())).reply(CONTEXT, held(&context_answer()));
    let mas = client(&server, Limits { aside: Duration::from_millis(200), ..limits() });
    // Far more than the limit, and far less than MAS itself may take.
    let soon = Duration::from_secs(20);
    let told =
        tokio::time::timeout(soon, all(mas.begin(turn("Hi")))).await.expect("the turn does not wait for it");
    assert_eq!((told.outcome(), told.memory()), (Outcome::Answered, vec![]));
    server.connection_to_ended(CONTEXT).await;
    assert!(says_nothing(&all(mas.begin(turn("Hi"))).await));
    assert_eq!(asides(&server), 2);
}

#[tokio::test]
async fn it_ends_with_the_turn() {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::events(vec![Piece::token("Once"), Piece::Hold]));
    server.reply(CONTEXT, held(&context_answer()));
    let mas = client(&server, limits());
    let answer = mas.begin(turn("Hi"));
    until_asked(&server, CONTEXT).await;
    answer.cancel();
    assert_eq!(all(answer).await.outcome(), Outcome::Cancelled);
    server.connection_to_ended(CONTEXT).await;
    // A turn that fails does not wait for it either.
    server.forget(STREAM);
    server.reply(STREAM, Reply::events(vec![Piece::token("Once"), Piece::data(&json!({ "error": "no" }))]));
    assert_eq!(all(mas.begin(turn("Hi"))).await.failed().code, "mas.failed_later");
}

#[tokio::test]
async fn interfaces_that_tell_it_themselves_are_not_asked_about() {
    let (server, mas) = stock().await;
    server.forget(STREAM);
    server.reply(CHAT, Reply::json(200, &chat_answer()));
    assert_eq!(all(mas.begin(turn("Hi"))).await.memory().len(), 3);
    server.forget(CHAT);
    server.reply(ORCHESTRATOR, Reply::json(200, &orchestrator_answer()));
    assert_eq!(agents(&all(mas.begin(turn("Hi"))).await), [("Lab", AgentState::Matched)]);
    server.reply(CHAT, Reply::tokens(&["A chat that streams."]));
    all(client(&server, limits()).begin(turn("Hi"))).await.answered();
    assert_eq!(asides(&server), 0);
}

#[tokio::test]
async fn a_stream_that_tells_it_too_is_not_repeated() {
    let (server, mas) = stock().await;
    server.forget(STREAM);
    let told = json!({
        "memory_context": { "memories": [{}] }, "matched_agents": [{ "agent_id": "mail" }],
        "actions_taken": [{ "type": "memory_recalled", "count": 1 }],
    });
    let body = vec![Piece::data(&told), Piece::token("Hello."), Piece::data(&json!({ "done": true }))];
    server.reply(STREAM, Reply::events(body));
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!(told.memory(), [(MemoryUse::Read, "memories", 1)]);
    assert_eq!(agents(&told), [("mail", AgentState::Matched)]);
}

#[tokio::test]
async fn a_mas_without_these_paths_is_asked_once() {
    for status in [404, 405, 410, 501] {
        let (server, mas) = stock().await;
        server.forget(CONTEXT);
        server.reply(CONTEXT, Reply::json(status, &json!({ "detail": "no" })));
        for _ in 0..2 {
            let told = all(mas.begin(turn("Hi"))).await;
            assert_eq!((told.memory().len(), agents(&told).len(), told.notices().len()), (0, 1, 0));
        }
        assert_eq!((server.times(CONTEXT), server.times(ROUTE)), (1, 2));
    }
}

#[tokio::test]
async fn a_failure_is_silent_and_followed_by_a_pause() {
    let failures = [
        Reply::limited(Some("0")),
        Reply::json(500, &json!({ "detail": "no" })),
        Reply::json(422, &json!({ "detail": [] })),
        Reply::json(401, &json!({ "detail": "who are you?" })),
        Reply::of(200, "text/html", vec![Piece::text("<html>")]),
        Reply::of(200, "application/json", vec![Piece::Forever(vec![b' '; 1 << 16])]),
        Reply::of(200, "application/json", vec![Piece::text("{\"memories\":"), Piece::HangUp]),
        Reply::raw(b""),
    ];
    for failure in failures {
        let (server, mas) = stock().await;
        server.forget(CONTEXT);
        server.reply(CONTEXT, failure.clone());
        for _ in 0..2 {
            let told = all(mas.begin(turn("Hi"))).await;
            assert_eq!((told.answered().text.as_str(), told.memory()), ("Hello.", vec![]), "{failure:?}");
            assert!(told.notices().is_empty(), "{failure:?}: {told:?}");
        }
        assert_eq!(asides(&server), 2, "{failure:?}");
    }
}

#[tokio::test]
async fn nothing_is_asked_where_mas_has_just_had_too_many_requests() {
    let (server, mas) = stock().await;
    server.forget(STREAM);
    server.reply(STREAM, Reply::limited(Some("0.01"))).reply(STREAM, Reply::tokens(&["at last"]));
    assert_eq!(all(mas.begin(turn("Hi"))).await.answered().text, "at last");
    // Whoever made them.
    let (other, watched) = stock().await;
    other.reply("/api/myca/status", Reply::limited(None));
    watched.consciousness().await.unwrap_err();
    assert!(says_nothing(&all(watched.begin(turn("Hi"))).await));
    assert_eq!((asides(&server), asides(&other)), (0, 0));
}

#[tokio::test]
async fn what_it_tells_is_bounded_and_may_be_anything() {
    let (server, mas) = stock().await;
    server.forget(ROUTE);
    server.forget(CONTEXT);
    let many = json!({ "matched_agents": vec![json!({ "agent_id": 1 }); ENTRIES + 5] });
    server.reply(ROUTE, Reply::json(200, &many)).reply(CONTEXT, Reply::json(200, &json!({ "memories": 7 })));
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!((agents(&told).len(), told.memory().len(), told.left_out()), (ENTRIES, 0, 5));
    server.forget(ROUTE);
    server.reply(ROUTE, Reply::json(200, &json!([{ "agent_id": 1 }])));
    assert!(says_nothing(&all(mas.begin(turn("Hi"))).await));
}

#[tokio::test]
async fn a_person_is_one_step_of_the_path_whatever_they_are_called() {
    let (server, mas) = stock().await;
    let long = "ä ".repeat(2_000);
    let by = |who: &str| Turn::new("conversation-1", who, &long, Came::Typed).unwrap();
    all(mas.begin(by("../a b+c?d#e/ö%2f"))).await.answered();
    let requests = server.requests();
    let target = &requests.iter().find(|request| request.method == "GET").unwrap().target;
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/voice/brain/context/..%2Fa%20b%2Bc%3Fd%23e%2F%C3%B6%252f");
    assert!(query.starts_with("query=%C3%A4%20%C3%A4%20") && query.ends_with("&limit=5"));
    assert!(query.len() < 4_000, "addresses have an end");
    for who in [".", ".."] {
        all(mas.begin(by(who))).await.answered();
    }
    assert_eq!(server.requests().iter().filter(|request| request.method == "GET").count(), 1);
}
