//! A conversation with a virtual sound card, and what it has told so far.
#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use audio::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, RouteStatus, SoundConfig,
    device::virtual_system::{Heard, Played, VirtualConfig, VirtualControl, VirtualSystem},
};
use conversation::{
    BridgeNews, CallState, Command, Conversation, Dictation, Event, Handle, Host, Options, Phase,
    SoundSource, SpokenReply, TurnTimes,
};
use net::Access;
use store::Turn;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// Nothing takes longer.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A conversation.
pub struct World {
    pub handle: Handle,
    pub events: mpsc::Receiver<Event>,
    pub task: JoinHandle<()>,
    /// All that the loudspeaker has played, at 48 kHz.
    pub played: Arc<Mutex<Vec<f32>>>,
    /// The last text of each turn, and whether it is on disk.
    pub turns: BTreeMap<u64, (String, bool)>,
    pub call: Option<CallState>,
    /// All phases, in order.
    pub phases: Vec<Phase>,
    /// The last status of each direction.
    pub routes: Vec<RouteStatus>,
    /// Why nothing is saved, as far as that was told.
    pub saving: Option<&'static str>,
    /// What a bridge has told beside the call.
    pub news: Vec<BridgeNews>,
    /// What became of replies on their way to Moshi's voice.
    pub spoken: Vec<SpokenReply>,
    /// The turns as they are.
    pub kept: BTreeMap<u64, Turn>,
    /// When they went from hand to hand.
    pub times: BTreeMap<u64, TurnTimes>,
    /// What is dictated.
    pub dictation: Dictation,
}

/// A conversation with one microphone, which hears a tone, and one loudspeaker.
pub fn world(history: Option<PathBuf>) -> World {
    world_with(history, |_| {}).0
}

/// As [`world`], with a hand on the sound card; `prepare` sees it before anybody uses it.
pub fn world_with(
    history: Option<PathBuf>,
    prepare: impl Fn(&VirtualControl) + Send + Sync + 'static,
) -> (World, Arc<Mutex<Option<VirtualControl>>>) {
    world_that_hears(tone(), history, prepare)
}

/// As [`world_with`], with a microphone that hears this, at 48 kHz, and silence after it.
pub fn world_that_hears(
    samples: Vec<f32>,
    history: Option<PathBuf>,
    prepare: impl Fn(&VirtualControl) + Send + Sync + 'static,
) -> (World, Arc<Mutex<Option<VirtualControl>>>) {
    let played = Arc::new(Mutex::new(Vec::new()));
    let config = VirtualConfig {
        heard: Heard::Samples(Arc::new(samples)),
        played: Played::Samples(Arc::clone(&played)),
        ..VirtualConfig::default()
    };
    let control = Arc::new(Mutex::new(None));
    let told = Arc::clone(&control);
    let source: SoundSource = Box::new(move || {
        let system = VirtualSystem::new(config.clone());
        prepare(&system.control());
        *told.lock().unwrap() = Some(system.control());
        let mut system = Some(system);
        Box::new(move || match system.take() {
            Some(system) => Ok(Box::new(system)),
            None => Err(DeviceError::NoSystem("it is gone".into())),
        })
    });
    (
        world_of(
            Options { history, sound: source, devices: SoundConfig::default(), brain: None },
            1_024,
            played,
        ),
        control,
    )
}

/// A conversation from its options, with room for so many events.
pub fn world_of(options: Options, room: usize, played: Arc<Mutex<Vec<f32>>>) -> World {
    let (to_events, events) = mpsc::channel(room);
    let (handle, task) = Conversation::start(options, to_events).unwrap();
    World {
        handle,
        events,
        task,
        played,
        turns: BTreeMap::new(),
        call: None,
        phases: Vec::new(),
        routes: Vec::new(),
        saving: None,
        news: Vec::new(),
        spoken: Vec::new(),
        kept: BTreeMap::new(),
        times: BTreeMap::new(),
        dictation: Dictation::default(),
    }
}

fn tone() -> Vec<f32> {
    (0..48_000 * 60).map(|i| (i as f32 * 0.03).sin() * 0.3).collect()
}

/// A list of microphones and loudspeakers; the first ones are the defaults.
pub fn devices(inputs: &[&str], outputs: &[&str]) -> DeviceList {
    let list = |names: &[&str]| -> Vec<DeviceInfo> {
        let device = |(i, name): (usize, &&str)| DeviceInfo {
            id: DeviceId((*name).to_owned()),
            name: (*name).to_owned(),
            is_default: i == 0,
        };
        names.iter().enumerate().map(device).collect()
    };
    DeviceList { inputs: list(inputs), outputs: list(outputs) }
}

