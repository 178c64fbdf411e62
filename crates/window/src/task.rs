//! The task behind the window: it takes wishes and happenings in order, steps the state, and sends what changed in
//! batches.

mod hearing;
mod places;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use audio::{ConnectSystem, DeviceId, DeviceWatch, Direction, Listed, SoundConfig};
use brain::{
    What,
    mas::{News, ServiceToken, Watch},
};
use conversation::{Command, Conversation, Event, Handle, Problem, SoundSource, unix_ms};
use store::{Archive, Secrets, Settings, SettingsError, SettingsFile};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use self::hearing::Ears;
use crate::{
    brains::{self, Brains},
    echo_test::{self, EchoTest, News as EchoNews},
    host_list,
    outbox::Outbox,
    pace::Pace,
    past::{self, Past},
    places::{News as PlaceNews, PlaceOptions, Places},
    settings::{self, SettingsPatch},
    state::{Change, State, Thinks, has_sound},
    token, tools,
    view::{AppInfo, EchoTestState, NoticeLevel, UiEvent},
    waiting::Waiting,
    wish::{Answer, Sink, Window, Wish, WishSender, check_text},
};

/// Batches of sound between two looks at the delays.
const MEASURE_EVERY: u32 = 8;
/// Wishes that wait for the task.
const WISHES: usize = 64;
/// Events of the conversation that wait for the task.
const EVENTS: usize = 1_024;
/// Lists of devices that wait for the task. The watching thread waits when they are not taken.
const LISTS: usize = 4;
/// What a window is made of.
pub struct Options {
    /// Connects to the sound system.
    pub sound: Arc<dyn Fn() -> ConnectSystem + Send + Sync>,
    /// The settings file, opened.
    pub settings: SettingsFile,
    /// A settings file that was broken and has been set aside.
    pub settings_aside: Option<store::SetAside>,
    /// The history database; without one nothing is kept.
    pub history: Option<PathBuf>,
    /// Folder with the history, to show.
    pub data_folder: String,
    /// Version of the program, to show.
    pub version: String,
    /// Calls this host instead of the one that is set, until another one is set. It is not kept.
    pub host: Option<String>,
    /// Where the program `myca`, models, logs and runtimes lie.
    pub places: PlaceOptions,
    /// The database of what the built-in brain remembers.
    pub memories: PathBuf,
    /// The folder for conversations that are wanted as files.
    pub exports: PathBuf,
    /// Where tokens are kept; without it, none is kept beyond this run.
    pub secrets: Option<Secrets>,
}

impl Window {
    /// Starts everything on the current runtime. The returned task ends when all handles are gone and all is written.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(options: Options) -> io::Result<(Self, JoinHandle<()>)> {
        let (wishes, wished) = mpsc::channel(WISHES);
        let (to_events, events) = mpsc::channel(EVENTS);
        let (to_lists, lists) = mpsc::channel(LISTS);
        let connect = Arc::clone(&options.sound);
        let (memories, memories_aside) = match past::open_memories(&options.memories) {
            Ok((memories, aside)) => (Ok(Arc::new(Mutex::new(memories))), aside),
            Err(problem) => (Err(problem), None),
        };
        let past = Arc::new(Past {
            archive: options.history.as_deref().map(Archive::at),
            memories: memories.as_ref().ok().cloned(),
            exports: options.exports,
        });
        let wished_by_others = WishSender(wishes.downgrade());
        let tools = tools::all(&wished_by_others, past.archive.clone());
        let brains = Brains { memories, tools };
        let chosen = brains.choose(options.settings.get(), None);
        let (conversation, ending) = Conversation::start(
            conversation::Options {
                history: options.history,
                sound: sound_source(&options.sound),
                devices: sound_config(options.settings.get()),
                brain: Some(chosen.thinker),
            },
            to_events,
        )?;
        let watch = DeviceWatch::start(connect(), move |listed| {
            let _ = to_lists.blocking_send(listed);
        })?;
        let (places, beside) = Places::new(options.places.clone(), options.secrets.clone());
        let shelf = places.shelf();
        let info = AppInfo { version: options.version, data_folder: options.data_folder };
        let mut shown = options.settings.get().clone();
        if let Some(host) = options.host {
            shown = host_list::with_host_for_this_run(shown, host);
        }
        let mut task = Task {
            state: State::new(info, shown, unix_ms()),
            ears: Ears::new(options.settings.get(), options.secrets.clone(), wished_by_others.clone()),
            settings: options.settings,
            sound: options.sound,
            program: options.places.myca.clone(),
            places,
            conversation,
            brains,
            watch: chosen.watch,
            token: None,
            deletions: HashMap::new(),
            new_conversation_next: false,
            waiting: Waiting::default(),
            echo: None,
            echo_handle: None,
            outbox: Outbox::default(),
            sink: None,
            pace: Pace::new(Instant::now()),
            batches: 0,
        };
        if let Some(secrets) = options.secrets.clone() {
            tokio::spawn(async move { wished_by_others.token(token::kept(secrets).await).await });
        }
        let set_aside = [
            options.settings_aside.map(|aside| ("settings", settings::were_broken(&aside))),
            memories_aside.map(|aside| ("memories", past::were_broken(&aside))),
        ];
        let thinks = chosen.thinks;
        let task = tokio::spawn(async move {
            task.begin(thinks, set_aside.into_iter().flatten()).await;
            task.run(wished, events, lists, beside).await;
            // The watching thread may wait for its list to be taken; the queue is gone by now.
            let _ = tokio::task::spawn_blocking(move || drop(watch)).await;
            let _ = ending.await;
        });
        Ok((Self { wishes, past, secrets: options.secrets, shelf }, task))
    }
}

