//! The state machine of a conversation.
//!
//! Everything that can happen is an [`Input`], everything that is wanted is an [`Effect`], and [`Machine::step`] leads
//! from one to the other. It reads no clock and does nothing by itself; tests drive it directly.

use std::time::Duration;

use store::{Conversation, Delivery};
use wire::HostMetadata;

mod call;
mod happening;
mod hearing;
mod speaking;
mod times;
mod voice;
mod words;

pub use self::happening::{CallState, Effect, Input, LinkEvent, Moment, Phase};
pub use self::speaking::{PATIENCE, ReplyState, SpokenReply};
pub use self::times::TurnTimes;
use self::{
    call::{Call, Stage},
    hearing::Hearing,
    speaking::Speaking,
    times::Times,
    words::{ended_before_it_began, ends_at_once, gone, no_handshake},
};
pub use crate::answering::Ask;
use crate::{
    answering::Answering,
    ear::EarState,
    host::Host,
    problem::{LinkError, Problem},
    transcript::{Transcript, TranscriptEffect},
};

/// Waits before the next try, after a loss and while a host is busy, in milliseconds. The last one repeats.
const RETRY_LOST: [u64; 6] = [300, 1_000, 2_000, 4_000, 8_000, 10_000];
const RETRY_BUSY: [u64; 3] = [2_000, 3_000, 5_000];
/// A call shorter than this ended at once.
const AT_ONCE: Duration = Duration::from_secs(3);
/// After so many calls in a row that ended at once, or with something that no Moshi server sends, there is no point in
/// going on.
const MOST_IN_VAIN: u32 = 3;

#[derive(Debug, Clone)]
enum State {
    Idle,
    Call(Box<Call>),
    TypingOnly(Problem),
    Failed(Problem),
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Machine {
    state: State,
    transcript: Transcript,
    answering: Answering,
    speaking: Speaking,
    hearing: Hearing,
    times: Times,
    /// When Moshi's last words of its own came.
    moshi_spoke: Option<Duration>,
    has_brain: bool,
    /// Conversations that were left before all of their turns were on disk.
    past: Vec<Transcript>,
    links: u64,
    muted: bool,
    saving: Option<Problem>,
    shown_host: String,
    phase: Phase,
    since: Moment,
    reported: Option<CallState>,
    reported_ear: Option<EarState>,
}

impl Machine {
    /// A machine at rest that goes on with a conversation after `turns`.
    #[must_use]
    pub fn new(conversation: Conversation, turns: &[store::Turn], now: Moment) -> Self {
        let hearing = Hearing::default();
        Self {
            reported_ear: Some(hearing.state(None)),
            hearing,
            state: State::Idle,
            transcript: Transcript::new(conversation, turns),
            answering: Answering::default(),
            speaking: Speaking::default(),
            times: Times::default(),
            moshi_spoke: None,
            has_brain: false,
            past: Vec::new(),
            links: 0,
            muted: false,
            saving: None,
            shown_host: String::new(),
            phase: Phase::Idle,
            since: now,
            reported: None,
        }
    }

    /// The conversation that goes on.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        self.transcript.conversation()
    }

