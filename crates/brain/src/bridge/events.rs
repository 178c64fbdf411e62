//! What a connection tells whoever looks at it.

use tokio::sync::mpsc;

use super::BridgeEvent;

/// The way out. It never waits: what finds no room is left out and counted.
#[derive(Debug)]
pub(super) struct Events {
    out: mpsc::Sender<BridgeEvent>,
    left_out: u64,
}

impl Events {
    pub(super) fn new(out: mpsc::Sender<BridgeEvent>) -> Self {
        Self { out, left_out: 0 }
    }

    pub(super) fn tell(&mut self, event: BridgeEvent) {
        if self.left_out > 0 {
            // Only where there is room for both does the count go out.
            if self.out.capacity() < 2 {
                self.left_out += 1;
                return;
            }
            if self.out.try_send(BridgeEvent::LeftOut(self.left_out)).is_ok() {
                self.left_out = 0;
            }
        }
        if self.out.try_send(event).is_err_and(|error| matches!(error, mpsc::error::TrySendError::Full(_))) {
            self.left_out += 1;
        }
    }
}
