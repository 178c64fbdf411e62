//! The bridge client against bridges of every known build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod bridge_stand_in;

use std::time::Duration;

use brain::{
    Answer, Brain, Came, Canned, Failure, MemoryUse, Outcome, Reply, ToolCall, ToolState, Turn, What,
    bridge::{
        AudioForm, Bridge, BridgeAddress, BridgeEvent, BridgeEvents, BridgeVoice, Limits, NotSent, Setup, Who,
    },
};
use bridge_stand_in::{Build, Mas, Moshi, PATIENCE, PREPARED, StandIn};
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const BUILDS: [Build; 4] = [Build::B1, Build::B2, Build::B3, Build::B3Local];
/// A short one, for what never comes.
const SHORT: Duration = Duration::from_millis(200);

fn limits() -> Limits {
    let retry = Duration::from_millis(20);
    Limits {
        request: PATIENCE,
        handshake: PATIENCE,
        reply: PATIENCE,
        second_reply: PATIENCE,
        first_retry: retry,
        last_retry: retry,
    }
}

fn setup(server: &StandIn) -> Setup {
    Setup {
        address: BridgeAddress::parse(&server.address()).unwrap(),
        conversation: "conversation-1".into(),
        user: "ada".into(),
        voice: BridgeVoice::Myca,
        speaks_replies: false,
        limits: limits(),
    }
}

fn connect(server: &StandIn) -> (Bridge, BridgeEvents) {
    Bridge::start(setup(server))
}

fn turn(text: &str) -> Turn {
    Turn::new("conversation-1", "ada", text, Came::Typed).unwrap()
}

