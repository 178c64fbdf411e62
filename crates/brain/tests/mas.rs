//! The MAS client against a MAS that does everything that a MAS can do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod stand_in;

use std::time::Duration;

use brain::{
    Answer, Brain, Came, Canned, EVENTS, Event, Failure, Mas, MemoryUse, Notice, Outcome, Reply, ToolState,
    Turn, What,
    bounded::{CUT_MARK, ENTRIES, NAME, REPLY, TEXT},
    mas::{Feed, Limits, MasAddress, MasError, ServiceToken, Wish},
};
use serde_json::{Value, json};
use stand_in::{CHAT, ORCHESTRATOR, PATIENCE, Piece, STREAM, StandIn};
use tokio::time::timeout;

/// A short one, for what never comes.
const SHORT: Duration = Duration::from_millis(200);

fn limits() -> Limits {
    Limits { request: PATIENCE, wait: Duration::from_secs(1), unsaid_wait: Duration::from_millis(1) }
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
async fn the_token_goes_in_headers_and_is_never_told() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::missing());
    let echo = json!({ "detail": "bad header X-MYCA-Service-Token: hush-hush" });
    server.reply(CHAT, stand_in::Reply::json(500, &echo));
    let mas = client(&server, limits());
    assert!(!format!("{mas:?}").contains("hush"));
    let told = all(mas.begin(turn("Hi"))).await;
    assert_eq!(told.failed().said.as_deref(), Some("bad header X-MYCA-Service-Token: [token]"));
    assert!(!format!("{told:?}").contains("hush"));
    for request in server.requests() {
        assert_eq!(request.header("x-myca-service-token"), Some("hush-hush"));
        assert_eq!(request.header("x-mycosoft-service-token"), Some("hush-hush"));
        assert!(!request.target.contains("hush"));
    }
    let address = MasAddress::parse(&server.address()).unwrap();
    all(Mas::new(address, None, limits()).begin(turn("Hi"))).await;
    assert_eq!(server.requests().last().unwrap().header("x-myca-service-token"), None);
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let (server, other) = (StandIn::start().await, StandIn::start().await);
    other.reply(STREAM, stand_in::Reply::tokens(&["stolen"]));
    let away = stand_in::Reply::of(307, "text/plain", Vec::new());
    server.reply(STREAM, away.with("location", &format!("{}{STREAM}", other.address())));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.redirected");
    assert!(told.failed().repeatable);
    assert_eq!(other.requests().len(), 0);
    assert_eq!(server.asked(), [STREAM]);
    assert_eq!(server.model_calls(), 0);
}

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
async fn a_stream_without_an_end_is_an_answer_with_a_doubt() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Maybe all")]));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.answered().text.as_str(), told.answered().whole), ("Maybe all", false));
    assert_eq!(told.notice_codes(), ["mas.no_end"]);
    assert_eq!(server.model_calls(), 1);
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
    server.connection_ended().await;
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

#[tokio::test]
async fn too_many_requests_are_waited_for_and_told() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("0.01")));
    server.reply(STREAM, stand_in::Reply::limited(None));
    server.reply(STREAM, stand_in::Reply::tokens(&["at last"]));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.answered().text, "at last");
    let waits: Vec<_> = told.notices().iter().map(|notice| notice.wait.unwrap()).collect();
    assert_eq!(waits, [Duration::from_millis(10), limits().unsaid_wait]);
    assert_eq!(told.notice_codes(), ["mas.waits", "mas.waits"]);
    assert_eq!((server.asked().len(), server.model_calls()), (3, 1));
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("0")));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("mas.limited", true));
    assert_eq!((server.asked().len(), server.model_calls()), (4, 0));
    server.forget(STREAM);
    server.reply(STREAM, stand_in::Reply::limited(Some("3600")));
    let told = all(client(&server, limits()).begin(turn("Hi"))).await;
    assert_eq!(told.failed().code, "mas.limited", "nobody waits for an hour");
    assert_eq!((server.asked().len(), server.model_calls()), (5, 0));
}

#[tokio::test]
async fn a_wait_can_be_cancelled() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::limited(Some("60")));
    let mas = client(&server, Limits { wait: PATIENCE * 2, ..limits() });
    let mut answer = mas.begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Notice(_)) {}
    answer.cancel();
    let done = next(&mut answer).await.unwrap();
    assert_eq!(done.what, What::Done { outcome: Outcome::Cancelled, left_out: 0 });
    assert_eq!(next(&mut answer).await, None);
    assert_eq!((server.asked().len(), server.model_calls()), (1, 0));
}

#[tokio::test]
async fn a_cancelled_turn_lets_go_of_mas_and_keeps_what_came() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Once upon"), Piece::Hold]));
    let mut answer = client(&server, limits()).begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Token { .. }) {}
    answer.reins().cancel();
    let What::Reply(reply) = next(&mut answer).await.unwrap().what else { panic!("what came") };
    assert_eq!((reply.text.as_str(), reply.whole), ("Once upon", false));
    let done = next(&mut answer).await.unwrap();
    assert_eq!(done.what, What::Done { outcome: Outcome::Cancelled, left_out: 0 });
    server.connection_ended().await;
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_turn_that_is_cancelled_while_nobody_reads_has_told_what_it_replies() {
    let server = StandIn::start().await;
    let flood = (0..EVENTS * 2).map(|n| Piece::token(&format!("{n} "))).chain([Piece::Hold]);
    server.reply(STREAM, stand_in::Reply::events(flood.collect()));
    let answer = client(&server, limits()).begin(turn("Hi"));
    // Most of the times all that has room waits by now; where it does not, this proves less and is true all the same.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    answer.cancel();
    let told = all(answer).await;
    assert_eq!(told.outcome(), Outcome::Cancelled);
    assert!(told.reply().is_none_or(|reply| !reply.whole));
    assert!(told.told.len() <= EVENTS + 2, "what waits is bounded");
    server.connection_ended().await;
}

#[tokio::test]
async fn a_turn_that_nobody_listens_to_lets_go_of_mas() {
    let server = StandIn::start().await;
    server.reply(STREAM, stand_in::Reply::events(vec![Piece::token("Once upon"), Piece::Hold]));
    let mut answer = client(&server, limits()).begin(turn("Hi"));
    while !matches!(next(&mut answer).await.unwrap().what, What::Token { .. }) {}
    drop(answer);
    server.connection_ended().await;
    assert_eq!(server.model_calls(), 1);
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
    server.connection_ended().await;
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
