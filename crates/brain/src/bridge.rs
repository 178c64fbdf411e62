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
mod error;
mod events;
mod http;
mod link;
mod reply;
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
    address::{BridgeAddress, BridgeAddressError},
    error::BridgeError,
};
use self::{error::Asked, events::Events, http::Http, link::Link, turn::Say};
use crate::{Answer, Brain, Failure, Turn, What, interface::Teller};
pub use wire::bridge::{AudioForm, Health, History, LocalStt, SessionTurn};

/// What may wait to be taken of what a bridge tells. A reply that it speaks comes at once, in packets of 20 ms.
const EVENTS: usize = 1_024;
/// Pages of sound that may wait to be sent, two seconds of them.
const SOUND: usize = 50;
/// Turns that may wait.
const TURNS: usize = 4;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A question over HTTP. Old bridges wait for their database before they answer.
    pub request: Duration,
    /// From the opening of the socket until Moshi is there. It may have to load, and to read its persona.
    pub handshake: Duration,
    /// From the words of a turn to the end of its reply.
    pub reply: Duration,
    /// Behind a prepared sentence, until the reply of MAS. Bridges that have such give MAS 8 s.
    pub second_reply: Duration,
    /// Before a lost connection is tried again for the first time; each time after that it is twice as long.
    pub first_retry: Duration,
    /// The longest that this becomes.
    pub last_retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            handshake: Duration::from_secs(240),
            reply: Duration::from_secs(30),
            second_reply: Duration::from_secs(9),
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(10),
        }
    }
}

/// One of the voices that bridges know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BridgeVoice {
    /// MYCA's.
    #[default]
    Myca,
    /// Moshika's.
    Moshika,
}

impl BridgeVoice {
    fn name(self) -> &'static str {
        match self {
            Self::Myca => "myca",
            Self::Moshika => "moshika",
        }
    }
}

/// What a bridge is asked for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it is.
    pub address: BridgeAddress,
    /// The conversation; every connection goes on with it.
    pub conversation: String,
    /// The name under which the person is remembered.
    pub user: String,
    /// In which voice.
    pub voice: BridgeVoice,
    /// Whether replies to typed turns are to be spoken, where the bridge can. Such a bridge does not keep what was
    /// typed then.
    pub speaks_replies: bool,
    /// How long things may take.
    pub limits: Limits,
}

/// What a bridge can do, as far as it has shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// It says when it is there, and takes typed words before Moshi is there.
    pub takes_words_early: bool,
    /// It recognises speech itself and has no Moshi. All words are its own then.
    pub does_without_moshi: bool,
    /// It answers turns with a prepared sentence at once; the reply of MAS follows, if it comes in time.
    pub prepared_replies: bool,
    /// It speaks replies of MAS itself, in packets that are no Ogg.
    pub speaks_replies: bool,
}

impl Capabilities {
    /// Learns from a message.
    fn learn(&mut self, message: &FromBridge) {
        match message {
            FromBridge::BridgeReady { local_stt_mode, .. } => {
                self.takes_words_early = true;
                self.without_moshi(*local_stt_mode);
            }
            FromBridge::MoshiReady { local_stt_mode, .. } => self.without_moshi(*local_stt_mode),
            FromBridge::TtsStreamStart { .. } | FromBridge::Audio { form: AudioForm::OpusPacket, .. } => {
                self.speaks_replies = true;
            }
            _ => {}
        }
    }

    /// The builds that say whether they do without Moshi are those that have prepared replies.
    fn without_moshi(&mut self, said: Option<bool>) {
        if let Some(said) = said {
            self.prepared_replies = true;
            self.does_without_moshi = said;
        }
    }
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Moshi: pieces of words, a space in front of where one begins.
    Moshi,
    /// MAS, or the bridge in its place: words with a space behind them, or whole sentences.
    Mas,
    /// The person, as the bridge's recogniser understood.
    Person,
}

/// What a bridge tells. What belongs to a typed turn is told by its [`Answer`] instead.
#[derive(Debug, Clone, PartialEq)]
pub enum BridgeEvent {
    /// The bridge is reached.
    Opened {
        /// The session, as it calls it.
        session: String,
    },
    /// It has shown something more that it can do.
    Capable(Capabilities),
    /// It is there, and Moshi may not be. Older bridges do not say so.
    Ready {
        /// The file of the voice that it chose.
        voice_prompt: Option<String>,
    },
    /// It knows the conversation from earlier.
    History {
        /// Turns that it knows.
        turns: u64,
    },
    /// Moshi listens: a new Ogg stream may begin.
    MoshiReady {
        /// The number of this call, for [`Bridge::send_audio`].
        call: u64,
        /// From the opening of the socket until now.
        after: Duration,
    },
    /// Words.
    Words {
        /// Whose.
        who: Who,
        /// As they came.
        text: String,
    },
    /// A reply of MAS to something that was not typed here, as the bridge would hand it to Moshi. Moshi cannot say it.
    Injection {
        /// The reply, or its beginning.
        text: String,
    },
    /// Sound to be played.
    Audio {
        /// What the bytes are. It may change from event to event.
        form: AudioForm,
        /// Ogg pages, or one packet.
        bytes: Bytes,
    },
    /// The bridge begins to speak: [`AudioForm::OpusPacket`]s follow faster than they are heard.
    Speech {
        /// How many.
        packets: Option<u64>,
    },
    /// The bridge believes that the person interrupted. Most are wrong about it.
    BargeIn,
    /// What the bridge's recogniser does.
    Hears(LocalStt),
    /// For the panels.
    Told(What),
    /// The connection is over, or none came about. It is tried again by itself.
    Lost {
        /// Why.
        failure: Failure,
        /// After how long it is tried again.
        again: Duration,
    },
    /// So many events found no room before this one.
    LeftOut(u64),
}

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
            http: Http::new(setup.address, setup.limits.request),
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