/// All events of a turn, which hold what holds for every turn.
async fn all(mut answer: Answer) -> Told {
    let mut told = Vec::new();
    while let Some(event) = timeout(PATIENCE, answer.next()).await.expect("something happens in time") {
        assert_eq!((event.turn, event.number), (answer.turn(), told.len() as u64));
        told.push(event.what);
    }
    let told = Told { told };
    let ends = told.told.iter().filter(|what| matches!(what, What::Done { .. })).count();
    assert!(ends == 1 && matches!(told.told.last(), Some(What::Done { .. })), "{told:?}");
    let tokens: String = told
        .told
        .iter()
        .filter_map(|what| if let What::Token { text } = what { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(
        tokens,
        told.reply().map(|reply| reply.text.clone()).unwrap_or_default(),
        "the pieces are the whole"
    );
    told
}

async fn ask(bridge: &Bridge, text: &str) -> Told {
    all(bridge.begin(turn(text))).await
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

    fn calls(&self) -> Vec<&ToolCall> {
        self.told
            .iter()
            .filter_map(|what| if let What::Tool(call) = what { Some(call) } else { None })
            .collect()
    }
}

/// The next event that is like this; what comes before it is left.
async fn until<R>(events: &mut BridgeEvents, mut is_it: impl FnMut(BridgeEvent) -> Option<R>) -> R {
    loop {
        let event = timeout(PATIENCE, events.next()).await.expect("it is told in time").expect("it goes on");
        if let Some(found) = is_it(event) {
            return found;
        }
    }
}

async fn live(events: &mut BridgeEvents) -> u64 {
    until(events, |event| if let BridgeEvent::MoshiReady { call, .. } = event { Some(call) } else { None })
        .await
}

#[tokio::test]
async fn every_build_answers_a_turn_with_one_model_call_and_keeps_what_was_said() {
    for build in BUILDS {
        let server = StandIn::start(build, Moshi::Up).await;
        server.says("Hello Ada.\nHow are you?");
        let (bridge, _events) = connect(&server);
        let told = ask(&bridge, " Good  morning ").await;
        let reply = told.answered();
        assert_eq!((reply.text.as_str(), reply.whole), ("Hello Ada.\nHow are you?", true), "{build:?}");
        assert_eq!((reply.canned, server.model_calls()), (Canned::No, 1), "{build:?}");
        assert_eq!(server.kept(), ["Good morning"], "{build:?}");
        assert_eq!(server.said(), [json!({ "type": "user_transcript", "text": "Good morning" })]);
        let session = &server.requests()[0];
        assert_eq!((session.method.as_str(), session.target.as_str()), ("POST", "/session"));
        assert_eq!(
            (&session.body["conversation_id"], &session.body["user_id"]),
            (&json!("conversation-1"), &json!("ada"))
        );
    }
}

#[tokio::test]
async fn words_of_moshi_and_of_mas_are_told_apart_although_they_are_mixed() {
    for build in [Build::B1, Build::B2] {
        let server = StandIn::start(build, Moshi::Up).await;
        let long = (0..90).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        server.says(&long);
        server.moshi_says_between(&[" I", "'m", " Mo", "shi", ".", " word3", "word5"]);
        let (bridge, mut events) = connect(&server);
        let told = ask(&bridge, "Tell me a lot").await;
        let reply = told.answered();
        assert_eq!((reply.text.as_str(), reply.whole), (long.as_str(), true), "{build:?}");
        bridge.close().await;
        let mut moshi = String::new();
        while let Some(event) = events.next().await {
            if let BridgeEvent::Words { who, text } = event {
                assert_eq!(who, Who::Moshi, "{text:?}");
                moshi.push_str(&text);
            }
        }
        assert!(moshi.starts_with(" I'm Moshi. word3word5 I'm"), "{moshi}");
        assert_eq!(moshi.matches("'m").count(), 13, "none of 90 pieces is missing");
    }
}

#[tokio::test]
async fn an_id_that_comes_in_every_turn_is_a_call_of_its_own_each_time_and_is_measured_here() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    server.says("One.").answer(Mas::SaysLater("Two.".into()));
    server.tells_too(
        "tool_call",
        json!({ "id": "t", "tool": "search", "query": "x", "result": "y", "status": "success" }),
    );
    server.tells_too("memory", json!({ "reads": 2, "writes": 1, "context_size": 5 }));
    server.tells_too("agent_invoke", json!({ "agentId": "a", "agentName": "Lab", "status": "completed" }));
    let (bridge, _events) = connect(&server);
    let first = ask(&bridge, "The first").await;
    let second = bridge.begin(turn("The second"));
    server.release();
    let second = all(second).await;
    let ids = |told: &Told| {
        let calls = told.calls();
        let [running, search, ended] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!((running.state, ended.state), (ToolState::Running, ToolState::Success));
        assert_eq!((running.id, running.their_id.as_ref()), (ended.id, ended.their_id.as_ref()));
        assert!(ended.measured.is_some() && ended.reported.is_none(), "zero is not a duration: {ended:?}");
        assert_eq!((search.name.as_str(), search.result.as_deref()), ("search", Some("y")));
        (running.id, running.their_id.clone(), ended.arguments.clone())
    };
    let ((id, theirs, asked), (other, theirs_too, asked_too)) = (ids(&first), ids(&second));
    assert!(id != other && theirs == theirs_too);
    assert_eq!((asked.as_deref(), asked_too.as_deref()), (Some("The first"), Some("The second")));
    let memory: Vec<_> = second
        .told
        .iter()
        .filter_map(
            |what| if let What::Memory(memory) = what { Some((memory.used, memory.count)) } else { None },
        )
        .collect();
    assert_eq!(memory, [(MemoryUse::Read, 2), (MemoryUse::Write, 1)]);
    assert!(second.told.iter().any(|what| matches!(what, What::Agent(agent) if agent.name == "Lab")));
}

#[tokio::test]
async fn a_prepared_sentence_is_told_at_once_and_is_the_reply_only_where_mas_adds_nothing() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    server.answer(Mas::SaysLater("From MAS.".into())).answer(Mas::Fails);
    let short = Limits { second_reply: SHORT, ..limits() };
    let (bridge, _events) = connect(&server);
    let mut answer = bridge.begin(turn("Hello there"));
    let prepared = loop {
        if let What::Notice(notice) = timeout(PATIENCE, answer.next()).await.unwrap().unwrap().what {
            break notice;
        }
    };
    assert_eq!((prepared.code, prepared.said.as_deref()), ("bridge.prepared_reply", Some(PREPARED)));
    server.release();
    loop {
        if let What::Reply(reply) = timeout(PATIENCE, answer.next()).await.unwrap().unwrap().what {
            assert_eq!((reply.text.as_str(), reply.canned), ("From MAS.", Canned::No));
            break;
        }
    }
    bridge.close().await;
    let (bridge, _events) = Bridge::start(Setup { limits: short, ..setup(&server) });
    let told = ask(&bridge, "Hello again").await;
    assert_eq!((told.answered().text.as_str(), told.answered().canned), (PREPARED, Canned::Yes));
    assert_eq!(server.model_calls(), 2);
}

