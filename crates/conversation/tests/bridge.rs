//! Calls through a PersonaPlex Bridge, of every known build, with real sound in both directions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../brain/tests/bridge_stand_in/mod.rs"]
mod bridge_stand_in;
mod world;

use std::{
    f64::consts::TAU,
    sync::Arc,
    time::{Duration, Instant},
};

use brain::{BuiltIn, built_in};
use bridge_stand_in::{Build, Mas, Moshi, PREPARED, StandIn};
use conversation::{BridgeNews, Command, Host, Phase, Thinker};
use net::{Access, Fingerprint, Trust};
use ogg_opus::{EncoderSettings, PACKET, SAMPLE_RATE, StreamReader, StreamWriter};
use serde_json::json;
use test_tls::Certificate;
use tokio_tungstenite::tungstenite::Message;
use world::{LIMIT, World, world};

const WITH_MOSHI: [Build; 3] = [Build::B1, Build::B2, Build::B3];
/// What the world's microphone hears, in hertz.
const MICROPHONE: f64 = 0.03 * 48_000.0 / TAU;
/// What comes from the bridge.
const TONE: f64 = 600.0;
const LOUD: f64 = 0.3;

fn pcm(seconds: f64) -> Vec<f32> {
    let samples = (seconds * f64::from(SAMPLE_RATE)) as usize;
    (0..samples).map(|i| ((i as f64 * TONE * TAU / f64::from(SAMPLE_RATE)).sin() * LOUD) as f32).collect()
}

fn message(sound: &[u8]) -> Message {
    Message::Binary([&[1], sound].concat().into())
}

/// Seconds of a tone of this frequency in sound of this rate.
fn seconds_of(tone: f64, loud: f64, sound: &[f32], rate: f64) -> f64 {
    let whole = (rate / 50.0) as usize;
    let mut seconds = 0.0;
    for block in sound.chunks_exact(whole) {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in block.iter().enumerate() {
            let angle = i as f64 * tone * TAU / rate;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        let level = 2.0 * re.hypot(im) / whole as f64;
        if level > loud / 3.0 {
            seconds += 0.02;
        }
    }
    seconds
}

async fn talk(w: &World, server: &StandIn) {
    w.handle.send(Command::Talk(Host::bridge(&server.address(), LIMIT))).await;
}

/// Waits until so much of the tone has come out of the loudspeaker.
async fn heard(w: &World, seconds: f64) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let played = w.played.lock().unwrap().clone();
        if seconds_of(TONE, LOUD, &played, 48_000.0) >= seconds {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{} s of it are heard: {:?}",
            seconds_of(TONE, LOUD, &played, 48_000.0),
            w.handle.figures().link
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn built_in(yields: bool) -> Option<Thinker> {
    let brain = BuiltIn::new(built_in::Options::default());
    Some(Thinker { brain: Arc::new(brain), person: "ada".into(), yields })
}

#[tokio::test]
async fn the_person_is_heard_behind_the_handshake_and_moshi_is_heard_and_read() {
    for build in WITH_MOSHI {
        let server = StandIn::start(build, Moshi::Loading).await;
        let mut w = world(None);
        talk(&w, &server).await;
        w.phase(Phase::WarmingUp).await;
        w.news(|news| *news == BridgeNews::Reached).await;
        server.moshi(Moshi::Up);
        w.phase(Phase::Live).await;
        assert_eq!(w.call.as_ref().unwrap().server.as_deref(), Some("PersonaPlex Bridge"));
        server.until(|server| server.binaries().len() > 50).await;
        let (mut reader, mut sound) = (StreamReader::new().unwrap(), Vec::new());
        let binaries = server.binaries();
        assert!(binaries[0].windows(8).any(|bytes| bytes == b"OpusHead"), "{build:?}: it is the first page");
        for bytes in &binaries {
            assert_eq!(bytes[0], 1, "{build:?}");
            reader.push(&bytes[1..], &mut sound);
        }
        assert!(seconds_of(MICROPHONE, LOUD, &sound, f64::from(SAMPLE_RATE)) > 0.5, "{build:?}");
        assert_eq!((reader.stats().streams, reader.stats().undecodable_packets), (1, 0), "{build:?}");

        let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
        // At the pace of a model: so much at once would be a backlog, which is shortened.
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        for frame in pcm(1.0).chunks_exact(PACKET) {
            pace.tick().await;
            server.send(message(&writer.push(frame.first_chunk().unwrap()).unwrap()));
        }
        heard(&w, 0.8).await;
        server.send_text(" hello");
        server.send_text(" there");
        w.text("hello there").await;
        w.news(|news| matches!(news, BridgeNews::RoundTrip(_))).await;
        let link = w.handle.figures().link;
        assert!(link.bytes_out > 0 && link.samples_in >= u64::from(SAMPLE_RATE) && link.round_trip.is_some());

        w.handle.send(Command::Stop).await;
        w.phase(Phase::Idle).await;
        server.until(|server| server.closes() == [Some(1000)]).await;
        w.end().await;
    }
}

#[tokio::test]
async fn ten_seconds_that_a_bridge_speaks_at_once_are_heard_whole() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    let mut w = world(None);
    talk(&w, &server).await;
    w.phase(Phase::Live).await;
    let mut encoder =
        opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Audio).unwrap();
    server.send_json(&json!({ "type": "tts_stream_start", "packets": 500 }));
    for frame in pcm(10.0).chunks_exact(PACKET) {
        server.send(message(&encoder.encode_vec_float(frame, 1_275).unwrap()));
    }
    w.news(|news| *news == BridgeNews::Speaks).await;
    w.news(|news| *news == BridgeNews::Spoke).await;
    heard(&w, 9.7).await;
    let figures = w.handle.figures();
    assert_eq!((figures.link.unplayed, figures.sound.unwrap().playout.dropped), (0, 0));
    assert_eq!(figures.link.samples_in, 10 * u64::from(SAMPLE_RATE));
    w.end().await;
}

