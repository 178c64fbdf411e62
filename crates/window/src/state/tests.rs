use audio::{DeviceId, DeviceInfo, Direction, SoundFigures};
use conversation::{CallState, LinkReading, ShownTurn};
use std::time::Duration;
use store::HostProfile;

use super::*;
use crate::view::{Light, Speaker, TurnSource};

mod bridge;
mod hearing;
mod models;
mod panels;

const HOST: &str = "ws://gpu:8998";

fn info() -> AppInfo {
    AppInfo { version: "1".into(), data_folder: "/data".into() }
}

fn state(settings: Settings) -> State {
    State::new(info(), settings, 1_000)
}

fn with_host() -> State {
    state(settings_with(HostPlace::Moshi { address: HOST.into() }))
}

fn settings_with(place: HostPlace) -> Settings {
    let host = HostProfile {
        id: "h".into(),
        name: "mine".into(),
        place,
        pin: None,
        plain: true,
        token: false,
        measured: None,
    };
    Settings { hosts: vec![host], host: Some("h".into()), ..Settings::default() }
}

fn call(phase: conversation::Phase, problem: Option<Problem>) -> Change {
    Change::Conversation(Event::Call(Box::new(CallState {
        phase,
        since_ms: 2_000,
        waiting_since_ms: Some(2_000),
        limit: Some(Duration::from_secs(240)),
        attempt: 1,
        retry_at_ms: None,
        host: "gpu:8998".into(),
        server: None,
        model: None,
        problem,
        muted: false,
        speaks: false,
    })))
}

fn device(name: &str) -> DeviceInfo {
    DeviceInfo { id: DeviceId(format!("id-{name}")), name: name.into(), is_default: false }
}

fn listed(inputs: &[&str], outputs: &[&str]) -> Change {
    let all = |names: &[&str]| names.iter().map(|name| device(name)).collect();
    Change::Devices(Ok(("Sound".into(), DeviceList { inputs: all(inputs), outputs: all(outputs) })))
}

fn route(direction: Direction, in_use: Option<&str>, error: Option<DeviceError>) -> RouteStatus {
    RouteStatus { direction, chosen: None, chosen_missing: false, in_use: in_use.map(device), error }
}

fn opened(direction: Direction, name: &str) -> Change {
    Change::Conversation(Event::Route(route(direction, Some(name), None)))
}

fn shown(conversation: &str, number: u64, text: &str) -> ShownTurn {
    let turn = store::Turn {
        number,
        speaker: store::Speaker::Moshi,
        source: store::Source::Spoken,
        text: text.into(),
        at_ms: 3_000,
        open: true,
        delivery: None,
        note: None,
    };
    ShownTurn { conversation: conversation.into(), turn, saved: false }
}

fn light(state: &State, id: LightId) -> &Light {
    state.snapshot().lights.iter().find(|light| light.id == id).unwrap()
}

fn told(light: &Light) -> (LightState, &str, Option<&str>) {
    (light.state, &light.what, light.problem.as_ref().map(|problem| problem.code.as_str()))
}

