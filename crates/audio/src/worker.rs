//! The one thread that does the signal work.
//!
//! It sleeps until a device callback or the network wakes it, moves sound between the rings and the rest of the
//! program, and goes back to sleep. While the loudspeaker is about to run dry it wakes by itself, just in time to make
//! something up.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed},
        },
        mpsc::Receiver,
    },
    thread,
    time::{Duration, Instant},
};

use ringbuf::{
    HeapCons, HeapProd,
    traits::{Consumer, Observer, Producer},
};

use crate::{
    PACKET, RATE,
    device::StreamFormat,
    meter::Meter,
    playout::{Playout, PlayoutStats},
    port::PortState,
    resample::{self, Resampler},
};

/// How long before a callback the decision to make sound up is taken: the time that waking, making and converting it
/// may need on a busy machine.
const LEAD: Duration = Duration::from_millis(3);
/// Pieces of received sound on their way to the worker.
pub(crate) const CHUNKS: usize = 64;
/// The longest sleep: everything that matters wakes the thread.
const NAP: Duration = Duration::from_millis(100);

/// 20 ms from the microphone: 24 kHz, mono.
#[derive(Debug, Clone)]
pub struct MicFrame {
    /// The samples.
    pub pcm: [f32; PACKET],
    /// When its last sample was in the air, since the clock's epoch: delivery less the device's own delay.
    pub captured: Duration,
    /// When the worker had it ready.
    pub ready: Duration,
}

/// What the worker gives and takes; one for each [`crate::Sound`].
pub(crate) struct Shared {
    pub(crate) epoch: Instant,
    pub(crate) muted: AtomicBool,
    /// Sound of older generations is not played any more.
    pub(crate) generation: AtomicU64,
    /// Nothing is played any more.
    pub(crate) ended: AtomicBool,
    pub(crate) quit: AtomicBool,
    pub(crate) mic: Meter,
    pub(crate) speaker: Meter,
    pub(crate) figures: Mutex<WorkerFigures>,
}

/// What the worker measured last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkerFigures {
    pub(crate) playout: PlayoutStats,
    /// From the air to a ready frame.
    pub(crate) capture_delay: Option<Duration>,
    /// From the playout buffer to the air.
    pub(crate) speaker_delay: Option<Duration>,
    /// Samples of the microphone that were lost on the way.
    pub(crate) mic_lost: u64,
    /// Samples received while there was no loudspeaker.
    pub(crate) unheard: u64,
}

/// Sound for the loudspeaker.
pub(crate) struct Chunk {
    pub(crate) pcm: Vec<f32>,
    pub(crate) generation: u64,
}

/// A device that was opened, or one that was closed.
pub(crate) enum NewPort {
    Input(Option<(HeapCons<f32>, Arc<PortState>, StreamFormat)>),
    Output(Option<(HeapProd<f32>, Arc<PortState>, StreamFormat)>),
}

struct Capture {
    ring: HeapCons<f32>,
    port: Arc<PortState>,
    resampler: Resampler,
    filter_delay: Duration,
    /// Frames of the device for one of ours.
    ratio: f64,
}

struct Playback {
    ring: HeapProd<f32>,
    port: Arc<PortState>,
    resampler: Resampler,
    filter_delay: Duration,
    rate: f64,
}

