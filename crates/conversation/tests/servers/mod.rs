//! Moshi servers as they are: each style follows one of the stock servers, or something that is none.
#![allow(dead_code, reason = "no test needs all of it")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use ogg_opus::{
    EncoderSettings, PacketDuration, StreamReader, StreamWriter,
    page::{self, PageHeader},
};
use test_tls::Certificate;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::HeaderValue,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

const LIMIT: Duration = Duration::from_secs(30);
const BLOCK: usize = 1_920;

/// What a server is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Style {
    /// Kyutai's `moshi.server`: one-byte handshake, header glued to the first sound, two pages of 40 ms a message.
    Python,
    /// NVIDIA's: insists on its query, throws away what comes before the handshake, header in two messages, 80 ms packets.
    PersonaPlex,
    /// Kyutai's moshi-backend: metadata first, nine-byte handshake, a message a page; a ping with payload kills it.
    MoshiBackend,
    /// Kyutai's moshi-server: nine-byte handshake, then the header in a message of its own.
    MoshiServer,
    /// A host of ours that somebody else holds for the first callers.
    Busy { times: usize },
    /// Upgrades and never begins.
    Silent,
    /// Begins, then sends everything that no server should.
    Garbage,
    /// Begins with twelve seconds of sound in one message.
    Lump,
    /// Begins, sends a little, and says nothing any more.
    FallsSilent,
    /// Begins, and sends text and noise, but never any sound.
    NoSound,
    /// Begins, then sends text as fast as it can, without end.
    EndlessText,
    /// Begins, then sends frames of a kind that does not exist as fast as it can, without end.
    EndlessGarbage,
    /// Sends metadata, each time of another model, then begins.
    Chatty,
    /// Begins and sends sound, but takes nothing.
    Deaf,
    /// As a model does it: for each block that is heard one is said, and none without. Says so when it hears a sound.
    Answers,
    /// A web server that answers with this status.
    Http(u16),
    /// Accepts connections and says nothing.
    SaysNothing,
    /// Hangs up on every request.
    HangsUp,
    /// A TLS server that got a plain request.
    TlsAlert,
    /// A server of another protocol.
    NotHttp,
    /// A server with TLS and a certificate of its own making.
    SelfSigned,
    /// The one in Python, behind something that lets nobody in without this token.
    Token(&'static str),
}

/// What one caller did.
#[derive(Debug, Default)]
pub struct Session {
    pub close_code: Option<u16>,
    pub before_handshake: usize,
    pub begins_with_head: bool,
    pub samples: u64,
    /// Highest sample that came.
    pub peak: f32,
    pub undecodable: u64,
    pub ping_payloads: usize,
}

/// A server on a loopback port.
pub struct Server {
    address: SocketAddr,
    style: Style,
    sessions: Mutex<mpsc::Receiver<Session>>,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(style: Style) -> Self {
        let listener = listen(&style);
        let address = listener.local_addr().unwrap();
        let (report, sessions) = mpsc::channel(64);
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let spawn = Arc::clone(&connections);
        let kind = style.clone();
        let accepting = tokio::spawn(async move {
            let mut count = 0;
            while let Ok((stream, _)) = listener.accept().await {
                spawn.lock().await.spawn(connection(stream, kind.clone(), count, report.clone()));
                count += 1;
            }
        });
        Self { address, style, sessions: Mutex::new(sessions), connections, accepting }
    }

