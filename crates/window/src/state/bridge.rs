//! The bridge that calls go through: how it is, and what it tells beside the call.

use std::time::Duration;

use brain::What;
use conversation::{BridgeNews, Problem};

use super::{
    State,
    log::Line,
    panels::{self, Told},
};
use crate::{
    translate::millis,
    view::{
        BrainKind, BrainPanel, InjectionState, Light, LightId, LightState, LogLevel, LogSource, Phase,
        UiEvent,
    },
};

/// How it is, as far as a call has shown it.
#[derive(Debug, Default)]
enum Reach {
    /// No call goes through one.
    #[default]
    Unused,
    Calls,
    There,
    /// It is there, and its Moshi is not.
    WithoutMoshi,
    Gone(Problem),
}

/// The bridge, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Bridge {
    reach: Reach,
    round_trip: Option<Duration>,
    /// Whether it answers what is typed.
    answers: bool,
    /// A sentence of which it may turn out that it is spoken. Bridges tell words and sound apart, in either order.
    sentence: Option<String>,
    /// Whether it speaks, and nobody knows yet what.
    unknown_speech: bool,
    /// The injection that it speaks.
    speaks: Option<String>,
}

impl Bridge {
    /// Its light. `set_up`: calls are to go through one.
    pub(super) fn light(&self, set_up: bool) -> Light {
        let (state, what, problem) = match &self.reach {
            Reach::Unused if set_up => (LightState::Off, "Not connected.".to_owned(), None),
            Reach::Unused => (LightState::Off, "Not used.".to_owned(), None),
            Reach::Calls => (LightState::Waiting, "Connecting".to_owned(), None),
            Reach::There => (LightState::Well, "Answers".to_owned(), None),
            Reach::WithoutMoshi => (LightState::Well, "Answers, without Moshi".to_owned(), None),
            Reach::Gone(problem) => (LightState::Wrong, problem.what.clone(), Some(problem.clone().into())),
        };
        let is_there = matches!(self.reach, Reach::There | Reach::WithoutMoshi);
        let ms = self.round_trip.filter(|_| is_there).map(millis);
        Light { id: LightId::Bridge, state, what, since_ms: 0, ms, problem }
    }

    /// Who answers, where `kind` was chosen for the time without a call.
    pub(super) fn answers_for(&self, kind: BrainKind) -> bool {
        self.answers && kind != BrainKind::Mas
    }
}

impl State {
    /// The bridge tells something.
    pub(super) fn bridge(&mut self, news: BridgeNews, now_ms: i64, events: &mut Vec<UiEvent>) {
        let mut told = Told::default();
        let line = |what: &str| Line::new(LogSource::Moshi, what);
        match news {
            BridgeNews::Calls => self.bridge.reach = Reach::Calls,
            BridgeNews::Reached => {
                self.bridge.reach = Reach::There;
                told.lines.push(line("The bridge answers."));
            }
            BridgeNews::RoundTrip(after) => self.bridge.round_trip = Some(after),
            BridgeNews::Ended { there, problem } => {
                self.bridge.reach = if there { Reach::WithoutMoshi } else { Reach::Gone(problem) };
                self.bridge.round_trip = None;
            }
            BridgeNews::Answers(answers) => {
                self.bridge.answers = answers;
                self.show_who_answers(now_ms, events);
                told.lines.push(self.who_answers());
            }
            BridgeNews::Told(what) => {
                panels::happened(&mut self.snapshot.panels, &mut self.known, &what, now_ms, &mut told);
            }
            BridgeNews::Replied(text) => {
                let line = Line::new(LogSource::Brain, "The agent system has replied to what was spoken.");
                told.lines.push(line.said(Some(&text)));
                self.sentence(text, now_ms, &mut told);
            }
            BridgeNews::Heard(text) => {
                told.lines.push(line("The bridge has understood what you said.").said(Some(&text)));
            }
            BridgeNews::Speaks => {
                match self.bridge.sentence.take() {
                    Some(text) => self.speaks(text, now_ms, &mut told),
                    None => self.bridge.unknown_speech = true,
                }
                told.lines.push(line("The bridge speaks."));
            }
            BridgeNews::Spoke => {
                self.bridge.unknown_speech = false;
                self.spoken(InjectionState::Spoken, None, now_ms, &mut told);
            }
            BridgeNews::LeftOut(count) => {
                let what = format!("{count} entries of the bridge were too many and left out.");
                told.lines.push(line(&what).level(LogLevel::Warning));
            }
        }
        self.told(told, now_ms, events);
    }

