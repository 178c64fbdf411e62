//! What a host hears of somebody who talks with it.

use tokio::sync::mpsc;
use wire::{HEARING_STEP, Hearing, Recognised, Utterance, Utterances};

use super::Event;
use crate::codec::FRAME;
use crate::hear::{Ears, Heard, Listener, Loan};
use crate::pipeline::Tap;

/// A recogniser that listens to one caller, and goes back to its place when this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    about: Hearing,
    /// Both are there until the end.
    listener: Option<Listener>,
    loan: Option<Loan>,
    /// Frames that came, where the recogniser has an encoder of its own.
    frames: Option<u64>,
}

impl Listening {
    /// Listens, if nobody else has the recogniser. Where it can hear by the codec of the conversation, it is what has to go
    /// in there; else it wants to [`hear`](Self::hear) each frame.
    pub(super) fn begin(ears: &Ears, events: &mpsc::Sender<Event>) -> Option<(Self, Option<Tap>)> {
        let Some((recogniser, loan)) = ears.take() else {
            tracing::info!("the recogniser is taken: this caller is not told their words");
            return None;
        };
        let encoder = match recogniser.shared_encoder() {
            Ok(encoder) => encoder,
            Err(error) => {
                tracing::error!(%error, code = error.code(), "nobody listens to this caller");
                loan.give_back(Some(recogniser));
                return None;
            }
        };
        let mut utterances = Utterances::new(f64::from(ears.delay()) * HEARING_STEP);
        // When all that the conversation says is over, so is the conversation.
        let events = events.downgrade();
        let tell = move |heard| {
            let (told, goes_on) = tell(heard, &mut utterances);
            let Some(events) = events.upgrade() else { return false };
            let told = told.into_iter().all(|told| events.blocking_send(Event::Heard(told)).is_ok());
            told && goes_on
        };
        let listener = match Listener::start(recogniser, tell) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, code = error.code(), "nobody listens to this caller");
                return None;
            }
        };
        let frames = encoder.is_none().then_some(0);
        let tap = encoder.map(|encoder| Tap { encoder, feed: listener.feed() });
        Some((Self { about: ears.about(), listener: Some(listener), loan: Some(loan), frames }, tap))
    }

    /// A frame of what the caller says.
    pub(super) fn hear(&mut self, frame: &[f32; FRAME]) {
        if let (Some(number), Some(listener)) = (&mut self.frames, &self.listener) {
            listener.hear(*number, frame);
            *number += 1;
        }
    }

    /// Who hears, and how it keeps up; nothing where it has failed.
    pub(super) fn hearing(&self) -> Option<Hearing> {
        let listener = self.listener.as_ref().filter(|listener| listener.listens())?;
        let timing = Some(listener.timing()).filter(|timing| timing.frame_ms_p50 > 0.0);
        Some(Hearing { timing, ..self.about.clone() })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let recogniser = self.listener.take().and_then(Listener::stop);
        if let Some(loan) = self.loan.take() {
            loan.give_back(recogniser);
        }
    }
}

/// What has become of what the caller says, and whether more may come.
fn tell(heard: Heard, utterances: &mut Utterances) -> (Vec<Utterance>, bool) {
    match heard {
        Heard::Frame { lost, step } => {
            let lost = (0..lost).map(|_| Recognised::Step { pause: None });
            let told = lost.chain(step.told).flat_map(|told| utterances.take(told)).collect();
            (told, true)
        }
        Heard::Failed(error) => {
            tracing::error!(%error, code = error.code(), "the recogniser failed");
            (utterances.finish().into_iter().collect(), false)
        }
    }
}
