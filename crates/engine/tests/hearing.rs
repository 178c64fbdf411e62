//! A host that hears, by real sockets: in conversations and without any.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use client::asr::Dictation;
use client::server::{Running, serve};
use client::{Client, http, sweep};
use engine::codec::FRAME;
use engine::hear::{Ears, Recogniser};
use engine::serve::{EarsSource, ModelSource, ServerSettings};
use engine::tiny::{self, TinySettings};
use engine::{CpuOptions, Sampling};
use ogg_opus::{EncoderSettings, PACKET, StreamWriter};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use wire::{
    AsrReply, AsrRequest, Frame, Hearing, HostMetadata, Utterance, UtteranceState, capability, close,
};

fn written(write: impl FnOnce(&Path)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    folder
}

fn settings(seed: u64) -> TinySettings {
    TinySettings { seed, quantized: false }
}

fn recogniser(seed: u64) -> TempDir {
    written(|folder| drop(tiny::write_hearing(folder, settings(seed)).unwrap()))
}

/// A host that only hears.
fn ears() -> (Running, TempDir) {
    let folder = recogniser(0);
    let recogniser = Recogniser::load(folder.path(), CpuOptions::default()).unwrap();
    (serve(EarsSource::new(Ears::new(recogniser)), ServerSettings::default()), folder)
}

/// A host that talks and hears. With the same seed both have the same codec.
fn both(of_recogniser: u64, personaplex: bool) -> Running {
    let moshi = written(|folder| {
        let write = if personaplex { tiny::write_personaplex } else { tiny::write };
        write(folder, settings(0)).unwrap();
    });
    let hears = recogniser(of_recogniser);
    let model = engine::load(moshi.path()).unwrap();
    let recogniser = Recogniser::load_beside(hears.path(), CpuOptions::default(), &model).unwrap();
    assert_eq!(recogniser.shares_codec(), of_recogniser == 0 && !personaplex);
    let source = ModelSource::new(model, Some(Sampling::GREEDY)).with_ears(Ears::new(recogniser));
    serve(source, ServerSettings::default())
}

/// A second of silence, two of sound, four of silence.
fn speech() -> Vec<f32> {
    [vec![0.0; 13 * FRAME], sweep(25 * FRAME), vec![0.0; 50 * FRAME]].concat()
}

/// What a conversation told.
#[derive(Default)]
struct Told {
    about: HostMetadata,
    heard: Vec<Utterance>,
    hearing: Vec<Hearing>,
    timings: usize,
    sounds: usize,
    text: String,
}

/// Says all of it, never more than one frame ahead of the model.
async fn talk(port: u16, query: &str, pcm: &[f32]) -> Told {
    let mut client = Client::connect(port, query).await;
    let mut told = Told::default();
    let Frame::Metadata(json) = client.frame().await else { panic!("metadata comes first") };
    told.about = HostMetadata::parse(&json).unwrap();
    client.handshake().await.unwrap();
    for (frame, pcm) in pcm.chunks_exact(FRAME).enumerate() {
        client.say(pcm).await;
        while told.sounds < frame {
            told.take(client.frame().await);
        }
    }
    // What is told each second, at least once, and the end of what was said: the recogniser may be behind.
    let hears = told.about.can(capability::HEARS) && !told.heard.is_empty();
    let ended = |told: &Told| told.heard.iter().any(|heard| heard.state == UtteranceState::Final);
    while told.timings == 0 || (hears && !ended(&told)) {
        told.take(client.frame().await);
    }
    client.close().await;
    told
}

