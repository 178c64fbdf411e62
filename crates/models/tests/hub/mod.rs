//! A stand-in for Hugging Face on a socket: it lists files and serves parts of them, and does it wrong where a test
//! says so.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use models::{Catalogue, DownloadError, Hub, Kept, Model, Options, Progress, Shelf, download};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Bytes of a piece, in tests.
pub const PIECE: u64 = 4096;

/// The file with the weights of the model that is served.
pub const WEIGHTS: &str = "model.q8.gguf";

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub target: String,
    /// With names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Request {
    /// The bytes that it asks for, if it asks for a part.
    pub fn range(&self) -> Option<Range<u64>> {
        let (from, to) = self.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some(from.parse().unwrap()..to.parse::<u64>().unwrap() + 1)
    }

    pub fn is_of(&self, file: &str) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        path.contains("/resolve/") && path.ends_with(file)
    }
}

/// What is sent back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status line and fields, without the empty line.
    pub head: String,
    pub body: Vec<u8>,
    /// After so many bytes of head and body the line is cut.
    pub cut: Option<usize>,
    /// After that, nothing more comes, and the line stays open.
    pub stall: Option<usize>,
}

impl Answer {
    pub fn new(status: &str, fields: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Self { head, body, cut: None, stall: None }
    }

    pub fn status(status: &str) -> Self {
        Self::new(status, &[], "")
    }

    pub fn to(place: &str) -> Self {
        Self::new("302 Found", &[("location", place)], "")
    }

    /// Bytes of the head, with the empty line.
    pub fn head_len(&self) -> usize {
        self.head.len() + 2
    }

    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    pub fn stalled_after(mut self, bytes: usize) -> Self {
        self.stall = Some(bytes);
        self
    }
}

/// A repository as Hugging Face serves it.
#[derive(Debug, Clone, Default)]
pub struct Repo {
    pub files: BTreeMap<String, Vec<u8>>,
    /// What files are called, where that is not their hash.
    pub etags: BTreeMap<String, String>,
}

impl Repo {
    pub fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(name.into(), bytes);
        self
    }

    pub fn answer(&self, request: &Request) -> Answer {
        if request.target.starts_with("/api/models/o/m/tree/main") {
            return Answer::new("200 OK", &[("content-type", "application/json")], self.list());
        }
        let path = request.target.split('?').next().unwrap_or_default();
        let name = path.split("/resolve/main/").nth(1).unwrap_or_default();
        let Some(bytes) = self.files.get(name) else {
            return Answer::new("404 Not Found", &[("x-error-code", "EntryNotFound")], "no such entry");
        };
        let etag = self.etags.get(name).cloned().unwrap_or_else(|| format!("\"{}\"", sha256(bytes)));
        let Some(range) = request.range() else {
            return Answer::new("200 OK", &[("etag", &etag), ("accept-ranges", "bytes")], bytes.clone());
        };
        let len = bytes.len() as u64;
        if range.start >= len {
            return Answer::new(
                "416 Range Not Satisfiable",
                &[("content-range", &format!("bytes */{len}"))],
                "",
            );
        }
        let end = range.end.min(len);
        let said = format!("bytes {}-{}/{len}", range.start, end - 1);
        let part = bytes[range.start as usize..end as usize].to_vec();
        Answer::new("206 Partial Content", &[("etag", &etag), ("content-range", &said)], part)
    }

    fn list(&self) -> String {
        let entries = self.files.iter().map(|(name, bytes)| {
            let (size, hash) = (bytes.len(), sha256(bytes));
            let large = format!(r#","lfs":{{"oid":"{hash}","size":{size},"pointerSize":134}},"xetHash":"0""#);
            let lfs = if name.ends_with(".json") { "" } else { &large };
            format!(r#"{{"type":"file","oid":"{}","size":{size},"path":"{name}"{lfs}}}"#, &hash[..40])
        });
        format!(
            r#"[{{"type":"directory","oid":"0","size":0,"path":"x"}},{}]"#,
            entries.collect::<Vec<_>>().join(",")
        )
    }
}

/// The stand-in. Ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    asked: Arc<Notify>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(Notify::new());
        let (answer, seen, told) = (Arc::new(answer), Arc::clone(&requests), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen, told) = (Arc::clone(&answer), Arc::clone(&seen), Arc::clone(&told));
                connections.spawn(async move {
                    // The client may leave at any point.
                    let _ = serve(stream, &*answer, &seen, &told).await;
                });
            }
        });
        Self { address, requests, asked }
    }

    /// One that does everything right.
    pub async fn of(repo: Repo) -> Self {
        Self::start(move |request| repo.answer(request)).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn hub(&self) -> Hub {
        Hub::new(&self.url(), None).unwrap()
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// Which parts of the weights were asked for since the last time.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.take().iter().filter(|request| request.is_of(WEIGHTS)).filter_map(Request::range).collect()
    }

    /// Waits until one more request came.
    pub async fn asked(&self) {
        tokio::time::timeout(Duration::from_secs(60), self.asked.notified()).await.expect("a request comes");
    }
}