#[tokio::test]
async fn a_failed_question_and_an_empty_reply_are_failures_that_are_not_repeated() {
    for build in [Build::B1, Build::B2] {
        let server = StandIn::start(build, Moshi::Up).await;
        server.answer(Mas::Fails).answer(Mas::SaysNothing);
        let (bridge, _events) = connect(&server);
        let told = ask(&bridge, "Hello").await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.no_answer", false));
        assert_eq!(told.calls().last().unwrap().state, ToolState::Error);
        let told = ask(&bridge, "Hello").await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.nothing", false));
        assert_eq!(server.model_calls(), 2);
    }
}

#[tokio::test]
async fn a_bridge_without_moshi_says_so_and_the_turn_may_go_out_again() {
    for build in [Build::B1, Build::B2, Build::B3] {
        let server = StandIn::start(build, Moshi::Down).await;
        let (bridge, mut events) = connect(&server);
        let told = ask(&bridge, "Hello").await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.no_moshi", true), "{build:?}");
        assert!(told.failed().said.as_ref().unwrap().contains("8998"), "{told:?}");
        assert_eq!(server.model_calls(), 0);
        let lost = until(&mut events, |event| {
            if let BridgeEvent::Lost { failure, .. } = event { Some(failure) } else { None }
        });
        assert_eq!(lost.await.code, "bridge.no_moshi");
        server.moshi(Moshi::Up);
        server.says("Back.");
        live(&mut events).await;
        assert_eq!(ask(&bridge, "Hello").await.answered().text.trim(), "Back.");
    }
}

#[tokio::test]
async fn where_the_build_allows_it_a_typed_turn_needs_no_moshi() {
    for build in [Build::B2, Build::B3] {
        let server = StandIn::start(build, Moshi::Loading).await;
        server.says("Here.");
        let (bridge, _events) = connect(&server);
        assert_eq!(ask(&bridge, "Hello").await.answered().text, "Here.", "{build:?}");
    }
    let server = StandIn::start(Build::B1, Moshi::Loading).await;
    server.says("Here.");
    let (bridge, _events) = connect(&server);
    let mut answer = bridge.begin(turn("Hello"));
    loop {
        if let What::Notice(notice) = timeout(PATIENCE, answer.next()).await.unwrap().unwrap().what {
            assert_eq!(notice.code, "bridge.waits");
            break;
        }
    }
    server.moshi(Moshi::Up);
    loop {
        if let What::Reply(reply) = timeout(PATIENCE, answer.next()).await.unwrap().unwrap().what {
            assert_eq!(reply.text, "Here.");
            break;
        }
    }
}

