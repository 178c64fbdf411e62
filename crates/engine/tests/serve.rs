//! The server, by real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use client::server::{Running, serve};
use client::{Client, Heard, correlation, http, sweep};
use engine::Sampling;
use engine::serve::{Echo, ModelSource, Server, ServerSettings};
use engine::tiny::{self, TinySettings};
use ogg_opus::page::{self, PageBuffer, PageHeader};
use tokio_tungstenite::tungstenite::Message;
use wire::{Frame, HostMetadata, capability, close};

fn echo() -> Running {
    serve(Echo, ServerSettings::default())
}

/// A caller who is let in, once the host is free.
async fn enter(port: u16) -> Client {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut client = Client::connect(port, "").await;
        if client.handshake().await.is_ok() {
            return client;
        }
        assert!(tokio::time::Instant::now() < deadline, "the host never gets free");
    }
}

#[tokio::test]
async fn a_host_says_how_it_is_and_nothing_else() {
    let host = echo();
    let (code, body) = http(host.port, "GET /health", "").await;
    assert_eq!(code, 200);
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!((&health["server"], &health["busy"]), (&"myca echo".into(), &false.into()));
    assert_eq!(health["capabilities"], serde_json::json!(["echo", "refuses-when-busy", "unlimited"]));
    let client = enter(host.port).await;
    let (_, body) = http(host.port, "GET /health", "").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["busy"], true);
    drop(client);
}

#[tokio::test]
async fn a_session_begins_with_metadata_handshake_and_headers() {
    let host = echo();
    let mut client = Client::connect(host.port, "text_prompt=x&voice_prompt=NATF2.pt").await;
    let Frame::Metadata(json) = client.frame().await else { panic!("metadata comes first") };
    let metadata = HostMetadata::parse(&json).unwrap();
    assert_eq!((metadata.server.as_deref(), metadata.sample_rate), (Some("myca echo"), Some(24_000)));
    assert!(metadata.can(capability::ECHO) && metadata.can(capability::UNLIMITED));
    assert_eq!(
        client.message().await.unwrap().into_data(),
        Bytes::from_static(&[0; 9]),
        "nine bytes of handshake"
    );
    let Frame::Audio(header) = client.frame().await else { panic!("headers") };
    let mut pages = PageBuffer::new();
    pages.fill(&header);
    let magic =
        |pages: &mut PageBuffer| pages.next_page().unwrap().parts().next().unwrap().bytes[..8].to_vec();
    assert_eq!((magic(&mut pages), magic(&mut pages)), (b"OpusHead".to_vec(), b"OpusTags".to_vec()));
    assert!(pages.next_page().is_none());
}

#[tokio::test]
async fn an_echo_says_what_it_hears_in_frames_of_80_ms() {
    let host = echo();
    let mut client = enter(host.port).await;
    let sent = sweep(50 * 1920);
    client.say(&sent).await;
    let mut heard = Heard::default();
    while heard.pcm.len() < sent.len() {
        let Frame::Audio(bytes) = client.frame().await else { continue };
        let mut pages = PageBuffer::new();
        pages.fill(&bytes);
        for _ in 0..2 {
            let page = pages.next_page().expect("two pages in a message");
            let packet = page.parts().next().unwrap().bytes;
            assert_eq!(ogg_opus::packet::samples(packet), Some(960), "of 40 ms each");
        }
        assert!(pages.next_page().is_none());
        heard.take(&bytes);
    }
    assert_eq!(heard.pcm.len(), sent.len());
    // The look-ahead of two encoders.
    let alike = correlation(&sent, &heard.pcm, 120);
    assert!(alike > 0.9, "{alike}");
}

#[tokio::test]
async fn the_second_caller_is_told_at_once_that_the_host_is_busy() {
    let host = echo();
    let mut first = enter(host.port).await;
    let before = tokio::time::Instant::now();
    let mut second = Client::connect(host.port, "").await;
    let Frame::Error(sentence) = second.frame().await else { panic!("an error frame") };
    assert!(String::from_utf8_lossy(&sentence).contains("Somebody else"));
    assert_eq!(second.closed().await, Some(close::BUSY));
    assert!(before.elapsed() < Duration::from_secs(5), "at once");
    // The first one did not notice.
    first.say(&sweep(1920 * 5)).await;
    assert!(matches!(first.sound().await, Frame::Audio(_)));
    drop(first);
    enter(host.port).await;
}

