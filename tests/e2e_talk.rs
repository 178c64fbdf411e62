//! `myca talk`, `myca echo` and `myca host` as people run them: speech goes into a virtual microphone and is heard in a virtual
//! loudspeaker.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::time::Duration;

use common::alignment::{ON_ITS_WAY, assert_heard_well, say_and_listen, sounding, time, words_in};
use common::program::{Program, argument, myca};
use common::pulse::{Device, LOUDSPEAKER, MICROPHONE, OTHER_LOUDSPEAKER, OTHER_MICROPHONE, Pulse};
use common::recording::Recording;
use common::server::{Server, tiny_model};
use common::speech::{self, Speech, WORDS};
use common::tap::Tap;
use store::{History, Paths, Speaker};

/// How far the delays of two words may lie apart. The playout buffer may settle while they are said.
const AGREE: Duration = Duration::from_millis(100);

/// Talks with a host through virtual devices, in a home of the test's own.
struct Caller {
    program: Program,
    home: tempfile::TempDir,
}

impl Caller {
    fn start(pulse: &Pulse, url: &str, options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = myca(&["talk", url, "--json"]);
        command.args(options).env("MYCA_HOME", home.path());
        pulse.give_to(&mut command);
        Self { program: Program::start(command), home }
    }

    /// Waits until the host has let it in and it hears and speaks through the virtual devices.
    #[track_caller]
    fn wait_until_live(&mut self) {
        self.program.wait_for_phase("live");
        self.wait_for_device("microphone", MICROPHONE);
        self.wait_for_device("loudspeaker", LOUDSPEAKER);
    }

    #[track_caller]
    fn wait_for_device(&self, direction: &str, id: &str) {
        self.program.wait_until(id, |events| device_in_use(events, direction).as_deref() == Some(id));
    }

    /// Waits until no more sound is held back than shall be. A virtual device may deliver a second at once when it begins, which
    /// takes a while to catch up with.
    #[track_caller]
    fn wait_until_settled(&mut self) {
        let now = self.program.events().len();
        self.program.wait_until("no sound is held back", |events| {
            events[now..].iter().any(|event| {
                let ms = |key: &str| event[key].as_f64();
                ms("playout_ms").zip(ms("target_ms")).is_some_and(|(delay, target)| delay < target + 20.0)
            })
        });
    }

    /// Ends the call as a person does.
    #[track_caller]
    fn hang_up(&mut self) {
        self.program.interrupt();
        assert!(self.program.ended().success());
    }

    /// The conversation as it was kept: who said what.
    fn kept(&self) -> Vec<(Speaker, String)> {
        let (history, set_aside) = History::open(&Paths::below(self.home.path()).history()).unwrap();
        assert!(set_aside.is_none());
        let conversation = history.latest().unwrap().expect("one was kept");
        let turns = history.turns(&conversation.id, 1_000).unwrap();
        turns.into_iter().map(|turn| (turn.speaker, turn.text)).collect()
    }

    /// The conversation as it was printed.
    fn shown(&self) -> Vec<(Speaker, String)> {
        let speaker = |name: String| match name.as_str() {
            "person" => Speaker::Person,
            "moshi" => Speaker::Moshi,
            other => panic!("{other} does not speak here"),
        };
        self.program.turns().into_values().map(|(name, text)| (speaker(name), text)).collect()
    }
}

fn device_in_use(events: &[serde_json::Value], direction: &str) -> Option<String> {
    let is_route = |event: &&serde_json::Value| event["event"] == "route" && event["direction"] == direction;
    events.iter().rfind(is_route)?["device"].as_str().map(Into::into)
}