#[tokio::test]
async fn sound_goes_out_behind_the_handshake_and_comes_in_with_its_form() {
    let server = StandIn::start(Build::B3, Moshi::Loading).await;
    let (bridge, mut events) = connect(&server);
    until(&mut events, |event| matches!(event, BridgeEvent::Ready { .. }).then_some(())).await;
    let page = || Bytes::from_static(b"OggSpage");
    assert_eq!(bridge.send_audio(0, page()), Err(NotSent::NoCall));
    assert_eq!(bridge.send_audio(1, page()), Err(NotSent::NoCall));
    server.moshi(Moshi::Up);
    let call = live(&mut events).await;
    assert_eq!(bridge.send_audio(call, page()), Ok(()));
    server.until(|server| !server.binaries().is_empty()).await;
    assert_eq!(server.binaries(), [b"\x01OggSpage"]);
    for message in [&b"\x01OggS\0"[..], b"\x01\x08raw", b"\x01OggS\x02"] {
        server.send(Message::Binary(message.to_vec().into()));
    }
    let mut forms = Vec::new();
    while forms.len() < 3 {
        forms.push(
            until(
                &mut events,
                |event| if let BridgeEvent::Audio { form, .. } = event { Some(form) } else { None },
            )
            .await,
        );
    }
    assert_eq!(forms, [AudioForm::OggPages, AudioForm::OpusPacket, AudioForm::OggPages]);
    assert!(bridge.capabilities().speaks_replies);
}

#[tokio::test]
async fn after_a_loss_the_conversation_goes_on_in_a_new_session_and_with_a_new_stream() {
    for build in BUILDS {
        let server = StandIn::start(build, Moshi::Up).await;
        let (bridge, mut events) = connect(&server);
        let first = live(&mut events).await;
        server.restart();
        let lost = until(&mut events, |event| {
            if let BridgeEvent::Lost { failure, .. } = event { Some(failure) } else { None }
        });
        assert_eq!(lost.await.code, "bridge.lost");
        let second = live(&mut events).await;
        assert_ne!(first, second);
        assert_eq!(bridge.send_audio(first, Bytes::from_static(b"OggS")), Err(NotSent::NoCall));
        server.says("Still here.");
        assert_eq!(ask(&bridge, "Hello").await.answered().text, "Still here.", "{build:?}");
        let opened = server.opened();
        assert!(opened.len() == 2 && opened[0] != opened[1], "{opened:?}");
        let sockets = server.requests().into_iter().filter(|request| request.target.starts_with("/ws/"));
        assert!(sockets.into_iter().all(|request| request.target.contains("conversation_id=conversation-1")));
    }
}

#[tokio::test]
async fn a_turn_whose_connection_breaks_fails_and_is_not_sent_twice() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    server.answer(Mas::Vanishes);
    let (bridge, mut events) = connect(&server);
    live(&mut events).await;
    let answer = bridge.begin(turn("Hello"));
    server.until(|server| server.model_calls() == 1).await;
    server.restart();
    let told = all(answer).await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.lost", false));
    live(&mut events).await;
    assert_eq!((server.said().len(), server.model_calls()), (1, 1));
}

#[tokio::test]
async fn when_another_socket_takes_the_session_the_turn_ends_by_its_limit() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let (bridge, mut events) =
        Bridge::start(Setup { limits: Limits { reply: SHORT, ..limits() }, ..setup(&server) });
    live(&mut events).await;
    let address = format!("{}/ws/{}", server.address(), server.opened()[0]);
    let stream =
        tokio::net::TcpStream::connect(address.trim_start_matches("ws://").split('/').next().unwrap());
    let (_thief, _) = tokio_tungstenite::client_async(&address, stream.await.unwrap()).await.unwrap();
    server.until(|server| server.opened().len() == 2).await;
    // What the thief is told first tells that it has the session.
    server.says("For the thief.");
    let told = ask(&bridge, "Hello").await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.no_reply", false));
}

