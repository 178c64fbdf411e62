//! Sound through all threads and rings, on the virtual system: real time, no hardware.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use audio::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, MicFrame, RATE, RouteStatus, Sound,
    SoundConfig, SoundEvent,
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
    setup_playing(Played::Samples(Arc::clone(&played)), played, heard, config, devices)
}

/// As [`setup`], recording to a file.
fn setup_recording(path: &Path) -> Setup {
    setup_playing(Played::Wav(path.into()), Arc::default(), Heard::Silence, &SoundConfig::default(), None)
}

fn setup_playing(
    to: Played,
    played: Arc<Mutex<Vec<f32>>>,
    heard: Heard,
    config: &SoundConfig,
    devices: Option<DeviceList>,
) -> Setup {
    let system =
        VirtualSystem::new(VirtualConfig { heard, played: to, channels: 2, ..VirtualConfig::default() });
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
    /// Waits until this device is in use, and returns what is said to be wrong with it.
    fn await_route(&self, direction: Direction, device: &str) -> Option<DeviceError> {
        self.await_status(direction, device, |route| route.in_use.as_ref().is_some_and(|d| d.id.0 == device))
    }

    /// Waits until something is said to be wrong.
    fn await_error(&self, direction: Direction, code: &str) -> DeviceError {
        let is = |error: &DeviceError| error.code() == code;
        self.await_status(direction, code, |route| route.error.as_ref().is_some_and(is)).unwrap()
    }

    fn await_status(
        &self,
        direction: Direction,
        what: &str,
        wanted: impl Fn(&RouteStatus) -> bool,
    ) -> Option<DeviceError> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(SoundEvent::Route(route)) if route.direction == direction && wanted(&route) => {
                    return route.error;
                }
                Ok(_) => {}
                Err(_) => panic!("{what} did not come"),
            }
        }
    }

    /// Waits until the loudspeaker has played so many samples more.
    fn await_played(&self, samples: usize) -> Vec<f32> {
        let from = self.played.lock().unwrap().len();
        let deadline = Instant::now() + LIMIT;
        loop {
            let played = self.played.lock().unwrap();
            if played.len() >= from + samples {
                return played[from..].to_vec();
            }
            drop(played);
            assert!(Instant::now() < deadline, "the loudspeaker goes on");
            rest();
        }
    }
}

/// Leaves the processor to those whose work is awaited.
fn rest() {
    thread::park_timeout(Duration::from_millis(5));
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

/// Sends what the microphone hears to the loudspeaker, and says what is wrong with what comes out.
fn from_microphone_to_loudspeaker() -> Result<(), String> {
    let spoken = speech();
    let s = setup(Heard::Samples(Arc::new(spoken.clone())), &SoundConfig::default(), None);
    let speaker = s.sound.speaker().unwrap();
    // As a server does it: blocks of 80 ms.
    let mut block = Vec::new();
    for _ in 0..100 {
        block.extend(s.frames.recv_timeout(LIMIT).unwrap().pcm);
        if block.len() == 1_920 && !speaker.play(std::mem::take(&mut block)) {
            return Err("a block was thrown away".into());
        }
    }
    let figures = s.sound.figures();
    if (figures.mic_lost, figures.unheard, figures.playout.dropped) != (0, 0, 0) {
        return Err(format!("something was lost: {figures:?}"));
    }
    drop(s.sound);
    let out = s.played.lock().unwrap().clone();
    let energy = |sound: &[f32]| sound.iter().map(|x| f64::from(x * x)).sum::<f64>();
    let start = out.iter().position(|x| x.abs() > 0.02).ok_or("nothing was heard")?;
    // Periods of speech may have been left out or repeated to set the delay, so compare energy, not samples.
    let ratio = energy(&out) / energy(&spoken);
    if !(0.75..1.25).contains(&ratio) {
        return Err(format!("{ratio} of the energy came out"));
    }
    let heard = &out[start..(start + 50_000).min(out.len())];
    let hole = heard.split(|x| x.abs() >= 1e-5).map(<[f32]>::len).max().unwrap_or_default();
    if hole < 240 { Ok(()) } else { Err(format!("a hole of {hole} samples")) }
}

#[test]
fn what_the_microphone_hears_comes_out_of_the_loudspeaker_without_a_gap() {
    // A machine that is busy with something else tears a hole now and then; a mistake tears one each time.
    let tries: Vec<_> = (0..6).map(|_| from_microphone_to_loudspeaker()).take_while(Result::is_err).collect();
    assert!(tries.len() < 6, "{tries:?}");
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
        rest();
    }
    speaker.flush();
    let at_flush = s.played.lock().unwrap().len();
    speaker.play(vec![-0.25; 4_800]);
    while !s.played.lock().unwrap()[at_flush..].iter().any(|x| *x < -0.2) {
        assert!(Instant::now() < deadline, "what comes after the flush is played");
        rest();
    }
    let out = s.played.lock().unwrap()[at_flush..].to_vec();
    let left_over = out.iter().take_while(|x| **x > 0.1).count();
    // However busy the machine is: what the device had been handed already, 80 ms, and the callback under way.
    assert!(left_over <= 48 * 90, "{left_over} of 48,000 samples were heard after the flush");
    assert!(!out[left_over..].iter().any(|x| *x > 0.1), "what was flushed came back");
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
    s.await_error(Direction::Input, "audio.no_microphone");
    let speaker = s.sound.speaker().unwrap();
    let deadline = Instant::now() + LIMIT;
    while !s.played.lock().unwrap().iter().any(|x| *x > 0.4) {
        assert!(Instant::now() < deadline, "sound comes out");
        speaker.play(vec![0.5; 480]);
        rest();
    }
}

