//! A sound system without hardware: files and memory at both ends.
//!
//! `myca talk --input a.wav --output b.wav` runs on it, and so do the tests of everything above the devices. Its
//! streams have threads that call the ports at the pace of a clock, as a sound card does; a clock that runs fast or
//! slow, a device that dies in silence and a list that changes can be had on request.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, MakePort, OpenRequest, Stream, StreamEvent,
    StreamEvents, StreamFormat, System,
};
use crate::{
    port::{InputPort, OutputPort},
    wav::WavWriter,
};

/// What a virtual microphone hears.
#[derive(Clone, Default)]
pub enum Heard {
    /// Nothing.
    #[default]
    Silence,
    /// These samples at [`VirtualConfig::rate`], once, then silence.
    Samples(Arc<Vec<f32>>),
}

/// Where the sound of a virtual loudspeaker goes.
#[derive(Clone, Default)]
pub enum Played {
    /// Nowhere.
    #[default]
    Discarded,
    /// To the end of this, at [`VirtualConfig::rate`].
    Samples(Arc<Mutex<Vec<f32>>>),
    /// To a WAV file, which is whole whenever the stream is closed. All streams of a system write to the same one.
    Wav(PathBuf),
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silence => "Silence",
            Self::Samples(_) => "Samples",
        })
    }
}

impl fmt::Debug for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discarded => "Discarded",
            Self::Samples(_) => "Samples",
            Self::Wav(_) => "Wav",
        })
    }
}

/// How a virtual system behaves.
#[derive(Debug, Clone)]
pub struct VirtualConfig {
    /// Sample rate of its devices, in hertz.
    pub rate: u32,
    /// Channels of its devices.
    pub channels: u16,
    /// How much faster than the system's clock its devices run, in parts per million.
    pub ppm: f64,
    /// What microphones hear.
    pub heard: Heard,
    /// Where loudspeakers' sound goes.
    pub played: Played,
}

impl Default for VirtualConfig {
    fn default() -> Self {
        Self { rate: 48_000, channels: 1, ppm: 0.0, heard: Heard::default(), played: Played::default() }
    }
}

/// A virtual sound system with one microphone and one loudspeaker, until told otherwise.
pub struct VirtualSystem {
    config: VirtualConfig,
    control: VirtualControl,
    recording: Recording,
}

/// The file of [`Played::Wav`], from the first stream on. A stream that is opened again goes on with it.
#[derive(Default)]
enum File {
    #[default]
    None,
    Open(WavWriter),
    /// It could not be made or written, and why. Nothing more is tried: it would begin from the start.
    Failed(String),
}

#[derive(Clone, Default)]
struct Recording(Arc<Mutex<File>>);

impl Recording {
    /// Does something with the file, if there is one that works.
    fn with(&self, action: impl FnOnce(&mut File) -> Result<(), hound::Error>) -> Result<(), DeviceError> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = action(&mut file) {
            *file = File::Failed(format!("the recording cannot be written: {error}"));
        }
        match &*file {
            File::Failed(reason) => {
                Err(DeviceError::Failed { direction: Direction::Output, reason: reason.clone() })
            }
            File::None | File::Open(_) => Ok(()),
        }
    }

    fn create(&self, path: &Path, rate: u32) -> Result<(), DeviceError> {
        self.with(|file| {
            if let File::None = file {
                *file = File::Open(WavWriter::create(path, rate)?);
            }
            Ok(())
        })
    }

    fn write<'a>(&self, samples: impl IntoIterator<Item = &'a f32>) -> Result<(), DeviceError> {
        self.with(|file| if let File::Open(writer) = file { writer.write(samples) } else { Ok(()) })
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.with(|file| if let File::Open(writer) = file { writer.flush() } else { Ok(()) })
    }
}

/// A stream's end of the recording, which is whole when this is dropped.
struct ToFile(Recording);

impl Drop for ToFile {
    fn drop(&mut self) {
        if let Err(error) = self.0.flush() {
            tracing::warn!(%error, "the recording is not whole");
        }
    }
}

/// Steers a [`VirtualSystem`] from outside, as a person with cables in hand would.
#[derive(Clone)]
pub struct VirtualControl {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    list: DeviceList,
    refused: Vec<DeviceId>,
    /// Names that stand for one device.
    same: Vec<[DeviceId; 2]>,
    running: Vec<Running>,
    changed: Option<Box<dyn Fn() + Send>>,
}

