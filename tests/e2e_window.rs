//! The app as a person uses it: its real window on a display of the test's own, real servers, speech through a virtual sound
//! card.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::alignment::{assert_heard_well, say_and_listen, sounding};
use common::app::{App, ESCAPE, by};
use common::patiently;
use common::recording::Recording;
use common::server::{Server, tiny_model};
use common::speech::{Speech, WORDS};
use store::{History, Paths, Speaker};

/// How far the delays of two words may lie apart. The playout buffer may settle while they are said.
const AGREE: Duration = Duration::from_millis(100);
/// What was typed in the conversation that was kept last.
fn typed(paths: &Paths) -> Vec<String> {
    let (history, set_aside) = History::open(&paths.history()).unwrap();
    assert!(set_aside.is_none());
    let conversation = history.latest().unwrap().expect("one was kept");
    let turns = history.turns(&conversation.id, 1_000).unwrap();
    turns.into_iter().filter(|turn| turn.speaker == Speaker::Person).map(|turn| turn.text).collect()
}

#[test]
fn a_person_sets_a_host_and_talks_with_it_by_voice_and_hand() {
    let (app, server) = (App::open(&[]), Server::echo());
    assert_eq!(app.driver.title(), "MYCA Voice");
    let recording = Recording::start(&app.pulse);
    app.wait_for_light("moshi", "off");

    app.click("settings-open");
    app.click("host-add");
    app.driver.find_usable(&by("host-address")).type_text(&server.url());
    app.click("host-save");
    let host = format!("127.0.0.1:{}", server.port());
    app.driver.wait_for_text("aside.status .address", |shown| shown == host);
    app.click("settings-close");

    app.click("talk");
    app.wait_for_phase("live");
    for light in ["microphone", "speaker", "moshi"] {
        app.wait_for_light(light, "well");
    }
    let speech = Speech::of(&WORDS);
    assert_heard_well(&speech, AGREE, || say_and_listen(&speech, &app.pulse, &recording));
    // The strip under the waveforms has measured the way by now.
    app.driver.wait_for_text(".latency .total", |total| total.trim().ends_with("ms"));

    app.say_by_hand("written while talking");
    app.click("talk");
    app.wait_for_phase("idle");
    app.say_by_hand("written without a call");
    let paths = app.paths();
    let _home = app.close();
    assert_eq!(typed(&paths), ["written while talking", "written without a call"]);
    let settings = store::SettingsFile::open(&paths.settings()).0;
    let kept: Vec<_> = settings.get().hosts.iter().map(|host| host.place.clone()).collect();
    assert_eq!(kept, [store::HostPlace::Moshi { address: server.url() }], "the host was kept");
}

#[test]
fn a_model_is_heard_and_read_and_its_crash_ends_nothing() {
    let model = tiny_model();
    let server = Server::host(model.path());
    let app = App::open(&["--host", &server.url(), "--talk"]);
    let recording = Recording::start(&app.pulse);
    app.wait_for_phase("live");
    let second = Duration::from_secs(1);
    recording.wait_for("a second of the model's voice", |sides| sounding(&sides.loudspeaker) >= second);
    let words_of_moshi =
        || app.turns().iter().filter(|(who, _)| who == "moshi").map(|(_, words)| words).sum::<usize>();
    patiently("words", || (words_of_moshi() > 5).then_some(()));

    let port = server.crash();
    app.wait_for_phase("reconnecting");
    app.say_by_hand("typed while it was away");
    let before = app.said("moshi").len();
    let _server = Server::host_at(model.path(), port);
    app.wait_for_phase("live");
    patiently("more turns", || (app.said("moshi").len() > before).then_some(()));
    let paths = app.paths();
    let _home = app.close();
    assert_eq!(typed(&paths), ["typed while it was away"]);
}

#[test]
fn without_a_host_it_says_so_and_keeps_what_is_typed_for_the_next_time() {
    let app = App::open(&[]);
    app.click("talk");
    app.wait_for_phase("failed");
    app.driver.wait_for_text(&by("phase"), |said| said.contains("No Moshi host is set up yet"));
    app.say_by_hand("first");
    app.say_by_hand("second");
    let home = app.close();

    let app = App::open_at_home(home, &[]);
    patiently("both turns", || (app.said("person") == ["first", "second"]).then_some(()));
    app.click("new-conversation");
    patiently("an empty conversation", || app.turns().is_empty().then_some(()));
    app.close();
}

