//! Playout against jitter: `cargo bench -p audio --bench playout`.
//!
//! Ten minutes of speech arrive in blocks of 80 ms by the times of a trace, and a device takes 10 ms at a time. Compared are
//! this program's playout buffer, the rule of Kyutai's web client, and buffers of a fixed length. Of those the shortest is
//! taken that has no more underruns than ours, because any buffer has less delay if it may run dry more often.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark prints, and may stop at the first surprise"
)]

mod peers;
mod traces;

use std::time::Duration;

use audio::playout::Playout;

/// Milliseconds of sound in a block.
pub(crate) const BLOCK_MS: f64 = 80.0;
/// Milliseconds that the device takes at a time.
pub(crate) const PERIOD_MS: f64 = 10.0;
/// Samples in a millisecond.
pub(crate) const PER_MS: f64 = 24.0;
/// Blocks of a trace: ten minutes.
pub(crate) const BLOCKS: usize = 7_500;
/// The first ten seconds are not counted: every buffer learns then.
const LEARNING: usize = 125;

/// What became of a trace.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Sum of the delays between the sender and the loudspeaker, in milliseconds, and how many there are.
    delay: (f64, u64),
    /// Times that nothing was there.
    pub(crate) underruns: u64,
    /// Milliseconds in which nothing of the sender was heard though it spoke: silence, or made up.
    gaps: f64,
    /// Milliseconds of the sender that were thrown away.
    lost: f64,
}

impl Outcome {
    pub(crate) fn plays(&mut self, delay: f64) {
        self.delay = (self.delay.0 + delay, self.delay.1 + 1);
    }

    pub(crate) fn gap(&mut self, ms: f64) {
        self.gaps += ms;
    }

    pub(crate) fn loses(&mut self, ms: f64) {
        self.lost += ms;
    }

    fn mean(&self) -> f64 {
        self.delay.0 / self.delay.1.max(1) as f64
    }
}

/// A sound like a voice: harmonics, syllables, and no pauses, so that every gap is heard.
fn voice(block: usize) -> Vec<f32> {
    let first = block * 1_920;
    (first..first + 1_920)
        .map(|sample| {
            let t = sample as f64 / 24_000.0;
            let pitch = 120.0 * t + 2.0 * (t * 3.0).sin();
            let syllable = 0.55 + 0.45 * (t * 4.0 * std::f64::consts::TAU).sin();
            let harmonics: f64 =
                (1..6).map(|n| (f64::from(n) * pitch * std::f64::consts::TAU).sin() / f64::from(n)).sum();
            (harmonics * syllable * 0.2) as f32
        })
        .collect()
}

/// Our buffer, as the worker drives it.
fn ours(arrivals: &[f64]) -> Outcome {
    let at = |ms: f64| Duration::from_secs_f64(ms.max(0.0) / 1e3);
    let (mut playout, mut outcome) = (Playout::new(), Outcome::default());
    let (mut ring, mut out, mut call) = (0.0, Vec::new(), 3.0);
    let (mut before, mut received) = (playout.stats(), 0_usize);
    for (block, &time) in arrivals.iter().enumerate() {
        while call <= time {
            playout.pull(ring, &mut out);
            ring += out.drain(..).len() as f64 / PER_MS * playout.bend();
            if ring < PERIOD_MS {
                playout.conceal(PERIOD_MS + 1.0, at(call), &mut out);
                ring += out.drain(..).len() as f64 / PER_MS;
            }
            if block > LEARNING {
                let has = received as f64 * BLOCK_MS - playout.queued_ms() - ring;
                outcome.plays(call - has);
                if ring < PERIOD_MS {
                    outcome.gap(PERIOD_MS - ring);
                }
            }
            ring = (ring - PERIOD_MS).max(0.0);
            call += PERIOD_MS;
        }
        received += 1;
        playout.push(&voice(block), at(call), ring);
        playout.pull(ring, &mut out);
        ring += out.drain(..).len() as f64 / PER_MS * playout.bend();
        if block == LEARNING {
            before = playout.stats();
        }
    }
    let stats = playout.stats();
    outcome.underruns = stats.underruns - before.underruns;
    outcome.gap((stats.concealed - before.concealed) as f64 / PER_MS);
    outcome.loses((stats.dropped - before.dropped) as f64 / PER_MS);
    outcome
}

fn main() {
    let minutes = (BLOCKS - LEARNING) as f64 * BLOCK_MS / 60_000.0;
    println!("ten minutes a trace              delay ms   underruns/min   gaps ms/min   lost ms/min");
    for (name, arrivals) in traces::all() {
        let mine = ours(&arrivals);
        let web = peers::web_client(&arrivals, LEARNING);
        let (length, fixed) = peers::shortest(&arrivals, LEARNING, mine.underruns);
        println!("{name}");
        for (who, outcome) in [
            ("  this program".to_owned(), mine),
            ("  web client's rule".to_owned(), web),
            (format!("  fixed, {length:.0} ms"), fixed),
        ] {
            println!(
                "{who:<30} {:10.1} {:15.2} {:13.1} {:13.1}",
                outcome.mean(),
                outcome.underruns as f64 / minutes,
                outcome.gaps / minutes,
                outcome.lost / minutes
            );
        }
    }
    println!(
        "The delay is from a sender that sends each block when it is whole; 80 ms of it are the block.\n\
         Gaps are silence, or sound that was made up, while the sender speaks."
    );
}
