//! A call that is only there to be measured: silence goes out, and nobody hears what comes back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use net::{Opening, WebSocket};
use ogg_opus::{EncoderSettings, PACKET, StreamReader, StreamWriter};
use serde::Serialize;
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use wire::{Frame, FrameTiming, HostMetadata, MODEL_FRAME, capability, close};

use crate::{Obstacle, target::Target};

/// How long a host may take to answer an empty ping. Not all do.
const PONG: Duration = Duration::from_secs(2);
/// How long a message may take to leave.
const SEND: Duration = Duration::from_secs(5);
/// How many pings are sent, one after the other. The middle one counts.
const PINGS: usize = 3;
/// Frames of silence that a host gets at once, so that it works as fast as it can. All stock servers take two seconds of
/// sound at once, and none takes twelve.
const BURST: usize = 25;
/// Frames that a host may keep to itself: what its model looks ahead, and what it drops at the start.
const KEPT: usize = 3;
/// How long a burst may take: a host that needs it all is three times too slow.
const BURST_LIMIT: Duration = Duration::from_secs(6);
/// How long silence is sent to a host that tells its frame times itself.
const TELLING: Duration = Duration::from_secs(4);
/// Bytes that a host may send in a test: many times what one sends.
const ALLOWED: usize = 4 << 20;
/// Characters of a host's own words that are shown.
const WORDS: usize = 200;

/// Where a frame time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaceSource {
    /// The host says so.
    Told,
    /// It answered so fast when it was given two seconds of silence at once.
    Measured,
}

/// How long a host works on a frame of 80 ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrameTime {
    /// In milliseconds; half of them take longer, where the host says so.
    pub ms: f64,
    /// One in a hundred takes longer than this, in milliseconds, where the host says so.
    pub p99_ms: Option<f64>,
    /// Where that comes from.
    pub source: PaceSource,
}

/// A call. It says goodbye when it is dropped, so that the host is free for others.
#[derive(Debug)]
pub(crate) struct Call {
    /// There until it is dropped.
    socket: Option<WebSocket>,
    reader: StreamReader,
    writer: StreamWriter,
    pcm: Vec<f32>,
    received: usize,
    /// What the host said of itself.
    pub(crate) about: HostMetadata,
    /// What it said before it hung up.
    said: Option<String>,
}

/// What happened in a call.
enum Heard {
    Handshake,
    /// So many samples of sound.
    Sound(usize),
    Timing(FrameTiming),
    Pong,
    Other,
}

