//! The client of a PersonaPlex Bridge: a server between this program, Moshi and MAS.
//!
//! One WebSocket carries Moshi's sound and words, what happens in MAS, and typed turns. Bridges differ and call
//! themselves by the same version, so what one can do is learnt from what it sends ([`Capabilities`]). They offer no
//! way to go on with a connection that broke: a new session with the same conversation takes its place by itself.
//!
//! A [`Bridge`] is a [`Brain`] too: a typed turn goes through it to MAS, which is asked once.

mod address;
mod attribution;
mod calls;
mod capabilities;
mod error;
mod events;
mod http;
mod link;
mod reply;
mod setup;
mod turn;

use std::{
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use wire::bridge::FromBridge;

pub use self::{
    address::BridgeAddress,
    capabilities::Capabilities,
    error::BridgeError,
    events::{BridgeEvent, Who},
    setup::{BridgeVoice, Limits, Setup},
};
use self::{error::Asked, events::Events, http::Http, link::Link, turn::Say};
use crate::{Answer, Brain, Failure, Turn, interface::Teller};
pub use wire::bridge::{AudioForm, GpuProfile, Health, History, LocalStt, SessionTurn};

/// What may wait to be taken of what a bridge tells. A reply that it speaks comes at once, in packets of 20 ms.
const EVENTS: usize = 1_024;
/// Pages of sound that may wait to be sent, two seconds of them.
const SOUND: usize = 50;
/// Turns that may wait.
const TURNS: usize = 4;

/// A handle to one bridge. Clones are the same connection, which ends with the last of them or with [`Bridge::close`].
#[derive(Debug, Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
}

/// What a bridge tells, in order.
#[derive(Debug)]
pub struct BridgeEvents {
    events: mpsc::Receiver<BridgeEvent>,
}

/// Why sound was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// There is no such call: Moshi is not there, or another stream has to begin.
    NoCall,
    /// The connection does not keep up, and the page is lost.
    Full,
}

/// What handles hold: the ways to the connection, which lives as long as these.
#[derive(Debug)]
struct Shared {
    common: Arc<Common>,
    turns: mpsc::Sender<Say>,
    sound: mpsc::Sender<Sound>,
    /// Held by the turn that is under way.
    one_at_a_time: Mutex<()>,
}

/// What handles and connection have in common.
#[derive(Debug)]
struct Common {
    http: Http,
    conversation: String,
    user: String,
    voice: BridgeVoice,
    speaks_replies: bool,
    limits: Limits,
    capabilities: StdMutex<Capabilities>,
    /// The number of the call, or zero while Moshi is not there.
    call: AtomicU64,
    unsent: AtomicU64,
    passed_over: AtomicU64,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// A page of sound on its way out.
#[derive(Debug)]
struct Sound {
    call: u64,
    pages: Bytes,
}

impl Bridge {
    /// Connects to a bridge, and again whenever that ends. It goes on by itself, in the Tokio runtime that this is
    /// called in.
    #[must_use]
    pub fn start(setup: Setup) -> (Self, BridgeEvents) {
        let (out, events) = mpsc::channel(EVENTS);
        let (turns, turns_out) = mpsc::channel(TURNS);
        let (sound, sound_out) = mpsc::channel(SOUND);
        let common = Arc::new(Common {
            http: Http::new(setup.address, &setup.access, setup.limits.request),
            conversation: setup.conversation,
            user: setup.user,
            voice: setup.voice,
            speaks_replies: setup.speaks_replies,
            limits: setup.limits,
            capabilities: StdMutex::default(),
            call: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            passed_over: AtomicU64::new(0),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        let link = Link::new(Arc::clone(&common), turns_out, sound_out, Events::new(out));
        let ended = common.ended.clone().drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            link.run().await;
        });
        let shared = Shared { common, turns, sound, one_at_a_time: Mutex::default() };
        (Self { shared: Arc::new(shared) }, BridgeEvents { events })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &BridgeAddress {
        &self.shared.common.http.address
    }

    /// What it can do, as far as it has shown it.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.shared.common.capabilities()
    }

    /// Sends whole pages of the Ogg stream that began with this call. Does not wait.
    ///
    /// # Errors
    /// When they cannot go out; lost pages are counted by [`Bridge::unsent`].
    pub fn send_audio(&self, call: u64, pages: Bytes) -> Result<(), NotSent> {
        if call == 0 || call != self.shared.common.call.load(Ordering::Acquire) {
            return Err(NotSent::NoCall);
        }
        self.shared.sound.try_send(Sound { call, pages }).map_err(|_| {
            self.shared.common.unsent.fetch_add(1, Ordering::Relaxed);
            NotSent::Full
        })
    }

    /// Pages of sound that were lost because the connection did not keep up, or ended before they went out.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.shared.common.unsent.load(Ordering::Relaxed)
    }

    /// Messages of the bridge that say nothing to us.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.shared.common.passed_over.load(Ordering::Relaxed)
    }

    /// What the bridge says of itself, and how long that took.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn health(&self) -> Result<(Health, Duration), Failure> {
        self.shared.common.http.health().await.map_err(|error| self.failure(&error))
    }

    /// What the bridge remembers of the conversation behind a session.
    ///
    /// # Errors
    /// When it cannot be asked, or does not know the session.
    pub async fn history(&self, session: &str) -> Result<History, Failure> {
        self.shared.common.http.history(session).await.map_err(|error| self.failure(&error))
    }

    /// Ends the connection for all clones, and comes back when the bridge has been told.
    pub async fn close(&self) {
        self.shared.common.stop.cancel();
        self.shared.common.ended.cancelled().await;
    }

    fn failure(&self, error: &BridgeError) -> Failure {
        error.failure(&self.address().to_string(), Asked::No)
    }
}

impl BridgeEvents {
    /// The next event; none when the connection is over for good.
    pub async fn next(&mut self) -> Option<BridgeEvent> {
        self.events.recv().await
    }
}

impl Brain for Bridge {
    fn begin(&self, turn: Turn) -> Answer {
        let (teller, answer, cancel) = Teller::begin(&turn);
        tokio::spawn(turn::run(Arc::clone(&self.shared), turn, teller, cancel));
        answer
    }
}

impl Common {
    fn capabilities(&self) -> Capabilities {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from a message, and tells whether something was new.
    fn learn(&self, message: &FromBridge) -> bool {
        let mut capabilities = self.capabilities.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *capabilities;
        capabilities.learn(message);
        *capabilities != before
    }

    /// Whatever comes next may be another build.
    fn forget(&self) {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner) = Capabilities::default();
    }
}