#[test]
fn a_refused_microphone_is_told_as_such() {
    let devices = list(&[("built-in", true)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), None);
    s.control.refuse(&id("built-in"), true);
    s.control.set_devices(devices);
    s.await_error(Direction::Input, "audio.refused");
    s.control.refuse(&id("built-in"), false);
    s.await_route(Direction::Input, "built-in");
}

#[test]
fn a_chosen_microphone_that_is_refused_leaves_another_one_in_peace() {
    let devices = list(&[("built-in", true), ("usb", false)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), Some(devices));
    s.await_route(Direction::Input, "built-in");
    s.control.refuse(&id("usb"), true);
    s.sound.choose(Direction::Input, Some(id("usb")));
    assert_eq!(s.await_error(Direction::Input, "audio.refused"), DeviceError::Refused(Direction::Input));
    let open = s.control.open_devices();
    assert_eq!(open.iter().filter(|d| d.0 == "built-in").count(), 1, "it was never closed: {open:?}");
    assert_eq!(s.control.opened(&id("built-in")), 1, "and not opened again");
    while s.frames.try_recv().is_ok() {}
    s.frames.recv_timeout(LIMIT).expect("frames go on");
}

#[test]
fn a_device_in_use_is_chosen_under_its_other_name() {
    let devices = list(&[("default", true), ("hw:0", false)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), Some(devices));
    s.await_route(Direction::Input, "default");
    s.control.are_the_same(&id("default"), &id("hw:0"));
    s.sound.choose(Direction::Input, Some(id("hw:0")));
    assert_eq!(s.await_route(Direction::Input, "hw:0"), None);
    // One that can then not be opened either gives back the other one.
    s.control.refuse(&id("default"), true);
    s.sound.choose(Direction::Input, None);
    s.await_error(Direction::Input, "audio.refused");
    while s.frames.try_recv().is_ok() {}
    s.frames.recv_timeout(LIMIT).expect("frames go on");
    assert!(s.control.open_devices().contains(&id("hw:0")));
}

#[test]
fn choosing_waits_for_nobody_and_the_last_choice_counts() {
    let (release, released) = mpsc::channel::<()>();
    let (to_events, events) = mpsc::channel();
    let mut system = Some(VirtualSystem::new(VirtualConfig::default()));
    system.as_ref().unwrap().control().set_devices(list(&[("a", true), ("b", false), ("c", false)]));
    let sound = Sound::open(
        // A sound server that does not answer for the time being.
        Box::new(move || {
            let _ = released.recv();
            Ok(Box::new(system.take().unwrap()))
        }),
        &SoundConfig::default(),
        Box::new(|_| {}),
        Box::new(move |event| drop(to_events.send(event))),
    )
    .unwrap();
    let sound = Arc::new(sound);
    let chooser = Arc::clone(&sound);
    let (chosen, all_chosen) = mpsc::channel();
    thread::spawn(move || {
        for i in 0..1_000 {
            chooser.choose(Direction::Input, Some(id(if i == 999 { "c" } else { "b" })));
        }
        drop(chooser);
        chosen.send(()).unwrap();
    });
    all_chosen.recv_timeout(LIMIT).expect("nobody waits for the sound server");
    release.send(()).unwrap();
    let deadline = Instant::now() + LIMIT;
    loop {
        let event = events.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        if let SoundEvent::Route(RouteStatus { direction: Direction::Input, in_use: Some(device), .. }) =
            event.expect("a device is taken up")
            && device.id == id("c")
        {
            break;
        }
    }
}