impl Call {
    /// Opens a call. The host may not have begun yet.
    pub(crate) async fn open(target: &Target) -> Result<Self, Obstacle> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(wire::limit::MESSAGE))
            .max_frame_size(Some(wire::limit::MESSAGE));
        let opening = Opening { config, unsent: None };
        let codec = |error: ogg_opus::Error| Obstacle::Protocol(error.to_string());
        let (reader, writer) = (
            StreamReader::new().map_err(codec)?,
            StreamWriter::new(&EncoderSettings::default()).map_err(codec)?,
        );
        let token = target.client.has_token();
        let opened = target.client.open(target.target(), &opening).await;
        let socket = Some(opened.map_err(|error| Obstacle::of_upgrade(error, token))?);
        let about = HostMetadata::default();
        Ok(Self { socket, reader, writer, pcm: Vec::new(), received: 0, about, said: None })
    }

    /// Waits until the host begins. Nothing is sent before.
    pub(crate) async fn handshake(&mut self, limit: Duration) -> Result<Duration, Obstacle> {
        let begin = Instant::now();
        let begins = async {
            while !matches!(self.next().await?, Heard::Handshake) {}
            Ok(begin.elapsed())
        };
        timeout(limit, begins).await.unwrap_or(Err(Obstacle::SeemsBusy(limit)))
    }

    /// How long an empty ping takes there and back. Nothing, where pings are not answered.
    pub(crate) async fn round_trip(&mut self) -> Result<Option<Duration>, Obstacle> {
        let mut all = Vec::with_capacity(PINGS);
        for _ in 0..PINGS {
            let sent = Instant::now();
            // Without payload: moshi-backend takes a ping's payload for a message of its own protocol.
            self.send(Message::Ping(Bytes::new())).await?;
            let ponged = async {
                while !matches!(self.next().await?, Heard::Pong) {}
                Ok::<(), Obstacle>(())
            };
            match timeout(PONG, ponged).await {
                Ok(ponged) => ponged?,
                Err(_) => return Ok(None),
            }
            all.push(sent.elapsed());
        }
        all.sort_unstable();
        Ok(Some(all[PINGS / 2]))
    }

    /// How long the host works on a frame. Nothing, where there is no model behind it.
    pub(crate) async fn frame_time(&mut self, round_trip: Duration) -> Result<Option<FrameTime>, Obstacle> {
        if self.about.can(capability::ECHO) {
            return Ok(None);
        }
        // Others say nothing of themselves, or nothing like it.
        if self.about.server.is_some()
            && let Some(told) = self.told().await?
        {
            return Ok(Some(told));
        }
        self.burst(round_trip).await.map(Some)
    }

    /// What the host says itself, while it gets silence at the pace of speech.
    async fn told(&mut self) -> Result<Option<FrameTime>, Obstacle> {
        let begin = Instant::now();
        let mut clock = interval(Duration::from_millis(20));
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut reports = 0;
        let mut last = None;
        while begin.elapsed() < TELLING && reports < 2 {
            tokio::select! {
                biased;
                heard = self.next() => if let Heard::Timing(timing) = heard? && timing.frame_ms_p50 > 0.0 {
                    reports += 1;
                    last = Some(timing);
                },
                _ = clock.tick() => {
                    let page = self.page(1)?;
                    self.send(page).await?;
                }
            }
        }
        Ok(last.map(|timing| FrameTime {
            ms: f64::from(timing.frame_ms_p50),
            p99_ms: Some(f64::from(timing.frame_ms_p99)).filter(|ms| *ms > 0.0),
            source: PaceSource::Told,
        }))
    }

    /// How fast the host answers when it need not wait for sound.
    async fn burst(&mut self, round_trip: Duration) -> Result<FrameTime, Obstacle> {
        const PACKETS: usize = MODEL_FRAME / PACKET;
        let wanted = (BURST - KEPT) * MODEL_FRAME;
        for _ in 0..BURST {
            let frame = self.page(PACKETS)?;
            self.send(frame).await?;
        }
        let begin = Instant::now();
        let mut samples = 0;
        let all = async {
            while samples < wanted {
                if let Heard::Sound(more) = self.next().await? {
                    samples += more;
                }
            }
            Ok::<(), Obstacle>(())
        };
        match timeout(BURST_LIMIT, all).await {
            Ok(done) => done?,
            Err(_) if samples == 0 => return Err(Obstacle::Silent(BURST_LIMIT)),
            Err(_) => {}
        }
        let worked = begin.elapsed().saturating_sub(round_trip).as_secs_f64() * 1e3;
        #[expect(clippy::cast_precision_loss, reason = "some thousand samples")]
        let frames = samples as f64 / MODEL_FRAME as f64;
        Ok(FrameTime { ms: worked / frames, p99_ms: None, source: PaceSource::Measured })
    }

    /// A message with so many packets of silence.
    fn page(&mut self, packets: usize) -> Result<Message, Obstacle> {
        let mut pages = Vec::new();
        for _ in 0..packets {
            let page = self.writer.push(&[0.0; PACKET]);
            pages.extend_from_slice(&page.map_err(|error| Obstacle::Protocol(error.to_string()))?);
        }
        Ok(Message::Binary(Frame::Audio(pages.into()).encode()))
    }

    async fn send(&mut self, message: Message) -> Result<(), Obstacle> {
        let Some(socket) = &mut self.socket else { return Err(Obstacle::Ended(None)) };
        match timeout(SEND, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ended(None)),
            Err(_) => Err(Obstacle::Silent(SEND)),
        }
    }

    async fn next(&mut self) -> Result<Heard, Obstacle> {
        let Some(socket) = &mut self.socket else { return Err(Obstacle::Ended(None)) };
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(_)) | None => return Err(self.ended(None)),
        };
        self.received += message.len();
        if self.received > ALLOWED {
            return Err(Obstacle::Protocol("far more than a conversation".into()));
        }
        match message {
            Message::Binary(bytes) => Ok(self.frame(&bytes)),
            Message::Pong(_) => Ok(Heard::Pong),
            Message::Close(frame) => Err(self.ended(frame.map(|f| (f.code.into(), words(&f.reason))))),
            _ => Ok(Heard::Other),
        }
    }

    fn frame(&mut self, bytes: &Bytes) -> Heard {
        match Frame::decode(bytes) {
            Ok(Frame::Handshake { .. }) => Heard::Handshake,
            Ok(Frame::Audio(bytes)) => {
                self.pcm.clear();
                self.reader.push(&bytes, &mut self.pcm);
                Heard::Sound(self.pcm.len())
            }
            Ok(Frame::Metadata(json)) => match HostMetadata::parse(&json) {
                Some(HostMetadata { timing: Some(timing), .. }) => Heard::Timing(timing),
                Some(about) => {
                    self.about = about;
                    Heard::Other
                }
                None => Heard::Other,
            },
            Ok(Frame::Error(said)) => {
                self.said = Some(words(&String::from_utf8_lossy(&said)));
                Heard::Other
            }
            _ => Heard::Other,
        }
    }

    fn ended(&mut self, frame: Option<(u16, String)>) -> Obstacle {
        match (frame, self.said.take()) {
            (Some((close::BUSY, _)), _) => Obstacle::Busy,
            (Some((code, _)), Some(said)) => Obstacle::Ended(Some((code, said))),
            (None, Some(said)) => Obstacle::Ended(Some((1006, said))),
            (frame, None) => Obstacle::Ended(frame),
        }
    }

    /// Says goodbye and waits for the answer, but not for long.
    pub(crate) async fn close(mut self) {
        if let Some(mut socket) = self.socket.take() {
            net::close(&mut socket).await;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let (Some(mut socket), Ok(runtime)) = (self.socket.take(), Handle::try_current()) {
            runtime.spawn(async move { net::close(&mut socket).await });
        }
    }
}

/// What a host says, fit to be shown.
fn words(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}