struct Running {
    device: DeviceId,
    stop: Arc<AtomicBool>,
    /// Set to let the thread go on without calling its port, as dying devices do.
    dead: Arc<AtomicBool>,
}

impl VirtualControl {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        // Called without the lock: whoever is told may list the devices at once.
        let changed = self.lock().changed.take();
        if let Some(changed) = changed {
            changed();
            self.lock().changed.get_or_insert(changed);
        }
    }

    /// Replaces the list of devices.
    pub fn set_devices(&self, list: DeviceList) {
        self.lock().list = list;
        self.notify();
    }

    /// Pulls the plug: the device leaves the list and its streams end, with an event if `telling`.
    pub fn unplug(&self, device: &DeviceId, telling: bool) {
        let mut shared = self.lock();
        shared.list.inputs.retain(|d| d.id != *device);
        shared.list.outputs.retain(|d| d.id != *device);
        for running in shared.running.iter().filter(|r| r.device == *device) {
            if telling {
                running.stop.store(true, Relaxed);
            } else {
                running.dead.store(true, Relaxed);
            }
        }
        drop(shared);
        self.notify();
    }

    /// Lets a device stop calling without a word, while it stays in the list.
    pub fn die_in_silence(&self, device: &DeviceId) {
        for running in self.lock().running.iter().filter(|r| r.device == *device) {
            running.dead.store(true, Relaxed);
        }
    }

    /// Lets the system refuse this device from now on, or no longer.
    pub fn refuse(&self, device: &DeviceId, refuse: bool) {
        let mut shared = self.lock();
        shared.refused.retain(|d| d != device);
        if refuse {
            shared.refused.push(device.clone());
        }
    }

    /// Lets two names stand for one device, of which one stream at a time can be open.
    pub fn are_the_same(&self, a: &DeviceId, b: &DeviceId) {
        self.lock().same.push([a.clone(), b.clone()]);
    }

    /// How many streams have been opened on this device.
    #[must_use]
    pub fn opened(&self, device: &DeviceId) -> usize {
        self.lock().running.iter().filter(|r| r.device == *device).count()
    }

    /// The devices with a running stream, in the order they were opened.
    #[must_use]
    pub fn open_devices(&self) -> Vec<DeviceId> {
        let shared = self.lock();
        shared.running.iter().filter(|r| !r.stop.load(Relaxed)).map(|r| r.device.clone()).collect()
    }
}

impl VirtualSystem {
    /// A system with devices `virtual:microphone` and `virtual:loudspeaker`.
    #[must_use]
    pub fn new(config: VirtualConfig) -> Self {
        let one = |id: &str, name: &str| {
            vec![DeviceInfo {
                id: DeviceId(format!("virtual:{id}")),
                name: name.to_owned(),
                is_default: true,
            }]
        };
        let list = DeviceList {
            inputs: one("microphone", "Virtual microphone"),
            outputs: one("loudspeaker", "Virtual loudspeaker"),
        };
        let shared =
            Shared { list, refused: Vec::new(), same: Vec::new(), running: Vec::new(), changed: None };
        let control = VirtualControl { shared: Arc::new(Mutex::new(shared)) };
        Self { config, control, recording: Recording::default() }
    }

    /// A handle that outlives the system's move into whoever uses it.
    #[must_use]
    pub fn control(&self) -> VirtualControl {
        self.control.clone()
    }

    fn resolve(&self, request: OpenRequest<'_>, direction: Direction) -> Result<DeviceInfo, DeviceError> {
        let shared = self.control.lock();
        let list = shared.list.of(direction);
        let found = list.iter().find(|d| request.device.map_or(d.is_default, |id| d.id == *id));
        let found = found.ok_or(DeviceError::NotFound(direction))?;
        let is_open = |id: &DeviceId| shared.running.iter().any(|r| r.device == *id && !r.stop.load(Relaxed));
        if shared.same.iter().any(|pair| pair.contains(&found.id) && pair.iter().any(is_open)) {
            return Err(DeviceError::Busy(direction));
        }
        if shared.refused.contains(&found.id) {
            return Err(DeviceError::Refused(direction));
        }
        Ok(found.clone())
    }

    fn format(&self) -> StreamFormat {
        StreamFormat { rate: self.config.rate, channels: self.config.channels }
    }

