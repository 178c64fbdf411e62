//! The client of a bridge as tests use it.

#[path = "../told/mod.rs"]
mod told;

use std::time::Duration;

use brain::{
    Brain, Came, Turn,
    bridge::{Bridge, BridgeAddress, BridgeEvent, BridgeEvents, BridgeVoice, Limits, Setup},
};
use tokio::time::timeout;

use super::{Build, PATIENCE, StandIn};
pub use told::{Told, all};

pub const BUILDS: [Build; 4] = [Build::B1, Build::B2, Build::B3, Build::B3Local];
/// A short one, for what never comes.
pub const SHORT: Duration = Duration::from_millis(200);

pub fn limits() -> Limits {
    let retry = Duration::from_millis(20);
    Limits {
        request: PATIENCE,
        handshake: PATIENCE,
        reply: PATIENCE,
        second_reply: PATIENCE,
        first_retry: retry,
        last_retry: retry,
    }
}

pub fn setup(server: &StandIn) -> Setup {
    Setup {
        address: BridgeAddress::parse(&server.address()).unwrap(),
        access: net::Access::default(),
        conversation: "conversation-1".into(),
        user: "ada".into(),
        voice: BridgeVoice::Myca,
        speaks_replies: false,
        limits: limits(),
    }
}

pub fn connect(server: &StandIn) -> (Bridge, BridgeEvents) {
    Bridge::start(setup(server))
}

pub fn turn(text: &str) -> Turn {
    Turn::new("conversation-1", "ada", text, Came::Typed).unwrap()
}

pub async fn ask(bridge: &Bridge, text: &str) -> Told {
    all(bridge.begin(turn(text))).await
}

/// The next event that is like this; what comes before it is left.
pub async fn until<R>(events: &mut BridgeEvents, mut is_it: impl FnMut(BridgeEvent) -> Option<R>) -> R {
    loop {
        let event = timeout(PATIENCE, events.next()).await.expect("it is told in time").expect("it goes on");
        if let Some(found) = is_it(event) {
            return found;
        }
    }
}

pub async fn live(events: &mut BridgeEvents) -> u64 {
    until(events, |event| if let BridgeEvent::MoshiReady { call, .. } = event { Some(call) } else { None })
        .await
}
