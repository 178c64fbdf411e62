//! The time between an opened connection and a conversation: a model may have to think itself into a role first.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::connection::End;
use super::{Event, Host, Session, SessionOptions};
use crate::Error;

/// Events that may wait for the task of a session: it never waits itself.
const EVENTS: usize = 16;

/// Messages at the beginning that are kept whatever comes later: the headers of the sound are in them.
const FIRST: usize = 3;

/// Bytes of messages that are kept: a minute of sound.
const MOST_BYTES: usize = 256 << 10;

/// What a caller sent before it could be heard. Some send at once.
#[derive(Debug, Default)]
pub(super) struct Early {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

impl Early {
    fn keep(&mut self, message: Bytes) {
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.bytes > MOST_BYTES {
            // What is oldest means least, but for the headers.
            let Some(dropped) = self.messages.remove(FIRST) else { break };
            self.bytes -= dropped.len();
        }
    }

    pub(super) fn into_messages(self) -> impl Iterator<Item = Bytes> {
        self.messages.into_iter()
    }
}

/// How it went.
pub(super) struct Opening {
    pub(super) session: Result<Box<dyn Session>, Error>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) early: Early,
    /// Whether the caller is not to be talked to any more, and why.
    pub(super) end: Option<End>,
}

/// Opens a session and listens meanwhile, so that a caller who leaves is noticed. Then the session's events are closed,
/// which is how whoever opens it learns that nobody waits any more.
pub(super) async fn open(
    stream: &mut SplitStream<WebSocket>,
    sender: &mpsc::Sender<Message>,
    host: &Arc<Host>,
    options: SessionOptions,
) -> Opening {
    let (events_sender, mut events) = mpsc::channel(EVENTS);
    let source = Arc::clone(&host.source);
    let mut opening = spawn_blocking(move || source.open(&options, events_sender));
    let (ping_every, silence_ends) = (host.settings.ping_every, host.settings.silence_ends);
    let mut pings = interval_at(Instant::now() + ping_every, ping_every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let silence = sleep(silence_ends);
    tokio::pin!(silence);
    let (mut early, mut end) = (Early::default(), None);
    loop {
        let ended = tokio::select! {
            biased;
            opened = &mut opening => {
                let session = opened.unwrap_or(Err(Error::Stopped { stage: "model" }));
                return Opening { session, events, early, end };
            }
            () = host.stop.cancelled(), if end.is_none() => Some(End::Stopping),
            () = &mut silence, if end.is_none() => Some(End::Silent),
            message = stream.next(), if end.is_none() => {
                silence.as_mut().reset(Instant::now() + silence_ends);
                match message {
                    None | Some(Err(_)) => Some(End::Vanished),
                    Some(Ok(Message::Close(_))) => Some(End::Closed),
                    Some(Ok(Message::Binary(message))) => {
                        early.keep(message);
                        None
                    }
                    Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => None,
                }
            }
            _ = pings.tick(), if end.is_none() => {
                sender.try_send(Message::Ping(Bytes::new())).is_err().then_some(End::Vanished)
            }
        };
        if let Some(ended) = ended {
            end = Some(ended);
            events.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_messages_are_kept() {
        let mut early = Early::default();
        let message = |number: u8| Bytes::from(vec![number; 40 << 10]);
        (0..20).for_each(|number| early.keep(message(number)));
        let kept: Vec<u8> = early.into_messages().map(|message| message[0]).collect();
        assert_eq!(kept, [0, 1, 2, 17, 18, 19]);
        let mut early = Early::default();
        (0..3).for_each(|number| early.keep(Bytes::from(vec![number; 200 << 10])));
        early.keep(message(9));
        assert_eq!(early.into_messages().count(), 3, "headers are never given up");
    }
}