    /// Starts a thread that calls `period_of_sound` at the pace of this system's clock, until that fails.
    fn run(
        &self,
        device: DeviceInfo,
        period: Duration,
        direction: Direction,
        events: StreamEvents,
        mut period_of_sound: impl FnMut(usize) -> Result<(), DeviceError> + Send + 'static,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let frames = ((period.as_secs_f64() * f64::from(self.config.rate)).round() as usize).max(1);
        let pace = frames as f64 / f64::from(self.config.rate) / (1.0 + self.config.ppm * 1e-6);
        let (stop, dead) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let running = Running { device: device.id.clone(), stop: Arc::clone(&stop), dead: Arc::clone(&dead) };
        self.control.lock().running.push(running);
        let closing = Arc::new(AtomicBool::new(false));
        let told_to_close = Arc::clone(&closing);
        let thread = thread::Builder::new().name("virtual-device".into()).spawn(move || {
            let start = Instant::now();
            let mut periods = 0_u32;
            while !told_to_close.load(Relaxed) {
                if stop.load(Relaxed) {
                    events(StreamEvent::Ended(DeviceError::Lost(direction)));
                    return;
                }
                if !dead.load(Relaxed)
                    && let Err(error) = period_of_sound(frames)
                {
                    stop.store(true, Relaxed);
                    events(StreamEvent::Ended(error));
                    return;
                }
                periods += 1;
                let due = start + Duration::from_secs_f64(pace * f64::from(periods));
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
                while Instant::now() < due && !told_to_close.load(Relaxed) {
                    thread::park_timeout(due.saturating_duration_since(Instant::now()));
                }
            }
            stop.store(true, Relaxed);
        });
        let thread = thread.map_err(|e| DeviceError::Failed { direction, reason: e.to_string() })?;
        Ok(Box::new(VirtualStream { device, format: self.format(), closing, thread: Some(thread) }))
    }
}

impl System for VirtualSystem {
    fn name(&self) -> &str {
        "Virtual"
    }

    fn devices(&mut self) -> Result<DeviceList, DeviceError> {
        Ok(self.control.lock().list.clone())
    }

    fn open_input(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, InputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let device = self.resolve(request, Direction::Input)?;
        let mut port = port(self.format());
        let channels = usize::from(self.config.channels);
        let heard = self.config.heard.clone();
        let mut at = 0;
        let mut frames_out = Vec::new();
        self.run(device, request.period, Direction::Input, events, move |frames| {
            frames_out.clear();
            for i in at..at + frames {
                let sample = match &heard {
                    Heard::Silence => 0.0,
                    Heard::Samples(samples) => samples.get(i).copied().unwrap_or(0.0),
                };
                frames_out.extend(std::iter::repeat_n(sample, channels));
            }
            at += frames;
            port.deliver(&frames_out, channels);
            Ok(())
        })
    }

    fn open_output(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, OutputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let direction = Direction::Output;
        let device = self.resolve(request, direction)?;
        let mut port = port(self.format());
        let channels = usize::from(self.config.channels);
        let to_file = match &self.config.played {
            Played::Wav(path) => {
                self.recording.create(path, self.config.rate)?;
                Some(ToFile(self.recording.clone()))
            }
            Played::Samples(_) | Played::Discarded => None,
        };
        let played = self.config.played.clone();
        let mut taken = Vec::new();
        self.run(device, request.period, direction, events, move |frames| {
            taken.resize(frames * channels, 0.0);
            port.fill(&mut taken, channels);
            let mono = taken.iter().step_by(channels);
            if let Some(to_file) = &to_file {
                return to_file.0.write(mono);
            }
            if let Played::Samples(samples) = &played {
                samples.lock().unwrap_or_else(PoisonError::into_inner).extend(mono);
            }
            Ok(())
        })
    }

    fn watch(&mut self, changed: Box<dyn Fn() + Send>) -> bool {
        self.control.lock().changed = Some(changed);
        true
    }
}

struct VirtualStream {
    device: DeviceInfo,
    format: StreamFormat,
    closing: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Stream for VirtualStream {
    fn format(&self) -> StreamFormat {
        self.format
    }

    fn device(&self) -> &DeviceInfo {
        &self.device
    }
}

impl Drop for VirtualStream {
    fn drop(&mut self) {
        self.closing.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
