//! The link to a Moshi host: one WebSocket from its first packet to its close frame. [`bridge`] is the one through a
//! PersonaPlex Bridge.
//!
//! The order of things is what the stock servers need: nothing is sent before the handshake, the Ogg stream begins
//! after it, pings carry nothing, and the end is a close frame, so that the server frees its lock.

mod allowance;
pub(crate) mod bridge;
mod connect;
mod figures;
mod voice;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio::{MicFrame, Speaker};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use net::{Access, WebSocket};
use ogg_opus::{EncoderSettings, StreamReader, StreamWriter};
use tokio::{
    sync::{mpsc, watch},
    task::yield_now,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;
use wire::{Frame, HostMetadata, SpeechWish, Utf8Stream, close};

pub(crate) use self::voice::Voice;
use self::{allowance::Allowance, figures::Measure};
pub use self::{
    bridge::BridgeNews,
    figures::{LinkFigures, LinkReading},
};
use crate::{machine::LinkEvent, problem::LinkError};

/// A live host sends sound all the time. After this long without anything it is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// How often the round trip is measured, once the session has started.
const PING_EVERY: Duration = Duration::from_secs(2);
/// How long is read on where a message could not be sent.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);
/// How long one message may take to leave. A connection that takes nothing for so long is dead.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of sound that are decoded in one go: with the leanest packets there are, 20 s.
const DECODED_AT_ONCE: usize = 8 << 10;
/// Text that a host may send at once, in bytes, and in each second on top. Moshi says some 60 bytes a second.
const TEXT: (u32, u32) = (64 << 10, 1 << 10);
/// The same for everything that it sends: a conversation takes 6 kB a second.
const EVERYTHING: (u32, u32) = (8 << 20, 256 << 10);
/// What a message counts beyond its bytes.
const MESSAGE: usize = 64;
/// Characters of what a host says about an error that are shown.
const WORDS: usize = 300;

/// Everything a link works with.
pub(crate) struct Setup {
    /// Frames of the microphone; those before the handshake are thrown away.
    pub(crate) mic: mpsc::Receiver<MicFrame>,
    pub(crate) speaker: Option<Speaker>,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    /// What goes to a host that says texts, after its handshake.
    pub(crate) to_say: mpsc::Receiver<ToSay>,
    /// Turns true when the link shall end with a close frame.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) figures: Arc<LinkFigures>,
    /// The clock of [`MicFrame::captured`].
    pub(crate) epoch: Instant,
}

/// What a host that says texts is told.
#[derive(Debug)]
pub(crate) enum ToSay {
    /// To say this, behind what it was told before.
    Text(String),
    /// To say no further.
    Cut,
}

/// Runs a link to a Moshi server to its end. The last event is [`LinkEvent::Ended`], unless the link was stopped.
pub(crate) async fn run(url: Url, access: Access, setup: Setup) {
    let Setup { mic, speaker, events, to_say, mut stop, figures, epoch } = setup;
    let mut voice = Voice::new(mic, epoch);
    let connected = tokio::select! {
        connected = connect::connect(&url, &access) => connected,
        () = stopped(&mut stop) => return,
        // Nobody listens yet. What piled up here would count as lost.
        () = voice.passed_over() => return,
    };
    let end = match connected {
        Ok(socket) => {
            let mut link = Link {
                socket,
                voice,
                speaker,
                events: events.clone(),
                to_say,
                writer: None,
                reader: None,
                text: Utf8Stream::new(),
                measure: Measure::new(epoch, figures),
                text_allowance: Allowance::new(TEXT, Instant::now()),
                allowance: Allowance::new(EVERYTHING, Instant::now()),
                heard: Instant::now(),
                something_else: false,
                host_error: None,
                pcm: Vec::new(),
            };
            let end = tokio::select! {
                biased;
                // Also while a message waits to leave, or somebody to be told.
                () = stopped(&mut stop) => None,
                error = link.serve() => Some(error),
            };
            // The server frees its lock.
            net::close(&mut link.socket).await;
            end
        }
        Err(error) => Some(error),
    };
    if let Some(error) = end {
        let _ = events.send(LinkEvent::Ended(error)).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone stops the link as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Link {
    socket: WebSocket,
    voice: Voice,
    speaker: Option<Speaker>,
    events: mpsc::Sender<LinkEvent>,
    to_say: mpsc::Receiver<ToSay>,
    /// There since the handshake.
    writer: Option<StreamWriter>,
    reader: Option<StreamReader>,
    text: Utf8Stream,
    measure: Measure,
    text_allowance: Allowance,
    allowance: Allowance,
    /// When sound came last.
    heard: Instant,
    /// Whether something else than sound has come since then.
    something_else: bool,
    /// What the host said before it closed.
    host_error: Option<String>,
    pcm: Vec<f32>,
}

impl Link {
    /// Serves the link until it ends by itself.
    async fn serve(&mut self) -> LinkError {
        if let Err(error) = self.tell(LinkEvent::Connected).await {
            return error;
        }
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                biased;
                message = self.socket.next() => self.receive(message).await,
                Some(to_say) = self.to_say.recv(), if self.writer.is_some() => self.pass_on(to_say).await,
                frame = self.voice.next() => self.send_frame(&frame).await,
                _ = ping.tick(), if self.writer.is_some() => self.ping().await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    async fn ping(&mut self) -> Result<(), LinkError> {
        // An answered ping only says that the server's socket lives; its model may hang.
        if self.heard.elapsed() <= SILENCE {
            self.measure.pinged();
            // Without payload: moshi-backend takes a ping's payload for a message of its own protocol.
            self.send(Message::Ping(Bytes::new())).await
        } else if self.something_else {
            Err(LinkError::Protocol("none of it is sound".into()))
        } else {
            Err(LinkError::Silent(SILENCE.as_secs()))
        }
    }

    async fn receive(&mut self, message: Option<tungstenite::Result<Message>>) -> Result<(), LinkError> {
        if let Some(Ok(message)) = &message
            && !self.allowance.take(message.len() + MESSAGE, Instant::now())
        {
            return Err(LinkError::Protocol("far more than a conversation".into()));
        }
        match message {
            Some(Ok(Message::Binary(bytes))) => self.frame(&bytes).await,
            Some(Ok(Message::Pong(_))) => {
                self.measure.ponged();
                Ok(())
            }
            Some(Ok(Message::Close(frame))) => {
                Err(self.closed(frame.map(|f| (f.code.into(), words(&f.reason)))))
            }
            // No Moshi server sends text messages; they are not for us.
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Frame(_))) => Ok(()),
            Some(Err(tungstenite::Error::Capacity(error))) => Err(LinkError::Protocol(error.to_string())),
            Some(Err(tungstenite::Error::Protocol(error)))
                if !matches!(error, tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) =>
            {
                Err(LinkError::Protocol(error.to_string()))
            }
            Some(Err(_)) | None => Err(self.closed(None)),
        }
    }

    /// Why the host closed, as far as it said.
    fn closed(&mut self, frame: Option<(u16, String)>) -> LinkError {
        match frame {
            Some((close::BUSY, words)) => {
                let words = if words.is_empty() { None } else { Some(words) };
                LinkError::Busy(self.host_error.take().or(words))
            }
            Some((code, words)) => LinkError::Closed(Some((code, self.host_error.take().unwrap_or(words)))),
            None => LinkError::Closed(self.host_error.take().map(|words| (1006, words))),
        }
    }

    async fn frame(&mut self, bytes: &Bytes) -> Result<(), LinkError> {
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                self.something_else = true;
                self.measure.odd_frame();
                tracing::debug!(%error, "a frame was passed over");
                return Ok(());
            }
        };
        self.something_else |= !matches!(frame, Frame::Metadata(_) | Frame::Ping);
        match frame {
            Frame::Handshake { .. } => self.begin().await,
            Frame::Audio(bytes) => {
                self.hear(&bytes).await;
                Ok(())
            }
            Frame::Text(text) | Frame::ColoredText { text, .. } => {
                if !self.text_allowance.take(text.len(), Instant::now()) {
                    return Err(LinkError::Protocol("text without end".into()));
                }
                let text = self.text.push(&text);
                if text.is_empty() { Ok(()) } else { self.tell(LinkEvent::Text(text)).await }
            }
            Frame::Metadata(json) => match HostMetadata::parse(&json) {
                Some(metadata) => {
                    if metadata.can(wire::capability::ECHO) {
                        self.measure.echoes();
                    }
                    if let Some(timing) = metadata.timing {
                        self.measure.host_timing(timing);
                    }
                    self.tell(LinkEvent::Metadata(Box::new(metadata))).await
                }
                None => Ok(()),
            },
            Frame::Error(said) => {
                let said = words(&String::from_utf8_lossy(&said));
                tracing::info!(said, "the host reports an error");
                self.host_error = Some(said);
                Ok(())
            }
            Frame::Control(_) | Frame::Ping => Ok(()),
            Frame::Unknown { kind, .. } => {
                self.measure.odd_frame();
                tracing::debug!(kind, "a frame of unknown kind was passed over");
                Ok(())
            }
        }
    }

    async fn tell(&mut self, event: LinkEvent) -> Result<(), LinkError> {
        // Nobody listens any more: the conversation is over.
        self.events.send(event).await.map_err(|_| LinkError::Closed(None))
    }

    /// The session has started: from here on there is sound in both directions.
    async fn begin(&mut self) -> Result<(), LinkError> {
        if self.writer.is_some() {
            return Ok(());
        }
        let codec = |error: ogg_opus::Error| LinkError::Protocol(error.to_string());
        self.writer = Some(StreamWriter::new(&EncoderSettings::default()).map_err(codec)?);
        self.reader = Some(StreamReader::new().map_err(codec)?);
        self.voice.begin();
        self.measure.began();
        self.heard = Instant::now();
        self.tell(LinkEvent::Handshake).await
    }

    async fn hear(&mut self, bytes: &[u8]) {
        for (i, piece) in bytes.chunks(DECODED_AT_ONCE).enumerate() {
            if i > 0 {
                yield_now().await;
            }
            let Some(reader) = &mut self.reader else { return };
            self.pcm.clear();
            reader.push(piece, &mut self.pcm);
            self.measure.heard(self.pcm.len(), reader.stats());
            if self.pcm.is_empty() {
                continue;
            }
            self.heard = Instant::now();
            self.something_else = false;
            if let Some(speaker) = &self.speaker
                && !speaker.play(self.pcm.clone())
            {
                self.measure.unplayed(self.pcm.len());
            }
        }
    }

    async fn pass_on(&mut self, to_say: ToSay) -> Result<(), LinkError> {
        let frame = match to_say {
            ToSay::Text(text) => Frame::Text(text.into()),
            ToSay::Cut => Frame::Metadata(SpeechWish::Cut.to_json().into()),
        };
        self.send(Message::Binary(frame.encode())).await
    }

    async fn send_frame(&mut self, frame: &MicFrame) -> Result<(), LinkError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let page = match writer.push(&frame.pcm) {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "20 ms of the microphone could not be encoded");
                return Ok(());
            }
        };
        let message = Frame::Audio(page).encode();
        let bytes = message.len();
        self.send(Message::Binary(message)).await?;
        self.measure.sent(frame, bytes);
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), LinkError> {
        match timeout(SEND_LIMIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            // The reason, if there is one, is read from the other direction.
            Ok(Err(_)) => match timeout(LAST_WORDS_LIMIT, self.last_words()).await {
                Ok(error) => Err(error),
                Err(_) => Err(self.closed(None)),
            },
            Err(_) => Err(LinkError::Silent(SEND_LIMIT.as_secs())),
        }
    }

    /// Reads what the host sent before it stopped taking anything.
    async fn last_words(&mut self) -> LinkError {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    return self.closed(frame.map(|f| (f.code.into(), words(&f.reason))));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    if let Ok(Frame::Error(said)) = Frame::decode(&bytes) {
                        self.host_error = Some(words(&String::from_utf8_lossy(&said)));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return self.closed(None),
            }
        }
    }
}

/// What a host says, fit to be shown: some of it, and nothing that a terminal would act on.
fn words(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}
