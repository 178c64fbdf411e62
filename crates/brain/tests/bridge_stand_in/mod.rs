//! A bridge that does what it is told to, on a loopback port: as the known builds do it, quirks and all.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, mpsc},
    task::{AbortHandle, JoinHandle, JoinSet},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use uuid::Uuid;

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What a bridge answers that has a sentence ready.
pub const PREPARED: &str = "I'm here and listening.";

/// The builds. All of them say that they are 8.2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Says nothing before Moshi does, cuts injections, reports raw exceptions.
    B1,
    /// Says that it is there, and does not pass the microphone on.
    B2,
    /// Answers with a prepared sentence first, and speaks replies to speech itself.
    B3,
    /// The same without Moshi, with a recogniser of its own.
    B3Local,
}

/// What Moshi does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moshi {
    Up,
    Loading,
    Down,
}

/// What MAS does with one question.
#[derive(Debug, Clone)]
pub enum Mas {
    Says(String),
    /// The same, after [`StandIn::release`].
    SaysLater(String),
    Fails,
    SaysNothing,
    /// Neither the bridge nor MAS ever says anything more of it.
    Vanishes,
}

/// A request over HTTP as it came, the upgrade to a WebSocket among them.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    build: Option<Build>,
    moshi: Option<Moshi>,
    answers: VecDeque<Mas>,
    /// Pieces of Moshi's that come between words of MAS.
    between: Vec<String>,
    extra: Vec<Value>,
    http: HashMap<String, (u16, String)>,
    requests: Vec<Request>,
    said: Vec<Value>,
    binaries: Vec<Vec<u8>>,
    kept: Vec<String>,
    model_calls: usize,
    closes: Vec<Option<u16>>,
    /// Where events of a session go: to its last socket.
    sockets: HashMap<String, mpsc::UnboundedSender<Out>>,
    /// Sessions in which the handshake was told of.
    shaken: Vec<String>,
    sessions: Vec<String>,
    connections: usize,
    /// Sockets that are open.
    serving: Vec<AbortHandle>,
}

enum Out {
    Message(Message),
    HangUp,
}

/// The bridge.
pub struct StandIn {
    port: u16,
    world: Arc<World>,
    accepting: JoinHandle<()>,
}

struct World {
    state: Mutex<State>,
    changed: Notify,
    holds: Semaphore,
}