impl Told {
    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Audio(_) => self.sounds += 1,
            Frame::Text(piece) => self.text.push_str(&String::from_utf8_lossy(&piece)),
            Frame::Metadata(json) => {
                let metadata = HostMetadata::parse(&json).unwrap();
                self.timings += usize::from(metadata.timing.is_some());
                self.heard.extend(metadata.heard);
                self.hearing.extend(metadata.hearing);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Texts only grow, numbers only rise, and nothing grows behind its end.
    #[track_caller]
    fn check_order(&self) {
        for pair in self.heard.windows(2) {
            let [before, after] = pair else { continue };
            match before.state {
                UtteranceState::Partial => {
                    assert_eq!(before.id, after.id, "{before:?} {after:?}");
                    assert!(after.text.starts_with(&before.text) && after.end >= before.end);
                }
                UtteranceState::Final => {
                    assert_eq!(after.id, before.id + 1);
                    assert!(after.start >= before.start);
                }
            }
        }
    }
}

async fn free(port: u16) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while http(port, "GET /health", "").await.1.contains("\"busy\":true") {
        assert!(tokio::time::Instant::now() < deadline, "the host never gets free");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_is_told_their_words_whichever_codec_hears_them() {
    // The same codec, another one, and one that is used in another way.
    for (of_recogniser, personaplex) in [(0, false), (1, false), (0, true)] {
        let host = both(of_recogniser, personaplex);
        for _ in 0..2 {
            let told = talk(host.port, "hear=1", &speech()).await;
            assert!(told.about.can(capability::HEARS) && told.about.can(capability::UNLIMITED));
            let first = told.about.hearing.as_ref().unwrap();
            assert_eq!((first.delay_ms, first.timing), (160, None));
            assert!(first.model.is_some());
            let last = told.hearing.last().and_then(|hearing| hearing.timing).unwrap();
            assert!(last.frame_ms_p50 > 0.0 && last.frame_ms_p99 >= last.frame_ms_p50, "{last:?}");
            told.check_order();
            let ended = told.heard.iter().find(|heard| heard.state == UtteranceState::Final).unwrap();
            assert_eq!(ended.id, 1);
            assert!(ended.text.split(' ').count() >= 8, "{ended:?}");
            // Opus is some milliseconds late, and the codec's sound dies away.
            assert!((0.8..1.4).contains(&ended.start), "{ended:?}");
            assert!((2.8..4.0).contains(&ended.end), "{ended:?}");
            free(host.port).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_that_fails_takes_nobody_along() {
    let moshi = written(|folder| drop(tiny::write(folder, settings(0)).unwrap()));
    let hears = recogniser(0);
    let weights = hears.path().join(engine::MOSHI[0]);
    let mut bytes = std::fs::read(&weights).unwrap();
    // No numbers.
    let half = bytes.len() / 2;
    bytes[half..].fill(0xff);
    std::fs::write(&weights, bytes).unwrap();
    let model = engine::load(moshi.path()).unwrap();
    let recogniser = Recogniser::load_beside(hears.path(), CpuOptions::default(), &model).unwrap();
    let source = ModelSource::new(model, Some(Sampling::GREEDY)).with_ears(Ears::new(recogniser));
    let host = serve(source, ServerSettings::default());
    for _ in 0..2 {
        let told = talk(host.port, "hear=1", &speech()).await;
        assert!(told.sounds >= 87 && !told.text.is_empty() && told.heard.is_empty());
        assert_eq!(told.hearing.last().and_then(|hearing| hearing.timing), None);
        free(host.port).await;
        let mut client = Dictation::connect(host.port).await;
        assert_eq!(client.reply().await, AsrReply::Ready);
        let AsrReply::Error { message } = client.reply().await else { panic!("an error") };
        assert!(message.contains("engine.not_finite"), "{message}");
        assert_eq!(client.closed().await, Some(close::INTERNAL));
        free(host.port).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_ask_notices_nothing() {
    let host = both(0, false);
    let mut texts = Vec::new();
    for query in ["seed=1", "seed=1&hear=0", "seed=1&hear=1"] {
        let told = talk(host.port, query, &speech()).await;
        let asked = query.ends_with("hear=1");
        assert_eq!(told.about.can(capability::HEARS), asked);
        assert_eq!((told.about.hearing.is_some(), told.heard.is_empty()), (asked, !asked));
        texts.push(told.text);
        free(host.port).await;
    }
    assert!(!texts[0].is_empty());
    assert!(texts.iter().all(|text| *text == texts[0]), "what is said does not depend on it: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_come_alone_in_the_protocol_of_kyutais_server() {
    let (host, _folder) = ears();
    let mut client = Dictation::connect(host.port).await;
    assert_eq!(client.reply().await, AsrReply::Ready);
    client.ask(&AsrRequest::Init).await;
    // In pieces of any length, none of which is a frame.
    let pcm = speech();
    let (mut at, mut size) = (0, 1);
    while at < pcm.len() {
        let end = (at + size).min(pcm.len());
        client.ask(&AsrRequest::Audio { pcm: pcm[at..end].to_vec() }).await;
        (at, size) = (end, (size * 3 + 1) % 20_011);
    }
    client.ask(&AsrRequest::Marker { id: 7 }).await;
    // The delay of two steps, and one step less.
    client.ask(&AsrRequest::Marker { id: -8 }).await;
    client.ask(&AsrRequest::Audio { pcm: vec![0.0; 2 * FRAME] }).await;
    let (mut steps, mut words, mut ends) = (0, Vec::new(), Vec::new());
    loop {
        match client.reply().await {
            AsrReply::Step { step_idx, prs, buffered_pcm } => {
                steps += 1;
                assert_eq!((step_idx, prs.len()), (steps, 4));
                assert!(buffered_pcm <= pcm.len() as u64 && prs.iter().all(|p| (0.0..=1.0).contains(p)));
            }
            AsrReply::Word { text, start_time } => words.push((text, start_time)),
            AsrReply::EndWord { stop_time } => ends.push(stop_time),
            AsrReply::Marker { id } => {
                assert_eq!((id, steps), (7, 88 + 2), "everything before it, and the delay");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.reply().await, AsrReply::Marker { id: -8 });
    assert!(words.len() >= 8 && words.len() == ends.len(), "{words:?} {ends:?}");
    assert!(words.iter().all(|(text, start)| !text.contains(' ') && (0.8..3.6).contains(start)), "{words:?}");
    assert!(ends.is_sorted() && words.iter().zip(&ends).all(|((_, start), end)| start < end));

    // The next one begins at the start of time, and Opus is as good.
    client.close().await;
    free(host.port).await;
    let mut client = Dictation::connect(host.port).await;
    assert_eq!(client.reply().await, AsrReply::Ready);
    let mut writer = StreamWriter::new(&EncoderSettings::default()).unwrap();
    let data: Vec<u8> =
        pcm.chunks_exact(PACKET).flat_map(|packet| writer.push_slice(packet).unwrap()).collect();
    for data in data.chunks(3_001) {
        client.ask(&AsrRequest::OggOpus { data: data.to_vec() }).await;
    }
    let (mut steps, mut starts) = (0, Vec::new());
    while steps < 88 {
        match client.reply().await {
            AsrReply::Step { step_idx, .. } => {
                steps += 1;
                assert_eq!(step_idx, steps);
            }
            AsrReply::Word { start_time, .. } => starts.push(start_time),
            _ => {}
        }
    }
    assert!(starts.len() >= 8 && (0.8..1.4).contains(&starts[0]), "{starts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_all_at_once_loses_nothing() {
    let (host, _folder) = ears();
    let mut client = Dictation::connect(host.port).await;
    // A minute and a half in three messages, far more than waits anywhere.
    let pcm = vec![0.25; 375 * FRAME];
    for _ in 0..3 {
        client.ask(&AsrRequest::Audio { pcm: pcm.clone() }).await;
    }
    client.ask(&AsrRequest::Marker { id: 1 }).await;
    client.ask(&AsrRequest::Audio { pcm: vec![0.0; 4 * FRAME] }).await;
    let mut steps = 0;
    loop {
        match client.reply().await {
            AsrReply::Step { .. } => steps += 1,
            AsrReply::Marker { .. } => break,
            _ => {}
        }
    }
    assert_eq!(steps, 3 * 375 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_is_heard_at_a_time_and_the_others_are_told() {
    let host = both(0, false);
    let mut first = Dictation::connect(host.port).await;
    assert_eq!(first.reply().await, AsrReply::Ready);
    let mut second = Dictation::connect(host.port).await;
    assert_eq!(second.reply().await, AsrReply::Error { message: "no free channels".into() });
    assert_eq!(second.closed().await, Some(close::BUSY));
    let health: Value = serde_json::from_str(&http(host.port, "GET /health", "").await.1).unwrap();
    assert_eq!((&health["busy"], &health["hearing"]["busy"]), (&false.into(), &true.into()));
    assert_eq!((&health["hearing"]["status"], &health["hearing"]["delay_ms"]), (&"ok".into(), &160.into()));
    // A conversation goes on without it.
    let told = talk(host.port, "hear=1", &speech()).await;
    assert!(!told.about.can(capability::HEARS) && told.about.hearing.is_none() && told.heard.is_empty());
    assert!(told.sounds >= 87);
    // Whoever is heard has noticed nothing.
    first.ask(&AsrRequest::Audio { pcm: vec![0.0; FRAME] }).await;
    assert!(matches!(first.reply().await, AsrReply::Step { step_idx: 1, .. }));
    first.reset();
    free(host.port).await;
    // The other way round.
    let mut client = Client::connect(host.port, "hear=1").await;
    client.handshake().await.unwrap();
    let mut refused = Dictation::connect(host.port).await;
    assert_eq!(refused.reply().await, AsrReply::Error { message: "no free channels".into() });
    drop(client);
    free(host.port).await;
    // One who did not ask for it leaves it to others.
    let mut client = Client::connect(host.port, "").await;
    client.handshake().await.unwrap();
    let mut heard = Dictation::connect(host.port).await;
    assert_eq!(heard.reply().await, AsrReply::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_ends_it_with_a_reason() {
    let (host, _folder) = ears();
    let one = |request: AsrRequest| request.encode();
    let too_many = vec![one(AsrRequest::Marker { id: 1 }); 2_000];
    let cases: [(&str, Vec<Vec<u8>>); 6] = [
        ("nothing", vec![vec![]]),
        ("garbage", vec![vec![0xc1; 100]]),
        ("text for a model that talks", vec![b"\x02hello".to_vec()]),
        ("a list that has no end", vec![b"\x82\xa4type\xa5Audio\xa3pcm\xdd\xff\xff\xff\xff".to_vec()]),
        ("more than a message may have", vec![vec![0; wire::LARGEST_REQUEST + 1]]),
        ("markers without end", too_many),
    ];
    for (what, messages) in cases {
        let mut client = Dictation::connect(host.port).await;
        assert_eq!(client.reply().await, AsrReply::Ready, "{what}");
        for message in messages {
            if client.try_send(Message::Binary(message.into())).await.is_err() {
                break;
            }
        }
        assert_eq!(client.closed().await, Some(close::REFUSED), "{what}");
        free(host.port).await;
    }
    // What is no sound in what should be is silence, or nothing.
    let mut client = Dictation::connect(host.port).await;
    let strange = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE].repeat(FRAME);
    client.ask(&AsrRequest::Audio { pcm: strange }).await;
    client.ask(&AsrRequest::Audio { pcm: Vec::new() }).await;
    client.ask(&AsrRequest::OggOpus { data: vec![0x4f; 50_000] }).await;
    client.send(Message::text("hello")).await;
    client.send(Message::Ping(Bytes::from_static(b"payload"))).await;
    client.ask(&AsrRequest::Marker { id: 3 }).await;
    client.ask(&AsrRequest::Audio { pcm: vec![0.0; 10 * FRAME] }).await;
    while client.reply().await != (AsrReply::Marker { id: 3 }) {}
    // Far more than a message may have: there is nobody to tell it to.
    let _ = client.try_send(Message::Binary(vec![0; wire::LARGEST_REQUEST * 2].into())).await;
    free(host.port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_sign_of_life_or_who_does_not_read_is_let_go() {
    let folder = recogniser(0);
    let recogniser = Recogniser::load(folder.path(), CpuOptions::default()).unwrap();
    let settings = ServerSettings {
        ping_every: Duration::from_millis(100),
        silence_ends: Duration::from_millis(500),
        ..ServerSettings::default()
    };
    let host = serve(EarsSource::new(Ears::new(recogniser)), settings);
    let mut silent = Dictation::connect(host.port).await;
    assert_eq!(silent.reply().await, AsrReply::Ready);
    // Pings are answered when somebody reads, and nobody does.
    free(host.port).await;
    let mut answers = Dictation::connect(host.port).await;
    let until = tokio::time::Instant::now() + Duration::from_millis(1500);
    assert_eq!(answers.reply().await, AsrReply::Ready);
    while let Ok(message) = tokio::time::timeout_at(until, answers.message()).await {
        let Some(Message::Ping(payload)) = message else { panic!("{message:?}") };
        assert!(payload.is_empty(), "some clients take the payload for something");
    }
    answers.ask(&AsrRequest::Audio { pcm: vec![0.0; FRAME] }).await;
    assert!(matches!(answers.reply().await, AsrReply::Step { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_does_not_do_it_says() {
    let (host, folder) = ears();
    let (code, body) = http(host.port, "GET /api/chat", "").await;
    assert_eq!((code, body.contains("/api/asr-streaming")), (404, true), "{body}");
    let (code, body) = http(host.port, "GET /api/asr-streaming", "").await;
    assert_eq!((code, body.contains("WebSocket")), (400, true), "{body}");
    for path in ["/api/chat", "/api/asr-streaming", "/health"] {
        let (code, _) = http(host.port, &format!("GET {path}"), "Origin: https://evil.example\r\n").await;
        assert_eq!(code, 403, "{path}");
    }
    let (code, body) = http(host.port, "GET /health", "").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &health["status"], &health["model"]), (200, &"ok".into(), &Value::Null));
    assert_eq!(health["capabilities"], serde_json::json!(["hear"]));
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(health["hearing"]["model"], name);

    let moshi = written(|folder| drop(tiny::write(folder, settings(0)).unwrap()));
    let model = ModelSource::new(engine::load(moshi.path()).unwrap(), None);
    let host = serve(model, ServerSettings::default());
    let (code, body) = http(host.port, "GET /api/asr-streaming", "").await;
    assert_eq!((code, body.contains("--hear")), (404, true), "{body}");
    let told = talk(host.port, "hear=1", &speech()).await;
    assert!(!told.about.can(capability::HEARS) && told.heard.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_says_so_to_whoever_is_heard() {
    let (mut host, _folder) = ears();
    let mut client = Dictation::connect(host.port).await;
    assert_eq!(client.reply().await, AsrReply::Ready);
    host.stop.cancel();
    assert_eq!(client.closed().await, Some(close::GOING_AWAY));
    let ended = tokio::time::timeout(Duration::from_secs(10), &mut host.task).await;
    ended.expect("it ends soon").unwrap().unwrap();
}
