//! Moshi servers as they are to whoever tests them: what they answer without a call, and in one.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "several test programs share it, and a test may stop at the first surprise"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use ogg_opus::{EncoderSettings, PacketDuration, StreamReader, StreamWriter};
use store::{HostPlace, HostProfile};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
    time::{interval, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BLOCK: usize = 1_920;

/// What a server is like.
#[derive(Debug, Clone, Default)]
pub struct Style {
    pub kind: Kind,
    /// What it works on a frame.
    pub frame: Duration,
    /// It lets nobody in without this.
    pub token: Option<&'static str>,
    /// Somebody else holds it.
    pub busy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Kyutai's in Python. A second caller waits in silence.
    #[default]
    Python,
    /// Kyutai's moshi-backend. A ping with a payload kills it.
    Backend,
    /// `myca host`. A second caller is told.
    Ours,
    /// `myca echo`.
    Echo,
    /// A web server that answers with this status, and a page.
    Http(u16),
    /// A bridge; whether it reaches its Moshi.
    Bridge(bool),
    /// Takes a call, and hangs up.
    HangsUp,
    /// Takes a call, begins, and says no more.
    FallsSilent,
    /// Takes connections and says nothing.
    SaysNothing,
}

/// What one caller did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub before_handshake: usize,
    pub ping_payloads: usize,
    pub close_code: Option<u16>,
}

/// A server on a loopback port. It ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    sessions: Mutex<mpsc::UnboundedReceiver<Session>>,
    /// Calls that were taken so far.
    calls: watch::Receiver<usize>,
}

impl Server {
    pub async fn start(style: Style) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (report, sessions) = mpsc::unbounded_channel();
        let (taken, calls) = watch::channel(0);
        let style = Arc::new(style);
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(stream, Arc::clone(&style), report.clone(), taken.clone()));
            }
        });
        Self { address, sessions: Mutex::new(sessions), calls }
    }

    pub async fn of(kind: Kind) -> Self {
        Self::start(Style { kind, ..Style::default() }).await
    }

    /// Its profile.
    pub fn profile(&self) -> HostProfile {
        moshi(&self.address.to_string())
    }

    /// The next caller's report, once it has left.
    pub async fn session(&self) -> Session {
        timeout(PATIENCE, self.sessions.lock().await.recv()).await.expect("the caller leaves").unwrap()
    }

    /// Whether nobody has called so far.
    pub fn was_not_called(&self) -> bool {
        *self.calls.borrow() == 0
    }

    /// Waits for the first call.
    pub async fn called(&self) {
        self.calls.clone().wait_for(|count| *count > 0).await.unwrap();
    }
}

/// The profile of a Moshi server.
pub fn moshi(address: &str) -> HostProfile {
    profile(HostPlace::Moshi { address: address.to_owned() })
}

pub fn profile(place: HostPlace) -> HostProfile {
    HostProfile {
        id: "1".into(),
        name: "a host".into(),
        place,
        pin: None,
        plain: false,
        token: false,
        measured: None,
    }
}

