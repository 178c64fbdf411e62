//! One session with a bridge, and what becomes of what comes in it.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use net::WebSocket;
use tokio::{
    sync::mpsc,
    time::{self, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;
use wire::bridge::{FromBridge, Speaker, ToBridge, audio_to_bridge};

use super::{
    super::{
        BridgeEvent, Common, Sound, Who,
        attribution::{Attribution, Fact, Owner, Voice},
        error::{Asked, BridgeError},
        events::Events,
        turn::{Inbox, News, Say},
    },
    End, Link,
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
/// How long is read on where a message could not be sent.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);
/// How long a turn waits for a bridge to take words before it is told that it waits.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);
/// A bridge that has said why it cannot go on closes. One that does not is left after this.
const ERROR_GRACE: Duration = Duration::from_secs(2);

/// One session: a socket from its opening to its end.
pub(super) struct Session<'a> {
    common: Arc<Common>,
    turns: &'a mut mpsc::Receiver<Say>,
    sound: &'a mut mpsc::Receiver<Sound>,
    events: &'a mut Events,
    waiting: &'a mut Option<Say>,
    calls: &'a mut u64,
    stop: &'a CancellationToken,
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
    /// When the ping went out that is not answered yet.
    pinged: Option<Instant>,
    heard: Instant,
    /// What the bridge said last of what went wrong, and when it has to have closed.
    said: Option<String>,
    closes_until: Option<time::Instant>,
    /// As the bridge calls it.
    id: String,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a mut Link, socket: WebSocket, id: String) -> Self {
        let common = Arc::clone(&link.common);
        Self {
            attribution: Attribution::new(common.limits.second_reply),
            common,
            turns: &mut link.turns,
            sound: &mut link.sound,
            events: &mut link.events,
            waiting: &mut link.waiting,
            calls: &mut link.calls,
            stop: &link.stop,
            socket,
            turn: None,
            question_began: false,
            takes_words: false,
            told_to_wait: false,
            opened: Instant::now(),
            pinged: None,
            heard: Instant::now(),
            said: None,
            closes_until: None,
            id,
        }
    }

    /// Serves it to its end, and tells the turn that is under way.
    pub(super) async fn run(mut self) -> End {
        let end = match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        net::close(&mut self.socket).await;
        if let (Some(turn), End::Failed(error)) = (self.turn.take(), &end) {
            let unread = matches!(error, BridgeError::NoMoshi { .. }) && !self.question_began;
            let asked = if unread { Asked::No } else { Asked::Perhaps };
            turn.put(News::Failed(error.clone(), asked));
        }
        end
    }

    fn is_live(&self) -> bool {
        self.common.call.load(Ordering::Acquire) != 0
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        self.common.forget();
        self.events.tell(BridgeEvent::Opened { session: self.id.clone() });
        let handshake_limit = self.common.limits.handshake;
        let handshake_until = time::Instant::now() + handshake_limit;
        let tell_to_wait = time::Instant::now() + WAIT_UNTOLD;
        let mut ping = interval_at(time::Instant::now(), PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.hand_out().await?;
            let is_live = self.is_live();
            let closes_until = self.closes_until;
            let is_waiting = self.waiting.is_some() && !self.takes_words && !self.told_to_wait;
            tokio::select! {
                () = self.stop.cancelled() => return Err(End::Dropped),
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
            Some(Ok(Message::Pong(_))) => {
                if let Some(pinged) = self.pinged.take() {
                    self.events.tell(BridgeEvent::RoundTrip(pinged.elapsed()));
                }
                return Ok(());
            }
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => return Ok(()),
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
        self.pinged = Some(Instant::now());
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
        let _ = timeout(LAST_WORDS_LIMIT, rest).await;
        self.over()
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
