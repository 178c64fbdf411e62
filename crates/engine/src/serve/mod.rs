//! A Moshi server: `GET /api/chat` for a conversation over a WebSocket, `GET /api/asr-streaming` for somebody who only wants
//! their words, `GET /health` for who asks how it is.
//!
//! It speaks what Kyutai's and NVIDIA's servers speak, so that every client of theirs can talk to it, and does
//! better where they fail people: the second caller is told that the host is busy instead of waiting without a word,
//! a caller who vanishes frees the host, nothing that a caller sends ends the conversation by accident, and a
//! conversation has no time limit.

mod connection;
mod dictation;
mod ears;
mod echo;
mod listening;
mod model;
mod opening;
mod options;
mod origin;
mod session;
mod source;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, middleware};
use serde::Serialize;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wire::Hearing;

pub use self::ears::EarsSource;
pub use self::echo::Echo;
pub use self::model::ModelSource;
pub use self::options::SessionOptions;
pub use self::source::{About, Event, Session, Source};
use crate::Error;
pub use wire::ASR_PATH;

/// Bytes that the system may keep for a caller who does not read: some seconds of sound.
const SEND_BUFFER: u32 = 64 << 10;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// How long conversations may take to end when the server does.
const GRACE: Duration = Duration::from_secs(5);

/// How a server runs.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where callers come in; port 0 is one that the system picks.
    pub address: SocketAddr,
    /// Web pages that may use the server, as their browsers name them: `https://example.org`. All others are refused.
    pub allowed_origins: Vec<String>,
    /// How often a caller is asked for a sign of life.
    pub ping_every: Duration,
    /// How long a caller may be silent in every way before the conversation ends.
    pub silence_ends: Duration,
}

impl Default for ServerSettings {
    /// The loopback address with Moshi's port 8998, no web page, a ping every 10 seconds, an end after 30.
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8998)),
            allowed_origins: Vec::new(),
            ping_every: Duration::from_secs(10),
            silence_ends: Duration::from_secs(30),
        }
    }
}

/// A server that has its address and takes no callers yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    host: Arc<Host>,
}

/// What all requests share.
#[derive(Debug)]
struct Host {
    settings: ServerSettings,
    source: Arc<dyn Source>,
    about: About,
    /// The one conversation that there can be.
    slot: Arc<Semaphore>,
    started: Instant,
    stop: CancellationToken,
}

impl Server {
    /// Takes an address. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Address`] where the system does not give it.
    pub fn bind(settings: ServerSettings, source: Arc<dyn Source>) -> Result<Self, Error> {
        let failed = |source| Error::Address { address: settings.address, source };
        let (listener, address) = listen(settings.address).map_err(failed)?;
        let about = source.about();
        let host = Arc::new(Host {
            settings,
            source,
            about,
            slot: Arc::new(Semaphore::new(1)),
            started: Instant::now(),
            stop: CancellationToken::new(),
        });
        Ok(Self { listener, address, host })
    }