/// Steps and checks on the way what has to hold after every step: the events alone lead to the snapshot.
fn step(state: &mut State, change: Change, now_ms: i64) -> Vec<UiEvent> {
    let mut followed = state.snapshot().clone();
    let events = state.step(change, now_ms);
    for event in events.clone() {
        match event {
            UiEvent::Call { call } => followed.call = call,
            UiEvent::Lights { lights } => followed.lights = lights,
            UiEvent::Turn { turn } => match followed.turns.iter_mut().find(|known| known.id == turn.id) {
                Some(known) => *known = turn,
                // As the page does it.
                None => {
                    let before = followed.turns.iter().rposition(|known| known.at_ms <= turn.at_ms);
                    followed.turns.insert(before.map_or(0, |before| before + 1), turn);
                }
            },
            UiEvent::Conversation { id, turns } => {
                (followed.conversation_id, followed.turns) = (id, turns);
                followed.times.clear();
            }
            UiEvent::Ear { ear } => followed.ear = ear,
            UiEvent::Dictation { dictation } => followed.dictation = dictation,
            UiEvent::Times { times } => merge(&mut followed.times, vec![times], |a, b| a.turn == b.turn),
            UiEvent::Devices { devices } => followed.devices = devices,
            UiEvent::Settings { settings } => followed.settings = settings,
            UiEvent::Hosts { hosts } => followed.hosts = hosts,
            UiEvent::Local { local } => followed.local = local,
            UiEvent::Recogniser { recogniser } => followed.recogniser = recogniser,
            UiEvent::Doctor { doctor } => followed.doctor = doctor,
            UiEvent::Models { models } => followed.models = models,
            UiEvent::Signal { .. } => {}
            UiEvent::Latency { latency } => followed.latency = latency,
            UiEvent::Notices { notices } => followed.notices = notices,
            UiEvent::EchoTest { echo_test } => followed.echo_test = echo_test,
            UiEvent::OpenSettings { .. } => {}
            UiEvent::Panels { panels } => followed.panels = panels,
            UiEvent::Brain { brain } => followed.panels.brain = brain,
            UiEvent::Tools { calls, total } => {
                merge(&mut followed.panels.tools, calls, |a, b| a.id == b.id);
                followed.panels.tool_total = total;
            }
            UiEvent::Agents { agents } => merge(&mut followed.panels.agents, agents, |a, b| a.id == b.id),
            UiEvent::Memory { uses, counts } => {
                followed.panels.memory.extend(uses);
                followed.panels.memory_counts = counts;
            }
            UiEvent::Injections { injections } => {
                merge(&mut followed.panels.injections, injections, |a, b| a.id == b.id);
            }
            UiEvent::Consciousness { consciousness } => followed.panels.consciousness = consciousness,
            UiEvent::Log { entries, left_out } => {
                followed.log.entries.extend(entries);
                followed.log.left_out = left_out;
            }
        }
    }
    assert_eq!(&followed, state.snapshot(), "a window that follows the events shows something else");
    events
}

fn merge<T>(known: &mut Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) {
    for item in new {
        match known.iter_mut().find(|known| same(known, &item)) {
            Some(known) => *known = item,
            None => known.push(item),
        }
    }
}

#[test]
fn a_fresh_window_says_that_no_host_is_set_up() {
    let state = state(Settings::default());
    assert_eq!(
        told(light(&state, LightId::Moshi)),
        (LightState::Off, "No host is set up.", Some("host.none"))
    );
    assert_eq!(
        told(light(&state, LightId::Microphone)),
        (LightState::Off, "Closed until you talk.", None),
        "before devices are listed nothing is said about them"
    );
    assert_eq!(state.snapshot().call.host, "");
}

#[test]
fn the_host_that_talk_would_call_is_shown_and_follows_the_settings() {
    let mut state = with_host();
    assert_eq!(state.snapshot().call.host, "gpu:8998");
    let elsewhere = settings_with(HostPlace::Moshi { address: "wss://far.example".into() });
    step(&mut state, Change::Settings(elsewhere), 2_000);
    assert_eq!(state.snapshot().call.host, "far.example");
    step(&mut state, call(conversation::Phase::Live, None), 3_000);
    step(&mut state, Change::Settings(settings_with(HostPlace::Moshi { address: HOST.into() })), 4_000);
    assert_eq!(state.snapshot().call.host, "gpu:8998", "the host of the call that is under way");
}

#[test]
fn lights_follow_a_call_and_say_since_when() {
    let mut state = with_host();
    step(&mut state, listed(&["mic"], &["speaker"]), 1_500);
    step(&mut state, call(conversation::Phase::Connecting, None), 2_000);
    assert_eq!(told(light(&state, LightId::Microphone)), (LightState::Waiting, "Opening", None));
    step(&mut state, opened(Direction::Input, "mic"), 2_100);
    step(&mut state, opened(Direction::Output, "speaker"), 2_200);
    step(&mut state, call(conversation::Phase::Live, None), 5_000);
    assert_eq!(told(light(&state, LightId::Microphone)), (LightState::Well, "mic", None));
    assert_eq!(told(light(&state, LightId::Moshi)), (LightState::Well, "Listens and talks", None));
    assert_eq!(light(&state, LightId::Microphone).since_ms, 2_100, "the call did not change the microphone");
    step(&mut state, call(conversation::Phase::Idle, None), 9_000);
    assert_eq!(told(light(&state, LightId::Microphone)), (LightState::Off, "Closed until you talk.", None));
    assert_eq!(state.snapshot().devices.input.in_use, None, "a closed microphone is not in use");
}

