//! The connection to a bridge: sessions, sockets, and what becomes of what comes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use net::{Opening, WebSocket};
use tokio::{
    sync::mpsc,
    time::{self, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    self, Message, Utf8Bytes,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};
use uuid::Uuid;
use wire::bridge::{FromBridge, SessionRequest, Speaker, ToBridge, audio_to_bridge, limit};

use super::{
    BridgeEvent, Common, Sound, Who,
    attribution::{Attribution, Fact, Owner, Voice},
    error::{Asked, BridgeError},
    events::Events,
    turn::{Inbox, News, Say},
};
use crate::{
    Notice, What,
    bounded::{NAME, REPLY, TEXT, cut},
};

/// How often the bridge is asked for a sign of life. Its server answers pings itself, whatever Moshi does.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Without any message for so long the bridge is gone.
const SILENCE: Duration = Duration::from_secs(40);
/// How long one message may take to leave.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long the other side may take to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// How long a turn waits for a bridge to take words before it is told that it waits.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);
/// A bridge that has said why it cannot go on closes. One that does not is left after this.
const ERROR_GRACE: Duration = Duration::from_secs(2);
/// Bytes of sound that may wait in the kernel for a connection that does not move, about two seconds.
const UNSENT: usize = 16 << 10;

/// Serves a bridge until nobody holds a handle to it any more.
pub(super) struct Link {
    common: Arc<Common>,
    turns: mpsc::Receiver<Say>,
    sound: mpsc::Receiver<Sound>,
    events: Events,
    /// A turn that waits for the bridge.
    waiting: Option<Say>,
    /// Calls that there have been.
    calls: u64,
}

/// Why serving ended.
enum End {
    /// Nobody holds a handle any more.
    Dropped,
    Failed(BridgeError),
}

impl From<BridgeError> for End {
    fn from(error: BridgeError) -> Self {
        Self::Failed(error)
    }
}

impl Link {
    pub(super) fn new(
        common: Arc<Common>,
        turns: mpsc::Receiver<Say>,
        sound: mpsc::Receiver<Sound>,
        events: Events,
    ) -> Self {
        Self { common, turns, sound, events, waiting: None, calls: 0 }
    }

    pub(super) async fn run(mut self) {
        let (first_retry, last_retry) = (self.common.limits.first_retry, self.common.limits.last_retry);
        let mut retry = first_retry;
        loop {
            let mut was_ready = false;
            let ended = match self.connect().await {
                Ok((socket, session)) => self.serve(socket, session, &mut was_ready).await,
                Err(end) => end,
            };
            self.common.call.store(0, Ordering::Release);
            let End::Failed(error) = ended else { return };
            tracing::debug!(code = error.code(), "the connection to the bridge is over");
            if let Some(say) = self.waiting.take() {
                say.inbox.put(News::Failed(error.clone(), Asked::No));
            }
            if was_ready {
                retry = first_retry;
            }
            let failure = error.failure(&self.common.http.address.to_string(), Asked::No);
            self.events.tell(BridgeEvent::Lost { failure, again: retry });
            let stop = self.common.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(retry) => {}
                // Whoever writes something does not wait.
                say = self.turns.recv() => match say {
                    Some(say) => self.waiting = Some(say),
                    None => return,
                },
            }
            retry = (retry * 2).min(last_retry);
        }
    }

    /// Opens a session and a socket. Turns that begin meanwhile wait.
    async fn connect(&mut self) -> Result<(WebSocket, String), End> {
        let common = Arc::clone(&self.common);
        let opening = open(&common);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                () = common.stop.cancelled() => return Err(End::Dropped),
                opened = &mut opening => return Ok(opened?),
                say = self.turns.recv(), if self.waiting.is_none() => match say {
                    Some(say) => self.waiting = Some(say),
                    None => return Err(End::Dropped),
                },
            }
        }
    }

    async fn serve(&mut self, socket: WebSocket, session: String, was_ready: &mut bool) -> End {
        let mut course = Course::new(self, socket, session);
        let end = match course.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        *was_ready = course.takes_words;
        course.close().await;
        if let (Some(turn), End::Failed(error)) = (course.turn.take(), &end) {
            let unread = matches!(error, BridgeError::NoMoshi { .. }) && !course.question_began;
            let asked = if unread { Asked::No } else { Asked::Perhaps };
            turn.put(News::Failed(error.clone(), asked));
        }
        end
    }
}

