//! What goes wrong with a turn.

use brain::{
    Brain, Mas,
    mas::{Limits, MasAddress},
};
use serde_json::json;

use crate::{
    SHORT, all, chat_answer, client, limits, orchestrator_answer,
    stand_in::{self, CHAT, ORCHESTRATOR, Piece, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn a_stream_that_says_that_it_failed_is_the_end_and_its_words_stay() {
    let server = StandIn::start().await;
    let body = vec![Piece::token("Let me "), Piece::data(&json!({ "error": "provider exploded" }))];
    server.reply(STREAM, stand_in::Reply::events(body));
    server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.failed_later");
    assert_eq!(told.failed().said.as_deref(), Some("provider exploded"));
    let reply = told.reply().unwrap();
    assert_eq!((reply.text.as_str(), reply.whole), ("Let me ", false));
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_connection_that_ends_early_is_the_end() {
    let pieces =
        [vec![Piece::HangUp], vec![Piece::token("Half a "), Piece::text("data: {\"tok"), Piece::HangUp]];
    for body in pieces {
        let words = body.len() > 1;
        let server = StandIn::start().await;
        server.reply(STREAM, stand_in::Reply::events(body));
        server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
        let told = all(client(&server, limits()).begin(turn("Hi"))).await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("mas.broken", false));
        assert_eq!(
            told.reply().map(|reply| (reply.text.as_str(), reply.whole)),
            words.then_some(("Half a ", false))
        );
        assert_eq!(server.model_calls(), 1);
    }
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::raw(b""));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, server.model_calls()), ("mas.broken", 1), "not even a status came");
}

#[tokio::test]
async fn an_answer_with_nothing_in_it_is_none() {
    let server = StandIn::start().await;
    let mas = client(&server, limits());
    server.reply(STREAM, stand_in::Reply::tokens(&[""]));
    assert_eq!(all(mas.begin(turn("Hi"))).await.failed().code, "mas.nothing");
    assert_eq!(server.model_calls(), 1);
    server.forget(STREAM);
    server.reply(
        CHAT,
        stand_in::Reply::json(200, &json!({ "response": 7, "provider": ["x"], "actions_taken": {} })),
    );
    server.reply(CHAT, stand_in::Reply::json(200, &json!({})));
    server.reply(CHAT, stand_in::Reply::json(200, &json!({ "error": "no brain", "response": null })));
    server
        .reply(CHAT, stand_in::Reply::of(200, "application/json", vec![Piece::text("{\"response\": \"cut")]));
    server.reply(CHAT, stand_in::Reply::json(200, &json!(["a list"])));
    server.reply(CHAT, stand_in::Reply::of(200, "text/html", vec![Piece::text("<html>")]));
    server.reply(ORCHESTRATOR, stand_in::Reply::json(200, &orchestrator_answer()));
    for code in
        ["mas.nothing", "mas.nothing", "mas.failed_later", "mas.not_mas", "mas.not_mas", "mas.not_mas"]
    {
        let told = all(mas.begin(turn("Hi"))).await;
        assert_eq!((told.failed().code, told.failed().repeatable), (code, false));
    }
    assert_eq!(server.model_calls(), 7);
    assert!(!server.asked().contains(&ORCHESTRATOR.to_owned()));
}

#[tokio::test]
async fn silence_has_an_end_and_is_not_asked_twice() {
    let silences = [vec![Piece::Hold], vec![Piece::token("Well"), Piece::Hold]];
    for body in silences {
        let server = StandIn::start().await;
        server.reply(STREAM, stand_in::Reply::events(body));
        server.reply(CHAT, stand_in::Reply::json(200, &chat_answer()));
        let told = all(client(&server, Limits { request: SHORT, ..limits() }).begin(turn("Hi"))).await;
        // A machine that is too busy to connect in this time says so.
        let failure = told.failed();
        assert!(["mas.slow", "mas.unreachable"].contains(&failure.code), "{told:?}");
        assert!(failure.code != "mas.slow" || !failure.repeatable);
        assert!(server.model_calls() <= 1 && !server.asked().contains(&CHAT.to_owned()));
    }
}

#[tokio::test]
async fn drops_of_a_stream_do_not_keep_it_alive() {
    let server = StandIn::start().await;
    let ping = vec![Piece::Forever(b": ping\n\n".to_vec())];
    server.reply(STREAM, stand_in::Reply::events(ping));
    let told = all(client(&server, Limits { request: SHORT, ..limits() }).begin(turn("Hi"))).await;
    assert!(["mas.slow", "mas.unreachable"].contains(&told.failed().code), "{told:?}");
    server.connection_to_ended(STREAM).await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_and_may_be_repeated() {
    let server = StandIn::start().await;
    let mas = client(&server, limits());
    let address = server.address();
    drop(server);
    let told = all(mas.begin(turn("Hi"))).await;
    let failure = told.failed();
    assert_eq!((failure.code, failure.repeatable), ("mas.refused", true));
    assert!(failure.what.contains(address.as_str()));
}

#[tokio::test]
async fn a_server_of_another_kind_is_told() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::raw(b"SSH-2.0-OpenSSH_9.6\r\n"));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.not_mas");
    for status in [401, 403] {
        server.forget(STREAM);
        server.reply(STREAM, stand_in::Reply::json(status, &json!({ "detail": "no" })));
        let told = all(client(&server, limits()).begin(turn("Hi"))).await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("mas.unauthorised", true));
    }
    server.forget(STREAM);
    server.reply(STREAM, stand_in::Reply::json(422, &json!({ "detail": [{ "msg": "field required" }] })));
    server.reply(CHAT, stand_in::Reply::json(422, &json!({ "detail": [{ "msg": "field required" }] })));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, told.failed().said.as_deref()), ("mas.rejected", Some("field required")));
}

#[tokio::test]
async fn a_server_with_tls_of_its_own_making_gets_nothing() {
    let server = StandIn::start().await;
    let address = server.address().replace("http://", "https://");
    let mas = Mas::new(MasAddress::parse(&address).unwrap(), None, limits());
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("mas.tls", true));
    assert_eq!(server.requests().len(), 0);
}