#[test]
fn what_stands_in_the_way_is_one_click_away() {
    let mut state = with_host();
    let problem = Problem::new("link.refused", "Nothing listens at gpu:8998.", "Start Moshi there.", &[]);
    step(&mut state, call(conversation::Phase::Failed, Some(problem)), 2_000);
    assert_eq!(
        told(light(&state, LightId::Moshi)),
        (LightState::Wrong, "Nothing listens at gpu:8998.", Some("link.refused"))
    );
}

#[test]
fn a_machine_without_a_microphone_says_so_before_anybody_talks() {
    let mut state = with_host();
    step(&mut state, listed(&[], &["speaker"]), 1_500);
    assert_eq!(
        told(light(&state, LightId::Microphone)),
        (LightState::Wrong, "There is no microphone.", Some("audio.no_microphone"))
    );
    assert_eq!(light(&state, LightId::Speaker).state, LightState::Off);
    step(&mut state, listed(&["usb"], &["speaker"]), 2_500);
    assert_eq!(light(&state, LightId::Microphone).state, LightState::Off, "it is there now");
    step(&mut state, Change::Devices(Err(DeviceError::NoSystem("it is gone".into()))), 3_500);
    assert_eq!(light(&state, LightId::Speaker).state, LightState::Wrong);
    assert_eq!(state.snapshot().devices.inputs, []);
}

#[test]
fn a_chosen_device_that_is_not_there_is_said_also_while_nothing_is_open() {
    let mut state = state(Settings { input_device: Some("id-usb".into()), ..Settings::default() });
    step(&mut state, listed(&["mic"], &["speaker"]), 1_500);
    assert!(state.snapshot().devices.input.chosen_missing);
    step(&mut state, listed(&["mic", "usb"], &["speaker"]), 2_500);
    assert!(!state.snapshot().devices.input.chosen_missing);
}

#[test]
fn a_muted_microphone_is_off_and_named() {
    let mut state = with_host();
    step(&mut state, call(conversation::Phase::Live, None), 2_000);
    step(&mut state, opened(Direction::Input, "mic"), 2_100);
    let Change::Conversation(Event::Call(mut muted)) = call(conversation::Phase::Live, None) else {
        panic!()
    };
    muted.muted = true;
    step(&mut state, Change::Conversation(Event::Call(muted)), 3_000);
    assert_eq!(told(light(&state, LightId::Microphone)), (LightState::Off, "Muted: mic", None));
}

#[test]
fn turns_of_a_conversation_that_was_left_are_not_shown_in_the_next_one() {
    let mut state = with_host();
    let begun = |id: &str| Change::Conversation(Event::Conversation { id: id.into(), turns: vec![] });
    let turns = |turns: Vec<ShownTurn>| Change::Conversation(Event::Turns(turns));
    step(&mut state, begun("a"), 1_000);
    step(&mut state, turns(vec![shown("a", 0, "one"), shown("a", 1, "two")]), 2_000);
    step(&mut state, turns(vec![shown("a", 1, "two and more")]), 2_100);
    let texts =
        |state: &State| -> Vec<String> { state.snapshot().turns.iter().map(|t| t.text.clone()).collect() };
    assert_eq!(texts(&state), ["one", "two and more"]);
    step(&mut state, begun("b"), 3_000);
    assert_eq!(step(&mut state, turns(vec![shown("a", 1, "late")]), 3_100), []);
    step(&mut state, turns(vec![shown("b", 0, "new")]), 3_200);
    assert_eq!(texts(&state), ["new"]);
    let turn = &state.snapshot().turns[0];
    assert_eq!((turn.speaker, turn.source, turn.saved), (Speaker::Moshi, TurnSource::Spoken, false));
}

#[test]
fn a_conversation_of_many_hours_does_not_fill_the_memory() {
    let mut state = with_host();
    state.step(Change::Conversation(Event::Conversation { id: "a".into(), turns: vec![] }), 1_000);
    let most = u64::try_from(MOST_TURNS).unwrap();
    for number in 0..=most {
        state.step(Change::Conversation(Event::Turns(vec![shown("a", number, "")])), 2_000);
    }
    let turns = &state.snapshot().turns;
    assert!(turns.len() <= MOST_TURNS);
    assert_eq!(turns.last().unwrap().id, most.to_string(), "the last ones stay");
}

