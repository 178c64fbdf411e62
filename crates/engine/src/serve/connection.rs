//! The end of a connection, and what goes out on it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wire::close;

use crate::Error;

/// How long a caller has to take the last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes of a reason that a close frame has room for.
const LONGEST_REASON: usize = 123;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The caller said so.
    Closed,
    /// The caller is gone without a word.
    Vanished,
    /// The caller has given no sign of life.
    Silent,
    /// The caller does not read.
    Slow,
    /// The caller sent what is no message.
    Garbage,
    /// The host ends.
    Stopping,
    /// The host failed.
    Failed,
}

/// Puts a message into the queue of a caller who may not read.
pub(super) fn put(sender: &mpsc::Sender<Message>, message: Message) -> Result<(), End> {
    sender.try_send(message).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => End::Slow,
        mpsc::error::TrySendError::Closed(_) => End::Vanished,
    })
}

/// Says why it is over, and lets that out.
pub(super) async fn leave(
    end: End,
    stream: SplitStream<WebSocket>,
    sender: mpsc::Sender<Message>,
    writer: JoinHandle<()>,
) {
    say_goodbye(end, &sender);
    drop(sender);
    linger(stream, writer).await;
}

fn say_goodbye(end: End, sender: &mpsc::Sender<Message>) {
    let last = match end {
        End::Closed | End::Vanished => return,
        End::Silent => closing(close::NORMAL, "No sign of life."),
        End::Slow => closing(close::NORMAL, "Too slow."),
        End::Garbage => closing(close::REFUSED, "That is no message of this protocol."),
        End::Stopping => closing(close::GOING_AWAY, "This host is ending."),
        End::Failed => closing(close::INTERNAL, "This host failed."),
    };
    // Where there is no room, the caller would not read it either.
    let _ = sender.try_send(last);
}

/// Lets the last messages out and waits for the caller to have taken them: closing a connection on which something
/// is unread throws away what is on its way to the other side.
pub(super) async fn linger(mut stream: SplitStream<WebSocket>, mut writer: JoinHandle<()>) {
    let done = async {
        let _ = (&mut writer).await;
        while let Some(Ok(message)) = stream.next().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
        }
    };
    let _ = timeout(LAST_WORDS, done).await;
    writer.abort();
}

/// The message that ends a connection.
pub(super) fn closing(code: u16, reason: &str) -> Message {
    let end = reason.floor_char_boundary(LONGEST_REASON);
    Message::Close(Some(CloseFrame { code, reason: reason[..end].into() }))
}

/// What a caller may know of a failure: no paths.
pub(super) fn failure(error: &Error) -> String {
    format!("This host failed ({}). Whoever runs it finds the reason in its log.", error.code())
}

/// Sends what waits, until nobody sends any more or the connection is over.
pub(super) async fn write(mut sink: SplitSink<WebSocket, Message>, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        let last = matches!(message, Message::Close(_));
        if sink.send(message).await.is_err() || last {
            break;
        }
    }
}
