//! The state machine of a conversation.
//!
//! Everything that can happen is an [`Input`], everything that is wanted is an [`Effect`], and [`Machine::step`] leads
//! from one to the other. It reads no clock and does nothing by itself; tests drive it directly.

use std::time::Duration;

use store::Conversation;
use url::Url;
use wire::HostMetadata;

use crate::{
    problem::{Action, LinkError, Problem},
    transcript::{ShownTurn, Transcript, TranscriptEffect},
};

/// A host that answers the upgrade but not more for this long is probably held by somebody else: stock servers say
/// nothing then.
const SEEMS_BUSY: Duration = Duration::from_secs(8);
/// A lost host is tried again for this long before the conversation goes on in text alone.
const GIVE_UP: Duration = Duration::from_secs(300);
/// Waits before the next try, after a loss and while a host is busy, in milliseconds. The last one repeats.
const RETRY_LOST: [u64; 6] = [300, 1_000, 2_000, 4_000, 8_000, 10_000];
const RETRY_BUSY: [u64; 3] = [2_000, 3_000, 5_000];
/// A call shorter than this ended at once.
const AT_ONCE: Duration = Duration::from_secs(3);
/// After so many calls in a row that ended at once, or with something that no Moshi server sends, there is no point in
/// going on.
const MOST_IN_VAIN: u32 = 3;

/// A moment, on both clocks that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Time that never jumps, since the program began.
    pub mono: Duration,
    /// Milliseconds since 1970.
    pub unix_ms: i64,
}

/// Where Moshi runs, ready to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The whole address, with its query.
    pub url: Url,
    /// The address as it is shown: no query.
    pub shown: String,
    /// How long to wait for the handshake.
    pub handshake_limit: Duration,
}

impl Host {
    /// A host from what a person typed.
    ///
    /// # Errors
    /// The problem with the address, the persona or the voice.
    pub fn new(
        address: &str,
        persona: &str,
        voice: &str,
        handshake_limit: Duration,
    ) -> Result<Self, Problem> {
        let query = wire::ChatQuery::new(persona, voice).map_err(|e| Problem::address(&e))?;
        let url = wire::chat_url(address, &query).map_err(|e| Problem::address(&e))?;
        let host = url.host_str().unwrap_or_default();
        let shown = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self { url, shown, handshake_limit })
    }
}

/// What a link reports.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The WebSocket is open.
    Connected,
    /// The host said something about itself.
    Metadata(Box<HostMetadata>),
    /// The session has started.
    Handshake,
    /// Moshi's next piece of text.
    Text(String),
    /// The link is over. Nothing comes after this.
    Ended(LinkError),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The person wants to talk, with this host.
    Talk(Result<Host, Problem>),
    /// The person wants to stop.
    Stop,
    /// The person mutes or unmutes the microphone.
    Mute(bool),
    /// The person typed a turn.
    Typed(String),
    /// A new conversation begins.
    Begin(Conversation),
    /// The link with this number reports. What links of the past say is not listened to.
    Link(u64, LinkEvent),
    /// The last [`Effect::Store`] is done.
    Stored(Result<(), Problem>),
    /// Time went by.
    Tick,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open microphone and loudspeaker.
    OpenSound,
    /// Close them; what still waits to be heard is thrown away.
    CloseSound,
    /// Mute or unmute the microphone.
    Mute(bool),
    /// Open a link to this host; it reports under this number.
    Connect(u64, Host),
    /// Close the link with this number, with a close frame.
    Disconnect(u64),
    /// Write these turns, and answer with [`Input::Stored`].
    Store(Conversation, Vec<store::Turn>),
    /// Show these turns.
    Show(Vec<ShownTurn>),
    /// The state of the call changed.
    Call(Box<CallState>),
    /// Tell the person about a problem that does not end the call, or that one is over (`None`).
    Saving(Option<Problem>),
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is going on.
    Idle,
    /// The host is being reached.
    Connecting,
    /// The host answers and prepares: its model warms up, its persona is read.
    WarmingUp,
    /// Somebody else holds the host, as it says or as it seems.
    Busy,
    /// Moshi hears and speaks.
    Live,
    /// The connection was lost and is being made again.
    Reconnecting,
    /// The host was lost for good; the conversation goes on in text.
    TypingOnly,
    /// The call did not come about.
    Failed,
}

