//! The connection to bridges of every known build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod bridge_stand_in;

use std::time::Duration;

use brain::bridge::{AudioForm, Bridge, BridgeAddress, BridgeEvent, Limits, NotSent, Setup, Who};
use bridge_stand_in::{
    Build, Moshi, PATIENCE, StandIn,
    client::{BUILDS, SHORT, ask, connect, limits, live, setup, until},
};
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

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
