//! Where a device callback meets the audio worker.
//!
//! A port is the half of a lock-free ring that lives inside a device callback, with the counters that the worker and
//! the device watch read from outside. Nothing here allocates, locks, logs or waits: the worker is woken with
//! [`std::thread::Thread::unpark`], which is an atomic store and at most one system call.
//!
//! Rings hold mono f32 at the device's own sample rate; channels are mixed or copied here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

/// Counters of one port. Written by the device callback, read by everybody else.
#[derive(Debug)]
pub struct PortState {
    epoch: Instant,
    calls: AtomicU64,
    frames: AtomicU64,
    missed: AtomicU64,
    last_call_us: AtomicU64,
    left_after_call: AtomicU32,
    period: AtomicU32,
    latency_us: AtomicU32,
    flush: AtomicBool,
    wake_at: AtomicU64,
}

/// One look at a [`PortState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortReading {
    /// Callbacks since the stream was opened.
    pub calls: u64,
    /// Frames delivered or taken since then.
    pub frames: u64,
    /// Input: frames lost because the ring was full. Output: frames of silence because the ring was empty.
    pub missed: u64,
    /// When the last callback came, since the epoch.
    pub last_call: Duration,
    /// Frames in the ring when the last callback ended (output only).
    pub left_after_call: u32,
    /// Frames of the largest callback lately: how many the next one may ask for.
    pub period: u32,
    /// What lies between this port and the air: the device's own buffers.
    pub latency: Duration,
}

impl PortState {
    fn new(epoch: Instant) -> Arc<Self> {
        Arc::new(Self {
            epoch,
            calls: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            last_call_us: AtomicU64::new(0),
            left_after_call: AtomicU32::new(0),
            period: AtomicU32::new(0),
            latency_us: AtomicU32::new(0),
            flush: AtomicBool::new(false),
            wake_at: AtomicU64::new(0),
        })
    }

    /// Reads the counters. They are not taken at one instant; each is right by itself.
    #[must_use]
    pub fn read(&self) -> PortReading {
        PortReading {
            calls: self.calls.load(Relaxed),
            frames: self.frames.load(Relaxed),
            missed: self.missed.load(Relaxed),
            last_call: Duration::from_micros(self.last_call_us.load(Relaxed)),
            left_after_call: self.left_after_call.load(Relaxed),
            period: self.period.load(Relaxed),
            latency: Duration::from_micros(u64::from(self.latency_us.load(Relaxed))),
        }
    }

    /// What the device reports as its own delay. Backends call this whenever they learn it.
    pub fn set_latency(&self, latency: Duration) {
        self.latency_us.store(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX), Relaxed);
    }

    /// Asks the output port to throw away what is in its ring before it takes anything else.
    pub fn request_flush(&self) {
        self.flush.store(true, Relaxed);
    }

    /// Lets an input port wake the worker only once so many frames have been delivered in all. A value that comes late
    /// does no harm: until then the one before holds, which has been reached, so that the worker is woken too often.
    pub fn set_wake_at(&self, frames: u64) {
        self.wake_at.store(frames, Relaxed);
    }

    /// How many frames have to be delivered in all before the worker is woken.
    #[must_use]
    pub fn wake_at(&self) -> u64 {
        self.wake_at.load(Relaxed)
    }

    fn called(&self, frames: usize) {
        let now = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        let frames32 = u32::try_from(frames).unwrap_or(u32::MAX);
        self.last_call_us.store(now, Relaxed);
        self.frames.fetch_add(frames as u64, Relaxed);
        self.calls.fetch_add(1, Relaxed);
        // The period decays slowly towards what is asked for now, so that one large first request does not count forever.
        let period = self.period.load(Relaxed);
        self.period.store(
            if frames32 >= period { frames32 } else { period - (period - frames32).div_ceil(8) },
            Relaxed,
        );
    }
}

/// The callback's half of an input: takes what the device recorded.
pub struct InputPort {
    ring: HeapProd<f32>,
    state: Arc<PortState>,
    worker: Thread,
}

/// The callback's half of an output: gives the device what to play.
pub struct OutputPort {
    ring: HeapCons<f32>,
    state: Arc<PortState>,
    worker: Thread,
}

/// Makes an input port and the worker's end of it. `capacity` is in frames at the device's rate.
#[must_use]
pub fn input(capacity: usize, epoch: Instant, worker: Thread) -> (InputPort, HeapCons<f32>, Arc<PortState>) {
    let (producer, consumer) = HeapRb::new(capacity).split();
    let state = PortState::new(epoch);
    (InputPort { ring: producer, state: Arc::clone(&state), worker }, consumer, state)
}

/// Makes an output port and the worker's end of it. `capacity` is in frames at the device's rate.
#[must_use]
pub fn output(
    capacity: usize,
    epoch: Instant,
    worker: Thread,
) -> (OutputPort, HeapProd<f32>, Arc<PortState>) {
    let (producer, consumer) = HeapRb::new(capacity).split();
    let state = PortState::new(epoch);
    (OutputPort { ring: consumer, state: Arc::clone(&state), worker }, producer, state)
}