    /// What a turn of the person's tells may be what the bridge speaks.
    pub(super) fn bridge_may_speak(&mut self, what: &What, now_ms: i64, told: &mut Told) {
        match what {
            What::Thinking { .. } => self.bridge.sentence = None,
            What::Notice(notice) if notice.code == "bridge.prepared_reply" => {
                if let Some(said) = &notice.said {
                    self.sentence(said.clone(), now_ms, told);
                }
            }
            _ => {}
        }
    }

    /// The call stands in another phase.
    pub(super) fn bridge_in(&mut self, phase: Phase, now_ms: i64, told: &mut Told) {
        let reach = std::mem::take(&mut self.bridge.reach);
        self.bridge.reach = match (phase, reach) {
            (Phase::Idle | Phase::TypingOnly, _) | (Phase::Failed, Reach::Calls) => Reach::Unused,
            // It was there to the end, and Moshi did not begin.
            (Phase::Failed, Reach::There) => Reach::WithoutMoshi,
            (_, reach) => reach,
        };
        if phase != Phase::Live {
            (self.bridge.sentence, self.bridge.unknown_speech) = (None, false);
            let why = "The call ended before it was heard to its end.".to_owned();
            self.spoken(InjectionState::ShownOnly, Some(why), now_ms, told);
        }
    }

    fn sentence(&mut self, text: String, now_ms: i64, told: &mut Told) {
        if std::mem::take(&mut self.bridge.unknown_speech) {
            self.speaks(text, now_ms, told);
        } else {
            self.bridge.sentence = Some(text);
        }
    }

    fn speaks(&mut self, text: String, now_ms: i64, told: &mut Told) {
        let (panels, known) = (&mut self.snapshot.panels, &mut self.known);
        self.bridge.speaks = panels::spoken_by_the_bridge(panels, known, text, now_ms, told);
    }

    fn spoken(&mut self, state: InjectionState, why: Option<String>, now_ms: i64, told: &mut Told) {
        let Some(id) = self.bridge.speaks.take() else { return };
        let list = &mut self.snapshot.panels.injections;
        if let Some(injection) = list.iter_mut().rev().find(|injection| injection.id == id) {
            (injection.state, injection.why, injection.at_ms) = (state, why, now_ms);
            told.events.push(UiEvent::Injections { injections: vec![injection.clone()] });
        }
    }

    /// Shows who answers from now on. The lists stay: they are of this conversation.
    fn show_who_answers(&mut self, now_ms: i64, events: &mut Vec<UiEvent>) {
        let is_thinking = self.is_thinking();
        let (kind, place) = self.answering();
        let panels = &mut self.snapshot.panels;
        if !is_thinking {
            let turns = panels.brain.turns;
            panels.brain = BrainPanel { turns, since_ms: now_ms, ..BrainPanel::default() };
        }
        (panels.brain.kind, panels.brain.place) = (kind, place);
        panels.memory_counts.editable = kind == BrainKind::BuiltIn && self.memory.is_none();
        events.push(UiEvent::Brain { brain: panels.brain.clone() });
        events.push(UiEvent::Memory { uses: Vec::new(), counts: panels.memory_counts.clone() });
    }

    /// Who answers now, and where that is.
    pub(super) fn answering(&self) -> (BrainKind, String) {
        let (kind, place) = &self.chosen;
        if self.bridge.answers_for(*kind) {
            (BrainKind::Bridge, self.snapshot.call.host.clone())
        } else {
            (*kind, place.clone())
        }
    }
}
