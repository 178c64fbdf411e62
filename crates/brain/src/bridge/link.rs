//! The way to a bridge, kept open: one session after another.

mod session;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use net::{Opening, WebSocket};
use tokio::{sync::mpsc, time::sleep};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::bridge::{SessionRequest, limit};

use self::session::Session;
use super::{
    BridgeEvent, Common, Sound,
    error::{Asked, BridgeError},
    events::Events,
    turn::{News, Say},
};

/// A session that lived so long with its Moshi counts as well: after it, trying again begins with the shortest wait.
/// Bridges keep every session that was ever begun.
const STEADY: Duration = Duration::from_secs(5);
/// Bytes of sound that may wait in the kernel for a connection that does not move, about two seconds.
const UNSENT: usize = 16 << 10;

/// Serves a bridge until nobody holds a handle to it any more.
pub(super) struct Link {
    common: Arc<Common>,
    turns: mpsc::Receiver<Say>,
    sound: mpsc::Receiver<Sound>,
    events: Events,
    /// A turn that waits for the bridge.
    waiting: Option<Say>,
    /// Calls that there have been.
    calls: u64,
    /// Ends it for all handles.
    stop: CancellationToken,
}

/// Why serving ended.
enum End {
    /// Nobody holds a handle any more.
    Dropped,
    Failed(BridgeError),
}

impl From<BridgeError> for End {
    fn from(error: BridgeError) -> Self {
        Self::Failed(error)
    }
}

impl Link {
    pub(super) fn new(
        common: Arc<Common>,
        turns: mpsc::Receiver<Say>,
        sound: mpsc::Receiver<Sound>,
        events: Events,
    ) -> Self {
        let stop = common.stop.clone();
        Self { common, turns, sound, events, waiting: None, calls: 0, stop }
    }

    pub(super) async fn run(mut self) {
        let (first_retry, last_retry) = (self.common.limits.first_retry, self.common.limits.last_retry);
        let mut retry = first_retry;
        loop {
            let began = Instant::now();
            let ended = match self.connect().await {
                Ok((socket, session)) => Session::new(&mut self, socket, session).run().await,
                Err(end) => end,
            };
            let was_live = self.common.call.swap(0, Ordering::AcqRel) != 0;
            let End::Failed(error) = ended else { return };
            tracing::debug!(code = error.code(), "the connection to the bridge is over");
            if let Some(say) = self.waiting.take() {
                say.inbox.put(News::Failed(error.clone(), Asked::No));
            }
            if was_live && began.elapsed() >= STEADY {
                retry = first_retry;
            }
            let failure = error.failure(&self.common.http.address.to_string(), Asked::No);
            self.events.tell(BridgeEvent::Lost { error, failure, again: retry });
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(retry) => {}
                // Whoever writes something does not wait.
                say = self.turns.recv() => match say {
                    Some(say) => self.waiting = Some(say),
                    None => return,
                },
            }
            retry = (retry * 2).min(last_retry);
        }
    }

    /// Opens a session and a socket. Turns that begin meanwhile wait.
    async fn connect(&mut self) -> Result<(WebSocket, String), End> {
        let common = Arc::clone(&self.common);
        let opening = open(&common);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Err(End::Dropped),
                opened = &mut opening => return Ok(opened?),
                say = self.turns.recv(), if self.waiting.is_none() => match say {
                    Some(say) => self.waiting = Some(say),
                    None => return Err(End::Dropped),
                },
            }
        }
    }
}

/// Asks for a session and opens its socket. Each socket gets a session of its own: bridges tell of Moshi's handshake
/// once in a session, forget all sessions when they start again, and give what they tell to the last socket of one.
async fn open(common: &Common) -> Result<(WebSocket, String), BridgeError> {
    let request = SessionRequest {
        conversation_id: common.conversation.clone(),
        user_id: common.user.clone(),
        voice: common.voice.name().to_owned(),
    };
    let session = common.http.session(&request).await?;
    let session = session.map_or_else(|| Uuid::new_v4().to_string(), |session| session.session_id);
    // In the query too, for a bridge that started again just now.
    let query = [
        ("conversation_id", request.conversation_id.as_str()),
        ("user_id", request.user_id.as_str()),
        ("voice", request.voice.as_str()),
    ];
    let target = common.http.address.target(&["ws", &session], &query);
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit::MESSAGE))
        .max_frame_size(Some(limit::MESSAGE))
        // Sound goes out at once, not when a buffer is full.
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    let socket = common.http.client.open(&target, &Opening { config, unsent: Some(UNSENT) }).await?;
    Ok((socket, session))
}
