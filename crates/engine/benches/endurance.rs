//! `cargo bench -p engine --bench endurance -- HOURS`: so many hours of sound through a tiny model, as fast as it goes,
//! and what memory and a frame's time are after each.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints, and may stop"
)]

use std::time::Instant;

use engine::codec::FRAME;
use engine::tiny::{self, TinySettings};
use engine::{Output, Pipeline, Sampling};

/// Frames of an hour.
const HOUR: usize = 45_000;

fn main() {
    let hours = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_usize);
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let (sender, outputs) = std::sync::mpsc::sync_channel(8);
    let model = engine::load(folder.path()).unwrap();
    let pipeline =
        Pipeline::start(model, Sampling::default(), 0, move |output| sender.send(output).is_ok()).unwrap();
    let frame: [f32; FRAME] = std::array::from_fn(|i| 0.3 * (i as f32 * 0.05).sin());
    // The first frame comes out when the second is in.
    pipeline.hear(&frame);
    println!("hour   frames   us/frame   words/min   loudness   memory MB");
    for hour in 1..=hours {
        let (began, mut words, mut power) = (Instant::now(), 0, 0.0);
        for _ in 0..HOUR {
            pipeline.hear(&frame);
            match outputs.recv().unwrap() {
                Output::Frame { pcm, text, .. } => {
                    words += u32::from(text != 3);
                    power += pcm.iter().map(|x| f64::from(x * x)).sum::<f64>() / FRAME as f64;
                }
                Output::Failed(error) => panic!("{error}"),
            }
        }
        println!(
            "{hour:>4}   {:>6}   {:>8.0}   {:>9.1}   {:>8.4}   {:>9.1}",
            HOUR,
            began.elapsed().as_secs_f64() / HOUR as f64 * 1e6,
            f64::from(words) / 60.0,
            (power / HOUR as f64).sqrt(),
            memory() / 1e6
        );
    }
    assert_eq!(pipeline.timing().dropped, 0, "nothing is dropped where nobody is late");
    drop(outputs);
    drop(pipeline);
}

/// Memory that the program holds now, in bytes; 0 where the system does not say so.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}
