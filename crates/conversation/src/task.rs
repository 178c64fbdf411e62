//! The task that owns a conversation: it takes inputs in order, asks the machine, and does what follows.

mod ears;
mod links;

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use audio::{Direction, MicFrame, Sound, SoundConfig, SoundEvent};
use brain::{Reins, bridge::Bridge};
use store::Turn;
use tokio::{
    runtime,
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle},
    time::{sleep_until, timeout},
};

use crate::{
    door::{Found, NoWay},
    ear::EarEvent,
    handle::{Command, Event, Handle, Options, Shared, SoundSource, Thinker, locked},
    history_writer::{HistoryWriter, Written},
    link::{BridgeNews, ToSay},
    machine::{Ask, Effect, Input, LinkEvent, Machine, Moment},
    problem::{LinkError, Problem},
    remembering::Remembering,
    transcript::resumed,
};

/// Commands that wait for the task.
const COMMANDS: usize = 64;
/// Events of links, devices and the disk that wait for the task.
const INPUTS: usize = 256;
/// Frames of the microphone that wait for the link: half a second. What does not fit is lost, and counted.
const MIC_FRAMES: usize = 25;
/// Texts, and wishes to end them, that wait for the link: more than the machine has on their way.
const TO_SAY: usize = 4 * wire::MOST_SPEECHES;
/// The name under which a bridge remembers the person where nobody else answers.
const SOMEBODY: &str = "voice_user";
/// How long the end may take: a close frame, and the last turns to disk.
const END_LIMIT: Duration = Duration::from_secs(3);

/// A conversation's task.
pub struct Conversation {
    machine: Machine,
    start: Instant,
    sound_source: SoundSource,
    devices: SoundConfig,
    /// Which of the sounds that were opened so far is open; what the others report is old.
    sound_number: u64,
    /// Sounds that are being closed.
    closing: Vec<JoinHandle<()>>,
    history: HistoryWriter,
    links: HashMap<u64, OpenLink>,
    ear: Option<OpenEar>,
    inputs: mpsc::Sender<Happening>,
    events: mpsc::Sender<Event>,
    shared: Arc<Shared>,
    thinker: Option<Thinker>,
    /// The bridge that the current link goes through.
    through: Option<Through>,
    /// Whether it was told that this one answers.
    bridge_answers: bool,
    /// What was asked last.
    asked: Option<Asked>,
    /// Moshi's words on their way to the brain.
    to_remember: Remembering,
}

/// A link, or the search for the way to its host.
struct OpenLink {
    stop: watch::Sender<bool>,
    /// There for a Moshi server.
    to_say: Option<mpsc::Sender<ToSay>>,
    task: JoinHandle<()>,
}

/// A server that listens.
struct OpenEar {
    number: u64,
    stop: watch::Sender<bool>,
}

/// Something that was asked of the brain.
struct Asked {
    ask: u64,
    reins: Reins,
    /// Passes on what the brain tells. The turn ends with it.
    passes_on: AbortHandle,
}

/// A bridge that a link goes through.
struct Through {
    link: u64,
    /// Its address as it is shown.
    shown: String,
    bridge: Bridge,
    /// Whether its Moshi listens, so that it takes words.
    live: bool,
}

/// Inputs that come from elsewhere than the person.
pub(crate) enum Happening {
    Link(u64, LinkEvent),
    Ear(u64, EarEvent),
    /// The way to the host of that link was looked for.
    Found(u64, Result<Found, NoWay>),
    Bridge(u64, BridgeNews),
    Stored(Written),
    Sound(u64, SoundEvent),
    Brain(u64, Box<brain::Event>),
    /// What is told while Moshi's words are remembered.
    Remembered(Box<brain::Event>),
    Silent(u64),
    Deleted(String, Result<(), Problem>),
}