    pub fn address(&self) -> String {
        let scheme = if self.style == Style::SelfSigned { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it is, for what stands in front of it.
    pub fn socket_address(&self) -> SocketAddr {
        self.address
    }

    /// The next caller's report, once it has left.
    pub async fn session(&self) -> Session {
        timeout(LIMIT, self.sessions.lock().await.recv()).await.expect("the caller leaves in time").unwrap()
    }

    /// Drops every connection without a word, as a killed process does.
    pub async fn kill_connections(&self) {
        self.connections.lock().await.abort_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(style: &Style) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    if *style == Style::Deaf {
        // So that it is soon full.
        socket.set_recv_buffer_size(2_048).unwrap();
    }
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(64).unwrap()
}

async fn connection(mut stream: TcpStream, style: Style, count: usize, report: mpsc::Sender<Session>) {
    stream.set_nodelay(true).unwrap();
    match style {
        Style::Http(status) => {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let answer =
                format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Style::SaysNothing => while stream.read(&mut [0; 4_096]).await.is_ok_and(|count| count > 0) {},
        Style::HangsUp => {
            let _ = stream.read(&mut [0; 4_096]).await;
        }
        Style::TlsAlert => {
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 0x46]).await;
        }
        Style::NotHttp => {
            let _ = stream.write_all(b"220 mail.example ESMTP ready\r\n").await;
            let _ = stream.read(&mut [0; 4_096]).await;
        }
        Style::SelfSigned => {
            let _ = Certificate::self_signed("127.0.0.1").acceptor().accept(stream).await;
        }
        _ => upgrade(stream, style, count, report).await,
    }
}

async fn upgrade<S: Wire>(stream: S, style: Style, count: usize, report: mpsc::Sender<Session>) {
    let mut query = String::new();
    #[allow(clippy::result_large_err, reason = "the library's own signature")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().query().unwrap_or_default().clone_into(&mut query);
        if let Style::Token(token) = style {
            let shown = request.headers().get("authorization").map(HeaderValue::as_bytes);
            if shown != Some(format!("Bearer {token}").as_bytes()) {
                return Err(Response::builder().status(401).body(None).unwrap());
            }
        }
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, look).await else { return };
    let _ = report.send(serve(socket, style, count, &query).await).await;
}

/// What a WebSocket travels on.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

async fn serve<S: Wire>(mut socket: WebSocketStream<S>, style: Style, count: usize, query: &str) -> Session {
    let mut session = Session::default();
    match style {
        Style::PersonaPlex => {
            let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
            let given = |key: &str| pairs.iter().any(|(k, v)| k == key && !v.is_empty());
            if !given("voice_prompt") || !given("text_prompt") || given("seed") {
                // An exception after the upgrade: the connection just ends.
                return session;
            }
            // Reading the prompts. Whatever comes meanwhile is taken and thrown away.
            while let Ok(Some(Ok(message))) = timeout(Duration::from_millis(400), socket.next()).await {
                session.before_handshake += usize::from(!matches!(message, Message::Close(_)));
            }
        }
        Style::MoshiBackend => {
            let json =
                br#"{"text_temperature":0.8,"lm_model_file":"/models/m.gguf","build_info":{"git":"x"}}"#;
            send(&mut socket, [&[4], &json[..]].concat()).await;
        }
        Style::Busy { times } if count < times => {
            send(&mut socket, b"\x05This host is in another conversation.".to_vec()).await;
            let frame = CloseFrame { code: CloseCode::Again, reason: "busy".into() };
            let _ = socket.close(Some(frame)).await;
            while let Some(Ok(_)) = socket.next().await {}
            return session;
        }
        Style::Chatty => {
            for model in 0..2_000 {
                let json = format!(r#"{{"model":"{model}","timing":{{"backlog":{model}}}}}"#);
                send(&mut socket, [&[4], json.as_bytes()].concat()).await;
            }
        }
        Style::Silent => {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Close(frame) => session.close_code = frame.map(|f| f.code.into()),
                    _ => session.before_handshake += 1,
                }
            }
            return session;
        }
        _ => {}
    }
    let handshake = match style {
        Style::MoshiBackend | Style::MoshiServer => vec![0; 9],
        _ => vec![0],
    };
    send(&mut socket, handshake).await;
    match style {
        Style::Garbage => garbage(&mut socket).await,
        Style::NoSound => return no_sound(&mut socket).await,
        Style::EndlessText => return without_end(&mut socket, &[&b"\x02"[..], &[b'x'; 50]].concat()).await,
        Style::EndlessGarbage => return without_end(&mut socket, &[0xEE; 1_000]).await,
        _ => {}
    }
    talk(&mut socket, style, &mut session).await;
    session
}

