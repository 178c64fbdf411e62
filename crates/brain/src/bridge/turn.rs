//! One typed turn through a bridge.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    attribution::{Fact, normalised},
    error::{Asked, BridgeError},
    reply::{Part, ReplyParts},
};
use crate::{
    Came, Canned, Notice, Outcome, Reply, Turn, What,
    bounded::ENTRIES,
    interface::{Gone, Teller},
};

/// What the connection may tell a turn before the turn takes it.
const INBOX: usize = 256;
/// Room in it that only what decides about a turn may take.
const RESERVE: usize = 16;
/// What a turn takes for the panels: tools, agents and memory together.
const TOLD: usize = 3 * ENTRIES;
/// Who is asked, for people who look closely.
const ASKS: &str = "the bridge's brain";

/// A turn as it is handed to the connection.
#[derive(Debug)]
pub(super) struct Say {
    /// The words.
    pub(super) text: String,
    pub(super) inbox: Inbox,
}

/// What a connection tells a turn.
#[derive(Debug)]
pub(super) enum News {
    /// The bridge is there, and takes no words until its Moshi is there too.
    Waits,
    /// The words went out.
    Sent {
        /// Whether this bridge answers with a prepared sentence first.
        prepared_first: bool,
    },
    /// Something of what came belongs to the turn.
    Fact(Fact),
    /// MAS's words, in the text that is shown.
    Words(String),
    /// The connection is over.
    Failed(BridgeError, Asked),
}

/// The way from a connection to a turn. The connection never waits for it.
#[derive(Debug)]
pub(super) struct Inbox {
    news: mpsc::Sender<News>,
    lost: Arc<Lost>,
}

/// What found no room in an inbox.
#[derive(Debug, Default)]
struct Lost {
    entries: AtomicU64,
    words: AtomicBool,
}

impl Inbox {
    /// Puts something into it, if there is room.
    pub(super) fn put(&self, news: News) {
        let words = matches!(news, News::Words(_));
        let decides = !words && !matches!(news, News::Fact(Fact::Told(_)));
        let has_room = decides || self.news.capacity() > RESERVE;
        if !has_room
            || self
                .news
                .try_send(news)
                .is_err_and(|error| matches!(error, mpsc::error::TrySendError::Full(_)))
        {
            self.lost.entries.fetch_add(1, Ordering::Relaxed);
            self.lost.words.fetch_or(words, Ordering::Relaxed);
        }
    }

    /// Comes back when the turn is over.
    pub(super) async fn closed(&self) {
        self.news.closed().await;
    }

    /// Whether the turn is over.
    pub(super) fn is_closed(&self) -> bool {
        self.news.is_closed()
    }
}

/// Why a turn ends without an outcome.
enum Stop {
    Failed(BridgeError, Asked),
    Gone,
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Goes through a turn and tells of it, to its end or until it is cancelled.
pub(super) async fn run(shared: Arc<Shared>, turn: Turn, teller: Teller, cancel: CancellationToken) {
    let mut course = Course {
        shared: &shared,
        turn: &turn,
        teller,
        parts: ReplyParts::default(),
        text: String::new(),
        lost: Arc::default(),
        told: 0,
        left_out: 0,
        asked_at: Instant::now(),
        first_token: None,
        replied: false,
    };
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(Outcome::Cancelled),
        ended = course.go() => ended,
    };
    // Nothing is left to do about a listener who has left.
    let _ = course.end(ended).await;
}

/// Where a turn stands.
struct Course<'a> {
    shared: &'a Shared,
    turn: &'a Turn,
    teller: Teller,
    parts: ReplyParts,
    /// The words of the reply that were told.
    text: String,
    lost: Arc<Lost>,
    told: usize,
    left_out: u64,
    /// When the words went out.
    asked_at: Instant,
    first_token: Option<Duration>,
    replied: bool,
}