async fn connection(
    mut stream: TcpStream,
    style: Arc<Style>,
    report: mpsc::UnboundedSender<Session>,
    taken: watch::Sender<usize>,
) {
    stream.set_nodelay(true).unwrap();
    if style.kind == Kind::SaysNothing {
        while stream.read(&mut [0; 4_096]).await.is_ok_and(|count| count > 0) {}
        return;
    }
    let Some(head) = head(&stream).await else { return };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let authorised =
        style.token.is_none_or(|token| head.contains(&format!("authorization: Bearer {token}\r")));
    let answer = match style.kind {
        _ if !authorised => said(401, "text/plain", "who are you?"),
        Kind::Http(status) => said(status, "text/html", "<p>hello</p>"),
        Kind::Bridge(reaches) if path == "/health" => said(
            200,
            "application/json",
            &format!(r#"{{"status":"healthy","version":"8.2.0","moshi_available":{reaches}}}"#),
        ),
        Kind::Bridge(_) => said(404, "application/json", r#"{"detail":"Not Found"}"#),
        Kind::Ours | Kind::Echo if path == "/health" => said(
            200,
            "application/json",
            &format!(
                r#"{{"status":"ok","server":"myca host","version":"1.0","model":"tiny","busy":{}}}"#,
                style.busy
            ),
        ),
        _ if head.to_ascii_lowercase().contains("upgrade: websocket") => {
            let Ok(socket) = accept_async(stream).await else { return };
            taken.send_modify(|count| *count += 1);
            let _ = report.send(serve(socket, &style).await);
            return;
        }
        Kind::Ours | Kind::Echo => said(
            400,
            "text/plain",
            "Conversations are held over a WebSocket. Open this address with a Moshi client.",
        ),
        Kind::Backend => said(400, "text/plain", "Connection header did not include 'upgrade'"),
        _ => {
            said(400, "text/plain", "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".")
                .replace("server: x", "server: Python/3.12 aiohttp/3.11.18")
        }
    };
    let _ = stream.read(&mut [0; 16_384]).await;
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn said(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nserver: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: \
         close\r\n\r\n{body}"
    )
}

/// The head of a request, which stays where it is.
async fn head(stream: &TcpStream) -> Option<String> {
    let mut bytes = vec![0; 16_384];
    loop {
        let count = stream.peek(&mut bytes).await.ok().filter(|count| *count > 0)?;
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        // What is no HTTP has no end either.
        if text.contains("\r\n\r\n") || !text.starts_with("GET ") {
            return Some(text);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn serve(mut socket: WebSocketStream<TcpStream>, style: &Style) -> Session {
    let mut session = Session::default();
    match style.kind {
        Kind::HangsUp => return session,
        Kind::Ours if style.busy => {
            let frame = CloseFrame { code: CloseCode::Again, reason: "busy".into() };
            let _ = socket.close(Some(frame)).await;
            while let Some(Ok(_)) = socket.next().await {}
            return session;
        }
        Kind::Backend => send(&mut socket, 4, br#"{"text_temperature":0.8,"lm_model_file":"/m"}"#).await,
        Kind::Ours => send(&mut socket, 4, br#"{"server":"myca host","version":"1.0"}"#).await,
        Kind::Echo => send(&mut socket, 4, br#"{"server":"myca echo","capabilities":["echo"]}"#).await,
        _ => {}
    }
    if style.busy {
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Close(frame) => session.close_code = frame.map(|frame| frame.code.into()),
                _ => session.before_handshake += 1,
            }
        }
        return session;
    }
    let rust = matches!(style.kind, Kind::Backend | Kind::Ours | Kind::Echo);
    send(&mut socket, 0, if rust { &[0; 8] } else { &[] }).await;
    talk(&mut socket, style, &mut session).await;
    session
}

/// As a model does it: for each frame that is heard one is said, each after its time, and the first is kept.
async fn talk(socket: &mut WebSocketStream<TcpStream>, style: &Style, session: &mut Session) {
    let mut reader = StreamReader::new().unwrap();
    let mut writer = StreamWriter::with_duration(&EncoderSettings::default(), PacketDuration::Ms40).unwrap();
    send(socket, 1, &writer.header()).await;
    let (mut pcm, mut heard, mut said) = (Vec::new(), 0, 1);
    let mut tells = interval(Duration::from_millis(300));
    loop {
        tokio::select! {
            biased;
            _ = tells.tick(), if style.kind == Kind::Ours && said > 1 => {
                let ms = style.frame.as_secs_f64() * 1e3;
                let json = format!(r#"{{"timing":{{"frame_ms_p50":{ms},"frame_ms_p99":{}}}}}"#, ms * 1.5);
                send(socket, 4, json.as_bytes()).await;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&1) => {
                    reader.push(&bytes[1..], &mut pcm);
                    heard += pcm.len();
                    pcm.clear();
                    while said * BLOCK < heard && style.kind != Kind::FallsSilent {
                        sleep(style.frame).await;
                        let silence = [0.0; BLOCK / 2];
                        let pages = [writer.push_slice(&silence).unwrap(), writer.push_slice(&silence).unwrap()];
                        send(socket, 1, &pages.concat()).await;
                        said += 1;
                    }
                }
                Some(Ok(Message::Ping(payload))) => {
                    session.ping_payloads += usize::from(!payload.is_empty());
                    if style.kind == Kind::Backend && !payload.is_empty() {
                        return;
                    }
                }
                Some(Ok(Message::Close(frame))) => session.close_code = frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, kind: u8, payload: &[u8]) {
    // The caller may be gone.
    let _ = socket.send(Message::binary([&[kind], payload].concat())).await;
}
