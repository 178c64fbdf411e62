//! How fast the processor reads its memory: what limits the model there.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::thread::on_thread;
use crate::Ram;

/// Much larger than any cache.
const USUAL: u64 = 1 << 30;

/// How often the memory is read, at most.
const PASSES: usize = 24;

/// What is read in one go, in words of 8 bytes: a line of the cache.
const LANES: usize = 8;

/// How much memory to read: 1 GiB, or an eighth of what is available.
pub(super) fn usual_bytes(ram: &Ram) -> usize {
    let available = ram.available_bytes.or(ram.total_bytes).unwrap_or(USUAL);
    usize::try_from(USUAL.min(available / 8)).unwrap_or(usize::MAX)
}

/// The best of several passes over so many bytes by all cores, in GB/s: other programs only ever take away from it. Ends
/// when the future is dropped.
pub(super) async fn measure(bytes: usize, limit: Duration) -> Result<f64, String> {
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    on_thread("doctor-bandwidth", move || passes(bytes, limit, &stopped)).await
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn passes(bytes: usize, limit: Duration, stopped: &AtomicBool) -> Result<f64, String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let words = (bytes / 8 / threads).next_multiple_of(LANES);
    let mut memory: Vec<Vec<u64>> = Vec::new();
    memory.resize_with(threads, Vec::new);
    thread::scope(|scope| {
        for part in &mut memory {
            // Each fills what it will read, so that it lies close to it; not with zeros, which the system may not store.
            scope.spawn(|| part.extend(0..words as u64));
        }
    });
    let begin = Instant::now();
    let mut best: Option<f64> = None;
    for _ in 0..PASSES {
        if best.is_some() && begin.elapsed() >= limit {
            break;
        }
        if stopped.load(Ordering::Relaxed) {
            return Err("cancelled".to_owned());
        }
        let pass = Instant::now();
        thread::scope(|scope| {
            for part in &memory {
                scope.spawn(|| black_box(sum(part)));
            }
        });
        let speed = (words * threads * 8) as f64 / pass.elapsed().as_secs_f64() / 1e9;
        best = Some(best.map_or(speed, |best| best.max(speed)));
    }
    best.ok_or_else(|| "nothing was measured".to_owned())
}

/// Written out, so that it keeps the memory busy in a build without much optimisation as well.
fn sum(words: &[u64]) -> u64 {
    let (mut a, mut b, mut c, mut d) = (0u64, 0u64, 0u64, 0u64);
    let (chunks, _) = words.as_chunks::<LANES>();
    for w in chunks {
        a = a.wrapping_add(w[0]).wrapping_add(w[4]);
        b = b.wrapping_add(w[1]).wrapping_add(w[5]);
        c = c.wrapping_add(w[2]).wrapping_add(w[6]);
        d = d.wrapping_add(w[3]).wrapping_add(w[7]);
    }
    a ^ b ^ c ^ d
}
