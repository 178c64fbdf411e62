//! What was received becomes what is played: a buffer that holds just enough.
//!
//! Sound arrives in blocks, early and late; a loudspeaker takes it evenly. The playout delay between the two is
//! measured with every block, compared with what the [arrivals](arrival) ask for, and corrected: by bending the
//! sample rate while it is a few milliseconds off, by leaving out or repeating single periods of speech when it is
//! more. When nothing is there in time, the last sound is continued and what comes late is still played. Only a
//! backlog of seconds is cut, and counted.
//!
//! This is arithmetic over samples and times that are handed in; there is no clock and no thread here.

mod arrival;
mod stretch;

use std::time::Duration;

use self::{
    arrival::Arrivals,
    stretch::{Continuation, Similarity},
};
use crate::RATE;

/// Delay of the first sound after silence. It is more than a calm network needs, and taken back soon.
const FIRST_MS: f64 = 25.0;
/// Added to what arrivals ask for: the grain of clocks and threads.
const MARGIN_MS: f64 = 5.0;
/// The delay never goes beyond this by itself.
const LARGEST_MS: f64 = 400.0;
/// Within this of the wanted delay only the sample rate is bent.
const BEND_MS: f64 = 5.0;
/// How much the rate is bent for one millisecond of error, and at most.
const BEND_PER_MS: f64 = 0.000_6;
const BEND_MOST: f64 = 0.004;
/// From here on a correction may be rough.
const FAR_MS: f64 = 150.0;
/// A backlog beyond this is cut to the wanted delay.
const CUT_MS: f64 = 1_500.0;
/// Sound that may lie in the device's ring already; what is beyond can still be shortened, or thrown away at once.
const RING_MS: f64 = 80.0;
/// Silence of this length is a pause of the sender, not jitter: the next sound starts afresh.
const PAUSE_MS: f64 = 600.0;

const PER_MS: f64 = RATE as f64 / 1e3;

/// Figures about playout, since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayoutStats {
    /// Playout delay now: how long sound waits between its arrival and the device, for a block that is not late.
    pub delay_ms: f64,
    /// The delay that the arrivals ask for.
    pub target_ms: f64,
    /// How late blocks come: the share of the target that is the network's.
    pub jitter_ms: f64,
    /// Times that nothing was there when it was needed.
    pub underruns: u64,
    /// Samples that were made up.
    pub concealed: u64,
    /// Samples that were left out to catch up, in seams that are hard to hear.
    pub removed: u64,
    /// Samples that were repeated.
    pub added: u64,
    /// Samples of a backlog that were thrown away.
    pub dropped: u64,
    /// Samples received.
    pub received: u64,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come yet, or nothing for a while.
    Waiting,
    Playing,
    /// Sound ran out and is being continued.
    Concealing(Continuation),
}

/// The playout buffer.
#[derive(Debug)]
pub struct Playout {
    phase: Phase,
    queue: Vec<f32>,
    past: Vec<f32>,
    arrivals: Arrivals,
    /// Smoothed playout delay in ms.
    delay: Option<f64>,
    bend: f64,
    dry_since: Option<Duration>,
    stats: PlayoutStats,
}

impl Default for Playout {
    fn default() -> Self {
        Self::new()
    }
}