/// The thread's state.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ports: Receiver<NewPort>,
    pub(crate) chunks: Receiver<Chunk>,
    pub(crate) on_mic: Box<dyn FnMut(MicFrame) + Send>,
    capture: Option<Capture>,
    playback: Option<Playback>,
    playout: Playout,
    generation: u64,
    frame: Vec<f32>,
    scratch: Vec<f32>,
    out: Vec<f32>,
    figures: WorkerFigures,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        ports: Receiver<NewPort>,
        chunks: Receiver<Chunk>,
        on_mic: Box<dyn FnMut(MicFrame) + Send>,
    ) -> Self {
        Self {
            shared,
            ports,
            chunks,
            on_mic,
            capture: None,
            playback: None,
            playout: Playout::new(),
            generation: 0,
            frame: Vec::with_capacity(2 * PACKET),
            scratch: vec![0.0; RATE as usize],
            out: Vec::with_capacity(RATE as usize / 2),
            figures: WorkerFigures::default(),
        }
    }

    /// Runs until told to quit.
    pub(crate) fn run(mut self) {
        while !self.shared.quit.load(Relaxed) {
            let nap = self.work();
            thread::park_timeout(nap);
        }
    }

    fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    /// One round; returns how long there is nothing to do unless somebody wakes the thread.
    fn work(&mut self) -> Duration {
        self.take_ports();
        self.take_generation();
        self.record();
        self.receive();
        let nap = self.play();
        self.figures.playout = self.playout.stats();
        *self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner) = self.figures;
        nap
    }

    fn take_ports(&mut self) {
        while let Ok(port) = self.ports.try_recv() {
            match port {
                NewPort::Input(new) => {
                    // What was collected belongs to another moment.
                    self.frame.clear();
                    self.figures.capture_delay = None;
                    self.capture = new.map(|(ring, port, format)| {
                        let resampler = resample::inward(format.rate);
                        let filter_delay = Duration::from_secs_f64(resampler.delay(RATE));
                        let ratio = f64::from(format.rate) / f64::from(RATE);
                        Capture { ring, port, resampler, filter_delay, ratio }
                    });
                }
                NewPort::Output(new) => {
                    self.figures.speaker_delay = None;
                    // The new device starts its own timing.
                    self.playout.clear();
                    self.playback = new.map(|(ring, port, format)| {
                        let resampler = resample::outward(format.rate);
                        let filter_delay = Duration::from_secs_f64(resampler.delay(format.rate));
                        Playback { ring, port, resampler, filter_delay, rate: f64::from(format.rate) }
                    });
                }
            }
        }
    }

    fn take_generation(&mut self) {
        let generation = self.shared.generation.load(Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.playout.clear();
            self.shared.speaker.feed(&[0.0; PACKET]);
            if let Some(playback) = &self.playback {
                playback.port.request_flush();
            }
        }
    }

    /// From the device's ring to whole frames.
    fn record(&mut self) {
        let now = self.now();
        let Some(capture) = &mut self.capture else { return };
        let frame = &mut self.frame;
        let delivered = capture.port.read().frames;
        loop {
            let count = capture.ring.pop_slice(&mut self.scratch);
            if count == 0 {
                break;
            }
            capture.resampler.push(&self.scratch[..count], |piece| frame.extend_from_slice(piece));
        }
        let reading = capture.port.read();
        self.figures.mic_lost = reading.missed;
        let muted = self.shared.muted.load(Relaxed);
        let mut used = 0;
        while let Some(pcm) = frame.get(used..).and_then(|rest| rest.first_chunk::<PACKET>()) {
            let mut pcm = *pcm;
            used += PACKET;
            if muted {
                pcm = [0.0; PACKET];
            }
            self.shared.mic.feed(&pcm);
            let captured = reading.last_call.saturating_sub(reading.latency + capture.filter_delay);
            self.figures.capture_delay = Some(now.saturating_sub(captured));
            (self.on_mic)(MicFrame { pcm, captured, ready: now });
        }
        frame.drain(..used);
        // Some sound systems deliver a fraction of a millisecond at a time. Before the next frame is whole there is
        // nothing to do.
        let missing = (PACKET - frame.len()) as f64 * capture.ratio;
        capture.port.set_wake_at(delivered + missing as u64);
    }

    /// From the network to the playout buffer; a bounded number of pieces, so that a flood cannot keep the loudspeaker
    /// from its turn.
    fn receive(&mut self) {
        for _ in 0..CHUNKS {
            let Ok(chunk) = self.chunks.try_recv() else { return };
            // Read again: Stop may have come after the chunk was queued.
            self.take_generation();
            if chunk.generation != self.generation || self.shared.ended.load(Relaxed) {
                continue;
            }
            let now = self.now();
            let Some(playback) = &self.playback else {
                self.figures.unheard += chunk.pcm.len() as u64;
                self.shared.speaker.feed(&chunk.pcm);
                continue;
            };
            let (next_call, _) = playback.next_call(now);
            let ring = playback.ring_ms();
            self.playout.push(&chunk.pcm, next_call, ring);
        }
    }

    /// From the playout buffer to the device's ring.
    fn play(&mut self) -> Duration {
        let now = self.now();
        let Some(playback) = &mut self.playback else { return NAP };
        playback.resampler.bend(self.playout.bend());
        self.out.clear();
        self.playout.pull(playback.ring_ms(), &mut self.out);
        playback.write(&self.out, &self.shared.speaker);

        let (next_call, period) = playback.next_call(now);
        let reading = playback.port.read();
        self.figures.speaker_delay = Some(reading.latency + playback.filter_delay);
        let short = period.as_secs_f64() * 1e3 - playback.ring_ms();
        if short <= 0.0 || reading.calls == 0 {
            // Enough for the next callback. It wakes this thread when it leaves little behind; sound that waits here
            // for room in the ring is looked after sooner.
            return if self.playout.queued_ms() > 0.0 { Duration::from_millis(20) } else { NAP };
        }
        let decide = next_call.saturating_sub(LEAD);
        if now < decide {
            return decide - now;
        }
        self.out.clear();
        self.playout.conceal(short + 1.0, now, &mut self.out);
        playback.write(&self.out, &self.shared.speaker);
        // Again at the next callback, which wakes this thread.
        NAP
    }
}

impl Playback {
    /// Sound in the ring, in milliseconds.
    fn ring_ms(&self) -> f64 {
        self.ring.occupied_len() as f64 * 1e3 / self.rate
    }

    /// When the device will call next, and for how much sound.
    fn next_call(&self, now: Duration) -> (Duration, Duration) {
        let reading = self.port.read();
        let period = Duration::from_secs_f64(f64::from(reading.period) / self.rate);
        if reading.calls == 0 {
            return (now, period);
        }
        // A device that is late calls any moment now.
        ((reading.last_call + period).max(now), period)
    }

    fn write(&mut self, sound: &[f32], meter: &Meter) {
        if sound.is_empty() {
            return;
        }
        meter.feed(sound);
        let ring = &mut self.ring;
        self.resampler.push(sound, |piece| {
            ring.push_slice(piece);
        });
    }
}
