//! The client of a bridge as tests use it.

use std::time::Duration;

use brain::{
    Answer, Brain, Came, Failure, Outcome, Reply, ToolCall, Turn, What,
    bridge::{Bridge, BridgeAddress, BridgeEvent, BridgeEvents, BridgeVoice, Limits, Setup},
};
use tokio::time::timeout;

use super::{Build, PATIENCE, StandIn};

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

/// All events of a turn, which hold what holds for every turn.
pub async fn all(mut answer: Answer) -> Told {
    let mut told = Vec::new();
    while let Some(event) = timeout(PATIENCE, answer.next()).await.expect("something happens in time") {
        assert_eq!((event.turn, event.number), (answer.turn(), told.len() as u64));
        told.push(event.what);
    }
    let told = Told { told };
    let ends = told.told.iter().filter(|what| matches!(what, What::Done { .. })).count();
    assert!(ends == 1 && matches!(told.told.last(), Some(What::Done { .. })), "{told:?}");
    let tokens: String = told
        .told
        .iter()
        .filter_map(|what| if let What::Token { text } = what { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(
        tokens,
        told.reply().map(|reply| reply.text.clone()).unwrap_or_default(),
        "the pieces are the whole"
    );
    told
}

pub async fn ask(bridge: &Bridge, text: &str) -> Told {
    all(bridge.begin(turn(text))).await
}

#[derive(Debug)]
pub struct Told {
    pub told: Vec<What>,
}

impl Told {
    pub fn reply(&self) -> Option<&Reply> {
        self.told.iter().find_map(|what| if let What::Reply(reply) = what { Some(reply) } else { None })
    }

    #[track_caller]
    pub fn answered(&self) -> &Reply {
        assert_eq!(self.outcome(), Outcome::Answered, "{self:?}");
        self.reply().unwrap()
    }

    #[track_caller]
    pub fn failed(&self) -> &Failure {
        assert_eq!(self.outcome(), Outcome::Failed, "{self:?}");
        self.told
            .iter()
            .find_map(|what| if let What::Error(error) = what { Some(error) } else { None })
            .unwrap()
    }

    pub fn outcome(&self) -> Outcome {
        let Some(What::Done { outcome, .. }) = self.told.last() else { unreachable!("`all` has looked") };
        *outcome
    }

    pub fn left_out(&self) -> u64 {
        let Some(What::Done { left_out, .. }) = self.told.last() else { unreachable!("`all` has looked") };
        *left_out
    }

    pub fn calls(&self) -> Vec<&ToolCall> {
        self.told
            .iter()
            .filter_map(|what| if let What::Tool(call) = what { Some(call) } else { None })
            .collect()
    }
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
