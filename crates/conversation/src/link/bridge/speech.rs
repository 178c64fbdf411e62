//! What a bridge says in a voice of its own, on its way to the loudspeaker.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ogg_opus::{Error, PACKET, SAMPLE_RATE, StreamReader, packet};

/// The duration of a [`PACKET`].
const FRAME: Duration = Duration::from_millis(20);
/// So much of it may wait: a minute. A bridge's replies are sentences.
const LONGEST: usize = 60 * SAMPLE_RATE as usize;
/// Moshi's sound has stopped when none has come for this long; it comes every 80 ms.
const MOSHI_STOPS: Duration = Duration::from_millis(300);
/// So much goes out ahead of the clock, for a thread that wakes late.
const LEAD: Duration = Duration::from_millis(60);
/// A clock that is further behind than this is set anew instead of caught up with.
const TOO_LATE: Duration = Duration::from_millis(500);
/// When nothing has waited for this long, it was all.
const PAUSE: Duration = Duration::from_millis(500);

/// Sound that waits to be heard.
///
/// A bridge sends a sentence as fast as the network carries it. The playout buffer would take that for a backlog and cut
/// it, so it waits here and leaves in real time: mixed into Moshi's sound while that flows, which keeps the time then,
/// and by the clock while it does not.
#[derive(Debug)]
pub(super) struct Speech {
    reader: StreamReader,
    waiting: VecDeque<f32>,
    /// Until when Moshi's sound keeps the time.
    moshi_until: Instant,
    /// When the next frame is due, while the clock keeps the time.
    next: Option<Instant>,
    /// Since when nothing waits any more of what is being said.
    empty_since: Option<Instant>,
    speaks: bool,
    scratch: Vec<f32>,
}

/// What is to be done now.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// This is to be played.
    Play(Vec<f32>),
    /// All was heard.
    Over,
}

/// What came of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pushed {
    /// Whether the bridge begins to speak with it.
    pub(super) begins: bool,
    /// Samples in it; none where it is no packet of speech.
    pub(super) samples: usize,
    /// How many of them found no room.
    pub(super) lost: usize,
}

impl Speech {
    pub(super) fn new(now: Instant) -> Result<Self, Error> {
        Ok(Self {
            reader: StreamReader::new()?,
            waiting: VecDeque::new(),
            moshi_until: now,
            next: None,
            empty_since: None,
            speaks: false,
            scratch: Vec::new(),
        })
    }

    /// Another sentence begins; what waits of the one before is heard first.
    pub(super) fn starts(&mut self) {
        self.reader.reset();
    }

