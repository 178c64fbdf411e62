//! How long reading this machine takes: `cargo bench -p doctor --features probes`.
//!
//! Prints the median and the 95th percentile of many readings, which are to stay below 2 s, and the one measurement of
//! the memory's bandwidth that a report rests on.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::time::{Duration, Instant};

use doctor::{
    judge,
    probe::{self, MeasureSettings, Progress, ReadSettings},
};
use tokio::sync::watch;

const READINGS: usize = 40;

#[tokio::main]
async fn main() {
    let settings = ReadSettings::new(std::env::temp_dir());
    let (progress, _) = watch::channel(Progress::default());
    let mut times = Vec::with_capacity(READINGS);
    let mut late = 0;
    for _ in 0..READINGS {
        let begin = Instant::now();
        let world = probe::read(&settings, &progress).await;
        times.push(begin.elapsed());
        late += world.unread.len();
    }
    times.sort();
    let (median, p95) = (percentile(&times, 50), percentile(&times, 95));
    println!("read: {READINGS} readings, p50 {median:.0?}, p95 {p95:.0?}, {late} parts not read (limit 2 s)");

    let world = probe::read(&settings, &progress).await;
    let begin = Instant::now();
    let text = judge(&world).to_text();
    println!("judge and to_text: {:.0?}, {} lines", begin.elapsed(), text.lines().count());

    let begin = Instant::now();
    let measured = probe::measure(&world, &MeasureSettings::new(), &progress).await;
    let speed = measured.measured.cpu_gb_per_s.unwrap_or_default();
    println!("measure: {:.1?}, {speed:.1} GB/s (limit 20 s)", begin.elapsed());
}

/// The time that so many of a hundred stay below.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
