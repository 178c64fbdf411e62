//! Which interface is asked, and when another one after it.

use brain::{
    Brain, Canned, MemoryUse, What,
    bounded::{CUT_MARK, TEXT},
};
use serde_json::json;

use crate::{
    all, chat_answer, client, limits, orchestrator_answer,
    stand_in::{self, CHAT, ORCHESTRATOR, Piece, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn an_older_build_is_asked_what_it_has_and_that_is_remembered() {
    let server = StandIn::start().await;
    server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
    let mas = client(&server, limits());
    let told = all(mas.begin(turn("Hi"))).await;
    let reply = told.answered();
    assert_eq!((reply.text.as_str(), reply.provider.as_deref()), ("Hello from the brain.", Some("gemini")));
    assert_eq!(reply.canned, Canned::No);
    let memory =
        [(MemoryUse::Read, "memories", 2), (MemoryUse::Read, "episodes", 1), (MemoryUse::Write, "turn", 1)];
    assert_eq!(told.memory(), memory);
    assert_eq!(server.model_calls(), 1);
    all(mas.begin(turn("Again"))).await.answered();
    assert_eq!(server.asked(), [STREAM, CHAT, CHAT], "what is missing is not asked again");
    assert_eq!(server.model_calls(), 2);
}

#[tokio::test]
async fn an_orchestrator_may_have_said_a_prepared_sentence() {
    let server = StandIn::start().await;
    server.reply(CHAT, stand_in::Reply::json(405, &json!({ "detail": "Method Not Allowed" })));
    server.reply(ORCHESTRATOR, stand_in::Reply::json(200, &orchestrator_answer()));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    let reply = told.answered();
    assert_eq!((reply.text.as_str(), reply.canned), ("I can help with that.", Canned::Perhaps));
    assert_eq!(reply.agent.as_deref(), Some("MYCA"));
    let agents: Vec<_> =
        told.told.iter().filter_map(|what| if let What::Agent(a) = what { Some(a) } else { None }).collect();
    assert_eq!(agents.len(), 1);
    assert_eq!((agents[0].name.as_str(), agents[0].their_id.as_deref()), ("Lab", Some("lab-1")));
    assert_eq!(server.requests().last().unwrap().body["actor"], "ada");
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_mas_with_nothing_that_answers_is_said_to_be_one() {
    let server = StandIn::start().await;
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("mas.unsupported", true));
    assert_eq!(server.asked(), [STREAM, CHAT, ORCHESTRATOR]);
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn a_stream_that_fails_before_it_begins_has_called_nothing() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::json(500, &json!({ "detail": "brain not initialised" })));
    server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
    let mas = client(&server, limits());
    all(mas.begin(turn("Hi"))).await.answered();
    assert_eq!(server.model_calls(), 1);
    server.forget(STREAM);
    server.reply(STREAM, stand_in::Reply::tokens(&["back"]));
    assert_eq!(all(mas.begin(turn("Hi"))).await.answered().text, "back", "a failure is not remembered");
    assert_eq!(server.model_calls(), 2);
}

#[tokio::test]
async fn a_failure_that_may_have_called_a_model_is_the_end() {
    let trace =
        format!("Traceback (most recent call last):\n{}", "  File \"brain.py\", line 1\n".repeat(500));
    for status in [500, 502, 503, 504] {
        let server = StandIn::start().await;
        server.reply(CHAT, stand_in::Reply::json(status, &json!({ "detail": trace })));
        server.reply(ORCHESTRATOR, stand_in::Reply::json(200, &orchestrator_answer()));
        let told = all(client(&server, limits()).begin(turn("Hi"))).await;
        let failure = told.failed();
        assert_eq!((failure.code, failure.repeatable), ("mas.failed", false));
        assert!(!failure.what.contains("Traceback"), "their words are no part of our sentences");
        let said = failure.said.as_ref().unwrap();
        assert!(said.starts_with("Traceback") && said.ends_with(CUT_MARK) && said.len() <= TEXT);
        assert_eq!((server.asked().len(), server.model_calls()), (2, 1), "{status}");
    }
}

#[tokio::test]
async fn a_stream_lost_in_front_of_mas_is_the_end() {
    for status in [502, 504] {
        let server = StandIn::start().await;
        server
            .reply(STREAM, stand_in::Reply::of(status, "text/html", vec![Piece::text("<html>Bad Gateway")]));
        server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
        let told = all(client(&server, limits()).begin(turn("Hi"))).await;
        assert_eq!((told.failed().code, told.failed().said.as_deref()), ("mas.failed", None));
        assert_eq!((server.asked().len(), server.model_calls()), (1, 1));
    }
}