#[tokio::test]
async fn web_pages_are_refused_unless_they_were_allowed() {
    let settings =
        ServerSettings { allowed_origins: vec!["https://example.org".into()], ..ServerSettings::default() };
    let host = serve(Echo, settings);
    for path in ["/health", "/api/chat", "/"] {
        let (code, body) = http(host.port, &format!("GET {path}"), "Origin: https://evil.example\r\n").await;
        assert_eq!(code, 403, "{path}");
        assert!(body.contains("--allow-origin"), "{body}");
    }
    let refused = Client::try_connect(host.port, "", Some("https://evil.example")).await;
    assert!(refused.is_err());
    let (code, _) = http(host.port, "GET /health", "Origin: https://example.org\r\n").await;
    assert_eq!(code, 200);
    let mut allowed = Client::try_connect(host.port, "", Some("https://example.org")).await.unwrap();
    allowed.handshake().await.unwrap();
}

#[tokio::test]
async fn requests_that_are_no_conversation_are_answered_and_hold_nothing() {
    let host = echo();
    let (code, body) = http(host.port, "GET /api/chat", "").await;
    assert_eq!((code, body.contains("WebSocket")), (400, true), "{body}");
    assert_eq!(http(host.port, "POST /api/chat", "Content-Length: 0\r\n").await.0, 405);
    assert_eq!(http(host.port, "GET /", "").await.0, 404);
    let error = Client::try_connect(host.port, "text_temperature=hot", None).await.map(|_| ()).unwrap_err();
    assert!(error.contains("400"), "{error}");
    let mut client = Client::connect(host.port, "").await;
    client.handshake().await.expect("nobody holds the host");
}

#[tokio::test]
async fn nothing_that_a_caller_sends_ends_the_conversation() {
    let host = echo();
    let mut client = enter(host.port).await;
    for message in [
        Message::Binary(Bytes::new()),
        Message::text("hello"),
        Message::Ping(Bytes::from_static(b"payload")),
        Message::binary(vec![0xff; 100]),
        Message::binary(vec![1; 5000]),
        Message::binary(b"\x01OggS\0 no page at all".to_vec()),
        Message::binary(b"\x02say this".to_vec()),
        Message::binary(b"\x03\x09".to_vec()),
        Message::binary(b"\x04{\"a\":".to_vec()),
        Message::binary(vec![2; 1 << 20]),
    ] {
        client.send(message).await;
    }
    let mut empty = BytesMut::from(&[1][..]);
    page::write(&mut empty, PageHeader::default(), &[b"", b"", b"\x03"]);
    client.send(Message::Binary(empty.freeze())).await;
    let sent = sweep(1920 * 20);
    client.say(&sent).await;
    let mut heard = Heard::default();
    while heard.pcm.len() < sent.len() {
        if let Frame::Audio(bytes) = client.frame().await {
            heard.take(&bytes);
        }
    }
    // What the garbage left in a half-read frame and in made-up sound comes in front.
    let extra = heard.pcm.len() - sent.len();
    let alike =
        (0..extra + 4000).step_by(4).map(|lag| correlation(&sent, &heard.pcm, lag)).fold(0.0, f32::max);
    assert!(alike > 0.8, "{alike}");
}

#[tokio::test]
async fn a_caller_who_vanishes_frees_the_host() {
    let host = echo();
    let client = enter(host.port).await;
    // The connection is reset: no closing frame, no FIN.
    client.reset();
    enter(host.port).await;
}

#[tokio::test]
async fn a_caller_who_sends_a_giant_message_only_ends_their_own_conversation() {
    let host = echo();
    let mut client = enter(host.port).await;
    let _ = client.try_send(Message::binary(vec![1; wire::limit::MESSAGE + 1])).await;
    enter(host.port).await;
}