impl Course<'_> {
    async fn go(&mut self) -> Result<Outcome, Stop> {
        if self.turn.came() == Came::Spoken {
            // A bridge hears Moshi itself, and hands its sentences to MAS.
            return Ok(Outcome::Remembered);
        }
        let text = normalised(self.turn.text());
        if text.chars().nth(1).is_none() {
            return Err(Stop::Failed(BridgeError::TooShort, Asked::No));
        }
        if self.turn.conversation() != self.shared.common.conversation {
            return Err(Stop::Failed(BridgeError::OtherConversation, Asked::No));
        }
        self.teller.tell(What::Thinking { asks: ASKS.to_owned() }).await?;
        // A bridge has one id for everything that happens in a session: two turns at once could not be told apart.
        let _one_at_a_time = self.shared.one_at_a_time.lock().await;
        let (sender, mut news) = mpsc::channel(INBOX);
        let inbox = Inbox { news: sender, lost: Arc::clone(&self.lost) };
        let closed = || Stop::Failed(BridgeError::Closed, Asked::No);
        self.shared.turns.send(Say { text, inbox }).await.map_err(|_| closed())?;
        loop {
            match news.recv().await.ok_or_else(closed)? {
                News::Waits => {
                    let notice = Notice::new("bridge.waits", "The bridge is there and waits for its Moshi.");
                    self.teller.tell(What::Notice(notice)).await?;
                }
                News::Sent { prepared_first } => {
                    self.parts.prepared_first = prepared_first;
                    break;
                }
                News::Failed(error, asked) => return Err(Stop::Failed(error, asked)),
                News::Fact(_) | News::Words(_) => {}
            }
        }
        self.asked_at = Instant::now();
        self.listen(news).await
    }

    async fn listen(&mut self, mut news: mpsc::Receiver<News>) -> Result<Outcome, Stop> {
        let limit = self.shared.common.limits.reply;
        let (mut until, mut ended) = (self.asked_at + limit, false);
        loop {
            match timeout_at(until, news.recv()).await {
                Ok(Some(News::Fact(Fact::Replied(content)))) => {
                    let part = self.parts.injected(content);
                    self.tell(part).await?;
                    if ended && self.parts.only_prepared().is_none() {
                        return self.answered(Canned::No).await;
                    }
                }
                Ok(Some(News::Words(words))) => {
                    let part = self.parts.words(&words);
                    self.tell(part).await?;
                }
                Ok(Some(News::Fact(Fact::Told(what)))) => self.panel(what).await?,
                Ok(Some(News::Fact(Fact::Ended { well: true }))) => {
                    let part = self.parts.ended();
                    self.tell(part).await?;
                    if self.parts.only_prepared().is_none() {
                        return self.answered(Canned::No).await;
                    }
                    ended = true;
                    until = until.min(Instant::now() + self.shared.common.limits.second_reply);
                }
                Ok(Some(News::Fact(Fact::Ended { well: false }))) => {
                    return Err(Stop::Failed(BridgeError::NoAnswer, Asked::Perhaps));
                }
                Ok(Some(News::Fact(Fact::Began) | News::Waits | News::Sent { .. })) => {}
                Ok(Some(News::Failed(error, asked))) => return Err(Stop::Failed(error, asked)),
                Ok(None) => return Err(Stop::Failed(BridgeError::Closed, Asked::Perhaps)),
                Err(_) if ended => {
                    let part = self.parts.take_prepared();
                    self.tell(part).await?;
                    return self.answered(Canned::Yes).await;
                }
                Err(_) => return Err(Stop::Failed(BridgeError::NoReply(limit), Asked::Perhaps)),
            }
        }
    }

    async fn tell(&mut self, part: Option<Part>) -> Result<(), Gone> {
        match part {
            None => Ok(()),
            Some(Part::Token(text)) => {
                self.first_token.get_or_insert_with(|| self.asked_at.elapsed());
                // In this order: where the turn is cancelled while there is no room, the words were not told.
                self.teller.tell(What::Token { text: text.clone() }).await?;
                self.text.push_str(&text);
                Ok(())
            }
            Some(Part::Prepared(sentence)) => {
                let what = "The bridge has answered with a prepared sentence; the reply of MAS may follow.";
                let notice = Notice {
                    said: Some(sentence),
                    wait: Some(self.shared.common.limits.second_reply),
                    ..Notice::new("bridge.prepared_reply", what)
                };
                self.teller.tell(What::Notice(notice)).await
            }
        }
    }

    async fn panel(&mut self, what: What) -> Result<(), Gone> {
        if self.told >= TOLD {
            self.left_out += 1;
            return Ok(());
        }
        self.told += 1;
        self.teller.tell(what).await
    }

    async fn answered(&mut self, canned: Canned) -> Result<Outcome, Stop> {
        if self.text.is_empty() {
            return Err(Stop::Failed(BridgeError::Nothing, Asked::Perhaps));
        }
        let lost_words = self.lost.words.load(Ordering::Relaxed) && self.parts.is_made_of_words();
        self.reply(!lost_words && !self.parts.is_cut(), canned).await?;
        Ok(Outcome::Answered)
    }

    async fn reply(&mut self, whole: bool, canned: Canned) -> Result<(), Gone> {
        let reply = Reply {
            text: self.text.clone(),
            whole,
            provider: None,
            agent: None,
            canned,
            first_token: self.first_token,
            latency: self.asked_at.elapsed(),
        };
        self.teller.tell(What::Reply(reply)).await?;
        self.replied = true;
        Ok(())
    }

    /// Tells how it ended.
    async fn end(&mut self, ended: Result<Outcome, Stop>) -> Result<(), Gone> {
        let (outcome, error) = match ended {
            Ok(outcome) => (outcome, None),
            Err(Stop::Failed(error, asked)) => (Outcome::Failed, Some((error, asked))),
            Err(Stop::Gone) => return Err(Gone),
        };
        if !self.replied && !self.text.is_empty() {
            self.reply(false, Canned::No).await?;
        }
        if let Some((error, asked)) = error {
            tracing::debug!(code = error.code(), "a turn failed");
            let bridge = self.shared.common.http.address.to_string();
            self.teller.tell(What::Error(error.failure(&bridge, asked))).await?;
        }
        let left_out = self.left_out + self.lost.entries.load(Ordering::Relaxed);
        self.teller.tell(What::Done { outcome, left_out }).await
    }
}