struct Task {
    state: State,
    settings: SettingsFile,
    /// Who hears the person.
    ears: Ears,
    sound: Arc<dyn Fn() -> ConnectSystem + Send + Sync>,
    program: PathBuf,
    places: Places,
    conversation: Handle,
    brains: Brains,
    /// Looks at the agent system, where one answers.
    watch: Option<Watch>,
    /// The agent system's.
    token: Option<ServiceToken>,
    /// Who waits for which conversation to be deleted.
    deletions: HashMap<String, Vec<Answer<Result<(), Problem>>>>,
    /// Whether a new conversation begins when the answer that is under way has ended.
    new_conversation_next: bool,
    /// Tools that wait for the end of something.
    waiting: Waiting,
    echo: Option<EchoTest>,
    /// There while the echo test is heard.
    echo_handle: Option<Handle>,
    outbox: Outbox,
    sink: Option<Sink>,
    pace: Pace,
    batches: u32,
}

impl Task {
    async fn begin(
        &mut self,
        thinks: Thinks,
        set_aside: impl IntoIterator<Item = (&'static str, Problem)> + Send,
    ) {
        self.step(Change::Brain(thinks));
        self.conduct().await;
        for (id, problem) in set_aside {
            self.step(Change::Notice(id, Some((NoticeLevel::Warning, problem))));
        }
        self.places.begin(&self.state.settings().clone());
    }

    async fn run(
        mut self,
        mut wished: mpsc::Receiver<Wish>,
        mut events: mpsc::Receiver<Event>,
        mut lists: mpsc::Receiver<Listed>,
        mut beside: mpsc::Receiver<PlaceNews>,
    ) {
        loop {
            let batch_at = self.pace.due(self.outbox.is_waited_for());
            let batch = !self.outbox.is_empty() || self.sound_flows();
            tokio::select! {
                wish = wished.recv() => match wish {
                    Some(Wish::End) | None => break,
                    Some(wish) => self.wish(wish).await,
                },
                Some(event) = events.recv() => self.conversation(event).await,
                Some(news) = news_of(&mut self.watch) => self.step(Change::Mas(news.into())),
                Some(news) = beside.recv() => self.beside(news).await,
                Some(listed) = lists.recv() => self.step(Change::Devices(listed)),
                news = next(&mut self.echo) => self.echo_news(news).await,
                () = sleep_until(batch_at), if batch => {
                    self.look_at_sound();
                    self.send_batch();
                }
            }
            if self.outbox.is_full() {
                self.send_batch();
            }
        }
        self.end_echo_test().await;
        let Self { conversation, places, .. } = self;
        drop(conversation);
        // Nobody wants to know any more what ends.
        drop(beside);
        places.end().await;
        // Its last events are of no interest, but it waits until they are taken.
        while events.recv().await.is_some() {}
    }

    fn step(&mut self, change: Change) {
        let events = self.state.step(change, unix_ms());
        if self.sink.is_some() {
            events.into_iter().for_each(|event| self.outbox.push(event));
        }
    }

    async fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Snapshot(answer) => {
                let _ = answer.send(self.state.snapshot().clone());
            }
            Wish::Subscribe(sink) => {
                // What waits was meant for the window before; this one fetches a snapshot.
                self.outbox = Outbox::default();
                self.sink = Some(sink);
            }
            Wish::Talk(answer) => {
                self.end_echo_test().await;
                self.stop_dictation().await;
                let host = self.places.calling(self.state.settings()).host();
                self.ask_conversation(Command::Talk(host)).await;
                let _ = answer.send(Ok(()));
            }
            Wish::Stop => self.ask_conversation(Command::Stop).await,
            Wish::Mute(muted) => self.ask_conversation(Command::Mute(muted)).await,
            Wish::Text(text, answer) => {
                let checked = check_text(&text);
                if checked.is_ok() {
                    self.ask_conversation(Command::Type(text)).await;
                }
                let _ = answer.send(checked);
            }
            Wish::Change(patch, answer) => {
                let changed = self.change(*patch).await;
                let _ = answer.send(changed);
            }
            Wish::Host(change, answer) => {
                let _ = answer.send(self.change_hosts(change));
            }
            Wish::Place(wish) => self.place(wish),
            Wish::NewConversation => self.ask_conversation(Command::NewConversation).await,
            Wish::NewConversationNext => self.new_conversation_next = true,
            Wish::Resume(conversation, turns) => {
                self.ask_conversation(Command::Resume(conversation, turns)).await;
            }
            Wish::Delete(id, answer) => {
                self.deletions.entry(id.clone()).or_default().push(answer);
                self.ask_conversation(Command::Delete(id)).await;
            }
            Wish::Retry(number) => self.ask_conversation(Command::Retry(number)).await,
            Wish::CancelAnswer => self.ask_conversation(Command::CancelAnswer).await,
            Wish::StopSpeaking => self.ask_conversation(Command::StopSpeaking).await,
            Wish::Decide(decision) => self.ask_conversation(Command::Decide(decision)).await,
            Wish::OpenSettings(section) => {
                if self.sink.is_some() {
                    self.outbox.push(UiEvent::OpenSettings { section });
                }
            }
            Wish::Token(token) => self.token(token).await,
            Wish::EarKey(key, is_kept) => self.ear_key(key, is_kept).await,
            Wish::KeptEarKey(key) => self.kept_ear_key(key).await,
            Wish::StartDictation(answer) => {
                let _ = answer.send(self.start_dictation().await);
            }
            Wish::Dictate(server) => self.found_to_dictate(server).await,
            Wish::StopDictation => self.stop_dictation().await,
            Wish::StartEchoTest(answer) => {
                let _ = answer.send(self.start_echo_test());
            }
            Wish::StopEchoTest => self.end_echo_test().await,
            Wish::Dismiss(id) => self.step(Change::Dismissed(id)),
            // Seen before it comes here.
            Wish::End => {}
        }
    }

    async fn ask_conversation(&mut self, command: Command) {
        if !self.conversation.send(command).await {
            tracing::error!("the conversation's task has ended");
        }
    }

    async fn change(&mut self, patch: SettingsPatch) -> Result<(), Problem> {
        let before = self.state.settings().clone();
        let mut after = patch.apply(&before)?;
        self.bind_ear_key(&before, &mut after);
        let written = self.keep(&after);
        for (direction, old, new) in [
            (Direction::Input, &before.input_device, &after.input_device),
            (Direction::Output, &before.output_device, &after.output_device),
        ] {
            if old != new {
                let choice = Command::Choose(direction, new.clone().map(DeviceId));
                if let Some(echo) = &self.echo_handle {
                    echo.send(choice.clone()).await;
                }
                self.ask_conversation(choice).await;
            }
        }
        let other_brain = brains::differ(&before, &after);
        self.step(Change::Settings(after));
        self.conduct().await;
        if other_brain {
            self.choose_brain().await;
        }
        written
    }

    /// Writes the settings, without a host that is for this run only.
    fn keep(&mut self, shown: &Settings) -> Result<(), Problem> {
        let kept = host_list::kept(shown, self.settings.get());
        self.settings.set(kept).map_err(|error: SettingsError| settings::not_kept(&error))
    }

    async fn token(&mut self, token: Result<Option<ServiceToken>, Problem>) {
        let asks_mas = !self.state.settings().mas_address.is_empty();
        match token {
            Ok(token) => {
                let differs = token != self.token;
                self.token = token;
                self.step(Change::MasToken(self.token.is_some()));
                if differs && asks_mas {
                    self.choose_brain().await;
                }
            }
            Err(problem) if asks_mas => {
                self.step(Change::Notice("token", Some((NoticeLevel::Warning, problem))));
            }
            // Nobody needs it.
            Err(problem) => tracing::info!(code = problem.code, "no service token can be read"),
        }
    }

    async fn choose_brain(&mut self) {
        let chosen = self.brains.choose(self.state.settings(), self.token.clone());
        self.watch = chosen.watch;
        self.ask_conversation(Command::Brain(Some(chosen.thinker))).await;
        self.step(Change::Brain(chosen.thinks));
    }

    async fn conversation(&mut self, event: Event) {
        let answer_ended = matches!(&event, Event::Brain(event) if matches!(event.what, What::Done { .. }));
        if let Event::Deleted(id, result) = &event {
            for waiting in self.deletions.remove(id).unwrap_or_default() {
                let _ = waiting.send(result.clone());
            }
        }
        self.step(Change::Conversation(event));
        if let Some(watch) = &self.watch {
            watch.busy(self.state.is_thinking());
        }
        if answer_ended && std::mem::take(&mut self.new_conversation_next) {
            self.ask_conversation(Command::NewConversation).await;
        }
    }

    fn start_echo_test(&mut self) -> Result<(), Problem> {
        if has_sound(self.state.snapshot().call.phase) {
            return Err(echo_test::call_first());
        }
        self.is_dictating()?;
        if self.echo.is_none() {
            let options = conversation::Options {
                history: None,
                sound: sound_source(&self.sound),
                devices: sound_config(self.state.settings()),
                brain: None,
            };
            self.echo = Some(EchoTest::start(self.program.clone(), options));
            self.step(Change::Echo(EchoTestState::Starting, None));
        }
        Ok(())
    }

    async fn end_echo_test(&mut self) {
        self.echo_handle = None;
        if let Some(echo) = self.echo.take() {
            echo.end().await;
        }
        if self.state.snapshot().echo_test.state != EchoTestState::Off {
            self.step(Change::Echo(EchoTestState::Off, None));
        }
    }

    async fn echo_news(&mut self, news: Option<EchoNews>) {
        match news {
            Some(EchoNews::Route(route)) => self.step(Change::EchoRoute(route)),
            Some(EchoNews::Running(handle)) => {
                self.echo_handle = Some(handle);
                self.step(Change::Echo(EchoTestState::Running, None));
            }
            Some(EchoNews::Failed(problem)) => {
                self.end_echo_test().await;
                self.step(Change::Echo(EchoTestState::Failed, Some(problem)));
            }
            None => self.end_echo_test().await,
        }
    }

    /// The conversation whose sound is open.
    fn sounding(&self) -> Option<&Handle> {
        if self.state.conversation_sounds() { Some(&self.conversation) } else { self.echo_handle.as_ref() }
    }

    fn sound_flows(&self) -> bool {
        self.sink.is_some() && self.sounding().is_some()
    }

    fn look_at_sound(&mut self) {
        let Some(figures) = self.sounding().map(Handle::figures) else { return };
        if figures.sound.is_none() {
            return;
        }
        let measured = self.batches.is_multiple_of(MEASURE_EVERY);
        self.batches = self.batches.wrapping_add(1);
        self.step(Change::Sound { figures: Box::new(figures), measured });
    }

    fn send_batch(&mut self) {
        self.pace.went(Instant::now());
        if self.outbox.is_empty() {
            return;
        }
        let events = self.outbox.take();
        if let Some(sink) = &self.sink
            && !sink(events)
        {
            self.sink = None;
        }
    }
}

/// The next news of an echo test, if there is one.
async fn next(echo: &mut Option<EchoTest>) -> Option<EchoNews> {
    match echo {
        Some(echo) => echo.news.recv().await,
        None => std::future::pending().await,
    }
}

/// The next news of the agent system, if it is looked at.
async fn news_of(watch: &mut Option<Watch>) -> Option<News> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

fn sound_source(sound: &Arc<dyn Fn() -> ConnectSystem + Send + Sync>) -> SoundSource {
    let sound = Arc::clone(sound);
    Box::new(move || sound())
}

fn sound_config(settings: &store::Settings) -> SoundConfig {
    SoundConfig {
        input: settings.input_device.clone().map(DeviceId),
        output: settings.output_device.clone().map(DeviceId),
        muted: false,
    }
}