    /// Whether every turn is on disk.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.past.is_empty() && self.transcript.is_settled()
    }

    /// Takes what happened at `now` and returns what follows, in order.
    pub fn step(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Talk(host) => self.talk(host, now, &mut effects),
            Input::Stop => self.stop(&mut effects),
            Input::Mute(muted) => {
                self.muted = muted;
                effects.push(Effect::Mute(muted));
            }
            Input::Typed(text) => self.typed(&text, now, &mut effects),
            Input::Begin(conversation, turns) => self.begin(conversation, &turns, &mut effects),
            Input::Forget(id, next) => self.forget(id, next, &mut effects),
            Input::Brain(is_there) => self.has_brain = is_there,
            Input::Told(ask, what) => self.told(ask, &what, now, &mut effects),
            Input::Silent(ask) => {
                self.speaking.ended(ask, &mut effects);
                self.answering.silent(ask, &mut self.transcript);
            }
            Input::Conduct(conduct) => self.conduct(*conduct, &mut effects),
            Input::Dictate(wish) => self.dictate(wish, &mut effects),
            Input::Ear(ear, event) => self.ear(ear, event, now, &mut effects),
            Input::Retry(number) => {
                let failed = |turn: &store::Turn| turn.delivery == Some(Delivery::Failed);
                if self.has_brain && self.transcript.undelivered(number).is_some_and(failed) {
                    self.transcript.mark(number, Delivery::Waiting, None);
                }
            }
            Input::CancelAnswer => self.answering.cancel(&mut effects),
            Input::Decided(decision) => self.answering.decide(decision, &mut effects),
            Input::StopSpeaking => {
                if let Some(link) = self.link_that_speaks() {
                    self.speaking.stop("You stopped it.", link, &mut effects);
                }
            }
            Input::Link(link, event) => self.link(link, event, now, &mut effects),
            Input::Stored(result) => {
                let ok = result.is_ok();
                let problem = result.err();
                if problem != self.saving {
                    self.saving.clone_from(&problem);
                    effects.push(Effect::Saving(problem));
                }
                let written = self.transcripts().find(|t| t.is_writing());
                effects.extend(written.and_then(|t| t.stored(ok, now.mono)).map(from_transcript));
                self.past.retain(|t| !t.is_settled());
            }
            Input::Tick => self.tick(now, &mut effects),
        }
        let before = effects.len();
        self.answering.go_on(&mut self.transcript, &mut effects);
        self.note_asked(before, now, &mut effects);
        self.speak(now, &mut effects);
        self.remember(&mut effects);
        effects.extend(self.flush(now.mono).map(from_transcript));
        self.report(now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] has something to do, on the clock that never jumps.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let call = match &self.state {
            State::Call(call) => call.deadline(self.phase),
            State::Idle | State::TypingOnly(_) | State::Failed(_) => None,
        };
        let pause = self.transcript.pause_at();
        let speak = self.speaks_at();
        // While a batch is written nothing else is; its end is an input of its own.
        let transcripts = self.past.iter().chain([&self.transcript]);
        let retry = if transcripts.clone().any(Transcript::is_writing) {
            None
        } else {
            transcripts.filter_map(Transcript::retry_at).min()
        };
        [call, pause, speak, retry].into_iter().flatten().min()
    }

    fn transcripts(&mut self) -> impl Iterator<Item = &mut Transcript> {
        self.past.iter_mut().chain([&mut self.transcript])
    }

    /// The next batch for the disk, from the oldest conversation that has one. One batch at a time.
    fn flush(&mut self, now: Duration) -> Option<TranscriptEffect> {
        if self.transcripts().any(|t| t.is_writing()) {
            return None;
        }
        self.transcripts().find_map(|t| t.flush(now))
    }

    fn talk(&mut self, host: Result<Host, Problem>, now: Moment, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Call(_)) {
            return;
        }
        let host = match host {
            Ok(host) => host,
            Err(problem) => {
                self.state = State::Failed(problem);
                return;
            }
        };
        self.hearing.end_dictation(None, effects);
        self.links += 1;
        self.speaking.connects();
        self.shown_host.clone_from(&host.shown);
        effects.push(Effect::OpenSound);
        effects.push(Effect::Mute(self.muted));
        effects.push(Effect::Connect(self.links, host.clone()));
        self.hearing.open_for_call(effects);
        self.state = State::Call(Box::new(Call {
            host,
            link: self.links,
            stage: Stage::Connecting,
            waiting_since: now,
            was_live: false,
            attempt: 1,
            in_vain: 0,
            metadata: HostMetadata::default(),
            error: None,
        }));
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.hearing.end_dictation(None, effects);
        match &self.state {
            State::Idle => return,
            State::Call(call) => {
                if !matches!(call.stage, Stage::Waiting { .. }) {
                    effects.push(Effect::Disconnect(call.link));
                }
                effects.push(Effect::CloseSound);
                self.transcript.close();
                self.speaking.ends(effects);
                self.ears_close(effects);
            }
            State::TypingOnly(_) | State::Failed(_) => {}
        }
        // From here on nothing of the abandoned link is listened to.
        self.links += 1;
        self.state = State::Idle;
    }

    fn typed(&mut self, text: &str, now: Moment, effects: &mut Vec<Effect>) {
        if text.trim().is_empty() {
            return;
        }
        self.speaking.goes_on();
        if let Some(decision) = self.answering.decided(text) {
            self.transcript.typed(text, now.unix_ms, Some(Delivery::Delivered));
            self.answering.decide(decision, effects);
            return;
        }
        // Whoever talks of something else has not allowed anything.
        if let Some(decision) = self.answering.declined() {
            self.answering.decide(decision, effects);
        }
        let delivery = self.has_brain.then_some(Delivery::Waiting);
        let turn = self.transcript.typed(text, now.unix_ms, delivery);
        if delivery.is_some() {
            self.note_typed(turn, now, effects);
        }
    }

    /// What Moshi has said to its end goes to the brain, which is not asked to answer it.
    fn remember(&mut self, effects: &mut Vec<Effect>) {
        for turn in self.transcript.take_ended() {
            if self.has_brain && !turn.text.is_empty() {
                effects.push(Effect::Remember(self.transcript.conversation().id.clone(), turn.text));
            }
        }
    }

    fn begin(&mut self, conversation: Conversation, turns: &[store::Turn], effects: &mut Vec<Effect>) {
        self.stop(effects);
        self.transcript.close();
        self.remember(effects);
        self.answering.leave(&mut self.transcript, effects);
        self.times.forget();
        let left = std::mem::replace(&mut self.transcript, Transcript::new(conversation, turns));
        if !left.is_settled() {
            self.past.push(left);
        }
    }

    fn forget(&mut self, id: String, next: Conversation, effects: &mut Vec<Effect>) {
        if self.transcript.conversation().id == id {
            self.begin(next, &[], effects);
        }
        for transcript in self.past.iter_mut().filter(|transcript| transcript.conversation().id == id) {
            transcript.forget();
        }
        self.past.retain(|transcript| !transcript.is_settled());
        // What is being written now is on disk before it is deleted there.
        effects.push(Effect::Delete(id));
    }

    /// The link that is open, where its host says the texts that it is given.
    fn link_that_speaks(&self) -> Option<u64> {
        match &self.state {
            State::Call(call) if call.speaks() => Some(call.link),
            _ => None,
        }
    }

    fn link(&mut self, link: u64, event: LinkEvent, now: Moment, effects: &mut Vec<Effect>) {
        let State::Call(call) = &mut self.state else { return };
        if call.link != link || matches!(call.stage, Stage::Waiting { .. }) {
            return;
        }
        match event {
            LinkEvent::Found(shown) => call.host.shown = shown,
            LinkEvent::Connected => {
                if matches!(call.stage, Stage::Connecting) {
                    call.stage = Stage::WarmingUp { since: now.mono };
                }
            }
            LinkEvent::Metadata(mut metadata) => {
                let news = metadata.speech.take();
                let heard = self.hearing.host_tells(&mut metadata, now);
                call.learn(*metadata);
                if let Some(news) = news {
                    if self.speaking.begins(&news) {
                        self.transcript.close();
                    }
                    self.speaking.told(news, effects);
                }
                self.host_listens(now);
                if let Some(heard) = heard {
                    self.heard(heard, now, effects);
                }
            }
            LinkEvent::Handshake => {
                call.stage = Stage::Live { since: now.mono };
                call.was_live = true;
                call.error = None;
                self.host_listens(now);
            }
            // The reply that it is part of is a turn already.
            LinkEvent::Text(_) if self.speaking.says() => {}
            LinkEvent::Text(piece) => {
                self.moshi_spoke = Some(now.mono);
                self.transcript.moshi_said(&piece, now.mono, now.unix_ms);
            }
            LinkEvent::Ended(error) => self.ended(error, now, effects),
        }
    }

    /// The current link is over by itself.
    fn ended(&mut self, error: LinkError, now: Moment, effects: &mut Vec<Effect>) {
        self.transcript.close();
        self.speaking.ends(effects);
        self.host_is_gone();
        let State::Call(call) = &mut self.state else { return };
        let host = call.host.shown.clone();
        if let Stage::Live { since } = call.stage {
            call.waiting_since = now;
            call.attempt = 0;
            let nothing = now.mono.saturating_sub(since) < AT_ONCE || matches!(error, LinkError::Protocol(_));
            call.in_vain = if nothing { call.in_vain + 1 } else { 0 };
        }
        let busy = matches!(error, LinkError::Busy(_) | LinkError::Unavailable(_));
        let again = if call.was_live { error.may_pass() } else { busy };
        if !again {
            let problem =
                if matches!(error, LinkError::Closed(_)) && matches!(call.stage, Stage::WarmingUp { .. }) {
                    ended_before_it_began(&error, &host)
                } else {
                    error.problem(&host)
                };
            self.fail(problem, effects);
        } else if call.in_vain >= MOST_IN_VAIN {
            let problem = match error {
                LinkError::Protocol(_) => error.problem(&host),
                _ => ends_at_once(&error, &host),
            };
            self.fail(problem, effects);
        } else {
            let waits: &[u64] = if busy { &RETRY_BUSY } else { &RETRY_LOST };
            let tries = call.attempt as usize;
            let wait = waits[tries.saturating_sub(usize::from(!call.was_live)).min(waits.len() - 1)];
            call.stage = Stage::Waiting { until: now.mono + Duration::from_millis(wait) };
            call.error = Some(error);
        }
    }

    fn fail(&mut self, problem: Problem, effects: &mut Vec<Effect>) {
        self.ears_close(effects);
        effects.push(Effect::CloseSound);
        self.state = State::Failed(problem);
    }

    fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.transcript.tick(now.mono);
        let State::Call(call) = &mut self.state else { return };
        let waited = now.mono.saturating_sub(call.waiting_since.mono);
        match call.stage {
            Stage::Live { .. } => {}
            Stage::Connecting | Stage::WarmingUp { .. } | Stage::Waiting { .. } if waited >= call.limit() => {
                if !matches!(call.stage, Stage::Waiting { .. }) {
                    effects.push(Effect::Disconnect(call.link));
                }
                let waited_for = no_handshake(call);
                let (was_live, host) = (call.was_live, call.host.shown.clone());
                self.ears_close(effects);
                effects.push(Effect::CloseSound);
                self.links += 1;
                self.state =
                    if was_live { State::TypingOnly(gone(&host)) } else { State::Failed(waited_for) };
            }
            Stage::Waiting { until } if now.mono >= until => {
                self.links += 1;
                call.link = self.links;
                call.attempt += 1;
                call.stage = Stage::Connecting;
                call.metadata = HostMetadata::default();
                self.speaking.connects();
                effects.push(Effect::Connect(call.link, call.host.clone()));
            }
            Stage::Connecting | Stage::WarmingUp { .. } | Stage::Waiting { .. } => {}
        }
    }

    /// Adds an effect if the call looks different from what was reported last.
    fn report(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let phase = match &self.state {
            State::Idle => Phase::Idle,
            State::Call(call) => call.phase(now.mono),
            State::TypingOnly(_) => Phase::TypingOnly,
            State::Failed(_) => Phase::Failed,
        };
        if phase != self.phase {
            self.phase = phase;
            self.since = now;
        }
        let mut state = CallState {
            phase,
            since_ms: self.since.unix_ms,
            waiting_since_ms: None,
            limit: None,
            attempt: 0,
            retry_at_ms: None,
            host: self.shown_host.clone(),
            server: None,
            model: None,
            problem: None,
            muted: self.muted,
            speaks: self.link_that_speaks().is_some(),
        };
        match &self.state {
            State::Idle => {}
            State::Call(call) => call.describe(phase, now, &mut state),
            State::TypingOnly(problem) | State::Failed(problem) => state.problem = Some(problem.clone()),
        }
        // The moment of the next try is computed anew each time; rounding must not look like a change.
        let same = self.reported.as_ref().is_some_and(|reported| {
            let close = |a: Option<i64>, b: Option<i64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 50,
                (None, None) => true,
                _ => false,
            };
            close(reported.retry_at_ms, state.retry_at_ms)
                && *reported == CallState { retry_at_ms: reported.retry_at_ms, ..state.clone() }
        });
        if !same {
            self.reported = Some(state.clone());
            effects.push(Effect::Call(Box::new(state)));
        }
        let ear = self.ear_state();
        if self.reported_ear.as_ref() != Some(&ear) {
            self.reported_ear = Some(ear.clone());
            effects.push(Effect::Ear(Box::new(ear)));
        }
    }
}

fn from_transcript(effect: TranscriptEffect) -> Effect {
    match effect {
        TranscriptEffect::Store(conversation, turns) => Effect::Store(conversation, turns),
        TranscriptEffect::Show(turns) => Effect::Show(turns),
    }
}
