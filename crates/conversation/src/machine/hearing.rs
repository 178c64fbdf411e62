//! What the person says, as an ear tells it: each utterance becomes a turn once, and dictation becomes a text.

use wire::{FrameTiming, HostMetadata, Utterance, UtteranceState};

use super::{Effect, Moment};
use crate::{
    conduct::Conduct,
    ear::{Dictation, Ear, EarEvent, EarPhase, EarServer, EarState},
    problem::Problem,
};

/// Longest text of a dictation, in bytes. What is said beyond it is not written down, and dictation ends.
const LONGEST_DICTATION: usize = 32 << 10;

/// Words by which a person shows to listen, and wants nothing. They interrupt nobody.
const BACKCHANNELS: [&str; 14] =
    ["mhm", "mm", "mmm", "hm", "hmm", "uh", "um", "uh-huh", "aha", "ah", "oh", "yeah", "okay", "right"];

/// Who hears, and how far it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Hearing {
    pub(super) conduct: Conduct,
    /// Servers that were opened. What earlier ones report is not listened to.
    servers: u64,
    /// The one that is open.
    server: Option<(u64, EarServer)>,
    listening: Option<Listening>,
    /// Why it does not listen.
    problem: Option<Problem>,
    /// Whether it can not.
    failed: bool,
    model: Option<String>,
    delay_ms: Option<u32>,
    timing: Option<FrameTiming>,
    dictation: Dictation,
    /// The closed server whose last words are waited for.
    finishing: Option<u64>,
    /// What of the dictated text is not corrected any more, in bytes.
    settled: usize,
}

/// An ear that listens.
#[derive(Debug, Clone)]
struct Listening {
    since: Moment,
    /// Utterances that have ended.
    ended: u64,
    /// The one that grows.
    grows: Option<u64>,
    /// How late its words were told, in milliseconds: their sum, and how many there were.
    late: (i64, i64),
}

/// What an utterance asks of the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// All of it, so far.
    pub(super) text: String,
    /// When it began, in milliseconds since 1970.
    pub(super) began_ms: i64,
    /// When its last word ended, in milliseconds since 1970.
    pub(super) ended_ms: i64,
    /// How late its words were told on average beyond the delay of the model, in milliseconds.
    pub(super) late_ms: i64,
    /// Whether it is whole.
    pub(super) whole: bool,
    /// Whether it has just begun, and not with a word that only shows attention.
    pub(super) interrupts: bool,
}

impl Hearing {
    /// The conversation is conducted like this from now on. `in_call`: a server then listens at once, or no longer.
    pub(super) fn conduct(&mut self, conduct: Conduct, in_call: bool, effects: &mut Vec<Effect>) -> bool {
        let other = conduct.ear != self.conduct.ear;
        self.conduct = conduct;
        if other && in_call {
            self.close(effects);
            self.open_for_call(effects);
        }
        other
    }

    /// A call begins.
    pub(super) fn open_for_call(&mut self, effects: &mut Vec<Effect>) {
        if self.finishing.take().is_some() {
            self.deaf();
        }
        if let Ear::Server(server) = &self.conduct.ear {
            self.open(server.clone(), effects);
        }
    }

    fn open(&mut self, server: EarServer, effects: &mut Vec<Effect>) {
        self.servers += 1;
        effects.push(Effect::OpenEar(self.servers, server.clone()));
        self.server = Some((self.servers, server));
    }

    /// Nobody listens any more.
    pub(super) fn close(&mut self, effects: &mut Vec<Effect>) {
        if let Some((number, _)) = self.server.take() {
            effects.push(Effect::CloseEar(number));
        }
        self.deaf();
        (self.problem, self.failed) = (None, false);
    }

    /// The link to a host whose recogniser listened is over.
    pub(super) fn host_is_gone(&mut self) {
        if self.server.is_none() {
            self.deaf();
        }
    }

    fn deaf(&mut self) {
        self.listening = None;
        (self.model, self.delay_ms, self.timing) = (None, None, None);
    }

