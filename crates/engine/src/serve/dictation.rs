//! Recognition alone: one caller of `/api/asr-streaming`, in the protocol of Kyutai's `moshi-server` (see [`wire::AsrReply`]).
//!
//! Nothing that a caller sends is lost: who sends faster than the recogniser hears is read as fast as it does, which may be
//! faster than sound is.

mod backlog;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use wire::{AsrReply, AsrRequest, Recognised, close};

use self::backlog::Backlog;
use super::Host;
use super::connection::{End, closing, failure, leave, linger, put, write};
use crate::codec::FRAME;
use crate::hear::{Ears, Heard, Listener, Loan};

/// Messages that may wait for a caller who does not read: what is told of some five minutes of sound.
const WAITING: usize = 4096;

/// Markers of one caller that are not passed yet.
const MOST_MARKERS: usize = 1024;

/// Serves one caller, or says that somebody else is being served.
pub(super) async fn run(socket: WebSocket, host: Arc<Host>, ears: Ears) {
    let (sink, mut stream) = socket.split();
    let (sender, waiting) = mpsc::channel(WAITING);
    let writer = tokio::spawn(write(sink, waiting));
    let refuse = |message: &str, code| {
        // There is room for both.
        let _ = put(&sender, reply(&AsrReply::Error { message: message.into() }));
        let _ = put(&sender, closing(code, message));
    };
    let taken = if ears.works() { ears.take() } else { None };
    let (events_sender, events) = mpsc::channel(Listener::WAITING);
    let began = match taken {
        Some((recogniser, loan)) => {
            let tell = move |heard| events_sender.blocking_send(heard).is_ok();
            Listener::start(recogniser, tell).map(|listener| (listener, loan)).map_err(Some)
        }
        None => Err(None),
    };
    let (listener, loan) = match began {
        Ok(began) => began,
        Err(error) => {
            match error {
                Some(error) => {
                    tracing::error!(%error, code = error.code(), "nobody listens to a caller");
                    refuse(&failure(&error), close::INTERNAL);
                }
                None if ears.works() => {
                    tracing::info!("refused a caller: the recogniser is taken");
                    refuse("no free channels", close::BUSY);
                }
                None => refuse("The recogniser of this host has failed. Start it again.", close::INTERNAL),
            }
            drop(sender);
            return linger(stream, writer).await;
        }
    };
    tracing::info!("somebody is listened to");
    let backlog = match Backlog::new() {
        Ok(backlog) => backlog,
        Err(error) => {
            tracing::error!(%error, code = error.code(), "no Opus");
            release(listener, loan);
            return leave(End::Failed, stream, sender, writer).await;
        }
    };
    let mut caller = Caller {
        listener,
        sender,
        host,
        delay: ears.delay().into(),
        backlog,
        sent: 0,
        heard: 0,
        markers: VecDeque::new(),
    };
    let end = caller.listen(&mut stream, events).await.unwrap_or_else(|end| end);
    tracing::info!(?end, "nobody is listened to any more");
    let Caller { listener, sender, .. } = caller;
    release(listener, loan);
    leave(end, stream, sender, writer).await;
}

/// Ends the listener where it may take a while, and only then lets the next caller in.
fn release(listener: Listener, loan: Loan) {
    spawn_blocking(move || loan.give_back(listener.stop()));
}

fn reply(reply: &AsrReply) -> Message {
    Message::Binary(reply.encode().into())
}

/// The caller who has the recogniser.
struct Caller {
    listener: Listener,
    sender: mpsc::Sender<Message>,
    host: Arc<Host>,
    /// Steps by which words are late.
    delay: u64,
    backlog: Backlog,
    /// Frames that went to the recogniser, and those of them that it has heard.
    sent: u64,
    heard: u64,
    /// Markers, each with the number of frames that have to be heard before it is told.
    markers: VecDeque<(u64, i64)>,
}

