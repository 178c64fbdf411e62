//! What a link measures.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use audio::MicFrame;
use ogg_opus::ReaderStats;
use wire::{FrameTiming, MODEL_FRAME, SAMPLE_RATE};

/// Measurements that make one figure.
const RECENT: usize = 25;
/// Sent frames whose capture time is remembered, for the round trip of an echo: 8 s.
const SENT: usize = 400;

/// Figures of the link that is open, for whoever wants to look.
#[derive(Debug, Default)]
pub struct LinkFigures {
    values: Mutex<LinkReading>,
}

/// One look at a link.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkReading {
    /// From a frame that is ready to its bytes in the socket.
    pub send_delay: Option<Duration>,
    /// Round trip of a ping.
    pub round_trip: Option<Duration>,
    /// From the last sample of a model frame (80 ms) leaving to the next sound arriving, less the round trip: what the
    /// host takes for a step. Meaningless for a host that does not keep up with real time.
    pub host_delay: Option<Duration>,
    /// For a host that echoes: from sound in the air to the same sound arriving from the host.
    pub echo_delay: Option<Duration>,
    /// What the host says of its own frame times.
    pub host_timing: Option<FrameTiming>,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// Samples received.
    pub samples_in: u64,
    /// Frames that no Moshi server sends.
    pub odd_frames: u64,
    /// Samples that could not be played.
    pub unplayed: u64,
    /// Pages of sound that a bridge's connection could not take in time.
    pub unsent: u64,
    /// What the Ogg Opus reader counted.
    pub reader: ReaderStats,
}

impl LinkFigures {
    fn lock(&self) -> MutexGuard<'_, LinkReading> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures now.
    #[must_use]
    pub fn read(&self) -> LinkReading {
        *self.lock()
    }

    /// Forgets everything, for a new link.
    pub(crate) fn clear(&self) {
        *self.lock() = LinkReading::default();
    }
}

/// The link's side: measures and writes figures.
pub(super) struct Measure {
    epoch: Instant,
    figures: Arc<LinkFigures>,
    /// Pings that wait for their pong. Some servers answer late or not at all.
    pings: VecDeque<Instant>,
    sent_samples: u64,
    received_samples: u64,
    /// When the last whole model frame had left.
    frame_left: Option<Instant>,
    /// Index of the first sample and capture time of its last one, for recent frames.
    sent: VecDeque<(u64, Duration)>,
    echoes: bool,
    host_delays: Recent,
    send_delays: Recent,
    echo_delays: Recent,
}

impl Measure {
    pub(super) fn new(epoch: Instant, figures: Arc<LinkFigures>) -> Self {
        figures.clear();
        Self {
            epoch,
            figures,
            pings: VecDeque::new(),
            sent_samples: 0,
            received_samples: 0,
            frame_left: None,
            sent: VecDeque::new(),
            echoes: false,
            host_delays: Recent::default(),
            send_delays: Recent::default(),
            echo_delays: Recent::default(),
        }
    }

    /// The session has started.
    pub(super) fn began(&mut self) {
        self.sent_samples = 0;
        self.received_samples = 0;
    }

    /// The host sends back what it hears, sample by sample.
    pub(super) fn echoes(&mut self) {
        self.echoes = true;
    }

    pub(super) fn host_timing(&mut self, timing: FrameTiming) {
        self.figures.lock().host_timing = Some(timing);
    }

    pub(super) fn odd_frame(&mut self) {
        self.figures.lock().odd_frames += 1;
    }

    pub(super) fn unplayed(&mut self, samples: usize) {
        self.figures.lock().unplayed += samples as u64;
    }

    pub(super) fn unsent(&mut self) {
        self.figures.lock().unsent += 1;
    }

    /// Sound came that no model made just now, so that it tells nothing of how fast the host is.
    pub(super) fn heard_beside(&mut self, samples: usize) {
        self.figures.lock().samples_in += samples as u64;
    }

    pub(super) fn round_trip(&mut self, after: Duration) {
        self.figures.lock().round_trip = Some(after);
    }

    pub(super) fn pinged(&mut self) {
        if self.pings.len() == 4 {
            self.pings.pop_front();
        }
        self.pings.push_back(Instant::now());
    }

    pub(super) fn ponged(&mut self) {
        if let Some(at) = self.pings.pop_front() {
            self.figures.lock().round_trip = Some(at.elapsed());
        }
    }

    pub(super) fn sent(&mut self, frame: &MicFrame, bytes: usize) {
        if self.echoes {
            if self.sent.len() == SENT {
                self.sent.pop_front();
            }
            self.sent.push_back((self.sent_samples, frame.captured));
        }
        let before = self.sent_samples / MODEL_FRAME as u64;
        self.sent_samples += frame.pcm.len() as u64;
        if self.sent_samples / MODEL_FRAME as u64 > before {
            self.frame_left = Some(Instant::now());
        }
        let delay = self.send_delays.add(self.epoch.elapsed().saturating_sub(frame.ready));
        let mut figures = self.figures.lock();
        figures.send_delay = Some(delay);
        figures.bytes_out += bytes as u64;
    }

    pub(super) fn heard(&mut self, samples: usize, reader: ReaderStats) {
        let first = self.received_samples;
        self.received_samples += samples as u64;
        let host_delay =
            self.frame_left.filter(|_| samples > 0).map(|left| self.host_delays.add(left.elapsed()));
        let echo_delay = self.captured(first).map(|captured| {
            let delay = self.epoch.elapsed().saturating_sub(captured);
            self.echo_delays.add(delay)
        });
        let mut figures = self.figures.lock();
        if let Some(delay) = host_delay {
            figures.host_delay = Some(delay.saturating_sub(figures.round_trip.unwrap_or_default()));
        }
        if echo_delay.is_some() {
            figures.echo_delay = echo_delay;
        }
        figures.samples_in += samples as u64;
        figures.reader = reader;
    }

    /// When a sample that was sent was in the air.
    fn captured(&self, sample: u64) -> Option<Duration> {
        let (first, captured) = self.sent.iter().rev().find(|(first, _)| *first <= sample)?;
        // The capture time is that of the frame's last sample.
        let to_end = (first + audio::PACKET as u64).saturating_sub(sample);
        captured.checked_sub(Duration::from_secs_f64(to_end as f64 / f64::from(SAMPLE_RATE)))
    }
}

/// The median of the last few measurements.
#[derive(Debug, Default)]
struct Recent {
    values: VecDeque<Duration>,
}

impl Recent {
    fn add(&mut self, value: Duration) -> Duration {
        if self.values.len() == RECENT {
            self.values.pop_front();
        }
        self.values.push_back(value);
        let mut sorted: Vec<Duration> = self.values.iter().copied().collect();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }
}