#[test]
fn a_notice_replaces_the_one_about_the_same_thing_and_goes_when_it_is_over() {
    let mut state = with_host();
    let full = |words: &str| Problem::new("history.disk_full", words, "Free some space.", &[]);
    let saving = |problem| Change::Conversation(Event::Saving(problem));
    step(&mut state, saving(Some(full("one"))), 2_000);
    step(&mut state, saving(Some(full("two"))), 3_000);
    let words: Vec<_> = state.snapshot().notices.iter().map(|notice| notice.problem.what.as_str()).collect();
    assert_eq!(words, ["two"]);
    step(&mut state, saving(None), 4_000);
    assert_eq!(state.snapshot().notices, []);
    step(&mut state, Change::Notice("settings", Some((NoticeLevel::Warning, full("broken")))), 5_000);
    step(&mut state, Change::Dismissed("settings".into()), 6_000);
    assert_eq!(state.snapshot().notices, []);
    assert_eq!(step(&mut state, Change::Dismissed("settings".into()), 7_000), [], "twice is no news");
}

fn figures() -> Figures {
    let ms = Duration::from_millis;
    let sound = SoundFigures {
        capture_delay: Some(ms(12)),
        speaker_delay: Some(ms(11)),
        playout: audio::PlayoutStats {
            delay_ms: 40.04,
            target_ms: 38.0,
            jitter_ms: 3.0,
            received: 24_000,
            concealed: 2_400,
            removed: 240,
            dropped: 480,
            ..audio::PlayoutStats::default()
        },
        ..SoundFigures::default()
    };
    let link = LinkReading { send_delay: Some(ms(1)), round_trip: Some(ms(20)), ..LinkReading::default() };
    Figures { sound: Some(sound), link, ..Figures::default() }
}

fn heard(figures: Figures) -> Change {
    Change::Sound { figures: Box::new(figures), measured: true }
}

#[test]
fn the_way_of_a_sound_is_told_stage_by_stage() {
    let mut state = with_host();
    step(&mut state, call(conversation::Phase::Live, None), 2_000);
    step(&mut state, heard(figures()), 3_000);
    let latency = &state.snapshot().latency;
    let stages: Vec<_> = latency.stages.iter().map(|stage| stage.ms).collect();
    assert_eq!(
        stages,
        [Some(13.0), Some(20.0), None, Some(40.0), Some(11.0)],
        "mic, net, host, buffer, speaker"
    );
    assert_eq!(latency.total_ms, Some(84.0), "a host that is not measured counts nothing");
    assert_eq!((latency.concealed_ms, latency.dropped_ms), (100.0, 30.0), "samples are told as time");
    assert_eq!(light(&state, LightId::Moshi).ms, Some(20.0));
    step(&mut state, call(conversation::Phase::Idle, None), 4_000);
    assert_eq!(light(&state, LightId::Moshi).ms, None);
    assert_eq!(state.snapshot().latency, latency::none(), "nothing is measured without a call");
}

#[test]
fn before_the_first_sound_no_buffer_is_measured_and_no_total() {
    let mut early = figures();
    early.sound.as_mut().unwrap().playout.received = 0;
    let mut state = with_host();
    step(&mut state, call(conversation::Phase::Live, None), 2_000);
    step(&mut state, heard(early), 3_000);
    let latency = &state.snapshot().latency;
    assert_eq!((latency.total_ms, latency.target_buffer_ms), (None, None));
}

#[test]
fn an_echo_test_has_figures_of_its_own_and_closes_the_devices_behind_it() {
    let mut state = with_host();
    step(&mut state, Change::Echo(EchoTestState::Starting, None), 2_000);
    assert_eq!(light(&state, LightId::Microphone).state, LightState::Waiting);
    step(&mut state, Change::EchoRoute(route(Direction::Input, Some("mic"), None)), 2_100);
    step(&mut state, Change::Echo(EchoTestState::Running, None), 2_200);
    let mut echoed = figures();
    echoed.link.echo_delay = Some(Duration::from_millis(100));
    step(&mut state, heard(echoed), 3_000);
    assert_eq!(state.snapshot().echo_test.round_trip_ms, Some(151.0), "there, the buffer, and the speaker");
    assert_eq!(state.snapshot().latency, latency::none(), "the strip belongs to calls");
    step(&mut state, Change::Echo(EchoTestState::Off, None), 4_000);
    assert_eq!(light(&state, LightId::Microphone).state, LightState::Off);
    assert_eq!(state.snapshot().echo_test.round_trip_ms, None);
}
