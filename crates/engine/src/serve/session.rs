//! One caller: from the opened WebSocket to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use ogg_opus::{EncoderSettings, PacketDuration, StreamReader, StreamWriter};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use wire::{Frame, FrameError, FrameTiming, HostMetadata, SpeechNews, SpeechWish, capability, close};

use super::connection::{End, closing, failure, leave, linger, put, write};
use super::opening::{self, Early, Opening};
use super::{Event, Host, Session, SessionOptions};
use crate::Error;
use crate::codec::FRAME;

/// Messages that may wait for a caller who does not read: some ten seconds of a conversation.
const WAITING: usize = 256;

/// How often the caller is told how the host keeps up.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Kind bytes of an audio and of a text message.
const AUDIO: u8 = 1;
const TEXT: u8 = 2;

/// Serves one caller, or says that somebody else is being served.
pub(super) async fn run(socket: WebSocket, host: Arc<Host>, options: SessionOptions) {
    let Ok(permit) = Arc::clone(&host.slot).try_acquire_owned() else {
        tracing::info!("refused a caller: busy");
        return refuse(socket, close::BUSY, "Somebody else is talking to this host. Try again later.").await;
    };
    if host.stop.is_cancelled() {
        return refuse(socket, close::GOING_AWAY, "This host is ending.").await;
    }
    let speaks = options.speak && host.about.capabilities.iter().any(|known| known == capability::SPEAKS);
    let (sink, mut stream) = socket.split();
    let (sender, waiting) = mpsc::channel(WAITING);
    let writer = tokio::spawn(write(sink, waiting));
    let Opening { session, events, early, end } = opening::open(&mut stream, &sender, &host, options).await;
    let session = match (session, end) {
        (Ok(session), None) => session,
        (session, Some(end)) => {
            tracing::info!(?end, "the conversation did not begin");
            match session {
                Ok(session) => release(session, permit),
                Err(_) => drop(permit),
            }
            return leave(end, stream, sender, writer).await;
        }
        (Err(error), None) => {
            drop(permit);
            let (code, sentence) = refusal(&error);
            refuse_with(&sender, code, &sentence);
            drop(sender);
            return linger(stream, writer).await;
        }
    };
    tracing::info!("a conversation begins");
    let hears = session.hearing().is_some();
    let mut caller = Caller { session, stream, sender, host, speaks, hears };
    let end = caller.talk(events, early).await.unwrap_or_else(|end| end);
    tracing::info!(?end, "the conversation is over");
    let Caller { session, stream, sender, .. } = caller;
    release(session, permit);
    leave(end, stream, sender, writer).await;
}

/// Ends the session where it may take a while, and only then lets the next caller in.
fn release(session: Box<dyn Session>, permit: OwnedSemaphorePermit) {
    spawn_blocking(move || {
        drop(session);
        drop(permit);
    });
}

/// What a caller is told who can not be served. What they asked for is their own, of all else they learn no more than
/// its name.
fn refusal(error: &Error) -> (u16, String) {
    if matches!(error, Error::Voice { .. } | Error::Persona { .. }) {
        tracing::info!(%error, code = error.code(), "refused a caller");
        (close::REFUSED, error.to_string())
    } else {
        tracing::error!(%error, code = error.code(), "no conversation");
        (close::INTERNAL, failure(error))
    }
}

/// Closes the connection with a sentence and a code.
async fn refuse(socket: WebSocket, code: u16, sentence: &str) {
    let (sink, stream) = socket.split();
    let (sender, waiting) = mpsc::channel(2);
    let writer = tokio::spawn(write(sink, waiting));
    refuse_with(&sender, code, sentence);
    drop(sender);
    linger(stream, writer).await;
}

fn refuse_with(sender: &mpsc::Sender<Message>, code: u16, sentence: &str) {
    // There is room for both.
    let _ = sender.try_send(frame(&Frame::Error(Bytes::copy_from_slice(sentence.as_bytes()))));
    let _ = sender.try_send(closing(code, sentence));
}

fn frame(frame: &Frame) -> Message {
    Message::Binary(frame.encode())
}

/// The caller who holds the host.
struct Caller {
    session: Box<dyn Session>,
    stream: SplitStream<WebSocket>,
    sender: mpsc::Sender<Message>,
    host: Arc<Host>,
    /// Whether texts of the caller are said.
    speaks: bool,
    /// Whether the caller is told their words.
    hears: bool,
}

/// Sound on its way in and out.
struct Sound {
    reader: StreamReader,
    /// What was heard and is no whole frame yet.
    heard: Vec<f32>,
    writer: StreamWriter,
}

