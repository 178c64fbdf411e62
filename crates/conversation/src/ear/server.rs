//! An ear that is a server of its own: the microphone goes there, words come back, and become utterances here.
//!
//! What stands in for a pause, a delay and a step is at [`wire::Utterances`]. Facts about the servers are at
//! [`wire::AsrReply`]: none of them may be waited for before sound goes out, and some end every connection after six
//! minutes, which is why the next one is made at once.

mod trouble;

use std::time::{Duration, Instant};

use audio::MicFrame;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use net::{Access, Client, Opening, Origin, WebSocket};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use url::Position;
use wire::{AsrReply, AsrRequest, LARGEST_REPLY, MODEL_FRAME, Recognised, Utterances};

use self::trouble::Trouble;
use super::{EarEvent, EarServer};
use crate::link::Voice;

/// How late words are told by the one published model that predicts pauses, in seconds. Only pauses wait for it.
const DELAY: f64 = 0.5;
/// Waits before the next try. The last one repeats.
const RETRY: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];
/// A connection that lasted for so long was one, and the next try comes soon.
const LASTED: Duration = Duration::from_secs(10);
/// How long a message may take to leave.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Servers send a ping every ten seconds at least. One that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// A server that has told of no step after so many frames tells of none.
const STEPLESS: u32 = 25;
/// Silence that follows the last sound, in frames, so that the last words are told: longer than any model's delay.
const LAST_FRAMES: usize = 38;
/// How long the last words are waited for.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// What is asked for behind them.
const LAST_MARKER: i64 = 1;
/// Bytes that may wait in the kernel: half a second of sound, as more would only come too late.
const SEND_BUFFER: usize = 64 << 10;

/// What an ear works with.
pub(crate) struct Setup {
    pub(crate) server: EarServer,
    pub(crate) mic: mpsc::Receiver<MicFrame>,
    pub(crate) events: mpsc::Sender<EarEvent>,
    /// Turns true when it need not listen any more.
    pub(crate) stop: watch::Receiver<bool>,
    /// The clock of [`MicFrame::captured`].
    pub(crate) epoch: Instant,
}

/// Listens until it is stopped, or cannot go on. The last event is [`EarEvent::Ended`] or [`EarEvent::Closed`].
pub(crate) async fn run(setup: Setup) {
    let Setup { server, mic, events, mut stop, epoch } = setup;
    let mut ear = Ear { voice: Voice::new(mic, epoch), events, utterances: Utterances::new(DELAY) };
    let mut tries = 0;
    let last = loop {
        let began = Instant::now();
        match ear.connect_and_listen(&server, &mut stop).await {
            Ok(()) => break EarEvent::Closed,
            Err(trouble) if !trouble.may_pass() => break EarEvent::Ended(trouble.problem(&server)),
            Err(trouble) => {
                if began.elapsed() >= LASTED {
                    tries = 0;
                }
                tracing::debug!(?trouble, tries, "the ear tries again");
                if ear.tell(EarEvent::Waits(trouble.problem(&server))).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = sleep(RETRY[tries.min(RETRY.len() - 1)]) => {}
                    () = stopped(&mut stop) => break EarEvent::Closed,
                    () = ear.voice.passed_over() => {}
                }
                tries += 1;
            }
        }
    };
    let _ = ear.tell(last).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone stops it as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Ear {
    voice: Voice,
    events: mpsc::Sender<EarEvent>,
    utterances: Utterances,
}

impl Ear {
    async fn tell(&self, event: EarEvent) -> Result<(), Trouble> {
        self.events.send(event).await.map_err(|_| Trouble::NobodyListens)
    }

    /// One connection. `Ok`: it was stopped, and the last words have been told.
    async fn connect_and_listen(
        &mut self,
        server: &EarServer,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        let socket = tokio::select! {
            socket = connect(server) => socket?,
            () = stopped(stop) => return Ok(()),
            () = self.voice.passed_over() => return Ok(()),
        };
        self.utterances = Utterances::new(DELAY);
        self.voice.begin();
        self.tell(EarEvent::Listens { delay_ms: None }).await?;
        let mut connection =
            Connection { socket, steps: false, sent: 0, heard: tokio::time::Instant::now(), error: None };
        let ended = self.listen(&mut connection, stop).await;
        if ended.is_ok() {
            let _ = timeout(LAST_WORDS, self.last_words(&mut connection)).await;
        }
        if let Some(last) = self.utterances.finish()
            && ended.is_ok()
        {
            self.tell(EarEvent::Heard(last)).await?;
        }
        net::close(&mut connection.socket).await;
        ended
    }