/// The call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// Where it stands.
    pub phase: Phase,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Since when a handshake is waited for, in milliseconds since 1970: since Talk, or since the connection was lost.
    pub waiting_since_ms: Option<i64>,
    /// How long it is waited for before it is given up.
    pub limit: Option<Duration>,
    /// How many tries this one is, from 1; 0 where none is under way.
    pub attempt: u32,
    /// When the next try begins, in milliseconds since 1970.
    pub retry_at_ms: Option<i64>,
    /// The host, as it is shown.
    pub host: String,
    /// What the host says that it is.
    pub server: Option<String>,
    /// The model that it says it runs.
    pub model: Option<String>,
    /// Why the call does not go as it should.
    pub problem: Option<Problem>,
    /// Whether the microphone is muted.
    pub muted: bool,
}

#[derive(Debug, Clone)]
enum Stage {
    Connecting,
    WarmingUp { since: Duration },
    Live { since: Duration },
    Waiting { until: Duration },
}

#[derive(Debug, Clone)]
struct Call {
    host: Host,
    link: u64,
    stage: Stage,
    /// Since when a handshake is waited for: since Talk, or since the connection was lost.
    waiting_since: Moment,
    was_live: bool,
    attempt: u32,
    /// Calls in a row that came to nothing.
    in_vain: u32,
    metadata: HostMetadata,
    error: Option<LinkError>,
}

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
    /// Conversations that were left before all of their turns were on disk.
    past: Vec<Transcript>,
    links: u64,
    muted: bool,
    saving: Option<Problem>,
    shown_host: String,
    phase: Phase,
    since: Moment,
    reported: Option<CallState>,
}

impl Machine {
    /// A machine at rest that goes on with a conversation of `turns` turns.
    #[must_use]
    pub fn new(conversation: Conversation, turns: u64, now: Moment) -> Self {
        Self {
            state: State::Idle,
            transcript: Transcript::new(conversation, turns),
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
            Input::Typed(text) => {
                if !text.trim().is_empty() {
                    self.transcript.typed(&text, now.unix_ms);
                }
            }
            Input::Begin(conversation) => self.begin(conversation, &mut effects),
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
        // While a batch is written nothing else is; its end is an input of its own.
        let transcripts = self.past.iter().chain([&self.transcript]);
        let retry = if transcripts.clone().any(Transcript::is_writing) {
            None
        } else {
            transcripts.filter_map(Transcript::retry_at).min()
        };
        [call, pause, retry].into_iter().flatten().min()
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
        self.links += 1;
        self.shown_host.clone_from(&host.shown);
        effects.push(Effect::OpenSound);
        effects.push(Effect::Mute(self.muted));
        effects.push(Effect::Connect(self.links, host.clone()));
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
        match &self.state {
            State::Idle => return,
            State::Call(call) => {
                if !matches!(call.stage, Stage::Waiting { .. }) {
                    effects.push(Effect::Disconnect(call.link));
                }
                effects.push(Effect::CloseSound);
                self.transcript.close();
            }
            State::TypingOnly(_) | State::Failed(_) => {}
        }
        // From here on nothing of the abandoned link is listened to.
        self.links += 1;
        self.state = State::Idle;
    }

    fn begin(&mut self, conversation: Conversation, effects: &mut Vec<Effect>) {
        self.stop(effects);
        self.transcript.close();
        let left = std::mem::replace(&mut self.transcript, Transcript::new(conversation, 0));
        if !left.is_settled() {
            self.past.push(left);
        }
    }

    fn link(&mut self, link: u64, event: LinkEvent, now: Moment, effects: &mut Vec<Effect>) {
        let State::Call(call) = &mut self.state else { return };
        if call.link != link || matches!(call.stage, Stage::Waiting { .. }) {
            return;
        }
        match event {
            LinkEvent::Connected => {
                if matches!(call.stage, Stage::Connecting) {
                    call.stage = Stage::WarmingUp { since: now.mono };
                }
            }
            LinkEvent::Metadata(metadata) => call.learn(*metadata),
            LinkEvent::Handshake => {
                call.stage = Stage::Live { since: now.mono };
                call.was_live = true;
                call.error = None;
            }
            LinkEvent::Text(piece) => self.transcript.moshi_said(&piece, now.mono, now.unix_ms),
            LinkEvent::Ended(error) => self.ended(error, now, effects),
        }
    }

    /// The current link is over by itself.
    fn ended(&mut self, error: LinkError, now: Moment, effects: &mut Vec<Effect>) {
        self.transcript.close();
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
                effects.push(Effect::CloseSound);
                self.links += 1;
                self.state = if call.was_live {
                    State::TypingOnly(gone(&call.host.shown))
                } else {
                    State::Failed(no_handshake(call))
                };
            }
            Stage::Waiting { until } if now.mono >= until => {
                self.links += 1;
                call.link = self.links;
                call.attempt += 1;
                call.stage = Stage::Connecting;
                call.metadata = HostMetadata::default();
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
    }
}

impl Call {
    fn limit(&self) -> Duration {
        if self.was_live { GIVE_UP } else { self.host.handshake_limit }
    }

