//! Who hears the person, dictation, and when turns went from one hand to the next, as they are shown.

use super::{EchoTestState, Line, LogLevel, LogSource, State};
use crate::view::{Dictation, Ear, EarPhase, Local, LocalPhase, Turn, TurnTimes, UiEvent};

/// Turns whose times are kept in sight.
const MOST_TIMES: usize = 1_000;
/// Milliseconds of sound in a frame of the microphone.
const FRAME_MS: f64 = audio::PACKET as f64 * 1_000.0 / audio::RATE as f64;

impl State {
    pub(super) fn ear(&mut self, mut ear: Ear, now_ms: i64, events: &mut Vec<UiEvent>) {
        let before = &self.snapshot.ear;
        ear.lost_ms = before.lost_ms;
        if let Some(line) = line(before, &ear) {
            self.log(line, now_ms, events);
        }
        self.show_ear(ear, events);
    }

    /// Frames of the microphone that a server of its own could not take.
    pub(super) fn unheard(&mut self, frames: u64, events: &mut Vec<UiEvent>) {
        let lost_ms = frames as f64 * FRAME_MS;
        let ear = Ear { lost_ms, ..self.snapshot.ear.clone() };
        self.show_ear(ear, events);
    }

    fn show_ear(&mut self, ear: Ear, events: &mut Vec<UiEvent>) {
        if ear != self.snapshot.ear {
            self.snapshot.ear.clone_from(&ear);
            events.push(UiEvent::Ear { ear });
        }
    }

    pub(super) fn recogniser(&mut self, recogniser: Local, now_ms: i64, events: &mut Vec<UiEvent>) {
        if recogniser.phase != self.snapshot.recogniser.phase {
            let (what, level) = match recogniser.phase {
                LocalPhase::Off => ("The recogniser does not run on this computer.", LogLevel::Info),
                LocalPhase::Starting => ("The recogniser is being started on this computer.", LogLevel::Info),
                LocalPhase::Ready => ("The recogniser listens on this computer.", LogLevel::Info),
                LocalPhase::Stopping => ("The recogniser is being stopped on this computer.", LogLevel::Info),
                LocalPhase::Waiting => (
                    "The recogniser ended by itself on this computer and is started again.",
                    LogLevel::Warning,
                ),
                LocalPhase::Failed => ("The recogniser cannot run on this computer.", LogLevel::Error),
            };
            let why = recogniser.problem.as_ref().map(|problem| problem.what.as_str());
            self.log(Line::new(LogSource::Ear, what).level(level).said(why), now_ms, events);
        }
        self.snapshot.recogniser.clone_from(&recogniser);
        events.push(UiEvent::Recogniser { recogniser });
    }

    pub(super) fn dictation(&mut self, dictation: Dictation, now_ms: i64, events: &mut Vec<UiEvent>) {
        let before = std::mem::replace(&mut self.snapshot.dictation, dictation.clone());
        // What it heard is in none of these, and neither are the addresses that a problem may tell.
        if let Some(problem) = dictation.problem.as_ref().filter(|new| before.problem.as_ref() != Some(*new))
        {
            let line = Line::new(LogSource::Ear, "Dictation does not go on.").level(LogLevel::Warning);
            self.log(line.said(Some(&problem.what)), now_ms, events);
        } else if dictation.on != before.on {
            let what = if dictation.on { "Dictation begins." } else { "Dictation has ended." };
            self.log(Line::new(LogSource::Ear, what), now_ms, events);
        }
        self.dictation_unmuted |= dictation.on && !before.on;
        let ended = before.on && !dictation.on;
        events.push(UiEvent::Dictation { dictation });
        let echoes = self.snapshot.echo_test.state != EchoTestState::Off;
        if ended && !self.conversation_sounds() && !echoes {
            self.close_sound(events);
        }
    }

    pub(super) fn times(&mut self, times: TurnTimes, events: &mut Vec<UiEvent>) {
        let known = &mut self.snapshot.times;
        match known.iter_mut().rev().find(|known| known.turn == times.turn) {
            Some(known) => known.clone_from(&times),
            None => {
                if known.len() >= MOST_TIMES {
                    known.drain(..MOST_TIMES / 10);
                }
                known.push(times.clone());
            }
        }
        events.push(UiEvent::Times { times });
    }
}

/// Times of turns before these are forgotten. Those of turns that are still on their way stay.
pub(super) fn keep_times_of(times: &mut Vec<TurnTimes>, turns: &[Turn]) {
    let number = |id: &str| id.parse::<u64>().unwrap_or_default();
    let first = turns.first().map(|turn| number(&turn.id)).unwrap_or_default();
    times.retain(|times| number(&times.turn) >= first);
}

/// What is written down of an ear that does something else now. Where it is is said beside it, and never in a report.
fn line(before: &Ear, now: &Ear) -> Option<Line> {
    let line = |what| Line::new(LogSource::Ear, what);
    let lost = before.phase == EarPhase::Listening;
    let why = now.problem.as_ref();
    let said = why.map_or(now.place.as_str(), |problem| problem.what.as_str());
    let line = match now.phase {
        _ if (now.phase, why) == (before.phase, before.problem.as_ref()) => return None,
        EarPhase::Listening if lost => return None,
        EarPhase::Listening => line("What you say is heard."),
        EarPhase::Waiting if lost => line("What you say is not heard for now.").level(LogLevel::Warning),
        EarPhase::Waiting if why.is_some() => line("The recogniser is not reached.").level(LogLevel::Warning),
        EarPhase::Waiting => line("The recogniser is being reached."),
        EarPhase::Failed if has_no_ear(now) => line("This host does not tell what you say."),
        EarPhase::Failed => line("What you say cannot be heard.").level(LogLevel::Error),
        EarPhase::Off if lost => line("Nobody hears what you say any more."),
        EarPhase::Off => return None,
    };
    Some(line.said(Some(said).filter(|said| !said.is_empty())))
}

/// Whether it is a host's that has none. Nothing is wrong with that.
pub(super) fn has_no_ear(ear: &Ear) -> bool {
    ear.problem.as_ref().is_some_and(|problem| problem.code == "ear.host_does_not_hear")
}