    async fn listen(
        &mut self,
        connection: &mut Connection,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        let mut pcm = Vec::with_capacity(MODEL_FRAME);
        loop {
            tokio::select! {
                biased;
                () = stopped(stop) => {
                    if !pcm.is_empty() {
                        pcm.resize(MODEL_FRAME, 0.0);
                        connection.send(&AsrRequest::Audio { pcm }).await?;
                    }
                    return Ok(());
                }
                message = connection.socket.next() => {
                    if let Some(reply) = connection.reply(message)? {
                        self.take(reply).await?;
                    }
                }
                frame = self.voice.next() => {
                    pcm.extend_from_slice(&frame.pcm);
                    if pcm.len() >= MODEL_FRAME {
                        let pcm = std::mem::replace(&mut pcm, Vec::with_capacity(MODEL_FRAME));
                        connection.send(&AsrRequest::Audio { pcm }).await?;
                        self.sent(connection).await?;
                    }
                }
                () = sleep_until(connection.heard + SILENCE) => return Err(Trouble::Silent),
            }
        }
    }

    /// Another frame went out. Where the server tells of no steps, this is one.
    async fn sent(&mut self, connection: &mut Connection) -> Result<(), Trouble> {
        connection.sent += 1;
        let steps = match connection.sent {
            _ if connection.steps => 0,
            STEPLESS => STEPLESS,
            sent if sent > STEPLESS => 1,
            _ => 0,
        };
        for _ in 0..steps {
            self.recognised(Recognised::Step { pause: None }).await?;
        }
        Ok(())
    }

    async fn take(&mut self, reply: AsrReply) -> Result<(), Trouble> {
        match reply.recognised() {
            Some(told) => self.recognised(told).await,
            None => Ok(()),
        }
    }

    async fn recognised(&mut self, told: Recognised) -> Result<(), Trouble> {
        for utterance in self.utterances.take(told) {
            self.tell(EarEvent::Heard(utterance)).await?;
        }
        Ok(())
    }

    /// Sends silence after the last sound, and tells what comes until that was heard.
    async fn last_words(&mut self, connection: &mut Connection) -> Result<(), Trouble> {
        for _ in 0..LAST_FRAMES {
            connection.send(&AsrRequest::Audio { pcm: vec![0.0; MODEL_FRAME] }).await?;
        }
        connection.send(&AsrRequest::Marker { id: LAST_MARKER }).await?;
        loop {
            let message = connection.socket.next().await;
            match connection.reply(message)? {
                Some(AsrReply::Marker { id: LAST_MARKER }) => return Ok(()),
                Some(reply) => self.take(reply).await?,
                None => {}
            }
        }
    }
}

struct Connection {
    socket: WebSocket,
    /// Whether the server tells of steps.
    steps: bool,
    /// Frames that went out.
    sent: u32,
    /// When something came last.
    heard: tokio::time::Instant,
    /// What the server said before it closed.
    error: Option<String>,
}

impl Connection {
    async fn send(&mut self, request: &AsrRequest) -> Result<(), Trouble> {
        match timeout(SEND_LIMIT, self.socket.send(Message::Binary(request.encode().into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(Trouble::Silent),
        }
    }

    fn lost(&mut self) -> Trouble {
        self.error.take().map_or(Trouble::Lost, Trouble::Says)
    }

    /// What a message of the socket says, if anything.
    fn reply(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<Option<AsrReply>, Trouble> {
        let bytes: Bytes = match message {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.heard = tokio::time::Instant::now();
                return Ok(None);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(self.lost()),
        };
        self.heard = tokio::time::Instant::now();
        match AsrReply::decode(&bytes) {
            Ok(AsrReply::Error { message }) => {
                // The close frame follows.
                self.error = Some(message);
                Ok(None)
            }
            Ok(reply) => {
                self.steps |= matches!(reply, AsrReply::Step { .. });
                Ok(Some(reply))
            }
            Err(error) => Err(Trouble::NoRecogniser(error.to_string())),
        }
    }
}

async fn connect(server: &EarServer) -> Result<WebSocket, Trouble> {
    let origin = Origin::of(&server.url)
        .ok_or_else(|| Trouble::NoRecogniser("its address is of another kind".to_owned()))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_REPLY))
        .max_frame_size(Some(LARGEST_REPLY))
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    let opening = Opening { config, unsent: Some(SEND_BUFFER) };
    let target = &server.url[Position::BeforePath..Position::AfterQuery];
    let has_key = server.access.token.is_some();
    let mut client = Client::new(origin).with_access(&Access { token: None, ..server.access.clone() });
    if let Some(key) = &server.access.token {
        client = client.with_token_in(&[trouble::key_header()], key.clone());
    }
    client.open(target, &opening).await.map_err(|error| Trouble::of(error, has_key))
}