    fn learn(&mut self, metadata: HostMetadata) {
        let known = &mut self.metadata;
        if metadata.server.is_some() {
            known.server = metadata.server;
        }
        if metadata.version.is_some() {
            known.version = metadata.version;
        }
        if metadata.model.is_some() {
            known.model = metadata.model;
        }
        if !metadata.capabilities.is_empty() {
            known.capabilities = metadata.capabilities;
        }
    }

    fn deadline(&self, phase: Phase) -> Option<Duration> {
        let limit = self.waiting_since.mono + self.limit();
        match self.stage {
            Stage::Live { .. } => None,
            Stage::Connecting => Some(limit),
            Stage::WarmingUp { since } if phase == Phase::WarmingUp && !self.says_when_busy() => {
                Some(limit.min(since + SEEMS_BUSY))
            }
            Stage::WarmingUp { .. } => Some(limit),
            Stage::Waiting { until } => Some(limit.min(until)),
        }
    }

    fn phase(&self, now: Duration) -> Phase {
        match self.stage {
            Stage::Live { .. } => Phase::Live,
            Stage::Connecting | Stage::WarmingUp { .. } | Stage::Waiting { .. } if self.was_live => {
                Phase::Reconnecting
            }
            // A busy host that is asked again stays busy to the eye until it lets this call in.
            Stage::Connecting if self.error.is_some() => Phase::Busy,
            Stage::Connecting => Phase::Connecting,
            Stage::WarmingUp { since } if self.seems_busy(since, now) => Phase::Busy,
            Stage::WarmingUp { .. } if self.error.is_some() => Phase::Busy,
            Stage::WarmingUp { .. } => Phase::WarmingUp,
            Stage::Waiting { .. } => Phase::Busy,
        }
    }

    fn seems_busy(&self, since: Duration, now: Duration) -> bool {
        now.saturating_sub(since) >= SEEMS_BUSY && !self.says_when_busy()
    }

    /// Our own hosts say when they are busy, so their silence means work.
    fn says_when_busy(&self) -> bool {
        self.metadata.can(wire::capability::REFUSES_WHEN_BUSY)
    }

