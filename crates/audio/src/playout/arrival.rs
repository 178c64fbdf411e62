//! How late sound arrives, and how much delay that asks for.
//!
//! Every arrival is compared with the fastest one lately: a block that comes later than its place in the stream
//! would allow is late by the difference. A slowly forgetting histogram of this lateness says how long playout has to
//! lag behind so that nearly every block is there in time. Nothing here trusts the sender's idea of time; only the
//! count of samples and the local clock are used.

use std::time::Duration;

use crate::RATE;

/// Width of one bin of the histogram.
const BIN_MS: f64 = 2.0;
const BINS: usize = 200;
/// What blocks that come too late cost, in ms of delay for all of them together: a delay is worth having as long as each
/// millisecond of it brings this much less lateness. On a calm line nearly every block is then waited for, because the last
/// ones are near; on a rough line the last ones are far, and a concealed one in some seconds costs less than the delay.
const LATE_MS: f64 = 3_000.0;
/// Weight that a block's lateness keeps with each later one: half of it is gone after 11 s of 80 ms blocks.
const KEEP: f64 = 0.995;
/// A block later than this is a stall of the network, which no delay shall be kept for.
const STALL_MS: f64 = BIN_MS * BINS as f64;
/// The fastest arrival is looked for among this many seconds, so that a clock that drifts cannot fool it for long.
const WINDOW: usize = 12;

/// Lateness of arrivals, and the delay that follows from it.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    /// Samples that came before the next block.
    samples: u64,
    first: Option<Duration>,
    /// Smallest offset between arrival time and sample time in each of the last seconds, in ms.
    fastest: [f64; WINDOW],
    second: u64,
    bins: [f64; BINS],
    seen: u32,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            samples: 0,
            first: None,
            fastest: [f64::INFINITY; WINDOW],
            second: 0,
            bins: [0.0; BINS],
            seen: 0,
        }
    }
}

impl Arrivals {
    /// Notes a block of `samples` that came at `at`, and returns how late it was in ms.
    pub(super) fn note(&mut self, samples: usize, at: Duration) -> f64 {
        let first = *self.first.get_or_insert(at);
        let since_first = at.saturating_sub(first);
        let offset = since_first.as_secs_f64() * 1e3 - self.samples as f64 * 1e3 / f64::from(RATE);
        self.samples += samples as u64;

        let second = since_first.as_secs();
        if second > self.second {
            let steps = usize::try_from(second - self.second).unwrap_or(WINDOW).min(WINDOW);
            self.fastest.rotate_right(steps);
            self.fastest[..steps].fill(f64::INFINITY);
            self.second = second;
        }
        self.fastest[0] = self.fastest[0].min(offset);
        let base = self.fastest.iter().copied().fold(f64::INFINITY, f64::min);
        let late = offset - base;
        if late < STALL_MS {
            self.remember(late);
        }
        late
    }

    fn remember(&mut self, late: f64) {
        self.seen = self.seen.saturating_add(1);
        // At first every block counts the same; later the past fades.
        let keep = KEEP.min(1.0 - 1.0 / f64::from(self.seen));
        for bin in &mut self.bins {
            *bin *= keep;
        }
        let bin = ((late / BIN_MS) as usize).min(BINS - 1);
        self.bins[bin] += 1.0 - keep;
    }

    /// The sender paused or the connection is new: the next block is the fastest so far. What was learnt stays.
    pub(super) fn start_again(&mut self) {
        self.samples = 0;
        self.first = None;
        self.fastest = [f64::INFINITY; WINDOW];
        self.second = 0;
    }

    /// The delay in ms at which delay and lateness (see [`LATE_MS`]) cost least together.
    pub(super) fn wanted_ms(&self) -> f64 {
        let mut late: f64 = self.bins.iter().sum();
        let mut best = (late * LATE_MS, 0.0);
        for (i, bin) in self.bins.iter().enumerate() {
            late -= bin;
            let delay = (i + 1) as f64 * BIN_MS;
            let cost = delay + late * LATE_MS;
            if cost < best.0 {
                best = (cost, delay);
            }
        }
        best.1
    }

    /// Blocks whose lateness is known.
    pub(super) fn seen(&self) -> u32 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 1920;

    fn at(ms: f64) -> Duration {
        Duration::from_secs_f64((ms + 1000.0) / 1e3)
    }

    #[test]
    fn blocks_on_time_ask_for_next_to_nothing() {
        let mut arrivals = Arrivals::default();
        for k in 0..200 {
            let late = arrivals.note(BLOCK, at(f64::from(k) * 80.0));
            assert!(late < 0.01);
        }
        assert!(arrivals.wanted_ms() <= BIN_MS);
    }

    #[test]
    fn the_delay_covers_nearly_all_of_the_lateness_and_forgets_it_again() {
        let mut arrivals = Arrivals::default();
        for k in 0..400 {
            let jitter = f64::from(k * 7 % 50);
            arrivals.note(BLOCK, at(f64::from(k) * 80.0 + jitter));
        }
        let wanted = arrivals.wanted_ms();
        assert!((46.0..=52.0).contains(&wanted), "jitter of 0 to 49 ms asks for {wanted} ms");
        for k in 400..1_600 {
            arrivals.note(BLOCK, at(f64::from(k) * 80.0));
        }
        assert!(arrivals.wanted_ms() <= 2.0 * BIN_MS, "a calm network is noticed");
    }

    #[test]
    fn the_last_late_blocks_are_waited_for_while_they_are_near_and_not_when_they_are_far() {
        let wanted = |late_ms: f64, one_in: u32| {
            let mut arrivals = Arrivals::default();
            for k in 0..800 {
                let late = if k % one_in == 0 { late_ms } else { 0.0 };
                arrivals.note(BLOCK, at(f64::from(k) * 80.0 + late));
            }
            arrivals.wanted_ms()
        };
        let near = wanted(9.0, 40);
        assert!(
            (10.0..=12.0).contains(&near),
            "one block in three seconds that is 9 ms late asks for {near} ms"
        );
        let far = wanted(200.0, 60);
        assert!(far <= BIN_MS, "one in five seconds that is 200 ms late asks for {far} ms");
    }

    #[test]
    fn a_stall_of_seconds_is_not_remembered_as_jitter() {
        let mut arrivals = Arrivals::default();
        for k in 0..100 {
            let at_ms = if (50..90).contains(&k) { 90.0 * 80.0 } else { f64::from(k) * 80.0 };
            arrivals.note(BLOCK, at(at_ms));
        }
        assert!(arrivals.wanted_ms() <= 400.0);
        for k in 100..300 {
            arrivals.note(BLOCK, at(f64::from(k) * 80.0));
        }
        assert!(arrivals.wanted_ms() < 120.0, "{}", arrivals.wanted_ms());
    }

    #[test]
    fn a_sender_whose_clock_is_200_ppm_off_does_not_look_late() {
        for ppm in [-200.0, 200.0] {
            let mut arrivals = Arrivals::default();
            for k in 0..45_000 {
                arrivals.note(BLOCK, at(f64::from(k) * 80.0 * (1.0 + ppm * 1e-6)));
            }
            assert!(arrivals.wanted_ms() <= 6.0, "{ppm} ppm: {}", arrivals.wanted_ms());
        }
    }
}
