//! A microphone and a loudspeaker in use: the threads, and the handle to them.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, Release},
        },
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    device::{
        DeviceError, DeviceId, DeviceList, Direction, OpenRequest, Stream, StreamEvent, StreamEvents,
        StreamFormat, System,
    },
    meter::{Level, Meter},
    playout::PlayoutStats,
    port::{self, PortState},
    route::{Route, RouteEffect, RouteInput, RouteStatus},
    worker::{CHUNKS, Chunk, MicFrame, NewPort, Shared, Worker, WorkerFigures},
};

/// How much sound a microphone's callback carries: one Opus packet, so that nothing waits for a second half.
const INPUT_PERIOD: Duration = Duration::from_millis(20);
/// The same for a loudspeaker. Half of it is on average waited for; below 10 ms sound servers spend more time waking
/// up than working.
const OUTPUT_PERIOD: Duration = Duration::from_millis(10);
/// A loudspeaker that runs dry again and again gets longer periods, up to this.
const LONGEST_OUTPUT_PERIOD: Duration = Duration::from_millis(40);
/// Underruns of the device within [`XRUN_WINDOW`] that make its periods longer.
const XRUNS: usize = 4;
const XRUN_WINDOW: Duration = Duration::from_secs(10);
/// A stream may be unsteady for this long after it was opened.
const SETTLE: Duration = Duration::from_secs(1);
/// A callback that is missing for this long is not late, its device is dead.
const SILENCE: Duration = Duration::from_millis(800);
/// How often callbacks are looked for.
const WATCH: Duration = Duration::from_millis(200);
/// How often devices are listed where the system cannot tell that they changed.
pub(crate) const LIST_EVERY: Duration = Duration::from_secs(3);
/// Ring between a callback and the worker, in seconds of sound.
const RING_SECONDS: u32 = 1;
/// Messages to the device thread.
const MESSAGES: usize = 64;

/// What [`Sound`] tells besides sound. Called on its threads; must not block.
#[derive(Debug, Clone, PartialEq)]
pub enum SoundEvent {
    /// A direction's device, choice or error changed.
    Route(RouteStatus),
    /// The list of devices changed.
    Devices(DeviceList),
}

/// Connects to a sound system; called on a thread of its own, and again after the system went away.
pub type ConnectSystem = Box<dyn FnMut() -> Result<Box<dyn System>, DeviceError> + Send>;

/// How sound starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoundConfig {
    /// The microphone to use, or `None` to follow the system's default.
    pub input: Option<DeviceId>,
    /// The loudspeaker to use, or `None` to follow the system's default.
    pub output: Option<DeviceId>,
    /// Whether the microphone starts muted.
    pub muted: bool,
}

/// Figures about sound, now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SoundFigures {
    /// From the air to a frame that is ready to be sent.
    pub capture_delay: Option<Duration>,
    /// From the playout buffer to the air.
    pub speaker_delay: Option<Duration>,
    /// Samples of the microphone lost on the way, at the device's rate.
    pub mic_lost: u64,
    /// Samples received while there was no loudspeaker.
    pub unheard: u64,
    /// The playout buffer.
    pub playout: PlayoutStats,
}

/// A microphone and a loudspeaker in use. Dropping it closes both and ends its threads.
pub struct Sound {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    devices: Option<JoinHandle<()>>,
    to_devices: SyncSender<Message>,
    to_worker: SyncSender<Chunk>,
    choices: Choices,
}

/// What was chosen and not taken up yet. Only the last choice counts, so nobody waits for a device thread that is busy
/// with a device.
type Choices = Arc<Mutex<HashMap<Direction, Option<DeviceId>>>>;

/// Puts sound into the loudspeaker. Cheap to clone.
#[derive(Clone)]
pub struct Speaker {
    shared: Arc<Shared>,
    chunks: SyncSender<Chunk>,
    worker: thread::Thread,
}

enum Message {
    /// Something lies in [`Choices`].
    Chosen,
    DevicesChanged,
    Stream(Direction, u64, StreamEvent),
    Close,
}