    /// Whether an utterance grows that an ear will not end any more once it is closed.
    pub(super) fn grows(&self) -> bool {
        self.listening.as_ref().is_some_and(|listening| listening.grows.is_some())
    }

    /// The host listens from now on, as it was asked to.
    pub(super) fn host_listens(&mut self, now: Moment) {
        if self.conduct.ear == Ear::Host && self.listening.is_none() {
            self.listens(now);
        }
    }

    fn listens(&mut self, now: Moment) {
        self.listening = Some(Listening { since: now, ended: 0, grows: None, late: (0, 0) });
        (self.problem, self.failed) = (None, false);
    }

    /// The host tells of its recogniser, and perhaps of what it heard.
    pub(super) fn host_tells(&mut self, metadata: &mut HostMetadata, now: Moment) -> Option<Heard> {
        if self.conduct.ear != Ear::Host {
            return None;
        }
        if let Some(told) = metadata.hearing.take() {
            self.model = told.model.or(self.model.take());
            self.delay_ms = Some(told.delay_ms);
            self.timing = told.timing.or(self.timing);
        }
        self.heard(metadata.heard.take()?, now)
    }

    /// A server reports. What earlier ones say is passed over. Returns whether an utterance that grew is broken off, and
    /// what was heard.
    pub(super) fn told(
        &mut self,
        server: u64,
        event: EarEvent,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> (bool, Option<Heard>) {
        if self.finishing == Some(server) {
            self.finish(event, now, effects);
            return (false, None);
        }
        if self.server.as_ref().is_none_or(|(number, _)| *number != server) {
            return (false, None);
        }
        let grew = self.grows();
        match event {
            EarEvent::Listens { delay_ms } => {
                self.listens(now);
                self.delay_ms = delay_ms;
                (grew, None)
            }
            EarEvent::Heard(utterance) => {
                let heard = self.heard(utterance, now);
                if self.dictation.on
                    && let Some(heard) = heard
                {
                    self.write_down(&heard, effects);
                    return (false, None);
                }
                (false, heard)
            }
            EarEvent::Waits(problem) => {
                self.deaf();
                self.problem = Some(problem);
                (grew, None)
            }
            EarEvent::Ended(problem) => {
                self.server = None;
                self.deaf();
                (self.problem, self.failed) = (Some(problem.clone()), true);
                if self.dictation.on {
                    self.end_dictation(Some(problem), effects);
                }
                (grew, None)
            }
            EarEvent::Closed => (false, None),
        }
    }

    /// The last words of a dictation that has ended.
    fn finish(&mut self, event: EarEvent, now: Moment, effects: &mut Vec<Effect>) {
        match event {
            EarEvent::Heard(utterance) => {
                if let Some(heard) = self.heard(utterance, now) {
                    self.write_down(&heard, effects);
                }
            }
            EarEvent::Listens { .. } | EarEvent::Waits(_) => {}
            EarEvent::Ended(_) | EarEvent::Closed => {
                self.finishing = None;
                self.deaf();
            }
        }
    }

    fn heard(&mut self, utterance: Utterance, now: Moment) -> Option<Heard> {
        let listening = self.listening.as_mut()?;
        let Utterance { id, state, text, start, end, at, .. } = utterance;
        // One that has ended is told of once.
        if id <= listening.ended {
            return None;
        }
        let at_ms = |seconds: f64| listening.since.unix_ms.saturating_add((seconds * 1e3) as i64);
        let (began_ms, ended_ms, late) = (at_ms(start), at_ms(end), now.unix_ms - at_ms(at));
        let begins = listening.grows != Some(id);
        if begins {
            listening.late = (0, 0);
        }
        listening.late = (listening.late.0 + late.max(0), listening.late.1 + 1);
        let whole = state == UtteranceState::Final;
        if whole {
            (listening.ended, listening.grows) = (id, None);
        } else {
            listening.grows = Some(id);
        }
        let late_ms = listening.late.0 / listening.late.1.max(1);
        let interrupts = !whole && !is_backchannel(&text);
        Some(Heard { text, began_ms, ended_ms, late_ms, whole, interrupts })
    }

    /// Dictation begins with this ear. Not while somebody hears already.
    pub(super) fn dictate(&mut self, server: Result<EarServer, Problem>, effects: &mut Vec<Effect>) {
        if self.dictation.on {
            return;
        }
        self.finishing = None;
        self.settled = 0;
        self.dictation = Dictation { on: server.is_ok(), ..Dictation::default() };
        match server {
            Ok(server) => {
                effects.push(Effect::OpenSound);
                effects.push(Effect::Mute(false));
                self.open(server, effects);
            }
            Err(problem) => self.dictation.problem = Some(problem),
        }
        effects.push(Effect::Dictation(Box::new(self.dictation.clone())));
    }

    /// Dictation ends, if there is any.
    pub(super) fn end_dictation(&mut self, problem: Option<Problem>, effects: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.dictation.on) {
            return;
        }
        if problem.is_none()
            && let Some((number, _)) = self.server.take()
        {
            // What was said last is still on its way.
            effects.push(Effect::CloseEar(number));
            self.finishing = Some(number);
        } else {
            self.close(effects);
        }
        effects.push(Effect::CloseSound);
        self.dictation.problem = problem;
        effects.push(Effect::Dictation(Box::new(self.dictation.clone())));
    }