/// Asks for a session and opens its socket. Each socket gets a session of its own: bridges tell of Moshi's handshake
/// once in a session, forget all sessions when they start again, and give what they tell to the last socket of one.
async fn open(common: &Common) -> Result<(WebSocket, String), BridgeError> {
    let request = SessionRequest {
        conversation_id: common.conversation.clone(),
        user_id: common.user.clone(),
        voice: common.voice.name().to_owned(),
    };
    let session = common.http.session(&request).await?;
    let session = session.map_or_else(|| Uuid::new_v4().to_string(), |session| session.session_id);
    // In the query too, for a bridge that started again just now.
    let query = [
        ("conversation_id", request.conversation_id.as_str()),
        ("user_id", request.user_id.as_str()),
        ("voice", request.voice.as_str()),
    ];
    let target = common.http.address.target(&["ws", &session], &query);
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit::MESSAGE))
        .max_frame_size(Some(limit::MESSAGE))
        // Sound goes out at once, not when a buffer is full.
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    let socket = common.http.client.open(&target, &Opening { config, unsent: Some(UNSENT) }).await?;
    Ok((socket, session))
}

/// One socket from its opening to its end.
struct Course<'a> {
    common: Arc<Common>,
    turns: &'a mut mpsc::Receiver<Say>,
    sound: &'a mut mpsc::Receiver<Sound>,
    events: &'a mut Events,
    waiting: &'a mut Option<Say>,
    calls: &'a mut u64,
    socket: WebSocket,
    attribution: Attribution,
    /// The turn whose words went out.
    turn: Option<Inbox>,
    /// Whether its question is known to be on its way.
    question_began: bool,
    /// Whether the bridge takes words: from [`FromBridge::BridgeReady`] on, or else from the handshake.
    takes_words: bool,
    /// Whether a turn that waits was told so.
    told_to_wait: bool,
    opened: Instant,
    heard: Instant,
    /// What the bridge said last of what went wrong, and when it has to have closed.
    said: Option<String>,
    closes_until: Option<time::Instant>,
    session: String,
}

enum Never {}

impl<'a> Course<'a> {
    fn new(link: &'a mut Link, socket: WebSocket, session: String) -> Self {
        let common = Arc::clone(&link.common);
        Self {
            attribution: Attribution::new(common.limits.second_reply),
            common,
            turns: &mut link.turns,
            sound: &mut link.sound,
            events: &mut link.events,
            waiting: &mut link.waiting,
            calls: &mut link.calls,
            socket,
            turn: None,
            question_began: false,
            takes_words: false,
            told_to_wait: false,
            opened: Instant::now(),
            heard: Instant::now(),
            said: None,
            closes_until: None,
            session,
        }
    }

    fn is_live(&self) -> bool {
        self.common.call.load(Ordering::Acquire) != 0
    }