#[test]
fn every_word_into_the_microphone_comes_out_of_the_loudspeaker() {
    let (pulse, server) = (Pulse::start(), Server::echo());
    let recording = Recording::start(&pulse);
    let mut caller = Caller::start(&pulse, &server.url(), &[]);
    caller.wait_until_live();
    let speech = Speech::of(&WORDS);
    assert_heard_well(&speech, AGREE, || say_and_listen(&speech, &pulse, &recording));
    let sides = recording.sides();
    let (said, heard) =
        (sounding(&sides.microphone).as_secs_f64(), sounding(&sides.loudspeaker).as_secs_f64());
    assert!((0.8..1.2).contains(&(heard / said)), "{said} s were said and {heard} s heard");
    caller.hang_up();
    assert_eq!(caller.program.phases(), ["idle", "connecting", "warming_up", "live", "idle"]);
}

#[test]
fn a_model_is_heard_and_its_words_are_shown() {
    let model = tiny_model();
    let (pulse, server) = (Pulse::start(), Server::host(model.path()));
    let recording = Recording::start(&pulse);
    let mut caller = Caller::start(&pulse, &server.url(), &["--keep"]);
    let live = caller.program.wait_for_phase("live");
    assert_eq!(live["server"], concat!("myca host ", env!("CARGO_PKG_VERSION")));
    Speech::of(&WORDS[..3]).say_into(&pulse);
    let second = Duration::from_secs(1);
    recording.wait_for("a second of the model's voice", |sides| sounding(&sides.loudspeaker) >= second);
    caller.program.wait_until("words", |_| {
        caller.program.turns().values().any(|(_, text)| text.split(' ').count() > 3)
    });
    caller.hang_up();
    let shown = caller.shown();
    assert!(!shown.is_empty() && shown.iter().all(|(speaker, _)| *speaker == Speaker::Moshi), "{shown:?}");
    assert_eq!(caller.kept(), shown);
}

#[test]
fn a_server_that_crashes_and_comes_back_does_not_end_the_conversation() {
    let (pulse, server) = (Pulse::start(), Server::echo());
    let recording = Recording::start(&pulse);
    let mut caller = Caller::start(&pulse, &server.url(), &["--keep"]);
    caller.wait_until_live();
    let (before, after) = (Speech::of(&WORDS[..3]), Speech::of(&WORDS[3..]));
    assert_heard_well(&before, ON_ITS_WAY, || say_and_listen(&before, &pulse, &recording));
    caller.program.type_line("said before");
    let port = server.crash();
    caller.program.wait_for_phase("reconnecting");
    caller.program.type_line("said while it was away");
    let _server = Server::echo_at(port);
    caller.program.wait_for_phase("live");
    caller.program.type_line("said after");
    assert_heard_well(&after, ON_ITS_WAY, || say_and_listen(&after, &pulse, &recording));
    caller.hang_up();
    let typed = ["said before", "said while it was away", "said after"];
    assert_eq!(caller.kept(), typed.map(|text| (Speaker::Person, text.to_owned())));
    assert_eq!(caller.shown(), caller.kept());
    let phases = caller.program.phases();
    assert_eq!(phases[..5], ["idle", "connecting", "warming_up", "live", "reconnecting"]);
    assert_eq!(phases[phases.len() - 2..], ["live", "idle"], "{phases:?}");
}

#[test]
fn a_model_that_crashes_and_comes_back_goes_on_in_the_same_transcript() {
    let model = tiny_model();
    let (pulse, server) = (Pulse::start(), Server::host(model.path()));
    let mut caller = Caller::start(&pulse, &server.url(), &["--keep"]);
    let words = |caller: &Caller| {
        let turns = caller.program.turns();
        turns.values().map(|(_, text)| text.split_whitespace().count()).sum::<usize>()
    };
    caller.program.wait_until("words", |_| words(&caller) > 3);
    let port = server.crash();
    caller.program.wait_for_phase("reconnecting");
    let before = caller.shown();
    let _server = Server::host_at(model.path(), port);
    caller.program.wait_for_phase("live");
    caller.program.wait_until("more words", |_| caller.shown().len() > before.len());
    caller.hang_up();
    let shown = caller.shown();
    assert_eq!(shown[..before.len()], before, "what was said before stays as it was");
    assert_eq!(caller.kept(), shown);
}