#[tokio::test]
async fn a_bridge_without_moshi_is_not_a_bridge_that_is_gone() {
    for build in WITH_MOSHI {
        let server = StandIn::start(build, Moshi::Down).await;
        let mut w = world(None);
        talk(&w, &server).await;
        assert_eq!(w.phase(Phase::Failed).await, "bridge.no_moshi", "{build:?}");
        assert!(w.call.as_ref().unwrap().problem.as_ref().unwrap().what.contains("8998"), "its own words");
        w.news(|news| matches!(news, BridgeNews::Ended { there: true, .. })).await;
        w.end().await;
    }
    let gone = StandIn::start(Build::B1, Moshi::Up).await;
    let address = gone.address();
    drop(gone);
    let mut w = world(None);
    w.handle.send(Command::Talk(Host::bridge(&address, LIMIT))).await;
    assert_eq!(w.phase(Phase::Failed).await, "bridge.refused");
    w.news(|news| matches!(news, BridgeNews::Ended { there: false, .. })).await;
    w.handle.send(Command::Talk(Host::bridge("ftp://gate", LIMIT))).await;
    assert_eq!(w.phase(Phase::Failed).await, "bridge.bad_address");
    w.end().await;
}

#[tokio::test]
async fn a_lost_bridge_is_called_again_with_the_same_conversation_and_a_new_stream() {
    let server = StandIn::start(Build::B2, Moshi::Up).await;
    let mut w = world(None);
    talk(&w, &server).await;
    w.phase(Phase::Live).await;
    server.until(|server| !server.binaries().is_empty()).await;
    server.restart();
    assert_eq!(w.phase(Phase::Reconnecting).await, "bridge.lost");
    w.phase(Phase::Live).await;
    let heads = |server: &StandIn| {
        server.binaries().iter().filter(|bytes| bytes.windows(8).any(|bytes| bytes == b"OpusHead")).count()
    };
    server.until(|server| heads(server) == 2).await;
    let asked = server.requests().into_iter().filter(|request| request.target == "/session");
    let conversations: Vec<_> = asked.map(|request| request.body["conversation_id"].clone()).collect();
    assert!(conversations.len() == 2 && conversations[0] == conversations[1], "{conversations:?}");
    w.end().await;
}