#[tokio::test]
async fn what_comes_of_a_cancelled_turn_is_not_the_next_ones() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    server.answer(Mas::SaysLater("Too late.".into())).says("In time.");
    let (bridge, mut events) = connect(&server);
    let mut answer = bridge.begin(turn("The first"));
    while !matches!(timeout(PATIENCE, answer.next()).await.unwrap().unwrap().what, What::Tool(_)) {}
    answer.cancel();
    while timeout(PATIENCE, answer.next()).await.unwrap().is_some() {}
    server.release();
    let injected =
        until(
            &mut events,
            |event| if let BridgeEvent::Injection { text } = event { Some(text) } else { None },
        );
    assert_eq!(injected.await, "Too late.");
    assert_eq!(ask(&bridge, "The second").await.answered().text, "In time.");
}

#[tokio::test]
async fn a_reply_that_is_to_be_spoken_is_asked_for_as_speech() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    server.says("From MAS.");
    let (bridge, mut events) = Bridge::start(Setup { speaks_replies: true, ..setup(&server) });
    assert_eq!(ask(&bridge, "Hello").await.answered().text, "From MAS.");
    assert_eq!(server.said(), [json!({ "type": "user_speech", "text": "Hello", "forward_to_moshi": false })]);
    assert_eq!((server.model_calls(), server.kept().len()), (1, 0));
    until(&mut events, |event| (event == BridgeEvent::Speech { packets: Some(2) }).then_some(())).await;
    let form =
        until(
            &mut events,
            |event| if let BridgeEvent::Audio { form, .. } = event { Some(form) } else { None },
        );
    assert_eq!(form.await, AudioForm::OpusPacket);
}

#[tokio::test]
async fn a_bridge_that_hears_by_itself_tells_what_the_person_said_and_all_other_words_are_its_own() {
    let server = StandIn::start(Build::B3Local, Moshi::Down).await;
    let (bridge, mut events) = connect(&server);
    live(&mut events).await;
    server.send_json(&json!({ "type": "user_transcript", "text": "What time is it", "source": "local_stt" }));
    server.send_text("It is late.");
    let mut words = Vec::new();
    while words.len() < 2 {
        words.push(
            until(&mut events, |event| {
                if let BridgeEvent::Words { who, text } = event { Some((who, text)) } else { None }
            })
            .await,
        );
    }
    assert_eq!(words, [(Who::Person, "What time is it".to_owned()), (Who::Mas, "It is late.".to_owned())]);
    let capabilities = bridge.capabilities();
    assert!(
        capabilities.does_without_moshi && capabilities.prepared_replies && capabilities.takes_words_early
    );
}

#[tokio::test]
async fn commands_and_nonsense_are_counted_and_do_nothing() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let (bridge, mut events) = connect(&server);
    live(&mut events).await;
    server.send_json(&json!({ "type": "frontend_command", "command": { "open": "https://evil.example" } }));
    server.send_json(&json!({ "type": "mas_event", "event": [] }));
    server.send(Message::Text("no JSON".into()));
    server.send(Message::Binary(Bytes::new()));
    server.send(Message::Binary(vec![9, 9].into()));
    server.send_text(" still");
    let said = until(&mut events, |event| match event {
        BridgeEvent::Words { text, .. } => Some(text),
        BridgeEvent::Told(what) => panic!("{what:?}"),
        _ => None,
    });
    assert_eq!(said.await, " still");
    assert_eq!(bridge.passed_over(), 5);
}

#[tokio::test]
async fn a_flood_is_left_out_and_counted_and_the_connection_lives() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let (bridge, mut events) = connect(&server);
    live(&mut events).await;
    const FLOOD: u64 = 5_000;
    for _ in 0..FLOOD {
        server.send_text(" a");
    }
    server.says("Through.");
    assert_eq!(ask(&bridge, "Hello").await.answered().text, "Through.");
    bridge.close().await;
    let (mut words, mut left_out) = (0, 0);
    while let Some(event) = events.next().await {
        match event {
            BridgeEvent::Words { .. } => words += 1,
            BridgeEvent::LeftOut(count) => left_out += count,
            _ => {}
        }
    }
    assert!(words < FLOOD, "the queue has an end");
    assert!(left_out == 0 || words + left_out >= FLOOD, "{words} {left_out}");
}