impl Sound {
    /// Opens devices of the system that `connect` finds. Returns at once: devices open in the background and are reported by `on_event`, and
    /// frames come to `on_mic` (on the worker's thread; it must not block) as soon as there is a microphone.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn open(
        connect: ConnectSystem,
        config: &SoundConfig,
        on_mic: Box<dyn FnMut(MicFrame) + Send>,
        on_event: Box<dyn Fn(SoundEvent) + Send>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            muted: AtomicBool::new(config.muted),
            generation: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            quit: AtomicBool::new(false),
            mic: Meter::default(),
            speaker: Meter::default(),
            figures: Mutex::new(WorkerFigures::default()),
        });
        let (to_worker, chunks) = mpsc::sync_channel(CHUNKS);
        let (to_ports, ports) = mpsc::sync_channel(MESSAGES);
        let (to_devices, messages) = mpsc::sync_channel(MESSAGES);
        let choices = Choices::default();
        let worker = Worker::new(Arc::clone(&shared), ports, chunks, on_mic);
        let worker = thread::Builder::new().name("audio".into()).spawn(move || worker.run())?;
        let keeper = Keeper {
            connect,
            system: None,
            tells: false,
            shared: Arc::clone(&shared),
            worker: worker.thread().clone(),
            to_ports,
            own: to_devices.clone(),
            choices: Arc::clone(&choices),
            on_event,
            input: Side::new(Direction::Input, config.input.clone(), INPUT_PERIOD),
            output: Side::new(Direction::Output, config.output.clone(), OUTPUT_PERIOD),
            list: DeviceList::default(),
            generation: 0,
        };
        let devices =
            thread::Builder::new().name("audio-devices".into()).spawn(move || keeper.run(&messages))?;
        Ok(Self { shared, worker: Some(worker), devices: Some(devices), to_devices, to_worker, choices })
    }

    /// A handle to the loudspeaker.
    ///
    /// # Panics
    /// Never; the worker lives as long as `self`.
    #[must_use]
    pub fn speaker(&self) -> Option<Speaker> {
        let worker = self.worker.as_ref()?.thread().clone();
        Some(Speaker { shared: Arc::clone(&self.shared), chunks: self.to_worker.clone(), worker })
    }

    /// Sends silence instead of the microphone, at once.
    pub fn set_muted(&self, muted: bool) {
        self.shared.muted.store(muted, Relaxed);
    }

    /// Chooses a device, or follows the system's default. Returns at once.
    pub fn choose(&self, direction: Direction, device: Option<DeviceId>) {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).insert(direction, device);
        // With every message the choices are looked at; a full queue holds enough of them.
        let _ = self.to_devices.try_send(Message::Chosen);
    }

    /// The zero of [`MicFrame::captured`]'s clock.
    #[must_use]
    pub fn epoch(&self) -> Instant {
        self.shared.epoch
    }

    /// Figures, now.
    #[must_use]
    pub fn figures(&self) -> SoundFigures {
        let figures = *self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
        SoundFigures {
            capture_delay: figures.capture_delay,
            speaker_delay: figures.speaker_delay,
            mic_lost: figures.mic_lost,
            unheard: figures.unheard,
            playout: figures.playout,
        }
    }

    /// Peaks of the microphone since the last call, one in 0..=1 for every 20 ms, and its level.
    #[must_use]
    pub fn microphone_meter(&self) -> (Vec<f32>, Level) {
        self.shared.mic.fetch()
    }

    /// The same for what goes to the loudspeaker.
    #[must_use]
    pub fn speaker_meter(&self) -> (Vec<f32>, Level) {
        self.shared.speaker.fetch()
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        let _ = self.to_devices.send(Message::Close);
        if let Some(devices) = self.devices.take() {
            let _ = devices.join();
        }
        self.shared.quit.store(true, Relaxed);
        if let Some(worker) = self.worker.take() {
            worker.thread().unpark();
            let _ = worker.join();
        }
    }
}

impl Speaker {
    /// Plays 24 kHz mono sound after what was given before. Returns `false` where it had to be thrown away because the
    /// worker has fallen behind by dozens of pieces. After [`Speaker::end`] nothing is played.
    pub fn play(&self, pcm: Vec<f32>) -> bool {
        let generation = self.shared.generation.load(Relaxed);
        let sent = self.chunks.try_send(Chunk { pcm, generation });
        self.worker.unpark();
        !matches!(sent, Err(TrySendError::Full(_)))
    }

    /// Throws away all sound that was given so far; what is given from now on is played.
    pub fn flush(&self) {
        // Whoever sees the new generation sees what was set before it.
        self.shared.generation.fetch_add(1, Release);
        self.worker.unpark();
    }

    /// Throws away all sound that was given so far, and all that anybody gives from now on: whoever still holds a
    /// handle cannot make themselves heard any more.
    pub fn end(&self) {
        self.shared.ended.store(true, Relaxed);
        self.flush();
    }
}

/// One direction: its route and its stream.
struct Side {
    route: Route,
    stream: Option<Open>,
    period: Duration,
    reported: Option<RouteStatus>,
}

struct Open {
    // Field order is drop order: the stream's callbacks end before their counters go.
    stream: Box<dyn Stream>,
    port: Arc<PortState>,
    /// Which of the streams that were opened so far this is; events of older ones are ignored.
    generation: u64,
    since: Instant,
    xruns: Vec<Instant>,
}

