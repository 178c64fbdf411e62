//! The whole loop with a real host: sound goes in, words are heard, the brain answers them, and Moshi says the answer.
//!
//! The tiny recogniser says words at sound and none at silence; which words they are means nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod world;

use std::sync::Arc;

use brain::{BuiltIn, built_in};
use conversation::{Command, Conduct, Ear, EarServer, Event, Host, Phase, ReplyState, Says, Thinker};
use engine::{
    CpuOptions, Sampling,
    hear::{Ears, Recogniser},
    serve::{EarsSource, ModelSource, Server, ServerSettings, Source},
    tiny::{self, TinySettings},
};
use store::{Delivery, Speaker};
use tokio_util::sync::{CancellationToken, DropGuard};
use world::{LIMIT, World, world_that_hears};

/// Serves until the guard is dropped.
fn serve(source: impl Source) -> (String, DropGuard) {
    let settings = ServerSettings { address: ([127, 0, 0, 1], 0).into(), ..ServerSettings::default() };
    let server = Server::bind(settings, Arc::new(source)).unwrap();
    let (address, stop) = (server.address().to_string(), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));
    (address, stop.drop_guard())
}

fn recogniser(model: Option<&engine::Model>) -> (Recogniser, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_hearing(folder.path(), TinySettings::default()).unwrap();
    let options = CpuOptions::default();
    let recogniser = match model {
        Some(model) => Recogniser::load_beside(folder.path(), options, model),
        None => Recogniser::load(folder.path(), options),
    };
    (recogniser.unwrap(), folder)
}

/// A host with a tiny Moshi, which hears where that is wanted.
fn host(hears: bool) -> (String, DropGuard, Vec<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let model = engine::load(folder.path()).unwrap();
    let ears = hears.then(|| recogniser(Some(&model)));
    let source = ModelSource::new(model, Some(Sampling::GREEDY));
    let (source, kept) = match ears {
        Some((recogniser, kept)) => (source.with_ears(Ears::new(recogniser)), vec![folder, kept]),
        None => (source, vec![folder]),
    };
    let (address, stop) = serve(source);
    (address, stop, kept)
}

/// Two seconds of silence, two of sound, and silence, at 48 kHz.
fn speech() -> Vec<f32> {
    let sound = |n: usize| {
        let t = n as f32 / 48_000.0;
        (t * (300.0 + 200.0 * t) * std::f32::consts::TAU).sin() * 0.5
    };
    [vec![0.0; 96_000], (0..96_000).map(sound).collect()].concat()
}

async fn begin(ear: Ear, address: &str) -> World {
    let w = world_that_hears(speech(), None, |_| {}).0;
    let brain = BuiltIn::new(built_in::Options::default());
    let thinker = Thinker { brain: Arc::new(brain), person: "ada".into(), yields: true };
    w.handle.send(Command::Brain(Some(thinker))).await;
    // The tiny Moshi babbles without a pause.
    let conduct = Conduct { ear, says: Says::AtOnce, ..Conduct::default() };
    w.handle.send(Command::Conduct(Box::new(conduct))).await;
    w.handle.send(Command::Talk(Host::speaking(address, "", "", LIMIT))).await;
    w
}

/// What is said is heard, asked once, answered, and the answer is said by Moshi.
async fn goes_round(mut w: World) {
    let spoken = w.spoken(|reply| reply.state == ReplyState::Spoken).await;
    assert_eq!(spoken.text, spoken.said);
    let heard: Vec<_> = w.kept.values().filter(|turn| turn.source == store::Source::Heard).collect();
    assert!(!heard[0].open && !heard[0].text.is_empty());
    assert_eq!(heard[0].delivery, Some(Delivery::Delivered));
    let answers = w.kept.values().filter(|turn| turn.speaker == Speaker::Brain).count();
    let asked = w.kept.values().filter(|turn| turn.delivery.is_some()).count();
    assert!(answers <= asked, "no turn is answered twice");
    let times = w.times.values().find(|times| times.sounds_ms.is_some()).unwrap().clone();
    assert!(heard.iter().any(|turn| turn.number == times.turn));
    let order = [
        times.said_ms,
        times.known_ms,
        times.asked_ms,
        times.first_token_ms,
        times.sayable_ms,
        times.given_ms,
        times.sounds_ms,
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{times:?}");
    w.sound().await;
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hears_closes_the_loop() {
    let (address, _stop, _folders) = host(true);
    goes_round(begin(Ear::Host, &address).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_of_ours_beside_a_host_that_does_not_hear_closes_it_too() {
    let (address, _stop, _folders) = host(false);
    let (recogniser, _folder) = recogniser(None);
    let (ears, _stop_ears) = serve(EarsSource::new(Ears::new(recogniser)));
    let ear = Ear::Server(EarServer::new(&ears, None, false).unwrap());
    goes_round(begin(ear, &address).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_recogniser_hears_a_call_or_a_dictation_and_says_so() {
    let (address, _stop, _folders) = host(true);
    let mut caller = begin(Ear::Host, &address).await;
    caller.phase(Phase::Live).await;
    let mut w = world_that_hears(speech(), None, |_| {}).0;
    let server = EarServer::new(&address, None, false).unwrap();
    w.handle.send(Command::Dictate(Some(Ok(server)))).await;
    let code = loop {
        if let Event::Ear(ear) = w.next().await
            && let Some(problem) = ear.problem
        {
            break problem.code;
        }
    };
    assert_eq!(code, "ear.says");
    // It is asked again, until the caller has gone.
    caller.handle.send(Command::Stop).await;
    caller.phase(Phase::Idle).await;
    while w.dictation.text.is_empty() {
        w.next().await;
    }
    caller.end().await;
    w.end().await;
}
