//! The client of MAS, the agent system behind the conversation.
//!
//! MAS does not say what it can do, so it is found out by asking: the brain's stream, the brain's chat, the
//! orchestrator's chat, and what answered is remembered. A turn calls one model, and what a streamed one does not tell of itself is
//! asked beside it (`mas/aside.rs`). `mas/endpoint.rs` says where a turn may go
//! on to the next interface and why; everywhere else a failure is told and nothing is sent twice.

mod address;
mod answer;
mod aside;
mod ask;
mod consciousness;
mod endpoint;
mod error;
mod feed;
mod found;
mod http;
mod memory_health;
mod missing;
mod question;
mod reach;
mod token;
mod turn;
mod watch;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use uuid::Uuid;

pub use self::{
    address::MasAddress,
    ask::Wish,
    consciousness::Consciousness,
    error::MasError,
    feed::Feed,
    memory_health::MemoryHealth,
    token::{ServiceToken, TokenError},
    watch::{News, Pace, Watch},
};
use self::{endpoint::Known, http::Http};
use crate::{Answer, Brain, Turn, interface::Teller};

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A request, from its first packet to its last. A reply that still comes then is cut there.
    pub request: Duration,
    /// All waiting of one turn because MAS has had too many requests.
    pub wait: Duration,
    /// A wait of which MAS does not say how long it is.
    pub unsaid_wait: Duration,
    /// How much longer a streamed turn lasts at most for what is asked beside it.
    pub aside: Duration,
}

impl Default for Limits {
    /// MAS counts requests by the minute, and says 60 s whenever it says anything.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            wait: Duration::from_secs(130),
            unsaid_wait: Duration::from_secs(20),
            aside: Duration::from_secs(1),
        }
    }
}

/// One MAS, for one conversation at a time. Clones share what was learnt about it.
#[derive(Debug, Clone)]
pub struct Mas {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Http,
    limits: Limits,
    known: Mutex<Known>,
    aside: Mutex<aside::Known>,
    /// Whether the person knows that the token can be read on its way.
    said_that_it_shows: AtomicBool,
    /// Our id of this session, in the form that MAS makes itself where it is not given one.
    session: Uuid,
}

impl Mas {
    /// The MAS at an address. Nothing is sent yet. The token, if there is one, goes to this address and to no other.
    #[must_use]
    pub fn new(address: MasAddress, token: Option<ServiceToken>, limits: Limits) -> Self {
        let http = Http::new(address, token, limits.request);
        let inner = Inner {
            http,
            limits,
            known: Mutex::default(),
            aside: Mutex::default(),
            said_that_it_shows: AtomicBool::new(false),
            session: Uuid::now_v7(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &MasAddress {
        self.inner.http.address()
    }

    /// Our id of this session, which every turn carries.
    #[must_use]
    pub fn session(&self) -> Uuid {
        self.inner.session
    }
}

impl Inner {
    /// What is known of the interfaces that answer turns.
    fn known<R>(&self, change: impl FnOnce(&mut Known) -> R) -> R {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of what is asked beside a stream.
    fn aside<R>(&self, change: impl FnOnce(&mut aside::Known) -> R) -> R {
        change(&mut self.aside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// MAS went away, and whatever comes back may be another build.
    fn forget(&self) {
        self.known(Known::forget);
        self.aside(aside::Known::forget);
    }
}

impl Brain for Mas {
    fn begin(&self, turn: Turn) -> Answer {
        let (teller, answer, cancel) = Teller::begin(&turn);
        tokio::spawn(turn::run(Arc::clone(&self.inner), turn, teller, cancel));
        answer
    }
}