impl Caller {
    /// Listens until something ends it. Both kinds of result are ends; the error is for `?`.
    async fn listen(
        &mut self,
        stream: &mut SplitStream<WebSocket>,
        mut events: mpsc::Receiver<Heard>,
    ) -> Result<End, End> {
        self.send(&AsrReply::Ready)?;
        let stop = self.host.stop.clone();
        let (ping_every, silence_ends) = (self.host.settings.ping_every, self.host.settings.silence_ends);
        let mut pings = interval_at(Instant::now() + ping_every, ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence = sleep(silence_ends);
        tokio::pin!(silence);
        loop {
            // Whoever is not listened to can not be blamed for being silent.
            let reads = self.backlog.is_small();
            tokio::select! {
                () = stop.cancelled() => return Ok(End::Stopping),
                () = &mut silence, if reads => return Ok(End::Silent),
                message = stream.next(), if reads => {
                    silence.as_mut().reset(Instant::now() + silence_ends);
                    match message {
                        None | Some(Err(_)) => return Ok(End::Vanished),
                        Some(Ok(Message::Close(_))) => return Ok(End::Closed),
                        Some(Ok(Message::Binary(message))) => self.take(&message)?,
                        // Text is no part of the protocol; pings are answered by the WebSocket.
                        Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
                    }
                }
                event = events.recv() => {
                    if !reads {
                        silence.as_mut().reset(Instant::now() + silence_ends);
                    }
                    self.tell(event.ok_or(End::Failed)?)?;
                }
                _ = pings.tick() => put(&self.sender, Message::Ping(Bytes::new()))?,
            }
            self.pass_on();
        }
    }

    /// Takes a message.
    fn take(&mut self, message: &Bytes) -> Result<(), End> {
        match AsrRequest::decode(message) {
            // Every connection is a new speaker.
            Ok(AsrRequest::Init) => {}
            Ok(AsrRequest::Audio { pcm }) => self.backlog.samples(pcm),
            Ok(AsrRequest::OggOpus { data }) => self.backlog.opus(data.into()),
            Ok(AsrRequest::Marker { id }) => {
                if self.markers.len() >= MOST_MARKERS {
                    return Err(End::Garbage);
                }
                // As Kyutai's server: whole frames before it count, and then those by which words are late. All of them
                // were passed on, or nothing would have been read.
                self.markers.push_back((self.sent + self.delay, id));
                self.pass_markers()?;
            }
            Err(error) => {
                tracing::info!(%error, "garbage of a caller");
                self.send(&AsrReply::Error { message: error.to_string() })?;
                return Err(End::Garbage);
            }
        }
        Ok(())
    }

    /// Gives the recogniser as much as can wait there.
    fn pass_on(&mut self) {
        while self.sent - self.heard < Listener::WAITING as u64 {
            let Some(frame) = self.backlog.frame() else { break };
            self.listener.hear(self.sent, &frame);
            self.sent += 1;
        }
    }

    /// Tells what a frame came to.
    fn tell(&mut self, heard: Heard) -> Result<(), End> {
        let step = match heard {
            Heard::Frame { step, .. } => step,
            Heard::Failed(error) => {
                tracing::error!(%error, code = error.code(), "the recogniser failed");
                self.send(&AsrReply::Error { message: failure(&error) })?;
                return Err(End::Failed);
            }
        };
        self.heard += 1;
        for told in step.told {
            match told {
                Recognised::Word { text, start } => self.send(&AsrReply::Word { text, start_time: start })?,
                Recognised::WordEnd { stop } => self.send(&AsrReply::EndWord { stop_time: stop })?,
                // Those of models that see no pauses are not told of.
                Recognised::Step { .. } if step.pauses.is_empty() => {}
                Recognised::Step { .. } => {
                    let waiting = (self.sent - self.heard) * FRAME as u64 + self.backlog.samples_waiting();
                    let (prs, step_idx) = (step.pauses.clone(), self.heard);
                    self.send(&AsrReply::Step { step_idx, prs, buffered_pcm: waiting })?;
                }
            }
        }
        self.pass_markers()
    }

    fn pass_markers(&mut self) -> Result<(), End> {
        while let Some((_, id)) = self.markers.pop_front_if(|(frames, _)| *frames <= self.heard) {
            self.send(&AsrReply::Marker { id })?;
        }
        Ok(())
    }

    fn send(&self, message: &AsrReply) -> Result<(), End> {
        put(&self.sender, reply(message))
    }
}