async fn serve(
    stream: TcpStream,
    answer: &(impl Fn(&Request) -> Answer + Send + Sync),
    seen: &Mutex<Vec<Request>>,
    told: &Notify,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let request = Request { target, headers };
    let answer = answer(&request);
    seen.lock().unwrap().push(request);
    let all = [answer.head.as_bytes(), b"\r\n", &answer.body].concat();
    let end = answer.cut.or(answer.stall).unwrap_or(all.len()).min(all.len());
    stream.write_all(&all[..end]).await?;
    told.notify_one();
    if answer.stall.is_some() {
        while stream.read(&mut [0; 64]).await? > 0 {}
    }
    stream.shutdown().await
}

/// Bytes that do not repeat soon.
pub fn noise(len: u64) -> Vec<u8> {
    let mut x = 0x9e37_79b9_7f4a_7c15_u64 ^ len;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(|_| next()).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A repository with weights of so many bytes and two small files.
pub fn repo(weights: u64) -> Repo {
    Repo::default()
        .with(WEIGHTS, noise(weights))
        .with("tokenizer.model", noise(700))
        .with("config.json", br#"{"model_type":"moshi"}"#.to_vec())
        .with("README.md", b"words".to_vec())
}

/// A catalogue with the model of that repository.
pub fn catalogue() -> Catalogue {
    catalogue_with(&format!(r#"{{"name":"{WEIGHTS}"}}"#), false)
}

pub fn catalogue_with(weights: &str, gated: bool) -> Catalogue {
    Catalogue::parse(&format!(
        r#"{{"version":1,"licences":{{"l":{{"name":"L","page":"https://l.example","credit":"C"}}}},"models":[{{
            "id":"m","name":"M","what":"It is.","repo":"o/m","revision":"main","licence":"l","gated":{gated},
            "purpose":"conversation","runtimes":["mycaHost"],"weights":"q8","memory":1,"about":1,
            "files":[{weights},{{"name":"tokenizer.model"}},{{"name":"config.json","optional":true}},
                {{"name":"mimi.json","optional":true}}]}}]}}"#
    ))
    .unwrap()
}

pub fn model() -> Model {
    catalogue().models()[0].clone()
}

/// Small pieces and no waits.
pub fn options() -> Options {
    Options {
        connections: 3,
        piece: PIECE,
        run: 4,
        tries: 3,
        first_wait: Duration::ZERO,
        keep_every: Duration::from_millis(20),
        reserve: 0,
        ..Options::default()
    }
}

pub fn shelf(folder: &Path) -> Shelf {
    Shelf::new(folder.to_owned(), None)
}

/// Downloads the model.
pub async fn get(folder: &Path, hub: &Hub) -> Result<Kept, DownloadError> {
    get_with(folder, hub, &model(), &options()).await
}

pub async fn get_with(
    folder: &Path,
    hub: &Hub,
    model: &Model,
    options: &Options,
) -> Result<Kept, DownloadError> {
    let progress = watch::Sender::new(Progress::default());
    download(&shelf(folder), model, hub, options, progress, &CancellationToken::new()).await
}

/// The code of the error that it ends with.
pub async fn fails(folder: &Path, hub: &Hub) -> String {
    get(folder, hub).await.unwrap_err().code().to_owned()
}

/// Holds what came against what was served, and that nothing else is there.
pub fn is_whole(folder: &Path, repo: &Repo) {
    let folder = folder.join("m");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["config.json", WEIGHTS, "myca-model.json", "tokenizer.model"]);
    for name in ["config.json", WEIGHTS, "tokenizer.model"] {
        assert!(std::fs::read(folder.join(name)).unwrap() == repo.files[name], "{name} differs");
    }
}
