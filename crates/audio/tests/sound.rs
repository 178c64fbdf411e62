//! Sound through all threads and rings, on the virtual system: real time, no hardware.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use audio::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, MicFrame, RATE, Sound, SoundConfig, SoundEvent,
    device::virtual_system::{Heard, Played, VirtualConfig, VirtualControl, VirtualSystem},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A voice-like sound with a beginning that can be found again: 1.2 s at 48 kHz.
fn speech() -> Vec<f32> {
    let mut phase = 0.0_f64;
    (0..57_600)
        .map(|i| {
            let t = f64::from(i) / 48_000.0;
            phase += (200.0 + 500.0 * t) / 48_000.0 * std::f64::consts::TAU;
            let loud = (t * 12.0).min(1.0) * ((1.2 - t) * 12.0).min(1.0);
            (phase.sin() * 0.4 * loud) as f32
        })
        .collect()
}

struct Setup {
    sound: Sound,
    control: VirtualControl,
    events: Receiver<SoundEvent>,
    frames: Receiver<MicFrame>,
    played: Arc<Mutex<Vec<f32>>>,
}

fn setup(heard: Heard, config: &SoundConfig, devices: Option<DeviceList>) -> Setup {
    let played = Arc::new(Mutex::new(Vec::new()));
    let system = VirtualSystem::new(VirtualConfig {
        heard,
        played: Played::Samples(Arc::clone(&played)),
        channels: 2,
        ..VirtualConfig::default()
    });
    let control = system.control();
    if let Some(devices) = devices {
        control.set_devices(devices);
    }
    let (to_events, events) = mpsc::channel();
    let (to_frames, frames) = mpsc::channel();
    let mut system = Some(system);
    let sound = Sound::open(
        Box::new(move || match system.take() {
            Some(system) => Ok(Box::new(system)),
            None => Err(DeviceError::NoSystem("it was dropped".into())),
        }),
        config,
        Box::new(move |frame| drop(to_frames.send(frame))),
        Box::new(move |event| drop(to_events.send(event))),
    )
    .unwrap();
    Setup { sound, control, events, frames, played }
}

impl Setup {
    /// Waits until this device is in use.
    fn await_route(&self, direction: Direction, device: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(SoundEvent::Route(route)) if route.direction == direction => {
                    if route.in_use.is_some_and(|d| d.id.0 == device) {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => panic!("{device} was not taken up"),
            }
        }
    }
}

fn id(name: &str) -> DeviceId {
    DeviceId(name.into())
}

fn list(inputs: &[(&str, bool)]) -> DeviceList {
    let device = |(name, is_default): &(&str, bool)| DeviceInfo {
        id: id(name),
        name: (*name).to_owned(),
        is_default: *is_default,
    };
    DeviceList { inputs: inputs.iter().map(device).collect(), outputs: vec![device(&("speaker", true))] }
}

#[test]
fn what_the_microphone_hears_comes_out_of_the_loudspeaker_without_a_gap() {
    let spoken = speech();
    let s = setup(Heard::Samples(Arc::new(spoken.clone())), &SoundConfig::default(), None);
    let speaker = s.sound.speaker().unwrap();
    // As a server does it: blocks of 80 ms.
    let mut block = Vec::new();
    for _ in 0..100 {
        block.extend(s.frames.recv_timeout(LIMIT).unwrap().pcm);
        if block.len() == 1_920 {
            assert!(speaker.play(std::mem::take(&mut block)));
        }
    }
    let figures = s.sound.figures();
    assert_eq!((figures.mic_lost, figures.unheard, figures.playout.dropped), (0, 0, 0), "{figures:?}");
    drop(s.sound);
    let out = s.played.lock().unwrap().clone();
    let energy = |sound: &[f32]| sound.iter().map(|x| f64::from(x * x)).sum::<f64>();
    let start = out.iter().position(|x| x.abs() > 0.02).expect("something was heard");
    // Periods of speech may have been left out or repeated to set the delay, so compare energy, not samples.
    let ratio = energy(&out) / energy(&spoken);
    assert!((0.75..1.25).contains(&ratio), "{ratio} of the energy came out");
    let heard = &out[start..(start + 50_000).min(out.len())];
    let longest_hole = heard
        .iter()
        .fold(
            (0, 0),
            |(run, longest), x| if x.abs() < 1e-5 { (run + 1, longest.max(run + 1)) } else { (0, longest) },
        )
        .1;
    assert!(longest_hole < 240, "a hole of {longest_hole} samples");
}