async fn no_sound<S: Wire>(socket: &mut WebSocketStream<S>) -> Session {
    let mut clock = interval(Duration::from_millis(80));
    loop {
        tokio::select! {
            message = socket.next() => if !matches!(message, Some(Ok(_))) { return Session::default() },
            _ = clock.tick() => {
                send(socket, b"\x01this is no Ogg page".to_vec()).await;
                send(socket, b"\x02 la".to_vec()).await;
            }
        }
    }
}

/// Sends the same message until the caller has had enough.
async fn without_end<S: Wire>(socket: &mut WebSocketStream<S>, message: &[u8]) -> Session {
    let mut session = Session::default();
    let message = Message::Binary(Bytes::copy_from_slice(message));
    while socket.feed(message.clone()).await.is_ok() {
        // What the caller says meanwhile.
        while let Some(Some(Ok(said))) = socket.next().now_or_never() {
            if let Message::Close(frame) = said {
                session.close_code = frame.map(|f| f.code.into());
            }
        }
    }
    session
}

/// Sends a tone and words, and listens, until the caller leaves.
async fn talk<S: Wire>(socket: &mut WebSocketStream<S>, style: Style, session: &mut Session) {
    let mut voice = Voice::new(style.clone());
    for message in voice.header() {
        send(socket, message).await;
    }
    if style == Style::Lump {
        let mut lump = vec![1];
        for _ in 0..12_000 / 80 {
            for message in voice.block() {
                lump.extend_from_slice(&message[1..]);
            }
        }
        assert!(lump.len() > 20_000, "{} bytes", lump.len());
        send(socket, lump).await;
    }
    let words: &[&str] =
        if style == Style::Garbage { &[" after", " all", " that"] } else { &[" hello", " there"] };
    let mut reader = StreamReader::new().unwrap();
    let mut pcm = Vec::new();
    let mut clock = interval(Duration::from_millis(80));
    let mut block = 0_usize;
    let mut first = true;
    loop {
        tokio::select! {
            message = socket.next(), if style != Style::Deaf => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&1) => {
                    if first {
                        session.begins_with_head =
                            bytes[1..].starts_with(b"OggS") && bytes.windows(8).any(|w| w == b"OpusHead");
                        first = false;
                    }
                    reader.push(&bytes[1..], &mut pcm);
                    session.samples += pcm.len() as u64;
                    let before = session.peak;
                    session.peak = pcm.iter().fold(before, |peak, x| peak.max(x.abs()));
                    if style == Style::Answers && before < 0.1 && session.peak >= 0.1 {
                        send(socket, b"\x02 I hear you".to_vec()).await;
                    }
                    pcm.clear();
                    let stats = reader.stats();
                    session.undecodable = stats.undecodable_packets + stats.bad_crc + stats.skipped_bytes;
                }
                Some(Ok(Message::Ping(payload))) => {
                    session.ping_payloads += usize::from(!payload.is_empty());
                    if style == Style::MoshiBackend && payload.first().is_some_and(|b| *b > 6) {
                        return;
                    }
                }
                Some(Ok(Message::Close(frame))) => session.close_code = frame.map(|f| f.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            _ = clock.tick() => {
                if style == Style::FallsSilent && block > 5
                    || style == Style::Answers && session.samples < (block as u64 + 1) * BLOCK as u64
                {
                    continue;
                }
                for message in voice.block() {
                    if socket.send(Message::Binary(message.into())).await.is_err() {
                        return;
                    }
                }
                if let Some(word) = words.get(block / 3).filter(|_| block.is_multiple_of(3)) {
                    send(socket, [&[2], word.as_bytes()].concat()).await;
                }
                block += 1;
            }
        }
    }
}

