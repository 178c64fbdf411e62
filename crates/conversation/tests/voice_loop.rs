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

mod host;
mod world;

use std::sync::Arc;

use brain::{BuiltIn, built_in};
use conversation::{Command, Conduct, Ear, EarServer, Event, Host, Phase, ReplyState, Says, Thinker};
use engine::{hear::Ears, serve::EarsSource};
use host::{host, recogniser, serve};
use store::{Delivery, Speaker};
use world::{LIMIT, World, world_that_hears};

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