#[tokio::test]
async fn closing_tells_the_bridge() {
    for build in BUILDS {
        let server = StandIn::start(build, Moshi::Up).await;
        let (bridge, mut events) = connect(&server);
        live(&mut events).await;
        bridge.close().await;
        server.until(|server| server.closes() == [Some(1000)]).await;
        while timeout(PATIENCE, events.next()).await.unwrap().is_some() {}
        assert_eq!(ask(&bridge, "Hello").await.failed().code, "bridge.closed");
    }
}

#[tokio::test]
async fn without_a_handshake_in_time_the_connection_is_made_anew() {
    let server = StandIn::start(Build::B1, Moshi::Loading).await;
    let (bridge, mut events) =
        Bridge::start(Setup { limits: Limits { handshake: SHORT, ..limits() }, ..setup(&server) });
    let told = ask(&bridge, "Hello").await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.no_handshake", true));
    server.moshi(Moshi::Up);
    live(&mut events).await;
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn a_bridge_that_makes_no_sessions_when_asked_makes_one_for_the_socket() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    server.http("/session", 500, "Internal Server Error");
    server.says("Hello.");
    let (bridge, _events) = connect(&server);
    assert_eq!(ask(&bridge, "Hello").await.answered().text, "Hello.");
    assert!(
        server
            .requests()
            .last()
            .unwrap()
            .target
            .contains("?conversation_id=conversation-1&user_id=ada&voice=myca")
    );
    server.http("/session", 403, "{}");
    server.restart();
    let told = loop {
        let told = ask(&bridge, "Hello").await;
        if told.failed().code != "bridge.lost" {
            break told;
        }
    };
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.unauthorised", true));
}

#[tokio::test]
async fn health_is_measured_and_history_is_there_while_the_session_is() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    let (bridge, mut events) = connect(&server);
    let session =
        until(
            &mut events,
            |event| if let BridgeEvent::Opened { session } = event { Some(session) } else { None },
        )
        .await;
    let (health, after) = bridge.health().await.unwrap();
    assert_eq!((health.persona_length, health.voice_store_connected), (Some(1046), Some(true)));
    assert_eq!((health.local_stt_mode, health.gpu.unwrap().vram_total_gb), (Some(false), Some(16.0)));
    assert!(after > Duration::ZERO);
    let history = bridge.history(&session).await.unwrap();
    assert_eq!(history.turns[0].content, "from earlier");
    assert_eq!(bridge.history("another").await.unwrap_err().code, "bridge.unknown_session");
    server.http("/health", 200, "<html>hello</html>");
    assert_eq!(bridge.health().await.unwrap_err().code, "bridge.not_bridge");
}

#[tokio::test]
async fn what_a_bridge_cannot_take_is_not_sent() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let (bridge, _events) = connect(&server);
    assert_eq!(ask(&bridge, " a ").await.failed().code, "bridge.short_turn");
    let other = Turn::new("conversation-2", "ada", "Hello", Came::Typed).unwrap();
    assert_eq!(all(bridge.begin(other)).await.failed().code, "bridge.other_conversation");
    let spoken = Turn::new("conversation-1", "ada", "I am Moshi.", Came::Spoken).unwrap();
    assert_eq!(all(bridge.begin(spoken)).await.outcome(), Outcome::Remembered);
    assert_eq!(server.said(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn where_nobody_listens_the_turn_fails_with_a_reason() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let address = BridgeAddress::parse(&format!("127.0.0.1:{port}")).unwrap();
    let (bridge, mut events) = Bridge::start(Setup { address, ..setup(&server) });
    let told = ask(&bridge, "Hello").await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.refused", true));
    let again =
        until(
            &mut events,
            |event| if let BridgeEvent::Lost { again, .. } = event { Some(again) } else { None },
        );
    assert!(again.await > Duration::ZERO);
}