async fn send<S: Wire>(socket: &mut WebSocketStream<S>, bytes: Vec<u8>) {
    let _ = socket.send(Message::Binary(Bytes::from(bytes))).await;
}

async fn garbage<S: Wire>(socket: &mut WebSocketStream<S>) {
    let messages: [&[u8]; 14] = [
        b"",
        b"\x02",
        b"\x02\xff\xfe\xc3",
        b"\x03c",
        b"\x04{\"a\":",
        b"\x04[1,2]",
        b"\x05made-up error",
        b"\x06",
        b"\x07\x01hi",
        b"\x0agarbage",
        b"\xff",
        b"\x00",
        b"\x01",
        b"\x01OggS and then nothing that makes sense at all",
    ];
    for message in messages {
        send(socket, message.to_vec()).await;
    }
    let _ = socket.send(Message::text("a text frame")).await;
    let _ = socket.send(Message::Ping(Bytes::from_static(b"hello"))).await;
    send(socket, [&[2][..], "x".repeat(100_000).as_bytes()].concat()).await;
    for _ in 0..300 {
        send(socket, [&[2][..], "endless ".repeat(20).as_bytes()].concat()).await;
    }
}

/// A 440 Hz tone in the form that a style sends.
struct Voice {
    style: Style,
    writer: StreamWriter,
    raw: opus::Encoder,
    sequence: u32,
    at: usize,
    glued: Option<Bytes>,
}

impl Voice {
    fn new(style: Style) -> Self {
        let settings =
            EncoderSettings { application: ogg_opus::Application::Voip, ..EncoderSettings::default() };
        Self {
            style,
            writer: StreamWriter::with_duration(&settings, PacketDuration::Ms40).unwrap(),
            raw: opus::Encoder::new(24_000, opus::Channels::Mono, opus::Application::Voip).unwrap(),
            sequence: 2,
            at: 0,
            glued: None,
        }
    }

    fn header(&mut self) -> Vec<Vec<u8>> {
        let header = self.writer.header();
        match self.style {
            Style::MoshiServer => vec![[&[1], &header[..]].concat()],
            Style::PersonaPlex => {
                // Its head says 24 kHz.
                let head = [&b"OpusHead\x01\x01\x00\x0f"[..], &24_000_u32.to_le_bytes(), &[0, 0, 0]].concat();
                let tags = b"OpusTags\x09\x00\x00\x00sphn-pyo3\x00\x00\x00\x00".to_vec();
                vec![self.page(&head, 0, 2, 0), self.page(&tags, 0, 0, 1)]
            }
            _ => {
                self.glued = Some(header);
                Vec::new()
            }
        }
    }

    fn page(&self, packet: &[u8], granule: u64, flags: u8, sequence: u32) -> Vec<u8> {
        let mut out = BytesMut::from(&[1][..]);
        page::write(&mut out, PageHeader { flags, granule, serial: 42, sequence }, &[packet]);
        out.to_vec()
    }

    fn block(&mut self) -> Vec<Vec<u8>> {
        let tone: Vec<f32> = (self.at..self.at + BLOCK)
            .map(|i| (i as f32 * 440.0 / 24_000.0 * std::f32::consts::TAU).sin() * 0.3)
            .collect();
        self.at += BLOCK;
        if self.style == Style::PersonaPlex {
            let packet = self.raw.encode_vec_float(&tone, 4_000).unwrap();
            let page = self.page(&packet, self.at as u64, 0, self.sequence);
            self.sequence += 1;
            return vec![page];
        }
        let mut pages: Vec<Bytes> =
            tone.chunks(BLOCK / 2).map(|half| self.writer.push_slice(half).unwrap()).collect();
        if let Some(header) = self.glued.take() {
            pages.insert(0, header);
        }
        if self.style == Style::MoshiBackend {
            pages.iter().map(|page| [&[1], &page[..]].concat()).collect()
        } else {
            vec![[&[1][..], &pages.concat()].concat()]
        }
    }
}