impl Caller {
    /// Talks until something ends it. Both kinds of result are ends; the error is for `?`.
    async fn talk(&mut self, mut events: mpsc::Receiver<Event>, early: Early) -> Result<End, End> {
        let failed = |error: ogg_opus::Error| {
            tracing::error!(%error, code = error.code(), "no Opus");
            End::Failed
        };
        let mut sound = Sound {
            reader: StreamReader::new().map_err(failed)?,
            heard: Vec::with_capacity(2 * FRAME),
            writer: StreamWriter::with_duration(&EncoderSettings::default(), PacketDuration::Ms40)
                .map_err(failed)?,
        };
        self.greet(&mut sound)?;
        for message in early.into_messages() {
            self.take(&message, &mut sound)?;
        }

        let stop = self.host.stop.clone();
        let (ping_every, silence_ends) = (self.host.settings.ping_every, self.host.settings.silence_ends);
        let every = |period| {
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut reports, mut pings) = (every(REPORT_EVERY), every(ping_every));
        let silence = tokio::time::sleep(silence_ends);
        tokio::pin!(silence);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(End::Stopping),
                () = &mut silence => return Ok(End::Silent),
                message = self.stream.next() => {
                    silence.as_mut().reset(Instant::now() + silence_ends);
                    match message {
                        None | Some(Err(_)) => return Ok(End::Vanished),
                        Some(Ok(Message::Close(_))) => return Ok(End::Closed),
                        Some(Ok(Message::Binary(message))) => self.take(&message, &mut sound)?,
                        // Text is no part of the protocol; pings are answered by the WebSocket.
                        Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
                    }
                }
                event = events.recv() => match event {
                    Some(event) => self.say(event, &mut sound.writer)?,
                    None => return Ok(End::Failed),
                },
                _ = reports.tick() => self.report()?,
                _ = pings.tick() => self.send(Message::Ping(Bytes::new()))?,
            }
        }
    }

    /// Says who this is, that it may begin, and sends the sound's headers.
    fn greet(&self, sound: &mut Sound) -> Result<(), End> {
        self.tell(None)?;
        self.send(frame(&Frame::Handshake { version: Some((0, 0)) }))?;
        self.send(frame(&Frame::Audio(sound.writer.header())))
    }

    fn report(&self) -> Result<(), End> {
        match self.session.timing() {
            Some(timing) => self.tell(Some(timing)),
            None => Ok(()),
        }
    }

    fn tell(&self, timing: Option<FrameTiming>) -> Result<(), End> {
        let mut metadata = self.host.about.metadata(self.session.role(), timing);
        // Whoever did not ask for it does not get it.
        metadata.capabilities.retain(|capability| match capability.as_str() {
            capability::SPEAKS => self.speaks,
            capability::HEARS => self.hears,
            _ => true,
        });
        metadata.hearing = self.session.hearing();
        self.send(frame(&Frame::Metadata(metadata.to_json().into())))
    }

    /// Takes a message. Sound means something, and texts where the caller asked for that; nothing that comes ends the
    /// conversation.
    fn take(&mut self, message: &Bytes, sound: &mut Sound) -> Result<(), End> {
        match Frame::decode(message) {
            Ok(Frame::Audio(bytes)) => self.hear(&bytes, sound),
            Ok(Frame::Text(text)) if self.speaks => self.speak(&text),
            // It counts as a text, of which only the length is looked at.
            Err(FrameError::TooLarge { kind: TEXT, .. }) if self.speaks => {
                self.speak(message.slice(1..).as_ref())
            }
            Ok(Frame::Metadata(json)) if self.speaks => {
                if SpeechWish::parse(&json) == Some(SpeechWish::Cut) {
                    self.session.cut();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn speak(&mut self, text: &[u8]) -> Result<(), End> {
        self.session.speak(text).map_or(Ok(()), |news| self.tell_of_speech(news))
    }

    fn hear(&mut self, bytes: &Bytes, sound: &mut Sound) -> Result<(), End> {
        sound.reader.push(bytes, &mut sound.heard);
        let mut frames = sound.heard.chunks_exact(FRAME);
        let mut said = Vec::new();
        for frame in &mut frames {
            let Ok(frame) = frame.try_into() else { continue };
            said.extend(self.session.hear(frame));
        }
        let rest = frames.remainder().len();
        sound.heard.drain(..sound.heard.len() - rest);
        said.into_iter().try_for_each(|event| self.say(event, &mut sound.writer))
    }

    fn tell_of_speech(&self, news: SpeechNews) -> Result<(), End> {
        let metadata = HostMetadata { speech: Some(news), ..HostMetadata::default() };
        self.send(frame(&Frame::Metadata(metadata.to_json().into())))
    }

    fn say(&self, event: Event, writer: &mut StreamWriter) -> Result<(), End> {
        match event {
            Event::Speech(news) => self.tell_of_speech(news),
            Event::Heard(heard) => {
                let metadata = HostMetadata { heard: Some(heard), ..HostMetadata::default() };
                self.send(frame(&Frame::Metadata(metadata.to_json().into())))
            }
            Event::Text(piece) => self.send(frame(&Frame::Text(piece.into()))),
            Event::Sound(pcm) => {
                // As the stock servers: one message for each frame, with two pages of 40 ms.
                let mut message = BytesMut::with_capacity(1024);
                message.put_u8(AUDIO);
                for packet in pcm.chunks_exact(writer.duration().samples()) {
                    if let Err(error) = writer.write_to(packet, &mut message) {
                        tracing::warn!(%error, code = error.code(), "a packet was left out");
                    }
                }
                if message.len() > 1 { self.send(Message::Binary(message.freeze())) } else { Ok(()) }
            }
            Event::Failed(error) => {
                tracing::error!(%error, code = error.code(), "the model failed");
                self.send(frame(&Frame::Error(failure(&error).into())))?;
                Err(End::Failed)
            }
        }
    }

    fn send(&self, message: Message) -> Result<(), End> {
        put(&self.sender, message)
    }
}