impl StandIn {
    pub async fn start(build: Build, moshi: Moshi) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { build: Some(build), moshi: Some(moshi), ..State::default() };
        let world =
            Arc::new(World { state: Mutex::new(state), changed: Notify::new(), holds: Semaphore::new(0) });
        let shared = Arc::clone(&world);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let world = Arc::clone(&shared);
                let handle = connections.spawn(async move {
                    // The client may leave at any point.
                    let _ = serve(stream, &world).await;
                    world.change(|_| {});
                });
                shared.change(|state| {
                    state.connections += 1;
                    state.serving.push(handle);
                });
            }
        });
        Self { port, world, accepting }
    }

    pub fn address(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The next question is answered so; later ones wait their turn.
    pub fn answer(&self, answer: Mas) -> &Self {
        self.world.change(|state| state.answers.push_back(answer));
        self
    }

    pub fn says(&self, reply: &str) -> &Self {
        self.answer(Mas::Says(reply.into()))
    }

    /// Moshi says these between words of MAS.
    pub fn moshi_says_between(&self, pieces: &[&str]) {
        self.world.change(|state| state.between = pieces.iter().map(|piece| (*piece).to_owned()).collect());
    }

    /// What is told of MAS beside each reply.
    pub fn tells_too(&self, kind: &str, data: Value) {
        self.world.change(|state| state.extra.push(mas_event(kind, data)));
    }

    /// A path is answered so from now on.
    pub fn http(&self, path: &str, status: u16, body: &str) {
        self.world.change(|state| state.http.insert(path.into(), (status, body.into())));
    }

    /// Moshi does something else from the next connection on; one that waits for it goes on now.
    pub fn moshi(&self, moshi: Moshi) {
        self.world.change(|state| state.moshi = Some(moshi));
    }

    /// Lets one [`Mas::SaysLater`] go on.
    pub fn release(&self) {
        self.world.holds.add_permits(1);
    }

    /// Sends something to the last socket of every session.
    pub fn send(&self, message: Message) {
        self.world.change(|state| {
            for socket in state.sockets.values() {
                let _ = socket.send(Out::Message(message.clone()));
            }
        });
    }

    pub fn send_json(&self, message: &Value) {
        self.send(Message::Text(message.to_string().into()));
    }

    pub fn send_text(&self, text: &str) {
        self.send_json(&json!({ "type": "text", "text": text, "speaker": "myca" }));
    }

    /// Ends all sockets without a word, and forgets all sessions, as when the bridge starts again.
    pub fn restart(&self) {
        self.world.change(|state| {
            for socket in state.sockets.values() {
                let _ = socket.send(Out::HangUp);
            }
            state.sockets.clear();
            state.sessions.clear();
            state.shaken.clear();
        });
    }

    pub fn model_calls(&self) -> usize {
        self.world.state.lock().unwrap().model_calls
    }

    pub fn requests(&self) -> Vec<Request> {
        self.world.state.lock().unwrap().requests.clone()
    }

    /// The sessions whose sockets were opened, in order.
    pub fn opened(&self) -> Vec<String> {
        let opened =
            |request: Request| Some(request.target.strip_prefix("/ws/")?.split('?').next()?.to_owned());
        self.requests().into_iter().filter_map(opened).collect()
    }

    /// JSON that came.
    pub fn said(&self) -> Vec<Value> {
        self.world.state.lock().unwrap().said.clone()
    }

    /// Binary messages that came.
    pub fn binaries(&self) -> Vec<Vec<u8>> {
        self.world.state.lock().unwrap().binaries.clone()
    }

    /// What was kept of what the person said.
    pub fn kept(&self) -> Vec<String> {
        self.world.state.lock().unwrap().kept.clone()
    }

    /// How sockets were closed: by which code, or by no close frame.
    pub fn closes(&self) -> Vec<Option<u16>> {
        self.world.state.lock().unwrap().closes.clone()
    }

    /// Waits until something is so.
    pub async fn until(&self, mut is_so: impl FnMut(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.world.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if is_so(self) {
                    return;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it becomes so in time");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl World {
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let changed = change(&mut self.state.lock().unwrap());
        self.changed.notify_waiters();
        changed
    }

    fn build(&self) -> Build {
        self.state.lock().unwrap().build.unwrap()
    }

    /// To the last socket of the session.
    fn tell(&self, session: &str, message: &Value) {
        self.push(session, Message::Text(message.to_string().into()));
    }

    fn push(&self, session: &str, message: Message) {
        if let Some(socket) = self.state.lock().unwrap().sockets.get(session) {
            let _ = socket.send(Out::Message(message));
        }
    }

    fn tool(&self, session: &str, mut data: Value) {
        let id: String = session.chars().take(8).collect();
        data["id"] = format!("brain_{id}").into();
        data["tool"] = "mas_brain_query".into();
        self.tell(session, &mas_event("tool_call", data));
    }
}

fn mas_event(kind: &str, data: Value) -> Value {
    json!({ "type": "mas_event", "event": {
        "id": data["id"], "type": kind, "source": "personaplex_bridge", "message": kind, "data": data,
        "timestamp": "2026-02-17T10:38:00+00:00",
    } })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text, "speaker": "myca" })
}

