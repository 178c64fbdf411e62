//! The two ways of a voice through the machine: what an ear hears becomes turns, and replies become Moshi's words.

use std::time::Duration;

use brain::What;
use store::Delivery;

use super::{
    Effect, Machine, Moment, State,
    hearing::Heard,
    speaking::{Progress, Whose},
    times::first,
};
use crate::{
    conduct::{Answerer, Conduct, Says},
    ear::{Ear, EarEvent, EarServer, EarState},
    problem::Problem,
};

/// After so long without a word Moshi pauses. Between two words of a sentence it takes less.
const MOSHI_PAUSES: Duration = Duration::from_millis(800);

impl Machine {
    /// Whether a host is to be asked to tell what the person says.
    #[must_use]
    pub fn asks_to_hear(&self) -> bool {
        self.hearing.conduct.ear == Ear::Host
    }

    pub(super) fn conduct(&mut self, conduct: Conduct, effects: &mut Vec<Effect>) {
        let in_call = matches!(self.state, State::Call(_));
        let grew = self.hearing.grows();
        if self.hearing.conduct(conduct, in_call, effects) && grew && in_call {
            self.breaks_off("The ear was changed before this was heard to its end.");
        }
    }

    pub(super) fn dictate(&mut self, wish: Option<Result<EarServer, Problem>>, effects: &mut Vec<Effect>) {
        match wish {
            None => self.hearing.end_dictation(None, effects),
            Some(server) if !matches!(self.state, State::Call(_)) => self.hearing.dictate(server, effects),
            Some(_) => {}
        }
    }

    pub(super) fn ear(&mut self, ear: u64, event: EarEvent, now: Moment, effects: &mut Vec<Effect>) {
        let (broken, heard) = self.hearing.told(ear, event, now, effects);
        if broken {
            self.breaks_off("The ear was lost before this was heard to its end.");
        }
        if let Some(heard) = heard {
            self.heard(heard, now, effects);
        }
    }

    /// A host whose session has begun and that hears does so from now on.
    pub(super) fn host_listens(&mut self, now: Moment) {
        if matches!(&self.state, State::Call(call) if call.hears()) {
            self.hearing.host_listens(now);
        }
    }

    /// The link is over, and with it the host's ear.
    pub(super) fn host_is_gone(&mut self) {
        let grew = self.hearing.grows();
        self.hearing.host_is_gone();
        if grew && !self.hearing.grows() {
            self.breaks_off("The call was lost before this was heard to its end.");
        }
    }

    /// The call is over, and nobody hears any more.
    pub(super) fn ears_close(&mut self, effects: &mut Vec<Effect>) {
        if self.hearing.grows() {
            self.breaks_off("The call ended before this was heard to its end.");
        }
        self.hearing.close(effects);
    }

    /// What the person was saying will not become whole. It is not asked by itself, as it may be half a sentence.
    fn breaks_off(&mut self, note: &str) {
        let delivery = self.is_for_brain().then_some(Delivery::Failed);
        self.transcript.heard_ends(delivery, Some(note.to_owned()));
    }

    /// Whether what the person says goes to the brain.
    fn is_for_brain(&self) -> bool {
        self.has_brain && self.hearing.conduct.answerer != Answerer::Moshi
    }

    pub(super) fn heard(&mut self, heard: Heard, now: Moment, effects: &mut Vec<Effect>) {
        if !matches!(self.state, State::Call(_)) {
            return;
        }
        if heard.interrupts
            && self.speaking.is_under_way()
            && let Some(link) = self.link_that_speaks()
        {
            self.speaking.stop("You began to speak.", link, effects);
        }
        let turn = self.transcript.heard(&heard.text, heard.began_ms);
        if !heard.whole {
            return;
        }
        let to_brain = self.is_for_brain();
        if to_brain {
            self.speaking.goes_on();
            // A voice may refuse, and not allow: it may have been Moshi's own, or the television's.
            if let Some(decision) = self.answering.decided(&heard.text).filter(|decision| !decision.allowed) {
                self.answering.decide(decision, effects);
                self.transcript.heard_ends(Some(Delivery::Delivered), None);
                return;
            }
        }
        self.transcript.heard_ends(to_brain.then_some(Delivery::Waiting), None);
        self.times.note(turn, effects, |times| {
            times.words_late_ms = Some(heard.late_ms);
            first(&mut times.said_ms, heard.ended_ms) | first(&mut times.known_ms, now.unix_ms)
        });
    }

