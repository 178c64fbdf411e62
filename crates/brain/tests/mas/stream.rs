//! A turn that is answered as it comes.

use brain::{Brain, Canned, Outcome, Role, Said, ToolState, What};
use serde_json::json;

use crate::{
    all, client, limits, next,
    stand_in::{self, Piece, STREAM, StandIn},
    turn,
};

#[tokio::test]
async fn a_stream_is_told_as_it_comes() {
    let server = StandIn::start().await;
    let body = vec![
        Piece::Hold,
        Piece::token("Hel"),
        Piece::Hold,
        Piece::token("lo"),
        Piece::data(&json!({ "done": true })),
    ];
    server.reply(STREAM, stand_in::Reply::events(body));
    let asked = turn("Hi");
    let id = asked.id();
    let mut answer = client(&server, limits()).begin(asked);
    assert_eq!(answer.turn(), id);
    let thinking = next(&mut answer).await.unwrap();
    assert_eq!(thinking.what, What::Thinking { asks: STREAM.into() });
    server.release();
    assert_eq!(next(&mut answer).await.unwrap().what, What::Token { text: "Hel".into() });
    // The first token is here while the rest is not even sent.
    server.release();
    assert_eq!(next(&mut answer).await.unwrap().what, What::Token { text: "lo".into() });
    let What::Reply(reply) = next(&mut answer).await.unwrap().what else { panic!("a reply") };
    assert_eq!((reply.text.as_str(), reply.whole, reply.canned), ("Hello", true, Canned::No));
    assert!(reply.first_token.unwrap() <= reply.latency);
    let done = next(&mut answer).await.unwrap();
    assert_eq!(done.what, What::Done { outcome: Outcome::Answered, left_out: 0 });
    assert!(done.after >= thinking.after && done.number == 4);
    assert_eq!(next(&mut answer).await, None);
    assert_eq!(server.model_calls(), 1);
    let request = &server.requests()[0];
    assert_eq!(request.method, "POST");
    let body = &request.body;
    assert_eq!((&body["message"], &body["conversation_id"]), (&json!("Hi"), &json!("conversation-1")));
    assert_eq!(body["user_id"], "ada", "without it MAS takes somebody else");
}

#[tokio::test]
async fn a_stream_may_be_cut_anywhere() {
    let server = StandIn::start().await;
    let text = ": ping\r\n\r\ndata: {\"token\": \"naïve \"}\r\n\r\ndata: {\"token\":\ndata: \"🦀\"}\n\ndata: {\"done\": true}\n\n";
    let body = text.bytes().map(|byte| Piece::Bytes(vec![byte])).collect();
    server.reply(STREAM, stand_in::Reply::events(body));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.answered().text, "naïve 🦀");
    assert!(told.notices().is_empty());
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_stream_without_an_end_is_an_answer_with_a_doubt() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Maybe all")]));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.answered().text.as_str(), told.answered().whole), ("Maybe all", false));
    assert_eq!(told.notice_codes(), ["mas.no_end"]);
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_passed_over() {
    let server = StandIn::start().await;
    let body = vec![
        Piece::data(&json!({ "token": 7 })),
        Piece::text("data: no json\n\n"),
        Piece::data(&json!(["token"])),
        Piece::data(&json!({ "token": "fine", "tool_calls": "none", "memoryContext": 1, "unknown": {} })),
        Piece::data(&json!({ "done": "yes" })),
        Piece::text("event: done\ndata: [DONE]\n\n"),
    ];
    server.reply(STREAM, stand_in::Reply::events(body));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.answered().text.as_str(), told.answered().whole), ("fine", true));
    assert_eq!(told.notice_codes(), ["mas.unreadable"]);
    assert!(told.notices()[0].what.starts_with("3 parts"), "{told:?}");
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn tools_are_told_with_ids_of_ours() {
    let server = StandIn::start().await;
    let call = |status: &str| json!({ "tool_calls": [{ "id": "brain_1", "tool": "search", "query": "moss", "status": status }] });
    let body = vec![
        Piece::data(&call("running")),
        Piece::data(&call("success")),
        Piece::data(&call("running")),
        Piece::data(&call("timeout")),
        Piece::token("Found."),
        Piece::data(&json!({ "done": true, "provider": "claude" })),
    ];
    server.reply(STREAM, stand_in::Reply::events(body));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    let calls: Vec<_> = told
        .told
        .iter()
        .filter_map(|what| if let What::Tool(call) = what { Some(call) } else { None })
        .collect();
    let states: Vec<_> = calls.iter().map(|call| call.state).collect();
    assert_eq!(states, [ToolState::Running, ToolState::Success, ToolState::Running, ToolState::Error]);
    assert!(calls[0].id == calls[1].id && calls[2].id == calls[3].id && calls[0].id != calls[2].id);
    assert!(calls[0].measured.is_none() && calls[1].measured.is_some());
    assert_eq!((calls[0].name.as_str(), calls[0].arguments.as_deref()), ("search", Some("moss")));
    assert_eq!(told.answered().provider.as_deref(), Some("claude"));
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn an_apology_with_status_200_is_marked() {
    let server = StandIn::start().await;
    let apology = "I apologize, I encountered an issue. Please try again.";
    server.reply(
        STREAM,
        stand_in::Reply::tokens(&["I apologize, I encountered an issue.", " Please try again."]),
    );
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.answered().text.as_str(), told.answered().canned), (apology, Canned::Yes));
    assert_eq!(server.model_calls(), 1, "an apology is an answer");
}

#[tokio::test]
async fn what_was_said_before_goes_along() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::tokens(&["Yes."]));
    let said = |role, text: &str| Said { role, text: text.into() };
    let before =
        [said(Role::Person, "Hi"), said(Role::Moshi, "Hello!"), said(Role::Brain, "How can I help?")];
    let mas = client(&server, limits());
    all(mas.begin(turn("Tea?").after(before))).await.answered();
    all(mas.begin(turn("Tea?"))).await.answered();
    let requests = server.requests();
    let history = json!([
        { "role": "user", "content": "Hi" }, { "role": "assistant", "content": "Hello!" },
        { "role": "assistant", "content": "How can I help?" },
    ]);
    assert_eq!((&requests[0].body["history"], &requests[0].body["message"]), (&history, &json!("Tea?")));
    assert_eq!(requests[1].body.get("history"), None, "then MAS looks into its own memory");
}
