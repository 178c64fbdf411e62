//! The task behind the window: it takes wishes and happenings in order, steps the state, and sends what changed in
//! batches.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use audio::{ConnectSystem, DeviceId, DeviceWatch, Direction, Listed, SoundConfig};
use conversation::{Command, Conversation, Event, Handle, Problem, SoundSource};
use store::{SettingsError, SettingsFile};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    echo_test::{self, EchoTest, News},
    outbox::Outbox,
    settings::{self, SettingsPatch},
    state::{Change, State, has_sound},
    view::{self, AppInfo, EchoTestState, NoticeLevel, Snapshot, UiEvent},
};

/// Between two batches: 15 a second.
const BATCH_EVERY: Duration = Duration::from_nanos(1_000_000_000 / 15);
/// Batches of sound between two looks at the delays.
const MEASURE_EVERY: u32 = 8;
/// Wishes that wait for the task.
const WISHES: usize = 64;
/// Events of the conversation that wait for the task.
const EVENTS: usize = 1_024;
/// Lists of devices that wait for the task. The watching thread waits when they are not taken.
const LISTS: usize = 4;
/// The longest text that can be typed at once, in characters.
const LONGEST_TEXT: usize = 4_000;

/// Takes batches of events. Returns `false` when there is nobody to take them any more.
pub type Sink = Box<dyn Fn(Vec<UiEvent>) -> bool + Send>;

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
    /// The program `myca`, for the echo test.
    pub program: PathBuf,
}

type Answer<T> = oneshot::Sender<T>;

enum Wish {
    Snapshot(Answer<Snapshot>),
    Subscribe(Sink),
    Talk(Answer<Result<(), Problem>>),
    Stop,
    Mute(bool),
    Text(String, Answer<Result<(), Problem>>),
    Change(SettingsPatch, Answer<Result<(), Problem>>),
    NewConversation,
    StartEchoTest(Answer<Result<(), Problem>>),
    StopEchoTest,
    Dismiss(String),
    End,
}

/// The handle to everything behind the window. Cheap to clone; it all ends with [`Window::end`], or when the last one is
/// gone.
#[derive(Clone)]
pub struct Window {
    wishes: mpsc::Sender<Wish>,
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
        let (conversation, ending) = Conversation::start(
            conversation::Options {
                history: options.history,
                sound: sound_source(&options.sound),
                devices: sound_config(options.settings.get()),
                brain: None,
            },
            to_events,
        )?;
        let watch = DeviceWatch::start(connect(), move |listed| {
            let _ = to_lists.blocking_send(listed);
        })?;
        let info = AppInfo { version: options.version, data_folder: options.data_folder };
        let mut shown = options.settings.get().clone();
        if let Some(host) = options.host {
            shown.host_address = host;
        }
        let task = Task {
            state: State::new(info, shown, unix_ms()),
            settings: options.settings,
            sound: options.sound,
            program: options.program,
            conversation,
            echo: None,
            echo_handle: None,
            outbox: Outbox::default(),
            sink: None,
            last_batch: Instant::now(),
            batches: 0,
        };
        let aside = options.settings_aside;
        let task = tokio::spawn(async move {
            task.run(wished, events, lists, aside).await;
            // The watching thread may wait for its list to be taken; the queue is gone by now.
            let _ = tokio::task::spawn_blocking(move || drop(watch)).await;
            let _ = ending.await;
        });
        Ok((Self { wishes }, task))
    }

    /// Everything that is to be shown, now.
    ///
    /// # Errors
    /// When the program is ending, as everywhere here.
    pub async fn snapshot(&self) -> Result<Snapshot, view::Problem> {
        self.ask(Wish::Snapshot).await
    }

    /// Sends events to `sink` from now on, in batches, at most 15 a second, and no longer to the one before.
    pub async fn subscribe(&self, sink: Sink) -> Result<(), view::Problem> {
        self.wish(Wish::Subscribe(sink)).await
    }

    /// Begins a call with the host that is set; ends the echo test.
    pub async fn talk(&self) -> Result<(), view::Problem> {
        self.ask(Wish::Talk).await?.map_err(Into::into)
    }

    /// Ends the call.
    pub async fn stop(&self) -> Result<(), view::Problem> {
        self.wish(Wish::Stop).await
    }

    /// Mutes or unmutes the microphone.
    pub async fn set_muted(&self, muted: bool) -> Result<(), view::Problem> {
        self.wish(Wish::Mute(muted)).await
    }

    /// Adds a typed turn.
    ///
    /// # Errors
    /// A text that is too long.
    pub async fn send_text(&self, text: String) -> Result<(), view::Problem> {
        self.ask(|answer| Wish::Text(text, answer)).await?.map_err(Into::into)
    }

    /// Changes settings.
    ///
    /// # Errors
    /// What is wrong with the change, which is not made then; or that it holds but cannot be kept.
    pub async fn change_settings(&self, patch: SettingsPatch) -> Result<(), view::Problem> {
        self.ask(|answer| Wish::Change(patch, answer)).await?.map_err(Into::into)
    }

    /// Leaves the conversation and begins a new one.
    pub async fn new_conversation(&self) -> Result<(), view::Problem> {
        self.wish(Wish::NewConversation).await
    }

    /// Starts the echo test.
    ///
    /// # Errors
    /// While a call is under way.
    pub async fn start_echo_test(&self) -> Result<(), view::Problem> {
        self.ask(Wish::StartEchoTest).await?.map_err(Into::into)
    }

    /// Ends the echo test.
    pub async fn stop_echo_test(&self) -> Result<(), view::Problem> {
        self.wish(Wish::StopEchoTest).await
    }

    /// Takes a notice away.
    pub async fn dismiss_notice(&self, id: String) -> Result<(), view::Problem> {
        self.wish(Wish::Dismiss(id)).await
    }

    /// Ends everything, also while other handles are left: the call, the echo test, and when all is written the task.
    pub async fn end(&self) {
        // Where it cannot be sent it has ended already.
        let _ = self.wish(Wish::End).await;
    }

    async fn wish(&self, wish: Wish) -> Result<(), view::Problem> {
        self.wishes.send(wish).await.map_err(|_| ending())
    }

    async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, view::Problem> {
        let (answer, answered) = oneshot::channel();
        self.wish(wish(answer)).await?;
        answered.await.map_err(|_| ending())
    }
}