impl Playout {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: Phase::Waiting,
            queue: Vec::with_capacity(RATE as usize / 4),
            past: Vec::with_capacity(4 * Continuation::PAST),
            arrivals: Arrivals::default(),
            delay: None,
            bend: 1.0,
            dry_since: None,
            stats: PlayoutStats::default(),
        }
    }

    /// Forgets all sound and all timing, as after Stop or with a new connection. The counters stay.
    pub fn clear(&mut self) {
        let stats = self.stats;
        *self = Self::new();
        self.stats = PlayoutStats { delay_ms: 0.0, target_ms: 0.0, jitter_ms: 0.0, ..stats };
    }

    /// Sound came. `at` is when the device can take it, which is its next callback, and `ring` how many milliseconds of
    /// sound it will find there before this. Both are measured at the device because a block that misses a callback
    /// by a hair is as late as one that misses it by a whole period.
    pub fn push(&mut self, sound: &[f32], at: Duration, ring: f64) {
        if sound.is_empty() {
            return;
        }
        self.stats.received += sound.len() as u64;
        let paused = self.dry_since.is_some_and(|since| ms(at.saturating_sub(since)) > PAUSE_MS);
        let afresh = paused || matches!(self.phase, Phase::Waiting);
        if afresh {
            self.arrivals.start_again();
        }
        let late = self.arrivals.note(sound.len(), at);
        if afresh {
            self.start(sound);
        } else {
            let measured = self.queue.len() as f64 / PER_MS + ring + late;
            let delay = self.delay.unwrap_or(measured);
            self.delay = Some(delay + (measured - delay) * 0.5);
            self.join(sound);
            self.correct();
        }
        self.dry_since = None;
        self.stats.delay_ms = self.delay.unwrap_or(FIRST_MS);
        self.stats.target_ms = self.target();
        self.stats.jitter_ms = self.arrivals.wanted_ms();
    }

    /// Moves sound to `out` as long as the device's ring, which holds `ring` milliseconds, is not full enough.
    pub fn pull(&mut self, ring: f64, out: &mut Vec<f32>) {
        let room = ((RING_MS - ring).max(0.0) * PER_MS) as usize;
        let count = room.min(self.queue.len());
        if count == 0 {
            return;
        }
        out.extend_from_slice(&self.queue[..count]);
        self.queue.drain(..count);
        self.remember(&out[out.len() - count..]);
    }

    /// The device will run dry before more sound can be expected: appends `milliseconds` of made-up sound to `out`,
    /// or nothing while there is nothing to continue.
    pub fn conceal(&mut self, milliseconds: f64, at: Duration, out: &mut Vec<f32>) {
        if !self.queue.is_empty() || matches!(self.phase, Phase::Waiting) {
            return;
        }
        if matches!(self.phase, Phase::Playing) {
            self.stats.underruns += 1;
            self.dry_since = Some(at);
            self.phase = Phase::Concealing(Continuation::after(&self.past));
        }
        let Phase::Concealing(continuation) = &mut self.phase else { return };
        if continuation.is_over() {
            return;
        }
        let count = (milliseconds * PER_MS) as usize;
        continuation.make(count, out);
        self.stats.concealed += count as u64;
    }

    /// Sound that waits here, in milliseconds.
    #[must_use]
    pub fn queued_ms(&self) -> f64 {
        self.queue.len() as f64 / PER_MS
    }

    /// Factor by which the conversion to the device's rate shall be bent.
    #[must_use]
    pub fn bend(&self) -> f64 {
        self.bend
    }

    /// The figures.
    #[must_use]
    pub fn stats(&self) -> PlayoutStats {
        self.stats
    }

    /// The delay to aim at, in ms.
    fn target(&self) -> f64 {
        let wanted = self.arrivals.wanted_ms() + MARGIN_MS;
        // The first few blocks say little about the network.
        let wanted = if self.arrivals.seen() < 10 { wanted.max(FIRST_MS) } else { wanted };
        wanted.min(LARGEST_MS)
    }

    fn start(&mut self, sound: &[f32]) {
        let lead = self.target();
        self.queue.resize(self.queue.len() + (lead * PER_MS) as usize, 0.0);
        self.queue.extend_from_slice(sound);
        self.delay = Some(lead);
        self.phase = Phase::Playing;
    }

    fn join(&mut self, sound: &[f32]) {
        let from = self.queue.len();
        if let Phase::Concealing(continuation) = std::mem::replace(&mut self.phase, Phase::Playing) {
            let mut sound = sound.to_vec();
            continuation.lead_into(&mut sound, &mut self.queue);
            self.stats.concealed += (self.queue.len() - from) as u64;
            self.queue.extend_from_slice(&sound);
        } else {
            self.queue.extend_from_slice(sound);
        }
    }

    /// Brings the delay nearer to the target.
    fn correct(&mut self) {
        let Some(delay) = self.delay else { return };
        let target = self.target();
        let error = delay - target;
        if error > CUT_MS {
            let excess = ((error * PER_MS) as usize).min(self.queue.len());
            self.queue.drain(..excess);
            self.stats.dropped += excess as u64;
            self.delay = Some(delay - excess as f64 / PER_MS);
        } else if error > BEND_MS {
            let similarity = if error > FAR_MS { Similarity::LOW } else { Similarity::HIGH };
            // One cut in 80 ms is at most a fifth faster; far away it may be three.
            let mut from = 0;
            for _ in 0..if error > FAR_MS { 3 } else { 1 } {
                let removed = stretch::shorten(&mut self.queue, from, Self::most(error), similarity);
                from += stretch::REACH;
                self.stats.removed += removed as u64;
                self.delay = self.delay.map(|d| d - removed as f64 / PER_MS);
            }
        } else if error < -BEND_MS {
            let added = stretch::lengthen(&mut self.queue, Self::most(-error), Similarity::HIGH);
            self.stats.added += added as u64;
            self.delay = Some(delay + added as f64 / PER_MS);
        }
        // Too much delay: fewer samples out of the same sound.
        let error = self.delay.unwrap_or(target) - target;
        self.bend = 1.0 - (error * BEND_PER_MS).clamp(-BEND_MOST, BEND_MOST);
    }

    /// The longest period that corrects an error of so many milliseconds without turning it round.
    fn most(error: f64) -> usize {
        ((error + BEND_MS) * PER_MS) as usize
    }

    fn remember(&mut self, played: &[f32]) {
        let keep = Continuation::PAST;
        if played.len() >= keep {
            self.past.clear();
            self.past.extend_from_slice(&played[played.len() - keep..]);
        } else {
            let excess = (self.past.len() + played.len()).saturating_sub(keep);
            self.past.drain(..excess);
            self.past.extend_from_slice(played);
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK_MS: f64 = 80.0;
    const PERIOD_MS: f64 = 10.0;

    fn at(ms: f64) -> Duration {
        Duration::from_secs_f64(ms.max(0.0) / 1e3)
    }

    fn voice(from: u64, count: usize) -> Vec<f32> {
        (from..from + count as u64)
            .map(|i| {
                let t = i as f64 / f64::from(RATE);
                let loud = 0.5 + 0.5 * (t * 9.0).sin();
                ((t * 130.0 * std::f64::consts::TAU).sin() * 0.3 * loud
                    + (t * 390.0 * std::f64::consts::TAU).sin() * 0.1 * loud) as f32
            })
            .collect()
    }

    /// A sender, a network and a loudspeaker in simulated time.
    struct World {
        playout: Playout,
        /// Milliseconds of sound in the device's ring.
        ring: f64,
        out: Vec<f32>,
        next_call: f64,
        /// Length of a device period in the sender's time: 10 ms for a clock that agrees.
        period: f64,
        silent: u64,
        played: Vec<f32>,
    }

    impl World {
        fn new(device_ppm: f64) -> Self {
            Self {
                playout: Playout::new(),
                ring: 0.0,
                out: Vec::new(),
                next_call: 3.0,
                period: PERIOD_MS / (1.0 + device_ppm * 1e-6),
                silent: 0,
                played: Vec::new(),
            }
        }

        fn fill(&mut self) {
            let bend = self.playout.bend();
            self.ring += self.out.len() as f64 / PER_MS * bend;
            self.played.append(&mut self.out);
        }

        /// Lets the device call until `until` ms.
        fn run(&mut self, until: f64) {
            while self.next_call <= until {
                self.playout.pull(self.ring, &mut self.out);
                self.fill();
                if self.ring < PERIOD_MS {
                    self.playout.conceal(PERIOD_MS + 1.0, at(self.next_call), &mut self.out);
                    self.fill();
                }
                if self.ring < PERIOD_MS {
                    self.silent += u64::from(!self.played.is_empty());
                }
                self.ring = (self.ring - PERIOD_MS).max(0.0);
                self.next_call += self.period;
            }
        }

        fn arrive(&mut self, time: f64, sound: &[f32]) {
            self.run(time);
            self.playout.push(sound, at(self.next_call), self.ring);
            self.playout.pull(self.ring, &mut self.out);
            self.fill();
        }
    }

    fn block(k: u32) -> Vec<f32> {
        voice(u64::from(k) * 1_920, 1_920)
    }

    #[test]
    fn a_calm_network_ends_with_a_few_milliseconds() {
        let mut world = World::new(0.0);
        for k in 0..125 {
            world.arrive(f64::from(k) * BLOCK_MS, &block(k));
        }
        let stats = world.playout.stats();
        assert!(stats.delay_ms < 10.0, "{stats:?}");
        assert_eq!((stats.underruns, stats.dropped), (0, 0), "{stats:?}");
        assert!(stats.removed > 0, "the first delay is taken back");
    }

    #[test]
    fn the_delay_stays_for_an_hour_against_a_clock_that_is_off_by_200_ppm() {
        for ppm in [-200.0, 200.0] {
            let mut world = World::new(ppm);
            let mut delays = Vec::new();
            for k in 0..45_000 {
                world.arrive(f64::from(k) * BLOCK_MS, &block(k));
                if k > 250 {
                    delays.push(world.playout.stats().delay_ms);
                }
                world.played.clear();
            }
            let (low, high) = delays.iter().fold((f64::MAX, f64::MIN), |(l, h), d| (l.min(*d), h.max(*d)));
            assert!(high < 24.0 && low > 0.0, "{ppm} ppm: the delay went from {low:.1} to {high:.1} ms");
            let stats = world.playout.stats();
            assert!(stats.underruns < 40, "{ppm} ppm: {stats:?}");
            assert_eq!(stats.dropped, 0, "{ppm} ppm");
            assert_eq!(world.silent, 0, "{ppm} ppm: no callback found nothing");
        }
    }

    /// Lateness like |N(0, sigma)|, in order, as a connection over Wi-Fi has it.
    fn jitter(sigma: f64) -> impl FnMut() -> f64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut uniform = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        move || {
            ((-2.0 * uniform().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos() * sigma)
                .abs()
        }
    }

    #[test]
    fn jitter_of_40_ms_makes_no_hole_at_less_delay_than_the_peers_have_without() {
        let mut world = World::new(0.0);
        let mut late = jitter(40.0);
        let (mut free, mut delays) = (0.0_f64, Vec::new());
        for k in 0..3_000 {
            free = free.max(f64::from(k) * BLOCK_MS + late());
            world.arrive(free, &block(k));
            if k > 100 {
                delays.push(world.playout.stats().delay_ms);
            }
        }
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        let stats = world.playout.stats();
        assert_eq!(world.silent, 0, "no callback found nothing: {stats:?}");
        assert!(mean < 130.0, "mean delay {mean:.1} ms, {stats:?}");
        let concealed = stats.concealed as f64 / stats.received as f64;
        assert!(concealed < 0.005, "{:.2} % of the sound was made up", concealed * 100.0);
        let loudest_step = world.played.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0_f32, f32::max);
        assert!(loudest_step < 0.08, "a click of {loudest_step}");
    }

    #[test]
    fn a_stall_is_followed_by_sound_without_lasting_delay() {
        for stall in [200.0, 450.0, 3_000.0] {
            let mut world = World::new(0.0);
            let mut free = 0.0_f64;
            for k in 0..400 {
                let mut time = f64::from(k) * BLOCK_MS;
                if k == 100 {
                    time += stall;
                }
                free = free.max(time);
                world.arrive(free, &block(k));
            }
            let stats = world.playout.stats();
            assert!(stats.delay_ms < 60.0 || stats.delay_ms < stall * 0.5, "stall of {stall} ms: {stats:?}");
            assert!(stats.delay_ms - stats.target_ms < 10.0, "stall of {stall} ms: {stats:?}");
        }
    }

    #[test]
    fn a_pause_of_the_sender_is_not_taken_for_jitter() {
        let mut world = World::new(0.0);
        for k in 0..60 {
            world.arrive(f64::from(k) * BLOCK_MS, &block(k));
        }
        let before = world.playout.stats();
        for k in 0..60 {
            world.arrive(9_000.0 + f64::from(k) * BLOCK_MS, &block(k));
        }
        let after = world.playout.stats();
        assert!(after.target_ms <= before.target_ms + 6.0, "{before:?} {after:?}");
        assert!(after.delay_ms < 12.0, "{after:?}");
    }

    #[test]
    fn nothing_of_the_past_is_heard_after_it_was_cleared() {
        let mut world = World::new(0.0);
        for k in 0..10 {
            world.arrive(f64::from(k) * BLOCK_MS, &block(k));
        }
        world.playout.clear();
        let mut out = Vec::new();
        world.playout.pull(0.0, &mut out);
        world.playout.conceal(10.0, at(900.0), &mut out);
        assert!(out.is_empty(), "{} samples", out.len());
        assert!(world.playout.stats().received > 0, "the counters stay");
    }
}