#[test]
fn the_echo_test_lets_a_person_hear_themselves() {
    let app = App::open(&[]);
    let recording = Recording::start(&app.pulse);
    app.click("settings-open");
    app.click("echo-test");
    app.driver.find(&format!("{}[data-state=running]", by("echo")));
    app.driver.wait_for_text(&by("echo"), |said| {
        let figure = said.split("Round trip").nth(1).and_then(|rest| rest.split_whitespace().next());
        figure.is_some_and(|figure| figure.parse::<f64>().is_ok_and(|ms| ms > 80.0))
    });
    let speech = Speech::of(&WORDS[..3]);
    assert_heard_well(&speech, AGREE, || say_and_listen(&speech, &app.pulse, &recording));
    app.click("echo-test");
    app.driver.find(&format!("{}[data-state=off]", by("echo")));
    app.wait_for_light("microphone", "off");
    app.close();
}

#[test]
fn what_cannot_be_called_is_said_in_a_sentence() {
    // A port at which nothing listens: it was given to us a moment ago, and nobody has it now.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let app = App::open(&["--host", &format!("127.0.0.1:{port}"), "--talk"]);
    app.wait_for_phase("failed");
    app.driver.wait_for_text(&by("phase"), |said| said.contains("Nothing listens"));
    app.wait_for_light("moshi", "wrong");

    // An address that is none stays in its field, with the reason beside it.
    app.click("settings-open");
    app.click("host-add");
    app.driver.find_usable(&by("host-address")).type_text("ftp://somewhere");
    app.click("host-save");
    app.driver.find("[data-code='host.bad_address']");
    app.driver.press(ESCAPE);
    app.close();
}

#[test]
fn files_that_are_broken_are_set_aside_and_said() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::below(home.path());
    let write = |path: &Path, content: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write(&paths.settings(), "{ \"persona\":");
    write(
        &paths.history(),
        "this is no database, and long enough to be looked at as one".repeat(100).as_str(),
    );
    let app = App::open_at_home(home, &[]);
    for code in ["settings.set_aside", "history.set_aside"] {
        app.driver.find(&format!("{}[data-code='{code}']", by("notice")));
    }
    app.say_by_hand("it goes on");
    let paths = app.paths();
    let _home = app.close();
    assert_eq!(typed(&paths), ["it goes on"]);
}

#[test]
fn closing_the_window_hangs_up() {
    let server = Server::echo();
    let app = App::open(&["--host", &server.url(), "--talk"]);
    app.wait_for_phase("live");
    app.close();
    // The server takes one caller at a time: the next one is let in, so the first has gone.
    let next = App::open(&["--host", &server.url(), "--talk"]);
    next.wait_for_phase("live");
    next.close();
}

#[test]
fn the_window_is_drawn_in_both_themes_at_every_size() {
    let app = App::open(&[]);
    app.say_by_hand("hello");
    let folder = tempfile::tempdir().unwrap();
    for theme in ["light", "dark"] {
        app.click("settings-open");
        app.click(&format!("theme-{theme}"));
        app.click("settings-close");
        for (width, height) in [(1280, 800), (900, 600)] {
            app.driver.resize(width, height);
            // What the display shows, not what the page says of itself.
            let file = folder.path().join(format!("{theme}-{width}.png"));
            patiently("the window is drawn", || {
                app.display.picture(&file);
                let (background, colours) = seen(&file, width / 2, height / 3);
                let is_right = if theme == "dark" { background < 80 } else { background > 200 };
                (is_right && colours > 50).then_some(())
            });
        }
    }
    app.close();
}

/// How bright a pixel of a picture is, from 0 to 255, and how many colours there are in all.
fn seen(picture: &Path, x: u32, y: u32) -> (u32, u32) {
    let mut command = std::process::Command::new("convert");
    command.arg(picture).args(["-format", &format!("%[fx:int(255*p{{{x},{y}}}.lightness)] %k"), "info:"]);
    let printed = common::program::output(&mut command);
    let mut numbers = printed.split_whitespace().map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}