struct Task {
    state: State,
    settings: SettingsFile,
    sound: Arc<dyn Fn() -> ConnectSystem + Send + Sync>,
    program: PathBuf,
    conversation: Handle,
    echo: Option<EchoTest>,
    /// There while the echo test is heard.
    echo_handle: Option<Handle>,
    outbox: Outbox,
    sink: Option<Sink>,
    last_batch: Instant,
    batches: u32,
}

impl Task {
    async fn run(
        mut self,
        mut wished: mpsc::Receiver<Wish>,
        mut events: mpsc::Receiver<Event>,
        mut lists: mpsc::Receiver<Listed>,
        aside: Option<store::SetAside>,
    ) {
        if let Some(aside) = aside {
            let problem = settings::were_broken(&aside);
            self.step(Change::Notice("settings", NoticeLevel::Warning, problem));
        }
        loop {
            let batch_at = self.last_batch + BATCH_EVERY;
            let batch = !self.outbox.is_empty() || self.sound_flows();
            tokio::select! {
                wish = wished.recv() => match wish {
                    Some(Wish::End) | None => break,
                    Some(wish) => self.wish(wish).await,
                },
                Some(event) = events.recv() => self.step(Change::Conversation(event)),
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
        let Self { conversation, .. } = self;
        drop(conversation);
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
                let host = settings::host(self.state.settings());
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
                let changed = self.change(patch).await;
                let _ = answer.send(changed);
            }
            Wish::NewConversation => self.ask_conversation(Command::NewConversation).await,
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
        let address_is_new = patch.host_address.is_some();
        let after = patch.apply(&before)?;
        let mut kept = after.clone();
        if !address_is_new {
            // A host for this run only stays out of the file.
            kept.host_address.clone_from(&self.settings.get().host_address);
        }
        let written = self.settings.set(kept).map_err(|error: SettingsError| settings::not_kept(&error));
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
        self.step(Change::Settings(after));
        written
    }

    fn start_echo_test(&mut self) -> Result<(), Problem> {
        if has_sound(self.state.snapshot().call.phase) {
            return Err(echo_test::call_first());
        }
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

    async fn echo_news(&mut self, news: Option<News>) {
        match news {
            Some(News::Route(route)) => self.step(Change::EchoRoute(route)),
            Some(News::Running(handle)) => {
                self.echo_handle = Some(handle);
                self.step(Change::Echo(EchoTestState::Running, None));
            }
            Some(News::Failed(problem)) => {
                self.end_echo_test().await;
                self.step(Change::Echo(EchoTestState::Failed, Some(problem)));
            }
            None => self.end_echo_test().await,
        }
    }

    /// The conversation whose sound is open.
    fn sounding(&self) -> Option<&Handle> {
        if has_sound(self.state.snapshot().call.phase) {
            Some(&self.conversation)
        } else {
            self.echo_handle.as_ref()
        }
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
        self.last_batch = Instant::now();
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
async fn next(echo: &mut Option<EchoTest>) -> Option<News> {
    match echo {
        Some(echo) => echo.news.recv().await,
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

fn check_text(text: &str) -> Result<(), Problem> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(Problem::new(
            "conversation.text_too_long",
            format!("The text is longer than {LONGEST_TEXT} characters."),
            "Send it in parts.",
            &[],
        ));
    }
    Ok(())
}

fn ending() -> view::Problem {
    Problem::new("window.ending", "MYCA Voice is ending.", "Start it again.", &[]).into()
}

fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
