//! A server that recognises, in the protocol of `moshi-server`, and hears what the test says that it does.
#![allow(unreachable_pub, reason = "a test program has no outside")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};
use tokio_util::task::AbortOnDropHandle;
use wire::{ASR_KEY_HEADER, AsrReply, AsrRequest, HEARING_STEP};

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub key: Option<String>,
}

/// A recogniser, until dropped. The first connection hears the first sentence, the second the second, and so on.
pub struct Recogniser {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _serves: AbortOnDropHandle<()>,
}

impl Recogniser {
    /// With `key`, it lets in nobody without it.
    pub async fn start(sentences: &[&'static str], key: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (notes, sentences) = (Arc::clone(&asked), sentences.to_vec());
        let serves = tokio::spawn(async move {
            let mut sentences = sentences.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Some(socket) = accept(stream, key, &notes).await else { continue };
                let sentence = sentences.next().unwrap_or_default();
                tokio::spawn(hear(socket, sentence));
            }
        });
        Self { address, asked, _serves: AbortOnDropHandle::new(serves) }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn accept(stream: TcpStream, key: Option<&str>, notes: &Mutex<Vec<Asked>>) -> Option<Socket> {
    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let sent = request.headers().get(ASR_KEY_HEADER).map(|sent| sent.to_str().unwrap().to_owned());
        let refused = key.is_some() && sent.as_deref() != key;
        notes.lock().unwrap().push(Asked { path: request.uri().path().to_owned(), key: sent });
        if refused {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            return Err(refusal);
        }
        Ok(response)
    };
    accept_hdr_async(stream, look).await.ok()
}

/// Hears a word with each of the first pieces of sound, and a pause from then on.
async fn hear(mut socket: Socket, sentence: &str) {
    let mut words = sentence.split(' ').filter(|word| !word.is_empty());
    let mut step = 0_u32;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        let replies = match AsrRequest::decode(&bytes).unwrap() {
            AsrRequest::Audio { .. } => {
                step += 1;
                let at = f64::from(step) * HEARING_STEP;
                let word = words.next();
                let pause = if word.is_some() { 0.0 } else { 0.9 };
                let heard = word.into_iter().flat_map(|word| {
                    let (text, start_time) = (word.to_owned(), at - HEARING_STEP);
                    [AsrReply::Word { text, start_time }, AsrReply::EndWord { stop_time: at }]
                });
                let after = AsrReply::Step { step_idx: step.into(), prs: vec![pause; 4], buffered_pcm: 0 };
                heard.chain([after]).collect()
            }
            AsrRequest::Marker { id } => vec![AsrReply::Marker { id }],
            AsrRequest::Init | AsrRequest::OggOpus { .. } => Vec::new(),
        };
        for reply in replies {
            if socket.send(Message::Binary(reply.encode().into())).await.is_err() {
                return;
            }
        }
    }
}
