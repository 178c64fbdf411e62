//! An ear that is a server of its own, over real sockets: what goes there, what comes of its words, and what can be wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod recogniser;
mod servers;
mod world;

use std::{sync::Arc, time::Duration};

use brain::{BuiltIn, built_in};
use conversation::{Command, Conduct, Ear, EarPhase, EarServer, Event, Phase, Thinker};
use net::Token;
use recogniser::{Recogniser, Script, recogniser, word, word_end};
use servers::{Server, Style};
use store::Speaker;
use wire::MODEL_FRAME;
use world::{World, world};

const KEY: &str = "let-me-hear"; // secret-scan:allow a key that only this test knows

fn server(address: &str, key: Option<&str>) -> EarServer {
    EarServer::new(address, key.map(|key| Token::new(key).unwrap()), false).unwrap()
}

/// In a call with a Moshi that says nothing of its own, heard by this server, answered by the built-in brain.
async fn call(ears: &Recogniser, key: Option<&str>) -> (World, Server) {
    let moshi = Server::start(Style::Python).await;
    let w = world(None);
    let brain = BuiltIn::new(built_in::Options::default());
    let thinker = Thinker { brain: Arc::new(brain), person: "ada".into(), yields: true };
    w.handle.send(Command::Brain(Some(thinker))).await;
    let ear = Ear::Server(server(&ears.address.to_string(), key));
    w.handle.send(Command::Conduct(Box::new(Conduct { ear, ..Conduct::default() }))).await;
    w.talk(&moshi.address(), 30).await;
    (w, moshi)
}

/// Waits until the ear does this, and returns the code of its problem.
async fn ear(w: &mut World, phase: EarPhase, code: &str) {
    loop {
        if let Event::Ear(state) = w.next().await
            && state.phase == phase
            && state.problem.as_ref().map_or("", |problem| problem.code) == code
        {
            return;
        }
    }
}

fn sentence() -> Vec<(usize, wire::AsrReply)> {
    vec![(6, word("thanks", 0.1)), (8, word_end(0.4)), (9, word("MYCA", 0.5)), (12, word_end(0.8))]
}

