//! Typed turns through bridges of every known build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod bridge_stand_in;

use brain::{
    Brain, Came, Canned, MemoryUse, Outcome, ToolState, Turn, What,
    bridge::{AudioForm, Bridge, BridgeEvent, Limits, Setup, Who},
};
use bridge_stand_in::{
    Build, Mas, Moshi, PATIENCE, PREPARED, StandIn,
    client::{BUILDS, SHORT, Told, all, ask, connect, limits, live, setup, turn, until},
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;

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
        let calls: Vec<_> = told.tools().collect();
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
    assert_eq!(second.memory(), [(MemoryUse::Read, "session", 2), (MemoryUse::Write, "session", 1)]);
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
        assert_eq!(told.tools().last().unwrap().state, ToolState::Error);
        let told = ask(&bridge, "Hello").await;
        assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.nothing", false));
        assert_eq!(server.model_calls(), 2);
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
    let (mut thief, _) = tokio_tungstenite::client_async(&address, stream.await.unwrap()).await.unwrap();
    // What it is told first tells that it has the session.
    timeout(PATIENCE, thief.next()).await.unwrap().unwrap().unwrap();
    server.says("For the thief.");
    let told = ask(&bridge, "Hello").await;
    assert_eq!((told.failed().code, told.failed().repeatable), ("bridge.no_reply", false));
    assert!(told.tools().next().is_none(), "all of it went to the thief");
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
async fn a_turn_whose_events_nobody_takes_holds_nothing_up_and_says_what_it_left_out() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    server.answer(Mas::SaysLater("Done.".into()));
    let (bridge, mut events) = connect(&server);
    let answer = bridge.begin(turn("Hello"));
    server.until(|server| server.model_calls() == 1).await;
    for _ in 0..2_000 {
        server.send_json(
            &json!({ "type": "mas_event", "event": { "type": "memory", "data": { "reads": 1 } } }),
        );
    }
    server.send_text(" alive");
    let said =
        until(
            &mut events,
            |event| if let BridgeEvent::Words { text, .. } = event { Some(text) } else { None },
        );
    assert_eq!(said.await, " alive");
    server.release();
    let told = all(answer).await;
    assert_eq!((told.answered().text.as_str(), told.answered().whole), ("Done.", true));
    let taken = told.told.iter().filter(|what| matches!(what, What::Memory(_))).count() as u64;
    assert!(taken < 2_000 && told.left_out() >= 2_000 - taken, "{taken} {}", told.left_out());
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