    fn write_down(&mut self, heard: &Heard, effects: &mut Vec<Effect>) {
        let text = &mut self.dictation.text;
        text.truncate(self.settled);
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&heard.text);
        if heard.whole {
            self.settled = text.len();
        }
        if text.len() > LONGEST_DICTATION && self.dictation.on {
            let problem = Problem::new(
                "ear.long_dictation",
                "This is as much as can be dictated at once.",
                "Send it, and dictate the rest after it.",
                &[],
            );
            self.end_dictation(Some(problem), effects);
        } else {
            effects.push(Effect::Dictation(Box::new(self.dictation.clone())));
        }
    }

    /// The ear as it is shown. `host`: the host of a call that is under way, and whether it hears.
    pub(super) fn state(&self, host: Option<(&str, bool)>) -> EarState {
        let phase = match (&self.listening, host) {
            (Some(_), _) => EarPhase::Listening,
            _ if self.failed => EarPhase::Failed,
            _ if self.server.is_some() => EarPhase::Waiting,
            (_, Some((_, true))) if self.conduct.ear == Ear::Host => EarPhase::Waiting,
            (_, Some((_, false))) if self.conduct.ear == Ear::Host => EarPhase::Failed,
            _ => EarPhase::Off,
        };
        let (place, of_host) = match (&self.server, &self.conduct.ear) {
            (Some((_, server)), _) | (None, Ear::Server(server)) => (server.shown.clone(), false),
            (None, Ear::Host) => (host.map(|(shown, _)| shown.to_owned()).unwrap_or_default(), true),
            (None, Ear::Off) => (String::new(), false),
        };
        let problem = match &self.problem {
            None if phase == EarPhase::Failed => Some(host_does_not_hear(&place)),
            problem => problem.clone(),
        };
        EarState {
            phase,
            place,
            of_host,
            model: self.model.clone(),
            delay_ms: self.delay_ms,
            timing: self.timing,
            problem,
        }
    }
}

fn is_backchannel(text: &str) -> bool {
    text.split_whitespace().all(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        BACKCHANNELS.contains(&word.as_str())
    })
}

fn host_does_not_hear(host: &str) -> Problem {
    Problem::new(
        "ear.host_does_not_hear",
        format!(
            "{host} does not tell what you say: it has no recogniser, or somebody else dictates with it."
        ),
        "Start it with --hear, or choose a recognition server in Settings. Typing works as before.",
        &[crate::problem::Action::OpenHearingSettings],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_only_show_attention_interrupt_nobody() {
        for text in ["Mhm", "Yeah, yeah.", "Oh", "uh-huh", "Okay. Right"] {
            assert!(is_backchannel(text), "{text}");
        }
        for text in ["Stop", "No", "Yeah but", "Hm what", "Okay stop"] {
            assert!(!is_backchannel(text), "{text}");
        }
    }
}
