//! What the window shows, and how it changes: pure transitions from what happened to what is told.

use audio::{DeviceError, DeviceList, RouteStatus};
use conversation::{Event, Figures, Problem};
use store::{HostPlace, Settings};

use crate::{
    host_list, translate,
    view::{
        self, AppInfo, BrainKind, BrainState, Call, Devices, Dictation, Doctor, Download, Ear, EchoTest,
        EchoTestState, HostCheck, Hosts, Latency, Light, LightId, LightState, Local, Log, LogLevel,
        LogSource, ModelState, Models, Notice, NoticeLevel, Panels, Phase, Snapshot, Stage, StageTime, Turn,
        UiEvent,
    },
};

mod bridge;
mod hearing;
mod hosts;
mod latency;
mod lights;
mod log;
mod mas;
mod models;
mod panels;
mod sound;

use self::{
    bridge::Bridge,
    hosts::KnownOfHosts,
    log::Line,
    mas::Mas,
    models::KnownOfModels,
    panels::{Known, Told},
    sound::Side,
};
pub(crate) use self::{latency::host_frames, mas::MasChange, sound::has_sound};

/// Turns that are kept in sight. Older ones stay in the history.
const MOST_TURNS: usize = 10_000;
/// The notice about turns that cannot be saved.
const SAVING: &str = "saving";

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The conversation tells something.
    Conversation(Event),
    /// The echo test's own conversation tells something.
    EchoRoute(RouteStatus),
    /// The echo test stands somewhere else.
    Echo(EchoTestState, Option<Problem>),
    /// The sound system and its devices, or why there are none.
    Devices(Result<(String, DeviceList), DeviceError>),
    /// The settings that hold now.
    Settings(Settings),
    /// Sound flowed; with figures about its way now and then.
    Sound { figures: Box<Figures>, measured: bool },
    /// There is something to tell, or nothing any more.
    Notice(&'static str, Option<(NoticeLevel, Problem)>),
    /// The person has read a notice.
    Dismissed(String),
    /// Somebody else answers from now on.
    Brain(Thinks),
    /// Something about the agent system, whether it answers turns or not.
    Mas(MasChange),
    /// Whether the system's keyring holds a service token for the agent system.
    MasToken(bool),
    /// Whether there is a key for the server that recognises.
    EarKey(bool),
    /// A test of the host of that id, as it stands.
    HostCheck(String, HostCheck),
    /// What was found of the host of that id says nothing about it any more.
    HostMoved(String),
    /// The local Moshi, as it stands.
    Local(Local),
    /// The recogniser on this computer.
    Recogniser(Local),
    /// The doctor, as it stands.
    Doctor(Doctor),
    /// The models that are here, without what is being downloaded.
    Models(Models),
    /// A download of the model of that id, as it stands.
    Download(String, ModelState, Option<Download>),
    /// A download is over: why, where it is not whole.
    DownloadOver(String, Option<Problem>),
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thinks {
    pub(crate) kind: BrainKind,
    /// Where it is, or which language model it uses.
    pub(crate) place: String,
    /// Why the built-in brain's memory cannot be used.
    pub(crate) memory: Option<Problem>,
}

/// The state behind the window.
#[derive(Debug)]
pub(crate) struct State {
    snapshot: Snapshot,
    settings: Settings,
    /// Whether the system's keyring holds a service token for the agent system.
    mas_token: bool,
    /// Whether there is a key for the server that recognises.
    ear_key: bool,
    /// Whether dictation hears although calls are muted: it begins so, until the person mutes or unmutes.
    dictation_unmuted: bool,
    mas: Mas,
    bridge: Bridge,
    hosts: KnownOfHosts,
    models: KnownOfModels,
    /// Who answers while no bridge does, and where that is.
    chosen: (BrainKind, String),
    /// Why the built-in brain's memory cannot be used.
    memory: Option<Problem>,
    known: Known,
    /// Whether the host of the call says the brain's replies.
    speaks: bool,
    /// Entries of the log so far.
    logged: u64,
    input: Side,
    output: Side,
}

impl State {
    pub(crate) fn new(app: AppInfo, settings: Settings, now_ms: i64) -> Self {
        let call = Call {
            phase: Phase::Idle,
            since_ms: now_ms,
            waiting_since_ms: None,
            limit_s: None,
            attempt: 0,
            retry_at_ms: None,
            host: String::new(),
            server: None,
            model: None,
            problem: None,
            muted: false,
        };
        let snapshot = Snapshot {
            app,
            call,
            lights: Vec::new(),
            conversation_id: String::new(),
            turns: Vec::new(),
            settings: view::Settings::of(&settings, false, false),
            hosts: Hosts::default(),
            local: Local::default(),
            recogniser: Local::default(),
            doctor: Doctor::default(),
            models: Models::default(),
            voices: wire::VOICES.map(str::to_owned).to_vec(),
            devices: Devices::default(),
            latency: latency::none(),
            notices: Vec::new(),
            echo_test: EchoTest { state: EchoTestState::Off, round_trip_ms: None, problem: None },
            ear: Ear::default(),
            dictation: Dictation::default(),
            times: Vec::new(),
            panels: Panels::default(),
            log: Log::default(),
        };
        let mut state = Self {
            snapshot,
            settings,
            mas_token: false,
            ear_key: false,
            dictation_unmuted: false,
            mas: Mas::default(),
            bridge: Bridge::default(),
            hosts: KnownOfHosts::default(),
            models: KnownOfModels::default(),
            chosen: Default::default(),
            memory: None,
            known: Known::default(),
            speaks: false,
            logged: 0,
            input: Side::default(),
            output: Side::default(),
        };
        state.step(Change::Settings(state.settings.clone()), now_ms);
        state
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether the brain is at work on a turn.
    pub(crate) fn is_thinking(&self) -> bool {
        let state = self.snapshot.panels.brain.state;
        matches!(state, BrainState::Thinking | BrainState::Waiting | BrainState::Streaming)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes what happened and returns what the window has to know, in order.
    pub(crate) fn step(&mut self, change: Change, now_ms: i64) -> Vec<UiEvent> {
        let mut events = Vec::new();
        match change {
            Change::Conversation(event) => self.conversation(event, now_ms, &mut events),
            Change::EchoRoute(route) => self.route(route, &mut events),
            Change::Echo(state, problem) => self.echo(state, problem, &mut events),
            Change::Devices(found) => self.devices(found, &mut events),
            Change::Settings(settings) => self.set(settings, &mut events),
            Change::Sound { figures, measured } => self.sound(*figures, measured, &mut events),
            Change::Notice(id, notice) => {
                if notice.is_some() || self.snapshot.notices.iter().any(|known| known.id == id) {
                    self.notice(id, notice, now_ms, &mut events);
                }
            }
            Change::Dismissed(id) => {
                let before = self.snapshot.notices.len();
                self.snapshot.notices.retain(|notice| notice.id != id);
                if self.snapshot.notices.len() != before {
                    events.push(UiEvent::Notices { notices: self.snapshot.notices.clone() });
                }
            }
            Change::Brain(thinks) => self.brain(thinks, now_ms, &mut events),
            Change::Mas(change) => self.mas(change, now_ms, &mut events),
            Change::MasToken(is_there) => {
                self.mas_token = is_there;
                self.set(self.settings.clone(), &mut events);
            }
            Change::EarKey(is_there) => {
                self.ear_key = is_there;
                self.set(self.settings.clone(), &mut events);
            }
            Change::HostCheck(id, check) => {
                self.hosts.checked(id, check);
                self.show_hosts(&mut events);
            }
            Change::HostMoved(id) => {
                self.hosts.moved(&id);
                self.show_hosts(&mut events);
            }
            Change::Local(local) => self.local(local, now_ms, &mut events),
            Change::Recogniser(recogniser) => self.recogniser(recogniser, now_ms, &mut events),
            Change::Doctor(doctor) => {
                self.snapshot.doctor.clone_from(&doctor);
                events.push(UiEvent::Doctor { doctor });
            }
            Change::Models(found) => self.models(found, &mut events),
            Change::Download(id, state, download) => self.download(id, state, download, &mut events),
            Change::DownloadOver(id, problem) => {
                self.download_over(id, problem.map(Into::into), &mut events);
            }
        }
        let lights = self.lights(now_ms);
        if lights != self.snapshot.lights {
            self.snapshot.lights.clone_from(&lights);
            events.push(UiEvent::Lights { lights });
        }
        events
    }

    fn conversation(&mut self, event: Event, now_ms: i64, events: &mut Vec<UiEvent>) {
        match event {
            Event::Conversation { id, turns } => {
                let mut turns: Vec<Turn> =
                    turns.into_iter().map(|turn| translate::turn(turn, true)).collect();
                turns.sort_by_key(|turn| turn.at_ms);
                let other = !self.snapshot.conversation_id.is_empty();
                self.snapshot.conversation_id.clone_from(&id);
                self.snapshot.turns.clone_from(&turns);
                self.snapshot.times.clear();
                events.push(UiEvent::Conversation { id, turns });
                // What an agent system did by itself while the history was opened belongs to no conversation before.
                if other {
                    self.clear_panels(now_ms, events);
                }
                self.log(Line::new(LogSource::App, "A conversation goes on."), now_ms, events);
            }
            Event::Call(call) => {
                self.speaks = call.speaks;
                self.call(Call::from(*call), now_ms, events);
            }
            Event::Turns(turns) => {
                for shown in turns {
                    // A conversation that was left may still be on its way to the disk.
                    if shown.conversation == self.snapshot.conversation_id {
                        let turn = Turn::from(shown);
                        self.turn(turn.clone());
                        events.push(UiEvent::Turn { turn });
                    }
                }
            }
            Event::Route(route) => self.route(route, events),
            // The list comes from whoever watches it also while no sound is open.
            Event::Devices(_) => {}
            Event::Brain(event) => {
                let shown_only = self.snapshot.call.phase == Phase::Live && !self.speaks;
                let mut told =
                    panels::brain(&mut self.snapshot.panels, &mut self.known, &event, shown_only, now_ms);
                self.bridge_may_speak(&event.what, now_ms, &mut told);
                self.told(told, now_ms, events);
            }
            Event::Spoken(reply) => {
                let mut told = Told::default();
                panels::spoken_by_moshi(&mut self.snapshot.panels, *reply, now_ms, &mut told);
                self.told(told, now_ms, events);
            }
            Event::Ear(ear) => self.ear((*ear).into(), now_ms, events),
            Event::Dictation(dictation) => self.dictation((*dictation).into(), now_ms, events),
            Event::Times(times) => self.times((*times).into(), events),
            Event::Bridge(news) => self.bridge(*news, now_ms, events),
            Event::Deleted(_, result) => {
                let line = match result {
                    Ok(()) => Line::new(LogSource::App, "A conversation was deleted."),
                    Err(problem) => Line::new(LogSource::App, problem.what).level(LogLevel::Error),
                };
                self.log(line, now_ms, events);
            }
            Event::Saving(problem) => {
                let notice = problem.map(|problem| (NoticeLevel::Error, problem));
                self.notice(SAVING, notice, now_ms, events);
            }
            Event::HistorySetAside(aside) => {
                let problem = Problem::new(
                    "history.set_aside",
                    format!("The history could not be read ({}) and starts afresh.", aside.reason),
                    format!("The broken file is kept as {}.", aside.kept_as.display()),
                    &[],
                );
                self.notice("history", Some((NoticeLevel::Warning, problem)), now_ms, events);
            }
        }
    }

    fn told(&mut self, told: Told, now_ms: i64, events: &mut Vec<UiEvent>) {
        events.extend(told.events);
        if told.left_out > 0 {
            let log = &mut self.snapshot.log;
            log.left_out += told.left_out;
            events.push(UiEvent::Log { entries: Vec::new(), left_out: log.left_out });
        }
        for line in told.lines {
            self.log(line, now_ms, events);
        }
    }

    fn log(&mut self, line: Line, now_ms: i64, events: &mut Vec<UiEvent>) {
        let entry = log::add(&mut self.snapshot.log, &mut self.logged, line, now_ms);
        let left_out = self.snapshot.log.left_out;
        match events.last_mut() {
            Some(UiEvent::Log { entries, .. }) => entries.push(entry),
            _ => events.push(UiEvent::Log { entries: vec![entry], left_out }),
        }
    }

    /// Another conversation goes on, or somebody else answers: what was called and remembered belongs to the one before.
    fn clear_panels(&mut self, now_ms: i64, events: &mut Vec<UiEvent>) {
        let before = std::mem::take(&mut self.snapshot.panels);
        let panels = &mut self.snapshot.panels;
        panels.brain.kind = before.brain.kind;
        panels.brain.place = before.brain.place;
        panels.brain.since_ms = now_ms;
        panels.memory_counts.editable = before.memory_counts.editable;
        panels.consciousness = before.consciousness;
        // What is still told of the turn before has no place in them.
        self.known.forget_turn();
        events.push(UiEvent::Panels { panels: panels.clone() });
    }

    fn brain(&mut self, thinks: Thinks, now_ms: i64, events: &mut Vec<UiEvent>) {
        self.chosen = (thinks.kind, thinks.place);
        self.memory = thinks.memory;
        self.mas = Mas::default();
        let (kind, place) = self.answering();
        let panels = &mut self.snapshot.panels;
        (panels.brain.kind, panels.brain.place) = (kind, place);
        panels.memory_counts.editable = kind == BrainKind::BuiltIn && self.memory.is_none();
        panels.consciousness = None;
        self.clear_panels(now_ms, events);
        self.log(self.who_answers(), now_ms, events);
    }

    fn who_answers(&self) -> Line {
        let (kind, place) = self.answering();
        match kind {
            BrainKind::BuiltIn => Line::new(LogSource::Brain, "The built-in brain answers."),
            BrainKind::Mas => Line::new(LogSource::Brain, "The agent system answers.").said(Some(&place)),
            BrainKind::Bridge => {
                Line::new(LogSource::Brain, "The bridge's agent system answers.").said(Some(&place))
            }
        }
    }

    fn mas(&mut self, change: MasChange, now_ms: i64, events: &mut Vec<UiEvent>) {
        let mut told = Told::default();
        self.mas.step(change, &mut self.snapshot.panels, &mut self.known, now_ms, &mut told);
        self.told(told, now_ms, events);
    }

    fn call(&mut self, mut call: Call, now_ms: i64, events: &mut Vec<UiEvent>) {
        if call.phase == Phase::Idle {
            call.host = self.shown_host();
        }
        if call.phase != self.snapshot.call.phase {
            let problem = call.problem.as_ref().filter(|_| call.phase == Phase::Failed);
            let level = if problem.is_some() { LogLevel::Error } else { LogLevel::Info };
            let what =
                problem.map_or_else(|| log::phase(call.phase).to_owned(), |problem| problem.what.clone());
            self.log(Line::new(LogSource::Moshi, what).level(level).said(Some(&call.host)), now_ms, events);
        }
        let mut told = Told::default();
        self.bridge_in(call.phase, now_ms, &mut told);
        self.told(told, now_ms, events);
        self.dictation_unmuted &= call.muted == self.snapshot.call.muted;
        let sound_ended = !has_sound(call.phase) && has_sound(self.snapshot.call.phase);
        self.snapshot.call.clone_from(&call);
        events.push(UiEvent::Call { call });
        if sound_ended {
            self.close_sound(events);
        }
    }

    fn turn(&mut self, turn: Turn) {
        let turns = &mut self.snapshot.turns;
        // From the end: a turn that grows is nearly always among the last.
        match turns.iter_mut().rev().find(|known| known.id == turn.id) {
            Some(known) => *known = turn,
            None => {
                if turns.len() >= MOST_TURNS {
                    turns.drain(..MOST_TURNS / 10);
                    hearing::keep_times_of(&mut self.snapshot.times, turns);
                }
                // Words that were heard can come after the beginning of the answer to them.
                let before = turns.iter().rposition(|known| known.at_ms <= turn.at_ms);
                turns.insert(before.map_or(0, |before| before + 1), turn);
            }
        }
    }

    fn set(&mut self, settings: Settings, events: &mut Vec<UiEvent>) {
        self.settings = settings;
        self.snapshot.settings = view::Settings::of(&self.settings, self.mas_token, self.ear_key);
        events.push(UiEvent::Settings { settings: self.snapshot.settings.clone() });
        let before = self.snapshot.devices.clone();
        self.settle_routes();
        if self.snapshot.devices != before {
            events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        }
        self.show_hosts(events);
        let host = self.shown_host();
        if self.snapshot.call.phase == Phase::Idle && self.snapshot.call.host != host {
            self.snapshot.call.host = host;
            events.push(UiEvent::Call { call: self.snapshot.call.clone() });
        }
    }

    fn echo(&mut self, state: EchoTestState, problem: Option<Problem>, events: &mut Vec<UiEvent>) {
        self.snapshot.echo_test = EchoTest { state, round_trip_ms: None, problem: problem.map(Into::into) };
        events.push(UiEvent::EchoTest { echo_test: self.snapshot.echo_test.clone() });
        if matches!(state, EchoTestState::Off | EchoTestState::Failed) && !self.conversation_sounds() {
            self.close_sound(events);
        }
    }

    /// Puts a notice in the place of the one with the same id, or takes it away.
    fn notice(
        &mut self,
        id: &str,
        notice: Option<(NoticeLevel, Problem)>,
        now_ms: i64,
        events: &mut Vec<UiEvent>,
    ) {
        let notices = &mut self.snapshot.notices;
        notices.retain(|known| known.id != id);
        let mut line = None;
        if let Some((level, problem)) = notice {
            line = Some(Line::new(LogSource::App, problem.what.clone()).level(level.into()));
            notices.push(Notice { id: id.to_owned(), level, problem: problem.into(), at_ms: now_ms });
        }
        events.push(UiEvent::Notices { notices: notices.clone() });
        if let Some(line) = line {
            self.log(line, now_ms, events);
        }
    }

    /// How long a sign of life takes to the host and back, in whole milliseconds: less is noise.
    fn network_ms(&self) -> Option<f64> {
        let network = self.snapshot.latency.stages.iter().find(|time| time.stage == Stage::Network)?;
        network.ms.map(f64::round)
    }

    fn lights(&self, now_ms: i64) -> Vec<Light> {
        let dictates = self.snapshot.dictation.on && self.dictation_unmuted;
        let muted = self.snapshot.call.muted && !dictates;
        let echoes =
            matches!(self.snapshot.echo_test.state, EchoTestState::Starting | EchoTestState::Running);
        let open = self.conversation_sounds() || echoes;
        let device = |id, side: &Side, muted| {
            lights::device(id, side.route.as_ref().filter(|_| open), side.nothing.as_ref(), open, muted)
        };
        let fresh = [
            device(LightId::Microphone, &self.input, muted),
            device(LightId::Speaker, &self.output, false),
            Light {
                ms: self.network_ms(),
                ..lights::moshi(&self.snapshot.call, self.chosen_host().is_none())
            },
            lights::ear(&self.snapshot.ear, &self.snapshot.recogniser, &self.snapshot.settings),
            self.bridge
                .light(self.chosen_host().is_some_and(|host| matches!(host.place, HostPlace::Bridge { .. }))),
            self.mas.light(self.settings.mas_address.is_empty()),
            lights::brain(&self.snapshot.panels.brain),
            match self.snapshot.panels.brain.kind {
                BrainKind::BuiltIn => {
                    lights::own_memory(self.memory.as_ref(), &self.snapshot.panels.memory_counts)
                }
                BrainKind::Mas | BrainKind::Bridge => self.mas.memory_light(),
            },
        ];
        fresh
            .into_iter()
            .map(|mut light| {
                light.since_ms = match self.snapshot.lights.iter().find(|known| known.id == light.id) {
                    Some(known) if (known.state, &known.what) == (light.state, &light.what) => known.since_ms,
                    _ => now_ms,
                };
                light
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
