//! Answers that are too much.

use brain::{
    Brain,
    bounded::{CUT_MARK, ENTRIES, NAME, REPLY, TEXT},
};
use serde_json::json;

use crate::{
    all, client, limits,
    stand_in::{self, CHAT, Piece, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn huge_answers_are_bounded() {
    let server = StandIn::start().await;
    let huge = "x".repeat(REPLY + 1);
    let answer =
        json!({ "response": huge, "provider": huge[..TEXT], "matched_agents": [{ "agent_id": huge }] });
    server.reply(CHAT, stand_in::Reply::json(200, &answer));
    let small = json!({ "response": "fine", "matched_agents": vec![json!({ "agent_id": 1 }); ENTRIES + 5] });
    server.reply(CHAT, stand_in::Reply::json(200, &small));
    server
        .reply(CHAT, stand_in::Reply::of(200, "application/json", vec![Piece::Forever(vec![b' '; 1 << 16])]));
    let mas = client(&server, limits());
    let told = all(mas.begin(turn("Hi"))).await;
    assert!(told.answered().text.len() <= REPLY && told.answered().text.ends_with(CUT_MARK));
    assert!(!told.answered().whole && told.answered().provider.as_ref().unwrap().len() <= NAME);
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!((told.answered().text.as_str(), told.left_out()), ("fine", 5));
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.too_long");
    assert_eq!(server.model_calls(), 3);
}

#[tokio::test]
async fn a_flood_of_tokens_is_taken_up_to_a_limit_and_waits_for_whoever_reads() {
    let server = StandIn::start().await;
    let flood = "data: {\"token\": \"words and \"}\n\n".repeat(500);
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::Forever(flood.into_bytes())]));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    let reply = told.answered();
    assert!(reply.text.len() <= REPLY && reply.text.len() > REPLY - 20 && reply.text.ends_with(CUT_MARK));
    assert!(!reply.whole);
    assert_eq!(told.notice_codes(), ["mas.long_reply"]);
    assert_eq!(server.model_calls(), 1);
    server.connection_to_ended(STREAM).await;
}

#[tokio::test]
async fn a_line_without_end_is_cut_and_the_rest_is_read() {
    let server = StandIn::start().await;
    let line = format!("data: {{\"token\": \"{}\"}}\n\n", "x".repeat(1 << 20));
    let body = vec![Piece::text(&line), Piece::token("after it"), Piece::data(&json!({ "done": true }))];
    server.reply(STREAM, stand_in::Reply::events(body));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.answered().text, "after it");
    assert_eq!(told.notice_codes(), ["mas.unreadable"]);
    assert_eq!(server.model_calls(), 1);
}