#[test]
fn devices_that_are_pulled_out_are_replaced_and_returned_to() {
    let (pulse, server) = (Pulse::start(), Server::echo());
    let recording = Recording::start(&pulse);
    pulse.add_others();
    let chosen = ["--input-device", MICROPHONE, "--output-device", LOUDSPEAKER];
    let mut caller = Caller::start(&pulse, &server.url(), &chosen);
    caller.wait_until_live();
    for (device, direction, id, other) in [
        (Device::Loudspeaker, "loudspeaker", LOUDSPEAKER, OTHER_LOUDSPEAKER),
        (Device::Microphone, "microphone", MICROPHONE, OTHER_MICROPHONE),
    ] {
        caller.wait_for_device(direction, id);
        pulse.unplug(device);
        caller.wait_for_device(direction, other);
        pulse.plug(device);
        caller.wait_for_device(direction, id);
        caller.wait_until_settled();
        let speech = Speech::of(&WORDS[..3]);
        assert_heard_well(&speech, ON_ITS_WAY, || say_and_listen(&speech, &pulse, &recording));
    }
    caller.hang_up();
    assert_eq!(
        caller.program.phases(),
        ["idle", "connecting", "warming_up", "live", "idle"],
        "the call went on"
    );
}

#[test]
fn the_system_s_default_devices_are_followed() {
    let (pulse, server) = (Pulse::start(), Server::echo());
    let recording = Recording::start(&pulse);
    let mut caller = Caller::start(&pulse, &server.url(), &[]);
    caller.wait_until_live();
    pulse.add_others();
    caller.wait_for_device("loudspeaker", OTHER_LOUDSPEAKER);
    caller.wait_for_device("microphone", OTHER_MICROPHONE);
    pulse.make_default(Device::Loudspeaker);
    pulse.make_default(Device::Microphone);
    caller.wait_for_device("loudspeaker", LOUDSPEAKER);
    caller.wait_for_device("microphone", MICROPHONE);
    caller.wait_until_settled();
    let speech = Speech::of(&WORDS[..3]);
    assert_heard_well(&speech, ON_ITS_WAY, || say_and_listen(&speech, &pulse, &recording));
    caller.hang_up();
}

#[test]
fn ctrl_c_says_goodbye_and_the_next_caller_is_let_in_at_once() {
    let (pulse, server) = (Pulse::start(), Server::echo());
    let tap = Tap::before(server.port());
    let mut first = Caller::start(&pulse, &tap.url(), &[]);
    first.wait_until_live();
    first.hang_up();
    assert_eq!(tap.close_code(), Some(1000), "an orderly end frees the servers that have one place");
    let mut second = Caller::start(&pulse, &server.url(), &[]);
    second.wait_until_live();
    second.hang_up();
    assert_eq!(
        second.program.phases(),
        ["idle", "connecting", "warming_up", "live", "idle"],
        "it was not told to wait"
    );
}

#[test]
fn files_take_the_place_of_devices() {
    let server = Server::echo();
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    let speech = Speech::of(&WORDS);
    speech.write(&input);
    let files = ["--input", argument(&input), "--output", argument(&output), "--tail", "1.5"];
    assert_heard_well(&speech, AGREE, || {
        let mut command = myca(&["talk", &server.url(), "--json"]);
        // No sound server is to be found there.
        command.args(files).env("XDG_RUNTIME_DIR", folder.path()).env_remove("PULSE_SERVER");
        assert!(Program::start(command).ended().success());
        words_in(&speech, 0, &speech::read(&output))
    });
    let heard = time(speech::read(&output).len()).as_secs_f64();
    let said = time(speech.samples.len()).as_secs_f64();
    assert!((said..said + 6.0).contains(&heard), "{said} s were said, and the file has {heard} s");
}