    /// Where callers come in.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes callers until `stop` is cancelled, then ends the conversation and returns.
    ///
    /// # Errors
    /// [`Error::Address`] where the system takes the address away.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { listener, address, host } = self;
        let routes = Router::new()
            .route("/api/chat", get(chat))
            .route(ASR_PATH, get(dictation))
            .route("/health", get(health))
            .fallback(nothing_here)
            .layer(middleware::from_fn_with_state(Arc::clone(&host), origin::check))
            .with_state(Arc::clone(&host));
        let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
            // Sound is small messages that must not wait for each other.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY");
            }
        });
        let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        let ending = async {
            stop.cancelled().await;
            host.stop.cancel();
            // Whoever holds the slot or the recogniser gives it back when that has ended.
            let listeners = async {
                if let Some(ears) = host.source.ears() {
                    ears.free().await;
                }
            };
            let _ = tokio::time::timeout(GRACE, async { tokio::join!(host.slot.acquire(), listeners) }).await;
        };
        tokio::pin!(ending);
        let serving = async { serving.await.map_err(|source| Error::Address { address, source }) };
        tokio::select! {
            served = serving => served?,
            () = &mut ending => return Ok(()),
        }
        ending.await;
        Ok(())
    }
}

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Unix this lets a server come back to its port at once; on Windows it would let others take it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// `GET /api/chat`: a conversation, if it is a WebSocket.
async fn chat(
    State(host): State<Arc<Host>>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if !host.source.talks() {
        return sentence(
            StatusCode::NOT_FOUND,
            "No model talks on this host: it only recognises speech, at /api/asr-streaming. Start it with --model for \
             conversations.",
        );
    }
    let Ok(upgrade) = upgrade else {
        return sentence(
            StatusCode::BAD_REQUEST,
            "Conversations are held over a WebSocket. Open this address with a Moshi client.",
        );
    };
    let options = match SessionOptions::parse(query.as_deref().unwrap_or_default()) {
        Ok(options) => options,
        Err(reason) => return sentence(StatusCode::BAD_REQUEST, &reason),
    };
    upgrade
        .max_message_size(wire::limit::MESSAGE)
        .max_frame_size(wire::limit::MESSAGE)
        .on_upgrade(move |socket| session::run(socket, host, options))
}

/// `GET /api/asr-streaming`: words, if it is a WebSocket. Keys are not asked for: whoever may talk may be heard.
async fn dictation(
    State(host): State<Arc<Host>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(ears) = host.source.ears().cloned() else {
        return sentence(
            StatusCode::NOT_FOUND,
            "No model recognises speech on this host. Start it with --hear for that.",
        );
    };
    let Ok(upgrade) = upgrade else {
        return sentence(
            StatusCode::BAD_REQUEST,
            "Words come over a WebSocket. Open this address with a client of Kyutai's moshi-server.",
        );
    };
    // A bit more than may come, so that whoever sends more is told.
    let largest = wire::LARGEST_REQUEST + (1 << 16);
    upgrade
        .max_message_size(largest)
        .max_frame_size(largest)
        .on_upgrade(move |socket| dictation::run(socket, host, ears))
}

/// What `GET /health` says. No paths, no addresses, nothing of what is talked about.
#[derive(Debug, Serialize)]
struct Health<'a> {
    status: &'static str,
    server: &'a str,
    version: &'a str,
    model: Option<&'a str>,
    busy: bool,
    uptime_s: u64,
    capabilities: &'a [String],
    /// Who recognises speech, where somebody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    hearing: Option<HearingHealth>,
}

/// What it says of the recogniser.
#[derive(Debug, Serialize)]
struct HearingHealth {
    status: &'static str,
    model: Option<String>,
    delay_ms: u32,
    busy: bool,
}

async fn health(State(host): State<Arc<Host>>) -> Response {
    let about = &host.about;
    let working = host.source.works();
    let health = Health {
        status: status(working),
        server: &about.server,
        version: &about.version,
        model: about.model.as_deref(),
        busy: host.slot.available_permits() == 0,
        uptime_s: host.started.elapsed().as_secs(),
        capabilities: &about.capabilities,
        hearing: host.source.ears().map(|ears| {
            let Hearing { model, delay_ms, .. } = ears.about();
            HearingHealth { status: status(ears.works()), model, delay_ms, busy: ears.is_taken() }
        }),
    };
    let code = if working { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(health)).into_response()
}

fn status(works: bool) -> &'static str {
    if works { "ok" } else { "failed" }
}

async fn nothing_here() -> Response {
    sentence(StatusCode::NOT_FOUND, "There is nothing at this address. Conversations are at /api/chat.")
}

/// A refusal in words.
fn sentence(code: StatusCode, sentence: &str) -> Response {
    (code, format!("{sentence}\n")).into_response()
}
