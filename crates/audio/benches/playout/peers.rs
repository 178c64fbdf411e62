//! What others do with the same arrivals.

use crate::{BLOCK_MS, Outcome, PERIOD_MS};

/// When the device asks for the first time, in milliseconds.
const FIRST_CALL: f64 = 3.0;

/// What waits to be played, in milliseconds, and what of the sender was taken out of it.
#[derive(Debug, Clone, Copy, Default)]
struct Buffer {
    queued: f64,
    received: f64,
    playing: bool,
}

impl Buffer {
    /// The device takes a period; whether it was there.
    fn take(&mut self, call: f64, outcome: Option<&mut Outcome>) -> bool {
        let enough = self.queued >= PERIOD_MS;
        let Some(outcome) = outcome else {
            self.queued -= if self.playing { PERIOD_MS.min(self.queued) } else { 0.0 };
            return enough;
        };
        outcome.plays(call - (self.received - self.queued));
        if !self.playing {
            outcome.gap(PERIOD_MS);
            return true;
        }
        if !enough {
            outcome.gap(PERIOD_MS - self.queued);
            outcome.underruns += 1;
        }
        self.queued -= PERIOD_MS.min(self.queued);
        enough
    }
}

/// A buffer that plays every block so long after it was whole, whatever comes. What is late by then is not heard.
fn fixed(arrivals: &[f64], learning: usize, length: f64) -> Outcome {
    let mut outcome = Outcome::default();
    for (block, &time) in arrivals.iter().enumerate().skip(learning + 1) {
        let plays = (block + 1) as f64 * BLOCK_MS + length;
        outcome.plays(BLOCK_MS + length);
        // It has to be there for the call of the device that takes its first sample.
        let needed = ((plays - FIRST_CALL) / PERIOD_MS).floor() * PERIOD_MS + FIRST_CALL;
        if time > needed {
            let late = (time - needed).min(BLOCK_MS);
            outcome.underruns += 1;
            outcome.gap(late);
            outcome.loses(late);
        }
    }
    outcome
}

/// The shortest fixed buffer that runs dry no more often than `underruns`, and its length in milliseconds.
pub(crate) fn shortest(arrivals: &[f64], learning: usize, underruns: u64) -> (f64, Outcome) {
    let lengths = (0..=500).map(|twos| f64::from(twos) * 2.0);
    let mut tried = lengths.map(|length| (length, fixed(arrivals, learning, length)));
    tried.find(|(_, outcome)| outcome.underruns <= underruns).unwrap_or_default()
}

/// The rule of Kyutai's web client: it starts with 80 ms and 10 more, throws away the oldest beyond 100 ms down to 90,
/// allows 5 ms more after each time that it did, and waits for 5 ms more after each underrun; both at most 80 ms more.
pub(crate) fn web_client(arrivals: &[f64], learning: usize) -> Outcome {
    const START: f64 = 80.0;
    let (mut partial, mut most) = (10.0, 10.0);
    let (mut buffer, mut outcome, mut call) = (Buffer::default(), Outcome::default(), FIRST_CALL);
    for (block, &time) in arrivals.iter().enumerate() {
        while call <= time {
            let counted = (block > learning).then_some(&mut outcome);
            if !buffer.take(call, counted) {
                buffer.playing = false;
                partial = f64::min(partial + 5.0, 80.0);
            }
            call += PERIOD_MS;
        }
        buffer.queued += BLOCK_MS;
        buffer.received += BLOCK_MS;
        buffer.playing |= buffer.queued >= START + partial;
        if buffer.queued > START + partial + most {
            let excess = buffer.queued - (START + partial);
            buffer.queued -= excess;
            if block > learning {
                outcome.loses(excess);
            }
            most = f64::min(most + 5.0, 80.0);
        }
    }
    outcome
}