impl Conversation {
    /// Starts a conversation on the current runtime. It goes on with the last one in the history. `events` must be
    /// read; the returned task ends when all handles are gone and everything is written.
    ///
    /// # Errors
    /// When the history's thread cannot be started.
    pub fn start(options: Options, events: mpsc::Sender<Event>) -> io::Result<(Handle, JoinHandle<()>)> {
        let (commands, asked) = mpsc::channel(COMMANDS);
        let (inputs, happenings) = mpsc::channel(INPUTS);
        let shared = Arc::new(Shared::default());
        let handle = Handle { commands, shared: Arc::clone(&shared) };
        let (history, opened) = HistoryWriter::start(options.history)?;
        let task = async move {
            let opened = opened.await.unwrap_or_default();
            let start = Instant::now();
            let (kept, turns) = match opened.last {
                Some((kept, turns)) => (kept, turns),
                None => (store::Conversation::begin(unix_ms()), Vec::new()),
            };
            let turns = resumed(turns);
            let now = Moment { mono: Duration::ZERO, unix_ms: unix_ms() };
            let conversation = Self {
                machine: Machine::new(kept.clone(), &turns, now),
                start,
                sound_source: options.sound,
                devices: options.devices,
                sound_number: 0,
                closing: Vec::new(),
                history,
                links: HashMap::new(),
                ear: None,
                to_remember: Remembering::new(&inputs),
                inputs,
                events,
                shared,
                thinker: options.brain,
                through: None,
                bridge_answers: false,
                asked: None,
            };
            conversation.tell(Event::Conversation { id: kept.id, turns }).await;
            if let Some(aside) = opened.set_aside {
                conversation.tell(Event::HistorySetAside(aside)).await;
            }
            conversation.run(opened.problem, asked, happenings).await;
        };
        Ok((handle, runtime::Handle::current().spawn(task)))
    }