#[tokio::test]
async fn a_caller_without_a_sign_of_life_is_let_go() {
    let settings = ServerSettings {
        ping_every: Duration::from_millis(100),
        silence_ends: Duration::from_millis(500),
        ..ServerSettings::default()
    };
    let host = serve(Echo, settings);
    // Pings are answered when somebody reads, and nobody does.
    let silent = enter(host.port).await;
    let mut answers = enter(host.port).await;
    drop(silent);
    // Whoever answers pings may be silent for as long as they like.
    let until = tokio::time::Instant::now() + Duration::from_millis(1500);
    while tokio::time::Instant::now() < until {
        if let Ok(message) = tokio::time::timeout_at(until, answers.message()).await {
            assert!(matches!(message, Some(Message::Ping(_))), "{message:?}");
        }
    }
    answers.say(&sweep(1920 * 5)).await;
    assert!(matches!(answers.sound().await, Frame::Audio(_)));
}

#[tokio::test]
async fn a_caller_who_does_not_read_is_let_go() {
    let host = echo();
    let mut client = enter(host.port).await;
    let second = sweep(24_000);
    // Minutes of sound, all of which come back, as far as there is room for them.
    for _ in 0..1200 {
        if client.try_say(&second).await.is_err() {
            break;
        }
    }
    enter(host.port).await;
}

#[tokio::test]
async fn a_host_that_ends_says_so() {
    let mut host = echo();
    let mut client = enter(host.port).await;
    host.stop.cancel();
    assert_eq!(client.closed().await, Some(close::GOING_AWAY));
    let ended = tokio::time::timeout(Duration::from_secs(10), &mut host.task).await;
    ended.expect("it ends soon").unwrap().unwrap();
    assert!(Client::try_connect(host.port, "", None).await.is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let host = echo();
    let settings =
        ServerSettings { address: ([127, 0, 0, 1], host.port).into(), ..ServerSettings::default() };
    let error = Server::bind(settings, Arc::new(Echo)).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "engine.address");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", host.port)), "{error}");
}

/// Talks for two seconds in real time's order and returns what came back.
async fn talk(port: u16, query: &str) -> (Heard, Option<HostMetadata>) {
    let mut client = Client::connect(port, query).await;
    client.handshake().await.unwrap();
    let (mut heard, mut timing) = (Heard::default(), None);
    for (frame, pcm) in sweep(26 * 1920).chunks_exact(1920).enumerate() {
        client.say(pcm).await;
        // Never more than one frame ahead, so that none is dropped. The first one is answered by nothing.
        while heard.pcm.len() < frame * 1920 {
            heard.frame(&client.frame().await, &mut timing);
        }
    }
    while timing.is_none() {
        heard.frame(&client.frame().await, &mut timing);
    }
    client.close().await;
    (heard, timing)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_with_sound_text_and_its_timing() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let source = ModelSource::new(engine::load(folder.path()).unwrap(), Some(Sampling::GREEDY));
    let host = serve(source, ServerSettings::default());
    let (first, timing) = talk(host.port, "").await;
    assert_eq!(first.pcm.len(), 25 * 1920);
    let loudness = first.pcm.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
    assert!(loudness > 0.05, "{loudness}");
    let words = String::from_utf8(first.text.clone()).unwrap();
    assert!(words.starts_with(' ') && words.split_whitespace().count() >= 5, "{words:?}");
    let timing = timing.unwrap().timing.unwrap();
    assert!(timing.frame_ms_p50 > 0.0 && timing.frame_ms_p99 >= timing.frame_ms_p50, "{timing:?}");
    assert_eq!(timing.dropped, 0);

    // The next caller begins anew, as soon as the model is back.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while http(host.port, "GET /health", "").await.1.contains("\"busy\":true") {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let (second, _) = talk(host.port, "").await;
    assert_eq!(first.text, second.text, "nothing is left of the caller before");
    let (_, body) = http(host.port, "GET /health", "").await;
    assert!(body.contains(folder.path().file_name().unwrap().to_str().unwrap()), "{body}");
    assert!(!body.contains(folder.path().parent().unwrap().to_str().unwrap()), "no paths: {body}");
}