    /// Takes one packet.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Pushed {
        self.scratch.clear();
        if packet::is_raw_speech(bytes) {
            self.reader.push(bytes, &mut self.scratch);
        } else if bytes.len() < 3 {
            // An encoder writes so little where nobody says anything.
            let samples = packet::samples(bytes).filter(|&samples| samples >= PACKET).unwrap_or(0);
            self.scratch.resize(samples, 0.0);
        }
        let samples = self.scratch.len();
        if samples == 0 {
            return Pushed::default();
        }
        let room = LONGEST.saturating_sub(self.waiting.len()).min(samples);
        self.waiting.extend(&self.scratch[..room]);
        self.empty_since = None;
        let begins = !std::mem::replace(&mut self.speaks, true);
        Pushed { begins, samples, lost: samples - room }
    }

    /// Moshi's sound came: what waits is heard with it.
    pub(super) fn mix(&mut self, moshi: &mut [f32], now: Instant) {
        self.moshi_until = now + MOSHI_STOPS;
        self.next = None;
        let count = moshi.len().min(self.waiting.len());
        for (sample, spoken) in moshi.iter_mut().zip(self.waiting.drain(..count)) {
            *sample = (*sample + spoken).clamp(-1.0, 1.0);
        }
        self.note_empty(now);
    }

    /// When [`Speech::take`] has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.waiting.is_empty() {
            return self.empty_since.map(|since| since + PAUSE);
        }
        Some(self.next.unwrap_or(self.moshi_until))
    }

    /// What is due.
    pub(super) fn take(&mut self, now: Instant) -> Due {
        if self.waiting.is_empty() {
            (self.speaks, self.empty_since, self.next) = (false, None, None);
            return Due::Over;
        }
        let ahead = now.checked_sub(LEAD).unwrap_or(now);
        let at = self.next.filter(|at| now.saturating_duration_since(*at) < TOO_LATE).unwrap_or(ahead);
        self.next = Some(at + FRAME);
        let frame = self.waiting.drain(..PACKET.min(self.waiting.len())).collect();
        self.note_empty(now);
        Due::Play(frame)
    }

    fn note_empty(&mut self, now: Instant) {
        if self.speaks && self.waiting.is_empty() && self.empty_since.is_none() {
            self.empty_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = SAMPLE_RATE as usize;

    /// So much speech, as packets.
    fn packets(frames: usize) -> Vec<Vec<u8>> {
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
        (0..frames)
            .map(|frame| {
                let pcm: Vec<f32> =
                    (0..PACKET).map(|i| ((frame * PACKET + i) as f32 * 0.06).sin() * 0.3).collect();
                encoder.encode_vec_float(&pcm, 1_275).unwrap()
            })
            .collect()
    }

    fn ms(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn what_comes_at_once_leaves_in_real_time_and_whole() {
        let start = Instant::now();
        let mut speech = Speech::new(start).unwrap();
        let begins: Vec<bool> = packets(500).iter().map(|packet| speech.push(packet).begins).collect();
        assert_eq!(begins.iter().filter(|begins| **begins).count(), 1);
        let (mut heard, mut now) = (0, start);
        while let Some(due) = speech.due() {
            now = now.max(due);
            match speech.take(now) {
                Due::Play(frame) => heard += frame.len(),
                Due::Over => break,
            }
            let passed = (now - start + LEAD + FRAME).as_secs_f64() * SECOND as f64;
            assert!(heard as f64 <= passed + 1.0, "never ahead of the clock by more than the lead");
        }
        assert_eq!(heard, 10 * SECOND);
        assert_eq!(speech.due(), None);
    }

    #[test]
    fn while_moshi_is_heard_it_keeps_the_time_and_both_are_heard() {
        let start = Instant::now();
        let mut speech = Speech::new(start).unwrap();
        packets(10).iter().for_each(|packet| _ = speech.push(packet));
        for block in 0..2 {
            let mut moshi = vec![0.25; 4 * PACKET];
            let now = ms(start, block * 80);
            speech.mix(&mut moshi, now);
            assert_eq!(speech.due(), Some(now + MOSHI_STOPS), "the clock waits");
            assert!(moshi.iter().any(|sample| *sample > 0.3), "something was added");
        }
        // Moshi falls silent: the rest goes by the clock.
        let now = ms(start, 1_000);
        let Due::Play(frame) = speech.take(now) else { panic!("something waits") };
        assert_eq!(frame.len(), PACKET);
        assert_eq!(speech.due(), Some(now - LEAD + FRAME));
        assert!(matches!(speech.take(now), Due::Play(_)));
        assert_eq!(speech.due(), Some(now + PAUSE));
        assert_eq!(speech.take(now + PAUSE), Due::Over);
        assert!(speech.push(&packets(1)[0]).begins, "what comes now is another sentence");
    }

    #[test]
    fn what_has_no_room_is_counted_and_what_is_no_sound_is_none() {
        let mut speech = Speech::new(Instant::now()).unwrap();
        assert_eq!(speech.push(b"plain text"), Pushed::default());
        assert_eq!(speech.push(b""), Pushed::default());
        let packets = packets(100);
        let lost: usize = packets.iter().cycle().take(3_100).map(|packet| speech.push(packet).lost).sum();
        assert_eq!(lost, 100 * PACKET);
        // 20 ms of nothing in one byte.
        assert_eq!(Speech::new(Instant::now()).unwrap().push(&[0x08]).samples, PACKET);
    }
}
