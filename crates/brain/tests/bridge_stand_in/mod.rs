//! A bridge that does what it is told to, on a loopback port: as the known builds do it, quirks and all.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

mod build;
pub mod client;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

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
                connections.spawn(async move {
                    // The client may leave at any point.
                    let _ = build::serve(stream, &world).await;
                    world.change(|_| {});
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
