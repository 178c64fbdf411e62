//! What the window shows, and how it changes: pure transitions from what happened to what is told.

use audio::{DeviceError, DeviceList, Direction, RouteStatus};
use conversation::{Event, Figures, Problem};
use store::Settings;

use crate::{
    settings, translate,
    view::{
        self, AppInfo, Call, Devices, EchoTest, EchoTestState, Latency, Light, LightId, LightState, Log,
        Notice, NoticeLevel, Panels, Phase, Route, Signal, Snapshot, Stage, StageTime, Turn, UiEvent,
    },
};

mod latency;
mod lights;

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
    /// There is something to tell.
    Notice(&'static str, NoticeLevel, Problem),
    /// The person has read a notice.
    Dismissed(String),
}

/// One direction.
#[derive(Debug, Clone, Default)]
struct Side {
    /// While sound is open.
    route: Option<RouteStatus>,
    /// Why there is nothing to open, once devices have been listed.
    nothing: Option<DeviceError>,
}

/// The state behind the window.
#[derive(Debug)]
pub(crate) struct State {
    snapshot: Snapshot,
    settings: Settings,
    /// Whether the system's keyring holds a service token for the agent system.
    mas_token: bool,
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
            settings: view::Settings::of(&settings, false),
            voices: wire::VOICES.map(str::to_owned).to_vec(),
            devices: Devices::default(),
            latency: latency::none(),
            notices: Vec::new(),
            echo_test: EchoTest { state: EchoTestState::Off, round_trip_ms: None, problem: None },
            panels: Panels::default(),
            log: Log::default(),
        };
        let mut state =
            Self { snapshot, settings, mas_token: false, input: Side::default(), output: Side::default() };
        state.step(Change::Settings(state.settings.clone()), now_ms);
        state
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
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
            Change::Notice(id, level, problem) => {
                self.notice(id, Some((level, problem)), now_ms, &mut events);
            }
            Change::Dismissed(id) => {
                let before = self.snapshot.notices.len();
                self.snapshot.notices.retain(|notice| notice.id != id);
                if self.snapshot.notices.len() != before {
                    events.push(UiEvent::Notices { notices: self.snapshot.notices.clone() });
                }
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
                let turns: Vec<Turn> = turns.into_iter().map(|turn| translate::turn(turn, true)).collect();
                self.snapshot.conversation_id.clone_from(&id);
                self.snapshot.turns.clone_from(&turns);
                events.push(UiEvent::Conversation { id, turns });
            }
            Event::Call(call) => self.call(Call::from(*call), events),
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
            // The panels come next.
            Event::Brain(_) | Event::Deleted(..) => {}
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

    fn call(&mut self, mut call: Call, events: &mut Vec<UiEvent>) {
        if call.phase == Phase::Idle {
            call.host = self.shown_host();
        }
        let sound_ended = !has_sound(call.phase) && has_sound(self.snapshot.call.phase);
        self.snapshot.call.clone_from(&call);
        events.push(UiEvent::Call { call });
        if sound_ended {
            self.close_sound(events);
        }
    }

    /// The host that Talk would call.
    fn shown_host(&self) -> String {
        settings::host(&self.settings).map_or_else(|_| self.settings.host_address.clone(), |host| host.shown)
    }

    fn turn(&mut self, turn: Turn) {
        let turns = &mut self.snapshot.turns;
        // From the end: a turn that grows is nearly always among the last.
        match turns.iter_mut().rev().find(|known| known.id == turn.id) {
            Some(known) => *known = turn,
            None => {
                if turns.len() >= MOST_TURNS {
                    turns.drain(..MOST_TURNS / 10);
                }
                turns.push(turn);
            }
        }
    }

    fn route(&mut self, route: RouteStatus, events: &mut Vec<UiEvent>) {
        let shown = Route::from(&route);
        match route.direction {
            Direction::Input => {
                self.snapshot.devices.input = shown;
                self.input.route = Some(route);
            }
            Direction::Output => {
                self.snapshot.devices.output = shown;
                self.output.route = Some(route);
            }
        }
        events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
    }

    fn close_sound(&mut self, events: &mut Vec<UiEvent>) {
        self.input.route = None;
        self.output.route = None;
        self.settle_routes();
        self.snapshot.latency = latency::none();
        events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        events.push(UiEvent::Latency { latency: self.snapshot.latency.clone() });
    }

    /// While no sound is open, what would be used is known from the choice and the list.
    fn settle_routes(&mut self) {
        let devices = &mut self.snapshot.devices;
        for (side, chosen, list, route) in [
            (&self.input, &self.settings.input_device, &devices.inputs, &mut devices.input),
            (&self.output, &self.settings.output_device, &devices.outputs, &mut devices.output),
        ] {
            if side.route.is_none() {
                let missing = chosen.as_ref().is_some_and(|id| list.iter().all(|device| device.id != *id));
                *route = Route { chosen: chosen.clone(), in_use: None, chosen_missing: missing };
            }
        }
    }

    fn devices(&mut self, found: Result<(String, DeviceList), DeviceError>, events: &mut Vec<UiEvent>) {
        for (side, direction) in [(&mut self.input, Direction::Input), (&mut self.output, Direction::Output)]
        {
            side.nothing = match &found {
                Ok((_, list)) => list.of(direction).is_empty().then_some(DeviceError::NotFound(direction)),
                Err(error) => Some(error.clone()),
            };
        }
        let (system, list) = found.unwrap_or_default();
        let (inputs, outputs) = translate::devices(&list);
        let before = self.snapshot.devices.clone();
        let devices = &mut self.snapshot.devices;
        (devices.system, devices.inputs, devices.outputs) = (system, inputs, outputs);
        self.settle_routes();
        if self.snapshot.devices != before {
            events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        }
    }

    fn set(&mut self, settings: Settings, events: &mut Vec<UiEvent>) {
        self.settings = settings;
        self.snapshot.settings = view::Settings::of(&self.settings, self.mas_token);
        events.push(UiEvent::Settings { settings: self.snapshot.settings.clone() });
        let before = self.snapshot.devices.clone();
        self.settle_routes();
        if self.snapshot.devices != before {
            events.push(UiEvent::Devices { devices: self.snapshot.devices.clone() });
        }
        let host = self.shown_host();
        if self.snapshot.call.phase == Phase::Idle && self.snapshot.call.host != host {
            self.snapshot.call.host = host;
            events.push(UiEvent::Call { call: self.snapshot.call.clone() });
        }
    }

    fn echo(&mut self, state: EchoTestState, problem: Option<Problem>, events: &mut Vec<UiEvent>) {
        self.snapshot.echo_test = EchoTest { state, round_trip_ms: None, problem: problem.map(Into::into) };
        events.push(UiEvent::EchoTest { echo_test: self.snapshot.echo_test.clone() });
        if matches!(state, EchoTestState::Off | EchoTestState::Failed) && !has_sound(self.snapshot.call.phase)
        {
            self.close_sound(events);
        }
    }

    fn sound(&mut self, figures: Figures, measured: bool, events: &mut Vec<UiEvent>) {
        let echoes = self.snapshot.echo_test.state == EchoTestState::Running;
        if measured && echoes {
            self.snapshot.echo_test.round_trip_ms = latency::round_trip(&figures);
            events.push(UiEvent::EchoTest { echo_test: self.snapshot.echo_test.clone() });
        } else if measured {
            self.snapshot.latency = latency::measured(&figures);
            events.push(UiEvent::Latency { latency: self.snapshot.latency.clone() });
        }
        let signal = Signal {
            mic_peaks: figures.microphone.0,
            moshi_peaks: figures.speaker.0,
            mic: figures.microphone.1.into(),
            moshi: figures.speaker.1.into(),
        };
        events.push(UiEvent::Signal { signal });
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
        if let Some((level, problem)) = notice {
            notices.push(Notice { id: id.to_owned(), level, problem: problem.into(), at_ms: now_ms });
        }
        events.push(UiEvent::Notices { notices: notices.clone() });
    }

    fn lights(&self, now_ms: i64) -> Vec<Light> {
        let muted = self.snapshot.call.muted;
        let echoes =
            matches!(self.snapshot.echo_test.state, EchoTestState::Starting | EchoTestState::Running);
        let open = has_sound(self.snapshot.call.phase) || echoes;
        let device = |id, side: &Side, muted| {
            lights::device(id, side.route.as_ref().filter(|_| open), side.nothing.as_ref(), open, muted)
        };
        let fresh = [
            device(LightId::Microphone, &self.input, muted),
            device(LightId::Speaker, &self.output, false),
            lights::moshi(&self.snapshot.call, self.settings.host_address.is_empty()),
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

/// Whether microphone and loudspeaker are open in this phase.
pub(crate) fn has_sound(phase: Phase) -> bool {
    match phase {
        Phase::Connecting | Phase::WarmingUp | Phase::Busy | Phase::Live | Phase::Reconnecting => true,
        Phase::Idle | Phase::TypingOnly | Phase::Failed => false,
    }
}

#[cfg(test)]
mod tests;