impl Side {
    fn new(direction: Direction, chosen: Option<DeviceId>, period: Duration) -> Self {
        Self { route: Route::new(direction, chosen), stream: None, period, reported: None }
    }

    /// Whether the stream has not called for so long that its device must be dead.
    fn is_silent(&self, now: Duration) -> bool {
        match &self.stream {
            Some(open) => {
                let reading = open.port.read();
                let opened = now.saturating_sub(open.since.elapsed());
                let last = if reading.calls == 0 { opened } else { reading.last_call };
                now.saturating_sub(last) > SILENCE
            }
            // A stream that had to go for another one, which then did not open.
            None => self.route.status().in_use.is_some(),
        }
    }
}

/// The thread that opens and closes devices, so that none of the others ever waits for one.
struct Keeper {
    connect: ConnectSystem,
    system: Option<Box<dyn System>>,
    /// Whether the system tells when devices change.
    tells: bool,
    shared: Arc<Shared>,
    worker: thread::Thread,
    to_ports: SyncSender<NewPort>,
    own: SyncSender<Message>,
    choices: Choices,
    on_event: Box<dyn Fn(SoundEvent) + Send>,
    input: Side,
    output: Side,
    list: DeviceList,
    generation: u64,
}

impl Keeper {
    fn run(mut self, messages: &Receiver<Message>) {
        self.list_devices();
        let mut listed = Instant::now();
        let mut watched = Instant::now();
        loop {
            match messages.recv_timeout(WATCH) {
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Message::Chosen) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::DevicesChanged) => {
                    self.list_devices();
                    listed = Instant::now();
                }
                Ok(Message::Stream(direction, generation, event)) => {
                    self.stream_event(direction, generation, event);
                }
            }
            self.take_choices();
            // By the clock: a device that reports something all the time must not keep the other one from being watched.
            if watched.elapsed() >= WATCH {
                self.watch();
                watched = Instant::now();
            }
            if !self.tells && listed.elapsed() > LIST_EVERY {
                self.list_devices();
                listed = Instant::now();
            }
        }
    }

    fn take_choices(&mut self) {
        let choices = std::mem::take(&mut *self.choices.lock().unwrap_or_else(PoisonError::into_inner));
        for (direction, device) in choices {
            self.step(direction, RouteInput::Choose(device));
        }
    }

    /// Looks for devices that have died in silence, and lets time go by.
    fn watch(&mut self) {
        let now = self.shared.epoch.elapsed();
        for direction in [Direction::Input, Direction::Output] {
            let silent = self.side(direction).is_silent(now);
            if silent {
                tracing::warn!(%direction, "the device has stopped calling");
            }
            self.step(direction, if silent { RouteInput::Silent } else { RouteInput::Tick });
        }
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Input => &mut self.input,
            Direction::Output => &mut self.output,
        }
    }

    /// Connects to the system if need be, and lists its devices.
    fn system_devices(&mut self) -> Result<DeviceList, DeviceError> {
        let system = match &mut self.system {
            Some(system) => system,
            None => {
                let mut system = (self.connect)()?;
                let own = self.own.clone();
                self.tells = system.watch(Box::new(move || {
                    // A full queue holds a reason to list devices already.
                    let _ = own.try_send(Message::DevicesChanged);
                }));
                self.system.insert(system)
            }
        };
        system.devices()
    }

    fn list_devices(&mut self) {
        let listed = self.system_devices();
        let list = listed.as_ref().cloned().unwrap_or_default();
        if list != self.list {
            self.list = list.clone();
            (self.on_event)(SoundEvent::Devices(list.clone()));
        }
        for direction in [Direction::Input, Direction::Output] {
            let input = match &listed {
                Ok(list) => RouteInput::Devices(list.of(direction).to_vec()),
                Err(error) => RouteInput::Unavailable(error.clone()),
            };
            self.step(direction, input);
        }
        if let Err(error) = listed {
            tracing::warn!(%error, "no devices");
            // Streams end before the system that they came from. It is looked for again now and then.
            self.system = None;
            self.tells = false;
        }
    }

    fn stream_event(&mut self, direction: Direction, generation: u64, event: StreamEvent) {
        let side = self.side(direction);
        let Some(open) = side.stream.as_mut().filter(|open| open.generation == generation) else { return };
        match event {
            StreamEvent::Ended(error) => {
                tracing::info!(%error, %direction, "a stream ended");
                self.step(direction, RouteInput::Ended(error));
            }
            StreamEvent::Moved(id) => self.step(direction, RouteInput::Moved(id)),
            StreamEvent::Xrun => {
                if open.since.elapsed() < SETTLE {
                    return;
                }
                open.xruns.retain(|at| at.elapsed() < XRUN_WINDOW);
                open.xruns.push(Instant::now());
                if open.xruns.len() >= XRUNS
                    && direction == Direction::Output
                    && side.period < LONGEST_OUTPUT_PERIOD
                {
                    side.period *= 2;
                    tracing::info!(
                        period_ms = side.period.as_millis(),
                        "the loudspeaker gets longer periods"
                    );
                    let device = side.route.status().in_use.map(|d| d.id);
                    side.stream = None;
                    if let Some(Err(error)) = device.map(|device| self.open(direction, &device)) {
                        self.step(direction, RouteInput::Ended(error));
                    }
                }
            }
        }
    }

    /// Lets the route decide, and does what it decided until there is nothing more to do.
    fn step(&mut self, direction: Direction, input: RouteInput) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let now = self.shared.epoch.elapsed();
            match self.side(direction).route.step(input, now) {
                None => {
                    // A route without an open device holds no stream either.
                    let side = self.side(direction);
                    if side.route.status().in_use.is_none() && side.stream.is_some() {
                        self.close(direction);
                    }
                }
                Some(RouteEffect::Close) => self.close(direction),
                Some(RouteEffect::Open(device)) => {
                    self.side(direction).stream = None;
                    next = Some(opened(self.open(direction, &device), &device));
                }
                Some(RouteEffect::Switch(device)) => {
                    next = Some(opened(self.switch(direction, &device), &device));
                }
            }
        }
        let side = self.side(direction);
        let status = side.route.status();
        if side.reported.as_ref() != Some(&status) {
            side.reported = Some(status.clone());
            (self.on_event)(SoundEvent::Route(status));
        }
    }

    fn close(&mut self, direction: Direction) {
        self.side(direction).stream = None;
        self.send_port(match direction {
            Direction::Input => NewPort::Input(None),
            Direction::Output => NewPort::Output(None),
        });
    }

    /// Opens a device beside the one in use, which is closed only if that works.
    fn switch(&mut self, direction: Direction, device: &DeviceId) -> Result<(), DeviceError> {
        let result = self.open(direction, device);
        if !matches!(result, Err(DeviceError::Busy(_))) {
            return result;
        }
        // It may be this program that holds it, under another name.
        let Some(open) = self.side(direction).stream.take() else { return result };
        let before = open.stream.device().id.clone();
        drop(open);
        let result = self.open(direction, device);
        if result.is_err()
            && let Err(error) = self.open(direction, &before)
        {
            tracing::warn!(%error, device = %before, "the device that was in use does not open again");
        }
        result
    }

    /// Opens a device; its stream takes the place of the one there is.
    fn open(&mut self, direction: Direction, device: &DeviceId) -> Result<(), DeviceError> {
        self.generation += 1;
        let generation = self.generation;
        let own = self.own.clone();
        let events: StreamEvents = Box::new(move |event| {
            // A stream that reports more than this thread can take has reported enough.
            let _ = own.try_send(Message::Stream(direction, generation, event));
        });
        let period = self.side(direction).period;
        let Some(system) = &mut self.system else { return Err(DeviceError::NotFound(direction)) };
        let request = OpenRequest { device: Some(device), period };
        let (epoch, worker) = (self.shared.epoch, self.worker.clone());
        let capacity = |format: StreamFormat| (format.rate * RING_SECONDS) as usize;
        let mut made = None;
        let stream = match direction {
            Direction::Input => {
                let mut make = |format: StreamFormat| {
                    let (port, ring, state) = port::input(capacity(format), epoch, worker.clone());
                    made = Some((NewPort::Input(Some((ring, Arc::clone(&state), format))), state));
                    port
                };
                system.open_input(request, &mut make, events)?
            }
            Direction::Output => {
                let mut make = |format: StreamFormat| {
                    let (port, ring, state) = port::output(capacity(format), epoch, worker.clone());
                    made = Some((NewPort::Output(Some((ring, Arc::clone(&state), format))), state));
                    port
                };
                system.open_output(request, &mut make, events)?
            }
        };
        let Some((new, port)) = made else {
            return Err(DeviceError::Failed { direction, reason: "it opened without a port".into() });
        };
        tracing::info!(%direction, device = %stream.device().id, rate = stream.format().rate, "a device is open");
        self.side(direction).stream =
            Some(Open { stream, port, generation, since: Instant::now(), xruns: Vec::new() });
        self.send_port(new);
        Ok(())
    }

    fn send_port(&self, port: NewPort) {
        let _ = self.to_ports.send(port);
        self.worker.unpark();
    }
}

fn opened(result: Result<(), DeviceError>, device: &DeviceId) -> RouteInput {
    match result {
        Ok(()) => RouteInput::Opened,
        Err(error) => {
            tracing::warn!(%error, %device, "a device cannot be opened");
            RouteInput::OpenFailed(error)
        }
    }
}