impl World {
    pub async fn talk(&self, address: &str, limit_s: u64) {
        let host = Host::new(address, "", "", Duration::from_secs(limit_s));
        self.handle.send(Command::Talk(host)).await;
    }

    /// The same with what it takes to get in.
    pub async fn talk_with(&self, address: &str, access: Access) {
        let host = Host::new(address, "", "", LIMIT).map(|host| host.with_access(access));
        self.handle.send(Command::Talk(host)).await;
    }

    pub async fn say(&self, text: &str) {
        self.handle.send(Command::Type(text.to_owned())).await;
    }

    /// Takes the next event.
    pub async fn next(&mut self) -> Event {
        let event = timeout(LIMIT, self.events.recv()).await.expect("something happens in time").unwrap();
        match &event {
            Event::Call(call) => {
                if self.phases.last() != Some(&call.phase) {
                    self.phases.push(call.phase);
                }
                self.call = Some((**call).clone());
            }
            Event::Turns(turns) => {
                for turn in turns {
                    self.turns.insert(turn.turn.number, (turn.turn.text.clone(), turn.saved));
                    self.kept.insert(turn.turn.number, turn.turn.clone());
                }
            }
            Event::Route(route) => {
                self.routes.retain(|known| known.direction != route.direction);
                self.routes.push(route.clone());
            }
            Event::Times(times) => _ = self.times.insert(times.turn, (**times).clone()),
            Event::Dictation(dictation) => self.dictation = (**dictation).clone(),
            Event::Spoken(reply) => self.spoken.push((**reply).clone()),
            Event::Bridge(news) => self.news.push((**news).clone()),
            Event::Saving(problem) => self.saving = problem.as_ref().map(|p| p.code),
            _ => {}
        }
        event
    }

    /// Waits for a phase and returns the code of its problem.
    pub async fn phase(&mut self, phase: Phase) -> &'static str {
        loop {
            if let Event::Call(call) = self.next().await
                && call.phase == phase
            {
                return call.problem.map_or("", |p| p.code);
            }
        }
    }

    /// Waits for this text, be it in one turn or in several: a busy machine makes pauses in between.
    pub async fn text(&mut self, wanted: &str) {
        while !self.words().contains(wanted) {
            self.next().await;
        }
    }

    /// The text of all turns.
    pub fn words(&self) -> String {
        self.turns.values().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Waits until a bridge has told something.
    pub async fn news(&mut self, wanted: impl Fn(&BridgeNews) -> bool) {
        while !self.news.iter().any(&wanted) {
            self.next().await;
        }
    }

    /// Waits until the last reply on its way to Moshi's voice looks like this.
    pub async fn spoken(&mut self, wanted: impl Fn(&SpokenReply) -> bool) -> SpokenReply {
        loop {
            if let Some(last) = self.spoken.last().filter(|last| wanted(last)) {
                return last.clone();
            }
            self.next().await;
        }
    }

    /// Waits until a direction looks like this.
    pub async fn route(&mut self, direction: Direction, wanted: impl Fn(&RouteStatus) -> bool) {
        while !self.routes.iter().any(|route| route.direction == direction && wanted(route)) {
            self.next().await;
        }
    }

    /// Waits until this device is in use.
    pub async fn uses(&mut self, direction: Direction, device: &str) {
        self.route(direction, |route| route.in_use.as_ref().is_some_and(|d| d.id.0 == device)).await;
    }

    /// Waits until this is wrong with a direction.
    pub async fn wrong(&mut self, direction: Direction, code: &str) {
        self.route(direction, |route| route.error.as_ref().is_some_and(|error| error.code() == code)).await;
    }

    /// Waits until sound louder than silence comes out, after what had come out before.
    pub async fn sound(&self) {
        let from = self.played.lock().unwrap().len();
        let deadline = Instant::now() + LIMIT;
        while !self.played.lock().unwrap()[from..].iter().any(|x| x.abs() > 0.05) {
            assert!(Instant::now() < deadline, "sound comes out");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets go of the conversation and waits for its end.
    pub async fn end(self) {
        drop(self.handle);
        drop(self.events);
        timeout(LIMIT, self.task).await.unwrap().unwrap();
    }
}
