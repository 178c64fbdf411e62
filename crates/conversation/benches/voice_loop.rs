//! How long the loop takes beyond what models take: `cargo bench -p conversation`.
//!
//! Sound goes into a virtual microphone, a real host with tiny models hears it, the built-in brain answers, and Moshi says the
//! answer, over real sockets. Printed is how late words are told beyond the delay of the recogniser's model (100 ms are
//! allowed), and how many frames of 80 ms pass from when a reply may be said to its first forced word (3 are allowed).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "a benchmark prints, and may stop at the first surprise"
)]

#[path = "../tests/host/mod.rs"]
mod host;
#[path = "../tests/world/mod.rs"]
mod world;

use std::sync::Arc;

use brain::{BuiltIn, built_in};
use conversation::{Command, Conduct, Ear, Host, Says, Thinker, TurnTimes};
use world::{LIMIT, world_that_hears};

/// Rounds that are measured.
const ROUNDS: usize = 20;

/// Silence, a second of sound, and silence, again and again, at 48 kHz.
fn speech() -> Vec<f32> {
    let sound = |n: usize| {
        let t = n as f32 / 48_000.0;
        (t * (300.0 + 400.0 * t) * std::f32::consts::TAU).sin() * 0.5
    };
    let once = [vec![0.0; 48_000], (0..48_000).map(sound).collect(), vec![0.0; 120_000]].concat();
    once.repeat(2 * ROUNDS)
}

#[tokio::main]
async fn main() {
    let (address, _stop, _folders) = host::host(true);
    let mut w = world_that_hears(speech(), None, |_| {}).0;
    let brain = BuiltIn::new(built_in::Options::default());
    let thinker = Thinker { brain: Arc::new(brain), person: "ada".into(), yields: true };
    w.handle.send(Command::Brain(Some(thinker))).await;
    let conduct = Conduct { ear: Ear::Host, says: Says::AtOnce, ..Conduct::default() };
    w.handle.send(Command::Conduct(Box::new(conduct))).await;
    w.handle.send(Command::Talk(Host::speaking(&address, "", "", LIMIT))).await;
    let whole = |times: &&TurnTimes| times.sounds_ms.is_some() && times.words_late_ms.is_some();
    while w.times.values().filter(whole).count() < ROUNDS {
        w.next().await;
    }
    let times: Vec<TurnTimes> = w.times.values().filter(whole).cloned().collect();
    let late = times.iter().filter_map(|times| times.words_late_ms).map(|ms| ms as f64).collect();
    let frames =
        times.iter().filter_map(|times| Some((times.sounds_ms? - times.given_ms?) as f64 / 80.0)).collect();
    let said = times.iter().filter_map(|times| Some((times.sounds_ms? - times.known_ms?) as f64)).collect();
    println!("{ROUNDS} turns, spoken to a host with tiny models     median   95 %    most   allowed");
    line("a word's text, beyond the model's delay, ms", late, "100");
    line("from when a reply may be said to its first word, frames", frames, "3");
    line("from a whole turn to the first sound of its answer, ms", said, "-");
    w.end().await;
}

fn line(what: &str, mut values: Vec<f64>, allowed: &str) {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    println!("{what:<58} {:6.1} {:6.1} {:7.1} {allowed:>9}", at(0.5), at(0.95), at(1.0));
}
