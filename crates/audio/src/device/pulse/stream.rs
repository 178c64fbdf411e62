//! A running stream: one connection, one thread, one port.

use std::{
    ffi::{CStr, CString},
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use pulseaudio::protocol::{
    self, ChannelMap, Command, LatencyParams, Prop, Props, SampleFormat, SampleSpec,
    stream::{BufferAttr, StreamFlags},
};

use super::{
    super::{DeviceError, DeviceId, DeviceInfo, Direction, Stream, StreamEvent, StreamEvents, StreamFormat},
    PREFIX,
    connection::{Connection, Message, STREAM_NAME},
};
use crate::port::{InputPort, OutputPort, PortState};

const SAMPLE: usize = size_of::<f32>();
/// How often the server is asked for the stream's delay.
const LATENCY_EVERY: Duration = Duration::from_secs(1);

/// Recorded sound that comes in pieces shorter than this is left to pile up: each piece costs two threads a wake-up.
const SMALL: Duration = Duration::from_millis(5);
/// How long before a whole frame is due the pieces are looked at again.
const EARLY: Duration = Duration::from_millis(1);
/// No piece waits longer than that, which is one frame.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// A stream; dropping it ends its thread and closes its connection.
pub(super) struct PulseStream {
    device: DeviceInfo,
    format: StreamFormat,
    closer: UnixStream,
    closing: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Stream for PulseStream {
    fn format(&self) -> StreamFormat {
        self.format
    }

    fn device(&self) -> &DeviceInfo {
        &self.device
    }
}

impl Drop for PulseStream {
    fn drop(&mut self) {
        self.closing.store(true, Relaxed);
        let _ = self.closer.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens a recording stream that delivers `period` of sound at a time.
pub(super) fn record(
    server: &Path,
    device: DeviceInfo,
    name: CString,
    format: StreamFormat,
    period: Duration,
    port: InputPort,
    events: StreamEvents,
) -> Result<PulseStream, DeviceError> {
    let mut connection = Connection::open(server)?;
    let params = protocol::RecordStreamParams {
        sample_spec: sample_spec(format),
        channel_map: ChannelMap::mono(),
        source_name: Some(name),
        buffer_attr: BufferAttr { fragment_size: period_bytes(period, format), ..BufferAttr::default() },
        flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
        props: props(),
        ..Default::default()
    };
    let created: protocol::CreateRecordStreamReply =
        connection.request(&Command::CreateRecordStream(params)).map_err(|f| f.of(Direction::Input))?;
    let task = Task {
        channel: created.channel,
        bytes_per_second: u64::from(format.rate) * SAMPLE as u64,
        samples: Vec::new(),
        end: End::Record(port),
        asked: None,
        asked_at: Instant::now(),
        rested_for: 0,
    };
    task.spawn(connection, device, format, events)
}

/// Opens a playback stream that asks for `period` of sound at a time and holds twice as much.
pub(super) fn play(
    server: &Path,
    device: DeviceInfo,
    name: CString,
    format: StreamFormat,
    period: Duration,
    port: OutputPort,
    events: StreamEvents,
) -> Result<PulseStream, DeviceError> {
    let mut connection = Connection::open(server)?;
    let bytes = period_bytes(period, format);
    let params = protocol::PlaybackStreamParams {
        sample_spec: sample_spec(format),
        channel_map: ChannelMap::mono(),
        sink_name: Some(name),
        buffer_attr: BufferAttr {
            target_length: 2 * bytes,
            minimum_request_length: bytes,
            pre_buffering: bytes,
            ..BufferAttr::default()
        },
        flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
        props: props(),
        ..Default::default()
    };
    let created: protocol::CreatePlaybackStreamReply =
        connection.request(&Command::CreatePlaybackStream(params)).map_err(|f| f.of(Direction::Output))?;
    let mut task = Task {
        channel: created.channel,
        bytes_per_second: u64::from(format.rate) * SAMPLE as u64,
        samples: Vec::new(),
        end: End::Play(port),
        asked: None,
        asked_at: Instant::now(),
        rested_for: 0,
    };
    task.give(&mut connection, created.requested_bytes).map_err(|e| DeviceError::NoSystem(e.to_string()))?;
    task.spawn(connection, device, format, events)
}

enum End {
    Record(InputPort),
    Play(OutputPort),
}

/// What a stream's thread owns.
struct Task {
    channel: u32,
    bytes_per_second: u64,
    /// The callback's samples; grown by the first few messages and never again.
    samples: Vec<f32>,
    end: End,
    /// The latency request that waits for its answer.
    asked: Option<u32>,
    asked_at: Instant,
    /// The frame, by the place of its end, before which this thread has rested already.
    rested_for: u64,
}

/// What a message asks the thread to do, once the message itself is put away.
enum Next {
    Nothing,
    LetPileUp,
    Give(u32),
    Latency,
    Moved(CString),
    Report(StreamEvent),
    Killed,
}

impl Task {
    fn spawn(
        mut self,
        mut connection: Connection,
        device: DeviceInfo,
        format: StreamFormat,
        events: StreamEvents,
    ) -> Result<PulseStream, DeviceError> {
        let direction = self.direction();
        let failed = |e: io::Error| DeviceError::Failed { direction, reason: e.to_string() };
        let closer = connection.closer().map_err(failed)?;
        let closing = Arc::new(AtomicBool::new(false));
        let told_to_close = Arc::clone(&closing);
        let name = match direction {
            Direction::Input => "pulse-record",
            Direction::Output => "pulse-play",
        };
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let end = self.run(&mut connection, &events);
            if !told_to_close.load(Relaxed) {
                if let Err(error) = end {
                    tracing::debug!(%error, %direction, "the stream's connection ended");
                }
                events(StreamEvent::Ended(DeviceError::Lost(direction)));
            }
        });
        Ok(PulseStream { device, format, closer, closing, thread: Some(thread.map_err(failed)?) })
    }

    fn direction(&self) -> Direction {
        match self.end {
            End::Record(_) => Direction::Input,
            End::Play(_) => Direction::Output,
        }
    }

    fn state(&self) -> &Arc<PortState> {
        match &self.end {
            End::Record(port) => port.state(),
            End::Play(port) => port.state(),
        }
    }

    /// Serves the stream until it ends.
    fn run(&mut self, connection: &mut Connection, events: &StreamEvents) -> io::Result<()> {
        self.ask_latency(connection)?;
        loop {
            let next = match connection.next()? {
                Message::Sound(bytes) => {
                    let small = bytes.len() as u64 * 1_000 < self.bytes_per_second * SMALL.as_millis() as u64;
                    self.deliver(bytes);
                    if small { Next::LetPileUp } else { Next::Nothing }
                }
                Message::Request(bytes) => Next::Give(bytes),
                Message::Command(event) => match *event {
                    Command::PlaybackStreamMoved(moved) => Next::Moved(moved.device_name),
                    Command::RecordStreamMoved(moved) => Next::Moved(moved.device_name),
                    Command::PlaybackStreamKilled(_) | Command::RecordStreamKilled(_) => Next::Killed,
                    Command::Underflow(_) | Command::Overflow(_) => Next::Report(StreamEvent::Xrun),
                    _ => Next::Nothing,
                },
                Message::Reply(number) if self.asked == Some(number) => Next::Latency,
                _ => Next::Nothing,
            };
            match next {
                Next::Nothing => {}
                Next::LetPileUp => {
                    // What has arrived already is taken first.
                    if !connection.holds_more() {
                        thread::sleep(self.rest());
                    }
                }
                Next::Give(bytes) => self.give(connection, bytes)?,
                Next::Latency => self.take_latency(connection)?,
                Next::Moved(name) => events(StreamEvent::Moved(id_of(&name))),
                Next::Report(event) => events(event),
                Next::Killed => return Ok(()),
            }
            if self.asked.is_none() && self.asked_at.elapsed() > LATENCY_EVERY {
                self.ask_latency(connection)?;
            }
        }
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let End::Record(port) = &mut self.end else { return };
        let count = bytes.len() / SAMPLE;
        if self.samples.len() < count {
            self.samples.resize(count, 0.0);
        }
        let samples = &mut self.samples[..count];
        bytemuck::cast_slice_mut::<f32, u8>(samples).copy_from_slice(&bytes[..count * SAMPLE]);
        port.deliver(samples, 1);
    }

    /// How long pieces are left to pile up: once for each frame that the worker waits for until it is nearly due, and
    /// after that for a moment at a time. Servers that send their pieces in bursts may have the rest there already.
    fn rest(&mut self) -> Duration {
        let End::Record(port) = &self.end else { return Duration::ZERO };
        let bytes = port.awaited() * SAMPLE as u64;
        let due = Duration::from_micros(bytes * 1_000_000 / self.bytes_per_second.max(1));
        let frame = port.state().wake_at();
        if self.rested_for == frame {
            return due.min(EARLY);
        }
        self.rested_for = frame;
        due.saturating_sub(EARLY).min(LONGEST_REST)
    }

    fn give(&mut self, connection: &mut Connection, bytes: u32) -> io::Result<()> {
        let End::Play(port) = &mut self.end else { return Ok(()) };
        let count = bytes as usize / SAMPLE;
        if count == 0 {
            return Ok(());
        }
        if self.samples.len() < count {
            self.samples.resize(count, 0.0);
        }
        let samples = &mut self.samples[..count];
        port.fill(samples, 1);
        connection.send_sound(self.channel, bytemuck::cast_slice(samples))
    }

    fn ask_latency(&mut self, connection: &mut Connection) -> io::Result<()> {
        let params = LatencyParams { channel: self.channel, now: SystemTime::now() };
        let command = match self.end {
            End::Record(_) => Command::GetRecordLatency(params),
            End::Play(_) => Command::GetPlaybackLatency(params),
        };
        self.asked = Some(connection.send(&command)?);
        self.asked_at = Instant::now();
        Ok(())
    }

    fn take_latency(&mut self, connection: &Connection) -> io::Result<()> {
        let (device_us, queued) = match self.end {
            End::Record(_) => {
                let latency: protocol::RecordLatency = connection.reply()?;
                (latency.source_usec, latency.write_offset - latency.read_offset)
            }
            End::Play(_) => {
                let latency: protocol::PlaybackLatency = connection.reply()?;
                (latency.sink_usec, latency.write_offset - latency.read_offset)
            }
        };
        let queued_us = u64::try_from(queued).unwrap_or(0) * 1_000_000 / self.bytes_per_second.max(1);
        self.state().set_latency(Duration::from_micros(device_us + queued_us));
        self.asked = None;
        Ok(())
    }
}

fn id_of(name: &CStr) -> DeviceId {
    DeviceId(format!("{PREFIX}{}", name.to_string_lossy()))
}

fn sample_spec(format: StreamFormat) -> SampleSpec {
    let sample_format =
        if cfg!(target_endian = "little") { SampleFormat::Float32Le } else { SampleFormat::Float32Be };
    SampleSpec { format: sample_format, channels: 1, sample_rate: format.rate }
}

fn period_bytes(period: Duration, format: StreamFormat) -> u32 {
    let frames = (period.as_secs_f64() * f64::from(format.rate)).round() as u32;
    frames.max(1) * SAMPLE as u32
}

fn props() -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, STREAM_NAME);
    props
}
