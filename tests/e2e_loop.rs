//! The whole loop in the real app: words into a virtual microphone, a turn on the screen, the brain's reply, and Moshi says it
//! out of the virtual loudspeaker. The small recogniser says words at sound; which ones they are means nothing.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::time::Duration;

use common::alignment::sounding;
use common::app::{App, by};
use common::patiently;
use common::program::{argument, myca, output};
use common::recording::Recording;
use common::server::{Server, tiny_model, tiny_recogniser};
use common::speech::{Speech, WORDS};
use store::{Delivery, History, Paths, Source, Speaker, Turn};

/// The person's turns that were heard, of the conversation that was kept last.
fn heard(paths: &Paths) -> Vec<Turn> {
    let (history, _) = History::open(&paths.history()).unwrap();
    let conversation = history.latest().unwrap().expect("one was kept");
    let turns = history.turns(&conversation.id, 1_000).unwrap();
    turns.into_iter().filter(|turn| turn.source == Source::Heard).collect()
}

#[test]
fn what_is_said_comes_to_the_brain_and_its_reply_leaves_the_loudspeaker() {
    let (model, recogniser) = (tiny_model(), tiny_recogniser());
    let server = Server::host_that_hears(model.path(), recogniser.path());
    let app = App::open(&["--host", &server.url(), "--talk"]);
    let recording = Recording::start(&app.pulse);
    app.wait_for_phase("live");
    app.wait_for_light("ear", "well");

    Speech::of(&WORDS[..4]).say_into(&app.pulse);
    // A turn of the person's that nobody typed, and the brain's answer to it.
    patiently("words on the screen", || app.said("person").first().filter(|said| !said.is_empty()).cloned());
    patiently("an answer", || (!app.said("brain").is_empty()).then_some(()));
    // The small Moshi never pauses by itself, so that the reply waits for as long as replies do.
    app.driver
        .wait_for_text(&by("injections"), |shown| shown.contains("speaking") || shown.contains(" spoken"));
    let spoken = Duration::from_millis(500);
    recording.wait_for("Moshi's voice", |sides| sounding(&sides.loudspeaker) >= spoken);
    // Each stage of the way has its time on the screen.
    app.driver
        .wait_for_text(&by("times"), |shown| shown.matches("ms").count() + shown.matches(" s").count() >= 2);
    app.click("talk");
    app.wait_for_phase("idle");
    let paths = app.paths();
    let _home = app.close();
    let heard = heard(&paths);
    assert!(heard.iter().all(|turn| turn.speaker == Speaker::Person && !turn.open), "{heard:?}");
    assert_eq!(heard[0].delivery, Some(Delivery::Delivered));
}

#[test]
fn a_recogniser_on_this_computer_hears_for_a_host_that_does_not_and_writes_dictation_down() {
    let (server, recogniser) = (Server::echo(), tiny_recogniser());
    let home = tempfile::tempdir().unwrap();
    output(myca(&["model", "import", argument(recogniser.path())]).env("MYCA_HOME", home.path()));
    let app = App::open_at_home(home, &["--host", &server.url()]);
    app.click("settings-open");
    app.click("ear-thisComputer");
    app.driver.find(&format!("{}[data-phase=ready]", by("recogniser")));
    app.click("settings-close");

    app.click("dictate");
    app.wait_for_light("ear", "well");
    Speech::of(&WORDS[..2]).say_into(&app.pulse);
    let written = || {
        let text = app.driver.run("return document.querySelector('[data-testid=text-box]').value", &[]);
        text.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
    };
    patiently("dictated words", written);
    app.click("dictate");
    assert!(app.turns().is_empty(), "they are no turn until they are sent");

    app.click("talk");
    app.wait_for_phase("live");
    app.wait_for_light("ear", "well");
    Speech::of(&WORDS[..3]).say_into(&app.pulse);
    patiently("words on the screen", || app.said("person").first().filter(|said| !said.is_empty()).cloned());
    patiently("an answer", || (!app.said("brain").is_empty()).then_some(()));
    let paths = app.paths();
    let _home = app.close();
    assert!(!heard(&paths).is_empty());
}
