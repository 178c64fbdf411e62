//! What newer builds of MAS tell without being asked.

use std::{
    ops::ControlFlow::{self, Break, Continue},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use net::{Opening, UpgradeError, WebSocket};
use tokio::{
    select,
    time::{self, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};

use super::look::Look;

/// Where: what agents do, and what is done with memory. Both need a part of MAS that may not run: then they are silent.
pub(super) const PATHS: [&str; 2] = ["/ws/agents/status", "/ws/memory/updates"];

/// The longest message that is taken.
const MESSAGE: usize = 256 << 10;
/// How long a sign of life may take to leave.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// The most failures in a row that make the next try later.
const MOST_FAILURES: u32 = 5;

/// How a socket came to its end.
enum End {
    /// This MAS has none, or lets nobody have one.
    Missing,
    /// It did not open, or ended before anything came.
    Failed,
    /// It ended after something came.
    Lived,
}

impl Look {
    /// Listens for as long as MAS is there.
    pub(super) async fn listen(self, path: &'static str) {
        let mut failures = 0;
        loop {
            let returns = self.there().await.returns;
            let wait = match self.one_socket(path).await {
                End::Missing => self.pace.missing,
                End::Lived => {
                    failures = 0;
                    self.pace.gone
                }
                End::Failed => {
                    failures = (failures + 1).min(MOST_FAILURES);
                    self.pace.gone * 2_u32.pow(failures)
                }
            };
            let mut there = self.shared.there.subscribe();
            select! {
                () = sleep(wait) => {}
                _ = there.wait_for(|there| there.returns != returns) => {}
            }
        }
    }

    async fn one_socket(&self, path: &'static str) -> End {
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
        let mut socket = match self.mas.inner.http.open(path, &Opening { config, unsent: None }).await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, path, "MAS pushes nothing");
                return match error {
                    // What asks for patience is not the end of it; without a route, servers of this kind say 403.
                    UpgradeError::Status(429 | 500 | 502..=504) => End::Failed,
                    UpgradeError::Status(_) | UpgradeError::NotWebSocket(_) => End::Missing,
                    _ => End::Failed,
                };
            }
        };
        let (mut lived, mut heard) = (false, Instant::now());
        let mut ping = interval_at(time::Instant::now() + self.pace.ping, self.pace.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let flow = select! {
                message = socket.next() => {
                    (lived, heard) = (true, Instant::now());
                    self.hear(message)
                }
                // Of two signs of life one was answered, if anybody is there.
                _ = ping.tick() => {
                    if heard.elapsed() > self.pace.ping * 2 { Break(()) } else { sign_of_life(&mut socket).await }
                }
            };
            if flow.is_break() {
                return if lived { End::Lived } else { End::Failed };
            }
        }
    }

    fn hear(&self, message: Option<tungstenite::Result<Message>>) -> ControlFlow<()> {
        match message {
            Some(Ok(Message::Text(text))) => {
                if self.shared.gathered.message(&text) {
                    self.shared.pushed(Instant::now());
                }
                Continue(())
            }
            Some(Ok(Message::Close(_))) | None => Break(()),
            Some(Ok(_)) => Continue(()),
            Some(Err(error)) => {
                if matches!(error, tungstenite::Error::Capacity(_)) {
                    self.shared.gathered.lost();
                }
                tracing::debug!(%error, "what MAS pushes broke off");
                Break(())
            }
        }
    }
}

/// In the words that MAS answers.
async fn sign_of_life(socket: &mut WebSocket) -> ControlFlow<()> {
    let sent = timeout(SEND_LIMIT, socket.send(Message::text(r#"{"type":"ping"}"#))).await;
    if matches!(sent, Ok(Ok(()))) { Continue(()) } else { Break(()) }
}