#[tokio::test(flavor = "multi_thread")]
async fn words_become_a_turn_and_the_brain_answers_it() {
    let ears = recogniser(Script {
        says: sentence(),
        ready: true,
        pauses_from: Some(12),
        key: Some(KEY),
        ..Script::default()
    })
    .await;
    let (mut w, _moshi) = call(&ears, Some(KEY)).await;
    w.text("thanks MYCA").await;
    w.text("You are welcome.").await;
    let heard: Vec<_> = w.kept.values().filter(|turn| turn.speaker == Speaker::Person).collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!((heard[0].source, heard[0].open), (store::Source::Heard, false));
    let replies = w.kept.values().filter(|turn| turn.speaker == Speaker::Brain).count();
    assert_eq!(replies, 1);
    let times = w.times.values().next().unwrap();
    assert!(times.said_ms < times.known_ms && times.known_ms <= times.asked_ms, "{times:?}");
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    w.end().await;
    let came = ears.came.lock().unwrap()[0].clone();
    assert_eq!(came.key.as_deref(), Some(KEY));
    assert!(came.pieces.iter().all(|length| *length == MODEL_FRAME), "{:?}", came.pieces);
    assert!(came.samples.iter().any(|sample| sample.abs() > 0.1), "it hears the microphone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_tells_of_no_steps_ends_a_sentence_by_silence() {
    let ears = recogniser(Script { says: sentence(), ..Script::default() }).await;
    let (mut w, _moshi) = call(&ears, None).await;
    w.text("You are welcome.").await;
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_is_asked_again_until_there_is_some() {
    let ears =
        recogniser(Script { says: sentence(), full: 2, pauses_from: Some(12), ..Script::default() }).await;
    let (mut w, _moshi) = call(&ears, None).await;
    ear(&mut w, EarPhase::Waiting, "ear.says").await;
    ear(&mut w, EarPhase::Listening, "").await;
    w.text("You are welcome.").await;
    w.end().await;
    assert_eq!(ears.came.lock().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_its_connections_is_called_again_and_half_a_sentence_is_not_asked() {
    let ears = recogniser(Script {
        says: sentence(),
        ends_after: Some(10),
        pauses_from: Some(50),
        ..Script::default()
    })
    .await;
    let (mut w, _moshi) = call(&ears, None).await;
    ear(&mut w, EarPhase::Waiting, "ear.lost").await;
    ear(&mut w, EarPhase::Listening, "").await;
    ear(&mut w, EarPhase::Waiting, "ear.lost").await;
    while w.kept.values().filter(|turn| !turn.open && turn.speaker == Speaker::Person).count() < 2 {
        w.next().await;
    }
    let heard: Vec<_> = w.kept.values().filter(|turn| turn.speaker == Speaker::Person).collect();
    assert!(heard.iter().all(|turn| turn.text == "thanks MYCA" && turn.note.is_some()), "{heard:?}");
    assert!(!w.kept.values().any(|turn| turn.speaker == Speaker::Brain));
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_the_call_goes_on() {
    let keyed = || Script { key: Some(KEY), ..Script::default() };
    let garbage = |bytes: &[u8]| Script { garbage: Some(bytes.to_vec()), ..Script::default() };
    for (script, path, key, code) in [
        (keyed(), "", None, "ear.key"),
        (keyed(), "", Some("another"), "ear.key"),
        (Script::default(), "/elsewhere", None, "ear.not_found"),
        (garbage(b"\x00\x00"), "", None, "ear.none"),
        (garbage(&[0x91; 70_000]), "", None, "ear.lost"),
    ] {
        let ears = recogniser(script).await;
        let moshi = Server::start(Style::Python).await;
        let mut w = world(None);
        let ear_of = Ear::Server(server(&format!("{}{path}", ears.address), key));
        w.handle.send(Command::Conduct(Box::new(Conduct { ear: ear_of, ..Conduct::default() }))).await;
        w.talk(&moshi.address(), 30).await;
        let phase = if code == "ear.lost" { EarPhase::Waiting } else { EarPhase::Failed };
        ear(&mut w, phase, code).await;
        while w.call.as_ref().is_none_or(|call| call.phase != Phase::Live) {
            w.next().await;
        }
        w.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_unencrypted_to_another_computer_and_nobody_waits_for_one_that_is_not_there() {
    let moshi = Server::start(Style::Python).await;
    let mut w = world(None);
    for (server, phase, code) in [
        (EarServer::new("ws://192.0.2.1:8080", None, false), EarPhase::Failed, "ear.plain"),
        (EarServer::new("127.0.0.1:1", None, false), EarPhase::Waiting, "ear.unreachable"),
    ] {
        let conduct = Conduct { ear: Ear::Server(server.unwrap()), ..Conduct::default() };
        w.handle.send(Command::Conduct(Box::new(conduct))).await;
        w.talk(&moshi.address(), 30).await;
        ear(&mut w, phase, code).await;
        w.handle.send(Command::Stop).await;
    }
    assert!(EarServer::new("ftp://x", None, false).is_err() && EarServer::new("", None, false).is_err());
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dictation_writes_down_all_that_was_said_before_its_end() {
    let mut says = sentence();
    // Told only once the sound behind the end has come.
    says.push((24, word("again", 1.0)));
    let ears = recogniser(Script { says, ready: true, pauses_from: Some(1_000), ..Script::default() }).await;
    let mut w = world(None);
    w.handle.send(Command::Dictate(Some(Ok(server(&ears.address.to_string(), None))))).await;
    dictated(&mut w, "thanks MYCA").await;
    w.handle.send(Command::Dictate(None)).await;
    dictated(&mut w, "thanks MYCA again").await;
    assert!(!w.dictation.on);
    assert!(w.kept.is_empty(), "they are no turns");
    while !ears.came.lock().unwrap()[0].closed {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ears.came.lock().unwrap()[0].markers.len(), 1);
    w.end().await;
}

async fn dictated(w: &mut World, text: &str) {
    while w.dictation.text != text {
        w.next().await;
    }
}