async fn serve(stream: TcpStream, world: &Arc<World>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let (mut key, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "sec-websocket-key" => key = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    world.change(|state| {
        state.requests.push(Request { method: method.clone(), target: target.clone(), body: body.clone() });
    });
    let path = target.split('?').next().unwrap().to_owned();
    match (key, path.strip_prefix("/ws/")) {
        (Some(key), Some(session)) => {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            let socket = WebSocketStream::from_raw_socket(stream.into_inner(), Role::Server, None).await;
            socket_of(socket, session.to_owned(), world).await;
            Ok(())
        }
        _ => {
            let (status, body) = answer(&method, &path, &body, world);
            let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
            let head = format!(
                "HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
            stream.shutdown().await
        }
    }
}

fn answer(method: &str, path: &str, body: &Value, world: &World) -> (u16, String) {
    if let Some((status, body)) = world.state.lock().unwrap().http.get(path) {
        return (*status, body.clone());
    }
    match (method, path) {
        ("POST", "/session") => {
            let session = Uuid::new_v4().to_string();
            world.change(|state| state.sessions.push(session.clone()));
            let document = json!({
                "session_id": session, "conversation_id": body["conversation_id"], "user_id": body["user_id"],
                "created_at": "2026-02-17T10:38:00+00:00", "history_count": 0, "duplex_enabled": false,
            });
            (200, document.to_string())
        }
        ("GET", "/health") => {
            let build = world.build();
            let mut document = json!({
                "status": "healthy", "version": "8.2.0", "moshi_available": true, "moshi_url": "http://localhost:8998",
                "mas_url": "http://mas.example:8001", "persona_length": 1046, "voice_store_connected": true,
                "map_clients_connected": 0, "features": { "full_duplex": true, "mas_tool_calls": true },
            });
            if matches!(build, Build::B3 | Build::B3Local) {
                document["local_stt_mode"] = (build == Build::B3Local).into();
                document["gpu_profile"] =
                    json!({ "profile_id": "rtx4080_16gb", "gpu_name": "RTX 4080", "vram_total_gb": 16.0 });
            }
            (200, document.to_string())
        }
        ("GET", path) if path.ends_with("/history") => {
            let session = path.trim_start_matches("/session/").trim_end_matches("/history");
            let state = world.state.lock().unwrap();
            if !state.sessions.iter().any(|known| known == session) {
                return (404, json!({ "error": "Session not found" }).to_string());
            }
            let turn = json!({ "role": "user", "content": "from earlier", "timestamp": "x" });
            let document = json!({ "session_id": session, "transcript_history": [], "loaded_history": [turn], "total_turns": 1 });
            (200, document.to_string())
        }
        _ => (404, json!({ "detail": "Not Found" }).to_string()),
    }
}

async fn socket_of(socket: WebSocketStream<TcpStream>, session: String, world: &Arc<World>) {
    let build = world.build();
    let (mut write, mut read) = socket.split();
    let (out, mut queue) = mpsc::unbounded_channel();
    // The later socket of a session gets what is told.
    world.change(|state| state.sockets.insert(session.clone(), out.clone()));
    let writing = async {
        while let Some(next) = queue.recv().await {
            match next {
                Out::Message(message) => write.send(message).await.map_err(|_| ())?,
                Out::HangUp => return Err(()),
            }
        }
        Err::<(), ()>(())
    };
    let living = live(build, &session, &out, &mut read, world);
    tokio::select! {
        _ = writing => {}
        () = living => {
            // The endpoint returns: what was told goes out, then the socket ends.
            while let Ok(Out::Message(message)) = queue.try_recv() {
                let _ = write.send(message).await;
            }
            if build != Build::B1 {
                let _ = write.close().await;
            }
        }
    }
    world.change(|state| {
        if state.sockets.get(&session).is_some_and(|socket| socket.same_channel(&out)) {
            state.sockets.remove(&session);
        }
    });
}

type Read = futures_util::stream::SplitStream<WebSocketStream<TcpStream>>;

async fn live(
    build: Build,
    session: &str,
    out: &mpsc::UnboundedSender<Out>,
    read: &mut Read,
    world: &Arc<World>,
) {
    let send = |message: Message| {
        let _ = out.send(Out::Message(message));
    };
    let json = |value: Value| send(Message::Text(value.to_string().into()));
    let voice = json!({ "session_id": session, "voice": "myca", "voice_prompt": "NATF2.pt" });
    let with = |kind: &str, more: Value| {
        let mut message = voice.clone();
        message["type"] = kind.into();
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        message
    };
    match build {
        Build::B1 => {}
        Build::B2 => json(with("bridge_ready", json!({ "moshi_pending": true }))),
        Build::B3 => json(with("bridge_ready", json!({ "moshi_pending": true, "local_stt_mode": false }))),
        Build::B3Local => {
            json(with("bridge_ready", json!({ "moshi_pending": false, "local_stt_mode": true })));
            world.change(|state| state.shaken.push(session.to_owned()));
            send(Message::Binary(vec![0].into()));
            json(with("moshi_ready", json!({ "local_stt_mode": true })));
            pump(session, read, world).await;
            return;
        }
    }
    if world.state.lock().unwrap().moshi == Some(Moshi::Down) {
        let message = match build {
            Build::B1 => {
                "Cannot connect to host localhost:8998 ssl:default [Connect call failed ('127.0.0.1', 8998)]"
            }
            _ => {
                "Moshi unreachable at localhost:8998. Ensure Moshi is running; run _start_voice_system.py to warm up."
            }
        };
        json(json!({ "type": "error", "message": message }));
        return;
    }
    let history = json!({ "type": "history_loaded", "turns": 2, "conversation_id": "c" });
    if build != Build::B1 {
        json(history.clone());
    }
    let comes = async {
        loop {
            let changed = world.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if world.state.lock().unwrap().moshi == Some(Moshi::Up) {
                break;
            }
            changed.await;
        }
        // Once in a session, however many sockets it has.
        let is_first = world.change(|state| {
            let is_first = !state.shaken.iter().any(|known| known == session);
            state.shaken.push(session.to_owned());
            is_first
        });
        if is_first {
            send(Message::Binary(vec![0].into()));
            match build {
                Build::B1 => json(history),
                _ => json(with("moshi_ready", json!({}))),
            }
        }
    };
    if build == Build::B1 {
        // Nothing is read before Moshi is there.
        comes.await;
        pump(session, read, world).await;
    } else {
        tokio::join!(comes, pump(session, read, world));
    }
}

async fn pump(session: &str, read: &mut Read, world: &Arc<World>) {
    let mut questions = JoinSet::new();
    loop {
        match read.next().await {
            Some(Ok(Message::Binary(bytes))) => world.change(|state| state.binaries.push(bytes.to_vec())),
            Some(Ok(Message::Text(text))) => {
                let Ok(message) = serde_json::from_str::<Value>(&text) else { continue };
                world.change(|state| state.said.push(message.clone()));
                let words = message["text"].as_str().unwrap_or_default();
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if words.chars().count() < 2 {
                    continue;
                }
                let is_speech = message["type"] == "user_speech";
                let speaks = world.build() == Build::B3 && is_speech;
                if !speaks {
                    world.change(|state| state.kept.push(words.clone()));
                }
                let (world, session) = (Arc::clone(world), session.to_owned());
                questions.spawn(async move { question(&world, &session, &words, speaks).await });
            }
            Some(Ok(Message::Close(frame))) => {
                world.change(|state| state.closes.push(frame.map(|frame| frame.code.into())));
                return;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                world.change(|state| state.closes.push(None));
                return;
            }
        }
    }
}

async fn question(world: &World, session: &str, words: &str, speaks: bool) {
    let build = world.build();
    let query: String = words.chars().take(50).collect();
    world.tool(session, json!({ "query": query, "status": "running" }));
    let injection = |content: &str| {
        mas_event("injection", json!({ "type": "brain_response", "content": content, "status": "available" }))
    };
    if matches!(build, Build::B3 | Build::B3Local) {
        world.tell(session, &injection(PREPARED));
        if speaks || build == Build::B3Local {
            world.tell(session, &text(PREPARED));
            world.tell(session, &json!({ "type": "tts_stream_start", "packets": 2 }));
            for packet in [&b"\x01\x08one"[..], b"\x01\x08two"] {
                world.push(session, Message::Binary(packet.to_vec().into()));
            }
        }
        world.tool(session, json!({ "status": "success", "duration": 0 }));
    }
    let (answer, between, extra) = world.change(|state| {
        state.model_calls += 1;
        (state.answers.pop_front(), state.between.clone(), state.extra.clone())
    });
    let reply = match answer {
        Some(Mas::Says(reply)) => Some(reply),
        Some(Mas::SaysLater(reply)) => {
            world.holds.acquire().await.unwrap().forget();
            Some(reply)
        }
        Some(Mas::SaysNothing) => Some(String::new()),
        Some(Mas::Fails) | None => None,
        Some(Mas::Vanishes) => return,
    };
    if reply.is_some() {
        extra.iter().for_each(|event| world.tell(session, event));
    }
    if matches!(build, Build::B3 | Build::B3Local) {
        if let Some(reply) = reply.filter(|reply| !reply.is_empty() && reply != PREPARED) {
            world.tell(session, &injection(&reply));
        }
        return;
    }
    let Some(reply) = reply else {
        world.tool(session, json!({ "status": "timeout" }));
        return;
    };
    if !reply.is_empty() {
        let cut: String = reply.chars().take(200).collect();
        world.tell(session, &injection(if build == Build::B1 { &cut } else { &reply }));
        let mut between = between.iter().cycle();
        for word in reply.split_whitespace() {
            if let Some(piece) = between.next() {
                world.tell(session, &text(piece));
            }
            world.tell(session, &text(&format!("{word} ")));
        }
    }
    world.tool(session, json!({ "status": "success", "duration": 0 }));
}
