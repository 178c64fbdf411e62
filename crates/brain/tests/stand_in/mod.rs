//! A MAS that does what it is told to, on a loopback port: as the real one does it, and as things in front of it do.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::{interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

pub const STREAM: &str = "/voice/brain/stream";
pub const CHAT: &str = "/voice/brain/chat";
pub const ORCHESTRATOR: &str = "/voice/orchestrator/chat";

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How one request is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    head: Vec<(String, String)>,
    body: Vec<Piece>,
    /// Instead of an answer.
    raw: Option<Vec<u8>>,
    /// Whether it opens a WebSocket, on which each piece is a message.
    socket: bool,
}

/// A part of a body.
#[derive(Debug, Clone)]
pub enum Piece {
    /// On a socket, so many messages a second, made of their number, until the client leaves.
    Flood(u32, fn(u64) -> String),
    /// A chunk of its own, so that the client gets it by itself.
    Bytes(Vec<u8>),
    /// Nothing more until [`StandIn::release`].
    Hold,
    /// This again and again, until the client leaves.
    Forever(Vec<u8>),
    /// Hangs up in the middle.
    HangUp,
}

impl Reply {
    /// A status and a document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::of(status, "application/json", vec![Piece::Bytes(document.to_string().into_bytes())])
    }

    /// A body of any kind.
    pub fn of(status: u16, kind: &str, body: Vec<Piece>) -> Self {
        Self { status, head: vec![("content-type".into(), kind.into())], body, raw: None, socket: false }
    }

    /// Server-sent events.
    pub fn events(body: Vec<Piece>) -> Self {
        Self::of(200, "text/event-stream; charset=utf-8", body)
    }

    /// The brain's stream as it is, one token a piece.
    pub fn tokens(tokens: &[&str]) -> Self {
        let mut body: Vec<Piece> = tokens.iter().map(|token| Piece::token(token)).collect();
        body.push(Piece::data(&json!({ "done": true, "session_id": "s", "conversation_id": "c" })));
        Self::events(body)
    }

    /// What FastAPI says of a path that it does not have.
    pub fn missing() -> Self {
        Self::json(404, &json!({ "detail": "Not Found" }))
    }

    /// What the limiter of MAS says.
    pub fn limited(retry_after: Option<&str>) -> Self {
        let remaining = json!({ "minute_remaining": 0, "hour_remaining": 940 });
        let reply = Self::json(429, &json!({ "detail": "Rate limit exceeded", "remaining": remaining }));
        match retry_after {
            Some(wait) => reply.with("retry-after", wait),
            None => reply,
        }
    }

    /// No HTTP at all.
    pub fn raw(bytes: &[u8]) -> Self {
        Self { status: 0, head: Vec::new(), body: Vec::new(), raw: Some(bytes.to_vec()), socket: false }
    }

    /// A WebSocket as those that push: after its greeting these messages, then nothing. Answers signs of life.
    pub fn socket(mut messages: Vec<Piece>) -> Self {
        messages.insert(0, Piece::text(&json!({ "type": "connected", "message": "m" }).to_string()));
        Self { socket: true, ..Self::of(101, "", messages) }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push((name.into(), value.into()));
        self
    }
}

impl Piece {
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    pub fn data(value: &Value) -> Self {
        Self::text(&format!("data: {value}\n\n"))
    }

