//! A daemon of Docker on a socket, as far as this crate asks it: version 1.47 of its API, with the answers and words of
//! Docker 27. Containers are played: what they print and how they end is told by a [`Plan`].

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, UnixListener, UnixStream},
    sync::watch,
};

/// What happens to containers, and what there is before them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Images that are here.
    pub(crate) images: Vec<String>,
    /// Whether the image can be downloaded.
    pub(crate) pulls: bool,
    /// What the daemon says instead of starting a container: status and words. One for each start; then they start.
    pub(crate) refusals: Vec<(u16, String)>,
    /// What each container prints.
    pub(crate) prints: Vec<String>,
    /// With which code and whether for want of memory each container ends after that; none: it serves until it is stopped.
    pub(crate) ends: Option<(i64, bool)>,
    /// What `GET /info` tells.
    pub(crate) info: Value,
    /// Containers that an earlier app left behind: id and state.
    pub(crate) left: Vec<(String, &'static str)>,
}

#[derive(Debug, Clone)]
struct Fate {
    exit: Option<i64>,
    out_of_memory: bool,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    /// Every request, method and path with its query.
    requests: Vec<String>,
    created: Vec<Value>,
    removed: Vec<String>,
    /// What came in by standard input before the server began.
    first_lines: Vec<String>,
    running: HashMap<String, (watch::Sender<Fate>, watch::Receiver<Fate>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Daemon(Arc<Mutex<State>>);

impl Daemon {
    pub(crate) fn at(socket: &Path, plan: Plan) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let daemon = Self(Arc::new(Mutex::new(State {
            plan,
            requests: Vec::new(),
            created: Vec::new(),
            removed: Vec::new(),
            first_lines: Vec::new(),
            running: HashMap::new(),
        })));
        let serving = daemon.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let daemon = serving.clone();
                tokio::spawn(async move { daemon.serve(BufReader::new(stream)).await });
            }
        });
        daemon
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.with(|state| state.requests.clone())
    }

    pub(crate) fn created(&self) -> Vec<Value> {
        self.with(|state| state.created.clone())
    }

    pub(crate) fn removed(&self) -> Vec<String> {
        self.with(|state| state.removed.clone())
    }

    pub(crate) fn first_lines(&self) -> Vec<String> {
        self.with(|state| state.first_lines.clone())
    }

    async fn serve(&self, mut stream: BufReader<UnixStream>) {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        self.with(|state| state.requests.push(format!("{method} {target}")));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = match path.strip_prefix("/v1.") {
            Some(rest) => {
                let (version, path) = rest.split_once('/').unwrap();
                if version != "47" {
                    let words = format!(
                        "client version 1.{version} is too new. Maximum supported API version is 1.47"
                    );
                    return answer(&mut stream, 400, &json!({ "message": words })).await;
                }
                path
            }
            None => path.trim_start_matches('/'),
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (method, &parts[..]) {
            ("GET", ["version"]) => {
                answer(&mut stream, 200, &json!({ "ApiVersion": "1.47", "Version": "27.5.1" })).await;
            }
            ("GET", ["info"]) => {
                let info = self.with(|state| state.plan.info.clone());
                answer(&mut stream, 200, &info).await;
            }
            ("GET", ["images", name @ .., "json"]) => {
                let name = name.join("/");
                if self.with(|state| state.plan.images.contains(&name)) {
                    answer(&mut stream, 200, &json!({ "Id": "sha256:1" })).await;
                } else {
                    answer(&mut stream, 404, &json!({ "message": format!("No such image: {name}") })).await;
                }
            }
            ("POST", ["images", "create"]) => self.pull(&mut stream, query).await,
            ("GET", ["containers", "json"]) => {
                let left = self.with(|state| state.plan.left.clone());
                let list: Vec<Value> = left
                    .iter()
                    .map(|(id, state)| json!({ "Id": id, "State": state, "Created": 1 }))
                    .collect();
                answer(&mut stream, 200, &json!(list)).await;
            }
            ("POST", ["containers", "create"]) => {
                let body: Value = serde_json::from_slice(&body).unwrap();
                let id = self.with(|state| {
                    state.created.push(body);
                    let id = format!("container{}", state.created.len());
                    let fate = watch::channel(Fate { exit: None, out_of_memory: false });
                    state.running.insert(id.clone(), fate);
                    id
                });
                answer(&mut stream, 201, &json!({ "Id": id, "Warnings": [] })).await;
            }
            ("POST", ["containers", id, "attach"]) => self.attach(stream, id).await,
            ("POST", ["containers", id, "start"]) => {
                let refusal = self
                    .with(|state| (!state.plan.refusals.is_empty()).then(|| state.plan.refusals.remove(0)));
                match refusal {
                    Some((status, words)) => answer(&mut stream, status, &json!({ "message": words })).await,
                    None => {
                        self.play(id);
                        answer(&mut stream, 204, &Value::Null).await;
                    }
                }
            }
            ("POST", ["containers", id, "stop"]) => {
                self.end(id, 0, false);
                answer(&mut stream, 204, &Value::Null).await;
            }
            ("POST", ["containers", id, "wait"]) => {
                let code = self.ended(id).await.exit;
                answer(&mut stream, 200, &json!({ "StatusCode": code })).await;
            }
            ("GET", ["containers", id, "json"]) => {
                let fate = self.with(|state| state.running[*id].1.borrow().clone());
                let state = json!({ "Running": fate.exit.is_none(), "OOMKilled": fate.out_of_memory, "ExitCode": fate.exit });
                answer(&mut stream, 200, &json!({ "Id": id, "RestartCount": 0, "State": state })).await;
            }
            ("DELETE", ["containers", id]) => {
                self.with(|state| state.removed.push((*id).to_owned()));
                answer(&mut stream, 204, &Value::Null).await;
            }
            _ => answer(&mut stream, 404, &json!({ "message": "page not found" })).await,
        }
    }

    async fn pull(&self, stream: &mut BufReader<UnixStream>, query: &str) {
        let lines = if self.with(|state| state.plan.pulls) {
            // As it is asked for from now on.
            self.with(|state| state.plan.images.push("mycosoft/moshi-voice:latest".to_owned()));
            vec![
                json!({ "status": "Pulling from mycosoft/moshi-voice", "id": "latest" }),
                json!({ "status": "Downloading", "progressDetail": { "current": 5, "total": 100 }, "id": "a1" }),
                json!({ "status": "Download complete", "progressDetail": {}, "id": "a1" }),
                json!({ "status": "Extracting", "progressDetail": { "current": 50, "total": 100 }, "id": "a1" }),
                json!({ "status": "Status: Downloaded newer image" }),
            ]
        } else {
            let words = "pull access denied for mycosoft/moshi-voice, repository does not exist or may require 'docker login'";
            vec![json!({ "errorDetail": { "message": words }, "error": words })]
        };
        assert!(query.contains("tag=latest"), "without a tag all of them would come: {query}");
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        stream.write_all(format!("{head}{lines}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }

    /// Streams are taken over: what comes in is standard input, what goes out are pieces of both outputs.
    async fn attach(&self, mut stream: BufReader<UnixStream>, id: &str) {
        let head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\n\
                    Upgrade: tcp\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut first = String::new();
        if stream.read_line(&mut first).await.is_ok() {
            self.with(|state| state.first_lines.push(first.trim_end().to_owned()));
        }
        let prints = self.with(|state| state.plan.prints.clone());
        for (number, text) in prints.iter().enumerate() {
            // Cut where nobody would cut, as Docker cuts what is written at once.
            let text = format!("{text}\n");
            let source = 1 + u8::try_from(number % 2).unwrap();
            let (a, b) = text.as_bytes().split_at(text.len() / 2);
            for piece in [a, b] {
                let mut head = vec![source, 0, 0, 0];
                head.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_be_bytes());
                // Whoever is attached may be gone.
                let _ = stream.write_all(&[&head, piece].concat()).await;
            }
        }
        if let Some((code, out_of_memory)) = self.with(|state| state.plan.ends) {
            self.end(id, code, out_of_memory);
        }
        let mut rest = Vec::new();
        tokio::select! {
            // Standard input ends: what runs in the container ends the server then.
            _ = stream.read_to_end(&mut rest) => self.end(id, 143, false),
            _ = self.ended(id) => {}
        }
        let _ = stream.shutdown().await;
    }

    /// The server in the container: at the port on this computer that was asked for.
    fn play(&self, id: &str) {
        let (created, mut fate) =
            self.with(|state| (state.created.last().unwrap().clone(), state.running[id].1.clone()));
        let binding = &created["HostConfig"]["PortBindings"]["8998/tcp"][0];
        assert_eq!(binding["HostIp"], "127.0.0.1");
        let port: u16 = binding["HostPort"].as_str().unwrap().parse().unwrap();
        if self.with(|state| state.plan.ends.is_some()) {
            return;
        }
        tokio::spawn(async move {
            let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
            let serving = async {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut asked = [0; 2048];
                    let _ = stream.read(&mut asked).await;
                    let text = "HTTP/1.1 400 Bad Request\r\nServer: Python/3.12 aiohttp/3.11.18\r\nConnection: close\r\n\r\n\
                                No WebSocket UPGRADE hdr: None";
                    let _ = stream.write_all(text.as_bytes()).await;
                }
            };
            tokio::select! {
                () = serving => {}
                _ = fate.wait_for(|fate| fate.exit.is_some()) => {}
            }
        });
    }

    /// Ends a container, as it may by itself.
    pub(crate) fn end(&self, id: &str, code: i64, out_of_memory: bool) {
        self.with(|state| {
            state.running[id].0.send_if_modified(|fate| {
                let first = fate.exit.is_none();
                if first {
                    *fate = Fate { exit: Some(code), out_of_memory };
                }
                first
            })
        });
    }

    async fn ended(&self, id: &str) -> Fate {
        let mut fate = self.with(|state| state.running[id].1.clone());
        fate.wait_for(|fate| fate.exit.is_some()).await.unwrap().clone()
    }
}

async fn answer(stream: &mut BufReader<UnixStream>, status: u16, body: &Value) {
    let body = if body.is_null() { String::new() } else { format!("{body}\n") };
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{length}Connection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}
