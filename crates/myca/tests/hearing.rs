//! `myca host --hear` and what belongs to it, as the program that it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../engine/tests/client/mod.rs"]
mod client;
mod program;

use std::path::PathBuf;

use client::asr::Dictation;
use client::{Client, http, sweep};
use program::{Home, Running};
use serde_json::Value;
use wire::{AsrReply, AsrRequest, Frame, HostMetadata, MODEL_FRAME, UtteranceState, capability};

/// A recogniser in the home.
fn recogniser(home: &Home) -> PathBuf {
    let folder = home.path().join("hears");
    home.prints(&["model", "tiny", folder.to_str().unwrap(), "--hear", "--quantized"]);
    folder
}

/// Starts a host; what it says when it is ready.
fn host(home: &Home, arguments: &[&str]) -> (Running, u16, Value) {
    let mut host = Running::start(home.command(&[&["host", "--port", "0", "--json"], arguments].concat()));
    let ready = host.event().expect("it is ready");
    assert_eq!(ready["event"], "ready");
    let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
    (host, port, ready)
}

#[tokio::test]
async fn a_host_that_only_hears_tells_words_and_says_that_it_does_not_talk() {
    let home = Home::new();
    let folder = recogniser(&home);
    let (_host, port, ready) = host(&home, &["--hear", folder.to_str().unwrap()]);
    assert_eq!(ready["hearUrl"], format!("ws://127.0.0.1:{port}/api/asr-streaming"));
    assert_eq!(ready.get("url"), None);
    let (code, body) = http(port, "GET /api/chat", "").await;
    assert_eq!((code, body.contains("--model")), (404, true), "{body}");
    let mut client = Dictation::connect(port).await;
    assert_eq!(client.reply().await, AsrReply::Ready);
    client.ask(&AsrRequest::Audio { pcm: sweep(25 * MODEL_FRAME) }).await;
    client.ask(&AsrRequest::Marker { id: 1 }).await;
    client.ask(&AsrRequest::Audio { pcm: vec![0.0; 25 * MODEL_FRAME] }).await;
    let mut words = 0;
    loop {
        match client.reply().await {
            AsrReply::Word { .. } => words += 1,
            AsrReply::Marker { .. } => break,
            _ => {}
        }
    }
    assert!(words >= 8, "{words}");
}

#[tokio::test]
async fn a_host_that_talks_and_hears_tells_callers_their_words() {
    let home = Home::new();
    let (talks, hears) = (home.tiny(false), recogniser(&home));
    let quantized = hears.join("model.q8.gguf");
    let arguments =
        ["--model", talks.to_str().unwrap(), "--hear", quantized.to_str().unwrap(), "--hear-threads", "1"];
    let (_host, port, ready) = host(&home, &arguments);
    assert_eq!(ready["url"], format!("ws://127.0.0.1:{port}/api/chat"));
    assert_eq!(ready["hearUrl"], format!("ws://127.0.0.1:{port}/api/asr-streaming"));
    let (_, health) = http(port, "GET /health", "").await;
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((&health["model"], &health["hearing"]["model"]), (&"tiny".into(), &"hears".into()));
    let mut client = Client::connect(port, "hear=1").await;
    let Frame::Metadata(json) = client.frame().await else { panic!("metadata comes first") };
    assert!(HostMetadata::parse(&json).unwrap().can(capability::HEARS));
    client.handshake().await.unwrap();
    let speech = [sweep(25 * MODEL_FRAME), vec![0.0; 50 * MODEL_FRAME]].concat();
    let (mut sounds, mut ended) = (0, None);
    let mut take = |frame: Frame| {
        match frame {
            Frame::Audio(_) => sounds += 1,
            Frame::Metadata(json) => {
                let heard = HostMetadata::parse(&json).unwrap().heard;
                ended = heard.filter(|heard| heard.state == UtteranceState::Final).or(ended.take());
            }
            _ => {}
        }
        (sounds, ended.clone())
    };
    for (frame, pcm) in speech.chunks_exact(MODEL_FRAME).enumerate() {
        client.say(pcm).await;
        while frame > 0 && take(client.frame().await).0 < frame {}
    }
    // The recogniser may be some frames behind.
    let ended = loop {
        if let (_, Some(ended)) = take(client.frame().await) {
            break ended;
        }
    };
    assert!(ended.text.split(' ').count() >= 8, "{ended:?}");
}

#[test]
fn what_hears_does_not_talk_and_what_talks_does_not_hear() {
    let home = Home::new();
    let (talks, hears) = (home.tiny(false), recogniser(&home));
    let (talks, hears) = (talks.to_str().unwrap(), hears.to_str().unwrap());
    home.refuses(
        &["host", "--port", "0", "--model", hears],
        4,
        "does not talk. Name it as what hears (--hear)",
    );
    home.refuses(&["host", "--port", "0", "--hear", talks], 4, "this one as what talks (--model)");
    home.refuses(&["host", "--port", "0", "--model", talks, "--hear", "/nowhere"], 4, "/nowhere is missing");
    home.refuses(&["host", "--hear-threads", "2", "--model", talks], 2, "--hear");
    home.refuses(&["model", "tiny", "x", "--hear", "--personaplex"], 2, "--personaplex");
}

#[test]
fn a_recogniser_is_examined_quantized_and_measured() {
    let home = Home::new();
    let folder = recogniser(&home);
    let named = folder.to_str().unwrap();
    let said = home.prints(&["model", "examine", named]);
    assert!(
        said.contains("a recogniser of speech") && said.contains("myca host --hear can load it"),
        "{said}"
    );
    let whole = home.json(&["model", "examine", named, "--json"]);
    assert_eq!((&whole["host"]["loads"], &whole["host"]["hears"]), (&true.into(), &true.into()));
    let smaller = folder.join("smaller.gguf");
    let smaller = smaller.to_str().unwrap();
    let output = home.run(&["model", "quantize", "--model", named, "--format", "q8_0", "--out", smaller]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(smaller).unwrap(), std::fs::read(folder.join("model.q8.gguf")).unwrap());

    let measure = ["bench", "--hear", smaller, "--at", "0,100", "--frames", "5", "--threads", "1", "--json"];
    let output = home.run(&measure);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["threads"], &report["codec"]["codebooks"]), (&1.into(), &32.into()));
    assert_eq!(report["steps"].as_array().unwrap().len(), 2);
    assert_eq!((&report["frame"]["context"], &report["frame"]["frames"]), (&100.into(), &5.into()));
    let of = |part: &Value, key: &str| part[key].as_f64().unwrap();
    assert!(of(&report["frame"], "realTime") > 0.0 && of(&report["codec"], "p50Ms") > 0.0, "{report}");
    home.refuses(&["bench", "--hear", named, "--model", named], 2, "--model");
    home.refuses(&["bench", "--model", named], 4, "does not talk");
}
