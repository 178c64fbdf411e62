//! A server that says one thing, whatever it is asked.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{net::SocketAddr, time::Duration};

use net::{Client, Limits, Origin};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};
use url::Url;

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Time enough.
pub fn limits() -> Limits {
    Limits::whole(PATIENCE)
}

/// What a server does with a connection.
#[derive(Debug, Clone)]
pub enum Does {
    /// Reads a request, says this and hangs up.
    Says(Vec<u8>),
    /// Reads a request, says this and nothing more until the client leaves.
    Waits(Vec<u8>),
    /// Says this before anybody asked.
    Greets(Vec<u8>),
    /// Reads a request and says this again and again until the client leaves.
    Repeats(Vec<u8>, Vec<u8>),
}

/// The server. Ends with the test's runtime.
pub struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    left: mpsc::UnboundedReceiver<()>,
}

impl Server {
    pub async fn start(does: Does) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, requests) = mpsc::unbounded_channel();
        let (leaves, left) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (does, asked, leaves) = (does.clone(), asked.clone(), leaves.clone());
                connections.spawn(async move {
                    // The client may leave at any point.
                    let _ = serve(stream, does, asked).await;
                    let _ = leaves.send(());
                });
            }
        });
        Self { address, requests, left }
    }

    pub async fn says(text: &str) -> Self {
        Self::start(Does::Says(text.into())).await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn client(&self) -> Client {
        client(&format!("http://{}", self.address))
    }

    /// The next request: its head, and its body where it says how long that is.
    pub async fn request(&mut self) -> String {
        timeout(PATIENCE, self.requests.recv()).await.expect("a request comes").unwrap()
    }

    /// Whether a request came that nobody has looked at.
    pub fn was_asked(&mut self) -> bool {
        self.requests.try_recv().is_ok()
    }

    /// Waits until one more connection is over.
    pub async fn connection_ended(&mut self) {
        timeout(PATIENCE, self.left.recv()).await.expect("a connection ends").unwrap();
    }
}

/// Who asks at an address.
pub fn client(address: &str) -> Client {
    Client::new(Origin::of(&Url::parse(address).unwrap()).unwrap())
}

async fn serve(stream: TcpStream, does: Does, asked: mpsc::UnboundedSender<String>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    if let Does::Greets(words) = &does {
        stream.write_all(words).await?;
    }
    let request = read(&mut stream).await?;
    let _ = asked.send(request);
    match does {
        Does::Says(words) => stream.write_all(&words).await?,
        Does::Greets(_) => {}
        Does::Waits(words) => {
            stream.write_all(&words).await?;
            while stream.read(&mut [0; 64]).await? > 0 {}
        }
        Does::Repeats(words, again) => {
            stream.write_all(&words).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
    }
    stream.shutdown().await
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut request = String::new();
    let mut length = 0;
    loop {
        let from = request.len();
        if stream.read_line(&mut request).await? == 0 || request.ends_with("\r\n\r\n") {
            break;
        }
        let line = request[from..].to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(request + &String::from_utf8(body).unwrap())
}