#[test]
fn a_device_that_dies_is_noticed_while_another_one_talks_all_the_time() {
    let devices = list(&[("built-in", true), ("usb", false)]);
    let s = setup(Heard::Silence, &SoundConfig::default(), Some(devices.clone()));
    s.await_route(Direction::Input, "built-in");
    s.frames.recv_timeout(LIMIT).unwrap();
    let quiet = Arc::new(AtomicBool::new(false));
    let (control, told) = (s.control.clone(), Arc::clone(&quiet));
    let talker = thread::spawn(move || {
        while !told.load(Relaxed) {
            // Says that something has changed, for example the volume.
            control.set_devices(devices.clone());
            thread::park_timeout(Duration::from_millis(20));
        }
    });
    s.control.die_in_silence(&id("built-in"));
    s.await_route(Direction::Input, "usb");
    quiet.store(true, Relaxed);
    talker.join().unwrap();
}

#[test]
fn nothing_is_heard_after_the_end_whoever_still_has_something_to_say() {
    let s = setup(Heard::Silence, &SoundConfig::default(), None);
    s.await_route(Direction::Output, "virtual:loudspeaker");
    let speaker = s.sound.speaker().unwrap();
    speaker.play(vec![0.5; RATE as usize]);
    while !s.await_played(480).iter().any(|x| *x > 0.4) {}
    let late = speaker.clone();
    speaker.end();
    for _ in 0..20 {
        late.play(vec![-0.5; 4_800]);
    }
    // What the loudspeaker's callback had taken up already.
    while s.await_played(480).iter().any(|x| *x > 0.0) {}
    let heard = s.await_played(9_600);
    assert!(heard.iter().all(|x| *x == 0.0), "silence: {:?}", heard.iter().find(|x| **x != 0.0));
    assert!(!s.played.lock().unwrap().iter().any(|x| *x < -0.1), "nothing of what came late");
}

/// Plays a sound into a recording until it has taken up at least so much of it.
fn record(s: &Setup, samples: u64) {
    let speaker = s.sound.speaker().unwrap();
    let before = s.sound.figures().playout.received;
    let deadline = Instant::now() + LIMIT;
    while s.sound.figures().playout.received < before + samples {
        assert!(Instant::now() < deadline, "the sound is taken");
        speaker.play(vec![0.5; 480]);
        rest();
    }
}

#[test]
fn a_recording_goes_on_when_its_loudspeaker_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("out.wav");
    let s = setup_recording(&path);
    let loudspeaker = id("virtual:loudspeaker");
    s.await_route(Direction::Output, &loudspeaker.0);
    record(&s, 24_000);
    s.control.die_in_silence(&loudspeaker);
    s.await_error(Direction::Output, "audio.lost");
    let before = audio::wav::read(&path, 48_000).unwrap();
    assert!(before.iter().any(|x| *x > 0.4), "{} samples are on disk", before.len());
    record(&s, 4_800);
    drop(s);
    let after = audio::wav::read(&path, 48_000).unwrap();
    assert!(after.len() > before.len(), "{} samples, then {}", before.len(), after.len());
    assert_eq!(after[..before.len()], before, "what was recorded before is still there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_recording_on_a_full_disk_is_told_and_the_microphone_goes_on() {
    let s = setup_recording(Path::new("/dev/full"));
    let error = s.await_error(Direction::Output, "audio.failed");
    assert!(error.to_string().contains("the recording cannot be written: No space left"), "{error}");
    while s.frames.try_recv().is_ok() {}
    s.frames.recv_timeout(LIMIT).expect("frames go on");
}
