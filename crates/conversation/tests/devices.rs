//! Calls while devices are missing, refused, unplugged and plugged in again. The server says something only while it hears
//! something, as models do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;
mod world;

use std::sync::{Arc, Mutex, mpsc};

use audio::{DeviceError, DeviceId, Direction, SoundConfig, device::virtual_system::VirtualControl};
use conversation::{Command, Event, Options, Phase, Problem};
use servers::{Server, Style};
use world::{World, devices, world_of, world_with};

/// What a call without trouble goes through.
const UNDISTURBED: [Phase; 4] = [Phase::Idle, Phase::Connecting, Phase::WarmingUp, Phase::Live];

fn id(name: &str) -> DeviceId {
    DeviceId(name.into())
}

/// A call with these devices, as far as the first words.
async fn call(
    inputs: &'static [&'static str],
    outputs: &'static [&'static str],
) -> (Server, World, Arc<Mutex<Option<VirtualControl>>>) {
    let server = Server::start(Style::Answers).await;
    let (mut w, control) = world_with(None, move |control| control.set_devices(devices(inputs, outputs)));
    w.talk(&server.address(), 30).await;
    w.text("hello there").await;
    (server, w, control)
}

fn control(slot: &Arc<Mutex<Option<VirtualControl>>>) -> VirtualControl {
    slot.lock().unwrap().clone().expect("sound is open")
}

/// The sentences about what is wrong with a direction.
fn sentences(w: &World, direction: Direction) -> Problem {
    let route = w.routes.iter().find(|route| route.direction == direction).unwrap();
    Problem::device(route.error.as_ref().unwrap())
}

#[tokio::test]
async fn without_a_microphone_moshi_is_heard_and_typing_works_until_there_is_one() {
    let (server, mut w, slot) = call(&[], &["speaker"]).await;
    w.wrong(Direction::Input, "audio.no_microphone").await;
    let problem = sentences(&w, Direction::Input);
    assert_eq!(problem.what, "There is no microphone.");
    assert!(problem.next.contains("Plug one in"), "{problem:?}");
    w.sound().await;
    w.say("typed").await;
    w.text("typed").await;
    control(&slot).set_devices(devices(&["usb"], &["speaker"]));
    assert!(!w.words().contains("I hear you"), "so far it was silence");
    w.uses(Direction::Input, "usb").await;
    w.text("I hear you").await;
    assert_eq!(w.phases, UNDISTURBED, "the call was never lost");
    w.handle.send(Command::Stop).await;
    assert_eq!(server.session().await.undecodable, 0, "one stream, silence and sound");
    w.end().await;
}

#[tokio::test]
async fn a_microphone_that_is_refused_is_said_and_taken_up_when_it_is_allowed() {
    let server = Server::start(Style::Answers).await;
    let (mut w, slot) = world_with(None, |control| {
        control.set_devices(devices(&["built-in"], &["speaker"]));
        control.refuse(&id("built-in"), true);
    });
    w.talk(&server.address(), 30).await;
    w.wrong(Direction::Input, "audio.refused").await;
    let problem = sentences(&w, Direction::Input);
    assert_eq!(problem.what, "The system does not let this program use the microphone.");
    assert!(problem.next.contains("privacy settings"), "{problem:?}");
    w.text("hello there").await;
    w.sound().await;
    control(&slot).refuse(&id("built-in"), false);
    w.uses(Direction::Input, "built-in").await;
    assert_eq!(w.phases, UNDISTURBED);
    w.end().await;
}

#[tokio::test]
async fn a_microphone_unplugged_while_talking_is_replaced_and_returned_to() {
    let (server, mut w, slot) = call(&["usb", "built-in"], &["speaker"]).await;
    w.uses(Direction::Input, "usb").await;
    w.handle.send(Command::Choose(Direction::Input, Some(id("usb")))).await;
    control(&slot).unplug(&id("usb"), true);
    w.uses(Direction::Input, "built-in").await;
    w.sound().await;
    control(&slot).set_devices(devices(&["built-in", "usb"], &["speaker"]));
    w.uses(Direction::Input, "usb").await;
    w.sound().await;
    w.handle.send(Command::Stop).await;
    assert_eq!(server.session().await.undecodable, 0, "one stream, whichever microphone");
    assert_eq!(w.phases, UNDISTURBED);
    w.end().await;
}

#[tokio::test]
async fn the_only_microphone_unplugged_while_talking_costs_nothing_but_itself() {
    for telling in [true, false] {
        let (_server, mut w, slot) = call(&["usb"], &["speaker"]).await;
        w.uses(Direction::Input, "usb").await;
        control(&slot).unplug(&id("usb"), telling);
        w.wrong(Direction::Input, "audio.no_microphone").await;
        // What was under way has been heard by then; what comes now is an answer to silence.
        for _ in 0..8 {
            w.sound().await;
        }
        control(&slot).set_devices(devices(&["usb"], &["speaker"]));
        w.uses(Direction::Input, "usb").await;
        assert_eq!(w.phases, UNDISTURBED, "telling: {telling}");
        w.end().await;
    }
}

#[tokio::test]
async fn a_loudspeaker_unplugged_while_talking_is_said_and_taken_up_again() {
    let (_server, mut w, slot) = call(&["usb"], &["speaker"]).await;
    w.sound().await;
    control(&slot).unplug(&id("speaker"), true);
    w.wrong(Direction::Output, "audio.no_loudspeaker").await;
    assert_eq!(sentences(&w, Direction::Output).what, "There is no loudspeaker.");
    control(&slot).set_devices(devices(&["usb"], &["speaker"]));
    w.uses(Direction::Output, "speaker").await;
    w.sound().await;
    assert_eq!(w.phases, UNDISTURBED);
    w.end().await;
}

#[tokio::test]
async fn without_any_sound_system_the_words_still_come() {
    let server = Server::start(Style::Answers).await;
    let options = Options {
        history: None,
        sound: Box::new(|| Box::new(|| Err(DeviceError::NoSystem("connection refused".into())))),
        devices: SoundConfig::default(),
        brain: None,
    };
    let mut w = world_of(options, 1_024, Arc::default());
    w.talk(&server.address(), 30).await;
    w.text("hello there").await;
    w.wrong(Direction::Input, "audio.no_system").await;
    assert_eq!(sentences(&w, Direction::Input).what, "No sound system answers (connection refused).");
    w.end().await;
}

#[tokio::test]
async fn nothing_is_told_of_sound_that_was_closed_and_the_end_waits_for_it() {
    let (answer, answered) = mpsc::channel::<()>();
    let (alive, gone) = mpsc::channel::<()>();
    let waiting = Mutex::new(Some((answered, alive)));
    let options = Options {
        history: None,
        sound: Box::new(move || {
            let waiting = waiting.lock().unwrap().take();
            // A sound system that takes its time, and then has everything.
            Box::new(move || {
                if let Some((answered, _)) = &waiting {
                    let _ = answered.recv();
                }
                Ok(Box::new(audio::device::virtual_system::VirtualSystem::new(Default::default())))
            })
        }),
        devices: SoundConfig::default(),
        brain: None,
    };
    let server = Server::start(Style::Silent).await;
    let mut w = world_of(options, 1_024, Arc::default());
    w.talk(&server.address(), 30).await;
    w.phase(Phase::WarmingUp).await;
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    answer.send(()).unwrap();
    drop(w.handle);
    while let Some(event) = w.events.recv().await {
        assert!(!matches!(event, Event::Route(_) | Event::Devices(_)), "{event:?}");
    }
    w.task.await.unwrap();
    assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Disconnected), "the device thread has ended");
}