    async fn serve(&mut self) -> Result<Never, End> {
        self.common.forget();
        self.events.tell(BridgeEvent::Opened { session: self.session.clone() });
        let handshake_limit = self.common.limits.handshake;
        let handshake_until = time::Instant::now() + handshake_limit;
        let tell_to_wait = time::Instant::now() + WAIT_UNTOLD;
        let mut ping = interval_at(time::Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.hand_out().await?;
            let is_live = self.is_live();
            let closes_until = self.closes_until;
            let is_waiting = self.waiting.is_some() && !self.takes_words && !self.told_to_wait;
            let stop = self.common.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return Err(End::Dropped),
                message = self.socket.next() => self.receive(message).await?,
                say = self.turns.recv(), if self.waiting.is_none() => match say {
                    Some(say) => *self.waiting = Some(say),
                    None => return Err(End::Dropped),
                },
                Some(sound) = self.sound.recv() => self.send_sound(sound).await?,
                () = over(self.turn.as_ref()) => self.let_go(),
                _ = ping.tick() => self.ping().await?,
                () = sleep_until(handshake_until), if !is_live => {
                    return Err(BridgeError::NoHandshake(handshake_limit).into());
                }
                () = sleep_until(tell_to_wait), if is_waiting => self.tell_to_wait(),
                () = at(closes_until) => return Err(self.over().into()),
            }
        }
    }

    /// Sends the words of the turn that waits, once they are taken and no other turn is under way.
    async fn hand_out(&mut self) -> Result<(), End> {
        if self.waiting.as_ref().is_some_and(|say| say.inbox.is_closed()) {
            *self.waiting = None;
        }
        if self.turn.as_ref().is_some_and(Inbox::is_closed) {
            self.let_go();
        }
        if self.turn.is_some() {
            return Ok(());
        }
        if !self.takes_words {
            return Ok(());
        }
        let Some(say) = self.waiting.take() else { return Ok(()) };
        // Every build keeps what comes as a transcript. Some speak the reply only to what comes as speech.
        let message = if self.common.speaks_replies {
            ToBridge::UserSpeech { text: say.text.clone(), forward_to_moshi: false }
        } else {
            ToBridge::UserTranscript { text: say.text.clone() }
        };
        self.attribution.asked(&say.text);
        self.question_began = false;
        let prepared_first = self.common.capabilities().prepared_replies;
        say.inbox.put(News::Sent { prepared_first });
        self.turn = Some(say.inbox);
        self.send(Message::Text(message.encode().into())).await
    }

    fn tell_to_wait(&mut self) {
        self.told_to_wait = true;
        if let Some(say) = self.waiting.as_ref() {
            say.inbox.put(News::Waits);
        }
    }

    /// Nobody waits for the turn's reply any more.
    fn let_go(&mut self) {
        self.turn = None;
        self.attribution.given_up();
    }

    async fn receive(&mut self, message: Option<tungstenite::Result<Message>>) -> Result<(), End> {
        self.heard = Instant::now();
        let read = match message {
            Some(Ok(Message::Binary(bytes))) => FromBridge::decode_binary(&bytes),
            Some(Ok(Message::Text(text))) => FromBridge::decode_text(&text),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Close(_))) | None => return Err(self.over().into()),
            Some(Err(tungstenite::Error::Capacity(error))) => {
                return Err(BridgeError::NotBridge(error.to_string()).into());
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "the socket broke");
                return Err(self.over().into());
            }
        };
        match read {
            Ok(message) => self.take(message),
            Err(error) => {
                tracing::debug!(%error, "a message was passed over");
                self.pass_over();
            }
        }
        Ok(())
    }

    /// Why it is over, when the bridge ended it.
    fn over(&mut self) -> BridgeError {
        let said = self.said.take();
        // Before the handshake nothing but Moshi can have been in the way.
        if said.is_some() && !self.is_live() {
            BridgeError::NoMoshi { said }
        } else {
            BridgeError::Lost { said }
        }
    }

    fn take(&mut self, message: FromBridge) {
        let now = Instant::now();
        if self.common.learn(&message) {
            self.events.tell(BridgeEvent::Capable(self.common.capabilities()));
        }
        match message {
            FromBridge::BridgeReady { voice_prompt, .. } => {
                self.takes_words = true;
                let voice_prompt = voice_prompt.map(|name| cut(&name, NAME));
                self.events.tell(BridgeEvent::Ready { voice_prompt });
            }
            FromBridge::Handshake => self.live(),
            FromBridge::MoshiReady { .. } => {}
            FromBridge::Audio { form, bytes } => self.events.tell(BridgeEvent::Audio { form, bytes }),
            FromBridge::Text { text, speaker } => self.words(&text, speaker, now),
            FromBridge::Mas(event) => {
                for (owner, fact) in self.attribution.told(event, now) {
                    self.fact(owner, fact);
                }
            }
            FromBridge::BrainResponse { text } => {
                let (owner, fact) = self.attribution.injection(&text);
                self.fact(owner, fact);
            }
            FromBridge::HistoryLoaded { turns, .. } => self.events.tell(BridgeEvent::History { turns }),
            FromBridge::BargeIn => self.events.tell(BridgeEvent::BargeIn),
            FromBridge::TtsStreamStart { packets } => self.events.tell(BridgeEvent::Speech { packets }),
            FromBridge::UserTranscript { text } => {
                self.events.tell(BridgeEvent::Words { who: Who::Person, text: cut(&text, REPLY) });
            }
            FromBridge::LocalStt(doing) => self.events.tell(BridgeEvent::Hears(doing)),
            FromBridge::Error { message } => self.error(&message),
            FromBridge::Unknown | FromBridge::InjectionAck { .. } => self.pass_over(),
        }
    }

    fn pass_over(&mut self) {
        self.common.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    fn error(&mut self, message: &str) {
        let said = cut(message, TEXT);
        let notice = Notice {
            said: Some(said.clone()),
            ..Notice::new("bridge.error", "The bridge reports an error.")
        };
        self.events.tell(BridgeEvent::Told(What::Notice(notice)));
        self.said = Some(said);
        if !self.is_live() {
            self.closes_until.get_or_insert_with(|| time::Instant::now() + ERROR_GRACE);
        }
    }

    /// Moshi listens.
    fn live(&mut self) {
        if self.is_live() {
            return;
        }
        self.takes_words = true;
        self.said = None;
        self.closes_until = None;
        *self.calls += 1;
        let call = *self.calls;
        self.common.call.store(call, Ordering::Release);
        self.events.tell(BridgeEvent::MoshiReady { call, after: self.opened.elapsed() });
    }

    fn words(&mut self, text: &str, speaker: Speaker, now: Instant) {
        let text = cut(text, REPLY);
        let (owner, voice) = self.attribution.words(&text, now);
        let who = match (speaker, voice) {
            (Speaker::User, _) => Who::Person,
            (Speaker::Myca, Voice::Mas) => Who::Mas,
            // Where there is no Moshi, all words are the bridge's own.
            (Speaker::Myca, Voice::Moshi) if self.common.capabilities().does_without_moshi => Who::Mas,
            (Speaker::Myca, Voice::Moshi) => Who::Moshi,
        };
        match (&self.turn, owner, who) {
            (Some(turn), Owner::Turn, Who::Mas) => turn.put(News::Words(text)),
            _ => self.events.tell(BridgeEvent::Words { who, text }),
        }
    }

    fn fact(&mut self, owner: Owner, fact: Fact) {
        if let (Some(turn), Owner::Turn) = (&self.turn, owner) {
            self.question_began |= fact == Fact::Began;
            turn.put(News::Fact(fact));
            return;
        }
        match fact {
            Fact::Told(what) => self.events.tell(BridgeEvent::Told(what)),
            Fact::Replied(text) => self.events.tell(BridgeEvent::Injection { text }),
            Fact::Began | Fact::Ended { .. } => {}
        }
    }

    async fn send_sound(&mut self, sound: Sound) -> Result<(), End> {
        // What belongs to an earlier connection would spoil the stream of this one.
        if sound.call == 0 || sound.call != self.common.call.load(Ordering::Acquire) {
            self.common.unsent.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.send(Message::Binary(audio_to_bridge(&sound.pages))).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > SILENCE {
            return Err(BridgeError::Silent.into());
        }
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_LIMIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            // Why, if the bridge said so, is read from the other direction.
            Ok(Err(_)) => Err(self.last_words().await.into()),
            Err(_) => Err(BridgeError::Silent.into()),
        }
    }

    async fn last_words(&mut self) -> BridgeError {
        let rest = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Text(text) = message
                    && let Ok(FromBridge::Error { message }) = FromBridge::decode_text(&text)
                {
                    self.said = Some(cut(&message, TEXT));
                }
            }
        };
        let _ = timeout(CLOSE_LIMIT, rest).await;
        self.over()
    }

    /// Says goodbye, so that the bridge frees its Moshi, and waits for the answer a moment.
    async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        let goodbye = async {
            let _ = self.socket.send(Message::Close(Some(frame))).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = timeout(CLOSE_LIMIT, goodbye).await;
    }
}

/// Comes when the turn is over; never, where there is none.
async fn over(turn: Option<&Inbox>) {
    match turn {
        Some(turn) => turn.closed().await,
        None => std::future::pending().await,
    }
}

async fn at(moment: Option<time::Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
