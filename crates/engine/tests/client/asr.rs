//! A client that only wants its words.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use wire::{ASR_PATH, AsrReply, AsrRequest};

use super::PATIENCE;

pub(crate) struct Dictation {
    socket: WebSocketStream<TcpStream>,
}

impl Dictation {
    pub(crate) async fn connect(port: u16) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}{ASR_PATH}"), tcp).await.unwrap();
        Self { socket }
    }

    /// The next message; `None` when there are no more.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.socket.next()).await.expect("a message in time")?.ok()
    }

    /// The next message of the protocol.
    pub(crate) async fn reply(&mut self) -> AsrReply {
        loop {
            match self.message().await.expect("the connection goes on") {
                Message::Binary(bytes) => return AsrReply::decode(&bytes).unwrap(),
                Message::Close(reason) => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }

    pub(crate) async fn ask(&mut self, request: &AsrRequest) {
        self.send(Message::Binary(request.encode().into())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.try_send(message).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        timeout(PATIENCE, self.socket.send(message)).await.expect("the host reads")
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

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        while self.message().await.is_some() {}
    }

    /// Resets the connection: no closing frame, no orderly end.
    pub(crate) fn reset(self) {
        let tcp = self.socket.into_inner().into_std().unwrap();
        socket2::Socket::from(tcp).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}
