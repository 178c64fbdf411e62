//! A recognition server with the protocol and the quirks of Kyutai's `moshi-server`, and words from a script in place of a
//! model.
#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};
use wire::{ASR_KEY_HEADER, ASR_PATH, AsrReply, AsrRequest, MODEL_FRAME};

/// Steps by which words are late, and so are answers to markers.
const DELAY: usize = 6;

/// What a server does.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// What it says after so many frames of 80 ms, of each connection.
    pub says: Vec<(usize, AsrReply)>,
    /// As `BatchedAsr`: it says that it is ready.
    pub ready: bool,
    /// As with a model that predicts pauses: it tells of each step. This is the probability of a pause from so many frames
    /// on, and 0 before.
    pub pauses_from: Option<usize>,
    /// Whom it lets in.
    pub key: Option<&'static str>,
    /// So many connections are told that there is no room.
    pub full: usize,
    /// It ends each connection after so many frames, without a word.
    pub ends_after: Option<usize>,
    /// It says this at first, in place of its protocol.
    pub garbage: Option<Vec<u8>>,
}

/// What came over one connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Came {
    pub key: Option<String>,
    pub samples: Vec<f32>,
    /// Lengths of the pieces of sound.
    pub pieces: Vec<usize>,
    pub markers: Vec<i64>,
    /// Whether it was closed with a close frame.
    pub closed: bool,
}

/// A server, until it is dropped.
pub struct Recogniser {
    pub address: SocketAddr,
    pub came: Arc<Mutex<Vec<Came>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Recogniser {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn word(text: &str, start_time: f64) -> AsrReply {
    AsrReply::Word { text: text.into(), start_time }
}

pub fn word_end(stop_time: f64) -> AsrReply {
    AsrReply::EndWord { stop_time }
}

pub async fn recogniser(script: Script) -> Recogniser {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let came = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&came);
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, script.clone(), number, Arc::clone(&told)));
            number += 1;
        }
    });
    Recogniser { address, came, task }
}

async fn serve(stream: TcpStream, script: Script, number: usize, came: Arc<Mutex<Vec<Came>>>) {
    let mut key = None;
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let check = |request: &Request, response: Response| {
        key = request.headers().get(ASR_KEY_HEADER).map(|key| key.to_str().unwrap().to_owned());
        let status = if request.uri().path() != ASR_PATH {
            404
        } else if script.key.is_some() && key.as_deref() != script.key {
            401
        } else {
            return Ok(response);
        };
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = status.try_into().unwrap();
        Err(refused)
    };
    let Ok(mut socket) = accept_hdr_async(stream, check).await else { return };
    let place = {
        let mut came = came.lock().unwrap();
        came.push(Came { key, ..Came::default() });
        came.len() - 1
    };
    if number < script.full {
        say(&mut socket, &AsrReply::Error { message: "no free channels".into() }).await;
        let _ = socket.close(None).await;
        return;
    }
    if let Some(garbage) = &script.garbage {
        let _ = socket.send(Message::Binary(garbage.clone().into())).await;
    }
    if script.ready {
        say(&mut socket, &AsrReply::Ready).await;
    }
    let (mut frames, mut waiting, mut markers) = (0, 0, Vec::new());
    let mut says = script.says.iter();
    let mut next = says.next();
    while let Some(Ok(message)) = socket.next().await {
        let request = match message {
            Message::Binary(bytes) => AsrRequest::decode(&bytes).unwrap(),
            Message::Close(_) => {
                came.lock().unwrap()[place].closed = true;
                return;
            }
            _ => continue,
        };
        match request {
            AsrRequest::Audio { pcm } => {
                waiting += pcm.len();
                let came = &mut came.lock().unwrap()[place];
                came.pieces.push(pcm.len());
                came.samples.extend(pcm);
            }
            AsrRequest::Marker { id } => {
                came.lock().unwrap()[place].markers.push(id);
                markers.push((frames + waiting / MODEL_FRAME + DELAY, id));
            }
            AsrRequest::Init | AsrRequest::OggOpus { .. } => {}
        }
        while waiting >= MODEL_FRAME {
            waiting -= MODEL_FRAME;
            frames += 1;
            if script.ends_after == Some(frames) {
                return;
            }
            while let Some((_, reply)) = next.filter(|(at, _)| *at <= frames) {
                say(&mut socket, reply).await;
                next = says.next();
            }
            if let Some(from) = script.pauses_from {
                let pause = if frames >= from { 0.9 } else { 0.0 };
                let step =
                    AsrReply::Step { step_idx: 7 + frames as u64, prs: vec![pause; 4], buffered_pcm: 0 };
                say(&mut socket, &step).await;
            }
        }
        // What came before a marker is as late as the model; the stock server answers once more sound has come.
        for (_, id) in markers.extract_if(.., |(at, _)| *at <= frames + DELAY) {
            say(&mut socket, &AsrReply::Marker { id }).await;
        }
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, reply: &AsrReply) {
    let _ = socket.send(Message::Binary(reply.encode().into())).await;
}