    async fn run(
        mut self,
        no_history: Option<Problem>,
        mut commands: mpsc::Receiver<Command>,
        mut happenings: mpsc::Receiver<Happening>,
    ) {
        self.step(Input::Brain(self.thinker.is_some())).await;
        // Reports the state at rest.
        self.step(match no_history {
            Some(problem) => Input::Stored(Err(problem)),
            None => Input::Tick,
        })
        .await;
        loop {
            let deadline = self.machine.deadline();
            let input = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                Some(happening) = happenings.recv() => self.happening(happening).await,
                () = sleep_until(self.at(deadline)), if deadline.is_some() => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.step(input).await;
            }
        }
        self.step(Input::Stop).await;
        // Nobody waits for an answer any more; its turn stays on disk as one that was sent.
        if let Some(asked) = self.asked.take() {
            asked.passes_on.abort();
        }
        if timeout(END_LIMIT, self.settle(&mut happenings)).await.is_err() {
            tracing::warn!("the conversation did not end cleanly in time");
            self.history.leave();
        }
    }

    /// Waits until the links have said goodbye, sound is closed, and everything is on disk that the disk takes.
    async fn settle(&mut self, happenings: &mut mpsc::Receiver<Happening>) {
        let links = std::mem::take(&mut self.links).into_values().map(|link| link.task);
        let tasks: Vec<_> = links.chain(std::mem::take(&mut self.closing)).collect();
        let ended = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        tokio::pin!(ended);
        let (mut all_ended, mut refused) = (false, false);
        while !all_ended || !(refused || self.machine.is_settled()) {
            tokio::select! {
                () = &mut ended, if !all_ended => all_ended = true,
                // What is to end may wait to be heard.
                Some(happening) = happenings.recv() => {
                    if let Some(input) = self.happening(happening).await {
                        refused |= matches!(input, Input::Stored(Err(_)));
                        self.step(input).await;
                    }
                }
            }
        }
    }

    fn at(&self, deadline: Option<Duration>) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + deadline.unwrap_or_default())
    }

    fn now(&self) -> Moment {
        Moment { mono: self.start.elapsed(), unix_ms: unix_ms() }
    }

    async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    async fn command(&mut self, command: Command) -> Option<Input> {
        Some(match command {
            Command::Talk(host) => Input::Talk(host),
            Command::Stop => Input::Stop,
            Command::Mute(muted) => Input::Mute(muted),
            Command::Type(text) => Input::Typed(text),
            Command::NewConversation => self.begin(store::Conversation::begin(unix_ms()), Vec::new()).await,
            Command::Resume(conversation, turns) => {
                if conversation.id == self.machine.conversation().id {
                    return None;
                }
                self.begin(conversation, resumed(turns)).await
            }
            Command::Delete(id) => {
                let next = store::Conversation::begin(unix_ms());
                if id == self.machine.conversation().id {
                    self.tell(Event::Conversation { id: next.id.clone(), turns: Vec::new() }).await;
                }
                Input::Forget(id, next)
            }
            Command::Brain(thinker) => {
                let is_there = thinker.is_some();
                self.thinker = thinker;
                Input::Brain(is_there)
            }
            Command::Retry(number) => Input::Retry(number),
            Command::CancelAnswer => Input::CancelAnswer,
            Command::StopSpeaking => Input::StopSpeaking,
            Command::Decide(decision) => Input::Decided(decision),
            Command::Conduct(conduct) => Input::Conduct(conduct),
            Command::Dictate(wish) => Input::Dictate(wish),
            Command::Choose(direction, device) => {
                match direction {
                    Direction::Input => self.devices.input.clone_from(&device),
                    Direction::Output => self.devices.output.clone_from(&device),
                }
                if let Some(sound) = locked(&self.shared.sound).as_ref() {
                    sound.choose(direction, device);
                }
                return None;
            }
        })
    }

    async fn begin(&mut self, conversation: store::Conversation, turns: Vec<Turn>) -> Input {
        self.tell(Event::Conversation { id: conversation.id.clone(), turns: turns.clone() }).await;
        Input::Begin(conversation, turns)
    }

    async fn happening(&mut self, happening: Happening) -> Option<Input> {
        match happening {
            Happening::Link(link, event) => {
                if let LinkEvent::Ended(error) = &event {
                    self.links.remove(&link);
                    if let Some(through) = self.through.take_if(|through| through.link == link) {
                        let there = matches!(error, LinkError::Bridge(error, _) if error.is_of_moshi());
                        let ended = BridgeNews::Ended { there, problem: error.problem(&through.shown) };
                        self.tell(Event::Bridge(Box::new(ended))).await;
                    }
                }
                if let Some(through) = self.through.as_mut().filter(|through| through.link == link) {
                    through.live |= event == LinkEvent::Handshake;
                }
                Some(Input::Link(link, event))
            }
            Happening::Ear(ear, event) => Some(Input::Ear(ear, event)),
            Happening::Found(link, found) => self.found(link, found).await,
            Happening::Bridge(link, news) => {
                // One that was stopped may not have noticed yet.
                if self.through.as_ref().is_some_and(|through| through.link == link) {
                    self.tell(Event::Bridge(Box::new(news))).await;
                }
                None
            }
            Happening::Stored(Written { result, set_aside }) => {
                if let Some(set_aside) = set_aside {
                    self.tell(Event::HistorySetAside(set_aside)).await;
                }
                Some(Input::Stored(result))
            }
            Happening::Brain(ask, event) => {
                let what = event.what.clone();
                self.tell(Event::Brain(event)).await;
                Some(Input::Told(ask, Box::new(what)))
            }
            Happening::Remembered(event) => {
                self.tell(Event::Brain(event)).await;
                None
            }
            Happening::Silent(ask) => Some(Input::Silent(ask)),
            Happening::Deleted(id, result) => {
                self.tell(Event::Deleted(id, result)).await;
                None
            }
            Happening::Sound(number, event) => {
                if number == self.sound_number {
                    self.tell(match event {
                        SoundEvent::Route(route) => Event::Route(route),
                        SoundEvent::Devices(devices) => Event::Devices(devices),
                    })
                    .await;
                }
                None
            }
        }
    }

    async fn step(&mut self, input: Input) {
        let now = self.now();
        for effect in self.machine.step(input, now) {
            match effect {
                Effect::OpenSound => self.open_sound(),
                Effect::CloseSound => self.close_sound(),
                Effect::Mute(muted) => {
                    self.devices.muted = muted;
                    if let Some(sound) = locked(&self.shared.sound).as_ref() {
                        sound.set_muted(muted);
                    }
                }
                Effect::Connect(link, host) => self.connect(link, host, None).await,
                Effect::Disconnect(link) => {
                    self.through.take_if(|through| through.link == link);
                    if let Some(link) = self.links.get(&link) {
                        let _ = link.stop.send(true);
                    }
                }
                Effect::OpenEar(ear, server) => self.open_ear(ear, server),
                Effect::CloseEar(ear) => self.close_ear(ear),
                Effect::Ear(state) => self.tell(Event::Ear(state)).await,
                Effect::Dictation(dictation) => self.tell(Event::Dictation(dictation)).await,
                Effect::Times(times) => self.tell(Event::Times(times)).await,
                Effect::Say(link, text) => self.to_host(link, ToSay::Text(text)),
                Effect::StopSaying(link) => self.to_host(link, ToSay::Cut),
                Effect::Spoken(reply) => self.tell(Event::Spoken(reply)).await,
                Effect::Store(conversation, turns) => {
                    let inputs = self.inputs.clone();
                    self.history.put(conversation, turns, move |written| {
                        let _ = inputs.blocking_send(Happening::Stored(written));
                    });
                }
                Effect::Show(turns) => self.tell(Event::Turns(turns)).await,
                Effect::Call(call) => self.tell(Event::Call(call)).await,
                Effect::Saving(problem) => self.tell(Event::Saving(problem)).await,
                Effect::Ask(ask) => self.ask(*ask),
                Effect::CancelAsk(ask) => {
                    if let Some(asked) = self.asked.as_ref().filter(|asked| asked.ask == ask) {
                        asked.reins.cancel();
                    }
                }
                Effect::Decide(ask, decision) => {
                    if let Some(asked) = self.asked.as_ref().filter(|asked| asked.ask == ask) {
                        asked.reins.decide(decision);
                    }
                }
                Effect::Remember(conversation, text) => {
                    if let Some(thinker) = self.answers() {
                        self.to_remember.put(thinker, conversation, text);
                    }
                }
                Effect::Delete(conversation) => {
                    let (inputs, id) = (self.inputs.clone(), conversation.clone());
                    self.history.delete(conversation, move |result| {
                        let _ = inputs.blocking_send(Happening::Deleted(id, result));
                    });
                }
            }
        }
        let bridge_answers = self.bridge_that_answers().is_some();
        if bridge_answers != self.bridge_answers {
            self.bridge_answers = bridge_answers;
            self.tell(Event::Bridge(Box::new(BridgeNews::Answers(bridge_answers)))).await;
        }
    }

    fn to_host(&self, link: u64, to_say: ToSay) {
        let to_host = self.links.get(&link).and_then(|link| link.to_say.as_ref());
        // There is room for all that the machine has on its way; a link that is over has told so, or will.
        if to_host.is_none_or(|to_host| to_host.try_send(to_say).is_err()) {
            tracing::warn!(link, "nothing takes what is to be said");
        }
    }

    /// The bridge, where it answers in somebody's place.
    fn bridge_that_answers(&self) -> Option<(&Bridge, &Thinker)> {
        let through = self.through.as_ref().filter(|through| through.live)?;
        let thinker = self.thinker.as_ref().filter(|thinker| thinker.yields)?;
        Some((&through.bridge, thinker))
    }

    /// Who answers now.
    fn answers(&self) -> Option<Thinker> {
        match self.bridge_that_answers() {
            Some((bridge, thinker)) => Some(Thinker { brain: Arc::new(bridge.clone()), ..thinker.clone() }),
            None => self.thinker.clone(),
        }
    }

    fn ask(&mut self, ask: Ask) {
        let inputs = self.inputs.clone();
        let number = ask.ask;
        let begun = self.answers().and_then(|thinker| {
            let turn = brain::Turn::new(&ask.conversation, &thinker.person, &ask.text, ask.came);
            let turn = turn.inspect_err(|error| tracing::warn!(%error, "a turn cannot be asked")).ok()?;
            Some(thinker.brain.begin(turn.after(ask.before)))
        });
        let reins = begun.as_ref().map(brain::Answer::reins);
        let task = tokio::spawn(async move {
            if let Some(mut answer) = begun {
                while let Some(event) = answer.next().await {
                    if inputs.send(Happening::Brain(number, Box::new(event))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = inputs.send(Happening::Silent(number)).await;
        });
        let passes_on = task.abort_handle();
        self.asked = reins.map(|reins| Asked { ask: number, reins, passes_on });
    }

    fn open_sound(&mut self) {
        let shared = Arc::clone(&self.shared);
        let on_mic = Box::new(move |frame: MicFrame| locked(&shared.mic).deliver(frame));
        self.sound_number += 1;
        let (inputs, number) = (self.inputs.clone(), self.sound_number);
        let on_event = Box::new(move |event: SoundEvent| {
            let _ = inputs.blocking_send(Happening::Sound(number, event));
        });
        match Sound::open((self.sound_source)(), &self.devices, on_mic, on_event) {
            Ok(sound) => *locked(&self.shared.sound) = Some(sound),
            Err(error) => tracing::error!(%error, "sound cannot be opened"),
        }
    }

    fn close_sound(&mut self) {
        {
            let mut mic = locked(&self.shared.mic);
            (mic.link, mic.ear) = (None, None);
        }
        self.sound_number += 1;
        let Some(sound) = locked(&self.shared.sound).take() else { return };
        if let Some(speaker) = sound.speaker() {
            // A link that has not noticed yet that it is over still plays.
            speaker.end();
        }
        // Closing waits for device threads.
        self.closing.retain(|closing| !closing.is_finished());
        self.closing.push(runtime::Handle::current().spawn_blocking(move || drop(sound)));
    }
}

/// Now, in milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