impl InputPort {
    /// Takes interleaved samples of `channels` channels; they are averaged into one.
    pub fn deliver(&mut self, interleaved: &[f32], channels: usize) {
        let channels = channels.max(1);
        let frames = interleaved.len() / channels;
        let taken = if channels == 1 {
            self.ring.push_slice(interleaved)
        } else {
            let scale = 1.0 / channels as f32;
            let mono = interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale);
            self.ring.push_iter(mono)
        };
        self.state.missed.fetch_add((frames - taken.min(frames)) as u64, Relaxed);
        self.state.called(frames);
        if self.awaited() == 0 {
            self.worker.unpark();
        }
    }

    /// Frames to come before the worker has something to do.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        self.state.wake_at().saturating_sub(self.state.frames.load(Relaxed))
    }

    /// The counters, for a backend that learns the device's delay.
    #[must_use]
    pub fn state(&self) -> &Arc<PortState> {
        &self.state
    }
}

impl OutputPort {
    /// Fills `interleaved` completely: with what is in the ring, and with silence where that ends.
    pub fn fill(&mut self, interleaved: &mut [f32], channels: usize) {
        if self.state.flush.swap(false, Relaxed) {
            self.ring.clear();
        }
        let channels = channels.max(1);
        let frames = interleaved.len() / channels;
        let got = if channels == 1 {
            self.ring.pop_slice(interleaved)
        } else {
            let mut got = 0;
            for (frame, sample) in interleaved.chunks_exact_mut(channels).zip(self.ring.pop_iter()) {
                frame.fill(sample);
                got += 1;
            }
            got
        };
        interleaved[got * channels..].fill(0.0);
        let left = self.ring.occupied_len();
        self.state.missed.fetch_add((frames - got) as u64, Relaxed);
        self.state.left_after_call.store(u32::try_from(left).unwrap_or(u32::MAX), Relaxed);
        self.state.called(frames);
        // With two callbacks' worth in hand the worker has nothing to do; it is spared the wake-up.
        if left < 2 * frames {
            self.worker.unpark();
        }
    }

    /// The counters, for a backend that learns the device's delay.
    #[must_use]
    pub fn state(&self) -> &Arc<PortState> {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn small_deliveries_wake_the_worker_when_it_has_something_to_do() {
        let woken = || {
            let begin = Instant::now();
            thread::park_timeout(Duration::from_millis(20));
            begin.elapsed() < Duration::from_millis(20)
        };
        let (mut port, _ring, state) = input(64, Instant::now(), thread::current());
        port.deliver(&[0.0; 4], 1);
        assert!(woken(), "nothing was said about when");
        state.set_wake_at(12);
        port.deliver(&[0.0; 4], 1);
        assert_eq!((port.awaited(), woken()), (4, false));
        port.deliver(&[0.0; 4], 1);
        assert_eq!((port.awaited(), woken()), (0, true));
    }

    #[test]
    fn channels_are_averaged_on_the_way_in_and_copied_on_the_way_out() {
        let (mut port, mut ring, state) = input(8, Instant::now(), thread::current());
        port.deliver(&[1.0, 0.0, 0.5, 0.5], 2);
        let mut mono = [0.0; 2];
        assert_eq!(ring.pop_slice(&mut mono), 2);
        assert_eq!(mono, [0.5, 0.5]);
        assert_eq!(state.read().frames, 2);

        let (mut port, mut ring, _) = output(8, Instant::now(), thread::current());
        ring.push_slice(&[0.25, -0.25]);
        let mut stereo = [9.0; 6];
        port.fill(&mut stereo, 2);
        assert_eq!(stereo, [0.25, 0.25, -0.25, -0.25, 0.0, 0.0]);
    }

    #[test]
    fn what_did_not_fit_or_was_not_there_is_counted() {
        let (mut port, _ring, state) = input(4, Instant::now(), thread::current());
        port.deliver(&[0.0; 6], 1);
        assert_eq!(state.read().missed, 2);

        let (mut port, mut ring, state) = output(4, Instant::now(), thread::current());
        ring.push_slice(&[1.0; 3]);
        port.fill(&mut [0.0; 5], 1);
        let reading = state.read();
        assert_eq!((reading.missed, reading.left_after_call, reading.period), (2, 0, 5));
    }

    #[test]
    fn a_flush_empties_the_ring_before_the_next_sample_is_taken() {
        let (mut port, mut ring, state) = output(8, Instant::now(), thread::current());
        ring.push_slice(&[1.0; 4]);
        state.request_flush();
        let mut out = [9.0; 2];
        port.fill(&mut out, 1);
        assert_eq!(out, [0.0; 2]);
        ring.push_slice(&[0.5; 2]);
        port.fill(&mut out, 1);
        assert_eq!(out, [0.5; 2]);
    }
}
