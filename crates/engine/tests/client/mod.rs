//! A client for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod asr;
pub(crate) mod server;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use ogg_opus::{EncoderSettings, PACKET, StreamReader, StreamWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use wire::{Frame, HostMetadata};

/// Longer than anything takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    writer: StreamWriter,
}

impl Client {
    pub(crate) async fn connect(port: u16, query: &str) -> Self {
        Self::try_connect(port, query, None).await.unwrap()
    }

    pub(crate) async fn try_connect(port: u16, query: &str, origin: Option<&str>) -> Result<Self, String> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        let url = format!("ws://127.0.0.1:{port}/api/chat?{query}");
        let mut request = url.into_client_request().map_err(|error| error.to_string())?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let (socket, _) = client_async(request, tcp).await.map_err(|error| error.to_string())?;
        Ok(Self { socket, writer: StreamWriter::new(&EncoderSettings::default()).unwrap() })
    }

    /// The next message; `None` when there are no more.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.socket.next()).await.expect("a message in time")?.ok()
    }

    /// The next frame of the protocol.
    pub(crate) async fn frame(&mut self) -> Frame {
        loop {
            match self.message().await.expect("the connection goes on") {
                Message::Binary(bytes) => return Frame::decode(&bytes).unwrap(),
                Message::Close(reason) => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }

    /// The next sound.
    pub(crate) async fn sound(&mut self) -> Frame {
        loop {
            let frame = self.frame().await;
            if matches!(frame, Frame::Audio(_)) {
                return frame;
            }
        }
    }

    /// Waits to be let in, headers included; or the sentence with which somebody is refused.
    pub(crate) async fn handshake(&mut self) -> Result<(), String> {
        loop {
            match self.frame().await {
                Frame::Error(sentence) => return Err(String::from_utf8_lossy(&sentence).into_owned()),
                Frame::Audio(_) => return Ok(()),
                _ => {}
            }
        }
    }

    /// The close code, once the connection is closed.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.message().await? {
                Message::Close(frame) => return frame.map(|frame| frame.code.into()),
                _ => continue,
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.try_send(message).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        timeout(PATIENCE, self.socket.send(message)).await.expect("the host reads")
    }

    /// Sends sound in packets of 20 ms, one message for all of them.
    pub(crate) async fn say(&mut self, pcm: &[f32]) {
        self.try_say(pcm).await.unwrap();
    }

    pub(crate) async fn try_say(&mut self, pcm: &[f32]) -> Result<(), Error> {
        let pages = pcm.chunks_exact(PACKET).map(|packet| self.writer.push_slice(packet).unwrap());
        let bytes: Vec<u8> = pages.flatten().collect();
        self.try_send(Message::Binary(Frame::Audio(Bytes::from(bytes)).encode())).await
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        while self.message().await.is_some() {}
    }

    /// Resets the connection: no closing frame, no orderly end.
    pub(crate) fn reset(self) {
        let tcp = self.socket.into_inner().into_std().unwrap();
        let socket = socket2::Socket::from(tcp);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// What was heard of a host.
pub(crate) struct Heard {
    reader: StreamReader,
    pub(crate) pcm: Vec<f32>,
    pub(crate) text: Vec<u8>,
}

impl Default for Heard {
    fn default() -> Self {
        Self { reader: StreamReader::new().unwrap(), pcm: Vec::new(), text: Vec::new() }
    }
}

impl Heard {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.reader.push(bytes, &mut self.pcm);
    }

    pub(crate) fn frame(&mut self, frame: &Frame, timing: &mut Option<HostMetadata>) {
        match frame {
            Frame::Audio(bytes) => self.take(bytes),
            Frame::Text(piece) => self.text.extend_from_slice(piece),
            Frame::Metadata(json) => *timing = HostMetadata::parse(json),
            other => panic!("{other:?}"),
        }
    }
}

/// Status and body of one request.
pub(crate) async fn http(port: u16, request: &str, headers: &str) -> (u16, String) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
    let code = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (code, body.to_owned())
}

/// A sweep from 200 Hz to 2 kHz.
pub(crate) fn sweep(samples: usize) -> Vec<f32> {
    let seconds = samples as f32 / 24_000.0;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 24_000.0;
            0.5 * ((200.0 * t + 900.0 * t * t / seconds) * std::f32::consts::TAU).sin()
        })
        .collect()
}

/// How alike two sounds are when the second is `lag` samples late.
pub(crate) fn correlation(sent: &[f32], heard: &[f32], lag: usize) -> f32 {
    let (mut both, mut left, mut right) = (0.0, 1e-9_f32, 1e-9_f32);
    for (a, b) in sent.iter().zip(heard.iter().skip(lag)) {
        both += a * b;
        left += a * a;
        right += b * b;
    }
    both / (left * right).sqrt()
}