    pub(super) fn note_typed(&mut self, turn: u64, now: Moment, effects: &mut Vec<Effect>) {
        self.times.note(turn, effects, |times| {
            first(&mut times.said_ms, now.unix_ms) | first(&mut times.known_ms, now.unix_ms)
        });
    }

    /// Notes what was asked by the effects from this one on.
    pub(super) fn note_asked(&mut self, from: usize, now: Moment, effects: &mut Vec<Effect>) {
        let asked = effects[from..].iter().find_map(|effect| match effect {
            Effect::Ask(ask) => self.answering.turn(ask.ask),
            _ => None,
        });
        if let Some(turn) = asked {
            self.times.note(turn, effects, |times| {
                // One that is sent again begins anew.
                *times = super::TurnTimes {
                    turn,
                    said_ms: times.said_ms,
                    known_ms: times.known_ms,
                    words_late_ms: times.words_late_ms,
                    ..super::TurnTimes::default()
                };
                first(&mut times.asked_ms, now.unix_ms)
            });
        }
    }

    /// The brain tells something of a turn.
    pub(super) fn told(&mut self, ask: u64, what: &What, now: Moment, effects: &mut Vec<Effect>) {
        let turn = self.answering.turn(ask);
        if matches!(what, What::Done { .. }) {
            self.speaking.ended(ask, effects);
        }
        self.answering.told(ask, what, &mut self.transcript, now.unix_ms);
        let Some(turn) = turn else { return };
        match what {
            What::Token { .. } => {
                self.times.note(turn, effects, |times| first(&mut times.first_token_ms, now.unix_ms));
            }
            What::Reply(_) => {
                self.times.note(turn, effects, |times| {
                    first(&mut times.first_token_ms, now.unix_ms) | first(&mut times.replied_ms, now.unix_ms)
                });
            }
            _ => return,
        }
        let Some(link) = self.link_that_speaks() else { return };
        if self.hearing.conduct.answerer != Answerer::BrainThroughMoshi {
            return;
        }
        let whose = Whose { ask, turn, reply: self.transcript.replying() };
        match what {
            What::Token { text } => self.speaking.grows(whose, text, now.mono, link, effects),
            What::Reply(reply) => self.speaking.reply(whose, reply, now.mono, link, effects),
            _ => {}
        }
    }

    /// Gives the host what is due to be said, and notes what came of what it had.
    pub(super) fn speak(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if let Some(link) = self.link_that_speaks() {
            let quiet = self.is_quiet(now.mono);
            self.speaking.go_on(quiet, now.mono, link, effects);
        }
        for progress in self.speaking.take_progress() {
            match progress {
                Progress::Sayable(turn) => {
                    self.times.note(turn, effects, |times| first(&mut times.sayable_ms, now.unix_ms));
                }
                Progress::Given(turn) => {
                    self.times.note(turn, effects, |times| first(&mut times.given_ms, now.unix_ms));
                }
                Progress::Sounds(turn) => {
                    self.times.note(turn, effects, |times| first(&mut times.sounds_ms, now.unix_ms));
                }
                Progress::CutAfter(turn, said) => self.transcript.cut_after(turn, said),
            }
        }
    }

    /// Whether a reply may be said now: nobody speaks, or that does not matter.
    fn is_quiet(&self, now: Duration) -> bool {
        if self.hearing.conduct.says == Says::AtOnce || self.speaking.says() {
            return true;
        }
        !self.hearing.grows() && self.moshi_pauses_at().is_none_or(|at| now >= at)
    }

    fn moshi_pauses_at(&self) -> Option<Duration> {
        self.moshi_spoke.map(|spoke| spoke + MOSHI_PAUSES)
    }

    /// When a reply that waits can be said, if none of that changes.
    pub(super) fn speaks_at(&self) -> Option<Duration> {
        self.link_that_speaks()?;
        let patience = self.speaking.patience_ends()?;
        let pause = if self.hearing.grows() { None } else { self.moshi_pauses_at() };
        Some(pause.map_or(patience, |pause| pause.min(patience)))
    }

    pub(super) fn ear_state(&self) -> EarState {
        let host = match &self.state {
            State::Call(call) => Some((call.host.shown.as_str(), call.hears() || !call.is_live())),
            State::Idle | State::TypingOnly(_) | State::Failed(_) => None,
        };
        self.hearing.state(host)
    }
}