    pub fn token(token: &str) -> Self {
        Self::data(&json!({ "token": token }))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With what stands behind the question mark.
    pub target: String,
    /// Names in lower case.
    pub head: Vec<(String, String)>,
    pub body: Value,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

#[derive(Default)]
struct State {
    replies: HashMap<String, VecDeque<Reply>>,
    requests: Vec<Request>,
    model_calls: usize,
    signs_of_life: usize,
}

/// The server. Paths that it was not told of are missing, as in a build that does not have them.
pub struct StandIn {
    port: u16,
    state: Arc<Mutex<State>>,
    holds: Arc<Semaphore>,
    left: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    accepting: JoinHandle<()>,
}

impl StandIn {
    pub async fn start() -> Self {
        Self::start_at(0).await
    }

    /// At a port where there was one before.
    pub async fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let holds = Arc::new(Semaphore::new(0));
        let (leaves, left) = mpsc::unbounded_channel();
        let (shared, gate) = (Arc::clone(&state), Arc::clone(&holds));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, gate, leaves) = (Arc::clone(&shared), Arc::clone(&gate), leaves.clone());
                connections.spawn(async move {
                    let mut path = String::new();
                    // The client may leave at any point.
                    let _ = serve(stream, &shared, &gate, &mut path).await;
                    let _ = leaves.send(path);
                });
            }
        });
        Self { port, state, holds, left: tokio::sync::Mutex::new(left), accepting }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.socket_address())
    }

    pub fn socket_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The next request to a path is answered so; later ones wait their turn, and the last one stays.
    pub fn reply(&self, path: &str, reply: Reply) -> &Self {
        self.state.lock().unwrap().replies.entry(path.to_owned()).or_default().push_back(reply);
        self
    }

    /// Forgets how a path is answered.
    pub fn forget(&self, path: &str) {
        self.state.lock().unwrap().replies.remove(path);
    }

    /// Lets one [`Piece::Hold`] go on.
    pub fn release(&self) {
        self.holds.add_permits(1);
    }

    /// How often a model was called.
    pub fn model_calls(&self) -> usize {
        self.state.lock().unwrap().model_calls
    }

    /// How many signs of life came over sockets.
    pub fn signs_of_life(&self) -> usize {
        self.state.lock().unwrap().signs_of_life
    }

    /// How often a path was asked for.
    pub fn times(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == path).count()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.path().to_owned()).collect()
    }

    /// Waits until one more connection is over.
    pub async fn connection_ended(&self) {
        timeout(PATIENCE, self.left.lock().await.recv()).await.expect("a connection ends").unwrap();
    }

    /// Waits until one more connection is over on which something below this path was asked for.
    pub async fn connection_to_ended(&self, path: &str) {
        let mut left = self.left.lock().await;
        let ended = async { while !left.recv().await.unwrap().starts_with(path) {} };
        timeout(PATIENCE, ended).await.expect("a connection ends");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Whether MAS has called a model by the time that it sends this status. 429, 422 and a missing path come before the
/// handler. The stream calls it after its status; the others may have called it before they failed.
fn calls_model(path: &str, status: u16) -> bool {
    match path {
        STREAM => matches!(status, 0 | 200 | 502 | 504),
        CHAT | ORCHESTRATOR => matches!(status, 0 | 200 | 500..=599),
        _ => false,
    }
}

async fn serve(
    stream: TcpStream,
    state: &Mutex<State>,
    holds: &Semaphore,
    asked: &mut String,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream).await?;
    let path = request.path().to_owned();
    asked.clone_from(&path);
    let reply = {
        let mut state = state.lock().unwrap();
        state.requests.push(request.clone());
        let reply = match state.replies.get_mut(&path) {
            Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some(replies) => replies[0].clone(),
            None => Reply::missing(),
        };
        state.model_calls += usize::from(calls_model(&path, reply.status));
        reply
    };
    if let Some(raw) = reply.raw {
        stream.write_all(&raw).await?;
        return stream.shutdown().await;
    }
    if reply.socket {
        return push(stream, &request, reply.body, state, holds).await;
    }
    let mut head = format!("HTTP/1.1 {} Whatever\r\ntransfer-encoding: chunked\r\n", reply.status);
    for (name, value) in &reply.head {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    for piece in reply.body {
        match piece {
            Piece::Bytes(bytes) => chunk(&mut stream, &bytes).await?,
            Piece::Hold => hold(&mut stream, holds).await?,
            Piece::Forever(bytes) => loop {
                chunk(&mut stream, &bytes).await?;
            },
            Piece::Flood(..) => unreachable!("it is for sockets"),
            Piece::HangUp => return stream.shutdown().await,
        }
    }
    stream.write_all(b"0\r\n\r\n").await?;
    stream.shutdown().await
}

async fn push(
    mut stream: BufReader<TcpStream>,
    request: &Request,
    messages: Vec<Piece>,
    state: &Mutex<State>,
    holds: &Semaphore,
) -> std::io::Result<()> {
    let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Whatever\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let (mut to, mut from) = WebSocketStream::from_raw_socket(stream, Role::Server, None).await.split();
    let (sign, mut signs) = mpsc::unbounded_channel();
    let hearing = async {
        while let Some(Ok(message)) = from.next().await {
            if message.to_text().is_ok_and(|text| text.contains("ping")) {
                state.lock().unwrap().signs_of_life += 1;
                sign.send(()).unwrap();
            }
        }
    };
    let saying = async {
        for piece in messages {
            match piece {
                Piece::Bytes(text) => to.send(Message::text(String::from_utf8(text).unwrap())).await.unwrap(),
                Piece::Hold => holds.acquire().await.unwrap().forget(),
                Piece::Forever(text) => loop {
                    let message = Message::text(String::from_utf8(text.clone()).unwrap());
                    if to.send(message).await.is_err() {
                        return;
                    }
                },
                Piece::Flood(rate, message) => return flood(&mut to, rate, message).await,
                Piece::HangUp => return,
            }
        }
        while signs.recv().await.is_some() {
            let _ = to.send(Message::text(r#"{"type":"pong"}"#)).await;
        }
    };
    tokio::select! {
        () = hearing => {}
        () = saying => {}
    }
    Ok(())
}

/// Every hundredth of a second as many as are due by then.
async fn flood<S>(to: &mut S, rate: u32, message: fn(u64) -> String)
where
    S: SinkExt<Message> + Unpin,
{
    let began = Instant::now();
    let mut tick = interval(Duration::from_millis(10));
    for number in 0.. {
        while began.elapsed().as_secs_f64() * f64::from(rate) < number as f64 {
            if to.flush().await.is_err() {
                return;
            }
            tick.tick().await;
        }
        if to.feed(Message::text(message(number))).await.is_err() {
            return;
        }
    }
}

async fn chunk(stream: &mut BufReader<TcpStream>, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
    stream.write_all(bytes).await?;
    stream.write_all(b"\r\n").await
}

/// Waits to be released, or for the client to leave.
async fn hold(stream: &mut BufReader<TcpStream>, holds: &Semaphore) -> std::io::Result<()> {
    tokio::select! {
        permit = holds.acquire() => {
            permit.unwrap().forget();
            Ok(())
        }
        _ = stream.read_u8() => Err(std::io::ErrorKind::ConnectionAborted.into()),
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (method, target) = (words.next().ok_or_else(gone)?, words.next().ok_or_else(gone)?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        head.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length =
        head.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Ok(Request { method, target, head, body })
}