    fn describe(&self, phase: Phase, now: Moment, state: &mut CallState) {
        state.host.clone_from(&self.host.shown);
        state.server = self.metadata.server.clone().map(|server| match &self.metadata.version {
            Some(version) => format!("{server} {version}"),
            None => server,
        });
        state.model.clone_from(&self.metadata.model);
        state.attempt = self.attempt;
        if !matches!(self.stage, Stage::Live { .. }) {
            state.waiting_since_ms = Some(self.waiting_since.unix_ms);
            state.limit = Some(self.limit());
        }
        if let Stage::Waiting { until } = self.stage {
            let wait = until.saturating_sub(now.mono).as_millis();
            state.retry_at_ms = Some(now.unix_ms + i64::try_from(wait).unwrap_or(0));
        }
        state.problem = match (phase, &self.error) {
            (Phase::Live, _) => None,
            (_, Some(error)) => Some(while_waiting(error.problem(&self.host.shown))),
            (Phase::Busy, None) => Some(seems_busy(&self.host.shown)),
            (Phase::WarmingUp, None) => Some(warming_up(&self.host.shown)),
            (_, None) => None,
        };
    }
}

fn from_transcript(effect: TranscriptEffect) -> Effect {
    match effect {
        TranscriptEffect::Store(conversation, turns) => Effect::Store(conversation, turns),
        TranscriptEffect::Show(turns) => Effect::Show(turns),
    }
}

/// The same problem while it is being dealt with: there is nothing to begin, but something to stop.
fn while_waiting(mut problem: Problem) -> Problem {
    problem.actions.retain(|action| !matches!(action, Action::Talk | Action::Stop));
    problem.actions.insert(0, Action::Stop);
    problem
}

fn warming_up(host: &str) -> Problem {
    Problem::new(
        "call.warming_up",
        format!("{host} prepares the conversation: it reads the persona and warms up its model."),
        "This takes seconds on a fast host, and a minute or more on the first call after its start.",
        &[Action::Stop],
    )
}

fn seems_busy(host: &str) -> Problem {
    Problem::new(
        "call.seems_busy",
        format!("{host} has not begun yet. Somebody else may hold it, or it still reads the persona."),
        "It answers one caller at a time and does not say so. You can wait, or use another host.",
        &[Action::Stop, Action::OpenHostSettings],
    )
}

fn no_handshake(call: &Call) -> Problem {
    let host = &call.host.shown;
    let seconds = call.host.handshake_limit.as_secs();
    Problem::new(
        "call.no_handshake",
        format!("{host} did not begin the conversation within {seconds} seconds."),
        "Somebody else may hold it, or it is slow; try again, or raise the limit in Settings.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}

fn gone(host: &str) -> Problem {
    Problem::new(
        "call.gone",
        format!("{host} was lost and has not come back for {} minutes.", GIVE_UP.as_secs() / 60),
        "You can go on typing; press Talk when the host is back.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}

fn ended_before_it_began(error: &LinkError, host: &str) -> Problem {
    let said = match error {
        LinkError::Closed(Some((code, words))) if !words.is_empty() => format!(" ({words}, code {code})"),
        LinkError::Closed(Some((code, _))) => format!(" (code {code})"),
        _ => String::new(),
    };
    Problem::new(
        "call.ended_before_it_began",
        format!("{host} ended the call before it began{said}."),
        "It may not know the voice, or have failed while it read the persona; look into its log, or try again.",
        &[Action::Talk, Action::OpenPersonaSettings],
    )
}

fn ends_at_once(error: &LinkError, host: &str) -> Problem {
    let problem = error.problem(host);
    Problem::new(
        "call.ends_at_once",
        format!(
            "{host} has ended the call {MOST_IN_VAIN} times right after it began. Last: {}",
            problem.what
        ),
        "Look into the host's log; it may not be fast enough or not take this program's sound.",
        &[Action::Talk, Action::OpenHostSettings],
    )
}
