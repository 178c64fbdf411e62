//! What is known of the agent system beside turns.

use std::time::Duration;

use brain::{Failure, What, mas::Consciousness};

use super::{
    Light, LightId, LightState,
    log::Line,
    panels::{self, Known, Told},
};
use crate::{
    translate::millis,
    view::{self, LogLevel, LogSource, Panels, UiEvent},
};

/// Something about the agent system.
#[derive(Debug, Clone)]
pub(crate) enum MasChange {
    /// It answers, and took so long to do so.
    Reached(Duration),
    /// It does not answer.
    Lost(Failure),
    /// What it says of itself.
    Consciousness(Option<Consciousness>),
    /// How its memory is in its own words, whether that is well, and how long it took to say so; none where it does not
    /// say.
    Memory(Option<(String, bool, Duration)>),
    /// What happened in it.
    Happened(Vec<What>),
    /// So much more happened than was told.
    LeftOut(u64),
}

/// The agent system, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Mas {
    reach: Option<Result<Duration, Failure>>,
    memory: Option<(String, bool, Duration)>,
}

impl Mas {
    pub(super) fn step(
        &mut self,
        change: MasChange,
        panels: &mut Panels,
        known: &mut Known,
        now_ms: i64,
        told: &mut Told,
    ) {
        match change {
            MasChange::Reached(after) => {
                if !matches!(self.reach, Some(Ok(_))) {
                    told.lines.push(Line::new(LogSource::Brain, "The agent system answers."));
                }
                self.reach = Some(Ok(after));
            }
            MasChange::Lost(failure) => {
                let line = Line::new(LogSource::Brain, failure.what.clone()).level(LogLevel::Error);
                told.lines.push(line.said(failure.said.as_deref()));
                self.reach = Some(Err(failure));
                self.memory = None;
            }
            MasChange::Consciousness(said) => {
                panels.consciousness = said.map(|said| view::Consciousness::of(said, now_ms));
                told.events.push(UiEvent::Consciousness { consciousness: panels.consciousness.clone() });
            }
            MasChange::Memory(memory) => self.memory = memory,
            MasChange::Happened(happened) => {
                for what in &happened {
                    panels::happened(panels, known, what, now_ms, told);
                }
            }
            MasChange::LeftOut(count) => told.left_out += count,
        }
    }

    /// The agent system's light. `none`: no address is set.
    pub(super) fn light(&self, none: bool) -> Light {
        let (state, what, ms, problem) = match &self.reach {
            _ if none => (LightState::Off, "Not set up.".to_owned(), None, None),
            None => (LightState::Waiting, "Looking for it".to_owned(), None, None),
            Some(Ok(after)) => (LightState::Well, "Answers".to_owned(), Some(millis(*after)), None),
            Some(Err(failure)) => {
                (LightState::Wrong, failure.what.clone(), None, Some(failure.clone().into()))
            }
        };
        Light { id: LightId::Mas, state, what, since_ms: 0, ms, problem }
    }

    /// The light of the agent system's memory.
    pub(super) fn memory_light(&self) -> Light {
        let (state, what, ms) = match &self.memory {
            Some((words, true, after)) => (LightState::Well, words.clone(), Some(millis(*after))),
            Some((words, false, after)) => (LightState::Wrong, words.clone(), Some(millis(*after))),
            None => (LightState::Off, "The agent system does not say.".to_owned(), None),
        };
        Light { id: LightId::Memory, state, what, since_ms: 0, ms, problem: None }
    }
}