#[test]
fn a_muted_microphone_sends_silence_and_keeps_sending() {
    let tone: Vec<f32> = (0..960_000).map(|i| (i as f32 * 0.05).sin() * 0.5).collect();
    let s =
        setup(Heard::Samples(Arc::new(tone)), &SoundConfig { muted: true, ..SoundConfig::default() }, None);
    for _ in 0..10 {
        let frame = s.frames.recv_timeout(LIMIT).unwrap();
        assert!(frame.pcm.iter().all(|x| *x == 0.0));
    }
    s.sound.set_muted(false);
    let deadline = Instant::now() + LIMIT;
    while !s.frames.recv_timeout(LIMIT).unwrap().pcm.iter().any(|x| x.abs() > 0.1) {
        assert!(Instant::now() < deadline, "the tone comes back");
    }
}

#[test]
fn nothing_is_heard_of_what_was_flushed() {
    let s = setup(Heard::Silence, &SoundConfig::default(), None);
    s.await_route(Direction::Output, "virtual:loudspeaker");
    let speaker = s.sound.speaker().unwrap();
    speaker.play(vec![0.5; RATE as usize]);
    let deadline = Instant::now() + LIMIT;
    while !s.played.lock().unwrap().iter().any(|x| *x > 0.4) {
        assert!(Instant::now() < deadline, "it plays before it is flushed");
    }
    speaker.flush();
    let at_flush = s.played.lock().unwrap().len();
    speaker.play(vec![-0.25; 4_800]);
    while !s.played.lock().unwrap()[at_flush..].iter().any(|x| *x < -0.2) {
        assert!(Instant::now() < deadline, "what comes after the flush is played");
    }
    let out = s.played.lock().unwrap()[at_flush..].to_vec();
    let left_over = out.iter().filter(|x| **x > 0.1).count();
    assert!(
        left_over <= 480,
        "{left_over} samples were heard after the flush; one callback is under way at most"
    );
}

#[test]
fn a_chosen_microphone_is_left_when_it_goes_and_taken_up_when_it_returns() {
    let config = SoundConfig { input: Some(id("usb")), ..SoundConfig::default() };
    let s = setup(Heard::Silence, &config, Some(list(&[("built-in", true), ("usb", false)])));
    s.await_route(Direction::Input, "usb");
    s.control.unplug(&id("usb"), true);
    s.await_route(Direction::Input, "built-in");
    s.control.set_devices(list(&[("built-in", true), ("usb", false)]));
    s.await_route(Direction::Input, "usb");
    assert_eq!(s.control.open_devices().iter().filter(|d| d.0 == "usb").count(), 1, "one stream on it");
}

#[test]
fn a_microphone_that_dies_in_silence_is_noticed_and_replaced() {
    let devices = list(&[("built-in", true), ("usb", false)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), Some(devices));
    s.await_route(Direction::Input, "built-in");
    s.frames.recv_timeout(LIMIT).unwrap();
    s.control.die_in_silence(&id("built-in"));
    s.await_route(Direction::Input, "usb");
    while s.frames.try_recv().is_ok() {}
    s.frames.recv_timeout(LIMIT).expect("frames go on");
}

#[test]
fn without_a_microphone_the_loudspeaker_still_plays_and_the_reason_is_told() {
    let s = setup(Heard::Silence, &SoundConfig::default(), Some(list(&[])));
    let deadline = Instant::now() + LIMIT;
    let error = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let SoundEvent::Route(route) = s.events.recv_timeout(left).unwrap()
            && route.direction == Direction::Input
        {
            break route.error;
        }
    };
    assert_eq!(error.map(|e| e.code()), Some("audio.no_microphone"));
    let speaker = s.sound.speaker().unwrap();
    while !s.played.lock().unwrap().iter().any(|x| *x > 0.4) {
        assert!(Instant::now() < deadline, "sound comes out");
        speaker.play(vec![0.5; 480]);
        std::thread::yield_now();
    }
}

#[test]
fn a_refused_microphone_is_told_as_such() {
    let devices = list(&[("built-in", true)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), None);
    s.control.refuse(&id("built-in"), true);
    s.control.set_devices(devices);
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let SoundEvent::Route(route) = s.events.recv_timeout(left).unwrap()
            && route.direction == Direction::Input
            && route.error.as_ref().is_some_and(|e| e.code() == "audio.refused")
        {
            break;
        }
    }
    s.control.refuse(&id("built-in"), false);
    s.await_route(Direction::Input, "built-in");
}