#[tokio::test]
async fn what_is_typed_is_answered_through_the_bridge_once_and_by_the_built_in_brain_before_and_after() {
    for build in WITH_MOSHI {
        let server = StandIn::start(build, Moshi::Up).await;
        server.answer(Mas::Says("Twelve sensors are online.".into()));
        let mut w = world(None);
        w.handle.send(Command::Brain(built_in(true))).await;
        w.say("hello").await;
        w.text("Hello").await;
        talk(&w, &server).await;
        w.phase(Phase::Live).await;
        w.news(|news| *news == BridgeNews::Answers(true)).await;
        assert_eq!(server.model_calls(), 0);
        w.say("How many sensors are online?").await;
        w.text("Twelve sensors are online.").await;
        assert_eq!((server.model_calls(), server.said().len()), (1, 1), "{build:?}");
        if build == Build::B3 {
            w.news(|news| *news == BridgeNews::Spoke).await;
            assert!(!w.words().contains(PREPARED), "the sentence that it speaks is no answer");
        }
        w.handle.send(Command::Stop).await;
        w.news(|news| *news == BridgeNews::Answers(false)).await;
        w.say("What can you do?").await;
        while w.turns.len() < 6 {
            w.next().await;
        }
        assert_eq!((server.model_calls(), server.said().len()), (1, 1), "{build:?}");
        w.end().await;
    }
}

#[tokio::test]
async fn somebody_who_does_not_yield_answers_alone() {
    let server = StandIn::start(Build::B1, Moshi::Up).await;
    let mut w = world(None);
    w.handle.send(Command::Brain(built_in(false))).await;
    talk(&w, &server).await;
    w.phase(Phase::Live).await;
    w.say("What can you do?").await;
    while w.turns.len() < 2 {
        w.next().await;
    }
    assert!(server.said().is_empty() && server.model_calls() == 0);
    assert!(!w.news.iter().any(|news| matches!(news, BridgeNews::Answers(_))));
    // From here on the bridge is asked, in the middle of the call.
    w.handle.send(Command::Brain(built_in(true))).await;
    server.says("Twelve.");
    w.news(|news| *news == BridgeNews::Answers(true)).await;
    w.say("How many sensors are online?").await;
    w.text("Twelve.").await;
    assert_eq!(server.model_calls(), 1);
    w.end().await;
}

#[tokio::test]
async fn what_happens_behind_the_bridge_is_told_beside_the_call() {
    let server = StandIn::start(Build::B3Local, Moshi::Down).await;
    let mut w = world(None);
    talk(&w, &server).await;
    w.phase(Phase::Live).await;
    let event = |kind: &str, data: serde_json::Value| json!({ "type": "mas_event", "event": { "id": "1", "type": kind, "message": "m", "data": data } });
    server.send_json(&event("agent_invoke", json!({ "agentName": "Forecaster", "status": "completed" })));
    server.send_json(&json!({ "type": "user_transcript", "text": "What time is it", "source": "local_stt" }));
    server.send_json(&event("injection", json!({ "content": "It is late." })));
    server.send_text("It is late.");
    w.news(|news| matches!(news, BridgeNews::Told(brain::What::Agent(_)))).await;
    w.news(|news| *news == BridgeNews::Heard("What time is it".into())).await;
    w.news(|news| *news == BridgeNews::Replied("It is late.".into())).await;
    // There is no Moshi: what the bridge says is what the person hears.
    w.text("It is late.").await;
    w.end().await;
}

#[tokio::test]
async fn a_bridge_is_called_behind_a_certificate_that_was_accepted_and_a_changed_one_stops_it() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    let behind = server.address().trim_start_matches("ws://").parse().unwrap();
    let (accepted, another) = (Certificate::self_signed("gpu"), Certificate::self_signed("gpu"));
    let trust = Trust::Pinned(Fingerprint::of(accepted.der()));
    let access = Access { trust, encrypted: true, ..Access::default() };
    let call = async |w: &World, certificate: &Certificate| {
        let address = format!("wss://{}", certificate.in_front_of(behind).await);
        let host = Host::bridge(&address, LIMIT).map(|host| host.with_access(access.clone()));
        w.handle.send(Command::Talk(host)).await;
    };
    let mut w = world(None);
    call(&w, &accepted).await;
    w.phase(Phase::Live).await;
    server.until(|server| server.binaries().len() > 20).await;
    w.end().await;

    let mut w = world(None);
    call(&w, &another).await;
    assert_eq!(w.phase(Phase::Failed).await, "bridge.certificate_changed");
    w.end().await;
}
